//! Optional tools of tests.

/// Skips a test that lacks a tool, or fails it if the variable `CI` is set.
///
/// # Panics
/// If `CI` is set: there, a test that does not run must not pass.
#[expect(clippy::print_stderr, reason = "a test reports why it is skipped")]
pub(crate) fn skip(reason: &str) {
    assert!(
        std::env::var_os("CI").is_none_or(|set| set.is_empty()),
        "CI must run every test: {reason}"
    );
    eprintln!("skipped: {reason}");
}
