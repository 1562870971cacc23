//! The experiment that confirms a bottleneck: each component is slowed in turn, and the throughput tells which one counts.
//!
//! With `m` of a resource that a request needs for a time `D`, the throughput above the knee is `X = m / D` (the utilisation law). If
//! each use of a component takes longer by a share `f` of its time, `1/X` grows by `s f`, where `s` is the share of that
//! component in `D`: 1 if it alone is the bottleneck, and 0 if the resource is another one. So the slope of `1/X` over `f`, relative to its
//! value at 0, ranks the components. Coz asks the same question from the other side, by speeding code up virtually (C. Curtsinger and E. D.
//! Berger, Coz: Finding Code that Counts with Causal Profiling, SOSP 2015).

mod component;
mod decision;
mod schedule;
mod sensitivity;
mod window;

pub use component::{Component, ComponentKind, LeftOut};
pub use decision::{Confirmation, ConfirmationOutcome, confirm};
pub use schedule::{Setting, schedule};
pub use sensitivity::{Sensitivity, Slope};
pub use window::{Window, Windows, windows};
