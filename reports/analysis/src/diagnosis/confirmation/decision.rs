//! Comparison of the component that a diagnosis names with the others.

use serde::{Deserialize, Serialize};

use super::component::Component;
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
/// It is if its slope is beyond noise, and beyond the interval of every other component, and those are below its own. A resource that no component stands for is refuted by a component with most of the bottleneck. The order of the windows and
/// the units of rate and time do not matter.
pub fn confirm(
    bottleneck: &Bottleneck,
    components: &[Component],
    windows: Windows,
) -> Confirmation {
    let sensitivities = components
        .iter()
        .filter_map(|own| Sensitivity::of(own, &windows.below, &windows.above));
    let mut sensitivities: Vec<Sensitivity> = sensitivities.collect();
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
    let is_named = |own: &&Sensitivity| own.component.is_named(bottleneck, components);
    let named = sensitivities.iter().find(is_named);
    let others: Vec<&Sensitivity> = sensitivities.iter().filter(|own| !is_named(own)).collect();
    let (outcome, sentence) = decide(named, &others, names_resource);
    let steepest = sensitivities
        .split_first()
        .filter(|(first, others)| is_beyond(first, *others))
        .map(|(first, _)| first);
    Confirmation {
        outcome,
        sentence,
        named: components
            .iter()
            .filter(|own| own.is_named(bottleneck, components))
            .map(|own| own.name.clone())
            .collect(),
        steepest: steepest.map(|own| own.component.name.clone()),
        sensitivities,
        left_out: Vec::new(),
        windows,
        runs: Vec::new(),
    }
}

/// Decides between the steepest of the named components and the others, the steepest first. `names_resource` is false if the diagnosis names no
/// resource of the service.
fn decide(
    named: Option<&Sensitivity>,
    others: &[&Sensitivity],
    names_resource: bool,
) -> (ConfirmationOutcome, String) {
    let other = others.first().copied();
    let (outcome, word, first, second) = match (named, other) {
        (Some(named), other) if is_beyond(named, others.iter().copied()) => (
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
                && is_beyond(other, [])
                && other.throughput.interval[0] > MAJORITY =>
        {
            (ConfirmationOutcome::Refuted, "Refuted", Some(other), None)
        }
        (None, Some(other)) if is_beyond(other, []) => (
            ConfirmationOutcome::NotDecided,
            "Not decided, because no component that can be slowed stands for this bottleneck",
            Some(other),
            None,
        ),
        (named, other) => (
            ConfirmationOutcome::NotDecided,
            "Not decided, because no component stands out",
            named,
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
