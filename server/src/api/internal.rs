//! Calls by other parts of the service.

use axum::extract::{Request, State};
use http::StatusCode;
use serde::Serialize;
use sha2::{Digest, Sha256};

use super::response::{HandlerResult, Timing};
use super::{App, Shared, extract};
use crate::model::TokenDigest;
use crate::problem::Problem;
use crate::services::{Call, Failure, HEADER_KEY};
use crate::store::StoreError;

/// Maximum length of a call, in bytes: the posts of 10,000 authors.
const CALL_BYTES_MAX: usize = 1 << 20;

/// Answers a call by another part that has the key.
pub(super) async fn answer(State(app): State<Shared>, request: Request) -> HandlerResult {
    if !is_known(&app, &request) {
        return Err(Problem::forbidden(
            "only other parts of the service may call this path",
        ));
    }
    let call = extract::read(request, CALL_BYTES_MAX, &app).await?;
    let call: Call = serde_json::from_slice(&call).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Problem::bad_request(format!("unknown call: line {line}, column {column}"))
    })?;
    let mut timing = app.timing();
    // The caller has looked for the value in the shared cache, and holds the lease to fill it: a second look there would wait for it.
    let store = &app.beneath_cache;
    match call {
        Call::Ping => respond(&mut timing, store.ping()).await,
        Call::Session { token, now } => {
            let token = TokenDigest(token);
            respond(&mut timing, app.sessions.session(&token, now)).await
        }
        Call::Followees { user, limit } => respond(&mut timing, store.followees(user, limit)).await,
        Call::User { id } => respond(&mut timing, store.user(id)).await,
        Call::Post { id } => respond(&mut timing, store.post(id)).await,
        Call::PostsWith { ids } => respond(&mut timing, store.posts_with(ids)).await,
        Call::PostsBy { author, page } => {
            respond(&mut timing, store.posts_by(author, page.into())).await
        }
        Call::PostsByAny { authors, page } => {
            respond(&mut timing, store.posts_by_any(authors, page.into())).await
        }
        Call::Photo { post } => respond(&mut timing, store.photo(post)).await,
        Call::PutPhoto { author, photo } => {
            respond(&mut timing, app.store.put_photo(author, photo)).await
        }
    }
}

/// Returns true if the request has the key. Digests are compared, so that the time shows nothing of the key.
fn is_known(app: &App, request: &Request) -> bool {
    let given = request.headers().get(HEADER_KEY);
    given
        .zip(app.services_key.as_ref())
        .is_some_and(|(given, key)| {
            Sha256::digest(given.as_bytes()) == Sha256::digest(key.as_bytes())
        })
}

async fn respond<T: Serialize>(
    timing: &mut Timing<'_>,
    work: impl Future<Output = Result<T, StoreError>>,
) -> HandlerResult {
    let outcome = timing.store(work).await.map_err(Failure::from);
    timing.json(StatusCode::OK, &outcome)
}
