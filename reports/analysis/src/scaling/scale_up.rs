//! The delays of a wish for more boxes.

use tenfold_run_dir::Run;
use tenfold_run_dir::scaling::{ScaledGroup, ScalingEvent, ScalingStep};
use tenfold_run_dir::timeline::Row;

use crate::scaling::events;
use crate::summary::scaling::ScaleUp;
use crate::verdict::ObjectiveWindows;

/// Time before a metric asked for boxes over which its load is averaged.
const SEEN_NS: i64 = 5_000_000_000;

/// Returns the wishes of a group for more boxes, in order.
pub(super) fn scale_ups(
    run: &Run,
    group: &ScaledGroup,
    windows: Option<&ObjectiveWindows>,
) -> Vec<ScaleUp> {
    let mut ups: Vec<ScaleUp> = Vec::new();
    let mut desired: Vec<(i64, u32)> = Vec::new();
    let mut wish = group.wish.unwrap_or(group.min_replicas);
    for event in events(run, &group.name) {
        match (event.event, event.count) {
            (ScalingStep::Desired, Some(count)) => desired.push((event.at_ns, count)),
            (ScalingStep::Wish, Some(count)) => {
                if count > wish {
                    ups.push(wished(run, event, (wish, count), &desired));
                }
                wish = count;
            }
            _ => {
                if let Some(up) = ups.last_mut() {
                    follow(up, event);
                }
            }
        }
    }
    let nexts: Vec<i64> = ups.iter().skip(1).map(|up| up.metric_saw_ns).collect();
    let nexts = nexts.into_iter().chain([i64::MAX]);
    for (up, next) in ups.iter_mut().zip(nexts) {
        let added = added(run, up);
        up.ready_ns = last(&added, |own| own.ready_ns);
        up.first_request_ns = last(&added, |own| own.first_request_ns);
        if let Some(windows) = windows {
            judge(up, windows, next);
        }
    }
    ups
}

fn wished(
    run: &Run,
    event: &ScalingEvent,
    (from, to): (u32, u32),
    desired: &[(i64, u32)],
) -> ScaleUp {
    let asked = desired.iter().rev();
    let asked = asked.take_while(|(_, count)| *count > from).last();
    let metric_saw_ns = asked.map_or(event.at_ns, |(at, _)| *at);
    ScaleUp {
        group: event.group.clone(),
        from,
        to,
        reason: event.reason.clone().unwrap_or_default(),
        boxes: Vec::new(),
        load_rose_ns: load_rose(&run.timeline.rows, metric_saw_ns),
        metric_saw_ns,
        wished_ns: event.at_ns,
        started_ns: None,
        ready_ns: None,
        first_request_ns: None,
        missed_ns: None,
        met_again_ns: None,
        slow: None,
        lost: None,
    }
}

/// Adds a box to the wish that it was started for. A box that replaces a failed one belongs to no wish.
fn follow(up: &mut ScaleUp, event: &ScalingEvent) {
    let (Some(name), ScalingStep::Start | ScalingStep::Resume) = (&event.box_name, event.event)
    else {
        return;
    };
    let wanted = up.to.saturating_sub(up.from);
    let has_room = u32::try_from(up.boxes.len()).is_ok_and(|count| count < wanted);
    if has_room && !up.boxes.contains(name) {
        up.boxes.push(name.clone());
        up.started_ns.get_or_insert(event.at_ns);
    }
}

/// A box that was added.
struct Added {
    ready_ns: Option<i64>,
    first_request_ns: Option<i64>,
}

fn added(run: &Run, up: &ScaleUp) -> Vec<Added> {
    let boxes = up.boxes.iter().map(|name| {
        let own = events(run, &up.group)
            .filter(|event| event.box_name.as_ref() == Some(name))
            .skip_while(|event| event.at_ns < up.wished_ns);
        let mut added = Added {
            ready_ns: None,
            first_request_ns: None,
        };
        for event in own {
            match event.event {
                // A box that was drained, and not stopped, gets requests at once.
                ScalingStep::Ready => added.ready_ns = added.ready_ns.or(Some(event.at_ns)),
                ScalingStep::Resume => {
                    added.ready_ns = added.ready_ns.or(Some(event.at_ns));
                    added.first_request_ns = added.first_request_ns.or(Some(event.at_ns));
                }
                ScalingStep::FirstRequest => {
                    added.first_request_ns = added.first_request_ns.or(Some(event.at_ns));
                }
                ScalingStep::Drain | ScalingStep::Failed => break,
                _ => {}
            }
        }
        added
    });
    boxes.collect()
}

/// Returns the latest of the times. `None` if a box has none, or without boxes.
fn last(added: &[Added], of: fn(&Added) -> Option<i64>) -> Option<i64> {
    let times: Option<Vec<i64>> = added.iter().map(of).collect();
    times?.into_iter().max()
}

/// Finds the time without the objectives, and the requests that users lost or waited for too long.
fn judge(up: &mut ScaleUp, windows: &ObjectiveWindows, next_ns: i64) {
    let began = up.load_rose_ns.unwrap_or(up.metric_saw_ns);
    up.missed_ns = windows.missed_from(began, next_ns.max(up.wished_ns));
    up.met_again_ns = up.missed_ns.and_then(|missed| windows.met_from(missed));
    let until = match (up.missed_ns, up.met_again_ns) {
        (Some(_), Some(met)) => met,
        (Some(_), None) => i64::MAX,
        (None, _) => up.first_request_ns.or(up.ready_ns).unwrap_or(up.wished_ns),
    };
    let outside = windows.outside(began, until);
    (up.slow, up.lost) = (Some(outside.slow), Some(outside.lost));
}

/// Returns the time at which the offered rate reached the level that a metric saw at `saw_ns`: its mean of the last five
/// seconds. That is the start of the rows in a row, up to then, with at least that rate, less two standard deviations of a
/// Poisson count. `None` if the rate was lower just before, or had always been that high.
fn load_rose(rows: &[Row], saw_ns: i64) -> Option<i64> {
    let time = |ns: u64| i64::try_from(ns).unwrap_or(i64::MAX);
    let before: Vec<&Row> = rows
        .iter()
        .filter(|row| time(row.end_ns()) <= saw_ns && row.duration_ns > 0)
        .collect();
    let seen: Vec<&&Row> = before
        .iter()
        .filter(|row| time(row.end_ns()) > saw_ns.saturating_sub(SEEN_NS))
        .collect();
    let (planned, ns) = seen.iter().fold((0, 0), |(planned, ns), row| {
        (planned + row.planned, ns + row.duration_ns)
    });
    let level = planned as f64 / ns.max(1) as f64;
    let reaches = |row: &&&Row| {
        let expected = level * row.duration_ns as f64;
        row.planned as f64 >= expected - 2.0 * expected.sqrt()
    };
    let high = before.iter().rev().take_while(reaches).count();
    if high == 0 || high == before.len() {
        return None;
    }
    before
        .get(before.len() - high)
        .map(|row| time(row.start_ns))
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::scaling::Scaling;

    use super::*;
    use crate::synthetic::{MadeUp, Traffic};

    const SECOND: u64 = 1_000_000_000;

    fn rows(rates: &[u64]) -> Vec<Row> {
        let rows = (0..).zip(rates).map(|(index, rate)| Row {
            start_ns: index * SECOND,
            duration_ns: SECOND,
            planned: *rate,
            ..Row::default()
        });
        rows.collect()
    }

    fn rose_s(rates: &[u64], saw_s: i64) -> Option<i64> {
        load_rose(&rows(rates), saw_s * SECOND as i64).map(|ns| ns / SECOND as i64)
    }

    #[test]
    fn finds_a_step_of_the_load() {
        let step = [
            vec![200; 10],
            vec![1_000, 990, 1_010, 980, 1_020, 1_000, 1_000],
        ]
        .concat();
        assert_eq!(rose_s(&step, 13), Some(10));
        assert_eq!(rose_s(&step, 17), Some(10));
    }

    #[test]
    fn finds_when_a_ramp_reached_the_level() {
        let ramp: Vec<u64> = (0..60).map(|second| 100 * second).collect();
        // The mean of the seconds from 35 to 39 is 3,700/s; 3,600 is within the noise.
        assert_eq!(rose_s(&ramp, 40), Some(36));
    }

    #[test]
    fn even_and_falling_loads_did_not_rise() {
        assert_eq!(rose_s(&[500; 20], 15), None);
        let falling: Vec<u64> = (0..20).map(|second| 4_000 - 150 * second).collect();
        assert_eq!(rose_s(&falling, 15), None);
        assert_eq!(rose_s(&[], 15), None);
    }

    /// A run of 60 s with a spike, and a log of one wish.
    fn run(log: &str) -> Run {
        let mut run = MadeUp {
            traffic: Traffic {
                per_second: 400.0,
                peak_per_second: 400.0,
                warm_up_s: 1,
                counted_s: 59,
                even: true,
            },
            rules: vec!["p99 < 250ms".to_owned()],
            stall_ns: Some((20 * SECOND, 2 * SECOND)),
            ..MadeUp::default()
        }
        .play();
        let group = ScaledGroup {
            name: "app".to_owned(),
            wish: Some(2),
            ready: 2,
            min_replicas: 2,
            max_replicas: 6,
        };
        run.scaling = Scaling {
            groups: vec![group],
            events: Vec::new(),
        };
        run.scaling.add_log(log, 0, 0);
        run
    }

    fn line(at_ms: u64, event: &str, what: &str) -> String {
        format!("{{\"at_unix_ms\":{at_ms},\"group\":\"app\",\"event\":\"{event}\",{what}}}\n")
    }

    #[test]
    fn follows_a_wish_to_the_first_request_and_the_objectives() {
        let log = [
            line(15_000, "desired", "\"count\":2"),
            line(19_000, "desired", "\"count\":3"),
            line(19_500, "desired", "\"count\":4"),
            line(
                20_000,
                "wish",
                "\"count\":4,\"reason\":\"cpu needs 3.4 boxes, so 4\"",
            ),
            line(20_100, "start", "\"box\":\"app-3\""),
            line(20_200, "start", "\"box\":\"app-4\""),
            line(21_000, "ready", "\"box\":\"app-4\""),
            line(21_300, "ready", "\"box\":\"app-3\""),
            line(21_800, "first_request", "\"box\":\"app-4\""),
            line(21_900, "first_request", "\"box\":\"app-3\""),
            line(40_000, "wish", "\"count\":3"),
        ];
        let run = run(&log.concat());
        let windows = ObjectiveWindows::of(&run);
        let ups = scale_ups(&run, &run.scaling.groups[0], windows.as_ref());
        assert_eq!(ups.len(), 1);
        let up = &ups[0];
        let ms = |ns: i64| ns / 1_000_000;
        assert_eq!((up.from, up.to, up.load_rose_ns), (2, 4, None));
        assert_eq!((ms(up.metric_saw_ns), ms(up.wished_ns)), (19_000, 20_000));
        assert_eq!(up.started_ns.map(ms), Some(20_100));
        assert_eq!(up.ready_ns.map(ms), Some(21_300));
        assert_eq!(up.first_request_ns.map(ms), Some(21_900));
        assert_eq!(up.boxes, ["app-3", "app-4"]);
        // The stall ends at 22 s; the requests of 1.75 s were too slow.
        let missed = up.missed_ns.map(ms).unwrap();
        assert!((20_000..=22_000).contains(&missed), "{missed}");
        let met = up.met_again_ns.map(ms).unwrap();
        assert!((22_000..=25_000).contains(&met), "{met}");
        let slow = up.slow.unwrap();
        assert!((600..=1_200).contains(&slow), "{slow}");
        assert_eq!(up.lost, Some(0));
    }

    #[test]
    fn box_that_failed_was_never_ready() {
        let log = [
            line(20_000, "wish", "\"count\":3"),
            line(20_100, "start", "\"box\":\"app-3\""),
            line(
                20_500,
                "failed",
                "\"box\":\"app-3\",\"reason\":\"it was killed\"",
            ),
            line(30_500, "start", "\"box\":\"app-3\""),
            line(31_500, "ready", "\"box\":\"app-3\""),
        ];
        let run = run(&log.concat());
        let ups = scale_ups(&run, &run.scaling.groups[0], None);
        assert_eq!(ups[0].metric_saw_ns, ups[0].wished_ns);
        assert_eq!((ups[0].ready_ns, ups[0].slow), (None, None));
    }
}
