//! Validators and cache directives: how long clients and edges may use a response again.

use std::hash::{DefaultHasher, Hash, Hasher};

use axum::body::Body;
use axum::response::Response;
use http::header::{CACHE_CONTROL, ETAG};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::App;
use super::asset::is_fresh;
use crate::edges::{KEPT, keys};
use crate::model::{ContentFormat, Post, PostId, User, UserId};
use crate::store::PostList;

/// Directives for edges alone (RFC 9213).
const CDN_CACHE_CONTROL: HeaderName = HeaderName::from_static("cdn-cache-control");
/// Keys by which edges purge a response.
const XKEY: HeaderName = HeaderName::from_static("xkey");

/// Caches must revalidate each copy: anything may change at any time.
const REVALIDATE: HeaderValue = HeaderValue::from_static("no-cache");
/// The same for a response to one user.
const REVALIDATE_PRIVATELY: HeaderValue = HeaderValue::from_static("private, no-cache");

/// Version of a response.
#[derive(Debug)]
pub(super) struct Version {
    tag: HeaderValue,
    /// Key for edges. `None` if the response is for one user.
    key: Option<String>,
}

impl Version {
    /// Version of a photo, which has a strong tag.
    pub(super) fn of_photo(post: PostId, etag: &str) -> Option<Self> {
        Some(Self {
            tag: HeaderValue::try_from(etag).ok()?,
            key: Some(keys::post(post)),
        })
    }

    /// Version of a post.
    pub(super) fn of_post(post: &Post, format: ContentFormat) -> Self {
        Self::of(Some(keys::post(post.id)), |hash| {
            hash_posts(hash, [post].into_iter(), format);
        })
    }

    /// Version of a page of a user.
    pub(super) fn of_user(user: &User, posts: &PostList, format: ContentFormat) -> Self {
        Self::of(Some(keys::user(user.id)), |hash| {
            (user.followers, user.following, user.posts).hash(hash);
            hash_posts(hash, posts.iter().map(|post| &***post), format);
        })
    }

    /// Version of a page of a user's feed.
    pub(super) fn of_feed(reader: UserId, posts: &PostList, format: ContentFormat) -> Self {
        Self::of(None, |hash| {
            reader.hash(hash);
            hash_posts(hash, posts.iter().map(|post| &***post), format);
        })
    }

    /// The tag is weak, as it is that of the data and not of the bytes.
    fn of(key: Option<String>, add: impl FnOnce(&mut DefaultHasher)) -> Self {
        let mut hash = DefaultHasher::new();
        add(&mut hash);
        let tag = HeaderValue::try_from(format!("W/\"{:016x}\"", hash.finish()));
        Self {
            // Hexadecimal digits in quotes are always a valid header value.
            tag: tag.unwrap_or(HeaderValue::from_static("W/\"\"")),
            key,
        }
    }
}

/// Everything of a post that changes, changes the time of its last edit, or whether it has a photo.
fn hash_posts<'a>(
    hash: &mut DefaultHasher,
    posts: impl Iterator<Item = &'a Post>,
    format: ContentFormat,
) {
    (format.has_markdown(), format.has_html()).hash(hash);
    for post in posts {
        (
            post.id,
            post.updated_at.0,
            post.has_photo,
            post.content.len(),
        )
            .hash(hash);
    }
}

impl App {
    /// Returns 304 if the client has this version.
    pub(super) fn unchanged(&self, headers: &HeaderMap, version: &Version) -> Option<Response> {
        let has_tag = headers.contains_key(http::header::IF_NONE_MATCH);
        let tag = version.tag.to_str().ok()?.trim_start_matches("W/");
        if !self.has_validators || !has_tag || !is_fresh(headers, tag, None) {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        Some(self.versioned(response, version))
    }

    /// Adds the validator and the directives of a version.
    pub(super) fn versioned(&self, mut response: Response, version: &Version) -> Response {
        let headers = response.headers_mut();
        if self.has_validators {
            headers.insert(ETAG, version.tag.clone());
            let directive = match version.key {
                Some(_) => REVALIDATE,
                None => REVALIDATE_PRIVATELY,
            };
            headers.insert(CACHE_CONTROL, directive);
        }
        if let Some(key) = version.key.as_ref().filter(|_| self.has_edges) {
            let kept = HeaderValue::try_from(format!("max-age={}", KEPT.as_secs()));
            let key = HeaderValue::try_from(format!("{key} {}", keys::ALL));
            if let (Ok(kept), Ok(key)) = (kept, key) {
                headers.insert(CDN_CACHE_CONTROL, kept);
                headers.insert(XKEY, key);
            }
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Timestamp;

    fn post() -> Post {
        Post {
            id: PostId(1),
            author: UserId(2),
            author_handle: "ada".to_owned(),
            content: "text".to_owned(),
            html: "<p>text</p>".to_owned(),
            created_at: Timestamp(5),
            updated_at: Timestamp(5),
            has_photo: false,
        }
    }

    #[test]
    fn each_change_has_a_version_of_its_own() {
        let mut edited = post();
        edited.updated_at = Timestamp(6);
        let mut with_photo = post();
        with_photo.has_photo = true;
        let all = ContentFormat::All;
        let tags = [
            Version::of_post(&post(), all),
            Version::of_post(&edited, all),
            Version::of_post(&with_photo, all),
            Version::of_post(&post(), ContentFormat::Html),
            Version::of_feed(UserId(1), &PostList::new(vec![post()]), all),
            Version::of_feed(UserId(2), &PostList::new(vec![post()]), all),
            Version::of_feed(UserId(1), &PostList::default(), all),
        ]
        .map(|version| version.tag);
        for (index, tag) in tags.iter().enumerate() {
            assert!(
                !tags.iter().skip(index + 1).any(|other| other == tag),
                "{tag:?}"
            );
        }
        assert_eq!(Version::of_post(&post(), all).tag, tags[0]);
    }
}
