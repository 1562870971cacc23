//! YAML documents as JSON values.

use std::collections::HashMap;

use saphyr::Scalar;
use saphyr_parser::{Event, Parser};
use serde_json::{Map, Value};

/// Maximum depth, as in JSON.
const DEPTH_MAX: usize = 128;

/// Maximum number of values that anchors and aliases may copy, because a few nested aliases can expand
/// without bound.
const ALIASED_MAX: usize = 1_000_000;

/// Number of bytes of a text that count as one value.
const VALUE_BYTES: usize = 64;

/// A collection under construction.
struct Open {
    value: Value,
    /// Key of the next value of a mapping.
    key: Option<String>,
    anchor: usize,
}

/// Reads the first document of a YAML text. Keys become strings.
///
/// # Errors
/// Returns the problem, with line and column if they are known.
pub(super) fn parse(text: &str) -> Result<Value, String> {
    let mut open: Vec<Open> = Vec::new();
    let mut anchors: HashMap<usize, Value> = HashMap::new();
    let mut aliased = 0;
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| error.to_string())?;
        let at = |problem: &str| format!("line {}: {problem}", span.start.line());
        let (value, anchor) = match event {
            Event::Nothing | Event::StreamStart | Event::DocumentStart(_) => continue,
            Event::StreamEnd | Event::DocumentEnd => return Err(at("the document is empty")),
            Event::SequenceStart(anchor, _) | Event::MappingStart(anchor, _) => {
                if open.len() >= DEPTH_MAX {
                    return Err(at("the document is nested too deeply"));
                }
                open.push(Open {
                    value: match event {
                        Event::SequenceStart(..) => Value::Array(Vec::new()),
                        _ => Value::Object(Map::new()),
                    },
                    key: None,
                    anchor,
                });
                continue;
            }
            Event::SequenceEnd | Event::MappingEnd => match open.pop() {
                Some(closed) => (closed.value, closed.anchor),
                None => return Err(at("a collection ends that did not begin")),
            },
            Event::Scalar(text, style, anchor, tag) => {
                let plain = text.clone();
                let scalar = Scalar::parse_from_cow_and_metadata(text, style, tag.as_ref());
                (scalar.map_or_else(|| Value::from(plain), json), anchor)
            }
            Event::Alias(anchor) => {
                let Some(value) = anchors.get(&anchor) else {
                    return Err(at("an alias is used inside its own anchor"));
                };
                aliased += size(value, ALIASED_MAX);
                if aliased > ALIASED_MAX {
                    return Err(at("the aliases of the document expand to too many values"));
                }
                (value.clone(), 0)
            }
        };
        if anchor > 0 {
            aliased += size(&value, ALIASED_MAX);
            if aliased > ALIASED_MAX {
                return Err(at("the anchors of the document hold too many values"));
            }
            anchors.insert(anchor, value.clone());
        }
        match open.last_mut() {
            // The root is complete. Further documents are ignored.
            None => return Ok(value),
            Some(parent) => insert(parent, value).map_err(at)?,
        }
    }
    Err("the document is not complete".to_owned())
}

fn insert(parent: &mut Open, value: Value) -> Result<(), &'static str> {
    match &mut parent.value {
        Value::Array(items) => items.push(value),
        Value::Object(map) => match parent.key.take() {
            Some(key) if key == "<<" && value.is_object() => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    map.entry(key.clone()).or_insert_with(|| value.clone());
                }
            }
            Some(key) => {
                map.insert(key, value);
            }
            None => {
                parent.key = Some(match value {
                    Value::String(key) => key,
                    Value::Array(_) | Value::Object(_) => return Err("a key is a collection"),
                    other => other.to_string(),
                });
            }
        },
        _ => {}
    }
    Ok(())
}

fn json(scalar: Scalar<'_>) -> Value {
    match scalar {
        Scalar::Null => Value::Null,
        Scalar::Boolean(flag) => flag.into(),
        Scalar::Integer(number) => number.into(),
        Scalar::FloatingPoint(number) => number.into_inner().into(),
        Scalar::String(text) => text.into(),
    }
}

/// Returns the number of values in a value, up to a little more than `most`. Long texts count as several.
fn size(value: &Value, most: usize) -> usize {
    let text_size = |text: &str| text.len() / VALUE_BYTES;
    let items: Box<dyn Iterator<Item = (usize, &Value)>> = match value {
        Value::Array(items) => Box::new(items.iter().map(|item| (0, item))),
        Value::Object(map) => Box::new(map.iter().map(|(key, item)| (text_size(key), item))),
        Value::String(text) => return 1 + text_size(text),
        _ => return 1,
    };
    let mut sum = 1;
    for (key, item) in items {
        sum += key;
        if sum > most {
            break;
        }
        sum += size(item, most - sum);
    }
    sum
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn reads_scalars_collections_and_aliases() {
        let text = "a: 1\nb: '1'\nc: [x, 2.5, true, ~]\n200: &ok\n  d: |\n    two\n    lines\ne: *ok\nf:\n  <<: *ok\n  g: 2020-01-01\n";
        let ok = json!({"d": "two\nlines\n"});
        assert_eq!(
            parse(text).unwrap(),
            json!({
                "a": 1, "b": "1", "c": ["x", 2.5, true, null], "200": ok, "e": ok,
                "f": {"d": "two\nlines\n", "g": "2020-01-01"},
            })
        );
        assert_eq!(parse("--- {a: 1}\n--- {a: 2}\n").unwrap(), json!({"a": 1}));
    }

    #[test]
    fn rejects_documents_that_grow_without_bound() {
        let mut bomb = "a0: &a0 [x]\n".to_owned();
        for level in 1..40 {
            let alias = format!("*a{}", level - 1);
            let line = [alias.as_str(); 9].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{line}]\n"));
        }
        assert!(parse(&bomb).unwrap_err().contains("too many values"));
        let long = "x".repeat(1_000_000);
        for text in [
            format!("a: &a {long}\nb: [{}]", "*a, ".repeat(1000)),
            format!("a: &a [{long}]\nb: [{}]", "*a, ".repeat(1000)),
        ] {
            assert!(parse(&text).unwrap_err().contains("too many values"));
        }
        for deep in [
            "[".repeat(100_000),
            "- ".repeat(100_000),
            "{a: ".repeat(100_000),
        ] {
            assert!(parse(&deep).is_err());
        }
        assert!(parse("a: &a [*a]").is_err());
        assert!(parse("").is_err());
        assert!(parse("[a]: 1").is_err() || parse("? [a]\n: 1").is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

        #[test]
        fn never_panics(text in "[a-c:\\-\\[\\]{}&*!|>?,'\"#\n 0-9~%@]{0,60}") {
            let _ = parse(&text);
        }

        #[test]
        fn json_is_yaml(numbers in prop::collection::btree_map("[a-z]{1,6}", -1000..1000_i64, 0..8)) {
            let value = serde_json::to_value(&numbers).unwrap();
            let parsed = parse(&value.to_string());
            prop_assert_eq!(parsed, Ok(value));
        }
    }
}
