//! `gate.json`: what came of a gate. Its shape is a public contract.

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

/// The version of the shape of a gate's outcome. Fields may be added within a version; none changes its
/// meaning or vanishes.
pub const GATE_VERSION: u32 = 1;

/// What came of a gate: the verdict, what it rests on, and what was asked.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct GateOutcome {
    /// Version of this shape.
    pub version: u32,
    /// The version of tenfold that judged, with its revision where that is known.
    pub tool: String,
    /// When the gate began, RFC 3339 in UTC.
    pub started_at: String,
    /// How long it took, in seconds.
    pub elapsed_s: f64,
    /// The scenario's name.
    pub scenario: String,
    /// What was compared.
    pub builds: Pair<Build>,
    /// The seed in force: the order of requests and of restarts follows from it.
    pub seed: u64,
    /// The machine, as `2 x AMD EPYC 7763`. Absolute figures of other machines can't be compared.
    pub machine: String,
    /// What about the machine speaks against the figures, in sentences.
    pub remarks: Vec<String>,
    /// What the gate was asked to hold.
    pub settings: Settings,
    /// Whether the verdict was asked not to fail anything.
    pub advisory: bool,
    /// The verdict in a word.
    pub verdict: Conclusion,
    /// The verdict in a sentence, with the figures that bear it out.
    pub sentence: String,
    /// What to do next; empty where there is nothing to do.
    pub next: String,
    /// The exit code of the command.
    pub exit_code: u8,
    /// What went wrong apart from a slowdown, the gravest first; empty on a good day.
    pub bad_days: Vec<BadDay>,
    /// What the rounds show; none where there were none to judge.
    pub decision: Option<Decision>,
    /// The rounds in their order.
    pub rounds: Vec<RoundRecord>,
    /// How the answers of both builds compare, where they were.
    pub answers: Option<Answers>,
    /// The resident memory of both builds, where it could be read.
    pub memory: Option<Pair<MemoryUse>>,
    /// What one processor answers a second at most, by its time alone; none where that was not compared.
    /// It informs: what waits or locks gives out before.
    pub capacity: Option<Pair<f64>>,
    /// Where the difference comes from, where both builds were profiled.
    pub cause: Option<Cause>,
    /// What rounds of the baseline against itself showed, where it was calibrated.
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
    /// Draws the conclusion: puts the gravest of the bad days first, and says verdict, sentence and exit
    /// code by them and the decision. To be called once all else is filled in.
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
