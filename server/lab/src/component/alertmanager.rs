//! Alertmanager boxes: group alerts, and send them to a webhook. And the box that receives them.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::json;

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::write_private;

/// Path of the receiver that takes alerts.
const ALERTS_PATH: &str = "/alerts";

/// Plans an Alertmanager that sends alerts to a receiver, and reports their end.
pub(crate) fn alertmanager(
    (name, role): (&str, &'static str),
    program: PathBuf,
    listen: SocketAddr,
    receiver: SocketAddr,
    directory: &Path,
) -> Result<BoxPlan, LabError> {
    let own = own_directory(name, directory)?;
    let settings = json!({
        "route": {
            "receiver": "incidents",
            // One message for all zones, replicas or groups.
            "group_by": ["alertname"],
            "group_wait": "1s",
            "group_interval": "5s",
            "repeat_interval": "1h",
        },
        "receivers": [{
            "name": "incidents",
            "webhook_configs": [{"url": format!("http://{receiver}{ALERTS_PATH}"), "send_resolved": true}],
        }],
    });
    let file = own.join("alertmanager.yml");
    // JSON is YAML.
    write_private(&file, &settings.to_string())?;
    let plan = BoxPlan::program(name, role, program, Listening::at(listen)).with([
        format!("--config.file={}", file.display()),
        format!("--storage.path={}", own.join("data").display()),
        format!("--web.listen-address={listen}"),
        // It has no peers.
        "--cluster.listen-address=".to_owned(),
        "--log.level=warn".to_owned(),
    ]);
    Ok(plan)
}

/// Plans the receiver, which appends alerts to a log.
pub(crate) fn receiver(
    (name, role): (&str, &'static str),
    program: PathBuf,
    listen: SocketAddr,
    log: &Path,
) -> BoxPlan {
    let listening = Listening::at(listen);
    BoxPlan::program(name, role, program, listening)
        .with(["lab", "receive-alerts", "--listen"])
        .with([listen.to_string()])
        .with(["--log".as_ref(), log.as_os_str()])
}
