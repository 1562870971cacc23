//! Progress messages on standard error.

use std::io::Write as _;

/// Prints a progress message.
pub(crate) fn report(line: &str) {
    // Nobody reads a closed stream.
    let _ = writeln!(std::io::stderr(), "{line}");
}
