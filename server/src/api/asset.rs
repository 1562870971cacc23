//! Static assets, embedded in the binary.

use std::sync::{LazyLock, OnceLock};

use axum::body::{Body, Bytes};
use axum::extract::rejection::RawPathParamsRejection;
use axum::extract::{RawPathParams, State};
use axum::response::Response;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    LAST_MODIFIED, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, HeaderValue, StatusCode};
use sha2::{Digest, Sha256};

use super::answer::Answer;
use super::{App, Shared};
use crate::files::{FileKey, Files, FilesError};
use crate::problem::{Problem, ProblemDocument};

/// When the assets were last changed. A constant, so that all servers say the same; whoever
/// changes an asset changes this. The entity tag follows by itself.
const CHANGED: &str = "Mon, 23 Nov 2026 00:00:00 GMT";
/// How long a copy may be used without asking.
const CACHE: &str = "public, max-age=3600";
/// The pages load what is their own, and nothing else.
const POLICY: &str = "default-src 'self'";

struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: &'static [u8],
    etag: HeaderValue,
}

/// How many there are.
const COUNT: usize = 4;

static ASSETS: LazyLock<[Asset; COUNT]> = LazyLock::new(|| {
    [
        asset(
            "tenfold.css",
            "text/css; charset=utf-8",
            include_bytes!("../../assets/tenfold.css"),
        ),
        asset(
            "tenfold.js",
            "text/javascript; charset=utf-8",
            include_bytes!("../../assets/tenfold.js"),
        ),
        asset(
            "logo.svg",
            "image/svg+xml",
            include_bytes!("../../assets/logo.svg"),
        ),
        asset(
            "index.html",
            "text/html; charset=utf-8",
            include_bytes!("../../assets/index.html"),
        ),
    ]
});

fn asset(name: &'static str, media_type: &'static str, content: &'static [u8]) -> Asset {
    Asset {
        name,
        media_type,
        content,
        etag: etag(content),
    }
}

/// A strong entity tag: half of the content's SHA-256.
pub(super) fn etag(content: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(content);
    let hex = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    let tag = format!("\"{}\"", hex.collect::<String>());
    // Hexadecimal digits in quotes are always a header value.
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Whether the client's copy is still good, by RFC 9110, sections 13.1.2 and 13.1.3: a list of
/// entity tags is compared weakly and overrules the date, which is compared as it was given.
pub(super) fn is_fresh(headers: &HeaderMap, etag: &str, changed: Option<&str>) -> bool {
    if headers.contains_key(IF_NONE_MATCH) {
        return headers
            .get_all(IF_NONE_MATCH)
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|list| list.split(','))
            .map(str::trim)
            .any(|tag| tag == "*" || tag.trim_start_matches("W/") == etag);
    }
    let since = headers.get(IF_MODIFIED_SINCE);
    since.is_some() && since.and_then(|since| since.to_str().ok()) == changed
}

/// Serves an asset.
#[utoipa::path(
    get, path = "/static/{path}", tag = "assets",
    params(("path" = String, Path, description = "The name of the asset")),
    responses(
        (status = 200, description = "The asset", content_type = "application/octet-stream"),
        (status = 304, description = "The copy is still good"),
        (status = 404, description = "No such asset", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(
    State(app): State<Shared>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    headers: HeaderMap,
) -> Answer {
    // A path that is no UTF-8 names nothing; axum's own answer would be no problem document.
    let (number, asset) = params
        .ok()
        .and_then(|params| {
            let (_, name) = params.iter().next()?;
            let mut numbered = ASSETS.iter().enumerate();
            numbered.find(|(_, asset)| asset.name == name)
        })
        .ok_or_else(|| Problem::not_found("there is no such asset"))?;
    let fresh = is_fresh(
        &headers,
        asset.etag.to_str().unwrap_or_default(),
        Some(CHANGED),
    );
    let mut response = if fresh {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(content(number, asset, &app).await))
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, asset.etag.clone());
    headers.insert(LAST_MODIFIED, HeaderValue::from_static(CHANGED));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE));
    if !fresh {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
        headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    }
    Ok(response)
}

/// Puts the assets where files are, each under its entity tag: servers of two versions are no matter to each other.
pub(crate) async fn publish(files: &dyn Files) -> Result<(), FilesError> {
    for asset in ASSETS.iter() {
        let content = Bytes::from_static(asset.content);
        files.put(&key(asset)?, content).await?;
    }
    Ok(())
}

/// What was found where files are. It is kept: the key has the entity tag in it, so that another content has another key.
#[derive(Debug, Default)]
pub(super) struct Found([OnceLock<Bytes>; COUNT]);

/// The content of an asset: from where files are, where assets are there too. One that can't be had is taken from the
/// binary.
async fn content(number: usize, asset: &Asset, app: &App) -> Bytes {
    let embedded = Bytes::from_static(asset.content);
    if !app.assets_in_files {
        return embedded;
    }
    let kept = &app.assets.0[number];
    if let Some(content) = kept.get() {
        return content.clone();
    }
    let found = match key(asset) {
        Ok(key) => app.files.get(&key).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(content) if *content == *asset.content => kept.get_or_init(|| content).clone(),
        Ok(_) => {
            tracing::warn!(
                asset = asset.name,
                "an asset is not what it was where files are"
            );
            embedded
        }
        Err(error) => {
            tracing::warn!(%error, asset = asset.name, "an asset was not found where files are");
            embedded
        }
    }
}

fn key(asset: &Asset) -> Result<FileKey, FilesError> {
    let tag = asset.etag.to_str().unwrap_or_default().trim_matches('"');
    FileKey::new(format!("static/{tag}/{}", asset.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(name: http::HeaderName, value: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        is_fresh(&headers, "\"abc\"", Some(CHANGED))
    }

    #[tokio::test]
    async fn what_was_published_is_read_once_and_nothing_else_is_served() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file:{}", folder.path().display());
        let files = crate::files::resolve(&url).unwrap();
        let mut config = crate::Config::new("memory:", url);
        config.assets_in_files = true;
        let store = std::sync::Arc::new(crate::store::MemoryStore::default());
        let app = App::new(&config, store, files.clone(), &std::sync::Arc::default());
        let (number, asset) = (0, &ASSETS[0]);
        let is_kept = || app.assets.0[number].get().is_some();
        // Neither is nothing kept, nor what somebody else put there.
        assert_eq!(*content(number, asset, &app).await, *asset.content);
        let other = Bytes::from_static(b"other");
        files.put(&key(asset).unwrap(), other).await.unwrap();
        assert_eq!(*content(number, asset, &app).await, *asset.content);
        assert!(!is_kept());
        // What is kept came from there.
        publish(&*files).await.unwrap();
        assert_eq!(*content(number, asset, &app).await, *asset.content);
        assert!(is_kept());
    }

    #[test]
    fn a_copy_is_fresh_by_tag_or_date() {
        assert!(!is_fresh(&HeaderMap::new(), "\"abc\"", Some(CHANGED)));
        for good in ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\""] {
            assert!(fresh(IF_NONE_MATCH, good), "{good}");
        }
        assert!(!fresh(IF_NONE_MATCH, "\"x\""));
        assert!(fresh(IF_MODIFIED_SINCE, CHANGED));
        assert!(!fresh(IF_MODIFIED_SINCE, "Thu, 01 Jan 1970 00:00:00 GMT"));
        let mut both = HeaderMap::new();
        both.insert(IF_NONE_MATCH, HeaderValue::from_static("\"x\""));
        both.insert(IF_MODIFIED_SINCE, HeaderValue::from_static(CHANGED));
        assert!(!is_fresh(&both, "\"abc\"", Some(CHANGED)));
    }
}
