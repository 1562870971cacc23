//! Flags of `tenfold run`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_scenarios::Overrides;

use super::groups::agents::AgentsArguments;
use super::groups::load::LoadArguments;
use super::groups::output::OutputArguments;
use super::groups::service::ServiceArguments;
use super::groups::telemetry::TelemetryArguments;
use super::values::duration;

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 every objective was met; 99 an objective was missed; 104 bad configuration; \
    105 interrupted; 107 the target could not be reached, or a component failed; \
    120 the measurement is invalid; 121 an objective could not be judged"
)]
pub(crate) struct RunArguments {
    /// Scenario file, or a scenario of the library: uneven, steady, spike, flash-crowd, write-heavy,
    /// ten-million-users, journey, live-feed, day, uploads, hot-author or retry-storm
    #[arg(default_value = "uneven", env = "TENFOLD_SCENARIO")]
    pub(crate) scenario: String,
    /// Print a preview of the scenario, and send nothing
    #[arg(long, env = "TENFOLD_CHECK", value_parser = BoolishValueParser::new())]
    pub(crate) check: bool,
    /// Send each request and journey once, and show what was sent and received
    #[arg(long, env = "TENFOLD_ONCE", conflicts_with = "check", value_parser = BoolishValueParser::new())]
    pub(crate) once: bool,
    /// Total length of the counted phases, such as 60s [default: the scenario's]
    #[arg(short, long, help_heading = "Load", value_name = "TIME", value_parser = duration,
        env = "TENFOLD_DURATION")]
    duration: Option<Duration>,
    #[command(flatten)]
    load: LoadArguments,
    /// Generators that share the load, each on a core of its own [default: as many as the rate asks for, at most half of the cores
    /// beside a service on this machine]
    #[arg(long, help_heading = "Load", value_name = "N", env = "TENFOLD_GENERATORS",
        value_parser = clap::value_parser!(u32).range(1..=512))]
    pub(crate) generators: Option<u32>,
    #[command(flatten)]
    pub(crate) agents: AgentsArguments,
    #[command(flatten)]
    pub(crate) service: ServiceArguments,
    #[command(flatten)]
    pub(crate) output: OutputArguments,
    /// Run directory to write [default: runs/TIME-SCENARIO]
    #[arg(long, help_heading = "Output", value_name = "DIR", env = "TENFOLD_OUT")]
    pub(crate) out: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) live: LiveArguments,
    #[command(flatten)]
    pub(crate) telemetry: TelemetryArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Live view")]
pub(crate) struct LiveArguments {
    /// Print a line every few seconds instead of a dashboard
    #[arg(long, env = "TENFOLD_NO_LIVE", value_parser = BoolishValueParser::new())]
    pub(crate) no_live: bool,
    /// Serve the progress of the run to Prometheus at /metrics of this address, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS", env = "TENFOLD_METRICS_LISTEN")]
    pub(crate) metrics_listen: Option<SocketAddr>,
}

impl RunArguments {
    /// Returns what the flags change in the scenario.
    pub(crate) fn overrides(&self) -> Overrides {
        Overrides {
            duration: self.duration,
            ..self.load.overrides()
        }
    }

    /// Returns the command that repeats the run, without the flags of [`RunArguments::overrides`].
    pub(crate) fn command(&self) -> Vec<String> {
        let mut command = ["tenfold", "run", &self.scenario]
            .map(str::to_owned)
            .to_vec();
        command.extend(self.service.written());
        command
    }
}
