//! Expected gain of a change.

use serde::{Deserialize, Serialize};

use crate::format;

/// Expected gain of a change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Gain {
    /// The change, as the subject of a sentence: "half the time in `parse`".
    pub change: String,
    /// Least and most that the highest sustained rate is multiplied by.
    pub factor: [f64; 2],
    /// Limit of the gain, or the reason for its width.
    pub because: String,
}

impl Gain {
    /// Returns the gain of a smaller share of the CPU time of a request, by Amdahl's law.
    ///
    /// `share` is the part of the profile, known from `samples` samples. `of_all` is the part of the CPU in use that the
    /// profile covers: the service's own, without the generator's on the same machine.
    pub(super) fn of_less_cpu(name: &str, share: f64, samples: f64, of_all: f64) -> Self {
        // 95% of a share of independent samples.
        let error = 1.96 * (share * (1.0 - share) / samples.max(1.0)).sqrt();
        let saved = [share - error, share + error]
            .map(|share| (share.clamp(0.0, 0.99) * of_all / 2.0).min(0.49));
        Self {
            change: format!("Half the time in {name}"),
            factor: saved.map(|saved| 1.0 / (1.0 - saved)),
            because: "Amdahl's law; the CPU is the limit before and after".to_owned(),
        }
    }

    /// Returns the gain of twice as many requests at a time: twice the rate, unless the processors are full before.
    pub(super) fn of_more_at_a_time(what: &str, rate: f64, full_at: Option<f64>) -> Self {
        let (most, because) = match full_at.map(|full| full / rate) {
            Some(factor) if factor < 2.0 => (
                factor.max(1.0),
                format!(
                    "the processors are full at {}",
                    format::rate(factor.max(1.0) * rate)
                ),
            ),
            Some(_) => (
                2.0,
                "the rate grows with the number of requests at a time until something else is full"
                    .to_owned(),
            ),
            None => (
                2.0,
                "the CPU use of the service is not known, so the next limit is not either"
                    .to_owned(),
            ),
        };
        Self {
            change: format!("Twice as many {what}"),
            // What is behind the limit may have no room.
            factor: [1.0, most],
            because,
        }
    }

    /// Returns the gain in a sentence.
    pub fn sentence(&self) -> String {
        let [least, most] = self.factor.map(|factor| format!("{factor:.2}"));
        let times = match least == most {
            true => format!("{most} times"),
            false => format!("{least} to {most} times"),
        };
        format!(
            "{} should bring {times} the rate: {}.",
            self.change, self.because
        )
    }
}
