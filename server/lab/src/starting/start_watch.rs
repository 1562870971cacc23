//! Watch over a box that starts.

use std::path::Path;
use std::time::{Duration, Instant};

use super::data_size::data_bytes;
use super::log_lines::LogLines;
use super::progress::StartProgress;
use super::progress_source::ProgressSource;

/// Interval at which file and log are read.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Interval at which the size of the data is summed up.
const SUM_EVERY: Duration = Duration::from_millis(500);

/// Growth of the data that is progress, in bytes.
const GROWTH_MIN: u64 = 64 * 1024;

/// Time limits of a start.
#[derive(Debug, Clone, Copy)]
pub(crate) struct StartLimits {
    /// Longest time without progress.
    pub(crate) stall: Duration,
    /// Longest time with progress.
    pub(crate) total: Duration,
}

/// Watch over a box that starts.
#[derive(Debug)]
pub(crate) struct StartWatch {
    limits: StartLimits,
    began: Instant,
    /// Moment of the last progress.
    moved: Instant,
    looked: Option<Instant>,
    summed: Option<Instant>,
    lines: LogLines,
    /// Size of the data at the first look, which an earlier start left, in bytes. `None` before that.
    bytes_before: Option<u64>,
    /// Growth of the data since then, in bytes.
    grown: u64,
    progress: Option<StartProgress>,
}

/// A start that takes too long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Overdue {
    /// No progress for this time.
    Stalled(Duration),
    /// Not ready after this time, in spite of progress.
    TooLong(Duration),
}

impl StartWatch {
    /// Begins to watch.
    pub(crate) fn new(limits: StartLimits, now: Instant) -> Self {
        Self {
            limits,
            began: now,
            moved: now,
            looked: None,
            summed: None,
            lines: LogLines::default(),
            bytes_before: None,
            grown: 0,
            progress: None,
        }
    }

    /// Latest progress. `None` if the box has not shown any.
    pub(crate) fn progress(&self) -> Option<&StartProgress> {
        self.progress.as_ref()
    }

    /// Looks for progress, if it is time to.
    pub(crate) fn look(&mut self, source: &ProgressSource, log: &Path, now: Instant) {
        if is_due(&mut self.looked, LOOK_EVERY, now) {
            let mut of_line = None;
            let is_news = self.lines.read(log, |line| {
                of_line = source
                    .of_line
                    .and_then(|read| read(line))
                    .or(of_line.take());
            });
            if is_news {
                self.moved = now;
            }
            for shown in [source.report(), of_line].into_iter().flatten() {
                self.show(shown, now);
            }
        }
        if let Some(data) = &source.data
            && is_due(&mut self.summed, SUM_EVERY, now)
        {
            let bytes = data_bytes(data);
            let grown = bytes.saturating_sub(*self.bytes_before.get_or_insert(bytes));
            if grown >= self.grown + GROWTH_MIN {
                self.grown = grown;
                self.moved = now;
                // Figures that the box itself reports say more.
                if self
                    .progress
                    .as_ref()
                    .is_none_or(|own| own.doing == source.growing)
                {
                    let doing = StartProgress::of(source.growing);
                    self.progress = Some(doing.with(grown >> 20, None, "MiB"));
                }
            }
        }
    }

    /// Takes up what the box shows.
    fn show(&mut self, shown: StartProgress, now: Instant) {
        if self.progress.as_ref() != Some(&shown) {
            self.progress = Some(shown);
            self.moved = now;
        }
    }

    /// Returns the limit that the start has exceeded.
    pub(crate) fn overdue(&self, now: Instant) -> Option<Overdue> {
        let StartLimits { stall, total } = self.limits;
        if now.duration_since(self.moved) >= stall {
            Some(Overdue::Stalled(stall))
        } else if now.duration_since(self.began) >= total {
            Some(Overdue::TooLong(total))
        } else {
            None
        }
    }
}

fn is_due(last: &mut Option<Instant>, interval: Duration, now: Instant) -> bool {
    let is_due = last.is_none_or(|last| now.duration_since(last) >= interval);
    if is_due {
        *last = Some(now);
    }
    is_due
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    const LIMITS: StartLimits = StartLimits {
        stall: Duration::from_secs(30),
        total: Duration::from_secs(100),
    };

    fn after(watch: &StartWatch, seconds: u64) -> Instant {
        watch.began + Duration::from_secs(seconds)
    }

    #[test]
    fn progress_extends_the_time_up_to_a_limit() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("progress.json");
        let source = ProgressSource {
            file: Some(file.clone()),
            ..ProgressSource::default()
        };
        let log = directory.path().join("box.log");
        let mut watch = StartWatch::new(LIMITS, Instant::now());
        for seconds in (0..100).step_by(20) {
            fs::write(&file, format!(r#"{{"doing":"loading","done":{seconds}}}"#)).unwrap();
            watch.look(&source, &log, after(&watch, seconds));
            assert_eq!(watch.overdue(after(&watch, seconds + 19)), None);
        }
        assert_eq!(watch.progress().unwrap().to_string(), "loading 80");
        let overdue = watch.overdue(after(&watch, 100));
        assert_eq!(overdue, Some(Overdue::TooLong(LIMITS.total)));
    }

    #[test]
    fn same_figure_is_no_progress() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("progress.json");
        fs::write(&file, r#"{"doing":"loading","done":1}"#).unwrap();
        let source = ProgressSource {
            file: Some(file),
            ..ProgressSource::default()
        };
        let log = directory.path().join("box.log");
        let mut watch = StartWatch::new(LIMITS, Instant::now());
        for seconds in 0..30 {
            watch.look(&source, &log, after(&watch, seconds));
            assert_eq!(watch.overdue(after(&watch, seconds)), None);
        }
        let overdue = watch.overdue(after(&watch, 30));
        assert_eq!(overdue, Some(Overdue::Stalled(LIMITS.stall)));
    }

    #[test]
    fn growing_data_and_new_kinds_of_lines_are_progress() {
        fn transferred(line: &str) -> Option<StartProgress> {
            let percent = line.strip_prefix("transferred ")?.parse().ok()?;
            Some(StartProgress::of("receiving data").with(percent, None, "%"))
        }
        let directory = tempfile::tempdir().unwrap();
        let (data, log) = (directory.path().join("data"), directory.path().join("log"));
        fs::create_dir(&data).unwrap();
        fs::write(data.join("of an earlier start"), vec![0; 5 << 20]).unwrap();
        let source = ProgressSource {
            data: Some(data.clone()),
            growing: "writing data,",
            of_line: Some(transferred),
            ..ProgressSource::default()
        };
        let mut watch = StartWatch::new(LIMITS, Instant::now());
        let begun = watch.began;
        let mut still_moves = |seconds: u64| {
            let now = begun + Duration::from_secs(seconds);
            watch.look(&source, &log, now);
            let shown = watch.progress().map(ToString::to_string);
            (watch.overdue(now).is_none(), shown.unwrap_or_default())
        };
        assert_eq!(still_moves(1), (true, String::new()));
        fs::write(data.join("a"), vec![0; 3 << 20]).unwrap();
        assert_eq!(still_moves(25), (true, "writing data, 3 MiB".into()));
        fs::write(&log, "started\n").unwrap();
        assert!(still_moves(50).0);
        fs::write(&log, "started\ntransferred 7\n").unwrap();
        assert_eq!(still_moves(75), (true, "receiving data 7 %".into()));
        // A line of a known kind, and a little more data.
        fs::write(&log, "started\ntransferred 7\nstarted\n").unwrap();
        fs::write(data.join("b"), [0; 1_000]).unwrap();
        assert!(still_moves(99).0);
        assert!(!still_moves(106).0);
    }
}
