//! The same seed gives the same arrivals, to the nanosecond and the byte.

#![expect(clippy::unwrap_used, reason = "a test and its helpers may panic")]

use crate::support;

use std::path::Path;

use tenfold_scenarios::{Arrival, Overrides, Rendered, Scenario};

fn everything() -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/everything.toml");
    Scenario::read(&path).unwrap_or_else(|error| panic!("{error}"))
}

fn uneven(seed: u64) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("uneven.toml");
    let overrides = Overrides {
        seed: Some(seed),
        ..Overrides::default()
    };
    Scenario::read(&path).unwrap().with(&overrides).unwrap()
}

/// FNV-1a hash over all fields of the arrivals and all rendered requests.
fn digest(scenario: &Scenario) -> u64 {
    let variables = scenario.variables();
    let mut rendered = Rendered::default();
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let mut add = |bytes: &[u8]| {
        for byte in bytes {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    };
    for arrival in scenario.schedule() {
        let request = &scenario.requests[arrival.draw.request];
        request
            .render(&arrival.draw, &variables, &mut rendered)
            .unwrap();
        add(&arrival.sequence.to_le_bytes());
        add(&(arrival.intended.as_nanos() as u64).to_le_bytes());
        add(&(arrival.phase as u64).to_le_bytes());
        add(&arrival.draw.key.to_le_bytes());
        add(&arrival.draw.rank.to_le_bytes());
        add(&arrival.draw.user.to_le_bytes());
        add(request.name.as_bytes());
        add(rendered.path.as_bytes());
        for (name, value) in &rendered.headers {
            add(name.as_str().as_bytes());
            add(value.as_bytes());
        }
        add(&rendered.body);
    }
    hash
}

#[test]
fn golden_digest_holds() {
    // A change here changes the results of every recorded seed: note it in the change log.
    assert_eq!(
        format!("{:016x}", digest(&everything())),
        "0794246879fbc3f0"
    );
}

#[test]
fn instances_agree_and_seeds_differ() {
    let first: Vec<Arrival> = uneven(1).schedule().collect();
    let again: Vec<Arrival> = uneven(1).schedule().collect();
    assert_eq!(first, again);
    let other: Vec<Arrival> = uneven(2).schedule().collect();
    let same = first
        .iter()
        .zip(&other)
        .filter(|(one, two)| one.intended == two.intended)
        .count();
    assert!(same <= 1, "{same} arrivals at the same time");
    let users = first
        .iter()
        .zip(&other)
        .filter(|(one, two)| one.draw.user == two.draw.user)
        .count();
    assert!(
        users < first.len() / 20,
        "{users} of {} with the same user",
        first.len()
    );
}

#[test]
fn schedule_can_be_resumed() {
    let scenario = everything();
    let mut schedule = scenario.schedule();
    let before: Vec<Arrival> = schedule.by_ref().take(1000).collect();
    let after: Vec<Arrival> = schedule.clone().collect();
    let whole: Vec<Arrival> = scenario.schedule().collect();
    assert_eq!(whole, [before, after].concat());
}

#[test]
fn changed_mix_keeps_times_users_and_keys() {
    let text =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("steady.toml")).unwrap();
    let text = text.replace("arrivals = \"even\"", "arrivals = \"poisson\"");
    let parse = |text: &str| Scenario::parse(text, Path::new("test.toml")).unwrap();
    let (one, other) = (
        parse(&text),
        parse(&text.replace("weight = 100", "weight = 30")),
    );
    let reads = |scenario: &Scenario| -> Vec<u64> {
        scenario
            .schedule()
            .filter(|arrival| arrival.draw.request == 0)
            .map(|arrival| arrival.draw.key)
            .collect()
    };
    for (one, other) in one.schedule().zip(other.schedule()) {
        assert_eq!(
            (one.intended, one.draw.user),
            (other.intended, other.draw.user)
        );
    }
    assert!(
        reads(&one)
            .iter()
            .zip(&reads(&other))
            .all(|(one, other)| one == other)
    );
}

#[test]
fn closed_model_users_repeat_their_walk() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("journey.toml");
    let scenario = Scenario::read(&path).unwrap();
    let steps = |user: u64| support::steps(&scenario, user, 200);
    assert_eq!(steps(3), steps(3));
    assert_ne!(steps(3), steps(4));
    assert!(steps(3)[0].first);
    let mut expected = Vec::new();
    for step in steps(3) {
        if step.first {
            assert!(expected.is_empty(), "a journey was left");
            let begins = |request: usize| {
                scenario
                    .journeys
                    .iter()
                    .find(|journey| journey.requests()[0] == request)
            };
            expected = begins(step.draw.request).unwrap().requests();
            expected.reverse();
        }
        assert_eq!(expected.pop(), Some(step.draw.request));
    }
    assert_eq!(scenario.schedule().count(), 0);
}
