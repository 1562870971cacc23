//! Reflection: a service describes itself
//! (<https://github.com/grpc/grpc/blob/master/doc/server-reflection.md>).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use http::header::{CONTENT_TYPE, TE};
use http::{HeaderName, HeaderValue, Method};
use prost::{Message, Oneof};
use prost_reflect::DescriptorPool;
use prost_reflect::prost_types::FileDescriptorProto;
use tenfold_scenarios::{Rendered, status_text};

use crate::grpc::answer_status::AnswerStatus;
use crate::grpc::gzip::payload;
use crate::http::{Connection, Endpoint, GrpcMessage, Keep, KeepMessages, Outgoing, framed};

/// Longest time of an answer.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Most files of a service.
const FILES_MAX: usize = 1_000;

/// Most bytes of the files of a service.
const FILES_BYTES_MAX: usize = 64 * 1024 * 1024;

/// The status of a service without this version of reflection.
const UNIMPLEMENTED: u16 = 12;

/// The error code of reflection for a symbol that is not known.
const NOT_FOUND: i32 = 5;

/// The header that permits compressed answers.
const ACCEPT_ENCODING: HeaderName = HeaderName::from_static("grpc-accept-encoding");

/// Advice for a service without reflection.
const ADVICE: &str = "name its .proto files with proto = [\"...\"]";

/// `ServerReflectionRequest`, as far as it is used.
#[derive(Clone, PartialEq, Message)]
struct Question {
    #[prost(oneof = "Wanted", tags = "3, 4, 7")]
    wanted: Option<Wanted>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Wanted {
    #[prost(string, tag = "3")]
    File(String),
    #[prost(string, tag = "4")]
    Symbol(String),
    #[prost(string, tag = "7")]
    Services(String),
}

/// `ServerReflectionResponse`, as far as it is used.
#[derive(Clone, PartialEq, Message)]
struct Reply {
    #[prost(oneof = "Found", tags = "4, 6, 7")]
    found: Option<Found>,
}

#[derive(Clone, PartialEq, Oneof)]
enum Found {
    #[prost(message, tag = "4")]
    Files(Files),
    #[prost(message, tag = "6")]
    Services(Services),
    #[prost(message, tag = "7")]
    Fault(Fault),
}

#[derive(Clone, PartialEq, Message)]
struct Files {
    #[prost(bytes = "vec", repeated, tag = "1")]
    descriptors: Vec<Vec<u8>>,
}

#[derive(Clone, PartialEq, Message)]
struct Services {
    #[prost(message, repeated, tag = "1")]
    services: Vec<ServiceName>,
}

#[derive(Clone, PartialEq, Message)]
struct ServiceName {
    #[prost(string, tag = "1")]
    name: String,
}

#[derive(Clone, PartialEq, Message)]
struct Fault {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
}

/// The description of a service.
#[derive(Debug)]
pub(super) enum Described {
    /// By these descriptors.
    By(DescriptorPool),
    /// Not at all: the server has only these services.
    Unknown(Vec<String>),
}

/// The files that describe a service, by name.
#[derive(Debug, Default)]
pub(super) struct Description {
    files: BTreeMap<String, FileDescriptorProto>,
    bytes: usize,
}

/// Asks a service for the files that describe it.
///
/// # Errors
/// The reason why it is not known.
pub(super) async fn reflect(service: &str, endpoint: &Endpoint) -> Result<Described, String> {
    let mut asked = BTreeSet::new();
    let mut description = Description::default();
    let mut server = Server {
        endpoint,
        connection: Connection::default(),
        version: None,
    };
    let mut wanted = vec![Wanted::Symbol(service.to_owned())];
    while let Some(next) = wanted.pop() {
        let of_service = matches!(next, Wanted::Symbol(_));
        match server.ask(next).await? {
            Found::Files(files) => description.add(&files.descriptors)?,
            Found::Fault(fault) if of_service && fault.code == NOT_FOUND => {
                return server.services().await.map(Described::Unknown);
            }
            Found::Fault(fault) => {
                let message: String = fault.message.chars().take(200).collect();
                return Err(format!(
                    "the service does not describe itself: {message}; {ADVICE}"
                ));
            }
            Found::Services(_) => return Err(wrong("it answers another question")),
        }
        let missing = description.missing(&asked);
        asked.extend(missing.iter().cloned());
        if asked.len() > FILES_MAX {
            return Err(format!("more than {FILES_MAX} files describe the service"));
        }
        wanted.extend(missing.into_iter().map(Wanted::File));
    }
    description.pool().map(Described::By)
}

fn wrong(reason: &str) -> String {
    format!("the service describes itself wrongly: {reason}")
}

impl Description {
    /// Adds files.
    ///
    /// # Errors
    /// If one is not valid, or there are too many.
    pub(super) fn add(&mut self, files: &[Vec<u8>]) -> Result<(), String> {
        for bytes in files {
            let file = FileDescriptorProto::decode(bytes.as_slice())
                .map_err(|error| wrong(&error.to_string()))?;
            self.bytes += bytes.len();
            self.files.insert(file.name().to_owned(), file);
            if self.files.len() > FILES_MAX || self.bytes > FILES_BYTES_MAX {
                return Err(format!(
                    "the description of the service has more than {FILES_MAX} files or {} MiB",
                    FILES_BYTES_MAX >> 20
                ));
            }
        }
        Ok(())
    }

    /// The files that others import, except those that were asked for.
    fn missing(&self, asked: &BTreeSet<String>) -> BTreeSet<String> {
        let imports = self.files.values().flat_map(|file| &file.dependency);
        imports
            .filter(|name| !self.files.contains_key(*name) && !asked.contains(*name))
            .cloned()
            .collect()
    }

    /// Links the files.
    ///
    /// # Errors
    /// If they are not complete or not consistent.
    pub(super) fn pool(self) -> Result<DescriptorPool, String> {
        let mut pool = DescriptorPool::new();
        pool.add_file_descriptor_protos(self.files.into_values())
            .map_err(|error| wrong(&error.to_string()))?;
        Ok(pool)
    }
}

/// A server that is asked to describe its services.
struct Server<'a> {
    endpoint: &'a Endpoint,
    connection: Connection,
    /// The version of the protocol that it speaks. `None` before it has answered.
    version: Option<&'static str>,
}

/// An answer of a server.
enum Answered {
    Reply(Reply),
    Status(AnswerStatus),
}

impl Server<'_> {
    /// Asks by the current version of the protocol, or else by the one before.
    ///
    /// # Errors
    /// If the server has no reflection, or does not answer as it should.
    async fn ask(&mut self, wanted: Wanted) -> Result<Found, String> {
        let versions = match self.version {
            Some(version) => vec![version],
            None => vec!["v1", "v1alpha"],
        };
        for version in versions {
            match self.send(version, wanted.clone()).await? {
                Answered::Reply(reply) => {
                    self.version = Some(version);
                    return reply.found.ok_or_else(|| wrong("an answer is empty"));
                }
                Answered::Status(status) if status.code == UNIMPLEMENTED => {}
                Answered::Status(status) => {
                    return Err(format!(
                        "the service does not describe itself: status {} {}; {ADVICE}",
                        status_text(status.code),
                        status.message.chars().take(200).collect::<String>()
                    ));
                }
            }
        }
        Err(format!("the service has no reflection; {ADVICE}"))
    }

    /// The names of its services, except those of reflection.
    ///
    /// # Errors
    /// As [`Server::ask`].
    async fn services(&mut self) -> Result<Vec<String>, String> {
        let found = self.ask(Wanted::Services("*".to_owned())).await?;
        let services = match found {
            Found::Services(services) => services.services,
            _ => Vec::new(),
        };
        let names = services.into_iter().take(FILES_MAX).map(|own| own.name);
        Ok(names
            .filter(|name| !name.starts_with("grpc.reflection."))
            .collect())
    }

    async fn send(&mut self, version: &str, wanted: Wanted) -> Result<Answered, String> {
        let question = Question {
            wanted: Some(wanted),
        };
        let mut rendered = Rendered::default();
        rendered.path = format!("/grpc.reflection.{version}.ServerReflection/ServerReflectionInfo");
        rendered.headers = vec![
            (TE, HeaderValue::from_static("trailers")),
            (CONTENT_TYPE, HeaderValue::from_static("application/grpc")),
            (ACCEPT_ENCODING, HeaderValue::from_static("identity")),
        ];
        rendered.body = framed(&GrpcMessage {
            is_compressed: false,
            payload: question.encode_to_vec(),
        });
        let outgoing = Outgoing {
            method: &Method::POST,
            endpoint: self.endpoint,
            prefix: &self.endpoint.target.prefix,
            rendered: &rendered,
            is_written: &AtomicBool::new(false),
            events: None,
        };
        let keep = |status| Keep {
            headers: true,
            messages: (status == 200).then_some(KeepMessages::Last),
            ..Keep::default()
        };
        let exchange = self.connection.exchange(outgoing, keep, || 0);
        let answer = tokio::time::timeout(TIMEOUT, exchange).await;
        let answer = answer
            .map_err(|_| {
                format!("the service does not describe itself within {TIMEOUT:?}; {ADVICE}")
            })?
            .map_err(|failure| {
                let dials = self.endpoint.target.dials.state();
                let reason = dials.first_errors.get(failure.name());
                let reason = reason
                    .map(|reason| format!(": {reason}"))
                    .unwrap_or_default();
                format!(
                    "the service can't be asked to describe itself ({failure}{reason}); {ADVICE}"
                )
            })?;
        let kept = answer.kept.unwrap_or_default();
        if answer.status != 200 {
            return Err(format!(
                "the service answers with status {} when it is asked to describe itself; {ADVICE}",
                answer.status
            ));
        }
        let parts = kept.grpc.unwrap_or_default();
        if let Some(message) = parts.messages.last() {
            let encoding = kept.headers.get("grpc-encoding");
            let encoding = encoding.and_then(|value| value.to_str().ok());
            let payload = payload(message, encoding)?;
            return Reply::decode(payload.as_ref())
                .map(Answered::Reply)
                .map_err(|error| wrong(&error.to_string()));
        }
        AnswerStatus::of(&kept.headers, parts.trailers.as_ref())
            .map(Answered::Status)
            .map_err(|reason| wrong(&reason))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn any_bytes_are_a_description_or_an_error(
            files in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..4),
        ) {
            let mut description = Description::default();
            if description.add(&files).is_ok() {
                let _ = description.pool();
            }
        }

        #[test]
        fn any_bytes_are_a_reply_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = Reply::decode(bytes.as_slice());
        }
    }
}
