//! HAR files: what a browser's network tab, a proxy or a test tool has recorded (HTTP Archive 1.2).

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::io::{BufRead, BufReader, Read};

use serde::de::{Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de::DeserializeSeed};

use super::broken_line::BrokenLine;
use super::error::LogError;
use super::har_body::{Body, PostData};
use super::har_headers::{Fate, fate};
use super::http_archive::{HttpArchive, listed};
use super::interner::Interner;
use super::log_time::iso_time;
use super::read_line::{Layout, ReadLine, is_no};
use super::request_line::LoggedRequest;
use super::secret::{masked_pairs, masked_path};
use super::{MOST_REQUESTS, ReadOptions};

/// What was read of a HAR file.
pub(super) struct Har {
    /// The requests of one host, in time order.
    pub(super) requests: Vec<HarRequest>,
    pub(super) header_sets: Vec<Vec<(String, String)>>,
    pub(super) bodies: Interner,
    pub(super) entries: u64,
    pub(super) broken: u64,
    pub(super) first_broken: Vec<BrokenLine>,
    pub(super) out_of_order: u64,
    pub(super) archive: HttpArchive,
}

/// One request.
pub(super) struct HarRequest {
    pub(super) line: ReadLine,
    /// Index into the header sets.
    pub(super) headers: u32,
    /// Index into the bodies.
    pub(super) body: Option<u32>,
    host: u32,
}

/// The longest text that is read. Browsers export less.
const LONGEST: u64 = 512 * 1024 * 1024;
/// Hosts listed in the report.
const HOSTS_LISTED: usize = 10;
/// Different names that are counted; a file made to be read badly has no more either.
const MOST_NAMES: usize = 1_000;

/// Tells whether a text begins as a HAR file does: with an object whose first name is `log`.
pub(super) fn is_har(start: &[u8]) -> bool {
    let start = start.strip_prefix(b"\xef\xbb\xbf").unwrap_or(start);
    let after = |text: &[u8], c: u8| {
        let text = text.trim_ascii_start();
        text.strip_prefix(&[c]).map(<[u8]>::to_vec)
    };
    after(start, b'{').is_some_and(|inside| inside.trim_ascii_start().starts_with(b"\"log\""))
}

/// Reads a HAR file entry by entry; what was answered is passed over and takes no memory.
pub(super) fn read(
    source: impl BufRead,
    origin: &str,
    options: &ReadOptions,
) -> Result<Har, LogError> {
    let mut source = source.take(LONGEST);
    let mut start = Vec::new();
    let mark = source.by_ref().take(3).read_to_end(&mut start);
    mark.map_err(|source| LogError::Read {
        origin: origin.to_owned(),
        line: 0,
        source,
    })?;
    if start.is_empty() {
        return Err(LogError::Empty {
            origin: origin.to_owned(),
        });
    }
    if start == b"\xef\xbb\xbf" {
        start.clear();
    }
    let mut taken = Taken::new(options);
    // The parser takes single bytes: what stands between it and the source would cost for each.
    let reader = BufReader::with_capacity(64 * 1024, start.as_slice().chain(&mut source));
    let mut json = serde_json::Deserializer::from_reader(reader);
    let parsed = Document(&mut taken)
        .deserialize(&mut json)
        .and_then(|()| json.end());
    drop(json);
    if taken.is_full || source.limit() == 0 {
        return Err(LogError::TooLarge {
            origin: origin.to_owned(),
            line: taken.entries,
            what: "512 MiB or 10 million requests",
        });
    }
    parsed.map_err(|error| LogError::Har {
        origin: origin.to_owned(),
        reason: error.to_string(),
    })?;
    taken.finish(origin, options)
}

/// What has been taken so far, of all hosts.
struct Taken {
    requests: Vec<HarRequest>,
    header_sets: Vec<Vec<(String, String)>>,
    header_ids: HashMap<Vec<(String, String)>, u32>,
    bodies: Interner,
    hosts: Interner,
    /// Of every host.
    tallies: Vec<Tally>,
    not_http: u64,
    entries: u64,
    broken: u64,
    first_broken: Vec<BrokenLine>,
    broken_kept: usize,
    is_full: bool,
}

/// What there is to say about one host.
#[derive(Default)]
struct Tally {
    requests: u64,
    masked: BTreeMap<String, u64>,
    left_out: BTreeMap<String, u64>,
    archive: HttpArchive,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "an entry")]
struct Entry {
    started_date_time: Option<String>,
    request: Option<Request>,
    response: Option<Response>,
    /// Chrome's: `disk` or `memory`.
    #[serde(rename = "_fromCache")]
    from_cache: Option<IgnoredAny>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a request with method and url")]
struct Request {
    method: Option<String>,
    url: Option<String>,
    headers: Option<Vec<Header>>,
    post_data: Option<PostData>,
}

#[derive(Deserialize)]
#[serde(expecting = "a header with name and value")]
struct Header {
    name: Option<String>,
    value: Option<String>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
#[serde(expecting = "a response")]
struct Response {
    status: Option<f64>,
    body_size: Option<f64>,
}

impl Taken {
    fn new(options: &ReadOptions) -> Self {
        Self {
            requests: Vec::new(),
            header_sets: vec![Vec::new()],
            header_ids: HashMap::from([(Vec::new(), 0)]),
            bodies: Interner::default(),
            hosts: Interner::default(),
            tallies: Vec::new(),
            not_http: 0,
            entries: 0,
            broken: 0,
            first_broken: Vec::new(),
            broken_kept: options.broken_kept,
            is_full: false,
        }
    }

    fn take(&mut self, entry: Entry) {
        self.entries += 1;
        let url = entry
            .request
            .as_ref()
            .and_then(|request| request.url.clone())
            .unwrap_or_default();
        if let Err(reason) = self.add(entry, &url) {
            self.broken += 1;
            if self.first_broken.len() < self.broken_kept {
                // Its query may hold a secret.
                let shown = url.split(['?', '#']).next().unwrap_or_default();
                self.first_broken
                    .push(BrokenLine::new(self.entries, reason, shown.as_bytes()));
            }
        }
    }

    fn add(&mut self, entry: Entry, url: &str) -> Result<(), String> {
        let at = entry.started_date_time.ok_or("it has no startedDateTime")?;
        let at_us = iso_time(at.as_bytes()).ok_or_else(|| is_no(at.as_bytes(), "time"))?;
        let request = entry.request.ok_or("it has no request")?;
        let method = request.method.ok_or("its request has no method")?;
        if url.is_empty() {
            return Err("its request has no url".to_owned());
        }
        let Some((host, target)) = host_and_target(url) else {
            self.not_http += 1;
            return Ok(());
        };
        let host = self.hosts.intern(&host);
        if self.tallies.len() == host as usize {
            self.tallies.push(Tally::default());
        }
        let tally = &mut self.tallies[host as usize];
        if entry.from_cache.is_some() {
            tally.archive.from_cache += 1;
            return Ok(());
        }
        let target = tally.target(target);
        let logged = LoggedRequest::of_parts(method.as_bytes(), target.as_bytes())
            .ok_or_else(|| is_no(method.as_bytes(), "method"))?;
        tally.requests += 1;
        let headers = tally.headers(request.headers.unwrap_or_default());
        let body = tally.body(request.post_data.unwrap_or_default());
        let told = |value: Option<f64>| value.filter(|value| *value > 0.0).unwrap_or(0.0);
        let response = entry.response.unwrap_or_default();
        let status = told(response.status);
        let headers = self.header_set(headers);
        self.requests.push(HarRequest {
            line: ReadLine {
                at_us,
                request: Some(logged),
                status: (100.0..1000.0).contains(&status).then_some(status as u16),
                bytes: told(response.body_size) as u64,
                cut_short: false,
                layout: Layout::Custom,
            },
            headers,
            body: body.map(|body| self.bodies.intern(&body)),
            host,
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

    /// Chooses the host and keeps its requests, in time order.
    fn finish(mut self, origin: &str, options: &ReadOptions) -> Result<Har, LogError> {
        let mut hosts: Vec<(String, u64)> = (0_u32..)
            .zip(&self.tallies)
            .map(|(host, tally)| (self.hosts.get(host).to_owned(), tally.requests))
            .filter(|(_, requests)| *requests > 0)
            .collect();
        hosts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        if hosts.is_empty() {
            let from_cache = self.tallies.iter().map(|tally| tally.archive.from_cache);
            return Err(LogError::NoEntry {
                origin: origin.to_owned(),
                left_out: format!(
                    "of {} entries {} are from a cache, {} of another protocol and {} broken",
                    self.entries,
                    from_cache.sum::<u64>(),
                    self.not_http,
                    self.broken
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
            masked: ranked(tally.masked),
            headers_left_out: ranked(tally.left_out),
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
            broken: self.broken,
            first_broken: self.first_broken,
            out_of_order,
            archive,
        })
    }
}

impl Tally {
    /// Returns a target without the secrets of its path and its query.
    fn target(&mut self, target: String) -> String {
        let (path, query) = target.split_once('?').unwrap_or((&target, ""));
        let (mut in_path, mut in_query) = (Vec::new(), Vec::new());
        let path = masked_path(path, &mut in_path);
        let query = masked_pairs(query, &mut in_query);
        let masked = match target.contains('?') {
            true => format!("{path}?{query}"),
            false => path.into_owned(),
        };
        self.count_masked("path", in_path);
        self.count_masked("query", in_query);
        masked
    }

    /// Returns the headers that matter, by name.
    fn headers(&mut self, headers: Vec<Header>) -> Vec<(String, String)> {
        let mut kept: BTreeMap<String, String> = BTreeMap::new();
        for header in headers {
            let (Some(name), Some(value)) = (header.name, header.value) else {
                continue;
            };
            let name = name.to_ascii_lowercase();
            match fate(&name, &value) {
                Fate::Kept => {
                    // Several of one name are one list (RFC 9110, 5.3).
                    kept.entry(name)
                        .and_modify(|list| {
                            list.push_str(", ");
                            list.push_str(&value);
                        })
                        .or_insert(value);
                }
                Fate::Masked => count(&mut self.masked, format!("header {name}")),
                Fate::LeftOut => count(&mut self.left_out, name),
                Fate::Dropped => {}
            }
        }
        kept.into_iter().collect()
    }

    /// Returns a body without its secrets, where it can be kept.
    fn body(&mut self, told: PostData) -> Option<String> {
        match told.body() {
            Body::Kept(text, found) => {
                self.archive.bodies += 1;
                self.count_masked("body", found);
                return Some(text);
            }
            Body::None => {}
            Body::TooLong => self.archive.bodies_too_long += 1,
            Body::NotText => self.archive.bodies_not_text += 1,
            Body::Secret => self.archive.bodies_with_secrets += 1,
        }
        None
    }

    fn count_masked(&mut self, place: &str, names: Vec<String>) {
        for name in names {
            count(&mut self.masked, format!("{place} {name}"));
        }
    }
}

/// Takes an HTTP URL apart into its host, with a port that is not the scheme's own, and its target.
fn host_and_target(url: &str) -> Option<(String, String)> {
    let (scheme, rest) = url.split_once("://")?;
    let usual_port = match scheme.to_ascii_lowercase().as_str() {
        "http" => ":80",
        "https" => ":443",
        _ => return None,
    };
    let rest = rest.split('#').next().unwrap_or_default();
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    let (authority, target) = rest.split_at(end);
    // A user's name and password are not of the host, and a secret.
    let host = authority
        .rsplit('@')
        .next()
        .unwrap_or_default()
        .to_ascii_lowercase();
    let host = host.strip_suffix(usual_port).unwrap_or(&host).to_owned();
    if host.is_empty() {
        return None;
    }
    // `http://host?query` asks for `/?query`.
    let slash = if target.starts_with('/') { "" } else { "/" };
    Some((host, format!("{slash}{target}")))
}

fn count(counts: &mut BTreeMap<String, u64>, name: String) {
    if counts.len() < MOST_NAMES || counts.contains_key(&name) {
        *counts.entry(name).or_default() += 1;
    }
}

/// Returns the most frequent first.
fn ranked(counts: BTreeMap<String, u64>) -> Vec<(String, u64)> {
    let mut counts: Vec<(String, u64)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

/// The whole file, `{"log": ...}`.
struct Document<'a>(&'a mut Taken);
/// What is below `log`.
struct Log<'a>(&'a mut Taken);
/// The list of entries, which are taken one by one.
struct Entries<'a>(&'a mut Taken);

impl<'de> DeserializeSeed<'de> for Document<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Document<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object with `log`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut any = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "log" {
                any = true;
                map.next_value_seed(Log(self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        match any {
            true => Ok(()),
            false => Err(serde::de::Error::missing_field("log")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Log<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Log<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("an object with `entries`")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut any = false;
        while let Some(name) = map.next_key::<String>()? {
            if name == "entries" {
                any = true;
                map.next_value_seed(Entries(&mut *self.0))?;
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        match any {
            true => Ok(()),
            false => Err(serde::de::Error::missing_field("entries")),
        }
    }
}

impl<'de> DeserializeSeed<'de> for Entries<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Entries<'_> {
    type Value = ();

    fn expecting(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("a list of entries")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut entries: A) -> Result<(), A::Error> {
        while let Some(entry) = entries.next_element::<Entry>()? {
            if self.0.requests.len() == MOST_REQUESTS {
                self.0.is_full = true;
                return Err(serde::de::Error::custom("too many entries"));
            }
            self.0.take(entry);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_har_file_by_its_beginning() {
        assert!(is_har(br#"{"log":{"version":"1.2""#));
        assert!(is_har(b"\xef\xbb\xbf\r\n{\n  \"log\": {"));
        for other in [r#"{"logs":1}"#, r#"{"time":"x"}"#, "", "{", "h - - ["] {
            assert!(!is_har(other.as_bytes()), "{other}");
        }
    }

    #[test]
    fn takes_urls_apart() {
        let apart = host_and_target;
        let is = |host: &str, target: &str| Some((host.to_owned(), target.to_owned()));
        assert_eq!(apart("https://A.example/x?y#z"), is("a.example", "/x?y"));
        assert_eq!(apart("http://u:p@a.example:80"), is("a.example", "/"));
        assert_eq!(apart("http://a.example?y"), is("a.example", "/?y"));
        assert_eq!(apart("HTTP://a.example:8080/"), is("a.example:8080", "/"));
        assert_eq!(apart("https://[::1]:443/x"), is("[::1]", "/x"));
        for none in [
            "data:text/plain,x",
            "blob:https://a/b",
            "wss://a/",
            "http://",
            "x",
        ] {
            assert_eq!(apart(none), None, "{none}");
        }
    }
}
