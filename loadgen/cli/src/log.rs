//! What a process that serves has to say for itself, on standard error.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use tracing::callsite::Identifier;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Compact, Format, Writer, format};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Lines of one kind in one window: a store that is away fails each of 40,000 requests a second, and
/// says the same of all of them.
const LINES_MOST: u64 = 10;
const WINDOW: Duration = Duration::from_secs(1);

/// What is worth a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// What went wrong here.
    Error,
    /// What others did wrong, too: a store or a cache that does not answer.
    Warn,
    /// What changed, too.
    Info,
    /// Each request, too.
    Debug,
}

impl From<LogLevel> for LevelFilter {
    fn from(level: LogLevel) -> Self {
        match level {
            LogLevel::Error => Self::ERROR,
            LogLevel::Warn => Self::WARN,
            LogLevel::Info => Self::INFO,
            LogLevel::Debug => Self::DEBUG,
        }
    }
}

/// Has what this process says from now on, by `tracing`, written to standard error: what Tenfold says
/// of this level and what libraries warn of, at most ten lines of a kind a second.
pub(crate) fn to_stderr(level: LogLevel) {
    let own = LevelFilter::from(level);
    let libraries = own.min(LevelFilter::WARN);
    let kept = Targets::new()
        .with_default(libraries)
        .with_target("tenfold", own);
    let lines = tracing_subscriber::fmt::layer()
        .event_format(Bounded::new(format().compact()))
        .with_ansi(false)
        .log_internal_errors(false)
        .with_writer(std::io::stderr);
    // Another may be there already, in a process that is no service; then that one stays.
    let _ = tracing_subscriber::registry()
        .with(kept)
        .with(lines)
        .try_init();
}

/// Leaves lines out where one place in the code says too much.
struct Bounded {
    format: Format<Compact>,
    windows: Mutex<HashMap<Identifier, Window>>,
}

/// What one place in the code has said.
#[derive(Debug)]
struct Window {
    began: Instant,
    lines: u64,
}

impl Window {
    /// Takes a line; tells how many were left out before it, or none where it is to be left out too.
    fn take(&mut self, now: Instant) -> Option<u64> {
        let mut left_out = 0;
        if now.duration_since(self.began) >= WINDOW {
            left_out = self.lines.saturating_sub(LINES_MOST);
            (self.began, self.lines) = (now, 0);
        }
        self.lines += 1;
        (self.lines <= LINES_MOST).then_some(left_out)
    }
}

impl Bounded {
    fn new(format: Format<Compact>) -> Self {
        Self {
            format,
            windows: Mutex::default(),
        }
    }

    fn take(&self, place: Identifier) -> Option<u64> {
        let now = Instant::now();
        let mut windows = self.windows.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.entry(place).or_insert(Window {
            began: now,
            lines: 0,
        });
        window.take(now)
    }
}

impl<S, N> FormatEvent<S, N> for Bounded
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(
        &self,
        context: &FmtContext<'_, S, N>,
        mut writer: Writer<'_>,
        event: &Event<'_>,
    ) -> fmt::Result {
        let Some(left_out) = self.take(event.metadata().callsite()) else {
            return Ok(());
        };
        if left_out > 0 {
            writeln!(writer, "({left_out} like the next were left out)")?;
        }
        self.format.format_event(context, writer, event)
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn what_is_said_too_often_is_left_out_and_counted() {
        let began = Instant::now();
        let mut window = Window { began, lines: 0 };
        for _ in 0..LINES_MOST {
            assert_eq!(window.take(began), Some(0));
        }
        let late = began + WINDOW - Duration::from_nanos(1);
        assert_eq!((window.take(late), window.take(late)), (None, None));
        assert_eq!(window.take(began + WINDOW), Some(2));
        assert_eq!(window.take(began + WINDOW), Some(0));
        assert_eq!(window.take(began + WINDOW * 9), Some(0));
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn each_place_has_lines_of_its_own() {
        let lines = Lines::default();
        let written = lines.clone();
        let subscriber = tracing_subscriber::registry().with(
            tracing_subscriber::fmt::layer()
                .event_format(Bounded::new(format().compact()))
                .with_ansi(false)
                .with_writer(move || lines.clone()),
        );
        tracing::subscriber::with_default(subscriber, || {
            for number in 0..25 {
                tracing::warn!(number, "the store does not answer\n\u{1b}[2J");
            }
            tracing::error!("another");
        });
        let text = String::from_utf8(written.0.lock().unwrap().clone()).unwrap();
        let count = |word: &str| text.matches(word).count();
        assert_eq!((count("the store"), count("another")), (10, 1), "{text}");
        // A terminal must not take orders from a log.
        assert!(!text.contains('\u{1b}'), "{text}");
    }
}
