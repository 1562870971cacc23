//! Judgement of a complete answer: captures, checks, script, and samples of failures.

use http::HeaderValue;
use http::header::{AUTHORIZATION, CONTENT_TYPE};
use tenfold_run_dir::sample::Sample;
use tenfold_scenarios::{
    Arrival, NextStep, Rendered, Request, Scenario, ScriptClock, ScriptOutcome, ScriptResponse,
    Variables, WebPage, status_text,
};
use tenfold_secret::is_secret;

use crate::answer::capture::{Captured, capture};
use crate::answer::change::Change;
use crate::answer::check::AnswerView;
use crate::answer::evidence_log::{EvidenceLog, SAMPLED_BODY_BYTES};
use crate::answer::mask::Mask;
use crate::answer::reply::Reply;
use crate::clock::steady_ns;
use crate::connect::ResolvedTarget;
use crate::failure::Failure;
use crate::http::{Answer, Kept, Trip};
use crate::usage::thread_cpu_ns;

/// The clocks that limit scripts.
const SCRIPT_CLOCK: ScriptClock = ScriptClock {
    wall_ns: steady_ns,
    thread_cpu_ns,
};

/// The longest reason of a sample, in characters.
const REASON_CHARS_MAX: usize = 300;

/// The variables to render a request with.
#[derive(Debug)]
pub(crate) enum HeldVariables<'a> {
    /// Those of a session, read-only.
    Shared(&'a Variables),
    /// Those of a user on a journey.
    Own(&'a mut Variables),
}

impl HeldVariables<'_> {
    pub(crate) fn get(&self) -> &Variables {
        match self {
            Self::Shared(variables) => variables,
            Self::Own(variables) => variables,
        }
    }
}

/// The context for judging an answer.
pub(crate) struct Judgement<'a> {
    pub(crate) log: &'a EvidenceLog,
    pub(crate) scenario: &'a Scenario,
    pub(crate) arrival: &'a Arrival,
    pub(crate) planned: &'a Request,
    pub(crate) rendered: &'a Rendered,
    /// The way of the request. `None` if it is plain.
    pub(crate) trip: Option<&'a Trip>,
    /// The run's own credentials.
    pub(crate) credentials: Option<&'a HeaderValue>,
    /// The target that the request is sent to.
    pub(crate) target: &'a ResolvedTarget,
}

impl Judgement<'_> {
    /// Runs the part of a script that precedes its request.
    ///
    /// # Errors
    /// If the script fails; the request is not sent then.
    pub(crate) fn run_before(&self, variables: &mut Variables, now: u64) -> Result<(), Failure> {
        let Some(script) = &self.planned.script else {
            return Ok(());
        };
        let outcome = script.before(variables, self.arrival.draw.entropy, SCRIPT_CLOCK);
        match self.script_failure(&outcome, None, variables, now) {
            Some(failure) => Err(failure),
            None => Ok(()),
        }
    }

    /// Judges a complete answer: stores captures, makes the checks, runs the script, takes samples.
    ///
    /// Returns why the request failed, or `None`, and the step that a script chose next, if any.
    pub(crate) fn judge(
        &self,
        answer: &Answer,
        held: &mut HeldVariables<'_>,
        service_ns: u64,
        change: Option<&Change>,
    ) -> (Option<Failure>, Option<NextStep>) {
        if !self.planned.expect.accepts(answer.status) {
            let reason = format!("the status is {}", status_text(answer.status));
            let failure = Failure::UnexpectedStatus;
            self.sample(
                failure,
                None,
                &reason,
                Some(answer),
                held.get(),
                answer.done_ns,
            );
            return (Some(failure), None);
        }
        let captured = self.capture(answer);
        if let HeldVariables::Own(variables) = held {
            captured.store(variables);
        }
        let mut failure = self.check_captures(&captured, answer, held.get());
        failure = failure.or(self.check(answer, held.get()));
        if let Some(change) = change {
            failure = failure.or(self.check_by_code(answer, held.get(), change));
        }
        let mut next = None;
        if let (Some(script), HeldVariables::Own(variables)) = (&self.planned.script, held)
            && script.has_after
        {
            let kept = answer.kept.as_ref();
            let response = ScriptResponse {
                status: answer.status,
                headers: kept.map(|kept| kept.headers.clone()).unwrap_or_default(),
                body: kept.map(|kept| kept.body.clone()).unwrap_or_default(),
                is_cut: kept.is_some_and(|kept| kept.is_cut),
                body_bytes: answer.body_bytes,
                service_ms: service_ns as f64 / 1e6,
            };
            let outcome =
                script.after(response, variables, self.arrival.draw.entropy, SCRIPT_CLOCK);
            next = outcome.next;
            let of_script = self.script_failure(&outcome, Some(answer), variables, answer.done_ns);
            failure = failure.or(of_script);
        }
        (failure, next)
    }

    /// The values that the captures find in an answer.
    fn capture(&self, answer: &Answer) -> Captured<'_> {
        // A redirected request was answered by another address.
        let url = || match self.trip.and_then(|trip| trip.url.as_ref()) {
            Some(url) => url.to_string(),
            None => self.target.url(&self.rendered.path),
        };
        capture(&self.planned.captures, answer, url)
    }

    /// Counts captures. Returns [`Failure::MissingCapture`] if a required one is missing.
    fn check_captures(
        &self,
        captured: &Captured<'_>,
        answer: &Answer,
        variables: &Variables,
    ) -> Option<Failure> {
        let (phase, request) = (self.arrival.phase, self.arrival.draw.request);
        let mut failure = None;
        for (capture, fault) in captured.required() {
            let name = capture.check_name();
            self.log.checked(phase, request, &name, fault.is_none());
            if let Some(reason) = fault {
                let class = Failure::MissingCapture;
                let at = answer.done_ns;
                self.sample(class, Some(&name), &reason, Some(answer), variables, at);
                failure = Some(class);
            }
        }
        failure
    }

    fn check(&self, answer: &Answer, variables: &Variables) -> Option<Failure> {
        if self.planned.checks.is_empty() {
            return None;
        }
        let (phase, request) = (self.arrival.phase, self.arrival.draw.request);
        let none = Kept::default();
        let kept = answer.kept.as_ref().unwrap_or(&none);
        let evidence = AnswerView::new(kept, answer.body_bytes);
        let mut failure = None;
        for check in &self.planned.checks {
            let fault = evidence.fault(&check.test);
            self.log
                .checked(phase, request, &check.name, fault.is_none());
            if let Some(reason) = fault {
                let class = Failure::FailedCheck;
                let at = answer.done_ns;
                self.sample(
                    class,
                    Some(&check.name),
                    &reason,
                    Some(answer),
                    variables,
                    at,
                );
                failure = Some(class);
            }
        }
        failure
    }

    /// Makes the checks of a journey written in Rust.
    fn check_by_code(
        &self,
        answer: &Answer,
        variables: &Variables,
        change: &Change,
    ) -> Option<Failure> {
        if change.checks.is_empty() {
            return None;
        }
        let (phase, request) = (self.arrival.phase, self.arrival.draw.request);
        let reply = Reply::new(Some(answer), None);
        let mut failure = None;
        for (name, test) in &change.checks {
            let passed = test(&reply);
            self.log.checked(phase, request, name, passed);
            if !passed {
                let reason = "the journey's check returned false";
                let class = Failure::FailedCheck;
                self.sample(
                    class,
                    Some(name),
                    reason,
                    Some(answer),
                    variables,
                    answer.done_ns,
                );
                failure = Some(class);
            }
        }
        failure
    }

    /// Counts the checks of a script. Returns why the request failed, if the script or a check did.
    fn script_failure(
        &self,
        outcome: &ScriptOutcome,
        answer: Option<&Answer>,
        variables: &Variables,
        at: u64,
    ) -> Option<Failure> {
        let (phase, request) = (self.arrival.phase, self.arrival.draw.request);
        let mut failure = None;
        for (name, passed) in &outcome.checks {
            self.log.checked(phase, request, name, *passed);
            if !passed {
                let reason = "the script's check returned false";
                // Without an answer the request was not sent.
                let class = match answer {
                    Some(_) => Failure::FailedCheck,
                    None => Failure::Script,
                };
                self.sample(class, Some(name), reason, answer, variables, at);
                failure = Some(class);
            }
        }
        if let Some(error) = &outcome.error {
            let class = match outcome.timed_out {
                true => Failure::ScriptTimeout,
                false => Failure::Script,
            };
            self.sample(class, None, error, answer, variables, at);
            failure = Some(class);
        }
        failure
    }

    /// The mask for the secrets of a request and its answer.
    pub(crate) fn mask(&self, answer: Option<&Answer>, variables: &Variables) -> Mask {
        let mut mask = Mask::default();
        let names = (0..).map_while(|index| Some((index, self.scenario.variable_name(index)?)));
        let held = names.filter_map(|(index, name)| Some((name, variables.get(index)?)));
        let cells = self.planned.cells(&self.arrival.draw, variables);
        held.chain(cells)
            .filter(|(name, value)| is_secret(name, value) || !self.planned.path_shows(value))
            .for_each(|(_, value)| mask.add(value));
        for (name, value) in &self.rendered.headers {
            mask.add_sent(name, value);
        }
        if let Some(credentials) = self.credentials {
            mask.add_sent(&AUTHORIZATION, credentials);
        }
        if let Some(jar) = self.trip.and_then(|trip| trip.jar.as_ref()) {
            jar.values().iter().for_each(|value| mask.add(value));
        }
        if let Some(answer) = answer {
            // Values captured from this answer may be secrets.
            let captured = self.capture(answer);
            captured.values().for_each(|value| mask.add(value));
        }
        mask
    }

    fn sample(
        &self,
        failure: Failure,
        check: Option<&str>,
        reason: &str,
        answer: Option<&Answer>,
        variables: &Variables,
        at_ns: u64,
    ) {
        let request = &self.planned.name;
        if !self.log.wants(request, failure.name(), check) {
            return;
        }
        let mask = self.mask(answer, variables);
        let kept = answer.and_then(|answer| answer.kept.as_ref());
        let headers = kept.into_iter().flat_map(|kept| &kept.headers);
        let body = kept.map_or(&[][..], |kept| &kept.body);
        let body = String::from_utf8_lossy(&body[..body.len().min(SAMPLED_BODY_BYTES)]);
        // The source of a page begins with what nobody reads.
        let page = kept.and_then(|kept| page_text(kept, &mask));
        self.log.add(Sample {
            request: request.clone(),
            failure: failure.name().to_owned(),
            check: check.map(str::to_owned),
            reason: shortened(mask.text(reason)),
            at_ns,
            status: answer.map(|answer| answer.status),
            headers: headers
                .map(|(name, value)| (name.to_string(), mask.header(name, value)))
                .collect(),
            body: page.unwrap_or_else(|| mask.text(&body)),
            body_bytes: answer.map_or(0, |answer| answer.body_bytes),
            url: self
                .trip
                .and_then(|trip| trip.url.as_ref())
                .map(|url| mask.text(url.as_str())),
            trace_id: self
                .trip
                .and_then(|trip| trip.trace)
                .map(|trace| trace.id()),
        });
    }
}

/// Returns title and text of an HTML page, masked. `None` if the body is not HTML.
fn page_text(kept: &Kept, mask: &Mask) -> Option<String> {
    let content_type = kept.headers.get(CONTENT_TYPE)?;
    let page = WebPage::read(content_type.as_bytes(), &kept.body)?;
    let title = page.title.map(|title| format!("{title}\n"));
    let text = format!("{}{}", title.unwrap_or_default(), page.text);
    Some(mask.text(&text))
}

/// Truncates a masked text. Masking comes first: a truncated secret would not be recognized.
fn shortened(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(REASON_CHARS_MAX) {
        text.truncate(at);
        text.push_str("...");
    }
    text
}
