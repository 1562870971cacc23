//! Brings a stage of the reference service up on this machine.
//!
//! A stage is a row of the [`stage`] table and a file that plans its boxes; a [`LabBox`] is a
//! child process with its allowance, its addresses and its log. [`up`] starts them in order and returns
//! once all of them are ready; [`Lab::tend`] looks after them and answers what [`ask`] asks from another
//! process; [`Lab::stop`] stops them in the reverse order; dropping a [`Lab`] kills them.
//!
//! What holds:
//!
//! - a box dies with the process that started it, even where that is killed with `kill -9`: it
//!   stops when its standard input, a pipe held here, closes, and a guard kills what is left at once;
//! - a box is the leader of a process group, so that Ctrl-C at a terminal does not reach it;
//! - a box uses no more than its [`Allowance`], where this machine lets control groups be made;
//! - a directory holds one lab at a time.
//!
//! All calls block; from async code, use a blocking thread.

mod balancer;
mod boxes;
mod component;
mod control;
mod directory;
mod error;
mod identity;
mod lab;
mod network;
mod options;
mod program;
pub mod stage;
mod table;

pub use balancer::{BalancerStatus, ServerStatus};
pub use boxes::cgroup::Usage;
pub use boxes::lab_box::LabBox;
pub use control::socket::{Answer, Asker, Request, ask};
pub use control::status::{BoxStatus, EntranceStatus, LabStatus, Used};
pub use error::LabError;
pub use lab::{End, Lab, up, up_unless};
pub use options::allowance::{Allowance, Allowances, RoleAllowance};
pub use options::role_count::RoleCount;
pub use options::{DataSetOptions, LabOptions};
pub use program::{MissingProgram, PROGRAMS, Program, Source};
pub use stage::Stage;
