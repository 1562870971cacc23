//! Scenarios for two builds at once: pairs of equal arrivals, in fair order.

#![expect(clippy::unwrap_used, reason = "a test and its helpers may panic")]

use std::path::Path;
use std::time::Duration;

use proptest::prelude::*;
use tenfold_scenarios::{
    Arrival, LastResponse, NextStep, Rendered, Scenario, ScriptClock, ScriptResponse, Side, Step,
};

/// A clock that never advances.
const STILL: ScriptClock = ScriptClock {
    wall_ns: || 0,
    thread_cpu_ns: || 0,
};

const MIX: &str = r#"
version = 1
name = "mix"
seed = 11
[load]
arrivals = "poisson"
[users]
count = 1000
[[keys]]
name = "posts"
count = 10000
popularity = { kind = "zipfian", exponent = 0.99 }
[[phases]]
name = "warm"
kind = "constant"
rate = "300/s"
duration = "3s"
warm_up = true
[[phases]]
name = "ramp"
kind = "ramp"
from = "100/s"
to = "1000/s"
duration = "10s"
[[requests]]
name = "read"
kind = "read"
weight = 9
path = "/posts/{key}"
keys = "posts"
[[requests]]
name = "write"
kind = "write"
weight = 1
method = "POST"
path = "/users/{user}/posts"
body = "{text:40}"
"#;

fn parse(text: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/test.toml");
    Scenario::parse(text, &path).unwrap_or_else(|error| panic!("{error}"))
}

fn seeded(text: &str, seed: u64) -> Scenario {
    parse(&text.replace("seed = 11", &format!("seed = {seed}")))
}

/// Returns the arrivals of a paired scenario as pairs; panics if a pair differs between the sides.
fn pairs(scenario: &Scenario) -> Vec<[Arrival; 2]> {
    let arrivals: Vec<Arrival> = scenario.schedule().collect();
    assert_eq!(arrivals.len() % 2, 0);
    let (pairs, _) = arrivals.as_chunks::<2>();
    for [first, second] in pairs {
        let side = scenario.side_of(first.draw.request);
        assert_eq!(scenario.side_of(second.draw.request), side.other());
        assert_eq!(scenario.on_side(first.draw, side.other()), second.draw);
        assert_eq!(scenario.on_side(second.draw, side), first.draw);
        assert_eq!(first.sequence + 1, second.sequence);
        assert!(first.intended < second.intended);
    }
    pairs.to_vec()
}

fn times(arrivals: impl Iterator<Item = Arrival>) -> Vec<(Duration, usize)> {
    arrivals
        .map(|arrival| (arrival.intended, arrival.phase))
        .collect()
}

#[test]
fn both_of_a_pair_render_to_the_same_bytes() {
    let scenario = parse(MIX).paired().unwrap();
    let none = scenario.variables();
    let rendered = |arrival: &Arrival| {
        let mut rendered = Rendered::default();
        scenario.requests[arrival.draw.request]
            .render(&arrival.draw, &none, &mut rendered)
            .unwrap();
        (rendered.path, rendered.body)
    };
    for [first, second] in pairs(&scenario) {
        assert_eq!(rendered(&first), rendered(&second));
    }
}

#[test]
fn keeps_times_except_an_odd_last_one() {
    for seed in 0..20 {
        let plain = seeded(MIX, seed);
        let mut expected = times(plain.schedule());
        expected.truncate(expected.len() / 2 * 2);
        let paired = plain.paired().unwrap();
        assert_eq!(times(paired.schedule()), expected);
        assert_eq!(
            pairs(&paired),
            pairs(&paired),
            "the seed alone determines the arrivals"
        );
    }
}

#[test]
fn each_side_gets_the_original_mix_and_keys() {
    let plain = parse(MIX);
    let paired = plain.clone().paired().unwrap();
    let pairs = pairs(&paired);
    // The draws are the first ones of the original scenario.
    let before = plain.schedule().map(|arrival| arrival.draw);
    for ([first, _], expected) in pairs.iter().zip(before) {
        let draw = paired.on_side(first.draw, Side::Baseline);
        assert_eq!(draw, expected);
    }
    let writes = pairs.iter().filter(|[first, _]| {
        let request = paired.request_of(first.draw.request);
        paired.requests[request].name == "write@baseline"
    });
    assert!(
        writes.count().abs_diff(pairs.len() / 10) <= 1,
        "the mix is exact"
    );
}

#[test]
fn order_of_sides_is_fair() {
    // Four standard errors: fails by chance for one seed in 16,000.
    let (mut first, mut turns, mut count) = (0_u64, 0_u64, 0_u64);
    for seed in 100..120 {
        let scenario = seeded(MIX, seed).paired().unwrap();
        let sides: Vec<bool> = pairs(&scenario)
            .iter()
            .map(|[first, _]| scenario.side_of(first.draw.request) == Side::Baseline)
            .collect();
        first += sides.iter().filter(|baseline| **baseline).count() as u64;
        turns += sides.windows(2).filter(|pair| pair[0] != pair[1]).count() as u64;
        count += sides.len() as u64;
    }
    let bound = 4.0 * (count as f64 * 0.25).sqrt();
    for (what, seen) in [("baseline first", first), ("turns", turns)] {
        let off = (seen as f64 - count as f64 / 2.0).abs();
        assert!(off < bound, "{what}: {seen} of {count}");
    }
}

#[test]
fn one_of_two_trace_entries_goes_to_both_sides() {
    let entries: Vec<String> = (0..9)
        .map(|at| {
            format!(
                r#"{{"at_ms": {}, "request": "get", "target": "/{at}"}}"#,
                100 * at
            )
        })
        .collect();
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("trace.jsonl"), entries.join("\n")).unwrap();
    let text = "version = 1\nname = \"t\"\nphases = [{ name = \"a\", kind = \"trace\", \
                file = \"trace.jsonl\" }]\nrequests = [{ name = \"get\", kind = \"read\", \
                weight = 0, path = \"{target}\" }]";
    let plain = Scenario::parse(text, &folder.path().join("t.toml"))
        .unwrap_or_else(|error| panic!("{error}"));
    let expected = times(plain.schedule());
    let paired = plain.paired().unwrap();
    assert_eq!(times(paired.schedule()), expected[..8]);
    let mut seconds = 0;
    for (index, [first, _]) in (0..).zip(pairs(&paired)) {
        let entry = first.draw.key;
        assert!(entry == 2 * index || entry == 2 * index + 1, "{entry}");
        assert!(paired.recorded_target(&first.draw).is_some());
        seconds += entry % 2;
    }
    assert!(seconds <= 4);
}

const JOURNEYS: &str = r#"
version = 1
name = "journeys"
seed = 11
[[phases]]
name = "all"
kind = "constant"
rate = "200/s"
duration = "5s"
[[journeys]]
name = "browse"
weight = 3
think = { min = "10ms", max = "90ms" }
steps = ["a", { repeat = { min = 1, max = 4 }, steps = ["b"] }]
[[journeys]]
name = "change"
steps = [{ request = "c", if = "status != 0", else = ["a"] }, "c"]
[[requests]]
name = "a"
kind = "read"
path = "/a"
[[requests]]
name = "b"
kind = "read"
path = "/b"
script = 'fn after(response, vars) { vars.next("a"); }'
[[requests]]
name = "c"
kind = "write"
path = "/c"
"#;

/// Returns the journey that an arrival starts, and its steps if responses have no effect.
fn walked(scenario: &Scenario, arrival: &Arrival) -> (String, Vec<Step>) {
    let mut walk = scenario.arriving_walk(&arrival.draw).unwrap();
    let mut variables = scenario.variables();
    let name = walk.begin(&mut variables).name.clone();
    let steps = std::iter::from_fn(|| {
        walk.next_step(&variables, LastResponse::default())
            .ok()
            .flatten()
    });
    (name, steps.collect())
}

#[test]
fn journeys_stay_on_one_side() {
    let scenario = parse(JOURNEYS).paired().unwrap();
    let names: Vec<&str> = scenario
        .journeys
        .iter()
        .map(|journey| journey.name.as_str())
        .collect();
    let expected = [
        "browse@baseline",
        "change@baseline",
        "browse@candidate",
        "change@candidate",
    ];
    assert_eq!(names, expected);
    for [first, second] in pairs(&scenario) {
        let (journey, steps) = walked(&scenario, &first);
        let (twin, twin_steps) = walked(&scenario, &second);
        assert_eq!(steps[0].draw, first.draw);
        assert_eq!(twin_steps[0].draw, second.draw);
        let side = scenario.side_of(first.draw.request);
        let (name, named_side) = Side::of_name(&journey).unwrap();
        assert_eq!(named_side, side);
        assert_eq!(twin, side.other().named(name));
        assert_eq!(steps.len(), twin_steps.len());
        for (step, twin) in steps.iter().zip(&twin_steps) {
            assert_eq!(scenario.side_of(step.draw.request), side);
            assert_eq!(scenario.on_side(step.draw, side.other()), twin.draw);
            assert_eq!(step.think, twin.think);
        }
    }
}

#[test]
fn scripts_continue_on_their_side() {
    let scenario = parse(JOURNEYS).paired().unwrap();
    let response = ScriptResponse {
        status: 200,
        headers: http::HeaderMap::new(),
        body: Vec::new(),
        is_cut: false,
        body_bytes: 0,
        service_ms: 1.0,
    };
    for (request, next) in [(1, 0), (4, 3)] {
        let script = scenario.requests[request].script.as_ref().unwrap();
        let mut variables = scenario.variables();
        let outcome = script.after(response.clone(), &mut variables, 1, STILL);
        assert_eq!(outcome.next, Some(NextStep::Request(next)), "{outcome:?}");
    }
}

#[test]
fn doubles_requests_and_their_rules() {
    let rules = "rules = [\"p99 < 1s\", \"mean < 1s for \\\"read\\\"\"]\n";
    let text = MIX.replacen("version = 1\n", &format!("version = 1\n{rules}"), 1);
    let scenario = parse(&text).paired().unwrap();
    let names: Vec<&str> = scenario
        .requests
        .iter()
        .map(|request| request.name.as_str())
        .collect();
    let expected = [
        "read@baseline",
        "write@baseline",
        "read@candidate",
        "write@candidate",
    ];
    assert_eq!(names, expected);
    let rules: Vec<&str> = scenario
        .rules
        .iter()
        .map(|rule| rule.text.as_str())
        .collect();
    let expected = [
        "p99 < 1s",
        "mean < 1s for \"read@baseline\"",
        "mean < 1s for \"read@candidate\"",
        "errors < 1%",
    ];
    assert_eq!(rules, expected);
}

#[test]
fn rejects_scenarios_that_cannot_be_paired() {
    let closed = "version = 1\nname = \"c\"\nload = { model = \"closed\", users = 2 }\n\
                  phases = [{ name = \"a\", kind = \"users\", duration = \"1s\" }]\n\
                  requests = [{ name = \"r\", kind = \"read\", path = \"/\" }]\n\
                  journeys = [{ name = \"j\", steps = [\"r\"] }]";
    let rejected = parse(closed).paired().unwrap_err();
    assert!(
        rejected.message.contains("a closed model can't"),
        "{rejected}"
    );
    assert!(rejected.hint.unwrap().contains("model = \"open\""));
    let twice = parse(MIX).paired().unwrap().paired().unwrap_err();
    assert!(twice.message.contains("already paired"), "{twice}");
    let plain = parse(MIX);
    assert!(!plain.is_paired());
    assert_eq!(plain.side_of(1), Side::Baseline);
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(50) })]

    #[test]
    fn sides_are_equal_for_any_seed_and_rate(seed in 0..1_000_000_u64, rate in 1..2_000_u32) {
        let text = MIX.replace("rate = \"300/s\"", &format!("rate = \"{rate}/s\""));
        let plain = seeded(&text, seed);
        let planned = plain.schedule().count();
        let paired = plain.paired().unwrap();
        prop_assert_eq!(pairs(&paired).len(), planned / 2);
    }
}
