//! A line every few seconds, for logs and for terminals that can do no more.

use std::io::Write;
use std::time::Duration;

use tenfold_analysis::words;
use tenfold_loadgen::Progress;

/// How often a line is written.
const EVERY: Duration = Duration::from_secs(5);

/// Writes a line every few seconds.
pub(crate) struct Lines {
    phases: Vec<String>,
    next: Duration,
}

impl Lines {
    /// Begins with a run of these phases.
    pub(crate) fn new(phases: Vec<String>) -> Self {
        Self {
            phases,
            next: Duration::ZERO,
        }
    }

    /// Writes how the run stands now, if it is time.
    pub(crate) fn show(&mut self, progress: &Progress) {
        if progress.elapsed < self.next {
            return;
        }
        self.next = progress.elapsed + EVERY - Duration::from_millis(500);
        let phase = self.phases.get(progress.phase).map_or("", String::as_str);
        let _ = writeln!(std::io::stderr(), "{}", line(progress, phase));
    }
}

fn line(progress: &Progress, phase: &str) -> String {
    use std::fmt::Write as _;
    let mut line = format!(
        "{:>3}/{} s  {phase}  offered {}  achieved {}  p50 {}  p99 {}  failed {}  lag p99 {}",
        progress.elapsed.as_secs(),
        progress.total.as_secs(),
        words::rate(progress.offered_per_s),
        words::rate(progress.achieved_per_s),
        words::maybe_duration(progress.response.p50),
        words::maybe_duration(progress.response.p99),
        progress.failed,
        words::maybe_duration(progress.lag.p99),
    );
    if progress.dropped > 0 {
        let _ = write!(line, "  dropped {}", progress.dropped);
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
    fn the_line_tells_what_is_wrong_only_when_it_is() {
        let mut calm = Progress::default();
        calm.response.p50 = Some(1_250_000);
        let text = line(&calm, "steady");
        assert!(
            text.contains("p50 1.25 ms") && text.contains("p99 –"),
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
