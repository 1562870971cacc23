//! Records what became of every arrival, without allocating for each.

use hdrhistogram::Histogram;
use tenfold_run_dir::counts::{Counts, InTime};
use tenfold_run_dir::durations::{self, Durations, RunDurations};
use tenfold_run_dir::sample::Sample;
use tenfold_run_dir::timeline::{SideRow, Timeline};
use tenfold_run_dir::{Metric, RunDirError, Series};
use tenfold_scenarios::{Arrival, Kind, Scenario, Scope, Side};

use crate::clock::nanoseconds;
use crate::failure::Failure;
use crate::record::abort_rule::in_scope;
use crate::record::checkpoint::Snapshot;
use crate::record::figures::SharedFigures;
use crate::record::in_flight::InFlight;
use crate::record::key_tally::KeyTally;
use crate::record::log_writer::LogWriter;
use crate::record::outcome::Outcome;
use crate::record::request_tally::RequestTally;
use crate::record::stamps::Stamps;
use crate::record::timeline_rows::TimelineRows;

/// What a run has come to so far, for somebody who watches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Arrivals due, in all phases.
    pub(crate) planned: u64,
    /// Requests that a user took up to send.
    pub(crate) sent: u64,
    /// Requests answered as expected.
    pub(crate) completed: u64,
    /// Requests failed.
    pub(crate) failed: u64,
    /// Arrivals dropped.
    pub(crate) dropped: u64,
}

/// Records what became of every arrival.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// Whether each phase counts.
    counted: Vec<bool>,
    /// Begin and end of each counted phase.
    spans: Vec<(u64, u64)>,
    in_time: InTime,
    kinds: Vec<Kind>,
    key_spaces: Vec<Option<usize>>,
    /// By phase, by request.
    tallies: Vec<Vec<RequestTally>>,
    rows: TimelineRows,
    keys: Vec<KeyTally>,
    tally: Tally,
    in_flight: InFlight,
    service_sum_ns: u64,
    last_done: u64,
    /// How long answers took from their first byte to their last.
    receiving: Histogram<u64>,
    /// How long journeys took that came to their last step.
    journeys: Histogram<u64>,
    writer: LogWriter,
}

impl Recorder {
    pub(crate) fn new(scenario: &Scenario, writer: LogWriter) -> Self {
        Self {
            counted: scenario.phases.iter().map(|phase| !phase.warm_up).collect(),
            spans: scenario
                .phases
                .iter()
                .filter(|phase| !phase.warm_up)
                .map(|phase| {
                    let end = phase.start.saturating_add(phase.duration);
                    (nanoseconds(phase.start), nanoseconds(end))
                })
                .collect(),
            in_time: InTime::default(),
            kinds: scenario
                .requests
                .iter()
                .map(|request| request.kind)
                .collect(),
            key_spaces: scenario
                .requests
                .iter()
                .map(|request| request.key_space)
                .collect(),
            tallies: vec![
                vec![RequestTally::default(); scenario.requests.len()];
                scenario.phases.len()
            ],
            rows: TimelineRows::new(scenario.is_paired()),
            keys: scenario
                .key_spaces
                .iter()
                .map(|space| KeyTally::new(space.count))
                .collect(),
            tally: Tally::default(),
            in_flight: InFlight::default(),
            service_sum_ns: 0,
            last_done: 0,
            receiving: durations::duration_histogram(),
            journeys: durations::duration_histogram(),
            writer,
        }
    }

    /// An arrival became due.
    pub(crate) fn planned(&mut self, arrival: &Arrival) {
        self.tallies[arrival.phase][arrival.draw.request].planned += 1;
        self.tally.planned += 1;
        self.rows.at(nanoseconds(arrival.intended)).planned += 1;
    }

    /// An arrival was given up, because no user was idle for too long.
    pub(crate) fn dropped(&mut self, arrival: &Arrival, now: u64) {
        self.tallies[arrival.phase][arrival.draw.request].dropped += 1;
        self.tally.dropped += 1;
        self.rows.at(now).dropped += 1;
        if let Some(row) = self.side_row(now, arrival.draw.request) {
            row.dropped += 1;
        }
    }

    /// An arrival was sent; of the stamps, those until `sent` are known.
    pub(crate) fn sent(&mut self, arrival: &Arrival, stamps: &Stamps) {
        let sent = stamps.sent;
        self.tallies[arrival.phase][arrival.draw.request].sent += 1;
        self.tally.sent += 1;
        self.rows.at(sent).sent += 1;
        if let Some(row) = self.side_row(sent, arrival.draw.request) {
            row.sent += 1;
        }
        self.in_flight.begin(sent);
        let late = stamps.lag();
        // A request's lag is known once it is sent, and counts even if the answer never comes.
        let series = |metric| Series {
            metric,
            phase: arrival.phase,
            request: arrival.draw.request,
        };
        self.writer.set().record(series(Metric::Lag), late);
        if let Some(blocked) = stamps.blocked {
            self.writer.set().record(series(Metric::Blocked), blocked);
        }
        if self.counted[arrival.phase]
            && let Some(space) = self.key_spaces[arrival.draw.request]
        {
            self.keys[space].add(arrival.draw.rank);
        }
    }

    /// A request that was sent came to its end.
    ///
    /// Latencies are recorded of requests that completed and of those that timed out, which took at
    /// least as long: leaving those out would flatter the service. Other failures are counted only,
    /// for a quick refusal would flatter it too.
    pub(crate) fn done(&mut self, arrival: &Arrival, stamps: &Stamps, outcome: Outcome) {
        let request = arrival.draw.request;
        self.tallies[arrival.phase][request].end(&outcome);
        match outcome.failure {
            None => {
                self.tally.completed += 1;
                let kind = self.kinds[request];
                let in_time = u64::from(self.is_in_time(stamps.done));
                match kind {
                    Kind::Read => {
                        self.rows.at(stamps.done).reads += 1;
                        self.in_time.reads += in_time;
                    }
                    Kind::Write => {
                        self.rows.at(stamps.done).writes += 1;
                        self.in_time.writes += in_time;
                    }
                }
            }
            Some(_) => {
                self.tally.failed += 1;
                self.rows.at(stamps.done).failed += 1;
            }
        }
        self.note_side(request, stamps, outcome);
        self.in_flight.end(stamps.done);
        self.service_sum_ns = self.service_sum_ns.saturating_add(stamps.service());
        self.last_done = self.last_done.max(stamps.done);
        if matches!(outcome.failure, None | Some(Failure::Timeout)) {
            let set = self.writer.set();
            let series = |metric| Series {
                metric,
                phase: arrival.phase,
                request,
            };
            set.record(series(Metric::Response), stamps.response());
            set.record(series(Metric::Service), stamps.service());
            set.record(series(Metric::Unlagged), stamps.unlagged());
            if let Some(read_lag) = stamps.read_lag {
                set.record(series(Metric::ReadLag), read_lag);
            }
            if let Some(first_byte) = stamps.first_byte {
                let waited = first_byte.saturating_sub(stamps.sent);
                set.record(series(Metric::FirstByte), waited);
                if self.counted[arrival.phase] {
                    let received = stamps.done.saturating_sub(first_byte);
                    self.receiving.saturating_record(received);
                }
            }
        }
    }

    /// The row of the side that a request goes to; none where there are not two.
    fn side_row(&mut self, at_ns: u64, request: usize) -> Option<&mut SideRow> {
        let side = Side::of_index(request, self.kinds.len());
        let sides = self.rows.at(at_ns).sides.as_mut()?;
        Some(match side {
            Side::Baseline => &mut sides.baseline,
            Side::Candidate => &mut sides.candidate,
        })
    }

    /// A journey that was begun in a phase came to its last step, after this time.
    pub(crate) fn journey_completed(&mut self, phase: usize, took_ns: u64) {
        if self.counted[phase] {
            self.journeys.saturating_record(took_ns);
        }
    }

    /// Notes, in a paired run, what a request that is done came to.
    fn note_side(&mut self, request: usize, stamps: &Stamps, outcome: Outcome) {
        let Some(row) = self.side_row(stamps.done, request) else {
            return;
        };
        let timed_out = outcome.failure == Some(Failure::Timeout);
        row.completed += u64::from(outcome.failure.is_none());
        row.failed += u64::from(outcome.failure.is_some());
        row.timed_out += u64::from(timed_out);
        if outcome.failure.is_none() || timed_out {
            row.response_sum_ns += stamps.response();
            row.service_sum_ns += stamps.service();
        }
    }

    fn is_in_time(&self, at_ns: u64) -> bool {
        // Phases follow one another, so only the last that has begun can last still.
        let begun = self.spans.partition_point(|(start, _)| *start <= at_ns);
        begun
            .checked_sub(1)
            .is_some_and(|last| at_ns < self.spans[last].1)
    }

    /// Ends an interval: hands its histograms to be written and notes how things stand.
    ///
    /// `cpu_ns` is the generator's CPU time since the interval before.
    pub(crate) fn end_interval(&mut self, now: u64, phase: usize, waiting: usize, cpu_ns: u64) {
        let in_flight = self.in_flight.count();
        self.rows
            .end_interval(now, phase, in_flight, waiting, cpu_ns);
        self.writer.end_interval(now);
    }

    /// Has what the run has come to kept on disk, if it is time: called right after an interval has
    /// ended at `now`. What the recorder does not count is added by `complete`, which is given the
    /// generator's CPU time so far and returns samples.
    pub(crate) fn keep(
        &mut self,
        now: u64,
        complete: impl FnOnce(&mut Counts, u64) -> Vec<Sample>,
    ) {
        if !self.writer.is_to_keep(now) {
            return;
        }
        let mut counts = self.counts(now);
        counts.elapsed_ns = now;
        let samples = complete(&mut counts, self.rows.cpu_ns());
        let (first_row, rows) = self.rows.changed();
        let kept = self.writer.keep(Snapshot {
            at_ns: now,
            counts,
            first_row,
            rows: rows.to_vec(),
            samples,
        });
        if kept {
            self.rows.kept();
        }
    }

    /// The figures of the intervals so far.
    pub(crate) fn figures(&self) -> SharedFigures {
        self.writer.figures()
    }

    /// Requests failed so far, by class.
    pub(crate) fn failures(&self) -> Vec<(Failure, u64)> {
        let tallies = || self.tallies.iter().flatten();
        Failure::ALL
            .into_iter()
            .map(|failure| {
                let count = tallies().map(|tally| tally.failed_by(failure));
                (failure, count.sum())
            })
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// How many requests of the counted phases have come to nothing so far (failed or dropped), and
    /// how many have come to an end.
    pub(crate) fn ended(&self, scope: Scope) -> (u64, u64) {
        let counted = self.tallies.iter().zip(&self.counted);
        let requests = counted
            .filter(|(_, counted)| **counted)
            .flat_map(|(requests, _)| requests.iter().zip(&self.kinds).enumerate());
        requests
            .filter(|(request, (_, kind))| in_scope(scope, *request, **kind))
            .fold((0, 0), |(lost, count), (_, (tally, _))| {
                let more = tally.failed() + tally.dropped;
                (lost + more, count + more + tally.completed)
            })
    }

    /// What the run has come to so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Requests sent and not done.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.count()
    }

    /// Ends the record at `now`, and waits until it is on disk.
    ///
    /// `cpu_ns` is the generator's CPU time since the start.
    pub(crate) fn finish(self, now: u64, cpu_ns: u64) -> Result<(Counts, Timeline), RunDirError> {
        let counts = self.counts(now);
        self.writer.finish(now)?;
        Ok((counts, self.rows.finish(now, cpu_ns)))
    }

    /// What the run has come to at `now`.
    fn counts(&self, now: u64) -> Counts {
        let phases = self.tallies.iter();
        Counts {
            phases: phases
                .map(|requests| requests.iter().map(RequestTally::counts).collect())
                .collect(),
            elapsed_ns: match self.in_flight.count() {
                0 => self.last_done,
                _ => now,
            },
            in_flight_ns: self.in_flight.integral_ns(now),
            service_sum_ns: self.service_sum_ns,
            keys: self.keys.iter().map(KeyTally::counts).collect(),
            in_time: Some(self.in_time),
            durations: Some(RunDurations {
                receiving: Durations::of(&self.receiving),
                journeys: Durations::of(&self.journeys),
                ..RunDurations::default()
            }),
            ..Counts::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use tenfold_run_dir::IntervalLog;
    use tenfold_run_dir::RunDir;
    use tenfold_run_dir::timeline::SideRows;

    use super::*;

    const SCENARIO: &str = r#"
        version = 1
        name = "rows"
        [[phases]]
        name = "all"
        kind = "constant"
        rate = "1/s"
        duration = "10s"
        [[requests]]
        name = "read"
        kind = "read"
        weight = 1
        method = "GET"
        path = "/"
    "#;

    #[test]
    fn answers_count_while_the_counted_phases_last() {
        let warm_up = "name = \"warm\"\nkind = \"constant\"\nrate = \"1/s\"\nduration = \"2500ms\"\n\
                       warm_up = true\n[[phases]]\nname = \"all\"";
        let text = SCENARIO.replacen("name = \"all\"", warm_up, 1);
        let scenario = Scenario::parse(&text, Path::new("rows.toml")).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("intervals.hlog");
        let log = IntervalLog::create(&path, SystemTime::UNIX_EPOCH).unwrap();
        let run_dir = RunDir::open(directory.path());
        let writer = LogWriter::start(log, &scenario, &run_dir).unwrap();
        let mut recorder = Recorder::new(&scenario, writer);
        let first = scenario.schedule().next().unwrap();
        let arrival = Arrival { phase: 1, ..first };
        for done in [2_499_999_999, 2_500_000_000, 12_499_999_999, 12_500_000_000] {
            let stamps = Stamps {
                intended: nanoseconds(arrival.intended),
                blocked: None,
                sent: done - 1_000,
                first_byte: Some(done - 400),
                done,
                read_lag: None,
            };
            let outcome = Outcome {
                status: Some(200),
                body_bytes: 0,
                failure: None,
                is_written: true,
            };
            recorder.planned(&arrival);
            recorder.sent(&arrival, &stamps);
            recorder.done(&arrival, &stamps, outcome);
        }
        recorder.journey_completed(0, 1_000);
        recorder.journey_completed(1, 2_000);
        let (counts, _) = recorder.finish(13_000_000_000, 0).unwrap();
        let expected = InTime {
            reads: 2,
            writes: 0,
        };
        assert_eq!(counts.in_time, Some(expected));
        let durations = counts.durations.unwrap();
        assert_eq!(durations.journeys.count(), 1, "one was begun in warm-up");
        assert_eq!(durations.receiving.count(), 4);
    }

    #[test]
    fn the_rows_of_sides_end_at_whole_seconds_however_late_the_intervals_do() {
        let scenario = Scenario::parse(SCENARIO, Path::new("rows.toml")).unwrap();
        let scenario = scenario.paired().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("intervals.hlog");
        let log = IntervalLog::create(&path, SystemTime::UNIX_EPOCH).unwrap();
        let mut recorder = Recorder::new(
            &scenario,
            LogWriter::start(log, &scenario, &RunDir::open(directory.path())).unwrap(),
        );
        let arrivals: Vec<Arrival> = scenario.schedule().take(2).collect();
        let mut end = |side: Side, done: u64, failure: Option<Failure>| {
            let mut arrival = arrivals[0];
            arrival.draw = scenario.on_side(arrival.draw, side);
            let stamps = Stamps {
                intended: done - 3_000,
                blocked: None,
                sent: done - 1_000,
                first_byte: None,
                done,
                read_lag: None,
            };
            let outcome = Outcome {
                status: None,
                body_bytes: 0,
                failure,
                is_written: true,
            };
            recorder.sent(&arrival, &stamps);
            recorder.done(&arrival, &stamps, outcome);
        };
        end(Side::Baseline, 1_000_000_000, None);
        end(Side::Baseline, 999_999_999, Some(Failure::Timeout));
        end(Side::Candidate, 1_999_999_999, Some(Failure::Connect));
        recorder.end_interval(2_300_000_000, 0, 0, 0);
        let (_, timeline) = recorder.finish(2_500_000_000, 0).unwrap();
        let rows: Vec<SideRows> = timeline.rows.iter().filter_map(|row| row.sides).collect();
        assert_eq!(
            rows.len(),
            timeline.rows.len(),
            "also where nothing happened"
        );
        let one = SideRow {
            response_sum_ns: 3_000,
            service_sum_ns: 1_000,
            ..SideRow::default()
        };
        let timed_out = SideRow {
            sent: 2,
            failed: 1,
            timed_out: 1,
            ..one
        };
        assert_eq!(rows[0].baseline, timed_out);
        assert_eq!(
            rows[1].baseline,
            SideRow {
                completed: 1,
                ..one
            }
        );
        let failed = SideRow {
            sent: 1,
            failed: 1,
            ..SideRow::default()
        };
        assert_eq!(rows[1].candidate, failed);
        assert_eq!(rows[0].baseline.mean_response_ns(), Some(3_000.0));
        assert_eq!(rows[1].candidate.mean_response_ns(), None);
    }
}
