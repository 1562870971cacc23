//! Stores for one question each (polyglot persistence): sessions and counters by key, feeds as wide rows, posts as documents, and
//! recommendations from a graph.
//!
//! Each trait has a backend in SQL and one in the kind of store that is made for its question. Both satisfy the same contract, so that they can be
//! measured beside each other.

#[cfg(feature = "arcadedb")]
mod arcadedb;
#[cfg(feature = "scylla")]
mod cassandra;
#[cfg(test)]
pub(crate) mod contract;
mod counters;
mod feeds;
#[cfg(feature = "mysql")]
mod mysql;
mod post_documents;
mod recommendations;
#[cfg(feature = "redis")]
mod redis_cluster;
mod resolver;
mod sessions;

pub use counters::{COUNTER_BYTES_MAX, Counters, check_name};
pub use feeds::{FeedEntry, Feeds, OWNERS_MAX, check_owners};
pub use post_documents::{DocumentPhoto, PostDocument, PostDocuments, Reply};
pub use recommendations::{FOLLOWEES_MAX, Recommendation, Recommendations, check_followees};
pub use resolver::{
    resolve_counters, resolve_feeds, resolve_post_documents, resolve_recommendations,
    resolve_sessions,
};
pub use sessions::{Sessions, StoreSessions};
