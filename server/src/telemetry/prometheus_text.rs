//! Writer of the Prometheus text exposition format, version 0.0.4.
//!
//! The crate `prometheus-client` has no summaries and writes the bucket bound `1` as `1.0`, so that
//! a scraper would see another type and other labels.

use std::fmt::{self, Display, Write};

/// Media type of the format.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Labels of a sample: names and values.
pub(super) type Labels<'a> = &'a [(&'a str, &'a dyn Display)];

/// Type of a metric.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
    Summary,
}

impl Kind {
    fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Histogram => "histogram",
            Self::Summary => "summary",
        }
    }
}

/// Metrics in the text format.
#[derive(Debug)]
pub(super) struct PrometheusText(String);

impl PrometheusText {
    /// Creates an empty text with room for `capacity` bytes.
    pub(super) fn with_capacity(capacity: usize) -> Self {
        Self(String::with_capacity(capacity))
    }

    /// Begins a metric: its samples follow.
    pub(super) fn metric(&mut self, name: &str, kind: Kind, help: &str) {
        let help = Escaped {
            text: help,
            quotes: false,
        };
        let kind = kind.name();
        self.line(format_args!("# HELP {name} {help}\n# TYPE {name} {kind}"));
    }

    /// Writes a metric of a single sample without labels.
    pub(super) fn value(&mut self, name: &str, kind: Kind, help: &str, value: impl Display) {
        self.metric(name, kind, help);
        self.sample(name, &[], value);
    }

    /// Writes a sample.
    pub(super) fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        let labels = LabelSet {
            labels,
            bound: None,
        };
        self.line(format_args!("{name}{labels} {value}"));
    }

    /// Writes the samples of a histogram. `buckets` are upper bounds with cumulative counts, without
    /// `+Inf`; `count` is the number of all observations.
    pub(super) fn histogram<B: Display>(
        &mut self,
        name: &str,
        labels: Labels<'_>,
        buckets: impl IntoIterator<Item = (B, u64)>,
        sum: impl Display,
        count: u64,
    ) {
        for (bound, below) in buckets {
            let labels = LabelSet {
                labels,
                bound: Some(&bound),
            };
            self.line(format_args!("{name}_bucket{labels} {below}"));
        }
        let labels = LabelSet {
            labels,
            bound: Some(&"+Inf"),
        };
        self.line(format_args!("{name}_bucket{labels} {count}"));
        self.sum_and_count(name, labels.labels, sum, count);
    }

    /// Writes the sum and the count of a summary or a histogram.
    pub(super) fn sum_and_count(
        &mut self,
        name: &str,
        labels: Labels<'_>,
        sum: impl Display,
        count: u64,
    ) {
        let labels = LabelSet {
            labels,
            bound: None,
        };
        self.line(format_args!("{name}_sum{labels} {sum}"));
        self.line(format_args!("{name}_count{labels} {count}"));
    }

    /// Returns the text.
    pub(super) fn finish(self) -> String {
        self.0
    }

    fn line(&mut self, line: fmt::Arguments<'_>) {
        // Writing to a string never fails.
        let _ = writeln!(self.0, "{line}");
    }
}

/// Labels in braces; nothing without labels.
struct LabelSet<'a> {
    labels: Labels<'a>,
    /// Upper bound of a bucket: the label `le`, after the others.
    bound: Option<&'a dyn Display>,
}

impl Display for LabelSet<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bound = self.bound.map(|bound| ("le", bound));
        let mut separator = '{';
        for (name, value) in self.labels.iter().copied().chain(bound) {
            let value = value.to_string();
            let value = Escaped {
                text: &value,
                quotes: true,
            };
            write!(out, "{separator}{name}=\"{value}\"")?;
            separator = ',';
        }
        if separator == ',' {
            out.write_char('}')?;
        }
        Ok(())
    }
}

/// Text with backslashes and line feeds escaped, and quotes too in the value of a label.
struct Escaped<'a> {
    text: &'a str,
    quotes: bool,
}

impl Display for Escaped<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for piece in self.text.split_inclusive(['\\', '\n', '"']) {
            let escape = match piece.as_bytes().last() {
                Some(b'\\') => "\\\\",
                Some(b'\n') => "\\n",
                Some(b'"') if self.quotes => "\\\"",
                _ => {
                    out.write_str(piece)?;
                    continue;
                }
            };
            out.write_str(&piece[..piece.len() - 1])?;
            out.write_str(escape)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut PrometheusText)) -> String {
        let mut text = PrometheusText::with_capacity(0);
        write(&mut text);
        text.finish()
    }

    #[test]
    fn writes_value_with_help_and_type() {
        let text = text(|text| text.value("store_commits_total", Kind::Counter, "Commits.", 3));
        let expected = "# HELP store_commits_total Commits.\n\
                        # TYPE store_commits_total counter\n\
                        store_commits_total 3\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn writes_labels_in_order() {
        let text = text(|text| text.sample("lag", &[("b", &1), ("a", &"x y")], 0.25));
        assert_eq!(text, "lag{b=\"1\",a=\"x y\"} 0.25\n");
    }

    #[test]
    fn escapes_labels_and_help() {
        let sample = text(|text| text.sample("m", &[("path", &"a\"b\\c\nd\n")], 1));
        assert_eq!(sample, "m{path=\"a\\\"b\\\\c\\nd\\n\"} 1\n");
        let help = text(|text| text.metric("m", Kind::Gauge, "a \"b\" \\ c\nd"));
        assert_eq!(help, "# HELP m a \"b\" \\\\ c\\nd\n# TYPE m gauge\n");
    }

    #[test]
    fn writes_histogram_with_infinite_bucket() {
        let buckets = [("0.1", 2), ("1", 3)];
        let text = text(|text| text.histogram("d", &[("route", &"/")], buckets, 1.5, 4));
        let expected = "d_bucket{route=\"/\",le=\"0.1\"} 2\n\
                        d_bucket{route=\"/\",le=\"1\"} 3\n\
                        d_bucket{route=\"/\",le=\"+Inf\"} 4\n\
                        d_sum{route=\"/\"} 1.5\n\
                        d_count{route=\"/\"} 4\n";
        assert_eq!(text, expected);
    }

    #[test]
    fn writes_summary_without_labels() {
        let text = text(|text| text.sum_and_count("wait", &[], 0.5, 2));
        assert_eq!(text, "wait_sum 0.5\nwait_count 2\n");
    }
}
