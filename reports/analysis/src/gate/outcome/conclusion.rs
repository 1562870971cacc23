//! Final verdict of a gate, with its exit code.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Final verdict of a gate: pass, fail, inconclusive, or a problem that prevents or overrides them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Conclusion {
    /// The candidate is no slower than tolerated.
    Pass,
    /// The candidate is slower.
    Fail,
    /// The rounds show neither.
    #[default]
    Inconclusive,
    /// A build did not start to serve requests.
    DidNotStart,
    /// A build exited during the measurement.
    Died,
    /// The gate was interrupted.
    Interrupted,
    /// The builds answered the same requests differently.
    AnswersDiffer,
    /// No comparable figures were measured.
    NothingMeasured,
    /// The memory of a build grew throughout the gate.
    Leaked,
    /// The budget is too small to detect the minimum effect at this noise.
    TooNoisy,
    /// The gate only calibrated: it compared the baseline with itself, and this machine can gate.
    Calibrated,
}

impl Conclusion {
    /// All verdicts, the most severe first. The most severe one that applies is the verdict.
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

    /// Returns the name of the verdict in `gate.json`.
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

    /// Returns the exit code of the command.
    ///
    /// - 0: the gate passed or calibrated.
    /// - 99: the change is slower, answers differently, or leaks memory.
    /// - 105: the gate was interrupted.
    /// - 107: a build did not start, or exited.
    /// - 120: there is no measurement to judge.
    /// - 121: inconclusive, or too noisy.
    ///
    /// An advisory gate returns 0 instead of 99 and 121. It keeps the other codes, so that a gate that no
    /// longer measures anything does not go unnoticed.
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

    /// Returns whether the figures of both builds are of the same work, with any verdict.
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

    /// Returns the rank by severity; the most severe verdict has rank 0.
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
