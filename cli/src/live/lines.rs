//! A line every few seconds, for logs and simple terminals.

use std::time::Duration;

use tenfold_analysis::format;
use tenfold_loadgen::Progress;

use crate::output::printer::Printer;

/// Time between two lines.
const INTERVAL: Duration = Duration::from_secs(5);

/// Writer of progress lines.
pub(crate) struct Lines {
    phases: Vec<String>,
    next: Duration,
    printer: Printer,
}

impl Lines {
    /// Creates a writer for a run with these phases.
    pub(crate) fn new(phases: Vec<String>) -> Self {
        Self {
            phases,
            next: Duration::ZERO,
            printer: Printer::start(),
        }
    }

    /// Writes the progress of the run if a line is due.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if progress.elapsed < self.next {
            return;
        }
        self.next = progress.elapsed + INTERVAL - Duration::from_millis(500);
        let phase = self.phases.get(progress.phase).map_or("", String::as_str);
        self.printer.print(line(progress, phase));
    }

    /// Writes the lines that wait.
    pub(crate) fn finish(&mut self) {
        self.printer.finish();
    }
}

fn line(progress: &Progress, phase: &str) -> String {
    use std::fmt::Write as _;
    let mut line = format!(
        "{:>3}/{} s  {phase}  offered {}  achieved {}  p50 {}  p99 {}  failed {}  lag p99 {}",
        progress.elapsed.as_secs(),
        progress.total.as_secs(),
        format::rate(progress.offered_per_s),
        format::rate(progress.achieved_per_s),
        format::maybe_duration(progress.response.p50),
        format::maybe_duration(progress.response.p99),
        progress.failed,
        format::maybe_duration(progress.lag.p99),
    );
    if progress.dropped > 0 {
        let _ = write!(line, "  dropped {}", progress.dropped);
    }
    if progress.lost_generators > 0 {
        let _ = write!(line, "  generators lost {}", progress.lost_generators);
    }
    if progress.waiting > 0 {
        let _ = write!(line, "  waiting {}", progress.waiting);
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_shows_dropped_and_waiting_only_if_any() {
        let mut calm = Progress::default();
        calm.response.p50 = Some(1_250_000);
        let text = line(&calm, "steady");
        assert!(
            text.contains("p50 1.25 ms") && text.contains("p99 –"),
            "{text}"
        );
        assert!(
            !text.contains("dropped") && !text.contains("waiting") && !text.contains("lost"),
            "{text}"
        );
        let late = line(
            &Progress {
                dropped: 3,
                waiting: 9,
                lost_generators: 1,
                ..calm
            },
            "steady",
        );
        assert!(
            late.contains("dropped 3  generators lost 1  waiting 9"),
            "{late}"
        );
    }
}
