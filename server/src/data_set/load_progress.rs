//! Progress of loading a data set.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

/// Bits of the state that hold the number of rows. The others hold the step.
const DONE_BITS: u32 = 56;

/// A step of loading a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LoadStep {
    /// The store is opened, or another process is waited for.
    Waiting,
    /// The follow graph is generated, user by user.
    Generating,
    /// The texts of posts are prepared.
    Composing,
    /// Users are written.
    Users,
    /// Follows are written.
    Follows,
    /// Posts are written.
    Posts,
    /// All rows are written; the store makes them durable.
    Storing,
    /// The data set is loaded; the service prepares to listen.
    Starting,
}

/// All steps, in the order of their numbers.
const STEPS: [LoadStep; 8] = [
    LoadStep::Waiting,
    LoadStep::Generating,
    LoadStep::Composing,
    LoadStep::Users,
    LoadStep::Follows,
    LoadStep::Posts,
    LoadStep::Storing,
    LoadStep::Starting,
];

/// Progress of loading a data set, which other threads can read.
#[derive(Debug, Default)]
pub struct LoadProgress {
    /// Step and rows in one number, so that they always belong together.
    state: AtomicU64,
    /// Rows of each step.
    rows: [AtomicU64; STEPS.len()],
}

/// Progress at one moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LoadState {
    /// Current step.
    pub step: LoadStep,
    /// Rows of this step that are done.
    pub done: u64,
    /// All rows of this step. 0 if the step has no rows.
    pub of: u64,
}

impl LoadProgress {
    /// Returns the current state.
    #[must_use]
    pub fn now(&self) -> LoadState {
        let state = self.state.load(Ordering::Relaxed);
        let index = (state >> DONE_BITS) as usize;
        LoadState {
            step: STEPS.get(index).copied().unwrap_or(LoadStep::Waiting),
            done: state & ((1 << DONE_BITS) - 1),
            of: self
                .rows
                .get(index)
                .map_or(0, |rows| rows.load(Ordering::Relaxed)),
        }
    }

    /// Begins a step of `of` rows.
    pub(crate) fn begin(&self, step: LoadStep, of: u64) {
        if let Some(rows) = self.rows.get(step as usize) {
            rows.store(of, Ordering::Relaxed);
        }
        self.state
            .store((step as u64) << DONE_BITS, Ordering::Relaxed);
    }

    /// Counts one row.
    pub(super) fn count(&self) {
        self.state.fetch_add(1, Ordering::Relaxed);
    }
}

impl LoadState {
    /// Returns the current activity, such as `loading`.
    #[must_use]
    pub fn doing(&self) -> &'static str {
        match self.step {
            LoadStep::Waiting => "opening the store",
            LoadStep::Generating => "generating",
            LoadStep::Composing => "composing texts",
            LoadStep::Users | LoadStep::Follows | LoadStep::Posts => "loading",
            LoadStep::Storing => "storing the data set",
            LoadStep::Starting => "starting to serve",
        }
    }

    /// Returns the unit of the rows. `None` if the step has no rows.
    #[must_use]
    pub fn unit(&self) -> Option<&'static str> {
        match self.step {
            LoadStep::Waiting | LoadStep::Composing | LoadStep::Storing | LoadStep::Starting => {
                None
            }
            LoadStep::Generating | LoadStep::Users => Some("users"),
            LoadStep::Follows => Some("follows"),
            LoadStep::Posts => Some("posts"),
        }
    }
}

impl fmt::Display for LoadState {
    /// Writes `loading 42000 of 100000 posts`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.doing())?;
        match self.unit() {
            Some(unit) => write!(f, " {} of {} {unit}", self.done, self.of),
            None => Ok(()),
        }
    }
}

/// Rows whose reader has come as far as they were loaded.
pub(super) struct Counted<'a, I> {
    rows: I,
    progress: &'a LoadProgress,
    /// Step that follows the last row.
    next: Option<LoadStep>,
}

impl<'a, I> Counted<'a, I> {
    /// Begins a step, and counts its rows as they are read.
    pub(super) fn new(
        progress: &'a LoadProgress,
        step: LoadStep,
        of: u64,
        rows: I,
        next: Option<LoadStep>,
    ) -> Self {
        progress.begin(step, of);
        Self {
            rows,
            progress,
            next,
        }
    }
}

impl<I: Iterator> Iterator for Counted<'_, I> {
    type Item = I::Item;

    fn next(&mut self) -> Option<I::Item> {
        let row = self.rows.next();
        match (&row, self.next) {
            (Some(_), _) => self.progress.count(),
            (None, Some(next)) => self.progress.begin(next, 0),
            (None, None) => {}
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_rows_of_each_step() {
        let progress = LoadProgress::default();
        assert_eq!(progress.now().to_string(), "opening the store");
        let next = Some(LoadStep::Storing);
        let mut rows = Counted::new(&progress, LoadStep::Posts, 3, 0..3, next);
        assert_eq!(progress.now().to_string(), "loading 0 of 3 posts");
        rows.next();
        rows.next();
        assert_eq!(progress.now().to_string(), "loading 2 of 3 posts");
        assert_eq!(rows.count(), 1);
        let now = progress.now();
        assert_eq!(
            (now.step, now.done, now.unit()),
            (LoadStep::Storing, 0, None)
        );
    }
}
