//! Fields of a scenario that differ between runs.

use std::collections::BTreeMap;

use toml::{Table, Value};

use super::Difference;

/// Most fields that are listed.
const FIELDS_MAX: usize = 20;

/// Most characters of a value.
const VALUE_CHARS_MAX: usize = 80;

/// Returns the fields that differ between the texts of scenarios, a row each. Comments and the order of fields don't count.
pub(super) fn differences(texts: &[&str]) -> Vec<Difference> {
    let fields: Option<Vec<_>> = texts.iter().map(|text| fields(text)).collect();
    let Some(fields) = fields else {
        let values = texts.iter().map(|text| format!("{} bytes", text.len()));
        let is_same = texts.windows(2).all(|pair| pair[0] == pair[1]);
        return match is_same {
            true => Vec::new(),
            false => vec![difference("scenario text", values.collect())],
        };
    };
    let mut names: Vec<&String> = fields.iter().flat_map(BTreeMap::keys).collect();
    names.sort();
    names.dedup();
    let rows = names.into_iter().map(|name| {
        let values = fields.iter().map(|own| match own.get(name) {
            Some(value) => value.clone(),
            None => "–".to_owned(),
        });
        difference(&format!("scenario: {name}"), values.collect())
    });
    let mut rows: Vec<Difference> = rows
        .filter(|row| row.values.windows(2).any(|pair| pair[0] != pair[1]))
        .collect();
    if rows.len() > FIELDS_MAX {
        let more = rows.split_off(FIELDS_MAX).len();
        let values = texts.iter().map(|_| "…".to_owned());
        rows.push(difference(
            &format!("scenario: {more} more fields"),
            values.collect(),
        ));
    }
    for row in &mut rows {
        row.values.iter_mut().for_each(shorten);
    }
    rows
}

fn difference(what: &str, values: Vec<String>) -> Difference {
    Difference {
        what: what.to_owned(),
        values,
        different_question: true,
    }
}

/// Returns the fields of a scenario by their paths, such as `requests.read post.path`. `None` if the text is not valid TOML.
fn fields(text: &str) -> Option<BTreeMap<String, String>> {
    let table: Table = text.parse().ok()?;
    let mut fields = BTreeMap::new();
    add_table(&mut fields, "", &table);
    Some(fields)
}

fn add_table(fields: &mut BTreeMap<String, String>, path: &str, table: &Table) {
    for (name, value) in table {
        let path = match path {
            "" => name.clone(),
            path => format!("{path}.{name}"),
        };
        add(fields, path, value);
    }
}

fn add(fields: &mut BTreeMap<String, String>, path: String, value: &Value) {
    match value {
        Value::Table(table) => add_table(fields, &path, table),
        Value::Array(tables) if tables.iter().any(Value::is_table) => {
            for (index, own) in tables.iter().enumerate() {
                let name = own.get("name").and_then(Value::as_str);
                let name = name.map_or_else(|| (index + 1).to_string(), str::to_owned);
                let own_path = format!("{path}.{name}");
                // Two of the same name are numbered by their place.
                let is_taken = fields.keys().any(|known| {
                    known
                        .strip_prefix(&own_path)
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
                });
                let own_path = match is_taken {
                    true => format!("{own_path} ({})", index + 1),
                    false => own_path,
                };
                add(fields, own_path, own);
            }
        }
        Value::String(text) => {
            fields.insert(path, text.clone());
        }
        other => {
            fields.insert(path, other.to_string());
        }
    }
}

fn shorten(value: &mut String) {
    if let Some((at, _)) = value.char_indices().nth(VALUE_CHARS_MAX) {
        value.truncate(at);
        value.push('…');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SCENARIO: &str = r#"
        # A comment.
        rules = ["p99 < 50ms"]
        [load]
        users = 10
        [[requests]]
        name = "read"
        path = "/a"
        [[requests]]
        name = "write"
        path = "/b"
    "#;

    fn rows(texts: &[&str]) -> Vec<String> {
        let rows = differences(texts);
        let rows = rows
            .iter()
            .map(|row| format!("{}: {}", row.what, row.values.join(" | ")));
        rows.collect()
    }

    #[test]
    fn each_field_that_differs_has_a_row() {
        let other = SCENARIO
            .replace("users = 10", "users = 20\nwait = \"1s\"")
            .replace("/b", "/c")
            .replace("50ms", "60ms");
        assert_eq!(
            rows(&[SCENARIO, &other]),
            [
                "scenario: load.users: 10 | 20",
                "scenario: load.wait: – | 1s",
                "scenario: requests.write.path: /b | /c",
                "scenario: rules: [\"p99 < 50ms\"] | [\"p99 < 60ms\"]",
            ]
        );
    }

    #[test]
    fn comments_and_order_are_no_difference() {
        let other = SCENARIO.replace("# A comment.", "").replace(
            "[load]\n        users = 10",
            "load = { users = 10 } # The same.",
        );
        assert_eq!(rows(&[SCENARIO, SCENARIO, &other]), [""; 0]);
    }

    #[test]
    fn lists_are_bounded_and_values_short() {
        let many: String = (0..FIELDS_MAX + 5).fold(String::new(), |all, n| {
            all + format!("f{n} = \"{}\"\n", "é".repeat(200)).as_str()
        });
        let rows = rows(&["", &many]);
        assert_eq!(rows.len(), FIELDS_MAX + 1);
        assert_eq!(rows[FIELDS_MAX], "scenario: 5 more fields: … | …");
        assert!(rows[0].chars().count() < 120, "{}", rows[0]);
    }

    #[test]
    fn equal_names_and_broken_texts_are_compared() {
        let two = "[[r]]\nname = \"a\"\nx = 1\n[[r]]\nname = \"a\"\nx = 2\n";
        let other = two.replace("x = 2", "x = 3");
        assert_eq!(rows(&[two, &other]), ["scenario: r.a (2).x: 2 | 3"]);
        assert_eq!(rows(&["=", "="]), [""; 0]);
        assert_eq!(rows(&["=", "=="]), ["scenario text: 1 bytes | 2 bytes"]);
    }
}
