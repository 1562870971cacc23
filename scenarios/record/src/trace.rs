//! Traces: scenarios that replay the requests of a log.

use std::fmt::Write as _;
use std::io;
use std::time::Duration;

use tenfold_scenarios::toml_text::{comment, decimals, quoted};
use tenfold_scenarios::{Kind, escape_template, format_duration};

use crate::RecordError;
use crate::access_log::{AccessLog, RecordedRequest, kind_of};
use crate::format::log_time::Grain;

mod request_class;

use request_class::RequestClasses;

/// Options for making a trace.
#[derive(Debug, Clone)]
pub struct TraceOptions {
    /// Speed relative to the recording, between 0.000001 and 1,000,000.
    pub speed: f64,
    /// Name of the scenario.
    pub name: String,
    /// Path of the trace file, relative to the scenario file.
    pub file: String,
}

/// A scenario that replays a log, and the trace file that it reads.
#[derive(Debug, Clone)]
pub struct TraceScenario<'a> {
    /// The scenario.
    pub toml: String,
    /// Number of requests in the trace.
    pub requests: u64,
    /// Number of lines without a request that can be sent, which are left out.
    pub without_request: u64,
    /// Duration of the replay.
    pub duration: Duration,
    log: &'a AccessLog,
    classes: RequestClasses<'a>,
}

/// Maximum duration of a phase.
pub(crate) const PHASE_MAX: Duration = Duration::from_secs(30 * 24 * 3600);

impl TraceScenario<'_> {
    /// Writes the trace file: JSON lines `{"at_ms":0,"request":"GET","target":"/"}` in time order, with
    /// a `"body"` if the request has one. Each line is written separately, so `out` should be buffered.
    ///
    /// # Errors
    /// Fails if `out` does.
    pub fn write_trace(&self, mut out: impl io::Write) -> io::Result<()> {
        for (at_us, request) in replayed(self.log) {
            // Names and targets contain no characters that JSON escapes.
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

/// Makes a scenario that replays the methods and targets of a log at the recorded intervals.
///
/// If the log has whole seconds, the requests of each second are spread evenly over it, in the log's
/// order, from its beginning. This adds no randomness and no bursts that the log doesn't show. Times
/// with fractions of a second are kept.
///
/// # Errors
/// Fails if the log has no request, the speed is out of range, or the replay would last longer than 30
/// days.
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
        return Err(RecordError::no_request(log));
    }
    // A trace phase ends just after its last request.
    let recorded = Duration::from_micros(last_us.unsigned_abs());
    let seconds = recorded.as_secs_f64() / options.speed + 0.001;
    if seconds > PHASE_MAX.as_secs_f64() {
        let enough = recorded.as_secs_f64() / (PHASE_MAX.as_secs_f64() - 1.0);
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
        duration: Duration::from_secs_f64(seconds),
        log,
        classes: RequestClasses::of(replayed(log).map(|(_, request)| request)),
    };
    made.toml = toml(log, options, &made);
    Ok(made)
}

/// Returns the requests to send, with their time since the first one in microseconds.
fn replayed(log: &AccessLog) -> impl Iterator<Item = (i64, RecordedRequest<'_>)> {
    let mut rest = log.records().filter_map(|record| {
        let request = record.request?;
        Some((record.at_us, request))
    });
    let mut start_us = None;
    // Requests with equal times: their time, their number, and how many have been returned.
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

fn toml(log: &AccessLog, options: &TraceOptions, trace: &TraceScenario<'_>) -> String {
    let lines = match log.archive {
        Some(_) => "entries",
        None => "lines",
    };
    let speed = decimals(options.speed, 12);
    let mut text = comment(&format!(
        "Replays the requests of {}: {} of its {} {lines}, in {} at {speed} times the recorded speed.",
        log.origin,
        trace.requests,
        log.lines,
        format_duration(Duration::from_secs(trace.duration.as_secs())),
    ));
    for (why, count) in log.left_out() {
        text.push_str(&comment(&format!("Left out: {count} {lines} that {why}.")));
    }
    if let Some(host) = &log.host {
        for line in host.to_string().lines() {
            text.push_str(&comment(line));
        }
        if host.is_named() {
            text.push_str(&comment(&format!(
                "Add --host {} to `tenfold run` if the target serves several hosts.",
                host.host
            )));
        }
    }
    if let Some(archive) = &log.archive {
        for line in archive.to_string().lines() {
            text.push_str(&comment(line));
        }
        if !archive.masked.is_empty() {
            text.push_str(&comment(
                "Give requests that need such a secret one from the target: capture it at log-in, and write \
                 headers.authorization = \"Bearer {token}\" or similar.",
            ));
        }
    }
    text.push_str("#\n");
    text.push_str(&comment(match log.grain {
        Grain::Second => {
            "The log's times are whole seconds. The requests of one second are spread evenly over \
             it, in the log's order."
        }
        Grain::Finer if log.spread => {
            "The log's times are whole seconds. The requests of one second are spread evenly over \
             it, in the log's order."
        }
        Grain::Finer => "The log's times have fractions of a second and are kept unchanged.",
    }));
    if log.dated_by_duration > 0 {
        text.push_str(&comment(
            "The log is written at the end of each request. Requests are sent at that time minus their duration.",
        ));
    }
    text.push_str("#\n#   tenfold run THIS --target http://...\n\n");
    text.push_str("version = 1\n");
    let _ = writeln!(text, "name = {}", quoted(&options.name));
    let description = format!(
        "{} requests of {} at {speed} times the recorded speed",
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
        "{of_each} Another target may not return the recorded statuses, so any status except a server \
         error is accepted. For a target with the same content, tighten this to \
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
                Some(_) => "Not all of these have a body. Add one in the trace if the target needs it.",
                None => {
                    "A log contains no bodies, so this is sent without one. Add a `body` and `headers` \
                     if the target needs them."
                }
            }));
        }
        let _ = writeln!(
            text,
            "[[requests]]   # {} recorded\nname = {}\nkind = \"{kind}\"\nmethod = {}\n\
             path = \"{{target}}\"",
            class.count,
            quoted(&class.name),
            quoted(class.method)
        );
        for (name, value) in &class.headers {
            let _ = writeln!(text, "headers.{name} = {}", quoted(&escape_template(value)));
        }
        if class.bodies > 0 {
            text.push_str("body = \"{target_body}\"\n");
        }
        text.push_str("expect = [\"2xx\", \"3xx\", \"4xx\"]\n");
    }
    text
}
