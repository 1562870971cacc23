//! Names that indicate a secret.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// Parts that mark a name as secret. Case, `-`, `_` and `.` are ignored.
const WITHIN: [&str; 22] = [
    "accesskey",
    "apikey",
    "authorization",
    "bearer",
    "codeverifier",
    "cookie",
    "credential",
    "csrf",
    "jwt",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "privatekey",
    "pwd",
    "secret",
    "session",
    "sessid",
    "signature",
    "token",
    "verificationcode",
    "xsrf",
];

/// First bytes of the entries of [`WITHIN`].
const STARTS: [bool; 256] = {
    let mut starts = [false; 256];
    let mut at = 0;
    while at < WITHIN.len() {
        starts[WITHIN[at].as_bytes()[0] as usize] = true;
        at += 1;
    }
    starts
};

/// Words that also occur inside other words (`author`, `shipping`), so they count only as separate
/// words: `x-auth-user`, `cardPin`, `SAMLResponse`.
const WORDS: [&str; 11] = [
    "assertion",
    "auth",
    "mfa",
    "otp",
    "pin",
    "pw",
    "saml",
    "sas",
    "sid",
    "sig",
    "ssn",
];

/// Counts only as the last word: `db_pass` is a secret, `pass_rate` is not.
const LAST_WORD: &str = "pass";

/// Authorization code in a query or form. In JSON, a `code` is usually a country, product or error, so
/// there it counts only beside a field of [`OF_OAUTH`].
const CODE: &str = "code";
const OF_OAUTH: [&str; 4] = ["clientid", "codeverifier", "granttype", "redirecturi"];

/// Name of an identifier or of a secret.
const KEY: &str = "key";

/// Minimum length, in bytes, of a `key` that is a secret instead of an identifier.
const SECRET_KEY_BYTES_MIN: usize = 20;

/// Returns whether a field, header or parameter with this name and value may be a secret.
pub fn is_secret(name: &str, value: &str) -> bool {
    with_plain_name(name, |name| {
        has_secret_within(name) || (name == KEY.as_bytes() && value.len() >= SECRET_KEY_BYTES_MIN)
    }) || has_secret_word(name)
}

/// Returns whether a pair of a query or form may be a secret.
pub fn is_secret_pair(name: &str, value: &str) -> bool {
    is_secret(name, value) || is_code(name)
}

/// Returns whether the name is that of an authorization code.
pub(super) fn is_code(name: &str) -> bool {
    with_plain_name(name, |name| name == CODE.as_bytes())
}

/// Returns whether a value of this name is a secret only if it is long.
pub(super) fn is_key(name: &str) -> bool {
    with_plain_name(name, |name| name == KEY.as_bytes())
}

/// Returns whether the name belongs to an OAuth request.
pub(super) fn is_of_oauth(name: &str) -> bool {
    with_plain_name(name, |name| {
        OF_OAUTH.iter().any(|known| known.as_bytes() == name)
    })
}

/// Returns whether the name is that of a count, such as `max_tokens`.
pub(super) fn is_count(name: &str) -> bool {
    with_plain_name(name, |name| name.ends_with(b"tokens"))
}

/// Returns whether a field of this name holds the name of another field:
/// `{"name":"token","value":"x"}`.
pub(super) fn names_another(name: &str) -> bool {
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    ["name", "key", "header", "field"].iter().any(is)
}

/// Returns whether a field of this name holds the value that [another field names](names_another).
pub(super) fn is_named_by_another(name: &str) -> bool {
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    ["value", "content", "val"].iter().any(is)
}

/// Returns whether an unstructured text may contain a secret.
pub fn may_hold_secret(text: &str) -> bool {
    if has_secret_within(plain(text).as_bytes()) {
        return true;
    }
    // Short names also occur in prose, so they count only if a value appears to follow.
    let is_of_name = |c: char| c.is_alphanumeric() || matches!(c, '-' | '_' | '.');
    let mut rest = text;
    while let Some(start) = rest.find(is_of_name) {
        rest = &rest[start..];
        let end = rest.find(|c| !is_of_name(c)).unwrap_or(rest.len());
        let (word, after) = rest.split_at(end);
        if after.starts_with(['"', '\'', '=', ':', '>']) && is_secret(word, "") {
            return true;
        }
        rest = after;
    }
    false
}

fn has_secret_within(plain: &[u8]) -> bool {
    (0..plain.len()).any(|at| {
        STARTS[usize::from(plain[at])]
            && WITHIN
                .iter()
                .any(|part| plain[at..].starts_with(part.as_bytes()))
    })
}

fn has_secret_word(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut start = 0;
    for at in 1..=bytes.len() {
        if at < bytes.len() && !begins_word(bytes, at) {
            continue;
        }
        // Words begin and end only next to ASCII characters.
        let word = name.get(start..at).unwrap_or_default();
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        if WORDS.iter().any(|known| is(known)) || (at == bytes.len() && is(LAST_WORD)) {
            return true;
        }
        start = at;
    }
    false
}

/// Returns whether a word begins at `at`: after a change of case, at digits, or after a separator.
fn begins_word(name: &[u8], at: usize) -> bool {
    #[derive(PartialEq)]
    enum Class {
        Lower,
        Upper,
        Digit,
        Other,
    }
    let class = |at: usize| match name.get(at) {
        Some(b'A'..=b'Z') => Class::Upper,
        Some(b'0'..=b'9') => Class::Digit,
        Some(byte) if byte.is_ascii_lowercase() || !byte.is_ascii() => Class::Lower,
        _ => Class::Other,
    };
    match (class(at - 1), class(at)) {
        (Class::Upper, Class::Lower) => false,
        // The last capital of `SAMLResponse`'s first word begins the next one.
        (Class::Upper, Class::Upper) => class(at + 1) == Class::Lower,
        (before, here) => before != here || here == Class::Other,
    }
}

/// Calls `ask` with the name in lower case, without `-`, `_` and `.`. Names of usual length are not
/// allocated.
fn with_plain_name<T>(name: &str, ask: impl FnOnce(&[u8]) -> T) -> T {
    let mut short = [0; 64];
    if name.len() > short.len() || !name.is_ascii() {
        return ask(plain(name).as_bytes());
    }
    let mut length = 0;
    for byte in name.bytes() {
        if !matches!(byte, b'-' | b'_' | b'.') {
            short[length] = byte.to_ascii_lowercase();
            length += 1;
        }
    }
    ask(&short[..length])
}

fn plain(name: &str) -> String {
    name.chars()
        .filter(|c| !matches!(c, '-' | '_' | '.'))
        .flat_map(char::to_lowercase)
        .collect()
}

/// Decodes the percent-encoding of a name, which could otherwise disguise it.
pub(super) fn decoded(name: &str) -> Cow<'_, str> {
    percent_decode_str(name).decode_utf8_lossy()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_secrets_by_name() {
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "x-api-key",
            "apiKey",
            "access_token",
            "X-CSRF-Token",
            "X-XSRF",
            "x-jwt",
            "PHPSESSID",
            "Set-Cookie",
            "user[password]",
            "X-Amz-Signature",
            "X-Auth-User",
            "sig",
            "pin",
            "pin2",
            "cardPin",
            "PINCode",
            "user.otp",
            "SAMLResponse",
            "client_assertion",
            "db_pass",
            "passcode",
            "mfa_code",
            "mfaCode",
            "verification_code",
            "emailVerificationCode",
            "pw",
            "user_pw",
        ] {
            assert!(is_secret(name, "v"), "{name}");
        }
        for name in [
            "page",
            "q",
            "signal",
            "passage",
            "pass_rate",
            "key",
            "author",
            "authority",
            "pinned",
            "shipping",
            "designs",
            "assertions",
            "samling",
            "content-type",
            "",
        ] {
            assert!(!is_secret(name, "v"), "{name}");
        }
        assert!(is_secret("key", "AIzaSyA1234567890abcdef"));
        assert!(may_hold_secret("otp=1") && !may_hold_secret("pass the pin"));
    }

    proptest::proptest! {
        #[test]
        fn finds_secret_words_next_to_any_other_word(
            before in "[a-z]{1,5}", after in "[a-z]{1,5}", which in 0..WORDS.len()
        ) {
            let word = WORDS[which];
            for name in [
                format!("{before}_{word}"), format!("{word}-{after}"), format!("{before}.{word}.{after}"),
                format!("{before}[{word}]"),
            ] {
                proptest::prop_assert!(is_secret(&name, "v"), "{}", name);
            }
            let capital = word[..1].to_uppercase() + &word[1..];
            let camel = format!("{before}{capital}");
            proptest::prop_assert!(is_secret(&camel, "v"), "{}", camel);
        }

        #[test]
        fn accepts_any_text(name in "\\PC{0,20}") {
            let _ = (is_secret(&name, ""), is_secret_pair(&name, "x"), may_hold_secret(&name));
        }
    }
}
