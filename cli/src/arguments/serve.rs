//! Flags of `tenfold serve`.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use clap::builder::BoolishValueParser;

use super::groups::cache::CacheArguments;
use super::groups::data_set::DataSetArguments;
use super::groups::edges::EdgeArguments;
use super::groups::feeds::FeedArguments;
use super::groups::queue::QueueArguments;
use super::groups::services::ServicesArguments;
use super::groups::store::StoreArguments;
use super::groups::warehouse::WarehouseArguments;
use crate::output::log::LogLevel;

#[derive(Debug, Args)]
pub(crate) struct ServeArguments {
    /// Stage to serve
    #[arg(
        long,
        value_name = "NAME",
        default_value = "single-box",
        env = "TENFOLD_STAGE"
    )]
    pub(crate) stage: String,
    #[command(flatten)]
    pub(crate) listen: ListenArguments,
    #[command(flatten)]
    pub(crate) tls: ServeTlsArguments,
    #[command(flatten)]
    pub(crate) data: DataArguments,
    #[command(flatten)]
    pub(crate) store: StoreArguments,
    #[command(flatten)]
    pub(crate) data_set: DataSetArguments,
    /// Serve an empty store instead of loading the data set
    #[arg(long, help_heading = "Data set", env = "TENFOLD_EMPTY",
        value_parser = BoolishValueParser::new())]
    pub(crate) empty: bool,
    #[command(flatten)]
    pub(crate) cache: CacheArguments,
    #[command(flatten)]
    pub(crate) edges: EdgeArguments,
    #[command(flatten)]
    pub(crate) queue: QueueArguments,
    #[command(flatten)]
    pub(crate) services: ServicesArguments,
    #[command(flatten)]
    pub(crate) warehouse: WarehouseArguments,
    #[command(flatten)]
    pub(crate) feeds: FeedArguments,
    /// Let the admin listener delay a component at a time, for experiments (`tenfold profile --confirm`)
    #[arg(long, help_heading = "Experiments", env = "TENFOLD_ALLOW_DELAYS",
        value_parser = BoolishValueParser::new())]
    pub(crate) allow_delays: bool,
    /// Receiver of error reports, by a data source name as of Sentry: http://KEY@host:port/PROJECT. Reports have no personal
    /// data [default: none]
    #[arg(
        long,
        value_name = "DSN",
        help_heading = "Error reports",
        env = "TENFOLD_ERROR_REPORTS",
        hide_env_values = true
    )]
    pub(crate) error_reports: Option<String>,
    /// Repeat failed calls of the object store without a budget, and without a circuit breaker, to see a retry storm
    #[arg(long, help_heading = "Experiments", env = "TENFOLD_UNLIMITED_RETRIES",
        value_parser = BoolishValueParser::new())]
    pub(crate) unlimited_retries: bool,
    #[command(flatten)]
    pub(crate) process: ProcessArguments,
}

/// Parses an address to listen on.
fn socket_address(text: &str) -> Result<SocketAddr, String> {
    text.parse()
        .map_err(|_| "it must be an IP address and a port, such as 127.0.0.1:8080".to_owned())
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Listeners")]
pub(crate) struct ListenArguments {
    /// Address to listen on
    #[arg(
        long = "listen",
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8080",
        env = "TENFOLD_LISTEN",
        value_parser = socket_address,
        conflicts_with = "port"
    )]
    pub(crate) address: SocketAddr,
    /// Port to listen on, on the loopback address
    #[arg(long, value_name = "N", env = "TENFOLD_PORT")]
    pub(crate) port: Option<u16>,
    /// Unix socket to listen on in addition, without TLS, for a balancer or generator on this machine
    #[arg(long = "listen-unix", value_name = "PATH", env = "TENFOLD_LISTEN_UNIX")]
    pub(crate) unix: Option<PathBuf>,
    /// Address to listen on for /metrics and /debug/pprof
    #[arg(
        long,
        value_name = "ADDRESS",
        default_value = "127.0.0.1:8081",
        env = "TENFOLD_ADMIN",
        value_parser = socket_address
    )]
    pub(crate) admin: SocketAddr,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "TLS")]
pub(crate) struct ServeTlsArguments {
    /// Serve TLS with this certificate and its intermediate certificates, in PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "TENFOLD_TLS_CERT",
        requires = "tls_key"
    )]
    pub(crate) tls_cert: Option<PathBuf>,
    /// Private key of the certificate, in PEM
    #[arg(
        long,
        value_name = "FILE",
        env = "TENFOLD_TLS_KEY",
        requires = "tls_cert"
    )]
    pub(crate) tls_key: Option<PathBuf>,
    /// Address on which plain HTTP requests are redirected to HTTPS
    #[arg(
        long,
        value_name = "ADDRESS",
        env = "TENFOLD_REDIRECT_LISTEN",
        requires = "tls_cert"
    )]
    pub(crate) redirect_listen: Option<SocketAddr>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Storage")]
pub(crate) struct DataArguments {
    /// Directory of the SQLite database and of the users' files
    #[arg(
        long = "data",
        value_name = "DIR",
        default_value = ".tenfold/single-box",
        env = "TENFOLD_DATA"
    )]
    pub(crate) directory: PathBuf,
    /// Database with a part of the posts, NAME=URL with a URL as for --store, which then has users and follows alone.
    /// Repeatable; NAME must stay the same
    #[arg(
        long = "shard",
        value_name = "NAME=URL",
        env = "TENFOLD_SHARD",
        hide_env_values = true,
        value_delimiter = ' '
    )]
    pub(crate) shards: Vec<String>,
    /// Store of the sessions: mysql://user:password@host:port/database, or redis-cluster://:password@host:port,host:port, and
    /// rediss-cluster://...?ca=FILE for TLS [default: that of --store]
    #[arg(
        long,
        value_name = "URL",
        env = "TENFOLD_SESSIONS",
        hide_env_values = true
    )]
    pub(crate) sessions: Option<String>,
    /// Database with the records of photos, with a URL as for --store, instead of those of the posts
    #[arg(
        long = "photos-store",
        value_name = "URL",
        env = "TENFOLD_PHOTOS_STORE",
        hide_env_values = true
    )]
    pub(crate) photos: Option<String>,
    /// Storage of the users' files: file:FOLDER, or s3://BUCKET?endpoint=URL with credentials in AWS's
    /// usual variables [default: a folder in --data]
    #[arg(long, value_name = "URL", env = "TENFOLD_FILES")]
    pub(crate) files: Option<String>,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Process")]
pub(crate) struct ProcessArguments {
    /// JSON file to write the addresses into once the service is ready
    #[arg(long, value_name = "FILE", env = "TENFOLD_READY_FILE")]
    pub(crate) ready_file: Option<PathBuf>,
    /// JSON file to write the progress of loading the data set into, until the service is ready
    #[arg(long, value_name = "FILE", env = "TENFOLD_PROGRESS_FILE")]
    pub(crate) progress_file: Option<PathBuf>,
    /// Log level of standard error, which shows at most ten similar lines a second
    #[arg(
        long,
        value_name = "LEVEL",
        default_value = "info",
        env = "TENFOLD_LOG"
    )]
    pub(crate) log: LogLevel,
    /// Stop when standard input closes
    #[arg(long, env = "TENFOLD_STOP_WITH_STDIN", value_parser = BoolishValueParser::new())]
    pub(crate) stop_with_stdin: bool,
}
