//! What came of a gate, in every format, as a person and as other tools read it.

#![expect(
    clippy::unwrap_used,
    reason = "helpers of tests are not functions marked as tests"
)]

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use tenfold_analysis::gate::{
    BadDay, Conclusion, GATE_VERSION, GateOutcome, MetricCalibration, Side,
};
use tenfold_analysis::synthetic::MadeUpGate;
use tenfold_reports::gate::{
    Beside, Export, Format, GateFlamegraphs, github, html, json, junit, markdown, terminal,
};
use tenfold_run_dir::Flamegraph;

fn slower() -> GateOutcome {
    let made_up = MadeUpGate {
        cpu: 0.09,
        latency: 0.002,
        ..MadeUpGate::default()
    };
    GateOutcome {
        cause: Some(made_up.cause()),
        remarks: vec!["the machine is shared: 3.1% of its time went to other machines".to_owned()],
        ..made_up.play()
    }
    .concluded()
}

fn better() -> GateOutcome {
    MadeUpGate {
        cpu: -0.12,
        latency: -0.09,
        ..MadeUpGate::default()
    }
    .play()
}

fn noisy() -> GateOutcome {
    MadeUpGate {
        noise: 0.15,
        rounds: 40,
        ..MadeUpGate::default()
    }
    .play()
}

fn with_bad_day(day: BadDay) -> GateOutcome {
    GateOutcome {
        bad_days: vec![day],
        ..MadeUpGate::default().play()
    }
    .concluded()
}

fn died() -> GateOutcome {
    GateOutcome {
        decision: None,
        ..with_bad_day(BadDay::Died {
            side: Side::Candidate,
            after_s: 3.21,
            status: "signal 11".to_owned(),
            last_lines: vec!["thread 'main' panicked at src/feed.rs:9".to_owned()],
        })
    }
    .concluded()
}

fn differing() -> GateOutcome {
    let made_up = MadeUpGate::default();
    GateOutcome {
        answers: Some(made_up.answers(41, 7)),
        ..with_bad_day(BadDay::AnswersDiffer {
            compared: 14_000,
            statuses_differ: 41,
            bodies_differ: 7,
            requests: vec!["read feed".to_owned()],
        })
    }
}

fn leaking() -> GateOutcome {
    GateOutcome {
        bad_days: vec![BadDay::Leaked {
            side: Side::Candidate,
            mib_per_min: 84.2,
            from_mib: 41.5,
            to_mib: 61.0,
        }],
        ..MadeUpGate {
            leak_mib_per_min: 84.2,
            ..MadeUpGate::default()
        }
        .play()
    }
    .concluded()
}

fn every_kind() -> Vec<GateOutcome> {
    let passed = MadeUpGate::default().play();
    let nothing = GateOutcome::default().concluded();
    vec![
        passed,
        slower(),
        better(),
        noisy(),
        died(),
        differing(),
        leaking(),
        nothing,
    ]
}

/// An outcome whose names have all that a format could take for its own.
fn hostile() -> GateOutcome {
    let hostile =
        "</title></style></pre><script>alert(1)</script>\"'><b>|`\u{1b}[2J\r\n::error::x,y:z%";
    let text = || hostile.to_owned();
    let mut outcome = slower();
    outcome.scenario = text();
    outcome.machine = text();
    outcome.tool = text();
    outcome.remarks = vec![text()];
    for build in [&mut outcome.builds.baseline, &mut outcome.builds.candidate] {
        build.label = text();
        build.given = text();
        build.revision = Some(text());
        build.command = Some(text());
    }
    let decision = outcome.decision.as_mut().unwrap();
    for result in &mut decision.metrics {
        let name = std::mem::replace(&mut result.metric.name, format!("{hostile}{}", 1));
        result.metric.unit = text();
        result.metric.not_gated_because = Some(text());
        result.reason = text();
        for round in &mut outcome.rounds {
            if let Some(pair) = round.metrics.remove(&name) {
                round.metrics.insert(result.metric.name.clone(), pair);
            }
        }
    }
    let answers = outcome.answers.as_mut().unwrap();
    answers.statuses_differ = 1;
    answers.ignored = vec![text()];
    answers.requests[0].request = text();
    answers.requests[0].statuses_differ = 1;
    answers.requests[0].examples = MadeUpGate::default().answers(1, 1).requests[0]
        .examples
        .clone();
    answers.requests[0].examples[0].sent = text();
    answers.requests[0].examples[0].candidate.excerpt = text();
    let cause = outcome.cause.as_mut().unwrap();
    cause.remarks = vec![text()];
    cause.functions[0].name = text();
    cause.waits[0].name = text();
    cause.flamegraphs.difference = Some("javascript:alert(1)".to_owned());
    cause.flamegraphs.candidate = Some("../../x.svg".to_owned());
    outcome.bad_days = vec![
        BadDay::Died {
            side: Side::Baseline,
            after_s: 1.0,
            status: text(),
            last_lines: vec![text()],
        },
        BadDay::DidNotStart {
            side: Side::Candidate,
            reason: text(),
            last_lines: vec![text()],
        },
    ];
    outcome.concluded()
}

fn beside() -> Beside {
    let svg = r#"<svg viewBox="0 0 100 90"><script>alert(2)</script>
        <title>feed::rank (391 samples, 19.55%; +8.95%)</title><rect x="0" y="0" width="40"/>
        <title>old (2 samples, 20.00%; -9.00%)</title><rect x="40" y="0" width="20"/></svg>"#;
    let svg = || Some(Flamegraph::Drawing(svg.to_owned()));
    Beside {
        report: Some("https://ci.example/1?a=<b>".to_owned()),
        flamegraphs: GateFlamegraphs {
            baseline: None,
            candidate: svg(),
            difference: svg(),
            difference_reversed: svg(),
        },
    }
}

#[test]
fn the_terminal_reads_well() {
    insta::assert_snapshot!("terminal_slower", terminal::render(&slower(), false));
    insta::assert_snapshot!("terminal_better", terminal::render(&better(), false));
    insta::assert_snapshot!("terminal_noisy", terminal::render(&noisy(), false));
    insta::assert_snapshot!("terminal_died", terminal::render(&died(), false));
    insta::assert_snapshot!("terminal_differing", terminal::render(&differing(), false));
}

#[test]
fn the_markdown_reads_well() {
    insta::assert_snapshot!("markdown_slower", markdown::render(&slower(), &beside()));
    insta::assert_snapshot!(
        "markdown_leaking",
        markdown::render(&leaking(), &Beside::default())
    );
}

#[test]
fn the_other_texts_read_well() {
    insta::assert_snapshot!("junit_slower", junit::render(&slower()).unwrap());
    insta::assert_snapshot!("junit_noisy", junit::render(&noisy()).unwrap());
    insta::assert_snapshot!("junit_died", junit::render(&died()).unwrap());
    let annotations = every_kind().iter().map(github::render).collect::<Vec<_>>();
    insta::assert_snapshot!("annotations", annotations.join("\n"));
}

#[test]
fn the_verdict_is_the_last_line_of_a_terminal_and_names_the_exit_code_in_json() {
    for (outcome, conclusion, code) in [
        (MadeUpGate::default().play(), Conclusion::Pass, 0),
        (slower(), Conclusion::Fail, 99),
        (better(), Conclusion::Pass, 0),
        (noisy(), Conclusion::Inconclusive, 121),
        (died(), Conclusion::Died, 107),
        (differing(), Conclusion::AnswersDiffer, 99),
        (leaking(), Conclusion::Leaked, 99),
    ] {
        assert_eq!(
            (outcome.verdict, outcome.exit_code),
            (conclusion, code),
            "{}",
            outcome.sentence
        );
        let text = terminal::render(&outcome, false);
        let last = text.lines().last().unwrap();
        assert!(last.ends_with(&outcome.sentence), "{last}");
    }
}

#[test]
fn advice_fails_nothing_but_a_gate_that_measures_nothing() {
    let advisory = |outcome: GateOutcome| {
        GateOutcome {
            advisory: true,
            ..outcome
        }
        .concluded()
    };
    for (outcome, code) in [(slower(), 0), (noisy(), 0), (leaking(), 0), (died(), 107)] {
        assert_eq!(advisory(outcome).exit_code, code);
    }
    let annotated = github::render(&advisory(slower()));
    assert!(!annotated.contains("::error"), "{annotated}");
    assert!(github::render(&slower()).starts_with("::error title=feed%3A Failed::"));
}

/// Whether two documents are the same, but for the last bit of their numbers.
fn alike(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| alike(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, a)| other.get(key).is_some_and(|b| alike(a, b)))
        }
        (Value::Number(one), Value::Number(other)) => {
            let (a, b) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (a - b).abs() <= 1e-14 * a.abs()
        }
        _ => one == other,
    }
}

#[test]
fn gate_json_reads_back() {
    for outcome in every_kind().into_iter().chain([hostile()]) {
        let text = json::render(&outcome).unwrap();
        assert!(text.ends_with("}\n"));
        let back: GateOutcome = serde_json::from_str(&text).unwrap();
        let value = |outcome: &GateOutcome| serde_json::to_value(outcome).unwrap();
        assert!(alike(&value(&back), &value(&outcome)), "{text}");
        assert_eq!(back.version, GATE_VERSION);
    }
    // What a later tenfold adds, or an earlier one did not know, is no error.
    let sparse: GateOutcome =
        serde_json::from_str(r#"{"version": 1, "verdict": "too_noisy", "new": 1}"#).unwrap();
    assert_eq!(sparse.verdict, Conclusion::TooNoisy);
}

#[test]
fn the_page_begins_with_the_answer() {
    let page = html::render(&slower(), &beside());
    let body = page.find("<body>").unwrap();
    let order = [
        "Failed",
        "<h1>",
        "class=\"forest bad\"",
        "What to do next",
        "What changed inside",
        "What appeared",
        "What vanished",
        "Round by round",
        "The same answers",
        "Resident memory over time",
        "What was asked",
        "How to read this",
    ];
    let places: Vec<usize> = order
        .iter()
        .map(|text| page[body..].find(text).unwrap_or_else(|| panic!("{text}")))
        .collect();
    assert!(
        places.windows(2).all(|pair| pair[0] < pair[1]),
        "{places:?}"
    );
    assert!(page.contains("grew3") && page.contains("shrank3"));
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let mut outcomes = every_kind();
    outcomes.push(hostile());
    for outcome in outcomes {
        let page = html::render(&outcome, &beside());
        for absent in [
            "<script",
            "<img",
            "@import",
            "url(",
            "src=",
            "onload",
            "<b>",
            "href=\"java",
            "../",
        ] {
            assert!(!page.contains(absent), "{absent}: {}", outcome.verdict);
        }
        assert!(!page.contains("\"#01020"), "a stand-in colour was left");
        assert!(!page.contains("NaN"), "{}", outcome.verdict);
        let mut ids: Vec<&str> = page
            .split(" id=\"")
            .skip(1)
            .filter_map(|rest| rest.split('"').next())
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all, "{}", outcome.verdict);
    }
}

#[test]
fn every_chart_is_described() {
    let page = html::render(&slower(), &beside());
    let charts = page.matches("<svg class=\"chart").count();
    assert_eq!(charts, 10, "four metrics and memory, wide and narrow");
    assert_eq!(page.matches("<svg class=\"flame\"").count(), 3);
    assert_eq!(page.matches("<desc id=").count(), charts + 3);
}

#[test]
fn what_a_scenario_says_stays_text() {
    let outcome = hostile();
    let text = terminal::render(&outcome, false);
    assert!(!text.contains('\u{1b}'), "{text}");
    let text = markdown::render(&outcome, &Beside::default());
    // Between fences of two backticks nothing is markup; nowhere else may it be.
    let outside: String = text.split("``").step_by(2).collect();
    assert!(
        !outside.contains("<script>") && !text.contains('\u{1b}'),
        "{text}"
    );
    // Each row of the table of effects has its seven cells.
    let rows = text
        .lines()
        .filter(|line| line.starts_with('|') && line.contains("**"));
    for row in rows {
        let bars = row.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 8, "{row}");
    }
    // A line of annotations is a command and nothing else.
    for line in github::render(&outcome).lines() {
        let levels = ["::error title=", "::warning title=", "::notice title="];
        assert!(levels.iter().any(|level| line.starts_with(level)), "{line}");
        assert_eq!(
            line.matches("::").count() - line.matches("::error::x").count() * 2,
            2,
            "{line}"
        );
    }
}

/// Counts of `testcase`, `failure`, `error` and `skipped` elements.
fn counted(xml: &str) -> [usize; 4] {
    let mut reader = Reader::from_str(xml);
    let mut counts = [0; 4];
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => {
                let names: [&[u8]; 4] = [b"testcase", b"failure", b"error", b"skipped"];
                let name = element.name();
                if let Some(place) = names.iter().position(|other| *other == name.as_ref()) {
                    counts[place] += 1;
                }
            }
            Event::Eof => return counts,
            _ => {}
        }
    }
}

#[test]
fn junit_counts_what_it_holds() {
    // The gate, three gated metrics, and failures.
    for (outcome, counts) in [
        (MadeUpGate::default().play(), [5, 0, 0, 0]),
        (slower(), [5, 1, 0, 0]),
        (died(), [1, 0, 1, 0]),
        (differing(), [5, 0, 1, 4]),
        (leaking(), [5, 0, 1, 0]),
    ] {
        let xml = junit::render(&outcome).unwrap();
        assert_eq!(counted(&xml), counts, "{xml}");
        let told = format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
            counts[0], counts[1], counts[2], counts[3]
        );
        assert_eq!(xml.matches(&told).count(), 2, "{xml}");
    }
    let [_, _, _, skipped] = counted(&junit::render(&noisy()).unwrap());
    assert!(skipped >= 2);
    counted(&junit::render(&hostile()).unwrap());
}

#[test]
fn every_format_is_written_whole() {
    let directory = tempfile::tempdir().unwrap();
    let outcome = GateOutcome {
        calibration: Some(tenfold_analysis::gate::Calibration {
            at: "2026-03-01T11:00:00Z".to_owned(),
            rounds: 40,
            metrics: vec![MetricCalibration {
                name: "p99 latency".to_owned(),
                count: 40,
                noise: Some(0.12),
                serial_inflation: 1.0,
                bias: None,
                smallest_detectable: Some(0.081),
                rounds_needed: Some(104),
                gated: false,
                reason: Some("40 rounds see 8.10% at best".to_owned()),
            }],
        }),
        ..slower()
    };
    for format in Format::ALL {
        let export = Export { format, file: None };
        let file = export.write(&outcome, &beside(), directory.path()).unwrap();
        assert_eq!(file, directory.path().join(format.default_file()));
        assert!(std::fs::metadata(file).unwrap().len() > 100);
    }
    let page = std::fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(page.contains("The baseline against itself"));
}

#[test]
fn flamegraphs_are_read_from_beside_the_outcome_only() {
    let directory = tempfile::tempdir().unwrap();
    let inner = directory.path().join("inner");
    std::fs::create_dir(&inner).unwrap();
    std::fs::write(inner.join("candidate.folded"), "main 1\n").unwrap();
    std::fs::write(inner.join("reversed.svg"), "<svg/>").unwrap();
    std::fs::write(directory.path().join("outer.svg"), "<svg/>").unwrap();
    let mut outcome = slower();
    let named = &mut outcome.cause.as_mut().unwrap().flamegraphs;
    named.candidate = Some("candidate.folded".to_owned());
    named.baseline = Some("../outer.svg".to_owned());
    named.difference = Some("missing.svg".to_owned());
    named.difference_reversed = Some("reversed.svg".to_owned());
    let read = Beside::read(&inner, &outcome).flamegraphs;
    let stacks = Flamegraph::Stacks("main 1\n".parse().unwrap());
    assert_eq!(read.candidate, Some(stacks));
    let drawing = Flamegraph::Drawing("<svg/>".to_owned());
    assert_eq!(read.difference_reversed, Some(drawing));
    assert_eq!((read.baseline, read.difference), (None, None));
}

/// The blocks of `docs/gate.md`, which a reader would copy.
fn documented(number: usize) -> String {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gate.md")).unwrap();
    let block = page.split("```json\n").nth(number + 1).unwrap();
    block.split("```").next().unwrap().to_owned()
}

#[test]
fn the_documentation_is_true() {
    let outcome: GateOutcome = serde_json::from_str(&documented(0)).unwrap();
    assert_eq!(outcome.clone().concluded().verdict, outcome.verdict);
    assert_eq!(outcome.clone().concluded().exit_code, outcome.exit_code);
    let history = tenfold_analysis::history::parse(&documented(1));
    assert_eq!((history.entries.len(), history.problems.len()), (1, 0));
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gate.md")).unwrap();
    let rows: Vec<String> = Conclusion::BY_GRAVITY
        .iter()
        .map(|verdict| format!("| `{verdict}` | {} |", verdict.exit_code(false)))
        .collect();
    let places: Vec<Option<usize>> = rows.iter().map(|row| page.find(row)).collect();
    assert!(places.iter().all(Option::is_some), "{rows:?}: {places:?}");
    assert!(
        places.windows(2).all(|pair| pair[0] < pair[1]),
        "{places:?}"
    );
    // Every field of the outcome is told.
    let fields = serde_json::to_value(GateOutcome::default()).unwrap();
    for field in fields.as_object().unwrap().keys() {
        assert!(page.contains(&format!("`{field}`")), "{field}");
    }
}
