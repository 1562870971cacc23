//! The resource that limits a busy service, by the use of CPU.

use tenfold_run_dir::Run;

use crate::summary::Summary;
use crate::summary::period::Period;
use crate::summary::usage::allowed_cores;

/// Share of its available cores from which the service is short of CPU.
const SHORT_OF_CPU: f64 = 0.85;

/// Share of its available cores up to which the service has CPU to spare.
const CPU_TO_SPARE: f64 = 0.60;

/// Share of the cores of a host from which it has none to spare.
const HOST_FULL: f64 = 0.93;

/// Cores in use by other processes above which they are the likely cause.
const OTHERS_MAX: f64 = 0.5;

/// Cores in use that suggest a single busy thread.
const ONE_CORE: std::ops::RangeInclusive<f64> = 0.90..=1.10;

/// CPU in use while the service was busy, in cores.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct CpuUse {
    /// Cores of the host. `None` without a host.
    pub(crate) cores: Option<f64>,
    /// In use by the service. `None` if it is not known.
    pub(crate) service: Option<f64>,
    /// In use by all processes of the host. `None` if it is not known.
    pub(crate) host: Option<f64>,
    /// In use by the generator.
    pub(crate) generator: f64,
    /// In use by other processes. 0 if it is not known.
    pub(crate) others: f64,
    /// Allowance of the service's box. `None` if the box was not confined.
    pub(crate) allowed: Option<f64>,
    /// True if the service runs on the host of the generator. `None` if it is not known.
    pub(crate) shared_host: Option<bool>,
}

/// The resource that limits a busy service.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Limit {
    /// The CPU allowance of its box.
    Box,
    /// The CPU that the generator leaves to it.
    Cpu,
    /// Other processes use the CPU of the host.
    OtherProcesses,
    /// The CPU of the host, which it shares with the generator.
    SharedHost,
    /// One busy thread.
    OneThread,
    /// No CPU: it waits.
    Waiting,
    /// Not known.
    Unknown,
}

impl CpuUse {
    /// Returns the use over the counted phases, with the service's in its busiest second.
    pub(crate) fn of_summary(run: &Run, summary: &Summary) -> Self {
        let (target, host) = (summary.target_usage.as_ref(), summary.host_usage.as_ref());
        Self {
            cores: host.map(|host| host.cores as f64),
            service: target.map(|target| target.peak_cores_used),
            host: host.map(|host| host.cores_used),
            generator: summary.generator.cores_used,
            others: host
                .and_then(|host| host.cores_used_by_others)
                .unwrap_or(0.0),
            allowed: target.and_then(|target| target.allowed_cores),
            shared_host: run.manifest.shared_host,
        }
    }

    /// Returns the mean use over a period.
    pub(super) fn of_period(run: &Run, period: &Period) -> Self {
        let service = period.mean(|sample| {
            let cpu = sample.target_cpu_ns? as f64;
            (sample.duration_ns > 0).then(|| cpu / sample.duration_ns as f64)
        });
        let host = period.mean(|sample| sample.host_cores_used);
        let generator = period.sum(|row| row.generator_cpu_ns) / 1e9 / period.seconds().max(1e-9);
        let own = match (run.manifest.shared_host, service) {
            (Some(true), Some(service)) => Some(generator + service),
            (Some(false), _) => Some(generator),
            _ => None,
        };
        Self {
            cores: host.map(|_| run.manifest.host.cores as f64),
            service,
            host,
            generator,
            others: host
                .zip(own)
                .map_or(0.0, |(host, own)| (host - own).max(0.0)),
            allowed: allowed_cores(run),
            shared_host: run.manifest.shared_host,
        }
    }

    /// Returns the cores of the host that the generator did not use.
    fn cores_left(&self) -> Option<f64> {
        Some((self.cores? - self.generator).max(0.1))
    }

    /// Returns the share of its available cores that the service used. `None` if its use is not known.
    fn share(&self) -> Option<f64> {
        let allowed = self.allowed.unwrap_or(f64::INFINITY);
        Some(self.service? / self.cores_left()?.min(allowed))
    }

    /// Returns whether the host had no CPU to spare.
    pub(crate) fn is_host_full(&self) -> bool {
        self.host
            .zip(self.cores)
            .is_some_and(|(host, cores)| host > HOST_FULL * cores)
    }

    /// Returns whether the service or the host had no CPU to spare.
    pub(super) fn is_short(&self) -> bool {
        self.share().is_some_and(|share| share >= SHORT_OF_CPU) || self.is_host_full()
    }

    /// Returns whether the use of the service is known.
    pub(crate) fn is_known(&self) -> bool {
        self.share().is_some()
    }

    /// Returns the resource that limits the service, provided that it is busy.
    pub(crate) fn limit(&self) -> Limit {
        let limited_by_box = self
            .allowed
            .is_some_and(|allowed| self.cores_left().is_some_and(|left| allowed <= left));
        let host_full = self.shared_host != Some(false) && self.is_host_full();
        // A service on this host can't have used more than all processes together.
        let spared_by_host = self.shared_host == Some(true)
            && self
                .host
                .zip(self.cores_left())
                .is_some_and(|(host, left)| {
                    host - self.generator <= CPU_TO_SPARE * left
                        && !ONE_CORE.contains(&(host - self.generator))
                });
        match self.share() {
            Some(share) if share >= SHORT_OF_CPU && limited_by_box => Limit::Box,
            Some(share) if share >= SHORT_OF_CPU => Limit::Cpu,
            _ if host_full && self.others > OTHERS_MAX => Limit::OtherProcesses,
            _ if host_full => Limit::SharedHost,
            Some(_) if self.service.is_some_and(|cores| ONE_CORE.contains(&cores)) => {
                Limit::OneThread
            }
            Some(share) if share <= CPU_TO_SPARE => Limit::Waiting,
            None if spared_by_host => Limit::Waiting,
            _ => Limit::Unknown,
        }
    }
}

impl Limit {
    /// Returns whether processors are short.
    pub(crate) fn is_of_cpu(self) -> bool {
        !matches!(self, Limit::Waiting | Limit::Unknown)
    }

    /// Returns the limit as the end of a sentence that says that the service saturated. Empty if it is not known.
    pub(super) fn clause(self) -> &'static str {
        match self {
            Limit::Box => ", limited by the CPU allowance of its box",
            Limit::Cpu => ", limited by CPU",
            Limit::OtherProcesses => ", on a host that other processes kept busy",
            Limit::SharedHost => {
                ", limited by the CPU of the host that it shares with the generator"
            }
            Limit::OneThread => ", and never used more than one core",
            Limit::Waiting => ", with CPU to spare: it was waiting, not computing",
            Limit::Unknown => "",
        }
    }

    /// Returns whether requests may wait for something else than CPU.
    pub(super) fn allows_waiting(self) -> bool {
        matches!(self, Limit::Waiting | Limit::Unknown | Limit::OneThread)
    }

    /// Returns what to do about the limit. `place` says where the hot functions are found.
    pub(super) fn advice(self, place: &str) -> String {
        match self {
            Limit::Box => format!("Find the hot functions {place}, or choose a bigger box (--box)."),
            Limit::Cpu => format!("Find the hot functions {place}, or give the service more cores."),
            Limit::OtherProcesses => "Repeat the run with no other load on the host.".to_owned(),
            Limit::SharedHost => format!(
                "Find the hot functions {place}, or run generator and service on separate machines."
            ),
            Limit::OneThread => format!(
                "It seems limited to one thread: find that thread's work {place}, and run it on more threads."
            ),
            Limit::Waiting => "Find the cause of the wait: a lock, the disk, a connection pool, or a concurrency \
                               limit."
                .to_owned(),
            Limit::Unknown => "Lower --rate to find the rate that it sustains, and look at the seconds in which it \
                               fell behind."
                .to_owned(),
        }
    }
}

/// Returns where the hot functions of the service are found.
pub(super) fn hot_functions(run: &Run) -> &'static str {
    match run.profile {
        Some(_) => "in the flamegraph",
        None => "with a profiler of the service (or give --admin if it offers /debug/pprof)",
    }
}
