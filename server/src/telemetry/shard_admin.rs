//! `/shards`: where the buckets are, and the switch that moves them.

use std::sync::Arc;

use axum::body::Bytes;
use axum::response::{IntoResponse, Response};
use http::StatusCode;
use http::header::CONTENT_TYPE;
use serde::Deserialize;

use crate::problem::Problem;
use crate::store::sharded::ShardedStore;

/// Body of `POST /shards`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    /// Shards that are to hold equally many buckets. All that the process knows, if absent.
    shards: Option<Vec<String>>,
    /// Shard that keeps its hottest bucket, and few others. Not with `shards`.
    away_from: Option<String>,
}

/// Responds with the shards, their buckets, and the moves in progress.
pub(super) fn show(store: Option<&Arc<ShardedStore>>) -> Result<Response, Problem> {
    let status = sharded(store)?.status();
    let body = serde_json::to_vec(&status).map_err(|error| {
        tracing::error!(%error, "could not serialise the shards");
        Problem::internal()
    })?;
    Ok(([(CONTENT_TYPE, "application/json")], body).into_response())
}

/// Begins to spread the buckets over shards, or to move some away from one, in the background.
pub(super) fn spread(store: Option<&Arc<ShardedStore>>, body: &Bytes) -> Result<Response, Problem> {
    let store = sharded(store)?;
    let wanted: Wanted = serde_json::from_slice(body).map_err(|error| {
        Problem::unprocessable(format!(
            "the body must be like {{\"shards\": [\"posts-1\", \"posts-2\"]}}: {error}"
        ))
    })?;
    let begun = match (wanted.shards, wanted.away_from) {
        (Some(_), Some(_)) => {
            let both = "give either `shards` or `away_from`";
            return Err(Problem::unprocessable(both));
        }
        (None, Some(shard)) => store.relieve(shard),
        (shards, None) => store.spread(shards.unwrap_or_else(|| store.known_shards())),
    };
    begun.map_err(|error| match error {
        error @ crate::store::StoreError::Invalid(_) => Problem::unprocessable(error.to_string()),
        error => Problem::new(StatusCode::CONFLICT, error.to_string()),
    })?;
    let mut response = show(Some(store))?;
    *response.status_mut() = StatusCode::ACCEPTED;
    Ok(response)
}

fn sharded(store: Option<&Arc<ShardedStore>>) -> Result<&Arc<ShardedStore>, Problem> {
    store.ok_or_else(|| Problem::not_found("the store has no shards; start with `--shard`"))
}
