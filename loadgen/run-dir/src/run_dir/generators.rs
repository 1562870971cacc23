//! Records of several generators below one run directory, and their sum.

use std::fs;
use std::time::SystemTime;

use super::{RunDir, SERVER_TIMING};
use crate::files::sample::{Sample, first_of_each_kind};
use crate::{
    Counts, GeneratorRecord, IntervalFold, Intervals, Manifest, RunDirError, ServerTiming,
    Timeline, merge_intervals,
};

/// Directory of the generators.
const GENERATORS: &str = "generators";

impl RunDir {
    /// Directory of one generator of several, by its number from 1.
    #[must_use]
    pub fn generator(&self, number: u32) -> Self {
        Self {
            path: self.path.join(GENERATORS).join(number.to_string()),
        }
    }

    /// Returns whether the outcome of arrivals was recorded, by the run as a whole or by one of its generators.
    pub fn is_recorded(&self) -> bool {
        self.is_whole() || !self.recorded_generators().is_empty()
    }

    /// Writes the sum of what the generators have recorded: the interval log of a run that started at `base`, samples, and
    /// times of sampled requests. Returns counts and timeline, which the caller completes and writes.
    ///
    /// The sum is exact: the files are those of a single generator that has recorded the same requests.
    ///
    /// # Errors
    /// If no generator has recorded anything, or a file can't be read or written.
    pub fn merge_generators(&self, base: SystemTime) -> Result<(Counts, Timeline), RunDirError> {
        let sum = self.sum_of_generators()?;
        let mut log = self.interval_log(base)?;
        for interval in self.intervals_of_generators()? {
            log.append_interval(&interval?)?;
        }
        log.flush()?;
        let samples = self.samples_of_generators()?;
        if !samples.is_empty() {
            self.write_samples(&samples)?;
        }
        let timing = self.server_timing_of_generators()?;
        if !timing.is_empty() {
            self.write_server_timing(&timing)?;
        }
        Ok(sum)
    }

    /// Returns whether the directory has the record of the whole run. Otherwise, the run has not ended or was killed, and each
    /// of its generators has a record of its own.
    pub(super) fn is_whole(&self) -> bool {
        self.file("counts.json").exists()
    }

    /// Numbers of the generators that have recorded something, in ascending order.
    pub(super) fn recorded_generators(&self) -> Vec<u32> {
        let entries = fs::read_dir(self.path.join(GENERATORS))
            .into_iter()
            .flatten();
        let names = entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut numbers: Vec<u32> = names
            .filter_map(|name| name.parse().ok())
            .filter(|number| self.generator(*number).is_whole())
            .collect();
        numbers.sort_unstable();
        numbers
    }

    /// Counts and timeline of all generators.
    pub(super) fn sum_of_generators(&self) -> Result<(Counts, Timeline), RunDirError> {
        let mut counts = Vec::new();
        let mut timelines = Vec::new();
        for number in self.recorded_generators() {
            let part = self.generator(number);
            let of_part: Counts = part.read_json("counts.json")?;
            timelines.push(part.timeline(&of_part)?);
            counts.push(of_part);
        }
        if counts.is_empty() {
            // The same error as without generators.
            return self
                .read_json("counts.json")
                .map(|counts| (counts, Timeline::default()));
        }
        Ok((sum(&counts), Timeline::merged(&timelines)))
    }

    /// Intervals of all generators, in order of time.
    pub(super) fn intervals_of_generators(&self) -> Result<Intervals, RunDirError> {
        let mut logs = Vec::new();
        for number in self.recorded_generators() {
            let part = self.generator(number);
            logs.push(part.intervals(&part.read_json("counts.json")?)?);
        }
        let path = self.path.join(GENERATORS);
        Ok(Intervals::of(path, merge_intervals(logs)))
    }

    /// The first samples of each kind of all generators.
    pub(super) fn samples_of_generators(&self) -> Result<Vec<Sample>, RunDirError> {
        let mut samples = Vec::new();
        for number in self.recorded_generators() {
            let of_part: Option<Vec<Sample>> =
                self.generator(number).read_optional("samples.json")?;
            samples.extend(of_part.unwrap_or_default());
        }
        Ok(first_of_each_kind(&samples))
    }

    /// Times of the sampled requests of all generators.
    pub(super) fn server_timing_of_generators(&self) -> Result<ServerTiming, RunDirError> {
        let mut sum = ServerTiming::default();
        for number in self.recorded_generators() {
            let of_part: Option<ServerTiming> =
                self.generator(number).read_optional(SERVER_TIMING)?;
            sum.merge(&of_part.unwrap_or_default());
        }
        Ok(sum)
    }

    /// Records of the generators of a run with several. Empty for a run of one.
    pub(super) fn generators(
        &self,
        manifest: &Manifest,
    ) -> Result<Vec<GeneratorRecord>, RunDirError> {
        let mut records = Vec::new();
        if manifest.generators <= 1 {
            return Ok(records);
        }
        for number in self.recorded_generators() {
            let part = self.generator(number);
            let counts: Counts = part.read_json("counts.json")?;
            let timeline = part.timeline(&counts)?;
            let mut latencies = IntervalFold::of_run(manifest, &timeline);
            for interval in part.intervals(&counts)? {
                latencies.add(&interval?);
            }
            records.push(GeneratorRecord {
                number,
                counts,
                timeline,
                latencies,
                host: part.read_optional("host.json")?.unwrap_or_default(),
            });
        }
        Ok(records)
    }
}

/// Adds up the counts of the generators. A run is interrupted if all of its generators are: one that died alone says so in its own
/// record.
fn sum(parts: &[Counts]) -> Counts {
    let mut sum = Counts::merged(parts);
    if parts.iter().any(|part| part.interrupted.is_none()) {
        sum.interrupted = None;
    } else if let Some(ended) = parts.iter().find(|part| part.checkpoint.is_none()) {
        sum.interrupted.clone_from(&ended.interrupted);
    }
    sum
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::time::Duration;

    use super::*;
    use crate::counts::RequestCounts;
    use crate::timeline::Row;
    use crate::{Checkpoint, IntervalHistogram, Metric, Series, latency_histogram};

    const SECOND: u64 = 1_000_000_000;

    /// Values of one second: metric, request, nanoseconds.
    type Second<'a> = &'a [(Metric, usize, u64)];

    /// Records values as a generator does, one interval a second.
    fn record(run_dir: &RunDir, seconds: &[Second<'_>]) {
        fs::create_dir_all(run_dir.path()).unwrap();
        let mut log = run_dir.interval_log(SystemTime::UNIX_EPOCH).unwrap();
        let mut counts = Counts {
            phases: vec![vec![RequestCounts::default(); 3]],
            ..Counts::default()
        };
        let mut timeline = Timeline::default();
        for (second, values) in (0..).zip(seconds) {
            let mut row = Row {
                start_ns: second * SECOND,
                duration_ns: SECOND,
                ..Row::default()
            };
            // In the order of a generator: by request, then by metric.
            for request in 0..3 {
                for metric in Metric::ALL {
                    let mut histogram = latency_histogram::<u32>();
                    let own = values
                        .iter()
                        .filter(|own| (own.0, own.1) == (metric, request));
                    for (_, _, value) in own {
                        histogram.saturating_record(*value);
                        if metric == Metric::Response {
                            counts.phases[0][request].planned += 1;
                            counts.phases[0][request].sent += 1;
                            counts.phases[0][request].completed += 1;
                            row.planned += 1;
                            row.sent += 1;
                            row.reads += 1;
                        }
                    }
                    let series = Series {
                        metric,
                        phase: 0,
                        request,
                    };
                    let start = Duration::from_secs(second);
                    if !histogram.is_empty() {
                        log.append(series, start, Duration::from_secs(1), &histogram)
                            .unwrap();
                    }
                }
            }
            timeline.rows.push(row);
        }
        log.flush().unwrap();
        run_dir.write_counts(&counts).unwrap();
        run_dir.write_timeline(&timeline).unwrap();
    }

    fn bytes(run_dir: &RunDir, name: &str) -> Vec<u8> {
        fs::read(run_dir.file(name)).unwrap()
    }

    /// Numbers that look random, from a seed.
    fn numbers(seed: u64) -> impl Iterator<Item = u64> {
        std::iter::successors(Some(seed), |n| {
            Some(
                n.wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1_442_695_040_888_963_407),
            )
        })
        .map(|n| n >> 33)
    }

    #[test]
    fn sum_of_generators_has_the_files_of_one() {
        let directory = tempfile::tempdir().unwrap();
        let metrics = [Metric::Response, Metric::Service, Metric::Lag];
        let mut random = numbers(7);
        let seconds: Vec<Vec<(Metric, usize, u64)>> = (0..5)
            .map(|_| {
                let mut next = || random.next().unwrap();
                (0..200)
                    .map(|_| {
                        let (metric, request) = (next() % 3, next() % 3);
                        (metrics[metric as usize], request as usize, next() * 17)
                    })
                    .collect()
            })
            .collect();
        let one = RunDir::open(&directory.path().join("one"));
        record(&one, &seconds.iter().map(Vec::as_slice).collect::<Vec<_>>());
        for count in 2..=4_u32 {
            let several = RunDir::open(&directory.path().join(format!("of {count}")));
            for number in 1..=count {
                let dealt = |all: &Vec<(Metric, usize, u64)>| -> Vec<(Metric, usize, u64)> {
                    let own = (0_u32..).zip(all).filter(|(n, _)| n % count == number - 1);
                    own.map(|(_, value)| *value).collect()
                };
                let dealt: Vec<_> = seconds.iter().map(dealt).collect();
                let dealt: Vec<Second<'_>> = dealt.iter().map(Vec::as_slice).collect();
                record(&several.generator(number), &dealt);
            }
            let (counts, timeline) = several.merge_generators(SystemTime::UNIX_EPOCH).unwrap();
            several.write_counts(&counts).unwrap();
            several.write_timeline(&timeline).unwrap();
            for name in ["intervals.hlog", "counts.json", "timeline.json"] {
                assert!(
                    bytes(&one, name) == bytes(&several, name),
                    "{name} of {count} generators"
                );
            }
        }
    }

    #[test]
    fn reads_a_run_that_was_killed_before_its_merge() {
        let directory = tempfile::tempdir().unwrap();
        let run_dir = RunDir::open(directory.path());
        assert!(!run_dir.is_recorded());
        let response = |value| (Metric::Response, 0, value);
        record(
            &run_dir.generator(1),
            &[&[response(1_000)], &[response(2_000), response(3_000)]],
        );
        record(&run_dir.generator(2), &[&[response(4_000)]]);
        // Not a generator.
        fs::create_dir_all(directory.path().join("generators/notes")).unwrap();
        assert!(run_dir.is_recorded() && !run_dir.is_whole());
        let (counts, timeline) = run_dir.sum_of_generators().unwrap();
        assert_eq!(counts.phases[0][0].completed, 4);
        assert_eq!(
            timeline.rows.iter().map(|row| row.sent).collect::<Vec<_>>(),
            [2, 2]
        );
        assert_eq!(run_dir.read_timeline().unwrap(), timeline);
        let intervals: Result<Vec<IntervalHistogram>, _> =
            run_dir.intervals(&counts).unwrap().collect();
        let lengths: Vec<u64> = intervals
            .unwrap()
            .iter()
            .map(|own| own.histogram.len())
            .collect();
        assert_eq!(lengths, [2, 2]);
    }

    #[test]
    fn run_is_interrupted_only_if_all_generators_are() {
        let counts = |interrupted: Option<&str>, died: bool| Counts {
            interrupted: interrupted.map(str::to_owned),
            checkpoint: died.then(Checkpoint::default),
            ..Counts::default()
        };
        let of = |parts: &[Counts]| sum(parts).interrupted;
        assert_eq!(of(&[counts(Some("died"), true), counts(None, false)]), None);
        let both = [
            counts(Some("died"), true),
            counts(Some("interrupted"), false),
        ];
        assert_eq!(of(&both).as_deref(), Some("interrupted"));
        assert_eq!(of(&[counts(Some("died"), true)]).as_deref(), Some("died"));
    }

    #[test]
    fn directory_without_any_record_is_an_error() {
        let error = RunDir::open(Path::new("/nowhere")).merge_generators(SystemTime::UNIX_EPOCH);
        assert!(error.unwrap_err().to_string().contains("counts.json"));
    }
}
