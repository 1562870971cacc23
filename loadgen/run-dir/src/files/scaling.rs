//! `scaling.json`: how the groups of a stage followed the load during a run.

use serde::{Deserialize, Serialize};

/// Groups of boxes that come and go, and what happened in them.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Scaling {
    /// The groups, as they were before the first request.
    pub groups: Vec<ScaledGroup>,
    /// Events in order of time.
    pub events: Vec<ScalingEvent>,
}

/// A group before the first request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScaledGroup {
    /// Name of the group, which is the role of its boxes.
    pub name: String,
    /// Number of boxes that the rules wished. `None` if they had not decided yet.
    pub wish: Option<u32>,
    /// Number of boxes that were ready.
    pub ready: u32,
    /// Smallest number of boxes.
    pub min_replicas: u32,
    /// Largest number of boxes.
    pub max_replicas: u32,
}

/// Something that happened in a group.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ScalingEvent {
    /// Time since the start of the run, in nanoseconds. Negative between the look at the groups and the start.
    pub at_ns: i64,
    /// Name of the group.
    pub group: String,
    /// What happened.
    pub event: ScalingStep,
    /// The box that it happened to. `None` if it happened to the group.
    #[serde(default, rename = "box", skip_serializing_if = "Option::is_none")]
    pub box_name: Option<String>,
    /// Number of boxes that is desired or wished, or of requests that were ended. `None` for other events.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub count: Option<u32>,
    /// Reason, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Kind of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ScalingStep {
    /// A metric or schedule asks for another number of boxes.
    Desired,
    /// The rules wish another number of boxes.
    Wish,
    /// A box was started.
    Start,
    /// A box is ready.
    Ready,
    /// The balancer knows the box.
    Admitted,
    /// The box got its first request.
    FirstRequest,
    /// The balancer sends the box no more requests.
    Drain,
    /// A drained box is needed again.
    Resume,
    /// The box took too long to drain, and its requests in flight were ended.
    CutOff,
    /// The box has no request in flight, and the balancer forgot it.
    Removed,
    /// The box has stopped.
    Stopped,
    /// The box failed.
    Failed,
    /// An event of a later version.
    #[serde(other)]
    Other,
}

/// A line of a lab's `scaling.jsonl`.
#[derive(Deserialize)]
struct Line {
    /// Milliseconds since 1970 in UTC.
    at_unix_ms: u64,
    group: String,
    event: ScalingStep,
    #[serde(rename = "box")]
    box_name: Option<String>,
    count: Option<u32>,
    reason: Option<String>,
}

impl Scaling {
    /// Adds the events of a lab's log from `since_unix_ms` on, for a run that started at `start_unix_ms`. Ignores lines
    /// that are not complete.
    pub fn add_log(&mut self, log: &str, since_unix_ms: u64, start_unix_ms: u64) {
        let lines = log
            .lines()
            .filter_map(|line| serde_json::from_str(line).ok());
        let lines = lines.filter(|line: &Line| line.at_unix_ms >= since_unix_ms);
        self.events.extend(lines.map(|line| ScalingEvent {
            at_ns: since_start_ns(line.at_unix_ms, start_unix_ms),
            group: line.group,
            event: line.event,
            box_name: line.box_name,
            count: line.count,
            reason: line.reason,
        }));
    }
}

/// Converts a time to nanoseconds since the start. A time out of range becomes the nearest one in range.
pub(super) fn since_start_ns(at_unix_ms: u64, start_unix_ms: u64) -> i64 {
    let ms = i128::from(at_unix_ms) - i128::from(start_unix_ms);
    let ns = ms.saturating_mul(1_000_000);
    i64::try_from(ns).unwrap_or(if ns < 0 { i64::MIN } else { i64::MAX })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const LOG: &str = r#"{"at_unix_ms":1000,"group":"app","event":"desired","count":3,"reason":"cpu needs 2.3 boxes, so 3"}
{"at_unix_ms":2000,"group":"app","event":"start","box":"app-3"}
{"at_unix_ms":2500,"group":"app","event":"teleported","box":"app-3"}
{"at_unix_ms":2600,"group":"app","ev"#;

    #[test]
    fn takes_events_of_the_run() {
        let mut scaling = Scaling::default();
        scaling.add_log(LOG, 1_500, 2_200);
        let events: Vec<_> = scaling
            .events
            .iter()
            .map(|own| (own.at_ns, own.event, own.box_name.as_deref()))
            .collect();
        let expected = [
            (-200_000_000, ScalingStep::Start, Some("app-3")),
            (300_000_000, ScalingStep::Other, Some("app-3")),
        ];
        assert_eq!(events, expected);
    }

    #[test]
    fn files_survive_reading() {
        let mut scaling = Scaling::default();
        scaling.add_log(LOG, 0, 0);
        let text = serde_json::to_string(&scaling).unwrap();
        assert_eq!(serde_json::from_str::<Scaling>(&text).unwrap(), scaling);
        assert!(text.contains(r#""box":"app-3""#), "{text}");
    }

    proptest! {
        #[test]
        fn reads_any_log(text in ".{0,200}", cut in 0..LOG.len(), since in any::<u64>(), start in any::<u64>()) {
            let mut scaling = Scaling::default();
            scaling.add_log(&text, since, start);
            scaling.add_log(&LOG[..cut], since, start);
            prop_assert!(scaling.events.len() <= 3);
        }
    }
}
