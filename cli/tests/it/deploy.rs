//! The files in `deploy/`: Kubernetes manifests against the schemas of Kubernetes, the Helm chart rendered by its engine, the
//! systemd unit by systemd. No cluster is here: that they run is not tested.

#![allow(clippy::unwrap_used, reason = "test helpers may panic")]

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use saphyr::{LoadableYamlNode as _, Yaml};
use serde_json::{Value, json};

use crate::architecture::root;

fn read(name: &str) -> String {
    let path = root().join(name);
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn schema() -> Value {
    serde_json::from_str(include_str!("deploy/kubernetes.schema.json")).unwrap()
}

/// The documents of a YAML text, as JSON.
fn documents(yaml: &str) -> Vec<Value> {
    let documents = Yaml::load_from_str(yaml).unwrap_or_else(|error| panic!("{error}\n{yaml}"));
    let documents = documents.iter().filter(|document| !document.is_null());
    documents.map(json_of).collect()
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
    node.as_bool().map_or(Value::Null, Value::from)
}

/// The faults of a document by the schema of its kind.
fn faults(document: &Value) -> Vec<String> {
    let schema = schema();
    let kind = document["kind"].as_str().unwrap_or_default();
    let reference = &schema["kinds"][kind]["$ref"];
    assert!(reference.is_string(), "no schema of the kind `{kind}`");
    let whole = json!({ "$ref": reference, "$defs": schema["$defs"] });
    let validator = jsonschema::validator_for(&whole).unwrap();
    validator
        .iter_errors(document)
        .map(|error| format!("{kind}: {error} at {}", error.instance_path()))
        .collect()
}

/// Checks that documents are valid, and that what pods refer to is among them, in `given`, or a secret of the user.
fn check(documents: &[Value], given: &[(&str, &str)]) {
    for document in documents {
        let faults = faults(document);
        assert!(faults.is_empty(), "{faults:#?}\n{document:#}");
        // A wrong `apiVersion` is no fault by the schema of the kind.
        let version = document["apiVersion"].as_str().unwrap();
        let expected = match document["kind"].as_str().unwrap() {
            "Job" => "batch/v1",
            "StatefulSet" => "apps/v1",
            "NetworkPolicy" => "networking.k8s.io/v1",
            _ => "v1",
        };
        assert_eq!(version, expected);
    }
    let exists = |kind: &str, name: &Value| {
        let name = name.as_str().unwrap();
        given.contains(&(kind, name))
            || documents
                .iter()
                .any(|own| own["kind"] == kind && own["metadata"]["name"] == name)
    };
    for document in documents {
        let pod = &document["spec"]["template"]["spec"];
        for volume in pod["volumes"].as_array().into_iter().flatten() {
            let (map, claim) = (&volume["configMap"], &volume["persistentVolumeClaim"]);
            assert!(
                map.is_null() || exists("ConfigMap", &map["name"]),
                "{volume}"
            );
            let is_there = claim.is_null() || exists("PersistentVolumeClaim", &claim["claimName"]);
            assert!(is_there, "{volume}");
        }
        for container in pod["containers"].as_array().into_iter().flatten() {
            check_container(container, pod);
        }
        if document["kind"] == "StatefulSet" || document["kind"] == "Service" {
            let selector = &document["spec"]["selector"];
            let selector = selector.get("matchLabels").unwrap_or(selector);
            let selects = documents.iter().any(|other| {
                let labels = &other["spec"]["template"]["metadata"]["labels"];
                let pairs = selector.as_object().unwrap();
                labels.is_object() && pairs.iter().all(|(name, value)| labels[name] == *value)
            });
            assert!(selects, "nothing has the labels of {document:#}");
        }
    }
}

/// Checks that a container may run in a namespace that is restricted, and that its volumes exist.
fn check_container(container: &Value, pod: &Value) {
    let security = &container["securityContext"];
    assert_eq!(security["allowPrivilegeEscalation"], false);
    assert_eq!(security["capabilities"]["drop"], json!(["ALL"]));
    assert_eq!(pod["securityContext"]["runAsNonRoot"], true);
    assert_eq!(
        pod["securityContext"]["seccompProfile"]["type"],
        "RuntimeDefault"
    );
    let volumes = pod["volumes"].as_array().unwrap();
    for mount in container["volumeMounts"].as_array().unwrap() {
        let is_there = volumes.iter().any(|volume| volume["name"] == mount["name"]);
        assert!(is_there, "{mount}");
    }
}

/// The documents that a kustomization consists of, and the names of the maps that it generates.
fn kustomized(folder: &str) -> (Vec<Value>, Vec<String>) {
    let kustomization = &documents(&read(&format!("{folder}/kustomization.yaml")))[0];
    let list = |key: &str| kustomization[key].as_array().unwrap().clone();
    let resources = list("resources");
    let resources = resources.iter().map(|file| file.as_str().unwrap());
    let documents = resources.flat_map(|file| documents(&read(&format!("{folder}/{file}"))));
    let maps = list("configMapGenerator").into_iter().map(|map| {
        for file in map["files"].as_array().unwrap() {
            read(&format!("{folder}/{}", file.as_str().unwrap()));
        }
        map["name"].as_str().unwrap().to_owned()
    });
    (documents.collect(), maps.collect())
}

#[test]
fn kubernetes_manifests_match_their_schemas() {
    for folder in ["deploy/kubernetes/agents", "deploy/kubernetes/run"] {
        let (documents, maps) = kustomized(folder);
        let maps: Vec<(&str, &str)> = maps
            .iter()
            .map(|name| ("ConfigMap", name.as_str()))
            .collect();
        check(&documents, &maps);
    }
}

#[test]
fn schemas_refuse_mistakes() {
    let agents = read("deploy/kubernetes/agents/agents.yaml");
    for (from, to) in [
        ("parallelism: 2", "paralelism: 2"),
        ("completionMode: Indexed", "completionMode: 1"),
        ("mountPath: /data", "path: /data"),
    ] {
        assert!(agents.contains(from), "{from}");
        let wrong = &documents(&agents.replace(from, to))[0];
        assert!(!faults(wrong).is_empty(), "{to}");
    }
}

/// Renders the chart with some values changed, by JSON Pointer.
fn rendered(changes: &[(&str, Value)]) -> Vec<Value> {
    let chart = root().join("deploy/helm/tenfold");
    let mut values = documents(&read("deploy/helm/tenfold/values.yaml")).remove(0);
    for (pointer, value) in changes {
        *values.pointer_mut(pointer).unwrap() = value.clone();
    }
    let templates: serde_json::Map<String, Value> = std::fs::read_dir(chart.join("templates"))
        .unwrap()
        .map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            (name, std::fs::read_to_string(path).unwrap().into())
        })
        .collect();
    let release = json!({ "Name": "test", "Namespace": "load", "Revision": 3 });
    let input = json!({ "templates": templates, "data": { "Values": values, "Release": release } });
    let mut go = Command::new("go")
        .args(["run", "render.go"])
        .current_dir(root().join("cli/tests/it/deploy"))
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("go: {error}; run scripts/setup"));
    let mut stdin = go.stdin.take().unwrap();
    stdin.write_all(input.to_string().as_bytes()).unwrap();
    drop(stdin);
    let output = go.wait_with_output().unwrap();
    assert!(output.status.success(), "see the error of go above");
    let rendered: serde_json::Map<String, Value> = serde_json::from_slice(&output.stdout).unwrap();
    let manifests = rendered.iter().filter(|(name, _)| name.ends_with(".yaml"));
    manifests
        .flat_map(|(_, text)| documents(text.as_str().unwrap()))
        .collect()
}

fn arguments(documents: &[Value], name: &str) -> String {
    let job = documents
        .iter()
        .find(|own| own["metadata"]["name"] == name)
        .unwrap_or_else(|| panic!("{name}"));
    let arguments = &job["spec"]["template"]["spec"]["containers"][0]["args"];
    let arguments = arguments.as_array().unwrap().iter();
    let arguments: Vec<&str> = arguments.map(|own| own.as_str().unwrap()).collect();
    arguments.join(" ")
}

#[test]
fn helm_chart_becomes_valid_manifests() {
    let plain = rendered(&[]);
    check(&plain, &[]);
    assert_eq!(
        arguments(&plain, "test-agents"),
        "agent --name agent-$(AGENT_INDEX) --nats nats://test-nats:4222 \
         --allow-host service.default.svc.cluster.local"
    );
    let all = rendered(&[
        ("/agents/count", json!(8)),
        ("/agents/labels", json!(["zone=a"])),
        ("/agents/maxRate", json!("10k/s")),
        ("/agents/maxUsers", json!(500)),
        ("/nats/url", json!("tls://nats.example:4222")),
        ("/nats/credentialsSecret", json!("nats")),
        ("/nats/caSecret", json!("nats")),
        ("/run/enabled", json!(true)),
        ("/run/arguments", json!(["--rate", "5k/s"])),
    ]);
    check(&all, &[("ConfigMap", "tenfold-scenario")]);
    // NATS is that of the URL.
    assert!(!all.iter().any(|own| own["kind"] == "StatefulSet"));
    let agents = arguments(&all, "test-agents");
    assert!(
        agents.ends_with(
            "--label zone=a --allow-host service.default.svc.cluster.local --max-rate 10k/s --max-users 500 \
             --creds /etc/tenfold/nats/credentials/agent.creds --ca /etc/tenfold/nats/ca/ca.crt"
        ),
        "{agents}"
    );
    let run = arguments(&all, "test-run-3");
    assert!(
        run.contains("--nats tls://nats.example:4222 --agents 8"),
        "{run}"
    );
    assert!(run.contains("--out /data/$(POD_NAME) --rate 5k/s"), "{run}");
}

#[test]
fn nats_accepts_its_configuration() {
    let path = root().join("deploy/kubernetes/agents/nats.conf");
    let output = Command::new("nats-server")
        .arg("-t")
        .arg("-c")
        .arg(&path)
        .output();
    let output = output.unwrap_or_else(|error| panic!("nats-server: {error}; run scripts/setup"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
}

#[test]
fn systemd_accepts_the_unit() {
    let unit = read("deploy/systemd/tenfold-agent.service");
    let unit = unit.replace("/usr/bin/tenfold", env!("CARGO_BIN_EXE_tenfold"));
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("tenfold-agent.service");
    std::fs::write(&path, unit).unwrap();
    let output = Command::new("systemd-analyze")
        .args(["verify", "--man=no"])
        .arg(&path)
        .output();
    let output =
        output.unwrap_or_else(|error| panic!("systemd-analyze: {error}; run scripts/setup"));
    let text = String::from_utf8_lossy(&output.stderr);
    // It also names faults of other units of the machine.
    let is_silent = !text.contains("tenfold-agent");
    assert!(output.status.success() && is_silent, "{text}");
}

#[test]
fn scenario_of_the_run_is_valid() {
    let text = read("deploy/kubernetes/run/scenario.toml");
    tenfold_scenarios::Scenario::parse(&text, &PathBuf::from("scenario.toml")).unwrap();
}
