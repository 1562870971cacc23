//! Lines whose time is far from that of all others, because a clock was wrong.

use std::fmt;
use std::ops::RangeInclusive;

use jiff::Timestamp;

use crate::input::broken_line::printable;

/// A line whose time is far from that of all others.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct ClockOutlier {
    /// File, if several are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// Line number, or entry number in a HAR file, from 1.
    pub line: u64,
    /// Logged time.
    pub at: Timestamp,
}

const DAY_US: i64 = 24 * 3_600 * 1_000_000;
/// Lines further apart than this are in different groups. It is the longest phase of a scenario.
const GAP_US: i64 = 30 * DAY_US;
/// 1993-01-01, before there was a log of a web server.
const FIRST_LOG_US: i64 = 725_846_400_000_000;
/// Number of lines that a wrong clock may have written, whatever the size of the log.
const OUTLIERS_MAX: usize = 10;
/// Share of the log that a wrong clock may have written, as one part in so many.
const OUTLIER_PART: usize = 100;

/// Returns the ranges of time to leave out; none for most logs.
///
/// A range is left out if it is before 1993 and others are not, or if it is more than 30 days from the group with most
/// of the lines and holds few lines: at most half as many as that group, and at most ten or one percent of all.
pub(super) fn outlying(times_us: impl Iterator<Item = i64> + Clone) -> Vec<RangeInclusive<i64>> {
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for time in times_us.clone() {
        (first, last) = (first.min(time), last.max(time));
    }
    if last < FIRST_LOG_US || last.saturating_sub(first) <= GAP_US {
        return Vec::new();
    }
    let mut outlying = Vec::new();
    if first < FIRST_LOG_US {
        outlying.push(i64::MIN..=FIRST_LOG_US - 1);
    }
    let mut times: Vec<i64> = times_us.filter(|time| *time >= FIRST_LOG_US).collect();
    times.sort_unstable();
    let groups: Vec<&[i64]> = times
        .chunk_by(|one, next| next.saturating_sub(*one) <= GAP_US)
        .collect();
    let most = groups.iter().map(|group| group.len()).max().unwrap_or(0);
    if most * 2 <= times.len() {
        return outlying;
    }
    let few = OUTLIERS_MAX.max(times.len() / OUTLIER_PART);
    for group in groups {
        if let ([first, ..], [.., last]) = (group, group)
            && group.len() * 2 <= most
            && group.len() <= few
        {
            outlying.push(*first..=*last);
        }
    }
    outlying
}

impl fmt::Display for ClockOutlier {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(file) = &self.file {
            write!(out, "{} ", printable(file))?;
        }
        write!(out, "line {}: {}", self.line, self.at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const YEAR_US: i64 = 365 * DAY_US;
    /// 2024-05-17
    const NOW_US: i64 = 1_715_904_000_000_000;

    /// Returns the times that are left out, in units of a day from [`NOW_US`].
    fn left_out(days: &[i64]) -> Vec<i64> {
        let times = days.iter().map(|day| NOW_US + day * DAY_US);
        let ranges = outlying(times);
        let outlying = |day: &&i64| {
            let time = NOW_US + **day * DAY_US;
            ranges.iter().any(|range| range.contains(&time))
        };
        days.iter().filter(outlying).copied().collect()
    }

    #[test]
    fn leaves_out_single_lines_in_both_directions() {
        let (past, future) = (-54 * 365, 75 * 365);
        assert_eq!(left_out(&[past, 0, 1]), [past]);
        assert_eq!(left_out(&[0, future, 0, past, 1]), [future, past]);
        assert_eq!(left_out(&[0, 0, 40, 0]), [40]);
    }

    #[test]
    fn leaves_out_any_number_from_before_the_web() {
        let past = -54 * 365;
        assert_eq!(left_out(&[past, past, past, 0]), [past, past, past]);
        // All of them, so it is another clock.
        assert_eq!(left_out(&[past, past + 365]), [0; 0]);
    }

    #[test]
    fn keeps_quiet_and_parted_logs() {
        assert_eq!(left_out(&[0, 365]), [0; 0]);
        assert_eq!(left_out(&[0, 29, 58, 87]), [0; 0]);
        assert_eq!(left_out(&[0, 60, 120, 180, 180]), [0; 0]);
        let mut parted = vec![0; 600];
        parted.extend([100; 1000]);
        assert_eq!(left_out(&parted), [0; 0]);
        assert_eq!(left_out(&[]), [0; 0]);
    }

    proptest::proptest! {
        #[test]
        fn never_leaves_out_most_lines(times in proptest::collection::vec(FIRST_LOG_US..FIRST_LOG_US + 100 * YEAR_US, 1..50)) {
            let ranges = outlying(times.iter().copied());
            let out = times.iter().filter(|time| ranges.iter().any(|range| range.contains(time)));
            proptest::prop_assert!(out.count() * 2 < times.len().max(1));
        }

        #[test]
        fn never_panics(times in proptest::collection::vec(proptest::num::i64::ANY, 0..20)) {
            let _ = outlying(times.iter().copied());
        }
    }
}
