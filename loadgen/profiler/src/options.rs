//! Options of a profile.

use std::time::Duration;

use crate::ProfilerError;

/// Source of the samples.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// Perf events as far as the kernel permits them, else states from `/proc`.
    #[default]
    Best,
    /// Perf events, or an error that names what to set.
    PerfEvents,
    /// States of threads from `/proc`: no stacks.
    States,
}

/// Options of a profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// Samples per CPU second, 1 to 10,000. 99 rather than 100, so that they do not beat with timers.
    pub hz: u32,
    /// Length of the profile.
    pub duration: Duration,
    /// Also profile waits.
    pub off_cpu: bool,
    /// Most distinct stacks that are kept. Samples of further ones are counted as dropped.
    pub stacks_max: usize,
    /// Most samples of waits per second, of all threads. If the processes switch more often, each sample stands for
    /// several waits.
    pub switches_per_s: u32,
    /// Source of the samples.
    pub method: Method,
    /// Processes that are not profiled, nor their descendants, although they descend from others that are. A load generator
    /// that the profiled process started is one.
    pub excluded: Vec<u32>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            hz: 99,
            duration: Duration::from_secs(10),
            off_cpu: true,
            stacks_max: 50_000,
            switches_per_s: 1_000,
            method: Method::Best,
            excluded: Vec::new(),
        }
    }
}

impl Options {
    /// # Errors
    /// If a value is out of its bounds.
    pub(crate) fn check(&self) -> Result<(), ProfilerError> {
        let refuse = |what: String| Err(ProfilerError::Options(what));
        if !(1..=10_000).contains(&self.hz) {
            return refuse(format!("the rate is {}/s; set 1/s to 10,000/s", self.hz));
        }
        if self.duration.is_zero() {
            return refuse("the duration is 0; set at least 100 ms".to_owned());
        }
        if self.stacks_max == 0 || self.switches_per_s == 0 {
            return refuse("no stack may be kept; set limits above 0".to_owned());
        }
        Ok(())
    }
}
