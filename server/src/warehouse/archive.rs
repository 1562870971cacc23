//! The job that moves old posts, by a schedule and on request.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{AnswerRow, Checked, Moved, Mover, Question, Warehouse};
use crate::model::Timestamp;
use crate::store::StoreError;
use crate::store::old_posts::{month_before, start_of_month};

/// Options of the job.
#[derive(Clone)]
pub struct ArchiveOptions {
    /// URL of the warehouse; see [`super::resolve`].
    pub warehouse_url: String,
    /// Full months that stay in the database, beside the present one.
    pub keep_months: u32,
    /// Time between two moves. `None` moves on request alone.
    pub every: Option<Duration>,
}

/// The job of a process.
#[derive(Debug)]
pub(crate) struct Archive {
    mover: Mover,
    warehouse: Arc<dyn Warehouse>,
    keep_months: u32,
    /// Held while posts move.
    moving: tokio::sync::Mutex<()>,
    last: Mutex<Option<LastMove>>,
}

/// The last move of a process.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct LastMove {
    /// Time of its end, in milliseconds since 1970.
    ended_at: i64,
    /// Duration, in milliseconds.
    took_ms: u64,
    /// Posts. `None` if it failed.
    moved: Option<Moved>,
    /// Reason of its failure.
    failed: Option<String>,
}

/// Posts on both sides, and the last move.
#[derive(Debug, Serialize)]
pub(crate) struct ArchiveStatus {
    /// Posts created before this time are old, in milliseconds since 1970.
    before: i64,
    /// True while posts move.
    is_moving: bool,
    last_move: Option<LastMove>,
    #[serde(flatten)]
    checked: Checked,
}

impl Archive {
    pub(crate) fn new(mover: Mover, warehouse: Arc<dyn Warehouse>, keep_months: u32) -> Self {
        Self {
            mover,
            warehouse,
            keep_months,
            moving: tokio::sync::Mutex::default(),
            last: Mutex::default(),
        }
    }

    /// Returns the time before which posts are old.
    fn before(&self) -> Timestamp {
        start_of_month(month_before(Timestamp::now(), self.keep_months))
    }

    /// Moves old posts. Returns false, and does nothing, if they move already.
    async fn run(&self) -> bool {
        let Ok(_moving) = self.moving.try_lock() else {
            return false;
        };
        let begun = std::time::Instant::now();
        let outcome = self.mover.move_older(self.before()).await;
        match &outcome {
            Ok(moved) => tracing::info!(?moved, "moved old posts to the warehouse"),
            Err(error) => tracing::warn!(%error, "could not move all old posts to the warehouse"),
        }
        let (moved, failed) = match outcome {
            Ok(moved) => (Some(moved), None),
            Err(error) => (None, Some(error.to_string())),
        };
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some(LastMove {
            ended_at: Timestamp::now().0,
            took_ms: u64::try_from(begun.elapsed().as_millis()).unwrap_or(u64::MAX),
            moved,
            failed,
        });
        true
    }

    /// Begins a move in the background. Returns false if posts move already.
    pub(crate) fn begin(self: &Arc<Self>) -> bool {
        if self.moving.try_lock().is_err() {
            return false;
        }
        let own = Arc::clone(self);
        tokio::spawn(async move { own.run().await });
        true
    }

    /// Moves old posts at once and then by a schedule, until `stopped` becomes true. A move in progress is broken off: the next one continues it.
    pub(crate) fn schedule(
        self: Arc<Self>,
        every: Duration,
        mut stopped: watch::Receiver<bool>,
    ) -> JoinHandle<()> {
        tokio::spawn(async move {
            let forever = async {
                loop {
                    self.run().await;
                    tokio::time::sleep(every).await;
                }
            };
            tokio::select! {
                () = forever => {}
                _ = stopped.wait_for(|now| *now) => {}
            }
        })
    }

    /// Counts and sums the old posts on both sides.
    pub(crate) async fn status(&self) -> Result<ArchiveStatus, StoreError> {
        let before = self.before();
        Ok(ArchiveStatus {
            before: before.0,
            is_moving: self.moving.try_lock().is_err(),
            checked: self.mover.check(before).await?,
            last_move: self
                .last
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .clone(),
        })
    }

    /// Answers a question about the posts in the warehouse.
    pub(crate) async fn answer(
        &self,
        question: Question,
        month: Option<u32>,
    ) -> Result<Vec<AnswerRow>, StoreError> {
        self.warehouse.answer(question, month).await
    }
}
