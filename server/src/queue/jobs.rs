//! The queue of a process, with its counters.

use std::sync::Arc;

use super::{Intake, JobCounters, Queue, QueueError, QueueOptions};

/// The queue of a process, with its counters.
#[derive(Clone, Debug)]
pub(crate) struct Jobs {
    pub(crate) queue: Arc<dyn Queue>,
    pub(crate) counters: Arc<JobCounters>,
    /// Maximum number of jobs. `None` if unbounded.
    pub(crate) jobs_max: Option<u32>,
}

impl Jobs {
    /// Opens the queue at a URL.
    ///
    /// # Errors
    /// As [`resolve`](super::resolve).
    pub(crate) fn open(url: &str, options: &QueueOptions) -> Result<Self, QueueError> {
        Self::open_beside(url, None, options)
    }

    /// Opens a queue beside that of a URL, with a suffix to its name.
    ///
    /// # Errors
    /// As [`resolve`](super::resolve).
    pub(crate) fn open_beside(
        url: &str,
        suffix: Option<&str>,
        options: &QueueOptions,
    ) -> Result<Self, QueueError> {
        Ok(Self {
            queue: super::resolver::resolve_beside(url, suffix, options)?,
            counters: Arc::default(),
            jobs_max: options.jobs_max,
        })
    }

    /// Returns the side that adds jobs.
    pub(crate) fn intake(&self) -> Intake {
        Intake::new(Arc::clone(&self.queue), Arc::clone(&self.counters))
    }
}
