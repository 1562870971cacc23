//! Journeys: scenarios in which users repeat a recorded visit, each with its own cookies and tokens.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::io::BufRead;
use std::time::Duration;

use percent_encoding::percent_decode_str;
use serde_json::Value;
use tenfold_scenarios::toml_text::{comment, quoted};
use tenfold_scenarios::{BUILT_IN_NAMES, escape_template, format_duration};
use tenfold_secret::is_secret_pair;

use crate::access_log::kind_of;
use crate::har::visit::{Body, Exchange, Visit};
use crate::input::broken_line::BrokenLine;
use crate::input::log_error::LogError;

mod provenance;

use provenance::{looks_made, provenance};

/// Options for making a journey.
#[derive(Debug, Clone, Default)]
pub struct JourneyOptions {
    /// Name of the scenario.
    pub name: String,
    /// Host whose requests are used. `None` for the most frequent one.
    pub host: Option<String>,
}

/// A scenario with the journey of a visit.
#[derive(Debug, Clone, serde::Serialize)]
pub struct JourneyScenario {
    /// The scenario.
    #[serde(skip)]
    pub toml: String,
    /// Number of its requests.
    pub requests: usize,
    /// URL that was visited, without a path.
    pub target: String,
    /// Names of the values that are captured from answers.
    pub captured: Vec<String>,
    /// Names of the secrets that the answers do not have, such as passwords: to be filled in.
    pub to_fill_in: Vec<String>,
    /// Reasons for leaving out entries and bodies, with their number.
    pub left_out: Vec<(String, u64)>,
    /// The first broken entries.
    pub first_broken: Vec<BrokenLine>,
}

/// Requests of a scenario at most.
const REQUESTS_MAX: usize = 200;

/// Pauses shorter than this are the browser's, not the user's.
const THINK_MIN: Duration = Duration::from_millis(100);

/// Longest think time that is kept.
const THINK_MAX: Duration = Duration::from_secs(60);

/// Headers that the generator or a field of the request sets.
const SET_OTHERWISE: [&str; 3] = ["accept-encoding", "accept-language", "user-agent"];

/// Names of variables with a meaning of their own: in conditions, and in these scenarios.
const TAKEN_NAMES: [&str; 3] = ["status", "failed", "origin"];

/// Makes a scenario in which each user repeats the visit of a HAR file: with cookies and redirects, and with the values
/// of forms, addresses and headers captured from the answers that have them.
///
/// `origin` is the name of the file in messages.
///
/// # Errors
/// Fails if the file can't be read, or has no request to send.
pub fn journey(
    source: impl BufRead,
    origin: &str,
    options: &JourneyOptions,
) -> Result<JourneyScenario, LogError> {
    let mut visit = Visit::read(source, origin, options.host.as_deref())?;
    let too_many = visit.exchanges.len().saturating_sub(REQUESTS_MAX);
    if too_many > 0 {
        visit.exchanges.truncate(REQUESTS_MAX);
        let reason = "beyond the first 200 requests";
        visit.left_out.insert(reason, too_many as u64);
    }
    for exchange in &visit.exchanges {
        if let Body::LeftOut(reason) = exchange.body {
            *visit.left_out.entry(reason).or_default() += 1;
        }
    }
    let mut writer = Writer::new(&visit);
    let requests: Vec<String> = (0..visit.exchanges.len())
        .map(|index| writer.request(index))
        .collect();
    Ok(JourneyScenario {
        toml: writer.toml(origin, options, &requests),
        requests: requests.len(),
        target: format!("{}://{}", visit.scheme, visit.host),
        captured: {
            let names = writer.captures.iter().flat_map(BTreeMap::keys);
            let names: BTreeSet<&String> = names.collect();
            names.into_iter().cloned().collect()
        },
        to_fill_in: writer.variables.keys().cloned().collect(),
        left_out: visit
            .left_out
            .iter()
            .map(|(reason, count)| ((*reason).to_owned(), *count))
            .collect(),
        first_broken: visit.first_broken.clone(),
    })
}

struct Writer<'a> {
    visit: &'a Visit,
    names: Vec<String>,
    /// By exchange: variables with how to capture them.
    captures: Vec<BTreeMap<String, String>>,
    /// Variables without a source, with the place that needs them.
    variables: BTreeMap<String, String>,
    has_origin: bool,
}

impl<'a> Writer<'a> {
    fn new(visit: &'a Visit) -> Self {
        let mut names: Vec<String> = Vec::new();
        for exchange in &visit.exchanges {
            let path = exchange.target.split(['?', ';']).next().unwrap_or_default();
            // Identifiers differ from user to user, and may be secrets.
            let parts = path
                .split('/')
                .map(|part| if looks_made(part) { "..." } else { part });
            let path = parts.collect::<Vec<_>>().join("/");
            let path: String = path.chars().take(80).collect();
            let name = format!("{} {path}", exchange.method);
            let mut unique = name.clone();
            let mut number = 2;
            while names.contains(&unique) {
                unique = format!("{name} ({number})");
                number += 1;
            }
            names.push(unique);
        }
        Self {
            visit,
            names,
            captures: vec![BTreeMap::new(); visit.exchanges.len()],
            variables: BTreeMap::new(),
            has_origin: false,
        }
    }

    /// Returns the template of a value: the value itself, or a variable.
    fn value(&mut self, index: usize, name: &str, value: &str) -> String {
        let is_secret = is_secret_pair(name, value);
        let before = &self.visit.exchanges[..index];
        let source = (is_secret || looks_made(value))
            .then(|| provenance(name, value, before))
            .flatten();
        match source {
            Some((at, capture)) => format!("{{{}}}", self.captured(at, name, capture)),
            None if is_secret && !value.is_empty() => {
                let variable = variable_name(name);
                let place = self.names[index].clone();
                self.variables.entry(variable.clone()).or_insert(place);
                format!("{{{variable}}}")
            }
            None => escape_template(value),
        }
    }

    /// Captures a value of an answer. Returns the name of its variable.
    fn captured(&mut self, at: usize, name: &str, capture: String) -> String {
        let base = variable_name(name);
        let captures = &mut self.captures[at];
        let mut variable = base.clone();
        let mut number = 2;
        while captures
            .get(&variable)
            .is_some_and(|known| *known != capture)
        {
            variable = format!("{base}_{number}");
            number += 1;
        }
        captures.insert(variable.clone(), capture);
        variable
    }

    /// Returns the fields of a request, without its captures.
    fn request(&mut self, index: usize) -> String {
        let exchange = &self.visit.exchanges[index];
        let kind = kind_of(&exchange.method);
        let mut text = format!(
            "[[requests]]\nname = {}\nkind = \"{kind}\"\nmethod = {}\npath = {}\n",
            quoted(&self.names[index]),
            quoted(&exchange.method),
            quoted(&self.path(index)),
        );
        let is_form = matches!(exchange.body, Body::Form(_));
        for (name, value) in &exchange.headers {
            if SET_OTHERWISE.contains(&name.as_str()) || (is_form && name == "content-type") {
                continue;
            }
            let value = match name.as_str() {
                "origin" => {
                    self.has_origin = true;
                    "{origin}".to_owned()
                }
                _ => escape_template(value),
            };
            let _ = writeln!(text, "headers.{} = {}", key(name), quoted(&value));
        }
        for (name, value) in &exchange.secrets {
            let (scheme, secret) = match value.split_once(' ') {
                Some((scheme, secret)) if name.ends_with("authorization") => {
                    (format!("{scheme} "), secret)
                }
                _ => (String::new(), value.as_str()),
            };
            let secret = self.value(index, name, secret);
            let _ = writeln!(
                text,
                "headers.{} = {}",
                key(name),
                quoted(&format!("{scheme}{secret}"))
            );
        }
        text.push_str(&self.body(index));
        let status = exchange.answer.status;
        if !(200..300).contains(&status) {
            let _ = writeln!(text, "expect = [{status}]   # as recorded");
        }
        text
    }

    /// Returns the template of path and query.
    fn path(&mut self, index: usize) -> String {
        let target = self.visit.exchanges[index].target.clone();
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target.as_str(), None),
        };
        let segments: Vec<String> = path
            .split('/')
            .map(|segment| {
                let plain = percent_decode_str(segment).decode_utf8_lossy();
                match looks_made(&plain)
                    .then(|| provenance("id", &plain, &self.visit.exchanges[..index]))
                {
                    Some(Some((at, capture))) => {
                        format!("{{{}}}", self.captured(at, "id", capture))
                    }
                    _ => escape_template(segment),
                }
            })
            .collect();
        let mut text = segments.join("/");
        for (number, pair) in query
            .into_iter()
            .flat_map(|query| query.split('&'))
            .enumerate()
        {
            text.push(if number == 0 { '?' } else { '&' });
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let plain = |text: &str| {
                let spaced = text.replace('+', " ");
                percent_decode_str(&spaced).decode_utf8_lossy().into_owned()
            };
            let template = self.value(index, &plain(name), &plain(value));
            let is_kept = template == escape_template(&plain(value));
            text.push_str(&escape_template(name));
            if pair.contains('=') {
                text.push('=');
                // As it was written: the encoding of literal text is not changed.
                text.push_str(&if is_kept {
                    escape_template(value)
                } else {
                    template
                });
            }
        }
        text
    }

    fn body(&mut self, index: usize) -> String {
        match &self.visit.exchanges[index].body {
            Body::None => String::new(),
            Body::LeftOut(_) => "# Its body is left out: add `multipart` or `body`.\n".to_owned(),
            Body::Form(pairs) => {
                let mut fields: Vec<(&str, Vec<String>)> = Vec::new();
                for (name, value) in pairs {
                    let value = quoted(&self.value(index, name, value));
                    match fields.iter_mut().find(|(known, _)| known == name) {
                        Some((_, values)) => values.push(value),
                        None => fields.push((name, vec![value])),
                    }
                }
                let fields: Vec<String> = fields
                    .into_iter()
                    .map(|(name, values)| match values.as_slice() {
                        [value] => format!("{} = {value}", key(name)),
                        values => format!("{} = [{}]", key(name), values.join(", ")),
                    })
                    .collect();
                format!("form = {{ {} }}\n", fields.join(", "))
            }
            Body::Text(text) => {
                let body = match serde_json::from_str::<Value>(text) {
                    Ok(mut json) => {
                        let written = json.to_string();
                        self.json(index, "", &mut json);
                        // Without a variable, the body is kept byte for byte.
                        match json.to_string() {
                            changed if changed == written => escape_template(text),
                            changed => changed,
                        }
                    }
                    Err(_) => escape_template(text),
                };
                format!("body = {}\n", quoted(&body))
            }
        }
    }

    /// Replaces strings in JSON by templates.
    fn json(&mut self, index: usize, name: &str, json: &mut Value) {
        match json {
            Value::String(text) => *text = self.value(index, name, text),
            Value::Array(items) => items
                .iter_mut()
                .for_each(|item| self.json(index, name, item)),
            Value::Object(fields) => {
                for (name, mut field) in std::mem::take(fields) {
                    self.json(index, &name, &mut field);
                    fields.insert(escape_template(&name), field);
                }
            }
            _ => {}
        }
    }

    fn toml(&self, origin: &str, options: &JourneyOptions, requests: &[String]) -> String {
        let visit = self.visit;
        let mut text = comment(&format!(
            "The visit in {origin} as a journey: {} requests to {}. Each user has its own cookies; tokens and identifiers \
             are captured from the answers that have them.",
            requests.len(),
            visit.host
        ));
        for (reason, count) in &visit.left_out {
            text.push_str(&comment(&format!("Left out: {count} {reason}.")));
        }
        text.push_str("#\n");
        text.push_str(&comment(
            "Send it once with `tenfold run THIS --once`, and add checks: a page may say that something failed with \
             status 200. docs/services.md shows whole journeys.",
        ));
        let _ = write!(
            text,
            "\nversion = 1\nname = {}\nseed = 1\nrules = ['p95 < 1s', 'errors < 1%']\n\n\
             [load]\nmodel = \"closed\"   # each user waits for its answers\nusers = 5\nhatch = \"1/s\"\n\n\
             [[phases]]\nname = \"steady\"\nkind = \"users\"\nduration = \"60s\"\n\n\
             [http]\nfollow = 5\ncookies = true\n\n",
            quoted(&options.name)
        );
        if self.has_origin || !self.variables.is_empty() {
            text.push_str("[variables]\n");
        }
        if self.has_origin {
            let _ = writeln!(
                text,
                "origin = {}   # of the target; some services compare it",
                quoted(&format!("{}://{}", visit.scheme, visit.host))
            );
        }
        for (variable, place) in &self.variables {
            let _ = writeln!(
                text,
                "{variable} = \"\"   # fill in, or better, read it from a data file; for {}",
                one_line(place)
            );
        }
        text.push_str("\n[[journeys]]\nname = \"visit\"\non_failure = \"end\"\nsteps = [\n");
        let mut end_us = None;
        for (name, exchange) in self.names.iter().zip(&visit.exchanges) {
            let name = quoted(name);
            let _ = match end_us.and_then(|end_us| think(exchange, end_us)) {
                Some(think) => writeln!(
                    text,
                    "  {{ request = {name}, think = \"{}\" }},",
                    format_duration(think)
                ),
                None => writeln!(text, "  {name},"),
            };
            end_us = end_us.max(Some(exchange.end_us));
        }
        text.push_str("]\n");
        for (request, captures) in requests.iter().zip(&self.captures) {
            let _ = write!(text, "\n{request}");
            for (variable, capture) in captures {
                let _ = writeln!(text, "capture.{variable} = {capture}");
            }
        }
        text
    }
}

/// Returns the pause before a request, in tenths of a second. `None` if the browser sent it by itself.
fn think(exchange: &Exchange, end_us: i64) -> Option<Duration> {
    let pause = exchange.at_us.saturating_sub(end_us);
    let pause = Duration::from_micros(u64::try_from(pause).ok()?).min(THINK_MAX);
    let tenths = Duration::from_millis(pause.as_millis() as u64 / 100 * 100);
    (tenths >= THINK_MIN).then_some(tenths)
}

/// Returns a key of TOML, quoted if need be. Unlike a value, it may not be a multi-line string.
fn key(name: &str) -> String {
    let is_bare = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_');
    match !name.is_empty() && name.chars().all(is_bare) {
        true => name.to_owned(),
        // The escapes of JSON are those of TOML, where DEL needs one too.
        false => Value::from(name).to_string().replace('\u{7f}', "\\u007F"),
    }
}

/// Returns the name of a variable: lower-case letters, digits and `_`.
fn variable_name(name: &str) -> String {
    let mut variable: String = name
        .chars()
        .map(|c| c.to_ascii_lowercase())
        .map(|c| {
            if c.is_ascii_lowercase() || c.is_ascii_digit() {
                c
            } else {
                '_'
            }
        })
        .take(40)
        .collect();
    if !variable.starts_with(|c: char| c.is_ascii_lowercase()) {
        variable.insert_str(0, "value_");
    }
    match BUILT_IN_NAMES.contains(&variable.as_str()) || TAKEN_NAMES.contains(&variable.as_str()) {
        true => variable + "_value",
        false => variable,
    }
}

fn one_line(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}
