//! Rendered requests, to the byte.

use std::path::Path;

use http::{HeaderName, Method};
use tenfold_scenarios::{CaptureSource, Draw, RenderError, Rendered, Scenario};

fn read(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.toml"));
    Scenario::read(&path).unwrap_or_else(|error| panic!("{error}"))
}

fn parse(requests: &str) -> Scenario {
    let text = format!(
        r#"
version = 1
name = "test"
phases = [{{ name = "a", kind = "constant", rate = "100/s", duration = "1s" }}]
keys = [{{ name = "posts", count = 10 }}]
{requests}
"#
    );
    Scenario::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
}

const DRAW: Draw = Draw {
    request: 0,
    key: 41,
    rank: 3,
    user: 7,
    entropy: 99,
    turn: 0,
};

#[test]
fn renders_session_logins() {
    let scenario = read("uneven");
    let draw = scenario.login_draw(5).unwrap();
    let request = &scenario.requests[draw.request];
    assert_eq!(
        (request.name.as_str(), &request.method),
        ("log in", &Method::POST)
    );
    let mut rendered = Rendered::default();
    request
        .render(&draw, &scenario.variables(), &mut rendered)
        .unwrap();
    assert_eq!(rendered.path, "/v1/sessions");
    assert_eq!(rendered.body, br#"{"handle":"user6","password":"tenfold"}"#);
    let [capture] = request.captures.as_slice() else {
        panic!("{:?}", request.captures)
    };
    assert_eq!(
        capture.source,
        CaptureSource::JsonPointer("/token".to_owned())
    );
    assert_eq!(scenario.variable_name(capture.variable), Some("token"));
    assert!(request.expect.accepts(201) && !request.expect.accepts(200));
    assert!(!request.needs_session());
    assert_eq!(scenario.login_draw(64), None);
}

#[test]
fn renders_writes_with_token_and_a_kilobyte() {
    let scenario = read("uneven");
    let index = scenario
        .requests
        .iter()
        .position(|request| request.name == "create post")
        .unwrap();
    let request = &scenario.requests[index];
    assert!(request.needs_session());
    let mut variables = scenario.variables();
    let mut rendered = Rendered::default();
    let missing = request
        .render(&DRAW, &variables, &mut rendered)
        .unwrap_err();
    assert_eq!(
        missing,
        RenderError::Missing {
            request: "create post".to_owned(),
            variable: "token".to_owned()
        }
    );
    variables.set(0, "abc".to_owned());
    request.render(&DRAW, &variables, &mut rendered).unwrap();
    assert!(
        rendered
            .headers
            .iter()
            .any(|(name, value)| name == "authorization" && value == "Bearer abc")
    );
    let body: serde_json::Value = serde_json::from_slice(&rendered.body).unwrap();
    let content = body["content"].as_str().unwrap();
    assert_eq!(content.len(), 1000);
    assert_eq!(content, content.trim());
    assert!(
        content
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte == b' ')
    );
    let first = rendered.clone();
    request
        .render(
            &Draw {
                entropy: 100,
                ..DRAW
            },
            &variables,
            &mut rendered,
        )
        .unwrap();
    assert_ne!(first.body, rendered.body);
    request.render(&DRAW, &variables, &mut rendered).unwrap();
    assert_eq!(first, rendered);
    variables.clear();
    assert!(request.render(&DRAW, &variables, &mut rendered).is_err());
}

#[test]
fn headers_use_the_latest_value() {
    let scenario = read("uneven");
    let request = scenario
        .requests
        .iter()
        .find(|request| request.name == "read feed")
        .unwrap();
    let mut variables = scenario.variables();
    let mut rendered = Rendered::default();
    for token in ["one", "two"] {
        variables.set(0, token.to_owned());
        request.render(&DRAW, &variables, &mut rendered).unwrap();
        let sent = rendered
            .headers
            .iter()
            .find(|(name, _)| name == "authorization")
            .unwrap();
        assert_eq!(sent.1, format!("Bearer {token}"));
    }
    variables.set(0, "bad\r\nvalue".to_owned());
    let rejected = request
        .render(&DRAW, &variables, &mut rendered)
        .unwrap_err();
    assert!(matches!(rejected, RenderError::Header { .. }), "{rejected}");
    // An unknown index is ignored.
    variables.set(99, "nothing".to_owned());
    assert_eq!(variables.get(99), None);
}

#[test]
fn percent_encodes_paths() {
    let scenario = parse(
        r#"
[[requests]]
name = "a"
kind = "read"
path = "/search?q={word}&k={key+1}"
keys = "posts"
[[requests]]
name = "b"
kind = "read"
path = "/"
weight = 0
capture = { word = "header:x-word", other = "cookie:session" }
"#,
    );
    let mut variables = scenario.variables();
    let mut rendered = Rendered::default();
    let word = (0..2)
        .find(|index| scenario.variable_name(*index) == Some("word"))
        .unwrap();
    variables.set(word, "a b/\u{e4}\"%20".to_owned());
    scenario.requests[0]
        .render(&DRAW, &variables, &mut rendered)
        .unwrap();
    assert_eq!(rendered.path, "/search?q=a%20b/%C3%A4%22%20&k=42");
    let sources: Vec<&CaptureSource> = scenario.requests[1]
        .captures
        .iter()
        .map(|capture| &capture.source)
        .collect();
    assert!(sources.contains(&&CaptureSource::Header(HeaderName::from_static("x-word"))));
    assert!(sources.contains(&&CaptureSource::Cookie("session".to_owned())));
}

#[test]
fn accepts_statuses_singly_and_by_class() {
    let scenario = parse(
        r#"requests = [
            { name = "a", kind = "read", path = "/" },
            { name = "b", kind = "read", path = "/", expect = ["2xx", 304] },
            { name = "c", kind = "read", path = "/", expect = [404] },
        ]"#,
    );
    let accepted = |index: usize| -> Vec<u16> {
        let statuses = [200, 204, 299, 304, 404, 500].into_iter();
        statuses
            .filter(|status| scenario.requests[index].expect.accepts(*status))
            .collect()
    };
    assert_eq!(accepted(0), [200, 204, 299]);
    assert_eq!(accepted(1), [200, 204, 299, 304]);
    assert_eq!(accepted(2), [404]);
}

#[test]
fn renders_without_allocating() {
    let scenario = read("uneven");
    let mut variables = scenario.variables();
    variables.set(0, "abc".to_owned());
    let mut rendered = Rendered::default();
    let mut schedule = scenario.schedule();
    let mut send = |count: usize| {
        for arrival in schedule.by_ref().take(count) {
            scenario.requests[arrival.draw.request]
                .render(&arrival.draw, &variables, &mut rendered)
                .unwrap();
        }
    };
    send(2000);
    let measured = allocation_counter::measure(|| send(20_000));
    assert_eq!(measured.count_total, 0);
}
