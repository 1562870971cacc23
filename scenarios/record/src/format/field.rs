//! Fields of a line: their end and their content.

use std::borrow::Cow;

/// Escapes of a server in the values of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Escape {
    /// Apache, in quoted fields: `\"`, `\\`, `\n`, `\xhh` ... Covers nginx's default too.
    Apache,
    /// nginx's default, in all fields: `\x22`.
    Nginx,
    /// nginx's `escape=json`, in all fields.
    Json,
    /// nginx's `escape=none`.
    None,
}

/// Returns the end of a quoted field: the first unescaped quote followed by `until`, which begins with
/// the quote. `None` if the line ends before it.
///
/// Requiring the separator after the quote tolerates stray quotes from servers that don't escape them.
pub(crate) fn quoted_end(bytes: &[u8], until: &[u8], last: bool, escape: Escape) -> Option<usize> {
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if escape != Escape::None => at += 2,
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

/// Decodes the escapes of a server. Any other backslash is kept.
pub(crate) fn unescape(bytes: &[u8], escape: Escape) -> Cow<'_, [u8]> {
    if escape == Escape::None || !bytes.contains(&b'\\') {
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
        let length = match escape {
            Escape::Json => json_escape(after, &mut plain),
            _ => hex_escape(after, &mut plain).or_else(|| match escape {
                Escape::Apache => letter_escape(after, &mut plain),
                _ => None,
            }),
        };
        match length {
            Some(length) => rest = &after[length..],
            None => plain.push(b'\\'),
        }
    }
    Cow::Owned(plain)
}

/// Decodes `xhh`, and returns its length.
fn hex_escape(text: &[u8], plain: &mut Vec<u8>) -> Option<usize> {
    match text {
        [b'x', high, low, ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
            plain.push(digit(*high) << 4 | digit(*low));
            Some(3)
        }
        _ => None,
    }
}

/// Decodes an escape of a single character, and returns its length.
fn letter_escape(text: &[u8], plain: &mut Vec<u8>) -> Option<usize> {
    plain.push(match text.first()? {
        b'n' => b'\n',
        b'r' => b'\r',
        b't' => b'\t',
        b'b' => 8,
        b'v' => 11,
        b'f' => 12,
        quote @ (b'"' | b'\\') => *quote,
        _ => return None,
    });
    Some(1)
}

/// Decodes an escape of JSON (RFC 8259, 7), and returns its length. nginx escapes only control characters by number.
fn json_escape(text: &[u8], plain: &mut Vec<u8>) -> Option<usize> {
    match text {
        [b'/', ..] => {
            plain.push(b'/');
            Some(1)
        }
        [b'u', b'0', b'0', high, low, ..]
            if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() =>
        {
            let code = digit(*high) << 4 | digit(*low);
            plain.extend(char::from(code).encode_utf8(&mut [0; 4]).bytes());
            Some(5)
        }
        [b'v', ..] => None,
        _ => letter_escape(text, plain),
    }
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
        let apache = |bytes| unescape(bytes, Escape::Apache);
        assert_eq!(apache(br"a\x22b\x0A\\\q\").as_ref(), b"a\"b\n\\\\q\\");
        assert_eq!(apache(br"\xF3\xfg\t").as_ref(), b"\xf3\\xfg\t");
        assert_eq!(apache(br#"say \"hi\""#).as_ref(), br#"say "hi""#);
        assert_eq!(
            unescape(br"\x22\x5Ct\t", Escape::Nginx).as_ref(),
            br#""\t\t"#
        );
        let json = br#"\"\/\\\u001f\u00e9\x22\v"#;
        assert_eq!(
            unescape(json, Escape::Json).as_ref(),
            b"\"/\\\x1f\xc3\xa9\\x22\\v"
        );
        assert_eq!(unescape(br"\x22", Escape::None).as_ref(), br"\x22");
    }

    #[test]
    fn finds_end_of_quoted_fields() {
        let end = |bytes, until, last| quoted_end(bytes, until, last, Escape::Apache);
        assert_eq!(end(br#"a\" b" 200"#, b"\" ", false), Some(5));
        // Unescaped, as written by old servers.
        assert_eq!(end(br#"a "b"c" 200"#, b"\" ", false), Some(6));
        assert_eq!(end(br#"a "b" c""#, b"\"", true), Some(7));
        assert_eq!(end(br"a\", b"\"", true), None);
        assert_eq!(
            quoted_end(br#"a\" 1"#, b"\" ", false, Escape::None),
            Some(2)
        );
        assert_eq!(plain_end(b"::1 - -", b" "), Some(3));
    }
}
