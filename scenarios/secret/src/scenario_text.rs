//! The text of a scenario, as stored with a run.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::MASK;
use super::name::is_secret;
use super::quoted::is_secret_location;
use super::text::{Reading, masked_text};

/// Fields that name or locate something and hold no secret. For example, a capture locates a token in a
/// response.
const NO_SECRETS: [&str; 12] = [
    "capture", "file", "if", "keys", "kind", "login", "name", "request", "rules", "steps",
    "version", "while",
];

const VALUES: Reading = Reading {
    has_placeholders: true,
    is_code: false,
};
/// Scripts and comments.
const CODE: Reading = Reading {
    has_placeholders: true,
    is_code: true,
};

/// Masks secrets in the TOML of a scenario: passwords in bodies, credentials in headers, secret
/// variables. The result is TOML with the same meaning apart from the secrets.
///
/// Placeholders such as `{token}` are kept, because they hold no value.
pub fn masked_scenario(text: &str) -> String {
    let Ok(document) = DeTable::parse(text) else {
        return masked_text(text).into_owned();
    };
    let mut found = Found {
        text,
        changes: Vec::new(),
        values: Vec::new(),
    };
    found.table(document.get_ref());
    found.comments();
    found.apply()
}

struct Found<'a> {
    text: &'a str,
    /// Ranges to replace, and their replacements.
    changes: Vec<(Range<usize>, String)>,
    /// Ranges of texts; comments are looked for between them.
    values: Vec<Range<usize>>,
}

impl Found<'_> {
    fn table(&mut self, table: &DeTable<'_>) {
        // A check on a secret header contains its expected value:
        // `{ header = "authorization", equals = "..." }`.
        let names_secret = |name: &str| -> bool {
            let text = table.get(name).and_then(|value| value.get_ref().as_str());
            text.is_some_and(|text| is_secret_location(text, ""))
        };
        let is_expected = names_secret("header") || names_secret("json");
        // So does a part of a multipart form: `{ name = "password", value = "..." }`.
        let is_part = names_secret("name");
        for (name, value) in table {
            let name: &str = name.get_ref();
            let is_secret_value = is_secret(name, "")
                || (is_expected && matches!(name, "equals" | "contains"))
                || (is_part && matches!(name, "value" | "filename"));
            self.value(name, value, is_secret_value);
        }
    }

    fn value(&mut self, name: &str, value: &Spanned<DeValue<'_>>, is_secret_value: bool) {
        let span = value.span();
        match value.get_ref() {
            DeValue::Table(table) if name == "capture" => {
                // Its texts hold no secret, but comments are looked for between them.
                self.spans(table);
            }
            DeValue::Table(table) => self.table(table),
            DeValue::Array(values) => {
                for value in values {
                    self.value(name, value, is_secret_value);
                }
            }
            DeValue::String(text) => {
                self.values.push(span.clone());
                if NO_SECRETS.contains(&name) {
                    return;
                }
                let reading = match name {
                    "script" => CODE,
                    _ => VALUES,
                };
                if is_secret_value && reading.is_value(text) {
                    self.changes.push((span, format!("\"{MASK}\"")));
                } else if !is_secret_value {
                    self.masked(span, text, reading);
                }
            }
            DeValue::Integer(_) | DeValue::Float(_)
                if is_secret_value && !NO_NUMBERS.contains(&name) =>
            {
                self.changes.push((span, format!("\"{MASK}\"")));
            }
            _ => {}
        }
    }

    /// Masks secrets within a text, keeping its quotes if the result parses to the same value.
    fn masked(&mut self, span: Range<usize>, text: &str, reading: Reading) {
        let masked = reading.masked(text);
        if masked == text {
            return;
        }
        let within = reading.masked(&self.text[span.clone()]).into_owned();
        let is_same = toml::from_str::<toml::Table>(&format!("x = {within}"))
            .is_ok_and(|table| table.get("x").and_then(toml::Value::as_str) == Some(&*masked));
        let written = match is_same {
            true => within,
            false => toml::Value::String(masked.into_owned()).to_string(),
        };
        self.changes.push((span, written));
    }

    fn spans(&mut self, table: &DeTable<'_>) {
        for (_, value) in table {
            match value.get_ref() {
                DeValue::Table(table) => self.spans(table),
                DeValue::String(_) => self.values.push(value.span()),
                _ => {}
            }
        }
    }

    /// Masks secrets in comments, which often hold disabled lines.
    fn comments(&mut self) {
        self.values.sort_by_key(|span| span.start);
        let ends = self.values.iter().map(|span| span.end);
        let starts = self.values.iter().map(|span| span.start);
        let gaps: Vec<Range<usize>> = std::iter::once(0)
            .chain(ends)
            .zip(starts.chain([self.text.len()]))
            .map(|(start, end)| start..end)
            .collect();
        for gap in gaps {
            let mut at = gap.start;
            while let Some(found) = self.text.get(at..gap.end).and_then(|gap| gap.find('#')) {
                let start = at + found;
                let rest = &self.text[start..];
                let end = (start + rest.find('\n').unwrap_or(rest.len())).min(gap.end);
                let masked = CODE.masked(&self.text[start..end]);
                if masked != self.text[start..end] {
                    self.changes.push((start..end, masked.into_owned()));
                }
                at = end;
            }
        }
    }

    fn apply(mut self) -> String {
        self.changes.sort_by_key(|(span, _)| span.start);
        let mut masked = String::with_capacity(self.text.len());
        let mut copied = 0;
        for (span, written) in self.changes {
            if span.start < copied {
                continue;
            }
            masked.push_str(&self.text[copied..span.start]);
            masked.push_str(&written);
            copied = span.end;
        }
        masked.push_str(&self.text[copied..]);
        masked
    }
}

/// Numeric fields of the format that are never secret.
const NO_NUMBERS: [&str; 2] = ["count", "weight"];

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = r##"
# headers = { authorization = "Basic TSDDD" }  # the token: it is none
name = "x"
rules = ['p99 < 50ms for "token=1"']
[variables]
token = "TSAAA"   # a comment
pin = 1234
page = 1
[sessions]
login = "log in"
count = 64
[[requests]]
name = "log in"
path = "/login?api_key=TSEEE&page={page}&token={token}"
headers = { authorization = "Basic TSBBB", x-request = "{entropy}", "x-api-key" = 'TSCCC' }
body = '{"handle":"user{user+1}","password":"TSHHH","n":"{people.password}"}'
capture = { token = "json:/token", sid = "cookie:sid" }
checks = [{ header = "x-token", equals = "TSGGG" }, { json = "/token", exists = true }]
[[requests]]
name = "read"
headers = { authorization = "Bearer {token}" }
body = "{\"pass\u0077ord\":\"TSIII\",\n\"a\":1}"
script = '''
fn after(response, vars) {
    vars.token = response.json.token;
    let password = "TSFFF";
}
'''
"##;

    #[test]
    fn masks_only_secrets() {
        let masked = masked_scenario(TEXT);
        assert!(
            !masked.contains("TS") && !masked.contains("1234"),
            "{masked}"
        );
        insta::assert_snapshot!(masked);
        toml::from_str::<toml::Table>(&masked).unwrap();
        assert_eq!(masked_scenario(&masked), masked);
    }

    #[test]
    fn library_has_no_secrets_but_its_passwords() {
        let folder = std::path::Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|ending| ending == "toml") {
                let text = std::fs::read_to_string(&path).unwrap();
                let masked = masked_scenario(&text);
                let expected = text.replace("\"password\":\"tenfold\"", "\"password\":\"***\"");
                assert_eq!(masked, expected, "{}", path.display());
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn masks_every_planted_secret(
            secret in "TS[A-Za-z0-9+/=]{6,20}", name in "(token|db-password|pin|x-auth|csrf)",
            quote in "(\"|')",
        ) {
            for text in [
                format!("[variables]\n{name} = {quote}{secret}{quote}"),
                format!("headers = {{ {name} = {quote}{secret}{quote}, b = 1 }}"),
                format!("body = 'a=1&{name}={secret}'\nb = 1"),
                format!("body = '{{\"{name}\":\"{secret}\"}}'"),
                format!("body = \"{{\\\"{name}\\\":\\\"{secret}\\\"}}\""),
                format!("body = '''\n{{\"a\":1,\n\"{name}\": \"{secret}\"}}'''"),
                format!("headers.x = 'Bearer {secret}'"),
                format!("form = {{ {name} = [{quote}{secret}{quote}] }}"),
                format!("json = {{ a = {{ {name} = {quote}{secret}{quote} }} }}"),
                format!("multipart = [{{ name = '{name}', value = {quote}{secret}{quote} }}]"),
                format!("a = 1 # {name} = \"{secret}\""),
            ] {
                let masked = masked_scenario(&text);
                proptest::prop_assert!(!masked.contains(&secret), "{}\n{}", text, masked);
                toml::from_str::<toml::Table>(&masked).unwrap();
            }
        }

        #[test]
        fn masks_any_text_without_panic(text in "[\\PC\"'=#{}\\n]{0,60}") {
            masked_scenario(&text);
        }
    }
}
