//! Value shared by many readers, with its serialised bodies.

use std::any::Any;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

use crate::model::ContentFormat;

/// Value shared by many readers. Caches the body that the first reader of each content format serialised, so that a
/// popular value is serialised once instead of once a request.
#[derive(Debug)]
pub struct Shared<T> {
    value: T,
    bodies: [OnceLock<Bytes>; ContentFormat::COUNT],
    joined: Mutex<Option<Joined>>,
}

/// Body of this value joined with another value.
#[derive(Debug)]
struct Joined {
    with: Arc<dyn Any + Send + Sync>,
    format: ContentFormat,
    body: Bytes,
}

impl<T> Shared<T> {
    /// Shares a value.
    #[must_use]
    pub fn new(value: T) -> Arc<Self> {
        Arc::new(Self {
            value,
            bodies: Default::default(),
            joined: Mutex::default(),
        })
    }

    /// Returns the cached body in a format, or serialises it with `make`. All callers must pass an equivalent `make`.
    ///
    /// # Errors
    /// The error of `make`.
    pub fn body<E>(
        &self,
        format: ContentFormat,
        make: impl FnOnce(&T) -> Result<Bytes, E>,
    ) -> Result<Bytes, E> {
        let cached = &self.bodies[format as usize];
        if let Some(body) = cached.get() {
            return Ok(body.clone());
        }
        let body = make(&self.value)?;
        // If another reader was faster, its body is the same.
        Ok(cached.get_or_init(|| body).clone())
    }

    /// Like [`body`](Self::body), for this value joined with another. Caches the last body, for calls with
    /// the same other value and format.
    ///
    /// # Errors
    /// The error of `make`.
    pub fn body_with<U, E>(
        &self,
        format: ContentFormat,
        other: &Arc<Shared<U>>,
        make: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E>
    where
        U: Send + Sync + 'static,
    {
        // Kept alive, so that no other value can get its address.
        let with: Arc<dyn Any + Send + Sync> = other.clone();
        let joined = || self.joined.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*joined()
            && known.format == format
            && Arc::as_ptr(&known.with).cast::<()>() == Arc::as_ptr(&with).cast()
        {
            return Ok(known.body.clone());
        }
        let body = make()?;
        *joined() = Some(Joined {
            with,
            format,
            body: body.clone(),
        });
        Ok(body)
    }
}

impl<T: Clone> Shared<T> {
    /// Returns the value, cloning it if it is shared.
    #[must_use]
    pub fn into_value(shared: Arc<Self>) -> T {
        match Arc::try_unwrap(shared) {
            Ok(only) => only.value,
            Err(shared) => shared.value.clone(),
        }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn joined_body_is_made_once() {
        let (posts, user, other) = (Shared::new(1), Shared::new("a"), Shared::new("a"));
        let all = ContentFormat::All;
        let make = |text| move || Ok::<_, &str>(Bytes::from_static(text));
        assert_eq!(
            posts.body_with(all, &user, make(b"first")).unwrap(),
            "first"
        );
        assert_eq!(
            posts.body_with(all, &user, || Err("made again")).unwrap(),
            "first"
        );
        // An equal value is still another value.
        assert_eq!(posts.body_with(all, &other, || Err("no")), Err("no"));
        assert_eq!(
            posts.body_with(all, &other, make(b"second")).unwrap(),
            "second"
        );
        assert_eq!(
            posts.body_with(all, &user, make(b"third")).unwrap(),
            "third"
        );
        let html = ContentFormat::Html;
        assert_eq!(posts.body_with(html, &user, make(b"html")).unwrap(), "html");
    }

    #[test]
    fn body_is_made_once_for_each_format() {
        let shared = Shared::new(7);
        let failed = shared.body(ContentFormat::All, |_| Err("no"));
        assert_eq!(failed, Err("no"));
        let made = shared.body(ContentFormat::All, |value| {
            Ok::<_, ()>(Bytes::from(value.to_string()))
        });
        assert_eq!(made.unwrap(), "7");
        let cached = shared.body(ContentFormat::All, |_| Err("made again"));
        assert_eq!(cached.unwrap(), "7");
        let other = shared.body(ContentFormat::Markdown, |_| Err("made anew"));
        assert_eq!(other, Err("made anew"));
    }
}
