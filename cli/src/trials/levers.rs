//! Levers: means of slowing one component of the service under test.

use std::time::{Duration, Instant};

use tenfold_analysis::diagnosis::confirmation::{Component, ComponentKind};
use tenfold_analysis::format;
use tenfold_lab::{Lab, LabBox};
use tenfold_probe::{DelayKind, DelaySwitch, DelayedComponent};

use crate::exit::UsageError;
use crate::output::print;
use crate::service::Service;

/// Time after which a slowdown of one window ends by itself, if this process is killed.
const LASTS: Duration = Duration::from_secs(5);

/// Time for which calls are counted at most: the run at low load.
const COUNTED_MAX: Duration = Duration::from_secs(60);

/// Use of a component at the knee, if it had only one server, below which it can't be the bottleneck.
const USE_MIN: f64 = 0.05;

/// Most components that are slowed. Each takes its time.
const COMPONENTS_MAX: usize = 6;

/// Largest slowdown, as a share of the time.
const SLOWDOWN_MAX: f64 = 0.5;

/// Advice if nothing can be slowed.
const NEEDED: &str = "--confirm slows one component after the other: start the reference service with --stage, limit its boxes \
     with --box, or give --admin of a service with /debug/delay (docs/diagnose.md, \"Confirm\")";

/// The levers of a service.
pub(crate) struct Levers<'a> {
    /// Of each process of the service.
    switches: Vec<DelaySwitch>,
    lab: Option<&'a Lab>,
    /// Roles of boxes whose CPU can be limited further.
    roles: Vec<String>,
    left_out: Vec<String>,
}

/// Calls of the components before a run.
pub(crate) struct Counted {
    components: Vec<DelayedComponent>,
    began: Instant,
}

/// Components to slow, and those that are left out, each in a sentence.
pub(crate) type Slowable = (Vec<Component>, Vec<String>);

impl<'a> Levers<'a> {
    /// Finds the levers of a service.
    ///
    /// # Errors
    /// If it has none.
    pub(crate) fn of(service: &'a Service) -> anyhow::Result<Self> {
        let lab = service.lab.as_ref();
        let mut levers = Self {
            switches: switches(service),
            lab,
            roles: Vec::new(),
            left_out: Vec::new(),
        };
        for own in lab.iter().flat_map(|lab| lab.boxes()) {
            let (Some(allowance), role) = (own.allowance(), own.role()) else {
                continue;
            };
            let known = |roles: &[String]| roles.iter().any(|other| other == role);
            if known(&levers.roles) {
                continue;
            }
            // Restores it at once: a trial of the slowest setting.
            let tried = lab.map(|lab| {
                let slowed = lab.share_cpu(role, 1.0 / (1.0 + SLOWDOWN_MAX));
                slowed.and_then(|()| lab.share_cpu(role, 1.0))
            });
            match tried {
                Some(Err(error)) => {
                    let reason = format!("{role}, with {} CPU: {error}", allowance.cpu);
                    if !levers.left_out.contains(&reason) {
                        levers.left_out.push(reason);
                    }
                }
                _ => levers.roles.push(role.to_owned()),
            }
        }
        let failed = levers.read().err();
        match failed {
            Some(error) if levers.roles.is_empty() => {
                Err(UsageError(format!("{error}; {NEEDED}")).into())
            }
            Some(error) => {
                print::note(&format!("note: only boxes are slowed: {error}"));
                levers.switches.clear();
                Ok(levers)
            }
            None if levers.switches.is_empty() && levers.roles.is_empty() => {
                Err(UsageError(NEEDED.to_owned()).into())
            }
            None => Ok(levers),
        }
    }

    /// Begins to count calls.
    pub(crate) fn count(&self) -> anyhow::Result<Counted> {
        let components = self.read()?;
        if let Some(any) = components.first() {
            for switch in &self.switches {
                switch.delay(&any.name, Duration::ZERO, COUNTED_MAX)?;
            }
        }
        Ok(Counted {
            components,
            began: Instant::now(),
        })
    }

    /// Returns the components that may be the bottleneck, after a run at a rate of which the knee is a multiple.
    pub(crate) fn components(&self, before: &Counted, multiple: f64) -> anyhow::Result<Slowable> {
        let seconds = before.began.elapsed().as_secs_f64().max(1e-3);
        let mut left_out = self.left_out.clone();
        let is_limited =
            |own: &LabBox| own.is_service() && self.roles.iter().any(|role| role == own.role());
        let boxes = || self.lab.iter().flat_map(|lab| lab.boxes());
        let has_limit = boxes().any(is_limited);
        let mut found: Vec<(f64, Component)> = Vec::new();
        for own in self.read()? {
            let earlier = before
                .components
                .iter()
                .find(|other| other.name == own.name);
            let calls = own.calls.saturating_sub(earlier.map_or(0, |own| own.calls));
            let busy_us = own.busy_us - earlier.map_or(0.0, |own| own.busy_us);
            let used = busy_us / 1e6 / seconds * multiple;
            if calls == 0 {
                left_out.push(format!("{}: it is not called", own.name));
            } else if has_limit && own.kind == DelayKind::Cpu {
                left_out.push(format!("{}: its box is slowed instead", own.name));
            } else if used < USE_MIN {
                left_out.push(format!(
                    "{}: at the knee, it is in use for {} of the time",
                    own.name,
                    format::percent(used.max(0.0))
                ));
            } else {
                let component = Component {
                    name: own.name,
                    kind: match own.kind {
                        DelayKind::Cpu => ComponentKind::Cpu,
                        DelayKind::Wait => ComponentKind::Wait,
                    },
                    parts: own.parts,
                    call_us: Some(busy_us / calls as f64),
                };
                found.push((used, component));
            }
        }
        found.sort_by(|one, other| other.0.total_cmp(&one.0));
        let boxes = self.roles.iter().map(|role| Component::of_boxes(role));
        let mut all: Vec<Component> = boxes
            .chain(found.into_iter().map(|(_, component)| component))
            .collect();
        let beyond = all.split_off(all.len().min(COMPONENTS_MAX));
        left_out.extend(
            beyond
                .iter()
                .map(|own| format!("{}: {COMPONENTS_MAX} others are used more", own.name)),
        );
        Ok((all, left_out))
    }

    /// Slows a component by a share of its time, and no other one.
    pub(crate) fn slow(
        &self,
        slowed: Option<(&Component, f64)>,
        all: &[Component],
    ) -> anyhow::Result<()> {
        for own in all {
            if let (Some(lab), Some(role)) = (self.lab, own.role()) {
                let slowdown = match slowed {
                    Some((slowed, slowdown)) if slowed.name == own.name => slowdown,
                    _ => 0.0,
                };
                lab.share_cpu(role, 1.0 / (1.0 + slowdown))?;
            }
        }
        let delayed = slowed.and_then(|(own, slowdown)| {
            let delay_us = own.call_us? * slowdown;
            Some((
                own.name.as_str(),
                Duration::from_nanos((delay_us * 1e3) as u64),
            ))
        });
        for switch in &self.switches {
            match delayed {
                Some((name, delay)) => switch.delay(name, delay, LASTS)?,
                None => count_only(switch, all)?,
            }
        }
        Ok(())
    }

    /// Restores everything. What can't be restored ends by itself.
    pub(crate) fn restore(&self) {
        for switch in &self.switches {
            if let Err(error) = switch.clear() {
                print::note(&format!("note: the delays end by themselves: {error}"));
            }
        }
        for role in &self.roles {
            if let Some(Err(error)) = self.lab.map(|lab| lab.share_cpu(role, 1.0)) {
                print::note(&format!("note: {error}"));
            }
        }
    }

    /// Reads the components of all processes, and adds them up by name.
    fn read(&self) -> anyhow::Result<Vec<DelayedComponent>> {
        let mut sums: Vec<DelayedComponent> = Vec::new();
        for switch in &self.switches {
            for own in switch.components()? {
                match sums.iter_mut().find(|sum| sum.name == own.name) {
                    Some(sum) => {
                        sum.calls = sum.calls.saturating_add(own.calls);
                        sum.busy_us += own.busy_us;
                    }
                    None => sums.push(own),
                }
            }
        }
        Ok(sums)
    }
}

/// Returns the switches of the processes of a service.
fn switches(service: &Service) -> Vec<DelaySwitch> {
    match &service.lab {
        Some(lab) => {
            let services = lab.boxes().iter().filter(|own| own.is_service());
            let admins = services.filter_map(LabBox::admin_address);
            admins
                .map(|admin| DelaySwitch::new(&format!("http://{admin}").as_str().into()))
                .collect()
        }
        None => service
            .endpoint
            .admin
            .iter()
            .map(DelaySwitch::new)
            .collect(),
    }
}

/// Counts calls as in any other window, so that all have the same cost.
fn count_only(switch: &DelaySwitch, all: &[Component]) -> anyhow::Result<()> {
    match all.iter().find(|own| own.kind != ComponentKind::Box) {
        Some(any) => Ok(switch.delay(&any.name, Duration::ZERO, LASTS)?),
        None => Ok(()),
    }
}
