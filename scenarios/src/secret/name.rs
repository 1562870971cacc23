//! Names that tell of a secret.

use std::borrow::Cow;

/// Whatever has one of these in its name, apart from case, `-`, `_` and `.`.
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

/// The bytes that one of [`WITHIN`] begins with.
const STARTS: [bool; 256] = {
    let mut starts = [false; 256];
    let mut at = 0;
    while at < WITHIN.len() {
        starts[WITHIN[at].as_bytes()[0] as usize] = true;
        at += 1;
    }
    starts
};

/// Words that stand within others too (`author`, `shipping`), so only as a word of its own does one
/// tell: `x-auth-user`, `cardPin`, `SAMLResponse`.
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

/// Tells only at the end: `db_pass` opens something, `pass_rate` does not.
const LAST_WORD: &str = "pass";

/// What a log-in passes on in a query or a form. In a JSON document a `code` mostly tells a
/// country, a product or an error, so there it is a secret only beside one of [`OF_OAUTH`].
const CODE: &str = "code";
const OF_OAUTH: [&str; 4] = ["clientid", "codeverifier", "granttype", "redirecturi"];

/// A `key` at least this long opens something rather than names it.
const LONG_KEY: usize = 20;

/// Tells whether what has this name and value may be a secret: a field, a header, a parameter.
pub fn is_secret(name: &str, value: &str) -> bool {
    plainly(name, |name| {
        has_secret_within(name) || (name == b"key" && value.len() >= LONG_KEY)
    }) || has_secret_word(name)
}

/// Tells whether a pair of a query or a form may be a secret.
pub(crate) fn is_secret_pair(name: &str, value: &str) -> bool {
    is_secret(name, value) || is_code(name)
}

/// Tells whether a name is that of a code, which a log-in passes on.
pub(super) fn is_code(name: &str) -> bool {
    plainly(name, |name| name == CODE.as_bytes())
}

/// Tells whether a name is of a log-in that passes a code on.
pub(super) fn is_of_oauth(name: &str) -> bool {
    plainly(name, |name| {
        OF_OAUTH.iter().any(|known| known.as_bytes() == name)
    })
}

/// Tells whether a name is that of a count: `max_tokens` counts them.
pub(super) fn is_count(name: &str) -> bool {
    plainly(name, |name| name.ends_with(b"tokens"))
}

/// Tells whether what has this name is the name of another value: `{"name":"token","value":"x"}`.
pub(super) fn names_another(name: &str) -> bool {
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    ["name", "key", "header", "field"].iter().any(is)
}

/// Tells whether what has this name is the value that [another](names_another) names.
pub(super) fn is_named_by_another(name: &str) -> bool {
    let is = |known: &&str| name.eq_ignore_ascii_case(known);
    ["value", "content", "val"].iter().any(is)
}

/// Tells whether a text that can't be taken apart may hold a secret.
pub(crate) fn may_hold_secret(text: &str) -> bool {
    if has_secret_within(plain(text).as_bytes()) {
        return true;
    }
    // The short names stand in prose too, so only where a value seems to follow.
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
        // Words begin and end beside ASCII alone.
        let word = name.get(start..at).unwrap_or_default();
        let is = |known: &str| word.eq_ignore_ascii_case(known);
        if WORDS.iter().any(|known| is(known)) || (at == bytes.len() && is(LAST_WORD)) {
            return true;
        }
        start = at;
    }
    false
}

/// Tells whether a name has a word that begins here: split at case, digits, and whatever is neither.
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
        // The last of `SAMLResponse`'s capitals begins the next word.
        (Class::Upper, Class::Upper) => class(at + 1) == Class::Lower,
        (before, here) => before != here || here == Class::Other,
    }
}

/// Asks of a name without its case, `-`, `_` and `.`. A log has many names, so that those of usual
/// length take no memory.
fn plainly<T>(name: &str, ask: impl FnOnce(&[u8]) -> T) -> T {
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

/// Undoes the percent-encoding of a name, so that it does not hide what it is.
pub(super) fn decoded(name: &str) -> Cow<'_, str> {
    if !name.contains('%') {
        return Cow::Borrowed(name);
    }
    let mut bytes = Vec::with_capacity(name.len());
    let mut rest = name.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digit = |at: usize| {
            after
                .get(at)
                .and_then(|byte| char::from(*byte).to_digit(16))
        };
        match (byte, digit(0), digit(1)) {
            (b'%', Some(high), Some(low)) => {
                bytes.push((high << 4 | low) as u8);
                rest = &after[2..];
            }
            _ => {
                bytes.push(*byte);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned().into()
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
        fn a_word_tells_whatever_stands_around_it(
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
        fn any_text_can_be_asked_of(name in "\\PC{0,20}") {
            let _ = (is_secret(&name, ""), is_secret_pair(&name, "x"), may_hold_secret(&name));
        }
    }
}
