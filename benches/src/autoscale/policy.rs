//! Policies to compare, in the same bounds.

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// Smallest and largest number of application servers.
pub(crate) const FEWEST: u32 = 2;
pub(crate) const MOST: u32 = 6;

/// Seconds by which the clock may lead or trail the load: a stage takes a varying time to come up.
const CLOCK_ERROR_S: usize = 15;

/// Input that decides on the number of boxes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Kind {
    /// Always the smallest number.
    Fewest,
    /// Always the largest number.
    Most,
    /// CPU of the boxes.
    Cpu,
    /// Latency of the group.
    Latency,
    /// Requests in flight in a box.
    InFlight,
    /// Time of day, from the known load.
    Clock,
    /// Time of day and CPU: the higher wish.
    ClockAndCpu,
}

impl Kind {
    /// Returns the name.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Fewest => "always 2",
            Self::Most => "always 6",
            Self::Cpu => "CPU 60%",
            Self::Latency => "latency, p99 of 125 ms",
            Self::InFlight => "12 requests in flight",
            Self::Clock => "time of day",
            Self::ClockAndCpu => "time of day, CPU 60%",
        }
    }

    /// True if it needs the time of day, which says nothing about other loads than a day's.
    pub(crate) fn knows_the_day(self) -> bool {
        matches!(self, Self::Clock | Self::ClockAndCpu)
    }

    /// Returns the policy's file. `schedule` has the number of boxes of each minute, from a minute after midnight in UTC.
    pub(crate) fn file(self, schedule: &Schedule) -> String {
        let (fewest, most) = match self {
            Self::Fewest => (FEWEST, FEWEST),
            Self::Most => (MOST, MOST),
            _ => (FEWEST, MOST),
        };
        let mut text = format!(
            "version = 1\ninterval = \"1s\"\n\n[groups.app]\nmin_replicas = {fewest}\nmax_replicas = {most}\n"
        );
        let metric = match self {
            Self::Latency => Some("type = \"latency\"\ntarget = \"125ms\"\n"),
            Self::InFlight => {
                Some("type = \"custom\"\nname = \"requests_in_flight\"\ntarget = 12\n")
            }
            Self::Clock => None,
            // A group needs a metric, even if its bounds leave no choice.
            Self::Fewest | Self::Most | Self::Cpu | Self::ClockAndCpu => {
                Some("type = \"cpu\"\ntarget = \"60%\"\n")
            }
        };
        if let Some(metric) = metric {
            text += &format!("\n[[groups.app.metrics]]\n{metric}");
        }
        if self.knows_the_day() {
            for (minute, boxes) in schedule.boxes.iter().enumerate() {
                let at = |minute: usize| {
                    let minute = (schedule.first_minute + minute) % MINUTES_A_DAY;
                    format!("{:02}:{:02}", minute / 60, minute % 60)
                };
                text += &format!(
                    "\n[[groups.app.schedules]]\nname = \"minute-{}\"\nfrom = \"{}\"\nto = \"{}\"\nreplicas = {boxes}\n",
                    minute + 1,
                    at(minute),
                    at(minute + 1)
                );
            }
        }
        text + LIMITS
    }
}

const MINUTES_A_DAY: usize = 24 * 60;

/// Limits of the stage's own policy.
const LIMITS: &str = r#"
[groups.app.scale_up]
cooldown = "8s"
policies = [
    { type = "boxes", value = 2, period = "10s" },
    { type = "percent", value = 100, period = "10s" },
]

[groups.app.scale_down]
stabilization_window = "30s"
policies = [{ type = "boxes", value = 1, period = "5s" }]
"#;

/// Numbers of boxes by minute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Schedule {
    /// First minute, since midnight in UTC.
    pub(crate) first_minute: usize,
    /// Number of boxes in each minute.
    pub(crate) boxes: Vec<u32>,
}

impl Schedule {
    /// Plans the boxes of each minute for the rates by second, of which one box sustains `per_box`.
    pub(crate) fn of(rates: &[f64], per_box: f64, first_minute: usize) -> Self {
        let minutes = rates.len().div_ceil(60);
        let boxes = (0..minutes).map(|minute| {
            let from = (minute * 60).saturating_sub(CLOCK_ERROR_S);
            let to = ((minute + 1) * 60 + CLOCK_ERROR_S).min(rates.len());
            rates[from..to]
                .iter()
                .map(|rate| needed(*rate, per_box))
                .max()
                .unwrap_or(FEWEST)
        });
        Self {
            first_minute,
            boxes: boxes.collect(),
        }
    }
}

/// Returns the number of boxes that sustain a rate, within the bounds of the group.
pub(crate) fn needed(rate: f64, per_box: f64) -> u32 {
    let boxes = (rate / per_box).ceil();
    (boxes as u32).clamp(FEWEST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_each_minute_and_its_neighbourhood() {
        let rates: Vec<f64> = (0..240)
            .map(|second| if second < 130 { 100.0 } else { 550.0 })
            .collect();
        let schedule = Schedule::of(&rates, 100.0, 23 * 60 + 58);
        assert_eq!(schedule.boxes, [2, 6, 6, 6]);
        let text = Kind::Clock.file(&schedule);
        assert!(text.contains("from = \"23:59\"\nto = \"00:00\""), "{text}");
        assert!(text.parse::<toml::Table>().is_ok(), "{text}");
    }

    #[test]
    fn counts_boxes_within_bounds() {
        assert_eq!(
            [1.0, 201.0, 600.0, 1e9].map(|rate| needed(rate, 100.0)),
            [2, 3, 6, 6]
        );
    }
}
