//! The connections that read.
//!
//! A point read of a cached page takes a few microseconds, less than it costs to hand it to another
//! thread and to be woken for the answer. So point reads run where they are called, on the async
//! thread, and lists, which take longer and may touch a hundred pages, run on blocking threads.
//! `benches/store_reads.rs` compares the designs; 32 tasks on two cores, 100,000 posts, CPU in
//! microseconds a read (two rounds), beside 400 writes/s with the CPU of those writes:
//!
//! | a point read | CPU | beside writes | wait p50 / p99, us |
//! |---|---|---|---|
//! | on the async thread | 3.9, 4.3 | 8.3, 8.9 | 3 / 30 |
//! | two dedicated threads, which take all that wait in one transaction | 5.0, 5.4 | 12.7, 13.1 | 110 / 2,000 |
//! | `spawn_blocking` | 32, 41 | 70, 81 | 270 / 2,100 |
//!
//! What was given up: a read that misses the page cache of the operating system holds its async thread
//! while the disk answers.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::schema::open_reader;
use crate::store::StoreError;

/// The connections that read a SQLite file.
#[derive(Debug)]
pub(super) struct Readers {
    connections: Arc<Connections>,
    /// As many lists run at once as there are connections, less one that is left to point reads.
    lists: Semaphore,
}

#[derive(Debug)]
struct Connections {
    /// `None` once closed.
    slots: Box<[Mutex<Option<Connection>>]>,
    next: AtomicUsize,
    closed: AtomicBool,
}

impl Readers {
    /// Opens a connection for each core and two more.
    pub(super) fn open(path: &Path) -> Result<Self, StoreError> {
        let cores = thread::available_parallelism().map_or(2, usize::from);
        let slots = (0..cores + 2)
            .map(|_| open_reader(path).map(|connection| Mutex::new(Some(connection))))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            connections: Arc::new(Connections {
                slots,
                next: AtomicUsize::new(0),
                closed: AtomicBool::new(false),
            }),
            lists: Semaphore::new(cores + 1),
        })
    }

    /// Reads on this thread.
    pub(super) fn point<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        self.connections.read(read)
    }

    /// Reads on a blocking thread.
    pub(super) async fn list<T: Send + 'static>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let _permit = self.lists.acquire().await.map_err(|_| closed())?;
        let connections = Arc::clone(&self.connections);
        tokio::task::spawn_blocking(move || connections.read(read))
            .await
            .map_err(|error| StoreError::Unavailable(format!("a read was cut short: {error}")))?
    }

    /// Closes every connection, waiting for the reads that run.
    pub(super) fn close(&self) {
        self.connections.closed.store(true, Ordering::Release);
        self.lists.close();
        for slot in &self.connections.slots {
            slot.lock().unwrap_or_else(PoisonError::into_inner).take();
        }
    }
}

impl Connections {
    fn read<T>(
        &self,
        read: impl FnOnce(&Connection) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        if self.closed.load(Ordering::Acquire) {
            return Err(closed());
        }
        self.free().as_ref().map_or_else(|| Err(closed()), read)
    }

    /// A connection that nobody uses, or the wait for one.
    fn free(&self) -> MutexGuard<'_, Option<Connection>> {
        // Always from the first, so that the fewest connections are used and their caches are warm.
        for slot in &self.slots {
            if let Ok(connection) = slot.try_lock() {
                return connection;
            }
        }
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.slots.len();
        self.slots[next]
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("it was closed".to_owned())
}
