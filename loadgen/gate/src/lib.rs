//! Compares two builds of a service under the same load, and says whether the second is slower.
//!
//! [`gate`] is all there is to call, and [`calibration`] before the first. Both builds are up at once;
//! the generator sends every arrival's request to one and its twin to the other, in random order; both are
//! started anew every few rounds. What the rounds show is for [`tenfold_analysis::gate`] to say, which
//! this crate asks after each epoch; what a build does wrong apart from being slow is told as a bad day.

mod answers;
mod calibration_file;
mod cause;
mod endpoint;
mod epoch;
mod error;
mod gate;
mod instance;
mod launch;
mod logged_command;
mod memory;
mod meter;
mod options;
mod prepared;
mod revision;
mod rounds;
mod subject;
mod timetable;

pub use calibration_file::CalibrationFile;
pub use endpoint::Endpoint;
pub use error::GateError;
pub use gate::{calibration, gate};
pub use options::{Options, Step};
pub use prepared::Recipe;
pub use subject::Subject;
