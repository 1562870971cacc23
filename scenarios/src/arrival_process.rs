//! How arrivals are spread along the curve.

use crate::stream::Stream;

mod even;
mod poisson;

/// How arrivals are spread along the curve.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ArrivalProcess {
    /// At equal distances.
    Even,
    /// Each independent of all others, as people are.
    Poisson,
}

/// The processes by name, with the one line each is registered by.
pub(crate) const PROCESSES: [(&str, ArrivalProcess); 2] = [
    ("even", ArrivalProcess::Even),
    ("poisson", ArrivalProcess::Poisson),
];

impl ArrivalProcess {
    /// Returns how much of the curve's cumulative rate lies before the first arrival.
    pub(crate) fn first_step(self, random: &mut Stream) -> f64 {
        match self {
            Self::Even => even::FIRST,
            Self::Poisson => poisson::step(random),
        }
    }

    /// Returns how much of it lies between two arrivals; 1 on average.
    pub(crate) fn step(self, random: &mut Stream) -> f64 {
        match self {
            Self::Even => even::STEP,
            Self::Poisson => poisson::step(random),
        }
    }
}
