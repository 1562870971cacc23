//! The job of a generator, and the messages between it and the run that it belongs to.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tenfold_loadgen::{Progress, RequestSpan, TargetDescription};
use tenfold_scenarios::{Overrides, Rate, Scenario, Share};

use crate::MeasureError;
use crate::manifest::tool;

/// The job of a generator: its share of a scenario, and where to send it.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Job {
    /// Version of the program that wrote it. A generator of another version refuses it.
    tool: String,
    /// TOML of the scenario, as read.
    scenario: String,
    /// Path of the scenario, to which the paths in it are relative.
    origin: PathBuf,
    overrides: SentOverrides,
    /// Number of the share, from 0.
    share: u32,
    /// Number of shares.
    shares: u32,
    /// The service to send it to.
    pub(super) target: TargetDescription,
    /// Hosts that the command line permits redirects to lead to.
    pub(super) permitted_hosts: Vec<String>,
    /// `true` if the generator reports its sampled requests.
    pub(super) reports_spans: bool,
    /// The directory of the generator's record.
    pub(super) run_dir: PathBuf,
}

/// Changes to the scenario. Numbers are exact to the bit: a schedule depends on every one of them.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct SentOverrides {
    rate_per_s_bits: Option<u64>,
    duration: Option<Duration>,
    users: u32,
    seed: Option<u64>,
}

/// A message to a generator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Order {
    /// Start the clock of the run when the monotonic clock of the machine reads this many nanoseconds.
    Start {
        /// Nanoseconds of the monotonic clock.
        at_ns: u64,
    },
    /// End early and keep the record. The end of the pipe means the same: a load test does not outlive its owner.
    Stop,
}

/// A message from a generator.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Event {
    /// Its users are ready.
    Ready,
    /// Its progress, once a second.
    Progress(Box<Progress>),
    /// Sampled requests that have ended, if the run publishes them.
    Spans(Spans),
    /// Its record is complete.
    Ended,
    /// It could not do its job.
    Failed {
        /// Why.
        message: String,
    },
}

/// Sampled requests of a generator.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Spans {
    /// Those that have ended since the last event.
    pub requests: Vec<RequestSpan>,
    /// Number of those that were lost since the last event, because they were not read in time.
    pub lost: u64,
}

impl Spans {
    /// Number of all of them.
    pub fn count(&self) -> u64 {
        self.lost + self.requests.len() as u64
    }
}

impl fmt::Debug for Job {
    /// Omits the scenario, and the credentials of the target.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Job")
            .field("origin", &self.origin)
            .field("share", &self.share)
            .field("shares", &self.shares)
            .finish_non_exhaustive()
    }
}

impl Job {
    /// Returns the job of one share of a scenario, which has these overrides.
    pub(super) fn new(
        scenario: &Scenario,
        overrides: &Overrides,
        share: Share,
        target: TargetDescription,
        permitted_hosts: Vec<String>,
        reports_spans: bool,
        run_dir: PathBuf,
    ) -> Self {
        let origin = scenario.origin();
        Self {
            tool: tool(),
            scenario: scenario.text.clone(),
            origin: std::path::absolute(origin).unwrap_or_else(|_| origin.to_owned()),
            overrides: SentOverrides {
                rate_per_s_bits: overrides.rate.map(|rate| rate.per_second().to_bits()),
                duration: overrides.duration,
                // The machine may have room for fewer than were asked for.
                users: scenario.load.users,
                seed: overrides.seed,
            },
            share: share.index(),
            shares: share.count(),
            target,
            permitted_hosts,
            reports_spans,
            run_dir,
        }
    }

    /// Returns the job of a generator whose machine has the scenario and the record at these paths.
    #[must_use]
    pub fn at(self, origin: PathBuf, run_dir: PathBuf) -> Self {
        Self {
            origin,
            run_dir,
            ..self
        }
    }

    /// Returns the job with another description of the target.
    #[must_use]
    pub fn with_target(self, target: TargetDescription) -> Self {
        Self { target, ..self }
    }

    /// Returns the job with other hosts that redirects may lead to.
    #[must_use]
    pub fn permitting(self, permitted_hosts: Vec<String>) -> Self {
        Self {
            permitted_hosts,
            ..self
        }
    }

    /// The service to send it to.
    pub fn target(&self) -> &TargetDescription {
        &self.target
    }

    /// The directory of the generator's record.
    pub fn run_dir(&self) -> &Path {
        &self.run_dir
    }

    /// Returns the scenario with its overrides.
    ///
    /// # Errors
    /// If the job is of another version of the program, or the scenario is not valid: a file that it names may have changed.
    pub fn scenario(&self) -> Result<Scenario, MeasureError> {
        if self.tool != tool() {
            return Err(MeasureError::OtherVersion {
                run: self.tool.clone(),
                generator: tool(),
            });
        }
        let SentOverrides {
            rate_per_s_bits,
            duration,
            users,
            seed,
        } = self.overrides;
        let overrides = Overrides {
            rate: rate_per_s_bits.and_then(|bits| Rate::new(f64::from_bits(bits))),
            duration,
            users: Some(users),
            seed,
        };
        Ok(Scenario::parse(&self.scenario, &self.origin)?.with(&overrides)?)
    }

    /// Returns the share of the scenario. `None` if there is no such share.
    pub fn share(&self) -> Option<Share> {
        Share::new(self.share, self.shares)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use tenfold_scenarios::Arrival;

    use super::*;
    use crate::generators::lines::{self, Lines};

    fn scenario() -> Scenario {
        let text = r#"
            version = 1
            name = "shared"
            phases = [{ name = "a", kind = "ramp", from = "10/s", to = "70/s", duration = "3s" }]
            requests = [{ name = "read", kind = "read", path = "/{integer:1..9}" }]
        "#;
        Scenario::parse(text, Path::new("shared.toml")).unwrap()
    }

    fn job(scenario: &Scenario, overrides: &Overrides, share: Share) -> Job {
        let target = TargetDescription::of(&"http://127.0.0.1:8080".parse().unwrap());
        Job::new(
            scenario,
            overrides,
            share,
            target,
            Vec::new(),
            true,
            "runs/x".into(),
        )
    }

    fn sent(job: &Job) -> Job {
        let mut pipe = Vec::new();
        lines::write(job, &mut pipe).unwrap();
        Lines::new(pipe.as_slice()).next().unwrap().unwrap()
    }

    #[test]
    fn generator_has_the_schedule_of_the_run() {
        let overrides = Overrides {
            // A third has no exact decimal form.
            rate: Rate::new(100.0 / 3.0),
            duration: Some(Duration::from_nanos(2_345_678_901)),
            users: None,
            seed: Some(u64::MAX / 3),
        };
        let users = Overrides {
            users: Some(77),
            ..Overrides::default()
        };
        let scenario = scenario().with(&overrides).unwrap().with(&users).unwrap();
        let whole: Vec<Arrival> = scenario.schedule().collect();
        let mut dealt = Vec::new();
        for share in Share::all(3) {
            let job = sent(&job(&scenario, &overrides, share));
            let of_generator = job.scenario().unwrap();
            assert_eq!(of_generator.load.users, 77);
            assert_eq!(job.share(), Some(share));
            dealt.extend(of_generator.schedule_of(share));
        }
        dealt.sort_by_key(|arrival| arrival.sequence);
        assert!(dealt == whole && whole.len() > 50);
    }

    #[test]
    fn refuses_the_job_of_another_version() {
        let mut job = job(&scenario(), &Overrides::default(), Share::WHOLE);
        job.tool = "0.0.1".to_owned();
        let error = job.scenario().unwrap_err().to_string();
        assert!(error.contains("0.0.1"), "{error}");
        job.share = 7;
        assert_eq!(job.share(), None);
    }

    proptest! {
        #[test]
        fn foreign_lines_are_refused(line in "\\PC{0,200}") {
            let bytes = format!("{line}\n").into_bytes();
            prop_assert!(Lines::new(bytes.as_slice()).next::<Job>().is_err());
            let _ = Lines::new(bytes.as_slice()).next::<Order>();
            let _ = Lines::new(bytes.as_slice()).next::<Event>();
        }

        #[test]
        fn damaged_jobs_never_panic(cut: prop::sample::Index, byte: u8) {
            let mut bytes = Vec::new();
            lines::write(&job(&scenario(), &Overrides::default(), Share::WHOLE), &mut bytes).unwrap();
            let at = cut.index(bytes.len());
            bytes[at] = byte;
            if let Ok(Some(job)) = Lines::new(bytes.as_slice()).next::<Job>() {
                let _ = (job.scenario(), job.share(), job.target.target());
            }
            prop_assert!(Lines::new(&bytes[..at]).next::<Job>().is_ok_and(|job| job.is_none()) == (at == 0));
        }
    }
}
