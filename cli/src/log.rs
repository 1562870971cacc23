//! What a process that serves has to say for itself, on standard error.

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

/// Lines of one kind in one window: a store that is away fails each of 40,000 requests a second, and
/// says the same of all of them.
const LINES_MOST: u64 = 10;
const WINDOW: Duration = Duration::from_secs(1);
/// Kinds that are told apart in one window.
const KINDS_MOST: usize = 256;
/// Bytes of a line: an object store answers with pages.
const LINE_BYTES_MOST: usize = 1_000;

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

/// Leaves lines out where the same is said too often, and keeps each to one line of bounded length that
/// orders a terminal nothing: what servers answered may stand in them.
struct Bounded {
    format: Format<Compact>,
    kinds: Mutex<HashMap<u64, Window>>,
    hasher: RandomState,
}

/// How often lines of one kind came lately.
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
            kinds: Mutex::default(),
            hasher: RandomState::new(),
        }
    }

    /// Lines are of one kind where they differ in figures alone, as times, ports and counts are: a
    /// refusal of one kind must not take the place of what is its cause.
    fn take(&self, line: &str) -> Option<u64> {
        let mut hasher = self.hasher.build_hasher();
        for byte in line.bytes().filter(|byte| !byte.is_ascii_digit()) {
            hasher.write_u8(byte);
        }
        let kind = hasher.finish();
        let now = Instant::now();
        let mut kinds = self.kinds.lock().unwrap_or_else(PoisonError::into_inner);
        if kinds.len() >= KINDS_MOST && !kinds.contains_key(&kind) {
            kinds.retain(|_, window| now.duration_since(window.began) < WINDOW);
        }
        // What is left of too many kinds is one kind.
        let kind = match kinds.len() < KINDS_MOST || kinds.contains_key(&kind) {
            true => kind,
            false => 0,
        };
        let window = kinds.entry(kind).or_insert(Window {
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
        let mut line = String::new();
        self.format
            .format_event(context, Writer::new(&mut line), event)?;
        let line = line.trim_end();
        let Some(left_out) = self.take(line) else {
            return Ok(());
        };
        if left_out > 0 {
            writeln!(writer, "({left_out} like the next were left out)")?;
        }
        let shown = &line[..line.floor_char_boundary(LINE_BYTES_MOST)];
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

    /// What is written of what `say` says.
    fn logged(say: impl FnOnce()) -> String {
        let lines = Lines::default();
        let written = lines.clone();
        let subscriber = tracing_subscriber::registry().with(
            tracing_subscriber::fmt::layer()
                .event_format(Bounded::new(format().compact()))
                .with_ansi(false)
                .with_writer(move || lines.clone()),
        );
        tracing::subscriber::with_default(subscriber, say);
        let bytes = written.0.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn what_differs_in_more_than_figures_has_lines_of_its_own() {
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
    fn kinds_are_bounded() {
        let text = logged(|| {
            for number in 0..2 * KINDS_MOST {
                let error: String = number
                    .to_string()
                    .bytes()
                    .map(|digit| char::from(digit + 50))
                    .collect();
                tracing::warn!(%error);
            }
        });
        assert_eq!(text.lines().count() as u64, KINDS_MOST as u64 + LINES_MOST);
    }

    #[test]
    fn a_line_is_one_line_of_bounded_length_that_orders_nothing() {
        let error = format!("\u{1b}[2J\r\n\u{9b}2J{}", "\u{e9}".repeat(LINE_BYTES_MOST));
        let text = logged(|| tracing::error!(%error, "\u{1b}[1m\u{7}bad"));
        assert!(text.ends_with(" ...\n"), "{text}");
        assert!(text.len() < LINE_BYTES_MOST + 8, "{}", text.len());
        let line = text.trim_end();
        assert!(
            line.contains("bad") && !line.contains(char::is_control),
            "{line}"
        );
    }
}
