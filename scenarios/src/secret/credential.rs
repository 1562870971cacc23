//! Credentials that are known by their looks: tokens behind a scheme, JSON Web Tokens, passwords in
//! URLs.

use std::borrow::Cow;
use std::ops::Range;

use super::MASK;

/// Schemes of `Authorization`, in lower case.
const SCHEMES: [&str; 4] = ["bearer", "basic", "digest", "negotiate"];

/// What follows `Bearer` in prose and in challenges rather than a token.
const NO_TOKENS: [&str; 9] = [
    "auth",
    "authentication",
    "authorization",
    "error",
    "realm",
    "scheme",
    "scope",
    "token",
    "tokens",
];

/// A JSON Web Token begins with an object in base64url: `{"`.
const JWT: &str = "eyJ";
/// Shorter ones are no token.
const SHORTEST_JWT: usize = 16;

/// Masks tokens behind a scheme, JSON Web Tokens, and what stands before `@` in a URL.
pub(super) fn masked_credentials(text: &str) -> Cow<'_, str> {
    let mut found: Vec<Range<usize>> = Vec::new();
    for (at, _) in text.match_indices(JWT) {
        let length = length_of(&text[at..], |c| {
            c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=')
        });
        let is_word = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        if is_word && length >= SHORTEST_JWT {
            found.push(at..at + length);
        }
    }
    for (at, sign) in text.match_indices("://") {
        let start = at + sign.len();
        let length = length_of(&text[start..], |c| {
            !c.is_whitespace() && !matches!(c, '/' | '?' | '#' | '"' | '\'' | '<' | '>' | '\\')
        });
        if let Some(user) = text[start..start + length]
            .rfind('@')
            .filter(|user| *user > 0)
        {
            found.push(start..start + user);
        }
    }
    // ASCII alone changes, so that places stay what they are.
    let lower = text.to_ascii_lowercase();
    for scheme in SCHEMES {
        for (at, _) in lower.match_indices(scheme) {
            found.extend(token_behind(text, at, scheme));
        }
    }
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    let mut masked = String::with_capacity(text.len());
    let mut taken = 0;
    for range in found {
        if range.start < taken {
            continue;
        }
        masked.push_str(&text[taken..range.start]);
        masked.push_str(MASK);
        taken = range.end;
    }
    masked.push_str(&text[taken..]);
    masked.into()
}

/// Finds the token behind a scheme that begins at `at`.
fn token_behind(text: &str, at: usize, scheme: &str) -> Option<Range<usize>> {
    if text[..at].ends_with(|c: char| c.is_ascii_alphanumeric()) {
        return None;
    }
    let rest = &text[at + scheme.len()..];
    let blanks = match rest {
        _ if rest.starts_with("%20") => 3,
        _ if rest.starts_with('+') => 1,
        _ => length_of(rest, |c| matches!(c, ' ' | '\t')),
    };
    if blanks == 0 {
        return None;
    }
    // `token68` of RFC 9110, 11.2, and what services issue beside it.
    let token = &rest[blanks..];
    let length = length_of(token, |c| {
        c.is_ascii_alphanumeric() || "-._~+/=:%!$*|".contains(c)
    });
    let word = token[..length].trim_end_matches(['.', ':']);
    // `Digest username="a"`: parameters, of which none is the token.
    let is_quoted = word.ends_with('=') && token[word.len()..].starts_with(['"', '\\']);
    if scheme == "digest" && (is_quoted || word.trim_end_matches('=').contains('=')) {
        return None;
    }
    let start = at + scheme.len() + blanks;
    let is_name = NO_TOKENS
        .iter()
        .any(|known| word.trim_end_matches('=').eq_ignore_ascii_case(known));
    let is_told = match scheme {
        "bearer" => !word.is_empty() && word != MASK,
        // They are words of prose too, and what follows them there has no capitals and digits.
        _ => {
            word.len() >= 4
                && word.contains(|c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '=')
        }
    };
    (is_told && !is_name).then(|| start..start + word.len())
}

fn length_of(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is(c)).unwrap_or(text.len())
}
