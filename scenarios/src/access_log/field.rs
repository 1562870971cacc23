//! Fields of a line: where they end, and what they hold.

use std::borrow::Cow;

/// Returns where a field in quotes ends: at the first quote that is not escaped and stands before
/// what follows the field; `None` where the line ends before that.
///
/// Looking at what follows lets a stray quote pass, which servers that don't escape have written.
/// `until` begins with the quote.
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

/// Returns where a plain field ends: at the first occurrence of what follows it.
pub(crate) fn plain_end(bytes: &[u8], until: &[u8]) -> Option<usize> {
    if until.is_empty() {
        return Some(bytes.len());
    }
    bytes
        .windows(until.len())
        .position(|window| window == until)
}

/// Undoes the escapes of Apache (`\"`, `\\`, `\n`, `\xhh` ...) and nginx (`\x22`).
///
/// A backslash that begins no escape stands for itself.
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

/// The value of a hexadecimal digit.
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
    fn undoes_escapes() {
        assert_eq!(unescape(br"a\x22b\x0A\\\q\").as_ref(), b"a\"b\n\\\\q\\");
        assert_eq!(unescape(br"\xF3\xfg\t").as_ref(), b"\xf3\\xfg\t");
        assert_eq!(unescape(br#"say \"hi\""#).as_ref(), br#"say "hi""#);
    }

    #[test]
    fn ends_a_quoted_field_where_it_should() {
        assert_eq!(quoted_end(br#"a\" b" 200"#, b"\" ", false), Some(5));
        // Not escaped, as old servers wrote it.
        assert_eq!(quoted_end(br#"a "b"c" 200"#, b"\" ", false), Some(6));
        assert_eq!(quoted_end(br#"a "b" c""#, b"\"", true), Some(7));
        assert_eq!(quoted_end(br"a\", b"\"", true), None);
        assert_eq!(plain_end(b"::1 - -", b" "), Some(3));
    }
}
