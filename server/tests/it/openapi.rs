//! The description of the interface says what there is, and there is what it says.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::support;

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use reqwest::header::ALLOW;
use serde_json::Value;
use support::{body, service};

/// The methods of each path, by the document.
fn described(document: &Value) -> BTreeMap<String, BTreeSet<String>> {
    let paths = document["paths"].as_object().unwrap();
    let methods = |item: &Value| {
        let methods = item.as_object().unwrap().keys();
        methods.map(|method| method.to_uppercase()).collect()
    };
    paths
        .iter()
        .map(|(path, item)| (path.clone(), methods(item)))
        .collect()
}

#[tokio::test]
async fn the_document_and_the_routes_say_the_same() {
    let service = service().await;
    let document = body(service.get("/openapi.json").send().await.unwrap()).await;
    assert_eq!(document["openapi"], "3.1.0");
    let described = described(&document);

    // What is served, by the service itself: each path tells its methods when asked for one that
    // it does not have, and its name when its requests are counted.
    let mut served = BTreeMap::new();
    for path in tenfold_server::paths() {
        let example = path.replace("{id}", "1").replace("{*path}", "tenfold.css");
        let refused = service
            .request(Method::TRACE, &example)
            .send()
            .await
            .unwrap();
        assert_eq!(refused.status(), 405, "{path}");
        let methods: BTreeSet<_> = refused.headers()[ALLOW]
            .to_str()
            .unwrap()
            .split(',')
            .map(str::to_owned)
            .filter(|method| method != "HEAD")
            .collect();
        served.insert(path.replace("{*path}", "{path}"), methods);
    }
    assert_eq!(described, served);
}

#[tokio::test]
async fn references_lead_somewhere() {
    let service = service().await;
    let document = body(service.get("/openapi.json").send().await.unwrap()).await;
    let mut references = Vec::new();
    collect(&document, &mut references);
    assert!(!references.is_empty());
    for reference in references {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(document.pointer(pointer).is_some(), "{reference}");
    }
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(operation["summary"].is_string(), "{method} {path}");
            assert!(
                operation["responses"]
                    .as_object()
                    .is_some_and(|r| !r.is_empty())
            );
            for security in operation["security"].as_array().into_iter().flatten() {
                for scheme in security.as_object().unwrap().keys() {
                    let scheme = &document["components"]["securitySchemes"][scheme];
                    assert!(scheme.is_object(), "{method} {path}");
                }
            }
        }
    }
}

fn collect(value: &Value, references: &mut Vec<String>) {
    match value {
        Value::Object(object) => {
            for (key, value) in object {
                match value {
                    Value::String(text) if key == "$ref" => references.push(text.clone()),
                    value => collect(value, references),
                }
            }
        }
        Value::Array(array) => array.iter().for_each(|value| collect(value, references)),
        _ => {}
    }
}
