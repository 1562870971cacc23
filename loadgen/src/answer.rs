//! Verdicts on answers: captures, checks, samples of failures, and agreement between two builds.

mod agreement_log;
mod capture;
mod change;
mod check;
mod evidence_log;
mod judgement;
mod mask;
mod reply;

pub(crate) use agreement_log::AgreementLog;
pub(crate) use capture::{Captured, capture, keep_all, keep_for};
pub(crate) use change::Change;
pub(crate) use check::AnswerView;
pub(crate) use evidence_log::{EvidenceLog, JourneyEnd, SAMPLED_BODY_BYTES, SHOWN_BODY_BYTES};
pub(crate) use judgement::{HeldVariables, Judgement};
pub(crate) use mask::Mask;
pub use reply::Reply;
