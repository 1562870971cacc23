//! The exports of a run, parsed by independent parsers if they are installed.

#![expect(
    clippy::unwrap_used,
    reason = "the lint does not recognise helpers of tests"
)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

use quick_xml::Reader;
use quick_xml::events::Event;
use tempfile::TempDir;
use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{Summary, summarise};
use tenfold_reports::export::{Format, Subject};
use tenfold_reports::run::digest;
use tenfold_reports::run::formats::{RunExport, RunResults, RunSubject};
use tenfold_run_dir::{IntervalFold, IntervalHistogram, Run, RunDir};

use crate::support::skip;

fn small() -> MadeUp {
    MadeUp {
        traffic: Traffic {
            per_second: 400.0,
            peak_per_second: 400.0,
            warm_up_s: 1,
            counted_s: 8,
            even: false,
        },
        failing: 0.01,
        rules: vec![
            "p99 < 250ms for reads".to_owned(),
            "errors < 0.1%".to_owned(),
            "p99.9 < 1s for writes".to_owned(),
        ],
        ..MadeUp::default()
    }
}

fn played() -> (Run, Summary) {
    let run = small().play();
    let summary = summarise(&run);
    (run, summary)
}

/// Writes the interval log of a run into a temporary directory.
fn record(run: &mut Run, log: &[IntervalHistogram]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    run.path = directory.path().to_owned();
    let run_dir = RunDir::open(&run.path);
    let mut written = run_dir.interval_log(SystemTime::UNIX_EPOCH).unwrap();
    for interval in log {
        written.append_interval(interval).unwrap();
    }
    written.flush().unwrap();
    directory
}

/// Names with the special characters of all formats.
fn hostile() -> MadeUp {
    MadeUp {
        names: ["a|b,\"c\"\n<script>\\", "]]>&\u{1b}[2J", "`x` _y_"]
            .map(str::to_owned)
            .to_vec(),
        ..small()
    }
}

fn hostile_results() -> (Run, Summary) {
    let mut run = hostile().play();
    run.manifest.scenario = HOSTILE_SCENARIO.to_owned();
    let summary = summarise(&run);
    (run, summary)
}

const HOSTILE_SCENARIO: &str = "<b>&\"'\u{0}";

const FORMATS: &[Format<RunSubject>] = RunSubject::FORMATS;

fn format(name: &str) -> &'static Format<RunSubject> {
    FORMATS.iter().find(|format| format.name == name).unwrap()
}

fn export(
    run: &Run,
    summary: &Summary,
    format: &'static Format<RunSubject>,
    directory: &Path,
) -> Vec<PathBuf> {
    let file = Some(directory.join(format.default_file));
    let export = RunExport { format, file };
    export.write(&RunResults { run, summary }).unwrap()
}

/// Exports a run and returns the text of the file.
fn exported(run: &Run, summary: &Summary, name: &str) -> String {
    let directory = tempfile::tempdir().unwrap();
    let files = export(run, summary, format(name), directory.path());
    std::fs::read_to_string(&files[0]).unwrap()
}

#[test]
fn writes_every_format_and_nothing_else() {
    let directory = tempfile::tempdir().unwrap();
    let (mut run, log) = small().play_with_log();
    let summary = summarise(&run);
    let _recorded = record(&mut run, &log);
    let mut files: Vec<String> = FORMATS
        .iter()
        .flat_map(|format| export(&run, &summary, format, directory.path()))
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    files.sort_unstable();
    let mut found: Vec<String> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().to_string_lossy().into_owned())
        .collect();
    found.sort_unstable();
    assert_eq!(files, found);
    for file in [
        "junit.xml",
        "response.hgrm",
        "service-reads.hgrm",
        "lag-all.hgrm",
    ] {
        assert!(files.iter().any(|name| name == file), "{file}: {files:?}");
    }
}

#[test]
fn empty_distribution_replaces_an_earlier_file() {
    let (mut run, summary) = played();
    run.latencies = IntervalFold::over(&run.timeline);
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("old.hgrm");
    std::fs::write(&file, "of an earlier run").unwrap();
    let export = RunExport {
        format: format("hgrm"),
        file: Some(file.clone()),
    };
    let results = RunResults {
        run: &run,
        summary: &summary,
    };
    let written = export.write(&results).unwrap();
    assert_eq!(written, std::slice::from_ref(&file));
    let text = std::fs::read_to_string(&file).unwrap();
    assert!(text.starts_with("       Value     Percentile"), "{text}");
    assert!(text.contains("Total count    =            0]"), "{text}");
    assert!(!text.contains("NaN"), "{text}");
}

#[test]
fn time_line_adds_up_to_the_run() {
    let (mut run, log) = small().play_with_log();
    let summary = summarise(&run);
    let _recorded = record(&mut run, &log);
    let text = exported(&run, &summary, "csv");
    let mut rows = ::csv::Reader::from_reader(text.as_bytes());
    let head = rows.headers().unwrap().clone();
    let column = |name: &str| head.iter().position(|column| column == name).unwrap();
    let records: Vec<_> = rows.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), run.timeline.rows.len());
    let sum = |name: &str| -> u64 {
        let cells = records
            .iter()
            .map(|record| record[column(name)].parse::<u64>());
        cells.map(Result::unwrap).sum()
    };
    let all = |of: fn(&tenfold_run_dir::counts::ArrivalCounts) -> u64| {
        of(&summary.arrivals) + of(&summary.warm_up)
    };
    assert_eq!(sum("offered"), all(|arrivals| arrivals.planned));
    assert_eq!(sum("completed"), all(|arrivals| arrivals.completed));
    assert_eq!(sum("failed"), all(|arrivals| arrivals.failed));
    assert_eq!(sum("samples"), sum("completed"));
    assert_eq!(&records[0][column("phase")], "warm-up");
    assert_eq!(&records[0][column("counted")], "false");
    // 400 samples are enough for a p90, but not for a p99.
    let (p50, p90) = (column("response_p50_ms"), column("response_p90_ms"));
    let ms = |column: usize| records[3][column].parse::<f64>().unwrap();
    assert!(ms(p50) > 0.1 && ms(p50) < ms(p90), "{:?}", records[3]);
    assert_eq!(&records[3][column("response_p99_ms")], "");
}

#[test]
fn truncated_log_leaves_no_partial_export() {
    let (mut run, log) = small().play_with_log();
    let summary = summarise(&run);
    let recorded = record(&mut run, &log);
    let path = recorded.path().join("intervals.hlog");
    let mut text = std::fs::read_to_string(&path).unwrap();
    text.push_str("Tag=response.p1.r0,3.000,1.000,0.1,!!!!\n");
    std::fs::write(&path, text).unwrap();
    let directory = tempfile::tempdir().unwrap();
    for format in [format("csv"), format("hlog")] {
        let file = Some(directory.path().join(format.default_file));
        let export = RunExport { format, file };
        let results = RunResults {
            run: &run,
            summary: &summary,
        };
        let error = export.write(&results).unwrap_err();
        assert!(
            error.to_string().contains("histogram of response.p1.r0"),
            "{error}"
        );
    }
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn quotes_names_of_requests() {
    let (run, summary) = hostile_results();
    let text = exported(&run, &summary, "csv-requests");
    let mut rows = ::csv::Reader::from_reader(text.as_bytes());
    let names: Vec<String> = rows
        .records()
        .map(|row| row.unwrap()[0].to_owned())
        .collect();
    let expected: Vec<&str> = summary.requests.iter().map(|r| r.name.as_str()).collect();
    assert_eq!(names, expected);
}

#[test]
fn renders_markdown() {
    let (_, summary) = played();
    insta::assert_snapshot!(digest(&summary).markdown());
}

#[test]
fn markdown_escapes_names() {
    let (_, summary) = hostile_results();
    let text = digest(&summary).markdown();
    assert!(
        !text.contains("<script>") && !text.contains("<b>"),
        "{text}"
    );
    let failures = text.split("| failure ").nth(1).unwrap();
    let rows = failures
        .lines()
        .skip(2)
        .take_while(|line| line.starts_with('|'));
    for row in rows {
        let bars = row.replace("\\|", "").matches('|').count();
        assert_eq!(bars, 5, "{row}");
    }
}

/// Returns the elements in order, with their attributes.
fn elements(xml: &str) -> Vec<(String, Vec<(String, String)>)> {
    let mut reader = Reader::from_str(xml);
    let mut found = Vec::new();
    loop {
        match reader.read_event().unwrap() {
            Event::Start(element) | Event::Empty(element) => {
                let attributes = element.attributes().map(|attribute| {
                    let attribute = attribute.unwrap();
                    let key = String::from_utf8(attribute.key.as_ref().to_vec()).unwrap();
                    let value = String::from_utf8(attribute.value.to_vec()).unwrap();
                    (key, value)
                });
                let name = String::from_utf8(element.name().as_ref().to_vec()).unwrap();
                found.push((name, attributes.collect()));
            }
            Event::Eof => return found,
            _ => {}
        }
    }
}

fn attribute<'a>(element: &'a (String, Vec<(String, String)>), name: &str) -> &'a str {
    let found = element.1.iter().find(|(key, _)| key == name);
    found.map_or("", |(_, value)| value)
}

#[test]
fn junit_has_a_case_per_objective() {
    let (run, summary) = played();
    let elements = elements(&exported(&run, &summary, "junit"));
    let names: Vec<&str> = elements.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(
        names,
        [
            "testsuites",
            "testsuite",
            "testcase",
            "testcase",
            "system-out",
            "testcase",
            "failure",
            "testcase",
            "skipped"
        ]
    );
    let suite = &elements[1];
    let counts = ["tests", "failures", "errors", "skipped"].map(|name| attribute(suite, name));
    assert_eq!(counts, ["4", "1", "0", "1"]);
    assert_eq!(attribute(suite, "timestamp"), "2026-01-01T00:00:00");
    let message = attribute(&elements[6], "message");
    assert!(message.ends_with("limit 0.100%"), "{message}");
}

#[test]
fn invalid_measurement_skips_objectives() {
    let mut made_up = small();
    made_up.freeze_ns = Some((3_000_000_000, 2_000_000_000));
    let run = made_up.play();
    let summary = summarise(&run);
    let elements = elements(&exported(&run, &summary, "junit"));
    let counts =
        ["tests", "failures", "errors", "skipped"].map(|name| attribute(&elements[1], name));
    assert_eq!(counts, ["4", "0", "1", "3"]);
    assert_eq!(elements[3].0, "error");
}

#[test]
fn k6_metrics_have_their_names() {
    let (run, summary) = played();
    let text = exported(&run, &summary, "k6");
    let document: serde_json::Value = serde_json::from_str(&text).unwrap();
    let at = |path: &str| {
        document
            .pointer(path)
            .unwrap_or_else(|| panic!("{path}: {text}"))
    };
    assert_eq!(at("/metrics/http_reqs/count"), summary.arrivals.sent);
    assert_eq!(
        at("/metrics/http_req_failed/passes"),
        summary.arrivals.failed
    );
    let p95 = summary.latency_ns.response.p95.unwrap() as f64 / 1e6;
    assert_eq!(at("/metrics/http_req_duration/p(95)"), p95);
    for name in ["avg", "min", "med", "max", "p(90)"] {
        assert!(at(&format!("/metrics/http_req_duration/{name}")).is_number());
    }
    let thresholds = "/metrics/http_req_failed/thresholds/errors < 0.1%";
    assert_eq!(at(thresholds), true, "as in k6, true means missed");
    for name in ["iterations", "dropped_iterations", "vus"] {
        at(&format!("/metrics/{name}"));
    }
}

/// The directory of the parsers that `scripts/setup` installs.
fn readers() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../.tenfold/tools")
}

/// Returns the interpreter with the parsers that `scripts/setup` installs. `None` if it is not installed.
fn python() -> Option<PathBuf> {
    let python = readers().join("bin/python3");
    if !python.exists() {
        skip("no parsers in .tenfold/tools; run scripts/setup");
        return None;
    }
    Some(python)
}

/// Runs a program and returns its output.
fn printed(command: &mut Command) -> String {
    let output = command.output().unwrap();
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn reference_parsers_accept_every_format() {
    let Some(python) = python() else {
        return;
    };
    for (made_up, scenario) in [(small(), "made-up"), (hostile(), HOSTILE_SCENARIO)] {
        let directory = tempfile::tempdir().unwrap();
        let (mut run, log) = made_up.play_with_log();
        run.manifest.scenario = scenario.to_owned();
        let summary = summarise(&run);
        let _recorded = record(&mut run, &log);
        for format in FORMATS {
            export(&run, &summary, format, directory.path());
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/readers.py");
        let read = printed(Command::new(&python).arg(script).arg(directory.path()));
        let read: serde_json::Value = serde_json::from_str(&read).unwrap();
        let response = &summary.latency_ns.response;
        assert_eq!(read["hlog"]["count"], response.count);
        assert_eq!(read["hlog"]["p99"], response.p99.unwrap());
        assert_eq!(read["hlog"]["max"], response.max.unwrap());
        let reads = &summary.reads.latency_ns;
        assert_eq!(read["hlog"]["tags"]["service.reads"], reads.service.count);
        assert_eq!(read["hgrm_is_the_same"], true, "{read:#}");
        assert_eq!(
            read["openmetrics"]["completed"],
            summary.arrivals.completed as f64
        );
        assert_eq!(read["openmetrics"]["responses"], response.count as f64);
        assert_eq!(read["junit"]["tests"], summary.rules.len() + 1);
        let missed = summary.rules.iter().filter(|rule| rule.met == Some(false));
        assert_eq!(read["junit"]["failures"], missed.count());
    }
}

#[test]
fn java_tools_read_the_logs() {
    let jar = readers().join("usr/share/java/hdrhistogram.jar");
    if !jar.exists() || Command::new("java").arg("-version").output().is_err() {
        skip("no java, or no libhdrhistogram-java in .tenfold/tools");
        return;
    }
    let (mut run, log) = small().play_with_log();
    let summary = summarise(&run);
    let _recorded = record(&mut run, &log);
    let directory = tempfile::tempdir().unwrap();
    let log = export(&run, &summary, format("hlog"), directory.path()).remove(0);
    export(&run, &summary, format("hgrm"), directory.path());
    let processed = |tag: Option<&str>| {
        let mut command = Command::new("java");
        command.arg("-cp").arg(&jar);
        command.args(["org.HdrHistogram.HistogramLogProcessor", "-i"]);
        command.arg(&log);
        if let Some(tag) = tag {
            command.args(["-tag", tag]);
        }
        let text = printed(&mut command);
        let start = text
            .find("       Value")
            .unwrap_or_else(|| panic!("{text}"));
        text[start..].to_owned()
    };
    for (tag, file) in [
        (None, "response.hgrm"),
        (Some("service.reads"), "service-reads.hgrm"),
    ] {
        let ours = std::fs::read_to_string(directory.path().join(file)).unwrap();
        assert_eq!(processed(tag), ours, "{file}");
    }
}

#[test]
fn exports_round_trip() {
    for format in FORMATS {
        for file in [None, Some(PathBuf::from("a dir/x=y.txt"))] {
            let export = RunExport { format, file };
            assert_eq!(export.to_string().parse::<RunExport>().unwrap(), export);
        }
    }
}

#[test]
fn standard_output_has_several_names() {
    for text in ["csv=-", "csv=/dev/stdout", "csv=/proc/self/fd/1"] {
        let export: RunExport = text.parse().unwrap();
        assert!(export.is_to_standard_output(), "{text}");
        export.check().unwrap();
    }
    for text in ["csv", "csv=x-", "csv=/dev/stderr"] {
        let export: RunExport = text.parse().unwrap();
        assert!(!export.is_to_standard_output(), "{text}");
    }
}

#[test]
fn suggests_the_nearest_format() {
    let error = |text: &str| text.parse::<RunExport>().unwrap_err().to_string();
    assert_eq!(
        error("juint=x.xml"),
        "there is no export `juint`; did you mean `junit`?"
    );
    assert!(error("parquet").ends_with("hlog, openmetrics, k6"));
    assert!(error("csv=").contains("csv=FILE"));
}

#[test]
fn rejects_unwritable_files() {
    let export: RunExport = "csv=no/such/place/x.csv".parse().unwrap();
    assert_eq!(
        export.check().unwrap_err().to_string(),
        "could not export csv=no/such/place/x.csv: no/such/place is no directory; create it first"
    );
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("file"), "").unwrap();
    let error = |name: &str| {
        let export = RunExport {
            format: format("junit"),
            file: Some(directory.path().join(name)),
        };
        export.check().err().map(|error| error.to_string())
    };
    let is_directory = error("").unwrap();
    assert!(
        is_directory.contains("is a directory") && is_directory.contains("junit.xml"),
        "{is_directory}"
    );
    let below_a_file = error("file/x.xml").unwrap();
    assert!(
        below_a_file.contains("file is no directory"),
        "{below_a_file}"
    );
    // The name is too long for any file system.
    let too_long = error(&"x".repeat(300)).unwrap();
    assert!(
        too_long.contains("name a file that can be written"),
        "{too_long}"
    );
    assert_eq!((error("file"), error("new")), (None, None));
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 1);
}
