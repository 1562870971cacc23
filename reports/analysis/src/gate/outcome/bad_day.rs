//! Problems of a gate other than a slowdown.

use serde::{Deserialize, Serialize};
use tenfold_scenarios::Side;

use crate::format;
use crate::gate::outcome::conclusion::Conclusion;

/// A problem of a gate other than a slowdown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BadDay {
    /// A build did not start to serve requests.
    DidNotStart {
        /// The build.
        side: Side,
        /// The attempt and its error, without a full stop.
        reason: String,
        /// Last lines of its output.
        last_lines: Vec<String>,
    },
    /// A build exited during the measurement.
    Died {
        /// The build.
        side: Side,
        /// Time until it exited, in seconds.
        after_s: f64,
        /// Exit status, such as `exit status 101` or `signal 9`.
        status: String,
        /// Last lines of its output.
        last_lines: Vec<String>,
    },
    /// The gate was interrupted.
    Interrupted {
        /// Cause, such as `SIGINT`.
        by: String,
        /// Number of completed rounds.
        rounds: usize,
    },
    /// The builds answered the same requests differently, so their times are not comparable.
    AnswersDiffer {
        /// Compared responses.
        compared: u64,
        /// Compared responses with different statuses.
        statuses_differ: u64,
        /// Compared responses with the same status and different bodies.
        #[serde(default)]
        bodies_differ: u64,
        /// Affected requests of the scenario.
        requests: Vec<String>,
    },
    /// No comparable figures were measured.
    NothingMeasured {
        /// Reason, without a full stop.
        reason: String,
    },
    /// The memory of a build grew throughout the gate.
    Leaked {
        /// The build.
        side: Side,
        /// Growth, in MiB per minute.
        mib_per_min: f64,
        /// Memory at the start, in MiB.
        from_mib: f64,
        /// Memory at the end, in MiB.
        to_mib: f64,
    },
    /// The budget is too small to detect the minimum effect at this noise.
    TooNoisy {
        /// Metric that needs the most rounds.
        metric: String,
        /// Rounds within the budget.
        budget_rounds: usize,
        /// Rounds that detect the minimum effect.
        rounds_needed: usize,
        /// Minimum effect, as a ratio minus one.
        min_effect: f64,
        /// Smallest effect that the budget detects, as a ratio minus one.
        smallest_detectable: f64,
    },
}

impl BadDay {
    /// Returns the verdict of a gate with this problem and none more severe.
    pub fn conclusion(&self) -> Conclusion {
        match self {
            Self::DidNotStart { .. } => Conclusion::DidNotStart,
            Self::Died { .. } => Conclusion::Died,
            Self::Interrupted { .. } => Conclusion::Interrupted,
            Self::AnswersDiffer { .. } => Conclusion::AnswersDiffer,
            Self::NothingMeasured { .. } => Conclusion::NothingMeasured,
            Self::Leaked { .. } => Conclusion::Leaked,
            Self::TooNoisy { .. } => Conclusion::TooNoisy,
        }
    }

    /// Describes the problem in a sentence or two.
    pub fn sentence(&self) -> String {
        match self {
            Self::DidNotStart { side, reason, .. } => {
                format!("The {side} did not start: {reason}.")
            }
            Self::Died {
                side,
                after_s,
                status,
                ..
            } => format!(
                "The {side} died after {} s under load: {status}.",
                format::significant(*after_s)
            ),
            Self::Interrupted { by, rounds } => format!(
                "The gate was interrupted ({by}) after {}; nothing is judged.",
                counted(*rounds, "round")
            ),
            Self::AnswersDiffer {
                compared,
                statuses_differ,
                bodies_differ,
                requests,
            } => format!(
                "Of {} requests, the builds answered {}{}; the times of different responses are not compared.",
                format::count(*compared),
                match (*statuses_differ, *bodies_differ) {
                    (statuses, 0) => format!("{} with different statuses", format::count(statuses)),
                    (0, bodies) => format!("{} with different bodies", format::count(bodies)),
                    (statuses, bodies) => format!(
                        "{} with different statuses and {} with different bodies",
                        format::count(statuses),
                        format::count(bodies)
                    ),
                },
                named(requests)
            ),
            Self::NothingMeasured { reason } => format!("Nothing was measured: {reason}."),
            Self::Leaked {
                side,
                mib_per_min,
                from_mib,
                to_mib,
            } => format!(
                "The {side} leaked memory: {} MiB per minute, from {} to {} MiB.",
                format::significant(*mib_per_min),
                format::significant(*from_mib),
                format::significant(*to_mib)
            ),
            Self::TooNoisy {
                metric,
                budget_rounds,
                rounds_needed,
                min_effect,
                smallest_detectable,
            } => format!(
                "This machine is too noisy: to detect {} of {metric} {}, and the budget has {}, which detect \
                 {} at best. Raise --budget or --min-effect, or use a quieter machine.",
                format::percent(*min_effect),
                match rounds_needed {
                    1 => "takes 1 round".to_owned(),
                    needed => format!("takes {} rounds", format::count(*needed as u64)),
                },
                format::count(*budget_rounds as u64),
                format::percent(*smallest_detectable)
            ),
        }
    }

    /// Returns the last lines of output of a build that exited.
    pub fn last_lines(&self) -> &[String] {
        match self {
            Self::DidNotStart { last_lines, .. } | Self::Died { last_lines, .. } => last_lines,
            _ => &[],
        }
    }
}

fn counted(number: usize, noun: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", format::count(number as u64))
}

/// Maximum number of requests that a sentence names.
const NAMES_MAX: usize = 3;

fn named(requests: &[String]) -> String {
    let shown = requests
        .iter()
        .take(NAMES_MAX)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    match requests.len() {
        0 => String::new(),
        all if all > NAMES_MAX => format!(" ({shown} and {} more)", all - NAMES_MAX),
        _ => format!(" ({shown})"),
    }
}
