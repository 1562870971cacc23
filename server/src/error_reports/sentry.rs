//! Reports by Sentry's protocol.

use std::sync::Arc;
use std::time::Duration;

use sentry::protocol::{Event, Exception, Level, Values};
use sentry::{Client, ClientOptions};

use super::{ErrorKind, ErrorReport, ErrorReports, ErrorReportsError};

/// Longest wait for reports that were not sent yet.
const CLOSE_MAX: Duration = Duration::from_secs(2);

/// Client of a server that speaks Sentry's protocol.
pub(super) struct SentryReports {
    client: Client,
}

impl std::fmt::Debug for SentryReports {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SentryReports")
    }
}

impl SentryReports {
    pub(super) fn open(address: &str, server: &str) -> Result<Self, ErrorReportsError> {
        let dsn = address.parse().map_err(|_| {
            ErrorReportsError::Invalid(
                "the address is not a data source name such as `http://KEY@127.0.0.1:8000/1`"
                    .to_owned(),
            )
        })?;
        // Integrations would add the machine's name, environment and source paths, and catch panics of other threads.
        let mut options = ClientOptions::new();
        options.dsn = Some(dsn);
        options.release = Some(concat!("tenfold@", env!("CARGO_PKG_VERSION")).into());
        options.environment = Some("production".into());
        options.server_name = Some(server.to_owned().into());
        options.default_integrations = false;
        options.send_default_pii = false;
        options.transport = Some(Arc::new(sentry::transports::DefaultTransportFactory));
        Ok(Self {
            client: Client::from(options),
        })
    }
}

impl ErrorReports for SentryReports {
    fn report(&self, report: &ErrorReport) {
        self.client.capture_event(event(report), None);
    }

    fn close(&self) {
        self.client.flush(Some(CLOSE_MAX));
    }
}

fn event(report: &ErrorReport) -> Event<'static> {
    let (kind, text, location) = match &report.kind {
        ErrorKind::Internal => ("InternalError", "the service's log has the cause", None),
        ErrorKind::Panic { location, message } => {
            let text = message.unwrap_or("the text may contain values; the service's log has it");
            ("Panic", text, location.clone())
        }
    };
    let mut event = Event {
        level: Level::Error,
        transaction: Some(format!("{} {}", report.method, report.route)),
        exception: Values::from(vec![Exception {
            ty: kind.to_owned(),
            value: Some(text.to_owned()),
            ..Exception::default()
        }]),
        ..Event::default()
    };
    for (name, value) in [
        ("request_id", Some(report.request_id.clone())),
        ("method", Some(report.method.to_owned())),
        ("route", Some(report.route.to_owned())),
        ("location", location),
    ] {
        if let Some(value) = value {
            event.tags.insert(name.to_owned(), value);
        }
    }
    event
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn event_has_route_and_identifier() {
        let report = ErrorReport {
            kind: ErrorKind::Panic {
                location: Some("server/src/photo.rs:7".to_owned()),
                message: Some("out of tea"),
            },
            method: "GET",
            route: "/v1/posts/{id}",
            request_id: "abc".to_owned(),
        };
        let event = serde_json::to_value(event(&report)).unwrap();
        assert_eq!(event["tags"]["request_id"], "abc");
        assert_eq!(event["tags"]["location"], "server/src/photo.rs:7");
        assert_eq!(event["transaction"], "GET /v1/posts/{id}");
        assert_eq!(event["exception"]["values"][0]["type"], "Panic");
        assert_eq!(event["exception"]["values"][0]["value"], "out of tea");
        assert!(
            event.get("user").is_none() && event.get("request").is_none(),
            "{event}"
        );
    }
}
