//! Requests read from a HAR file, for all its hosts.

use std::collections::HashMap;

use super::archive::{HttpArchive, listed};
use super::entry::{Entry, host_and_target};
use super::origin::Origin;
use super::tally::Tally;
use super::{Har, HarRequest};
use crate::format::log_time::{civil_time, iso_time};
use crate::format::not_sent::NotSent;
use crate::format::read_line::{Layout, ReadLine, invalid};
use crate::format::request_line::LoggedRequest;
use crate::input::ReadOptions;
use crate::input::broken_line::BrokenLine;
use crate::input::interner::Interner;
use crate::input::log_error::LogError;

/// Number of hosts listed in the report.
const HOSTS_LISTED: usize = 10;

/// Requests read so far, for all hosts.
pub(crate) struct Selection {
    pub(super) requests: Vec<HarRequest>,
    header_sets: Vec<Vec<(String, String)>>,
    header_ids: HashMap<Vec<(String, String)>, u32>,
    bodies: Interner,
    hosts: Interner,
    /// One per host.
    tallies: Vec<Tally>,
    not_http: u64,
    upgrades: u64,
    event_streams: u64,
    pub(super) entries: u64,
    /// Files with their number of entries.
    files: Vec<(String, u64)>,
    broken: u64,
    first_broken: Vec<BrokenLine>,
    broken_kept: usize,
    pub(super) is_full: bool,
    /// True once a list of entries was found.
    pub(super) has_entries: bool,
}

impl Selection {
    pub(crate) fn new(options: &ReadOptions) -> Self {
        Self {
            requests: Vec::new(),
            header_sets: vec![Vec::new()],
            header_ids: HashMap::from([(Vec::new(), 0)]),
            bodies: Interner::default(),
            hosts: Interner::default(),
            tallies: Vec::new(),
            not_http: 0,
            upgrades: 0,
            event_streams: 0,
            entries: 0,
            files: Vec::new(),
            broken: 0,
            first_broken: Vec::new(),
            broken_kept: options.broken_kept,
            is_full: false,
            has_entries: false,
        }
    }

    /// Starts a file, which the following entries belong to.
    pub(super) fn start_file(&mut self, origin: &str) {
        self.files.push((origin.to_owned(), 0));
        self.has_entries = false;
    }

    pub(super) fn take(&mut self, entry: Entry) {
        self.entries += 1;
        if let Some((_, entries)) = self.files.last_mut() {
            *entries += 1;
        }
        let url = entry
            .request
            .as_ref()
            .and_then(|request| request.url.clone())
            .unwrap_or_default();
        if let Err(reason) = self.add(entry, &url) {
            self.broken += 1;
            if self.first_broken.len() < self.broken_kept {
                let (file, number) = self.files.last().cloned().unwrap_or_default();
                self.first_broken.push(BrokenLine {
                    file: Some(file),
                    ..BrokenLine::of_entry(number, reason, &url)
                });
            }
        }
    }

    fn add(&mut self, entry: Entry, url: &str) -> Result<(), String> {
        let at_us = started(entry.started_date_time.as_ref())?;
        let answered_by = Origin::of(&entry);
        let request = entry.request.ok_or("it has no request")?;
        let method = request.method.ok_or("its request has no method")?;
        if url.is_empty() {
            return Err("its request has no url".to_owned());
        }
        if answered_by == Origin::Upgrade || is_web_socket(url) {
            self.upgrades += 1;
            return Ok(());
        }
        let Some((host, target)) = host_and_target(url) else {
            self.not_http += 1;
            return Ok(());
        };
        check_host(&host)?;
        let host = self.hosts.intern(&host);
        if self.tallies.len() == host as usize {
            self.tallies.push(Tally::default());
        }
        let tally = &mut self.tallies[host as usize];
        match answered_by {
            Origin::Cache => {
                tally.archive.from_cache += 1;
                return Ok(());
            }
            Origin::ServiceWorker => {
                tally.archive.from_service_worker += 1;
                return Ok(());
            }
            Origin::EventStream => {
                self.event_streams += 1;
                return Ok(());
            }
            Origin::Revalidated => tally.archive.revalidated += 1,
            Origin::Server | Origin::Upgrade => {}
        }
        let target = tally.target(&target);
        let logged = LoggedRequest::of_parts(method.as_bytes(), target.as_bytes());
        if logged == Err(NotSent::NotHttp) {
            return Err(invalid(method.as_bytes(), "method"));
        }
        tally.requests += 1;
        let headers = tally.headers(request.headers.unwrap_or_default());
        let body = tally.body(request.post_data.unwrap_or_default());
        let positive = |value: Option<f64>| value.filter(|value| *value > 0.0).unwrap_or(0.0);
        let response = entry.response.unwrap_or_default();
        let status = positive(response.status);
        let headers = self.header_set(headers);
        self.requests.push(HarRequest {
            line: ReadLine {
                at_us,
                took_us: None,
                host: None,
                request: logged,
                status: (100.0..1000.0).contains(&status).then_some(status as u16),
                bytes: positive(response.body_size) as u64,
                cut_short: false,
                layout: Layout::Custom,
            },
            headers,
            body: body.map(|body| self.bodies.intern(&body)),
            host,
            file: self.files.len().saturating_sub(1),
            entry: self.files.last().map_or(0, |(_, entries)| *entries),
        });
        Ok(())
    }

    /// Returns the number of a set of headers.
    fn header_set(&mut self, set: Vec<(String, String)>) -> u32 {
        if let Some(id) = self.header_ids.get(&set) {
            return *id;
        }
        let id = self.header_sets.len() as u32;
        self.header_sets.push(set.clone());
        self.header_ids.insert(set, id);
        id
    }

    /// Chooses the host, and keeps its requests in time order.
    pub(crate) fn finish(mut self, origin: &str, options: &ReadOptions) -> Result<Har, LogError> {
        let mut hosts: Vec<(String, u64)> = (0_u32..)
            .zip(&self.tallies)
            .map(|(host, tally)| (self.hosts.get(host).to_owned(), tally.requests))
            .filter(|(_, requests)| *requests > 0)
            .collect();
        hosts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        if hosts.is_empty() {
            let from_cache = self
                .tallies
                .iter()
                .map(|tally| tally.archive.from_cache + tally.archive.from_service_worker);
            return Err(LogError::NoEntry {
                origin: origin.to_owned(),
                left_out: format!(
                    "of {} entries, {} are from a cache, {} use another protocol and {} are broken{}",
                    self.entries,
                    from_cache.sum::<u64>(),
                    self.not_http + self.upgrades + self.event_streams,
                    self.broken,
                    match self.first_broken.first() {
                        None => String::new(),
                        Some(first) => format!(" (entry {}: {})", first.line, first.reason),
                    }
                ),
            });
        }
        let chosen = match &options.host {
            None => 0,
            Some(wanted) => hosts
                .iter()
                .position(|(host, _)| host.eq_ignore_ascii_case(wanted))
                .ok_or_else(|| LogError::NoHost {
                    origin: origin.to_owned(),
                    host: wanted.clone(),
                    hosts: listed(&hosts),
                })?,
        };
        let (host, _) = hosts.remove(chosen);
        let id = self.hosts.intern(&host);
        let mut requests = self.requests;
        requests.retain(|request| request.host == id);
        let tally = self.tallies.swap_remove(id as usize);
        let archive = HttpArchive {
            host,
            of_other_hosts: hosts.iter().map(|(_, count)| count).sum(),
            other_hosts: hosts.into_iter().take(HOSTS_LISTED).collect(),
            not_http: self.not_http,
            upgrades: self.upgrades,
            event_streams: self.event_streams,
            masked: tally.masked.ranked(),
            headers_left_out: tally.left_out.ranked(),
            ..tally.archive
        };
        let mut latest = i64::MIN;
        let mut out_of_order = 0;
        for request in &requests {
            out_of_order += u64::from(request.line.at_us < latest);
            latest = latest.max(request.line.at_us);
        }
        requests.sort_by_key(|request| request.line.at_us);
        Ok(Har {
            requests,
            header_sets: self.header_sets,
            bodies: self.bodies,
            entries: self.entries,
            files: self.files,
            broken: self.broken,
            first_broken: self.first_broken,
            out_of_order,
            archive,
        })
    }
}

/// Checks the host of an entry. It is shown, and a control character must not reach a terminal.
///
/// # Errors
/// Fails if it has a blank or a control character.
pub(super) fn check_host(host: &str) -> Result<(), String> {
    match host.contains(|c: char| c.is_control() || c.is_whitespace()) {
        true => Err(invalid(host.as_bytes(), "host")),
        false => Ok(()),
    }
}

/// Parses the time of an entry, as microseconds since 1970.
pub(super) fn started(value: Option<&serde_json::Value>) -> Result<i64, String> {
    let wrong = |text: &str, why: &str| {
        let shown: String = text.chars().take(40).collect();
        format!("its startedDateTime `{}` {why}", shown.escape_debug())
    };
    match value {
        None | Some(serde_json::Value::Null) => Err("it has no startedDateTime".to_owned()),
        Some(serde_json::Value::String(text)) => {
            iso_time(text.as_bytes()).ok_or_else(|| match civil_time(text.as_bytes()) {
                Some(_) => wrong(text, "has no time zone; add Z or an offset such as +02:00"),
                None => wrong(text, "is not a time such as 2024-05-17T10:05:03.497Z"),
            })
        }
        Some(other) => Err(wrong(
            &other.to_string(),
            "is not text such as \"2024-05-17T10:05:03.497Z\"",
        )),
    }
}

fn is_web_socket(url: &str) -> bool {
    let scheme = url.split(':').next().unwrap_or_default();
    scheme.eq_ignore_ascii_case("ws") || scheme.eq_ignore_ascii_case("wss")
}
