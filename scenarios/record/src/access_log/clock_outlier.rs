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

const HOUR_US: i64 = 3_600 * 1_000_000;
const DAY_US: i64 = 24 * HOUR_US;
/// Lines further apart than this are in different groups. It is the longest phase of a scenario.
const GAP_US: i64 = 30 * DAY_US;
/// 1993-01-01, before there was a log of a web server.
const FIRST_LOG_US: i64 = 725_846_400_000_000;
/// Number of lines that a wrong clock may have written, whatever the size of the log.
const OUTLIERS_MAX: usize = 10;
/// Share of the log that a wrong clock may have written, as one part in so many.
const OUTLIER_PART: usize = 100;

/// Minimum gap before lone lines, unless they are further away.
const LONE_GAP_US: i64 = 12 * HOUR_US;
/// Minimum gap before lone lines, as a multiple of the span of the other lines.
const LONE_GAP_SPANS: i64 = 10;
/// Number of lone lines in a log of any size.
const LONE_MAX: usize = 3;
/// Share of lone lines in the log, as one part in so many.
const LONE_PART: usize = 1000;
/// Minimum number of other lines for each lone line.
const OTHERS_PER_LONE: usize = 5;

/// Returns the ranges of time to leave out; none for most logs. A range is left out if one of these holds:
///
/// - It is before 1993, and others are not.
/// - It is more than 30 days from the group with most of the lines and holds few lines: at most half as many as that
///   group, and at most ten or one percent of all.
/// - It has the first or the last lines of the log, the gap to the others is longer than 12 hours and than ten times
///   the span of the others, and it holds very few lines: with the lines at the other end at most three or one in a
///   thousand, and at most one for each five others.
///
/// The last rule keeps quiet nights and weekends: after a day of lines, a gap would have to last ten days.
pub(super) fn outlying(times_us: impl Iterator<Item = i64> + Clone) -> Vec<RangeInclusive<i64>> {
    let (mut first, mut last) = (i64::MAX, i64::MIN);
    for time in times_us.clone() {
        (first, last) = (first.min(time), last.max(time));
    }
    if last < FIRST_LOG_US || last.saturating_sub(first) <= LONE_GAP_US {
        return Vec::new();
    }
    let mut outlying = Vec::new();
    if first < FIRST_LOG_US {
        outlying.push(i64::MIN..=FIRST_LOG_US - 1);
    }
    let mut times: Vec<i64> = times_us.filter(|time| *time >= FIRST_LOG_US).collect();
    times.sort_unstable();
    let all = times.len();
    let far = far_groups(&times);
    times.retain(|time| !far.iter().any(|range| range.contains(time)));
    outlying.extend(far);
    outlying.extend(lone_ends(&times, all));
    outlying
}

/// Returns the ranges of small groups that are more than 30 days from the group with most of the lines. `times` are
/// sorted.
fn far_groups(times: &[i64]) -> Vec<RangeInclusive<i64>> {
    let mut outlying = Vec::new();
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

/// Returns the ranges of lone lines at both ends of `times`, which are sorted: the fewest lines whose gap to the others
/// is much longer than the span of the others. The others are more than half of `all` lines.
fn lone_ends(times: &[i64], all: usize) -> Vec<RangeInclusive<i64>> {
    let count = times.len();
    let max = LONE_MAX
        .max(count / LONE_PART)
        .min(count / (OTHERS_PER_LONE + 1))
        .min((2 * count).saturating_sub(all + 1) / 2);
    let gap = |at: usize| times[at].saturating_sub(times[at - 1]);
    let starts = (0..=max).filter(|lone| *lone == 0 || gap(*lone) > LONE_GAP_US);
    let ends = (0..=max).filter(|lone| *lone == 0 || gap(count - lone) > LONE_GAP_US);
    let ends: Vec<usize> = ends.collect();
    let is_lone = |(start, end): &(usize, usize)| {
        let Some([first, .., last]) = times.get(*start..count - end) else {
            return false;
        };
        let gap_min = last.saturating_sub(*first).saturating_mul(LONE_GAP_SPANS);
        (*start == 0 || gap(*start) > gap_min) && (*end == 0 || gap(count - end) > gap_min)
    };
    let fewest = starts
        .flat_map(|start| ends.iter().map(move |end| (start, *end)))
        .filter(|(start, end)| (1..=max).contains(&(start + end)))
        .filter(is_lone)
        .min_by_key(|(start, end)| start + end);
    let Some((start, end)) = fewest else {
        return Vec::new();
    };
    [&times[..start], &times[count - end..]]
        .into_iter()
        .filter_map(|lone| Some(*lone.first()?..=*lone.last()?))
        .collect()
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

    /// Returns the times that are left out, in minutes from [`NOW_US`].
    fn left_out_minutes(minutes: &[i64]) -> Vec<i64> {
        const MINUTE_US: i64 = HOUR_US / 60;
        let ranges = outlying(minutes.iter().map(|minute| NOW_US + minute * MINUTE_US));
        let is_out = |minute: &&i64| {
            let time = NOW_US + **minute * MINUTE_US;
            ranges.iter().any(|range| range.contains(&time))
        };
        minutes.iter().filter(is_out).copied().collect()
    }

    #[test]
    fn leaves_out_lone_lines_far_from_a_short_log() {
        const DAY: i64 = 24 * 60;
        for lone in [-30 * DAY, -DAY, -13 * 60, 13 * 60, DAY, 20 * DAY] {
            assert_eq!(left_out_minutes(&[0, lone, 0, 1, 1, 1]), [lone]);
        }
        // A service that is hardly used.
        for rare in [-11 * 60, 120, 11 * 60] {
            assert_eq!(left_out_minutes(&[0, rare, 0, 1, 1, 1]), [0; 0]);
        }
        // Both ends, and several dates at one end.
        let mut log = vec![0; 50];
        log.extend([2; 50]);
        log.extend([-DAY, 20 * DAY, 3 * DAY]);
        assert_eq!(left_out_minutes(&log), [-DAY, 20 * DAY, 3 * DAY]);
        // An hour with a line of another day.
        let mut hour: Vec<i64> = (0..60).collect();
        hour.push(DAY);
        assert_eq!(left_out_minutes(&hour), [DAY]);
        // With a line of a year before.
        hour.push(-365 * DAY);
        assert_eq!(left_out_minutes(&hour), [DAY, -365 * DAY]);
        // Three of 200, and five of 5,000.
        for (others, lone) in [(200, 3), (5000, 5)] {
            let mut log = vec![0; others];
            log.extend(vec![DAY; lone]);
            assert_eq!(left_out_minutes(&log), vec![DAY; lone]);
        }
    }

    #[test]
    fn keeps_quiet_nights() {
        const HOUR: i64 = 60;
        const DAY: i64 = 24 * HOUR;
        // Three busy hours a day and a line on the morning after them.
        let mut days: Vec<i64> = (0..3)
            .flat_map(|day| (0..3 * HOUR).map(move |minute| day * DAY + minute))
            .collect();
        days.push(3 * DAY);
        assert_eq!(left_out_minutes(&days), [0; 0]);
        // A weekend, and a week of holidays.
        days.push(6 * DAY);
        days.push(13 * DAY);
        assert_eq!(left_out_minutes(&days), [0; 0]);
        // An evening, a quiet night and the first lines of the morning.
        let mut evening: Vec<i64> = (0..2 * HOUR).collect();
        evening.extend([12 * HOUR, 12 * HOUR + 1]);
        assert_eq!(left_out_minutes(&evening), [0; 0]);
        // A visit a day: as many lines as before.
        assert_eq!(left_out_minutes(&[0, 0, 0, DAY, DAY, DAY]), [0; 0]);
        // Too many lines for a wrong clock.
        let mut parted = vec![0; 200];
        parted.extend([DAY; 4]);
        assert_eq!(left_out_minutes(&parted), [0; 0]);
        // Too few lines to tell which of them are right.
        assert_eq!(left_out_minutes(&[0, 0, 0, 0, DAY]), [0; 0]);
        // Within the hour.
        assert_eq!(left_out_minutes(&[0, 0, 0, 0, 0, 0, HOUR]), [0; 0]);
    }

    proptest::proptest! {
        #[test]
        fn leaves_out_few_lines_of_a_short_log(
            seconds in proptest::collection::vec(0..60 * DAY_US / 1_000_000, 1..100),
        ) {
            let times: Vec<i64> = seconds.iter().map(|second| NOW_US + second * 1_000_000).collect();
            let ranges = outlying(times.iter().copied());
            let out = times.iter().filter(|time| ranges.iter().any(|range| range.contains(time)));
            proptest::prop_assert!(out.count() * 3 <= times.len());
        }

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
