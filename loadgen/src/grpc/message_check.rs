//! The check of a message before a run: its fields against the type that the method takes.

use prost_reflect::{DynamicMessage, FieldDescriptor, Kind, MessageDescriptor};
use serde_json::Value;
use tenfold_scenarios::{FieldStep, MessageField, suggestion};

/// Package of the types that have a form of their own in JSON.
const OWN_FORMS: &str = "google.protobuf.";

/// Why a value does not fit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misfit {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

/// Checks a value of a message: that its fields exist, and unless it has placeholders, that it has the type of its field.
///
/// # Errors
/// The reason why it does not fit.
pub(super) fn check(field: &MessageField, input: &MessageDescriptor) -> Result<(), Misfit> {
    check_names(&field.path, input)?;
    let Some(value) = &field.value else {
        return Ok(());
    };
    let alone = field.path.iter().rev().fold(value.clone(), nest);
    let read = DynamicMessage::deserialize(input.clone(), alone);
    read.map(|_| ()).map_err(|error| Misfit {
        message: match place(&field.path) {
            place if place.is_empty() => {
                format!("the message is not a {}: {error}", input.full_name())
            }
            place => format!(
                "`{place}` of {} can't be {value}: {error}",
                input.full_name()
            ),
        },
        hint: None,
    })
}

/// Checks that the fields on the way to a value exist.
fn check_names(path: &[FieldStep], input: &MessageDescriptor) -> Result<(), Misfit> {
    let mut kind = Kind::Message(input.clone());
    let mut steps = path.iter();
    while let (Kind::Message(message), Some(FieldStep::Name(name))) = (&kind, steps.next()) {
        // The name of an extension stands in brackets.
        if message.full_name().starts_with(OWN_FORMS) || name.starts_with('[') {
            return Ok(());
        }
        let Some(field) = field_of(message, name) else {
            let fields: Vec<FieldDescriptor> = message.fields().collect();
            return Err(Misfit {
                message: format!("{} has no field `{name}`", message.full_name()),
                hint: suggestion(name, fields.iter().map(FieldDescriptor::name)),
            });
        };
        kind = field.kind();
        if field.is_map() {
            // A key of the map.
            steps.next();
            if let Kind::Message(entry) = &kind {
                kind = entry.map_entry_value_field().kind();
            }
        } else if field.is_list() {
            steps.next();
        }
    }
    Ok(())
}

/// The field of a name, in either of the forms that JSON allows.
fn field_of(message: &MessageDescriptor, name: &str) -> Option<FieldDescriptor> {
    let by_json_name = message.get_field_by_json_name(name);
    by_json_name.or_else(|| message.get_field_by_name(name))
}

/// A message with nothing but one value.
fn nest(inner: Value, step: &FieldStep) -> Value {
    match step {
        FieldStep::Name(name) => Value::Object([(name.clone(), inner)].into_iter().collect()),
        FieldStep::Element => Value::Array(vec![inner]),
    }
}

/// The way to a value, as in `items[].name`.
fn place(path: &[FieldStep]) -> String {
    let mut text = String::new();
    for step in path {
        match step {
            FieldStep::Name(name) if text.is_empty() => text.push_str(name),
            FieldStep::Name(name) => text.push_str(&format!(".{name}")),
            FieldStep::Element => text.push_str("[]"),
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tenfold_scenarios::Scenario;

    use super::*;
    use crate::grpc::descriptors::compile;

    const PROTO: &str = r#"
        syntax = "proto3";
        package t;
        import "google/protobuf/struct.proto";
        import "google/protobuf/timestamp.proto";
        message All {
          string name = 1;
          int32 item_count = 2;
          repeated Part parts = 3;
          map<string, Part> by_key = 4;
          google.protobuf.Struct free = 5;
          google.protobuf.Timestamp at = 6;
          Color color = 7;
        }
        message Part { int64 id = 1; }
        enum Color { RED = 0; BLUE = 1; }
    "#;

    /// The misfits of a message, in TOML.
    fn misfits(message: &str) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("t.proto"), PROTO).unwrap();
        let pool = compile(&["t.proto".into()], &[folder.path().to_owned()]).unwrap();
        let input = pool.get_message_by_name("t.All").unwrap();
        let text = format!(
            "version = 1\nname = \"x\"\n[[phases]]\nkind = \"constant\"\nname = \"p\"\nrate = \"10/s\"\nduration = \"1s\"\n\
             [[requests]]\nname = \"r\"\nkind = \"read\"\ngrpc = {{ method = \"a.B/C\", message = {message} }}"
        );
        let scenario = Scenario::parse(&text, Path::new("x.toml")).unwrap();
        let grpc = scenario.requests[0].grpc.as_ref().unwrap();
        let misfits = grpc
            .fields
            .iter()
            .filter_map(|field| check(field, &input).err());
        misfits
            .map(|own| match own.hint {
                Some(hint) => format!("{}; {hint}", own.message),
                None => own.message,
            })
            .collect()
    }

    #[test]
    fn fitting_values_pass() {
        let message = r#"{ name = "{entropy}", item_count = 2, itemCount = 3, parts = [{ id = 1 }, { id = "{entropy}" }],
            by_key = { any = { id = "7" } }, free = { a = { b = [1, "{entropy}"] } }, at = "2026-01-01T00:00:00Z",
            color = "BLUE" }"#;
        assert_eq!(misfits(&message.replace('\n', " ")), [] as [String; 0]);
        assert_eq!(
            misfits("'{\"name\": \"{entropy}\", \"parts\": []}'"),
            [] as [String; 0]
        );
    }

    #[test]
    fn misfits_are_named() {
        for (message, expected) in [
            (
                "{ nmae = \"x\" }",
                "t.All has no field `nmae`; did you mean `name`?",
            ),
            ("{ nmae = \"{entropy}\" }", "t.All has no field `nmae`"),
            ("{ parts = [{ idd = 1 }] }", "t.Part has no field `idd`"),
            (
                "{ by_key = { k = { idd = 1 } } }",
                "t.Part has no field `idd`",
            ),
            (
                "{ item_count = \"x\" }",
                "`item_count` of t.All can't be \"x\"",
            ),
            (
                "{ parts = [{ id = true }] }",
                "`parts[].id` of t.All can't be true",
            ),
            ("{ at = \"now\" }", "`at` of t.All"),
            ("{ color = \"GREEN\" }", "`color` of t.All"),
            ("'[1]'", "`[]` of t.All can't be 1"),
            ("'7'", "the message is not a t.All"),
        ] {
            let misfits = misfits(message);
            assert_eq!(misfits.len(), 1, "{message}: {misfits:?}");
            assert!(misfits[0].starts_with(expected), "{message}: {misfits:?}");
        }
    }
}
