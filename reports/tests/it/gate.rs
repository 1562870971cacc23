//! The report and the exports of a gate.

#![expect(
    clippy::unwrap_used,
    reason = "the lint does not recognise helpers of tests"
)]

use quick_xml::Reader;
use quick_xml::events::Event;
use serde_json::Value;
use tenfold_analysis::gate::{
    BadDay, Conclusion, GATE_VERSION, GateOutcome, MetricCalibration, Side,
};
use tenfold_analysis::synthetic::MadeUpGate;
use tenfold_reports::export::{Export, Subject, json};
use tenfold_reports::gate::formats::{GateExport, GateResults, GateSubject};
use tenfold_reports::gate::{Attachments, GateFlamegraphs, digest, page};
use tenfold_run_dir::Flamegraph;

/// Renders the short report as text, without colours.
fn terminal(outcome: &GateOutcome) -> String {
    digest(outcome, &Attachments::default()).terminal(false)
}

/// Exports an outcome and returns the text of the file.
fn exported(outcome: &GateOutcome, name: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let export: GateExport = name.parse().unwrap();
    let results = GateResults {
        outcome,
        attachments: &Attachments::default(),
        directory: directory.path(),
    };
    let files = export.write(&results).unwrap();
    std::fs::read_to_string(&files[0]).unwrap()
}

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

/// Returns an outcome whose names have the special characters of all formats.
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

fn attachments() -> Attachments {
    let svg = r#"<svg viewBox="0 0 100 90"><script>alert(2)</script>
        <title>feed::rank (391 samples, 19.55%; +8.95%)</title><rect x="0" y="0" width="40"/>
        <title>old (2 samples, 20.00%; -9.00%)</title><rect x="40" y="0" width="20"/></svg>"#;
    let svg = || Some(Flamegraph::Drawing(svg.to_owned()));
    Attachments {
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
fn renders_terminal() {
    insta::assert_snapshot!("terminal_slower", terminal(&slower()));
    insta::assert_snapshot!("terminal_better", terminal(&better()));
    insta::assert_snapshot!("terminal_noisy", terminal(&noisy()));
    insta::assert_snapshot!("terminal_died", terminal(&died()));
    insta::assert_snapshot!("terminal_differing", terminal(&differing()));
}

#[test]
fn renders_markdown() {
    insta::assert_snapshot!(
        "markdown_slower",
        digest(&slower(), &attachments()).markdown()
    );
    insta::assert_snapshot!(
        "markdown_leaking",
        digest(&leaking(), &Attachments::default()).markdown()
    );
}

#[test]
fn renders_junit_and_annotations() {
    insta::assert_snapshot!("junit_slower", exported(&slower(), "junit"));
    insta::assert_snapshot!("junit_noisy", exported(&noisy(), "junit"));
    insta::assert_snapshot!("junit_died", exported(&died(), "junit"));
    let annotations = every_kind();
    let annotations: Vec<String> = annotations
        .iter()
        .map(|outcome| exported(outcome, "github"))
        .collect();
    insta::assert_snapshot!("annotations", annotations.join("\n"));
}

#[test]
fn verdict_is_the_last_line_of_a_terminal() {
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
        let text = terminal(&outcome);
        let last = text.lines().last().unwrap();
        assert!(last.ends_with(&outcome.sentence), "{last}");
    }
}

#[test]
fn advisory_gates_fail_only_without_measurement() {
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
    let annotated = exported(&advisory(slower()), "github");
    assert!(!annotated.contains("::error"), "{annotated}");
    assert!(exported(&slower(), "github").starts_with("::error title=feed%3A Failed::"));
}

/// Returns whether two documents are equal, except for rounding of their numbers.
fn equal(one: &Value, other: &Value) -> bool {
    match (one, other) {
        (Value::Array(one), Value::Array(other)) => {
            one.len() == other.len() && one.iter().zip(other).all(|(a, b)| equal(a, b))
        }
        (Value::Object(one), Value::Object(other)) => {
            one.len() == other.len()
                && one
                    .iter()
                    .all(|(key, a)| other.get(key).is_some_and(|b| equal(a, b)))
        }
        (Value::Number(one), Value::Number(other)) => {
            let (a, b) = (one.as_f64().unwrap(), other.as_f64().unwrap());
            (a - b).abs() <= 1e-14 * a.abs()
        }
        _ => one == other,
    }
}

#[test]
fn gate_json_round_trips() {
    for outcome in every_kind().into_iter().chain([hostile()]) {
        let text = json::render(&outcome).unwrap();
        assert!(text.ends_with("}\n"));
        let back: GateOutcome = serde_json::from_str(&text).unwrap();
        let value = |outcome: &GateOutcome| serde_json::to_value(outcome).unwrap();
        assert!(equal(&value(&back), &value(&outcome)), "{text}");
        assert_eq!(back.version, GATE_VERSION);
    }
    // Unknown and missing fields are accepted, for other versions of Tenfold.
    let sparse: GateOutcome =
        serde_json::from_str(r#"{"version": 1, "verdict": "too_noisy", "new": 1}"#).unwrap();
    assert_eq!(sparse.verdict, Conclusion::TooNoisy);
}

#[test]
fn page_begins_with_the_verdict() {
    let page = page(&slower(), &attachments()).html();
    let body = page.find("<body>").unwrap();
    let order = [
        "Failed",
        "<h1>",
        "class=\"forest bad\"",
        "What to do next",
        ">Profiles and waits</h2>",
        "Appeared",
        "Vanished",
        ">Round by round</h2>",
        ">Responses</h2>",
        "Resident memory over time",
        ">Settings</h2>",
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
fn page_loads_nothing_and_runs_nothing() {
    let mut outcomes = every_kind();
    outcomes.push(hostile());
    for outcome in outcomes {
        let page = page(&outcome, &attachments()).html();
        for absent in [
            "<script ",
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
        // Its own, which the policy allows by its hash.
        assert_eq!(page.matches("<script").count(), 1, "{}", outcome.verdict);
        assert!(!page.contains("\"#01020"), "a placeholder colour remains");
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
fn describes_every_chart() {
    let page = page(&slower(), &attachments()).html();
    let charts = page.matches("<svg class=\"chart").count();
    assert_eq!(charts, 10, "four metrics and memory, wide and narrow");
    assert_eq!(page.matches("<svg class=\"flame\"").count(), 3);
    assert_eq!(page.matches("<desc id=").count(), charts + 3);
}

#[test]
fn escapes_text_of_the_scenario() {
    let outcome = hostile();
    let text = terminal(&outcome);
    assert!(!text.contains('\u{1b}'), "{text}");
    let text = digest(&outcome, &Attachments::default()).markdown();
    // Markdown does not interpret code: text between backticks, and lines of fenced blocks.
    let prose = text.split("```").step_by(2).collect::<String>();
    let prose = prose.replace("\\`", "");
    let outside: String = prose.split('`').step_by(2).collect();
    assert!(
        !outside.contains("<script>") && !text.contains('\u{1b}'),
        "{text}"
    );
    // Each row of the table of effects has eight cells.
    let table = text.split("| metric ").nth(1).unwrap();
    let rows = table.lines().skip(2);
    for row in rows.take_while(|line| line.starts_with('|')) {
        let bars = row.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 9, "{row}");
    }
    // Each line of the annotations is a single command.
    for line in exported(&outcome, "github").lines() {
        let levels = ["::error title=", "::warning title=", "::notice title="];
        assert!(levels.iter().any(|level| line.starts_with(level)), "{line}");
        assert_eq!(
            line.matches("::").count() - line.matches("::error::x").count() * 2,
            2,
            "{line}"
        );
    }
}

/// Counts the elements `testcase`, `failure`, `error` and `skipped`.
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
fn junit_counts_its_cases() {
    // The gate, three gated metrics, and the failures.
    for (outcome, counts) in [
        (MadeUpGate::default().play(), [5, 0, 0, 0]),
        (slower(), [5, 1, 0, 0]),
        (died(), [1, 0, 1, 0]),
        (differing(), [5, 0, 1, 4]),
        (leaking(), [5, 0, 1, 0]),
    ] {
        let xml = exported(&outcome, "junit");
        assert_eq!(counted(&xml), counts, "{xml}");
        let attributes = format!(
            "tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\"",
            counts[0], counts[1], counts[2], counts[3]
        );
        assert_eq!(xml.matches(&attributes).count(), 2, "{xml}");
    }
    let [_, _, _, skipped] = counted(&exported(&noisy(), "junit"));
    assert!(skipped >= 2);
    counted(&exported(&hostile(), "junit"));
}

#[test]
fn writes_every_format() {
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
    let attachments = attachments();
    let results = GateResults {
        outcome: &outcome,
        attachments: &attachments,
        directory: directory.path(),
    };
    for format in GateSubject::FORMATS {
        let files = Export::new(format).write(&results).unwrap();
        assert_eq!(files, [directory.path().join(format.default_file)]);
        assert!(std::fs::metadata(&files[0]).unwrap().len() > 100);
    }
    let page = std::fs::read_to_string(directory.path().join("report.html")).unwrap();
    assert!(page.contains("The baseline against itself"));
}

#[test]
fn reads_flamegraphs_of_its_directory_only() {
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
    let read = Attachments::read(&inner, &outcome).flamegraphs;
    let stacks = Flamegraph::Stacks("main 1\n".parse().unwrap());
    assert_eq!(read.candidate, Some(stacks));
    let drawing = Flamegraph::Drawing("<svg/>".to_owned());
    assert_eq!(read.difference_reversed, Some(drawing));
    assert_eq!((read.baseline, read.difference), (None, None));
}

/// Returns an example of `docs/gate.md`.
fn documented(number: usize) -> String {
    let page =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/gate.md")).unwrap();
    let block = page.split("```json\n").nth(number + 1).unwrap();
    block.split("```").next().unwrap().to_owned()
}

#[test]
fn documentation_matches() {
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
    // The documentation has every field of the outcome.
    let fields = serde_json::to_value(GateOutcome::default()).unwrap();
    for field in fields.as_object().unwrap().keys() {
        assert!(page.contains(&format!("`{field}`")), "{field}");
    }
}

#[test]
fn exports_round_trip() {
    for format in GateSubject::FORMATS {
        for file in [None, Some("a dir/x=y.txt".into()), Some("-".into())] {
            let export = GateExport { format, file };
            assert!(!export.is_to_standard_output());
            assert_eq!(export.to_string().parse::<GateExport>().unwrap(), export);
        }
    }
}

#[test]
fn suggests_the_nearest_format() {
    let error = |text: &str| text.parse::<GateExport>().unwrap_err().to_string();
    assert_eq!(
        error("githb"),
        "there is no export `githb`; did you mean `github`?"
    );
    assert!(error("parquet").ends_with("one of json, html, markdown, junit, github, text"));
    assert!(error("junit=").contains("junit=FILE"));
}
