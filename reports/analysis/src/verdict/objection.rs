//! An objection to a measurement.

use crate::summary::verdict::MeasurementVerdict;

/// An objection to a measurement.
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
