//! Options of connections to a target, and credentials of requests.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{BoolishValueParser, PossibleValue};
use clap::{Args, ValueEnum};
use tenfold_loadgen::{
    AuthScheme, CredentialsSource, DialOptions, HttpVersion, NameServer, Resolve, TlsOptions,
};

use crate::arguments::values::duration;

use crate::exit::UsageError;

/// Variable with a bearer token. There is no such flag, because command lines are visible to every user of
/// the machine.
const BEARER: &str = "TENFOLD_AUTH_BEARER";

/// Variable with `user:password`.
const BASIC: &str = "TENFOLD_AUTH_BASIC";

#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Connections")]
pub(crate) struct ConnectionArguments {
    /// HTTP version [default: the one an https:// target prefers, otherwise 1.1]
    #[arg(long, value_name = "VERSION", env = "TENFOLD_HTTP")]
    http: Option<Http>,
    /// Highest number of users that share an HTTP/2 connection [default: 100]
    #[arg(long, value_name = "N", env = "TENFOLD_STREAMS",
        value_parser = clap::value_parser!(u32).range(1..))]
    streams: Option<u32>,
    /// Highest number of HTTP/2 connections, shared by all users [default: as many as --streams requires]
    #[arg(short, long, value_name = "N", env = "TENFOLD_CONNECTIONS",
        value_parser = clap::value_parser!(u32).range(1..))]
    connections: Option<u32>,
    /// Connect to ADDRESS for HOST:PORT instead of resolving the name. Repeatable
    #[arg(
        long,
        value_name = "HOST:PORT:ADDRESS",
        env = "TENFOLD_RESOLVE",
        value_delimiter = ' '
    )]
    resolve: Vec<Resolve>,
    /// Resolve the target's name at this name server, and again once the TTL of its answer is over, as clients do
    #[arg(long, value_name = "ADDRESS[:PORT]", env = "TENFOLD_DNS")]
    dns: Option<NameServer>,
    /// Resolve the target's name again if the last answer is older than this [default: the TTL with --dns; otherwise only at
    /// the start]
    #[arg(long, value_name = "TIME", value_parser = duration, env = "TENFOLD_RESOLVE_EVERY")]
    resolve_every: Option<Duration>,
    /// Value of the Host header [default: the target's host]
    #[arg(long, value_name = "HOST", env = "TENFOLD_HOST")]
    host: Option<String>,
    /// Trust the certificates in this PEM file instead of the system's
    #[arg(long, help_heading = "TLS", value_name = "FILE", env = "TENFOLD_CA")]
    ca: Option<PathBuf>,
    /// Accept any certificate without verifying it; the report says so
    #[arg(long, help_heading = "TLS", env = "TENFOLD_INSECURE",
        value_parser = BoolishValueParser::new())]
    insecure: bool,
    /// Client certificate for a target that requires one, with its chain, in PEM
    #[arg(long, help_heading = "TLS", value_name = "FILE", env = "TENFOLD_CERT")]
    cert: Option<PathBuf>,
    /// Private key of --cert, in PEM
    #[arg(long, help_heading = "TLS", value_name = "FILE", env = "TENFOLD_KEY")]
    key: Option<PathBuf>,
    /// Server name to request and to verify [default: the target's host]
    #[arg(long, help_heading = "TLS", value_name = "NAME", env = "TENFOLD_SNI")]
    sni: Option<String>,
    /// File with a bearer token to send with every request; or set TENFOLD_AUTH_BEARER to the token
    #[arg(
        long,
        help_heading = "Credentials",
        value_name = "FILE",
        env = "TENFOLD_AUTH_BEARER_FILE"
    )]
    auth_bearer_file: Option<PathBuf>,
    /// File with user:password to send with every request; or set TENFOLD_AUTH_BASIC to it
    #[arg(
        long,
        help_heading = "Credentials",
        value_name = "FILE",
        env = "TENFOLD_AUTH_BASIC_FILE"
    )]
    auth_basic_file: Option<PathBuf>,
}

/// HTTP version.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Http {
    One,
    Two,
}

impl ValueEnum for Http {
    fn value_variants<'a>() -> &'a [Self] {
        &[Self::One, Self::Two]
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.written()))
    }
}

impl Http {
    /// Returns the value of the flag.
    fn written(self) -> &'static str {
        match self {
            Self::One => "1.1",
            Self::Two => "2",
        }
    }
}

impl ConnectionArguments {
    /// Returns the options that the flags describe, with the credentials read from their file or variable.
    ///
    /// # Errors
    /// Fails if there is more than one set of credentials, or they can't be read.
    pub(crate) fn options(&self) -> anyhow::Result<DialOptions> {
        let credentials = self.credentials()?;
        Ok(DialOptions {
            http: match self.http {
                None => HttpVersion::Negotiated,
                Some(Http::One) => HttpVersion::Http1,
                Some(Http::Two) => HttpVersion::Http2,
            },
            tls: TlsOptions {
                ca: self.ca.clone(),
                insecure: self.insecure,
                certificate: self.cert.clone(),
                key: self.key.clone(),
                server_name: self.sni.clone(),
            },
            resolve: self.resolve.clone(),
            name_server: self.dns,
            resolve_every: self.resolve_every,
            host: self.host.clone(),
            streams: self.streams,
            connections: self.connections,
            credentials: credentials.map(|source| source.read()).transpose()?,
        })
    }

    /// Returns the source of the credentials; a file takes precedence over a variable.
    fn credentials(&self) -> Result<Option<CredentialsSource>, UsageError> {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let two = |one: &str, other: &str| {
            UsageError(format!(
                "{one} and {other} are both set, but a request carries only one set of credentials; \
                 remove one of them"
            ))
        };
        let bearer = |path: &PathBuf| CredentialsSource::File(AuthScheme::Bearer, path.clone());
        let basic = |path: &PathBuf| CredentialsSource::File(AuthScheme::Basic, path.clone());
        match (&self.auth_bearer_file, &self.auth_basic_file) {
            (Some(_), Some(_)) => Err(two("--auth-bearer-file", "--auth-basic-file")),
            (Some(path), None) => Ok(Some(bearer(path))),
            (None, Some(path)) => Ok(Some(basic(path))),
            (None, None) => match (is_set(BEARER), is_set(BASIC)) {
                (true, true) => Err(two(BEARER, BASIC)),
                (true, false) => Ok(Some(CredentialsSource::Environment(
                    AuthScheme::Bearer,
                    BEARER,
                ))),
                (false, true) => Ok(Some(CredentialsSource::Environment(
                    AuthScheme::Basic,
                    BASIC,
                ))),
                (false, false) => Ok(None),
            },
        }
    }

    /// Returns the given flags, for a command that repeats the run. They name files, but contain no
    /// secrets.
    pub(crate) fn written(&self) -> Vec<(&'static str, String)> {
        let path = |path: &Option<PathBuf>| path.as_ref().map(|path| path.display().to_string());
        let mut flags = Vec::new();
        let mut flag = |name, value: Option<String>| flags.extend(value.map(|value| (name, value)));
        flag("--http", self.http.map(|http| http.written().to_owned()));
        flag("--streams", self.streams.map(|count| count.to_string()));
        flag(
            "--connections",
            self.connections.map(|count| count.to_string()),
        );
        for resolve in &self.resolve {
            flag("--resolve", Some(resolve.to_string()));
        }
        flag("--dns", self.dns.map(|own| own.to_string()));
        let every = self
            .resolve_every
            .map(|own| format!("{}ms", own.as_millis()));
        flag("--resolve-every", every);
        flag("--host", self.host.clone());
        flag("--ca", path(&self.ca));
        flag("--insecure", self.insecure.then(String::new));
        flag("--cert", path(&self.cert));
        flag("--key", path(&self.key));
        flag("--sni", self.sni.clone());
        flag("--auth-bearer-file", path(&self.auth_bearer_file));
        flag("--auth-basic-file", path(&self.auth_basic_file));
        flags
    }
}
