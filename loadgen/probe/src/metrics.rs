//! Metrics that a target reports at `/metrics`, as Prometheus text.

use std::collections::BTreeMap;
use std::time::Duration;

use tenfold_run_dir::target_metrics::MetricKind;

use crate::{AdminListener, ProbeError, http};

/// Timeout of a scrape.
const TIMEOUT: Duration = Duration::from_secs(5);

/// Longest document that is read, in bytes.
const BYTES_MAX: u64 = 16 * 1024 * 1024;

/// The metrics of one scrape.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Metrics {
    samples: Vec<Sample>,
    /// Types of metrics, by name.
    types: BTreeMap<String, String>,
}

/// One line of a scrape: a name, its labels and its value.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Name of the metric, such as `http_server_requests_total`.
    pub name: String,
    /// Labels in order, unescaped.
    pub labels: Vec<(String, String)>,
    /// Value.
    pub value: f64,
}

impl Metrics {
    /// Reads the metrics at a listener's URL, or at `/metrics` if the URL has no path.
    ///
    /// # Errors
    ///
    /// If there is no response within 5 s, its status is not 200, or it is not Prometheus text.
    pub fn scrape(listener: &AdminListener) -> Result<Self, ProbeError> {
        let client = http::client(listener, TIMEOUT);
        scrape(&client, listener.url(), TIMEOUT)
    }

    /// Parses Prometheus text, format 0.0.4. Skips what OpenMetrics adds to a line. `source` names the text in errors.
    ///
    /// # Errors
    /// If a line is malformed, as in Prometheus. A page of HTML is not an empty set of metrics.
    pub fn parse(source: &str, text: &str) -> Result<Self, ProbeError> {
        let mut samples = Vec::new();
        let mut types = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let line = line.trim();
            if let Some(comment) = line.strip_prefix('#') {
                let mut words = comment.split_ascii_whitespace();
                if words.next() == Some("TYPE")
                    && let (Some(name), Some(kind)) = (words.next(), words.next())
                {
                    types.insert(name.to_owned(), kind.to_owned());
                }
                continue;
            }
            if line.is_empty() {
                continue;
            }
            samples.push(parse_sample(line).map_err(|reason| ProbeError::NotMetrics {
                url: source.to_owned(),
                line: index + 1,
                reason,
            })?);
        }
        Ok(Self { samples, types })
    }

    /// Returns the kind of the samples of a name: by its type, or else by its suffix.
    ///
    /// Sums and counts of histograms and summaries are counters.
    pub fn kind(&self, name: &str) -> MetricKind {
        let suffixes = ["_total", "_sum", "_count", "_bucket"];
        let stem = suffixes.iter().find_map(|suffix| name.strip_suffix(suffix));
        let own = self.types.get(name).map(String::as_str);
        let of_stem = stem
            .and_then(|stem| self.types.get(stem))
            .map(String::as_str);
        match (own, of_stem) {
            (Some("counter"), _) => MetricKind::Counter,
            (Some("gauge" | "summary"), _) => MetricKind::Gauge,
            (_, Some("counter" | "histogram" | "summary")) => MetricKind::Counter,
            (_, Some("gauge")) => MetricKind::Gauge,
            _ if stem.is_some() => MetricKind::Counter,
            _ => MetricKind::Gauge,
        }
    }

    /// Samples, in the order of the document.
    pub fn samples(&self) -> &[Sample] {
        &self.samples
    }

    /// Returns the sum of all samples of a name, over all labels. `None` if there is no such sample.
    pub fn sum(&self, name: &str) -> Option<f64> {
        self.sum_where(name, |_| true)
    }

    /// Returns the sum of the samples of a name that `keep` accepts. `None` if there is no such sample.
    pub fn sum_where(&self, name: &str, keep: impl Fn(&Sample) -> bool) -> Option<f64> {
        self.samples
            .iter()
            .filter(|sample| sample.name == name && keep(sample))
            .map(|sample| sample.value)
            .reduce(|sum, value| sum + value)
    }

    /// Returns the sum of a counter over all labels, as an integer. `None` if it is absent, negative or not finite.
    ///
    /// Exact up to 2^53, because the text format has floating-point values.
    pub fn counter_sum(&self, name: &str) -> Option<u64> {
        let sum = self.sum(name)?;
        (sum.is_finite() && sum >= 0.0).then_some(sum.round() as u64)
    }
}

impl Sample {
    /// Returns the value of a label. `None` if the sample does not have it.
    pub fn label(&self, name: &str) -> Option<&str> {
        self.labels
            .iter()
            .find(|(label, _)| label == name)
            .map(|(_, value)| value.as_str())
    }
}

/// Reads the metrics with an existing client, which keeps its connection.
pub(crate) fn scrape(
    client: &ureq::Agent,
    url: &str,
    timeout: Duration,
) -> Result<Metrics, ProbeError> {
    let url = metrics_url(url);
    let response = http::get(client, &url, timeout, BYTES_MAX)?;
    Metrics::parse(&url, &String::from_utf8_lossy(&response.body))
}

fn metrics_url(url: &str) -> String {
    let url = http::join(url, "");
    let after_scheme = url.split_once("://").map_or(url.as_str(), |(_, rest)| rest);
    if after_scheme.contains('/') {
        url
    } else {
        format!("{url}/metrics")
    }
}

/// Parses the name and the labels of a sample. Returns them, and the rest of the line.
pub(crate) fn parse_name(line: &str) -> Result<(&str, Labels, &str), String> {
    let end = line
        .find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == ':'))
        .unwrap_or(line.len());
    let (name, rest) = line.split_at(end);
    if name.is_empty() || name.starts_with(|c: char| c.is_ascii_digit()) {
        return Err("it does not start with the name of a metric".into());
    }
    let rest = rest.trim_start();
    let (labels, rest) = match rest.strip_prefix('{') {
        Some(rest) => parse_labels(rest)?,
        None => (Vec::new(), rest),
    };
    Ok((name, labels, rest))
}

fn parse_sample(line: &str) -> Result<Sample, String> {
    let (name, labels, rest) = parse_name(line)?;
    let value = rest
        .split_ascii_whitespace()
        .next()
        .ok_or_else(|| format!("{name} has no value"))?;
    Ok(Sample {
        name: name.to_owned(),
        labels,
        // Accepts `+Inf`, `-Inf` and `NaN` too.
        value: value
            .parse()
            .map_err(|_| format!("`{}` is not a number", value.escape_debug()))?,
    })
}

type Labels = Vec<(String, String)>;

/// Parses labels after the opening brace. Returns them, and the rest after the closing brace.
fn parse_labels(mut rest: &str) -> Result<(Labels, &str), String> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start();
        if let Some(after) = rest.strip_prefix('}') {
            return Ok((labels, after));
        }
        let (name, after) = rest.split_once('=').ok_or("a label has no value")?;
        let quoted = after
            .trim_start()
            .strip_prefix('"')
            .ok_or("the value of a label is not quoted")?;
        let (value, after) = parse_quoted(quoted)?;
        labels.push((name.trim().to_owned(), value));
        rest = after.trim_start();
        rest = match rest.strip_prefix(',') {
            Some(after) => after,
            None if rest.starts_with('}') => rest,
            None => return Err("the closing brace is missing".into()),
        };
    }
}

/// Parses a quoted value after the opening quote. Returns it, and the rest after the closing quote.
fn parse_quoted(text: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = text.char_indices();
    while let Some((index, c)) = chars.next() {
        match c {
            '"' => return Ok((value, &text[index + 1..])),
            '\\' => match chars.next() {
                Some((_, 'n')) => value.push('\n'),
                Some((_, escaped @ ('\\' | '"'))) => value.push(escaped),
                // Prometheus keeps unknown escapes.
                Some((_, other)) => value.extend(['\\', other]),
                None => break,
            },
            c => value.push(c),
        }
    }
    Err("the closing quote of a label is missing".into())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SCRAPE: &str = "\
# HELP http_server_requests_total Requests, counted when their headers are read.
# TYPE http_server_requests_total counter
http_server_requests_total{method=\"GET\",route=\"/v1/posts/{id}\",status=\"200\"} 41
http_server_requests_total{method=\"POST\",} 1 1395066363000
http_server_requests_total_other 7

process_cpu_seconds_total 1.25e2
weird{path=\"C:\\\\DIR\\n\\\"x\\\" \\q\"} +Inf
nan NaN
latency_bucket{le=\"0.1\"} 3 # {trace_id=\"x\"} 0.05
";

    #[test]
    fn parses_a_scrape() {
        let metrics = Metrics::parse("here", SCRAPE).unwrap();
        assert_eq!(metrics.counter_sum("http_server_requests_total"), Some(42));
        assert_eq!(metrics.sum("process_cpu_seconds_total"), Some(125.0));
        assert_eq!(metrics.sum("latency_bucket"), Some(3.0));
        assert_eq!(metrics.sum("absent"), None);
        assert_eq!(metrics.counter_sum("weird"), None);
        assert_eq!(metrics.counter_sum("nan"), None);
        let weird = metrics
            .samples()
            .iter()
            .find(|s| s.name == "weird")
            .unwrap();
        assert_eq!(weird.label("path"), Some("C:\\DIR\n\"x\" \\q"));
        assert_eq!(weird.label("absent"), None);
        let get = metrics.sum_where("http_server_requests_total", |sample| {
            sample.label("method") == Some("GET")
        });
        assert_eq!(get, Some(41.0));
    }

    #[test]
    fn reports_the_line_of_malformed_text() {
        for (text, line) in [
            ("<!doctype html>", 1),
            ("a 1\nb", 2),
            ("a{b=\"c} 1", 1),
            ("a{b=c} 1", 1),
            ("a{b=\"c\" 1", 1),
            ("a{b=\"c\"}", 1),
            ("a one", 1),
            ("1a 1", 1),
            ("a{", 1),
        ] {
            match Metrics::parse("here", text) {
                Err(ProbeError::NotMetrics { line: found, .. }) => {
                    assert_eq!(found, line, "{text}")
                }
                other => panic!("{text}: {other:?}"),
            }
        }
    }

    #[test]
    fn kinds_follow_types_then_suffixes() {
        let text = "# TYPE a counter\n# TYPE b_total gauge\n# TYPE h histogram\n# TYPE o counter\n# TYPE s summary\na 1\n";
        let metrics = Metrics::parse("here", text).unwrap();
        for (name, kind) in [
            ("a", MetricKind::Counter),
            ("b_total", MetricKind::Gauge),
            ("h_sum", MetricKind::Counter),
            ("o_total", MetricKind::Counter),
            ("s", MetricKind::Gauge),
            ("s_count", MetricKind::Counter),
            ("unknown_total", MetricKind::Counter),
            ("unknown", MetricKind::Gauge),
        ] {
            assert_eq!(metrics.kind(name), kind, "{name}");
        }
    }

    #[test]
    fn default_path_is_metrics() {
        assert_eq!(metrics_url("127.0.0.1:9"), "http://127.0.0.1:9/metrics");
        assert_eq!(metrics_url("http://a/"), "http://a/metrics");
        assert_eq!(
            metrics_url("http://a/admin/prometheus"),
            "http://a/admin/prometheus"
        );
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails(text in "\\PC*|[a-z{}\",=\\\\ 0-9\n#]{0,60}") {
            let _ = Metrics::parse("here", &text);
        }

        #[test]
        fn parses_what_is_written(
            name in "[a-zA-Z_:][a-zA-Z0-9_:]{0,20}",
            label in "[a-zA-Z_][a-zA-Z0-9_]{0,10}",
            text in "[^\r]{0,20}",
            value in any::<f64>().prop_filter("a NaN equals nothing", |value| !value.is_nan()),
        ) {
            let escaped = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            prop_assume!(escaped.lines().count() <= 1);
            let metrics = Metrics::parse("here", &format!("{name}{{{label}=\"{escaped}\"}} {value}\n"))?;
            let expected = Sample { name, labels: vec![(label, text)], value };
            prop_assert_eq!(metrics.samples(), &[expected]);
        }
    }
}
