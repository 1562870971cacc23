//! Resources that a stage used during a run: `boxes.json` and `balancers.json`.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tenfold_lab::{BalancerStatus, BoxStatus, Lab, LabBox, LabStatus, ServerStatus};
use tenfold_run_dir::balancer_use::{BalancerUse, ServerUse};
use tenfold_run_dir::box_use::{BoxUse, CountedCpu};
use tenfold_run_dir::manifest::BoxInfo;
use tenfold_run_dir::{Manifest, RunDir, RunDirError};
use tenfold_scenarios::Scenario;

/// Stage and boxes of a lab, for the manifest of a run.
#[derive(Debug, Clone, PartialEq)]
pub struct StageDescription {
    stage: String,
    boxes: Vec<BoxInfo>,
    service_boxes: Vec<String>,
    unconfined_because: Option<String>,
}

impl StageDescription {
    /// Describes a lab; the box whose process is sampled comes first.
    pub fn of(lab: &Lab) -> Self {
        let sampled = lab.service().map(LabBox::name);
        let mut boxes: Vec<&LabBox> = lab.boxes().iter().collect();
        boxes.sort_by_key(|own| Some(own.name()) != sampled);
        let names = boxes.iter().map(|own| own.name());
        let of_service = names.filter(|name| sampled.is_none_or(|sampled| sampled == *name));
        Self {
            stage: lab.stage().name.to_owned(),
            service_boxes: of_service.map(str::to_owned).collect(),
            boxes: boxes.into_iter().map(box_info).collect(),
            unconfined_because: lab.unconfined_because().map(str::to_owned),
        }
    }

    /// Adds the description to a manifest.
    pub(crate) fn write_to(self, manifest: &mut Manifest) {
        manifest.stage = Some(self.stage);
        manifest.boxes = self.boxes;
        manifest.service_boxes = self.service_boxes;
        manifest.unconfined_because = self.unconfined_because;
        // Boxes with a network of their own have addresses that are not loopback, but run on this machine.
        manifest.shared_host = Some(true);
    }
}

fn box_info(own: &LabBox) -> BoxInfo {
    let allowance = own.allowance();
    BoxInfo {
        name: own.name().to_owned(),
        cpu: allowance.map(|allowance| allowance.cpu),
        memory_bytes: allowance.map(|allowance| allowance.memory_bytes),
    }
}

/// The boxes of a lab at the begin and at the end of the counted phases, each with the time since the start of the run.
#[derive(Debug, Default)]
pub(crate) struct CountedBoxes([Option<(Duration, Vec<BoxStatus>)>; 2]);

impl CountedBoxes {
    /// Waits for the start of the run on `started`, and for each of both times. Ends early once the other side of `ended` is dropped: the run is
    /// over then.
    pub(crate) fn read(
        lab: &Lab,
        scenario: &Scenario,
        started: &Receiver<Instant>,
        ended: &Receiver<()>,
    ) -> Self {
        // An error is the end of a run that did not start.
        let (Some(times), Ok(start)) = (counted_phases(scenario), started.recv()) else {
            return Self::default();
        };
        let mut boxes = Self::default();
        for (own, at) in boxes.0.iter_mut().zip(times) {
            let left = (start + at).saturating_duration_since(Instant::now());
            if let Ok(()) | Err(RecvTimeoutError::Disconnected) = ended.recv_timeout(left) {
                break;
            }
            *own = Some((start.elapsed(), lab.started_boxes()));
        }
        boxes
    }

    fn cpu_of(&self, name: &str) -> Option<CountedCpu> {
        let [Some((from, before)), Some((to, after))] = &self.0 else {
            return None;
        };
        let to_box = after.iter().find(|own| own.name == name)?;
        let mut before = before.iter();
        let from_box = before.find(|own| own.name == name && own.pid == to_box.pid)?;
        let cpu = to_box.usage?.cpu.saturating_sub(from_box.usage?.cpu);
        let nanoseconds = |time: &Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        Some(CountedCpu {
            from_ns: nanoseconds(from),
            to_ns: nanoseconds(to),
            cpu_s: cpu.as_secs_f64(),
        })
    }
}

/// Returns the begin and the end of the counted phases, since the start of the run. `None` if no phase counts.
fn counted_phases(scenario: &Scenario) -> Option<[Duration; 2]> {
    let counted = || scenario.phases.iter().filter(|phase| !phase.warm_up);
    let from = counted().map(|phase| phase.start).min()?;
    let to = counted().map(tenfold_scenarios::Phase::end).max()?;
    Some([from, to])
}

/// Writes what boxes and balancers used between two states of a lab.
pub(crate) fn write(
    run_dir: &RunDir,
    before: &LabStatus,
    after: &LabStatus,
    counted: &CountedBoxes,
) -> Result<(), RunDirError> {
    run_dir.write_boxes(&box_uses(before, after, counted))?;
    run_dir.write_balancers(&balancer_uses(before, after))
}

/// Boxes that were restarted in between are left out.
fn box_uses(before: &LabStatus, after: &LabStatus, counted: &CountedBoxes) -> Vec<BoxUse> {
    let used = after.boxes.iter().filter_map(|own| {
        let earlier = before
            .boxes
            .iter()
            .find(|other| other.name == own.name && other.pid == own.pid)?;
        let (from, to) = (earlier.usage?, own.usage?);
        let periods = to.periods.saturating_sub(from.periods);
        let throttled = to.periods_throttled.saturating_sub(from.periods_throttled);
        Some(BoxUse {
            name: own.name.clone(),
            over_s: own.up_for_s? - earlier.up_for_s?,
            cpu_s: to.cpu.saturating_sub(from.cpu).as_secs_f64(),
            held_back: own
                .allowance
                .map(|_| throttled as f64 / periods.max(1) as f64),
            memory_bytes: to.memory_bytes,
            counted: counted.cpu_of(&own.name),
        })
    });
    used.collect()
}

/// Balancers that were restarted in between, or reported nothing, are left out.
fn balancer_uses(before: &LabStatus, after: &LabStatus) -> Vec<BalancerUse> {
    let pid = |status: &LabStatus, name: &str| {
        let own = status.boxes.iter().find(|own| own.name == name);
        own.and_then(|own| own.pid)
    };
    let used = after.balancers.iter().filter_map(|to| {
        let mut earlier = before.balancers.iter();
        let from = earlier.find(|other| {
            other.name == to.name && pid(before, &other.name) == pid(after, &to.name)
        })?;
        (from.silent_because.is_none() && to.silent_because.is_none())
            .then(|| balancer_use(from, to))
    });
    used.collect()
}

fn balancer_use(from: &BalancerStatus, to: &BalancerStatus) -> BalancerUse {
    let servers = to.servers.iter().filter_map(|to| {
        let mut earlier = from.servers.iter();
        let from = earlier.find(|other| other.list == to.list && other.name == to.name)?;
        let since = |count: fn(&ServerStatus) -> u64| count(to).saturating_sub(count(from));
        Some(ServerUse {
            list: to.list.clone(),
            name: to.name.clone(),
            takes_requests: to.takes_requests,
            sent: since(|server| server.sent),
            failed: since(ServerStatus::failed),
            retried: since(ServerStatus::retried),
            times_down: since(|server| server.times_down),
            down_s: since(|server| server.down_s),
        })
    });
    BalancerUse {
        name: to.name.clone(),
        servers: servers.collect(),
        cache_lookups: to.cache_lookups.saturating_sub(from.cache_lookups),
        cache_hits: to.cache_hits.saturating_sub(from.cache_hits),
    }
}
