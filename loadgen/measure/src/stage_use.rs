//! Resources that a stage used during a run: `boxes.json` and `balancers.json`.

use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use tenfold_lab::{
    Allowance, BalancerStatus, BoxStatus, Lab, LabBox, LabStatus, ServerStatus, SpareUse, Usage,
};
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

/// Writes what boxes and balancers used between two states of a lab, and the manifest anew if boxes came.
pub(crate) fn write(
    run_dir: &RunDir,
    mut manifest: Manifest,
    (before, after): (&LabStatus, &LabStatus),
    counted: &CountedBoxes,
) -> Result<(), RunDirError> {
    let count = manifest.boxes.len();
    add_spares(&mut manifest.boxes, before, after);
    if manifest.boxes.len() > count {
        run_dir.write_manifest(&manifest)?;
    }
    run_dir.write_boxes(&box_uses(before, after, counted))?;
    run_dir.write_balancers(&balancer_uses(before, after))
}

/// Boxes that were restarted in between are left out, except those that come and go.
fn box_uses(before: &LabStatus, after: &LabStatus, counted: &CountedBoxes) -> Vec<BoxUse> {
    let fixed = after.boxes.iter().filter_map(|own| {
        if after.spares.iter().any(|spare| spare.name == own.name) {
            return None;
        }
        let earlier = before
            .boxes
            .iter()
            .find(|other| other.name == own.name && other.pid == own.pid)?;
        let uses = (earlier.usage?, own.usage?);
        let over_s = own.up_for_s? - earlier.up_for_s?;
        Some(box_use(&own.name, own.allowance, over_s, uses))
    });
    let mut uses: Vec<BoxUse> = fixed.chain(spare_uses(before, after)).collect();
    for own in &mut uses {
        own.counted = counted.cpu_of(&own.name);
    }
    uses
}

/// Boxes that came or went, also those that are gone.
fn spare_uses(before: &LabStatus, after: &LabStatus) -> impl Iterator<Item = BoxUse> {
    after.spares.iter().filter_map(|own| {
        let earlier = before.spares.iter().find(|other| other.name == own.name);
        let from = earlier.map_or_else(Usage::default, |earlier| earlier.usage);
        let over_s = own.up_for_s - earlier.map_or(0.0, |earlier| earlier.up_for_s);
        let used = || box_use(&own.name, own.allowance, over_s, (from, own.usage));
        (over_s > 0.0).then(used)
    })
}

fn box_use(
    name: &str,
    allowance: Option<Allowance>,
    over_s: f64,
    (from, to): (Usage, Usage),
) -> BoxUse {
    let periods = to.periods.saturating_sub(from.periods);
    let throttled = to.periods_throttled.saturating_sub(from.periods_throttled);
    BoxUse {
        name: name.to_owned(),
        over_s,
        cpu_s: to.cpu.saturating_sub(from.cpu).as_secs_f64(),
        held_back: allowance.map(|_| throttled as f64 / periods.max(1) as f64),
        memory_bytes: to.memory_bytes,
        counted: None,
    }
}

/// Adds the boxes that came during the run.
fn add_spares(boxes: &mut Vec<BoxInfo>, before: &LabStatus, after: &LabStatus) {
    for used in spare_uses(before, after) {
        if boxes.iter().any(|own| own.name == used.name) {
            continue;
        }
        let spare = after.spares.iter().find(|own| own.name == used.name);
        let allowance = spare.and_then(|own| own.allowance);
        boxes.push(BoxInfo {
            name: used.name,
            cpu: allowance.map(|allowance| allowance.cpu),
            memory_bytes: allowance.map(|allowance| allowance.memory_bytes),
        });
    }
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
            .then(|| balancer_use((&before.spares, from), (&after.spares, to)))
    });
    used.collect()
}

/// Returns the highest value since an earlier moment, if it is the highest ever. 0 is: nothing has ever been higher.
fn highest(from: u64, to: u64) -> Option<u64> {
    (to > from || to == 0).then_some(to)
}

/// Returns what a balancer did between two states, each with the boxes that have come or gone by then.
pub(crate) fn balancer_use(
    (spares_before, from): (&[SpareUse], &BalancerStatus),
    (spares, to): (&[SpareUse], &BalancerStatus),
) -> BalancerUse {
    let forgotten = spares.iter().filter_map(|own| own.forgotten.as_ref());
    let forgotten = forgotten.filter(|own| {
        let mut listed = to.servers.iter();
        listed.clone().any(|other| other.list == own.list)
            && !listed.any(|other| other.name == own.name)
    });
    let servers = to.servers.iter().chain(forgotten).filter_map(|own| {
        let (list, name) = (&own.list, &own.name);
        let to = counted(spares, to, (list, name))?;
        let is_spare = spares.iter().any(|spare| spare.name == *name);
        let from = counted(spares_before, from, (list, name))
            .or_else(|| is_spare.then(ServerStatus::default))?;
        let since = |count: fn(&ServerStatus) -> u64| count(&to).saturating_sub(count(&from));
        Some(ServerUse {
            list: list.clone(),
            name: name.clone(),
            takes_requests: own.takes_requests,
            sent: since(|server| server.sent),
            failed: since(ServerStatus::failed),
            retried: since(ServerStatus::retried),
            times_down: since(|server| server.times_down),
            down_s: since(|server| server.down_s),
            is_backup: to.is_backup,
            denied: since(|server| server.denied),
            queued_max: highest(from.queued_max, to.queued_max),
            in_flight_max: highest(from.in_flight_max, to.in_flight_max),
            queue_ms: to.queue_ms,
            connect_ms: to.connect_ms,
            answer_ms: to.answer_ms,
        })
    });
    BalancerUse {
        name: to.name.clone(),
        servers: servers.collect(),
        cache_lookups: to.cache_lookups.saturating_sub(from.cache_lookups),
        cache_hits: to.cache_hits.saturating_sub(from.cache_hits),
    }
}

/// Counters of a server, also of those of the same name that the balancer has forgotten.
fn counted(
    spares: &[SpareUse],
    balancer: &BalancerStatus,
    (list, name): (&str, &str),
) -> Option<ServerStatus> {
    let is_it = |own: &&ServerStatus| own.list == list && own.name == name;
    let listed = balancer.servers.iter().find(is_it);
    let forgotten = spares.iter();
    let forgotten = forgotten
        .filter_map(|own| own.forgotten.as_ref())
        .find(is_it);
    match (listed, forgotten) {
        (Some(listed), Some(forgotten)) => Some(listed.clone().plus(forgotten)),
        (one, other) => one.or(other).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn server(name: &str, sent: u64) -> ServerStatus {
        ServerStatus {
            list: "app".to_owned(),
            name: name.to_owned(),
            takes_requests: true,
            sent,
            ..ServerStatus::default()
        }
    }

    fn spare(name: &str, seconds: u64, forgotten: Option<ServerStatus>) -> SpareUse {
        SpareUse {
            name: name.to_owned(),
            allowance: None,
            up_for_s: seconds as f64,
            usage: Usage {
                cpu: Duration::from_secs(seconds),
                memory_bytes: 7,
                ..Usage::default()
            },
            forgotten,
        }
    }

    fn status(spares: Vec<SpareUse>, servers: Vec<ServerStatus>) -> LabStatus {
        LabStatus {
            stage: "autoscaled".to_owned(),
            pid: 1,
            command: String::new(),
            is_starting: false,
            unconfined_because: None,
            entrance: None,
            boxes: Vec::new(),
            balancers: vec![BalancerStatus {
                name: "app-balancer".to_owned(),
                servers,
                ..BalancerStatus::default()
            }],
            groups: Vec::new(),
            spares,
            builds: Vec::new(),
            watching: None,
        }
    }

    #[test]
    fn counts_boxes_that_came_and_went() {
        // app-3 ran before the run and stopped in it; app-4 came, went and came again; app-5 only ran before.
        let before = status(
            vec![
                spare("app-3", 10, None),
                spare("app-5", 5, Some(server("app-5", 9))),
            ],
            vec![server("app-1", 100), server("app-3", 20)],
        );
        let after = status(
            vec![
                spare("app-3", 14, Some(server("app-3", 50))),
                spare("app-4", 3, Some(server("app-4", 8))),
                spare("app-5", 5, Some(server("app-5", 9))),
            ],
            vec![server("app-1", 300), server("app-4", 2)],
        );
        let boxes: Vec<_> = box_uses(&before, &after, &CountedBoxes::default())
            .into_iter()
            .map(|own| (own.name, own.over_s, own.cpu_s))
            .collect();
        let expected = [("app-3", 4.0, 4.0), ("app-4", 3.0, 3.0)];
        let expected = expected.map(|(name, over, cpu)| (name.to_owned(), over, cpu));
        assert_eq!(boxes, expected);
        let balancers = balancer_uses(&before, &after);
        let sent: Vec<_> = balancers[0]
            .servers
            .iter()
            .map(|own| (own.name.as_str(), own.sent))
            .collect();
        assert_eq!(
            sent,
            [("app-1", 200), ("app-4", 10), ("app-3", 30), ("app-5", 0)]
        );
    }

    #[test]
    fn manifest_names_boxes_that_came() {
        let before = status(vec![spare("app-3", 10, None)], Vec::new());
        let after = status(
            vec![spare("app-3", 12, None), spare("app-4", 1, None)],
            Vec::new(),
        );
        let mut boxes = Vec::new();
        add_spares(&mut boxes, &before, &after);
        add_spares(&mut boxes, &before, &after);
        let names: Vec<_> = boxes.iter().map(|own| &own.name).collect();
        assert_eq!(names, ["app-3", "app-4"]);
    }
}
