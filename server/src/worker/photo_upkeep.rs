//! Upkeep of photos in a database of their own: what a dead process has left half done.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::files::Files;
use crate::limits::jittered;
use crate::model::Timestamp;
use crate::photo_keys::PhotoKeys;
use crate::store::{PhotoTable, Store, StoreError, reconcile};

/// Interval between looks, shortened at random by up to a half.
const LOOK: Duration = Duration::from_secs(4);
/// Notes worked on at one look.
const NOTES_MAX: u32 = 100;

/// Photos, the posts that they belong to, and their files.
#[derive(Debug)]
pub(crate) struct PhotoUpkeep {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) photos: Arc<dyn PhotoTable>,
    pub(crate) files: Arc<dyn Files>,
    /// Age from which on a note is one of a dead process.
    pub(crate) age: Duration,
}

impl PhotoUpkeep {
    /// Starts the upkeep. It ends once `stopped` becomes true.
    pub(crate) fn start(self, stopped: &watch::Receiver<bool>) -> JoinHandle<()> {
        let mut stopped = stopped.clone();
        tokio::spawn(async move {
            let work = async {
                loop {
                    sleep(jittered(LOOK)).await;
                    match self.look().await {
                        Ok(0) => {}
                        Ok(photos) => tracing::info!(photos, "finished changes of photos"),
                        Err(error) => tracing::warn!(%error, "could not finish changes of photos"),
                    }
                }
            };
            tokio::select! {
                _ = stopped.wait_for(|stopped| *stopped) => {}
                () = work => {}
            }
        })
    }

    /// Finishes what is late. Returns how much that was.
    async fn look(&self) -> Result<usize, StoreError> {
        let age_ms = i64::try_from(self.age.as_millis()).unwrap_or(i64::MAX);
        let until = Timestamp(Timestamp::now().0.saturating_sub(age_ms));
        let late = self.photos.noted_photos(until, NOTES_MAX).await?;
        for note in &late {
            let gone = reconcile(&*self.store, &*self.photos, *note).await?;
            if let Some(Ok(keys)) = gone.as_ref().map(PhotoKeys::of) {
                keys.delete(&*self.files).await;
            }
        }
        Ok(late.len())
    }
}
