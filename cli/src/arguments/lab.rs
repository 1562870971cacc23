//! Flags of `tenfold lab` and its subcommands.

use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use tenfold_autoscale::Format;
use tenfold_lab::{RoleAllowance, RoleCount};

use super::groups::data_set::DataSetArguments;
use super::groups::store::StoreArguments;
use super::values::{duration, share, whole_seconds};

/// Default directory of a lab, below the working directory.
pub(crate) const DIRECTORY: &str = ".tenfold/lab";

#[derive(Debug, Args)]
pub(crate) struct LabArguments {
    #[command(subcommand)]
    pub(crate) command: LabCommand,
}

#[derive(Debug, Subcommand)]
pub(crate) enum LabCommand {
    /// Start a stage and keep it running until Ctrl-C or `tenfold lab down`
    Up(UpArguments),
    /// Show the state of the boxes, their use of CPU and memory over one second, and other labs
    Status(StatusArguments),
    /// Stop all boxes and the lab itself
    Down(DirectoryArguments),
    /// Kill a box, or all boxes of a zone, as a power failure would
    Kill(NamedArguments),
    /// Take a web server, or those of a zone, out of the balancers, and wait until it is idle: it can then
    /// be killed without losing a request
    Drain(NamedArguments),
    /// Restart a killed box, or all of a zone, at its former addresses; return drained servers to the
    /// balancers
    Revive(NamedArguments),
    /// Replace a box of the service by one with another program or setting, without losing a request
    Replace(ReplaceArguments),
    /// Compare a box of the service with the others of its role under the load that they have, by the statistics of a gate
    Judge(JudgeArguments),
    /// Rotate certificates or passwords while the stage serves
    Rotate(RotateArguments),
    /// Kill boxes and zones at random under load, start them again, and check that no acknowledged write is lost
    Chaos(ChaosArguments),
    /// Kill the balancer that the service's name leads to under load, and measure when the last client has moved
    Failover(FailoverArguments),
    /// Print the addresses of the service and of the pages that show its figures
    Open(DirectoryArguments),
    /// Show the queue and its dead letters, or send them again
    Queue(QueueArguments),
    /// Show the written feeds, or check and repair them
    Feeds(FeedsArguments),
    /// Spread the posts of stage partitioned evenly over its databases of posts, while it serves
    Reshard(ReshardArguments),
    /// Check a scaling policy, and write it as Prometheus rules, Kubernetes or KEDA manifests, or AWS requests
    Policy(PolicyArguments),
    /// Keep a log of the alerts that an Alertmanager sends to a webhook; a lab starts this by itself
    ReceiveAlerts(ReceiveAlertsArguments),
    /// Receive the log of a balancer, and serve a page of its latest requests, made by GoAccess; a lab starts this by itself
    ServeLog(ServeLogArguments),
}

#[derive(Debug, Args)]
pub(crate) struct DirectoryArguments {
    /// Directory of the lab
    #[arg(long, value_name = "DIR", default_value = DIRECTORY, env = "TENFOLD_LAB")]
    pub(crate) dir: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    after_help = "If control groups can't be created, boxes have no limits, and the lab says so.\n\
    Exit codes: 0 stopped on request; 104 bad configuration; 105 interrupted before every box was ready; \
    107 a box did not start, or failed"
)]
pub(crate) struct UpArguments {
    /// Stage to start
    #[arg(
        long,
        value_name = "NAME",
        default_value = "single-box",
        env = "TENFOLD_STAGE"
    )]
    pub(crate) stage: String,
    #[command(flatten)]
    pub(crate) directory: DirectoryArguments,
    /// Return once every box is ready, and leave the lab running in the background
    #[arg(short, long, env = "TENFOLD_DETACH", value_parser = BoolishValueParser::new())]
    pub(crate) detach: bool,
    /// Print the boxes as JSON
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) boxes: BoxArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) data_set: DataSetArguments,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Boxes")]
pub(crate) struct BoxArguments {
    /// Limits of the boxes of a role, such as web=0.4 or sql=1,1GiB [default: 0.2 CPU and 512 MiB].
    /// Repeatable
    #[arg(
        long = "box",
        value_name = "ROLE=CPU[,MEMORY]",
        env = "TENFOLD_BOX",
        value_delimiter = ';'
    )]
    pub(crate) limits: Vec<RoleAllowance>,
    /// Number of boxes of a role, spread over two zones, such as app=4 [default: that of the stage]. Repeatable
    #[arg(
        long = "count",
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
    /// Limit no box, even if --box is given
    #[arg(long, env = "TENFOLD_UNCONFINED", value_parser = BoolishValueParser::new())]
    pub(crate) unconfined: bool,
    /// Give each box a network namespace, and allow only the connections of the stage; requires root
    #[arg(long, env = "TENFOLD_NETWORK", value_parser = BoolishValueParser::new())]
    pub(crate) network: bool,
    /// Put two balancers, one in each zone, behind a name, which a name server answers with this TTL, such as 5s
    #[arg(long, value_name = "TTL", env = "TENFOLD_DOOR", value_parser = whole_seconds)]
    pub(crate) door: Option<Duration>,
    /// With --network: address from which SSH to the boxes is admitted; from no other one, and without this flag from none.
    /// Repeatable
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "TENFOLD_SSH_FROM",
        value_delimiter = ',',
        requires = "network"
    )]
    pub(crate) ssh_from: Vec<Ipv4Addr>,
    /// Longest time without progress, such as rows loaded, until a box is ready
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration,
        env = "TENFOLD_STALL_TIMEOUT")]
    pub(crate) stall_timeout: Duration,
    /// Tune the SQL databases to the size of their boxes: caches of half the memory, a thread pool
    #[arg(long, env = "TENFOLD_TUNED", value_parser = BoolishValueParser::new())]
    pub(crate) tuned: bool,
    /// Let the balancer keep no static files
    #[arg(long, env = "TENFOLD_NO_WEB_CACHE", value_parser = BoolishValueParser::new())]
    pub(crate) no_web_cache: bool,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArguments {
    #[command(flatten)]
    pub(crate) directory: DirectoryArguments,
    /// Print JSON, with what each box has used since it was started
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 stopped on request; 104 the address or the log can't be used"
)]
pub(crate) struct ReceiveAlertsArguments {
    /// Address to listen on; alerts go to its path /alerts
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,
    /// Log to append to, a JSON document for each alert that begins or ends
    #[arg(long, value_name = "FILE")]
    pub(crate) log: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The latest 8 MiB of the log are kept in memory, and none on disk. The page is made when somebody opens it, every five seconds at \
    most. The balancer has to write the format of a lab's entrance.\n\
    Exit codes: 0 stopped on request; 104 the address or the socket can't be used"
)]
pub(crate) struct ServeLogArguments {
    /// Address to serve the page on
    #[arg(long, value_name = "ADDRESS:PORT")]
    pub(crate) listen: SocketAddr,
    /// Unix domain socket to receive lines on, one a datagram; an earlier one is replaced
    #[arg(long, value_name = "PATH")]
    pub(crate) socket: PathBuf,
    /// Program of GoAccess
    #[arg(long, value_name = "FILE", default_value = "goaccess")]
    pub(crate) goaccess: PathBuf,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The lab must be up, and have at least 20 users in its data set. Its boxes, zones and balancers are killed one at a time; a \
    disk is filled if the lab has a small one of its own, such as a tmpfs.\n\
    Exit codes: 0 no acknowledged write was lost; 99 one was lost or could not be read; 104 bad configuration; 105 interrupted; 107 no lab is up"
)]
pub(crate) struct ChaosArguments {
    #[command(flatten)]
    pub(crate) directory: DirectoryArguments,
    /// Time from one fault to the next. Each lasts a third of it, 10 s at most
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) every: Duration,
    /// Time for which parts fail
    #[arg(long = "for", value_name = "TIME", default_value = "10m", value_parser = duration)]
    pub(crate) total: Duration,
    /// Seed of the faults: the same one breaks the same parts at the same times
    #[arg(long, value_name = "N", default_value_t = 7)]
    pub(crate) seed: u64,
    /// Run directory, which must be empty or absent [default: runs/TIME-chaos]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print the summary as JSON
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

impl ChaosArguments {
    /// Returns the command that repeats the faults.
    pub(crate) fn command(&self) -> Vec<String> {
        let seconds = |time: Duration| format!("{}ms", time.as_millis());
        let mut command: Vec<String> = ["tenfold", "lab", "chaos", "--every"]
            .map(str::to_owned)
            .into();
        command.extend([seconds(self.every), "--for".to_owned(), seconds(self.total)]);
        command.extend(["--seed".to_owned(), self.seed.to_string()]);
        command
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "The box is drained, stopped and started again, and gets requests once its balancer finds it healthy. If it does not start or \
    is not healthy, it runs its earlier build again. The path of the program identifies the build: give each its own. Another start of the \
    lab begins with its own program and settings.\n\
    Exit codes: 0 replaced, or nothing to do; 104 there is no such box; 107 no lab is up, or the box could not be replaced"
)]
pub(crate) struct ReplaceArguments {
    /// Name of a box that runs the service, such as app-1
    #[arg(value_name = "BOX")]
    pub(crate) name: String,
    /// Program of the new build [default: the present one]
    #[arg(long, value_name = "FILE")]
    pub(crate) program: Option<PathBuf>,
    /// Setting of the service, such as TENFOLD_CACHE_TTL=10s. Repeatable
    #[arg(long, value_name = "NAME=VALUE", value_parser = setting)]
    pub(crate) set: Vec<(String, String)>,
    /// Setting to undo. Repeatable
    #[arg(long, value_name = "NAME")]
    pub(crate) unset: Vec<String>,
    #[command(flatten)]
    pub(crate) directory: DirectoryArguments,
}

/// Parses a setting such as `TENFOLD_LOG=debug`.
fn setting(text: &str) -> Result<(String, String), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.to_owned(), value.to_owned())),
        _ => Err(format!(
            "`{text}` is no setting; write it as TENFOLD_CACHE_TTL=10s"
        )),
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "The boxes' own histograms are compared round by round: mean, p90 and p99 of the response time as far as a round has enough \
    requests for them, and failed requests. No request is sent but for these metrics. It does not work with --network.\n\
    Exit codes: 0 the box is no worse than tolerated; 99 it is worse; 104 bad configuration, or too short a budget; 105 interrupted; \
    107 no lab is up, or the box died; 120 a box answered no request; 121 inconclusive"
)]
pub(crate) struct JudgeArguments {
    /// Name of the box to judge, such as app-1
    #[arg(value_name = "BOX")]
    pub(crate) name: String,
    /// Boxes to compare it with [default: all others of its role]
    #[arg(long, value_name = "BOX", value_delimiter = ',')]
    pub(crate) against: Vec<String>,
    /// Smallest slowdown that matters
    #[arg(long, value_name = "PERCENT", default_value = "5%", value_parser = share)]
    pub(crate) min_effect: f64,
    /// Highest probability of failing a box that is as good as the others
    #[arg(long, value_name = "PERCENT", default_value = "1%", value_parser = share)]
    pub(crate) alpha: f64,
    /// Time for all rounds
    #[arg(long, value_name = "TIME", default_value = "60s", value_parser = duration)]
    pub(crate) budget: Duration,
    /// Length of a round, in whole seconds
    #[arg(long, value_name = "TIME", default_value = "1s", value_parser = whole_seconds)]
    pub(crate) round: Duration,
    /// Time before the first round, in whole seconds: a new box has empty caches
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = whole_seconds)]
    pub(crate) warm_up: Duration,
    /// Print the outcome as JSON, in the format of gate.json
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    #[command(flatten)]
    pub(crate) directory: DirectoryArguments,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Certificates are renewed by the same authority and loaded by the running boxes. Passwords take three steps: `rotate passwords`, \
    which has databases and cache accept new ones beside the present ones; `replace` of each box of the service; \
    `rotate passwords --finish`, after which the earlier ones are refused. The playbook server/lab/ansible/rotate.yml does all three.\n\
    Exit codes: 0 rotated; 107 no lab is up, or a box did not take the new ones"
)]
pub(crate) struct RotateArguments {
    /// What to rotate: certificates or passwords
    #[arg(value_name = "WHAT")]
    pub(crate) what: Rotated,
    /// Refuse the earlier passwords
    #[arg(long)]
    pub(crate) finish: bool,
    /// Validity of the new certificates
    #[arg(long, value_name = "TIME", default_value = "2160h", value_parser = duration)]
    pub(crate) valid_for: Duration,
    #[command(flatten)]
    pub(crate) directory: DirectoryArguments,
}

/// Something that is rotated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Rotated {
    Certificates,
    Passwords,
}

#[derive(Debug, Args)]
#[command(
    after_help = "The lab must have been started with --door TTL. 40 users read posts, each over its own connection, about 400 requests a second. They \
    share the addresses that the name server answers, for as long as its TTL says. The balancer is started again afterwards.\n\
    Exit codes: 0 every client was served again; 99 one was not; 104 bad configuration, or a lab without --door; 105 interrupted; \
    107 no lab is up"
)]
pub(crate) struct FailoverArguments {
    #[command(flatten)]
    pub(crate) directory: DirectoryArguments,
    /// Load after the balancer was killed; longer than the TTL
    #[arg(long = "for", value_name = "TIME", default_value = "30s", value_parser = duration)]
    pub(crate) total: Duration,
    /// Send the load to the address that moves between the balancers (--network), instead of the name
    #[arg(long)]
    pub(crate) address: bool,
    /// Run directory, which must be empty or absent [default: runs/TIME-failover]
    #[arg(long, value_name = "DIR")]
    pub(crate) out: Option<PathBuf>,
    /// Print the result as JSON
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct NamedArguments {
    /// Name of a box, or of a zone, such as zone-a
    #[arg(value_name = "BOX|ZONE")]
    pub(crate) name: String,
    #[command(flatten)]
    pub(crate) directory: DirectoryArguments,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 shown, or sent again; 104 the stage has no queue; 107 no lab is up, or the queue \
    does not answer"
)]
pub(crate) struct QueueArguments {
    #[command(flatten)]
    pub(crate) directory: DirectoryArguments,
    /// Admin listener of a service that uses the queue, instead of those of a lab
    #[arg(long, value_name = "URL")]
    pub(crate) admin: Option<String>,
    /// Send a dead letter again, or with `all` the oldest hundred
    #[arg(long, value_name = "ID|all", value_parser = job_id)]
    pub(crate) retry: Option<String>,
    /// Print JSON
    #[arg(long, conflicts_with = "retry", env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

/// Parses the identifier of a job.
fn job_id(text: &str) -> Result<String, String> {
    let allowed = |c: u8| c.is_ascii_alphanumeric() || c == b'-' || c == b'_';
    match !text.is_empty() && text.len() <= 64 && text.bytes().all(allowed) {
        true => Ok(text.to_owned()),
        false => Err("it must be the identifier of a dead letter, or all".to_owned()),
    }
}

#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 shown, or checked; 104 feeds are not written; 107 no lab is up, the service does not \
    answer, or no worker is running"
)]
pub(crate) struct FeedsArguments {
    #[command(flatten)]
    pub(crate) directory: DirectoryArguments,
    /// Admin listener of a service that writes feeds, instead of those of a lab
    #[arg(long, value_name = "URL")]
    pub(crate) admin: Option<String>,
    /// Check all written feeds and counters, and repair what is wrong
    #[arg(long)]
    pub(crate) repair: bool,
    /// Print JSON
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "To add a database, stop the lab and start it with a higher --count sql-posts=N first.\n\
    An interrupted move continues with the next call.\n\
    Exit codes: 0 spread; 107 no lab is up, or the posts could not be moved"
)]
pub(crate) struct ReshardArguments {
    /// Databases that are to hold the posts, such as sql-posts-1 [default: all]
    #[arg(value_name = "SHARD")]
    pub(crate) shards: Vec<String>,
    /// Move authors away from this database until its load is that of the others; its busiest authors stay
    #[arg(long, value_name = "SHARD", conflicts_with = "shards")]
    pub(crate) away_from: Option<String>,
    #[command(flatten)]
    pub(crate) directory: DirectoryArguments,
    /// Print the shards as JSON
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
#[command(
    after_help = "Parts of a policy that a format can't express are listed on standard error.\n\
    Exit codes: 0 written, or the policy is right; 104 it is not"
)]
pub(crate) struct PolicyArguments {
    /// Policy to read [default: the policy of stage autoscaled]
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<PathBuf>,
    /// Format to write: prometheus, kubernetes, keda or aws [default: the policy itself]
    #[arg(long, value_name = "FORMAT")]
    pub(crate) format: Option<Format>,
    /// Check the policy, and write nothing
    #[arg(long, conflicts_with = "format")]
    pub(crate) check: bool,
    /// Print the JSON Schema of policies, for editors
    #[arg(long, conflicts_with_all = ["file", "format", "check"])]
    pub(crate) schema: bool,
}
