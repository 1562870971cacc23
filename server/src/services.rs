//! Parts of the service in processes of their own: users, posts, photos and feeds.
//!
//! Each process serves the routes of its part ([`Role`](crate::Role)), and asks the others for what it needs from them:
//!
//! | part | has | asks users for | asks posts for |
//! |---|---|---|---|
//! | users | users, follows, sessions | | the counts and the posts of a user |
//! | posts | posts, records of photos | sessions | |
//! | photos | files | sessions | posts, records of photos |
//! | feeds | nothing | sessions, followed users | posts of many authors |
//!
//! Calls go one way, from photos and feeds to users and posts; users and posts answer each other from what they have. So no call
//! causes a circle of calls. Only reads, and writes that may be repeated, are asked for, so that [`Guard`](crate::limits::Guard)
//! may repeat them.

use std::fmt;

use async_trait::async_trait;
use bytes::Bytes;
use serde::de::DeserializeOwned;

use crate::store::StoreError;

mod call;
mod divided_store;
#[cfg(feature = "services")]
mod http;
mod remote_sessions;
mod resolver;
#[cfg(all(test, feature = "services"))]
mod tests;

pub(crate) use call::{Call, Failure, HEADER_KEY, PATH};
pub(crate) use divided_store::{DividedStore, Users};
pub(crate) use remote_sessions::RemoteSessions;
pub(crate) use resolver::resolve;

/// Process of another part.
#[async_trait]
pub(crate) trait Remote: Send + Sync + fmt::Debug + 'static {
    /// Sends a call, and returns the answer as JSON. `Unavailable` if there is none.
    async fn send(&self, call: Bytes) -> Result<Bytes, StoreError>;
}

/// Calls another part.
///
/// # Errors
/// `Unavailable` if it does not answer, `Other` if the answer is malformed; otherwise its own error.
pub(crate) async fn ask<T: DeserializeOwned>(
    remote: &dyn Remote,
    call: &Call,
) -> Result<T, StoreError> {
    let malformed = |error: serde_json::Error| {
        // Its message may quote a value.
        let (line, column) = (error.line(), error.column());
        StoreError::Other(format!(
            "a message between services is malformed: line {line}, column {column}"
        ))
    };
    let call = serde_json::to_vec(call).map_err(malformed)?;
    let answer = remote.send(call.into()).await?;
    let answer: Result<T, Failure> = serde_json::from_slice(&answer).map_err(malformed)?;
    answer.map_err(StoreError::from)
}
