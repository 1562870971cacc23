//! Number of boxes of a group that are ready, over time.

use std::collections::BTreeMap;

use tenfold_run_dir::scaling::{ScaledGroup, Scaling, ScalingStep};

/// Number of boxes of a group that are ready and not drained, over time.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BoxCount {
    /// Time and number from then on, in order. The first is before all events.
    steps: Vec<(i64, u32)>,
}

impl BoxCount {
    /// Follows the events of a group.
    pub(crate) fn of(scaling: &Scaling, group: &ScaledGroup) -> Self {
        let mut count = group.ready;
        let mut steps = vec![(i64::MIN, count)];
        // A box without an earlier event was ready from the beginning.
        let mut is_ready: BTreeMap<&str, bool> = BTreeMap::new();
        for event in scaling.events.iter().filter(|own| own.group == group.name) {
            let Some(name) = event.box_name.as_deref() else {
                continue;
            };
            let was = is_ready.get(name).copied();
            let now = match event.event {
                ScalingStep::Start => false,
                ScalingStep::Ready => true,
                // A box that was drained before it was ready is not ready yet.
                ScalingStep::Resume => was.is_some(),
                ScalingStep::Drain | ScalingStep::Failed | ScalingStep::Stopped => false,
                _ => continue,
            };
            let was = was.unwrap_or(event.event != ScalingStep::Start && !now);
            is_ready.insert(name, now);
            count = match (was, now) {
                (false, true) => count.saturating_add(1),
                (true, false) => count.saturating_sub(1),
                _ => continue,
            };
            steps.push((event.at_ns, count));
        }
        Self { steps }
    }

    /// Returns the number at a time.
    pub(crate) fn at(&self, at_ns: i64) -> u32 {
        let after = self.steps.partition_point(|(from, _)| *from <= at_ns);
        let found = self.steps.get(after.saturating_sub(1));
        found.map_or(0, |(_, count)| *count)
    }

    /// Returns the largest number from the start of the run until a time.
    pub(super) fn max_until(&self, end_ns: i64) -> u32 {
        self.until(end_ns)
            .map(|(_, _, count)| count)
            .max()
            .unwrap_or(0)
    }

    /// Returns the least number from the start of the run until a time.
    pub(super) fn min_until(&self, end_ns: i64) -> u32 {
        self.until(end_ns)
            .map(|(_, _, count)| count)
            .min()
            .unwrap_or(0)
    }

    /// Returns the sum of the time of all boxes from the start of the run until a time, in seconds.
    pub(super) fn seconds_until(&self, end_ns: i64) -> f64 {
        let spans = self.until(end_ns);
        let seconds = spans.map(|(from, to, count)| (to - from) as f64 / 1e9 * f64::from(count));
        seconds.sum()
    }

    /// Spans of equal number: start, end, number.
    fn until(&self, end_ns: i64) -> impl Iterator<Item = (i64, i64, u32)> {
        let ends = self.steps.iter().skip(1).map(|(at, _)| *at);
        let ends = ends.chain([i64::MAX]);
        let spans = self.steps.iter().zip(ends);
        spans.filter_map(move |((from, count), to)| {
            let (from, to) = ((*from).max(0), to.min(end_ns));
            (from < to).then_some((from, to, *count))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000_000;

    fn group(ready: u32) -> ScaledGroup {
        ScaledGroup {
            name: "app".to_owned(),
            wish: Some(ready),
            ready,
            min_replicas: 2,
            max_replicas: 6,
        }
    }

    fn count(ready: u32, events: &[(u64, &str, &str)]) -> BoxCount {
        let lines = events.iter().map(|(at_s, event, name)| {
            let at_ms = at_s * 1_000;
            format!("{{\"at_unix_ms\":{at_ms},\"group\":\"app\",\"event\":\"{event}\",\"box\":\"{name}\"}}\n")
        });
        let mut scaling = Scaling::default();
        scaling.add_log(&lines.collect::<String>(), 0, 0);
        BoxCount::of(&scaling, &group(ready))
    }

    #[test]
    fn counts_boxes_that_are_ready() {
        let count = count(
            2,
            &[
                (10, "start", "app-3"),
                (12, "ready", "app-3"),
                (12, "admitted", "app-3"),
                (20, "drain", "app-3"),
                (22, "resume", "app-3"),
                (30, "failed", "app-3"),
                (31, "start", "app-3"),
                (32, "failed", "app-3"),
            ],
        );
        let at: Vec<u32> = [11, 12, 21, 25, 30, 33]
            .into_iter()
            .map(|at_s| count.at(at_s * SECOND))
            .collect();
        assert_eq!(at, [2, 3, 2, 3, 2, 2]);
        assert_eq!(
            (count.min_until(40 * SECOND), count.max_until(40 * SECOND)),
            (2, 3)
        );
        // Two boxes for 40 s, and a third for 8 s twice.
        assert_eq!(count.seconds_until(40 * SECOND), 96.0);
    }

    #[test]
    fn box_of_the_beginning_counts_until_it_goes() {
        let count = count(3, &[(5, "drain", "app-3"), (6, "stopped", "app-3")]);
        assert_eq!(
            (count.at(0), count.at(5 * SECOND), count.at(6 * SECOND)),
            (3, 2, 2)
        );
    }
}
