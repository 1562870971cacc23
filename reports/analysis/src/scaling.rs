//! Delays between the load and the boxes of a stage: the delays of each wish for more boxes, and what users saw meanwhile.

mod box_count;
mod scale_up;

use tenfold_run_dir::Run;
use tenfold_run_dir::scaling::{ScalingEvent, ScalingStep};

use crate::scaling::scale_up::scale_ups;
use crate::summary::scaling::{GroupScaling, ScalingSummary};
use crate::verdict::ObjectiveWindows;

pub(crate) use box_count::BoxCount;

/// Returns how the groups followed the load. `None` without groups.
pub(crate) fn scaling(run: &Run) -> Option<ScalingSummary> {
    let scaling = &run.scaling;
    if scaling.groups.is_empty() {
        return None;
    }
    let windows = ObjectiveWindows::of(run);
    let mut ups: Vec<_> = scaling
        .groups
        .iter()
        .flat_map(|group| scale_ups(run, group, windows.as_ref()))
        .collect();
    ups.sort_by_key(|up| up.metric_saw_ns);
    let end_ns = i64::try_from(run.timeline.end_ns()).unwrap_or(i64::MAX);
    let groups = scaling.groups.iter().map(|group| {
        let count = BoxCount::of(scaling, group);
        let events = |is: fn(ScalingStep) -> bool| {
            let own = events(run, &group.name).filter(|event| is(event.event));
            u32::try_from(own.count()).unwrap_or(u32::MAX)
        };
        GroupScaling {
            name: group.name.clone(),
            boxes_min: count.min_until(end_ns),
            boxes_max: count.max_until(end_ns),
            box_seconds: count.seconds_until(end_ns),
            added: events(|step| matches!(step, ScalingStep::Start | ScalingStep::Resume)),
            drained: events(|step| step == ScalingStep::Drain),
            failed: events(|step| step == ScalingStep::Failed),
        }
    });
    Some(ScalingSummary {
        groups: groups.collect(),
        scale_ups: ups,
        missed_s: windows.as_ref().map(ObjectiveWindows::missed_s),
        judged_s: windows.as_ref().map(ObjectiveWindows::judged_s),
    })
}

/// Events of a group, in order.
fn events<'a>(run: &'a Run, group: &'a str) -> impl Iterator<Item = &'a ScalingEvent> {
    run.scaling
        .events
        .iter()
        .filter(move |event| event.group == group)
}
