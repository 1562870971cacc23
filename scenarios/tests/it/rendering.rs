//! Rendered requests, to the byte.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

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
fn percent_encodes_values_in_paths() {
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
    assert_eq!(rendered.path, "/search?q=a%20b%2F%C3%A4%22%2520&k=42");
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

/// Renders the only request of a scenario with rows of data, one rendering a row.
#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn rendered_rows(request: &str, csv: &str) -> Vec<Rendered> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.csv"), csv).unwrap();
    std::fs::write(folder.path().join("a\"b.png"), b"\x89PNG\r\n--x\0").unwrap();
    let text = format!(
        "version = 1\nname = \"x\"\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
         rate = \"10/s\"\nduration = \"1s\"\n[data.people]\nfile = \"people.csv\"\n\
         [[requests]]\nname = \"r\"\nkind = \"write\"\n{request}"
    );
    let scenario = Scenario::parse(&text, &folder.path().join("x.toml"));
    let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
    let rows = scenario.data().next().unwrap().rows;
    let render = |turn| {
        let mut rendered = Rendered::default();
        let draw = Draw { turn, ..DRAW };
        scenario.requests[0]
            .render(&draw, &scenario.variables(), &mut rendered)
            .unwrap();
        rendered
    };
    (0..rows).map(render).collect()
}

const PEOPLE: &str = "name,n\nAnn,7\n\"O'Neil \"\"Doc\"\" & <Söhne>\n\\\",007\n";

#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn body(rendered: &Rendered) -> &str {
    std::str::from_utf8(&rendered.body).unwrap()
}

#[expect(clippy::unwrap_used, reason = "a test fails by panicking")]
fn content_type(rendered: &Rendered) -> &str {
    let of_body = |(name, _): &&(HeaderName, http::HeaderValue)| name == "content-type";
    let found = rendered.headers.iter().find(of_body);
    found.map_or("", |(_, value)| value.to_str().unwrap())
}

#[test]
fn bodies_are_encoded_by_media_type() {
    for (request, expected) in [
        (
            "path = \"/\"\nmethod = \"POST\"\nheaders = { content-type = \"application/json\" }\n\
             body = '{\"name\":\"{people.name}\",\"n\":{people.n}}'",
            r#"{"name":"O'Neil \"Doc\" & <Söhne>\n\\","n":"007"}"#,
        ),
        (
            "path = \"/\"\nbody = '{\"name\":\"{people.name}\"}'",
            r#"{"name":"O'Neil \"Doc\" & <Söhne>\n\\"}"#,
        ),
        (
            "path = \"/\"\nheaders = { content-type = \"application/x-www-form-urlencoded\" }\n\
             body = 'name={people.name}&b=1 2'",
            "name=O%27Neil+%22Doc%22+%26+%3CS%C3%B6hne%3E%0A%5C&b=1 2",
        ),
        (
            "path = \"/\"\nheaders = { content-type = \"text/xml; charset=utf-8\" }\n\
             body = '<a b=\"{people.name}\">{people.name}</a>'",
            "<a b=\"O&#39;Neil &quot;Doc&quot; &amp; &lt;Söhne&gt;&#10;\\\">\
             O&#39;Neil &quot;Doc&quot; &amp; &lt;Söhne&gt;\n\\</a>",
        ),
        (
            "path = \"/\"\nheaders = { content-type = \"text/plain\" }\nbody = '{people.name}'",
            "O'Neil \"Doc\" & <Söhne>\n\\",
        ),
        (
            "path = \"/\"\nheaders = { content-type = \"application/json\" }\n\
             body = '{\"name\":\"{people.name|url}\",\"raw\":{people.n|raw}}'",
            r#"{"name":"O%27Neil%20%22Doc%22%20%26%20%3CS%C3%B6hne%3E%0A%5C","raw":007}"#,
        ),
    ] {
        let rows = rendered_rows(request, PEOPLE);
        assert_eq!(body(&rows[1]), expected, "{request}");
    }
}

#[test]
fn json_tables_become_json() {
    let rows = rendered_rows(
        "path = \"/\"\njson = { name = \"{people.name}\", n = \"{people.n|json}\", list = [1, 2.5, true, \
         { \"a\\\"b\" = \"{{people.n}}\" }] }",
        PEOPLE,
    );
    assert_eq!(content_type(&rows[0]), "application/json");
    assert_eq!(
        body(&rows[0]),
        r#"{"name":"Ann","n":7,"list":[1,2.5,true,{"a\"b":"{people.n}"}]}"#
    );
    let document: serde_json::Value = serde_json::from_slice(&rows[1].body).unwrap();
    assert_eq!(document["name"], "O'Neil \"Doc\" & <Söhne>\n\\");
    assert_eq!(document["n"], "007");
}

#[test]
fn forms_are_encoded() {
    let rows = rendered_rows(
        "path = \"/\"\nform = { name = \"{people.name}!\", tags = [\"a b\", 7], \"x[y]\" = true }",
        PEOPLE,
    );
    assert_eq!(content_type(&rows[0]), "application/x-www-form-urlencoded");
    assert_eq!(body(&rows[0]), "name=Ann%21&tags=a+b&tags=7&x%5By%5D=true");
    assert!(body(&rows[1]).starts_with("name=O%27Neil+%22Doc%22+%26+%3CS%C3%B6hne%3E%0A%5C%21&"));
}

#[test]
fn multipart_forms_hold_values_and_files() {
    let rows = rendered_rows(
        "path = \"/\"\nmultipart = [{ name = \"a\\\"b\", value = \"{people.name}\" }, \
         { name = \"photo\", file = \"a\\\"b.png\" }, \
         { name = \"n\", file = \"people.csv\", filename = \"{people.n}.csv\", content_type = \"text/x\" }]",
        PEOPLE,
    );
    let media_type = content_type(&rows[1]);
    let boundary = media_type
        .strip_prefix("multipart/form-data; boundary=")
        .unwrap();
    let text = String::from_utf8_lossy(&rows[1].body).replace(boundary, "BOUNDARY");
    insta::assert_snapshot!(text.replace("\r\n", "\n").replace('\0', "\\0"));
    assert!(
        rows[1]
            .body
            .ends_with(format!("\r\n--{boundary}--\r\n").as_bytes())
    );
}

#[test]
fn file_is_the_whole_body() {
    let rows = rendered_rows(
        "path = \"/{people.n}\"\nbody = { file = \"a\\\"b.png\" }",
        PEOPLE,
    );
    assert_eq!(rows[0].body, b"\x89PNG\r\n--x\0");
}

#[test]
fn bodies_default_to_post_and_set_one_content_type() {
    let scenario = parse(
        "[[requests]]\nname = \"a\"\nkind = \"write\"\npath = \"/\"\njson = '[1]'\n\
         headers = { content-type = \"application/vnd.api+json\" }\n\
         [[requests]]\nname = \"b\"\nkind = \"write\"\npath = \"/\"\nbody = \"x\"",
    );
    assert_eq!(scenario.requests[0].method, Method::POST);
    assert_eq!(scenario.requests[1].method, Method::GET);
    let mut rendered = Rendered::default();
    scenario.requests[0]
        .render(&DRAW, &scenario.variables(), &mut rendered)
        .unwrap();
    assert_eq!(rendered.headers.len(), 1);
    assert_eq!(content_type(&rendered), "application/vnd.api+json");
}
