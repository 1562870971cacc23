//! A visit: the requests that a browser sent to one host, with their answers.

use std::collections::BTreeMap;
use std::io::{BufRead, Read as _};

use http::{HeaderMap, HeaderName, HeaderValue};
use serde::Deserialize;
use serde_json::Value;
use tenfold_secret::masked_text;
use url::Url;

use super::body::{BODY_BYTES_MAX, is_destroyed};
use super::entry::{Entry, Header, host_and_target};
use super::headers::{Fate, fate};
use super::origin::Origin;
use super::selection::{check_host, started};
use crate::format::not_sent::NotSent;
use crate::format::read_line::invalid;
use crate::format::request_line::LoggedRequest;
use crate::input::ReadOptions;
use crate::input::broken_line::BrokenLine;
use crate::input::log_error::LogError;
use crate::input::source::Source;

/// Requests of a browser to one host, in order, each with the answer that its redirects led to.
#[derive(Debug)]
pub(crate) struct Visit {
    /// The host, with its port if it is not the scheme's default.
    pub(crate) host: String,
    /// `http` or `https`.
    pub(crate) scheme: String,
    pub(crate) exchanges: Vec<Exchange>,
    /// Reasons for leaving out entries, with their number.
    pub(crate) left_out: BTreeMap<&'static str, u64>,
    /// The first broken entries.
    pub(crate) first_broken: Vec<BrokenLine>,
}

/// A request and the last answer of its redirects.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// Start, in microseconds since 1970.
    pub(crate) at_us: i64,
    /// End of its last answer.
    pub(crate) end_us: i64,
    pub(crate) method: String,
    /// Path and query.
    pub(crate) target: String,
    /// Headers that affect the answer.
    pub(crate) headers: Vec<(String, String)>,
    /// Headers that may be secrets.
    pub(crate) secrets: Vec<(String, String)>,
    pub(crate) body: Body,
    pub(crate) redirects: u64,
    pub(crate) answer: Answer,
}

/// A body that was sent.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Body {
    None,
    /// Fields of a form.
    Form(Vec<(String, String)>),
    Text(String),
    /// Left out, with the reason in the plural.
    LeftOut(&'static str),
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
    pub(crate) media_type: String,
}

/// Maximum size of a file in bytes: its answers are kept in memory.
const FILE_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Redirects of one request that are put together.
const REDIRECTS_MAX: u64 = 20;

/// Reason for leaving out broken entries.
const BROKEN: &str = "broken";

/// Why an entry is not used.
enum Unused {
    /// Left out for this reason.
    LeftOut(&'static str),
    /// Broken in this way.
    Broken(String),
}

/// The parts of an entry that traces do without.
#[derive(Default, Deserialize)]
struct Details {
    time: Option<f64>,
    request: Option<Asked>,
    response: Option<Answered>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Asked {
    post_data: Option<Posted>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Posted {
    mime_type: Option<String>,
    text: Option<String>,
    params: Option<Vec<Header>>,
    #[serde(alias = "_encoding")]
    encoding: Option<String>,
}

#[derive(Default, Deserialize)]
struct Answered {
    headers: Option<Vec<Header>>,
    content: Option<Content>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    mime_type: Option<String>,
    text: Option<String>,
    encoding: Option<String>,
}

impl Visit {
    /// Reads a HAR file, plain or gzipped. Uses the requests to `host`, by default the most frequent one, without what
    /// pages load by themselves: styles, scripts, images and fonts.
    ///
    /// # Errors
    /// Fails if it can't be read, is longer than 128 MiB, or has no request to send.
    pub(crate) fn read(
        source: impl BufRead,
        origin: &str,
        host: Option<&str>,
    ) -> Result<Self, LogError> {
        let wrong = |reason: String| LogError::Har {
            origin: origin.to_owned(),
            reason,
        };
        let mut text = Vec::new();
        let Source { whole, .. } = Source::open(source, origin)?;
        whole
            .take(FILE_BYTES_MAX + 1)
            .read_to_end(&mut text)
            .map_err(|error| wrong(error.to_string()))?;
        if text.len() as u64 > FILE_BYTES_MAX {
            return Err(wrong("it has more than 128 MiB".to_owned()));
        }
        let mut document: Value =
            serde_json::from_slice(&text).map_err(|error| wrong(error.to_string()))?;
        drop(text);
        let entries = document.pointer_mut("/log/entries").map(Value::take);
        let Some(Value::Array(entries)) = entries else {
            return Err(LogError::NoHar {
                origin: origin.to_owned(),
            });
        };
        let mut left_out = BTreeMap::new();
        let mut first_broken: Vec<BrokenLine> = Vec::new();
        let mut all: Vec<(String, String, Exchange)> = Vec::new();
        for (number, entry) in (1..).zip(entries) {
            let url = entry.pointer("/request/url").and_then(Value::as_str);
            let url = url.unwrap_or_default().to_owned();
            let reason = match exchange(entry) {
                Ok(read) => {
                    all.push(read);
                    continue;
                }
                Err(Unused::LeftOut(reason)) => reason,
                Err(Unused::Broken(reason)) => {
                    if first_broken.len() < ReadOptions::default().broken_kept {
                        first_broken.push(BrokenLine::of_entry(number, reason, &url));
                    }
                    BROKEN
                }
            };
            *left_out.entry(reason).or_default() += 1;
        }
        let mut hosts: BTreeMap<&str, u64> = BTreeMap::new();
        for (host, ..) in &all {
            *hosts.entry(host).or_default() += 1;
        }
        let chosen = match host {
            Some(wanted) => hosts.keys().find(|host| host.eq_ignore_ascii_case(wanted)),
            None => hosts
                .iter()
                .max_by_key(|(_, count)| **count)
                .map(|(host, _)| host),
        };
        let Some(chosen) = chosen.map(|host| (*host).to_owned()) else {
            let reasons = left_out
                .iter()
                .map(|(reason, count)| match first_broken.first() {
                    Some(first) if *reason == BROKEN => {
                        format!("{count} {reason} ({})", first.as_entry())
                    }
                    _ => format!("{count} {reason}"),
                });
            let reasons: Vec<String> = reasons.collect();
            return Err(match host {
                Some(wanted) if !hosts.is_empty() => LogError::NoHost {
                    origin: origin.to_owned(),
                    host: wanted.to_owned(),
                    hosts: hosts.into_keys().collect::<Vec<_>>().join(", "),
                },
                _ => LogError::NoEntry {
                    origin: origin.to_owned(),
                    left_out: match reasons.is_empty() {
                        true => "it has no entries".to_owned(),
                        false => reasons.join(", "),
                    },
                },
            });
        };
        let of_others = all.iter().filter(|(host, ..)| *host != chosen).count() as u64;
        if of_others > 0 {
            left_out.insert("to other hosts", of_others);
        }
        all.retain(|(host, ..)| *host == chosen);
        all.sort_by_key(|(.., exchange)| exchange.at_us);
        let scheme = all.first().map(|(_, scheme, _)| scheme.clone());
        let scheme = scheme.unwrap_or_else(|| "http".to_owned());
        let home = format!("{scheme}://{chosen}");
        let exchanges = joined(all.into_iter().map(|(.., exchange)| exchange), &home);
        Ok(Self {
            host: chosen,
            scheme,
            exchanges,
            left_out,
            first_broken,
        })
    }
}

/// Reads an entry. Returns its host, its scheme and the exchange.
///
/// # Errors
/// Why it is not used.
fn exchange(entry: Value) -> Result<(String, String, Exchange), Unused> {
    // The message may quote a value.
    let wrong = |error: serde_json::Error| masked_text(&error.to_string()).into_owned();
    let details = Details::deserialize(&entry).map_err(wrong)?;
    let entry = Entry::deserialize(entry).map_err(wrong)?;
    match Origin::of(&entry) {
        Origin::Server | Origin::Revalidated => {}
        Origin::Cache | Origin::ServiceWorker => {
            return Err("answered by the browser itself".into());
        }
        Origin::Upgrade => return Err("a switch to another protocol".into()),
        Origin::EventStream => return Err("a stream of events".into()),
    }
    let broken = |reason: &str| Unused::Broken(reason.to_owned());
    let at_us = started(entry.started_date_time.as_ref())?;
    let request = entry.request.ok_or(broken("it has no request"))?;
    let method = request.method.ok_or(broken("its request has no method"))?;
    let url = request.url.filter(|url| !url.is_empty());
    let url = url.ok_or(broken("its request has no url"))?;
    let (host, target) = host_and_target(&url).ok_or("not over HTTP")?;
    check_host(&host)?;
    let LoggedRequest { method, target, .. } =
        LoggedRequest::with_secrets(method.as_bytes(), target.as_bytes()).map_err(|reason| {
            match reason {
                NotSent::NotHttp => Unused::Broken(invalid(method.as_bytes(), "method")),
                reason => Unused::LeftOut(reason.text()),
            }
        })?;
    let status = entry.response.unwrap_or_default().status;
    let status = status.filter(|status| (200.0..600.0).contains(status));
    let status = status.ok_or("without an answer")? as u16;
    let answered = details.response.unwrap_or_default();
    let content = answered.content.unwrap_or_default();
    let media_type = media_type(content.mime_type.as_deref());
    let path = target.split('?').next().unwrap_or_default();
    if is_part_of_page(&media_type, path) {
        return Err("loaded by a page itself: styles, scripts, images and fonts".into());
    }
    let mut headers = Vec::new();
    let mut secrets = Vec::new();
    for header in request.headers.unwrap_or_default() {
        let (Some(name), Some(value)) = (header.name, header.value) else {
            continue;
        };
        let name = name.to_ascii_lowercase();
        match fate(&name, &value) {
            Fate::Kept => headers.push((name, value)),
            Fate::Masked if name != "cookie" => secrets.push((name, value)),
            _ => {}
        }
    }
    let asked = details.request.unwrap_or_default();
    let took_us = details.time.filter(|time| (0.0..1e9).contains(time));
    let took_us = (took_us.unwrap_or(0.0) * 1000.0) as i64;
    let exchange = Exchange {
        at_us,
        end_us: at_us.saturating_add(took_us),
        method,
        target,
        headers,
        secrets,
        body: asked.post_data.map_or(Body::None, Posted::body),
        redirects: 0,
        answer: Answer {
            status,
            headers: header_map(answered.headers.unwrap_or_default()),
            body: match content.encoding.as_deref() {
                // Only binary content is encoded, and no value is looked for in it.
                Some(encoding) if !encoding.is_empty() => Vec::new(),
                _ => content.text.unwrap_or_default().into_bytes(),
            },
            media_type,
        },
    };
    let scheme = url
        .split("://")
        .next()
        .unwrap_or("http")
        .to_ascii_lowercase();
    Ok((host, scheme, exchange))
}

/// Puts redirects and the requests that followed them together. `home` is the URL of the host.
fn joined(exchanges: impl Iterator<Item = Exchange>, home: &str) -> Vec<Exchange> {
    let mut joined: Vec<Exchange> = Vec::new();
    // Where the last request of each redirect led to.
    let mut at: Vec<String> = Vec::new();
    for exchange in exchanges {
        let follows = joined.iter().zip(&at).rposition(|(before, from)| {
            let answer = &before.answer;
            let location = answer.headers.get(http::header::LOCATION);
            let location = location.and_then(|location| location.to_str().ok());
            matches!(answer.status, 301 | 302 | 303 | 307 | 308)
                && before.redirects < REDIRECTS_MAX
                && location.is_some_and(|location| leads_to(location, home, from, &exchange.target))
        });
        match follows {
            Some(index) => {
                let before = &mut joined[index];
                before.redirects += 1;
                before.end_us = exchange.end_us;
                let cookies = before.answer.headers.clone();
                before.answer = exchange.answer;
                for cookie in cookies.get_all(http::header::SET_COOKIE) {
                    let headers = &mut before.answer.headers;
                    headers.append(http::header::SET_COOKIE, cookie.clone());
                }
                at[index] = exchange.target;
            }
            None => {
                at.push(exchange.target.clone());
                joined.push(exchange);
            }
        }
    }
    joined
}

/// Returns whether a `Location` in the answer to `from` leads to `target`, both paths with queries at `home`.
///
/// The scheme and port may differ: many services redirect from HTTP to HTTPS.
fn leads_to(location: &str, home: &str, from: &str, target: &str) -> bool {
    let url = |target: &str| Url::parse(&format!("{home}{target}")).ok();
    let Some((to, target)) = url(from)
        .and_then(|from| from.join(location).ok())
        .zip(url(target))
    else {
        return false;
    };
    !location.trim().is_empty()
        && (to.host_str(), to.path(), to.query())
            == (target.host_str(), target.path(), target.query())
}

fn header_map(headers: Vec<Header>) -> HeaderMap {
    let mut map = HeaderMap::new();
    for header in headers {
        let name = header.name.and_then(|name| name.parse::<HeaderName>().ok());
        // Browsers join the lines of a repeated header by line ends.
        for line in header.value.unwrap_or_default().lines() {
            if let (Some(name), Ok(value)) = (&name, HeaderValue::from_str(line)) {
                map.append(name.clone(), value);
            }
        }
    }
    map
}

impl From<&'static str> for Unused {
    fn from(reason: &'static str) -> Self {
        Self::LeftOut(reason)
    }
}

impl From<String> for Unused {
    fn from(reason: String) -> Self {
        Self::Broken(reason)
    }
}

impl Posted {
    fn body(self) -> Body {
        const NOT_TEXT: &str = "bodies that are not text";
        let media_type = media_type(self.mime_type.as_deref());
        let is_form = media_type == "application/x-www-form-urlencoded";
        let text = self.text.unwrap_or_default();
        let has_params = self
            .params
            .as_ref()
            .is_some_and(|params| !params.is_empty());
        if media_type.starts_with("multipart/") {
            return Body::LeftOut("bodies of several parts");
        }
        if self.encoding.is_some_and(|encoding| !encoding.is_empty())
            || is_destroyed(&text, &media_type)
            || (text.is_empty() && has_params && !is_form)
        {
            return Body::LeftOut(NOT_TEXT);
        }
        if text.len() > BODY_BYTES_MAX {
            return Body::LeftOut("bodies longer than 1 MiB");
        }
        if is_form && !text.is_empty() {
            let pairs = form_urlencoded::parse(text.as_bytes());
            return Body::Form(pairs.into_owned().collect());
        }
        if is_form {
            let pairs = self.params.unwrap_or_default().into_iter();
            let pairs = pairs.map(|pair| {
                (
                    pair.name.unwrap_or_default(),
                    pair.value.unwrap_or_default(),
                )
            });
            return Body::Form(pairs.collect());
        }
        match text.is_empty() {
            true => Body::None,
            false => Body::Text(text),
        }
    }
}

/// Returns the type without its parameters, in lower case.
fn media_type(text: Option<&str>) -> String {
    let text = text.unwrap_or_default().split(';').next();
    text.unwrap_or_default().trim().to_ascii_lowercase()
}

/// Returns whether a page loads an answer by itself: a style, a script, an image, a font, a sound or a film.
fn is_part_of_page(media_type: &str, path: &str) -> bool {
    const TYPES: [&str; 7] = [
        "image/",
        "font/",
        "audio/",
        "video/",
        "text/css",
        "text/javascript",
        "application/font",
    ];
    const ENDS: [&str; 13] = [
        ".css", ".js", ".mjs", ".map", ".png", ".jpg", ".jpeg", ".gif", ".svg", ".ico", ".webp",
        ".woff", ".woff2",
    ];
    let path = path.to_ascii_lowercase();
    TYPES.iter().any(|start| media_type.starts_with(start))
        || matches!(
            media_type,
            "application/javascript" | "application/x-javascript"
        )
        || ENDS.iter().any(|end| path.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn follows_locations() {
        for (location, from, target) in [
            ("/admin/", "/login?next=/admin/", "/admin/"),
            ("http://a:8000/admin/#top", "/login", "/admin/"),
            ("https://a/admin/", "/admin/", "/admin/"),
            ("//a:8000/x", "/login", "/x"),
            ("index.jsp?x=1", "/a/b/check", "/a/b/index.jsp?x=1"),
            ("../list", "/a/b/check", "/a/list"),
            ("?page=2", "/list?page=1", "/list?page=2"),
            ("/a b", "/", "/a%20b"),
        ] {
            assert!(
                leads_to(location, "http://a:8000", from, target),
                "{location}"
            );
        }
        for location in ["", "/other", "http://a/x", "http://b:8000/admin/", "x"] {
            assert!(
                !leads_to(location, "http://a:8000", "/login", "/admin/"),
                "{location}"
            );
        }
    }

    #[test]
    fn finds_parts_of_pages() {
        for (media_type, path) in [
            ("text/css", "/x"),
            ("image/png", "/x"),
            ("", "/a/B.JS"),
            ("text/html", "/font.woff2"),
        ] {
            assert!(is_part_of_page(media_type, path), "{media_type} {path}");
        }
        for (media_type, path) in [
            ("text/html", "/"),
            ("application/json", "/a.json"),
            ("", "/jscript"),
        ] {
            assert!(!is_part_of_page(media_type, path), "{media_type} {path}");
        }
    }
}
