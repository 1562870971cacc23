//! Full databases and disks: every acknowledged write is stored, and the store recovers once there is
//! space.

use std::process::Command;

use super::*;

/// Writes posts until one is rejected, and returns the acknowledged ones.
async fn fill(store: &Arc<SqliteStore>, author: UserId) -> Vec<Post> {
    let mut stored = Vec::new();
    loop {
        let writes: Vec<_> = (0..32)
            .map(|_| {
                let store = Arc::clone(store);
                let text = "x".repeat(1_024);
                tokio::spawn(async move { store.create_post(new_post(author, &text)).await })
            })
            .collect();
        let mut full = 0;
        for write in writes {
            match write.await.unwrap() {
                Ok(post) => stored.push(post),
                Err(StoreError::Full(_)) => full += 1,
                Err(error) => panic!("{error:?}"),
            }
        }
        if full > 0 {
            return stored;
        }
        assert!(stored.len() < 100_000, "never full");
    }
}

/// Asserts that the store contains exactly the acknowledged posts.
async fn holds(store: &SqliteStore, author: UserId, stored: &[Post]) {
    for post in stored {
        assert_eq!(store.post(post.id).await.unwrap(), *post);
    }
    assert_eq!(store.user(author).await.unwrap().posts, stored.len() as u64);
    let mut listed = 0;
    let mut before = None;
    loop {
        let page = store
            .posts_by(author, Page::new(before, 100))
            .await
            .unwrap();
        let Some(last) = page.last() else { break };
        before = Some(last.id);
        listed += page.len();
    }
    assert_eq!(listed, stored.len());
}

async fn limit_pages(store: &SqliteStore, pages: i64) {
    let limited = store.writer.alone(move |connection| {
        let limit = format!("PRAGMA max_page_count = {pages}");
        connection
            .query_row(&limit, (), |_| Ok(()))
            .map_err(|error| failure::failed(&error))
    });
    limited.await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn recovers_from_full_database() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.sqlite");
    let store = open(&path).await;
    let author = store.create_user(new_user("writer")).await.unwrap().id;
    limit_pages(&store, 200).await;
    let mut stored = fill(&store, author).await;
    assert!(stored.len() > 100, "{}", stored.len());
    holds(&store, author, &stored).await;
    // Reads still work, and so do writes that need no space.
    store.ping().await.unwrap();
    assert_eq!(
        store.delete_post(author, stored.pop().unwrap().id).await,
        Ok(None)
    );
    limit_pages(&store, 100_000).await;
    stored.push(
        store
            .create_post(new_post(author, "room again"))
            .await
            .unwrap(),
    );
    holds(&store, author, &stored).await;
    store.close().await;
    holds(&*open(&path).await, author, &stored).await;
}

/// In-memory file system, unmounted when dropped.
struct Tmpfs(tempfile::TempDir);

impl Tmpfs {
    /// Mounts the file system. `None` if not permitted.
    fn mount(mebibytes: u32) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mebibytes}m"), "tmpfs"])
            .arg(dir.path())
            .output();
        mounted
            .is_ok_and(|output| output.status.success())
            .then_some(Self(dir))
    }
}

impl Drop for Tmpfs {
    fn drop(&mut self) {
        let _ = Command::new("umount")
            .arg("--lazy")
            .arg(self.0.path())
            .status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn recovers_from_full_disk() {
    let Some(disk) = Tmpfs::mount(8) else {
        crate::skip::skip("not permitted to mount a small file system");
        return;
    };
    let path = disk.0.path().join("store.sqlite");
    let ballast = disk.0.path().join("ballast");
    std::fs::write(&ballast, vec![1; 3 << 20]).unwrap();
    let store = open(&path).await;
    let author = store.create_user(new_user("writer")).await.unwrap().id;
    let mut stored = fill(&store, author).await;
    assert!(stored.len() > 100, "{}", stored.len());
    holds(&store, author, &stored).await;
    // Further writes fill the remaining space, and none is lost.
    stored.extend(fill(&store, author).await);
    holds(&store, author, &stored).await;
    std::fs::remove_file(&ballast).unwrap();
    for _ in 0..50 {
        stored.push(
            store
                .create_post(new_post(author, "room again"))
                .await
                .unwrap(),
        );
    }
    holds(&store, author, &stored).await;
    store.close().await;
    drop(store);
    holds(&*open(&path).await, author, &stored).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn oversized_data_set_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(&dir.path().join("store.sqlite")).await;
    limit_pages(&store, 40).await;
    let loaded = store.load(contract::small_content(42)).await;
    assert!(matches!(loaded, Err(StoreError::Full(_))), "{loaded:?}");
    assert_eq!(store.user(UserId(1)).await, Err(StoreError::NotFound));
    limit_pages(&store, 100_000).await;
    assert!(
        !store
            .load(contract::small_content(42))
            .await
            .unwrap()
            .reused
    );
}
