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

use super::response::HandlerResult;
use super::{App, Shared};
use crate::files::{FileKey, Files, FilesError};
use crate::problem::{Problem, ProblemDocument};

/// Date of the last change of any asset. A constant, so that all servers agree: update it with the
/// assets. The entity tags are computed.
const MODIFIED: &str = "Mon, 23 Nov 2026 00:00:00 GMT";
/// Caches may serve a copy for an hour without revalidation.
const CACHE: &str = "public, max-age=3600";
/// Caches may keep a copy for a year: a path with a tag never has another content.
const CACHE_FOREVER: &str = "public, max-age=31536000, immutable";
/// Pages may load resources of this site only.
const POLICY: &str = "default-src 'self'";

struct Asset {
    name: &'static str,
    media_type: &'static str,
    content: Bytes,
    etag: HeaderValue,
}

impl Asset {
    /// Returns the tag in the path that never has another content.
    fn tag(&self) -> &str {
        self.etag.to_str().unwrap_or_default().trim_matches('"')
    }
}

/// Number of assets.
const COUNT: usize = 4;

static ASSETS: LazyLock<[Asset; COUNT]> = LazyLock::new(|| {
    let files = [
        asset(
            "tenfold.css",
            "text/css; charset=utf-8",
            Bytes::from_static(include_bytes!("../../assets/tenfold.css")),
        ),
        asset(
            "tenfold.js",
            "text/javascript; charset=utf-8",
            Bytes::from_static(include_bytes!("../../assets/tenfold.js")),
        ),
        asset(
            "logo.svg",
            "image/svg+xml",
            Bytes::from_static(include_bytes!("../../assets/logo.svg")),
        ),
    ];
    // The page names the files by paths with their tags, so that browsers keep them.
    let mut page = include_str!("../../assets/index.html").to_owned();
    for file in &files {
        let tagged = format!("/static/{}/{}", file.tag(), file.name);
        page = page.replace(&format!("/static/{}", file.name), &tagged);
    }
    let [css, js, logo] = files;
    let page = asset("index.html", "text/html; charset=utf-8", page.into());
    [css, js, logo, page]
});

fn asset(name: &'static str, media_type: &'static str, content: Bytes) -> Asset {
    Asset {
        name,
        media_type,
        etag: etag(&content),
        content,
    }
}

/// Computes a strong entity tag: half of the content's SHA-256.
pub(super) fn etag(content: &[u8]) -> HeaderValue {
    let digest = Sha256::digest(content);
    let hex = digest.iter().take(16).map(|byte| format!("{byte:02x}"));
    let tag = format!("\"{}\"", hex.collect::<String>());
    // Hexadecimal digits in quotes are always a valid header value.
    HeaderValue::try_from(tag).unwrap_or(HeaderValue::from_static("\"\""))
}

/// Returns true if the client's copy is fresh by RFC 9110, sections 13.1.2 and 13.1.3. Entity tags are
/// compared weakly and take precedence over the date, which must match exactly.
pub(super) fn is_fresh(headers: &HeaderMap, etag: &str, modified: Option<&str>) -> bool {
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
    since.is_some() && since.and_then(|since| since.to_str().ok()) == modified
}

/// Returns a static asset.
#[utoipa::path(
    get, path = "/static/{path}", tag = "assets",
    params(("path" = String, Path, description = "Name of the asset")),
    responses(
        (status = 200, description = "The asset", content_type = "application/octet-stream"),
        (status = 304, description = "The client's copy is fresh"),
        (status = 404, description = "Asset not found", body = ProblemDocument,
            content_type = "application/problem+json"),
    )
)]
pub(super) async fn read(
    State(app): State<Shared>,
    params: Result<RawPathParams, RawPathParamsRejection>,
    headers: HeaderMap,
) -> HandlerResult {
    let not_found = || Problem::not_found("asset not found");
    // A path that is not UTF-8 matches no asset. Axum's own rejection is not a problem document.
    let params = params.map_err(|_| not_found())?;
    let (_, path) = params.iter().next().ok_or_else(not_found)?;
    let (tag, name) = match path.split_once('/') {
        Some((tag, name)) => (Some(tag), name),
        None => (None, path),
    };
    let mut assets = ASSETS.iter().enumerate();
    let found = assets.find(|(_, asset)| asset.name == name);
    let (index, asset) = found.ok_or_else(not_found)?;
    if let Some(tag) = tag.filter(|tag| *tag != asset.tag()) {
        return of_other_version(&app, tag, asset)
            .await
            .ok_or_else(not_found);
    }
    let fresh = is_fresh(
        &headers,
        asset.etag.to_str().unwrap_or_default(),
        Some(MODIFIED),
    );
    let mut response = if fresh {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        Response::new(Body::from(content(index, asset, &app).await))
    };
    let headers = response.headers_mut();
    headers.insert(ETAG, asset.etag.clone());
    headers.insert(LAST_MODIFIED, HeaderValue::from_static(MODIFIED));
    let cache = tag.map_or(CACHE, |_| CACHE_FOREVER);
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    if !fresh {
        describe(headers, asset);
    }
    Ok(response)
}

/// Adds the headers of an asset's content.
fn describe(headers: &mut HeaderMap, asset: &Asset) {
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(asset.media_type));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
}

/// Returns an asset as a server of another version has it: during a rollout, a page may come from one and ask another. `None` if
/// the file store does not have it.
async fn of_other_version(app: &App, tag: &str, asset: &Asset) -> Option<Response> {
    let is_tag = tag.len() == asset.tag().len() && tag.bytes().all(|c| c.is_ascii_hexdigit());
    if !app.assets_in_files || !is_tag {
        return None;
    }
    let key = FileKey::new(format!("static/{tag}/{}", asset.name)).ok()?;
    let content = app.files.get(&key).await.ok()?;
    let mut response = Response::new(Body::from(content));
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(CACHE_FOREVER));
    describe(headers, asset);
    Some(response)
}

/// Copies the assets to the file store. The entity tag is part of each key, so that servers of
/// different versions do not interfere.
pub(crate) async fn publish(files: &dyn Files) -> Result<(), FilesError> {
    for asset in ASSETS.iter() {
        files.put(&key(asset)?, asset.content.clone()).await?;
    }
    Ok(())
}

/// Assets read from the file store. They never expire: the key contains the entity tag.
#[derive(Debug, Default)]
pub(super) struct AssetCache([OnceLock<Bytes>; COUNT]);

/// Returns the content of an asset, from the file store if assets are served from there. Falls back to
/// the embedded copy.
async fn content(index: usize, asset: &Asset, app: &App) -> Bytes {
    let embedded = asset.content.clone();
    if !app.assets_in_files {
        return embedded;
    }
    let cached = &app.assets.0[index];
    if let Some(content) = cached.get() {
        return content.clone();
    }
    let found = match key(asset) {
        Ok(key) => app.files.get(&key).await,
        Err(error) => Err(error),
    };
    match found {
        Ok(content) if content == asset.content => cached.get_or_init(|| content).clone(),
        Ok(_) => {
            tracing::warn!(
                asset = asset.name,
                "the file store has another version of an asset"
            );
            embedded
        }
        Err(error) => {
            tracing::warn!(%error, asset = asset.name, "could not read an asset from the file store");
            embedded
        }
    }
}

fn key(asset: &Asset) -> Result<FileKey, FilesError> {
    FileKey::new(format!("static/{}/{}", asset.tag(), asset.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fresh(name: http::HeaderName, value: &'static str) -> bool {
        let headers = HeaderMap::from_iter([(name, HeaderValue::from_static(value))]);
        is_fresh(&headers, "\"abc\"", Some(MODIFIED))
    }

    #[tokio::test]
    async fn caches_published_assets_and_rejects_others() {
        let folder = tempfile::tempdir().unwrap();
        let url = format!("file:{}", folder.path().display());
        let files = crate::files::resolve(&url, true).unwrap();
        let mut config = crate::Config::new("memory:", url);
        config.assets_in_files = true;
        let store = std::sync::Arc::new(crate::store::MemoryStore::default());
        let sessions = crate::polyglot::StoreSessions::new(store.clone());
        let (_stop, stopped) = tokio::sync::watch::channel(false);
        let app = App::new(
            &config,
            (store.clone(), store),
            std::sync::Arc::new(sessions),
            files.clone(),
            None,
            &std::sync::Arc::default(),
            stopped,
        );
        let (index, asset) = (0, &ASSETS[0]);
        let is_cached = || app.assets.0[index].get().is_some();
        // Neither a missing asset nor another content is cached.
        assert_eq!(*content(index, asset, &app).await, *asset.content);
        let other = Bytes::from_static(b"other");
        files.put(&key(asset).unwrap(), other).await.unwrap();
        assert_eq!(*content(index, asset, &app).await, *asset.content);
        assert!(!is_cached());
        // A published one is.
        publish(&*files).await.unwrap();
        assert_eq!(*content(index, asset, &app).await, *asset.content);
        assert!(is_cached());
    }

    #[test]
    fn copy_is_fresh_by_tag_or_date() {
        assert!(!is_fresh(&HeaderMap::new(), "\"abc\"", Some(MODIFIED)));
        for good in ["\"abc\"", "W/\"abc\"", "*", "\"x\", \"abc\""] {
            assert!(fresh(IF_NONE_MATCH, good), "{good}");
        }
        assert!(!fresh(IF_NONE_MATCH, "\"x\""));
        assert!(fresh(IF_MODIFIED_SINCE, MODIFIED));
        assert!(!fresh(IF_MODIFIED_SINCE, "Thu, 01 Jan 1970 00:00:00 GMT"));
        let mut both = HeaderMap::new();
        both.insert(IF_NONE_MATCH, HeaderValue::from_static("\"x\""));
        both.insert(IF_MODIFIED_SINCE, HeaderValue::from_static(MODIFIED));
        assert!(!is_fresh(&both, "\"abc\"", Some(MODIFIED)));
    }
}
