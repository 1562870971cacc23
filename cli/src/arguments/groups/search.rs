//! Flags of commands that search for the knee of a service.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;
use clap::builder::BoolishValueParser;
use tenfold_scenarios::Rate;

use super::connections::ConnectionArguments;
use super::data_set::DataSetArguments;
use super::host_permission::HostPermissionArguments;
use super::load::LoadArguments;
use super::service::{ServiceArguments, StageArguments, TargetArguments};
use super::store::StoreArguments;
use crate::arguments::values::{duration, rate};

/// Highest rate that is tried unless `--max` says otherwise, per second.
const RATE_MAX: f64 = 1e6;

#[derive(Debug, Clone, Args)]
pub(crate) struct SearchArguments {
    /// Scenario file, or a scenario of the library: uneven, steady, spike, flash-crowd, write-heavy,
    /// ten-million-users, journey, live-feed, day, uploads, hot-author or retry-storm
    #[arg(index = 1, default_value = "uneven", env = "TENFOLD_SCENARIO")]
    pub(crate) scenario: String,
    /// Objective that a sustained rate meets, such as 'p99 < 50ms' [default: the scenario's]. Repeatable
    #[arg(
        long = "rules",
        help_heading = "Search",
        value_name = "RULE",
        env = "TENFOLD_RULES",
        value_delimiter = ';'
    )]
    pub(crate) rules: Vec<String>,
    /// Time after which no further trial of the search begins [default: 270s; 80s with --quick and for `profile`]
    #[arg(long, help_heading = "Search", value_name = "TIME", value_parser = duration, env = "TENFOLD_BUDGET")]
    pub(crate) budget: Option<Duration>,
    /// Highest rate to try [default: 1M/s]
    #[arg(long, help_heading = "Search", value_name = "RATE", value_parser = rate, env = "TENFOLD_MAX")]
    pub(crate) max: Option<Rate>,
    #[command(flatten)]
    pub(crate) load: LoadArguments,
    #[command(flatten)]
    pub(crate) service: ServiceArguments,
    /// Print the answer as a single JSON document on standard output
    #[arg(long, help_heading = "Output", env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Directory to write, with a run directory for each trial [default: runs/TIME-COMMAND-SCENARIO]
    #[arg(long, help_heading = "Output", value_name = "DIR", env = "TENFOLD_OUT")]
    pub(crate) out: Option<PathBuf>,
}

impl SearchArguments {
    /// Returns the flags of a search that starts its service.
    pub(crate) fn of(
        scenario: &str,
        connections: ConnectionArguments,
        data_set: &DataSetArguments,
    ) -> Self {
        Self {
            scenario: scenario.to_owned(),
            rules: Vec::new(),
            budget: None,
            max: None,
            load: LoadArguments::default(),
            service: ServiceArguments {
                target: TargetArguments {
                    url: None,
                    admin: None,
                    metrics: Vec::new(),
                    components: Vec::new(),
                    pid: None,
                    no_profile: false,
                },
                permission: HostPermissionArguments { hosts: Vec::new() },
                stage: StageArguments {
                    name: None,
                    boxes: Vec::new(),
                    counts: Vec::new(),
                    with: Vec::new(),
                    policy: None,
                    tuned: false,
                    allow_delays: false,
                },
                store: StoreArguments { url: None },
                data_set: data_set.clone(),
                connections,
            },
            json: false,
            out: None,
        }
    }

    /// Returns the highest rate to try, per second.
    pub(crate) fn rate_max(&self) -> f64 {
        self.max.map_or(RATE_MAX, Rate::per_second)
    }

    /// Returns the command that repeats the search, without the flags that change the scenario.
    pub(crate) fn command(&self, name: &str) -> Vec<String> {
        let mut command = ["tenfold", name, &self.scenario]
            .map(str::to_owned)
            .to_vec();
        for rule in &self.rules {
            command.extend(["--rules".to_owned(), rule.clone()]);
        }
        command.extend(self.service.written());
        command
    }
}
