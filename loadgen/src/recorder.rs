//! Records what became of every arrival, without allocating for each.

use std::collections::BTreeMap;

use tenfold_run_dir::counts::{Counts, InTime, KeyCounts, RequestCounts, TopCount};
use tenfold_run_dir::timeline::{Row, Timeline};
use tenfold_run_dir::{Metric, RunDirError, Series};
use tenfold_scenarios::{Arrival, Kind, Scenario, Scope};

use crate::abort::in_scope;
use crate::clock::nanoseconds;
use crate::digest::Told;
use crate::failure::Failure;
use crate::log_writer::LogWriter;
use crate::stamps::Stamps;

/// The length of a row of the time line.
pub(crate) const ROW_NS: u64 = 1_000_000_000;

/// The ranks that are counted one by one.
const FIRST_RANKS: usize = 10;

/// What an answer was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Ended {
    /// The status, where a head was read.
    pub(crate) status: Option<u16>,
    /// Bytes of body.
    pub(crate) body_bytes: u64,
    /// Why it failed; none where it is what the scenario expects.
    pub(crate) failure: Option<Failure>,
}

/// What became of the arrivals of one request in one phase.
#[derive(Debug, Clone, Default)]
struct Cell {
    planned: u64,
    sent: u64,
    completed: u64,
    dropped: u64,
    body_bytes: u64,
    statuses: Vec<(u16, u64)>,
    failures: [u64; Failure::ALL.len()],
}

impl Cell {
    fn failed(&self) -> u64 {
        self.failures.iter().sum()
    }

    fn counts(&self) -> RequestCounts {
        let named = |(failure, count): (&Failure, &u64)| (failure.name().to_owned(), *count);
        RequestCounts {
            planned: self.planned,
            sent: self.sent,
            completed: self.completed,
            failed: self.failed(),
            dropped: self.dropped,
            in_flight: self.sent - self.completed - self.failed(),
            body_bytes: self.body_bytes,
            statuses: self.statuses.iter().copied().collect(),
            failures: Failure::ALL
                .iter()
                .zip(&self.failures)
                .filter(|(_, count)| **count > 0)
                .map(named)
                .collect::<BTreeMap<_, _>>(),
            checks: BTreeMap::new(),
        }
    }
}

/// How often the popular keys of one key space were asked for.
#[derive(Debug)]
struct KeyTally {
    requests: u64,
    first_ranks: [u64; FIRST_RANKS],
    top: Vec<TopCount>,
}

impl KeyTally {
    fn new(keys: u64) -> Self {
        let tops = std::iter::successors(Some(1_u64), |top| top.checked_mul(10))
            .take_while(|top| *top < keys)
            .chain([keys]);
        Self {
            requests: 0,
            first_ranks: [0; FIRST_RANKS],
            top: tops.map(|top| TopCount { top, requests: 0 }).collect(),
        }
    }

    fn add(&mut self, rank: u64) {
        self.requests += 1;
        if let Some(count) = usize::try_from(rank)
            .ok()
            .and_then(|r| self.first_ranks.get_mut(r))
        {
            *count += 1;
        }
        for top in self.top.iter_mut().rev().take_while(|top| rank < top.top) {
            top.requests += 1;
        }
    }
}

/// What a run has come to so far, for somebody who watches.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Arrivals due, in all phases.
    pub(crate) planned: u64,
    /// Requests sent.
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
    counted: Vec<bool>,
    /// Begin and end of each counted phase.
    spans: Vec<(u64, u64)>,
    in_time: InTime,
    kinds: Vec<Kind>,
    key_spaces: Vec<Option<usize>>,
    cells: Vec<Vec<Cell>>,
    rows: Vec<Row>,
    keys: Vec<KeyTally>,
    tally: Tally,
    in_flight: u64,
    in_flight_ns: u64,
    in_flight_since: u64,
    service_sum_ns: u64,
    last_done: u64,
    /// When the interval that is recorded now began.
    interval_start: u64,
    /// The generator's CPU time in the intervals before.
    cpu_ns: u64,
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
            cells: vec![vec![Cell::default(); scenario.requests.len()]; scenario.phases.len()],
            rows: Vec::new(),
            keys: scenario
                .key_spaces
                .iter()
                .map(|space| KeyTally::new(space.count))
                .collect(),
            tally: Tally::default(),
            in_flight: 0,
            in_flight_ns: 0,
            in_flight_since: 0,
            service_sum_ns: 0,
            last_done: 0,
            interval_start: 0,
            cpu_ns: 0,
            writer,
        }
    }

    fn row(&mut self, at_ns: u64) -> &mut Row {
        let index = usize::try_from(at_ns / ROW_NS).unwrap_or(usize::MAX);
        while self.rows.len() <= index {
            let start_ns = self.rows.len() as u64 * ROW_NS;
            self.rows.push(Row {
                start_ns,
                duration_ns: ROW_NS,
                phase: self.rows.last().map_or(0, |row| row.phase),
                ..Row::default()
            });
        }
        &mut self.rows[index]
    }

    /// An arrival became due.
    pub(crate) fn planned(&mut self, arrival: &Arrival) {
        self.cells[arrival.phase][arrival.draw.request].planned += 1;
        self.tally.planned += 1;
        self.row(nanoseconds(arrival.intended)).planned += 1;
    }

    /// An arrival was given up, because no user was idle for too long.
    pub(crate) fn dropped(&mut self, arrival: &Arrival, now: u64) {
        self.cells[arrival.phase][arrival.draw.request].dropped += 1;
        self.tally.dropped += 1;
        self.row(now).dropped += 1;
    }

    /// An arrival was sent; of the stamps, those until `sent` are known.
    pub(crate) fn sent(&mut self, arrival: &Arrival, stamps: &Stamps) {
        let sent = stamps.sent;
        self.cells[arrival.phase][arrival.draw.request].sent += 1;
        self.tally.sent += 1;
        self.row(sent).sent += 1;
        self.change_in_flight(sent, true);
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
    pub(crate) fn done(&mut self, arrival: &Arrival, stamps: &Stamps, ended: Ended) {
        let request = arrival.draw.request;
        let cell = &mut self.cells[arrival.phase][request];
        cell.body_bytes += ended.body_bytes;
        if let Some(status) = ended.status {
            match cell.statuses.iter_mut().find(|(seen, _)| *seen == status) {
                Some((_, count)) => *count += 1,
                None => cell.statuses.push((status, 1)),
            }
        }
        match ended.failure {
            None => {
                cell.completed += 1;
                self.tally.completed += 1;
                let kind = self.kinds[request];
                let in_time = u64::from(self.is_in_time(stamps.done));
                match kind {
                    Kind::Read => {
                        self.row(stamps.done).reads += 1;
                        self.in_time.reads += in_time;
                    }
                    Kind::Write => {
                        self.row(stamps.done).writes += 1;
                        self.in_time.writes += in_time;
                    }
                }
            }
            Some(failure) => {
                cell.failures[failure as usize] += 1;
                self.tally.failed += 1;
                self.row(stamps.done).failed += 1;
            }
        }
        self.change_in_flight(stamps.done, false);
        self.service_sum_ns = self.service_sum_ns.saturating_add(stamps.service());
        self.last_done = self.last_done.max(stamps.done);
        if matches!(ended.failure, None | Some(Failure::Timeout)) {
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
            }
        }
    }

    fn is_in_time(&self, at_ns: u64) -> bool {
        // Phases follow one another, so only the last that has begun can last still.
        let begun = self.spans.partition_point(|(start, _)| *start <= at_ns);
        begun
            .checked_sub(1)
            .is_some_and(|last| at_ns < self.spans[last].1)
    }

    /// Notes that a request was begun (`true`) or ended at `at_ns`, which may lie a little before
    /// what was noted last: an answer counts as there when it arrived, not when it was read.
    fn change_in_flight(&mut self, at_ns: u64, begun: bool) {
        match at_ns.checked_sub(self.in_flight_since) {
            Some(since) => {
                let held = since.saturating_mul(self.in_flight);
                self.in_flight_ns = self.in_flight_ns.saturating_add(held);
                self.in_flight_since = at_ns;
            }
            None => {
                let between = self.in_flight_since - at_ns;
                self.in_flight_ns = if begun {
                    self.in_flight_ns.saturating_add(between)
                } else {
                    self.in_flight_ns.saturating_sub(between)
                };
            }
        }
        self.in_flight = if begun {
            self.in_flight + 1
        } else {
            self.in_flight.saturating_sub(1)
        };
    }

    /// Ends an interval: hands its histograms to be written and notes how things stand.
    ///
    /// `cpu_ns` is the generator's CPU time since the interval before.
    pub(crate) fn end_interval(&mut self, now: u64, phase: usize, waiting: usize, cpu_ns: u64) {
        let since = self.interval_start;
        let in_flight = self.in_flight;
        // Intervals end a little after the second, or long after it where the generator stood still:
        // how things stand belongs to the row in which the middle of the interval lies.
        let row = self.row(since + now.saturating_sub(since) / 2);
        row.in_flight = in_flight;
        row.waiting = waiting as u64;
        row.phase = phase;
        self.row(now.saturating_sub(1));
        self.spread_cpu(now, cpu_ns);
        self.interval_start = now;
        self.writer.end_interval(now);
    }

    /// Adds CPU time since the last interval's end to the rows that the time up to `now` lies in, each
    /// its share; what lies beyond the last row goes to that.
    fn spread_cpu(&mut self, now: u64, cpu_ns: u64) {
        let since = self.interval_start;
        let Some(last) = self.rows.len().checked_sub(1) else {
            return;
        };
        let index = |at_ns: u64| usize::try_from(at_ns / ROW_NS).map_or(last, |row| row.min(last));
        let (first, last) = (index(since), index(now.saturating_sub(1).max(since)));
        let mut left = cpu_ns;
        for row in &mut self.rows[first..last] {
            let covered = (row.start_ns + row.duration_ns).saturating_sub(since.max(row.start_ns));
            let share = covered as f64 / now.saturating_sub(since).max(1) as f64;
            let part = ((cpu_ns as f64 * share) as u64).min(left);
            row.generator_cpu_ns += part;
            left -= part;
        }
        self.rows[last].generator_cpu_ns += left;
        self.cpu_ns = self.cpu_ns.saturating_add(cpu_ns);
    }

    /// Where it is told what the intervals come to.
    pub(crate) fn told(&self) -> Told {
        self.writer.told()
    }

    /// Requests failed so far, by class.
    pub(crate) fn failures(&self) -> Vec<(Failure, u64)> {
        let cells = || self.cells.iter().flatten();
        Failure::ALL
            .into_iter()
            .map(|failure| {
                let count = cells().map(|cell| cell.failures[failure as usize]);
                (failure, count.sum())
            })
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    /// How many requests of the counted phases have come to nothing so far (failed or dropped), and
    /// how many have come to an end.
    pub(crate) fn ended(&self, scope: Scope) -> (u64, u64) {
        let counted = self.cells.iter().zip(&self.counted);
        let requests = counted
            .filter(|(_, counted)| **counted)
            .flat_map(|(requests, _)| requests.iter().zip(&self.kinds).enumerate());
        requests
            .filter(|(request, (_, kind))| in_scope(scope, *request, **kind))
            .fold((0, 0), |(lost, count), (_, (cell, _))| {
                let more = cell.failed() + cell.dropped;
                (lost + more, count + more + cell.completed)
            })
    }

    /// What the run has come to so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Requests sent and not done.
    pub(crate) fn in_flight(&self) -> u64 {
        self.in_flight
    }

    /// Ends the record at `now`, and waits until it is on disk.
    ///
    /// `cpu_ns` is the generator's CPU time since the start.
    pub(crate) fn finish(
        mut self,
        now: u64,
        cpu_ns: u64,
    ) -> Result<(Counts, Timeline), RunDirError> {
        let held = now.saturating_sub(self.in_flight_since);
        self.in_flight_ns = self
            .in_flight_ns
            .saturating_add(held.saturating_mul(self.in_flight));
        self.spread_cpu(now, cpu_ns.saturating_sub(self.cpu_ns));
        let elapsed_ns = if self.in_flight > 0 {
            now
        } else {
            self.last_done
        };
        self.writer.finish(now)?;
        let keys = self.keys.into_iter().map(|tally| KeyCounts {
            requests: tally.requests,
            first_ranks: tally.first_ranks.to_vec(),
            top: tally.top,
        });
        let counts = Counts {
            phases: self
                .cells
                .iter()
                .map(|requests| requests.iter().map(Cell::counts).collect())
                .collect(),
            elapsed_ns,
            in_flight_ns: self.in_flight_ns,
            service_sum_ns: self.service_sum_ns,
            keys: keys.collect(),
            in_time: Some(self.in_time),
            ..Counts::default()
        };
        Ok((counts, Timeline { rows: self.rows }))
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::SystemTime;

    use tenfold_run_dir::interval_log::IntervalLog;

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

    fn recorder(directory: &Path) -> Recorder {
        let scenario = Scenario::parse(SCENARIO, Path::new("rows.toml")).unwrap();
        let path = directory.join("intervals.hlog");
        let log = IntervalLog::create(&path, SystemTime::UNIX_EPOCH).unwrap();
        Recorder::new(&scenario, LogWriter::start(log, &scenario).unwrap())
    }

    #[test]
    fn an_interval_that_ends_just_after_the_second_is_noted_in_the_row_of_that_second() {
        let directory = tempfile::tempdir().unwrap();
        let mut recorder = recorder(directory.path());
        recorder.in_flight = 7;
        recorder.end_interval(1_000_000_000, 0, 3, 100);
        recorder.in_flight = 8;
        recorder.end_interval(2_000_000_000, 0, 4, 200);
        recorder.in_flight = 0;
        let (_, timeline) = recorder.finish(2_500_000_000, 350).unwrap();
        let seen: Vec<_> = timeline
            .rows
            .iter()
            .map(|row| (row.in_flight, row.waiting, row.generator_cpu_ns))
            .collect();
        assert_eq!(seen, [(7, 3, 100), (8, 4, 250)]);

        let mut recorder = self::recorder(directory.path());
        recorder.in_flight = 7;
        recorder.end_interval(1_000_900_000, 0, 3, 1_000_900_000);
        recorder.in_flight = 0;
        recorder.end_interval(2_000_300_000, 0, 0, 999_400_000);
        let (_, timeline) = recorder.finish(2_000_400_000, 2_000_400_000).unwrap();
        assert_eq!(timeline.rows[0].in_flight, 7);
        for row in &timeline.rows[..2] {
            assert!(
                row.generator_cpu_ns.abs_diff(1_000_000_000) < 1_000,
                "a thread that is always busy uses one processor: {row:?}"
            );
        }
    }

    #[test]
    fn answers_count_while_the_counted_phases_last() {
        let warm_up = "name = \"warm\"\nkind = \"constant\"\nrate = \"1/s\"\nduration = \"2500ms\"\n\
                       warm_up = true\n[[phases]]\nname = \"all\"";
        let text = SCENARIO.replacen("name = \"all\"", warm_up, 1);
        let scenario = Scenario::parse(&text, Path::new("rows.toml")).unwrap();
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("intervals.hlog");
        let log = IntervalLog::create(&path, SystemTime::UNIX_EPOCH).unwrap();
        let mut recorder = Recorder::new(&scenario, LogWriter::start(log, &scenario).unwrap());
        let arrival = scenario.schedule().next().unwrap();
        for done in [2_499_999_999, 2_500_000_000, 12_499_999_999, 12_500_000_000] {
            let stamps = Stamps {
                intended: nanoseconds(arrival.intended),
                blocked: None,
                sent: done - 1_000,
                first_byte: None,
                done,
                read_lag: None,
            };
            let ended = Ended {
                status: Some(200),
                body_bytes: 0,
                failure: None,
            };
            recorder.planned(&arrival);
            recorder.sent(&arrival, &stamps);
            recorder.done(&arrival, &stamps, ended);
        }
        let (counts, _) = recorder.finish(13_000_000_000, 0).unwrap();
        let expected = InTime {
            reads: 2,
            writes: 0,
        };
        assert_eq!(counts.in_time, Some(expected));
    }

    #[test]
    fn the_processor_time_of_a_late_interval_is_shared_out() {
        let directory = tempfile::tempdir().unwrap();
        let mut recorder = recorder(directory.path());
        recorder.end_interval(1_300_000_000, 0, 0, 1_300_000_000);
        recorder.end_interval(2_000_000_000, 0, 0, 700_000_000);
        let (_, timeline) = recorder.finish(2_000_000_000, 2_000_000_000).unwrap();
        for row in &timeline.rows {
            assert!(
                row.generator_cpu_ns.abs_diff(1_000_000_000) < 1_000,
                "{row:?}"
            );
        }
    }
}
