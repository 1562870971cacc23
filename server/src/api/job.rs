//! Jobs of uploaded photos: submission, and their state.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{RawPathParams, State};
use axum::response::Response;
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use tokio::time::{Instant, sleep};

use super::extract::Session;
use super::photo::{photo_path, stored_response};
use super::response::HandlerResult;
use super::view::{JobState, JobView};
use super::{App, Shared};
use crate::ledger::{self, Part};
use crate::limits::deadline;
use crate::model::{Photo, PostId, UserId};
use crate::photo_keys::PhotoKeys;
use crate::problem::{Problem, ProblemDocument};
use crate::queue::{Intake, JobId, QueueError};
use crate::store::StoreError;
use crate::worker::{FailureNote, PhotoJob};

/// Header of a client's preferences (RFC 7240).
const PREFER: HeaderName = HeaderName::from_static("prefer");
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
/// Longest wait for a job.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// Time for the answer before the deadline of the request.
const ANSWER_TIME: Duration = Duration::from_millis(100);
/// Pause between two looks at a job's state, at first and at most.
const LOOK_PAUSE: (Duration, Duration) = (Duration::from_millis(20), Duration::from_millis(500));
/// Seconds after which to look at a job again.
const LOOK_AGAIN_S: HeaderValue = HeaderValue::from_static("1");

/// Returns the state of a job that stores one's own photo.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "photos",
    params(("id" = String, Path, description = "Identifier of the job, from `Location` of the upload")),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 200, description = "The state of the job", body = JobView<'static>),
        (status = 404, description = "No such job, or a later photo replaced its one",
            body = ProblemDocument, content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(
    State(app): State<Shared>,
    session: Session,
    params: RawPathParams,
) -> HandlerResult {
    let not_found = || Problem::not_found("no such job, or a later photo replaced its one");
    let id = params.iter().next().and_then(|(_, id)| JobId::new(id));
    let id = id.ok_or_else(not_found)?;
    let (post, keys) = PhotoKeys::of_job(&id).ok_or_else(not_found)?;
    let mut timing = app.timing();
    let post = match timing.store(app.store.post(post)).await {
        Ok(post) if post.author == session.user => post.id,
        Ok(_) | Err(StoreError::NotFound) => return Err(not_found()),
        Err(error) => return Err(error.into()),
    };
    let state = state(&app, post, &id, &keys).await?.ok_or_else(not_found)?;
    let path = photo_path(post);
    let view = JobView::new(id.as_str(), &state, &path);
    let mut response = timing.json(StatusCode::OK, &view)?;
    if matches!(state, JobState::Waiting) {
        response.headers_mut().insert(RETRY_AFTER, LOOK_AGAIN_S);
    }
    Ok(response)
}

/// Returns the state of a job. `None` if it is unknown, or its photo was replaced.
async fn state(
    app: &App,
    post: PostId,
    id: &JobId,
    keys: &PhotoKeys,
) -> Result<Option<JobState>, Problem> {
    match app.store.photo(post).await {
        Ok(photo) if photo.file_key == keys.full.as_str() => return Ok(Some(JobState::Done)),
        Ok(_) | Err(StoreError::NotFound) => {}
        Err(error) => return Err(error.into()),
    }
    if let Some(reason) = FailureNote::reason(&*app.files, post, id).await? {
        return Ok(Some(JobState::Failed(reason)));
    }
    let is_stored = app.files.exists(&keys.full).await?;
    Ok(is_stored.then_some(JobState::Waiting))
}

/// Returns how long a client wants to wait, from `Prefer: wait=N`, at most 30 s.
pub(super) fn wait(headers: &HeaderMap) -> Option<Duration> {
    let preferences = headers.get_all(PREFER).iter();
    let preferences = preferences.filter_map(|value| value.to_str().ok());
    preferences
        .flat_map(|value| value.split([',', ';']))
        .find_map(|preference| {
            let (name, value) = preference.split_once('=')?;
            let is_wait = name.trim().eq_ignore_ascii_case("wait");
            is_wait.then(|| value.trim().trim_matches('"').parse().ok())?
        })
        .map(|seconds| Duration::from_secs(seconds).min(WAIT_MAX))
}

/// Stores a photo, and leaves its thumbnail to a worker.
pub(super) async fn submit(
    app: &App,
    jobs: &Intake,
    author: UserId,
    record: &Photo,
    keys: &PhotoKeys,
    photo: Bytes,
) -> Result<JobId, Problem> {
    let payload = PhotoJob::new(author, record).to_bytes();
    let (id, payload) = keys.job().zip(payload).ok_or_else(Problem::internal)?;
    app.files.put(&keys.full, photo).await?;
    match jobs.push(&id, payload).await {
        Ok(()) => Ok(id),
        // The job may have been added: rather leave an unused file behind than delete a used one.
        Err(error @ QueueError::Unavailable(_)) => Err(error.into()),
        Err(error) => {
            keys.delete(&*app.files).await;
            Err(error.into())
        }
    }
}

/// Answers an upload whose job was submitted, after its end if the client wants to wait for it.
pub(super) async fn answer(
    app: &App,
    id: &JobId,
    record: &Photo,
    keys: &PhotoKeys,
    wait: Option<Duration>,
) -> HandlerResult {
    let state = match wait {
        Some(wait) => awaited(app, record.post, id, keys, wait).await,
        None => JobState::Waiting,
    };
    let timing = app.timing();
    let mut response = match &state {
        JobState::Done => stored_response(timing.no_content(), record),
        JobState::Failed(reason) => return Err(Problem::unprocessable(reason.clone())),
        JobState::Waiting => {
            let path = photo_path(record.post);
            let view = JobView::new(id.as_str(), &state, &path);
            accepted(timing.json(StatusCode::ACCEPTED, &view)?, id)
        }
    };
    if let Some(wait) = wait
        && let Ok(applied) = HeaderValue::try_from(format!("wait={}", wait.as_secs()))
    {
        response.headers_mut().insert(PREFERENCE_APPLIED, applied);
    }
    Ok(response)
}

/// Waits until a job has ended, or the time is over. The job is accepted, so no failure is one of the upload.
async fn awaited(
    app: &App,
    post: PostId,
    id: &JobId,
    keys: &PhotoKeys,
    wait: Duration,
) -> JobState {
    let Ok(_waiter) = app.job_waiters.try_acquire() else {
        return JobState::Waiting;
    };
    // The client is to get an answer before its deadline.
    let wait = deadline::left().map_or(wait, |left| wait.min(left.saturating_sub(ANSWER_TIME)));
    let end = Instant::now() + wait;
    let mut pause = LOOK_PAUSE.0;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        if left.is_zero() || *app.stopped.borrow() {
            return JobState::Waiting;
        }
        {
            let _span = ledger::enter(Part::Queue);
            sleep(pause.min(left)).await;
        }
        pause = (pause * 2).min(LOOK_PAUSE.1);
        // An error may pass.
        if let Ok(Some(ended @ (JobState::Done | JobState::Failed(_)))) =
            state(app, post, id, keys).await
        {
            return ended;
        }
    }
}

fn accepted(mut response: Response, id: &JobId) -> Response {
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(format!("/v1/jobs/{id}")) {
        headers.insert(LOCATION, location);
    }
    headers.insert(RETRY_AFTER, LOOK_AGAIN_S);
    response
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn wait_s(values: &[&str]) -> Option<u64> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(PREFER, HeaderValue::from_str(value).unwrap());
        }
        wait(&headers).map(|wait| wait.as_secs())
    }

    #[test]
    fn reads_preferred_wait() {
        assert_eq!(wait_s(&[]), None);
        assert_eq!(wait_s(&["wait=5"]), Some(5));
        assert_eq!(wait_s(&["respond-async, Wait = \"7\""]), Some(7));
        assert_eq!(wait_s(&["respond-async", "wait=0"]), Some(0));
        assert_eq!(wait_s(&["wait=86400"]), Some(30));
        for other in ["wait", "wait=", "wait=-1", "wait=1s", "waiting=3"] {
            assert_eq!(wait_s(&[other]), None, "{other}");
        }
    }

    proptest! {
        #[test]
        fn parsing_never_panics(value in "[ -~]{0,40}") {
            prop_assert!(wait_s(&[&value]).is_none_or(|seconds| seconds <= 30));
        }
    }
}
