//! Whether the component that a diagnosis names is the one that counts.

use serde::{Deserialize, Serialize};

use super::component::Component;
use super::sensitivity::Sensitivity;
use super::window::Windows;
use crate::diagnosis::Bottleneck;
use crate::format;
use crate::knee::TrialReport;

/// Share of the bottleneck below which a component is not the bottleneck.
const SHARE_MIN: f64 = 0.2;

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
/// It is if its slope is beyond noise, and beyond the interval of every other component, and those are below its own. The order of the windows and
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
    let is_named = |own: &&Sensitivity| own.component.is_named(bottleneck, components);
    let named = sensitivities.iter().find(is_named);
    let other = sensitivities.iter().find(|own| !is_named(own));
    let (outcome, sentence) = decide(named, other);
    let steepest = sensitivities
        .first()
        .filter(|first| is_beyond(first, sensitivities.get(1)));
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

/// Decides between the steepest of the named components and the steepest of the others.
fn decide(
    named: Option<&Sensitivity>,
    other: Option<&Sensitivity>,
) -> (ConfirmationOutcome, String) {
    let than_other = |other: Option<&Sensitivity>| match other {
        Some(other) => format!(", slowing {} {}", other.component.quoted(), cost(other)),
        None => String::new(),
    };
    match (named, other) {
        (None, None) => (
            ConfirmationOutcome::NotDecided,
            "Not decided: the runs have too few seconds with an answer".to_owned(),
        ),
        (Some(named), other) if is_beyond(named, other) => (
            ConfirmationOutcome::Confirmed,
            format!(
                "Confirmed: slowing {} by half {}{}",
                named.component.quoted(),
                cost(named),
                than_other(other)
            ),
        ),
        (Some(named), Some(other)) if is_beyond(other, Some(named)) => (
            ConfirmationOutcome::Refuted,
            format!(
                "Refuted: slowing {} by half {}{}",
                other.component.quoted(),
                cost(other),
                than_other(Some(named))
            ),
        ),
        (None, Some(other)) if is_beyond(other, None) => (
            ConfirmationOutcome::NotDecided,
            format!(
                "Not decided: no component that the service can slow stands for this bottleneck; slowing {} by half {}",
                other.component.quoted(),
                cost(other)
            ),
        ),
        (Some(first), second) => undecided(first, second),
        (None, Some(first)) => undecided(first, None),
    }
}

/// Returns the reason for which two components are not told apart.
fn undecided(one: &Sensitivity, other: Option<&Sensitivity>) -> (ConfirmationOutcome, String) {
    let both = [Some(one), other].into_iter().flatten();
    let costs = both.map(|own| format!("slowing {} by half {}", own.component.quoted(), cost(own)));
    (
        ConfirmationOutcome::NotDecided,
        format!(
            "Not decided: no component stands out; {}",
            costs.collect::<Vec<_>>().join(", ")
        ),
    )
}

/// Returns whether a component costs throughput beyond noise, and more than another.
fn is_beyond(one: &Sensitivity, other: Option<&Sensitivity>) -> bool {
    let own = one.throughput;
    own.value >= SHARE_MIN
        && own.interval[0] > 0.0
        && other.is_none_or(|other| {
            let other = other.throughput;
            other.value < own.interval[0] && other.interval[1] < own.value
        })
}

/// Returns the cost of a slowdown: "costs 31% of the throughput (27% to 35%)".
fn cost(own: &Sensitivity) -> String {
    let loss = |slope: f64| 1.0 - 1.0 / (1.0 + slope.max(0.0) * SLOWDOWN);
    let [low, high] = own.throughput.interval;
    format!(
        "costs {} of the throughput ({} to {})",
        format::percent(own.loss(SLOWDOWN)),
        format::percent(loss(low)),
        format::percent(loss(high))
    )
}

#[cfg(test)]
mod tests;
