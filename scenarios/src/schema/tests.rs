//! The schema knows exactly the fields that the parser reads.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::SCENARIO_SCHEMA;
use crate::Scenario;
use crate::format::fields::known_fields;

/// Fields by definition of the schema, named by its location.
type FieldSets = BTreeMap<String, BTreeSet<String>>;

/// Forms of tables that no file of the repository has.
const RARE: &str = r#"
version = 1
name = "rare"
rules = [{ rule = "errors < 5%", abort = true, after = "1s" }]
phases = [{ name = "all", kind = "users", duration = "1s" }]
[load]
model = "closed"
users = 1
[http]
follow = 1
[[keys]]
name = "keys"
count = 1
popularity = { kind = "uniform" }
[[requests]]
name = "one"
kind = "read"
path = "/{key}"
keys = "keys"
checks = [{ body_bytes = { min = 1, max = 2 } }]
[requests.capture]
a = { from = "json:/a", optional = true }
[[requests]]
name = "file"
kind = "write"
method = "POST"
path = "/file"
body = { file = "uneven.toml" }
[[journeys]]
name = "uniform"
think = { kind = "uniform", min = "1s", max = "2s" }
steps = ["one", "file"]
"#;

/// Every scenario of the crate, with the path that its files are relative to.
fn scenarios() -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut scenarios = vec![(root.join("rare.toml"), RARE.to_owned())];
    for folder in ["", "examples", "tests/fixture"] {
        for entry in std::fs::read_dir(root.join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let is_scenario = path
                .extension()
                .is_some_and(|extension| extension == "toml")
                && path
                    .file_name()
                    .is_some_and(|name| name != "Cargo.toml" && name != "prices.toml");
            if is_scenario {
                let text = std::fs::read_to_string(&path).unwrap();
                scenarios.push((path, text));
            }
        }
    }
    scenarios
}

/// Compares tables of documents with their definitions in the schema.
struct Walk<'a> {
    schema: &'a Value,
    known: Vec<known_fields::Known>,
    /// Fields that the parser read.
    read: FieldSets,
    /// Fields in the schema.
    declared: FieldSets,
}

impl<'a> Walk<'a> {
    fn table(&mut self, table: &DeTable<'_>, span: std::ops::Range<usize>, at: &str) {
        let Some((at, definition)) = self.definition(table, at) else {
            panic!("the schema has no definition for the table at {at}");
        };
        let properties = definition["properties"].as_object();
        if let Some(properties) = properties {
            let declared = properties.keys().cloned().collect();
            self.declared.insert(at.clone(), declared);
            let read = self.read.entry(at.clone()).or_default();
            for (of, fields) in &self.known {
                if *of == span {
                    read.extend(fields.iter().map(|field| (*field).to_owned()));
                }
            }
        }
        for (key, value) in table {
            let name = key.get_ref().as_ref();
            let own = properties.is_some_and(|properties| properties.contains_key(name));
            let at = match own {
                true => format!("{at}/properties/{name}"),
                false => format!("{at}/additionalProperties"),
            };
            self.value(value, &at);
        }
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, at: &str) {
        match value.get_ref() {
            DeValue::Table(table) => self.table(table, value.span(), at),
            DeValue::Array(items) => {
                let at = self.followed(at);
                for item in items.iter() {
                    self.value(item, &format!("{at}/items"));
                }
            }
            _ => {}
        }
    }

    /// Returns the location that a chain of references ends at.
    fn followed(&self, at: &str) -> String {
        let node = self.schema.pointer(at).unwrap_or_else(|| {
            panic!("scenario.schema.json has no {at}: add the field to the properties of its table")
        });
        match node["$ref"].as_str() {
            Some(reference) => self.followed(reference.trim_start_matches('#')),
            None => at.to_owned(),
        }
    }

    /// Returns the definition of a table: of several, the one of its kind.
    fn definition(&self, table: &DeTable<'_>, at: &str) -> Option<(String, &'a Value)> {
        let at = self.followed(at);
        let node = self.schema.pointer(&at)?;
        if node["type"] == "object" {
            return Some((at, node));
        }
        let alternatives = ["anyOf", "oneOf"].into_iter().flat_map(|key| {
            let count = node[key].as_array().map_or(0, Vec::len);
            (0..count).map(move |index| format!("{key}/{index}"))
        });
        let mut definitions = alternatives
            .filter_map(|alternative| self.definition(table, &format!("{at}/{alternative}")));
        let kind = table.get("kind").and_then(|kind| match kind.get_ref() {
            DeValue::String(kind) => Some(kind.as_ref()),
            _ => None,
        });
        definitions.find(|(_, definition)| {
            let constant = &definition["properties"]["kind"]["const"];
            match kind {
                Some(kind) => constant == kind,
                None => !definition["required"]
                    .as_array()
                    .is_some_and(|required| required.contains(&"kind".into())),
            }
        })
    }
}

#[test]
fn schema_has_exactly_the_fields_that_the_parser_reads() {
    let schema: Value = serde_json::from_str(SCENARIO_SCHEMA).unwrap();
    let mut walk = Walk {
        schema: &schema,
        known: Vec::new(),
        read: FieldSets::new(),
        declared: FieldSets::new(),
    };
    for (path, text) in scenarios() {
        known_fields::take();
        Scenario::parse(&text, &path).unwrap_or_else(|error| panic!("{error}"));
        walk.known = known_fields::take();
        let root = DeTable::parse(&text).unwrap();
        walk.table(root.get_ref(), 0..0, "");
    }
    assert_eq!(
        walk.declared, walk.read,
        "left: scenario.schema.json; right: the parser. Add missing fields to the schema"
    );
    let mut objects = BTreeSet::new();
    find_objects(&schema, "", &mut objects);
    let compared: BTreeSet<String> = walk.declared.into_keys().collect();
    assert_eq!(
        objects, compared,
        "left: tables of the schema; right: those in scenarios. Use each in a scenario"
    );
}

/// Collects the locations of all tables with fixed fields.
fn find_objects(node: &Value, at: &str, objects: &mut BTreeSet<String>) {
    match node {
        Value::Object(map) => {
            if map.get("type").is_some_and(|kind| kind == "object")
                && map.contains_key("properties")
            {
                objects.insert(at.to_owned());
            }
            for (key, value) in map {
                find_objects(value, &format!("{at}/{key}"), objects);
            }
        }
        Value::Array(items) => {
            for (index, value) in items.iter().enumerate() {
                find_objects(value, &format!("{at}/{index}"), objects);
            }
        }
        _ => {}
    }
}
