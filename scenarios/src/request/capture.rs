//! Values captured from a response for later requests.

use std::borrow::Cow;
use std::fmt;

use http::HeaderMap;
use http::header::SET_COOKIE;

use super::field_value::{field_value, line_text};
use crate::format::error::ScenarioError;
use crate::format::fields::{Fields, Value};

pub(crate) mod json_text;
mod nth;
mod pattern;
mod selector;
mod source;
mod web_page;

use json_text::json_text;
use nth::Nth;
pub use pattern::Pattern;
pub use selector::HtmlSelector;
pub use source::CaptureSource;
pub use web_page::{WebForm, WebPage};

/// A value captured from a response.
#[derive(Debug, Clone, PartialEq)]
pub struct Capture {
    /// Name of the variable.
    pub name: String,
    /// Index of the variable in [`Variables`](crate::Variables).
    pub variable: usize,
    /// Location of the value in the response.
    pub source: CaptureSource,
    /// Regular expression that selects a part of it.
    pub pattern: Option<Pattern>,
    /// Which one of several values; by default the first, or a header as a whole.
    nth: Option<Nth>,
    /// True if the value may be absent, which unsets the variable. Otherwise the request fails without
    /// it.
    pub optional: bool,
    /// True if the value is a link, to be resolved against the URL of the response (RFC 3986, section 5).
    pub resolve: bool,
}

/// Parts of a response that captures read.
#[derive(Debug, Clone, Copy)]
pub struct ResponseParts<'a> {
    /// Status.
    pub status: u16,
    /// URL that the response came from.
    pub url: &'a str,
    /// Headers.
    pub headers: &'a HeaderMap,
    /// Decoded body, possibly cut.
    pub body: &'a [u8],
}

impl Capture {
    /// Reads `"json:/token"`, or a table such as `{ from = "json:/token", optional = true }`.
    pub(crate) fn read(
        name: String,
        variable: usize,
        value: &Value<'_>,
    ) -> Result<Self, ScenarioError> {
        if !value.is_table() {
            return Ok(Self {
                name,
                variable,
                source: CaptureSource::read(value)?,
                pattern: None,
                nth: None,
                optional: false,
                resolve: false,
            });
        }
        let mut fields = value.table(format!("the capture `{name}`"))?;
        let (source, pattern) = source_and_pattern(&name, value, &mut fields)?;
        let nth = fields.optional("nth").map(|value| Nth::read(&value));
        let nth = nth.transpose()?;
        let optional = fields.optional("optional");
        let resolve = fields.optional("resolve");
        fields.finish()?;
        Ok(Self {
            name,
            variable,
            source,
            pattern,
            nth,
            optional: optional.map(|value| value.flag()).transpose()? == Some(true),
            resolve: resolve.map(|value| value.flag()).transpose()? == Some(true),
        })
    }

    /// Returns the name under which the capture is counted among its request's checks.
    pub fn check_name(&self) -> String {
        format!("capture {}", self.name)
    }

    /// Returns the value in a response. `None` if the response has none.
    pub fn find(&self, response: &ResponseParts<'_>) -> Option<String> {
        let nth = self.nth.unwrap_or_default();
        let Some(pattern) = &self.pattern else {
            return match &self.source {
                // A header without `nth` is the whole list.
                CaptureSource::Header(name) if self.nth.is_none() && *name != SET_COOKIE => {
                    field_value(response.headers, name).map(Cow::into_owned)
                }
                source => read_values(source, response, |values| nth.of_either_end(values)),
            };
        };
        match &self.source {
            CaptureSource::Body => nth.of(pattern.matches(response.body)),
            CaptureSource::Header(name) => {
                let value = field_value(response.headers, name)?;
                nth.of(pattern.matches(value.as_bytes()))
            }
            source => read_values(source, response, |values| {
                let matches = |value: String| pattern.matches(value.as_bytes()).collect::<Vec<_>>();
                nth.of(values.flat_map(matches))
            }),
        }
    }
}

impl fmt::Display for Capture {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            source,
            pattern,
            nth,
            ..
        } = self;
        match pattern {
            None => write!(formatter, "{source}")?,
            Some(pattern) => write!(formatter, "match of {pattern} in its {source}")?,
        }
        match nth {
            None => Ok(()),
            Some(nth) => write!(formatter, " (nth = {nth})"),
        }
    }
}

/// Reads where the value is: `from`, `css` or `regex`, or a `regex` within one of the others.
fn source_and_pattern(
    name: &str,
    value: &Value<'_>,
    fields: &mut Fields<'_>,
) -> Result<(CaptureSource, Option<Pattern>), ScenarioError> {
    let (from, css) = (fields.optional("from"), fields.optional("css"));
    let attribute = fields.optional("attribute");
    let (regex, group) = (fields.optional("regex"), fields.optional("group"));
    if let (Some(attribute), None) = (&attribute, &css) {
        return Err(attribute
            .error("`attribute` belongs to `css`")
            .hint("write { css = \"input[name=csrf]\", attribute = \"value\" }"));
    }
    if let (Some(group), None) = (&group, &regex) {
        return Err(group
            .error("`group` belongs to `regex`")
            .hint("write { regex = 'id=(\\d+)', group = 1 }"));
    }
    let source = match (&from, &css) {
        (Some(_), Some(css)) => {
            return Err(css.error("a capture has either `from` or `css`, not both"));
        }
        (Some(from), None) => CaptureSource::read(from)?,
        (None, Some(css)) => CaptureSource::Html(HtmlSelector::read(css, attribute.as_ref())?),
        (None, None) if regex.is_some() => CaptureSource::Body,
        (None, None) => {
            // A misspelt field is the likelier mistake.
            fields.optional("nth");
            fields.optional("optional");
            fields.optional("resolve");
            fields.reject_unknown()?;
            return Err(value
                .error(format!(
                    "the capture `{name}` needs `from`, `css` or `regex`"
                ))
                .hint("write { from = \"json:/token\" }"));
        }
    };
    let pattern = regex.map(|regex| Pattern::read(&regex, group.as_ref()));
    Ok((source, pattern.transpose()?))
}

/// Calls `read` with all values at a location, in order. Values are made as they are read.
fn read_values<T>(
    source: &CaptureSource,
    response: &ResponseParts<'_>,
    read: impl FnOnce(&mut dyn DoubleEndedIterator<Item = String>) -> T,
) -> T {
    let ResponseParts {
        status,
        url,
        headers,
        body,
    } = *response;
    match source {
        CaptureSource::JsonPointer(pointer) => read(&mut json_text(body, pointer).into_iter()),
        CaptureSource::Header(name) => {
            let lines = headers.get_all(name).iter();
            read(&mut lines.map(|line| line_text(line).into_owned()))
        }
        CaptureSource::Cookie(name) => {
            let lines = headers.get_all(SET_COOKIE).iter();
            read(&mut lines.filter_map(|line| cookie(&line_text(line), name)))
        }
        CaptureSource::Body => {
            let text = String::from_utf8_lossy(body).into_owned();
            read(&mut std::iter::once(text))
        }
        CaptureSource::Status => read(&mut std::iter::once(status.to_string())),
        CaptureSource::Url => read(&mut std::iter::once(url.to_owned())),
        CaptureSource::Html(selector) => selector.read_values(body, read),
    }
}

/// Returns the value of a cookie that a `set-cookie` line sets, if it is `name`.
fn cookie(line: &str, name: &str) -> Option<String> {
    let (key, value) = line.split(';').next()?.split_once('=')?;
    (key.trim() == name).then(|| value.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use http::{HeaderName, HeaderValue};

    use super::*;
    use crate::Scenario;

    const BODY: &str = r#"<html><head><meta name="csrf-token" content="a&amp;b"></head><body>
        <form><input name="csrf" value="t0k3n"><input name="other" value="x"></form>
        <p>Order 17</p><p>Order <b>18</b></p></body></html>"#;

    /// The captures of a request, in TOML.
    fn captures(captures: &str) -> Vec<Capture> {
        let text = format!(
            "version = 1\nname = \"x\"\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
             rate = \"10/s\"\nduration = \"1s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\n\
             path = \"/\"\n[requests.capture]\n{captures}"
        );
        let scenario = Scenario::parse(&text, Path::new("x.toml"));
        let scenario = scenario.unwrap_or_else(|error| panic!("{error}"));
        scenario.requests.into_iter().next().unwrap().captures
    }

    fn found(one: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("link", "</a>; rel=prev"),
            ("link", "</b?page=3>; rel=next"),
            ("set-cookie", "sid=1; Path=/"),
            ("set-cookie", "theme=dark"),
            ("location", "/items/42?x=1"),
        ] {
            headers.append(
                HeaderName::from_static(name),
                HeaderValue::from_static(value),
            );
        }
        let response = ResponseParts {
            status: 404,
            url: "http://a.example/x?page=7",
            headers: &headers,
            body: BODY.as_bytes(),
        };
        captures(&format!("a = {one}"))[0].find(&response)
    }

    #[test]
    fn finds_values_in_every_part() {
        for (capture, expected) in [
            (r#""header:link""#, "</a>; rel=prev, </b?page=3>; rel=next"),
            (
                r#"{ from = "header:link", nth = 2 }"#,
                "</b?page=3>; rel=next",
            ),
            (r#"{ from = "header:link", nth = -2 }"#, "</a>; rel=prev"),
            (r#""header:set-cookie""#, "sid=1; Path=/"),
            (r#""cookie:theme""#, "dark"),
            (r#""status""#, "404"),
            (r#""url""#, "http://a.example/x?page=7"),
            (r#"{ from = "url", regex = 'page=(\d+)' }"#, "7"),
            (
                r#"{ from = "header:link", regex = '<([^>]*)>; rel=next' }"#,
                "/b?page=3",
            ),
            (
                r#"{ from = "header:location", regex = '/items/(?<id>\d+)', group = "id" }"#,
                "42",
            ),
            (r#"{ regex = 'name="csrf" value="([^"]+)"' }"#, "t0k3n"),
            (r#"{ regex = 'Order \d+' }"#, "Order 17"),
            (
                r#"{ regex = 'name="(\w+)" value="(\w+)"', group = 2, nth = 2 }"#,
                "x",
            ),
            (
                r#"{ css = "input[name=csrf]", attribute = "value" }"#,
                "t0k3n",
            ),
            (
                r#"{ css = "meta[name='csrf-token']", attribute = "content" }"#,
                "a&b",
            ),
            (r#"{ css = "p" }"#, "Order 17"),
            (r#"{ css = "p", nth = -1 }"#, "Order 18"),
            (r#"{ css = "p", nth = 2, regex = '\d+' }"#, "18"),
        ] {
            assert_eq!(found(capture).as_deref(), Some(expected), "{capture}");
        }
        for capture in [
            r#""header:x-none""#,
            r#""json:/a""#,
            r#"{ regex = 'nothing' }"#,
            r#"{ css = "input[name=csrf]" }"#,
            r#"{ css = "p", nth = 3 }"#,
            r#"{ css = "p", attribute = "id" }"#,
            r#"{ from = "status", nth = 2 }"#,
        ] {
            assert_eq!(found(capture), None, "{capture}");
        }
    }

    #[test]
    fn descriptions_name_the_part() {
        let made = captures(
            r#"
            a = "json:/a"
            b = { regex = 'x(y)' }
            c = { css = "p", attribute = "id", nth = 2 }
            d = { from = "header:link", regex = "a" }
            "#,
        );
        let texts: Vec<String> = made.iter().map(Capture::to_string).collect();
        assert_eq!(
            texts,
            [
                "JSON value at \"/a\"",
                "match of the regular expression `x(y)` in its body",
                "element `p` with the attribute `id` (nth = 2)",
                "match of the regular expression `a` in its header link",
            ]
        );
    }
}
