//! Work and waits of databases, caches and web servers while load runs.
//!
//! Each component is read by a thread of its own: its counters before and after, and its gauges five times a second in between.
//! The readings are those that any monitoring makes: a few small queries.

mod component_url;
#[cfg(any(test, feature = "mysql", feature = "redis"))]
mod counters;
#[cfg(feature = "mysql")]
mod mysql;
mod nginx;
#[cfg(feature = "redis")]
mod redis;
mod source;
#[cfg(any(feature = "mysql", feature = "redis"))]
mod trusted;

pub use component_url::{ComponentKind, ComponentUrl, ComponentUrlError};

use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use tenfold_run_dir::component_use::ComponentUse;

use self::source::Source;

/// Time between two looks at the gauges.
const PERIOD: Duration = Duration::from_millis(200);

/// Time that the start waits for the first readings.
const FIRST_READING_MAX: Duration = Duration::from_secs(3);

/// A component to watch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WatchedComponent {
    /// Name in the run directory.
    pub name: String,
    /// Its address and account.
    pub url: ComponentUrl,
}

/// Watches components until it is stopped.
#[derive(Debug)]
pub struct ComponentWatch {
    watchers: Vec<Watcher>,
}

#[derive(Debug)]
struct Watcher {
    name: String,
    stop: Sender<()>,
    thread: Option<JoinHandle<ComponentUse>>,
}

impl ComponentWatch {
    /// Starts to watch, and returns once each component was read, or 3 s have passed.
    pub fn start(components: Vec<WatchedComponent>) -> Self {
        let started = Instant::now();
        let (watchers, begun): (Vec<Watcher>, Vec<Receiver<()>>) =
            components.into_iter().map(Watcher::start).unzip();
        for first in begun {
            let left = FIRST_READING_MAX.saturating_sub(started.elapsed());
            // An error is in the results.
            let _ = first.recv_timeout(left);
        }
        Self { watchers }
    }

    /// Reads each component once more, and returns the differences.
    pub fn stop(mut self) -> Vec<ComponentUse> {
        for watcher in &self.watchers {
            let _ = watcher.stop.send(());
        }
        self.watchers.drain(..).map(Watcher::join).collect()
    }
}

impl Watcher {
    fn start(component: WatchedComponent) -> (Self, Receiver<()>) {
        let (stop, stopped) = mpsc::channel();
        let (begin, begun) = mpsc::channel();
        let WatchedComponent { name, url } = component;
        let watched = name.clone();
        let thread = std::thread::Builder::new()
            .name("tenfold-watch".into())
            .spawn(move || watch(watched, &url, &stopped, begin))
            .ok();
        (Self { name, stop, thread }, begun)
    }

    fn join(mut self) -> ComponentUse {
        let thread = self.thread.take().and_then(|thread| thread.join().ok());
        thread.unwrap_or_else(|| failed(self.name.clone(), "its thread ended early".to_owned()))
    }
}

/// Reads a component until `stopped` reports or closes. Drops `begin` once it was read for the first time.
fn watch(
    name: String,
    url: &ComponentUrl,
    stopped: &Receiver<()>,
    begin: Sender<()>,
) -> ComponentUse {
    let mut source = match source::open(url).and_then(|mut source| {
        source.begin()?;
        Ok(source)
    }) {
        Ok(source) => source,
        Err(reason) => return failed(name, reason),
    };
    let start = Instant::now();
    drop(begin);
    let mut due = start + PERIOD;
    let is_over = |due: Instant| {
        let wait = due.saturating_duration_since(Instant::now());
        stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout)
    };
    while !is_over(due) {
        source.look();
        // A component that answers late is looked at less often.
        while due <= Instant::now() {
            due += PERIOD;
        }
    }
    finish(name, source.as_mut(), start)
}

fn finish(name: String, source: &mut dyn Source, start: Instant) -> ComponentUse {
    match source.end() {
        Ok(figures) => ComponentUse {
            name,
            over_s: start.elapsed().as_secs_f64(),
            gaps: source.gaps(),
            figures: Some(figures),
        },
        Err(reason) => failed(name, reason),
    }
}

fn failed(name: String, reason: String) -> ComponentUse {
    ComponentUse {
        gaps: vec![format!("could not read the counters of {name}: {reason}")],
        name,
        over_s: 0.0,
        figures: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_component_that_does_not_answer() {
        let url: ComponentUrl = "nginx+http://127.0.0.1:1/status".parse().unwrap();
        let watch = ComponentWatch::start(vec![WatchedComponent {
            name: "web".to_owned(),
            url,
        }]);
        let [own] = &watch.stop()[..] else { panic!() };
        assert_eq!(own.figures, None);
        assert!(
            own.gaps[0].starts_with("could not read the counters of web: "),
            "{own:?}"
        );
    }
}
