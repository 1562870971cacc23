//! Fields of a line: their end and their content.

use std::borrow::Cow;

/// Returns the end of a quoted field: the first unescaped quote followed by `until`, which begins with
/// the quote. `None` if the line ends before it.
///
/// Requiring the separator after the quote tolerates stray quotes from servers that don't escape them.
pub(crate) fn quoted_end(bytes: &[u8], until: &[u8], last: bool) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            b'"' if bytes[at..].starts_with(until)
                && (!last || bytes.len() == at + until.len()) =>
            {
                return Some(at);
            }
            _ => at += 1,
        }
    }
    None
}

/// Returns the end of an unquoted field: the first occurrence of `until`.
pub(crate) fn plain_end(bytes: &[u8], until: &[u8]) -> Option<usize> {
    if until.is_empty() {
        return Some(bytes.len());
    }
    bytes
        .windows(until.len())
        .position(|window| window == until)
}

/// Decodes the escapes of Apache (`\"`, `\\`, `\n`, `\xhh` ...) and nginx (`\x22`). Any other backslash
/// is kept.
pub(crate) fn unescape(bytes: &[u8]) -> Cow<'_, [u8]> {
    if !bytes.contains(&b'\\') {
        return Cow::Borrowed(bytes);
    }
    let mut plain = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some((byte, after)) = rest.split_first() {
        rest = after;
        if *byte != b'\\' {
            plain.push(*byte);
            continue;
        }
        let (meant, length) = match after {
            [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                (digit(*high) << 4 | digit(*low), 3)
            }
            [b'n', ..] => (b'\n', 1),
            [b'r', ..] => (b'\r', 1),
            [b't', ..] => (b'\t', 1),
            [b'b', ..] => (8, 1),
            [b'v', ..] => (11, 1),
            [b'f', ..] => (12, 1),
            [quote @ (b'"' | b'\\'), ..] => (*quote, 1),
            _ => (b'\\', 0),
        };
        plain.push(meant);
        rest = &after[length..];
    }
    Cow::Owned(plain)
}

/// Returns the value of a hexadecimal digit.
fn digit(byte: u8) -> u8 {
    match byte {
        b'0'..=b'9' => byte - b'0',
        _ => (byte | 0x20) - b'a' + 10,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_escapes() {
        assert_eq!(unescape(br"a\x22b\x0A\\\q\").as_ref(), b"a\"b\n\\\\q\\");
        assert_eq!(unescape(br"\xF3\xfg\t").as_ref(), b"\xf3\\xfg\t");
        assert_eq!(unescape(br#"say \"hi\""#).as_ref(), br#"say "hi""#);
    }

    #[test]
    fn finds_end_of_quoted_fields() {
        assert_eq!(quoted_end(br#"a\" b" 200"#, b"\" ", false), Some(5));
        // Unescaped, as written by old servers.
        assert_eq!(quoted_end(br#"a "b"c" 200"#, b"\" ", false), Some(6));
        assert_eq!(quoted_end(br#"a "b" c""#, b"\"", true), Some(7));
        assert_eq!(quoted_end(br"a\", b"\"", true), None);
        assert_eq!(plain_end(b"::1 - -", b" "), Some(3));
    }
}
