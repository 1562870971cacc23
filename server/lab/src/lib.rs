//! Brings a stage of the reference service up on this machine.
//!
//! A stage is a row of the [`stage`] table and a file that composes its boxes; a [`LabBox`] is a
//! child process with its addresses and its log. [`up`] starts them in order and returns once all
//! of them are ready; [`Lab::stop`] stops them in the reverse order; dropping a [`Lab`] kills them.
//!
//! What holds:
//!
//! - a box dies with the process that started it, even where that is killed with `kill -9`: it
//!   stops when its standard input, a pipe held here, closes;
//! - a box is the leader of a process group, so that Ctrl-C at a terminal does not reach it;
//! - a directory holds one lab at a time.
//!
//! All calls block; from async code, use a blocking thread.

mod directory_lock;
mod error;
mod lab;
mod lab_box;
mod log_file;
mod single_box;
pub mod stage;

pub use error::LabError;
pub use lab::{DataSet, Lab, Options, up};
pub use lab_box::LabBox;
pub use stage::Stage;
