//! A value for a schema: an example, or one made up.

use std::collections::BTreeMap;

use serde_json::{Map, Number, Value};

use super::document::{Document, reference};

/// Maximum depth of a value that is made up.
const DEPTH_MAX: usize = 10;
/// Depth down to which optional properties are made up, if no property is required.
const OPTIONAL_DEPTH_MAX: usize = 2;
/// Maximum number of parts of a value that is made up.
const PARTS_MAX: usize = 300;
/// Maximum number of items of a list that is made up.
const ITEMS_MAX: u64 = 10;
/// Maximum number of characters of a text that is made up.
const TEXT_CHARS_MAX: u64 = 1000;

/// A value for a schema.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Sample {
    /// The value.
    pub(super) value: Value,
    /// Names of its parts that are made up, because the document has no example of them.
    pub(super) made_up: Vec<String>,
}

/// Properties of a schema and of those that it combines.
#[derive(Default)]
struct Properties<'a> {
    schemas: BTreeMap<&'a str, &'a Value>,
    required: Vec<&'a str>,
}

/// Makes up values, within bounds.
struct Maker<'a> {
    document: &'a Document,
    /// References that are being followed, to notice cycles.
    following: Vec<&'a str>,
    made_up: Vec<String>,
    parts_left: usize,
}

/// Returns a value for a schema; `name` is the name of the whole. `None` if only endless values are
/// valid.
pub(super) fn sample(document: &Document, schema: &Value, name: &str) -> Option<Sample> {
    let mut maker = Maker {
        document,
        following: Vec::new(),
        made_up: Vec::new(),
        parts_left: PARTS_MAX,
    };
    let value = maker.value(schema, name, 0)?;
    Some(Sample {
        value,
        made_up: maker.made_up,
    })
}

/// Returns the example of a parameter, media type or schema; `None` if it has none.
pub(super) fn example<'a>(document: &'a Document, of: &'a Value) -> Option<&'a Value> {
    if let Some(example) = of.get("example") {
        return Some(example);
    }
    match &of["examples"] {
        // Of a schema.
        Value::Array(examples) => examples.first(),
        // Of a parameter or media type: named, each in an object with `value`.
        Value::Object(examples) => examples.values().find_map(|example| {
            let example = document.resolve(example);
            example.get("value").or(example.get("dataValue"))
        }),
        _ => None,
    }
}

/// Returns the value that a schema names: a constant, an example, a default, or the first of an
/// enumeration.
pub(super) fn named_value<'a>(document: &'a Document, schema: &'a Value) -> Option<&'a Value> {
    let first = || {
        let values = schema["enum"].as_array()?;
        values.iter().find(|value| !value.is_null())
    };
    schema
        .get("const")
        .or_else(|| example(document, schema))
        .or_else(|| schema.get("default").filter(|value| !value.is_null()))
        .or_else(first)
}

impl<'a> Maker<'a> {
    fn value(&mut self, schema: &'a Value, name: &str, depth: usize) -> Option<Value> {
        self.parts_left = self.parts_left.checked_sub(1)?;
        if depth > DEPTH_MAX {
            return None;
        }
        let Some(reference) = reference(schema) else {
            return self.plain_value(schema, name, depth);
        };
        if self.following.contains(&reference) {
            return None;
        }
        self.following.push(reference);
        let value = self.value(self.document.target(reference), name, depth);
        self.following.pop();
        value
    }

    /// Returns a value for a schema without a reference.
    fn plain_value(&mut self, schema: &'a Value, name: &str, depth: usize) -> Option<Value> {
        if let Some(value) = named_value(self.document, schema) {
            return Some(value.clone());
        }
        let mut properties = Properties::default();
        self.collect(schema, &mut properties, 0);
        let choice = ["oneOf", "anyOf"].into_iter().find_map(|key| {
            schema[key]
                .as_array()
                .map(|choices| self.choice(choices, name, depth))
        });
        let chosen = match choice {
            Some(choice) => Some(choice?),
            None => None,
        };
        let kind = kind(schema);
        if !properties.schemas.is_empty() || kind == Some("object") {
            let mut object = self.object(schema, &properties, depth)?;
            if let Some((Value::Object(chosen), reference)) = chosen {
                object.extend(chosen);
                discriminate(schema, reference, &mut object);
            }
            return Some(Value::Object(object));
        }
        if let Some((mut value, reference)) = chosen {
            if let Value::Object(object) = &mut value {
                discriminate(schema, reference, object);
            }
            return Some(value);
        }
        if let Some(parts) = schema["allOf"].as_array() {
            return parts
                .iter()
                .find_map(|part| self.value(part, name, depth + 1));
        }
        match kind {
            Some("array") => self.list(schema, name, depth),
            Some("null") => Some(Value::Null),
            kind => {
                self.made_up.push(name.to_owned());
                Some(match kind {
                    Some("integer") => integer(schema),
                    Some("number") => number(schema),
                    Some("boolean") => Value::Bool(true),
                    _ => text(schema),
                })
            }
        }
    }

    /// Returns the first of several choices for which there is a value other than `null`, and its
    /// reference.
    fn choice(
        &mut self,
        choices: &'a [Value],
        name: &str,
        depth: usize,
    ) -> Option<(Value, Option<&'a str>)> {
        choices.iter().find_map(|choice| {
            let made_up = self.made_up.len();
            let value = self.value(choice, name, depth + 1);
            match value.filter(|value| !value.is_null()) {
                Some(value) => Some((value, reference(choice))),
                None => {
                    self.made_up.truncate(made_up);
                    None
                }
            }
        })
    }

    /// Collects the properties of a schema and of all schemas that it combines.
    fn collect(&mut self, schema: &'a Value, into: &mut Properties<'a>, depth: usize) {
        if depth > DEPTH_MAX {
            return;
        }
        let schema = self.document.resolve(schema);
        if let Some(properties) = schema["properties"].as_object() {
            for (name, property) in properties {
                into.schemas.entry(name).or_insert(property);
            }
        }
        let required = schema["required"].as_array().into_iter().flatten();
        into.required.extend(required.filter_map(Value::as_str));
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.collect(part, into, depth + 1);
        }
    }

    /// Returns an object with the properties that are required or have an example, or with all if none
    /// is required.
    fn object(
        &mut self,
        schema: &'a Value,
        properties: &Properties<'a>,
        depth: usize,
    ) -> Option<Map<String, Value>> {
        let mut object = Map::new();
        for (&name, &property) in &properties.schemas {
            let resolved = self.document.resolve(property);
            let is_required = properties.required.contains(&name);
            let is_wanted = match properties.required.is_empty() {
                true => depth < OPTIONAL_DEPTH_MAX && resolved["deprecated"] != true,
                false => is_required || example(self.document, resolved).is_some(),
            };
            if !is_wanted || resolved["readOnly"] == true {
                continue;
            }
            let made_up = self.made_up.len();
            match self.value(property, name, depth + 1) {
                Some(value) => {
                    object.insert(name.to_owned(), value);
                }
                // Without it the object would not be valid.
                None if is_required => return None,
                None => self.made_up.truncate(made_up),
            }
        }
        let entries = &schema["additionalProperties"];
        let wants_entry = schema["minProperties"]
            .as_u64()
            .is_some_and(|least| least > 0);
        if object.is_empty() && wants_entry && entries.is_object() {
            let value = self.value(entries, "name", depth + 1)?;
            object.insert("name".to_owned(), value);
        }
        Some(object)
    }

    fn list(&mut self, schema: &'a Value, name: &str, depth: usize) -> Option<Value> {
        let least = schema["minItems"].as_u64().unwrap_or(0);
        let most = schema["maxItems"].as_u64().unwrap_or(u64::MAX);
        let count = least.max(1).min(most).min(ITEMS_MAX);
        let mut items = Vec::new();
        for _ in 0..count {
            match self.value(&schema["items"], name, depth + 1) {
                Some(item) => items.push(item),
                None if least == 0 => return Some(Value::Array(Vec::new())),
                None => return None,
            }
        }
        Some(Value::Array(items))
    }
}

/// Sets the property that tells which of several schemas an object follows.
fn discriminate(schema: &Value, reference: Option<&str>, object: &mut Map<String, Value>) {
    let (Some(property), Some(reference)) =
        (schema["discriminator"]["propertyName"].as_str(), reference)
    else {
        return;
    };
    let mapping = schema["discriminator"]["mapping"].as_object();
    let mapped = mapping.into_iter().flatten().find_map(|(name, to)| {
        let to = to.as_str()?;
        (to == reference || reference.rsplit('/').next() == Some(to)).then_some(name.as_str())
    });
    let name = mapped.or(reference.rsplit('/').next()).unwrap_or(reference);
    object.insert(property.to_owned(), name.into());
}

/// Returns the type of a schema, deduced from its other keys if it has none. `None` if any type is
/// valid.
pub(super) fn kind(schema: &Value) -> Option<&str> {
    let named = match &schema["type"] {
        Value::String(kind) => Some(kind.as_str()),
        // OpenAPI 3.1 has lists, such as ["string", "null"].
        Value::Array(kinds) => {
            let kinds = kinds.iter().filter_map(Value::as_str);
            kinds
                .clone()
                .find(|kind| *kind != "null")
                .or(kinds.clone().next())
        }
        _ => None,
    };
    let has = |keys: &[&str]| keys.iter().any(|key| schema.get(key).is_some());
    named.or_else(|| {
        if has(&["properties", "additionalProperties", "required"]) {
            Some("object")
        } else if has(&["items"]) {
            Some("array")
        } else if has(&["format", "pattern", "minLength", "maxLength"]) {
            Some("string")
        } else if has(&["minimum", "maximum", "multipleOf"]) {
            Some("number")
        } else {
            None
        }
    })
}

/// Returns the limits of a number. Exclusive ones are moved inward by 1, in either form: `true` beside
/// the limit (OpenAPI 3.0) or the limit itself (3.1).
fn limits(schema: &Value) -> (Option<f64>, Option<f64>) {
    let limit = |key: &str, exclusive: &str, inward: f64| {
        let inclusive = schema[key].as_f64();
        match &schema[exclusive] {
            Value::Bool(true) => inclusive.map(|limit| limit + inward),
            Value::Number(number) => number.as_f64().map(|limit| limit + inward),
            _ => inclusive,
        }
    };
    (
        limit("minimum", "exclusiveMinimum", 1.0),
        limit("maximum", "exclusiveMaximum", -1.0),
    )
}

fn integer(schema: &Value) -> Value {
    let (min, max) = limits(schema);
    let mut value = 1.0_f64;
    if let Some(max) = max {
        value = value.min(max.floor());
    }
    if let Some(min) = min {
        value = value.max(min.ceil());
    }
    if let Some(step) = schema["multipleOf"].as_f64().filter(|step| *step > 0.0) {
        value = (value / step).ceil() * step;
    }
    // The conversion saturates.
    Value::from(value as i64)
}

fn number(schema: &Value) -> Value {
    let (min, max) = limits(schema);
    let mut value = 1.0_f64;
    // Half of a narrow range is within it, whatever its ends.
    if let (Some(min), Some(max)) = (min, max)
        && !(min..=max).contains(&value)
    {
        value = min + (max - min) / 2.0;
    } else if let Some(max) = max {
        value = value.min(max);
    } else if let Some(min) = min {
        value = value.max(min);
    }
    if let Some(step) = schema["multipleOf"].as_f64().filter(|step| *step > 0.0) {
        value = (value / step).ceil() * step;
    }
    Number::from_f64(value).map_or_else(|| 1.into(), Value::Number)
}

fn text(schema: &Value) -> Value {
    let of_format = match schema["format"].as_str().unwrap_or_default() {
        "date" => Some("2026-01-01"),
        "date-time" => Some("2026-01-01T00:00:00Z"),
        "time" => Some("00:00:00Z"),
        "duration" => Some("PT1H"),
        "uuid" => Some("00000000-0000-4000-8000-000000000000"),
        "email" | "idn-email" => Some("user@example.com"),
        "uri" | "url" | "iri" | "uri-reference" => Some("https://example.com/"),
        "hostname" | "idn-hostname" => Some("example.com"),
        "ipv4" => Some("192.0.2.1"),
        "ipv6" => Some("2001:db8::1"),
        "byte" => Some("dGVuZm9sZA=="),
        _ => None,
    };
    if let Some(text) = of_format {
        return text.into();
    }
    let least = schema["minLength"]
        .as_u64()
        .unwrap_or(0)
        .min(TEXT_CHARS_MAX);
    let most = schema["maxLength"].as_u64().unwrap_or(u64::MAX);
    let length = least.max(4).min(most) as usize;
    let text: String = "text".chars().cycle().take(length).collect();
    text.into()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document(schemas: Value) -> Document {
        let document = json!({"openapi": "3.1.0", "components": {"schemas": schemas}});
        Document::parse(document.to_string().as_bytes(), "api", None).unwrap()
    }

    fn of(schema: Value) -> Option<Value> {
        let document = document(json!({}));
        sample(&document, &schema, "it").map(|sample| sample.value)
    }

    #[test]
    fn prefers_what_the_document_names() {
        let schema = json!({"type": "string", "enum": ["a", "b"], "default": "b", "example": "c"});
        assert_eq!(of(schema), Some(json!("c")));
        assert_eq!(
            of(json!({"type": "integer", "enum": [null, 3]})),
            Some(json!(3))
        );
        assert_eq!(of(json!({"const": 7, "default": 1})), Some(json!(7)));
        assert_eq!(
            of(json!({"type": "string", "examples": ["x"]})),
            Some(json!("x"))
        );
    }

    #[test]
    fn makes_up_values_within_their_limits() {
        let cases = [
            (json!({"type": "integer", "minimum": 10}), json!(10)),
            (json!({"type": "integer", "maximum": -5}), json!(-5)),
            (
                json!({"type": "integer", "minimum": 3, "exclusiveMinimum": true}),
                json!(4),
            ),
            (
                json!({"type": "integer", "exclusiveMinimum": 3, "multipleOf": 5}),
                json!(5),
            ),
            (
                json!({"type": "number", "minimum": 0.25, "maximum": 0.75}),
                json!(0.5),
            ),
            (json!({"type": ["null", "boolean"]}), json!(true)),
            (json!({"type": "string", "minLength": 6}), json!("textte")),
            (json!({"type": "string", "maxLength": 2}), json!("te")),
            (
                json!({"type": "string", "format": "date"}),
                json!("2026-01-01"),
            ),
            (
                json!({"type": "array", "minItems": 2, "items": {"type": "integer"}}),
                json!([1, 1]),
            ),
            (
                json!({"type": "array", "items": {"enum": ["a"]}}),
                json!(["a"]),
            ),
            (
                json!({"type": "object", "minProperties": 1, "additionalProperties": {"type": "integer"}}),
                json!({"name": 1}),
            ),
        ];
        for (schema, value) in cases {
            assert_eq!(of(schema.clone()), Some(value), "{schema}");
        }
    }

    #[test]
    fn objects_have_required_properties_or_all() {
        let schema = json!({
            "required": ["a"],
            "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}, "c": {"example": 3}},
        });
        assert_eq!(of(schema), Some(json!({"a": 1, "c": 3})));
        let schema = json!({"properties": {
            "a": {"type": "integer"},
            "id": {"type": "integer", "readOnly": true},
            "old": {"type": "integer", "deprecated": true},
        }});
        assert_eq!(of(schema), Some(json!({"a": 1})));
        let schema = json!({"allOf": [
            {"properties": {"a": {"enum": [1]}, "c": {"enum": [3]}}},
            {"required": ["a", "b"], "properties": {"b": {"enum": [2]}}},
        ]});
        assert_eq!(of(schema), Some(json!({"a": 1, "b": 2})));
    }

    #[test]
    fn choices_take_the_first_and_name_it() {
        let document = document(json!({
            "Cat": {"required": ["kind", "lives"], "properties": {"kind": {"type": "string"}, "lives": {"enum": [9]}}},
            "Pet": {
                "oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Cat"}],
                "discriminator": {"propertyName": "kind", "mapping": {"cat": "#/components/schemas/Cat"}},
            },
        }));
        let pet = json!({"$ref": "#/components/schemas/Pet"});
        let value = sample(&document, &pet, "it").unwrap().value;
        assert_eq!(value, json!({"kind": "cat", "lives": 9}));
    }

    #[test]
    fn cycles_end() {
        let node = json!({"$ref": "#/components/schemas/Node"});
        let optional = document(json!({"Node": {"properties": {
            "name": {"enum": ["x"]},
            "next": {"$ref": "#/components/schemas/Node"},
            "all": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
        }}}));
        let value = sample(&optional, &node, "it").unwrap().value;
        assert_eq!(value, json!({"name": "x", "all": []}));
        let endless =
            document(json!({"Node": {"required": ["next"], "properties": {"next": node}}}));
        assert_eq!(
            sample(
                &endless,
                &json!({"$ref": "#/components/schemas/Node"}),
                "it"
            ),
            None
        );
        let to_itself = document(json!({"Node": {"allOf": [node]}}));
        assert!(
            sample(
                &to_itself,
                &json!({"$ref": "#/components/schemas/Node"}),
                "it"
            )
            .is_none()
        );
        // As wide as it is deep: bounded by the number of parts.
        let mut wide = Map::new();
        for level in 0..9 {
            let next = json!({"$ref": format!("#/components/schemas/n{}", level + 1)});
            let properties: Map<String, Value> = (0..9)
                .map(|index| (format!("p{index}"), next.clone()))
                .collect();
            let required: Vec<&String> = properties.keys().collect();
            wide.insert(
                format!("n{level}"),
                json!({"required": required, "properties": properties}),
            );
        }
        let wide = document(Value::Object(wide));
        assert_eq!(
            sample(&wide, &json!({"$ref": "#/components/schemas/n0"}), "it"),
            None
        );
    }

    #[test]
    fn names_what_is_made_up() {
        let document = document(json!({}));
        let schema = json!({"properties": {"a": {"type": "integer"}, "b": {"enum": ["x"]}}});
        let sample = sample(&document, &schema, "it").unwrap();
        assert_eq!(sample.made_up, ["a"]);
    }
}
