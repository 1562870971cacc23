//! A value that many readers share, with the answer that was written for the first of them.

use std::any::Any;
use std::ops::Deref;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;

/// A value that many readers share. It keeps the body that one reader made of it for the others, so that
/// a popular value is turned into JSON once, not once a request.
#[derive(Debug)]
pub struct Shared<T> {
    value: T,
    body: OnceLock<Bytes>,
    joined: Mutex<Option<Joined>>,
}

/// A body that was made of this value and another, and that other.
#[derive(Debug)]
struct Joined {
    with: Arc<dyn Any + Send + Sync>,
    body: Bytes,
}

impl<T> Shared<T> {
    /// Shares a value.
    #[must_use]
    pub fn new(value: T) -> Arc<Self> {
        Arc::new(Self {
            value,
            body: OnceLock::new(),
            joined: Mutex::default(),
        })
    }

    /// The body that was made of the value, or that `make` makes of it now. All callers make the same
    /// of one type of value.
    ///
    /// # Errors
    /// Whatever `make` says.
    pub fn body<E>(&self, make: impl FnOnce(&T) -> Result<Bytes, E>) -> Result<Bytes, E> {
        if let Some(body) = self.body.get() {
            return Ok(body.clone());
        }
        let body = make(&self.value)?;
        // Where another was faster, its body is the same.
        Ok(self.body.get_or_init(|| body).clone())
    }

    /// As [`body`](Self::body), of this value and another together. The last body is kept, and is good
    /// for as long as it is asked for with the same other.
    ///
    /// # Errors
    /// Whatever `make` says.
    pub fn body_with<U, E>(
        &self,
        other: &Arc<Shared<U>>,
        make: impl FnOnce() -> Result<Bytes, E>,
    ) -> Result<Bytes, E>
    where
        U: Send + Sync + 'static,
    {
        // Held, so that nothing else can come to be at its address.
        let with: Arc<dyn Any + Send + Sync> = other.clone();
        let joined = || self.joined.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = &*joined()
            && Arc::as_ptr(&known.with).cast::<()>() == Arc::as_ptr(&with).cast()
        {
            return Ok(known.body.clone());
        }
        let body = make()?;
        *joined() = Some(Joined {
            with,
            body: body.clone(),
        });
        Ok(body)
    }
}

impl<T: Clone> Shared<T> {
    /// The value by itself, copied where others share it.
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
    fn a_body_of_two_values_is_made_once_for_both() {
        let (posts, user, other) = (Shared::new(1), Shared::new("a"), Shared::new("a"));
        let make = |text| move || Ok::<_, &str>(Bytes::from_static(text));
        assert_eq!(posts.body_with(&user, make(b"first")).unwrap(), "first");
        assert_eq!(
            posts.body_with(&user, || Err("made again")).unwrap(),
            "first"
        );
        // Another value that looks the same is another value.
        assert_eq!(posts.body_with(&other, || Err("no")), Err("no"));
        assert_eq!(posts.body_with(&other, make(b"second")).unwrap(), "second");
        assert_eq!(posts.body_with(&user, make(b"third")).unwrap(), "third");
    }

    #[test]
    fn a_body_is_made_once() {
        let shared = Shared::new(7);
        let failed = shared.body(|_| Err("no"));
        assert_eq!(failed, Err("no"));
        let made = shared.body(|value| Ok::<_, ()>(Bytes::from(value.to_string())));
        assert_eq!(made.unwrap(), "7");
        let kept = shared.body(|_| Err("made again"));
        assert_eq!(kept.unwrap(), "7");
    }
}
