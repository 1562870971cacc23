//! A group, its schedules, and the defaults of its limits.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Deserialize;
use toml::Spanned;

use super::metric::MetricDocument;
use super::misplaced::{ENTRIES_MAX, Misplaced, REPLICAS_MAX, check_name, misplaced};
use super::scaling::ScalingDocument;
use crate::policy::quantity::{ClockTime, Seconds};
use crate::policy::{Amount, Day, Group, Limit, Schedule};

/// Kubernetes' defaults.
const STABILIZATION_UP: Seconds = Seconds(0);
const STABILIZATION_DOWN: Seconds = Seconds(300);

/// Interval at which Kubernetes evaluates, and the period of its default limits.
pub(super) const PERIOD: Seconds = Seconds(15);

/// Kubernetes' default limits on adding boxes.
pub(super) const LIMITS_UP: [Limit; 2] = [
    Limit {
        amount: Amount::Boxes(4),
        period: PERIOD,
    },
    Limit {
        amount: Amount::Percent(100),
        period: PERIOD,
    },
];

/// Kubernetes' default limit on removing boxes.
pub(super) const LIMITS_DOWN: [Limit; 1] = [Limit {
    amount: Amount::Percent(100),
    period: PERIOD,
}];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct GroupDocument {
    min_replicas: Spanned<u32>,
    max_replicas: Spanned<u32>,
    #[serde(default)]
    metrics: Vec<Spanned<MetricDocument>>,
    #[serde(default)]
    schedules: Vec<Spanned<ScheduleDocument>>,
    #[serde(default)]
    scale_up: ScalingDocument,
    #[serde(default)]
    scale_down: ScalingDocument,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ScheduleDocument {
    name: Spanned<String>,
    #[serde(default)]
    days: Vec<Day>,
    from: ClockTime,
    to: Spanned<ClockTime>,
    replicas: Spanned<u32>,
}

impl GroupDocument {
    pub(super) fn group(self, place: &Range<usize>, path: &str) -> Result<Group, Misplaced> {
        let min = *self.min_replicas.get_ref();
        if !(1..=REPLICAS_MAX).contains(&min) {
            let message = format!("{min} is out of bounds; allowed are 1 to {REPLICAS_MAX}");
            let field = format!("{path}.min_replicas");
            return Err(misplaced(&self.min_replicas, field, message));
        }
        let max = *self.max_replicas.get_ref();
        if !(min..=REPLICAS_MAX).contains(&max) {
            let message = format!(
                "{max} is out of bounds; allowed are {min} (min_replicas) to {REPLICAS_MAX}"
            );
            let field = format!("{path}.max_replicas");
            return Err(misplaced(&self.max_replicas, field, message));
        }
        if self.metrics.is_empty() && self.schedules.is_empty() {
            let message = "needs a metric or a schedule: [[groups.NAME.metrics]] or [[groups.NAME.schedules]]";
            return Err(Misplaced {
                span: place.clone(),
                field: path.to_owned(),
                message: message.into(),
            });
        }
        for (count, what) in [
            (self.metrics.len(), "metrics"),
            (self.schedules.len(), "schedules"),
        ] {
            if count > ENTRIES_MAX {
                let message = format!("has {count} {what}; at most {ENTRIES_MAX} are allowed");
                return Err(Misplaced {
                    span: place.clone(),
                    field: path.to_owned(),
                    message,
                });
            }
        }
        let mut taken = BTreeSet::new();
        let mut metrics = Vec::new();
        for (index, document) in self.metrics.into_iter().enumerate() {
            let path = format!("{path}.metrics[{index}]");
            let span = document.span();
            let metric = document.into_inner().metric(&span, &path)?;
            if !taken.insert(metric.name.clone()) {
                let message = format!("the group has a metric `{}` already", metric.name);
                return Err(Misplaced {
                    span,
                    field: path,
                    message,
                });
            }
            metrics.push(metric);
        }
        let mut schedules = Vec::new();
        for (index, document) in self.schedules.into_iter().enumerate() {
            let path = format!("{path}.schedules[{index}]");
            let span = document.span();
            let schedule = document.into_inner().schedule(min..=max, &path)?;
            if !taken.insert(schedule.name.clone()) {
                let message = format!(
                    "the group has a metric or schedule `{}` already",
                    schedule.name
                );
                return Err(Misplaced {
                    span,
                    field: path,
                    message,
                });
            }
            schedules.push(schedule);
        }
        let (up, down) = (format!("{path}.scale_up"), format!("{path}.scale_down"));
        Ok(Group {
            min_replicas: min,
            max_replicas: max,
            metrics,
            schedules,
            scale_up: self.scale_up.scaling(STABILIZATION_UP, &LIMITS_UP, &up)?,
            scale_down: self
                .scale_down
                .scaling(STABILIZATION_DOWN, &LIMITS_DOWN, &down)?,
        })
    }
}

impl ScheduleDocument {
    fn schedule(
        self,
        replicas: std::ops::RangeInclusive<u32>,
        path: &str,
    ) -> Result<Schedule, Misplaced> {
        check_name(
            self.name.get_ref(),
            &self.name.span(),
            &format!("{path}.name"),
            '-',
        )?;
        if !replicas.contains(self.replicas.get_ref()) {
            let message = format!(
                "{} is out of bounds; allowed are {} (min_replicas) to {} (max_replicas)",
                self.replicas.get_ref(),
                replicas.start(),
                replicas.end()
            );
            return Err(misplaced(
                &self.replicas,
                format!("{path}.replicas"),
                message,
            ));
        }
        if self.from == *self.to.get_ref() {
            let message = "must differ from the time in `from`; raise min_replicas for a whole day";
            return Err(misplaced(&self.to, format!("{path}.to"), message));
        }
        let mut days = self.days;
        days.sort_unstable();
        days.dedup();
        Ok(Schedule {
            name: self.name.into_inner(),
            days,
            from: self.from,
            to: self.to.into_inner(),
            replicas: self.replicas.into_inner(),
        })
    }
}
