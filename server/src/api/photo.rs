//! Photo of a post and its thumbnail.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, X_CONTENT_TYPE_OPTIONS};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::asset::{etag, is_fresh};
use super::extract::{self, Id, Session, now};
use super::freshness::Version;
use super::response::{HandlerResult, Timing};
use super::{App, Shared, job};
use crate::ledger::{self, Part};
use crate::model::{Photo, PostId, UserId};
use crate::photo::{PhotoFormat, thumbnail as make_thumbnail};
use crate::photo_keys::PhotoKeys;
use crate::problem::{Problem, ProblemDocument};

/// Sets the photo of one's own post, replacing any previous one.
#[utoipa::path(
    put, path = "/v1/posts/{id}/photo", tag = "photos",
    params(("id" = i64, Path, description = "Identifier of the post")),
    request_body(content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png")),
        description = "A JPEG or PNG of at most 5 MB and 24 million pixels"),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "Stored, with its thumbnail"),
        (status = 202, description = "Accepted; `Location` names the job that makes the thumbnail. Only with a \
            queue, and unless the header `Prefer: wait=N` asks to wait up to N seconds",
            body = super::view::JobView<'static>),
        (status = 413, description = "More than 5 MB", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = 415, description = "Neither JPEG nor PNG", body = ProblemDocument,
            content_type = "application/problem+json"),
        (status = "default", description = "A problem", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn write(
    State(app): State<Shared>,
    Id(id): Id,
    session: Session,
    request: Request,
) -> HandlerResult {
    let format = PhotoFormat::from_media_type(extract::content_type(request.headers()))
        .ok_or_else(|| Problem::unsupported("send `image/jpeg` or `image/png`"))?;
    let mut timing = app.timing();
    // Checked before the body is read, to spare five megabytes of a request that fails.
    let post = timing.store(app.store.post(PostId(id))).await?;
    if post.author != session.user {
        return Err(Problem::forbidden("only the author may edit a post"));
    }
    if let Some(jobs) = &app.jobs {
        jobs.require_room()?;
    }
    let wait = job::wait(request.headers());
    let admission = app.photos_admitted.try_acquire().map_err(|_| busy())?;
    let photo = extract::read(request, app.photo_limit, &app).await?;
    let keys = new_keys(post.id)?;
    let record = Photo {
        post: post.id,
        media_type: format.media_type().to_owned(),
        bytes: photo.len() as u64,
        file_key: keys.full.as_str().to_owned(),
        etag: etag(&photo).to_str().unwrap_or_default().to_owned(),
        created_at: now(),
    };
    match &app.jobs {
        Some(jobs) => {
            let id = job::submit(&app, jobs, session.user, &record, &keys, photo).await?;
            // Others may upload while this request waits.
            drop(admission);
            job::answer(&app, &id, &record, &keys, wait).await
        }
        None => process(&app, timing, session.user, record, &keys, photo, format).await,
    }
}

/// Makes the thumbnail within the request.
async fn process(
    app: &App,
    mut timing: Timing<'_>,
    author: UserId,
    record: Photo,
    keys: &PhotoKeys,
    photo: Bytes,
    format: PhotoFormat,
) -> HandlerResult {
    let slot = {
        let _span = ledger::enter(Part::Queue);
        app.photos_processed.clone().acquire_owned().await
    };
    let slot = slot.map_err(|_| busy())?;
    let work = {
        let photo = photo.clone();
        // The task owns the slot, because it continues after the client disconnects.
        ledger::blocking(move || {
            let done = make_thumbnail(&photo, format);
            drop(slot);
            done
        })
    };
    let thumbnail = work.await.map_err(|error| {
        tracing::error!(%error, "could not process a photo");
        Problem::internal()
    })?;
    let thumbnail = thumbnail.map_err(|error| Problem::unprocessable(error.to_string()))?;
    let stored = async {
        app.files.put(&keys.full, photo).await?;
        app.files.put(&keys.thumbnail, thumbnail).await?;
        let put = app.store.put_photo(author, record.clone());
        Ok::<_, Problem>(timing.store(put).await?)
    };
    match stored.await {
        Ok(previous) => {
            // A call that was repeated returns the photo itself.
            let replaced = previous.filter(|previous| previous.file_key != record.file_key);
            if let Some(replaced) = replaced {
                delete_files(app, &replaced).await;
            }
        }
        // The record may have been stored: rather leave an unused file behind than delete a used one.
        Err(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE => return Err(problem),
        Err(problem) => {
            keys.delete(&*app.files).await;
            return Err(problem);
        }
    }
    Ok(stored_response(timing.no_content(), &record))
}

/// Adds the tag and the address of a stored photo to a response.
pub(super) fn stored_response(mut response: Response, photo: &Photo) -> Response {
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(&photo.etag) {
        headers.insert(ETAG, etag);
    }
    if let Ok(location) = HeaderValue::try_from(photo_path(photo.post)) {
        headers.insert(LOCATION, location);
    }
    response
}

/// Returns the path of a post's photo.
pub(super) fn photo_path(post: PostId) -> String {
    format!("/v1/posts/{post}/photo")
}

fn busy() -> Problem {
    Problem::unavailable("too many photos at once; try again later")
}

/// Returns the photo of a post.
#[utoipa::path(
    get, path = "/v1/posts/{id}/photo", tag = "photos",
    params(("id" = i64, Path, description = "Identifier of the post")),
    responses(
        (status = 200, description = "The photo",
            content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"))),
        (status = 304, description = "The client's copy is fresh"),
        (status = 404, description = "No photo", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(
    State(app): State<Shared>,
    Id(id): Id,
    headers: HeaderMap,
) -> HandlerResult {
    serve(&app, id, &headers, false).await
}

/// Returns the thumbnail of a post's photo, at most 256 pixels a side.
#[utoipa::path(
    get, path = "/v1/posts/{id}/thumbnail", tag = "photos",
    params(("id" = i64, Path, description = "Identifier of the post")),
    responses(
        (status = 200, description = "The thumbnail",
            content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"))),
        (status = 304, description = "The client's copy is fresh"),
        (status = 404, description = "No photo", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn thumbnail(
    State(app): State<Shared>,
    Id(id): Id,
    headers: HeaderMap,
) -> HandlerResult {
    serve(&app, id, &headers, true).await
}

async fn serve(app: &App, id: i64, headers: &HeaderMap, is_thumbnail: bool) -> HandlerResult {
    let mut timing = app.timing();
    let photo = timing.store(app.store.photo(PostId(id))).await?;
    // The photo determines the thumbnail, so both share a tag; their URLs differ.
    let fresh = app.has_validators
        && headers.contains_key(IF_NONE_MATCH)
        && is_fresh(headers, &photo.etag, None);
    let mut response = if fresh {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let keys = PhotoKeys::of(&photo)?;
        let key = if is_thumbnail {
            &keys.thumbnail
        } else {
            &keys.full
        };
        let content: Bytes = app.files.get(key).await?;
        Response::new(Body::from(content))
    };
    if let Some(version) = Version::of_photo(photo.post, &photo.etag) {
        response = app.versioned(response, &version);
    }
    let headers = response.headers_mut();
    if !fresh && let Ok(media_type) = HeaderValue::try_from(photo.media_type) {
        headers.insert(CONTENT_TYPE, media_type);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    Ok(response)
}

/// Deletes the files of a photo whose record is gone.
pub(super) async fn delete_files(app: &App, photo: &Photo) {
    if let Ok(keys) = PhotoKeys::of(photo) {
        keys.delete(&*app.files).await;
    }
}

fn new_keys(post: PostId) -> Result<PhotoKeys, Problem> {
    let number = getrandom::u64().map_err(|error| {
        tracing::error!(%error, "could not generate a random file name");
        Problem::internal()
    })?;
    Ok(PhotoKeys::new(post, number)?)
}
