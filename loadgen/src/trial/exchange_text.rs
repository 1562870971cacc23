//! An exchange of a trial as text for a terminal.

use std::fmt;

use tenfold_scenarios::status_text;

use super::exchange::{Exchange, Finding, Origin};
use crate::answer::SAMPLED_BODY_BYTES;

/// Bytes of a body that the text of an exchange shows.
const PRINTED_BODY_BYTES: usize = 800;

impl fmt::Display for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin = match &self.origin {
            Origin::Session => " (log-in of a session)".to_owned(),
            Origin::Request => String::new(),
            Origin::Journey(name) => format!(" (journey {name})"),
        };
        writeln!(f, "{}{origin}", plain(&self.request))?;
        match &self.url {
            Some(url) => writeln!(f, "> {} {}", self.method, plain(url))?,
            None => writeln!(f, "> {} was not sent", self.method)?,
        }
        for (name, value) in &self.headers {
            writeln!(f, "> {name}: {}", plain(value))?;
        }
        body(f, '>', &self.body, self.body_bytes, !self.body.is_empty())?;
        for next in &self.redirects {
            writeln!(f, "< {}, a redirect", next.status)?;
            writeln!(f, "> {} {}", next.method, plain(&next.url))?;
            for (name, value) in next.headers.iter().filter(|(name, _)| name == "cookie") {
                writeln!(f, "> {name}: {}", plain(value))?;
            }
        }
        match &self.answer {
            None => writeln!(
                f,
                "< no complete answer after {}",
                milliseconds(self.took_ms)
            )?,
            Some(answer) => {
                let status = http::StatusCode::from_u16(answer.status).ok();
                let reason = status.and_then(|status| status.canonical_reason());
                writeln!(
                    f,
                    "< {}{} in {}, {} bytes",
                    status_text(answer.status),
                    reason
                        .map(|reason| format!(" {reason}"))
                        .unwrap_or_default(),
                    milliseconds(self.took_ms),
                    answer.body_bytes
                )?;
                for (name, value) in &answer.headers {
                    writeln!(f, "< {name}: {}", plain(value))?;
                }
                match &answer.page {
                    None if !answer.messages.is_empty() => messages(f, &answer.messages)?,
                    None => body(f, '<', &answer.body, answer.body_bytes, answer.is_text)?,
                    Some(page) => {
                        let shown = page.floor_char_boundary(PRINTED_BODY_BYTES);
                        writeln!(f, "<")?;
                        for line in page[..shown].lines() {
                            writeln!(f, "< {}", plain(line))?;
                        }
                        let more = if shown < page.len() { "... " } else { "" };
                        writeln!(
                            f,
                            "< {more}(an HTML page; --json has the start of its source)"
                        )?;
                    }
                }
            }
        }
        for finding in &self.findings {
            writeln!(f, "{finding}")?;
        }
        if let Some(failure) = &self.failure {
            let reason = self.reason.as_ref();
            let reason = reason.map(|reason| format!(": {}", plain(reason)));
            writeln!(f, "✗ failed ({failure}){}", reason.unwrap_or_default())?;
        }
        Ok(())
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.passed { "✓ " } else { "✗ " })?;
        f.write_str(&plain(&self.name))?;
        match (&self.value, &self.reason) {
            (Some(value), _) => write!(f, " = {}", plain(value)),
            (None, Some(reason)) => write!(f, ": {}", plain(reason)),
            (None, None) => Ok(()),
        }
    }
}

fn body(
    f: &mut fmt::Formatter<'_>,
    sign: char,
    text: &str,
    bytes: u64,
    is_text: bool,
) -> fmt::Result {
    if bytes == 0 {
        return Ok(());
    }
    writeln!(f, "{sign}")?;
    if !is_text {
        return writeln!(f, "{sign} ({bytes} bytes that are not text)");
    }
    let shown = text.floor_char_boundary(PRINTED_BODY_BYTES);
    for line in text[..shown].lines() {
        writeln!(f, "{sign} {}", plain(line))?;
    }
    // Masking changes the length, so a short difference says nothing.
    if shown < text.len() || bytes > SAMPLED_BODY_BYTES as u64 {
        writeln!(f, "{sign} ... ({bytes} bytes in all)")?;
    }
    Ok(())
}

/// Most messages of a stream that the text of an exchange shows.
const PRINTED_MESSAGES_MAX: usize = 20;

fn messages(f: &mut fmt::Formatter<'_>, messages: &[String]) -> fmt::Result {
    writeln!(f, "<")?;
    for message in &messages[..messages.len().min(PRINTED_MESSAGES_MAX)] {
        let shown = message.floor_char_boundary(PRINTED_BODY_BYTES);
        let more = if shown < message.len() { " ..." } else { "" };
        writeln!(f, "< {}{more}", plain(&message[..shown]))?;
    }
    match messages.len().checked_sub(PRINTED_MESSAGES_MAX) {
        None | Some(0) => Ok(()),
        Some(more) => writeln!(f, "< ... ({more} more messages; --json has them)"),
    }
}

/// Formats a duration in milliseconds with three digits.
fn milliseconds(ms: f64) -> String {
    match ms {
        ms if ms < 10.0 => format!("{ms:.2} ms"),
        ms if ms < 100.0 => format!("{ms:.1} ms"),
        _ => format!("{ms:.0} ms"),
    }
}

/// Returns a text without control characters, which a terminal would obey.
fn plain(text: &str) -> String {
    let shown = |c: char| {
        if c.is_control() && c != '\t' {
            '\u{fffd}'
        } else {
            c
        }
    };
    text.chars().map(shown).collect()
}

#[cfg(test)]
mod tests {
    use super::super::exchange::{Received, Redirected};
    use super::*;

    fn exchange() -> Exchange {
        Exchange {
            request: "create post".to_owned(),
            origin: Origin::Journey("write".to_owned()),
            method: "POST".to_owned(),
            url: Some("http://127.0.0.1:8080/v1/posts".to_owned()),
            headers: vec![("authorization".to_owned(), "***".to_owned())],
            body: "{\"content\":\"a\"}".to_owned(),
            body_bytes: 15,
            redirected_to: None,
            redirects: Vec::new(),
            answer: Some(Received {
                status: 201,
                headers: vec![("location".to_owned(), "/v1/posts/7\u{1b}[2J".to_owned())],
                body: "{\n  \"id\": 7\n}".to_owned(),
                body_bytes: 13,
                is_text: true,
                messages: Vec::new(),
                page: None,
            }),
            took_ms: 12.345,
            findings: vec![
                Finding {
                    name: "status 201".to_owned(),
                    passed: true,
                    value: None,
                    reason: None,
                },
                Finding {
                    name: "capture id from JSON value at \"/id\"".to_owned(),
                    passed: true,
                    value: Some("7".to_owned()),
                    reason: None,
                },
                Finding {
                    name: "json /likes exists".to_owned(),
                    passed: false,
                    value: None,
                    reason: Some("the JSON value at \"/likes\" is missing".to_owned()),
                },
            ],
            failure: Some("failed_check".to_owned()),
            reason: None,
        }
    }

    #[test]
    fn text_shows_each_redirect_with_its_cookies() {
        let redirected = Exchange {
            redirects: vec![Redirected {
                status: 303,
                method: "GET".to_owned(),
                url: "http://127.0.0.1:8080/v1/posts/7".to_owned(),
                headers: vec![
                    ("accept".to_owned(), "*/*".to_owned()),
                    ("cookie".to_owned(), "sid=***".to_owned()),
                ],
            }],
            ..exchange()
        };
        let line = "< 303, a redirect\n> GET http://127.0.0.1:8080/v1/posts/7\n> cookie: sid=***\n< 201 Created";
        assert!(redirected.to_string().contains(line), "{redirected}");
    }

    #[test]
    fn text_shows_request_answer_and_findings() {
        insta::assert_snapshot!(exchange().to_string(), @r#"
        create post (journey write)
        > POST http://127.0.0.1:8080/v1/posts
        > authorization: ***
        >
        > {"content":"a"}
        < 201 Created in 12.3 ms, 13 bytes
        < location: /v1/posts/7�[2J
        <
        < {
        <   "id": 7
        < }
        ✓ status 201
        ✓ capture id from JSON value at "/id" = 7
        ✗ json /likes exists: the JSON value at "/likes" is missing
        ✗ failed (failed_check)
        "#);
    }

    #[test]
    fn pages_are_shown_as_forms_and_text() {
        let mut shown = exchange();
        shown.answer.as_mut().unwrap().page =
            Some("title: Log in\nform: POST /login\nWelcome".to_owned());
        insta::assert_snapshot!(shown.to_string().lines().skip(7).take(5).collect::<Vec<_>>().join("\n"), @r"
        <
        < title: Log in
        < form: POST /login
        < Welcome
        < (an HTML page; --json has the start of its source)
        ");
    }
}
