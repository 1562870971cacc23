//! Blackbox exporter boxes: call the service from outside, as its users do.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::write_private;

/// Name of the only module.
const MODULE: &str = "site";

/// Plans a box that trusts an authority.
pub(crate) fn blackbox_exporter(
    (name, role): (&str, &'static str),
    program: PathBuf,
    listen: SocketAddr,
    authority: &Path,
    directory: &Path,
) -> Result<BoxPlan, LabError> {
    let own = own_directory(name, directory)?;
    let settings = json!({"modules": {MODULE: {
        "prober": "http",
        "timeout": "2s",
        "http": {
            "preferred_ip_protocol": "ip4",
            "fail_if_not_ssl": true,
            "tls_config": {"ca_file": authority},
        },
    }}});
    let file = own.join("blackbox.yml");
    // JSON is YAML.
    write_private(&file, &settings.to_string())?;
    let plan = BoxPlan::program(name, role, program, Listening::at(listen)).with([
        format!("--config.file={}", file.display()),
        format!("--web.listen-address={listen}"),
        "--log.level=error".to_owned(),
    ]);
    Ok(plan)
}

/// Returns the scrape job that calls a URL through the box.
pub(crate) fn job(listen: SocketAddr, url: &str) -> Value {
    json!({
        "job_name": "site",
        "metrics_path": "/probe",
        "params": {"module": [MODULE], "target": [url]},
        // Each scrape is a TLS handshake.
        "scrape_interval": "5s",
        "scrape_timeout": "3s",
        "static_configs": [{"targets": [listen.to_string()]}],
    })
}
