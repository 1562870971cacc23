//! The command line. Every flag has an environment variable; the flag wins.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand};
use tenfold_lab::RoleAllowance;
use tenfold_reports::run::formats::RunExport;
use tenfold_scenarios::Rate;

use crate::cache_arguments::CacheArguments;
use crate::connect_arguments::ConnectArguments;
use crate::data_set_arguments::DataSetArguments;
use crate::gate_arguments::GateArguments;
use crate::lab_arguments::LabArguments;
use crate::log::LogLevel;
use crate::values::{duration, export, rate};

/// How far does a service scale, what breaks first, and did the fix work?
#[derive(Debug, Parser)]
#[command(name = "tenfold", version, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

impl Cli {
    /// Reads the command line and the environment.
    ///
    /// Where a flag contradicts an environment variable, the flag wins; two flags that contradict
    /// each other are an error.
    pub(crate) fn read() -> Result<Self, clap::Error> {
        let matches = Self::command().try_get_matches()?;
        let mut cli = Self::from_arg_matches(&matches)?;
        if let (Command::Run(run), Some(given)) =
            (&mut cli.command, matches.subcommand_matches("run"))
        {
            run.settle(given)?;
        }
        Ok(cli)
    }
}

impl RunArguments {
    /// A target and a stage exclude each other.
    fn settle(&mut self, given: &ArgMatches) -> Result<(), clap::Error> {
        let by_flag = |name| given.value_source(name) == Some(ValueSource::CommandLine);
        if by_flag("target") && by_flag("boxes") {
            return Err(Cli::command().error(
                clap::error::ErrorKind::ArgumentConflict,
                "--target names a service of yours and --box confines one of ours: give one of them",
            ));
        }
        if self.target.is_none() || self.stage.is_none() {
            return Ok(());
        }
        match (by_flag("target"), by_flag("stage")) {
            (false, true) => {
                self.target = None;
                self.admin = None;
            }
            (true, false) => self.stage = None,
            (true, true) | (false, false) => {
                return Err(Cli::command().error(
                    clap::error::ErrorKind::ArgumentConflict,
                    "--target names a service of yours and --stage one of ours: give one of them",
                ));
            }
        }
        Ok(())
    }
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send a scenario's traffic and report what came back
    Run(Box<RunArguments>),
    /// Turn an access log or a HAR file into a trace to replay, or a fitted scenario
    Record(RecordArguments),
    /// Render one run, or compare several
    Report(ReportArguments),
    /// Merge the runs of several generators into one, exactly
    Merge(MergeArguments),
    /// Compare two builds of a service, interleaved: pass, fail or inconclusive
    Gate(Box<GateArguments>),
    /// Run the reference server
    Serve(Box<ServeArguments>),
    /// Bring a whole stage up on this machine, in boxes that have a size
    Lab(LabArguments),
    /// Check this machine: cores, limits, which real components are there
    Doctor(DoctorArguments),
}

/// Exit codes: 0 met; 99 an SLO was missed; 104 bad configuration; 105 interrupted; 107 the target
/// could not be reached or a component failed; 120 the measurement is invalid; 121 an objective could
/// not be judged.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 met; 99 an SLO was missed; 104 bad configuration; \
    105 interrupted; 107 the target could not be reached or a component failed; \
    120 the measurement is invalid; 121 an objective could not be judged"
)]
pub(crate) struct RunArguments {
    /// A scenario file, or the name of one of the library
    #[arg(default_value = "uneven", env = "TENFOLD_SCENARIO")]
    pub(crate) scenario: String,
    /// The service to send to: http://127.0.0.1:8080, https://... or unix:/run/app.sock
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_TARGET",
        conflicts_with = "stage"
    )]
    pub(crate) target: Option<String>,
    #[command(flatten)]
    pub(crate) connecting: ConnectArguments,
    /// Where the target has /metrics and /debug/pprof; not asked for where it is not given
    #[arg(long, value_name = "URL", env = "TENFOLD_ADMIN")]
    pub(crate) admin: Option<String>,
    /// A host beyond this machine and private networks that you may send load to, as the URL has it;
    /// asked once, and kept in your configuration
    #[arg(
        long,
        value_name = "HOST",
        env = "TENFOLD_I_MAY_TEST_THIS_HOST",
        value_delimiter = ','
    )]
    pub(crate) i_may_test_this_host: Vec<String>,
    /// The stage of the reference service to start and send to [default: single-box]
    #[arg(long, value_name = "NAME", env = "TENFOLD_STAGE")]
    pub(crate) stage: Option<String>,
    /// Confine the stage's boxes: these roles to what is given, as web=0.4 or sql=1,1GiB, others to 0.2 CPU
    /// and 512 MiB [default: no box is confined]
    #[arg(
        long = "box",
        value_name = "ROLE=CPU[,MEMORY]",
        env = "TENFOLD_BOX",
        value_delimiter = ';'
    )]
    pub(crate) boxes: Vec<RoleAllowance>,
    /// The store of the reference service, such as mysql://user@127.0.0.1/tenfold
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_STORE",
        hide_env_values = true
    )]
    pub(crate) store: Option<String>,
    /// The mean rate over the counted phases, such as 500/s
    #[arg(long, value_name = "RATE", value_parser = rate, env = "TENFOLD_RATE")]
    pub(crate) rate: Option<Rate>,
    /// How long the counted phases last together, such as 60s
    #[arg(short, long, value_name = "TIME", value_parser = duration, env = "TENFOLD_DURATION")]
    pub(crate) duration: Option<Duration>,
    /// The most virtual users there may be
    #[arg(short, long, value_name = "USERS", visible_alias = "vus", env = "TENFOLD_USERS",
        value_parser = clap::value_parser!(u32).range(1..))]
    pub(crate) users: Option<u32>,
    /// The seed of everything that is random
    #[arg(long, value_name = "N", env = "TENFOLD_SEED")]
    pub(crate) seed: Option<u64>,
    /// The run directory to write [default: runs/TIME-SCENARIO]
    #[arg(long, value_name = "DIR", env = "TENFOLD_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Print the summary as one JSON document, and nothing else, on standard output
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Print what the scenario would do, and send nothing
    #[arg(long, env = "TENFOLD_CHECK", value_parser = BoolishValueParser::new())]
    pub(crate) check: bool,
    /// Take no CPU profile
    #[arg(long, env = "TENFOLD_NO_PROFILE", value_parser = BoolishValueParser::new())]
    pub(crate) no_profile: bool,
    /// Also write the run as KIND=FILE, as KIND=- to standard output, or as KIND alone under its usual
    /// name in the run directory. Repeatable; kinds: json, csv (a row a second), csv-requests, junit,
    /// markdown, hgrm, hlog, openmetrics, k6
    #[arg(long, value_name = "KIND[=FILE]", value_parser = export, value_delimiter = ',',
        env = "TENFOLD_EXPORT")]
    pub(crate) export: Vec<RunExport>,
    /// Write a line now and then rather than draw a dashboard
    #[arg(long, env = "TENFOLD_NO_LIVE", value_parser = BoolishValueParser::new())]
    pub(crate) no_live: bool,
    /// Serve how the run stands to Prometheus, at /metrics, such as 127.0.0.1:9464
    #[arg(long, value_name = "ADDRESS", env = "TENFOLD_METRICS_LISTEN")]
    pub(crate) metrics_listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
pub(crate) struct RecordArguments {
    /// The access log or HAR file, plain or gzipped; `-` for standard input
    #[arg(env = "TENFOLD_LOG")]
    pub(crate) log: PathBuf,
    /// The scenario file to write; its trace goes beside it [default: LOG's name and .toml]
    #[arg(long, value_name = "FILE", env = "TENFOLD_RECORD_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// How many times as fast as recorded to replay
    #[arg(
        long,
        value_name = "X",
        default_value_t = 1.0,
        env = "TENFOLD_SPEED",
        conflicts_with = "model"
    )]
    pub(crate) speed: f64,
    /// Fit a scenario (rate curve, mix, key popularity) rather than write a trace
    #[arg(long, env = "TENFOLD_MODEL", value_parser = BoolishValueParser::new())]
    pub(crate) model: bool,
    /// common, combined, nginx, alb, cloudfront or har; or an Apache LogFormat, or an nginx
    /// log_format [default: found out]
    #[arg(long, value_name = "FORMAT", env = "TENFOLD_FORMAT")]
    pub(crate) format: Option<String>,
    /// The host of a HAR file whose requests to take [default: the most frequent]
    #[arg(long, value_name = "HOST", env = "TENFOLD_HOST")]
    pub(crate) host: Option<String>,
    /// Overwrite what is there
    #[arg(long, env = "TENFOLD_FORCE", value_parser = BoolishValueParser::new())]
    pub(crate) force: bool,
    /// Print what was found as one JSON document, and nothing else, on standard output
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ReportArguments {
    /// Run directories; the first is what the others are compared with
    #[arg(required = true, env = "TENFOLD_RUNS", value_delimiter = ',')]
    pub(crate) runs: Vec<PathBuf>,
    /// The HTML file to write [default: report.html in the run, comparison.html here for several]
    #[arg(long, value_name = "FILE", env = "TENFOLD_REPORT_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Print the summary as one JSON document, and nothing else, on standard output
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Also write the run as KIND=FILE, as KIND=- to standard output, or as KIND alone under its usual
    /// name in the run directory. Repeatable; kinds: json, csv (a row a second), csv-requests, junit,
    /// markdown, hgrm, hlog, openmetrics, k6
    #[arg(long, value_name = "KIND[=FILE]", value_parser = export, value_delimiter = ',',
        env = "TENFOLD_EXPORT")]
    pub(crate) export: Vec<RunExport>,
}

/// Merge the runs of several generators that sent one scenario at one time into one run directory, as
/// though there had been one generator: counts are added, histograms slot by slot. The measurement is
/// as bad as its worst part. Exit codes are those of `tenfold run`.
#[derive(Debug, Args)]
pub(crate) struct MergeArguments {
    /// Run directories, one of each generator
    #[arg(required = true, env = "TENFOLD_RUNS", value_delimiter = ',')]
    pub(crate) runs: Vec<PathBuf>,
    /// The run directory to write [default: runs/TIME-SCENARIO-merged]
    #[arg(long, value_name = "DIR", env = "TENFOLD_OUT")]
    pub(crate) out: Option<PathBuf>,
    /// Print the summary as one JSON document, and nothing else, on standard output
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
    /// Also write the run as KIND=FILE, as KIND=- to standard output, or as KIND alone under its usual
    /// name in the run directory. Repeatable; kinds: json, csv (a row a second), csv-requests, junit,
    /// markdown, hgrm, hlog, openmetrics, k6
    #[arg(long, value_name = "KIND[=FILE]", value_parser = export, value_delimiter = ',',
        env = "TENFOLD_EXPORT")]
    pub(crate) export: Vec<RunExport>,
}

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// The stage
    #[arg(
        long,
        value_name = "NAME",
        default_value = "single-box",
        env = "TENFOLD_STAGE"
    )]
    pub(crate) stage: String,
    /// Where to listen
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080",
        env = "TENFOLD_LISTEN",
        conflicts_with = "port"
    )]
    pub(crate) listen: SocketAddr,
    /// The port to listen on, on loopback
    #[arg(long, value_name = "N", env = "TENFOLD_PORT")]
    pub(crate) port: Option<u16>,
    /// Speak TLS, with this certificate and those between it and its root, in PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "TENFOLD_TLS_CERT",
        requires = "tls_key"
    )]
    pub(crate) tls_cert: Option<PathBuf>,
    /// The certificate's key, in PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "TENFOLD_TLS_KEY",
        requires = "tls_cert"
    )]
    pub(crate) tls_key: Option<PathBuf>,
    /// A socket in the file system to listen on too, in the clear: for a balancer, or a generator, on the same
    /// machine
    #[arg(long, value_name = "PATH", env = "TENFOLD_LISTEN_UNIX")]
    pub(crate) listen_unix: Option<PathBuf>,
    /// Where to listen for plain HTTP, whose requests are sent on to TLS
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "TENFOLD_REDIRECT_LISTEN",
        requires = "tls_cert"
    )]
    pub(crate) redirect_listen: Option<SocketAddr>,
    /// Where to listen for /metrics and /debug/pprof
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8081",
        env = "TENFOLD_ADMIN"
    )]
    pub(crate) admin: SocketAddr,
    /// Where the database and the files are
    #[arg(
        long,
        value_name = "DIR",
        default_value = ".tenfold/single-box",
        env = "TENFOLD_DATA"
    )]
    pub(crate) data: PathBuf,
    /// The store, such as sqlite:FILE or mysql://user@host/database; with ?ssl_ca=FILE over TLS [default:
    /// SQLite in --data]
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_STORE",
        hide_env_values = true
    )]
    pub(crate) store: Option<String>,
    /// Where the users' files are: file:FOLDER, or s3://BUCKET?endpoint=URL with AWS' usual variables for
    /// the credentials [default: a folder in --data]
    #[arg(long, value_name = "URL", env = "TENFOLD_FILES")]
    pub(crate) files: Option<String>,
    /// Serve an empty store rather than load the data set
    #[arg(long, env = "TENFOLD_EMPTY", value_parser = BoolishValueParser::new())]
    pub(crate) empty: bool,
    #[command(flatten)]
    pub(crate) data_set: DataSetArguments,
    #[command(flatten)]
    pub(crate) caching: CacheArguments,
    /// Write the addresses here, as JSON, once ready
    #[arg(long, value_name = "FILE", env = "TENFOLD_READY_FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// What is logged on standard error: at most ten lines of a kind a second
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        env = "TENFOLD_LOG"
    )]
    pub(crate) log: LogLevel,
    /// Stop when standard input ends
    #[arg(long, env = "TENFOLD_STOP_WITH_STDIN", value_parser = BoolishValueParser::new())]
    pub(crate) stop_with_stdin: bool,
}

#[derive(Debug, Args)]
pub(crate) struct DoctorArguments {
    /// Print one JSON document, and nothing else, on standard output
    #[arg(long, env = "TENFOLD_JSON", value_parser = BoolishValueParser::new())]
    pub(crate) json: bool,
}
