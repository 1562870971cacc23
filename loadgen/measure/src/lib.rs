//! A run as a whole: the generator's load, the probe's captures, the lab's boxes, and every file of the run
//! directory.
//!
//! A caller describes a [`Measurement`] and calls [`Measurement::record`]. Both `tenfold run` and the gate
//! do so; neither writes into a run directory itself before the run has ended.
//!
//! | module | contents |
//! |---|---|
//! | `measurement` | the course of a run |
//! | `generators` | several generators of one run |
//! | `manifest` | `manifest.json`: scenario, machine, tool and invocation |
//! | `stage_use` | `boxes.json` and `balancers.json`: resources that the stage used during the run |
//! | `scaling` | `scaling.json`: events of the groups of boxes that come and go |
//! | `incidents` | `incidents.json`: alerts that fired |
//! | `watched` | `components.json`: databases, caches, web servers and balancers that are watched |
//! | `profiling` | `profile/`: the profile of the service, taken, named and written |
//! | `profile_window` | the part of a run that is profiled |
//! | `profiled_processes` | the processes that are profiled |
//! | `endpoint` | addresses and process of a service under test |
//! | `user_limit` | number of users that files and ports of this machine allow |
//! | `run_path` | the default directory of a run |

mod endpoint;
mod error;
mod generators;
mod incidents;
mod manifest;
mod measurement;
mod profile_window;
mod profiled_processes;
mod profiling;
mod run_path;
mod scaling;
mod stage_use;
mod user_limit;
mod watched;

pub use endpoint::Endpoint;
pub use error::MeasureError;
pub use generators::{
    Crew, Event, Exit, Generators, Job, Message, Messages, OnLoss, Place, Spans, Worker, generate,
    generators_for, refuse_generators, shared_clock, start_process,
};
pub use manifest::{Invocation, tool};
pub use measurement::{Measured, Measurement, Observer, Probe};
pub use run_path::default_path;
pub use stage_use::StageDescription;
pub use user_limit::{Fitted, fit_users};
