//! Settings of the receivers, from flags and from environment variables.
//!
//! The variables are those of the OpenTelemetry specification
//! (<https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/>). An empty variable counts as unset.

use std::time::Duration;

use http::{HeaderName, HeaderValue};
use percent_encoding::percent_decode_str;

use crate::receiver::{Headers, ReceiverError, ReceiverUrl};

/// Time between deliveries, unless it is set.
const INTERVAL: Duration = Duration::from_secs(5);

/// Shortest time between deliveries: progress is reported once a second.
const INTERVAL_MIN: Duration = Duration::from_secs(1);

/// Longest time that a delivery takes, unless it is set.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Path of remote write in Prometheus.
const WRITE_PATH: &str = "/api/v1/write";

/// Looks up an environment variable.
pub type Variables<'a> = &'a dyn Fn(&str) -> Option<String>;

/// Receivers of a run.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Receiver of OTLP.
    pub otlp: Option<OtlpSettings>,
    /// Receiver of Prometheus remote write.
    pub remote_write: Option<RemoteWriteSettings>,
}

/// Settings of OTLP.
#[derive(Debug, Clone)]
pub struct OtlpSettings {
    /// Address; `/v1/metrics` and `/v1/traces` are below it.
    pub url: ReceiverUrl,
    /// Headers of each request.
    pub headers: Headers,
    /// Time between deliveries.
    pub interval: Duration,
    /// Longest time that a delivery takes.
    pub timeout: Duration,
    /// True if messages are compressed.
    pub gzip: bool,
    /// Form of the histograms.
    pub form: HistogramForm,
    /// `service.name` of the resource.
    pub service_name: String,
    /// Further attributes of the resource.
    pub attributes: Vec<(String, String)>,
}

/// Settings of Prometheus remote write.
#[derive(Debug, Clone)]
pub struct RemoteWriteSettings {
    /// Address.
    pub url: ReceiverUrl,
    /// Headers of each request.
    pub headers: Headers,
    /// Time between deliveries.
    pub interval: Duration,
    /// Longest time that a delivery takes.
    pub timeout: Duration,
}

/// Form of histograms in OTLP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HistogramForm {
    /// The buckets of `/metrics`.
    Explicit,
    /// Base-2 exponential buckets, at most 160.
    Exponential,
}

/// A setting that can't be used.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The value of a variable.
    #[error("the variable {variable} {reason}")]
    Variable {
        /// Its name.
        variable: String,
        /// The reason, without its value.
        reason: String,
    },
    /// The interval.
    #[error("metrics can be sent once a second at most; give --telemetry-interval 1s or more")]
    Interval,
    /// The system refuses a thread.
    #[error("could not start a thread: {0}")]
    System(std::io::Error),
    /// A receiver.
    #[error(transparent)]
    Receiver(#[from] ReceiverError),
}

impl Settings {
    /// Completes the flags with the environment. Without `--otlp`, `OTEL_EXPORTER_OTLP_ENDPOINT` names the receiver,
    /// unless `OTEL_SDK_DISABLED` is `true`. Returns `None` without a receiver.
    ///
    /// # Errors
    /// If a variable can't be used.
    pub fn new(
        otlp: Option<ReceiverUrl>,
        remote_write: Option<ReceiverUrl>,
        interval: Option<Duration>,
        variables: Variables<'_>,
    ) -> Result<Option<Self>, SettingsError> {
        if interval.is_some_and(|interval| interval < INTERVAL_MIN) {
            return Err(SettingsError::Interval);
        }
        let variables: Variables<'_> = &|name| variables(name).filter(|set| !set.trim().is_empty());
        let disabled =
            variables("OTEL_SDK_DISABLED").is_some_and(|set| set.eq_ignore_ascii_case("true"));
        let named = match variables("OTEL_EXPORTER_OTLP_ENDPOINT").filter(|_| !disabled) {
            Some(text) if otlp.is_none() => Some(text.parse().map_err(|_| {
                wrong(
                    "OTEL_EXPORTER_OTLP_ENDPOINT",
                    "is not an address of the form http://HOST:PORT",
                )
            })?),
            _ => None,
        };
        let otlp = match otlp.or(named) {
            Some(url) => Some(OtlpSettings::new(url, interval, variables)?),
            None => None,
        };
        let remote_write = match remote_write {
            Some(url) => Some(RemoteWriteSettings {
                url: url.or_path(WRITE_PATH),
                headers: headers("TENFOLD_REMOTE_WRITE_HEADERS", variables)?,
                interval: interval.unwrap_or(INTERVAL),
                timeout: TIMEOUT,
            }),
            None => None,
        };
        Ok((otlp.is_some() || remote_write.is_some()).then_some(Self { otlp, remote_write }))
    }
}

impl OtlpSettings {
    fn new(
        url: ReceiverUrl,
        interval: Option<Duration>,
        variables: Variables<'_>,
    ) -> Result<Self, SettingsError> {
        choice(
            "OTEL_EXPORTER_OTLP_PROTOCOL",
            &[("http/protobuf", ())],
            variables,
        )?;
        let gzip = [("gzip", true), ("none", false)];
        let forms = [
            ("explicit_bucket_histogram", HistogramForm::Explicit),
            (
                "base2_exponential_bucket_histogram",
                HistogramForm::Exponential,
            ),
        ];
        let interval = match interval {
            Some(interval) => Some(interval),
            None => milliseconds("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL_MIN, variables)?,
        };
        let mut attributes = Vec::new();
        for (name, value) in pairs("OTEL_RESOURCE_ATTRIBUTES", variables)? {
            attributes.push((name, value));
        }
        let named = attributes
            .iter()
            .position(|(name, _)| name == "service.name");
        let named = named.map(|at| attributes.remove(at).1);
        Ok(Self {
            url,
            headers: headers("OTEL_EXPORTER_OTLP_HEADERS", variables)?,
            interval: interval.unwrap_or(INTERVAL),
            timeout: milliseconds(
                "OTEL_EXPORTER_OTLP_TIMEOUT",
                Duration::from_millis(1),
                variables,
            )?
            .unwrap_or(TIMEOUT),
            gzip: choice("OTEL_EXPORTER_OTLP_COMPRESSION", &gzip, variables)?.unwrap_or(false),
            form: choice(
                "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                &forms,
                variables,
            )?
            .unwrap_or(HistogramForm::Explicit),
            service_name: variables("OTEL_SERVICE_NAME")
                .or(named)
                .unwrap_or_else(|| "tenfold".to_owned()),
            attributes,
        })
    }
}

fn wrong(variable: &str, reason: impl Into<String>) -> SettingsError {
    SettingsError::Variable {
        variable: variable.to_owned(),
        reason: reason.into(),
    }
}

/// Reads one of a few words. `None` if the variable is not set.
fn choice<T: Copy>(
    variable: &str,
    choices: &[(&str, T)],
    variables: Variables<'_>,
) -> Result<Option<T>, SettingsError> {
    let Some(set) = variables(variable) else {
        return Ok(None);
    };
    let found = choices
        .iter()
        .find(|(name, _)| name.eq_ignore_ascii_case(set.trim()));
    found.map(|(_, value)| Some(*value)).ok_or_else(|| {
        let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
        let reason = format!("is `{}`; tenfold knows {}", set.trim(), names.join(" and "));
        wrong(variable, reason)
    })
}

/// Reads a number of milliseconds. `None` if the variable is not set.
fn milliseconds(
    variable: &str,
    least: Duration,
    variables: Variables<'_>,
) -> Result<Option<Duration>, SettingsError> {
    let Some(set) = variables(variable) else {
        return Ok(None);
    };
    match set.trim().parse().map(Duration::from_millis) {
        Ok(duration) if duration >= least => Ok(Some(duration)),
        _ => {
            let reason = format!(
                "is not a number of milliseconds from {} on",
                least.as_millis()
            );
            Err(wrong(variable, reason))
        }
    }
}

/// Reads `name=value,name=value`, with values in percent-encoding.
fn pairs(variable: &str, variables: Variables<'_>) -> Result<Vec<(String, String)>, SettingsError> {
    let set = variables(variable).unwrap_or_default();
    let entries = set.split(',').map(str::trim).filter(|one| !one.is_empty());
    entries
        .map(|entry| {
            let pair = entry.split_once('=').and_then(|(name, value)| {
                let value = percent_decode_str(value.trim()).decode_utf8().ok()?;
                Some((name.trim().to_owned(), value.into_owned()))
            });
            pair.filter(|(name, _)| !name.is_empty())
                .ok_or_else(|| wrong(variable, "is not of the form `name=value,name=value`"))
        })
        .collect()
}

/// Reads headers. Their values are secrets.
fn headers(variable: &str, variables: Variables<'_>) -> Result<Headers, SettingsError> {
    let pairs = pairs(variable, variables)?.into_iter();
    pairs
        .map(|(name, value)| {
            let name: HeaderName = name
                .parse()
                .map_err(|_| wrong(variable, "has a name that is not valid in HTTP"))?;
            let mut value: HeaderValue = value.parse().map_err(|_| {
                wrong(
                    variable,
                    format!("has a value of {name} that is not valid in HTTP"),
                )
            })?;
            value.set_sensitive(true);
            Ok((name, value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(
        otlp: Option<&str>,
        set: &[(&str, &str)],
    ) -> Result<Option<Settings>, SettingsError> {
        let otlp = otlp.map(|url| url.parse().unwrap());
        Settings::new(otlp, None, None, &|name| {
            let found = set.iter().find(|(known, _)| *known == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn nothing_is_sent_without_a_receiver() {
        assert!(settings(None, &[]).unwrap().is_none());
        assert!(
            settings(None, &[("OTEL_EXPORTER_OTLP_ENDPOINT", "  ")])
                .unwrap()
                .is_none()
        );
        let set = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318"),
            ("OTEL_SDK_DISABLED", "TRUE"),
        ];
        assert!(settings(None, &set).unwrap().is_none());
    }

    #[test]
    fn standard_variables_are_read() {
        let set = [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://a:4318"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, x=1"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "2500"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "60000"),
            (
                "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                "BASE2_EXPONENTIAL_BUCKET_HISTOGRAM",
            ),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=load,team=a%2Cb"),
        ];
        let otlp = settings(None, &set).unwrap().unwrap().otlp.unwrap();
        assert_eq!(otlp.url.to_string(), "http://a:4318");
        assert_eq!(otlp.headers[0].1, "a b");
        assert!(otlp.headers[0].1.is_sensitive() && otlp.gzip);
        assert_eq!(otlp.timeout, Duration::from_millis(2_500));
        assert_eq!(otlp.interval, Duration::from_secs(60));
        assert_eq!(otlp.form, HistogramForm::Exponential);
        assert_eq!(otlp.service_name, "load");
        assert_eq!(otlp.attributes, [("team".to_owned(), "a,b".to_owned())]);
        // A flag comes first.
        let otlp = settings(Some("http://b:1"), &set).unwrap().unwrap().otlp;
        assert_eq!(otlp.unwrap().url.to_string(), "http://b:1");
    }

    #[test]
    fn errors_name_the_variable_and_no_secret() {
        for (variable, value, reason) in [
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc", "http/protobuf"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "s3cret", "name=value"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a b=s3cret", "name"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=s3cret%0a", "value of a"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "999", "1000"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "0", "milliseconds"),
            ("OTEL_EXPORTER_OTLP_COMPRESSION", "zstd", "gzip and none"),
        ] {
            let error = settings(Some("http://a"), &[(variable, value)]).unwrap_err();
            let error = error.to_string();
            assert!(
                error.contains(variable) && error.contains(reason),
                "{error}"
            );
            assert!(!error.contains("s3cret"), "{error}");
        }
        let set = [("OTEL_EXPORTER_OTLP_ENDPOINT", "a:4318")];
        assert!(
            settings(None, &set)
                .unwrap_err()
                .to_string()
                .contains("ENDPOINT")
        );
        let short = Settings::new(None, None, Some(Duration::from_millis(10)), &|_| None);
        assert!(
            short
                .unwrap_err()
                .to_string()
                .contains("--telemetry-interval")
        );
    }
}
