//! Skips tests that need something which this machine lacks.

/// Reports why a test is skipped.
///
/// # Panics
/// If the environment variable `CI` is set and not empty: CI runs every test.
pub(crate) fn skip(reason: &dyn std::fmt::Display) {
    assert!(
        std::env::var_os("CI").is_none_or(|set| set.is_empty()),
        "tests must not be skipped in CI: {reason}"
    );
    println!("skipped: {reason}");
}
