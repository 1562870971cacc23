//! The service under test: one that runs already, or a stage of the reference service.

use std::path::{Path, PathBuf};

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args};
use tenfold_lab::{RoleAllowance, RoleCount};
use tenfold_probe::{ComponentUrl, ComponentUrlError, MetricSelector};

use super::connections::ConnectionArguments;
use super::data_set::{DATA_SET_FLAGS, DataSetArguments};
use super::host_permission::HostPermissionArguments;
use super::store::StoreArguments;
use crate::exit::UsageError;

#[derive(Debug, Clone, Args)]
pub(crate) struct ServiceArguments {
    #[command(flatten)]
    pub(crate) target: TargetArguments,
    #[command(flatten)]
    pub(crate) permission: HostPermissionArguments,
    #[command(flatten)]
    pub(crate) stage: StageArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) data_set: DataSetArguments,
    #[command(flatten)]
    pub(crate) connections: ConnectionArguments,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Target")]
pub(crate) struct TargetArguments {
    /// URL of the service to test, such as http://127.0.0.1:8080, https://... or unix:/run/app.sock
    /// [default: the reference service, see --stage]
    #[arg(
        long = "target",
        value_name = "URL",
        env = "TENFOLD_TARGET",
        conflicts_with = "stage"
    )]
    pub(crate) url: Option<String>,
    /// URL of the target's listener with /metrics and /debug/pprof [default: none]
    #[arg(long, value_name = "URL", env = "TENFOLD_ADMIN")]
    pub(crate) admin: Option<String>,
    /// Metric of the target to show in the report, such as queue_depth or hits_total{path="/"}; besides, those
    /// that move most with the load are shown. Repeatable
    #[arg(
        long = "metric",
        value_name = "NAME",
        env = "TENFOLD_METRIC",
        value_delimiter = ';'
    )]
    pub(crate) metrics: Vec<MetricSelector>,
    /// Database, cache, web server or balancer behind the target to read counters from: mysql://user@host:3306,
    /// redis://host:6379, nginx+http://host/status or haproxy+http://host:8404/. Repeatable. Put a password into
    /// the variable, not on the command line
    #[arg(
        long = "component",
        id = "components",
        value_name = "URL",
        env = "TENFOLD_COMPONENT",
        hide_env_values = true,
        value_delimiter = ';'
    )]
    pub(crate) components: Vec<String>,
    /// Process of the target on this machine to profile, with its children [default: those that listen on the
    /// target's address]
    #[arg(
        long,
        value_name = "PID",
        env = "TENFOLD_PID",
        value_parser = running_process,
        conflicts_with = "stage",
        requires = "url"
    )]
    pub(crate) pid: Option<u32>,
    /// Take no profile of the target
    #[arg(long, env = "TENFOLD_NO_PROFILE", value_parser = BoolishValueParser::new())]
    pub(crate) no_profile: bool,
}

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Reference service")]
pub(crate) struct StageArguments {
    /// Stage of the reference service to start and test [default: single-box]
    #[arg(
        long = "stage",
        id = "stage",
        value_name = "NAME",
        env = "TENFOLD_STAGE"
    )]
    pub(crate) name: Option<String>,
    /// Limit the boxes of a role, such as web=0.4 or sql=1,1GiB, and all other boxes to 0.2 CPU and
    /// 512 MiB [default: no limits; in stage autoscaled 0.2 CPU and 512 MiB]. Repeatable
    #[arg(
        long = "box",
        value_name = "ROLE=CPU[,MEMORY]",
        env = "TENFOLD_BOX",
        value_delimiter = ';'
    )]
    pub(crate) boxes: Vec<RoleAllowance>,
    /// Number of boxes of a role, spread over two zones, such as app=4 [default: that of the stage]. Repeatable
    #[arg(
        long = "count",
        id = "counts",
        value_name = "ROLE=N",
        env = "TENFOLD_COUNT",
        value_delimiter = ';'
    )]
    pub(crate) counts: Vec<RoleCount>,
    /// Optional boxes of the stage to add: redis-cluster, cassandra, arcadedb, clickhouse, services or cdn in
    /// stage partitioned. Repeatable
    #[arg(
        long,
        value_name = "NAMES",
        env = "TENFOLD_WITH",
        value_delimiter = ','
    )]
    pub(crate) with: Vec<String>,
    /// Scaling policy of stage autoscaled [default: that of the stage]
    #[arg(long, value_name = "FILE", env = "TENFOLD_POLICY")]
    pub(crate) policy: Option<PathBuf>,
    /// Tune the SQL databases to the size of their boxes: caches of half the memory, a thread pool
    #[arg(long, env = "TENFOLD_TUNED", value_parser = BoolishValueParser::new())]
    pub(crate) tuned: bool,
    /// Lets the service delay its components. Not a flag: experiments set it.
    #[arg(skip)]
    pub(crate) allow_delays: bool,
}

impl TargetArguments {
    /// Returns the components to watch.
    ///
    /// # Errors
    /// If a URL names no component. The message does not contain it, as it may hold a password.
    pub(crate) fn components(&self) -> Result<Vec<ComponentUrl>, UsageError> {
        let parsed = self.components.iter().enumerate().map(|(index, text)| {
            text.parse().map_err(|error: ComponentUrlError| {
                UsageError(format!(
                    "could not use the URL of --component {} of {}: {error}",
                    index + 1,
                    self.components.len()
                ))
            })
        });
        parsed.collect()
    }
}

/// Parses the id of a process that exists: a mistake would show after the run only.
fn running_process(text: &str) -> Result<u32, String> {
    let pid: u32 = text
        .parse()
        .map_err(|_| "a process id is a whole number".to_owned())?;
    match Path::new("/proc").join(pid.to_string()).exists() {
        true => Ok(pid),
        false => Err("no process of this machine has this id; `ps -e` lists them".to_owned()),
    }
}

impl ServiceArguments {
    /// Returns the flags for a command that tests the same service.
    pub(crate) fn written(&self) -> Vec<String> {
        let mut command = Vec::new();
        let mut flag = |name: &str, value: Option<String>| {
            if let Some(value) = value {
                command.push(name.to_owned());
                // Switches have no value.
                command.extend(Some(value).filter(|value| !value.is_empty()));
            }
        };
        flag("--target", self.target.url.clone());
        for (name, value) in self.connections.written() {
            flag(name, Some(value));
        }
        flag("--admin", self.target.admin.clone());
        for metric in &self.target.metrics {
            flag("--metric", Some(metric.to_string()));
        }
        for component in self.target.components().unwrap_or_default() {
            flag("--component", Some(component.to_string()));
        }
        flag("--stage", self.stage.name.clone());
        for own in &self.stage.boxes {
            flag("--box", Some(own.to_string()));
        }
        for count in &self.stage.counts {
            flag("--count", Some(count.to_string()));
        }
        for name in &self.stage.with {
            flag("--with", Some(name.clone()));
        }
        let policy = self.stage.policy.as_ref();
        flag("--policy", policy.map(|path| path.display().to_string()));
        flag("--tuned", self.stage.tuned.then(String::new));
        if self.target.url.is_none() {
            for (name, value) in self.data_set.written() {
                flag(name, Some(value));
            }
        }
        command
    }

    /// Drops an environment variable that a flag contradicts: a target and a stage exclude each other.
    ///
    /// # Errors
    /// Fails with a message if two flags, or two variables, contradict each other.
    pub(crate) fn resolve_conflicts(&mut self, given: &ArgMatches) -> Result<(), String> {
        let by_flag = |name| given.value_source(name) == Some(ValueSource::CommandLine);
        let of_stage = [
            ("boxes", "--box"),
            ("counts", "--count"),
            ("with", "--with"),
            ("policy", "--policy"),
            ("tuned", "--tuned"),
        ];
        if by_flag("url")
            && let Some((_, flag)) = of_stage.into_iter().find(|(name, _)| by_flag(name))
        {
            return Err(format!(
                "--target names a running service, but {flag} is about boxes of the reference service; give only one of them"
            ));
        }
        if by_flag("url") && DATA_SET_FLAGS.into_iter().any(by_flag) {
            return Err(
                "--target names a running service, but --data-users, --data-posts and --data-seed choose the data \
                 of the reference service; leave them out"
                    .to_owned(),
            );
        }
        if self.target.url.is_none() || self.stage.name.is_none() {
            return Ok(());
        }
        match (by_flag("url"), by_flag("stage")) {
            (false, true) => {
                self.target.url = None;
                self.target.admin = None;
                Ok(())
            }
            (true, false) => {
                self.stage.name = None;
                Ok(())
            }
            (true, true) | (false, false) => Err(
                "--target names a running service, but --stage starts the reference service; give \
                 only one of them"
                    .to_owned(),
            ),
        }
    }
}
