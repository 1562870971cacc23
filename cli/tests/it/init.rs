//! First scenarios: `tenfold init`, `tenfold schema`.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use std::io::{Read as _, Write as _};
use std::net::TcpListener;

use crate::support::Workplace;

const DOCUMENT: &str = r#"
openapi: 3.0.3
info: { title: The Shop API, version: "1" }
servers: [{ url: /v1 }]
paths:
  /items:
    get: { operationId: listItems, responses: { "200": {} } }
  /items/{id}:
    parameters: [{ name: id, in: path, required: true, schema: { type: integer } }]
    delete: { operationId: deleteItem, responses: { "204": {} } }
"#;

/// Serves one answer, and returns its address.
fn serve_once(answer: String) -> (String, std::thread::JoinHandle<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let served = std::thread::spawn(move || {
        // The first connection only finds out whether the service is there.
        for connection in listener.incoming() {
            let mut connection = connection.unwrap();
            let mut head = [0; 2048];
            let count = connection.read(&mut head).unwrap();
            if count > 0 {
                connection.write_all(answer.as_bytes()).unwrap();
                return String::from_utf8_lossy(&head[..count]).into_owned();
            }
        }
        String::new()
    });
    (address, served)
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!(
        "HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n{body}",
        body.len()
    )
}

#[test]
fn address_gives_a_scenario_that_can_be_checked() {
    let place = Workplace::new();
    let ended = place
        .run(&["init", "http://127.0.0.1:8080/health"])
        .expect(0);
    insta::assert_snapshot!(ended.stdout);
    place
        .run(&["run", "127.0.0.1-8080.toml", "--check"])
        .expect(0);
    let schema = std::fs::read_to_string(place.path("scenario.schema.json")).unwrap();
    assert_eq!(schema, place.run(&["schema"]).expect(0).stdout);
    // Nothing is overwritten unless asked for.
    let again = place
        .run(&["init", "http://127.0.0.1:8080/health"])
        .expect(104);
    assert!(again.stderr.contains("--force"), "{}", again.stderr);
    place.write("scenario.schema.json", "{}");
    let forced = place
        .run(&["init", "http://127.0.0.1:8080", "--out", "other.toml"])
        .expect(0);
    assert!(
        forced.stdout.contains("differs from the schema"),
        "{}",
        forced.stdout
    );
    assert_eq!(
        std::fs::read_to_string(place.path("scenario.schema.json")).unwrap(),
        "{}"
    );
    place
        .run(&[
            "init",
            "http://127.0.0.1:8080",
            "--out",
            "other.toml",
            "--force",
        ])
        .expect(0);
    assert_eq!(
        std::fs::read_to_string(place.path("scenario.schema.json")).unwrap(),
        schema
    );
}

#[test]
fn document_gives_a_request_for_each_operation() {
    let place = Workplace::new();
    place.write("api.yaml", DOCUMENT);
    let ended = place.run(&["init", "api.yaml"]).expect(0);
    insta::assert_snapshot!(ended.stdout);
    place
        .run(&["run", "the-shop-api.toml", "--check"])
        .expect(0);
    let all = place
        .run(&[
            "init",
            "api.yaml",
            "--deletes",
            "--out",
            "all.toml",
            "--json",
        ])
        .expect(0)
        .json();
    assert_eq!((&all["reads"], &all["writes"]), (&1.into(), &1.into()));
    assert_eq!(all["written"][0], "all.toml");
    place.run(&["run", "all.toml", "--check"]).expect(0);
    let none = place
        .run(&["init", "api.yaml", "--tag", "x", "--out", "x.toml"])
        .expect(104);
    assert!(none.stderr.contains("--tag"), "{}", none.stderr);
    place.write("old.json", "{\"swagger\": \"1.2\"}");
    let old = place.run(&["init", "old.json"]).expect(104);
    assert!(old.stderr.contains("Swagger version 1.2"), "{}", old.stderr);
}

#[test]
fn document_is_read_from_a_url() {
    let place = Workplace::new();
    let (address, served) = serve_once(answer("200 OK", "", DOCUMENT));
    let url = format!("http://{address}/openapi.yaml?x=1");
    let ended = place.run(&["init", &url, "--out", "shop.toml"]).expect(0);
    assert!(
        served
            .join()
            .unwrap()
            .starts_with("GET /openapi.yaml?x=1 HTTP/1.1\r\n")
    );
    let next = format!("tenfold run shop.toml --once --target http://{address}/v1");
    assert!(ended.stdout.contains(&next), "{}", ended.stdout);
    place.run(&["run", "shop.toml", "--check"]).expect(0);
    let (address, served) = serve_once(answer("302 Found", "location: /new.yaml\r\n", ""));
    let url = format!("http://{address}/openapi.yaml");
    let moved = place.run(&["init", &url]).expect(104);
    assert!(moved.stderr.contains("/new.yaml"), "{}", moved.stderr);
    served.join().unwrap();
    place
        .run(&["init", "http://127.0.0.1:1/openapi.json"])
        .expect(107);
}

#[test]
fn log_gives_what_record_writes() {
    let place = Workplace::new();
    place.write(
        "access.log",
        "h - - [17/May/2015:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 1\n\
         h - - [17/May/2015:10:05:09 +0000] \"GET /b HTTP/1.1\" 200 1\n",
    );
    let ended = place.run(&["init", "access.log"]).expect(0);
    assert!(
        ended.stdout.contains("tenfold run access.toml --once"),
        "{}",
        ended.stdout
    );
    let scenario = std::fs::read_to_string(place.path("access.toml")).unwrap();
    assert!(
        scenario.starts_with("#:schema ./scenario.schema.json\n# "),
        "{scenario}"
    );
    place.run(&["run", "access.toml", "--check"]).expect(0);
    place.run(&["init", "access.log"]).expect(104);
    place.run(&["init", "access.toml"]).expect(104);
}

#[test]
fn never_overwrites_its_source() {
    let place = Workplace::new();
    let sources = [
        ("api.yaml", DOCUMENT.to_owned()),
        (
            "visit.har",
            r#"{"log":{"entries":[{"startedDateTime":"2024-05-17T10:05:03Z","request":{"method":"GET",
            "url":"https://s.example/"},"response":{"status":200}}]}}"#
                .to_owned(),
        ),
        (
            "access.log",
            "h - - [17/May/2024:10:05:03 +0000] \"GET /a HTTP/1.1\" 200 1\n".to_owned(),
        ),
    ];
    for (name, text) in &sources {
        let at = |name: &str| place.path(name);
        place.write(name, text);
        for link in ["link", "hard"] {
            let _ = std::fs::remove_file(at(link));
        }
        std::os::unix::fs::symlink(name, at("link")).unwrap();
        std::fs::hard_link(at(name), at("hard")).unwrap();
        let _ = std::fs::create_dir(at("schema"));
        let _ = std::fs::remove_file(at("schema/scenario.schema.json"));
        std::fs::hard_link(at(name), at("schema/scenario.schema.json")).unwrap();
        for (source, out) in [
            (*name, *name),
            (name, "link"),
            (name, "hard"),
            ("link", name),
            // The schema is written beside the scenario.
            (name, "schema/a.toml"),
        ] {
            let ended = place
                .run(&["init", source, "--out", out, "--force"])
                .expect(104);
            assert!(
                ended.stderr.contains("is the input itself"),
                "{source} to {out}:\n{}",
                ended.stderr
            );
            assert_eq!(&std::fs::read_to_string(at(name)).unwrap(), text);
        }
    }
}
