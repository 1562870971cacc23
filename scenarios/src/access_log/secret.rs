//! What may be a secret, and what stands in its place.

use std::borrow::Cow;

/// What stands in place of a secret.
pub(super) const MASK: &str = "MASKED";

/// Whatever has one of these in its name, apart from case, `-`, `_` and `.`.
const WITHIN: [&str; 20] = [
    "accesskey",
    "apikey",
    "authorization",
    "bearer",
    "codeverifier",
    "cookie",
    "credential",
    "csrf",
    "jwt",
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

/// Names that are too short to be looked for within others.
const WHOLE: [&str; 8] = ["auth", "otp", "pass", "pin", "sas", "sid", "sig", "ssn"];

/// What a log-in passes on in a query or a form. In a JSON document a `code` mostly tells a
/// country, a product or an error, so there it is a secret only beside one of [`OF_OAUTH`].
const CODE: &str = "code";
const OF_OAUTH: [&str; 4] = ["clientid", "codeverifier", "granttype", "redirecturi"];

/// A `key` at least this long opens something rather than names it.
const LONG_KEY: usize = 20;

/// What may begin another pair within a value: `next=/a?token=x`, `a=1;token=x`.
const NESTED: [char; 3] = [';', '?', '#'];

/// Tells whether what has this name and value may be a secret. Rather one too many: what is masked
/// in vain is put back by hand, what is stored in vain is not.
pub(super) fn is_secret(name: &str, value: &str) -> bool {
    plainly(name, |name| {
        has_secret_within(name)
            || name
                .split(|byte| matches!(byte, b'[' | b']'))
                .any(|part| WHOLE.iter().any(|whole| whole.as_bytes() == part))
            || (name == b"key" && value.len() >= LONG_KEY)
    })
}

/// Tells whether a pair of a query or a form may be a secret.
pub(super) fn is_secret_pair(name: &str, value: &str) -> bool {
    is_secret(name, value) || plainly(name, |name| name == CODE.as_bytes())
}

/// Tells whether a text that can't be taken apart may hold a secret.
pub(super) fn may_hold_secret(text: &str) -> bool {
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

/// Masks the values of a query or a form, `a=1&token=x`, that may be secrets; adds their names to
/// `found`.
pub(super) fn masked_pairs<'a>(pairs: &'a str, found: &mut Vec<String>) -> Cow<'a, str> {
    masked_between(pairs, &['&'], found)
}

/// Masks the parameters of a path, `/a;jsessionid=x`, that may be secrets; adds their names to
/// `found`.
pub(super) fn masked_path<'a>(path: &'a str, found: &mut Vec<String>) -> Cow<'a, str> {
    masked_between(path, &['/', ';', '&', '#'], found)
}

/// Masks what may be a secret in the path and the query of a target.
pub(super) fn masked_target(target: &str) -> Cow<'_, str> {
    if !target.contains('=') {
        return Cow::Borrowed(target);
    }
    let mut found = Vec::new();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = masked_path(path, &mut found);
    let query = masked_pairs(query, &mut found);
    match found.is_empty() {
        true => Cow::Borrowed(target),
        false if target.contains('?') => format!("{path}?{query}").into(),
        false => path.into_owned().into(),
    }
}

/// Masks what may be a secret in a piece of a log that could not be read.
pub(super) fn masked_text(text: &str) -> Cow<'_, str> {
    const BETWEEN: [char; 14] = [
        '/', '?', '&', ';', '#', ' ', '\t', '"', '\'', ',', '|', '{', '<', '>',
    ];
    masked_between(text, &BETWEEN, &mut Vec::new())
}

/// Masks the strings, numbers, arrays and objects of a JSON document that may be secrets, at any
/// depth; adds their names to `found`. What is empty, true, false or null tells none.
pub(super) fn mask_json(value: &mut serde_json::Value, found: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(fields) => {
            let has_code = fields.keys().any(|name| {
                plainly(name, |name| {
                    OF_OAUTH.iter().any(|known| known.as_bytes() == name)
                })
            });
            for (name, value) in fields {
                if is_secret_field(name, value, has_code) {
                    found.push(name.clone());
                    *value = MASK.into();
                } else {
                    mask_json(value, found);
                }
            }
        }
        serde_json::Value::Array(values) => {
            for value in values {
                mask_json(value, found);
            }
        }
        _ => {}
    }
}

fn is_secret_field(name: &str, value: &serde_json::Value, has_code: bool) -> bool {
    use serde_json::Value;
    let is_named = |text: &str| match has_code {
        true => is_secret_pair(name, text),
        false => is_secret(name, text),
    };
    match value {
        Value::Null | Value::Bool(_) => false,
        Value::String(text) => !text.is_empty() && is_named(text),
        // `max_tokens` counts them.
        Value::Number(number) => {
            !plainly(name, |name| name.ends_with(b"tokens")) && is_named(&number.to_string())
        }
        Value::Array(values) => !values.is_empty() && is_named(""),
        Value::Object(fields) => !fields.is_empty() && is_named(""),
    }
}

/// Masks the values of pairs that stand between these separators, which have to be ASCII. What
/// holds no secret is returned as it is, and takes no memory.
fn masked_between<'a>(text: &'a str, separators: &[char], found: &mut Vec<String>) -> Cow<'a, str> {
    let mut masked = String::new();
    // Up to where the text has been taken over, and where the piece begins.
    let (mut taken, mut at) = (0, 0);
    for piece in text.split(separators) {
        if let Some((name, value)) = secret_of(piece) {
            found.push(name);
            masked.push_str(&text[taken..at + value]);
            masked.push_str(MASK);
            taken = at + piece.len();
        }
        at += piece.len() + 1;
    }
    if taken == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[taken..]);
    masked.into()
}

/// Returns the name of the first secret of a pair and where its value begins, which goes on until
/// the end of the pair.
fn secret_of(pair: &str) -> Option<(String, usize)> {
    let value = pair.find('=')? + 1;
    open_secret_of(pair).or_else(|| {
        // Another URL as a value: `next=%2Fa%3Ftoken%3Dx`.
        let is_nested = pair[value..].contains("%3D") || pair[value..].contains("%3d");
        let inner = is_nested.then(|| decoded(&pair[value..]))?;
        let (name, _) = inner.split(['?', '&', ';', '#']).find_map(open_secret_of)?;
        Some((name, value))
    })
}

fn open_secret_of(pair: &str) -> Option<(String, usize)> {
    let mut start = 0;
    loop {
        let equals = start + pair[start..].find('=')?;
        let value = &pair[equals + 1..];
        if value.is_empty() {
            return None;
        }
        let name = decoded(&pair[start..equals]);
        if is_secret_pair(&name, value) {
            return Some((name.into_owned(), equals + 1));
        }
        start = equals + 1 + value.find(NESTED)? + 1;
    }
}

fn has_secret_within(plain: &[u8]) -> bool {
    (0..plain.len()).any(|at| {
        STARTS[usize::from(plain[at])]
            && WITHIN
                .iter()
                .any(|part| plain[at..].starts_with(part.as_bytes()))
    })
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
fn decoded(name: &str) -> Cow<'_, str> {
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
            "x-api-key",
            "apiKey",
            "access_token",
            "X-CSRF-Token",
            "PHPSESSID",
            "Set-Cookie",
            "user[password]",
            "X-Amz-Signature",
            "sig",
        ] {
            assert!(is_secret(name, "v"), "{name}");
        }
        for name in [
            "page",
            "q",
            "signal",
            "passage",
            "key",
            "author",
            "content-type",
        ] {
            assert!(!is_secret(name, "v"), "{name}");
        }
        assert!(is_secret("key", "AIzaSyA1234567890abcdef"));
    }

    #[test]
    fn masks_pairs_and_documents() {
        let mut found = Vec::new();
        assert_eq!(
            masked_pairs("a=1&access%5Ftoken=x%20y&b&token=", &mut found),
            "a=1&access%5Ftoken=MASKED&b&token="
        );
        assert_eq!(found, ["access_token"]);
        assert!(matches!(
            masked_pairs("a=1&b=2", &mut found),
            Cow::Borrowed(_)
        ));
        let mut value = serde_json::json!({
            "user": { "name": "a", "password": "p" }, "max_tokens": 7, "list": [{ "secret": "s" }]
        });
        let mut found = Vec::new();
        mask_json(&mut value, &mut found);
        found.sort();
        assert_eq!(found, ["password", "secret"]);
        assert_eq!(
            value,
            serde_json::json!({
                "user": { "name": "a", "password": "MASKED" }, "max_tokens": 7,
                "list": [{ "secret": "MASKED" }]
            })
        );
    }

    #[test]
    fn masks_the_whole_value_whatever_its_type() {
        let mut value = serde_json::json!({
            "pin": 1234, "tokens": ["a", "b"], "credentials": { "user": "u", "id": 1 },
            "session": {}, "password": null, "remember_password": true, "total_tokens": 9,
            "key": { "id": 1 }, "code": 404, "jwt": "j", "ssn": "1",
            "grant": { "grant_type": "authorization_code", "code": "c", "code_verifier": "v" },
        });
        let mut found = Vec::new();
        mask_json(&mut value, &mut found);
        assert_eq!(
            value,
            serde_json::json!({
                "pin": "MASKED", "tokens": "MASKED", "credentials": "MASKED",
                "session": {}, "password": null, "remember_password": true, "total_tokens": 9,
                "key": { "id": 1 }, "code": 404, "jwt": "MASKED", "ssn": "MASKED",
                "grant": {
                    "grant_type": "authorization_code", "code": "MASKED", "code_verifier": "MASKED"
                },
            })
        );
        assert_eq!(found.len(), 7);
    }

    #[test]
    fn masks_targets() {
        for (target, masked) in [
            ("/a?token=x&q=1", "/a?token=MASKED&q=1"),
            (
                "/cb?code=x&code_verifier=y",
                "/cb?code=MASKED&code_verifier=MASKED",
            ),
            ("/a;jsessionid=X?b=1", "/a;jsessionid=MASKED?b=1"),
            ("/a;v=1;sid=X/b;c=2", "/a;v=1;sid=MASKED/b;c=2"),
            ("/a&token=x", "/a&token=MASKED"),
            ("/a?b=1;token=x;y&c=2", "/a?b=1;token=MASKED&c=2"),
            ("/a?next=/b?pin=1&c=2", "/a?next=/b?pin=MASKED&c=2"),
            ("/a?next=%2Fb%3Ftoken%3Dx&c=2", "/a?next=MASKED&c=2"),
            (
                "/a?user[pin]=1&T%4fKEN=%26",
                "/a?user[pin]=MASKED&T%4fKEN=MASKED",
            ),
        ] {
            assert_eq!(masked_target(target), masked);
            assert_eq!(masked_target(masked), masked);
        }
        assert_eq!(
            masked_text("h \"GET /a?b=1&token=x HTTP/1.1\" 200 sid=y"),
            "h \"GET /a?b=1&token=MASKED HTTP/1.1\" 200 sid=MASKED"
        );
    }

    proptest::proptest! {
        #[test]
        fn a_target_without_secrets_stays_as_it_is(
            target in "/[a-oq-r0-9/;=&%#.]{0,20}(\\?([a-n]{1,4}(=[ -~]{0,9})?&?){0,6})?"
        ) {
            // Nothing may be masked but for the value of a name that is one of a secret.
            let named = may_hold_secret(&target) || target.contains("code") || target.contains('%');
            proptest::prop_assume!(!named);
            proptest::prop_assert!(matches!(masked_target(&target), Cow::Borrowed(same) if same == target));
        }

        #[test]
        fn a_secret_never_stays(
            before in "(/[a-z0-9]{0,5}){1,3}", pairs in "([a-z]{1,5}=[a-z0-9]{0,5}&){0,3}",
            name in "(token|Access-Token|pass|pin|otp|ssn|jwt|code|JSESSIONID|csrf_token)",
        ) {
            for target in [
                format!("{before}?{pairs}{name}=TSLOG1&z=2"),
                format!("{before};{name}=TSLOG1/z?{pairs}"),
            ] {
                proptest::prop_assert!(!masked_target(&target).contains("TSLOG1"), "{}", target);
            }
        }
    }
}
