//! The same requests again.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use super::RecordError;
use super::request_class::RequestClasses;
use super::toml_text::{comment, decimals, quoted};
use crate::access_log::{AccessLog, Grain, RecordedRequest, kind_of};
use crate::template::Template;
use crate::{Kind, format_duration};

/// How to make a trace of a log.
#[derive(Debug, Clone)]
pub struct TraceOptions {
    /// How many times as fast as recorded; between 0.000001 and 1,000,000.
    pub speed: f64,
    /// What the scenario is to be called.
    pub name: String,
    /// The name of the trace file as the scenario is to have it, relative to the scenario's.
    pub file: String,
}

/// A scenario that replays a log, and the trace file that it reads.
#[derive(Debug, Clone)]
pub struct TraceScenario<'a> {
    /// The scenario.
    pub toml: String,
    /// How many requests it holds.
    pub requests: u64,
    /// How many lines of the log hold no request, and so are not in it.
    pub without_request: u64,
    /// How many requests can't be sent to an origin server, and so are not in it: CONNECT, and
    /// targets without a leading slash.
    pub unsendable: u64,
    /// How long the replay lasts.
    pub duration: Duration,
    log: &'a AccessLog,
    classes: RequestClasses<'a>,
}

/// As long as a phase may last.
pub(super) const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);
/// A target that fits a line of a trace and a URI with room to spare.
const LONGEST_TARGET: usize = 60_000;

impl TraceScenario<'_> {
    /// Writes the trace file: JSON lines `{"at_ms":0,"request":"GET","target":"/"}`, first to last,
    /// with a `"body"` where the request has one.
    ///
    /// # Errors
    /// Fails where `out` does. Give a buffered one: each line is written apart.
    pub fn write_trace(&self, mut out: impl io::Write) -> io::Result<()> {
        for (at_us, request) in replayed(self.log) {
            // Neither names nor targets hold anything that JSON would have escaped.
            let name = self.classes.name_of(&request);
            let target = request.target;
            let (whole, part) = (at_us / 1000, at_us % 1000);
            let fraction = if part == 0 {
                String::new()
            } else {
                format!(".{part:03}")
            };
            write!(
                out,
                "{{\"at_ms\":{whole}{fraction},\"request\":\"{name}\",\"target\":\"{target}\""
            )?;
            if let Some(body) = request.body {
                out.write_all(b",\"body\":")?;
                serde_json::to_writer(&mut out, body)?;
            }
            out.write_all(b"}\n")?;
        }
        out.flush()
    }
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self {
            speed: 1.0,
            name: "recorded".to_owned(),
            file: "recorded.jsonl".to_owned(),
        }
    }
}

/// Makes a scenario of a log that replays the same methods and targets at their recorded distances.
///
/// Logs tell whole seconds. The requests of one second are spread evenly over it, in the log's
/// order, the first at its beginning: nothing random is added, and no burst that the log
/// does not show. Where a log tells fractions of a second, its times are kept as they are.
///
/// # Errors
/// Fails where the log holds no request, the speed is out of its range, or the replay would last
/// longer than 30 days.
pub fn trace<'a>(
    log: &'a AccessLog,
    options: &TraceOptions,
) -> Result<TraceScenario<'a>, RecordError> {
    if !(1e-6..=1e6).contains(&options.speed) {
        return Err(RecordError::Option {
            option: "--speed",
            value: options.speed.to_string(),
            range: "0.000001 to 1000000",
        });
    }
    let (mut requests, mut last_us) = (0, 0);
    for (at_us, _) in replayed(log) {
        requests += 1;
        last_us = at_us;
    }
    if requests == 0 {
        let lines = log.lines - log.broken - log.headers;
        return Err(RecordError::NoRequest {
            origin: log.origin.clone(),
            lines,
        });
    }
    // Until just after its last request, as the trace phase has it.
    let recorded = Duration::from_micros(last_us.unsigned_abs());
    let seconds = recorded.as_secs_f64() / options.speed + 0.001;
    if seconds > LONGEST.as_secs_f64() {
        let enough = recorded.as_secs_f64() / (LONGEST.as_secs_f64() - 1.0);
        return Err(RecordError::TooLong {
            origin: log.origin.clone(),
            speed: options.speed,
            length: format_duration(Duration::from_secs(seconds.min(1e18) as u64)),
            enough: (enough * 100.0).ceil() / 100.0,
        });
    }
    let mut made = TraceScenario {
        toml: String::new(),
        requests,
        without_request: log.without_request,
        unsendable: log
            .records()
            .filter_map(|record| record.request)
            .filter(|request| !is_sendable(request))
            .count() as u64,
        duration: Duration::from_secs_f64(seconds),
        log,
        classes: RequestClasses::of(replayed(log).map(|(_, request)| request)),
    };
    made.toml = toml(log, options, &made);
    Ok(made)
}

/// Returns what is sent, with its time since the first of it in microseconds.
fn replayed(log: &AccessLog) -> impl Iterator<Item = (i64, RecordedRequest<'_>)> {
    let mut rest = log.records().filter_map(|record| {
        let request = record.request.filter(is_sendable)?;
        Some((record.at_us, request))
    });
    let mut start_us = None;
    // The requests of one time: when, how many, and how many of them are done.
    let (mut same_us, mut count, mut position) = (0, 0, 0);
    std::iter::from_fn(move || {
        if position == count {
            let mut ahead = rest.clone();
            same_us = ahead.next()?.0;
            count = 1 + ahead.take_while(|(at_us, _)| *at_us == same_us).count() as u64;
            position = 0;
        }
        let (_, request) = rest.next()?;
        let spread_us = match log.grain {
            Grain::Second => position * 1_000_000 / count,
            Grain::Finer => 0,
        };
        position += 1;
        let offset_us = same_us - *start_us.get_or_insert(same_us);
        Some((offset_us + spread_us as i64, request))
    })
}

/// Says whether a request can be sent to an origin server.
fn is_sendable(request: &RecordedRequest<'_>) -> bool {
    let origin_form = request.target.starts_with('/') && request.method != "CONNECT";
    let asterisk_form = request.target == "*" && request.method == "OPTIONS";
    (origin_form || asterisk_form) && request.target.len() <= LONGEST_TARGET
}

fn toml(log: &AccessLog, options: &TraceOptions, trace: &TraceScenario<'_>) -> String {
    let lines = match log.archive {
        Some(_) => "entries",
        None => "lines",
    };
    let speed = decimals(options.speed, 12);
    let mut text = comment(&format!(
        "The requests of {}, sent again: {} of its {} {lines}, over {} at {speed} times their recorded \
         speed.",
        log.origin,
        trace.requests,
        log.lines,
        format_duration(Duration::from_secs(trace.duration.as_secs())),
    ));
    let left_out = [
        (log.broken, "could not be read"),
        (log.without_request, "hold no request"),
        (
            trace.unsendable,
            "hold a request that no origin server takes, such as CONNECT",
        ),
    ];
    for (count, why) in left_out.iter().filter(|(count, _)| *count > 0) {
        text.push_str(&comment(&format!("Left out: {count} {lines} that {why}.")));
    }
    if let Some(archive) = &log.archive {
        for line in archive.to_string().lines() {
            text.push_str(&comment(line));
        }
        if !archive.masked.is_empty() {
            text.push_str(&comment(
                "Requests that need such a secret get one of the target's own: let a log-in capture \
                 it, and write headers.authorization = \"Bearer {token}\" or what it takes.",
            ));
        }
    }
    text.push_str("#\n");
    text.push_str(&comment(match log.grain {
        Grain::Second => {
            "The log tells whole seconds. The requests of one second are spread evenly over it, in \
             the log's order."
        }
        Grain::Finer => "The log tells fractions of a second, and its times are kept as they are.",
    }));
    text.push_str("#\n#   tenfold run THIS --target http://...\n\n");
    text.push_str("version = 1\n");
    let _ = writeln!(text, "name = {}", quoted(&options.name));
    let description = format!(
        "{} requests of {} at {speed} times their speed",
        trace.requests, log.origin
    );
    let _ = writeln!(text, "description = {}", quoted(&description));
    text.push_str("seed = 1\n\n[load]\nmodel = \"open\"\n\n");
    text.push_str("[[phases]]\nname = \"replay\"\nkind = \"trace\"\n");
    let _ = writeln!(text, "file = {}\nspeed = {speed}\n", quoted(&options.file));
    let of_each = match log.archive {
        Some(_) => "One request for each method and set of headers.",
        None => "One request for each method.",
    };
    text.push_str(&comment(&format!(
        "{of_each} The recorded statuses can't be expected of another target, so any answer short \
         of a server error is accepted. For a target that holds the same content, tighten it: \
         expect = [\"2xx\", 304].",
    )));
    if let Some(reason) = trace.classes.reduced() {
        text.push_str(&comment(reason));
    }
    for class in trace.classes.iter() {
        let kind = kind_of(class.method);
        text.push('\n');
        if kind == Kind::Write && class.bodies < class.count {
            text.push_str(&comment(match log.archive {
                Some(_) => {
                    "Not all of these have a body. Give those of the trace one that need it."
                }
                None => {
                    "A log holds no bodies, so this is sent without one. Give it a `body` and \
                     `headers` if the target needs them."
                }
            }));
        }
        let _ = writeln!(
            text,
            "[[requests]]   # {} of them\nname = {}\nkind = \"{kind}\"\nmethod = {}\n\
             path = \"{{target}}\"",
            class.count,
            quoted(&class.name),
            quoted(class.method)
        );
        for (name, value) in &class.headers {
            let _ = writeln!(
                text,
                "headers.{name} = {}",
                quoted(&Template::escape(value))
            );
        }
        if class.bodies > 0 {
            text.push_str("body = \"{target_body}\"\n");
        }
        text.push_str("expect = [\"2xx\", \"3xx\", \"4xx\"]\n");
    }
    text
}
