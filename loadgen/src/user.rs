//! Virtual users: their connections, their journeys, and how they are started.

mod browser_state;
mod closed_model;
mod event_recorder;
mod hatch;
mod known_sessions;
mod log_in;
mod open_model;
mod virtual_user;
mod visit;
mod visitor;

pub(crate) use closed_model::run_closed_model;
pub use known_sessions::KnownSessions;
pub(crate) use log_in::log_in;
pub(crate) use open_model::hatch_idle;
pub(crate) use virtual_user::{Sent, User};
pub use visitor::{Call, JourneyFunction, JourneyResult, Journeys, Stop, Visitor};
