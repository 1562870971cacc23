//! A reason against a measurement.

use crate::summary::verdict::MeasurementVerdict;

/// Something that speaks against a measurement.
pub(super) struct Objection {
    pub(super) grade: MeasurementVerdict,
    pub(super) reason: String,
}

pub(super) fn invalid(reason: String) -> Option<Objection> {
    Some(Objection {
        grade: MeasurementVerdict::Invalid,
        reason,
    })
}

pub(super) fn suspect(reason: String) -> Option<Objection> {
    Some(Objection {
        grade: MeasurementVerdict::Suspect,
        reason,
    })
}
