//! Photo of a post and its thumbnail.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::asset::{etag, is_fresh};
use super::extract::{self, Id, Session, now};
use super::response::HandlerResult;
use super::{App, Shared};
use crate::files::{FileKey, FilesError};
use crate::ledger::{self, Part};
use crate::model::{Photo, PostId};
use crate::photo::{PhotoFormat, thumbnail as make_thumbnail};
use crate::problem::{Problem, ProblemDocument};

/// Caches must revalidate each copy: the photo of a post may change.
const CACHE: &str = "no-cache";

/// Sets the photo of one's own post, replacing any previous one.
#[utoipa::path(
    put, path = "/v1/posts/{id}/photo", tag = "photos",
    params(("id" = i64, Path, description = "Identifier of the post")),
    request_body(content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png")),
        description = "A JPEG or PNG of at most 5 MB and 24 million pixels"),
    security(("bearer" = []), ("cookie" = [])),
    responses(
        (status = 204, description = "Stored, with its thumbnail"),
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
    let busy = || Problem::unavailable("too many photos at once; try again later");
    let _admission = app.photos_admitted.try_acquire().map_err(|_| busy())?;
    let photo = extract::read(request, app.photo_limit, &app).await?;
    let slot = {
        let _span = ledger::enter(Part::Queue);
        app.photos_processed.clone().acquire_owned().await
    };
    let slot = slot.map_err(|_| busy())?;
    let work = {
        let photo = photo.clone();
        // The task owns the slot, because it continues after the client disconnects.
        ledger::blocking(move || {
            let done = (make_thumbnail(&photo, format), etag(&photo));
            drop(slot);
            done
        })
    };
    let (thumbnail, etag) = work.await.map_err(|error| {
        tracing::error!(%error, "could not process a photo");
        Problem::internal()
    })?;
    let thumbnail = thumbnail.map_err(|error| Problem::unprocessable(error.to_string()))?;

    let (full_key, thumbnail_key) = keys(id)?;
    let record = Photo {
        post: post.id,
        media_type: format.media_type().to_owned(),
        bytes: photo.len() as u64,
        file_key: full_key.as_str().to_owned(),
        etag: etag.to_str().unwrap_or_default().to_owned(),
        created_at: now(),
    };
    let stored = async {
        app.files.put(&full_key, photo).await?;
        app.files.put(&thumbnail_key, thumbnail).await?;
        let put = app.store.put_photo(session.user, record.clone());
        Ok::<_, Problem>(timing.store(put).await?)
    };
    match stored.await {
        Ok(previous) => {
            if let Some(previous) = previous {
                delete_files(&app, &previous).await;
            }
        }
        // The record may have been stored: rather leave an unused file behind than delete a used one.
        Err(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE => return Err(problem),
        Err(problem) => {
            delete_files(&app, &record).await;
            return Err(problem);
        }
    }
    let mut response = timing.no_content();
    response.headers_mut().insert(ETAG, etag);
    if let Ok(location) = HeaderValue::try_from(format!("/v1/posts/{id}/photo")) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
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
    let fresh = headers.contains_key(IF_NONE_MATCH) && is_fresh(headers, &photo.etag, None);
    let mut response = if fresh {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let key = FileKey::new(photo.file_key)?;
        let key = if is_thumbnail {
            thumbnail_key(&key)?
        } else {
            key
        };
        let content: Bytes = app.files.get(&key).await?;
        Response::new(Body::from(content))
    };
    let headers = response.headers_mut();
    if let Ok(etag) = HeaderValue::try_from(photo.etag) {
        headers.insert(ETAG, etag);
    }
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE));
    if !fresh && let Ok(media_type) = HeaderValue::try_from(photo.media_type) {
        headers.insert(CONTENT_TYPE, media_type);
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    }
    Ok(response)
}

/// Deletes the files of a photo whose record is gone.
pub(super) async fn delete_files(app: &App, photo: &Photo) {
    let Ok(full) = FileKey::new(photo.file_key.clone()) else {
        return;
    };
    for key in [thumbnail_key(&full), Ok(full)].into_iter().flatten() {
        if let Err(error) = app.files.delete(&key).await {
            tracing::warn!(%error, "could not delete an unused file");
        }
    }
}

/// Generates keys for a photo and its thumbnail. They are never reused, so that no reader gets parts of
/// two photos.
fn keys(post: i64) -> Result<(FileKey, FileKey), Problem> {
    let number = getrandom::u64().map_err(|error| {
        tracing::error!(%error, "could not generate a random file name");
        Problem::internal()
    })?;
    let full = FileKey::new(format!("photos/{:03}/{post}-{number:016x}", post % 1_000))?;
    let thumbnail = thumbnail_key(&full)?;
    Ok((full, thumbnail))
}

fn thumbnail_key(full: &FileKey) -> Result<FileKey, FilesError> {
    FileKey::new(format!("{}-thumbnail", full.as_str()))
}
