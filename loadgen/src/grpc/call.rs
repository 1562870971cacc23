//! One call: its message, and the meaning of its answer.

use std::time::Duration;

use http::HeaderMap;
use tenfold_scenarios::{Rendered, format_duration};

use crate::connect::DialCounts;
use crate::failure::Failure;
use crate::grpc::answer_status::AnswerStatus;
use crate::grpc::method::Method;
use crate::http::{Answer, EventSink, GrpcParts, Keep, KeepMessages, Kept};

/// The status of HTTP with which gRPC answers.
const OK_OF_HTTP: u16 = 200;

/// The status of a call whose deadline has passed.
const DEADLINE_EXCEEDED: u16 = 4;

/// A call that is ready to be sent.
#[derive(Debug)]
pub(crate) struct Call<'a> {
    method: &'a Method,
    deadline: Option<Duration>,
    /// Receives the reasons of failures.
    dials: &'a DialCounts,
    rendered: Rendered,
}

impl<'a> Call<'a> {
    /// Prepares a call of a method. The body of `rendered` is its message as JSON.
    ///
    /// # Errors
    /// [`Failure::Unsendable`] if it is not a message of the method.
    pub(super) fn new(
        method: &'a Method,
        deadline: Option<Duration>,
        rendered: &Rendered,
        dials: &'a DialCounts,
    ) -> Result<Self, Failure> {
        let body = method.encode(&rendered.body).map_err(|reason| {
            dials.keep_error(Failure::Unsendable, &reason);
            Failure::Unsendable
        })?;
        let mut framed = Rendered::default();
        framed.path.clone_from(&rendered.path);
        framed.headers.clone_from(&rendered.headers);
        framed.body = body;
        Ok(Self {
            method,
            deadline,
            dials,
            rendered: framed,
        })
    }

    /// The request to send.
    pub(crate) fn rendered(&self) -> &Rendered {
        &self.rendered
    }

    /// The parts of the answer to keep, by its status of HTTP. `wanted` maps the status of the call to those that its reader needs.
    pub(crate) fn keep(&self, status: u16, wanted: impl Fn(u16) -> Keep) -> Keep {
        if status != OK_OF_HTTP {
            return Keep {
                messages: None,
                ..wanted(status)
            };
        }
        let of_success = wanted(0);
        let messages = match of_success.body_limit {
            0 => KeepMessages::Count,
            _ => of_success.messages.unwrap_or(KeepMessages::Last),
        };
        Keep {
            headers: true,
            sha256: of_success.sha256,
            messages: Some(messages),
            ..Keep::default()
        }
    }

    /// Awaits an exchange until the deadline of the call. After that, the answer has the status `DEADLINE_EXCEEDED`, as if the service
    /// had sent it.
    ///
    /// # Errors
    /// The failure of the exchange.
    pub(crate) async fn within_deadline(
        &self,
        exchange: impl Future<Output = Result<Answer, Failure>>,
        now: impl Fn() -> u64,
        wanted: impl Fn(u16) -> Keep,
    ) -> Result<Answer, Failure> {
        let Some(deadline) = self.deadline else {
            return exchange.await;
        };
        if let Ok(done) = tokio::time::timeout(deadline, exchange).await {
            return done;
        }
        let at = now();
        let text = format!(
            "no complete answer within the deadline of {}",
            format_duration(deadline)
        );
        let kept = Kept {
            body: text.into_bytes(),
            ..Kept::default()
        };
        Ok(Answer {
            status: DEADLINE_EXCEEDED,
            first_byte_ns: at,
            done_ns: at,
            read_lag_ns: None,
            body_bytes: 0,
            kept: (!wanted(DEADLINE_EXCEEDED).is_nothing()).then_some(kept),
        })
    }

    /// Interprets a complete answer. Its status becomes that of the call, unless HTTP has another than 200; its body the last message as
    /// JSON, or what the service says about its status; its trailers join its headers. `events` has received its messages, if
    /// they are a stream.
    ///
    /// # Errors
    /// [`Failure::Grpc`] if the answer breaks the rules of gRPC.
    pub(crate) fn conclude(
        &self,
        mut answer: Answer,
        wanted: impl Fn(u16) -> Keep,
        events: Option<&dyn EventSink>,
    ) -> Result<Answer, Failure> {
        if answer.status != OK_OF_HTTP {
            return Ok(answer);
        }
        let fail = |reason: String| {
            self.dials.keep_error(Failure::Grpc, &reason);
            Failure::Grpc
        };
        let mut kept = answer.kept.take().unwrap_or_default();
        let parts = kept.grpc.take().unwrap_or_default();
        let status = AnswerStatus::of(&kept.headers, parts.trailers.as_ref()).map_err(fail)?;
        if status.code == 0 {
            self.check_completeness(&parts, events).map_err(fail)?;
        }
        answer.status = status.code;
        let wanted = wanted(status.code);
        if wanted.is_nothing() {
            return Ok(answer);
        }
        match status.code {
            0 => self
                .read_messages(&parts, wanted, &mut kept)
                .map_err(fail)?,
            _ => kept.body = status.message.into_bytes(),
        }
        match wanted.headers {
            true => kept.headers.extend(parts.trailers.unwrap_or_default()),
            false => kept.headers = HeaderMap::new(),
        }
        answer.kept = Some(kept);
        Ok(answer)
    }

    /// Checks that a successful answer has as many messages as it must.
    fn check_completeness(
        &self,
        parts: &GrpcParts,
        events: Option<&dyn EventSink>,
    ) -> Result<(), String> {
        if !self.method.streams() {
            return match parts.count {
                1 => Ok(()),
                count => Err(format!(
                    "the service answered OK with {count} messages; a unary call has one"
                )),
            };
        }
        match (events, &parts.trailers) {
            (Some(events), Some(_)) => events.ended(),
            _ => Ok(()),
        }
    }

    /// Translates the messages that are wanted.
    fn read_messages(
        &self,
        parts: &GrpcParts,
        wanted: Keep,
        kept: &mut Kept,
    ) -> Result<(), String> {
        if wanted.body_limit == 0 {
            return Ok(());
        }
        let encoding = kept.headers.get("grpc-encoding");
        let encoding = encoding.and_then(|value| value.to_str().ok());
        let messages = parts.messages.iter();
        let mut texts = messages
            .map(|message| self.method.decode(message, encoding))
            .collect::<Result<Vec<_>, _>>()?;
        let mut last = texts.last().cloned().unwrap_or_default();
        kept.is_cut = last.len() > wanted.body_limit;
        last.truncate(wanted.body_limit);
        kept.body = last;
        if self.method.streams() && wanted.messages == Some(KeepMessages::All) {
            kept.stream = std::mem::take(&mut texts);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use prost_reflect::DescriptorPool;

    use super::*;
    use crate::grpc::descriptors::compile;
    use crate::http::GrpcMessage;

    fn pool() -> DescriptorPool {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/support");
        compile(&["shop.proto".into()], &[folder]).unwrap()
    }

    fn method(name: &str, is_gzipped: bool) -> Method {
        let service = pool().get_service_by_name("shop.Shop").unwrap();
        let found = service.methods().find(|method| method.name() == name);
        Method::new(found.unwrap(), is_gzipped)
    }

    /// An answer with messages that have the given frames, and trailers.
    fn answer(frames: &[Vec<u8>], trailers: Option<&[(&'static str, &'static str)]>) -> Answer {
        let mut reader = crate::http::MessageReader::new(KeepMessages::All);
        for frame in frames {
            reader.read(frame, || ()).unwrap();
        }
        let trailers = trailers.map(|pairs| {
            let pairs = pairs.iter().map(|(name, value)| {
                let name = http::HeaderName::from_static(name);
                (name, http::HeaderValue::from_static(value))
            });
            pairs.collect()
        });
        let mut kept = Kept {
            grpc: Some(Box::new(reader.parts(trailers))),
            ..Kept::default()
        };
        kept.headers
            .insert("grpc-encoding", http::HeaderValue::from_static("gzip"));
        Answer {
            status: 200,
            first_byte_ns: 1,
            done_ns: 2,
            read_lag_ns: None,
            body_bytes: 0,
            kept: Some(kept),
        }
    }

    fn call<'a>(
        method: &'a Method,
        json: &str,
        dials: &'a DialCounts,
    ) -> Result<Call<'a>, Failure> {
        let mut rendered = Rendered::default();
        rendered.body = json.as_bytes().to_vec();
        Call::new(method, None, &rendered, dials)
    }

    fn all(_: u16) -> Keep {
        Keep {
            headers: true,
            body_limit: 1_000,
            messages: Some(KeepMessages::All),
            ..Keep::default()
        }
    }

    #[test]
    fn messages_are_translated_both_ways() {
        let dials = DialCounts::default();
        for is_gzipped in [false, true] {
            // Query and Price have the field `name` in common.
            let method = method("Find", is_gzipped);
            let call = call(&method, "{\"name\": \"pear\"}", &dials).unwrap();
            let frame = call.rendered().body.clone();
            assert_eq!(frame[0], u8::from(is_gzipped));
            let answer = answer(&[frame], Some(&[("grpc-status", "0"), ("x", "1")]));
            let answer = call.conclude(answer, all, None).unwrap();
            assert_eq!(answer.status, 0);
            let kept = answer.kept.unwrap();
            assert_eq!(kept.body, b"{\"name\":\"pear\"}");
            assert_eq!(kept.headers["x"], "1");
        }
    }

    #[test]
    fn http_200_alone_is_no_success() {
        let dials = DialCounts::default();
        let method = method("Find", false);
        let call = call(&method, "{}", &dials).unwrap();
        let one = || vec![framed_empty()];
        let status = |answer| call.conclude(answer, all, None).map(|answer| answer.status);
        assert_eq!(
            status(answer(&one(), Some(&[("grpc-status", "14")]))),
            Ok(14)
        );
        assert_eq!(status(answer(&[], Some(&[("grpc-status", "14")]))), Ok(14));
        assert_eq!(status(answer(&one(), Some(&[]))), Err(Failure::Grpc));
        assert_eq!(
            status(answer(&[], Some(&[("grpc-status", "0")]))),
            Err(Failure::Grpc)
        );
        let unavailable = answer(
            &[],
            Some(&[("grpc-status", "14"), ("grpc-message", "later")]),
        );
        let kept = call.conclude(unavailable, all, None).unwrap().kept.unwrap();
        assert_eq!(kept.body, b"later");
    }

    fn framed_empty() -> Vec<u8> {
        crate::http::framed(&GrpcMessage {
            is_compressed: false,
            payload: Vec::new(),
        })
    }

    #[test]
    fn stream_that_we_ended_is_a_success() {
        let dials = DialCounts::default();
        let method = method("Watch", false);
        let call = call(&method, "{}", &dials).unwrap();
        let frames = [framed_empty(), framed_empty()];
        let answer = call.conclude(answer(&frames, None), all, None).unwrap();
        let kept = answer.kept.unwrap();
        assert_eq!((answer.status, kept.stream.len()), (0, 2));
    }

    #[test]
    fn wrong_messages_are_not_sent() {
        let dials = DialCounts::default();
        let method = method("Find", false);
        for (json, expected) in [
            ("{\"nmae\": \"pear\"}", "nmae"),
            ("{\"count\": \"x\"}", "shop.Query"),
            ("{} {}", "trailing"),
        ] {
            dials.forget_errors();
            let failure = call(&method, json, &dials).unwrap_err();
            assert_eq!(failure, Failure::Unsendable);
            let reason = dials.state().first_errors["unsendable"].clone();
            assert!(reason.contains(expected), "{reason}");
        }
    }
}
