//! Sensitivity of the service to a slower component.

use serde::{Deserialize, Serialize};
use tenfold_stats::{SenSlope, median};

use super::component::Component;
use super::window::Window;

/// Sensitivity of the service to a slower component.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Sensitivity {
    /// The component.
    pub component: Component,
    /// Share of the bottleneck that is in it: the slope of the time between answers above the knee over the slowdown.
    pub throughput: Slope,
    /// Share of the response time below the knee that is in it, with its queues. `None` with too few windows.
    pub response: Option<Slope>,
}

/// A slope with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Slope {
    /// Estimate.
    pub value: f64,
    /// Its interval.
    pub interval: [f64; 2],
}

impl Sensitivity {
    /// Measures a component. `None` with too few windows.
    pub(super) fn of(component: &Component, below: &[Window], above: &[Window]) -> Option<Self> {
        let name = &component.name;
        let between_answers =
            |window: &Window| (window.answered > 0.0).then(|| 1.0 / window.answered);
        Some(Self {
            component: component.clone(),
            throughput: slope(name, above, between_answers)?,
            response: slope(name, below, |window| window.response_ns),
        })
    }
}

/// Returns the slope of a value over the slowdown of a component, relative to the value with nothing slowed.
fn slope(name: &str, windows: &[Window], value: impl Fn(&Window) -> Option<f64>) -> Option<Slope> {
    let unslowed = windows.iter().filter(|own| own.component.is_none());
    let unslowed: Vec<f64> = unslowed.filter_map(&value).collect();
    if unslowed.is_empty() {
        return None;
    }
    let usual = median(&unslowed);
    let points = windows.iter().filter_map(|window| match &window.component {
        Some(own) if own != name => None,
        _ => Some((window.slowdown, value(window)? / usual)),
    });
    let found = SenSlope::of(&points.collect::<Vec<_>>())?;
    Some(Slope {
        value: found.slope,
        interval: found.interval,
    })
}
