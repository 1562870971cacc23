//! What can go wrong with a gate apart from a slowdown.

use serde::{Deserialize, Serialize};

use crate::format;
use crate::gate::outcome::conclusion::Conclusion;
use tenfold_scenarios::Side;

/// What went wrong apart from a slowdown.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum BadDay {
    /// A build did not come to answer.
    DidNotStart {
        /// Which.
        side: Side,
        /// What was tried and what came of it, without a full stop.
        reason: String,
        /// The last lines it wrote, where it wrote any.
        last_lines: Vec<String>,
    },
    /// A build ended while it was measured.
    Died {
        /// Which.
        side: Side,
        /// How long it had run, in seconds.
        after_s: f64,
        /// How it ended, as `exit status 101` or `signal 9`.
        status: String,
        /// The last lines it wrote, where it wrote any.
        last_lines: Vec<String>,
    },
    /// Somebody ended the gate.
    Interrupted {
        /// What ended it, as `SIGINT`.
        by: String,
        /// Rounds completed until then.
        rounds: usize,
    },
    /// The builds answered the same requests in different ways, so that their times are not of the same
    /// work.
    AnswersDiffer {
        /// Requests compared.
        compared: u64,
        /// Those of them with different statuses.
        statuses_differ: u64,
        /// Those of them with the same status and different bodies.
        #[serde(default)]
        bodies_differ: u64,
        /// The requests of the scenario that are concerned.
        requests: Vec<String>,
    },
    /// Nothing was measured that could be compared.
    NothingMeasured {
        /// Why, without a full stop.
        reason: String,
    },
    /// The memory of a build grew all the while.
    Leaked {
        /// Which.
        side: Side,
        /// How fast, in MiB a minute.
        mib_per_min: f64,
        /// Where it began, in MiB.
        from_mib: f64,
        /// Where it ended, in MiB.
        to_mib: f64,
    },
    /// The noise is too great for the limits within the budget.
    TooNoisy {
        /// The metric that needs the most rounds.
        metric: String,
        /// The rounds that were to be had.
        budget_rounds: usize,
        /// The rounds that it takes.
        rounds_needed: usize,
        /// The effect that it is gated for, as a ratio less one.
        min_effect: f64,
        /// What the budget could see, as a ratio less one.
        smallest_detectable: f64,
    },
}

impl BadDay {
    /// The verdict that it leads to where nothing graver happened.
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

    /// Says what happened and what to do, in a sentence or two.
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
                "Of {} requests, the builds answered {}{}; times of different answers are not compared.",
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
                "The {side} leaked memory: {} MiB a minute, from {} to {} MiB.",
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
                "It is too noisy here: {} of {metric} {} to be seen, and the budget has {}, which see {} \
                 at best. Raise --budget or --min-effect, or use a quieter machine.",
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

    /// The last lines that a build wrote before it ended.
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

/// The most requests that a sentence names.
const MOST_NAMED: usize = 3;

fn named(requests: &[String]) -> String {
    let shown = requests
        .iter()
        .take(MOST_NAMED)
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ");
    match requests.len() {
        0 => String::new(),
        all if all > MOST_NAMED => format!(" ({shown} and {} more)", all - MOST_NAMED),
        _ => format!(" ({shown})"),
    }
}
