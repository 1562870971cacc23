//! A method: the translation of its messages between JSON and protobuf.

use std::sync::{Mutex, PoisonError};

use prost::Message as _;
use prost_reflect::{DynamicMessage, MethodDescriptor};

use crate::grpc::gzip::{compress, payload};
use crate::http::{GrpcMessage, framed};

/// A method with the types of its messages.
#[derive(Debug)]
pub(super) struct Method {
    descriptor: MethodDescriptor,
    /// True if messages are sent compressed.
    is_gzipped: bool,
    /// The last message that was translated, and its frame. The messages of many calls are the same.
    last: Mutex<Option<(Vec<u8>, Vec<u8>)>>,
}

impl Method {
    pub(super) fn new(descriptor: MethodDescriptor, is_gzipped: bool) -> Self {
        Self {
            descriptor,
            is_gzipped,
            last: Mutex::default(),
        }
    }

    /// Returns whether its answer is a stream.
    pub(super) fn streams(&self) -> bool {
        self.descriptor.is_server_streaming()
    }

    /// Translates JSON to a framed message.
    ///
    /// # Errors
    /// The reason, if it is not a message of the method.
    pub(super) fn encode(&self, json: &[u8]) -> Result<Vec<u8>, String> {
        // A change is complete before the lock is released.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((known, frame)) = last.as_ref()
            && known == json
        {
            return Ok(frame.clone());
        }
        let input = self.descriptor.input();
        let name = input.full_name().to_owned();
        let mut text = serde_json::Deserializer::from_slice(json);
        let message = DynamicMessage::deserialize(input, &mut text)
            .and_then(|message| text.end().map(|()| message))
            .map_err(|error| format!("the message is not a {name}: {error}"))?;
        let payload = message.encode_to_vec();
        let payload = match self.is_gzipped {
            true => compress(&payload)?,
            false => payload,
        };
        let frame = framed(&GrpcMessage {
            is_compressed: self.is_gzipped,
            payload,
        });
        *last = Some((json.to_vec(), frame.clone()));
        Ok(frame)
    }

    /// Translates a message of the answer to JSON. `encoding` is its `grpc-encoding`.
    ///
    /// # Errors
    /// The reason, if it is not a message of the method.
    pub(super) fn decode(
        &self,
        message: &GrpcMessage,
        encoding: Option<&str>,
    ) -> Result<Vec<u8>, String> {
        let payload = payload(message, encoding)?;
        let output = self.descriptor.output();
        let name = output.full_name().to_owned();
        let message = DynamicMessage::decode(output, payload.as_ref());
        let message =
            message.map_err(|error| format!("a message of the answer is not a {name}: {error}"))?;
        serde_json::to_vec(&message).map_err(|error| error.to_string())
    }
}
