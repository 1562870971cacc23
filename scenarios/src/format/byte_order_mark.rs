//! The byte order mark that some editors write at the start of a text.

/// Removes the mark from the first line of a file.
pub(crate) fn strip_first_line(number: u64, line: &[u8]) -> &[u8] {
    match number {
        1 => line.strip_prefix(b"\xef\xbb\xbf").unwrap_or(line),
        _ => line,
    }
}

/// Removes the mark from a text.
pub(crate) fn strip(text: &str) -> &str {
    text.strip_prefix('\u{feff}').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strips_one_mark_at_the_start() {
        assert_eq!(strip("\u{feff}a\u{feff}"), "a\u{feff}");
        assert_eq!(strip("a"), "a");
        assert_eq!(strip_first_line(1, b"\xef\xbb\xbf{}"), b"{}");
        assert_eq!(strip_first_line(1, b"\xef\xbb"), b"\xef\xbb");
        assert_eq!(strip_first_line(2, b"\xef\xbb\xbf"), b"\xef\xbb\xbf");
    }
}
