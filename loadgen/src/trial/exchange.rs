//! One exchange of a trial: the request, its answer, and the findings of checks and captures.

use http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Serialize;
use tenfold_scenarios::{Draw, Rendered, Request, Variables, WebPage, status_text};
use tenfold_secret::{MASK, masked_target};

use super::secrets::{Secrets, Sent};
use crate::answer::{AnswerView, Captured, Mask, SAMPLED_BODY_BYTES, SHOWN_BODY_BYTES, capture};
use crate::failure::Failure;
use crate::http::{Answer, Hop, Kept, Trip, is_redirect};
use crate::shared::Shared;

/// The longest value of a finding, in characters.
const VALUE_CHARS_MAX: usize = 200;

/// A request that was tried, and its answer. Secrets are masked, bodies are shortened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Exchange {
    /// Name of the request.
    pub request: String,
    /// What the request was sent for.
    pub origin: Origin,
    /// Method.
    pub method: String,
    /// URL. `None` if the request could not be built.
    pub url: Option<String>,
    /// Headers of the request, with its cookies; except for those of the connection, such as `host`.
    pub headers: Vec<(String, String)>,
    /// Start of the body of the request.
    pub body: String,
    /// Length of the body of the request.
    pub body_bytes: u64,
    /// Address that the answer came from. `None` if the request was not redirected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirected_to: Option<String>,
    /// Redirects that were followed, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub redirects: Vec<Redirected>,
    /// The answer. `None` if none arrived.
    pub answer: Option<Received>,
    /// Time from sending to the last byte of the answer or the failure, in milliseconds, including the
    /// time to connect.
    pub took_ms: f64,
    /// Results of status, checks and captures.
    pub findings: Vec<Finding>,
    /// Failure class. `None` if the answer is as the scenario expects.
    pub failure: Option<String>,
    /// Why it failed, unless a finding says so.
    pub reason: Option<String>,
}

/// A redirect that was followed, and the request that followed it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Redirected {
    /// Status of the redirect.
    pub status: u16,
    /// Method of the next request.
    pub method: String,
    /// Its URL.
    pub url: String,
    /// Its headers.
    pub headers: Vec<(String, String)>,
}

/// What a request of a trial is sent for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// The log-in of a session.
    Session,
    /// A request by itself.
    Request,
    /// A step of a journey.
    Journey(String),
}

/// An answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Received {
    /// Status.
    pub status: u16,
    /// Headers, in order.
    pub headers: Vec<(String, String)>,
    /// Start of the body; empty if it is not text.
    pub body: String,
    /// Length of the body.
    pub body_bytes: u64,
    /// True if the body is text.
    pub is_text: bool,
    /// All messages of a stream of gRPC, as JSON, of which `body` is the last. Empty for another answer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub messages: Vec<String>,
    /// Title, forms and text of an HTML page. `None` if the body is not HTML.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

/// The result of the status, a check or a capture.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// Name of the check or capture, or the expected status.
    pub name: String,
    /// True if it is as expected.
    pub passed: bool,
    /// The value that was found, if there is one to show.
    pub value: Option<String>,
    /// Why it failed.
    pub reason: Option<String>,
}

/// What an exchange is described from.
pub(super) struct Context<'a> {
    pub(super) shared: &'a Shared,
    pub(super) draw: &'a Draw,
    pub(super) rendered: &'a Rendered,
    /// The way of the request. `None` if it is plain.
    pub(super) trip: Option<&'a Trip>,
    /// The variables after the answer.
    pub(super) variables: &'a Variables,
    pub(super) began_ns: u64,
}

impl Context<'_> {
    /// Describes an exchange that is over.
    pub(super) fn describe(
        &self,
        origin: Origin,
        sent: &crate::user::Sent,
        secrets: &mut Secrets,
    ) -> Exchange {
        let scenario = &self.shared.scenario;
        let planned = &scenario.requests[self.draw.request];
        let answer = sent.answer.as_ref();
        let target = &self
            .shared
            .endpoint(scenario.side_of(self.draw.request))
            .target;
        let captured = answer.map(|answer| {
            let url = || match self.trip.and_then(|trip| trip.url.as_ref()) {
                Some(url) => url.to_string(),
                None => target.url(&self.rendered.path),
            };
            capture(&planned.captures, answer, url)
        });
        if let Some(captured) = &captured {
            secrets.note(captured);
        }
        let mask = secrets.mask(&Sent {
            scenario,
            planned,
            draw: self.draw,
            rendered: self.rendered,
            variables: self.variables,
            credentials: target.authorization.as_ref(),
            cookies: self.trip.and_then(|trip| trip.jar.as_deref()),
        });
        let ended = answer.map_or_else(|| self.shared.clock.now(), |answer| answer.done_ns);
        let is_built = !is_unbuilt(sent.failure, answer.is_some());
        let (body, _) = text(&self.rendered.body, &mask);
        let mut headers = Vec::new();
        if is_built {
            let first = self.hops().first();
            let own = first.map_or(&self.rendered.headers, |first| &first.headers);
            headers = masked(own, &mask);
            if target.authorization.is_some()
                && !headers.iter().any(|(name, _)| name == "authorization")
            {
                headers.push(("authorization".to_owned(), MASK.to_owned()));
            }
        }
        Exchange {
            request: planned.name.clone(),
            origin,
            method: planned.method.to_string(),
            url: is_built.then(|| {
                let path = masked_target(&self.rendered.path, &mut Vec::new()).into_owned();
                let (scheme, authority) = (&target.scheme, &target.authority);
                mask.text(&format!("{scheme}://{authority}{}{path}", target.prefix))
            }),
            headers,
            body: if is_built { body } else { String::new() },
            body_bytes: if is_built {
                self.rendered.body.len() as u64
            } else {
                0
            },
            redirected_to: self
                .trip
                .and_then(|trip| trip.url.as_ref())
                .map(|url| mask.text(url.as_str())),
            redirects: self.redirects(&mask),
            answer: answer.map(|answer| received(answer, &mask)),
            took_ms: ended.saturating_sub(self.began_ns) as f64 / 1e6,
            findings: self.findings(planned, answer.zip(captured), &mask, secrets),
            failure: sent.failure.map(|failure| failure.name().to_owned()),
            reason: sent.failure.and_then(|failure| self.reason(failure)),
        }
    }

    /// The requests that were sent. Empty if the request is plain.
    fn hops(&self) -> &[Hop] {
        let hops = self.trip.and_then(|trip| trip.hops.as_deref());
        hops.unwrap_or_default()
    }

    /// Returns the redirects that were followed.
    fn redirects(&self, mask: &Mask) -> Vec<Redirected> {
        let hops = self.hops();
        let pairs = hops.iter().zip(hops.iter().skip(1));
        let followed = pairs.filter_map(|(before, next)| {
            Some(Redirected {
                status: before.status?,
                method: next.method.to_string(),
                url: mask.text(next.url.as_ref()?.as_str()),
                headers: masked(&next.headers, mask),
            })
        });
        followed.collect()
    }

    /// Returns the results of status, captures, checks and script, in this order.
    fn findings(
        &self,
        planned: &Request,
        answered: Option<(&Answer, Captured<'_>)>,
        mask: &Mask,
        secrets: &Secrets,
    ) -> Vec<Finding> {
        // The script's checks are known only from the judgement.
        let (mut by_name, samples) = self.shared.evidence.take(0, self.draw.request);
        let mut findings = Vec::new();
        if let Some((answer, captured)) = &answered {
            let passed = planned.expect.accepts(answer.status);
            findings.push(Finding {
                name: format!("status {}", planned.expect),
                passed,
                value: None,
                reason: (!passed).then(|| self.unexpected(planned, answer, mask)),
            });
            if passed {
                findings.extend(captures(captured, mask, secrets));
                findings.extend(checks(planned, answer, mask));
            }
        }
        let named = planned.captures.iter().map(|capture| capture.check_name());
        let named = named.chain(planned.checks.iter().map(|check| check.name.clone()));
        for name in named {
            by_name.remove(&name);
        }
        for (name, counts) in by_name {
            if counts.passed + counts.failed > 0 {
                let sample = samples
                    .iter()
                    .find(|sample| sample.check.as_deref() == Some(name.as_str()));
                findings.push(Finding {
                    passed: counts.failed == 0,
                    value: None,
                    reason: sample.map(|sample| sample.reason.clone()),
                    name,
                });
            }
        }
        let errors = samples.iter().filter(|sample| {
            sample.check.is_none() && sample.failure.starts_with(Failure::Script.name())
        });
        findings.extend(errors.map(|sample| Finding {
            name: "script".to_owned(),
            passed: false,
            value: None,
            reason: Some(sample.reason.clone()),
        }));
        findings
    }

    /// Why a status is not as expected, and what to do if the answer tells.
    fn unexpected(&self, planned: &Request, answer: &Answer, mask: &Mask) -> String {
        let status = answer.status;
        let none = HeaderMap::new();
        let headers = answer.kept.as_ref().map_or(&none, |kept| &kept.headers);
        let location = headers.get(LOCATION).filter(|_| is_redirect(status));
        if let Some(location) = location {
            let to = shortened(mask.header(&LOCATION, location));
            return match planned.transport.follow {
                0 => format!(
                    "it is {status}, a redirect to {to}; follow it with `follow = 5` under [http], or expect it \
                     with `expect = [{status}]`"
                ),
                _ => format!("it is {status}, a redirect to {to}"),
            };
        }
        if status == 401 {
            let side = self.shared.scenario.side_of(self.draw.request);
            let target = &self.shared.endpoint(side).target;
            let mut own = self.rendered.headers.iter();
            let is_sent =
                target.authorization.is_some() || own.any(|(name, _)| *name == AUTHORIZATION);
            let challenge = headers.get(WWW_AUTHENTICATE);
            let challenge = challenge.map(|text| String::from_utf8_lossy(text.as_bytes()));
            return unauthorized(challenge.as_deref(), is_sent);
        }
        match (planned.grpc.is_some(), answer.kept.as_ref()) {
            (true, Some(kept)) if !kept.body.is_empty() => {
                let (text, _) = text(&kept.body, mask);
                shortened(format!("it is {}: {text}", status_text(status)))
            }
            _ => format!("it is {}", status_text(status)),
        }
    }

    /// The reason of a failure without an answer. `None` if the findings name it.
    fn reason(&self, failure: Failure) -> Option<String> {
        let scenario = &self.shared.scenario;
        let planned = &scenario.requests[self.draw.request];
        match failure {
            Failure::MissingVariable => {
                let rendered = planned.render(self.draw, self.variables, &mut Rendered::default());
                rendered.err().map(|error| error.to_string())
            }
            Failure::Timeout => Some(format!(
                "no complete answer within {}",
                tenfold_scenarios::format_duration(scenario.load.timeout)
            )),
            _ => {
                let side = scenario.side_of(self.draw.request);
                let connections = self.shared.endpoint(side).connections();
                let reason = connections.first_errors.get(failure.name()).cloned();
                match failure {
                    Failure::Unsendable => {
                        Some(reason.unwrap_or_else(|| unsendable(&self.rendered.path).to_owned()))
                    }
                    _ => reason,
                }
            }
        }
    }
}

/// Returns what to do about a 401. `challenge` is its `WWW-Authenticate`; `is_sent` is true if the request had credentials.
fn unauthorized(challenge: Option<&str>, is_sent: bool) -> String {
    let scheme = challenge.and_then(|text| text.split_whitespace().next());
    let scheme = scheme.filter(|scheme| scheme.len() <= 20);
    if is_sent {
        let of = scheme
            .map(|scheme| format!(" ({scheme})"))
            .unwrap_or_default();
        return format!("it is 401; the service refuses the credentials that were sent{of}");
    }
    match scheme.map(str::to_ascii_lowercase).as_deref() {
        Some("basic") => "it is 401; give a user and password with --auth-basic-file".to_owned(),
        Some("bearer") => "it is 401; give a token with --auth-bearer-file".to_owned(),
        Some(other) => format!("it is 401; the service asks for {other} credentials"),
        None => "it is 401; give credentials with --auth-basic-file or --auth-bearer-file, or log in first, with \
                 `cookies = true` under [http]"
            .to_owned(),
    }
}

/// Returns why a request with this path is not valid HTTP. The path itself may be a secret.
fn unsendable(path: &str) -> &'static str {
    if path.starts_with("http://") || path.starts_with("https://") {
        "its path is a URL outside of the target's; only redirects lead to other origins"
    } else if !path.starts_with('/') {
        "its path does not begin with `/`; if it is a link from a page, add `resolve = true` to its capture"
    } else {
        "it is not valid HTTP; check its path for blanks, and its headers for line ends"
    }
}

/// Returns true if a request failed before it was complete.
fn is_unbuilt(failure: Option<Failure>, is_answered: bool) -> bool {
    match failure {
        Some(Failure::MissingVariable) => true,
        Some(Failure::Script | Failure::ScriptTimeout) => !is_answered,
        _ => false,
    }
}

/// Returns headers with their secrets masked.
fn masked(headers: &[(HeaderName, HeaderValue)], mask: &Mask) -> Vec<(String, String)> {
    let masked =
        |(name, value): &(HeaderName, HeaderValue)| (name.to_string(), mask.header(name, value));
    headers.iter().map(masked).collect()
}

fn captures(captured: &Captured<'_>, mask: &Mask, secrets: &Secrets) -> Vec<Finding> {
    let found = captured.found().map(|(capture, value)| Finding {
        name: format!("capture {} from {}", capture.name, capture),
        passed: value.is_some() || capture.optional,
        value: value.map(|value| match secrets.holds(capture) {
            true => MASK.to_owned(),
            false => shortened(mask.text(value)),
        }),
        reason: value
            .is_none()
            .then(|| shortened(mask.text(&captured.fault(capture)))),
    });
    found.collect()
}

fn checks(planned: &Request, answer: &Answer, mask: &Mask) -> Vec<Finding> {
    let empty = Kept::default();
    let kept = answer.kept.as_ref().unwrap_or(&empty);
    let view = AnswerView::new(kept, answer.body_bytes);
    let found = planned.checks.iter().map(|check| {
        let reason = view.fault(&check.test);
        Finding {
            name: check.name.clone(),
            passed: reason.is_none(),
            value: match reason {
                None => view
                    .found(&check.test)
                    .map(|value| shortened(mask.text(&value))),
                Some(_) => None,
            },
            reason: reason.map(|reason| shortened(mask.text(&reason))),
        }
    });
    found.collect()
}

fn received(answer: &Answer, mask: &Mask) -> Received {
    let none = HeaderMap::new();
    let kept = answer.kept.as_ref();
    let headers = kept.map_or(&none, |kept| &kept.headers);
    let (body, is_text) = text(kept.map_or(&[], |kept| kept.body.as_slice()), mask);
    Received {
        status: answer.status,
        headers: headers
            .iter()
            .map(|(name, value)| (name.to_string(), mask.header(name, value)))
            .collect(),
        body,
        body_bytes: answer.body_bytes,
        is_text,
        messages: kept.map_or_else(Vec::new, |kept| messages(kept, mask)),
        page: kept.and_then(|kept| page(kept, mask)),
    }
}

/// Returns the messages of a stream as masked text.
fn messages(kept: &Kept, mask: &Mask) -> Vec<String> {
    let texts = kept.stream.iter().map(|message| text(message, mask).0);
    texts.collect()
}

/// Returns the forms and the text of an HTML page, masked.
fn page(kept: &Kept, mask: &Mask) -> Option<String> {
    let content_type = kept.headers.get(CONTENT_TYPE)?;
    let page = WebPage::read(content_type.as_bytes(), &kept.body)?;
    let mut text = page
        .title
        .map(|title| format!("title: {title}\n"))
        .unwrap_or_default();
    for form in &page.forms {
        text.push_str(&format!("form: {form}\n"));
    }
    text.push_str(&page.text);
    let mut text = mask.text(&text);
    text.truncate(text.floor_char_boundary(SHOWN_BODY_BYTES));
    Some(text)
}

/// Returns the start of a body as masked text, and whether it is text.
fn text(body: &[u8], mask: &Mask) -> (String, bool) {
    // More than is shown, so that a secret at the cut is masked as a whole.
    let start = &body[..body.len().min(SAMPLED_BODY_BYTES)];
    // The cut may divide a character.
    let is_text = match std::str::from_utf8(start) {
        Ok(_) => true,
        Err(error) => start.len() < body.len() && error.error_len().is_none(),
    } && !start.contains(&0);
    if !is_text {
        return (String::new(), body.is_empty());
    }
    let mut text = mask.text(&String::from_utf8_lossy(start));
    let shown = text.floor_char_boundary(SHOWN_BODY_BYTES);
    text.truncate(shown);
    (text, true)
}

/// Truncates a masked text. Masking comes first: a truncated secret would not be recognized.
fn shortened(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(VALUE_CHARS_MAX) {
        text.truncate(at);
        text.push_str("...");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_masked() {
        let mut mask = Mask::default();
        mask.add("s3cret-value");
        let mut kept = Kept::default();
        kept.headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        kept.body = b"<title>T</title><style>p{}</style><p>Hello s3cret-value</p>\
            <form action=/a><input name=csrf value=abcdef type=hidden></form>"
            .to_vec();
        assert_eq!(
            page(&kept, &mask).unwrap(),
            "title: T\nform: GET /a with csrf (hidden)\nHello ***"
        );
        kept.headers
            .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        assert_eq!(page(&kept, &mask), None);
    }

    #[test]
    fn unauthorized_names_the_remedy() {
        let of = |challenge| unauthorized(challenge, false);
        assert!(of(Some("Basic realm=\"a\"")).ends_with("--auth-basic-file"));
        assert!(of(Some("bearer")).ends_with("--auth-bearer-file"));
        assert!(of(Some("Negotiate")).ends_with("asks for negotiate credentials"));
        assert!(of(None).contains("cookies = true"));
        assert!(of(Some("")).contains("cookies = true"));
        assert!(unauthorized(Some("Basic"), true).ends_with("that were sent (Basic)"));
    }

    #[test]
    fn unsendable_paths_name_the_remedy() {
        assert!(unsendable("http://other/x").contains("outside"));
        assert!(unsendable("login.jsp").contains("resolve = true"));
        assert!(unsendable("/a b").contains("blanks"));
    }

    #[test]
    fn bodies_are_masked_and_shortened() {
        let mut mask = Mask::default();
        mask.add("s3cret-value");
        let long = format!(
            "{}s3cret-value{}",
            "a".repeat(SHOWN_BODY_BYTES - 5),
            "b".repeat(40_000)
        );
        let (shown, is_text) = text(long.as_bytes(), &mask);
        assert!(is_text && shown.len() <= SHOWN_BODY_BYTES);
        assert!(!shown.contains("s3c"), "{}", &shown[shown.len() - 20..]);
        assert_eq!(text(b"\x00\x01", &mask), (String::new(), false));
        assert_eq!(text(b"\xff\xfe", &mask), (String::new(), false));
        assert_eq!(text(b"", &mask), (String::new(), true));
    }
}
