//! Entry points for the fuzz targets in `fuzz/`, which read answers of a balancer without a socket.

use std::fmt;
use std::io;

use super::runtime_api::parse_statistics;
use super::{BalancerStatus, write_table};

/// Parses the answer to `show stat json`.
///
/// # Errors
/// If it is not such an answer.
pub fn read_statistics(answer: &str) -> io::Result<BalancerStatus> {
    parse_statistics(answer)
}

/// The table of balancers that the status of a lab ends with.
pub struct Table<'a>(pub &'a [BalancerStatus]);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_table(f, self.0)
    }
}
