//! Options of a worker.

/// Options of a worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkerOptions {
    /// Jobs worked on at once, at least 1. Each photo holds its pixels, up to about 100 MB.
    pub concurrency: usize,
    /// Attempts after which a job becomes a dead letter.
    pub attempts_max: u32,
}

impl Default for WorkerOptions {
    fn default() -> Self {
        Self {
            concurrency: 2,
            attempts_max: 10,
        }
    }
}
