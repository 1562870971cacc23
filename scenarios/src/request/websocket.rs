//! Requests that are WebSocket conversations.

use http::HeaderValue;

use super::body::{TemplateParser, json_template};
use super::event_stream::EventStream;
use super::place::Place;
use super::template::Template;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;

/// Most messages of a conversation.
const MESSAGES_MAX: usize = 1_000;

/// Most replies to a message.
const REPLIES_MAX: u64 = 1_000_000;

/// A WebSocket conversation (RFC 6455): messages that are sent one after the other, their replies, and its end.
#[derive(Debug, Clone)]
pub struct WebSocket {
    /// Messages that are awaited after each one that is sent, before the next.
    pub replies: u64,
    /// Subprotocol that is asked for. `None` for none.
    pub subprotocol: Option<HeaderValue>,
    /// Conditions on all messages that arrived, of which one ends the conversation after the last replies. Without any, the
    /// last reply ends it.
    pub until: EventStream,
    messages: Vec<Template>,
}

impl WebSocket {
    /// Reads the `websocket` table of a request.
    pub(crate) fn read(
        value: &Value<'_>,
        template: &TemplateParser<'_>,
    ) -> Result<Self, ScenarioError> {
        let mut fields = value.table("the conversation of a request")?;
        let send = fields.optional("send");
        let list = send.as_ref().map(|list| list.list()).transpose()?;
        let list = list.unwrap_or_default();
        if list.len() > MESSAGES_MAX {
            let at = &list[MESSAGES_MAX];
            return Err(at.error(format!(
                "a conversation sends at most {MESSAGES_MAX} messages"
            )));
        }
        let messages = list.iter().map(|message| match message.is_table() {
            false => template(message, message.text()?, Some(Place::Text)),
            true => {
                let mut fields = message.table("a message")?;
                let json = fields.required("json")?;
                fields.finish()?;
                json_template(&json, template)
            }
        });
        let messages = messages.collect::<Result<Vec<_>, _>>()?;
        let replies = match fields.optional("replies") {
            None => 1,
            Some(value) => value.count(0..=REPLIES_MAX)?,
        };
        let subprotocol = match fields.optional("subprotocol") {
            None => None,
            Some(value) => Some(
                value
                    .text()?
                    .parse()
                    .map_err(|_| value.error("a subprotocol contains no control characters"))?,
            ),
        };
        let until = match fields.optional("until") {
            None => EventStream::default(),
            Some(until) => EventStream::of_messages(&until)?,
        };
        fields.finish()?;
        let awaits = (replies > 0 && !messages.is_empty()) || until != EventStream::default();
        if messages.is_empty() && !awaits {
            return Err(value
                .error("the conversation neither sends nor awaits a message")
                .hint("write websocket = { send = [\"hello\"] } or websocket = { until = { messages = 1 } }"));
        }
        Ok(Self {
            replies,
            subprotocol,
            until,
            messages,
        })
    }

    /// Number of messages that are sent.
    pub fn sends(&self) -> usize {
        self.messages.len()
    }

    /// Templates of the messages.
    pub(crate) fn messages(&self) -> &[Template] {
        &self.messages
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use crate::request::{Rendered, Request};
    use crate::{Scenario, ScenarioError};

    fn read(request: &str) -> Result<Request, ScenarioError> {
        let text = format!(
            "version = 1\nname = \"x\"\nrules = []\n[[keys]]\nname = \"rooms\"\ncount = 7\n\
             [[phases]]\nkind = \"constant\"\nname = \"p\"\n\
             rate = \"1000/s\"\nduration = \"10s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\npath = \"/\"\n{request}"
        );
        let mut scenario = Scenario::parse(&text, Path::new("x.toml"))?;
        Ok(scenario.requests.remove(0))
    }

    #[test]
    fn renders_messages_of_text_and_json() {
        let request = read(
            "keys = \"rooms\"\nwebsocket = { send = [\"join {key}\", { json = { room = \"{key}\" } }], \
             subprotocol = \"chat.v1\", until = { messages = 5, elapsed = \"2s\" } }",
        )
        .unwrap();
        let websocket = request.websocket.as_ref().unwrap();
        assert_eq!((websocket.replies, websocket.sends()), (1, 2));
        assert_eq!(websocket.until.until_count, Some(5));
        assert_eq!(websocket.until.until_elapsed, Some(Duration::from_secs(2)));
        assert!(request.expect.accepts(101) && !request.expect.accepts(200));
        let text = "version = 1\nname = \"x\"\n[[keys]]\nname = \"rooms\"\ncount = 1\n[[phases]]\nkind = \"constant\"\n\
                    name = \"p\"\nrate = \"1/s\"\nduration = \"10s\"\n[[requests]]\nname = \"r\"\nkind = \"read\"\npath = \"/\"\n\
                    keys = \"rooms\"\nwebsocket = { send = [\"join {key}\", { json = { room = \"{key}\" } }] }";
        let scenario = Scenario::parse(text, Path::new("x.toml")).unwrap();
        let arrival = scenario.schedule().next().unwrap();
        let mut rendered = Rendered::default();
        scenario.requests[0]
            .render(&arrival.draw, &scenario.variables(), &mut rendered)
            .unwrap();
        let messages: Vec<&str> = rendered
            .messages
            .iter()
            .map(|message| std::str::from_utf8(message).unwrap())
            .collect();
        assert!(messages[0].starts_with("join "), "{messages:?}");
        assert!(messages[1].starts_with("{\"room\":\""), "{messages:?}");
    }

    #[test]
    fn explains_mistakes() {
        for (request, expected) in [
            ("websocket = {}", "neither sends nor awaits"),
            ("websocket = { replies = 3 }", "neither sends nor awaits"),
            ("websocket = { sends = [\"a\"] }", "did you mean `send`"),
            ("websocket = { send = [\"{nobody}\"] }", "nobody"),
            (
                "websocket = { send = [\"a\"], until = { event = \"x\" } }",
                "event",
            ),
            ("websocket = { send = [\"a\"] }\nbody = \"x\"", "no body"),
            ("websocket = { send = [\"a\"] }\nmethod = \"POST\"", "GET"),
            ("websocket = { send = [\"a\"] }\nstream = \"sse\"", "either"),
            ("websocket = { send = [\"a\"] }\nfollow = 3", "redirects"),
        ] {
            let error = read(request).expect_err(request).to_string();
            assert!(error.contains(expected), "{request}: {error}");
        }
    }
}
