//! Skipped tests.

/// Prints why a test is skipped.
///
/// # Panics
/// If the environment variable `CI` is set: there, a missing program is a failure.
#[allow(clippy::print_stdout, reason = "the test runner shows it")]
pub(crate) fn skip(reason: &str) {
    assert!(std::env::var_os("CI").is_none(), "cannot skip: {reason}");
    println!("skipped: {reason}");
}
