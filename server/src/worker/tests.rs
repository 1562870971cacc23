//! Tests of workers, on a queue, a store and files that fail.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::files::{FileKey, Files, FilesError, LocalFiles};
use crate::model::{NewPost, NewUser, Photo, PostId, Timestamp, UserId};
use crate::photo_keys::PhotoKeys;
use crate::queue::{JobId, MemoryQueue, QueueOptions};
use crate::store::{MemoryStore, Store, StoreError};

/// Returns a PNG of one pixel.
fn pixel() -> Bytes {
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 1, 1);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    writer.write_image_data(&[0; 3]).unwrap();
    drop(writer);
    bytes.into()
}

/// File store that fails on demand.
#[derive(Debug)]
struct FailingFiles {
    inner: LocalFiles,
    is_broken: AtomicBool,
    calls: AtomicU32,
}

#[async_trait]
impl Files for FailingFiles {
    async fn put(&self, key: &FileKey, content: Bytes) -> Result<(), FilesError> {
        self.inner.put(key, content).await
    }

    async fn get(&self, key: &FileKey) -> Result<Bytes, FilesError> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        if self.is_broken.load(Ordering::SeqCst) {
            return Err(FilesError::Full);
        }
        self.inner.get(key).await
    }

    async fn exists(&self, key: &FileKey) -> Result<bool, FilesError> {
        self.inner.exists(key).await
    }

    async fn delete(&self, key: &FileKey) -> Result<(), FilesError> {
        self.inner.delete(key).await
    }
}

/// A user with a post, and a worker.
struct Scene {
    folder: tempfile::TempDir,
    queue: Arc<MemoryQueue>,
    store: Arc<MemoryStore>,
    files: Arc<FailingFiles>,
    counters: Arc<JobCounters>,
    author: UserId,
    post: PostId,
}

impl Scene {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let files = FailingFiles {
            inner: LocalFiles::open(folder.path()).unwrap(),
            is_broken: AtomicBool::new(false),
            calls: AtomicU32::new(0),
        };
        let store = Arc::new(MemoryStore::default());
        let new = NewUser {
            handle: "ada".to_owned(),
            password_hash: "hash".to_owned(),
            created_at: Timestamp(0),
        };
        let author = store.create_user(new).await.unwrap().id;
        let new = NewPost {
            author,
            content: "look".to_owned(),
            html: "look".to_owned(),
            created_at: Timestamp(0),
        };
        let post = store.create_post(new).await.unwrap().id;
        let options = QueueOptions {
            visibility: Duration::from_millis(300),
            ..QueueOptions::default()
        };
        Self {
            folder,
            queue: Arc::new(MemoryQueue::new(options)),
            store,
            files: Arc::new(files),
            counters: Arc::default(),
            author,
            post,
        }
    }

    /// Stores a file and pushes its job, as an upload does.
    async fn upload(&self, number: u64, at: i64, content: Bytes) -> (JobId, Photo) {
        let keys = PhotoKeys::new(self.post, number).unwrap();
        let photo = Photo {
            post: self.post,
            media_type: "image/png".to_owned(),
            bytes: content.len() as u64,
            file_key: keys.full.as_str().to_owned(),
            etag: format!("\"{number}\""),
            created_at: Timestamp(at),
        };
        let stored = self.files.put(&keys.full, content);
        stored.await.unwrap();
        let job = keys.job().unwrap();
        let payload = PhotoJob::new(self.author, &photo).to_bytes().unwrap();
        self.queue.push(&job, payload).await.unwrap();
        (job, photo)
    }

    fn worker(&self, attempts_max: u32) -> Worker {
        let options = WorkerOptions {
            concurrency: 1,
            attempts_max,
        };
        Worker::new(
            self.queue.clone(),
            Arc::new(PhotoWork::new(self.store.clone(), self.files.clone())),
            options,
            Duration::from_millis(300),
            self.counters.clone(),
        )
    }

    /// Runs the worker until the queue is empty.
    async fn drain(&self, worker: Worker) {
        let (stop, stopped) = watch::channel(false);
        let tasks = worker.start(&stopped);
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.queue.stats().await.unwrap().jobs > 0 {
            assert!(Instant::now() < deadline, "the queue was not worked off");
            sleep(Duration::from_millis(5)).await;
        }
        stop.send_replace(true);
        for task in tasks {
            task.await.unwrap();
        }
    }

    fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = JobEvent::ALL.map(|event| (event.name(), self.counters.count(event)));
        counts.into_iter().filter(|(_, count)| *count > 0).collect()
    }

    /// Names of the files that are there.
    fn files(&self) -> Vec<String> {
        let folders = std::fs::read_dir(self.folder.path().join("photos")).unwrap();
        let files = folders.flat_map(|folder| std::fs::read_dir(folder.unwrap().path()).unwrap());
        let mut names: Vec<_> = files
            .map(|file| file.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }
}

#[tokio::test]
async fn upload_gets_its_thumbnail_once() {
    let scene = Scene::new().await;
    let (job, photo) = scene.upload(1, 10, pixel()).await;
    scene.drain(scene.worker(3)).await;
    assert_eq!(scene.store.photo(scene.post).await, Ok(photo));
    assert_eq!(scene.counts(), [("done", 1)]);
    // Delivered again, as after a lost acknowledgement.
    let payload = PhotoJob::new(scene.author, &scene.store.photo(scene.post).await.unwrap());
    scene
        .queue
        .push(&job, payload.to_bytes().unwrap())
        .await
        .unwrap();
    scene.drain(scene.worker(3)).await;
    assert_eq!(scene.counts(), [("done", 1), ("repeated", 1)]);
    assert_eq!(scene.files().len(), 2);
}

#[tokio::test]
async fn last_upload_wins_in_any_order() {
    let scene = Scene::new().await;
    // The queue has them in the order of their numbers; the second was uploaded last.
    scene.upload(1, 10, pixel()).await;
    let (_, last) = scene.upload(2, 30, pixel()).await;
    scene.upload(3, 20, pixel()).await;
    scene.drain(scene.worker(3)).await;
    assert_eq!(scene.store.photo(scene.post).await, Ok(last));
    assert_eq!(scene.counts(), [("done", 2), ("repeated", 1)]);
    assert_eq!(scene.files().len(), 2, "{:?}", scene.files());
}

#[tokio::test]
async fn upload_that_is_no_photo_leaves_a_note() {
    let scene = Scene::new().await;
    let (job, _) = scene
        .upload(1, 10, Bytes::from_static(b"\x89PNG\r\n\x1a\nnot really"))
        .await;
    scene.drain(scene.worker(3)).await;
    assert_eq!(scene.counts(), [("unprocessable", 1)]);
    let reason = FailureNote::reason(&*scene.files, scene.post, &job).await;
    assert!(reason.unwrap().unwrap().contains("could not decode"));
    assert_eq!(scene.files(), [format!("{}-failure", scene.post)]);
    assert_eq!(
        scene.store.photo(scene.post).await,
        Err(StoreError::NotFound)
    );
}

#[tokio::test]
async fn upload_of_deleted_post_leaves_nothing() {
    let scene = Scene::new().await;
    scene.upload(1, 10, pixel()).await;
    let deleted = scene.store.delete_post(scene.author, scene.post).await;
    assert_eq!(deleted, Ok(None));
    scene.drain(scene.worker(3)).await;
    assert_eq!(scene.counts(), [("repeated", 1)]);
    assert_eq!(scene.files(), Vec::<String>::new());
}

#[tokio::test]
async fn failing_job_is_tried_again_buried_and_revived() {
    let scene = Scene::new().await;
    let (job, photo) = scene.upload(1, 10, pixel()).await;
    scene.files.is_broken.store(true, Ordering::SeqCst);
    scene.drain(scene.worker(2)).await;
    assert_eq!(scene.counts(), [("retried", 1), ("buried", 1)]);
    let letters = scene.queue.dead_letters(9).await.unwrap();
    assert_eq!((letters.len(), letters[0].attempts), (1, 2));
    assert_eq!(letters[0].reason, "disk full");
    scene.files.is_broken.store(false, Ordering::SeqCst);
    scene.queue.revive(&job).await.unwrap();
    scene.drain(scene.worker(2)).await;
    assert_eq!(scene.store.photo(scene.post).await, Ok(photo));
    assert_eq!(scene.queue.stats().await.unwrap().dead, 0);
}

#[tokio::test]
async fn job_whose_attempts_never_end_is_buried_without_another() {
    let scene = Scene::new().await;
    scene.upload(1, 10, pixel()).await;
    for _ in 0..2 {
        // A worker that is killed.
        let pulled = scene.queue.pull(Duration::from_secs(5)).await.unwrap();
        assert!(pulled.is_some());
    }
    scene.drain(scene.worker(2)).await;
    assert_eq!(scene.counts(), [("buried", 1)]);
    assert_eq!(scene.files.calls.load(Ordering::SeqCst), 0);
}

#[tokio::test]
async fn foreign_content_is_buried() {
    let scene = Scene::new().await;
    let id = JobId::new("other").unwrap();
    scene.queue.push(&id, Bytes::from("{}")).await.unwrap();
    scene.drain(scene.worker(3)).await;
    assert_eq!(scene.counts(), [("buried", 1)]);
}

#[tokio::test]
async fn outage_does_not_use_up_attempts() {
    let scene = Scene::new().await;
    for number in 1..=20 {
        scene.upload(number, 10, pixel()).await;
    }
    scene.files.is_broken.store(true, Ordering::SeqCst);
    let worker = Arc::new(scene.worker(9));
    let (stop, stopped) = watch::channel(false);
    let running = tokio::spawn(Arc::clone(&worker).run(stopped));
    sleep(Duration::from_millis(600)).await;
    // Three failures open the circuit; then one probe a pause: 100, 200 and 400 ms.
    let calls = scene.files.calls.load(Ordering::SeqCst);
    assert!((3..=6).contains(&calls), "{calls}");
    assert!(worker.circuit.is_open());
    stop.send_replace(true);
    running.await.unwrap();
}

#[test]
fn pauses_double_up_to_a_minute() {
    let pauses: Vec<_> = (1..=9)
        .map(|attempt| retry_pause(attempt).as_secs())
        .collect();
    assert_eq!(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
    assert_eq!(retry_pause(u64::MAX), RETRY_PAUSE_MAX);
}
