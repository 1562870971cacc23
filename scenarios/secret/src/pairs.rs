//! Pairs of a name and a value in queries, forms and paths.

use std::borrow::Cow;

use super::MASK;
use super::name::{decoded, is_secret_pair};

/// Characters that begin a nested pair in a value: `next=/a?token=x`, `a=1;token=x`.
const NESTED: [char; 3] = [';', '?', '#'];

/// Masks secret values in a query or form such as `a=1&token=x`. Adds their names to `found`.
pub fn masked_pairs<'a>(pairs: &'a str, found: &mut Vec<String>) -> Cow<'a, str> {
    masked_between(pairs, &['&'], found)
}

/// Masks secret parameters of a path such as `/a;jsessionid=x`. Adds their names to `found`.
fn masked_path<'a>(path: &'a str, found: &mut Vec<String>) -> Cow<'a, str> {
    masked_between(path, &['/', ';', '&', '#'], found)
}

/// Masks secrets in the path and query of a target. Adds their names, with `path` or `query` before
/// them, to `found`.
pub fn masked_target<'a>(target: &'a str, found: &mut Vec<String>) -> Cow<'a, str> {
    if !target.contains('=') {
        return Cow::Borrowed(target);
    }
    let (mut in_path, mut in_query) = (Vec::new(), Vec::new());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = masked_path(path, &mut in_path);
    let query = masked_pairs(query, &mut in_query);
    if in_path.is_empty() && in_query.is_empty() {
        return Cow::Borrowed(target);
    }
    let masked = match target.contains('?') {
        true => format!("{path}?{query}"),
        false => path.into_owned(),
    };
    found.extend(in_path.iter().map(|name| format!("path {name}")));
    found.extend(in_query.iter().map(|name| format!("query {name}")));
    masked.into()
}

/// Masks secret values of pairs between ASCII separators. Borrows the text if it has no secret.
fn masked_between<'a>(text: &'a str, separators: &[char], found: &mut Vec<String>) -> Cow<'a, str> {
    let mut masked = String::new();
    // `copied`: end of the text already copied. `at`: start of this pair.
    let (mut copied, mut at) = (0, 0);
    for piece in text.split(separators) {
        if let Some((name, value)) = secret_of(piece) {
            found.push(name);
            masked.push_str(&text[copied..at + value]);
            masked.push_str(MASK);
            copied = at + piece.len();
        }
        at += piece.len() + 1;
    }
    if copied == 0 {
        return Cow::Borrowed(text);
    }
    masked.push_str(&text[copied..]);
    masked.into()
}

/// Returns the name of the first secret in a pair, and where its value begins. The value ends with the
/// pair.
fn secret_of(pair: &str) -> Option<(String, usize)> {
    let value = pair.find('=')? + 1;
    open_secret_of(pair).or_else(|| {
        // The value is another URL: `next=%2Fa%3Ftoken%3Dx`.
        let is_nested = pair[value..].contains("%3D") || pair[value..].contains("%3d");
        let inner = is_nested.then(|| decoded(&pair[value..]))?;
        let (name, _) = inner.split(['?', '&', ';', '#']).find_map(open_secret_of)?;
        Some((name, value))
    })
}

/// Like [`secret_of`], for pairs without percent-encoding.
pub(super) fn open_secret_of(pair: &str) -> Option<(String, usize)> {
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

#[cfg(test)]
mod tests {
    use super::super::may_hold_secret;
    use super::*;

    fn target(target: &str) -> Cow<'_, str> {
        masked_target(target, &mut Vec::new())
    }

    #[test]
    fn masks_pairs() {
        let mut found = Vec::new();
        assert_eq!(
            masked_pairs("a=1&access%5Ftoken=x%20y&b&token=", &mut found),
            "a=1&access%5Ftoken=***&b&token="
        );
        assert_eq!(found, ["access_token"]);
        assert!(matches!(
            masked_pairs("a=1&b=2", &mut found),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn reports_names_with_their_location() {
        let mut found = Vec::new();
        masked_target("/a;sid=x?token=y&q=1&next=%2Fb%3Fpin%3D1", &mut found);
        assert_eq!(found, ["path sid", "query token", "query pin"]);
    }

    #[test]
    fn masks_targets() {
        for (target, masked) in [
            ("/a?token=x&q=1", "/a?token=***&q=1"),
            (
                "/cb?code=x&code_verifier=y",
                "/cb?code=***&code_verifier=***",
            ),
            ("/a;jsessionid=X?b=1", "/a;jsessionid=***?b=1"),
            ("/a;v=1;sid=X/b;c=2", "/a;v=1;sid=***/b;c=2"),
            ("/a&token=x", "/a&token=***"),
            ("/a?b=1;token=x;y&c=2", "/a?b=1;token=***&c=2"),
            ("/a?next=/b?pin=1&c=2", "/a?next=/b?pin=***&c=2"),
            ("/a?next=%2Fb%3Ftoken%3Dx&c=2", "/a?next=***&c=2"),
            ("/a?user[pin]=1&T%4fKEN=%26", "/a?user[pin]=***&T%4fKEN=***"),
        ] {
            assert_eq!(self::target(target), masked);
            assert_eq!(self::target(masked), masked);
        }
    }

    proptest::proptest! {
        #[test]
        fn leaves_targets_without_secrets_unchanged(
            target in "/[a-oq-r0-9/;=&%#.]{0,20}(\\?([a-n]{1,4}(=[ -~]{0,9})?&?){0,6})?"
        ) {
            // Only values under a secret's name may be masked.
            let named = may_hold_secret(&target) || target.contains("code") || target.contains('%');
            proptest::prop_assume!(!named);
            proptest::prop_assert!(matches!(self::target(&target), Cow::Borrowed(same) if same == target));
        }

        #[test]
        fn masks_every_planted_secret(
            before in "(/[a-z0-9]{0,5}){1,3}", pairs in "([a-z]{1,5}=[a-z0-9]{0,5}&){0,3}",
            name in "(token|Access-Token|pass|pin|otp|ssn|jwt|code|JSESSIONID|csrf_token)",
        ) {
            for target in [
                format!("{before}?{pairs}{name}=TSLOG1&z=2"),
                format!("{before};{name}=TSLOG1/z?{pairs}"),
            ] {
                proptest::prop_assert!(!self::target(&target).contains("TSLOG1"), "{}", target);
            }
        }
    }
}
