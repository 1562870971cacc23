//! Telemetry of runs of several generators, on this machine and by agents.

use rustix::process::Signal;

use super::*;
use crate::agents::{Agent, is_stored};
use crate::generators::{generators_of, send, wait_for_checkpoints};
use crate::support::Ended;
use crate::support::nats::NatsServer;

/// Checks that a receiver has one stream of totals that never decrease, and returns its last message.
fn last_of_one_stream(receiver: &Receiver) -> Value {
    let all = receiver.messages("/v1/metrics");
    assert!(all.len() >= 3, "one each second: {}", all.len());
    let instance = |message: &Value| {
        let resource = &message["message"]["resourceMetrics"][0]["resource"]["attributes"];
        let attributes = resource.as_array().unwrap();
        let found = attributes
            .iter()
            .find(|one| one["key"] == "service.instance.id");
        found.unwrap()["value"]["stringValue"].clone()
    };
    let instances: BTreeSet<String> = all.iter().map(|one| instance(one).to_string()).collect();
    assert_eq!(instances.len(), 1, "one run is one instance: {instances:?}");
    let totals = |message: &Value| {
        [
            counter(message, "tenfold.arrivals.planned"),
            counter(message, "tenfold.requests.sent"),
            counter(message, "tenfold.requests.completed"),
            counter(message, "tenfold.requests.failed"),
            histogram_count(message, "tenfold.response_time"),
            histogram_count(message, "tenfold.lag"),
        ]
    };
    for pair in all.windows(2) {
        let (before, after) = (totals(&pair[0]), totals(&pair[1]));
        let decreases = before.iter().zip(&after).any(|(one, other)| one > other);
        assert!(!decreases, "{before:?} {after:?}");
    }
    for message in all.iter().chain(&receiver.messages("/v1/traces")) {
        assert_eq!(message["unknown_fields"], 0, "{message:#}");
    }
    all.last().unwrap().clone()
}

/// Checks the spans of a run of 200 requests a second for 4 s, a quarter of them sampled.
fn assert_spans(receiver: &Receiver, summary: &Value) {
    let (sent, sampled) = receiver.traceparents();
    assert_eq!(Some(sent), summary["arrivals"]["sent"].as_u64());
    assert!(sampled.len() > 100, "a quarter of 800: {}", sampled.len());
    let spans = receiver.spans();
    assert_eq!(exchanges(&spans), sampled, "of all generators");
    let whole = spans
        .iter()
        .filter(|span| span["kind"] == "SPAN_KIND_INTERNAL");
    let begun: Vec<u64> = whole
        .map(|span| number(&span["startTimeUnixNano"]))
        .collect();
    // The generators have one clock.
    let (first, last) = (begun.iter().min().unwrap(), begun.iter().max().unwrap());
    let seconds = (last - first) as f64 / 1e9;
    assert!((3.0..4.2).contains(&seconds), "{seconds} s of 4 s");
}

/// Checks that the report links its slowest request to its trace.
fn assert_linked(place: &Workplace, summary: &Value) {
    let slowest = summary["traces"][0]["trace_id"].as_str().unwrap();
    let link = format!("href=\"https://tempo.example/trace/{slowest}\"");
    let report = std::fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(report.contains(&link), "{link}");
}

#[test]
fn two_generators_are_one_stream() {
    let place = Workplace::new();
    let receiver = Receiver::start(&place, "0");
    let prometheus = Prometheus::start(&place);
    place.write("traced.toml", &traced("200/s", "4s"));
    let more = [
        "--generators",
        "2",
        "--otlp",
        &receiver.url,
        "--prometheus-remote-write",
        &prometheus.url,
        "--trace-url",
        "https://tempo.example/trace/{trace_id}",
    ];
    let ended = place.run(&arguments(&receiver.url, &more));
    assert!(has_run(ended.code), "{}", ended.stderr);
    assert!(!ended.stderr.contains("missing at"), "{}", ended.stderr);
    let summary = read_json(&place.path("run/summary.json"));
    assert_eq!(summary["generators"], 2);
    assert_eq!(summary["arrivals"]["planned"], 800);
    assert_counts(&last_of_one_stream(&receiver), &summary);
    assert_spans(&receiver, &summary);
    assert_linked(&place, &summary);
    let series = prometheus.query("tenfold_response_time_seconds_count", "");
    assert_eq!(series.len(), 1, "{series:?}");
    let completed = summary["arrivals"]["completed"].to_string();
    assert_eq!(series[0]["value"][1].as_str(), Some(completed.as_str()));
}

#[test]
fn totals_of_lost_generator_stay() {
    let place = Workplace::new();
    let receiver = Receiver::start(&place, "0");
    place.write("traced.toml", &traced("200/s", "7s"));
    let more = ["--generators", "2", "--otlp", &receiver.url];
    let mut command = place.tenfold(&arguments(&receiver.url, &more));
    let run = command
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    wait_for_checkpoints(&place.path("run"), 2, 2);
    // It has reported more than its checkpoint has.
    std::thread::sleep(Duration::from_millis(1_500));
    send(generators_of(&run)[0], Signal::KILL);
    let ended = Ended::of(run.wait_with_output().unwrap());
    let stderr = &ended.stderr;
    assert!(stderr.contains("has ended before the run"), "{stderr}");
    let summary = read_json(&place.path("run/summary.json"));
    let last = last_of_one_stream(&receiver);
    let (sent, _) = receiver.traceparents();
    let recorded = summary["arrivals"]["completed"].as_u64().unwrap();
    let reported = counter(&last, "tenfold.requests.completed");
    assert!(
        recorded <= reported && reported <= sent,
        "{recorded} {reported} {sent}"
    );
    assert!(recorded < 1_400, "one was killed: {recorded}");
}

#[test]
fn two_agents_are_one_stream_of_the_controller() {
    let place = Workplace::new();
    let Some(nats) = NatsServer::start(&place.path(""), "") else {
        return;
    };
    let receiver = Receiver::start(&place, "0");
    // They may send load to the target alone, and need no more.
    let _agents = ["east", "west"]
        .map(|name| Agent::start(&place, &nats.url(), name, &["--allow-host", "127.0.0.1"]));
    place.write("traced.toml", &traced("200/s", "4s"));
    let url = nats.url();
    let more = [
        "--agents",
        "2",
        "--nats",
        &url,
        "--otlp",
        &receiver.url,
        "--trace-url",
        "https://tempo.example/trace/{trace_id}",
    ];
    let mut command = place.tenfold(&arguments(&receiver.url, &more));
    let header = "authorization=Bearer%20s3cret";
    command.env("OTEL_EXPORTER_OTLP_HEADERS", header);
    let ended = Ended::of(command.output().unwrap());
    assert!(has_run(ended.code), "{}", ended.stderr);
    assert!(!ended.stderr.contains("missing at"), "{}", ended.stderr);
    let summary = read_json(&place.path("run/summary.json"));
    let names = summary["agents"]["names"].as_array().unwrap();
    assert_eq!(names.len(), 2);
    assert_eq!(summary["arrivals"]["planned"], 800);
    let last = last_of_one_stream(&receiver);
    assert_eq!(last["authorization"], "Bearer s3cret");
    assert_counts(&last, &summary);
    assert_spans(&receiver, &summary);
    assert_linked(&place, &summary);
    assert!(!is_stored(&place.path("run"), "s3cret"));
}
