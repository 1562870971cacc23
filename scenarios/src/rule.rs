//! Objectives (SLO) of a run.

use std::fmt;

use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;
use crate::format::nearest::suggestion;
use crate::format::units::parse_duration;
use crate::request::{Kind, Request};

mod abort;

pub use abort::Abort;

/// An objective: a metric of some requests, compared with a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// The rule as text; if it was written as a table, the equivalent text.
    pub text: String,
    /// Metric to compare.
    pub metric: Metric,
    /// Comparison operator.
    pub comparison: Comparison,
    /// Limit: nanoseconds for latencies, a fraction for errors and rate.
    pub limit: f64,
    /// Requests to which the rule applies.
    pub scope: Scope,
    /// Phase to which the rule applies, an index into [`Scenario::phases`](crate::Scenario::phases); `None` for all counted
    /// phases.
    pub phase: Option<usize>,
    /// Condition for ending the run early; `None` if the rule never does.
    pub abort: Option<Abort>,
    /// Position in the scenario, for later errors.
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Metric of a rule.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Metric {
    /// Latency at a quantile, a fraction such as 0.99.
    Quantile(Latency, f64),
    /// Mean latency.
    Mean(Latency),
    /// Maximum latency.
    Max(Latency),
    /// Error rate: (failed + dropped) / (completed + failed + dropped).
    Errors,
    /// Achieved rate divided by offered rate.
    Rate,
}

/// Kind of latency.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Latency {
    /// Response time, from the intended time: what a user experiences.
    Response,
    /// Service time, from the time of sending.
    Service,
    /// Time from the intended time of a request to the first event of its stream.
    FirstEvent,
    /// Time between two events of a stream.
    EventGap,
    /// Time from sending a WebSocket message to the last of its replies.
    RoundTrip,
}

/// Comparison operator of a rule.
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

/// Requests to which a rule applies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All requests.
    All,
    /// All reads or all writes.
    Kind(Kind),
    /// One request; an index into [`Scenario::requests`](crate::Scenario::requests).
    Request(usize),
}

const FORM: &str =
    "write rules as `p99 < 50ms for \"read post\"`, `errors < 0.1%` or `rate > 99% in \"steady\"`";

/// Names that a rule may refer to.
#[derive(Debug, Clone, Copy)]
pub(crate) struct RuleNames<'a> {
    /// Requests, in their order.
    pub(crate) requests: &'a [&'a str],
    /// Phases, in their order.
    pub(crate) phases: &'a [&'a str],
}

impl Comparison {
    /// Returns whether a value meets a limit.
    pub fn holds(self, value: f64, limit: f64) -> bool {
        match self {
            Self::Less => value < limit,
            Self::LessOrEqual => value <= limit,
            Self::Greater => value > limit,
            Self::GreaterOrEqual => value >= limit,
        }
    }
}

impl Metric {
    /// Returns the latency that it measures. `None` for rates.
    fn latency(self) -> Option<Latency> {
        match self {
            Self::Quantile(latency, _) | Self::Mean(latency) | Self::Max(latency) => Some(latency),
            Self::Errors | Self::Rate => None,
        }
    }

    /// Returns whether it measures the events of streams, or the messages of conversations.
    pub(crate) fn is_of_events(self) -> bool {
        let latency = self.latency();
        matches!(latency, Some(Latency::FirstEvent | Latency::EventGap))
    }

    /// Returns whether it measures the replies to messages.
    pub(crate) fn is_of_replies(self) -> bool {
        self.latency() == Some(Latency::RoundTrip)
    }

    /// Returns whether it measures the time between events, or that of replies, of which a request may have many.
    pub(crate) fn is_of_gaps(self) -> bool {
        let latency = self.latency();
        matches!(latency, Some(Latency::EventGap | Latency::RoundTrip))
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
    /// Reads a rule.
    pub(crate) fn read(value: &Value<'_>, names: RuleNames<'_>) -> Result<Self, ScenarioError> {
        let (value, mut abort) = match value.is_table() {
            true => Abort::of_table(value)?,
            false => (value.clone(), None),
        };
        let value = &value;
        let (text, by_text) = Abort::split(value.text()?, value)?;
        abort = abort.or(by_text);
        let position = value.error("");
        let wrong = |message: String| value.error(message).hint(FORM);
        let Some(at) = text.find(['<', '>']) else {
            return Err(wrong(format!("rule `{}` has no comparison", clip(text))));
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
                "p95 first_event",
                "p99 event_gap",
                "p99 round_trip",
            ];
            wrong(format!("`{}` is not a metric", clip(left.trim())))
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
        let (scope, phase) = phase_clause(scope, names.requests);
        let phase = phase
            .map(|phase| {
                let known = names.phases.iter().position(|known| *known == phase);
                known.ok_or_else(|| {
                    value
                        .error(format!("the scenario has no phase `{}`", clip(phase)))
                        .maybe_hint(suggestion(phase, names.phases.iter().copied()))
                })
            })
            .transpose()?;
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
                        return Err(
                            wrong(format!("`{}` does not name any requests", clip(scope))).hint(
                                "end a rule with `for reads`, `for writes` or `for \"read post\"`",
                            ),
                        );
                    };
                    let known = names.requests.iter().position(|known| *known == name);
                    Scope::Request(known.ok_or_else(|| {
                        value
                            .error(format!("the scenario has no request `{}`", clip(name)))
                            .maybe_hint(suggestion(name, names.requests.iter().copied()))
                    })?)
                }
                None if scope.split_whitespace().next() == Some("in") => {
                    return Err(wrong(format!("`{}` does not name a phase", clip(scope)))
                        .hint("end a rule with the name of a phase in quotes: `in \"steady\"`"));
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
                    "rule `{}` can't abort a run: requests in flight may still complete in time",
                    clip(text)
                ))
                .hint("abort on `errors` or a latency; the rate is judged at the end of the run"));
        }
        let rule = Self {
            text: written,
            metric,
            comparison,
            limit,
            scope,
            phase,
            abort,
            line: position.line,
            column: position.column,
        };
        rule.reject_trivial()
            .map_err(|message| value.error(message).hint(FORM))?;
        Ok(rule)
    }

    /// Removes the condition for ending the run early.
    pub(crate) fn never_abort(&mut self) {
        if let Some(abort) = self.abort.take() {
            let end = format!(", {abort}");
            self.text.truncate(self.text.trim_end_matches(&end).len());
        }
    }

    /// Reads a rule for some requests. A rule on events of streams must apply to one.
    pub(crate) fn read_for(
        value: &Value<'_>,
        names: RuleNames<'_>,
        requests: &[Request],
    ) -> Result<Self, ScenarioError> {
        let read = Self::read(value, names)?;
        let streams = |request: &Request| {
            request.event_stream.is_some() || request.websocket.is_some() || request.grpc.is_some()
        };
        if read.metric.is_of_events() && !any_in(read.scope, requests, streams) {
            return Err(value
                .error(format!(
                    "rule `{}` applies to no stream of events",
                    clip(&read.text)
                ))
                .hint("add stream = \"sse\" to the request"));
        }
        let converses = |request: &Request| request.websocket.is_some();
        if read.metric.is_of_replies() && !any_in(read.scope, requests, converses) {
            return Err(value
                .error(format!(
                    "rule `{}` applies to no WebSocket conversation",
                    clip(&read.text)
                ))
                .hint("round_trip is measured of requests with `websocket`"));
        }
        Ok(read)
    }

    /// Returns the rule of a scenario that has none about errors: without it, a run whose requests all
    /// fail would meet every objective.
    pub(crate) fn default_errors() -> Self {
        Self {
            text: "errors < 1%".to_owned(),
            metric: Metric::Errors,
            comparison: Comparison::Less,
            limit: 0.01,
            scope: Scope::All,
            phase: None,
            abort: None,
            line: 0,
            column: 0,
        }
    }

    /// Rejects rules that every run, or no run, would meet.
    fn reject_trivial(&self) -> Result<(), String> {
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
            "rule `{}` has the same result for every run: {why}",
            clip(&self.text)
        ))
    }
}

/// Returns whether a scope includes a request of a kind.
fn any_in(scope: Scope, requests: &[Request], is_of_kind: impl Fn(&Request) -> bool) -> bool {
    let mut in_scope = requests
        .iter()
        .enumerate()
        .filter(|(index, request)| match scope {
            Scope::All => true,
            Scope::Kind(kind) => kind == request.kind,
            Scope::Request(wanted) => wanted == *index,
        });
    in_scope.any(|(_, request)| is_of_kind(request))
}

impl fmt::Display for Rule {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.text)
    }
}

/// Splits the end of a rule into the requests and the phase that it names: `for reads in "steady"`.
///
/// A request may have any name, even one that looks like a phase clause.
fn phase_clause<'a>(scope: &'a str, requests: &[&str]) -> (&'a str, Option<&'a str>) {
    let whole = scope.strip_prefix("for").map(str::trim);
    let whole = whole.and_then(|name| name.strip_prefix('"')?.strip_suffix('"'));
    if whole.is_some_and(|name| requests.contains(&name)) {
        return (scope, None);
    }
    let split = || {
        let (before, phase) = scope.strip_suffix('"')?.rsplit_once('"')?;
        let before = before.trim_end().strip_suffix("in")?;
        let is_word = before.is_empty() || before.ends_with(char::is_whitespace);
        is_word.then(|| (before.trim_end(), Some(phase)))
    };
    split().unwrap_or((scope, None))
}

fn metric(text: &str) -> Option<Metric> {
    let mut words = Vec::new();
    let mut latency = None;
    for word in text.split_whitespace() {
        let named = match word {
            "service" => Latency::Service,
            "response" => Latency::Response,
            "first_event" => Latency::FirstEvent,
            "event_gap" => Latency::EventGap,
            "round_trip" => Latency::RoundTrip,
            _ => {
                words.push(word);
                continue;
            }
        };
        if latency.replace(named).is_some() {
            return None;
        }
    }
    let [word] = words[..] else {
        return None;
    };
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
    // By convention, p999 is 99.9% and p9999 is 99.99%.
    let percent: f64 = match digits.len() {
        3.. if !digits.contains('.') && digits.starts_with("99") => {
            format!("{}.{}", &digits[..2], &digits[2..]).parse().ok()?
        }
        _ => digits.parse().ok()?,
    };
    (percent > 0.0 && percent < 100.0).then_some(Metric::Quantile(measured, percent / 100.0))
}

/// Returns the limit in nanoseconds or as a fraction. `k6` marks the form `p(99)<500`, in which a bare
/// number is in milliseconds.
fn read_limit(metric: Metric, text: &str, k6: bool) -> Result<f64, (String, String)> {
    let shown = clip(text);
    let percent = |form: &str| match text.strip_suffix('%').map(str::parse::<f64>) {
        Some(Ok(percent)) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        Some(Ok(_)) => Err((
            format!("{shown} is not between 0% and 100%"),
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
                let hint = format!("write it with its unit: `{shown}ms`");
                return Err((format!("`{shown}` is a bare number, not a duration"), hint));
            }
            parse_duration(text)
                .map(|duration| duration.as_nanos() as f64)
                .map_err(|error| (error.message, error.hint))
        }
    }
}
