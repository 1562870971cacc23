//! Unquoted values of several words: `Token x`, `a=1; b=2`.

use super::name::is_secret;

/// Authorization schemes, in lower case.
const SCHEMES: [&str; 8] = [
    "apikey",
    "basic",
    "bearer",
    "digest",
    "hawk",
    "jwt",
    "negotiate",
    "token",
];

/// Returns the length of a value in the middle of a line whose first word has length `first`. A scheme
/// extends to its token or parameters, a cookie to its other pairs.
///
/// `apart` means that a colon or blanks precede the value, so it is not part of a query; then any word
/// counts as a scheme.
pub(super) fn length_with_more(name: &str, text: &str, first: usize, apart: bool) -> usize {
    if !is_secret(name, "") {
        return first;
    }
    let (word, rest) = text.split_at(first);
    let is_within = |part: &str| {
        let bytes = name.as_bytes();
        let mut windows = bytes.windows(part.len());
        windows.any(|window| window.eq_ignore_ascii_case(part.as_bytes()))
    };
    let line = || text[..end_of_line(text, first)].trim_end().len();
    let has_pairs = word.ends_with(';') || rest.starts_with(';') || (apart && word.contains('='));
    if has_pairs && is_within("cookie") {
        return line();
    }
    let blanks = rest.len() - rest.trim_start_matches([' ', '\t']).len();
    let is_scheme = SCHEMES.iter().any(|known| word.eq_ignore_ascii_case(known))
        || (apart
            && is_within("authorization")
            && word.starts_with(|c: char| c.is_ascii_alphabetic())
            && word
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_')));
    if blanks == 0 || !is_scheme {
        return first;
    }
    let token = &rest[blanks..];
    let ends =
        |c: char| c.is_whitespace() || matches!(c, ',' | ';' | '"' | '\'' | '<' | '&' | '\\');
    let length = token.find(ends).unwrap_or(token.len());
    let length = match (token[..length].find('{'), token[..length].find('}')) {
        (None, Some(end)) => end,
        _ => length,
    };
    // `Digest username="a", response="b"` has parameters; base64 has `=` only at its end.
    let (found, behind) = token.split_at(length);
    let is_quoted = found.ends_with('=') && behind.trim_start_matches('\\').starts_with('"');
    if is_quoted || found.trim_end_matches('=').contains('=') {
        return line();
    }
    first + blanks + length
}

/// Returns the end of a value that continues after `from`: the end of the line or of the surrounding
/// quotes. Quoted text after `=` belongs to the value.
fn end_of_line(text: &str, from: usize) -> usize {
    let mut at = from;
    while let Some(found) = text[at..].find(['"', '\n', '\r']) {
        let end = at + found;
        if !text[end..].starts_with('"') {
            return end;
        }
        let before = text[..end].trim_end_matches('\\');
        let closing = text[end + 1..].find(['"', '\n', '\r']);
        match closing.map(|length| end + 1 + length) {
            Some(close) if before.ends_with('=') && text[close..].starts_with('"') => {
                at = close + 1;
            }
            _ => return before.len().max(from),
        }
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::super::masked_text;

    #[test]
    fn masks_all_words_of_an_authorization() {
        for (text, masked) in [
            ("authorization = Token SECM1, no", "authorization = ***, no"),
            (
                "sent authorization: Custom SECM1 to it",
                "sent authorization: *** to it",
            ),
            ("x-auth=Token SECM1 b", "x-auth=*** b"),
            (
                "got Proxy-Authorization: Basic SECM1==",
                "got Proxy-Authorization: ***",
            ),
            (
                "got authorization: Digest username=\"a\", response=\"SECM1\"\nnext",
                "got authorization: ***\nnext",
            ),
            (
                "got authorization: AWS4-HMAC-SHA256 Credential=A/b, Signature=SECM1",
                "got authorization: ***",
            ),
            (
                r#"{"m":"got authorization: Token SECM1","n":1}"#,
                r#"{"m":"got authorization: ***","n":1}"#,
            ),
            (
                "GET /a?authorization=SECM1 HTTP/1.1",
                "GET /a?authorization=*** HTTP/1.1",
            ),
        ] {
            assert_eq!(masked_text(text), masked);
            assert_eq!(masked_text(masked), masked);
        }
    }

    #[test]
    fn masks_all_pairs_of_a_cookie() {
        for (text, masked) in [
            (
                "got Cookie: a=SECM1; b=SECM2\nnext",
                "got Cookie: ***\nnext",
            ),
            (
                "got Set-Cookie: a=\"SECM1 x\"; b=SECM2",
                "got Set-Cookie: ***",
            ),
            ("cookie = a=SECM1; b=SECM2", "cookie = ***"),
            ("got cookie=a=SECM1; b=SECM2", "got cookie=***"),
            (
                r#"{"m":"got Cookie: a=\"SECM1\"; b=SECM2","n":1}"#,
                r#"{"m":"got Cookie: ***","n":1}"#,
            ),
            ("a=1&cookie=SECM1&b=2", "a=1&cookie=***&b=2"),
            (
                "invalid cookie: SECM1, try again",
                "invalid cookie: ***, try again",
            ),
        ] {
            assert_eq!(masked_text(text), masked);
            assert_eq!(masked_text(masked), masked);
        }
    }
}
