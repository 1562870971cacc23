//! Selectors of metrics, as Prometheus writes them.

use std::fmt;
use std::str::FromStr;

use crate::metrics::{self, Sample};

/// A metric by its name and the values of some of its labels: `queue_depth{queue="mail"}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MetricSelector {
    text: String,
    name: String,
    labels: Vec<(String, String)>,
}

impl MetricSelector {
    /// Name of the metric.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns whether a sample has the name, and the labels with their values.
    pub fn accepts(&self, sample: &Sample) -> bool {
        let mut labels = self.labels.iter();
        sample.name == self.name
            && labels.all(|(name, value)| sample.label(name) == Some(value.as_str()))
    }
}

impl fmt::Display for MetricSelector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

impl FromStr for MetricSelector {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let form = "write a name, or `name{label=\"value\"}`";
        let wrong = |reason| format!("`{text}` is not a metric: {reason}; {form}");
        let (name, labels, rest) = metrics::parse_name(text).map_err(wrong)?;
        if !rest.trim().is_empty() {
            return Err(wrong("it has text after the labels".to_owned()));
        }
        Ok(Self {
            text: text.to_owned(),
            name: name.to_owned(),
            labels,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn selects_by_name_and_labels() {
        let sample = |name: &str, queue: &str| Sample {
            name: name.to_owned(),
            labels: vec![
                ("queue".to_owned(), queue.to_owned()),
                ("host".to_owned(), "a".to_owned()),
            ],
            value: 1.0,
        };
        let selector: MetricSelector = " depth{queue=\"mail\"} ".parse().unwrap();
        assert_eq!(selector.to_string(), "depth{queue=\"mail\"}");
        assert!(selector.accepts(&sample("depth", "mail")));
        assert!(!selector.accepts(&sample("depth", "other")));
        assert!(!selector.accepts(&sample("width", "mail")));
        let all: MetricSelector = "depth".parse().unwrap();
        assert!(all.accepts(&sample("depth", "other")));
    }

    #[test]
    fn refuses_other_text() {
        for text in [
            "",
            "a b",
            "a{b=c}",
            "a{b=\"c\"",
            "a{b=\"c\"} 1",
            "1a",
            "a>1",
        ] {
            let error = text.parse::<MetricSelector>().unwrap_err();
            assert!(error.contains("write a name"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails(text in "\\PC*|[a-z{}\",=\\\\ 0-9]{0,40}") {
            if let Ok(selector) = text.parse::<MetricSelector>() {
                prop_assert_eq!(selector.to_string().parse(), Ok(selector));
            }
        }
    }
}
