//! Log of a service on standard error.

use std::collections::HashMap;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::fmt::format::{Compact, Format, Writer, format};
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt as _;

/// Similar lines in one window. A store that is down fails 40,000 requests a second, each with the same
/// message.
const LINES_MAX: u64 = 10;
const WINDOW: Duration = Duration::from_secs(1);
/// Kinds of lines that are counted separately in one window.
const KINDS_MAX: usize = 256;
/// Length of a line, in bytes. Object stores answer errors with whole pages.
const LINE_BYTES_MAX: usize = 1_000;

/// Lowest level that is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogLevel {
    /// Failures of the service
    Error,
    /// Also failures of dependencies, such as a store or a cache that does not answer
    Warn,
    /// Also changes of state
    Info,
    /// Also every request
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

/// Writes `tracing` events to standard error from now on: those of Tenfold from `level` up, and warnings
/// and errors of libraries. Similar lines are limited to ten a second.
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
    // A subscriber that is already installed stays.
    let _ = tracing_subscriber::registry()
        .with(kept)
        .with(lines)
        .try_init();
}

/// Limits the rate of similar lines, and their length, and removes control characters: events may quote
/// responses of other servers.
struct Bounded {
    format: Format<Compact>,
    kinds: Mutex<HashMap<u64, Window>>,
    hasher: RandomState,
}

/// Lines of one kind in the current window.
#[derive(Debug)]
struct Window {
    began: Instant,
    lines: u64,
}

impl Window {
    /// Counts a line. Returns the number of lines suppressed since the last one shown, or `None` if this line
    /// is suppressed too.
    fn count(&mut self, now: Instant) -> Option<u64> {
        let mut suppressed = 0;
        if now.duration_since(self.began) >= WINDOW {
            suppressed = self.lines.saturating_sub(LINES_MAX);
            (self.began, self.lines) = (now, 0);
        }
        self.lines += 1;
        (self.lines <= LINES_MAX).then_some(suppressed)
    }
}

impl Bounded {
    fn new(format: Format<Compact>) -> Self {
        Self {
            format,
            kinds: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// Counts a line, as [`Window::count`] does for its kind. Lines are of one kind if they differ only in
    /// digits, such as times, ports and counts: a flood of one message must not suppress its cause.
    fn count(&self, line: &str) -> Option<u64> {
        let mut hasher = self.hasher.build_hasher();
        for byte in line.bytes().filter(|byte| !byte.is_ascii_digit()) {
            hasher.write_u8(byte);
        }
        let kind = hasher.finish();
        let now = Instant::now();
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= KINDS_MAX && !kinds.contains_key(&kind) {
            kinds.retain(|_, window| now.duration_since(window.began) < WINDOW);
        }
        // Any further kinds share one window.
        let kind = match kinds.len() < KINDS_MAX || kinds.contains_key(&kind) {
            true => kind,
            false => 0,
        };
        let window = kinds.entry(kind).or_insert(Window {
            began: now,
            lines: 0,
        });
        window.count(now)
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
        let mut line = String::new();
        self.format
            .format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        let Some(suppressed) = self.count(line) else {
            return Ok(());
        };
        if suppressed > 0 {
            writeln!(
                writer,
                "({suppressed} lines similar to the next were suppressed)"
            )?;
        }
        let shown = &line[..line.floor_char_boundary(LINE_BYTES_MAX)];
        for character in shown.chars() {
            writer.write_char(match character.is_control() {
                true => ' ',
                false => character,
            })?;
        }
        writer.write_str(if shown.len() < line.len() {
            " ...\n"
        } else {
            "\n"
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io;
    use std::sync::Arc;

    use super::*;

    #[test]
    fn suppresses_and_counts_frequent_lines() {
        let began = Instant::now();
        let mut window = Window { began, lines: 0 };
        for _ in 0..LINES_MAX {
            assert_eq!(window.count(began), Some(0));
        }
        let late = began + WINDOW - Duration::from_nanos(1);
        assert_eq!((window.count(late), window.count(late)), (None, None));
        assert_eq!(window.count(began + WINDOW), Some(2));
        assert_eq!(window.count(began + WINDOW), Some(0));
        assert_eq!(window.count(began + WINDOW * 9), Some(0));
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

    /// Returns the lines written while `log` runs.
    fn logged(log: impl FnOnce()) -> String {
        let lines = Lines::default();
        let written = lines.clone();
        let subscriber = tracing_subscriber::registry().with(
            tracing_subscriber::fmt::layer()
                .event_format(Bounded::new(format().compact()))
                .with_ansi(false)
                .with_writer(move || lines.clone()),
        );
        tracing::subscriber::with_default(subscriber, log);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn different_messages_have_their_own_limit() {
        let text = logged(|| {
            for number in 0..2_000 {
                let error = format!("{number} calls wait");
                tracing::warn!(%error, "no answer");
                if number == 1_000 {
                    let error = "the connection was lost";
                    tracing::warn!(%error, "no answer");
                }
            }
        });
        let count = |word: &str| text.matches(word).count();
        assert_eq!((count("calls wait"), count("was lost")), (10, 1), "{text}");
    }

    #[test]
    fn number_of_kinds_is_bounded() {
        let text = logged(|| {
            for number in 0..2 * KINDS_MAX {
                let error: String = number
                    .to_string()
                    .bytes()
                    .map(|digit| char::from(digit + 50))
                    .collect();
                tracing::warn!(%error);
            }
        });
        assert_eq!(text.lines().count() as u64, KINDS_MAX as u64 + LINES_MAX);
    }

    #[test]
    fn shortens_lines_and_removes_control_characters() {
        let error = format!("\u{1b}[2J\r\n\u{9b}2J{}", "\u{e9}".repeat(LINE_BYTES_MAX));
        let text = logged(|| tracing::error!(%error, "\u{1b}[1m\u{7}bad"));
        assert!(text.ends_with(" ...\n"), "{text}");
        assert!(text.len() < LINE_BYTES_MAX + 8, "{}", text.len());
        let line = text.trim_end();
        assert!(
            line.contains("bad") && !line.contains(char::is_control),
            "{line}"
        );
    }
}
