//! Sessions by token.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;

use crate::model::{LiveSession, NewSession, Timestamp, TokenDigest};
use crate::store::{Store, StoreError};

/// Sessions by token.
#[async_trait]
pub trait Sessions: Send + Sync + fmt::Debug + 'static {
    /// Creates a session. `Conflict` if the token is in use.
    async fn create_session(&self, new: &NewSession) -> Result<(), StoreError>;

    /// Returns the session of a token. `NotFound` if the token is unknown or expired by `now`.
    async fn session(&self, token: &TokenDigest, now: Timestamp)
    -> Result<LiveSession, StoreError>;

    /// Deletes a session. Succeeds if it does not exist.
    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError>;
}

/// Sessions in the relational store.
#[derive(Debug)]
pub struct StoreSessions(Arc<dyn Store>);

impl StoreSessions {
    /// Uses a store.
    #[must_use]
    pub fn new(store: Arc<dyn Store>) -> Self {
        Self(store)
    }
}

#[async_trait]
impl Sessions for StoreSessions {
    async fn create_session(&self, new: &NewSession) -> Result<(), StoreError> {
        self.0.create_session(new.clone()).await
    }

    async fn session(
        &self,
        token: &TokenDigest,
        now: Timestamp,
    ) -> Result<LiveSession, StoreError> {
        self.0.session(token, now).await
    }

    async fn delete_session(&self, token: &TokenDigest) -> Result<(), StoreError> {
        self.0.delete_session(token).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::polyglot::contract;
    use crate::store::MemoryStore;
    use crate::store::contract::new_user;

    #[tokio::test]
    async fn store_satisfies_contract() {
        let store = MemoryStore::default();
        for number in 1..10 {
            let user = new_user(&format!("user{number}"));
            store.create_user(user).await.unwrap();
        }
        contract::sessions(Arc::new(StoreSessions::new(Arc::new(store)))).await;
    }
}
