//! Skipped tests.

/// Prints why a test is skipped.
///
/// # Panics
/// If the environment variable `CI` is set and not empty: CI runs every test.
#[allow(clippy::print_stdout, reason = "the test runner shows it")]
pub(crate) fn skip(reason: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|set| set.is_empty()),
        "tests must not be skipped in CI: {reason}"
    );
    println!("skipped: {reason}");
}
