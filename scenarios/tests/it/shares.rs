//! Shares of a schedule: disjoint, and together the schedule that one generator would send, to the nanosecond and the
//! byte.

#![expect(clippy::unwrap_used, reason = "a test and its helpers may panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use proptest::prelude::*;
use tenfold_scenarios::{
    Arrival, Draw, LastResponse, Model, Overrides, Rendered, Scenario, Share, Variables,
};

/// A request: its intended time in nanoseconds, and its bytes.
type Sent = (u64, Vec<u8>);

fn crate_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).to_owned()
}

fn parse(text: &str) -> Scenario {
    let path = crate_folder().join("tests/fixture/test.toml");
    Scenario::parse(text, &path).unwrap_or_else(|error| panic!("{error}"))
}

/// Phases of several kinds; `rest` has users, sessions, data, journeys and requests.
fn open(rest: &str) -> Scenario {
    parse(&format!(
        r#"
version = 1
name = "shared"
seed = 23
phases = [
  {{ name = "warm", kind = "constant", rate = "400/s", duration = "500ms", warm_up = true }},
  {{ name = "ramp", kind = "ramp", from = "100/s", to = "900/s", duration = "2s" }},
  {{ name = "steps", kind = "steps", rates = ["300/s", "900/s"], duration = "1s" }},
]
{rest}
"#
    ))
}

/// Rows of data in both orders that depend on the arrival or its user.
const DATA: &str = r#"
[users]
count = 4
popularity = { kind = "zipfian", exponent = 0.7 }
[data]
own = { file = "people.csv", order = "unique-per-user" }
next = { file = "people.csv", order = "sequential" }
[[keys]]
name = "posts"
count = 500
popularity = { kind = "zipfian", exponent = 0.99 }
[[requests]]
name = "read"
kind = "read"
weight = 7
path = "/posts/{key}?as={own.name}&next={next.name}"
keys = "posts"
[[requests]]
name = "write"
kind = "write"
weight = 3
method = "POST"
path = "/users/{user}/posts"
body = '{"text":"{text:30}","city":"{own.city}","id":"{hex:8}"}'
"#;

/// Sessions, each of which serves many users.
const SESSIONS: &str = r#"
[users]
count = 1000
popularity = { kind = "zipfian", exponent = 0.8 }
[sessions]
login = "log in"
count = 20
[[requests]]
name = "log in"
kind = "write"
weight = 0
method = "POST"
path = "/login"
body = "{user}"
capture = { token = "json:/token" }
[[requests]]
name = "read"
kind = "read"
weight = 1
path = "/feed/{user}?{hex:6}"
"#;

/// Journeys that arrivals start.
const JOURNEYS: &str = r#"
[users]
count = 1000
[data]
people = { file = "people.csv", order = "random" }
[[journeys]]
name = "browse"
weight = 3
steps = ["list", { repeat = { min = 1, max = 3 }, steps = ["item"] }]
[[journeys]]
name = "buy"
weight = 1
steps = ["item", "list"]
[[requests]]
name = "list"
kind = "read"
path = "/list?user={user}&person={people.name}"
[[requests]]
name = "item"
kind = "read"
path = "/items/{integer:1..1000}"
"#;

/// Every scenario whose arrivals are compared.
fn scenarios() -> Vec<(&'static str, Scenario)> {
    let folder = crate_folder();
    let read = |name: &str| Scenario::read(&folder.join(name)).unwrap();
    let shorter = Overrides {
        duration: Some(std::time::Duration::from_secs(2)),
        ..Overrides::default()
    };
    vec![
        ("every phase kind", read("tests/fixture/everything.toml")),
        ("rows by user", open(DATA)),
        ("sessions", open(SESSIONS)),
        ("journeys", open(JOURNEYS)),
        ("pairs", open(DATA).paired().unwrap()),
        ("uneven", read("uneven.toml").with(&shorter).unwrap()),
    ]
}

/// Returns everything that the service would receive of a request.
fn render(scenario: &Scenario, request: usize, draw: &Draw, variables: &Variables) -> Vec<u8> {
    let mut rendered = Rendered::default();
    let planned = &scenario.requests[request];
    if let Err(error) = planned.render(draw, variables, &mut rendered) {
        // It needs a value of a response, which no share changes.
        return error.to_string().into_bytes();
    }
    let mut bytes = format!("{} {}\n", planned.method, rendered.path).into_bytes();
    for (name, value) in &rendered.headers {
        bytes.extend_from_slice(name.as_str().as_bytes());
        bytes.extend_from_slice(value.as_bytes());
    }
    bytes.extend_from_slice(&rendered.body);
    bytes
}

/// The requests of an arrival: its own, or all of the journey that it starts.
fn requests(scenario: &Scenario, arrival: &Arrival) -> Vec<Sent> {
    let at = u64::try_from(arrival.intended.as_nanos()).unwrap();
    let mut variables = scenario.variables();
    let Some(mut walk) = scenario.arriving_walk(&arrival.draw) else {
        let draw = &arrival.draw;
        return vec![(at, render(scenario, draw.request, draw, &variables))];
    };
    walk.begin(&mut variables);
    let mut sent = Vec::new();
    while let Ok(Some(step)) = walk.next_step(&variables, LastResponse::default()) {
        sent.push((
            at,
            render(scenario, step.draw.request, &step.draw, &variables),
        ));
    }
    sent
}

fn sent<'a>(scenario: &'a Scenario, share: Share) -> impl Iterator<Item = Sent> + 'a {
    let arrivals = scenario.schedule_of(share);
    arrivals.flat_map(move |arrival| requests(scenario, &arrival))
}

#[test]
fn shares_are_together_the_whole_schedule() {
    for (name, scenario) in scenarios() {
        let arrivals: Vec<Arrival> = scenario.schedule().collect();
        let mut whole: Vec<Sent> = sent(&scenario, Share::WHOLE).collect();
        assert!(whole.len() > 500, "{name}: {} requests", whole.len());
        whole.sort();
        for count in 1..=4 {
            let mut merged: Vec<Sent> = Vec::new();
            let mut dealt: Vec<Arrival> = Vec::new();
            for share in Share::all(count) {
                let before = merged.len();
                merged.extend(sent(&scenario, share));
                dealt.extend(scenario.schedule_of(share));
                assert!(merged.len() > before, "{name}: share {share:?} is empty");
            }
            merged.sort();
            assert!(
                merged == whole,
                "{name} in {count} shares sends other requests"
            );
            dealt.sort_by_key(|arrival| arrival.sequence);
            assert!(
                dealt == arrivals,
                "{name} in {count} shares has other arrivals"
            );
        }
    }
}

#[test]
fn arrivals_take_turns_without_state_of_users() {
    let scenario = open(JOURNEYS);
    for share in Share::all(3) {
        for arrival in scenario.schedule_of(share) {
            assert_eq!(arrival.sequence % 3, u64::from(share.index()));
        }
    }
    // Both requests of a pair go to the same generator, which compares the answers.
    let paired = open(DATA.replace("unique-per-user", "random").as_str())
        .paired()
        .unwrap();
    for share in Share::all(2) {
        for arrival in paired.schedule_of(share) {
            assert_eq!(arrival.sequence / 2 % 2, u64::from(share.index()));
        }
    }
}

/// Returns the shares that each key appears in.
fn shares_by_key(
    scenario: &Scenario,
    count: u32,
    key: impl Fn(&Arrival) -> u64,
) -> BTreeMap<u64, BTreeSet<u32>> {
    let mut found = BTreeMap::<u64, BTreeSet<u32>>::new();
    for share in Share::all(count) {
        for arrival in scenario.schedule_of(share) {
            found
                .entry(key(&arrival))
                .or_default()
                .insert(share.index());
        }
    }
    found
}

#[test]
fn no_user_with_state_is_in_two_shares() {
    let scenario = open(DATA);
    let by_user = shares_by_key(&scenario, 3, |arrival| arrival.draw.user);
    assert_eq!(by_user.len(), 4);
    assert!(
        by_user.values().all(|shares| shares.len() == 1),
        "{by_user:?}"
    );
    let scenario = open(SESSIONS);
    let by_session = shares_by_key(&scenario, 3, |arrival| arrival.draw.user % 20);
    assert_eq!(by_session.len(), 20);
    assert!(
        by_session.values().all(|shares| shares.len() == 1),
        "{by_session:?}"
    );
}

#[test]
fn users_of_a_closed_model_are_divided() {
    let folder = crate_folder();
    let plain = Scenario::read(&folder.join("journey.toml")).unwrap();
    assert_eq!(plain.load.model, Model::Closed);
    let text = std::fs::read_to_string(folder.join("journey.toml")).unwrap();
    let with_sessions = Scenario::parse(
        &text.replace(
            "[[keys]]\nname = \"posts\"",
            "[sessions]\nlogin = \"log in\"\ncount = 7\n[[keys]]\nname = \"posts\"",
        ),
        &folder.join("x.toml"),
    );
    let with_sessions = with_sessions.unwrap();
    assert!(with_sessions.sessions.is_some());
    for (scenario, session_count) in [(&plain, None), (&with_sessions, Some(7))] {
        for count in 1..=4 {
            let mut all = BTreeSet::new();
            let mut sessions = BTreeMap::<u32, BTreeSet<u32>>::new();
            for share in Share::all(count) {
                for user in scenario.users_of(share) {
                    assert!(all.insert(user), "user {user} is in two shares");
                    let session = session_count.map_or(user, |sessions| user % sessions);
                    sessions.entry(session).or_default().insert(share.index());
                }
            }
            assert_eq!(all.len(), 50);
            assert!(
                sessions.values().all(|shares| shares.len() == 1),
                "{sessions:?}"
            );
        }
    }
}

#[test]
fn number_of_shares_is_bounded_by_what_is_dealt() {
    assert_eq!(open(SESSIONS).shares_max(), 20);
    assert_eq!(open(DATA).shares_max(), 4);
    let few = Overrides {
        users: Some(3),
        ..Overrides::default()
    };
    assert_eq!(open(JOURNEYS).with(&few).unwrap().shares_max(), 3);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    /// For any seed, rate and number of shares.
    #[test]
    fn any_schedule_is_the_sum_of_its_shares(seed in 0_u64..1_000_000, rate in 50_u32..2_000, count in 1_u32..17) {
        let overrides = Overrides {
            seed: Some(seed),
            rate: format!("{rate}/s").parse().ok(),
            ..Overrides::default()
        };
        for rest in [DATA, SESSIONS, JOURNEYS] {
            let scenario = open(rest).with(&overrides).unwrap();
            let whole: Vec<Arrival> = scenario.schedule().collect();
            let mut dealt: Vec<Arrival> =
                Share::all(count).flat_map(|share| scenario.schedule_of(share)).collect();
            dealt.sort_by_key(|arrival| arrival.sequence);
            prop_assert!(dealt == whole);
        }
    }
}
