//! A scaling policy.

pub(crate) mod quantity;

use std::collections::BTreeMap;

use serde::Deserialize;

use self::quantity::{ByteRate, ClockTime, Percent, Seconds};

/// Scaling policy of all groups.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Interval at which the rules are evaluated.
    pub interval: Seconds,
    /// Groups by name.
    pub groups: BTreeMap<String, Group>,
}

/// Scaling policy of a group: boxes with the same role.
#[derive(Debug, Clone, PartialEq)]
pub struct Group {
    /// Smallest number of boxes.
    pub min_replicas: u32,
    /// Largest number of boxes.
    pub max_replicas: u32,
    /// Metrics. The one that asks for most boxes wins.
    pub metrics: Vec<Metric>,
    /// Numbers of boxes by the clock. A schedule counts like a metric.
    pub schedules: Vec<Schedule>,
    /// Limits on adding boxes.
    pub scale_up: Scaling,
    /// Limits on removing boxes.
    pub scale_down: Scaling,
}

/// A metric and its target.
#[derive(Debug, Clone, PartialEq)]
pub struct Metric {
    /// Name, unique in the group: `cpu`, `latency`, `network` or that of a custom metric.
    pub name: String,
    /// Measured value and its target.
    pub signal: Signal,
}

/// A measured value and its target.
#[derive(Debug, Clone, PartialEq)]
pub enum Signal {
    /// CPU used, as a share of the box's allowance, averaged over the boxes that are ready.
    Cpu {
        /// Target.
        target: Percent,
    },
    /// Latency of the group.
    Latency {
        /// Quantile, such as 0.99.
        quantile: f64,
        /// Target, in seconds.
        target_s: f64,
    },
    /// Bytes received and sent by a box, averaged over the boxes that are ready.
    Network {
        /// Target.
        target: ByteRate,
    },
    /// Any other figure.
    Custom {
        /// Target for one box.
        target: f64,
        /// PromQL expression that returns the sum over the group. `None` to average `tenfold_box_NAME` over the boxes that are
        /// ready.
        query: Option<String>,
    },
}

/// A number of boxes between two times of day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Schedule {
    /// Name, unique in the group.
    pub name: String,
    /// Days on which it begins. All if empty.
    pub days: Vec<Day>,
    /// Time of day at which it begins, in UTC.
    pub from: ClockTime,
    /// Time of day at which it ends, in UTC; on the next day if earlier than `from`.
    pub to: ClockTime,
    /// Number of boxes, at least.
    pub replicas: u32,
}

impl Schedule {
    /// Returns whether it begins on a day, counted from 0 for Sunday.
    pub(crate) fn begins_on(&self, day: u32) -> bool {
        self.days.is_empty() || self.days.iter().any(|own| own.number() == day)
    }

    /// Returns whether it is active on a day, counted from 0 for Sunday, at a time of day.
    pub(crate) fn is_active(&self, day: u32, at: ClockTime) -> bool {
        let has_begun = at.0 >= self.from.0;
        let has_not_ended = at.0 < self.to.0;
        match self.from.0 < self.to.0 {
            true => has_begun && has_not_ended && self.begins_on(day),
            false => {
                (has_begun && self.begins_on(day))
                    || (has_not_ended && self.begins_on((day + 6) % 7))
            }
        }
    }
}

/// A day of the week.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "lowercase")]
#[expect(missing_docs, reason = "the names say it")]
pub enum Day {
    Sun,
    Mon,
    Tue,
    Wed,
    Thu,
    Fri,
    Sat,
}

impl Day {
    /// Number in PromQL and cron: 0 for Sunday.
    pub fn number(self) -> u32 {
        self as u32
    }

    /// Day after it.
    pub(crate) fn next_number(self) -> u32 {
        (self.number() + 1) % 7
    }
}

/// Limits on scaling in one direction.
#[derive(Debug, Clone, PartialEq)]
pub struct Scaling {
    /// Deviation of a metric from its target that is ignored, as a share of the target.
    pub tolerance: f64,
    /// Time over which the most cautious recommendation wins: the lowest when scaling up, the highest when scaling down.
    pub stabilization_window: Seconds,
    /// Time after a change in this direction without another one. Not in Kubernetes; as in AWS Application Auto Scaling.
    pub cooldown: Seconds,
    /// Choice between the limits.
    pub select_policy: Select,
    /// Largest changes in a period.
    pub policies: Vec<Limit>,
}

/// Largest change in a period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limit {
    /// The change.
    pub amount: Amount,
    /// The period.
    pub period: Seconds,
}

/// Size of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Amount {
    /// Number of boxes.
    Boxes(u32),
    /// Share of the boxes at the beginning of the period.
    Percent(u32),
}

/// Choice between several limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Select {
    /// The limit that allows the largest change.
    Max,
    /// The limit that allows the smallest change.
    Min,
    /// No change in this direction.
    Disabled,
}
