//! Messages for invalid scenarios: position, problem and advice.

use std::path::Path;

use tenfold_scenarios::{Comparison, Latency, Metric, Scenario, Scope};

const VALID: &str = r#"version = 1
name = "test"
rules = ['p99 < 50ms for "read post"']

[load]
users = 10

[[phases]]
name = "steady"
kind = "constant"
rate = "500/s"
duration = "10s"

[[keys]]
name = "posts"
count = 100
popularity = { kind = "zipfian", exponent = 0.99 }

[[requests]]
name = "read post"
kind = "read"
weight = 9
path = "/v1/posts/{key}"
keys = "posts"
expect = [200]

[[requests]]
name = "create post"
kind = "write"
weight = 1
method = "POST"
path = "/v1/posts"
body = '{"content":"{text:100}"}'
"#;

fn parse(text: &str) -> Result<Scenario, String> {
    Scenario::parse(text, Path::new("test.toml")).map_err(|error| error.to_string())
}

/// Returns the message for the valid scenario with one text replaced.
fn with(old: &str, new: &str) -> String {
    assert!(VALID.contains(old), "{old}");
    parse(&VALID.replacen(old, new, 1))
        .err()
        .unwrap_or_else(|| "accepted".to_owned())
}

fn rule(rule: &str) -> String {
    with(r#"'p99 < 50ms for "read post"'"#, &format!("'''{rule}'''"))
}

#[test]
fn base_scenario_is_valid() {
    parse(VALID).unwrap();
}

#[test]
fn reports_mistakes_with_position_and_advice() {
    let messages = [
        with("rate = ", "raet = "),
        with("weight = 9", "wieght = 9"),
        with("[[requests]]", "[[request]]"),
        with("users = 10", "colour = 10"),
        with("exponent = 0.99", "expnent = 0.99"),
        with("kind = \"constant\"", "kind = \"constent\""),
        with("kind = \"constant\"", "kind = \"ramp\""),
        with("\"500/s\"", "500"),
        with("\"10s\"", "10"),
        with("\"10s\"", "\"10\""),
        with("\"10s\"", "\"ten seconds\""),
        with("\"500/s\"", "\"500 per second\""),
        with("count = 100", "count = \"many\""),
        with("count = 100", "count = 0"),
        with("weight = 9", "weight = -1"),
        with("0.99", "nan"),
        with("name = \"posts\"", "name = 5"),
        with("keys = \"posts\"", "keys = \"post\""),
        with("{key}", "{kye}"),
        with("{text:100}", "{text}"),
        with("keys = \"posts\"\n", ""),
        with("\"/v1/posts/{key}\"", "\"v1/posts/{key}\""),
        with("[200]", "[20]"),
        with("[200]", "[\"ok\"]"),
        with("\"POST\"", "\"PO ST\""),
        with("version = 1\n", ""),
        with("version = 1", "version = 2"),
        with("name = \"create post\"", "name = \"read post\""),
        with("duration = \"10s\"", "duration = \"10s\"\nwarm_up = true"),
        with("kind = \"constant\"\nrate = \"500/s\"", "kind = \"users\""),
        with(
            "kind = \"constant\"\nrate = \"500/s\"",
            "kind = \"trace\"\nfile = \"none.jsonl\"",
        ),
        with("[load]", "[load]\nmodel = \"closed\""),
        with("count = 100", "count = \u{e4}"),
        with("name = \"test\"", "name = \"test"),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn rejects_framing_headers() {
    for header in [
        "content-length",
        "Transfer-Encoding",
        "connection",
        "upgrade",
    ] {
        let message = with(
            "expect = [200]",
            &format!("headers = {{ {header} = \"1\" }}"),
        );
        assert!(message.contains("a scenario can't set"), "{message}");
    }
}

#[test]
fn rejects_rules_that_cannot_be_judged() {
    let messages = [
        rule(r#"p99 < 50ms for "raed post""#),
        rule("p99.9 < 50ms for writes"),
        rule("p99.99 < 50ms"),
        rule("errors < 101%"),
        rule("errors < -1%"),
        rule("errors < 0%"),
        rule("errors < 0.1"),
        rule("errors < 50ms"),
        rule("rate > 100%"),
        rule("rate > 99% for reads"),
        rule("p99 < 50"),
        rule("p(99)<abc"),
        rule("p100 < 50ms"),
        rule("p0 < 50ms"),
        rule("p99 < 0ms"),
        rule("p99 = 50ms"),
        rule("latency < 50ms"),
        rule("p99 < 50ms for everything"),
        rule("p99 < 50ms of reads"),
        with("weight = 9", "weight = 0"),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn abort_rules_have_one_text() {
    let read = |rule: &str| {
        let rule = VALID.replacen(r#"'p99 < 50ms for "read post"'"#, rule, 1);
        let rule = parse(&rule).unwrap().rules.remove(0);
        (rule.text, rule.abort.map(|abort| abort.after))
    };
    let ten = std::time::Duration::from_secs(10);
    for (written, text, after) in [
        ("'errors < 5%'", "errors < 5%", None),
        ("{ rule = 'errors < 5%' }", "errors < 5%", None),
        (
            "{ rule = 'errors < 5%', abort = false }",
            "errors < 5%",
            None,
        ),
        (
            "{ rule = 'errors < 5%', abort = true }",
            "errors < 5%, abort",
            Some(std::time::Duration::ZERO),
        ),
        (
            "{ rule = 'errors < 5%', abort = true, after = '10s' }",
            "errors < 5%, abort after 10s",
            Some(ten),
        ),
        (
            "'p99 < 50ms for \"read post\" ,abort  after 10s'",
            "p99 < 50ms for \"read post\", abort after 10s",
            Some(ten),
        ),
    ] {
        assert_eq!(read(written), (text.to_owned(), after), "{written}");
        assert_eq!(read(&format!("'{text}'")), (text.to_owned(), after));
    }
}

#[test]
fn rejects_invalid_abort_rules() {
    let table = |rule: &str| with(r#"'p99 < 50ms for "read post"'"#, rule);
    let messages = [
        rule("errors < 5%, abort after"),
        rule("errors < 5%, abort after 10"),
        rule("errors < 5%, stop"),
        rule("rate > 99%, abort"),
        table("{ rule = 'errors < 5%', after = '10s' }"),
        table("{ rule = 'errors < 5%', abort = true, after = 10 }"),
        table("{ rule = 'errors < 5%', abort = 'yes' }"),
        table("{ rule = 'errors < 5%', abrot = true }"),
        table("{ abort = true }"),
        table("5"),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn closed_model_rejects_rate_rules() {
    let text = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("journey.toml"))
        .unwrap();
    let text = text.replace("'p95 < 250ms'", "'rate > 99%'");
    insta::assert_snapshot!(parse(&text).unwrap_err());
}

#[test]
fn reports_broken_traces_by_line() {
    let folder = std::env::temp_dir().join(format!("tenfold-messages-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let text = r#"
version = 1
name = "trace"
phases = [{ name = "a", kind = "trace", file = "trace.jsonl" }]
requests = [{ name = "GET", kind = "read", path = "{target}" }]
"#;
    let first = r#"{"at_ms": 5, "request": "GET", "target": "/"}"#;
    let mut messages = Vec::new();
    for second in [
        r#"{"at_ms": 4, "request": "GET", "target": "/"}"#,
        r#"{"at_ms": 6, "request": "GTE", "target": "/"}"#,
        r#"{"at_ms": 6, "request": "GET", "target": "/a b"}"#,
        r#"{"at_ms": 6, "request": "GET"}"#,
        r#"{"at_ms": -1, "request": "GET", "target": "/"}"#,
        "not json",
        "",
    ] {
        std::fs::write(folder.join("trace.jsonl"), format!("{first}\n{second}\n")).unwrap();
        let message = match Scenario::parse(text, &folder.join("trace.toml")) {
            Ok(scenario) => format!("{} accepted", scenario.schedule().count()),
            Err(error) => error
                .to_string()
                .replace(&folder.display().to_string(), "FOLDER"),
        };
        messages.push(message);
    }
    std::fs::remove_dir_all(&folder).unwrap();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn reads_all_forms_of_rules() {
    let read = |rule: &str| {
        let text = VALID.replace(r#"'p99 < 50ms for "read post"'"#, &format!("'''{rule}'''"));
        let rule = parse(&text).unwrap().rules.remove(0);
        (rule.metric, rule.comparison, rule.limit, rule.scope)
    };
    let p99 = Metric::Quantile(Latency::Response, 0.99);
    let less = Comparison::Less;
    assert_eq!(
        read(r#"p99 < 50ms for "read post""#),
        (p99, less, 50e6, Scope::Request(0))
    );
    assert_eq!(read("p99<50ms"), (p99, less, 50e6, Scope::All));
    assert_eq!(read("p(99)<500"), (p99, less, 500e6, Scope::All));
    assert_eq!(read("p(99) < 1.5s"), (p99, less, 1.5e9, Scope::All));
    assert_eq!(
        read("p99.5 <= 2s").0,
        Metric::Quantile(Latency::Response, 0.995)
    );
    assert_eq!(
        read("p995 <= 2s").0,
        Metric::Quantile(Latency::Response, 0.995)
    );
    assert_eq!(read("p50 <= 2s").1, Comparison::LessOrEqual);
    assert_eq!(
        read("service p90 < 2ms for reads").0,
        Metric::Quantile(Latency::Service, 0.9)
    );
    assert_eq!(
        read("mean < 2ms for writes").0,
        Metric::Mean(Latency::Response)
    );
    assert_eq!(read("service max < 2s").0, Metric::Max(Latency::Service));
    assert_eq!(
        read("errors < 0.1%"),
        (Metric::Errors, less, 0.001, Scope::All)
    );
    assert_eq!(
        read("errors <= 0%"),
        (Metric::Errors, Comparison::LessOrEqual, 0.0, Scope::All)
    );
    assert_eq!(
        read("rate > 99%"),
        (Metric::Rate, Comparison::Greater, 0.99, Scope::All)
    );
    assert_eq!(read("rate >= 100%").1, Comparison::GreaterOrEqual);
    assert!(less.holds(1.0, 2.0) && !less.holds(2.0, 2.0));
}

#[test]
fn rejects_more_than_256_requests() {
    let mut text = String::from(
        "version = 1\nname = \"many\"\n[[phases]]\nname = \"p\"\nkind = \"constant\"\n\
         rate = \"10/s\"\nduration = \"1s\"\n",
    );
    for n in 0..257 {
        text.push_str(&format!(
            "[[requests]]\nname = \"r{n}\"\nkind = \"read\"\npath = \"/{n}\"\n"
        ));
    }
    let error = Scenario::parse(&text, Path::new("many.toml"))
        .unwrap_err()
        .to_string();
    assert!(error.contains("at most 256 requests"), "{error}");
}

#[test]
fn scenarios_without_a_rule_on_errors_get_one() {
    let rules = |rules: &str| {
        let text = VALID.replacen("rules = ['p99 < 50ms for \"read post\"']", rules, 1);
        let rules = parse(&text).unwrap().rules.into_iter();
        rules.map(|rule| rule.text).collect::<Vec<_>>()
    };
    assert_eq!(rules(""), ["errors < 1%"]);
    assert_eq!(
        rules("rules = ['p99 < 50ms']"),
        ["p99 < 50ms", "errors < 1%"]
    );
    for own in ["errors < 5%", "errors < 100%", "errors < 0.1% for reads"] {
        assert_eq!(rules(&format!("rules = ['{own}']")), [own]);
    }
}

#[test]
fn reports_mistakes_in_bodies_and_captures() {
    let in_post = |new: &str| with(r#"body = '{"content":"{text:100}"}'"#, new);
    let capture = |new: &str| in_post(&format!("capture = {{ a = {new} }}"));
    let messages = [
        in_post("body = 'a'\njson = '{}'"),
        in_post("json = '{\"a\":}'"),
        in_post("json = { a = 2026-11-28 }"),
        in_post("form = { a = { b = 1 } }"),
        in_post("form = { a = '{kye}' }"),
        in_post("multipart = []"),
        in_post("multipart = [{ name = 'a' }]"),
        in_post("multipart = [{ name = 'a', value = 'b', file = 'c' }]"),
        in_post("multipart = [{ name = 'a', file = 'no-such-file' }]"),
        in_post("multipart = [{ name = 'a', value = 'b', content_type = 'png' }]"),
        in_post("headers = { content-type = 'a/b' }\nmultipart = [{ name = 'a', value = 'b' }]"),
        in_post("body = { fiel = 'a' }"),
        in_post("body = '{text:9|upper}'"),
        capture("'text:/a'"),
        capture("{ form = 'json:/a' }"),
        capture("{ from = 'json:/a', css = 'p' }"),
        capture("{ from = 'json:/a', attribute = 'id' }"),
        capture("{ from = 'json:/a', group = 1 }"),
        capture("{ regex = '(' }"),
        capture("{ regex = '(?=a)b' }"),
        capture("{ regex = 'a(b)', group = 2 }"),
        capture("{ regex = 'a(b)', group = 'id' }"),
        capture("{ regex = 'a', nth = 0 }"),
        capture("{ css = 'p[' }"),
        capture("{ optional = true }"),
    ];
    insta::assert_snapshot!(messages.join("\n"));
}
