//! `tenfold run --once`: each request once, with what was sent and received.

use crate::support::raw_service::RawService;
use crate::support::{Workplace, light_scenario};

/// A scenario for the reference service, with two mistakes if `broken`.
fn scenario(broken: bool) -> String {
    let (status, pointer) = if broken {
        (418, "/nothing")
    } else {
        (201, "/content")
    };
    format!(
        r#"
version = 1
name = "trial"
seed = 1
[sessions]
login = "log in"
count = 4
[[phases]]
name = "steady"
kind = "constant"
rate = "10/s"
duration = "5s"
[[keys]]
name = "posts"
count = 5
[[requests]]
name = "read post"
kind = "read"
path = "/v1/posts/{{key}}"
keys = "posts"
checks = [{{ json = "{pointer}", exists = true }}, {{ header = "content-type", contains = "json" }}]
capture = {{ author = "json:/author" }}
[[requests]]
name = "create post"
kind = "write"
weight = 0.1
method = "POST"
path = "/v1/posts"
headers = {{ authorization = "Bearer {{token}}", content-type = "application/json" }}
body = '{{"content":"hello"}}'
expect = [{status}]
[[requests]]
name = "log in"
kind = "write"
weight = 0
method = "POST"
path = "/v1/sessions"
headers = {{ content-type = "application/json" }}
body = '{{"handle":"user{{user+1}}","password":"tenfold"}}'
expect = [201]
capture = {{ token = "json:/token" }}
"#
    )
}

#[test]
fn shows_each_exchange_with_secrets_masked() {
    let place = Workplace::new();
    let service = place.serve(&["--data-users", "20", "--data-posts", "20"]);
    place.write("right.toml", &scenario(false));
    let url = service.url();
    let ended = place
        .run(&["run", "right.toml", "--once", "--target", &url])
        .expect(0);
    let out = &ended.stdout;
    for text in [
        "log in (log-in of a session)\n> POST http://",
        "\"password\":\"***\"",
        "✓ capture token from JSON value at \"/token\" = ***",
        "> authorization: ***",
        "< 201 Created in ",
        "✓ json /content exists = ",
        "3 requests: 3 passed, 0 failed",
    ] {
        assert!(out.contains(text), "no `{text}` in:\n{out}");
    }
    assert!(!out.contains("\"tenfold\""), "{out}");
    assert!(!place.path("runs").exists());
}

#[test]
fn masks_secrets_in_parts_of_a_form() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("key.pem", "-----BEGIN X-----\nSECK3\n-----END X-----\n");
    place.write("token.txt", "SECK4");
    place.write(
        "parts.toml",
        r#"
version = 1
name = "parts"
[[phases]]
name = "steady"
kind = "constant"
rate = "1/s"
duration = "1s"
[[requests]]
name = "log in"
kind = "write"
method = "POST"
path = "/v1/nothing"
expect = [404]
multipart = [
  { name = "user", value = "ann" },
  { name = "password", value = "SECK1" },
  { name = "session", value = "SECK2", filename = "SECK5", content_type = "text/plain" },
  { name = "private_key", file = "key.pem" },
  { name = "upload", file = "token.txt" },
]
"#,
    );
    let url = service.url();
    let run = ["run", "parts.toml", "--once", "--target", &url];
    let text = place.run(&run).stdout;
    let json = place.run(&[&run[..], &["--json"]].concat()).stdout;
    for shown in [text, json] {
        assert!(shown.contains("ann"), "{shown}");
        assert!(!shown.contains("SECK"), "{shown}");
    }
}

#[test]
fn fails_if_a_status_or_check_does() {
    let place = Workplace::new();
    let service = place.serve(&["--data-users", "20", "--data-posts", "20"]);
    place.write("wrong.toml", &scenario(true));
    let url = service.url();
    let ended = place
        .run(&["run", "wrong.toml", "--once", "--target", &url])
        .expect(99);
    for text in [
        "✗ status 418: it is 201",
        "✗ json /nothing exists: the JSON value at \"/nothing\" is missing",
        "✗ failed (failed_check)",
        "3 requests: 1 passed, 2 failed",
        "  1 failed with failed_check, first `read post`\n",
        "  1 failed with unexpected_status, status 201, first `create post`\n",
    ] {
        assert!(
            ended.stdout.contains(text),
            "no `{text}` in:\n{}",
            ended.stdout
        );
    }
    let json = place
        .run(&["run", "wrong.toml", "--once", "--json", "--target", &url])
        .expect(99)
        .json();
    let exchanges = json["exchanges"].as_array().unwrap();
    assert_eq!(exchanges.len(), 3);
    assert_eq!(exchanges[0]["origin"], "session");
    assert_eq!(exchanges[1]["failure"], "failed_check");
    assert_eq!(exchanges[2]["answer"]["status"], 201);
}

#[test]
fn walks_journeys_and_names_what_they_leave_out() {
    let place = Workplace::new();
    let service = place.serve(&["--data-users", "20", "--data-posts", "20"]);
    place.write(
        "journey.toml",
        r#"
version = 1
name = "journey"
[variables]
unset = ""
[load]
model = "closed"
users = 1
[[phases]]
name = "all"
kind = "users"
duration = "5s"
[[journeys]]
name = "browse"
think = "1h"
steps = ["health", { request = "health", repeat = 2 }, { if = 'unset', steps = ["never"] }]
[[journeys]]
name = "endless"
weight = 0
steps = [{ while = 'not failed', steps = ["health"] }]
[[requests]]
name = "health"
kind = "read"
path = "/healthz"
[[requests]]
name = "never"
kind = "read"
path = "/never"
"#,
    );
    let url = service.url();
    let ended = place
        .run(&["run", "journey.toml", "--once", "--target", &url])
        .expect(0);
    for text in [
        "health (journey browse)",
        "left out: endless: a trial ends a journey after 100 requests",
        "left out: never: no journey came to it",
        "103 requests: 103 passed, 0 failed",
    ] {
        assert!(
            ended.stdout.contains(text),
            "no `{text}` in:\n{}",
            ended.stdout
        );
    }
}

#[test]
fn names_what_is_malformed() {
    let place = Workplace::new();
    place.write("light.toml", &light_scenario("1/s", "1s"));
    let answer = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nx\r\n";
    let url = format!("http://{}", RawService::answering(answer).start());
    let ended = place
        .run(&["run", "light.toml", "--once", "--target", &url])
        .expect(99);
    let reason = "invalid chunk size";
    assert!(ended.stdout.contains(reason), "{}", ended.stdout);
}

#[test]
fn starts_the_reference_service_and_stops_it() {
    let place = Workplace::new();
    let ended = place.run(&["run", "uneven", "--once"]).expect(0);
    assert!(
        ended.stdout.contains("8 requests: 8 passed, 0 failed"),
        "{}",
        ended.stdout
    );
    assert!(!place.path("runs").exists());
}

#[test]
fn unreachable_services_exit_with_107() {
    let place = Workplace::new();
    place.write("right.toml", &scenario(false));
    let ended = place
        .run(&[
            "run",
            "right.toml",
            "--once",
            "--target",
            "http://127.0.0.1:1",
        ])
        .expect(107);
    assert!(
        ended.stderr.contains("is the service running?"),
        "{}",
        ended.stderr
    );
}
