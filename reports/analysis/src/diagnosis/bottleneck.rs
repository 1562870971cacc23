//! A bottleneck of a service, with its evidence.

use serde::{Deserialize, Serialize};
use tenfold_run_dir::off_cpu::WaitKind;

use super::at_a_time::AtATime;
use super::box_limit::BoxLimit;
use super::busy_peer::busy_peer;
use super::component_limit::{self, growing_causes};
use super::gain::Gain;
use super::holders::Holders;
use super::listen_queue::listen_queue;
use super::load::Load;
use super::next_step::NextStep;
use super::openings::{handshakes, openings};
use super::part_growth::{PartGrowth, largest_part};
use super::process_limit;
use super::resource::Resource;
use super::slowed::Slowed;
use crate::component_cause::{CauseKind, ComponentCause};
use crate::findings::hot_spot::{HotWait, has_word};
use crate::findings::limit::Limit;
use crate::format;
use crate::knee::{Answer, End};
use crate::summary::finding::Confidence;

/// Relative distance of a predicted from the measured knee up to which they agree.
const AGREES: f64 = 0.25;

/// Share of the waits with a stack from which threads can be counted. The time of the others is shared out among all kinds of
/// waits of their threads: a long wait for the lock then counts as a short one behind it.
const COMPLETE: f64 = 0.98;

/// Threads that wait above the knee, as a multiple of those at low load, from which a wait grows with the load.
const WAITS_GROW: f64 = 1.5;

/// Share of the threads in a queue from which the queue alone is strong evidence.
const QUEUE: f64 = 0.9;

/// Requests at a time beyond which a fixed limit explains nothing: a service with no limit queues nowhere.
const AT_A_TIME_MAX: f64 = 5_000.0;

/// Something that holds a service back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Bottleneck {
    /// The resource that is short.
    pub resource: Resource,
    /// The bottleneck, in a sentence.
    pub title: String,
    /// Function, part of the service, or requests that it is in. `None` if it is not known.
    pub place: Option<String>,
    /// Part of the service in which requests wait, by its name in `Server-Timing`. `None` if the service does not report it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub part: Option<String>,
    /// Box of a stage that is short. `None` for any other bottleneck.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub short_box: Option<String>,
    /// Figures that support it, one sentence each.
    pub evidence: Vec<String>,
    /// Confidence in it.
    pub confidence: Confidence,
    /// Expected effect of the next step. `None` if it is not known.
    pub expected_gain: Option<Gain>,
    /// Recommended change.
    pub next_step: NextStep,
}

/// Returns the bottleneck of a service that sustained every rate that was tried. `highest` is a run at the highest one, if there
/// is one.
pub(super) fn not_reached(
    answer: &Answer,
    is_generator: bool,
    highest: Option<&Load<'_>>,
) -> Bottleneck {
    let is_host_full = !is_generator && highest.is_some_and(|own| own.cpu.is_host_full());
    let rate = answer.sustained.map_or("no rate".to_owned(), format::rate);
    let (resource, title) = match is_generator {
        true => (
            Resource::Generator,
            format!("The generator was the limit: the service sustained {rate}"),
        ),
        false if answer.end == End::OutOfTime => (
            Resource::NotReached,
            format!("The time budget ran out at {rate}, which the service sustained (--budget)"),
        ),
        false if is_host_full => (
            Resource::NotReached,
            format!(
                "The service sustained {rate}, the highest rate tried, but its host had no CPU to spare"
            ),
        ),
        false => (
            Resource::NotReached,
            format!("Nothing saturated: the service sustained {rate}, the highest rate tried"),
        ),
    };
    Bottleneck {
        resource,
        title,
        place: None,
        part: None,
        short_box: None,
        evidence: Vec::new(),
        confidence: match is_host_full {
            true => Confidence::Medium,
            false => Confidence::High,
        },
        expected_gain: None,
        next_step: NextStep::of(resource, None),
    }
}

/// Returns the bottlenecks of a service whose knee is known, the one that binds first.
pub(super) fn bottlenecks(
    answer: &Answer,
    is_generator: bool,
    low: &Load<'_>,
    near: &Load<'_>,
    above: &Load<'_>,
) -> Vec<Bottleneck> {
    let case = Case {
        // The middle of the bracket.
        knee: match (answer.sustained, answer.failed) {
            (Some(sustained), Some(failed)) => f64::midpoint(sustained, failed),
            (one, other) => one.or(other).unwrap_or(0.0),
        },
        low,
        near,
        above,
        slowed: Slowed::of(low.summary, above.summary),
        growth: PartGrowth::of(&low.run.server_timing, &above.run.server_timing),
        waits: growing_waits(low, above),
        causes: growing_causes(low, above),
    };
    let mut found = Vec::new();
    if is_generator {
        found.push(case.generator());
    }
    // What the kernel refuses or drops is no matter of speed: CPU time and waits follow from it.
    found.extend(process_limit::open_files(above, case.cpu_evidence()));
    found.extend(process_limit::memory(above, case.cpu_evidence()));
    let queue = listen_queue(low, above, case.cpu_evidence());
    // Where requests wait inside, or few are answered, the queue before it overflows as well.
    let is_accept = case.main_wait().is_none() && !above.cpu.limit().is_of_cpu();
    let (first, last) = match is_accept {
        true => (queue, None),
        false => (None, queue),
    };
    found.extend(first);
    let short_box = BoxLimit::of(near, above);
    found.extend(short_box.as_ref().map(|own| case.short_box(own)));
    // How many cores another machine has is not known.
    let is_known = above.cpu.shared_host == Some(true) || above.cpu.allowed.is_some();
    let limit = match is_known {
        true => above.cpu.limit(),
        false => Limit::Unknown,
    };
    found.extend(case.component(limit));
    if found.is_empty() {
        found.extend(busy_peer(low, above, limit, case.cpu_evidence()));
    }
    match limit {
        Limit::Box if short_box.is_none() => found.push(case.cpu(Resource::BoxCpu)),
        Limit::Box => {}
        Limit::Cpu => found.push(case.cpu(Resource::Cpu)),
        Limit::SharedHost => found.push(case.cpu(Resource::SharedCpu)),
        Limit::OtherProcesses => found.push(case.other_processes()),
        Limit::OneThread => found.extend(case.one_thread()),
        Limit::Waiting | Limit::Unknown => found.extend(case.waiting()),
    }
    if found.is_empty() && last.is_none() {
        found.push(case.unknown());
    }
    found.extend(last);
    found
}

/// Returns the waits that grow with the load. A thread that sleeps in the background waits at any load.
fn growing_waits<'a>(low: &Load<'_>, above: &'a Load<'_>) -> Vec<&'a HotWait> {
    let before = |wait: &HotWait| {
        let same = low.hot.waits.iter().find(|own| own.kind == wait.kind);
        same.map_or(0.0, |own| own.threads)
    };
    let waits = above.hot.waits.iter();
    waits
        .filter(|wait| wait.threads >= WAITS_GROW * before(wait))
        .collect()
}

/// All that is known about a service with a knee.
struct Case<'a> {
    /// Middle of the bracket, per second.
    knee: f64,
    low: &'a Load<'a>,
    near: &'a Load<'a>,
    above: &'a Load<'a>,
    slowed: Option<Slowed>,
    growth: Option<PartGrowth>,
    /// Waits that more threads are in above the knee than at low load, the most threads first.
    waits: Vec<&'a HotWait>,
    /// Causes in components behind the service, the strongest first.
    causes: Vec<ComponentCause>,
}

impl Case<'_> {
    fn generator(&self) -> Bottleneck {
        let generator = &self.above.summary.generator;
        let mut evidence = vec![format!(
            "the generator used {} cores",
            format::significant(generator.cores_used)
        )];
        evidence.extend(generator.lag_p99_ns.map(|lag| {
            format!(
                "its lag was {} at p99, limit {}",
                format::duration(lag),
                format::duration(generator.lag_bound_ns)
            )
        }));
        let few = self.above.summary.too_few_users;
        evidence.extend(few.map(|few| {
            format!(
                "{} users sent this load, and all of them waited for responses; it takes {} (--users)",
                format::count(few.users),
                format::count(few.needed)
            )
        }));
        Bottleneck {
            resource: Resource::Generator,
            title: match few {
                Some(few) => format!(
                    "Too few users are the limit, not the service: {} of the {} that the load takes",
                    format::count(few.users),
                    format::count(few.needed)
                ),
                None => "The generator is the limit, not the service".to_owned(),
            },
            place: None,
            part: None,
            short_box: None,
            evidence,
            confidence: Confidence::High,
            expected_gain: None,
            next_step: match few {
                Some(few) => NextStep::with_text(
                    Resource::Generator,
                    format!("Give it more users: --users {} or more.", few.needed),
                ),
                None => NextStep::of(Resource::Generator, None),
            },
        }
    }

    /// The processors are full.
    fn cpu(&self, resource: Resource) -> Bottleneck {
        let hot = self.above.hot.cpu.as_ref();
        let clause = self.above.hot.clause();
        let handshakes = handshakes(self.above);
        let is_box = !self.above.run.manifest.boxes.is_empty();
        let cores = |cores: f64| format::significant(cores);
        let used = self.above.cpu.service.unwrap_or(0.0);
        let title = match resource {
            _ if self.above.cpu.service.is_none() => format!(
                "The CPU of this machine is full: {} of {} cores are in use, {} by the generator",
                cores(self.above.cpu.host.unwrap_or(0.0)),
                cores(self.above.cpu.cores.unwrap_or(0.0)),
                cores(self.above.cpu.generator)
            ),
            Resource::BoxCpu => format!(
                "{} is short of CPU: {} of {} cores are in use{clause}",
                match is_box {
                    true => "The box",
                    false => "The control group of the service",
                },
                cores(used),
                cores(self.above.cpu.allowed.unwrap_or(0.0))
            ),
            Resource::SharedCpu => format!(
                "The CPU of this machine is full: the service uses {} of {} cores{clause}, the generator {}",
                cores(used),
                cores(self.above.cpu.cores.unwrap_or(0.0)),
                cores(self.above.cpu.generator)
            ),
            _ => {
                let left = self.above.cpu.cores.unwrap_or(0.0) - self.above.cpu.generator;
                let of = match self.above.cpu.shared_host {
                    Some(true) => format!(" of the {} that the generator leaves", cores(left)),
                    _ => String::new(),
                };
                format!(
                    "The service is short of CPU: it uses {} cores{of}{clause}",
                    cores(used)
                )
            }
        };
        let title = match &handshakes {
            Some(_) => format!("{title}; each request opens a connection with a TLS handshake"),
            None => title,
        };
        let mut evidence = self.cpu_evidence();
        evidence.extend(handshakes);
        evidence.extend(self.above.hot.sentence());
        evidence.extend(self.largest_part());
        let predicted = self.low.full_at();
        evidence.extend(
            predicted.map(|full| self.prediction(full, "the CPU time of a request at low load")),
        );
        evidence.extend(self.growth_of_demand());
        evidence.extend(openings(self.low, self.above));
        evidence.extend(self.slowed.as_ref().map(Slowed::sentence));
        let place = hot.map(|hot| format!("`{}`", hot.focus().0));
        let gain = hot.map(|hot| {
            let of_all = match self.above.cpu.shared_host {
                Some(true) if resource != Resource::BoxCpu => {
                    used / (used + self.above.cpu.generator).max(1e-9)
                }
                _ => 1.0,
            };
            let samples = self
                .above
                .run
                .profile
                .as_ref()
                .map_or(0, |own| own.captured);
            let (name, share) = hot.focus();
            Gain::of_less_cpu(&format!("`{name}`"), share, samples as f64, of_all)
        });
        let near = self.near.full_at();
        let agrees = predicted.is_some_and(|full| self.agrees(full))
            || near.is_some_and(|full| self.agrees(full));
        Bottleneck {
            title,
            evidence,
            confidence: match agrees {
                true if self.above.cpu.is_known() => Confidence::High,
                _ => Confidence::Medium,
            },
            expected_gain: gain,
            next_step: NextStep::of(resource, place.as_deref()),
            part: None,
            short_box: None,
            place,
            resource,
        }
    }

    /// A component behind the service holds it back, by its own counters.
    fn component(&self, limit: Limit) -> Option<Bottleneck> {
        let wait = self.main_wait();
        let awaited = self.awaited(wait);
        let fits = |cause: &&ComponentCause| match limit {
            // Both sides work for each statement.
            _ if cause.kind == CauseKind::ManyStatements => true,
            Limit::Waiting | Limit::Unknown => {
                // Threads that queue for a lock, or requests for a pool, need not wait for a statement that is merely frequent.
                cause.kind != CauseKind::SlowStatement || awaited == Resource::Network
            }
            // The processors may be busy with the work of the component.
            Limit::OtherProcesses | Limit::SharedHost => {
                cause.kind == CauseKind::MissingIndex
                    || component_limit::computes(cause.kind) && limit == Limit::OtherProcesses
            }
            Limit::Box | Limit::Cpu | Limit::OneThread => false,
        };
        let cause = self.causes.iter().find(fits)?;
        let mut own = component_limit::bottleneck(cause, self.cpu_evidence());
        own.evidence
            .extend(self.growth.as_ref().map(PartGrowth::sentence));
        own.evidence
            .extend(self.slowed.as_ref().map(Slowed::sentence));
        Some(own)
    }

    /// One box of several has used up its CPU.
    fn short_box(&self, limit: &BoxLimit) -> Bottleneck {
        let place = format!("`{}`", limit.name());
        let mut evidence = self.cpu_evidence();
        evidence.extend(limit.evidence());
        let cause = self.causes.iter();
        let cause = cause
            .filter(|cause| component_limit::computes(cause.kind))
            .find(|cause| cause.component == limit.name());
        if let Some(cause) = cause {
            evidence.push(cause.title.clone());
            evidence.extend(cause.evidence.iter().cloned());
        }
        evidence.extend(openings(self.low, self.above));
        evidence.extend(self.slowed.as_ref().map(Slowed::sentence));
        Bottleneck {
            resource: Resource::BoxCpu,
            title: limit.title(),
            evidence,
            confidence: match limit.is_alone() {
                true => Confidence::High,
                false => Confidence::Medium,
            },
            expected_gain: limit.gain(),
            next_step: match cause {
                Some(cause) => NextStep::with_text(Resource::BoxCpu, cause.advice.clone()),
                None => NextStep::of(Resource::BoxCpu, Some(&place)),
            },
            part: None,
            short_box: Some(limit.name().to_owned()),
            place: Some(place),
        }
    }

    fn other_processes(&self) -> Bottleneck {
        let most = self
            .above
            .run
            .host
            .others
            .first()
            .map_or(String::new(), |own| {
                format!(
                    ", `{}` {} of them",
                    own.name.replace('`', "'"),
                    format::significant(own.cores_used)
                )
            });
        Bottleneck {
            resource: Resource::OtherProcesses,
            title: format!(
                "Other processes keep this machine busy: they use {} cores{most}",
                format::significant(self.above.cpu.others)
            ),
            place: None,
            part: None,
            short_box: None,
            evidence: self.cpu_evidence(),
            confidence: Confidence::Medium,
            expected_gain: None,
            next_step: NextStep::of(Resource::OtherProcesses, None),
        }
    }

    /// One core is full, of several. A single busy thread does that; a service with a lock around its work looks the same.
    fn one_thread(&self) -> Vec<Bottleneck> {
        let hot = self.above.hot.cpu.as_ref();
        let clause = self.above.hot.clause();
        let place = hot.map(|hot| format!("`{}`", hot.focus().0));
        let handshakes = handshakes(self.above);
        let title = format!("One thread does the work: one core is full, of several{clause}");
        let title = match &handshakes {
            Some(_) => format!("{title}; each request opens a connection with a TLS handshake"),
            None => title,
        };
        let mut evidence = self.cpu_evidence();
        evidence.extend(handshakes);
        evidence.extend(self.above.hot.sentence());
        evidence.extend(self.largest_part());
        let predicted = self.low.demand_s().map(|demand| 1.0 / demand);
        evidence.extend(predicted.map(|full| {
            self.prediction(full, "the CPU time of a request at low load, in one thread")
        }));
        evidence.extend(self.slowed.as_ref().map(Slowed::sentence));
        let samples = self
            .above
            .run
            .profile
            .as_ref()
            .map_or(0, |own| own.captured);
        vec![Bottleneck {
            resource: Resource::OneThread,
            title,
            evidence,
            confidence: match hot.is_some() && predicted.is_some_and(|full| self.agrees(full)) {
                true => Confidence::High,
                false => Confidence::Medium,
            },
            expected_gain: hot.map(|hot| {
                let (name, share) = hot.focus();
                Gain::of_less_cpu(&format!("`{name}`"), share, samples as f64, 1.0)
            }),
            next_step: NextStep::of(Resource::OneThread, place.as_deref()),
            part: None,
            short_box: None,
            place,
        }]
    }

    /// Returns the wait that at least half of the waiting threads are in.
    fn main_wait(&self) -> Option<&HotWait> {
        let all: f64 = self.waits.iter().map(|wait| wait.threads).sum();
        let first = self.waits.first().copied();
        first.filter(|wait| wait.threads >= all / 2.0)
    }

    /// The processors have room: requests wait for something else.
    fn waiting(&self) -> Option<Bottleneck> {
        let all: f64 = self.waits.iter().map(|wait| wait.threads).sum();
        let wait = self.main_wait();
        let holders = wait.and_then(|wait| self.holders(wait));
        // Where threads queue for a lock, the time of a request at low load is not that under the lock.
        let at_a_time = self
            .at_a_time()
            .filter(|_| !wait.is_some_and(is_for_a_lock));
        if wait.is_none() && self.growth.is_none() && at_a_time.is_none() {
            return None;
        }
        let resource = self.awaited(wait);
        let place = self.place(wait);
        let whose = self
            .slowed
            .as_ref()
            .map_or("Requests".to_owned(), |slowed| slowed.list());
        let verb = match &self.slowed {
            Some(slowed) if slowed.names.len() == 1 => "waits",
            _ => "wait",
        };
        let what = match (&self.growth, wait) {
            (Some(growth), _) => format!("for `{}`", growth.name.replace('`', "'")),
            (None, Some(wait)) => wait.clause().trim_start().to_owned(),
            (None, None) => "for each other".to_owned(),
        };
        let number = match (holders.filter(|_| self.growth.is_none()), at_a_time) {
            (Some(holders), _) => format!(": {}", holders.clause()),
            (None, Some(number)) => {
                format!(": the service serves about {} at a time", number.text())
            }
            (None, None) => String::new(),
        };
        let mut evidence = self.cpu_evidence();
        evidence.extend(at_a_time.map(|own| own.sentence(self.above.rate)));
        evidence.extend(self.growth.as_ref().map(PartGrowth::sentence));
        evidence.extend(self.waits.iter().map(|wait| wait.sentence()));
        evidence.extend(self.slowed.as_ref().map(Slowed::sentence));
        // A queue that nearly all threads stand in needs no second witness.
        let is_queue = wait.is_some_and(|wait| is_for_a_lock(wait) && wait.threads >= QUEUE * all);
        let is_whole = at_a_time.is_some_and(AtATime::is_whole);
        let named = [wait.is_some(), is_queue, self.growth.is_some(), is_whole];
        let agreeing = named.into_iter().filter(|named| *named).count();
        let is_idle = self.above.cpu.limit() == Limit::Waiting;
        let spare = match is_idle {
            true => ", with CPU to spare",
            false => "",
        };
        Some(Bottleneck {
            resource,
            title: format!("{whose} {verb} {what}{number}{spare}"),
            evidence,
            confidence: match (agreeing, is_idle) {
                (2.., true) if self.falls_behind() => Confidence::High,
                (0 | 1, false) => Confidence::Low,
                _ => Confidence::Medium,
            },
            expected_gain: (resource == Resource::AtATime).then(|| {
                Gain::of_more_at_a_time("requests at a time", self.knee, self.near.full_at())
            }),
            next_step: NextStep::of(resource, place.as_deref()),
            part: self.growth.as_ref().map(|growth| growth.name.clone()),
            short_box: None,
            place,
        })
    }

    fn unknown(&self) -> Bottleneck {
        let mut evidence = self.cpu_evidence();
        evidence.extend(self.slowed.as_ref().map(Slowed::sentence));
        Bottleneck {
            resource: Resource::Unknown,
            title: format!(
                "The service saturates at about {}; the evidence does not say why",
                format::rate(self.knee)
            ),
            place: self.slowed.as_ref().map(Slowed::list),
            part: None,
            short_box: None,
            evidence,
            confidence: Confidence::Low,
            expected_gain: None,
            next_step: NextStep::of(Resource::Unknown, None),
        }
    }

    /// Returns what the requests wait for: by the service's own account, or else by the stacks of its threads.
    fn awaited(&self, wait: Option<&HotWait>) -> Resource {
        let part = self
            .growth
            .as_ref()
            .map(|growth| growth.name.to_ascii_lowercase());
        let has = |words: &[&str]| {
            part.as_ref()
                .is_some_and(|part| words.iter().any(|word| has_word(part, word)))
        };
        if has(&["pool", "queue", "permit", "accept", "sched"]) {
            return Resource::AtATime;
        }
        if has(&["lock", "mutex"]) {
            return Resource::Lock;
        }
        if has(&["disk", "sync", "fsync", "commit", "wal", "file", "fs"]) {
            return Resource::Disk;
        }
        if has(&[
            "sql", "db", "database", "cache", "redis", "upstream", "http", "store",
        ]) {
            return Resource::Network;
        }
        match wait.map(|wait| wait.kind) {
            Some(WaitKind::Lock) => Resource::Lock,
            Some(WaitKind::Disk) => Resource::Disk,
            Some(WaitKind::Network | WaitKind::Poll) => Resource::Network,
            Some(WaitKind::Memory) => Resource::Memory,
            Some(WaitKind::Sleep) => Resource::Pause,
            _ => Resource::AtATime,
        }
    }

    fn place(&self, wait: Option<&HotWait>) -> Option<String> {
        let function = wait.and_then(|wait| wait.function.as_ref());
        match (&self.growth, function) {
            (_, Some(function)) => Some(format!("`{}`", function.name)),
            (Some(growth), None) => Some(format!("`{}`", growth.name.replace('`', "'"))),
            (None, None) => None,
        }
    }

    /// Returns the number of requests that the service serves at a time. `None` if it is too large to be a limit.
    fn at_a_time(&self) -> Option<AtATime> {
        let service_s = self.low.service_s()?;
        let number = self.above.rate * service_s;
        // A service that answers everything has shown no limit, and a low load with a queue no service time.
        let is_limited = self.falls_behind() && !self.low.falls_behind();
        (is_limited && number > 0.5 && number < AT_A_TIME_MAX)
            .then_some(AtATime { number, service_s })
    }

    /// Returns the threads that are past the lock that the others wait for. `None` if the wait is for no lock, if few
    /// threads wait for it, or if the profile has too few of the waits to count them.
    fn holders<'b>(&'b self, wait: &HotWait) -> Option<Holders<'b>> {
        let others = self.waits.iter().skip(1);
        let threads =
            others.map(|wait| wait.threads).sum::<f64>() + self.above.cpu.service.unwrap_or(0.0);
        let info = self.above.run.off_cpu.as_ref().map(|own| &own.info);
        let is_complete =
            info.is_some_and(|info| info.captured as f64 >= COMPLETE * info.expected as f64);
        let many_wait = is_for_a_lock(wait) && wait.threads > 2.0 * threads;
        (is_complete && many_wait && threads >= 0.5).then(|| Holders {
            threads,
            wait: self.waits.get(1).copied(),
            computes: self.above.cpu.service.unwrap_or(0.0) > threads / 2.0,
        })
    }

    fn falls_behind(&self) -> bool {
        self.above.falls_behind()
    }

    fn cpu_evidence(&self) -> Vec<String> {
        let cpu = &self.above.cpu;
        let mut parts = Vec::new();
        if let Some(service) = cpu.service {
            parts.push(format!(
                "the service used {} cores",
                format::significant(service)
            ));
        }
        parts.push(format!(
            "the generator {}",
            format::significant(cpu.generator)
        ));
        if let (Some(host), Some(cores)) = (cpu.host, cpu.cores) {
            parts.push(format!(
                "all processes {} of the machine's {}",
                format::significant(host),
                format::significant(cores)
            ));
        }
        vec![format!(
            "at {} offered and {} answered, {}",
            format::rate(self.above.summary.rate_per_s.offered),
            format::rate(self.above.rate),
            parts.join(", ")
        )]
    }

    /// Names the part of the service that has most of the time of a request at low load. `None` if none has.
    fn largest_part(&self) -> Option<String> {
        let (name, share) = largest_part(&self.low.run.server_timing)?;
        Some(format!(
            "at low load, {} of the service time is in `{}` as reported in Server-Timing",
            format::percent(share),
            name.replace('`', "'")
        ))
    }

    /// Compares a predicted with the measured knee.
    fn prediction(&self, full: f64, by: &str) -> String {
        format!(
            "by {by}, the limit is {}; measured: {}",
            format::rate(full),
            format::rate(self.knee)
        )
    }

    /// Says by how much the CPU time of a request grows with the load, if it does.
    fn growth_of_demand(&self) -> Option<String> {
        let (low, above) = (self.low.demand_s()?, self.above.demand_s()?);
        (above > 1.25 * low || above < 0.8 * low).then(|| {
            format!(
                "a request takes {} of the service's CPU at low load and {} above the knee",
                format::duration_of(low * 1e9),
                format::duration_of(above * 1e9)
            )
        })
    }

    fn agrees(&self, rate: f64) -> bool {
        (rate / self.knee - 1.0).abs() <= AGREES
    }
}

fn is_for_a_lock(wait: &HotWait) -> bool {
    matches!(wait.kind, WaitKind::Lock | WaitKind::Condition)
}
