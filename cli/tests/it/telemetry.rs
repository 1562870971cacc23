//! Metrics and traces that are sent while a run lasts, to real receivers: the messages of the OpenTelemetry project, and
//! Prometheus.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod several;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Read as _};
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Workplace, light_scenario, read_json};

/// The dashboard.
const DASHBOARD: &str = include_str!("../../../loadgen/telemetry/grafana/run.json");

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A receiver of OTLP.
struct Receiver {
    _process: Running,
    url: String,
    file: PathBuf,
}

impl Receiver {
    /// Starts it; it answers messages after `delay` seconds.
    fn start(place: &Workplace, delay: &str) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
        let python = root.join("../.tenfold/tools/bin/python3");
        let script = root.join("tests/it/support/otlp_receiver.py");
        let file = place.path("received.jsonl");
        let mut child = Command::new(&python)
            .arg(script)
            .arg(&file)
            .arg(delay)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap_or_else(|error| panic!("{}: {error}; run scripts/setup", python.display()));
        let mut port = String::new();
        let stdout = child.stdout.take().unwrap();
        let process = Running(child);
        BufReader::new(stdout).read_line(&mut port).unwrap();
        assert!(!port.trim().is_empty(), "no receiver; run scripts/setup");
        Self {
            _process: process,
            url: format!("http://127.0.0.1:{}", port.trim()),
            file,
        }
    }

    /// Messages and `traceparent`s that arrived, in order.
    fn received(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(&self.file).unwrap();
        let lines = text.lines();
        lines
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    /// Messages that arrived at a path.
    fn messages(&self, path: &str) -> Vec<Value> {
        let received = self.received().into_iter();
        received.filter(|one| one["path"] == path).collect()
    }

    /// Number of the `traceparent`s that arrived, and trace and parent ids of the sampled ones.
    fn traceparents(&self) -> (u64, BTreeSet<String>) {
        let received = self.received();
        let all: Vec<&str> = received
            .iter()
            .filter_map(|one| one["traceparent"].as_str())
            .collect();
        let sampled = all
            .iter()
            .filter_map(|header| header.strip_prefix("00-")?.strip_suffix("-01"))
            .map(str::to_owned);
        (all.len() as u64, sampled.collect())
    }

    /// Spans that arrived.
    fn spans(&self) -> Vec<Value> {
        let messages = self.messages("/v1/traces").into_iter();
        messages
            .flat_map(|one| {
                let scope = &one["message"]["resourceSpans"][0]["scopeSpans"][0];
                scope["spans"].as_array().unwrap().clone()
            })
            .collect()
    }
}

/// An id of a span, in hexadecimal digits.
fn id(span: &Value, name: &str) -> String {
    hex(span[name].as_str().unwrap())
}

/// Trace and span ids of the client spans.
fn exchanges(spans: &[Value]) -> BTreeSet<String> {
    let clients = spans
        .iter()
        .filter(|span| span["kind"] == "SPAN_KIND_CLIENT");
    clients
        .map(|span| format!("{}-{}", id(span, "traceId"), id(span, "spanId")))
        .collect()
}

/// The sum of a counter's points.
fn counter(message: &Value, name: &str) -> u64 {
    let metrics = metrics(message);
    let points = metrics[name]["sum"]["dataPoints"].as_array().unwrap();
    points.iter().map(|point| number(&point["asInt"])).sum()
}

/// The number of values of a histogram. 0 before the first.
fn histogram_count(message: &Value, name: &str) -> u64 {
    let points = metrics(message).remove(name);
    let points = points.map(|own| own["histogram"]["dataPoints"].as_array().unwrap().clone());
    let points = points.unwrap_or_default();
    points.iter().map(|point| number(&point["count"])).sum()
}

/// Checks that the metrics of a message are those of a report.
fn assert_counts(message: &Value, summary: &Value) {
    let arrivals = &summary["arrivals"];
    for (name, count) in [
        ("tenfold.arrivals.planned", "planned"),
        ("tenfold.requests.sent", "sent"),
        ("tenfold.requests.completed", "completed"),
        ("tenfold.requests.failed", "failed"),
    ] {
        let expected = arrivals[count].as_u64();
        assert_eq!(Some(counter(message, name)), expected, "{name}");
    }
    let completed = arrivals["completed"].as_u64();
    for name in ["tenfold.response_time", "tenfold.service_time"] {
        assert_eq!(Some(histogram_count(message, name)), completed, "{name}");
    }
    let sent = arrivals["sent"].as_u64();
    assert_eq!(Some(histogram_count(message, "tenfold.lag")), sent);
}

/// A scenario whose requests carry a `traceparent`, sampled by a quarter.
fn traced(rate: &str, duration: &str) -> String {
    light_scenario(rate, duration).replace(
        "path = \"/healthz\"",
        "path = \"/healthz\"\ntraceparent = 0.25",
    )
}

/// All metrics of a message by name.
fn metrics(message: &Value) -> BTreeMap<String, Value> {
    let scope = &message["message"]["resourceMetrics"][0]["scopeMetrics"][0];
    let metrics = scope["metrics"].as_array().unwrap().iter();
    metrics
        .map(|metric| (metric["name"].as_str().unwrap().to_owned(), metric.clone()))
        .collect()
}

/// A number that JSON of protobuf writes as text.
fn number(value: &Value) -> u64 {
    match value {
        Value::Null => 0,
        Value::String(text) => text.parse().unwrap(),
        other => other.as_u64().unwrap(),
    }
}

fn arguments<'a>(url: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let base = ["run", "traced.toml", "--target", url, "--out", "run"];
    let interval = ["--telemetry-interval", "1s"];
    [&base[..], &interval[..], more].concat()
}

/// A run this short may be invalid on a busy machine.
fn has_run(code: Option<i32>) -> bool {
    matches!(code, Some(0 | 120))
}

#[test]
fn otlp_matches_report_and_traceparents() {
    let place = Workplace::new();
    let receiver = Receiver::start(&place, "0");
    place.write("traced.toml", &traced("200/s", "4s"));
    let with_password = receiver.url.replace("http://", "http://me:s3cret@");
    let ended = place.run(&arguments(&receiver.url, &["--otlp", &with_password]));
    assert!(has_run(ended.code), "{}", ended.stderr);
    assert!(!ended.stderr.contains("s3cret"), "{}", ended.stderr);
    assert!(
        ended
            .stderr
            .contains(&format!("sent metrics to {}", receiver.url)),
        "{}",
        ended.stderr
    );
    let summary = read_json(&place.path("run/summary.json"));
    let all = receiver.messages("/v1/metrics");
    assert!(all.len() >= 3, "one each second: {}", all.len());
    for message in all.iter().chain(&receiver.messages("/v1/traces")) {
        assert_eq!(message["unknown_fields"], 0, "{message:#}");
        assert_eq!(message["authorization"], "Basic bWU6czNjcmV0");
    }
    let last = all.last().unwrap();
    let resource = &last["message"]["resourceMetrics"][0]["resource"]["attributes"];
    let attribute = |name: &str| {
        let attributes = resource.as_array().unwrap();
        let found = attributes.iter().find(|one| one["key"] == name);
        found.unwrap_or_else(|| panic!("{name}: {resource:#}"))["value"]["stringValue"].clone()
    };
    assert_eq!(attribute("service.name"), "tenfold");
    assert_eq!(attribute("tenfold.scenario"), "light");
    assert!(
        attribute("service.instance.id")
            .as_str()
            .unwrap()
            .ends_with(":run")
    );
    assert_counts(last, &summary);
    let metrics = metrics(last);
    let histogram = &metrics["tenfold.response_time"]["histogram"];
    assert_eq!(
        histogram["aggregationTemporality"],
        "AGGREGATION_TEMPORALITY_CUMULATIVE"
    );
    assert_eq!(metrics["tenfold.response_time"]["unit"], "s");
    let point = &histogram["dataPoints"][0];
    let buckets = point["bucketCounts"].as_array().unwrap();
    assert_eq!(
        buckets.iter().map(number).sum::<u64>(),
        number(&point["count"])
    );
    assert_eq!(
        buckets.len(),
        point["explicitBounds"].as_array().unwrap().len() + 1
    );

    // Spans: each that was sampled, joined to what the target received.
    let (sent, sampled) = receiver.traceparents();
    assert_eq!(Some(sent), summary["arrivals"]["sent"].as_u64());
    assert!(sampled.len() > 100, "a quarter of 800: {}", sampled.len());
    let spans = receiver.spans();
    assert_eq!(
        exchanges(&spans),
        sampled,
        "the service's spans belong to these"
    );
    let of_kind = |kind: &'static str| spans.iter().filter(move |span| span["kind"] == kind);
    let whole: BTreeMap<String, &Value> = of_kind("SPAN_KIND_INTERNAL")
        .map(|span| {
            (
                format!("{}-{}", id(span, "traceId"), id(span, "spanId")),
                span,
            )
        })
        .collect();
    assert_eq!(whole.len(), sampled.len());
    let (named, exchanged) = (Value::from("health"), Value::from("GET health"));
    for span in of_kind("SPAN_KIND_CLIENT") {
        let parent = format!("{}-{}", id(span, "traceId"), id(span, "parentSpanId"));
        let parent = whole[&parent];
        assert_eq!((&parent["name"], &span["name"]), (&named, &exchanged));
        let at = |span: &Value, name: &str| number(&span[name]);
        assert!(at(parent, "startTimeUnixNano") <= at(span, "startTimeUnixNano"));
        assert!(at(span, "startTimeUnixNano") < at(span, "endTimeUnixNano"));
        assert!(at(span, "endTimeUnixNano") <= at(parent, "endTimeUnixNano") + 1_000_000);
    }
    // Exemplars lead to these spans.
    let exemplars: Vec<&Value> = all
        .iter()
        .flat_map(|message| {
            let scope = &message["message"]["resourceMetrics"][0]["scopeMetrics"][0];
            scope["metrics"].as_array().unwrap()
        })
        .filter(|metric| metric["name"] == "tenfold.response_time")
        .flat_map(|metric| metric["histogram"]["dataPoints"].as_array().unwrap())
        .filter_map(|point| point["exemplars"].as_array())
        .flatten()
        .collect();
    assert!(!exemplars.is_empty());
    for exemplar in exemplars {
        let key = format!("{}-{}", id(exemplar, "traceId"), id(exemplar, "spanId"));
        assert!(whole.contains_key(&key), "{exemplar}");
    }
}

/// Decodes base64, which is how JSON of protobuf writes bytes, to hexadecimal digits.
fn hex(base64: &str) -> String {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut held = 0;
    let mut out = String::new();
    for byte in base64.bytes().filter(|byte| *byte != b'=') {
        let value = ALPHABET.iter().position(|known| *known == byte).unwrap();
        bits = bits << 6 | value as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push_str(&format!("{:02x}", bits >> held & 0xff));
        }
    }
    out
}

#[test]
fn reads_standard_variables() {
    let place = Workplace::new();
    let receiver = Receiver::start(&place, "0");
    place.write("traced.toml", &light_scenario("100/s", "2s"));
    let output = place
        .tenfold(&arguments(&receiver.url, &[]))
        .env("OTEL_EXPORTER_OTLP_ENDPOINT", &receiver.url)
        .env(
            "OTEL_EXPORTER_OTLP_HEADERS",
            "authorization=Bearer%20s3cret",
        )
        .env("OTEL_EXPORTER_OTLP_COMPRESSION", "gzip")
        .env(
            "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
            "base2_exponential_bucket_histogram",
        )
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(has_run(output.status.code()), "{stderr}");
    assert!(!stderr.contains("s3cret"), "{stderr}");
    let messages = receiver.messages("/v1/metrics");
    let last = messages.last().unwrap();
    assert_eq!(last["authorization"], "Bearer s3cret");
    assert_eq!(last["unknown_fields"], 0);
    let metrics = metrics(last);
    let point = &metrics["tenfold.response_time"]["exponentialHistogram"]["dataPoints"][0];
    let counts = point["positive"]["bucketCounts"].as_array().unwrap();
    let completed = &metrics["tenfold.requests.completed"]["sum"]["dataPoints"][0]["asInt"];
    assert_eq!(number(&point["count"]), number(completed));
    assert_eq!(counts.iter().map(number).sum::<u64>(), number(completed));
    // The mean of the buckets' middles is close to that of the latencies.
    let scale = point["scale"].as_f64().unwrap_or(0.0);
    let offset = point["positive"]["offset"].as_f64().unwrap_or(0.0);
    let middles = counts.iter().enumerate().map(|(index, count)| {
        let exponent = (offset + index as f64 + 0.5) * (-scale).exp2();
        exponent.exp2() * number(count) as f64
    });
    let (sum, expected) = (middles.sum::<f64>(), point["sum"].as_f64().unwrap());
    assert!((sum / expected - 1.0).abs() < 0.03, "{sum} {expected}");
}

#[test]
fn names_slow_and_dead_receivers_after_undisturbed_run() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    let slow = Receiver::start(&place, "60");
    place.write("traced.toml", &traced("200/s", "3s"));
    let closed = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let dead = format!("http://{closed}/api/v1/write");
    let started = Instant::now();
    let url = service.url();
    let more = ["--otlp", &slow.url, "--prometheus-remote-write", &dead];
    let ended = place.run(&arguments(&url, &more));
    // 3 s of load, and 5 s for the last delivery.
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(has_run(ended.code), "{}", ended.stderr);
    let flat = &ended.stderr;
    for expected in [
        format!("deliveries to {dead} failed: "),
        format!("deliveries to {} failed: ", slow.url),
        "it has no figures of this run. The run was not disturbed".to_owned(),
        format!("are missing at {}: ", slow.url),
    ] {
        assert!(flat.contains(&expected), "{expected} in {flat}");
    }
    let summary = read_json(&place.path("run/summary.json"));
    assert_eq!(summary["arrivals"]["planned"], 600);
    for identity in summary["identities"].as_array().unwrap() {
        assert_ne!(identity["holds"], false, "{identity:#}");
    }
}

#[test]
fn rejects_invalid_settings_before_sending() {
    let place = Workplace::new();
    place.write("traced.toml", &light_scenario("100/s", "2s"));
    let target = "http://127.0.0.1:1";
    let grpc = place
        .tenfold(&arguments(target, &["--otlp", "http://127.0.0.1:4317"]))
        .env("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&grpc.stderr);
    assert_eq!(grpc.status.code(), Some(104), "{stderr}");
    assert!(stderr.contains("http/protobuf"), "{stderr}");
    for (flag, value, reason) in [
        ("--otlp", "127.0.0.1:4318", "http://HOST:PORT"),
        ("--telemetry-interval", "100ms", "once a second at most"),
        ("--trace-url", "javascript:alert({trace_id})", "http://"),
    ] {
        let ended = place.run(&["run", "traced.toml", "--target", target, flag, value]);
        let ended = ended.expect(104);
        assert!(ended.stderr.contains(reason), "{}", ended.stderr);
    }
    assert!(!place.path("run").exists());
}

/// Prometheus, as a receiver of remote write.
struct Prometheus {
    _process: Running,
    url: String,
}

impl Prometheus {
    fn start(place: &Workplace) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let url = format!("http://127.0.0.1:{port}");
        let config = place.write("prometheus.yml", "global:\n  scrape_interval: 1h\n");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                place.path("tsdb").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args([
                "--web.enable-remote-write-receiver",
                "--enable-feature=exemplar-storage",
            ])
            .stderr(std::fs::File::create(place.path("prometheus.log")).unwrap())
            .spawn()
            .unwrap_or_else(|error| panic!("prometheus: {error}; run scripts/setup"));
        let process = Running(child);
        let deadline = Instant::now() + Duration::from_secs(30);
        while page(&format!("{url}/-/ready")).is_none() {
            assert!(Instant::now() < deadline, "prometheus is not ready");
            std::thread::sleep(Duration::from_millis(50));
        }
        Self {
            _process: process,
            url,
        }
    }

    fn get(&self, path: &str, parameters: &[(&str, &str)]) -> Value {
        let url = reqwest::Url::parse_with_params(&format!("{}{path}", self.url), parameters);
        let text = page(url.unwrap().as_str()).unwrap();
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(answer["status"], "success", "{parameters:?}: {text}");
        answer["data"].clone()
    }

    /// Series of a query.
    fn query(&self, query: &str, at: &str) -> Vec<Value> {
        let data = self.get("/api/v1/query", &[("query", query), ("time", at)]);
        data["result"].as_array().unwrap().clone()
    }
}

/// The text of a page. `None` without status 200.
fn page(url: &str) -> Option<String> {
    let rest = url.strip_prefix("http://")?;
    let (address, path) = rest.split_once('/')?;
    let mut stream = std::net::TcpStream::connect(address).ok()?;
    let request = format!("GET /{path} HTTP/1.0\r\nhost: {address}\r\n\r\n");
    std::io::Write::write_all(&mut stream, request.as_bytes()).ok()?;
    let mut text = String::new();
    stream.read_to_string(&mut text).ok()?;
    let (head, body) = text.split_once("\r\n\r\n")?;
    head.contains(" 200 ").then(|| body.to_owned())
}

#[test]
fn prometheus_matches_report_and_fills_dashboard() {
    let place = Workplace::new();
    let prometheus = Prometheus::start(&place);
    let service = place.serve(&["--empty"]);
    place.write("traced.toml", &traced("200/s", "6s"));
    let url = service.url();
    let more = ["--prometheus-remote-write", &prometheus.url];
    let viewer = [
        "--trace-url",
        "https://tempo.example/trace/{trace_id}?a=\"b",
    ];
    let ended = place.run(&arguments(&url, &[&more[..], &viewer].concat()));
    assert!(has_run(ended.code), "{}", ended.stderr);
    assert!(!ended.stderr.contains("failed: "), "{}", ended.stderr);

    let summary = read_json(&place.path("run/summary.json"));
    let arrivals = &summary["arrivals"];
    // Gauges have ended with the run, so look at the time of their last value.
    let times = prometheus.get(
        "/api/v1/query",
        &[("query", "timestamp(tenfold_requests_sent_total)")],
    );
    let at = times["result"][0]["value"][1].as_str().unwrap().to_owned();
    let value = |query: &str| {
        let series = prometheus.query(query, &at);
        let text = series[0]["value"][1].as_str().unwrap();
        text.parse::<f64>().unwrap() as u64
    };
    for (query, count) in [
        ("tenfold_arrivals_planned_total", "planned"),
        ("tenfold_requests_sent_total", "sent"),
        ("tenfold_requests_completed_total", "completed"),
        ("sum(tenfold_requests_failed_total)", "failed"),
        (
            "sum(tenfold_response_time_seconds_count{kind=\"read\",request=\"health\"})",
            "completed",
        ),
        (
            "sum(tenfold_response_time_seconds_bucket{le=\"+Inf\"})",
            "completed",
        ),
    ] {
        assert_eq!(Some(value(query)), arrivals[count].as_u64(), "{query}");
    }
    let now = prometheus.query("tenfold_requests_in_flight", "");
    assert!(now.is_empty(), "gauges end with the run: {now:?}");

    let dashboard: Value = serde_json::from_str(DASHBOARD).unwrap();
    let panels = dashboard["panels"].as_array().unwrap();
    let targets = panels
        .iter()
        .filter_map(|panel| panel["targets"].as_array());
    let queries: Vec<&str> = targets
        .flatten()
        .map(|target| target["expr"].as_str().unwrap())
        .collect();
    assert!(queries.len() > 15, "{}", queries.len());
    for query in queries {
        let query = query
            .replace("$run", ".+")
            .replace("$__rate_interval", "5s");
        let series = prometheus.query(&query, &at);
        assert!(!series.is_empty(), "no series: {query}");
        let text = series[0]["value"][1].as_str().unwrap();
        assert!(text.parse::<f64>().unwrap().is_finite(), "{query}: {text}");
    }
    let since = (at.parse::<f64>().unwrap() - 60.0).to_string();
    let exemplars = prometheus.get(
        "/api/v1/query_exemplars",
        &[
            ("query", "tenfold_response_time_seconds_bucket"),
            ("start", &since),
            ("end", &at),
        ],
    );
    let exemplars: Vec<&str> = exemplars
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|series| series["exemplars"].as_array().unwrap())
        .map(|exemplar| exemplar["labels"]["trace_id"].as_str().unwrap())
        .collect();
    assert!(!exemplars.is_empty());

    // The report links its slowest requests, and so does another rendering.
    let slowest = summary["traces"][0]["trace_id"].as_str().unwrap();
    let link = format!("href=\"https://tempo.example/trace/{slowest}?a=&quot;b\"");
    let report = || std::fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(report().contains(&link), "{link}");
    place.run(&["report", "run"]).expect(0);
    assert!(!report().contains("tempo.example"));
    let viewer = "https://jaeger.example/trace/{trace_id}";
    place
        .run(&["report", "run", "--trace-url", viewer])
        .expect(0);
    assert!(report().contains(&format!("href=\"https://jaeger.example/trace/{slowest}\"")));
}
