//! Progress of loading the data set: in the log, and in a file for the program that started the service.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde::Serialize;
use tenfold_server::data_set::{LoadProgress, LoadState};

/// Interval at which the file is brought up to date.
const POLL: Duration = Duration::from_millis(200);

/// Time between two lines in the log.
const LINE_EVERY: Duration = Duration::from_secs(5);

/// Report of a load, by a thread of its own. Dropping it ends the thread and removes the file.
pub(crate) struct LoadReport {
    stop: Option<SyncSender<()>>,
    thread: Option<JoinHandle<()>>,
    file: Option<PathBuf>,
}

/// Contents of the file.
#[derive(Serialize)]
struct Document {
    doing: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    done: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    of: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    unit: Option<&'static str>,
}

impl Document {
    fn of(state: &LoadState) -> Self {
        let unit = state.unit();
        Self {
            doing: state.doing(),
            done: unit.map(|_| state.done),
            of: unit.map(|_| state.of),
            unit,
        }
    }
}

impl LoadReport {
    /// Starts to report.
    pub(crate) fn start(progress: Arc<LoadProgress>, file: Option<&Path>) -> Self {
        let (stop, stopped) = sync_channel(0);
        let path = file.map(Path::to_owned);
        let thread = std::thread::Builder::new()
            .name("load-report".into())
            .spawn(move || {
                let mut written = None;
                let mut logged = Instant::now();
                loop {
                    let now = progress.now();
                    if written != Some(now) {
                        if let Some(path) = &path {
                            write(path, &now);
                        }
                        written = Some(now);
                    }
                    if logged.elapsed() >= LINE_EVERY {
                        tracing::info!("{now}");
                        logged = Instant::now();
                    }
                    match stopped.recv_timeout(POLL) {
                        Err(RecvTimeoutError::Timeout) => {}
                        Ok(()) | Err(RecvTimeoutError::Disconnected) => return,
                    }
                }
            });
        Self {
            stop: Some(stop),
            // The service starts without a report as well.
            thread: thread.ok(),
            file: file.map(Path::to_owned),
        }
    }
}

impl Drop for LoadReport {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
        if let Some(file) = &self.file {
            let _ = std::fs::remove_file(file);
        }
    }
}

/// Replaces the file. A failure is no error: the report has no effect on the service.
fn write(path: &Path, state: &LoadState) {
    let partial = path.with_added_extension("partial");
    let written = serde_json::to_vec(&Document::of(state))
        .map_err(std::io::Error::other)
        .and_then(|bytes| std::fs::write(&partial, bytes))
        .and_then(|()| std::fs::rename(&partial, path));
    if let Err(error) = written {
        tracing::debug!(%error, path = %path.display(), "could not write the progress");
    }
}

#[cfg(test)]
mod tests {
    use tenfold_server::data_set::DataSet;

    use super::*;

    #[test]
    fn file_has_the_figures_until_the_load_ends() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("progress.json");
        let progress = Arc::<LoadProgress>::default();
        let report = LoadReport::start(Arc::clone(&progress), Some(&file));
        let data_set = DataSet {
            users: 10,
            posts: 50,
            ..DataSet::default()
        };
        let content = data_set
            .content_with_progress("hash".to_owned(), str::to_owned, progress)
            .unwrap();
        let mut posts = content.posts();
        assert_eq!(posts.by_ref().take(20).count(), 20);
        let expected = r#"{"doing":"loading","done":20,"of":50,"unit":"posts"}"#;
        let deadline = Instant::now() + Duration::from_secs(10);
        while std::fs::read_to_string(&file).unwrap_or_default() != expected {
            assert!(Instant::now() < deadline);
            std::thread::sleep(Duration::from_millis(10));
        }
        drop(report);
        assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
    }
}
