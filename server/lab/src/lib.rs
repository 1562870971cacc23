//! Brings a stage of the reference service up on this machine.
//!
//! A stage is a row of the [`stage`] table and a file that plans its boxes. A [`LabBox`] is a child
//! process with its allowance, its addresses and its log. [`up`] starts the boxes in order and returns
//! once all of them are ready; a box may take as long as it makes progress. [`Lab::tend`] watches them and answers requests that other processes
//! send with [`ask`]. [`Lab::stop`] stops them in reverse order; dropping a [`Lab`] kills them.
//!
//! Guarantees:
//!
//! - A box dies with the process that started it, even after `kill -9`: it stops when its standard
//!   input, a pipe held by the lab, closes, and a guard kills at once any box that is left.
//! - A box leads its own process group, so that Ctrl-C at a terminal does not reach it.
//! - A box uses no more than its [`Allowance`] if this machine allows control groups.
//! - A directory holds one lab at a time.
//!
//! All calls block; from async code, use a blocking thread.

mod balancer;
mod boxes;
mod chaos;
mod component;
mod control;
mod directory;
mod error;
mod identity;
mod lab;
mod network;
mod options;
mod program;
mod resharding;
mod scaling;
#[cfg(test)]
mod skip;
pub mod stage;
mod starting;
mod table;
mod watching;

#[cfg(fuzzing)]
#[doc(hidden)]
pub use balancer::fuzzing;
pub use balancer::{BalancerStatus, ServerStatus};
pub use boxes::build::{Build, BuildChange, BuildStatus};
pub use boxes::cgroup::{Group as ControlGroup, Groups as ControlGroups, Usage};
pub use boxes::lab_box::LabBox;
pub use chaos::{PlannedFault, Victim, plan_faults, victims};
pub use control::socket::{Answer, Request, Responder, ask, ask_watched};
pub use control::status::{BoxStatus, DoorStatus, EntranceStatus, LabStatus, UsageBetween};
pub use directory::found_lab::{FoundLab, labs_in};
pub use directory::lock::Holder;
pub use error::{LabError, NotReady};
pub use lab::{End, Lab, Rotation, Watch, up, up_watched};
pub use options::allowance::{Allowance, Allowances, RoleAllowance};
pub use options::role_count::RoleCount;
pub use options::{DataSetOptions, LabOptions};
pub use program::{MissingProgram, PROGRAMS, Program, Source};
pub use resharding::{Resharding, ShardBuckets, Shards, Spreading, reshard};
pub use scaling::log_path as scaling_log_path;
pub use scaling::{GroupStatus, SpareUse};
pub use stage::Stage;
pub use starting::progress::StartProgress;
pub use watching::incidents_path as incident_log_path;
pub use watching::{FiringAlert, IncidentLog, Page, RequestLog, WatchingStatus, request_page};
