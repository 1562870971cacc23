//! mtail boxes: counters and latencies from the lines of the balancer's log.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::own_directory;
use crate::LabError;
use crate::boxes::box_plan::BoxPlan;
use crate::boxes::readiness::Listening;
use crate::directory::write_private;

/// The program that it runs. Latencies are from the first byte of a request to the last of its response.
const PROGRAM: &str = r#"counter haproxy_log_requests_total by proxy, code
histogram haproxy_log_seconds by proxy buckets 0, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 30
/haproxy\[\d+\]: \S+ \[[^\]]+\] \S+ (?P<proxy>[^\/ ]+)\/\S+ -?\d+\/-?\d+\/-?\d+\/-?\d+\/\+?(?P<total>\d+) (?P<code>-?\d+) / {
  haproxy_log_requests_total[$proxy][$code]++
  haproxy_log_seconds[$proxy] = $total / 1000.0
}
"#;

/// Shell that starts mtail.
const SHELL: &str = "/bin/sh";

/// Removes the socket that a killed mtail left behind, which could not be bound, and becomes the program.
const FREE_SOCKET: &str = r#"rm -f "$1"; shift; exec "$@""#;

/// Plans a box, and returns the socket for the log. Lines go through a socket rather than a file, which would grow without
/// bound.
pub(crate) fn mtail(
    (name, role): (&str, &'static str),
    program: PathBuf,
    listen: SocketAddr,
    directory: &Path,
) -> Result<(BoxPlan, PathBuf), LabError> {
    let own = own_directory(name, directory)?;
    let script = own.join("haproxy.mtail");
    write_private(&script, PROGRAM)?;
    let socket = own.join("log.sock");
    let plan = BoxPlan::program(name, role, SHELL.into(), Listening::at(listen))
        .with(["-c", FREE_SOCKET, "sh"])
        .with([socket.as_os_str(), program.as_os_str()])
        .with([
            format!("--progs={}", script.display()),
            format!("--logs=unixgram://{}", socket.display()),
            format!("--address={}", listen.ip()),
            format!("--port={}", listen.port()),
            "--logtostderr".to_owned(),
        ]);
    Ok((plan, socket))
}

/// Returns the scrape job of the box.
pub(crate) fn job(listen: SocketAddr) -> Value {
    json!({
        "job_name": "log",
        "scrape_interval": "5s",
        "static_configs": [{"targets": [listen.to_string()]}],
    })
}
