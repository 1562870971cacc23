//! Checks of access logs and HAR files.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufReader;
use std::time::Duration;

use tenfold_record::{
    AccessLog, LogError, ModelOptions, ReadOptions, Record, TraceOptions, model, trace,
};
use tenfold_scenarios::{Rate, Scenario};

use crate::{assert_printable, temporary_file};

/// Capacity of the buffer that splits a log into pieces.
const PIECE_BYTES: usize = 7;

/// One in so many logs is fitted, which takes much longer than reading it.
const FITTED_SHARE: u64 = 8;

/// Number of requests from which a fit draws samples, which takes thousands of times longer than reading the log.
const SAMPLED_REQUESTS_MIN: usize = 50;

/// One in so many of the logs with samples is fitted.
const SAMPLED_SHARE: u64 = 64;

/// Longest method that a log may have, in bytes.
const METHOD_BYTES_MAX: usize = 32;

/// Reads a log, and checks that:
///
/// - the result is the same if the log arrives in pieces,
/// - each line is counted once, and the records are in time order,
/// - methods, targets and statuses are valid in HTTP,
/// - texts for the terminal contain no control characters.
///
/// Returns `None` if the log can't be read.
pub fn check_log(bytes: &[u8], options: &ReadOptions) -> Option<AccessLog> {
    let read = |capacity| {
        let source = BufReader::with_capacity(capacity, bytes);
        AccessLog::read_from(source, "fuzz", options)
    };
    // A format is the user's own, and may contain anything.
    let given = options.format.as_ref().map(|format| format.text());
    let is_printable = given.is_none_or(|text| !text.contains(char::is_control));
    let (log, pieces) = match (read(64 * 1024), read(PIECE_BYTES)) {
        (Ok(whole), Ok(pieces)) => (whole, pieces),
        (Err(whole), Err(pieces)) => {
            check_error(&whole, &pieces, is_printable);
            return None;
        }
        (whole, pieces) => panic!("whole: {whole:?}\nin pieces: {pieces:?}"),
    };
    let records: Vec<Record<'_>> = log.records().collect();
    assert!(records.iter().copied().eq(pieces.records()));
    let summary = log.summary();
    assert_eq!(summary, pieces.summary());

    if let Some(archive) = &log.archive {
        let left_out = archive.of_other_hosts + archive.not_http + archive.upgrades;
        assert!(records.len() as u64 + log.broken + left_out <= log.lines);
    } else {
        let others = log.host.as_ref().map_or(0, |host| host.of_others);
        let left_out = log.broken + log.headers + log.messages + log.parts + log.clock_outliers;
        assert_eq!(records.len() as u64 + left_out + others, log.lines);
    }
    let kept = log.first_broken.len();
    assert_eq!(kept as u64, log.broken.min(options.broken_kept as u64));
    assert!(records.is_sorted_by_key(|record| record.at_us));
    records.iter().for_each(check_record);
    let requests = records.iter().filter(|record| record.request.is_some());
    assert_eq!(summary.reads + summary.writes, requests.count() as u64);
    let reasons = log.reasons_without_request.iter();
    assert_eq!(
        reasons.map(|(_, count)| count).sum::<u64>(),
        log.without_request
    );
    assert!(summary.first <= summary.last);
    if is_printable {
        assert_printable(&summary.to_string());
    }
    Some(log)
}

fn check_error(whole: &LogError, pieces: &LogError, is_printable: bool) {
    let kind = std::mem::discriminant::<LogError>;
    assert_eq!(kind(whole), kind(pieces), "{whole}\n{pieces}");
    if is_printable {
        assert_printable(&whole.to_string());
    }
}

fn check_record(record: &Record<'_>) {
    if let Some(status) = record.status {
        assert!((100..1000).contains(&status), "{record:?}");
    }
    let Some(request) = &record.request else {
        return;
    };
    assert!(request.method.len() <= METHOD_BYTES_MAX, "{record:?}");
    let method = http::Method::from_bytes(request.method.as_bytes());
    assert!(method.is_ok(), "{record:?}");
    let is_valid = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
    assert!(request.target.starts_with('/'), "{record:?}");
    assert!(request.target.bytes().all(is_valid), "{record:?}");
    // What is recorded can be sent over any version of HTTP.
    let parsed = request.target.parse::<http::uri::PathAndQuery>();
    assert_eq!(parsed.expect("a valid target").as_str(), request.target);
    assert_ne!(request.method, "CONNECT");
}

/// Makes a trace and a model of a log, and checks that both scenarios can be read, and that the trace replays the
/// recorded requests. `bytes` is the log as it was read.
pub fn check_replay(log: &AccessLog, bytes: &[u8]) {
    let file = temporary_file("trace.jsonl");
    let options = TraceOptions {
        file: file.to_string_lossy().into_owned(),
        ..TraceOptions::default()
    };
    if let Ok(made) = trace(log, &options) {
        let mut lines = Vec::new();
        made.write_trace(&mut lines)
            .expect("a vector has no errors");
        std::fs::write(&file, lines).expect("the folder for temporary files is writable");
        let scenario = Scenario::parse(&made.toml, &temporary_file("trace.toml"));
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}\n{}", made.toml));
        let mut replayed = 0;
        let mut recorded = log.records().filter_map(|record| record.request);
        for arrival in scenario.schedule() {
            replayed += 1;
            let request = recorded.next().expect("a request that is not in the log");
            let sent = &scenario.requests[arrival.draw.request];
            assert_eq!(sent.method.as_str(), request.method);
            assert_eq!(
                scenario.recorded_target(&arrival.draw),
                Some(request.target)
            );
        }
        assert_eq!(replayed, made.requests);
    }
    let share = match log.records().len() >= SAMPLED_REQUESTS_MIN {
        true => SAMPLED_SHARE,
        false => FITTED_SHARE,
    };
    if hash(bytes) % share != 0 {
        return;
    }
    let options = ModelOptions {
        rate: Rate::new(100.0),
        duration: Some(Duration::from_secs(10)),
        steps: 10,
        replicates: 20,
        ..ModelOptions::default()
    };
    if let Ok(made) = model(log, &options) {
        let scenario = Scenario::parse(&made.toml, &temporary_file("model.toml"));
        assert!(scenario.is_ok(), "{scenario:?}\n{}", made.toml);
        assert_printable(&made.fit.to_string());
    }
}

/// Returns a hash that is the same in every process.
fn hash(bytes: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    bytes.hash(&mut hasher);
    hasher.finish()
}
