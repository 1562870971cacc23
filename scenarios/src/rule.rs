//! The objectives (SLO) that a run must meet.

use std::fmt;

use crate::error::ScenarioError;
use crate::fields::{Value, clip};
use crate::load::Model;
use crate::nearest::suggestion;
use crate::request::Kind;
use crate::scenario::Scenario;
use crate::units::parse_duration;

mod abort;

pub use abort::Abort;

/// An objective: a metric of some requests, compared with a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The rule as written; one that is written as a table, as the text that says the same.
    pub text: String,
    /// What is compared.
    pub metric: Metric,
    /// How.
    pub comparison: Comparison,
    /// With what: nanoseconds for latencies, a fraction for errors and rate.
    pub limit: f64,
    /// Of which requests.
    pub scope: Scope,
    /// Whether and when missing it ends the run.
    pub abort: Option<Abort>,
    /// Where it stands, for what is only found out later.
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// What a rule compares.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// The latency at a quantile, a fraction such as 0.99.
    Quantile(Latency, f64),
    /// The mean latency.
    Mean(Latency),
    /// The highest latency.
    Max(Latency),
    /// What came to nothing among what came to an end:
    /// (failed + dropped) / (completed + failed + dropped).
    Errors,
    /// Achieved rate by offered rate.
    Rate,
}

/// Which latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// From the intended time; what a user feels.
    Response,
    /// From the time of sending.
    Service,
}

/// How a metric is compared with its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    Greater,
    /// `>=`
    GreaterOrEqual,
}

/// Which requests a rule is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All of them.
    All,
    /// All reads or all writes.
    Kind(Kind),
    /// One; an index into [`Scenario::requests`].
    Request(usize),
}

/// A percentile with fewer samples beyond it says nothing.
const SAMPLES_BEYOND: f64 = 10.0;

const FORM: &str = "write rules as `p99 < 50ms for \"read post\"`, `errors < 0.1%` or `rate > 99%`";

impl Comparison {
    /// Says whether a value meets a limit.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::LessOrEqual => value <= limit,
            Self::Greater => value > limit,
            Self::GreaterOrEqual => value >= limit,
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Greater => ">",
            Self::GreaterOrEqual => ">=",
        })
    }
}

impl Rule {
    /// Reads one rule; the names of the requests must be known by now.
    pub(crate) fn read(value: &Value<'_>, names: &[&str]) -> Result<Self, ScenarioError> {
        let (value, mut abort) = match value.is_table() {
            true => Abort::of_table(value)?,
            false => (value.clone(), None),
        };
        let value = &value;
        let (text, by_text) = Abort::split(value.text()?, value)?;
        abort = abort.or(by_text);
        let place = value.error("");
        let wrong = |message: String| value.error(message).hint(FORM);
        let Some(at) = text.find(['<', '>']) else {
            return Err(wrong(format!("rule `{}` compares nothing", clip(text))));
        };
        let (left, right) = text.split_at(at);
        let (comparison, right) = match (right.as_bytes(), &right[1..]) {
            ([b'<', b'=', ..], rest) => (Comparison::LessOrEqual, &rest[1..]),
            ([b'>', b'=', ..], rest) => (Comparison::GreaterOrEqual, &rest[1..]),
            ([b'<', ..], rest) => (Comparison::Less, rest),
            (_, rest) => (Comparison::Greater, rest),
        };
        let metric = metric(left).ok_or_else(|| {
            let known = [
                "p50",
                "p90",
                "p99",
                "mean",
                "max",
                "errors",
                "rate",
                "service p99",
            ];
            wrong(format!("`{}` is no metric", clip(left.trim())))
                .maybe_hint(suggestion(left.trim(), known))
        })?;
        let (limit, scope) = match right.trim().split_once(char::is_whitespace) {
            None => (right.trim(), ""),
            Some((limit, scope)) => (limit, scope.trim()),
        };
        let limit = read_limit(metric, limit, left.contains('(')).map_err(|(message, hint)| {
            value
                .error(format!("rule `{}`: {message}", clip(text)))
                .hint(hint)
        })?;
        let scope = match scope {
            "" => Scope::All,
            scope => match scope.strip_prefix("for").map(str::trim) {
                Some("reads") => Scope::Kind(Kind::Read),
                Some("writes") => Scope::Kind(Kind::Write),
                Some(name) => {
                    let Some(name) = name
                        .strip_prefix('"')
                        .and_then(|name| name.strip_suffix('"'))
                    else {
                        return Err(wrong(format!("`{}` names no requests", clip(scope))).hint(
                            "end a rule with `for reads`, `for writes` or `for \"read post\"`",
                        ));
                    };
                    let known = names.iter().position(|known| *known == name);
                    Scope::Request(known.ok_or_else(|| {
                        value
                            .error(format!(
                                "the rule is for a request that the scenario has not: `{}`",
                                clip(name)
                            ))
                            .maybe_hint(suggestion(name, names.iter().copied()))
                    })?)
                }
                None => return Err(wrong(format!("a rule can't end with `{}`", clip(scope)))),
            },
        };
        let written = match abort {
            Some(abort) => format!("{text}, {abort}"),
            None => text.to_owned(),
        };
        if abort.is_some() && metric == Metric::Rate {
            return Err(value
                .error(format!(
                    "rule `{}` can't abort a run: what is in flight may still come back in time",
                    clip(text)
                ))
                .hint(
                    "abort on `errors` or on a latency, and judge the rate when the run is over",
                ));
        }
        let rule = Self {
            text: written,
            metric,
            comparison,
            limit,
            scope,
            abort,
            line: place.line,
            column: place.column,
        };
        rule.refuse_impossible()
            .map_err(|message| value.error(message).hint(FORM))?;
        Ok(rule)
    }

    /// Refuses what no run could ever meet, or fail.
    fn refuse_impossible(&self) -> Result<(), String> {
        let fraction = matches!(self.metric, Metric::Errors | Metric::Rate);
        let why = match self.comparison {
            Comparison::Less if self.limit <= 0.0 => "nothing is below 0",
            Comparison::GreaterOrEqual if self.limit <= 0.0 => "everything is at least 0",
            Comparison::Greater if fraction && self.limit >= 1.0 => "nothing is above 100%",
            Comparison::LessOrEqual if fraction && self.limit >= 1.0 => {
                "everything is at most 100%"
            }
            _ => return Ok(()),
        };
        Err(format!(
            "rule `{}` decides nothing: {why}",
            clip(&self.text)
        ))
    }

    /// Refuses what a run of the scenario could not judge.
    pub(crate) fn check(&self, scenario: &Scenario) -> Result<(), ScenarioError> {
        let wrong = |message: String| {
            let mut error = ScenarioError::whole(
                &scenario.origin,
                format!("rule `{}` {message}", clip(&self.text)),
            );
            (error.line, error.column) = (self.line, self.column);
            error
        };
        if self.metric == Metric::Rate {
            if scenario.load.model == Model::Closed {
                return Err(
                    wrong("can't be judged: a closed model offers no rate".to_owned())
                        .hint("leave it out, or write load.model = \"open\""),
                );
            }
            if self.scope != Scope::All {
                return Err(
                    wrong("can't be judged: the rate is that of the whole run".to_owned())
                        .hint("leave out `for ...`"),
                );
            }
        }
        let (what, expected) = scenario.expected_samples(self.scope);
        let Some(expected) = expected else {
            return Ok(());
        };
        let (needed, beyond) = match self.metric {
            Metric::Quantile(_, quantile) => (SAMPLES_BEYOND / (1.0 - quantile), true),
            _ => (1.0, false),
        };
        // Half a request of slack, for what is expected is a mean.
        if expected + 0.5 >= needed {
            return Ok(());
        }
        let reason = if expected < 0.5 {
            format!("can't be judged: the scenario sends no {what}")
        } else if beyond {
            format!(
                "can't be judged: about {expected:.0} {what} are counted, and fewer than {SAMPLES_BEYOND} would lie beyond the percentile"
            )
        } else {
            format!("can't be judged: about {expected:.1} {what} are counted")
        };
        Err(wrong(reason).hint(if expected < 0.5 {
            "name a request that has a weight".to_owned()
        } else {
            format!("it takes {:.0} of them: run longer, at a higher rate, or ask for a lower percentile", (needed - 1e-6).ceil())
        }))
    }
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

fn metric(text: &str) -> Option<Metric> {
    let mut words = text.split_whitespace();
    let (mut word, mut latency) = (words.next()?, None);
    for (name, named) in [
        ("service", Latency::Service),
        ("response", Latency::Response),
    ] {
        if word == name {
            (word, latency) = (words.next()?, Some(named));
            break;
        }
    }
    if words.next().is_some() {
        return None;
    }
    let measured = latency.unwrap_or(Latency::Response);
    match (word, latency) {
        ("errors", None) => return Some(Metric::Errors),
        ("rate", None) => return Some(Metric::Rate),
        ("mean" | "avg", _) => return Some(Metric::Mean(measured)),
        ("max", _) => return Some(Metric::Max(measured)),
        ("median" | "med", _) => return Some(Metric::Quantile(measured, 0.5)),
        _ => {}
    }
    let digits = word.strip_prefix('p')?;
    let digits = match digits.strip_prefix('(') {
        Some(digits) => digits.strip_suffix(')')?,
        None => digits,
    };
    if digits.is_empty()
        || !digits
            .bytes()
            .all(|byte| byte.is_ascii_digit() || byte == b'.')
    {
        return None;
    }
    // As everywhere in the field, p999 is 99.9%, and p9999 99.99%.
    let percent: f64 = match digits.len() {
        3.. if !digits.contains('.') && digits.starts_with("99") => {
            format!("{}.{}", &digits[..2], &digits[2..]).parse().ok()?
        }
        _ => digits.parse().ok()?,
    };
    (percent > 0.0 && percent < 100.0).then_some(Metric::Quantile(measured, percent / 100.0))
}

/// Returns the limit in nanoseconds or as a fraction. `k6` is the form `p(99)<500`, where a bare number
/// is in milliseconds.
fn read_limit(metric: Metric, text: &str, k6: bool) -> Result<f64, (String, String)> {
    let shown = clip(text);
    let percent = |form: &str| match text.strip_suffix('%').map(str::parse::<f64>) {
        Some(Ok(percent)) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        Some(Ok(_)) => Err((
            format!("{shown} is out of its range of 0% to 100%"),
            form.to_owned(),
        )),
        _ => Err((format!("`{shown}` is not a percentage"), form.to_owned())),
    };
    match metric {
        Metric::Errors => percent("write it as `errors < 0.1%`"),
        Metric::Rate => percent("write it as `rate > 99%`"),
        Metric::Quantile(..) | Metric::Mean(_) | Metric::Max(_) => {
            if k6
                && let Ok(milliseconds) = text.parse::<f64>()
                && (0.0..1e12).contains(&milliseconds)
            {
                return Ok(milliseconds * 1e6);
            }
            if text.parse::<f64>().is_ok() {
                let hint = format!("write it with its unit, such as `{shown}ms`");
                return Err((format!("`{shown}` is a bare number, not a duration"), hint));
            }
            parse_duration(text)
                .map(|duration| duration.as_nanos() as f64)
                .map_err(|error| (error.message, error.hint))
        }
    }
}
