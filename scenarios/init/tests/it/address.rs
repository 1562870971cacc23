//! First scenarios from an address.

use std::path::Path;

use tenfold_init::{FirstScenario, InitError, InitOptions, from_address};
use tenfold_scenarios::{Rendered, Scenario};

pub(crate) fn options() -> InitOptions {
    InitOptions {
        name: "first".to_owned(),
        file: "first.toml".to_owned(),
        schema: "./scenario.schema.json".to_owned(),
    }
}

fn of(address: &str) -> Result<FirstScenario, InitError> {
    from_address(address, &options())
}

#[test]
fn scenario_explains_rate_phases_and_objectives() {
    insta::assert_snapshot!(of("http://127.0.0.1:8080/health?full=1").unwrap().toml);
}

#[test]
fn sends_the_path_and_query_of_the_address() {
    for (address, target, path) in [
        ("http://127.0.0.1:8080", "http://127.0.0.1:8080", "/"),
        (
            "https://api.example/a/%7Bkey%7D?b=c%20d",
            "https://api.example",
            "/a/%7Bkey%7D?b=c%20d",
        ),
        ("http://[::1]:80?x", "http://[::1]:80", "/?x"),
    ] {
        let made = of(address).unwrap();
        assert_eq!(made.target.as_deref(), Some(target));
        let scenario = Scenario::parse(&made.toml, Path::new("first.toml")).unwrap();
        let mut rendered = Rendered::default();
        let draw = scenario.single_draw(0).unwrap();
        let request = &scenario.requests[0];
        request
            .render(&draw, &scenario.variables(), &mut rendered)
            .unwrap();
        assert_eq!(rendered.path, path);
    }
}

#[test]
fn refuses_other_schemes_and_secrets() {
    let messages: Vec<String> = [
        "ftp://example.com",
        "example.com/a b",
        "http://ann:secret@example.com",
        "http://example.com/?token=s3cret",
    ]
    .iter()
    .map(|address| of(address).unwrap_err().to_string())
    .collect();
    insta::assert_snapshot!(messages.join("\n"));
}
