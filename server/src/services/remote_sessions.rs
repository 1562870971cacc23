//! Sessions that the part with the users has.

use std::sync::Arc;

use async_trait::async_trait;

use super::{Call, Remote, ask};
use crate::model::{LiveSession, NewSession, Timestamp, TokenDigest};
use crate::polyglot::Sessions;
use crate::store::StoreError;

/// Sessions that the part with the users has. They can be read alone: logging in and out are routes of that part.
#[derive(Debug)]
pub(crate) struct RemoteSessions(pub(crate) Arc<dyn Remote>);

#[async_trait]
impl Sessions for RemoteSessions {
    async fn create_session(&self, _: &NewSession) -> Result<(), StoreError> {
        Err(elsewhere())
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        let call = Call::Session {
            token: token.0,
            now,
        };
        ask(&*self.0, &call).await
    }

    async fn delete_session(&self, _: &TokenDigest) -> Result<(), StoreError> {
        Err(elsewhere())
    }
}

fn elsewhere() -> StoreError {
    StoreError::Other("sessions begin and end in the service of the users".to_owned())
}
