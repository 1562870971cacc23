//! Credentials with a recognizable form: tokens after a scheme, JSON Web Tokens, passwords in URLs.

use std::borrow::Cow;
use std::ops::Range;

use super::MASK;
use super::run::Run;

/// Authorization schemes, in lower case.
const SCHEMES: [&str; 4] = ["bearer", "basic", "digest", "negotiate"];

/// Words that follow `Bearer` in prose and in challenges, and are no tokens.
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

/// Start of a JSON Web Token: base64url of an object's `{"`.
const JWT: &str = "eyJ";
/// Minimum length of a token, in bytes.
const JWT_BYTES_MIN: usize = 16;

/// Masks tokens after a scheme, JSON Web Tokens, and user information before the `@` of a URL.
pub(super) fn masked_credentials(text: &str) -> Cow<'_, str> {
    let mut found: Vec<Range<usize>> = Vec::new();
    let mut run = Run::default();
    for (at, _) in text.match_indices(JWT) {
        let end = run.end(text, at, |c| {
            c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '=')
        });
        let is_word = !text[..at].ends_with(|c: char| c.is_ascii_alphanumeric());
        if is_word && end - at >= JWT_BYTES_MIN {
            found.push(at..end);
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
    // ASCII lower case keeps byte positions.
    let lower = text.to_ascii_lowercase();
    let mut runs = TokenRuns::default();
    for scheme in SCHEMES {
        for (at, _) in lower.match_indices(scheme) {
            found.extend(token_after(text, at, scheme, &mut runs));
        }
    }
    if found.is_empty() {
        return Cow::Borrowed(text);
    }
    found.sort_by_key(|range| (range.start, std::cmp::Reverse(range.end)));
    let mut masked = String::with_capacity(text.len());
    let mut copied = 0;
    for range in found {
        if range.start < copied {
            continue;
        }
        masked.push_str(&text[copied..range.start]);
        masked.push_str(MASK);
        copied = range.end;
    }
    masked.push_str(&text[copied..]);
    masked.into()
}

/// Runs of characters after a scheme.
#[derive(Debug, Default)]
struct TokenRuns {
    token: Run,
    prose: Run,
}

/// Returns the range of the token after a scheme that begins at `at`.
fn token_after(text: &str, at: usize, scheme: &str, runs: &mut TokenRuns) -> Option<Range<usize>> {
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
    // `token68` of RFC 9110, 11.2, and characters that services use beyond it.
    let token = &rest[blanks..];
    let start = at + scheme.len() + blanks;
    let end = runs.token.end(text, start, |c| {
        c.is_ascii_alphanumeric() || "-._~+/=:%!$*|".contains(c)
    });
    let word = text[start..end].trim_end_matches(['.', ':']);
    // `Digest username="a"` has parameters instead of a token.
    let is_quoted = word.ends_with('=') && token[word.len()..].starts_with(['"', '\\']);
    if scheme == "digest" && (is_quoted || word.trim_end_matches('=').contains('=')) {
        return None;
    }
    let is_name = NO_TOKENS
        .iter()
        .any(|known| word.trim_end_matches('=').eq_ignore_ascii_case(known));
    let is_told = match scheme {
        "bearer" => !word.is_empty() && word != MASK,
        // These schemes are also words of prose. A token has capitals and digits; the next word of
        // prose does not.
        _ => {
            let is_prose = |c: char| !(c.is_ascii_uppercase() || c.is_ascii_digit() || c == '=');
            word.len() >= 4 && runs.prose.end(text, start, is_prose) < start + word.len()
        }
    };
    (is_told && !is_name).then(|| start..start + word.len())
}

fn length_of(text: &str, is: impl Fn(char) -> bool) -> usize {
    text.find(|c| !is(c)).unwrap_or(text.len())
}
