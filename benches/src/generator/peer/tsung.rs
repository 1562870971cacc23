//! Tsung, on Erlang, with WebSocket messages.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context as _;

use crate::generator::job::Job;
use crate::generator::peer::report::PeerReport;
use crate::generator::peer::{Pace, Peer, Source};
use crate::generator::server;

/// Tsung, on Erlang, with WebSocket messages.
pub(super) struct Tsung;

/// Runs Tsung with a port mapper of its own, which Erlang would leave behind, and prints its statistics.
const SCRIPT: &str = "epmd -daemon -relaxed_command_check; tsung -f plan.xml -l log start >&2; code=$?; epmd -kill >&2; \
    cat log/*/tsung.log; exit $code";

impl Peer for Tsung {
    fn name(&self) -> &'static str {
        "tsung"
    }

    fn pace(&self) -> Pace {
        Pace::FlatOut
    }

    fn source(&self) -> Source {
        Source::Debian("tsung")
    }

    fn note(&self) -> &'static str {
        "WebSocket only; one Erlang machine; it reports means and no percentiles"
    }

    fn is_over_http1(&self) -> bool {
        false
    }

    fn command(&self, _program: &Path, job: &Job) -> anyhow::Result<Command> {
        let (host, port) = job
            .target
            .strip_prefix("http://")
            .and_then(|address| address.rsplit_once(':'))
            .context("Tsung needs a target with a port")?;
        let (users, seconds) = (job.connections, job.lasts.as_secs());
        let plan = format!(
            r#"<?xml version="1.0"?>
<!DOCTYPE tsung SYSTEM "/usr/share/tsung/tsung-1.0.dtd" []>
<tsung loglevel="warning" version="1.0">
  <clients><client host="localhost" use_controller_vm="true" maxusers="100000"/></clients>
  <servers><server host="{host}" port="{port}" type="tcp"/></servers>
  <load duration="{seconds}" unit="second">
    <arrivalphase phase="1" duration="{seconds}" unit="second">
      <users maxnumber="{users}" arrivalrate="1000" unit="second"/>
    </arrivalphase>
  </load>
  <sessions>
    <session name="messages" probability="100" type="ts_websocket">
      <request><websocket type="connect" path="/chat"/></request>
      <for from="1" to="1000000000" var="message">
        <request><websocket type="message">hello</websocket></request>
      </for>
    </session>
  </sessions>
</tsung>
"#
        );
        let file = job.folder.join("plan.xml");
        fs::write(&file, plan).with_context(|| format!("could not write {}", file.display()))?;
        let mut command = Command::new("sh");
        let port = server::free_port().context("could not find a free port")?;
        command
            .args(["-c", SCRIPT])
            .env("ERL_EPMD_PORT", port.to_string())
            .current_dir(&job.folder);
        Ok(command)
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        // The last report is of the whole time: name, count of the last interval, and sum.
        let sum = |name: &str| {
            let line = output.lines().rfind(|line| {
                line.strip_prefix("stats: ")
                    .is_some_and(|rest| rest.starts_with(name))
            })?;
            line.split_ascii_whitespace().last()?.parse::<u64>().ok()
        };
        // Without a message there is no report.
        let connections = sum("connected ")?;
        // A message that the end of the time cuts off is no failure.
        let errors = [
            "error_connect",
            "error_timeout",
            "error_unknown",
            "websocket_fail",
        ];
        Some(PeerReport {
            failed: Some(
                errors
                    .into_iter()
                    .filter_map(sum)
                    .fold(0, u64::saturating_add),
            ),
            connections: Some(connections),
            ..PeerReport::default()
        })
    }
}
