//! What a HAR file tells beyond what every log does.

use std::fmt;

/// What a HAR file tells beyond what every log does, and what was left out of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct HttpArchive {
    /// The host whose requests were taken, with its port where that is not the scheme's own.
    pub host: String,
    /// The other hosts and how many requests went to each, the most frequent first; at most ten.
    pub other_hosts: Vec<(String, u64)>,
    /// How many requests went to other hosts.
    pub of_other_hosts: u64,
    /// How many were answered by the browser's own cache.
    pub from_cache: u64,
    /// How many are not HTTP: `data:`, `blob:`, `ws:` ...
    pub not_http: u64,
    /// How many requests have a body.
    pub bodies: u64,
    /// How many bodies are left out because they are longer than 1 MiB.
    pub bodies_too_long: u64,
    /// How many bodies are left out because they are not told as text.
    pub bodies_not_text: u64,
    /// How many bodies are left out because they may hold a secret and can't be masked.
    pub bodies_with_secrets: u64,
    /// What looked like a secret and so was not kept, by its place and name, and how often.
    pub masked: Vec<(String, u64)>,
    /// Other headers that were not kept, and how often.
    pub headers_left_out: Vec<(String, u64)>,
}

/// Names shown of a list.
const SHOWN: usize = 8;

impl fmt::Display for HttpArchive {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(out, "host      {}", self.host)?;
        if self.of_other_hosts > 0 {
            let hosts = listed(&self.other_hosts);
            let count = self.of_other_hosts;
            writeln!(out, "  {count} to other hosts, left out: {hosts}")?;
        }
        let notes = [
            (self.from_cache, "answered by the browser's cache, left out"),
            (
                self.not_http,
                "not over HTTP (data:, blob:, ws: ...), left out",
            ),
            (self.bodies, "with a body"),
            (self.bodies_too_long, "bodies longer than 1 MiB, left out"),
            (self.bodies_not_text, "bodies that are not text, left out"),
            (
                self.bodies_with_secrets,
                "bodies that may hold a secret, left out",
            ),
        ];
        for (count, what) in notes {
            if count > 0 {
                writeln!(out, "  {count} {what}")?;
            }
        }
        if !self.masked.is_empty() {
            let masked = listed(&self.masked);
            writeln!(out, "  secrets not kept: {masked}")?;
        }
        if !self.headers_left_out.is_empty() {
            let left_out = listed(&self.headers_left_out);
            writeln!(out, "  headers left out: {left_out}")?;
        }
        Ok(())
    }
}

/// Lists names with their counts, the rest as a number.
pub(super) fn listed(counts: &[(String, u64)]) -> String {
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
