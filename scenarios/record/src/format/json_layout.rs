//! Names of the fields of a log in JSON Lines, as given with `--format json:...`.

use tenfold_scenarios::nearest;

use super::error::FormatError;
use super::host;
use super::json_object::{Object, has_blank, text, time_us, value};
use super::not_sent::NotSent;
use super::read_line::{Layout, ReadLine, invalid, size, status};
use super::request_line::LoggedRequest;
use super::time_unit::TimeUnit;

/// Start of a format that names the fields of JSON Lines.
pub(super) const PREFIX: &str = "json:";

/// Names of the fields of a log in JSON Lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JsonLayout {
    fields: Vec<(Role, Vec<Name>)>,
    layout: Layout,
}

/// Meaning of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Role {
    /// Time at which the line was written: the end of the request.
    Time,
    /// Time at which the request arrived.
    Start,
    Duration,
    /// Request line.
    Request,
    Method,
    /// Path or URL, with or without the query.
    Path,
    Query,
    Host,
    Status,
    Bytes,
}

const ROLES: [(&str, Role); 10] = [
    ("time", Role::Time),
    ("start", Role::Start),
    ("duration", Role::Duration),
    ("request", Role::Request),
    ("method", Role::Method),
    ("path", Role::Path),
    ("query", Role::Query),
    ("host", Role::Host),
    ("status", Role::Status),
    ("bytes", Role::Bytes),
];

/// A field, and the unit of its numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Name {
    name: String,
    unit: Option<TimeUnit>,
}

const EXAMPLE: &str = "write it like json:time=ts,duration=took:ms,method=req.method,path=req.uri,host=req.host,status=status";

impl JsonLayout {
    /// Parses `json:ROLE=NAME,...`. A name leads into nested objects by dots, may be one of several that are tried in
    /// order (`path=uri|url`), and has a unit if it is a number of a time or duration (`duration=took:ms`).
    pub(super) fn parse(text: &str) -> Result<Self, FormatError> {
        let list = text.strip_prefix(PREFIX).unwrap_or(text);
        Self::of_list(list, Layout::Custom)
            .map_err(|message| FormatError::new(text, &message, EXAMPLE))
    }

    /// Parses the part after `json:`.
    pub(super) fn of_list(list: &str, layout: Layout) -> Result<Self, String> {
        let mut fields: Vec<(Role, Vec<Name>)> = Vec::new();
        for item in list.split(',') {
            let item = item.trim();
            let (role_name, names) = item
                .split_once('=')
                .ok_or_else(|| format!("`{item}` has no `=`"))?;
            let role_name = role_name.trim();
            let role = ROLES.iter().find(|(known, _)| *known == role_name);
            let Some((_, role)) = role else {
                let known = ROLES.iter().map(|(known, _)| *known);
                return Err(match nearest(role_name, known) {
                    Some(near) => format!("`{role_name}` is unknown; did you mean `{near}`?"),
                    None => format!("`{role_name}` is unknown"),
                });
            };
            if fields.iter().any(|(known, _)| known == role) {
                return Err(format!("it names `{role_name}` twice"));
            }
            let names: Result<Vec<Name>, String> = names
                .split('|')
                .map(|name| Name::parse(name.trim(), *role))
                .collect();
            fields.push((*role, names?));
        }
        let has = |role| fields.iter().any(|(known, _)| *known == role);
        if !has(Role::Time) && !has(Role::Start) {
            return Err("it has no time".to_owned());
        }
        if !has(Role::Request) && !has(Role::Path) {
            return Err("it has no path".to_owned());
        }
        Ok(Self { fields, layout })
    }

    /// Returns whether an object has a time and a request by these names.
    pub(super) fn matches(&self, object: &Object) -> bool {
        let has = |role| self.text(object, role).is_some();
        (has(Role::Time) || has(Role::Start))
            && (has(Role::Request) || has(Role::Path) || self.has_no_request(object))
    }

    /// Returns whether a server left the request blank, because a connection ended before one.
    fn has_no_request(&self, object: &Object) -> bool {
        let mut names = [Role::Request, Role::Path]
            .into_iter()
            .flat_map(|role| self.names(role));
        names.any(|name| has_blank(object, &name.name))
    }

    /// Reads an object.
    ///
    /// # Errors
    /// Returns the reason why it can't be read.
    pub(super) fn read(&self, object: &Object) -> Result<ReadLine, String> {
        let wrong = |role, what: &str| {
            let value = self.text(object, role).unwrap_or_default();
            format!(
                "{} in `{}`",
                invalid(value.as_bytes(), what),
                self.named(role)
            )
        };
        let time = |role| {
            let found = self.found(object, role)?;
            Some(time_us(found.0, found.1).ok_or_else(|| wrong(role, "time")))
        };
        let (at_us, is_start) = match (time(Role::Start), time(Role::Time)) {
            (Some(start), _) => (start?, true),
            (None, Some(end)) => (end?, false),
            (None, None) => return Err(self.missing(&[Role::Time, Role::Start])),
        };
        let took_us = match self.text(object, Role::Duration) {
            Some(took) if !is_start => {
                let unit = self.found(object, Role::Duration).and_then(|found| found.1);
                unit.unwrap_or(TimeUnit::Seconds)
                    .duration_us(took.as_bytes())
                    .ok_or_else(|| wrong(Role::Duration, "duration"))?
            }
            _ => None,
        };
        let request = match (
            self.text(object, Role::Request),
            self.text(object, Role::Path),
        ) {
            (Some(line), _) => LoggedRequest::of_line(line.as_bytes()),
            (None, Some(path)) => {
                let mut target = path;
                if let Some(query) = self.text(object, Role::Query)
                    && !target.contains('?')
                {
                    target.push('?');
                    target.push_str(query.strip_prefix('?').unwrap_or(&query));
                }
                let method = self.text(object, Role::Method);
                LoggedRequest::of_parts(
                    method.as_deref().unwrap_or("GET").as_bytes(),
                    target.as_bytes(),
                )
            }
            (None, None) if self.has_no_request(object) => Err(NotSent::Missing),
            (None, None) => return Err(self.missing(&[Role::Path, Role::Request])),
        };
        let named_host = self
            .text(object, Role::Host)
            .and_then(|name| host::normalized(name.as_bytes()));
        let requested_host = || {
            request
                .as_ref()
                .ok()
                .and_then(|request| request.host.clone())
        };
        let response_status = match self.text(object, Role::Status) {
            None => None,
            // Envoy and others log 0 without a response.
            Some(text) if text == "0" => None,
            Some(text) => status(text.as_bytes()).ok_or_else(|| wrong(Role::Status, "status"))?,
        };
        let bytes = match self.text(object, Role::Bytes) {
            None => 0,
            // Negative if it is unknown.
            Some(text) if text.starts_with('-') => 0,
            Some(text) => size(text.as_bytes()).ok_or_else(|| wrong(Role::Bytes, "size"))?,
        };
        Ok(ReadLine {
            at_us,
            took_us,
            host: named_host.or_else(requested_host),
            request,
            status: response_status,
            bytes,
            cut_short: false,
            layout: self.layout,
        })
    }

    fn names(&self, role: Role) -> &[Name] {
        let found = self.fields.iter().find(|(known, _)| *known == role);
        found.map_or(&[], |(_, names)| names.as_slice())
    }

    /// Returns the first value that a role has, and its unit.
    fn found<'a>(
        &self,
        object: &'a Object,
        role: Role,
    ) -> Option<(&'a serde_json::Value, Option<TimeUnit>)> {
        self.names(role).iter().find_map(|name| {
            let found = value(object, &name.name)?;
            text(found)?;
            Some((found, name.unit))
        })
    }

    fn text(&self, object: &Object, role: Role) -> Option<String> {
        let (found, _) = self.found(object, role)?;
        Some(text(found)?.into_owned())
    }

    /// Returns the names of a role in messages.
    fn named(&self, role: Role) -> String {
        let names = self.names(role).iter().map(|name| name.name.as_str());
        names.collect::<Vec<_>>().join("|")
    }

    fn missing(&self, roles: &[Role]) -> String {
        let names: Vec<String> = roles
            .iter()
            .map(|role| self.named(*role))
            .filter(|name| !name.is_empty())
            .collect();
        format!("it has no `{}`", names.join("|"))
    }
}

impl Name {
    fn parse(text: &str, role: Role) -> Result<Self, String> {
        let is_timed = matches!(role, Role::Time | Role::Start | Role::Duration);
        let unit = text
            .rsplit_once(':')
            .and_then(|(name, unit)| Some((name, TimeUnit::parse(unit)?)))
            .filter(|_| is_timed);
        if role == Role::Duration && unit.is_none() {
            return Err(format!(
                "the duration `{text}` has no unit; write `{text}:s`, or ms, us or ns"
            ));
        }
        let name = unit.map_or(text, |(name, _)| name);
        if name.is_empty() {
            return Err("a name is empty".to_owned());
        }
        Ok(Self {
            name: name.to_owned(),
            unit: unit.map(|(_, unit)| unit),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::not_sent::NotSent;
    use serde_json::{Value, json};

    const AT: i64 = 1_431_857_103_000_000;

    fn read(format: &str, line: Value) -> Result<ReadLine, String> {
        let layout = JsonLayout::parse(format).map_err(|error| error.to_string())?;
        layout.read(line.as_object().unwrap())
    }

    #[test]
    fn reads_named_fields() {
        let format = "json:time=t:ms, duration=d.took:us,method=m,path=p|:path,query=q,host=h,status=s,bytes=b";
        let line = json!({
            "t": 1_431_857_103_000_u64, "d": { "took": "1500" }, "m": "PUT", ":path": "/a", "q": "b=1", "h": "A.example:443",
            "s": "201", "b": 7,
        });
        let line = read(format, line).unwrap();
        assert_eq!((line.at_us, line.took_us), (AT, Some(1_500)));
        assert_eq!((line.status, line.bytes), (Some(201), 7));
        assert_eq!(line.host.as_deref(), Some("a.example"));
        let request = line.request.unwrap();
        assert_eq!(
            (request.method.as_str(), request.target.as_str()),
            ("PUT", "/a?b=1")
        );
    }

    #[test]
    fn subtracts_no_duration_from_a_start() {
        let format = "json:start=begin,time=end,duration=took:s,request=r";
        let both = json!({ "begin": "2015-05-17T10:05:03Z", "end": 9, "took": 6.5, "r": "GET / HTTP/1.1" });
        let line = read(format, both).unwrap();
        assert_eq!((line.at_us, line.took_us), (AT, None));
        let end = json!({ "end": 1_431_857_103, "took": 6.5, "r": "CONNECT a:443 HTTP/1.1" });
        let line = read(format, end).unwrap();
        assert_eq!((line.at_us, line.took_us), (AT, Some(6_500_000)));
        assert_eq!(line.request, Err(NotSent::Connect));
    }

    #[test]
    fn reports_why_a_line_is_broken() {
        let format = "json:time=ts,duration=took:ms,path=url|uri,status=status";
        let reason = |line: Value| read(format, line).unwrap_err();
        insta::assert_snapshot!(
            [
                json!({ "url": "/" }),
                json!({ "ts": 1, "url": null }),
                json!({ "ts": "soon", "url": "/" }),
                json!({ "ts": 1, "url": "/", "took": "long" }),
                json!({ "ts": 1, "url": "/", "status": "OK" }),
            ]
            .map(reason)
            .join("\n"),
            @r"
        it has no `ts`
        it has no `url|uri`
        `soon` is not a valid time in `ts`
        `long` is not a valid duration in `took`
        `OK` is not a valid status in `status`
        "
        );
    }

    #[test]
    fn rejects_unusable_formats() {
        let error = |text: &str| JsonLayout::parse(text).unwrap_err().message;
        insta::assert_snapshot!(
            [
                "json:",
                "json:time=ts",
                "json:path=url",
                "json:tiem=ts,path=url",
                "json:time=ts,path=",
                "json:time=ts,time=t,path=url",
                "json:time=ts,path=url,duration=took",
            ]
            .map(error)
            .join("\n"),
            @r"
        `` has no `=`
        it has no path
        it has no time
        `tiem` is unknown; did you mean `time`?
        a name is empty
        it names `time` twice
        the duration `took` has no unit; write `took:s`, or ms, us or ns
        "
        );
    }

    proptest::proptest! {
        #[test]
        fn never_panics(format in r"(json:)?((time|start|duration|path|request|host)=[a-c.|:ms]{0,6},?){0,5}") {
            if let Ok(layout) = JsonLayout::parse(&format) {
                let line = json!({ "a": "x", "b": { "a": [1], "b": -1 }, "c": 1e300 });
                let _ = layout.read(line.as_object().unwrap());
            }
        }
    }
}
