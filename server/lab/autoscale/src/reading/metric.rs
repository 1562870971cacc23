//! A metric and its target.

use std::ops::Range;

use serde::Deserialize;
use serde::de::{self, Visitor};
use toml::Spanned;

use super::misplaced::{Misplaced, check_name, misplaced};
use crate::policy::quantity::{self, ByteRate, Percent};
use crate::policy::{Metric, Signal};

/// Longest query, in bytes.
const QUERY_BYTES_MAX: usize = 2_000;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct MetricDocument {
    #[serde(rename = "type")]
    kind: Kind,
    target: Spanned<Target>,
    quantile: Option<Spanned<f64>>,
    name: Option<Spanned<String>>,
    query: Option<Spanned<String>>,
}

#[derive(Deserialize, Clone, Copy, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Cpu,
    Latency,
    Network,
    Custom,
}

/// A target: a quantity with its unit, or a number.
enum Target {
    Text(String),
    Number(f64),
}

impl<'de> Deserialize<'de> for Target {
    fn deserialize<D: de::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct TargetVisitor;
        impl Visitor<'_> for TargetVisitor {
            type Value = Target;

            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a quantity such as \"60%\", \"250ms\" or \"2MB/s\", or a number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Target, E> {
                Ok(Target::Text(text.to_owned()))
            }

            fn visit_i64<E: de::Error>(self, number: i64) -> Result<Target, E> {
                Ok(Target::Number(number as f64))
            }

            fn visit_f64<E: de::Error>(self, number: f64) -> Result<Target, E> {
                Ok(Target::Number(number))
            }
        }
        deserializer.deserialize_any(TargetVisitor)
    }
}

impl MetricDocument {
    pub(super) fn metric(self, span: &Range<usize>, path: &str) -> Result<Metric, Misplaced> {
        let kind = self.kind;
        let unused = [
            (
                "quantile",
                self.quantile.as_ref().map(Spanned::span),
                Kind::Latency,
            ),
            ("name", self.name.as_ref().map(Spanned::span), Kind::Custom),
            (
                "query",
                self.query.as_ref().map(Spanned::span),
                Kind::Custom,
            ),
        ];
        for (field, place, of) in unused {
            if let Some(span) = place.filter(|_| kind != of) {
                let of = if of == Kind::Latency {
                    "latency"
                } else {
                    "custom"
                };
                return Err(Misplaced {
                    span,
                    field: format!("{path}.{field}"),
                    message: format!("only a metric with type = \"{of}\" has this field"),
                });
            }
        }
        let field = format!("{path}.target");
        let refused = |message: String| misplaced(&self.target, &*field, message);
        let written = match self.target.get_ref() {
            Target::Text(text) => text.clone(),
            Target::Number(number) => number.to_string(),
        };
        let (name, signal) = match kind {
            Kind::Cpu => (
                "cpu".to_owned(),
                Signal::Cpu {
                    target: Percent::try_from(written).map_err(refused)?,
                },
            ),
            Kind::Network => (
                "network".to_owned(),
                Signal::Network {
                    target: ByteRate::try_from(written).map_err(refused)?,
                },
            ),
            Kind::Latency => (
                "latency".to_owned(),
                Signal::Latency {
                    target_s: quantity::latency_s(&written).map_err(refused)?,
                    quantile: self.quantile(path)?,
                },
            ),
            Kind::Custom => {
                let Some(name) = &self.name else {
                    return Err(Misplaced {
                        span: span.clone(),
                        field: path.to_owned(),
                        message:
                            "a custom metric needs a name, such as name = \"requests_in_flight\""
                                .to_owned(),
                    });
                };
                check_name(name.get_ref(), &name.span(), &format!("{path}.name"), '_')?;
                let target = match self.target.get_ref() {
                    Target::Number(number) if (1e-3..=1e12).contains(number) => *number,
                    _ => {
                        let message = format!(
                            "`{}` is no target of a custom metric; write a number from 0.001 to 1e12, such as 16",
                            quantity::clip(&written)
                        );
                        return Err(refused(message));
                    }
                };
                let query = self
                    .query
                    .map(|query| checked_query(&query, path))
                    .transpose()?;
                (name.get_ref().clone(), Signal::Custom { target, query })
            }
        };
        Ok(Metric { name, signal })
    }

    fn quantile(&self, path: &str) -> Result<f64, Misplaced> {
        match &self.quantile {
            None => Ok(0.99),
            Some(quantile) if (0.01..=0.9999).contains(quantile.get_ref()) => {
                Ok(*quantile.get_ref())
            }
            Some(quantile) => Err(misplaced(
                quantile,
                format!("{path}.quantile"),
                "allowed are 0.01 to 0.9999, such as 0.99",
            )),
        }
    }
}

fn checked_query(query: &Spanned<String>, path: &str) -> Result<String, Misplaced> {
    let text = query.get_ref().trim();
    let is_plain = text.chars().all(|c| !c.is_control() || c == '\n');
    match is_plain && (1..=QUERY_BYTES_MAX).contains(&text.len()) {
        true => Ok(text.to_owned()),
        false => {
            let message = format!(
                "write a PromQL expression of at most {QUERY_BYTES_MAX} bytes without control characters"
            );
            Err(misplaced(query, format!("{path}.query"), message))
        }
    }
}
