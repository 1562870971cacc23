//! Metrics of a request, and the tags of an interval log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A duration recorded for every request, in nanoseconds: the difference of two of the stamps intended, taken, sent, first
/// byte and done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Response time, `done - intended`: what a user experiences.
    Response,
    /// Service time, `done - sent`.
    Service,
    /// Time to first byte, `first byte - sent`: the part of the service time before the response started.
    FirstByte,
    /// Lag, `sent - intended - blocked`: delay caused by the generator.
    Lag,
    /// Time that the arrival waited for an idle user. Recorded only for arrivals that waited.
    Blocked,
    /// Response time without lag, `done - intended - lag`.
    Unlagged,
    /// Delay between the kernel's receipt of the last byte and the generator's read: also caused by the generator, and
    /// part of no other metric. Recorded only with kernel timestamps.
    ReadLag,
    /// Time from the intended time to the first event of a stream. Recorded only for streams.
    FirstEvent,
    /// Time between two events of a stream. Recorded only for streams.
    EventGap,
    /// Time from sending a message to the last of its replies. Recorded only for WebSocket conversations.
    RoundTrip,
}

impl Metric {
    /// All metrics, in the order of their discriminants.
    pub const ALL: [Metric; 10] = [
        Metric::Response,
        Metric::Service,
        Metric::FirstByte,
        Metric::Lag,
        Metric::Blocked,
        Metric::Unlagged,
        Metric::ReadLag,
        Metric::FirstEvent,
        Metric::EventGap,
        Metric::RoundTrip,
    ];

    /// Name of the metric in files.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Response => "response",
            Metric::Service => "service",
            Metric::FirstByte => "first_byte",
            Metric::Lag => "lag",
            Metric::Blocked => "blocked",
            Metric::Unlagged => "response_without_lag",
            Metric::ReadLag => "read_lag",
            Metric::FirstEvent => "first_event",
            Metric::EventGap => "event_gap",
            Metric::RoundTrip => "round_trip",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A metric of one request in one phase.
///
/// Its text form is the tag in an interval log: `response.p1.r0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// Metric.
    pub metric: Metric,
    /// Index into [`Manifest::phases`](crate::Manifest::phases).
    pub phase: usize,
    /// Index into [`Manifest::requests`](crate::Manifest::requests).
    pub request: usize,
}

impl fmt::Display for Series {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.p{}.r{}", self.metric, self.phase, self.request)
    }
}

impl FromStr for Series {
    type Err = String;

    fn from_str(tag: &str) -> Result<Self, Self::Err> {
        let wrong = || format!("tag `{tag}` does not have the form metric.pN.rN");
        let mut parts = tag.split('.');
        let (Some(metric), Some(phase), Some(request), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(wrong());
        };
        let index = |text: &str, letter: char| {
            text.strip_prefix(letter)
                .and_then(|digits| digits.parse().ok())
                .ok_or_else(wrong)
        };
        Ok(Series {
            metric: Metric::ALL
                .into_iter()
                .find(|m| m.name() == metric)
                .ok_or_else(wrong)?,
            phase: index(phase, 'p')?,
            request: index(request, 'r')?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_survive_parsing() {
        for metric in Metric::ALL {
            let series = Series {
                metric,
                phase: 12,
                request: 3,
            };
            assert_eq!(series.to_string().parse(), Ok(series));
        }
    }

    #[test]
    fn refuses_foreign_tags() {
        for tag in [
            "",
            "response",
            "response.p1",
            "nothing.p1.r1",
            "response.1.2",
            "lag.p1.r1.x",
        ] {
            assert!(tag.parse::<Series>().is_err(), "{tag}");
        }
    }
}
