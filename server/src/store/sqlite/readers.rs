//! Read connections.
//!
//! A point read of a cached page takes a few microseconds, less than passing it to another thread and
//! waking up for the result. So point reads run on the calling async thread. Lists take longer and may read
//! a hundred pages, so they run on blocking threads. `benches/store_reads.rs` compares the designs, with 32
//! tasks on two cores and 100,000 posts. CPU is in microseconds a read (two rounds), also beside
//! 400 writes/s and including them:
//!
//! | design | CPU | beside writes | wait p50 / p99, us |
//! |---|---|---|---|
//! | on the async thread | 3.9, 4.3 | 8.3, 8.9 | 3 / 30 |
//! | two dedicated threads, batching queued reads in one transaction | 5.0, 5.4 | 12.7, 13.1 | 110 / 2,000 |
//! | `spawn_blocking` | 32, 41 | 70, 81 | 270 / 2,100 |
//!
//! The drawback: a read that misses the page cache of the operating system blocks its async thread until
//! the disk responds.

use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use rusqlite::Connection;
use tokio::sync::Semaphore;

use super::schema::open_reader;
use crate::ledger::{self, Part};
use crate::store::StoreError;

/// Pool of read connections to a SQLite file.
#[derive(Debug)]
pub(super) struct Readers {
    connections: Arc<Connections>,
    /// Permits for lists: one less than connections, to leave one for point reads.
    lists: Semaphore,
}

#[derive(Debug)]
struct Connections {
    /// Each `None` once closed.
    slots: Box<[Mutex<Option<Connection>>]>,
    next: AtomicUsize,
    closed: AtomicBool,
}

impl Readers {
    /// Opens a connection per core, plus two.
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

    /// Reads on the calling thread.
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
        let permit = {
            let _span = ledger::enter(Part::Pool);
            self.lists.acquire().await
        };
        let _permit = permit.map_err(|_| closed())?;
        let connections = Arc::clone(&self.connections);
        ledger::blocking(move || connections.read(read))
            .await
            .map_err(|error| StoreError::Unavailable(format!("a read was cancelled: {error}")))?
    }

    /// Closes all connections, after their current reads.
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
        let mut span = ledger::enter(Part::Pool);
        let connection = self.free();
        span.change(Part::Sql);
        connection.as_ref().map_or_else(|| Err(closed()), read)
    }

    /// Returns a free connection, or waits for one.
    fn free(&self) -> MutexGuard<'_, Option<Connection>> {
        // Always starts at the first, to use few connections and keep their caches warm.
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
    StoreError::Unavailable("it is closed".to_owned())
}
