//! Consistency of the OpenAPI document with the routes.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use crate::support;

use std::collections::{BTreeMap, BTreeSet};

use reqwest::Method;
use reqwest::header::ALLOW;
use serde_json::Value;
use support::{body, service};

/// Returns the methods of each path in the document.
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
async fn document_matches_routes() {
    let service = service().await;
    let document = body(service.get("/openapi.json").send().await.unwrap()).await;
    assert_eq!(document["openapi"], "3.1.0");
    let described = described(&document);

    // A request with an unsupported method reveals the methods of each path.
    let mut served = BTreeMap::new();
    for path in tenfold_server::paths() {
        let example = path.replace("{id}", "1").replace("{*path}", "tenfold.css");
        let rejected = service
            .request(Method::TRACE, &example)
            .send()
            .await
            .unwrap();
        assert_eq!(rejected.status(), 405, "{path}");
        let methods: BTreeSet<_> = rejected.headers()[ALLOW]
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
async fn references_resolve() {
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
