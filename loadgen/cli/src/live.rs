//! Live progress, on standard error: one line that changes on a terminal, a line every few seconds
//! where there is none.

use std::io::{IsTerminal, Write};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use tenfold_loadgen::Progress;

/// How often a line is written where standard error is no terminal.
const EVERY: Duration = Duration::from_secs(5);

/// Shows how a run stands.
pub(crate) struct Live {
    bar: Option<ProgressBar>,
    phases: Vec<String>,
    next: Duration,
}

impl Live {
    /// Begins to show a run of these phases that lasts `total`.
    pub(crate) fn new(phases: Vec<String>, total: Duration) -> Self {
        let bar = std::io::stderr().is_terminal().then(|| {
            let length = u64::try_from(total.as_millis()).unwrap_or(u64::MAX);
            let bar =
                ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::stderr_with_hz(4));
            if let Ok(style) = ProgressStyle::with_template("{bar:12} {wide_msg}") {
                bar.set_style(style);
            }
            bar
        });
        Self {
            bar,
            phases,
            next: Duration::ZERO,
        }
    }

    /// Shows how the run stands now.
    pub(crate) fn show(&mut self, progress: &Progress) {
        let phase = self.phases.get(progress.phase).map_or("", String::as_str);
        let line = line(progress, phase);
        match &self.bar {
            Some(bar) => {
                bar.set_position(u64::try_from(progress.elapsed.as_millis()).unwrap_or(u64::MAX));
                bar.set_message(line);
            }
            None if progress.elapsed >= self.next => {
                self.next = progress.elapsed + EVERY - Duration::from_millis(500);
                let _ = writeln!(std::io::stderr(), "{line}");
            }
            None => {}
        }
    }

    /// Takes the changing line away.
    pub(crate) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn line(progress: &Progress, phase: &str) -> String {
    use std::fmt::Write as _;
    let mut line = format!(
        "{:>3}/{} s  {phase}  offered {:.0}/s  achieved {:.0}/s  p50 {}  p99 {}  failed {}  lag p99 {}",
        progress.elapsed.as_secs(),
        progress.total.as_secs(),
        progress.offered_per_s,
        progress.achieved_per_s,
        milliseconds(progress.p50_ns),
        milliseconds(progress.p99_ns),
        progress.failed,
        milliseconds(progress.lag_p99_ns),
    );
    if progress.dropped > 0 {
        let _ = write!(line, "  dropped {}", progress.dropped);
    }
    if progress.waiting > 0 {
        let _ = write!(line, "  waiting {}", progress.waiting);
    }
    line
}

fn milliseconds(ns: Option<u64>) -> String {
    ns.map_or_else(|| "-".to_owned(), |ns| format!("{:.2} ms", ns as f64 / 1e6))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_tells_what_is_wrong_only_when_it_is() {
        let calm = Progress {
            p50_ns: Some(1_250_000),
            ..Progress::default()
        };
        let text = line(&calm, "steady");
        assert!(
            text.contains("p50 1.25 ms") && text.contains("p99 -"),
            "{text}"
        );
        assert!(
            !text.contains("dropped") && !text.contains("waiting"),
            "{text}"
        );
        let late = line(
            &Progress {
                dropped: 3,
                waiting: 9,
                ..calm
            },
            "steady",
        );
        assert!(
            late.contains("dropped 3") && late.contains("waiting 9"),
            "{late}"
        );
    }
}
