//! `gate.json`: the result of a gate. Its format is a public contract.

mod answers;
mod bad_day;
mod build;
mod calibration;
mod cause;
mod conclusion;
mod memory;
mod record;
mod sentence;

use serde::{Deserialize, Serialize};

pub use answers::{AnswerDifference, AnswerSeen, Answers, RequestAnswers};
pub use bad_day::BadDay;
pub use build::Build;
pub use calibration::Calibration;
pub use cause::{Cause, Flamegraphs, FunctionChange, ProfileCount, WaitChange};
pub use conclusion::Conclusion;
pub use memory::{MemoryGrowth, MemorySample, MemoryUse};
pub use record::RoundRecord;

use crate::gate::decision::Decision;
use crate::gate::pair::Pair;
use crate::gate::settings::Settings;

/// Version of the format of a gate's outcome. Within a version, fields may be added, but no field is removed or
/// changes its meaning.
pub const GATE_VERSION: u32 = 1;

/// The result of a gate: the verdict, the evidence, and the settings.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GateOutcome {
    /// Version of this format.
    pub version: u32,
    /// Version of the tenfold that judged, with its revision if known.
    pub tool: String,
    /// Start of the gate, RFC 3339 in UTC.
    pub started_at: String,
    /// Duration of the gate, in seconds.
    pub elapsed_s: f64,
    /// Name of the scenario.
    pub scenario: String,
    /// Builds that were compared.
    pub builds: Pair<Build>,
    /// Seed of the gate, which determines the order of requests and of restarts.
    pub seed: u64,
    /// The machine, such as `2 x AMD EPYC 7763`. Absolute figures of different machines are not comparable.
    pub machine: String,
    /// Reservations about the machine, in sentences.
    pub remarks: Vec<String>,
    /// Settings of the gate.
    pub settings: Settings,
    /// True if the gate is advisory: its verdict does not fail the command.
    pub advisory: bool,
    /// Verdict, in one word.
    pub verdict: Conclusion,
    /// Verdict in a sentence, with its figures.
    pub sentence: String,
    /// Recommended next step; empty if there is none.
    pub next: String,
    /// Exit code of the command.
    pub exit_code: u8,
    /// Problems other than a slowdown, the most severe first.
    pub bad_days: Vec<BadDay>,
    /// Decision over the rounds. `None` if no round was judged.
    pub decision: Option<Decision>,
    /// Rounds, in order.
    pub rounds: Vec<RoundRecord>,
    /// Comparison of the responses of both builds. `None` if they were not compared.
    pub answers: Option<Answers>,
    /// Resident memory of both builds. `None` if it could not be read.
    pub memory: Option<Pair<MemoryUse>>,
    /// Upper limit of the requests per second of one core, from CPU time per request alone. `None` if CPU time
    /// was not compared. Informational: waits and locks may saturate earlier.
    pub capacity: Option<Pair<f64>>,
    /// Cause of the difference. `None` if the builds were not profiled.
    pub cause: Option<Cause>,
    /// Calibration from rounds of the baseline against itself. `None` if not calibrated.
    pub calibration: Option<Calibration>,
}

impl Default for GateOutcome {
    fn default() -> Self {
        Self {
            version: GATE_VERSION,
            tool: String::new(),
            started_at: String::new(),
            elapsed_s: 0.0,
            scenario: String::new(),
            builds: Pair::default(),
            seed: 0,
            machine: String::new(),
            remarks: Vec::new(),
            settings: Settings::default(),
            advisory: false,
            verdict: Conclusion::default(),
            sentence: String::new(),
            next: String::new(),
            exit_code: 0,
            bad_days: Vec::new(),
            decision: None,
            rounds: Vec::new(),
            answers: None,
            memory: None,
            capacity: None,
            cause: None,
            calibration: None,
        }
    }
}

impl GateOutcome {
    /// Completes the outcome: sorts the problems by severity, and sets verdict, sentence, next step and exit
    /// code. Call it after all other fields are set.
    pub fn concluded(mut self) -> Self {
        self.bad_days.sort_by_key(|day| day.conclusion().gravity());
        self.verdict = sentence::conclude(
            &self.bad_days,
            self.decision.as_ref(),
            self.calibration.as_ref(),
        );
        self.sentence = sentence::sentence(&self);
        self.next = sentence::next(&self);
        self.exit_code = self.verdict.exit_code(self.advisory);
        self
    }
}
