//! Discrete-event simulation of services, in virtual time.
//!
//! A [`System`] has tiers of equal servers, and a path through them for each request of a scenario. [`simulate`] sends it the
//! arrivals of the scenario's schedule, [`Trials`] search for the highest rate that it sustains, and a [`Sample`] of a
//! fleet is small enough to simulate. [`cache`] has the hit rates of caches.
//!
//! It is released together with Tenfold, at the same version. Its interface may change with every minor version.

mod arrivals;
pub mod cache;
mod demand;
mod event;
mod knee;
mod objective;
mod outcome;
mod sample;
mod simulation;
mod station;
mod system;

pub use arrivals::{Request, arrivals, poisson};
pub use demand::Demand;
pub use knee::{Knee, Limit, Trials, mix};
pub use objective::{Objective, Statistic, objectives};
pub use outcome::{Outcome, TierUse};
pub use sample::Sample;
pub use simulation::{Settings, simulate};
pub use system::{Discipline, Path, Quota, Routing, Step, System, Tier, Visits};
