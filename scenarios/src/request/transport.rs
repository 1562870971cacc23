//! Options for sending a request: redirects, cookies, connections, retries and trace context.

use crate::format::error::ScenarioError;
use crate::format::fields::{Fields, Value};

/// Most redirects that a request can follow.
const FOLLOW_MAX: u64 = 20;

/// Options for sending a request. The defaults are those of a plain request.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Transport {
    /// Redirects followed at most; 0 to follow none.
    pub follow: u32,
    /// Whether cookies are kept for the user and sent.
    pub cookies: bool,
    /// Use of the connection after the response.
    pub connection: ConnectionUse,
    /// Requests that are sent again on a connection found dead.
    pub retry: Retry,
    /// Share of the requests whose `traceparent` asks the service to record a trace, from 0 to 1. `None`: no
    /// request has a `traceparent`.
    pub traceparent: Option<f64>,
}

/// Use of a connection after a response.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum ConnectionUse {
    /// Kept for the next request.
    #[default]
    KeepAlive,
    /// Closed: each request opens its own connection.
    Close,
}

/// Requests that are sent again, once, on a new connection if the service had closed the old one.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Retry {
    /// None.
    #[default]
    Off,
    /// Those with an idempotent method (RFC 9110, section 9.2.2).
    Idempotent,
}

impl Transport {
    /// Reads the `[http]` table, the defaults of all requests.
    pub(crate) fn read_defaults(value: &Value<'_>) -> Result<Self, ScenarioError> {
        let mut fields = value.table("the options of [http]")?;
        let transport = Self::read(&mut fields, Self::default())?;
        fields.finish()?;
        Ok(transport)
    }

    /// Reads the options of a request; those that are not set are the scenario's `defaults`.
    pub(crate) fn read(fields: &mut Fields<'_>, defaults: Self) -> Result<Self, ScenarioError> {
        let mut transport = defaults;
        if let Some(value) = fields.optional("follow") {
            transport.follow = value.count(0..=FOLLOW_MAX)? as u32;
        }
        if let Some(value) = fields.optional("cookies") {
            transport.cookies = value.flag()?;
        }
        if let Some(value) = fields.optional("connection") {
            transport.connection = value.choice(&[
                ("keep-alive", ConnectionUse::KeepAlive),
                ("close", ConnectionUse::Close),
            ])?;
        }
        if let Some(value) = fields.optional("retry") {
            transport.retry =
                value.choice(&[("off", Retry::Off), ("idempotent", Retry::Idempotent)])?;
        }
        if let Some(value) = fields.optional("traceparent") {
            transport.traceparent = sampled_share(&value)?;
        }
        Ok(transport)
    }

    /// Returns whether the request is sent once on its user's connection, as rendered.
    pub fn is_plain(&self) -> bool {
        *self == Self::default()
    }
}

/// Reads `true`, `false`, or the share of requests to record.
fn sampled_share(value: &Value<'_>) -> Result<Option<f64>, ScenarioError> {
    match value.flag() {
        Ok(false) => Ok(None),
        Ok(true) => Ok(Some(1.0)),
        Err(_) => match value.number(0.0..=1.0) {
            Ok(share) => Ok(Some(share)),
            Err(error) => Err(error.hint(
                "write true, false, or the share of requests that the service is to record, from 0 to 1",
            )),
        },
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Scenario;

    fn parsed(all: &str, request: &str) -> Result<Transport, String> {
        let text = format!(
            "version = 1\nname = \"x\"\n{all}\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
             rate = \"10/s\"\nduration = \"1s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\n\
             path = \"/\"\n{request}"
        );
        let scenario = Scenario::parse(&text, Path::new("x.toml"));
        scenario
            .map(|scenario| scenario.requests[0].transport)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn request_without_options_is_plain() {
        assert!(parsed("", "").unwrap().is_plain());
        assert!(
            parsed("[http]\nfollow = 0\nretry = \"off\"", "")
                .unwrap()
                .is_plain()
        );
    }

    #[test]
    fn request_overrides_defaults_of_scenario() {
        let all = "[http]\nfollow = 5\ncookies = true\nconnection = \"close\"\ntraceparent = true";
        let transport = parsed(
            all,
            "follow = 2\nretry = \"idempotent\"\ntraceparent = 0.25",
        );
        assert_eq!(
            transport,
            Ok(Transport {
                follow: 2,
                cookies: true,
                connection: ConnectionUse::Close,
                retry: Retry::Idempotent,
                traceparent: Some(0.25),
            })
        );
        let off = "follow = 0\ncookies = false\nconnection = \"keep-alive\"\ntraceparent = false";
        assert!(parsed(all, off).unwrap().is_plain());
    }

    #[test]
    fn errors_name_the_choices() {
        for (request, reason) in [
            (
                "follow = 21",
                "`follow` is 21, which is not between 0 and 20",
            ),
            (
                "follow = true",
                "`follow` must be an integer, not a boolean",
            ),
            ("cookies = 1", "`cookies` must be true or false"),
            ("connection = \"closed\"", "did you mean `close`?"),
            ("retry = \"idempotnet\"", "did you mean `idempotent`?"),
            ("traceparent = 2", "from 0 to 1"),
            ("traceparent = \"yes\"", "write true, false, or the share"),
            ("folow = 1", "did you mean `follow`?"),
            (
                "headers = { connection = \"close\" }",
                "write connection = \"close\" in the request or in [http]",
            ),
        ] {
            let error = parsed("", request).unwrap_err();
            assert!(error.contains(reason), "{request}: {error}");
        }
    }

    #[test]
    fn asterisk_is_a_path_of_options_only() {
        let path = |path: &str, method: &str| {
            let text = format!(
                "version = 1\nname = \"x\"\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
                 rate = \"10/s\"\nduration = \"1s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\n\
                 path = \"{path}\"\nmethod = \"{method}\""
            );
            Scenario::parse(&text, Path::new("x.toml")).map(|_| ())
        };
        assert!(path("*", "OPTIONS").is_ok());
        assert!(path("*", "GET").is_err());
        assert!(path("**", "OPTIONS").is_err());
    }
}
