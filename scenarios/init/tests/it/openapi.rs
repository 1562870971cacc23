//! First scenarios from OpenAPI documents.

use std::path::Path;

use proptest::prelude::*;
use serde_json::{Value, json};
use tenfold_init::{Document, FirstScenario, InitError, Selection, from_openapi};
use tenfold_scenarios::{Kind, Rendered, Scenario, preview};

use crate::address::options;

const SHOP: &str = include_str!("../data/shop.yaml");

fn make(text: &str, selection: &Selection) -> Result<FirstScenario, InitError> {
    let document = Document::parse(text.as_bytes(), "shop.yaml", None)?;
    from_openapi(&document, selection, &options())
}

fn scenario(made: &FirstScenario) -> Scenario {
    Scenario::parse(&made.toml, Path::new("first.toml"))
        .unwrap_or_else(|error| panic!("{error}\n{}", made.toml))
}

/// Returns a document with these paths.
fn with_paths(paths: Value) -> String {
    json!({"openapi": "3.0.3", "info": {"title": "T"}, "paths": paths}).to_string()
}

#[test]
fn scenario_has_a_request_for_each_operation() {
    let made = make(SHOP, &Selection::default()).unwrap();
    scenario(&made);
    assert_eq!((made.reads, made.writes), (3, 3));
    assert_eq!(made.target.as_deref(), Some("https://eu.shop.example/v2"));
    insta::assert_snapshot!(made.toml);
    insta::assert_snapshot!(serde_json::to_string_pretty(&made).unwrap());
}

#[test]
fn requests_render_as_the_document_says() {
    let made = make(
        SHOP,
        &Selection {
            deletes: true,
            ..Selection::default()
        },
    )
    .unwrap();
    let scenario = scenario(&made);
    let rendered = |name: &str| {
        let index = scenario
            .requests
            .iter()
            .position(|request| request.name == name)
            .unwrap();
        let draw = scenario.single_draw(index).unwrap();
        let mut rendered = Rendered::default();
        let variables = scenario.variables();
        scenario.requests[index]
            .render(&draw, &variables, &mut rendered)
            .unwrap();
        (rendered.path, String::from_utf8(rendered.body).unwrap())
    };
    assert_eq!(
        rendered("listItems").0,
        "/items?limit=20&tags=new,half%20price"
    );
    assert_eq!(rendered("GET /items/{id}").0, "/items/1000");
    assert_eq!(rendered("readPhoto").0, "/users/7/photos/a%20b%2Fc.jpg");
    assert_eq!(rendered("deleteItem").0, "/items/1000");
    assert_eq!(
        rendered("replaceItem").1,
        "title=it%27s%20%7Bkey%7D%20%26%20more"
    );
    assert_eq!(
        rendered("createItem").1,
        r#"{"name":"text","parts":[],"price":9.5}"#
    );
    let delete = scenario
        .requests
        .iter()
        .find(|request| request.name == "deleteItem");
    assert_eq!(delete.unwrap().kind, Kind::Write);
}

#[test]
fn selects_by_tag_and_path() {
    let names = |selection: Selection| {
        let scenario = scenario(&make(SHOP, &selection).unwrap());
        let names = scenario.requests.iter().map(|request| request.name.clone());
        names.collect::<Vec<_>>()
    };
    let of_tag = Selection {
        tag: Some("Items".to_owned()),
        ..Selection::default()
    };
    assert_eq!(names(of_tag), ["listItems", "createItem"]);
    let of_path = Selection {
        path: Some("/users".to_owned()),
        ..Selection::default()
    };
    assert_eq!(names(of_path), ["readPhoto", "addPhoto"]);
    let none = Selection {
        tag: Some("none".to_owned()),
        ..Selection::default()
    };
    let error = make(SHOP, &none).unwrap_err().to_string();
    assert!(error.contains("its tags are: items"), "{error}");
}

#[test]
fn documents_without_operations_are_refused() {
    for paths in [
        json!({}),
        json!(null),
        json!({"/a": {"get": {"deprecated": true}}}),
        json!({"/a": {"delete": {}}}),
    ] {
        let error = make(&with_paths(paths), &Selection::default()).unwrap_err();
        assert!(matches!(error, InitError::NoOperation { .. }), "{error}");
    }
}

#[test]
fn keeps_reads_of_more_operations_than_a_scenario_may_have() {
    let paths: serde_json::Map<String, Value> = (0..200)
        .map(|number| {
            (
                format!("/p{number}"),
                json!({"get": {}, "post": {}, "delete": {}}),
            )
        })
        .collect();
    let made = make(&with_paths(Value::Object(paths)), &Selection::default()).unwrap();
    assert_eq!((made.reads, made.writes), (200, 56));
    assert_eq!(scenario(&made).requests.len(), 256);
    assert!(made.left_out.iter().any(|left_out| left_out.count == 144));
}

/// Pieces of schemas, paths and operations: usual, unusual and wrong.
fn any_schema() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(json!({"type": "string"})),
        Just(json!({"type": "integer", "minimum": 9e18, "multipleOf": 1e300})),
        Just(json!({"type": "number", "minimum": -1e308, "maximum": 1e308})),
        Just(json!({"$ref": "#/components/schemas/a"})),
        Just(json!({"$ref": "https://example.com/x"})),
        Just(json!({"enum": []})),
        Just(json!({"example": "'\"{key}\n\u{7f}\u{1f600}"})),
        Just(json!({"example": {"a": [1, {"b": null}]}})),
        Just(json!({"type": "string", "format": "binary"})),
        Just(json!(true)),
        Just(json!("wrong")),
        Just(json!(null)),
    ];
    leaf.prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            inner
                .clone()
                .prop_map(|item| json!({"type": "array", "items": item})),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({
                "properties": {"a": a, "b \"'": b}, "required": ["a"]
            })),
            (inner.clone(), inner.clone()).prop_map(|(a, b)| json!({"allOf": [a, b]})),
            (inner.clone(), inner).prop_map(|(a, b)| json!({"oneOf": [a, b]})),
        ]
    })
}

fn any_operation() -> impl Strategy<Value = Value> {
    let parameter = (
        "[a-zA-Z{}\"' \u{e4}-]{0,8}",
        prop_oneof!["path", "query", "header", "cookie", "x"],
        any_schema(),
        any::<bool>(),
    )
        .prop_map(|(name, place, schema, required)| {
            json!({"name": name, "in": place, "schema": schema, "required": required})
        });
    let media = prop_oneof![
        Just("application/json"),
        Just("application/x-www-form-urlencoded"),
        Just("multipart/form-data"),
        Just("text/plain; x=\"\u{e4}\""),
        Just("application/xml"),
    ];
    (
        "\\PC{0,20}",
        prop::collection::vec(parameter, 0..4),
        media,
        any_schema(),
        prop_oneof!["200", "2XX", "999", "default", "204"],
    )
        .prop_map(|(text, parameters, media, schema, status)| {
            json!({
                "operationId": text, "summary": text, "parameters": parameters,
                "requestBody": {"content": {media: {"schema": schema}}},
                "responses": {status: {"content": {media: {}}}},
            })
        })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(400) })]

    #[test]
    fn every_document_gives_a_valid_scenario(
        paths in prop::collection::btree_map(
            "/[a-z{}#?&=\"' %\u{e4}.-]{0,12}",
            (prop_oneof!["get", "post", "delete"], any_operation()),
            1..4,
        ),
        schema in any_schema(),
        title in "\\PC{0,20}",
    ) {
        let paths: serde_json::Map<String, Value> = paths
            .into_iter()
            .map(|(path, (method, operation))| (path, json!({method: operation})))
            .collect();
        let document = json!({
            "openapi": "3.1.0", "info": {"title": title}, "paths": paths,
            "components": {"schemas": {"a": schema}},
        });
        if let Ok(made) = make(&document.to_string(), &Selection::default()) {
            let scenario = Scenario::parse(&made.toml, Path::new("first.toml"));
            let scenario = scenario.map_err(|error| TestCaseError::fail(format!("{error}\n{}", made.toml)))?;
            let previewed = preview(&scenario).to_string();
            prop_assert!(!previewed.is_empty());
        }
    }

    #[test]
    fn broken_documents_never_panic(at in any::<prop::sample::Index>(), with in "[\\[\\]{}:,'\" \n$#&*-]{0,4}", cut in 0..9_usize) {
        let mut text: Vec<char> = SHOP.chars().collect();
        let at = at.index(text.len());
        let end = (at + cut).min(text.len());
        text.splice(at..end, with.chars());
        let text: String = text.into_iter().collect();
        if let Ok(made) = make(&text, &Selection::default()) {
            let scenario = Scenario::parse(&made.toml, Path::new("first.toml"));
            prop_assert!(scenario.is_ok(), "{}", scenario.unwrap_err());
        }
    }
}
