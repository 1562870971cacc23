//! The report of a run: complete, self-contained, and escaped.

use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{Summary, compare, summarise};
use tenfold_reports::comparison::comparison;
use tenfold_reports::export::json;
use tenfold_reports::run::{digest, page};
use tenfold_run_dir::off_cpu::OffCpuMethod;
use tenfold_run_dir::{Checkpoint, Flamegraph, FoldedStacks, IntervalFold, Run};

use crate::support::waits;

fn small() -> MadeUp {
    MadeUp {
        traffic: Traffic {
            per_second: 400.0,
            peak_per_second: 400.0,
            warm_up_s: 1,
            counted_s: 8,
            even: false,
        },
        rules: vec!["p99 < 250ms for reads".to_owned(), "rate > 99%".to_owned()],
        ..MadeUp::default()
    }
}

fn rendered(run: &Run) -> (Summary, String) {
    let summary = summarise(run);
    let page = page(run, &summary).html();
    (summary, page)
}

#[test]
fn page_begins_with_the_verdict() {
    let (summary, page) = rendered(&small().play());
    let order = [
        "Objectives met",
        "<h1>",
        "Achieved rate",
        "What to do next",
        "Findings</h2>",
        "Phases</h2>",
        "Latency by percentile</h2>",
        "Response time over time</h2>",
        "Offered and achieved rate</h2>",
        "Response time and lag</h2>",
        "Reads and writes</h2>",
        ">Requests</h2>",
        "Requests in flight</h2>",
        "Processors in use</h2>",
        "Metrics of the service</h2>",
        "Hot keys</h2>",
        ">CPU profile</h2>",
        "Consistency checks</h2>",
        "Repeat the run</h2>",
    ];
    // The title and the style precede the body.
    let body = page.find("<body>").unwrap();
    let places: Vec<usize> = order
        .iter()
        .map(|text| page[body..].find(text).unwrap_or_else(|| panic!("{text}")))
        .collect();
    assert!(
        places.windows(2).all(|pair| pair[0] < pair[1]),
        "{places:?}"
    );
    assert!(page.contains("tenfold run scenarios/uneven.toml -d 60s --seed 42"));
    assert!(page.contains("472 / 481"));
    assert!(summary.verdict.reasons.is_empty());
}

#[test]
fn page_loads_nothing_and_runs_its_own_script_only() {
    let (_, page) = rendered(&small().play());
    assert_eq!(page.matches("<script").count(), 1);
    for absent in [
        "<script ",
        "<img",
        "<link rel=\"stylesheet",
        "@import",
        "url(",
        "src=",
        "onload",
        "onclick",
    ] {
        assert!(!page.contains(absent), "{absent}");
    }
    // The only addresses are text: those of the target and of the profile's source, and a name in the script.
    let addresses = page.matches("http").count();
    let known = page.matches("http://127.0.0.1:").count()
        + page.matches("http-equiv").count()
        + page.matches("http://www.w3.org/2000/svg'").count()
        + page.matches("http_requests_total").count();
    assert_eq!(addresses, known);
}

#[test]
fn describes_every_chart() {
    let (_, page) = rendered(&small().play());
    let charts = page.matches("<svg class=\"chart").count();
    // Eight that every run has, and a curve for each of four requests.
    assert!(charts >= 2 * 12 && charts.is_multiple_of(2), "{charts}");
    assert_eq!(page.matches("<desc id=").count(), charts);
    assert!(page.matches("Table of these figures").count() >= charts / 2);
    // A page shows values at the rows of the table behind each chart.
    assert_eq!(page.matches(" data-at=\"").count(), charts);
    // The colours are variables of the style, which has a dark mode.
    assert!(!page.contains("\"#01020"), "a placeholder colour remains");
    assert!(page.contains("stroke=\"var(--response)\""));
}

#[test]
fn ids_are_unique() {
    let (_, page) = rendered(&small().play());
    let mut ids: Vec<&str> = page
        .split(" id=\"")
        .skip(1)
        .filter_map(|rest| rest.split('"').next())
        .collect();
    let all = ids.len();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), all);
}

#[test]
fn escapes_text_of_the_scenario() {
    let hostile = "</title></style></pre><script>alert(1)</script>\"'><b>";
    let mut run = MadeUp {
        names: vec![hostile.to_owned(), hostile.to_owned()],
        rules: vec![hostile.to_owned()],
        ..small()
    }
    .play();
    run.manifest.scenario = hostile.to_owned();
    run.manifest.scenario_text = hostile.to_owned();
    run.manifest.target = hostile.to_owned();
    run.manifest.stage = Some(hostile.to_owned());
    run.manifest.command = vec![hostile.to_owned()];
    run.manifest.phases[0].name = hostile.to_owned();
    run.manifest.key_spaces[0].name = hostile.to_owned();
    run.manifest.key_spaces[0].popularity = hostile.to_owned();
    run.manifest.host.cpu = hostile.to_owned();
    run.counts.interrupted = Some(hostile.to_owned());
    run.counts.phases[1][0]
        .failures
        .insert(hostile.to_owned(), 1);
    if let Some(profile) = &mut run.profile {
        profile.source = hostile.to_owned();
    }
    let mut stacks = FoldedStacks::default();
    stacks.add(["main", hostile], 1);
    let mut off_cpu = waits();
    off_cpu.info.source = hostile.to_owned();
    off_cpu.info.limits = vec![hostile.to_owned()];
    off_cpu.stacks.add(["main", hostile], 1_000_000_000);
    run.off_cpu = Some(off_cpu);
    run.flamegraph = Some(Flamegraph::Stacks(stacks));
    let (_, page) = rendered(&run);
    let comparison = comparison(&compare(&[run.clone(), run])).html();
    for page in [page, comparison] {
        assert_eq!(page.matches("<script").count(), 1);
        assert!(!page.contains("<b>"));
    }
}

#[test]
fn shows_waits_apart_from_cpu() {
    let mut run = small().play();
    run.flamegraph = Some(Flamegraph::Stacks("main;work 5\n".parse().unwrap()));
    let (_, page) = rendered(&run);
    assert!(!page.contains("Time off the CPU"), "no waits, no section");
    run.off_cpu = Some(waits());
    let (_, page) = rendered(&run);
    for part in [
        "1,190 of 1,200 waits have a stack; 2 more were lost. 4 threads, 10.0 s from second 20.0.",
        "<code>process 7 (app), by perf events</code>",
        "threads that could run waited 50.0 ms for a CPU",
        "1 thread ended meanwhile",
        "Width counts the time that threads waited, not CPU time: 4.00 s in all.",
        "Idle waits, 36.0 s in all, are left out",
        "[blocked: disk] (3.00 s, 75.00%; self 75.00%)",
    ] {
        assert!(page.contains(part), "{part}");
    }
    let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("{text}"));
    let (cpu, waits) = (at("id=\"flame-t\""), at("id=\"flame-off-cpu-t\""));
    assert!(cpu < at("Time off the CPU</h2>") && at("Time off the CPU</h2>") < waits);
    assert!(
        page[cpu..waits].contains("class=\"f") && !page[cpu..waits].contains("<rect class=\"w")
    );
    assert!(
        page[waits..].contains("<rect class=\"w") && !page[waits..].contains("[idle: events] (")
    );
}

#[test]
fn says_if_threads_waited_for_work_only() {
    let mut run = small().play();
    let mut waits = waits();
    waits.info.method = OffCpuMethod::States;
    waits.stacks = "pool;[idle: events] 36000000000\n".parse().unwrap();
    run.off_cpu = Some(waits);
    let (_, page) = rendered(&run);
    assert!(page.contains("Threads waited for work only"));
    assert!(page.contains("Threads were seen waiting 1,200 times") && page.contains("times seen"));
    assert!(!page.contains("flame-off-cpu"));
}

#[test]
fn renders_an_empty_run() {
    let mut run = small().play();
    run.timeline.rows.clear();
    run.latencies = IntervalFold::over(&run.timeline);
    run.host.samples.clear();
    run.counts = Default::default();
    run.manifest.phases.clear();
    run.manifest.requests.clear();
    run.profile = None;
    let (summary, page) = rendered(&run);
    assert!(page.contains("Invalid measurement") && page.contains("Nothing was measured"));
    assert!(page.contains("No profile was captured"));
    assert!(
        digest(&summary)
            .terminal(true)
            .contains("measurement invalid")
    );
    comparison(&compare(&[])).html();
}

#[test]
fn renders_terminal() {
    let mut run = MadeUp {
        failing: 0.01,
        ..small()
    }
    .play();
    run.manifest.tool.build = "debug".to_owned();
    insta::assert_snapshot!(digest(&summarise(&run)).terminal(false));
}

#[test]
fn early_end_is_named_in_every_form() {
    let mut run = small().play();
    run.counts.interrupted = Some("interrupted".to_owned());
    let (summary, page) = rendered(&run);
    let digest = digest(&summary);
    assert!(
        digest
            .terminal(false)
            .contains("\n  ended early: interrupted\n")
    );
    assert!(digest.markdown().contains("Ended early: interrupted."));
    assert!(page.contains("ended early: interrupted"));
}

#[test]
fn reason_for_an_early_end_is_not_repeated() {
    let mut run = small().play();
    let checkpoint = Checkpoint {
        at_ns: 1_000_000_000,
        not_sent: 0,
        log_bytes: None,
    };
    let reason = checkpoint.description();
    run.counts.interrupted = Some(reason.clone());
    run.counts.checkpoint = Some(checkpoint);
    let text = digest(&summarise(&run)).terminal(false);
    assert_eq!(text.matches(&reason).count(), 1, "{text}");
}

#[test]
fn verdict_is_the_last_line() {
    let text = digest(&summarise(&small().play())).terminal(false);
    assert!(
        text.lines()
            .last()
            .is_some_and(|line| line.starts_with("measurement valid, slo met: "))
    );
    assert!(!text.contains('\u{1b}'));
    assert!(
        digest(&summarise(&small().play()))
            .terminal(true)
            .contains("\u{1b}[32m")
    );
}

#[test]
fn removes_control_characters() {
    let run = MadeUp {
        names: vec!["a\u{1b}[2Jb".to_owned(), "c".to_owned()],
        ..small()
    }
    .play();
    assert!(!digest(&summarise(&run)).terminal(false).contains('\u{1b}'));
}

#[test]
fn compares_runs() {
    let runs = [small().play(), MadeUp { seed: 7, ..small() }.play()];
    let document = comparison(&compare(&runs));
    let text = document.terminal(false);
    assert!(
        text.contains("response p99") && text.contains("Different settings"),
        "{text}"
    );
    let seeds = text
        .lines()
        .find(|line| line.trim_start().starts_with("seed"));
    let seeds: Vec<&str> = seeds.unwrap().split_whitespace().collect();
    assert_eq!(seeds, ["seed", "42", "7"]);
    assert!(document.html().contains("Different settings"));
}

#[test]
fn json_is_the_summary() {
    let summary = summarise(&small().play());
    let text = json::render(&summary).unwrap();
    assert!(text.ends_with("}\n"));
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(document["arrivals"]["planned"], summary.arrivals.planned);
    assert_eq!(
        document["latency_ns"]["response"]["p999"],
        serde_json::Value::Null
    );
}

#[test]
fn verdict_names_what_the_objectives_leave_open() {
    let verdict = |rules: &[&str]| {
        let run = MadeUp {
            traffic: Traffic {
                per_second: 300.0,
                peak_per_second: 300.0,
                warm_up_s: 1,
                counted_s: 10,
                even: true,
            },
            workers: None,
            work_ns: 10_000_000,
            work_sigma: 0.0,
            lag_ns: 0,
            rules: rules.iter().map(|rule| (*rule).to_owned()).collect(),
            ..MadeUp::default()
        };
        let summary = summarise(&run.play());
        let document = digest(&summary);
        format!("{}: {}", document.verdict.unwrap().badge, document.title)
    };
    let verdicts = [
        verdict(&["p50 < 60ms", "errors < 1%"]),
        verdict(&["p50 < 20ms", "errors < 1%"]),
        verdict(&["p50 < 11ms for \"read feed\"", "errors < 1%"]),
        verdict(&["p50 < 11ms for reads"]),
        verdict(&["errors < 1%"]),
        verdict(&["p50 < 9ms for reads"]),
        verdict(&[]),
    ];
    insta::assert_snapshot!(verdicts.join("\n"));
}
