//! Journeys: loops, conditions, data, and steps chosen by scripts.

#![expect(clippy::unwrap_used, reason = "a test and its helpers may panic")]

use std::path::Path;
use std::time::Duration;

use tenfold_scenarios::{
    LastResponse, Rendered, Scenario, ScriptClock, ScriptOutcome, ScriptResponse, WalkError,
};

fn scenario(load: &str, rest: &str) -> Result<Scenario, String> {
    let phase = match load.contains("closed") {
        true => "kind = \"users\"",
        false => "kind = \"constant\"\nrate = \"10/s\"",
    };
    let text = format!(
        r#"
version = 1
name = "test"
seed = 5
[load]
{load}
[[phases]]
name = "all"
{phase}
duration = "10s"
[[requests]]
name = "a"
kind = "read"
path = "/a"
capture = {{ token = "json:/token" }}
[[requests]]
name = "b"
kind = "read"
path = "/b"
[[requests]]
name = "c"
kind = "write"
path = "/c"
{rest}
"#
    );
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixture/test.toml");
    Scenario::parse(&text, &path).map_err(|error| match error.hint {
        None => error.message,
        Some(hint) => format!("{}; {hint}", error.message),
    })
}

fn closed(rest: &str) -> Scenario {
    scenario("model = \"closed\"\nusers = 3", rest).unwrap()
}

/// Returns the request names of one journey whose responses have these statuses, in order.
fn walked(scenario: &Scenario, statuses: &[u16]) -> (String, Option<WalkError>) {
    let mut walk = scenario.journey_walk(0).unwrap();
    let mut variables = scenario.variables();
    walk.begin(&mut variables);
    let (mut names, mut last) = (String::new(), LastResponse::default());
    let mut statuses = statuses.iter().copied();
    for _ in 0..1000 {
        match walk.next_step(&variables, last) {
            Ok(None) => return (names, None),
            Err(error) => return (names, Some(error)),
            Ok(Some(step)) => names.push_str(&scenario.requests[step.draw.request].name),
        }
        last.status = statuses.next().unwrap_or(200);
        last.failed = last.status >= 400;
    }
    panic!("the journey has no end: {names}");
}

fn path(steps: &str, statuses: &[u16]) -> String {
    let scenario = closed(&format!("[[journeys]]\nname = \"j\"\nsteps = {steps}"));
    let (names, error) = walked(&scenario, statuses);
    assert_eq!(error, None);
    names
}

#[test]
fn steps_repeat_branch_and_nest() {
    assert_eq!(path(r#"["a", "b"]"#, &[]), "ab");
    assert_eq!(
        path(
            r#"["a", { repeat = 3, steps = ["b", { request = "c", repeat = 2 }] }]"#,
            &[]
        ),
        "abccbccbcc"
    );
    assert_eq!(path(r#"[{ repeat = 0, steps = ["b"] }, "a"]"#, &[]), "a");
    let branch = r#"["a", { if = "status == 200", steps = ["b"], else = ["c", "c"] }, "a"]"#;
    assert_eq!(path(branch, &[200]), "aba");
    assert_eq!(path(branch, &[404]), "acca");
    assert_eq!(
        path(
            r#"["a", { while = "status < 300", steps = ["b", "c"] }]"#,
            &[200, 200, 200, 404, 500]
        ),
        "abcbc"
    );
    assert_eq!(path(r#"["a", { request = "b", if = "token" }]"#, &[]), "a");
    assert_eq!(
        path(r#"["a", { request = "b", if = "failed" }]"#, &[500]),
        "ab"
    );
}

#[test]
fn repeat_range_includes_both_ends() {
    let scenario = closed(
        "[[journeys]]\nname = \"j\"\nsteps = [{ repeat = { min = 1, max = 3 }, steps = [\"a\"] }]",
    );
    let mut walk = scenario.journey_walk(1).unwrap();
    let mut variables = scenario.variables();
    let mut seen = [0; 5];
    for _ in 0..300 {
        walk.begin(&mut variables);
        let mut turns = 0;
        while walk
            .next_step(&variables, LastResponse::default())
            .unwrap()
            .is_some()
        {
            turns += 1;
        }
        seen[turns] += 1;
    }
    assert!(seen[0] == 0 && seen[4] == 0, "{seen:?}");
    assert!(seen[1..4].iter().all(|count| *count > 60), "{seen:?}");
}

#[test]
fn every_loop_is_bounded() {
    let of = |steps: &str| {
        let scenario = closed(&format!("[[journeys]]\nname = \"j\"\nsteps = {steps}"));
        walked(&scenario, &[]).1
    };
    assert!(matches!(
        of(r#"["a", { while = "status == 200", most = 5, steps = ["b"] }]"#),
        Some(WalkError::While { most: 5, .. })
    ));
    // 10^12 turns without a request.
    let idle = r#"[{ repeat = 1000000, steps = [{ repeat = 1000000, steps = [{ request = "a", if = "failed" }] }] }]"#;
    assert_eq!(of(idle), Some(WalkError::Idle));
    // Ten thousand moves are the maximum, and a long condition counts as several.
    let turns = |turns: u32, condition: &str| {
        format!(
            r#"[{{ repeat = {turns}, steps = [{{ request = "a", if = '{condition}' }}] }}, "b"]"#
        )
    };
    assert_eq!(of(&turns(4_900, "failed")), None);
    assert_eq!(of(&turns(5_100, "failed")), Some(WalkError::Idle));
    // A step that is skipped, and two moves for each of the turns: the request would be one too many.
    let exactly = |turns: u32| {
        format!(
            r#"[{{ request = "a", if = "failed" }},
                {{ repeat = {turns}, steps = [{{ request = "a", if = "failed" }}] }}, "b"]"#
        )
    };
    assert_eq!(of(&exactly(4_998)), None);
    assert_eq!(of(&exactly(4_999)), Some(WalkError::Idle));
    let long = vec!["failed"; 60].join(" or ");
    assert_eq!(of(&turns(200, &long)), None);
    assert_eq!(of(&turns(400, &long)), Some(WalkError::Idle));
    // So does that of a loop, each time it is judged: 60 conditions have 596 bytes, which are 37 moves.
    let looping =
        format!(r#"[{{ while = 'not ({long})', steps = [{{ request = "a", if = "failed" }}] }}]"#);
    assert_eq!(of(&looping), Some(WalkError::Idle));
    assert!(WalkError::Idle.to_string().contains("10000 moves"));
}

#[test]
fn a_journey_ends_early_and_branches_into_other_choices() {
    let scenario = closed("[[journeys]]\nname = \"j\"\nsteps = [\"a\", \"b\"]");
    let mut walk = scenario.journey_walk(0).unwrap();
    let mut variables = scenario.variables();
    walk.begin(&mut variables);
    let mut copy = walk.clone();
    // A branch takes one number, and has its own from there on.
    let mut branch = walk.branch();
    assert_ne!(branch.draw(0).entropy, walk.draw(0).entropy);
    let mut same = copy.branch();
    let (first, second) = (branch.draw(0).entropy, same.draw(0).entropy);
    assert_ne!(first, second, "the first branch is one choice ahead");
    assert_eq!(first, same.draw(0).entropy);
    walk.end();
    assert_eq!(
        walk.next_step(&variables, LastResponse::default()),
        Ok(None)
    );
}

#[test]
fn an_arrival_whose_journey_is_excluded_sends_its_first_request() {
    let scenario = scenario(
        "arrivals = \"even\"",
        "[variables]\nmood = \"good\"\n\
         [[journeys]]\nname = \"one\"\nsteps = [{ request = \"b\", if = 'mood == \"bad\"' }]",
    )
    .unwrap();
    for (turn, arrival) in (0..).zip(scenario.schedule()) {
        assert_eq!((arrival.draw.request, arrival.draw.turn), (1, turn));
    }
}

#[test]
fn scripts_choose_the_next_step() {
    let scenario = closed(
        "[[journeys]]\nname = \"j\"\nsteps = [\"a\", { repeat = 2, steps = [\"b\", \"c\"] }, \"a\"]",
    );
    let mut walk = scenario.journey_walk(0).unwrap();
    let mut variables = scenario.variables();
    walk.begin(&mut variables);
    let next = |walk: &mut tenfold_scenarios::JourneyWalk<'_>| {
        walk.next_step(&variables, LastResponse::default())
            .unwrap()
            .map(|step| step.draw.request)
    };
    assert_eq!(next(&mut walk), Some(0));
    assert!(walk.jump(2));
    let rest: Vec<usize> = std::iter::from_fn(|| next(&mut walk)).collect();
    assert_eq!(rest, [2, 1, 2, 0]);
    assert!(!walk.jump(7));
}

/// Returns the requests from a jump to one of them on, each answered with this status, and the error at the end.
fn jumped(steps: &str, request: usize, status: u16) -> (Vec<usize>, Option<WalkError>) {
    let scenario = closed(&format!("[[journeys]]\nname = \"j\"\nsteps = {steps}"));
    let mut walk = scenario.journey_walk(0).unwrap();
    let mut variables = scenario.variables();
    walk.begin(&mut variables);
    assert!(walk.jump(request), "{steps}");
    let last = LastResponse {
        status,
        ..LastResponse::default()
    };
    let mut requests = Vec::new();
    loop {
        match walk.next_step(&variables, last) {
            Ok(Some(step)) => requests.push(step.draw.request),
            Ok(None) => return (requests, None),
            Err(error) => return (requests, Some(error)),
        }
    }
}

#[test]
fn jumps_into_branches_and_loops() {
    let branches = r#"["a", { if = "failed", steps = ["b"], else = ["c", "b"] }, "a"]"#;
    assert_eq!(jumped(branches, 0, 200).0, [0, 2, 1, 0]);
    assert_eq!(jumped(branches, 1, 200).0, [1, 0]);
    assert_eq!(jumped(branches, 2, 200).0, [2, 1, 0]);
    // A loop begins with its first turn, and takes as many as it may.
    let range = r#"["a", { repeat = { min = 1, max = 3 }, steps = ["b"] }, "c"]"#;
    assert_eq!(jumped(range, 1, 200).0, [1, 1, 1, 2]);
    let conditional = r#"["a", { while = "status == 200", most = 3, steps = ["b"] }, "c"]"#;
    assert_eq!(jumped(conditional, 1, 404), (vec![1, 2], None));
    let (requests, error) = jumped(conditional, 1, 200);
    assert_eq!(requests, [1, 1, 1]);
    assert!(matches!(error, Some(WalkError::While { most: 3, .. })));
}

#[test]
fn journeys_are_chosen_by_weight() {
    let scenario = closed(
        "[[journeys]]\nname = \"one\"\nweight = 1\nsteps = [\"a\"]\n\
         [[journeys]]\nname = \"two\"\nweight = 2\nsteps = [\"b\"]\n\
         [[journeys]]\nname = \"three\"\nweight = 1\nsteps = [\"c\"]",
    );
    let mut walk = scenario.journey_walk(0).unwrap();
    let mut variables = scenario.variables();
    let mut counts = [0_u32; 3];
    for _ in 0..4_000 {
        walk.begin(&mut variables);
        let step = walk.next_step(&variables, LastResponse::default());
        let step = step.unwrap().unwrap();
        assert!(step.first);
        counts[step.draw.request] += 1;
    }
    // Five standard errors of a quarter are 137, those of a half 158.
    for (count, expected) in counts.into_iter().zip([1_000, 2_000, 1_000]) {
        assert!(count.abs_diff(expected) < 160, "{counts:?}");
    }
}

#[test]
fn only_the_first_step_starts_a_journey() {
    let scenario = closed("[[journeys]]\nname = \"j\"\nsteps = [\"a\", \"b\", \"c\"]");
    let mut walk = scenario.journey_walk(0).unwrap();
    let mut variables = scenario.variables();
    for _ in 0..2 {
        walk.begin(&mut variables);
        let mut next = || walk.next_step(&variables, LastResponse::default()).unwrap();
        let first = [next(), next(), next()].map(|step| step.map(|step| step.first));
        assert_eq!(first, [Some(true), Some(false), Some(false)]);
        assert_eq!(next(), None);
    }
}

#[test]
fn users_get_rows_of_data() {
    let with = |order: &str| {
        closed(&format!(
            "[data.people]\nfile = \"people.csv\"\norder = \"{order}\"\n\
             [[journeys]]\nname = \"j\"\nsteps = [\"d\"]\n\
             [[requests]]\nname = \"d\"\nkind = \"read\"\npath = \"/{{people.name}}/{{people.city}}\""
        ))
    };
    let paths = |scenario: &Scenario, user: u64| {
        let mut walk = scenario.journey_walk(user).unwrap();
        let mut variables = scenario.variables();
        let mut rendered = Rendered::default();
        let mut paths = Vec::new();
        for _ in 0..4 {
            walk.begin(&mut variables);
            let step = walk
                .next_step(&variables, LastResponse::default())
                .unwrap()
                .unwrap();
            let request = &scenario.requests[step.draw.request];
            request
                .render(&step.draw, &variables, &mut rendered)
                .unwrap();
            paths.push(rendered.path.clone());
        }
        paths
    };
    let sequential = with("sequential");
    // Three users and four rows: all users share the sequence of rows.
    assert_eq!(
        paths(&sequential, 0),
        ["/ann/Oslo", "/dan/Paris", "/cyd/Rome", "/bob/Bergen"]
    );
    assert_eq!(paths(&sequential, 1)[0], "/bob/Bergen");
    let unique = with("unique-per-user");
    assert_eq!(paths(&unique, 2), ["/cyd/Rome"; 4]);
    let random = with("random");
    assert_eq!(paths(&random, 0), paths(&random, 0));
    let rejected = scenario(
        "model = \"closed\"\nusers = 5",
        "[data.people]\nfile = \"people.csv\"\norder = \"unique-per-user\"\n\
         [[journeys]]\nname = \"j\"\nsteps = [\"a\"]",
    );
    assert!(
        rejected
            .unwrap_err()
            .contains("4 rows, fewer than the 5 users")
    );
}

#[test]
fn open_model_arrivals_get_rows() {
    let scenario = scenario(
        "arrivals = \"even\"",
        "[data.people]\nfile = \"people.jsonl\"\n\
         [[requests]]\nname = \"d\"\nkind = \"read\"\nweight = 1e9\npath = \"/{people.name}\"",
    )
    .unwrap();
    let variables = scenario.variables();
    let mut rendered = Rendered::default();
    let paths: Vec<String> = scenario
        .schedule()
        .take(3)
        .map(|arrival| {
            let request = &scenario.requests[arrival.draw.request];
            request
                .render(&arrival.draw, &variables, &mut rendered)
                .unwrap();
            rendered.path.clone()
        })
        .collect();
    assert_eq!(paths, ["/eve", "/fay", "/eve"]);
}

#[test]
fn open_model_arrivals_start_journeys() {
    let scenario = scenario(
        "arrivals = \"even\"",
        "[variables]\nmood = \"good\"\n\
         [[journeys]]\nname = \"one\"\nthink = \"1s\"\n\
         steps = [{ request = \"b\", if = 'mood == \"bad\"' }, \"c\", \"a\"]",
    )
    .unwrap();
    assert!(scenario.journeys_arrive());
    assert!(scenario.journey_walk(0).is_none());
    let arrivals: Vec<_> = scenario.schedule().collect();
    assert_eq!(arrivals.len(), 100);
    for arrival in arrivals {
        assert_eq!(arrival.draw.request, 2);
        let mut walk = scenario.arriving_walk(&arrival.draw).unwrap();
        let mut variables = scenario.variables();
        walk.begin(&mut variables);
        let first = walk
            .next_step(&variables, LastResponse::default())
            .unwrap()
            .unwrap();
        assert_eq!(
            first.draw, arrival.draw,
            "the walk begins with the arrival's own request"
        );
        let second = walk
            .next_step(&variables, LastResponse::default())
            .unwrap()
            .unwrap();
        assert_eq!(
            (second.draw.request, second.think),
            (0, Duration::from_secs(1))
        );
    }
}

#[test]
fn journeys_reset_variables() {
    let scenario = closed("[variables]\npage = 1\n[[journeys]]\nname = \"j\"\nsteps = [\"a\"]");
    let mut variables = scenario.variables();
    let page = scenario.variable("page").unwrap();
    assert_eq!(variables.get(page), Some("1"));
    variables.set(page, "2".to_owned());
    scenario.journey_walk(0).unwrap().begin(&mut variables);
    assert_eq!(variables.get(page), Some("1"));
}

const SCRIPT: &str = r#"
[variables]
page = 1
[[journeys]]
name = "j"
steps = ["s"]
[[requests]]
name = "s"
kind = "read"
path = "/?page={page}"
script = '''
fn before(vars) { vars.page = parse_int(vars.page) + 1; }
fn after(response, vars) {
    vars.check("is whole", response.body_bytes == response.body.len());
    if response.header("x-mode") == "stop" { vars.fail("stopped"); }
    if response.json.items.is_empty() { vars.end(); } else { vars.next("b"); }
    if response.status == 418 { loop { } }
    if response.status == 419 { vars.nonsense = 1; }
    vars.token = response.json.items[0].id;
}
'''
"#;

fn response(status: u16, mode: &'static str, body: &str) -> ScriptResponse {
    let mut headers = http::HeaderMap::new();
    headers.insert("x-mode", http::HeaderValue::from_static(mode));
    ScriptResponse {
        status,
        headers,
        body: body.as_bytes().to_vec(),
        is_cut: false,
        body_bytes: body.len() as u64,
        service_ms: 1.5,
    }
}

/// A clock that never advances.
const STILL: ScriptClock = ScriptClock {
    wall_ns: || 0,
    thread_cpu_ns: || 0,
};

/// Returns the outcome of a script's `after` for a response.
fn after(code: &str, answer: ScriptResponse, clock: ScriptClock) -> ScriptOutcome {
    let text = SCRIPT.split("script = ").next().unwrap();
    let scenario = closed(&format!(
        "{text}script = '''\nfn after(response, vars) {{ {code} }}\n'''\n"
    ));
    let mut variables = scenario.variables();
    let script = scenario.requests[3].script.clone().unwrap();
    script.after(answer, &mut variables, 1, clock)
}

#[test]
fn slow_scripts_are_terminated() {
    thread_local! {
        static TIME: std::cell::Cell<u64> = const { std::cell::Cell::new(0) };
    }
    // Each reading of the clock advances it by 100 µs.
    let tick = || {
        TIME.set(TIME.get() + 100_000);
        TIME.get()
    };
    let clock = ScriptClock {
        wall_ns: tick,
        thread_cpu_ns: tick,
    };
    let endless = "try { loop { } } catch { loop { } }";
    let outcome = after(endless, response(200, "", ""), clock);
    assert!(outcome.timed_out);
    assert_eq!(
        outcome.error.as_deref(),
        Some("`after`: it took more than 10ms of CPU time")
    );
    let outcome = after("loop { }", response(200, "", ""), STILL);
    assert!(!outcome.timed_out && outcome.error.unwrap().contains("operations"));
    let outcome = after("vars.page = 2;", response(200, "", ""), clock);
    assert_eq!((outcome.timed_out, outcome.error), (false, None));
}

#[test]
fn script_functions_bound_their_strings() {
    let long = "a".repeat(64 * 1024);
    let error = |code: &str, body: &str| {
        let outcome = after(code, response(200, "", body), STILL);
        outcome.error.unwrap_or_default()
    };
    for code in [
        "let text = response.body; text.replace(\"a\", response.body);",
        "let text = response.body; text.replace('a', response.body);",
        "let text = response.body; text += text;",
        "let text = \"\"; text.pad(100000, 'x');",
    ] {
        assert!(!error(code, &long).is_empty(), "{code}");
    }
    let message = error(
        "let text = response.body; text.replace(\"a\", \"bb\");",
        &long,
    );
    assert!(message.contains("131072 bytes"), "{message}");
    let checked = "let text = \"abab\"; text.replace(\"a\", \"c\"); text.replace('b', \"de\"); \
                   vars.check(text, text == \"cdecde\");";
    let outcome = after(checked, response(200, "", ""), STILL);
    assert_eq!(outcome.checks, [("cdecde".to_owned(), true)]);
}

#[test]
fn scripts_report_truncated_bodies() {
    let long = format!("\"{}\"", "\u{e9}".repeat(40 * 1024));
    let code =
        "vars.check(\"cut\", response.is_cut); vars.check(\"some\", response.body.len() > 30000);";
    let outcome = after(code, response(200, "", &long), STILL);
    let passed = |name: &str| (name.to_owned(), true);
    assert_eq!(outcome.checks, [passed("cut"), passed("some")]);
    let outcome = after("let json = response.json;", response(200, "", &long), STILL);
    let message = outcome.error.unwrap();
    assert!(
        message.contains("longer than the 65536 bytes") && message.contains("`capture`"),
        "{message}"
    );
    let outcome = after(code, response(200, "", "short"), STILL);
    assert_eq!(outcome.checks[0], ("cut".to_owned(), false));
}

#[test]
fn scripts_set_check_fail_and_choose() {
    use tenfold_scenarios::NextStep;
    let scenario = closed(SCRIPT);
    let script = scenario.requests[3].script.clone().unwrap();
    let mut variables = scenario.variables();
    assert_eq!(script.before(&mut variables, 1, STILL).error, None);
    assert_eq!(variables.get(scenario.variable("page").unwrap()), Some("2"));

    let body = r#"{"items":[{"id":"x7"}]}"#;
    let outcome = script.after(response(200, "", body), &mut variables, 1, STILL);
    assert_eq!(outcome.error, None);
    assert_eq!(outcome.checks, [("is whole".to_owned(), true)]);
    assert_eq!(outcome.next, Some(NextStep::Request(1)));
    assert_eq!(
        variables.get(scenario.variable("token").unwrap()),
        Some("x7")
    );

    let outcome = script.after(response(200, "stop", body), &mut variables, 1, STILL);
    assert_eq!(outcome.checks[1], ("stopped".to_owned(), false));
    assert_eq!((outcome.error, outcome.next), (None, None));

    let errors: Vec<String> = [
        (418, body),
        (419, body),
        (200, "no json"),
        (200, r#"{"items":[]}"#),
    ]
    .map(|(status, body)| {
        let outcome = script.after(response(status, "", body), &mut variables, 1, STILL);
        outcome.error.unwrap_or_default()
    })
    .to_vec();
    insta::assert_snapshot!(errors.join("\n"));
    assert_eq!(
        variables.get(scenario.variable("page").unwrap()),
        Some("2"),
        "they are given back"
    );
}

#[test]
fn reports_mistakes_with_position_and_advice() {
    let journey = |steps: &str| {
        scenario(
            "model = \"closed\"\nusers = 1",
            &format!("[[journeys]]\nname = \"j\"\nsteps = {steps}"),
        )
    };
    let open = |rest: &str| scenario("users = 1", rest);
    let check = |check: &str| {
        open(&format!(
            "[[requests]]\nname = \"d\"\nkind = \"read\"\npath = \"/\"\nchecks = [{check}]"
        ))
    };
    let script = |script: &str| {
        open(&format!(
            "[[requests]]\nname = \"d\"\nkind = \"read\"\npath = \"/\"\nscript = '''{script}'''"
        ))
    };
    let capture = |capture: &str| {
        open(&format!(
            "[[requests]]\nname = \"d\"\nkind = \"read\"\npath = \"/\"\ncapture = {{ id = {capture} }}"
        ))
    };
    let mistakes = [
        journey("[]"),
        journey("[\"aa\"]"),
        journey("[5]"),
        journey("[{ }]"),
        journey("[{ request = \"a\", steps = [\"b\"] }]"),
        journey("[{ reqest = \"a\" }]"),
        journey("[{ request = \"a\", if = \"tokn\" }]"),
        journey("[{ request = \"a\", else = [\"b\"] }]"),
        journey("[{ steps = [\"a\"], repeat = -1 }]"),
        journey("[{ steps = [\"a\"], repeat = 2, while = \"failed\" }]"),
        journey("[{ steps = [\"a\"], think = \"1s\" }]"),
        journey("[{ request = \"a\", think = { kind = \"exponential\", median = \"1s\" } }]"),
        journey(
            "[{ request = \"a\", think = { kind = \"log-normal\", median = \"2s\", p95 = \"1s\" } }]",
        ),
        check("{ }"),
        check("{ status = 200 }"),
        check("{ json = \"id\", exists = true }"),
        check("{ json = \"/id\" }"),
        check("{ json = \"/id\", exsts = true }"),
        check("{ jsn = \"/id\", exists = true }"),
        check("{ json = \"/id\", header = \"a\", exists = true }"),
        check("{ json = \"/id\", exists = true, equals = 1 }"),
        check("{ body_bytes = {} }"),
        check("{ sha256 = \"abc\" }"),
        check("{ body_contains = \"x\" }, { body_contains = \"x\" }"),
        script("fn before(vars) { "),
        script("fn before() { }"),
        script("let a = 1;"),
        script("import \"x\" as y; fn before(vars) { }"),
        open("[data.people]\nfile = \"people.txt\""),
        open("[data.people]\nfile = \"none.csv\""),
        open("[data.people]\nfile = \"people.csv\"\norder = \"rndom\""),
        open("[variables]\nkey = \"1\""),
        capture("{ }"),
        capture("{ form = \"json:/id\" }"),
        capture("{ from = \"json:/id\", optinal = true }"),
        capture("{ from = \"json:/id\", optional = 1 }"),
        capture("{ from = \"body:/id\" }"),
        capture("7"),
        open("[variables]\na = [1]"),
        open(
            "[[keys]]\nname = \"k\"\ncount = 5\n[[requests]]\nname = \"d\"\nkind = \"read\"\npath = \"/\"\nkeys = \"k\"",
        ),
    ];
    let messages: Vec<String> = mistakes
        .into_iter()
        .map(|mistake| mistake.err().unwrap_or_else(|| "accepted".to_owned()))
        .map(|message| message.replace(env!("CARGO_MANIFEST_DIR"), ""))
        .collect();
    insta::assert_snapshot!(messages.join("\n"));
}

#[test]
fn unset_variables_are_unset_everywhere() {
    let scenario = closed(
        "[variables]\npage = 1\n[[requests]]\nname = \"d\"\nkind = \"read\"\npath = \"/\"\n\
         headers = { x-page = \"p{page}\" }\n\
         capture = { id = { from = \"json:/id\", optional = true }, other = \"header:x-other\" }\n\
         [[journeys]]\nname = \"j\"\nsteps = [\"d\", { while = 'page != \"\"', steps = [\"a\"] }]",
    );
    let [id, other] = scenario.requests[3].captures.as_slice() else {
        panic!("two captures are read");
    };
    assert!(id.optional && !other.optional);
    assert_eq!(
        (id.name.as_str(), other.check_name().as_str()),
        ("id", "capture other")
    );
    let mut variables = scenario.variables();
    let mut walk = scenario.journey_walk(0).unwrap();
    walk.begin(&mut variables);
    let step = walk
        .next_step(&variables, LastResponse::default())
        .unwrap()
        .unwrap();
    let mut rendered = Rendered::default();
    let request = &scenario.requests[3];
    request
        .render(&step.draw, &variables, &mut rendered)
        .unwrap();
    assert_eq!(rendered.headers[0].1, "p1");
    variables.unset(scenario.variable("page").unwrap());
    variables.unset(usize::MAX);
    let error = request
        .render(&step.draw, &variables, &mut rendered)
        .unwrap_err();
    assert!(error.to_string().contains("{page}"), "{error}");
    assert_eq!(
        walk.next_step(&variables, LastResponse::default()),
        Ok(None)
    );
}

#[test]
fn rejects_special_files_without_opening_them() {
    let folder = tempfile::tempdir().unwrap();
    let fifo = folder.path().join("people.csv");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status();
    assert!(made.unwrap().success());
    let whole = |rest: &str, phase: &str| {
        format!(
            "version = 1\nname = \"x\"\n{phase}\nname = \"p\"\nduration = \"1s\"\n[[requests]]\n\
             name = \"r\"\nkind = \"read\"\npath = \"/\"\n{rest}"
        )
    };
    let steady = "[[phases]]\nkind = \"constant\"\nrate = \"1/s\"";
    std::os::unix::fs::symlink(&fifo, folder.path().join("s.rhai")).unwrap();
    for text in [
        whole("[data.people]\nfile = \"people.csv\"", steady),
        whole("", "[[phases]]\nkind = \"trace\"\nfile = \"people.csv\""),
        whole("script = \"s.rhai\"", steady),
    ] {
        let error = Scenario::parse(&text, &folder.path().join("x.toml")).unwrap_err();
        assert!(
            error
                .to_string()
                .contains("it is a named pipe; give a regular file"),
            "{error}"
        );
    }
}

#[test]
fn rejects_names_too_long_for_directories() {
    let text = format!("version = 1\nname = \"{}\"", "x".repeat(300));
    let error = Scenario::parse(&text, Path::new("x.toml")).unwrap_err();
    assert!(
        error.to_string().contains("300 bytes, more than 200"),
        "{error}"
    );
}
