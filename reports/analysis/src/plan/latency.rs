//! Times of elementary operations beside their rules of thumb.

use std::time::Duration;

use serde::Serialize;

/// The times of an operation on this machine.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Latency {
    /// The operation.
    pub operation: Operation,
    /// Median, in nanoseconds. `None` if it was not measured.
    pub median_ns: Option<u64>,
    /// 99th percentile, in nanoseconds. `None` with fewer than 1,000 times.
    pub p99_ns: Option<u64>,
    /// Number of times.
    pub count: usize,
    /// The rule of thumb, in nanoseconds. `None` if there is none.
    pub rule_of_thumb_ns: Option<u64>,
    /// Why it was not measured.
    pub missing: Option<String>,
}

/// An operation that any design is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A megabyte read sequentially from memory.
    Memory,
    /// A megabyte read sequentially from a disk without moving parts.
    SolidState,
    /// A megabyte read sequentially from a disk with rotating platters.
    Rotating,
    /// A megabyte read sequentially from a disk of an unknown kind.
    Disk,
    /// A page of 4 KiB read from a random place on the disk.
    DiskPage,
    /// A byte sent to another process of this machine and back.
    Loopback,
    /// A value read from Redis.
    Redis,
    /// A row read by its key from a database.
    Sql,
}

impl Operation {
    /// Returns the name for people.
    pub fn title(self) -> &'static str {
        match self {
            Self::Memory => "1 MB sequentially from memory",
            Self::SolidState => "1 MB sequentially from this SSD",
            Self::Rotating => "1 MB sequentially from this disk (rotating, says the kernel)",
            Self::Disk => "1 MB sequentially from this disk",
            Self::DiskPage => "4 KiB from a random place on it",
            Self::Loopback => "a round trip of a byte over loopback",
            Self::Redis => "GET of 1 KB from Redis over loopback",
            Self::Sql => "a row of 1 KB by its key from SQLite",
        }
    }

    /// Returns the rule of thumb: 250 microseconds for a megabyte from memory, 4 times that from an SSD, and 80 times that from a
    /// rotating disk (the design that the reference service follows, after Jeff Dean's numbers).
    fn rule_of_thumb(self) -> Option<Duration> {
        let memory = Duration::from_micros(250);
        match self {
            Self::Memory => Some(memory),
            Self::SolidState => Some(4 * memory),
            Self::Rotating => Some(80 * memory),
            Self::Disk | Self::DiskPage | Self::Loopback | Self::Redis | Self::Sql => None,
        }
    }
}

impl Latency {
    /// Summarises the times of an operation, or says why there are none.
    pub fn of(operation: Operation, times: Result<Vec<Duration>, String>) -> Self {
        let (mut times, missing) = match times {
            Ok(times) if times.is_empty() => {
                (times, Some("it ended before its first time".to_owned()))
            }
            Ok(times) => (times, None),
            Err(reason) => (Vec::new(), Some(reason)),
        };
        times.sort_unstable();
        // The nearest rank.
        let quantile = |q: f64| {
            let rank = (q * times.len() as f64).ceil() as usize;
            let time = times.get(rank.max(1) - 1)?;
            u64::try_from(time.as_nanos()).ok()
        };
        Self {
            operation,
            median_ns: quantile(0.5),
            p99_ns: quantile(0.99).filter(|_| times.len() >= 1000),
            count: times.len(),
            rule_of_thumb_ns: operation
                .rule_of_thumb()
                .and_then(|rule| u64::try_from(rule.as_nanos()).ok()),
            missing,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_are_nearest_ranks() {
        let micros = |range: std::ops::RangeInclusive<u64>| {
            Ok(range.rev().map(Duration::from_micros).collect())
        };
        let many = Latency::of(Operation::Redis, micros(1..=1000));
        assert_eq!(
            (many.median_ns, many.p99_ns),
            (Some(500_000), Some(990_000))
        );
        let few = Latency::of(Operation::Memory, micros(1..=3));
        assert_eq!(
            (few.median_ns, few.p99_ns, few.count),
            (Some(2_000), None, 3)
        );
        assert_eq!(few.rule_of_thumb_ns, Some(250_000));
        for none in [Ok(Vec::new()), Err("no Redis".to_owned())] {
            let none = Latency::of(Operation::Redis, none);
            assert!(none.median_ns.is_none() && none.missing.is_some());
        }
    }
}
