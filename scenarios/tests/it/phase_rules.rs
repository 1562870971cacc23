//! Rules that apply to one phase.

use std::path::Path;

use tenfold_scenarios::{Kind, Scenario, ScenarioError, Scope};

fn read(rule: &str) -> Result<Scenario, ScenarioError> {
    let text = format!(
        r#"version = 1
name = "phases"
rules = ['{rule}']

[[phases]]
name = "warm up"
kind = "constant"
rate = "100/s"
duration = "10s"
warm_up = true

[[phases]]
name = "climb"
kind = "steps"
rates = ["100/s", "200/s"]
duration = "20s"

[[phases]]
name = "steady"
kind = "constant"
rate = "1/s"
duration = "20s"

[[requests]]
name = "read post"
kind = "read"
weight = 1
path = "/"

[[requests]]
name = 'read in "steady"'
kind = "read"
weight = 1
path = "/"
"#
    );
    Scenario::parse(&text, Path::new("phases.toml"))
}

#[test]
fn rule_names_a_phase() {
    for (rule, scope, phase) in [
        (
            "p99 < 50ms for \"read post\" in \"climb\"",
            Scope::Request(0),
            Some(1),
        ),
        (
            "p99 < 50ms for reads in \"climb\"",
            Scope::Kind(Kind::Read),
            Some(1),
        ),
        ("errors < 1% in \"steady\"", Scope::All, Some(2)),
        ("rate > 99% in \"climb\"", Scope::All, Some(1)),
        (
            "p99 < 50ms in \"climb\", abort after 5s",
            Scope::All,
            Some(1),
        ),
        (
            "p50 < 50ms for \"read in \"steady\"\"",
            Scope::Request(1),
            None,
        ),
        (
            "p50 < 50ms for \"read in \"steady\"\" in \"climb\"",
            Scope::Request(1),
            Some(1),
        ),
        ("p99 < 50ms", Scope::All, None),
    ] {
        let scenario = read(rule).unwrap_or_else(|error| panic!("{rule}: {error}"));
        let read = &scenario.rules[0];
        assert_eq!((read.scope, read.phase), (scope, phase), "{rule}");
        assert_eq!(read.text, rule);
    }
}

#[test]
fn messages_name_the_mistake() {
    for (rule, message) in [
        (
            "p99 < 50ms in \"stedy\"",
            "the scenario has no phase `stedy`",
        ),
        ("p99 < 50ms in steady", "`in steady` does not name a phase"),
        ("p99 < 50ms in \"warm up\"", "is a warm-up"),
        // The phase sends 20 requests.
        (
            "p99 < 50ms in \"steady\"",
            "can't be judged: about 20 requests",
        ),
        (
            "p99 < 50ms for \"raed post\" in \"climb\"",
            "no request `raed post`",
        ),
        ("p99 < 50ms within \"climb\"", "can't end with"),
    ] {
        let error = read(rule).unwrap_err().to_string();
        assert!(error.contains(message), "{rule}: {error}");
    }
    let error = read("p99 < 50ms in \"stedy\"").unwrap_err();
    assert!(error.hint.is_some_and(|hint| hint.contains("steady")));
}
