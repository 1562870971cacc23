//! Spacing of arrivals along the curve.

use crate::random::stream::Stream;

mod even;
mod poisson;

/// Spacing of arrivals along the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArrivalProcess {
    /// At equal intervals.
    Even,
    /// Independent of each other, as people are.
    Poisson,
}

/// The processes by name.
pub(crate) const PROCESSES: [(&str, ArrivalProcess); 2] = [
    ("even", ArrivalProcess::Even),
    ("poisson", ArrivalProcess::Poisson),
];

impl ArrivalProcess {
    /// Returns the increase of the curve's cumulative rate before the first arrival.
    pub(crate) fn first_step(self, random: &mut Stream) -> f64 {
        match self {
            Self::Even => even::FIRST,
            Self::Poisson => poisson::step(random),
        }
    }

    /// Returns its increase between two arrivals; 1 on average.
    pub(crate) fn step(self, random: &mut Stream) -> f64 {
        match self {
            Self::Even => even::STEP,
            Self::Poisson => poisson::step(random),
        }
    }
}
