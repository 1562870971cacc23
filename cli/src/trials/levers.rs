//! Levers: means of slowing one component of the service under test.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use tenfold_analysis::diagnosis::confirmation::{Component, ComponentKind, LeftOut};
use tenfold_analysis::format;
use tenfold_lab::{Lab, LabBox};
use tenfold_probe::{DelayKind, DelaySwitch, DelayedComponent, DelayedComponents};

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

/// The levers of a service. Restores everything when dropped.
pub(crate) struct Levers<'a> {
    /// Of each process of the service.
    switches: Vec<DelaySwitch>,
    lab: Option<&'a Lab>,
    /// Roles of boxes whose CPU can be limited further.
    roles: Vec<String>,
    left_out: Vec<LeftOut>,
    /// True from the first change until everything is restored.
    in_force: AtomicBool,
}

/// Calls of the components before a run.
pub(crate) struct Counted {
    components: Vec<DelayedComponent>,
    began: Instant,
}

/// Components to slow, and those that are left out.
pub(crate) type Slowable = (Vec<Component>, Vec<LeftOut>);

impl Drop for Levers<'_> {
    fn drop(&mut self) {
        self.restore();
    }
}

impl<'a> Levers<'a> {
    /// Finds the levers of a service.
    ///
    /// # Errors
    /// If it has none.
    pub(crate) fn of(service: &'a Service) -> anyhow::Result<Self> {
        let lab = service.lab.as_ref();
        if let Some(pins) = service.pins() {
            let reason = format!(
                "--confirm needs a fixed number of boxes, and this stage scales: add {pins}"
            );
            return Err(UsageError(reason).into());
        }
        let mut levers = Self {
            switches: switches(service),
            lab,
            roles: Vec::new(),
            left_out: Vec::new(),
            in_force: AtomicBool::new(false),
        };
        for own in lab.iter().flat_map(|lab| lab.boxes()) {
            let (Some(allowance), role) = (own.allowance(), own.role()) else {
                continue;
            };
            let known = |roles: &[String]| roles.iter().any(|other| other == role);
            if known(&levers.roles) {
                continue;
            }
            let component = Component::of_boxes(role);
            let mut left_out = levers.left_out.iter();
            if left_out.any(|other| other.component.name == component.name) {
                continue;
            }
            match lab.map(|lab| attempt(|share| lab.share_cpu(role, share))) {
                Some(Err(error)) => levers.left_out.push(LeftOut {
                    component,
                    reason: format!("with {} CPU, it can't be slowed: {error}", allowance.cpu),
                }),
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
        let components = self.read()?.components;
        if let Some(any) = components.first() {
            self.in_force.store(true, Ordering::Relaxed);
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
        let now = self.read()?;
        for own in now.components {
            let mut earlier = before.components.iter();
            let earlier = earlier.find(|other| other.name == own.name);
            let since = Since::of(&own, earlier, seconds);
            let is_of_box = has_limit && own.kind == DelayKind::Cpu;
            let component = Component {
                name: own.name,
                kind: match own.kind {
                    DelayKind::Cpu => ComponentKind::Cpu,
                    DelayKind::Wait => ComponentKind::Wait,
                },
                parts: own.parts,
                call_us: since.call_us(),
            };
            let reason = match is_of_box && since.calls > 0 {
                true => Some("its box is slowed instead".to_owned()),
                false => since.unusable(multiple, now.delay_max),
            };
            match reason {
                Some(reason) => left_out.push(LeftOut { component, reason }),
                None => found.push((since.used * multiple, component)),
            }
        }
        found.sort_by(|one, other| other.0.total_cmp(&one.0));
        let boxes = self.roles.iter().map(|role| Component::of_boxes(role));
        let mut all: Vec<Component> = boxes
            .chain(found.into_iter().map(|(_, component)| component))
            .collect();
        let beyond = all.split_off(all.len().min(COMPONENTS_MAX));
        left_out.extend(beyond.into_iter().map(|component| LeftOut {
            component,
            reason: format!("{COMPONENTS_MAX} others are used more"),
        }));
        Ok((all, left_out))
    }

    /// Slows a component by a share of its time, and no other one.
    pub(crate) fn slow(
        &self,
        slowed: Option<(&Component, f64)>,
        all: &[Component],
    ) -> anyhow::Result<()> {
        self.in_force.store(true, Ordering::Relaxed);
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

    /// Restores everything that was changed. What can't be restored ends by itself.
    pub(crate) fn restore(&self) {
        if !self.in_force.swap(false, Ordering::Relaxed) {
            return;
        }
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
    fn read(&self) -> anyhow::Result<DelayedComponents> {
        let mut sums: Vec<DelayedComponent> = Vec::new();
        let mut delay_max: Option<Duration> = None;
        for switch in &self.switches {
            let read = switch.components()?;
            let both = [delay_max, read.delay_max];
            delay_max = both.into_iter().flatten().min();
            for own in read.components {
                match sums.iter_mut().find(|sum| sum.name == own.name) {
                    Some(sum) => {
                        sum.calls = sum.calls.saturating_add(own.calls);
                        sum.busy_us += own.busy_us;
                    }
                    None => sums.push(own),
                }
            }
        }
        Ok(DelayedComponents {
            components: sums,
            delay_max,
        })
    }
}

/// Calls of a component in a run at low load.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Since {
    calls: u64,
    busy_us: f64,
    /// Mean number of calls under way.
    used: f64,
    /// True if the counters are below those before the run.
    went_back: bool,
}

impl Since {
    fn of(now: &DelayedComponent, before: Option<&DelayedComponent>, seconds: f64) -> Self {
        let (calls, busy_us) = before.map_or((0, 0.0), |own| (own.calls, own.busy_us));
        let more_us = (now.busy_us - busy_us).max(0.0);
        Self {
            calls: now.calls.saturating_sub(calls),
            busy_us: more_us,
            used: more_us / 1e6 / seconds,
            went_back: now.calls < calls || now.busy_us < busy_us,
        }
    }

    /// Mean time of a call, in microseconds. `None` without calls.
    fn call_us(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.busy_us / self.calls as f64)
    }

    /// Returns the reason why the component can't be slowed, or need not be. `multiple` is that of the knee of the rate.
    fn unusable(&self, multiple: f64, delay_max: Option<Duration>) -> Option<String> {
        let used = self.used * multiple;
        let longest_us = self.call_us().unwrap_or(0.0) * SLOWDOWN_MAX;
        match delay_max {
            _ if self.went_back => {
                Some("its counters went back, so the service was restarted".to_owned())
            }
            _ if self.calls == 0 => Some("it is not called".to_owned()),
            _ if used < USE_MIN => Some(format!(
                "at the knee, it is in use for {} of the time",
                format::percent(used)
            )),
            Some(most) if longest_us > most.as_nanos() as f64 / 1e3 => Some(format!(
                "its calls take {}, and the service delays them by {} at most",
                format::duration_of(longest_us * 1e3 / SLOWDOWN_MAX),
                format::duration_of(most.as_nanos() as f64)
            )),
            _ => None,
        }
    }
}

/// Tries the slowest setting, and restores the allowance in any case: it may have failed after the first of several boxes.
fn attempt<E>(mut set: impl FnMut(f64) -> Result<(), E>) -> Result<(), E> {
    let slowed = set(1.0 / (1.0 + SLOWDOWN_MAX));
    let restored = set(1.0);
    slowed.and(restored)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn component(calls: u64, busy_us: f64) -> DelayedComponent {
        DelayedComponent {
            name: "db".to_owned(),
            kind: DelayKind::Wait,
            parts: Vec::new(),
            calls,
            busy_us,
        }
    }

    #[test]
    fn names_each_reason_for_leaving_a_component_out() {
        let before = component(100, 1e6);
        let longest = Some(Duration::from_millis(100));
        for (now, delay_max, reason) in [
            (component(200, 2e6), longest, None),
            (component(100, 1e6), longest, Some("it is not called")),
            (
                component(50, 2e6),
                longest,
                Some("the service was restarted"),
            ),
            (
                component(200, 5e5),
                longest,
                Some("the service was restarted"),
            ),
            (
                component(200, 1.01e6),
                longest,
                Some("in use for 0.400% of the time"),
            ),
            // 250 ms each.
            (
                component(140, 11e6),
                longest,
                Some("its calls take 250 ms, and the service delays them by 100 ms at most"),
            ),
            (component(140, 11e6), None, None),
            (component(140, 9e6), longest, None),
        ] {
            let since = Since::of(&now, Some(&before), 10.0);
            let found = since.unusable(4.0, delay_max);
            match reason {
                Some(reason) => assert!(
                    found.as_ref().is_some_and(|own| own.contains(reason)),
                    "{found:?}"
                ),
                None => assert_eq!(found, None),
            }
        }
        assert_eq!(Since::of(&before, None, 10.0).call_us(), Some(10_000.0));
        assert_eq!(Since::of(&component(0, 0.0), None, 10.0).call_us(), None);
    }

    #[test]
    fn allowance_is_restored_after_a_failed_attempt() {
        for failing in [None, Some(0), Some(1)] {
            let mut shares = Vec::new();
            let tried = attempt(|share| {
                shares.push(share);
                match failing {
                    Some(at) if at + 1 == shares.len() => Err("refused"),
                    _ => Ok(()),
                }
            });
            assert_eq!(tried.is_err(), failing.is_some());
            assert_eq!(shares.len(), 2);
            assert!(shares[0] < 0.7 && shares[1] >= 1.0, "{shares:?}");
        }
    }
}
