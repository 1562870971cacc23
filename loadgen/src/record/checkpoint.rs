//! Checkpoints: the state of a run on disk, so that a killed run can be reported.

use tenfold_run_dir::sample::Sample;
use tenfold_run_dir::timeline::Row;
use tenfold_run_dir::{Checkpoint, Counts, RunDir, RunDirError, ServerTiming, Timeline};

use crate::usage::peak_memory_bytes;

/// The state of a run at the end of an interval.
#[derive(Debug)]
pub(crate) struct Snapshot {
    /// The end of the interval, in nanoseconds since the start.
    pub(crate) at_ns: u64,
    /// Counts of every arrival until then.
    pub(crate) counts: Counts,
    /// Index of the first row of the time line that may have changed since the last snapshot.
    pub(crate) first_row: usize,
    /// That row and all later ones.
    pub(crate) rows: Vec<Row>,
    /// Samples of failed requests.
    pub(crate) samples: Vec<Sample>,
    /// Times of sampled requests.
    pub(crate) server_timing: ServerTiming,
}

/// Writes snapshots to a run directory, each replacing the one before.
#[derive(Debug)]
pub(crate) struct CheckpointWriter {
    run_dir: RunDir,
    timeline: Timeline,
}

impl CheckpointWriter {
    /// Creates a writer without a time line.
    pub(crate) fn new(run_dir: RunDir) -> Self {
        Self {
            run_dir,
            timeline: Timeline::default(),
        }
    }

    /// Writes a snapshot, taken when the interval log was `log_bytes` long.
    ///
    /// # Errors
    /// If a file can't be written.
    pub(crate) fn write(&mut self, snapshot: Snapshot, log_bytes: u64) -> Result<(), RunDirError> {
        let rows = &mut self.timeline.rows;
        rows.truncate(snapshot.first_row);
        rows.extend(snapshot.rows);
        let mut counts = snapshot.counts;
        counts.generator.peak_memory_bytes = peak_memory_bytes();
        let not_sent = counts.phases.iter().flatten().map(|counts| {
            let settled = counts.sent + counts.dropped;
            counts.planned.saturating_sub(settled)
        });
        let checkpoint = Checkpoint {
            at_ns: snapshot.at_ns,
            not_sent: not_sent.sum(),
            log_bytes: Some(log_bytes),
        };
        join_last_row(rows, &checkpoint);
        counts.interrupted = Some(checkpoint.description());
        counts.checkpoint = Some(checkpoint);
        let run_dir = &self.run_dir;
        let (samples, timing) = (&snapshot.samples, &snapshot.server_timing);
        run_dir.write_checkpoint(&counts, &self.timeline, samples, timing)
    }
}

/// Adds the last row to the one before it if only a fraction of its second had passed: intervals end
/// slightly after the second, and counts of that fraction would look like those of a second.
fn join_last_row(rows: &mut Vec<Row>, checkpoint: &Checkpoint) {
    let Some(last) = rows.pop_if(|last| !checkpoint.holds(last)) else {
        return;
    };
    match rows.last_mut() {
        Some(before) => {
            before.planned += last.planned;
            before.sent += last.sent;
            before.reads += last.reads;
            before.writes += last.writes;
            before.failed += last.failed;
            before.dropped += last.dropped;
            before.generator_cpu_ns += last.generator_cpu_ns;
            for own in &last.failures {
                before.add_failures(&own.class, own.status, own.count);
            }
            if let Some(sides) = last.sides {
                before.sides.get_or_insert_default().add(&sides);
            }
        }
        None => rows.push(last),
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::counts::RequestCounts;
    use tenfold_run_dir::timeline::{SideRow, SideRows};

    use super::*;

    const SECOND: u64 = 1_000_000_000;

    fn row(second: u64, planned: u64) -> Row {
        Row {
            start_ns: second * SECOND,
            duration_ns: SECOND,
            planned,
            ..Row::default()
        }
    }

    fn sides(sent: u64) -> SideRows {
        SideRows {
            baseline: SideRow {
                sent,
                response_sum_ns: 100 * sent,
                ..SideRow::default()
            },
            candidate: SideRow {
                sent: 2 * sent,
                ..SideRow::default()
            },
        }
    }

    fn snapshot(at_ns: u64, first_row: usize, rows: Vec<Row>) -> Snapshot {
        Snapshot {
            at_ns,
            counts: Counts {
                phases: vec![vec![RequestCounts {
                    planned: 10,
                    sent: 7,
                    dropped: 1,
                    ..RequestCounts::default()
                }]],
                ..Counts::default()
            },
            first_row,
            rows,
            samples: Vec::new(),
            server_timing: ServerTiming::default(),
        }
    }

    fn written(run_dir: &RunDir) -> (Counts, Timeline) {
        let read = |name| std::fs::read(run_dir.file(name)).expect("the file exists");
        (
            serde_json::from_slice(&read("counts.json")).expect("the file is JSON"),
            serde_json::from_slice(&read("timeline.json")).expect("the file is JSON"),
        )
    }

    #[test]
    fn snapshots_extend_one_time_line() {
        let directory = tempfile::tempdir().unwrap();
        let run_dir = RunDir::open(directory.path());
        let mut writer = CheckpointWriter::new(run_dir.clone());
        let first = vec![row(0, 100), row(1, 100), row(2, 1)];
        writer
            .write(snapshot(2 * SECOND + 300_000, 0, first), 70)
            .unwrap();
        let (counts, timeline) = written(&run_dir);
        assert_eq!(timeline.rows, [row(0, 100), row(1, 101)]);
        let checkpoint = counts.checkpoint.unwrap();
        assert_eq!((checkpoint.not_sent, checkpoint.log_bytes), (2, Some(70)));
        assert!(counts.interrupted.unwrap().ends_with("up to 2 s"));

        let later = vec![row(1, 100), row(2, 90), row(3, 50)];
        writer.write(snapshot(4 * SECOND, 1, later), 140).unwrap();
        let (_, timeline) = written(&run_dir);
        assert_eq!(
            timeline.rows,
            [row(0, 100), row(1, 100), row(2, 90), row(3, 50)]
        );
    }

    #[test]
    fn joins_counts_of_each_side() {
        let of_both = |second, planned, sent| Row {
            sides: Some(sides(sent)),
            ..row(second, planned)
        };
        let mut rows = vec![of_both(0, 100, 50), of_both(1, 3, 1)];
        let checkpoint = Checkpoint {
            at_ns: SECOND + 300_000,
            ..Checkpoint::default()
        };
        join_last_row(&mut rows, &checkpoint);
        assert_eq!(rows, [of_both(0, 103, 51)]);
    }
}
