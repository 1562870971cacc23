//! The JSON Schema accepts what the parser accepts, and refuses common mistakes.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::path::Path;

use jsonschema::Validator;
use proptest::prelude::*;
use serde_json::Value;
use tenfold_scenarios::{SCENARIO_SCHEMA, Scenario};

use crate::docs;
use crate::library::library;
use crate::parser::{LIBRARY, PIECES};

fn validator() -> Validator {
    let schema: Value = serde_json::from_str(SCENARIO_SCHEMA).unwrap();
    jsonschema::draft7::new(&schema).unwrap()
}

/// Converts a scenario to JSON, as an editor's validator sees it.
fn json(text: &str) -> Value {
    let table: toml::Table = text.parse().unwrap();
    serde_json::to_value(table).unwrap()
}

/// Returns the first error of a scenario, with its location.
fn fault(validator: &Validator, text: &str) -> Option<String> {
    let instance = json(text);
    let error = validator.iter_errors(&instance).next()?;
    Some(format!("{}: {error}", error.instance_path()))
}

#[test]
fn accepts_library_and_examples() {
    let validator = validator();
    let mut files = library();
    for folder in [
        "examples",
        "tests/fixture",
        "../loadgen/examples/shop",
        "../docs/examples",
    ] {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
        let entries = std::fs::read_dir(folder).unwrap();
        files.extend(entries.map(|entry| entry.unwrap().path()));
    }
    files.retain(|path| {
        path.extension()
            .is_some_and(|extension| extension == "toml")
    });
    assert!(files.len() >= 15, "{files:?}");
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        assert_eq!(fault(&validator, &text), None, "{}", file.display());
    }
}

#[test]
fn accepts_every_block_of_the_documentation() {
    let validator = validator();
    for page in [docs::PAGE, docs::SERVICES] {
        for (line, block) in docs::blocks(page) {
            let fault = fault(&validator, &docs::whole(&block));
            assert_eq!(fault, None, "the block at line {line}:\n{block}");
        }
    }
}

const VALID: &str = r#"version = 1
name = "test"
rules = ['p99 < 50ms']

[load]
users = 10

[[phases]]
name = "steady"
kind = "constant"
rate = "500/s"
duration = "10s"

[[keys]]
name = "posts"
count = 100
popularity = { kind = "zipfian", exponent = 0.99 }

[[requests]]
name = "read post"
kind = "read"
path = "/v1/posts/{key}"
keys = "posts"
expect = [200]
capture = { id = "json:/id" }
checks = [{ json = "/id", exists = true }]
"#;

#[test]
fn refuses_common_mistakes() {
    let validator = validator();
    assert_eq!(fault(&validator, VALID), None);
    let mistakes = [
        ("version = 1", "version = 2"),
        ("version = 1\n", ""),
        ("name = \"test\"\n", ""),
        ("name = \"test\"", "name = \" \""),
        ("[load]", "[laod]"),
        ("users = 10", "users = 0"),
        ("users = 10", "users = \"10\""),
        ("users = 10", "model = \"opne\""),
        ("rules = ['p99 < 50ms']", "rules = ['p99 = 50ms']"),
        ("rules = ['p99 < 50ms']", "rules = [{ abort = true }]"),
        ("kind = \"constant\"", "kind = \"constnt\""),
        ("kind = \"constant\"", "kind = \"ramp\""),
        ("rate = \"500/s\"", "rate = 500"),
        ("rate = \"500/s\"", "rate = \"500\""),
        ("rate = ", "raet = "),
        ("duration = \"10s\"", "duration = \"10\""),
        ("duration = \"10s\"", "duration = \"ten seconds\""),
        ("count = 100", "count = 0"),
        ("exponent = 0.99", "exponent = 0.99, hot = 0.1"),
        ("kind = \"zipfian\", ", ""),
        ("kind = \"read\"", "kind = \"delete\""),
        ("path = ", "url = "),
        ("expect = [200]", "expect = [20]"),
        ("expect = [200]", "expect = [\"ok\"]"),
        ("expect = [200]", "expect = []"),
        ("json:/id", "jsonpath:$.id"),
        ("json = \"/id\"", "json = \"id\""),
        ("json = \"/id\", ", ""),
        ("exists = true", "exists = \"yes\""),
        ("exists = true", "status = 200"),
    ];
    for (right, wrong) in mistakes {
        assert!(VALID.contains(right), "{right}");
        let text = VALID.replacen(right, wrong, 1);
        assert!(
            fault(&validator, &text).is_some(),
            "the schema accepts `{wrong}` instead of `{right}`"
        );
        assert!(
            Scenario::parse(&text, Path::new("test.toml")).is_err(),
            "the parser accepts `{wrong}` instead of `{right}`"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

    #[test]
    fn accepts_what_the_parser_accepts(
        file in 0..LIBRARY.len(),
        line in any::<prop::sample::Index>(),
        piece in 0..PIECES.len(),
    ) {
        let mut lines: Vec<String> = LIBRARY[file].lines().map(str::to_owned).collect();
        let assigned: Vec<usize> = (0..lines.len()).filter(|line| lines[*line].contains(" = ")).collect();
        let line = assigned[line.index(assigned.len())];
        let (name, _) = lines[line].split_once(" = ").unwrap();
        lines[line] = format!("{name} = {}", PIECES[piece]);
        let text = lines.join("\n");
        if Scenario::parse(&text, Path::new("no-such-folder/test.toml")).is_ok() {
            prop_assert_eq!(fault(&validator(), &text), None);
        }
    }
}
