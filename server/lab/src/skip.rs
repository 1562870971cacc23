//! Skips tests that need something which this machine lacks.

/// Reports why a test is skipped.
///
/// # Panics
/// Panics if the environment variable `CI` is set: there, nothing may be skipped.
pub(crate) fn skip(reason: &dyn std::fmt::Display) {
    assert!(
        std::env::var_os("CI").is_none(),
        "can't run in CI: {reason}"
    );
    println!("skipped: {reason}");
}
