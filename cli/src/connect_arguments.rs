//! The flags that say how connections to a target are opened, and who is sending.

use std::path::PathBuf;

use clap::builder::{BoolishValueParser, PossibleValue};
use clap::{Args, ValueEnum};
use tenfold_loadgen::{
    AuthScheme, CredentialsSource, DialOptions, HttpVersion, Resolve, TlsOptions,
};

use crate::exit::Misuse;

/// Holds a token where no file is named. There is no flag for it: what stands on a command line is
/// seen by everybody on the machine.
const BEARER: &str = "TENFOLD_AUTH_BEARER";

/// Holds `user:password` where no file is named.
const BASIC: &str = "TENFOLD_AUTH_BASIC";

#[derive(Debug, Args)]
#[command(next_help_heading = "Connections")]
pub(crate) struct ConnectArguments {
    /// The version of HTTP [default: what an https:// target prefers, else 1.1]
    #[arg(long, value_name = "VERSION", env = "TENFOLD_HTTP")]
    http: Option<Http>,
    /// How many users share an HTTP/2 connection, at most [default: 100]
    #[arg(long, value_name = "N", env = "TENFOLD_STREAMS",
        value_parser = clap::value_parser!(u32).range(1..))]
    streams: Option<u32>,
    /// How many HTTP/2 connections all users share
    #[arg(short, long, value_name = "N", env = "TENFOLD_CONNECTIONS",
        value_parser = clap::value_parser!(u32).range(1..))]
    connections: Option<u32>,
    /// Find HOST:PORT at ADDRESS rather than look it up; may be given more than once
    #[arg(
        long,
        value_name = "HOST:PORT:ADDRESS",
        env = "TENFOLD_RESOLVE",
        value_delimiter = ' '
    )]
    resolve: Vec<Resolve>,
    /// What the Host header says, rather than the target's host
    #[arg(long, value_name = "HOST", env = "TENFOLD_HOST")]
    host: Option<String>,
    /// Trust the certificates in this PEM file rather than those of the system
    #[arg(long, value_name = "FILE", env = "TENFOLD_CA")]
    ca: Option<PathBuf>,
    /// Take any certificate, unverified; the report says so
    #[arg(long, env = "TENFOLD_INSECURE", value_parser = BoolishValueParser::new())]
    insecure: bool,
    /// Show this certificate (PEM, with its chain) to a target that asks for one
    #[arg(long, value_name = "FILE", env = "TENFOLD_CERT")]
    cert: Option<PathBuf>,
    /// The key of --cert (PEM)
    #[arg(long, value_name = "FILE", env = "TENFOLD_KEY")]
    key: Option<PathBuf>,
    /// The name to ask for with TLS, and to look for in the certificate [default: the target's host]
    #[arg(long, value_name = "NAME", env = "TENFOLD_SNI")]
    sni: Option<String>,
    /// Send the token in this file with every request, or that in TENFOLD_AUTH_BEARER
    #[arg(long, value_name = "FILE", env = "TENFOLD_AUTH_BEARER_FILE")]
    auth_bearer_file: Option<PathBuf>,
    /// Send the user:password in this file with every request, or that in TENFOLD_AUTH_BASIC
    #[arg(long, value_name = "FILE", env = "TENFOLD_AUTH_BASIC_FILE")]
    auth_basic_file: Option<PathBuf>,
}

/// A version of HTTP.
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
    /// As the command line takes it.
    fn written(self) -> &'static str {
        match self {
            Self::One => "1.1",
            Self::Two => "2",
        }
    }
}

impl ConnectArguments {
    /// What the flags come to; reads the credentials, wherever they are.
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
            host: self.host.clone(),
            streams: self.streams,
            connections: self.connections,
            credentials: credentials.map(|source| source.read()).transpose()?,
        })
    }

    /// Where credentials come from: a file before an environment variable.
    fn credentials(&self) -> Result<Option<CredentialsSource>, Misuse> {
        let is_set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let two = |one: &str, other: &str| {
            Misuse(format!(
                "a request has one set of credentials, and {one} and {other} give two; take one \
                 of them away"
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

    /// The flags that were given, for the command that runs it again: names of files, and nothing
    /// of what is in them.
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
