//! Cached values, and their encoding in the shared cache.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::{BufMut, Bytes, BytesMut};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::key::Key;
use crate::model::{LiveSession, Photo, Post, User, UserId};
use crate::store::{PostList, Shared};

/// Cached value. Cheap to clone.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// The record does not exist.
    Absent,
    Post(Arc<Shared<Post>>),
    User(Arc<Shared<User>>),
    Photo(Arc<Photo>),
    Session(LiveSession),
    Followees(Arc<[UserId]>),
    Posts(Arc<Shared<PostList>>),
    /// Feed, with the followees it was read for, if they are few enough.
    Feed(Arc<Shared<PostList>>, Option<Arc<[UserId]>>),
}

/// Value in the local layer.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) value: Value,
    /// Start of its load. The value contains all changes before it.
    pub(super) begun: Instant,
    /// For a feed: number of the newest change against which it was validated.
    pub(super) checked: AtomicU64,
}

impl Value {
    /// Returns the size in memory, in bytes, including the serialised body.
    pub(super) fn weight(&self) -> usize {
        let text =
            |post: &Post| post.content.len() + post.html.len() + post.author_handle.len() + 128;
        // Each post of a list may have a serialised body, in addition to that of the list.
        let list = |posts: &PostList| posts.iter().map(|post| 3 * text(post)).sum::<usize>();
        96 + match self {
            Self::Absent | Self::Session(_) => 64,
            Self::Post(post) => 2 * text(post),
            Self::User(_) => 512,
            Self::Photo(_) => 512,
            Self::Followees(ids) => 8 * ids.len(),
            Self::Posts(posts) => list(posts),
            // An upper bound: posts and followees may be shared.
            Self::Feed(posts, of) => list(posts) + of.as_ref().map_or(0, |of| 8 * of.len()),
        }
    }

    fn json(&self) -> Option<Vec<u8>> {
        fn json<T: Serialize>(value: &T) -> Option<Vec<u8>> {
            serde_json::to_vec(value).ok()
        }
        match self {
            Self::Absent | Self::Feed(..) => None,
            Self::Post(post) => json::<Post>(post),
            Self::User(user) => json::<User>(user),
            Self::Photo(photo) => json::<Photo>(photo),
            Self::Session(session) => json(session),
            Self::Followees(ids) => json(&ids.iter().collect::<Vec<_>>()),
            Self::Posts(posts) => json::<Vec<&Post>>(&posts.iter().map(|post| &***post).collect()),
        }
    }

    fn read(key: &Key, text: &[u8]) -> Option<Self> {
        fn json<T: DeserializeOwned>(text: &[u8]) -> Option<T> {
            serde_json::from_slice(text).ok()
        }
        Some(match key {
            Key::Post(_) => Self::Post(Shared::new(json(text)?)),
            Key::User(_) => Self::User(Shared::new(json(text)?)),
            Key::Photo(_) => Self::Photo(Arc::new(json(text)?)),
            Key::Session(_) => Self::Session(json(text)?),
            Key::Followees(_) => Self::Followees(json::<Vec<UserId>>(text)?.into()),
            Key::Posts(..) => Self::Posts(Shared::new(PostList::new(json(text)?))),
            Key::Feed(..) => return None,
        })
    }
}

const ABSENT: u8 = b'-';
const VALUE: u8 = b'=';
const LOADING: u8 = b'?';
const WRITING: u8 = b'!';

/// Content of a key in the shared cache.
#[derive(Debug)]
pub(super) enum Envelope {
    /// Value with its expiry, by the clock of the process that set it.
    Value(Value, SystemTime),
    /// A process is loading the value: worth waiting for.
    Loading,
    /// A process is writing the value, or the encoding is unknown: read from the store.
    Unknown,
}

impl Envelope {
    pub(super) fn read(key: &Key, bytes: &[u8]) -> Self {
        let read = || match bytes.split_first()? {
            (&ABSENT, _) => Some(Self::Value(Value::Absent, UNIX_EPOCH)),
            (&LOADING, _) => Some(Self::Loading),
            (&VALUE, rest) => {
                let (ends_ms, text) = rest.split_first_chunk::<8>()?;
                let ends = UNIX_EPOCH + Duration::from_millis(u64::from_be_bytes(*ends_ms));
                Some(Self::Value(Value::read(key, text)?, ends))
            }
            _ => None,
        };
        read().unwrap_or(Self::Unknown)
    }

    /// Encodes a value that lives for `ttl`. `None` if it must not be shared.
    pub(super) fn seal(value: &Value, ttl: Duration) -> Option<Bytes> {
        if matches!(value, Value::Absent) {
            return Some(Bytes::from_static(&[ABSENT]));
        }
        let text = value.json()?;
        let ends = SystemTime::now() + ttl;
        let ends_ms = ends
            .duration_since(UNIX_EPOCH)
            .unwrap_or_default()
            .as_millis();
        let mut bytes = BytesMut::with_capacity(9 + text.len());
        bytes.put_u8(VALUE);
        bytes.put_u64(u64::try_from(ends_ms).unwrap_or(u64::MAX));
        bytes.put_slice(&text);
        Some(bytes.freeze())
    }

    /// Encodes a lease for loading. Each is unique.
    pub(super) fn loading(lease: u128) -> Bytes {
        Self::lease(LOADING, lease)
    }

    /// Encodes a lease for writing. Each is unique.
    pub(super) fn writing(lease: u128) -> Bytes {
        Self::lease(WRITING, lease)
    }

    fn lease(kind: u8, lease: u128) -> Bytes {
        let mut bytes = BytesMut::with_capacity(17);
        bytes.put_u8(kind);
        bytes.put_u128(lease);
        bytes.freeze()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{PostId, Timestamp};

    #[test]
    fn values_survive_encoding() {
        let session = Value::Session(LiveSession {
            user: UserId(7),
            expires_at: Timestamp(9),
        });
        let key = Key::Session(crate::model::TokenDigest([1; 32]));
        let sealed = Envelope::seal(&session, Duration::from_secs(5)).unwrap();
        let Envelope::Value(Value::Session(read), ends) = Envelope::read(&key, &sealed) else {
            panic!("{sealed:?}");
        };
        assert_eq!((read.user, read.expires_at), (UserId(7), Timestamp(9)));
        let left = ends.duration_since(SystemTime::now()).unwrap();
        assert!(left <= Duration::from_secs(5));
        let absent = Envelope::seal(&Value::Absent, Duration::ZERO).unwrap();
        assert!(matches!(
            Envelope::read(&key, &absent),
            Envelope::Value(Value::Absent, _)
        ));
    }

    #[test]
    fn other_bytes_are_not_values() {
        let key = Key::Post(PostId(1));
        assert!(matches!(
            Envelope::read(&key, &Envelope::loading(1)),
            Envelope::Loading
        ));
        for bytes in [
            &b""[..],
            b"x",
            b"=",
            b"=1234567",
            b"=12345678{}",
            &Envelope::writing(1),
        ] {
            let read = Envelope::read(&key, bytes);
            assert!(matches!(read, Envelope::Unknown), "{bytes:?}: {read:?}");
        }
        assert_ne!(Envelope::loading(1), Envelope::loading(2));
        assert_ne!(Envelope::loading(1), Envelope::writing(1));
    }
}
