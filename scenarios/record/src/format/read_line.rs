//! Contents of a log line.

use std::borrow::Cow;

use tenfold_secret::masked_text;

use super::directive::{Directive, HostRank, Moment};
use super::host;
use super::log_time::{
    common_time, epoch_seconds, epoch_time, iso_time, microseconds, pattern_time,
};
use super::not_sent::NotSent;
use super::request_line::LoggedRequest;

/// Contents of one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ReadLine {
    /// Logged time, in microseconds since 1970.
    pub(crate) at_us: i64,
    /// Duration of the request in microseconds, if the logged time is that of its end.
    pub(crate) took_us: Option<u64>,
    /// Host of the request, if logged.
    pub(crate) host: Option<String>,
    pub(crate) request: Result<LoggedRequest, NotSent>,
    pub(crate) status: Option<u16>,
    pub(crate) bytes: u64,
    pub(crate) cut_short: bool,
    pub(crate) layout: Layout,
}

/// Layout of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Layout {
    Common,
    Combined,
    Alb,
    CloudFront,
    W3c,
    Caddy,
    Traefik,
    /// Envoy's default, as text.
    Envoy,
    /// Envoy's usual names in JSON.
    EnvoyJson,
    /// Other JSON with common names.
    Json,
    /// Given with `--format`.
    Custom,
}

impl Layout {
    /// Layouts that are detected from the line.
    pub(crate) const DETECTED: [Self; 10] = [
        Self::Common,
        Self::Combined,
        Self::Alb,
        Self::CloudFront,
        Self::W3c,
        Self::Caddy,
        Self::Traefik,
        Self::Envoy,
        Self::EnvoyJson,
        Self::Json,
    ];

    /// Returns the name of the layout.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Common => "common",
            Self::Combined => "combined",
            Self::Alb => "alb",
            Self::CloudFront => "cloudfront",
            Self::W3c => "w3c",
            Self::Caddy => "caddy",
            Self::Traefik => "traefik",
            Self::Envoy => "envoy",
            Self::EnvoyJson => "envoy-json",
            Self::Json => "json",
            Self::Custom => "custom",
        }
    }
}

/// Fields of one line, collected while it is read.
#[derive(Default)]
pub(super) struct LineFields<'a> {
    at_us: Option<i64>,
    fraction_us: i64,
    patterns: Vec<(&'a str, String)>,
    line: Option<Cow<'a, [u8]>>,
    method: Option<Cow<'a, [u8]>>,
    target: Option<Cow<'a, [u8]>>,
    rewritten: Option<Cow<'a, [u8]>>,
    host: Option<(HostRank, String)>,
    took_us: Option<u64>,
    query: Option<Cow<'a, [u8]>>,
    status: Option<u16>,
    bytes: u64,
}

impl<'a> LineFields<'a> {
    /// Adds a field.
    pub(super) fn take(&mut self, what: &'a Directive, value: Cow<'a, [u8]>) -> Result<(), String> {
        let wrong = |what: &str| invalid(&value, what);
        match what {
            Directive::RequestLine => self.line = Some(value),
            Directive::Method => self.method = Some(value),
            Directive::Target => self.target = Some(value),
            Directive::RewrittenTarget => self.rewritten = Some(value),
            Directive::HostedTarget => {
                // Host names contain no slash.
                let path = value.iter().position(|byte| *byte == b'/');
                self.take_host(HostRank::Canonical, &value[..path.unwrap_or(value.len())]);
                self.target = Some(match (path, value) {
                    (None, _) => Cow::Borrowed(b"/"),
                    (Some(path), Cow::Borrowed(value)) => Cow::Borrowed(&value[path..]),
                    (Some(path), Cow::Owned(value)) => Cow::Owned(value[path..].to_vec()),
                });
            }
            Directive::Query => self.query = Some(value),
            Directive::Arguments => {
                if !matches!(value.as_ref(), b"" | b"-") {
                    self.query = Some([b"?", value.as_ref()].concat().into());
                }
            }
            Directive::Status => self.status = status(&value).ok_or_else(|| wrong("status"))?,
            Directive::Bytes => self.bytes = size(&value).ok_or_else(|| wrong("size"))?,
            Directive::Duration(unit) => {
                let took_us = unit.duration_us(&value);
                self.took_us = took_us.ok_or_else(|| wrong("duration"))?;
            }
            Directive::IsoTime => {
                self.at_us = Some(iso_time(&value).ok_or_else(|| wrong("time"))?);
            }
            Directive::CommonTime => {
                self.at_us = Some(common_time(&value).ok_or_else(|| wrong("time"))?);
            }
            Directive::EpochTime(per_second) => {
                self.at_us = Some(epoch_time(&value, *per_second).ok_or_else(|| wrong("time"))?);
            }
            Directive::EpochSeconds => {
                self.at_us = Some(epoch_seconds(&value).ok_or_else(|| wrong("time"))?);
            }
            Directive::FractionOfSecond => {
                let digits = std::str::from_utf8(&value).ok().and_then(microseconds);
                self.fraction_us = digits.ok_or_else(|| wrong("fraction of a second"))?;
            }
            Directive::PatternTime(pattern) => {
                let text = String::from_utf8(value.to_vec()).map_err(|_| wrong("time"))?;
                self.patterns.push((pattern, text));
            }
            Directive::Host(rank) => self.take_host(*rank, &value),
            Directive::Ignored => {}
        }
        Ok(())
    }

    fn take_host(&mut self, rank: HostRank, value: &[u8]) {
        if self.host.as_ref().is_none_or(|(known, _)| *known < rank)
            && let Some(name) = host::normalized(value)
        {
            self.host = Some((rank, name));
        }
    }

    /// Returns whether all required fields are present.
    pub(super) fn is_complete(&self) -> bool {
        (self.at_us.is_some() || !self.patterns.is_empty())
            && (self.line.is_some() || self.target.is_some() || self.rewritten.is_some())
    }

    /// Converts the fields to a line, whose time belongs to the given moment of the request.
    pub(super) fn finish(self, cut_short: bool, moment: Moment) -> Result<ReadLine, String> {
        let at_us = match self.at_us {
            Some(at_us) => at_us,
            // A time and its zone may be separate fields, with the fraction of the second between them.
            None => {
                let (patterns, texts): (Vec<&str>, Vec<String>) = self.patterns.into_iter().unzip();
                let text = texts.join(" ");
                pattern_time(&patterns.join(" "), &text).ok_or_else(|| {
                    format!(
                        "`{}` is not a valid time",
                        masked_text(&text).escape_debug()
                    )
                })?
            }
        };
        let request = match (self.line, self.target.or(self.rewritten)) {
            (Some(line), _) => LoggedRequest::of_line(&line),
            (None, Some(target)) => {
                let mut whole = target.into_owned();
                // `$request_uri` contains the query already.
                if !whole.contains(&b'?') {
                    whole.extend_from_slice(self.query.as_deref().unwrap_or_default());
                }
                let method = self.method.as_deref().unwrap_or(b"GET");
                LoggedRequest::of_parts(method, &whole)
            }
            (None, None) => Err(NotSent::Missing),
        };
        let requested_host = || {
            request
                .as_ref()
                .ok()
                .and_then(|request| request.host.clone())
        };
        Ok(ReadLine {
            at_us: at_us.saturating_add(self.fraction_us),
            took_us: self.took_us.filter(|_| moment == Moment::End),
            host: self.host.map(|(_, name)| name).or_else(requested_host),
            request,
            status: self.status,
            bytes: self.bytes,
            cut_short,
            layout: Layout::Custom,
        })
    }
}

/// Returns the error for a field with an invalid value.
pub(crate) fn invalid(value: &[u8], what: &str) -> String {
    let shown: String = String::from_utf8_lossy(value).chars().take(40).collect();
    format!(
        "`{}` is not a valid {what}",
        masked_text(&shown).escape_debug()
    )
}

/// Parses a status of three digits; `None` inside for `-` and `000`, which mean no response.
pub(super) fn status(text: &[u8]) -> Option<Option<u16>> {
    if text == b"-" {
        return Some(None);
    }
    let digits = text.len() == 3 && text.iter().all(u8::is_ascii_digit);
    let status = digits
        .then(|| std::str::from_utf8(text).ok()?.parse::<u16>().ok())
        .flatten()?;
    Some((status >= 100).then_some(status))
}

/// Parses a size in bytes; `-` is 0.
pub(super) fn size(text: &[u8]) -> Option<u64> {
    match text {
        b"-" => Some(0),
        _ if text.iter().all(u8::is_ascii_digit) => std::str::from_utf8(text).ok()?.parse().ok(),
        _ => None,
    }
}
