//! One policy under one load.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde::{Deserialize, Serialize};
use tenfold_analysis::{MeasurementVerdict, Summary};
use tenfold_run_dir::RunDir;
use tenfold_run_dir::scaling::{Scaling, ScalingStep};

use crate::autoscale::load;
use crate::autoscale::policy::{self, Schedule};
use crate::workshop::Workshop;
use crate::workshop::tenfold_run::{owned, tenfold};

/// Group that is scaled.
pub(crate) const GROUP: &str = "app";

/// Time limit of a run beyond its load: the stage comes up, loads its data and stops.
const BESIDES: Duration = Duration::from_secs(180);

/// Cost of a policy under a load, and the time for which it missed the objectives.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Turn {
    /// The load.
    pub(crate) load: load::Kind,
    /// The policy.
    pub(crate) policy: policy::Kind,
    /// Sum of the time of the ready boxes, in seconds.
    pub(crate) box_seconds: f64,
    /// Largest number of boxes.
    pub(crate) boxes_max: u32,
    /// Seconds in which an objective was missed.
    pub(crate) missed_s: f64,
    /// Seconds that were judged.
    pub(crate) judged_s: f64,
    /// Requests that failed or were dropped.
    pub(crate) lost: u64,
    /// Changes of the wish's direction.
    pub(crate) reversals: u32,
    /// Validity of the measurement, with the reason if it is not valid.
    pub(crate) measurement: Option<String>,
}

/// Environment of the turns.
pub(crate) struct Stage<'a> {
    pub(crate) workshop: &'a Workshop,
    pub(crate) folder: &'a Path,
    /// CPUs of an application server.
    pub(crate) box_cpu: f64,
}

/// A load, with its scenario and its arrivals by second.
#[derive(Debug, Clone)]
pub(crate) struct Load {
    pub(crate) kind: load::Kind,
    /// The scenario.
    pub(crate) text: String,
    /// Expected arrivals in each second.
    pub(crate) rates: Vec<f64>,
}

impl Stage<'_> {
    /// Arguments that bring the stage up with a policy.
    pub(crate) fn arguments(&self, policy: &str) -> anyhow::Result<Vec<String>> {
        std::fs::write(self.folder.join("policy.toml"), policy)
            .context("could not write the policy")?;
        let mut arguments = owned(&["--stage", "autoscaled", "--policy", "policy.toml", "--box"]);
        arguments.push(format!("{GROUP}={}", self.box_cpu));
        Ok(arguments)
    }

    /// Runs a load under a policy. `lead` is the time from the start of a run until it sends load.
    pub(crate) fn turn(
        &self,
        load: &Load,
        kind: policy::Kind,
        per_box: f64,
        lead: &mut Duration,
    ) -> anyhow::Result<Turn> {
        let mut first_minute = 0;
        if kind.knows_the_day() {
            first_minute = self.wait_for_minute(*lead + load::WARM_UP)?;
        }
        let policy = kind.file(&Schedule::of(&load.rates, per_box, first_minute));
        let name = format!("{}-{}", load.kind.name(), kind.name()).replace([' ', ',', '%'], "");
        std::fs::write(self.folder.join("load.toml"), &load.text)
            .context("could not write the scenario")?;
        let mut arguments = owned(&["run", "load.toml", "--json", "--no-live", "--no-profile"]);
        arguments.extend(owned(&["--out", &name]));
        arguments.extend(self.arguments(&policy)?);
        let length = load::WARM_UP + Duration::from_secs(load.rates.len() as u64);
        let began = Instant::now();
        let output = tenfold(self.workshop, self.folder, &arguments, length + BESIDES)?;
        let took = began.elapsed();
        let summary: Summary = serde_json::from_str(&output)
            .with_context(|| format!("the run printed no summary: {output}"))?;
        let run = RunDir::open(&self.folder.join(&name)).read()?;
        *lead = lead_of(&summary.started_at, took)?;
        turn(load.kind, kind, &summary, &run.scaling)
    }

    /// Waits until a run that is started now sends its load at the beginning of a minute. Returns that minute, since midnight in
    /// UTC.
    fn wait_for_minute(&self, lead: Duration) -> anyhow::Result<usize> {
        let now = jiff::Timestamp::now() + lead;
        let into_minute = now.as_second().rem_euclid(60) as u64;
        let wait = Duration::from_secs((60 - into_minute) % 60);
        self.workshop.interrupt().wait(wait, || false)?;
        let minute = (now + wait).as_second().div_euclid(60);
        Ok(minute.rem_euclid(24 * 60) as usize)
    }
}

/// Returns the time from the start of a run until it sent load, from the time at which it did and that which has passed since.
fn lead_of(started_at: &str, took: Duration) -> anyhow::Result<Duration> {
    let started: jiff::Timestamp = started_at
        .parse()
        .with_context(|| format!("`{started_at}` is no time"))?;
    let since = jiff::Timestamp::now().duration_since(started);
    Ok(took.saturating_sub(since.unsigned_abs()))
}

fn turn(
    load: load::Kind,
    policy: policy::Kind,
    summary: &Summary,
    scaling: &Scaling,
) -> anyhow::Result<Turn> {
    let scaled = summary
        .scaling
        .as_ref()
        .context("the stage has no groups")?;
    let group = scaled.groups.iter().find(|group| group.name == GROUP);
    let group = group.with_context(|| format!("the stage has no group `{GROUP}`"))?;
    let is_valid = summary.verdict.measurement == MeasurementVerdict::Valid;
    let reason = summary.verdict.reasons.first();
    Ok(Turn {
        load,
        policy,
        box_seconds: group.box_seconds,
        boxes_max: group.boxes_max,
        missed_s: scaled
            .missed_s
            .context("the scenario has no objective to judge")?,
        judged_s: scaled.judged_s.unwrap_or_default(),
        lost: summary.arrivals.failed + summary.arrivals.dropped,
        reversals: reversals(scaling),
        measurement: (!is_valid).then(|| reason.cloned().unwrap_or("not valid".to_owned())),
    })
}

/// Counts how often the wish for boxes changed its direction.
fn reversals(scaling: &Scaling) -> u32 {
    let before = scaling.groups.iter().find(|group| group.name == GROUP);
    let events = scaling.events.iter();
    let wishes = events.filter(|own| own.group == GROUP && own.event == ScalingStep::Wish);
    let wishes = before
        .and_then(|group| group.wish)
        .into_iter()
        .chain(wishes.filter_map(|own| own.count));
    changes_of_direction(wishes)
}

/// Counts the changes of direction in a series of numbers of boxes.
pub(crate) fn changes_of_direction(counts: impl IntoIterator<Item = u32>) -> u32 {
    let (mut last, mut direction, mut changes) = (None, None, 0);
    for count in counts {
        if let Some(last) = last.filter(|last| *last != count) {
            let rises = count > last;
            changes += u32::from(direction.is_some_and(|before| before != rises));
            direction = Some(rises);
        }
        last = Some(count);
    }
    changes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_changes_of_direction() {
        assert_eq!(changes_of_direction([2, 3, 3, 5, 4, 4, 2]), 1);
        assert_eq!(changes_of_direction([2, 3, 2, 3]), 2);
        assert_eq!(changes_of_direction([]), 0);
    }
}
