//! What is measured of a request, and the name it has in an interval log.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A duration that is recorded for every request, in nanoseconds.
///
/// They are differences of five stamps: intended, taken, sent, first byte, done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// `done - intended`: what a user feels.
    Response,
    /// `done - sent`: what the service took once it was asked.
    Service,
    /// `first byte - sent`: the part of service time before the answer began.
    FirstByte,
    /// `sent - intended - blocked`: the generator's own lateness.
    Lag,
    /// How long the arrival waited for an idle user. Recorded only where it happened.
    Blocked,
    /// `done - intended - lag`: what the response time would be without the generator's own
    /// lateness.
    Unlagged,
    /// How long the end of the answer lay in the socket before the generator read it: its own
    /// lateness once more, and part of no other metric. Recorded only where the kernel tells when
    /// bytes arrive.
    ReadLag,
}

impl Metric {
    /// Every metric, in the order of the discriminants.
    pub const ALL: [Metric; 7] = [
        Metric::Response,
        Metric::Service,
        Metric::FirstByte,
        Metric::Lag,
        Metric::Blocked,
        Metric::Unlagged,
        Metric::ReadLag,
    ];

    /// The word for it in files.
    pub fn name(self) -> &'static str {
        match self {
            Metric::Response => "response",
            Metric::Service => "service",
            Metric::FirstByte => "first_byte",
            Metric::Lag => "lag",
            Metric::Blocked => "blocked",
            Metric::Unlagged => "response_without_lag",
            Metric::ReadLag => "read_lag",
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One line of histograms in an interval log: a metric of one request in one phase.
///
/// Its text form is the log's tag, `response.p1.r0`; phases and requests are indices into the
/// manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Series {
    /// What was measured.
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
        let wrong = || format!("`{tag}` is no tag of the form metric.pN.rN");
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
    fn a_tag_reads_back() {
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
    fn a_foreign_tag_is_refused() {
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
