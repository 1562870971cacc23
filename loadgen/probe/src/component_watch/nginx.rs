//! nginx: its page `stub_status`.

use std::time::Duration;

use tenfold_run_dir::component_use::{ComponentFigures, WebServerUse};

use super::component_url::ComponentUrl;
use super::source::Source;
use crate::{AdminListener, http};

/// Time limit of a reading.
const TIMEOUT: Duration = Duration::from_millis(900);

pub(super) struct Nginx {
    listener: AdminListener,
    before: Option<StubStatus>,
    connections_max: u64,
    waiting_max: u64,
}

impl Nginx {
    pub(super) fn open(url: &ComponentUrl) -> Self {
        Self {
            listener: url.listener(),
            before: None,
            connections_max: 0,
            waiting_max: 0,
        }
    }

    fn read(&self) -> Result<StubStatus, String> {
        StubStatus::parse(&http::page(&self.listener, TIMEOUT)?)
            .ok_or_else(|| "its answer is not the page of stub_status".to_owned())
    }
}

impl Source for Nginx {
    fn begin(&mut self) -> Result<(), String> {
        self.before = Some(self.read()?);
        Ok(())
    }

    fn look(&mut self) {
        if let Ok(now) = self.read() {
            self.connections_max = self.connections_max.max(now.active);
            self.waiting_max = self.waiting_max.max(now.writing);
        }
    }

    fn end(&mut self) -> Result<ComponentFigures, String> {
        let after = self.read()?;
        let before = self.before.unwrap_or(after);
        let accepted = after.accepted.checked_sub(before.accepted);
        let accepted = accepted.ok_or("it was restarted during the run")?;
        let handled = after.handled.saturating_sub(before.handled);
        Ok(ComponentFigures::WebServer(WebServerUse {
            accepted,
            dropped: accepted.saturating_sub(handled),
            requests: after.requests.saturating_sub(before.requests),
            connections_max: self.connections_max,
            waiting_max: self.waiting_max,
        }))
    }
}

/// The page of `ngx_http_stub_status_module`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct StubStatus {
    active: u64,
    accepted: u64,
    handled: u64,
    requests: u64,
    /// Connections whose answer is being made or written.
    writing: u64,
}

impl StubStatus {
    /// Parses the page. `None` if it is another one.
    fn parse(page: &str) -> Option<Self> {
        let mut lines = page.lines().map(str::trim).filter(|line| !line.is_empty());
        let active = lines.next()?.strip_prefix("Active connections:")?.trim();
        if !lines.next()?.starts_with("server accepts handled requests") {
            return None;
        }
        let counts: Result<Vec<u64>, _> =
            lines.next()?.split_whitespace().map(str::parse).collect();
        let [accepted, handled, requests, ..] = counts.ok()?[..] else {
            return None;
        };
        let states: Vec<&str> = lines.next()?.split_whitespace().collect();
        let writing = states.iter().position(|word| *word == "Writing:")?;
        Some(Self {
            active: active.parse().ok()?,
            accepted,
            handled,
            requests,
            writing: states.get(writing + 1)?.parse().ok()?,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = "Active connections: 291 \nserver accepts handled requests\n 16630948 16630940 31070465 \n\
                        Reading: 6 Writing: 179 Waiting: 106 \n";

    #[test]
    fn reads_page() {
        let status = StubStatus::parse(PAGE).unwrap();
        assert_eq!((status.active, status.writing), (291, 179));
        assert_eq!(status.accepted - status.handled, 8);
        assert_eq!(status.requests, 31_070_465);
        assert_eq!(StubStatus::parse("<html>"), None);
    }

    proptest! {
        #[test]
        fn reads_or_refuses_any_page(page in ".{0,200}", cut in 0..PAGE.len() - 20) {
            let _ = StubStatus::parse(&page);
            prop_assert_eq!(StubStatus::parse(&PAGE[..cut]), None);
        }
    }
}
