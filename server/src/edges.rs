//! Caches at the edge (a content delivery network): which responses they may keep, and their purge when something changes.
//!
//! # Staleness
//! A write is purged at once, and once more after the caches behind the edges have forgotten the earlier value: an edge may have asked
//! in between. So an edge shows a write after at most the staleness of the caches, and the time of a call. An edge that can't be
//! reached keeps a response for [`KEPT`] at most; purges are repeated for as long.

use std::fmt;
use std::time::Duration;

use async_trait::async_trait;

use crate::store::StoreError;

mod purged_store;
mod purger;
mod resolver;
#[cfg(feature = "cdn")]
mod varnish;

pub(crate) use purged_store::PurgedStore;
pub(crate) use purger::{Purge, Purger};

/// Time for which an edge keeps a response.
pub(crate) const KEPT: Duration = Duration::from_secs(60);

/// Edges whose responses are purged.
#[derive(Clone, Default)]
pub struct EdgeOptions {
    /// Addresses: `http://host:port`. Empty if there are none.
    pub urls: Vec<String>,
    /// Key of purges, in visible ASCII.
    pub key: Option<String>,
}

/// A cache at the edge.
#[async_trait]
trait Edge: Send + Sync + fmt::Debug + 'static {
    /// Removes responses by their keys, separated by spaces. Those that have changed may still be used while the service is away.
    async fn purge(&self, changed: &str, gone: &str) -> Result<(), StoreError>;
}

/// Keys of responses. A response has one, and the key of all.
pub(crate) mod keys {
    use crate::model::{PostId, UserId};

    /// Key that every response has.
    pub(crate) const ALL: &str = "all";

    /// Key of a post and its photo.
    pub(crate) fn post(id: PostId) -> String {
        format!("post:{id}")
    }

    /// Key of a user's pages.
    pub(crate) fn user(id: UserId) -> String {
        format!("user:{id}")
    }
}
