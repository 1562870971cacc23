//! Comparison of the component that a diagnosis names with the others.

use serde::{Deserialize, Serialize};

use super::component::{Component, LeftOut, Relation};
use super::sensitivity::Sensitivity;
use super::window::Windows;
use crate::diagnosis::{Bottleneck, Resource};
use crate::format;
use crate::knee::TrialReport;

/// Share of the bottleneck below which a component is not the bottleneck.
const SHARE_MIN: f64 = 0.2;

/// Share of the bottleneck from which a component refutes a resource that no component stands for.
const MAJORITY: f64 = 0.5;

/// Slowdown for which sentences give the cost.
const SLOWDOWN: f64 = 0.5;

/// Outcome of the experiment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConfirmationOutcome {
    /// The named component has the steepest slope.
    Confirmed,
    /// Another one has.
    Refuted,
    /// Neither, beyond noise.
    NotDecided,
}

/// Result of the experiment that slows each component in turn.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Confirmation {
    /// Outcome.
    pub outcome: ConfirmationOutcome,
    /// Outcome in a sentence, with its figures.
    pub sentence: String,
    /// Components that the diagnosis named: several if it named only the kind of resource.
    pub named: Vec<String>,
    /// Component that costs most throughput, beyond noise. `None` if there is none.
    pub steepest: Option<String>,
    /// Sensitivity to each component, the one that costs most throughput first.
    pub sensitivities: Vec<Sensitivity>,
    /// Components that were not slowed, each in a sentence with the reason.
    pub left_out: Vec<String>,
    /// Windows of the runs.
    pub windows: Windows,
    /// The runs.
    pub runs: Vec<TrialReport>,
}

/// Decides whether the component that the bottleneck names is the one whose slowdown costs throughput.
///
/// It is if its slope is beyond noise, and beyond the interval of every other component, and those are below its own. A resource that no component stands for is refuted by a component with most of the bottleneck. If the
/// diagnosis does not say in which component the requests wait, nothing is confirmed. The order of the windows and the units of rate and time do not
/// matter.
pub fn confirm(
    bottleneck: &Bottleneck,
    components: &[Component],
    left_out: &[LeftOut],
    windows: Windows,
) -> Confirmation {
    let mut left_out = left_out.to_vec();
    let mut sensitivities = Vec::new();
    for component in components {
        match Sensitivity::of(component, &windows.below, &windows.above) {
            Some(found) => sensitivities.push(found),
            None if left_out
                .iter()
                .any(|own| own.component.name == component.name) => {}
            None => left_out.push(LeftOut {
                component: component.clone(),
                reason: "too few of its seconds have answers".to_owned(),
            }),
        }
    }
    let is_measured = |own: &LeftOut| {
        let mut measured = sensitivities.iter();
        measured.any(|other: &Sensitivity| other.component.name == own.component.name)
    };
    left_out.retain(|own| !is_measured(own));
    sensitivities.sort_by(|one, other| {
        let value = |own: &Sensitivity| own.throughput.value;
        value(other)
            .total_cmp(&value(one))
            .then_with(|| one.component.name.cmp(&other.component.name))
    });
    let names_resource = !matches!(
        bottleneck.resource,
        Resource::Unknown | Resource::OtherProcesses
    );
    let relation = |own: &Component| own.relation(bottleneck, components, &left_out);
    let of = |wanted: Relation| -> Vec<&Sensitivity> {
        let all = sensitivities.iter();
        all.filter(|own| relation(&own.component) == wanted)
            .collect()
    };
    let (outcome, sentence) = decide(
        of(Relation::Named).first().copied(),
        &of(Relation::Possible),
        &of(Relation::Other),
        names_resource,
    );
    let steepest = sensitivities
        .split_first()
        .filter(|(first, others)| is_beyond(first, *others))
        .map(|(first, _)| first);
    Confirmation {
        outcome,
        sentence,
        named: {
            let measured = components.iter().filter(|own| {
                let mut left_out = left_out.iter();
                !left_out.any(|other| other.component.name == own.name)
            });
            let all = measured.chain(left_out.iter().map(|own| &own.component));
            all.filter(|own| relation(own) == Relation::Named)
                .map(|own| own.name.clone())
                .collect()
        },
        steepest: steepest.map(|own| own.component.name.clone()),
        sensitivities,
        left_out: left_out.iter().map(LeftOut::sentence).collect(),
        windows,
        runs: Vec::new(),
    }
}

/// Decides between the steepest of the named components, those that may be meant, and the others, the steepest first. `names_resource` is false
/// if the diagnosis names no resource of the service.
fn decide(
    named: Option<&Sensitivity>,
    possible: &[&Sensitivity],
    others: &[&Sensitivity],
    names_resource: bool,
) -> (ConfirmationOutcome, String) {
    let rest = || possible.iter().chain(others).copied();
    let steeper = |one: &Sensitivity, other: &Sensitivity| {
        one.throughput.value.total_cmp(&other.throughput.value)
    };
    let other = match named {
        Some(_) => rest().max_by(|one, other| steeper(one, other)),
        None => others.first().copied(),
    };
    let may_be_meant = possible.first().copied();
    let (outcome, word, first, second) = match (named, other) {
        (Some(named), other) if is_beyond(named, rest()) => (
            ConfirmationOutcome::Confirmed,
            "Confirmed",
            Some(named),
            other,
        ),
        (Some(named), Some(other)) if is_beyond(other, [named]) => (
            ConfirmationOutcome::Refuted,
            "Refuted",
            Some(other),
            Some(named),
        ),
        // More than half of the bottleneck is in this component, so it is not in the named resource.
        (None, Some(other))
            if names_resource
                && is_beyond(other, possible.iter().copied())
                && other.throughput.interval[0] > MAJORITY =>
        {
            (ConfirmationOutcome::Refuted, "Refuted", Some(other), None)
        }
        (None, other) if may_be_meant.is_some_and(|own| is_beyond(own, others.iter().copied())) => {
            (
                ConfirmationOutcome::NotDecided,
                "Not decided, because the diagnosis does not say in which component the requests wait",
                may_be_meant,
                other,
            )
        }
        (None, Some(other)) if is_beyond(other, possible.iter().copied()) => (
            ConfirmationOutcome::NotDecided,
            "Not decided, because no component that can be slowed stands for this bottleneck",
            Some(other),
            None,
        ),
        (named, other) => (
            ConfirmationOutcome::NotDecided,
            "Not decided, because no component stands out",
            named.or(may_be_meant),
            other,
        ),
    };
    let costs = [first, second].into_iter().flatten().map(cost);
    let costs = costs.collect::<Vec<_>>().join(", ");
    match costs.is_empty() {
        true => (
            outcome,
            "Not decided: the runs have too few seconds with answers".to_owned(),
        ),
        false => (outcome, format!("{word}: {costs}")),
    }
}

/// Returns whether a component costs throughput beyond noise, and more than each of the others.
fn is_beyond<'a>(one: &Sensitivity, others: impl IntoIterator<Item = &'a Sensitivity>) -> bool {
    let own = one.throughput;
    own.value >= SHARE_MIN
        && own.interval[0] > 0.0
        && others.into_iter().all(|other| {
            let other = other.throughput;
            other.value < own.interval[0] && other.interval[1] < own.value
        })
}

/// Returns the cost of a slowdown: "50% more time in `cpu` costs 33.3% of the throughput (31.1% to 35.2%)".
fn cost(own: &Sensitivity) -> String {
    let loss = |slope: f64| format::percent(1.0 - 1.0 / (1.0 + slope.max(0.0) * SLOWDOWN));
    let [low, high] = own.throughput.interval;
    format!(
        "{} more time in {} costs {} of the throughput ({} to {})",
        format::percent(SLOWDOWN),
        own.component.quoted(),
        loss(own.throughput.value),
        loss(low),
        loss(high)
    )
}

#[cfg(test)]
mod tests;
