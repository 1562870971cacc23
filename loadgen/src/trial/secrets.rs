//! Secrets of a trial: what to mask in the text of an exchange.

use std::collections::BTreeSet;

use http::HeaderValue;
use http::header::AUTHORIZATION;
use tenfold_scenarios::{Capture, CaptureSource, Draw, Rendered, Request, Scenario, Variables};
use tenfold_secret::{is_secret, is_secret_location};

use crate::answer::{Captured, Mask};
use crate::http::CookieJar;

/// Secrets of a trial. Unlike a sample of a run, which masks every captured value, a trial shows those
/// that no name or form marks as a secret, because it is read to see what was captured.
#[derive(Debug, Default)]
pub(super) struct Secrets {
    /// Variables that were captured as a secret.
    variables: BTreeSet<usize>,
}

/// The request of an exchange.
pub(super) struct Sent<'a> {
    pub(super) scenario: &'a Scenario,
    pub(super) planned: &'a Request,
    pub(super) draw: &'a Draw,
    pub(super) rendered: &'a Rendered,
    pub(super) variables: &'a Variables,
    /// The run's own credentials.
    pub(super) credentials: Option<&'a HeaderValue>,
    /// The cookies of its user. `None` if they are not kept.
    pub(super) cookies: Option<&'a CookieJar>,
}

impl Secrets {
    /// Notes the secrets among the captured values of an answer.
    pub(super) fn note(&mut self, captured: &Captured<'_>) {
        for (capture, value) in captured.found() {
            if value.is_some_and(|value| is_secret_capture(capture, value)) {
                self.variables.insert(capture.variable);
            }
        }
    }

    /// Returns true if a captured value must not be shown.
    pub(super) fn holds(&self, capture: &Capture) -> bool {
        self.variables.contains(&capture.variable)
    }

    /// Returns the mask for the texts of an exchange.
    pub(super) fn mask(&self, sent: &Sent<'_>) -> Mask {
        let mut mask = Mask::default();
        let names = (0..).map_while(|index| Some((index, sent.scenario.variable_name(index)?)));
        for (index, name) in names {
            let Some(value) = sent.variables.get(index) else {
                continue;
            };
            // The name of a column of data has a dot.
            let is_column = name.contains('.');
            if is_column && sent.planned.path_shows(value) && !is_secret(name, value) {
                continue;
            }
            if is_column || self.variables.contains(&index) || is_secret(name, value) {
                mask.add(value);
            }
        }
        let cells = sent.planned.cells(sent.draw, sent.variables);
        cells
            .filter(|(name, cell)| is_secret(name, cell) || !sent.planned.path_shows(cell))
            .for_each(|(_, cell)| mask.add(cell));
        for (name, value) in &sent.rendered.headers {
            mask.add_sent(name, value);
        }
        if let Some(credentials) = sent.credentials {
            mask.add_sent(&AUTHORIZATION, credentials);
        }
        if let Some(cookies) = sent.cookies {
            cookies.values().iter().for_each(|value| mask.add(value));
        }
        mask
    }
}

fn is_secret_capture(capture: &Capture, value: &str) -> bool {
    let by_source = match &capture.source {
        CaptureSource::JsonPointer(pointer) => is_secret_location(pointer, value),
        CaptureSource::Header(name) => is_secret(name.as_str(), value),
        CaptureSource::Cookie(_) => true,
        CaptureSource::Body
        | CaptureSource::Status
        | CaptureSource::Url
        | CaptureSource::Html(_) => is_secret_location(&capture.source.to_string(), value),
    };
    by_source || is_secret(&capture.name, value)
}
