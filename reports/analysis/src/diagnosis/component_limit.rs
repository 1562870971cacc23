//! A database, cache or balancer behind the service that holds it back.

use super::bottleneck::Bottleneck;
use super::load::Load;
use super::next_step::NextStep;
use super::resource::Resource;
use crate::component_cause::{CauseKind, ComponentCause, component_causes};

/// Weight above the knee, as a multiple of that at low load, from which a cause grows with the load.
const GROWS: f64 = 1.5;

/// Returns the causes above the knee that are not the same at low load, the strongest first.
pub(super) fn growing_causes(low: &Load<'_>, above: &Load<'_>) -> Vec<ComponentCause> {
    let before = component_causes(low.run);
    let mut causes = component_causes(above.run);
    causes.retain(|cause| {
        let same = before
            .iter()
            .find(|own| own.kind == cause.kind && own.component == cause.component);
        let is_constant = matches!(
            cause.kind,
            CauseKind::OneServer | CauseKind::Eviction | CauseKind::Refused | CauseKind::ReplicaLag
        );
        is_constant || same.is_none_or(|same| cause.weight >= GROWS * same.weight)
    });
    causes
}

/// Returns the resource that a cause makes short.
pub(super) fn resource_of(kind: CauseKind) -> Resource {
    match kind {
        CauseKind::MissingIndex
        | CauseKind::ManyStatements
        | CauseKind::SlowStatement
        | CauseKind::ReplicaLag
        | CauseKind::BusyCache => Resource::Network,
        CauseKind::RowLock => Resource::Lock,
        CauseKind::Commit => Resource::Disk,
        CauseKind::Eviction => Resource::Memory,
        CauseKind::OneServer | CauseKind::Queue | CauseKind::Refused => Resource::AtATime,
    }
}

/// Returns whether a cause uses a processor, which may be one of this machine.
pub(super) fn computes(kind: CauseKind) -> bool {
    matches!(
        kind,
        CauseKind::MissingIndex | CauseKind::SlowStatement | CauseKind::BusyCache
    )
}

/// Returns the bottleneck that a cause is. `evidence` comes first.
pub(super) fn bottleneck(cause: &ComponentCause, mut evidence: Vec<String>) -> Bottleneck {
    let resource = resource_of(cause.kind);
    evidence.extend(cause.evidence.iter().cloned());
    Bottleneck {
        resource,
        title: cause.title.clone(),
        place: cause
            .place
            .clone()
            .or_else(|| Some(format!("`{}`", cause.component))),
        part: None,
        short_box: None,
        evidence,
        confidence: cause.confidence,
        expected_gain: None,
        next_step: NextStep::with_text(resource, cause.advice.clone()),
    }
}
