//! Lines that say how far the benchmark has come, on standard error.

use std::io::Write as _;

/// Tells how far it has come.
pub(crate) fn report(line: &str) {
    // Who has closed it does not want to know.
    let _ = writeln!(std::io::stderr(), "{line}");
}
