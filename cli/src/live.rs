//! Live view of a run: a dashboard on a terminal, otherwise a line every few seconds, metrics for
//! Prometheus, and deliveries to other systems. It runs on threads other than the generator's, and prints to standard error.

mod dashboard;
mod exposition;
mod keyboard;
mod lines;
mod metrics_server;
mod plan;
mod screen;

use std::ffi::OsString;
use std::io::IsTerminal;
use std::net::SocketAddr;
use std::time::Instant;

use tenfold_loadgen::{Progress, Recording};
use tenfold_measure::Observer;
use tenfold_telemetry::Publisher;

use lines::Lines;
use metrics_server::MetricsServer;
pub(crate) use plan::Plan;
use screen::Screen;

use crate::output::print;

/// Live view of a run.
pub(crate) struct Live {
    view: View,
    metrics: Option<MetricsServer>,
    /// Sentences that wait for the end of the dashboard.
    waiting: Vec<String>,
    publisher: Option<Publisher>,
}

enum View {
    Screen(Screen),
    Lines(Lines),
}

impl Live {
    /// Starts to show a run: as lines if `plain` is set, or if the environment does not suit a dashboard.
    ///
    /// # Errors
    /// Fails if metrics can't be served at `metrics`.
    pub(crate) fn new(
        plan: Plan,
        plain: bool,
        metrics: Option<SocketAddr>,
        publisher: Option<Publisher>,
    ) -> anyhow::Result<Self> {
        let phases = plan.phase_names();
        let metrics = metrics
            .map(|address| MetricsServer::start(address, &plan.scenario, phases.clone()))
            .transpose()?;
        let on_terminal = std::io::stdout().is_terminal()
            && std::io::stderr().is_terminal()
            && !is_in_background();
        let screen = (!plain && on_terminal && suits_dashboard(|name| std::env::var_os(name)))
            .then(|| Screen::start(plan));
        let view = match screen {
            // A terminal that can't be drawn on gets lines.
            Some(Ok(screen)) => View::Screen(screen),
            Some(Err(_)) | None => View::Lines(Lines::new(phases)),
        };
        Ok(Self {
            view,
            metrics,
            waiting: Vec::new(),
            publisher,
        })
    }

    /// Waits for the last deliveries to other systems, and prints their results.
    pub(crate) fn finish_publishing(&mut self) {
        let publisher = self.publisher.take();
        for sentence in publisher.map(Publisher::finish).unwrap_or_default() {
            print::note(&sentence);
        }
    }
}

impl Observer for Live {
    fn on_start(&mut self, start: Instant) {
        if let Some(publisher) = &self.publisher {
            publisher.begin(start);
        }
    }

    fn on_progress(&mut self, progress: &Progress) {
        match &mut self.view {
            View::Screen(screen) => screen.show(progress),
            View::Lines(lines) => lines.show(progress),
        }
        if let Some(metrics) = &self.metrics {
            metrics.update(progress);
        }
        if let Some(publisher) = &self.publisher {
            publisher.update(progress);
        }
    }

    fn on_generator_lost(&mut self, sentence: &str) {
        match &self.view {
            // A line would stand across the dashboard.
            View::Screen(_) => self.waiting.push(sentence.to_owned()),
            View::Lines(_) => print::note(sentence),
        }
    }

    fn on_end(&mut self, recording: Option<&Recording>) {
        if let Some((publisher, recording)) = self.publisher.as_ref().zip(recording) {
            publisher.end(&recording.counts);
        }
        match &mut self.view {
            View::Screen(screen) => screen.finish(),
            View::Lines(lines) => lines.finish(),
        }
        self.waiting.drain(..).for_each(|line| print::note(&line));
    }

    fn on_naming(&mut self) {
        print::note("naming the functions of the profile; Ctrl-C reports without them");
    }
}

/// Returns whether this process is a background job of its terminal. A dashboard would stop it: only the job in
/// the foreground may change the mode of a terminal.
fn is_in_background() -> bool {
    rustix::termios::tcgetpgrp(std::io::stderr())
        .is_ok_and(|foreground| foreground != rustix::process::getpgrp())
}

/// Returns whether the environment suits a dashboard, which uses colour, moves the cursor, and would fill
/// the log of a CI job.
fn suits_dashboard(variable: impl Fn(&str) -> Option<OsString>) -> bool {
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let moves = set("TERM").is_some_and(|term| term != "dumb");
    moves && set("NO_COLOR").is_none() && set("CI").is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn environment_can_turn_dashboard_off() {
        let suits = |set: &[(&str, &str)]| {
            suits_dashboard(|name| {
                let found = set.iter().find(|(known, _)| *known == name);
                found.map(|(_, value)| OsString::from(value))
            })
        };
        let term = ("TERM", "xterm-256color");
        assert!(suits(&[term]));
        assert!(suits(&[term, ("CI", ""), ("NO_COLOR", "")]));
        assert!(!suits(&[term, ("CI", "true")]));
        assert!(!suits(&[term, ("NO_COLOR", "1")]));
        assert!(!suits(&[("TERM", "dumb")]));
        assert!(!suits(&[]));
    }
}
