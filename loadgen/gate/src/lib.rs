//! Compares two builds of a service under the same load, and decides whether the second is slower.
//!
//! Call [`gate`] to compare two builds, and [`calibration`] once before to measure the sensitivity of the
//! machine. Both builds run at the same time. The generator sends the request of each arrival to one build
//! and its twin to the other, in random order. Both builds are restarted every few rounds. After each epoch
//! [`tenfold_analysis::gate`] decides on the rounds so far. Faults other than a slowdown, such as a crash, are
//! reported as a [`BadDay`](tenfold_analysis::gate::BadDay).
//!
//! | module | contents |
//! |---|---|
//! | `gate` | the course of a gate, and its judgement of responses, memory and noise |
//! | `rounds` | epochs, the measurement of their rounds, and profiles of both builds |
//! | `subject` | the builds: named by the user, built, and started as child processes |
//! | `options` | options and progress of a gate |
//! | `canary` | judgement of one instance beside others that serve the same load |
//! | `calibration_file` | the result of a calibration, stored for later gates |

mod calibration_file;
mod canary;
mod error;
mod gate;
mod options;
mod rounds;
mod subject;

pub use calibration_file::CalibrationFile;
pub use canary::{CanaryOptions, Instance, judge_canary};
pub use error::GateError;
pub use gate::{calibration, gate};
pub use options::{Options, Step};
pub use subject::{Build, CommandService, Recipe, ServiceCommand, Subject, Workshop};
