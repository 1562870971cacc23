//! User input in messages.

/// Shortens user input, to keep messages short.
pub(crate) fn clip(text: &str) -> String {
    match text.char_indices().nth(60) {
        None => text.to_owned(),
        Some((at, _)) => format!("{}...", &text[..at]),
    }
}
