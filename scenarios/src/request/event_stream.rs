//! Answers that are streams of events (Server-Sent Events).

use std::time::Duration;

use crate::format::error::ScenarioError;
use crate::format::fields::{Fields, Value};

/// How an answer is read as a stream of Server-Sent Events, and what ends it.
///
/// Without any condition it is read until the service ends it. The first condition that holds ends it otherwise.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EventStream {
    /// Name of the event that ends it.
    pub until_event: Option<String>,
    /// Data of the event that ends it.
    pub until_data: Option<String>,
    /// Number of events after which it ends.
    pub until_count: Option<u64>,
    /// Time since the request was sent after which it ends.
    pub until_elapsed: Option<Duration>,
}

impl EventStream {
    /// Reads `"sse"` or `{ kind = "sse", until = { ... } }`.
    pub(crate) fn read(value: &Value<'_>) -> Result<Self, ScenarioError> {
        let kinds = [("sse", ())];
        if !value.is_table() {
            value.choice(&kinds)?;
            return Ok(Self::default());
        }
        let mut fields = value.table("the stream of a request")?;
        fields.required("kind")?.choice(&kinds)?;
        let stream = match fields.optional("until") {
            None => Self::default(),
            Some(until) => Self::until(&until)?,
        };
        fields.finish()?;
        Ok(stream)
    }

    fn until(value: &Value<'_>) -> Result<Self, ScenarioError> {
        let mut fields = value.table("the end of a stream")?;
        let text = |value: Value<'_>| value.text().map(str::to_owned);
        let stream = Self {
            until_event: fields.optional("event").map(text).transpose()?,
            until_data: fields.optional("data").map(text).transpose()?,
            until_count: fields
                .optional("events")
                .map(|value| value.count(1..=1_000_000_000))
                .transpose()?,
            until_elapsed: fields
                .optional("elapsed")
                .map(|value| match value.duration()? {
                    Duration::ZERO => Err(value.error("a stream can't end after 0 s")),
                    elapsed => Ok(elapsed),
                })
                .transpose()?,
        };
        fields.finish()?;
        if stream == Self::default() {
            return Err(value
                .error("`until` has no condition")
                .hint("write `until = { event = \"done\" }`, or leave it out to read until the service ends the stream"));
        }
        Ok(stream)
    }

    /// Reads the end of a WebSocket conversation, whose messages have no names.
    pub(crate) fn of_messages(value: &Value<'_>) -> Result<Self, ScenarioError> {
        let mut fields = value.table("the end of a conversation")?;
        let data = fields.optional("data");
        let data = data.map(|value| value.text().map(str::to_owned));
        let until_data = data.transpose()?;
        Self::of_unnamed(value, fields, until_data)
    }

    /// Reads the end of a stream of gRPC messages, which have neither names nor text.
    pub(crate) fn of_answers(value: &Value<'_>) -> Result<Self, ScenarioError> {
        Self::of_unnamed(value, value.table("the end of a stream")?, None)
    }

    fn of_unnamed(
        value: &Value<'_>,
        mut fields: Fields<'_>,
        until_data: Option<String>,
    ) -> Result<Self, ScenarioError> {
        let conversation = Self {
            until_event: None,
            until_data,
            until_count: fields
                .optional("messages")
                .map(|value| value.count(1..=1_000_000_000))
                .transpose()?,
            until_elapsed: fields
                .optional("elapsed")
                .map(|value| match value.duration()? {
                    Duration::ZERO => Err(value.error("it can't end after 0 s")),
                    elapsed => Ok(elapsed),
                })
                .transpose()?,
        };
        fields.finish()?;
        match conversation == Self::default() {
            true => Err(value
                .error("`until` has no condition")
                .hint("write `until = { messages = 5 }`, or leave it out to read the last answer")),
            false => Ok(conversation),
        }
    }

    /// Returns whether an event ends the stream: the `count`th, of this name and with this data.
    #[must_use]
    pub fn ends_with(&self, name: &str, data: &str, count: u64) -> bool {
        self.until_event.as_deref() == Some(name)
            || self.until_data.as_deref() == Some(data)
            || self.until_count.is_some_and(|last| count >= last)
    }

    /// Returns whether a stream that the service ended before any condition held is incomplete.
    ///
    /// A limit of time is an upper bound, so a stream may end before it.
    #[must_use]
    pub fn lacks_its_end(&self) -> bool {
        self.until_event.is_some() || self.until_data.is_some() || self.until_count.is_some()
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::Scenario;

    fn read(stream: &str, rule: &str) -> Result<Option<EventStream>, ScenarioError> {
        let text = format!(
            "version = 1\nname = \"x\"\nrules = [{rule}]\n[[phases]]\nkind = \"constant\"\nname = \"p\"\n\
             rate = \"1000/s\"\nduration = \"10s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\npath = \"/\"\n{stream}"
        );
        let mut scenario = Scenario::parse(&text, Path::new("x.toml"))?;
        Ok(scenario
            .requests
            .pop()
            .and_then(|request| request.event_stream)
            .map(|stream| *stream))
    }

    #[test]
    fn reads_conditions() {
        assert_eq!(read("", "").unwrap(), None);
        assert_eq!(
            read("stream = \"sse\"", "").unwrap(),
            Some(EventStream::default())
        );
        let stream = read(
            "stream = { kind = \"sse\", until = { event = \"done\", data = \"[DONE]\", events = 9, elapsed = \"5s\" } }",
            "'p95 first_event < 300ms', 'event_gap p99 < 50ms for \"r\"'",
        );
        let stream = stream.unwrap().unwrap();
        assert_eq!(stream.until_elapsed, Some(Duration::from_secs(5)));
        assert!(stream.ends_with("done", "", 1));
        assert!(stream.ends_with("", "[DONE]", 1));
        assert!(stream.ends_with("", "", 9));
        assert!(!stream.ends_with("Done", "DONE", 8));
    }

    #[test]
    fn explains_mistakes() {
        for (stream, rule, expected) in [
            ("stream = \"websocket\"", "", "sse"),
            (
                "stream = { kind = \"sse\", until = {} }",
                "",
                "no condition",
            ),
            (
                "stream = { kind = \"sse\", until = { evnt = \"x\" } }",
                "",
                "evnt",
            ),
            (
                "stream = { kind = \"sse\", until = { elapsed = \"0s\" } }",
                "",
                "0 s",
            ),
            (
                "stream = { kind = \"sse\", until = { events = 0 } }",
                "",
                "events",
            ),
            ("", "'p99 event_gap < 50ms'", "no stream of events"),
        ] {
            let error = read(stream, rule).expect_err(stream);
            assert!(error.to_string().contains(expected), "{error}");
        }
    }
}
