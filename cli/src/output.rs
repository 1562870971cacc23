//! Everything that the binary writes: standard output, standard error, exports, and the log of a service.

pub(crate) mod destination;
pub(crate) mod exports;
pub(crate) mod load_report;
pub(crate) mod log;
pub(crate) mod open;
pub(crate) mod print;
pub(crate) mod printer;
pub(crate) mod run_report;
pub(crate) mod start_lines;
pub(crate) mod worker;
