//! A history of gates and runs: the file it is kept in, and how it is shown.

mod file;
pub mod html;
pub mod json;
mod sentence;
pub mod terminal;

pub use file::{HistoryError, append, read};
