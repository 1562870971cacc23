//! The verdict of a gate in a word and an exit code.

use std::fmt;

use serde::{Deserialize, Serialize};

/// The verdict of a gate in a word: of the three, or of a day on which it could not be one of them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// The candidate is no slower than tolerated.
    Pass,
    /// The candidate is slower.
    Fail,
    /// Neither is shown.
    #[default]
    Inconclusive,
    /// A build did not come to answer.
    DidNotStart,
    /// A build ended while it was measured.
    Died,
    /// Somebody ended the gate.
    Interrupted,
    /// The builds answered the same requests with different statuses.
    AnswersDiffer,
    /// Nothing was measured that could be compared.
    NothingMeasured,
    /// The memory of a build grew all the while.
    Leaked,
    /// The noise is too great for the limits within the budget.
    TooNoisy,
    /// No change was judged: the baseline was set beside itself, and some of what matters can be gated here.
    Calibrated,
}

impl Conclusion {
    /// All of them, the gravest first: the first that is the case is the verdict.
    pub const BY_GRAVITY: [Conclusion; 11] = [
        Conclusion::DidNotStart,
        Conclusion::Died,
        Conclusion::Interrupted,
        Conclusion::AnswersDiffer,
        Conclusion::NothingMeasured,
        Conclusion::Fail,
        Conclusion::Leaked,
        Conclusion::TooNoisy,
        Conclusion::Inconclusive,
        Conclusion::Pass,
        Conclusion::Calibrated,
    ];

    /// The word for it in `gate.json`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Pass => "pass",
            Self::Fail => "fail",
            Self::Inconclusive => "inconclusive",
            Self::DidNotStart => "did_not_start",
            Self::Died => "died",
            Self::Interrupted => "interrupted",
            Self::AnswersDiffer => "answers_differ",
            Self::NothingMeasured => "nothing_measured",
            Self::Leaked => "leaked",
            Self::TooNoisy => "too_noisy",
            Self::Calibrated => "calibrated",
        }
    }

    /// The exit code of the command.
    ///
    /// 0 of a pass, and of a calibration that is of use. 99 where the change is refuted: it is slower, it answers otherwise, or it leaks. 121
    /// where nothing is shown either way, noise included. 107 where a build did not start or died: a
    /// component failed, and no figure is to blame. 120 where there is no measurement to judge, and 105
    /// of an interruption.
    ///
    /// Advice does not stop anybody, so that what is shown of the change (99) and what is not (121) end
    /// with 0 where the gate is advisory. The other three stay: a gate that no longer measures anything
    /// would otherwise go unnoticed for months.
    pub fn exit_code(self, advisory: bool) -> u8 {
        match self {
            Self::Pass | Self::Calibrated => 0,
            Self::Fail | Self::AnswersDiffer | Self::Leaked if advisory => 0,
            Self::Inconclusive | Self::TooNoisy if advisory => 0,
            Self::Fail | Self::AnswersDiffer | Self::Leaked => 99,
            Self::Inconclusive | Self::TooNoisy => 121,
            Self::Interrupted => 105,
            Self::DidNotStart | Self::Died => 107,
            Self::NothingMeasured => 120,
        }
    }

    /// Whether the figures are of the same work on both sides, however they were judged.
    pub fn has_figures(self) -> bool {
        match self {
            Self::Pass | Self::Fail | Self::Inconclusive | Self::Leaked | Self::TooNoisy => true,
            Self::DidNotStart
            | Self::Died
            | Self::Interrupted
            | Self::AnswersDiffer
            | Self::NothingMeasured
            | Self::Calibrated => false,
        }
    }

    /// Its place among all, the gravest being 0.
    pub(crate) fn gravity(self) -> usize {
        let all = Self::BY_GRAVITY.iter();
        all.take_while(|other| **other != self).count()
    }
}

impl fmt::Display for Conclusion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
