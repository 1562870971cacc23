//! The manifests and requests, checked against the published schemas in `tests/schemas`, and the policy against its own.

use std::fs;
use std::path::Path;

use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::{Value, json};
use tenfold_autoscale::{DEFAULT, Format, Policy};

use crate::rules::everything;

fn read(name: &str) -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(name);
    let text =
        fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap()
}

fn check(schema: &Value, document: &Value) {
    let validator = jsonschema::validator_for(schema).unwrap();
    let errors: Vec<_> = validator
        .iter_errors(document)
        .map(|error| format!("{error} at {}", error.instance_path()))
        .collect();
    assert!(errors.is_empty(), "{errors:#?}\n{document:#}");
}

/// The documents of a YAML text, as JSON.
fn documents(yaml: &str) -> Vec<Value> {
    let documents = Yaml::load_from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    documents.iter().map(json_of).collect()
}

fn json_of(node: &Yaml<'_>) -> Value {
    if let Some(fields) = node.as_mapping() {
        let fields = fields.iter();
        return fields
            .map(|(name, node)| (name.as_str().unwrap().to_owned(), json_of(node)))
            .collect();
    }
    if let Some(nodes) = node.as_sequence() {
        return nodes.iter().map(json_of).collect();
    }
    if let Some(text) = node.as_str() {
        return text.into();
    }
    if let Some(number) = node.as_integer() {
        return number.into();
    }
    if let Some(truth) = node.as_bool() {
        return truth.into();
    }
    node.as_floating_point().unwrap().into()
}

fn policies() -> [Policy; 2] {
    [DEFAULT, &everything()]
        .map(|text| Policy::parse(text).unwrap_or_else(|error| panic!("{error}")))
}

#[test]
fn kubernetes_manifests_match_their_schema() {
    let schema = read("tests/schemas/horizontal_pod_autoscaler.json");
    for policy in policies() {
        let written = Format::Kubernetes.write(&policy);
        let documents = documents(&written.text);
        let groups = policy.groups.values();
        let with_metrics = groups.filter(|group| !group.metrics.is_empty());
        assert_eq!(documents.len(), with_metrics.count());
        for document in &documents {
            check(&schema, document);
        }
    }
    let notes = Format::Kubernetes.write(&policies()[1]).notes.join("\n");
    assert!(
        notes.contains("groups.web: Kubernetes has no schedules, so `night-jobs` is left out"),
        "{notes}"
    );
    assert!(
        notes.contains("groups.web: Kubernetes has no cooldown"),
        "{notes}"
    );
    // Kubernetes would scale it by CPU.
    assert!(
        notes.contains("groups.sql-replica: without metrics, Kubernetes would scale by CPU"),
        "{notes}"
    );
}

#[test]
fn kubernetes_schema_refuses_mistakes() {
    let schema = read("tests/schemas/horizontal_pod_autoscaler.json");
    let validator = jsonschema::validator_for(&schema).unwrap();
    let text = Format::Kubernetes.write(&policies()[0]).text;
    for (from, to) in [
        ("maxReplicas", "maxReplica"),
        ("averageUtilization: 60", "averageUtilization: many"),
    ] {
        assert!(text.contains(from), "{text}");
        let wrong = &documents(&text.replace(from, to))[0];
        assert!(!validator.is_valid(wrong), "{wrong:#}");
    }
}

#[test]
fn keda_manifests_match_their_schema() {
    let schema = read("tests/schemas/scaled_object.json");
    for policy in policies() {
        let documents = documents(&Format::Keda.write(&policy).text);
        assert_eq!(documents.len(), policy.groups.len());
        for document in &documents {
            check(&schema, document);
        }
    }
}

#[test]
fn keda_follows_the_clock() {
    let text = Format::Keda.write(&policies()[1]).text;
    assert!(
        text.contains("start: \"0 8 * * 1,2,3,4,5\"\n        end: \"0 20 * * 1,2,3,4,5\""),
        "{text}"
    );
    assert!(
        text.contains("start: \"30 23 * * *\"\n        end: \"15 1 * * *\""),
        "{text}"
    );
}

/// A shape of botocore's service description, as a JSON Schema.
fn schema_of(shapes: &Value, name: &str) -> Value {
    let shape = &shapes[name];
    let member = |of: &Value| schema_of(shapes, of["shape"].as_str().unwrap());
    match shape["type"].as_str().unwrap() {
        "structure" => {
            let members = shape["members"].as_object().unwrap().iter();
            let properties: serde_json::Map<_, _> = members
                .map(|(name, of)| (name.clone(), member(of)))
                .collect();
            let required = shape.get("required").cloned().unwrap_or_else(|| json!([]));
            json!({"type": "object", "properties": properties, "required": required, "additionalProperties": false})
        }
        "list" => json!({"type": "array", "items": member(&shape["member"])}),
        "map" => json!({"type": "object", "additionalProperties": member(&shape["value"])}),
        "integer" => json!({"type": "integer"}),
        "double" => json!({"type": "number"}),
        "boolean" => json!({"type": "boolean"}),
        "timestamp" => json!({"type": ["string", "number"]}),
        "string" => {
            let mut schema = json!({"type": "string"});
            for (from, to) in [("enum", "enum"), ("min", "minLength"), ("max", "maxLength")] {
                if let Some(value) = shape.get(from) {
                    schema[to] = value.clone();
                }
            }
            schema
        }
        other => panic!("{name} has the unknown type {other}"),
    }
}

#[test]
fn aws_requests_match_their_shapes() {
    let shapes = &read("tests/schemas/application_auto_scaling.json")["shapes"];
    for policy in policies() {
        let document: Value = serde_json::from_str(&Format::Aws.write(&policy).text).unwrap();
        let operations = document.as_object().unwrap();
        assert_eq!(operations.len(), 3);
        for (operation, requests) in operations {
            let schema = schema_of(shapes, &format!("{operation}Request"));
            for request in requests.as_array().unwrap() {
                check(&schema, request);
            }
        }
        assert_eq!(
            operations["RegisterScalableTarget"]
                .as_array()
                .unwrap()
                .len(),
            policy.groups.len()
        );
    }
}

#[test]
fn aws_schedules_raise_the_minimum() {
    let document: Value = serde_json::from_str(&Format::Aws.write(&policies()[1]).text).unwrap();
    let actions = document["PutScheduledAction"].as_array().unwrap();
    let action = |name: &str| {
        let named = actions
            .iter()
            .find(|own| own["ScheduledActionName"] == name)
            .unwrap();
        (
            named["Schedule"].clone(),
            named["ScalableTargetAction"]["MinCapacity"].clone(),
        )
    };
    assert_eq!(
        action("web-working-hours-begin"),
        (json!("cron(0 8 ? * 2,3,4,5,6 *)"), json!(4))
    );
    assert_eq!(
        action("web-working-hours-end"),
        (json!("cron(0 20 ? * 2,3,4,5,6 *)"), json!(2))
    );
    assert_eq!(
        action("web-night-jobs-end"),
        (json!("cron(15 1 * * ? *)"), json!(2))
    );
}

#[test]
fn aws_schedule_ends_without_ending_another() {
    let text = r#"
version = 1
[groups.web]
min_replicas = 2
max_replicas = 8
[[groups.web.schedules]]
name = "day"
from = "08:00"
to = "20:00"
replicas = 4
[[groups.web.schedules]]
name = "lunch"
from = "12:00"
to = "13:00"
replicas = 6
[[groups.web.schedules]]
name = "friday"
days = ["fri"]
from = "19:00"
to = "02:00"
replicas = 5
"#;
    let policy = Policy::parse(text).unwrap();
    let document: Value = serde_json::from_str(&Format::Aws.write(&policy).text).unwrap();
    let actions = document["PutScheduledAction"].as_array().unwrap();
    let actions = actions.iter().map(|action| {
        let text = |field: &str| action[field].as_str().unwrap();
        let capacity = action["ScalableTargetAction"]["MinCapacity"].as_u64();
        (
            text("ScheduledActionName"),
            text("Schedule"),
            capacity.unwrap(),
        )
    });
    let expected = [
        ("web-day-begin", "cron(0 8 * * ? *)", 4),
        ("web-day-end-2", "cron(0 20 ? * 1,2,3,4,5,7 *)", 2),
        ("web-day-end-5", "cron(0 20 ? * 6 *)", 5),
        ("web-lunch-begin", "cron(0 12 * * ? *)", 6),
        ("web-lunch-end", "cron(0 13 * * ? *)", 4),
        ("web-friday-begin", "cron(0 19 ? * 6 *)", 5),
        ("web-friday-end", "cron(0 2 ? * 7 *)", 2),
    ];
    assert_eq!(actions.collect::<Vec<_>>(), expected);
}

/// A policy as JSON.
fn as_json(text: &str) -> Value {
    let table: toml::Table = text.parse().unwrap();
    serde_json::to_value(table).unwrap()
}

#[test]
fn policy_schema_accepts_what_the_parser_accepts() {
    let schema = read("autoscale.schema.json");
    for text in [DEFAULT, &everything()] {
        Policy::parse(text).unwrap();
        check(&schema, &as_json(text));
    }
}

#[test]
fn policy_schema_and_parser_refuse_the_same_mistakes() {
    let schema = read("autoscale.schema.json");
    let validator = jsonschema::validator_for(&schema).unwrap();
    let text = everything();
    for (from, to) in [
        ("version = 1", "version = 2"),
        ("min_replicas = 2", "min_replica = 2"),
        ("min_replicas = 2", "min_replicas = 0"),
        ("[groups.web]", "[groups.Web]"),
        ("type = \"cpu\"", "type = \"memory\""),
        ("target = \"50%\"", "target = \"0%\""),
        ("target = \"250ms\"", "target = \"250\""),
        ("target = \"2MB/s\"", "target = 2"),
        ("target = 16", "target = \"16\""),
        ("name = \"requests_in_flight\"\n", ""),
        ("quantile = 0.95", "quantile = 95"),
        ("\"mon\"", "\"monday\""),
        ("to = \"20:00\"", "to = \"24:00\""),
        ("tolerance = 0.2", "tolerance = 20"),
        ("cooldown = \"10s\"", "cooldown = 10"),
        ("type = \"boxes\"", "type = \"Pods\""),
        ("select_policy = \"min\"", "select_policy = \"least\""),
    ] {
        assert!(text.contains(from), "{from}");
        let wrong = text.replacen(from, to, 1);
        assert!(Policy::parse(&wrong).is_err(), "the parser accepts {to}");
        assert!(
            !validator.is_valid(&as_json(&wrong)),
            "the schema accepts {to}"
        );
    }
}
