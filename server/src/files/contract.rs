//! Contract of [`Files`], as a suite for every backend.

use std::sync::Arc;

use bytes::Bytes;

use super::{FileKey, Files, FilesError};

fn key(text: &str) -> FileKey {
    FileKey::new(text).unwrap()
}

/// Runs the suite on an empty store.
pub(crate) async fn holds(files: Arc<dyn Files>) {
    stored_file_is_read(&*files).await;
    last_put_wins(&*files).await;
    deleted_file_is_gone(&*files).await;
    content_survives_unchanged(&*files).await;
    keys_are_independent(&*files).await;
    readers_see_whole_files(files).await;
}

async fn stored_file_is_read(files: &dyn Files) {
    let key = key("photos/12/a.jpg");
    assert!(matches!(files.get(&key).await, Err(FilesError::NotFound)));
    files.put(&key, Bytes::from_static(b"one")).await.unwrap();
    assert_eq!(files.get(&key).await.unwrap(), "one");
    assert!(files.exists(&key).await.unwrap());
}

async fn last_put_wins(files: &dyn Files) {
    let key = key("photos/12/a.jpg");
    files
        .put(&key, Bytes::from_static(b"a longer one"))
        .await
        .unwrap();
    files.put(&key, Bytes::from_static(b"two")).await.unwrap();
    assert_eq!(files.get(&key).await.unwrap(), "two");
}

async fn deleted_file_is_gone(files: &dyn Files) {
    let key = key("photos/12/a.jpg");
    files.delete(&key).await.unwrap();
    assert!(!files.exists(&key).await.unwrap());
    files.delete(&key).await.unwrap();
    assert!(matches!(files.get(&key).await, Err(FilesError::NotFound)));
}

async fn content_survives_unchanged(files: &dyn Files) {
    let all: Bytes = (0..=255_u8).cycle().take(3 << 20).collect();
    for (name, content) in [("empty", Bytes::new()), ("large", all)] {
        files.put(&key(name), content.clone()).await.unwrap();
        assert_eq!(files.get(&key(name)).await.unwrap(), content, "{name}");
    }
}

async fn keys_are_independent(files: &dyn Files) {
    for name in ["a/b", "a/b-c", "a.b", "a_b/c"] {
        files.put(&key(name), Bytes::from(name)).await.unwrap();
    }
    files.delete(&key("a/b")).await.unwrap();
    for name in ["a/b-c", "a.b", "a_b/c"] {
        assert_eq!(files.get(&key(name)).await.unwrap(), name);
    }
}

async fn readers_see_whole_files(files: Arc<dyn Files>) {
    const LENGTH: usize = 200_000;
    let key = key("hot");
    let of = |byte: u8| Bytes::from(vec![byte; LENGTH]);
    files.put(&key, of(0)).await.unwrap();
    let (writer, written) = (files.clone(), key.clone());
    let writing = tokio::spawn(async move {
        for byte in 1..20 {
            writer.put(&written, of(byte)).await.unwrap();
        }
    });
    while !writing.is_finished() {
        let read = files.get(&key).await.unwrap();
        assert_eq!(read.len(), LENGTH);
        assert!(read.iter().all(|byte| *byte == read[0]));
    }
    writing.await.unwrap();
}
