//! Counts of a HAR file and its omissions.

use std::fmt;

/// Counts of a HAR file, in addition to those of every log.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct HttpArchive {
    /// Host whose requests were read, with its port if it is not the scheme's default.
    pub host: String,
    /// Other hosts with their number of requests, the most frequent first; at most ten.
    pub other_hosts: Vec<(String, u64)>,
    /// Number of requests to other hosts.
    pub of_other_hosts: u64,
    /// Number of responses from the browser's cache.
    pub from_cache: u64,
    /// Number of responses from a service worker of the browser.
    pub from_service_worker: u64,
    /// Number of responses with status 304. They are sent without the condition of the browser.
    pub revalidated: u64,
    /// Number of entries that are not HTTP, such as `data:` and `blob:`.
    pub not_http: u64,
    /// Number of switches to another protocol, such as WebSocket.
    pub upgrades: u64,
    /// Number of streams of Server-Sent Events.
    pub event_streams: u64,
    /// Number of requests with a body.
    pub bodies: u64,
    /// Number of requests whose `content-encoding` is left out, because the file has the decoded body.
    pub bodies_decoded: u64,
    /// Number of bodies left out because they are longer than 1 MiB.
    pub bodies_too_long: u64,
    /// Number of bodies left out because the file does not contain them as text.
    pub bodies_not_text: u64,
    /// Number of bodies left out because they may contain a secret and can't be masked.
    pub bodies_with_secrets: u64,
    /// Masked secrets, as location and name with a count.
    pub masked: Vec<(String, u64)>,
    /// Headers left out for other reasons, with a count.
    pub headers_left_out: Vec<(String, u64)>,
}

impl HttpArchive {
    /// Returns whether requests had cookies or credentials, which a trace does not send.
    fn needs_session(&self) -> bool {
        let mut masked = self.masked.iter();
        masked.any(|(name, _)| matches!(name.as_str(), "header cookie" | "header authorization"))
    }
}

/// Number of names shown in a list.
const SHOWN: usize = 8;

impl fmt::Display for HttpArchive {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "host      {}", self.host)?;
        if self.of_other_hosts > 0 {
            let hosts = listed(&self.other_hosts);
            let count = self.of_other_hosts;
            writeln!(
                out,
                "  {count} to other hosts, left out (choose one with --host): {hosts}"
            )?;
        }
        let notes = [
            (self.from_cache, "served from the browser's cache, left out"),
            (
                self.from_service_worker,
                "answered by a service worker of the browser, left out",
            ),
            (
                self.revalidated,
                "answered with 304 (not modified), sent without the browser's condition",
            ),
            (self.not_http, "not over HTTP (data:, blob: ...), left out"),
            (
                self.upgrades,
                "without a request: a switch to WebSocket or another protocol, left out",
            ),
            (
                self.event_streams,
                "streams of Server-Sent Events, left out",
            ),
            (self.bodies, "with a body"),
            (
                self.bodies_decoded,
                "without their content-encoding, because the file has the decoded body",
            ),
            (self.bodies_too_long, "bodies longer than 1 MiB, left out"),
            (self.bodies_not_text, "bodies that are not text, left out"),
            (
                self.bodies_with_secrets,
                "bodies that may contain a secret, left out",
            ),
        ];
        for (count, what) in notes {
            if count > 0 {
                writeln!(out, "  {count} {what}")?;
            }
        }
        if !self.masked.is_empty() {
            let masked = listed(&self.masked);
            writeln!(out, "  masked secrets: {masked}")?;
        }
        if self.needs_session() {
            writeln!(
                out,
                "  the visit had cookies or credentials, and a trace has none: the service may answer with its log-in \
                 page or an error. To send what a logged-in user sends, make a journey of it (--journey)"
            )?;
        }
        if !self.headers_left_out.is_empty() {
            let left_out = listed(&self.headers_left_out);
            writeln!(out, "  headers left out: {left_out}")?;
        }
        Ok(())
    }
}

/// Lists names with their counts, and the number of names omitted.
pub(crate) fn listed(counts: &[(String, u64)]) -> String {
    let mut shown: Vec<String> = counts
        .iter()
        .take(SHOWN)
        .map(|(name, count)| format!("{} ({count})", name.escape_debug()))
        .collect();
    if counts.len() > SHOWN {
        shown.push(format!("{} more", counts.len() - SHOWN));
    }
    shown.join(", ")
}
