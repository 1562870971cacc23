//! The photo of a post and its thumbnail.

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_TYPE, ETAG, IF_NONE_MATCH, LOCATION, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};

use super::answer::Answer;
use super::asset::{etag, is_fresh};
use super::extract::{self, Id, Session, now};
use super::{App, Shared};
use crate::files::{FileKey, FilesError};
use crate::model::{Photo, PostId};
use crate::photo::{PhotoFormat, thumbnail as make_thumbnail};
use crate::problem::{Problem, ProblemDocument};

/// A copy may be used, but only after asking: the photo of a post may be changed.
const CACHE: &str = "no-cache";

/// Gives a post of one's own its photo, in place of the one it had.
#[utoipa::path(
    put, path = "/v1/posts/{id}/photo", tag = "photos",
    params(("id" = i64, Path, description = "The number of the post")),
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
) -> Answer {
    let format = PhotoFormat::from_media_type(extract::content_type(request.headers()))
        .ok_or_else(|| Problem::unsupported("a photo is `image/jpeg` or `image/png`"))?;
    let mut timing = app.timing();
    // Asked before the body is read: five megabytes for nothing are many.
    let post = timing.store(app.store.post(PostId(id))).await?;
    if post.author != session.user {
        return Err(Problem::forbidden("only its author may change a post"));
    }
    let busy = || Problem::unavailable("too many photos at once");
    let _inside = app.photos_inside.try_acquire().map_err(|_| busy())?;
    let photo = extract::read(request, app.photo_limit, &app).await?;
    let slot = app.photos_processed.clone().acquire_owned().await;
    let slot = slot.map_err(|_| busy())?;
    let work = {
        let photo = photo.clone();
        // The slot goes along: the work goes on where the client goes away.
        tokio::task::spawn_blocking(move || {
            let done = (make_thumbnail(&photo, format), etag(&photo));
            drop(slot);
            done
        })
    };
    let (small, etag) = work.await.map_err(|error| {
        tracing::error!(%error, "a photo was not processed");
        Problem::internal()
    })?;
    let small = small.map_err(|error| Problem::unprocessable(error.to_string()))?;

    let (full_key, small_key) = keys(id)?;
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
        app.files.put(&small_key, small).await?;
        let put = app.store.put_photo(session.user, record.clone());
        Ok::<_, Problem>(timing.store(put).await?)
    };
    match stored.await {
        Ok(before) => {
            if let Some(before) = before {
                forget(&app, &before).await;
            }
        }
        // Whether the record was stored is not known for sure then: better a file too many.
        Err(problem) if problem.status() == StatusCode::SERVICE_UNAVAILABLE => return Err(problem),
        Err(problem) => {
            forget(&app, &record).await;
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

/// Shows the photo of a post.
#[utoipa::path(
    get, path = "/v1/posts/{id}/photo", tag = "photos",
    params(("id" = i64, Path, description = "The number of the post")),
    responses(
        (status = 200, description = "The photo",
            content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"))),
        (status = 304, description = "The copy is still good"),
        (status = 404, description = "No photo", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(State(app): State<Shared>, Id(id): Id, headers: HeaderMap) -> Answer {
    serve(&app, id, &headers, false).await
}

/// Shows the thumbnail of a post's photo, at most 256 pixels a side.
#[utoipa::path(
    get, path = "/v1/posts/{id}/thumbnail", tag = "photos",
    params(("id" = i64, Path, description = "The number of the post")),
    responses(
        (status = 200, description = "The thumbnail",
            content((Vec<u8> = "image/jpeg"), (Vec<u8> = "image/png"))),
        (status = 304, description = "The copy is still good"),
        (status = 404, description = "No photo", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn thumbnail(State(app): State<Shared>, Id(id): Id, headers: HeaderMap) -> Answer {
    serve(&app, id, &headers, true).await
}

async fn serve(app: &App, id: i64, headers: &HeaderMap, small: bool) -> Answer {
    let mut timing = app.timing();
    let photo = timing.store(app.store.photo(PostId(id))).await?;
    // The thumbnail follows from the photo, so one tag serves for both: they have two addresses.
    let fresh = headers.contains_key(IF_NONE_MATCH) && is_fresh(headers, &photo.etag, None);
    let mut response = if fresh {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let key = FileKey::new(photo.file_key)?;
        let key = if small { small_key(&key)? } else { key };
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

/// Deletes the files of a photo that nothing points to any more.
pub(super) async fn forget(app: &App, photo: &Photo) {
    let Ok(full) = FileKey::new(photo.file_key.clone()) else {
        return;
    };
    for key in [small_key(&full), Ok(full)].into_iter().flatten() {
        if let Err(error) = app.files.delete(&key).await {
            tracing::warn!(%error, "a file that is not needed any more stays");
        }
    }
}

/// New keys for a photo and its thumbnail: never used before, so that nobody reads half of one
/// photo and half of another.
fn keys(post: i64) -> Result<(FileKey, FileKey), Problem> {
    let number = getrandom::u64().map_err(|error| {
        tracing::error!(%error, "there is no randomness for a file's name");
        Problem::internal()
    })?;
    let full = FileKey::new(format!("photos/{:03}/{post}-{number:016x}", post % 1_000))?;
    let small = small_key(&full)?;
    Ok((full, small))
}

fn small_key(full: &FileKey) -> Result<FileKey, FilesError> {
    FileKey::new(format!("{}-thumbnail", full.as_str()))
}
