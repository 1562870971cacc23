//! The recorder: counts every arrival, without an allocation for each.

use std::borrow::Cow;

use hdrhistogram::Histogram;
use tenfold_run_dir::counts::{Counts, InTime};
use tenfold_run_dir::durations::{self, Durations, RunDurations};
use tenfold_run_dir::sample::Sample;
use tenfold_run_dir::timeline::{SideRow, Timeline};
use tenfold_run_dir::{Metric, RunDirError, Series, ServerTiming};
use tenfold_scenarios::{Arrival, Kind, Rule, Scenario, Side};

use crate::clock::nanoseconds;
use crate::failure::Failure;
use crate::http::Trip;
use crate::record::abort_rule::in_scope;
use crate::record::checkpoint::Snapshot;
use crate::record::feed::{Feed, RequestSpan};
use crate::record::figures::SharedFigures;
use crate::record::in_flight::InFlight;
use crate::record::key_tally::KeyTally;
use crate::record::log_writer::LogWriter;
use crate::record::outcome::Outcome;
use crate::record::request_tally::RequestTally;
use crate::record::stamps::Stamps;
use crate::record::timeline_rows::TimelineRows;
use crate::record::travel_log::{TravelLog, travel_counts};

/// Totals of a run so far, for its progress.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Arrivals due, in all phases.
    pub(crate) planned: u64,
    /// Requests that a user began to send.
    pub(crate) sent: u64,
    /// Requests answered as expected.
    pub(crate) completed: u64,
    /// Requests failed.
    pub(crate) failed: u64,
    /// Arrivals dropped.
    pub(crate) dropped: u64,
}

/// The record of a run that has ended.
#[derive(Debug)]
pub(crate) struct Recorded {
    /// Counts of every arrival.
    pub(crate) counts: Counts,
    /// Counts, second by second.
    pub(crate) timeline: Timeline,
    /// Times of sampled requests.
    pub(crate) server_timing: ServerTiming,
}

/// Records every arrival and its outcome.
#[derive(Debug)]
pub(crate) struct Recorder {
    /// True for phases that are not warm-up.
    counted: Vec<bool>,
    /// Start and end of each counted phase.
    spans: Vec<(u64, u64)>,
    in_time: InTime,
    kinds: Vec<Kind>,
    key_spaces: Vec<Option<usize>>,
    /// By phase, then by request.
    tallies: Vec<Vec<RequestTally>>,
    rows: TimelineRows,
    keys: Vec<KeyTally>,
    tally: Tally,
    in_flight: InFlight,
    service_sum_ns: u64,
    last_done: u64,
    /// The shortest wait of a dropped arrival.
    dropped_after_ns_min: Option<u64>,
    /// Time from the first byte of an answer to its last.
    receiving: Histogram<u64>,
    /// Duration of completed journeys.
    journeys: Histogram<u64>,
    /// Redirected and traced requests. `None` while there were none.
    travel: Option<Box<TravelLog>>,
    /// Publishes sampled requests. `None` if nobody reads them.
    feed: Option<Feed>,
    writer: LogWriter,
}

impl Recorder {
    pub(crate) fn new(scenario: &Scenario, writer: LogWriter, feed: Option<Feed>) -> Self {
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
            dropped_after_ns_min: None,
            receiving: durations::duration_histogram(),
            journeys: durations::duration_histogram(),
            travel: None,
            feed,
            writer,
        }
    }

    /// Records that an arrival is due.
    pub(crate) fn planned(&mut self, arrival: &Arrival) {
        self.tallies[arrival.phase][arrival.draw.request].planned += 1;
        self.tally.planned += 1;
        self.rows.at(nanoseconds(arrival.intended)).planned += 1;
    }

    /// Records that an arrival was dropped, because no user was idle for too long.
    pub(crate) fn dropped(&mut self, arrival: &Arrival, now: u64) {
        self.tallies[arrival.phase][arrival.draw.request].dropped += 1;
        self.tally.dropped += 1;
        let waited = now.saturating_sub(nanoseconds(arrival.intended));
        let least = self.dropped_after_ns_min.get_or_insert(waited);
        *least = waited.min(*least);
        self.rows.at(now).dropped += 1;
        if let Some(row) = self.side_row(now, arrival.draw.request) {
            row.dropped += 1;
        }
    }

    /// Records that an arrival was sent. Only the stamps up to `sent` are read.
    pub(crate) fn sent(&mut self, arrival: &Arrival, stamps: &Stamps) {
        let sent = stamps.sent;
        self.tallies[arrival.phase][arrival.draw.request].sent += 1;
        self.tally.sent += 1;
        self.rows.at(sent).sent += 1;
        if let Some(row) = self.side_row(sent, arrival.draw.request) {
            row.sent += 1;
        }
        self.in_flight.begin(sent);
        let lag = stamps.lag();
        // The lag counts even if no answer arrives.
        let series = |metric| Series {
            metric,
            phase: arrival.phase,
            request: arrival.draw.request,
        };
        self.writer.set().record(series(Metric::Lag), lag);
        if let Some(blocked) = stamps.blocked {
            self.writer.set().record(series(Metric::Blocked), blocked);
        }
        if self.counted[arrival.phase]
            && let Some(space) = self.key_spaces[arrival.draw.request]
        {
            self.keys[space].add(arrival.draw.rank);
        }
    }

    /// Records that a request ended.
    ///
    /// Latencies are recorded for completed requests and for timeouts, which took at least that long.
    /// Omitting timeouts, or including quick failures, would make the service look faster. Other
    /// failures are only counted.
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
            Some(failure) => {
                self.tally.failed += 1;
                let row = self.rows.at(stamps.done);
                row.failed += 1;
                row.add_failures(&Cow::Borrowed(failure.name()), outcome.status, 1);
            }
        }
        self.count_side(request, stamps, outcome);
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
                let to_first_byte = first_byte.saturating_sub(stamps.sent);
                set.record(series(Metric::FirstByte), to_first_byte);
                if self.counted[arrival.phase] {
                    let received = stamps.done.saturating_sub(first_byte);
                    self.receiving.saturating_record(received);
                }
            }
        }
    }

    /// Records an event of a stream, and the time since the intended time or since the event before it.
    pub(crate) fn event(&mut self, arrival: &Arrival, name: &str, metric: Metric, value_ns: u64) {
        let request = arrival.draw.request;
        self.tallies[arrival.phase][request].event(name);
        let series = Series {
            metric,
            phase: arrival.phase,
            request,
        };
        self.writer.set().record(series, value_ns);
    }

    /// Records the time from sending a message of a conversation to the last of its replies.
    pub(crate) fn round_trip(&mut self, arrival: &Arrival, value_ns: u64) {
        let series = Series {
            metric: Metric::RoundTrip,
            phase: arrival.phase,
            request: arrival.draw.request,
        };
        self.writer.set().record(series, value_ns);
    }

    /// Records the way of a request that is not plain and has ended.
    pub(crate) fn travelled(
        &mut self,
        arrival: &Arrival,
        stamps: &Stamps,
        outcome: Outcome,
        trip: &Trip,
    ) {
        let request = arrival.draw.request;
        self.tallies[arrival.phase][request]
            .travel
            .add(&travel_counts(trip));
        if self.counted[arrival.phase] {
            let log = self.travel.get_or_insert_default();
            log.add(request, stamps, outcome, trip);
        }
        if let (Some(feed), Some(trace)) = (&self.feed, trip.trace)
            && trace.sampled
        {
            feed.offer(RequestSpan {
                phase: arrival.phase,
                request,
                trace_id: trace.id,
                span_id: trace.root,
                intended_ns: stamps.intended,
                blocked_ns: stamps.blocked,
                sent_ns: stamps.sent,
                done_ns: stamps.done,
                status: outcome.status,
                failure: outcome.failure,
                exchanges: trip.spans.clone(),
            });
        }
    }

    /// The row of the side that a request goes to. `None` unless the run is paired.
    fn side_row(&mut self, at_ns: u64, request: usize) -> Option<&mut SideRow> {
        let side = Side::of_index(request, self.kinds.len());
        let sides = self.rows.at(at_ns).sides.as_mut()?;
        Some(match side {
            Side::Baseline => &mut sides.baseline,
            Side::Candidate => &mut sides.candidate,
        })
    }

    /// Records the duration of a completed journey that began in `phase`.
    pub(crate) fn journey_completed(&mut self, phase: usize, took_ns: u64) {
        if self.counted[phase] {
            self.journeys.saturating_record(took_ns);
        }
    }

    /// Counts an ended request on its side, in a paired run.
    fn count_side(&mut self, request: usize, stamps: &Stamps, outcome: Outcome) {
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
        // Phases don't overlap, so only the last one begun can contain `at_ns`.
        let begun = self.spans.partition_point(|(start, _)| *start <= at_ns);
        begun
            .checked_sub(1)
            .is_some_and(|last| at_ns < self.spans[last].1)
    }

    /// Ends an interval: hands over its histograms and updates the time line.
    ///
    /// `cpu_ns` is the generator's CPU time since the previous interval.
    pub(crate) fn end_interval(&mut self, now: u64, phase: usize, waiting: usize, cpu_ns: u64) {
        let in_flight = self.in_flight.count();
        self.rows
            .end_interval(now, phase, in_flight, waiting, cpu_ns);
        self.writer.end_interval(now);
    }

    /// Writes a checkpoint if one is due. Called right after an interval has ended at `now`.
    ///
    /// `complete` adds what the recorder does not count. It receives the generator's CPU time so far and
    /// returns samples.
    pub(crate) fn checkpoint(
        &mut self,
        now: u64,
        complete: impl FnOnce(&mut Counts, u64) -> Vec<Sample>,
    ) {
        if !self.writer.is_checkpoint_due(now) {
            return;
        }
        let mut counts = self.counts(now);
        counts.elapsed_ns = now;
        let samples = complete(&mut counts, self.rows.cpu_ns());
        let server_timing = self.server_timing();
        let (first_row, rows) = self.rows.changed();
        let is_written = self.writer.checkpoint(Snapshot {
            at_ns: now,
            counts,
            first_row,
            rows: rows.to_vec(),
            samples,
            server_timing,
        });
        if is_written {
            self.rows.mark_written();
        }
    }

    /// Returns true once the interval log can't be written.
    pub(crate) fn is_broken(&self) -> bool {
        self.writer.is_broken()
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

    /// The number of requests of a rule's phases and scope that failed or were dropped so far, and the number that
    /// ended. Failures that are blamed on the generator are in neither.
    pub(crate) fn ended(&self, rule: &Rule) -> (u64, u64) {
        let counted = self.tallies.iter().zip(&self.counted).enumerate();
        let requests = counted
            .filter(|(phase, (_, counted))| {
                **counted && rule.phase.is_none_or(|only| only == *phase)
            })
            .flat_map(|(_, (requests, _))| requests.iter().zip(&self.kinds).enumerate());
        requests
            .filter(|(request, (_, kind))| in_scope(rule.scope, *request, **kind))
            .fold((0, 0), |(lost, count), (_, (tally, _))| {
                let more = tally.failed_by_others() + tally.dropped;
                (lost + more, count + more + tally.completed)
            })
    }

    /// Totals so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Requests in flight.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight.count()
    }

    /// Ends the record at `now` and waits until it is on disk.
    ///
    /// `cpu_ns` is the generator's CPU time since the start.
    ///
    /// # Errors
    /// If the interval log can't be written.
    pub(crate) fn finish(self, now: u64, cpu_ns: u64) -> Result<Recorded, RunDirError> {
        let counts = self.counts(now);
        let server_timing = self.server_timing();
        self.writer.finish(now)?;
        Ok(Recorded {
            counts,
            timeline: self.rows.finish(now, cpu_ns),
            server_timing,
        })
    }

    /// Times of sampled requests.
    fn server_timing(&self) -> ServerTiming {
        let log = self.travel.as_ref();
        log.map_or_else(ServerTiming::default, |log| log.server_timing().clone())
    }

    /// The counts at `now`.
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
            dropped_after_ns_min: self.dropped_after_ns_min,
            keys: self.keys.iter().map(KeyTally::counts).collect(),
            in_time: Some(self.in_time),
            durations: Some(RunDurations {
                receiving: Durations::of(&self.receiving),
                journeys: Durations::of(&self.journeys),
                ..RunDurations::default()
            }),
            hops: self.travel.as_ref().map_or_else(Vec::new, |log| log.hops()),
            traces: self
                .travel
                .as_ref()
                .map_or_else(Vec::new, |log| log.traces()),
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
    use tenfold_scenarios::Share;

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
    fn in_time_counts_answers_within_counted_phases() {
        let warm_up = "name = \"warm\"\nkind = \"constant\"\nrate = \"1/s\"\nduration = \"2500ms\"\n\
                       warm_up = true\n[[phases]]\nname = \"all\"";
        let text = SCENARIO.replacen("name = \"all\"", warm_up, 1);
        let scenario = Scenario::parse(&text, Path::new("rows.toml")).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("intervals.hlog");
        let log = IntervalLog::create(&path, SystemTime::UNIX_EPOCH).unwrap();
        let run_dir = RunDir::open(directory.path());
        let writer = LogWriter::start(log, (&scenario, Share::WHOLE), &run_dir, None).unwrap();
        let mut recorder = Recorder::new(&scenario, writer, None);
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
        let counts = recorder.finish(13_000_000_000, 0).unwrap().counts;
        let expected = InTime {
            reads: 2,
            writes: 0,
        };
        assert_eq!(counts.in_time, Some(expected));
        let durations = counts.durations.unwrap();
        assert_eq!(durations.journeys.count(), 1, "the other began in warm-up");
        assert_eq!(durations.receiving.count(), 4);
    }

    #[test]
    fn side_rows_end_at_whole_seconds() {
        let scenario = Scenario::parse(SCENARIO, Path::new("rows.toml")).unwrap();
        let scenario = scenario.paired().unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("intervals.hlog");
        let log = IntervalLog::create(&path, SystemTime::UNIX_EPOCH).unwrap();
        let mut recorder = Recorder::new(
            &scenario,
            LogWriter::start(
                log,
                (&scenario, Share::WHOLE),
                &RunDir::open(directory.path()),
                None,
            )
            .unwrap(),
            None,
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
        let timeline = recorder.finish(2_500_000_000, 0).unwrap().timeline;
        let rows: Vec<SideRows> = timeline.rows.iter().filter_map(|row| row.sides).collect();
        assert_eq!(rows.len(), timeline.rows.len(), "also without requests");
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
