//! Elements of headers that are lists (RFC 9110, section 5.6.1).

/// Returns the elements of a list, without the blanks and line folds around them. Skips empty elements, and
/// leaves commas in quoted strings alone.
pub(super) fn list_elements(value: &[u8]) -> impl Iterator<Item = &[u8]> {
    let (mut is_quoted, mut is_escaped) = (false, false);
    value
        .split(move |byte| {
            if is_quoted {
                is_quoted = is_escaped || *byte != b'"';
                is_escaped = !is_escaped && *byte == b'\\';
                return false;
            }
            is_quoted = *byte == b'"';
            *byte == b','
        })
        .map(<[u8]>::trim_ascii)
        .filter(|element| !element.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn skips_empty_elements_and_quoted_commas() {
        let elements = |value: &'static str| -> Vec<&str> {
            let elements = list_elements(value.as_bytes());
            elements
                .map(|one| std::str::from_utf8(one).unwrap())
                .collect()
        };
        assert_eq!(elements("a, b"), ["a", "b"]);
        assert_eq!(elements(" ,, a\t,\r\n b , "), ["a", "b"]);
        assert_eq!(elements("x=\"a,\\\",b\", c"), ["x=\"a,\\\",b\"", "c"]);
        assert!(elements(" , ").is_empty() && elements("").is_empty());
    }
}
