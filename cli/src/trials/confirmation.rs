//! The experiment that confirms a bottleneck: one run below the knee and one above it, in which each component is slowed in turn.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use tenfold_analysis::diagnosis::confirmation::{
    Component, Confirmation, LeftOut, Setting, Windows, confirm as decide, schedule, windows,
};
use tenfold_analysis::diagnosis::{Bottleneck, Resource};
use tenfold_analysis::knee::{OutcomeName, TrialReport};

use super::experiments::ABOVE;
use super::levers::{Levers, Slowable};
use super::outages::Starting;
use super::{Measured, Trial, Trials};
use crate::output::print;

/// Share of the knee of the run below it: with the largest slowdown, the bottleneck is in use for nine tenths of the time.
const BELOW: f64 = 0.6;

/// Windows of the two runs for each second of an experiment, about: 16 and 36 unless `--duration` is given.
const WINDOWS: [f64; 2] = [4.0 / 3.0, 3.0];

/// Length of a window: a row of the time line.
const WINDOW: Duration = Duration::from_secs(1);

/// Warm-up of each run: whole windows.
const WARM_UP: Duration = Duration::from_secs(2);

/// Time within which a setting takes effect; a window of a later one does not count. The seconds of a window are those of the time line, so a
/// setting that is late by a share of the second loses that share of its effect: by a quarter at most. On an idle machine, it takes a few
/// milliseconds.
const LATE: Duration = Duration::from_millis(250);

/// Users above the knee for each request that the service has in work at low load, and in any case: enough for a queue everywhere, and few
/// enough for it to be short.
const USERS: (f64, f64) = (8.0, 32.0);

/// Pause between two looks at the interrupt.
const POLL: Duration = Duration::from_millis(50);

/// A second of a run, with the index of the slowed component and its slowdown.
type Second = (usize, Option<String>, f64);

/// Slows each component in turn, below and above the knee, and decides whether the bottleneck is the right one. `None` if it was interrupted, or
/// there is nothing to confirm.
pub(super) fn confirm(
    trials: &Trials<'_>,
    levers: &Levers<'_>,
    (components, mut left_out): Slowable,
    bottleneck: &Bottleneck,
    (knee, low, duration): (f64, &Measured, Duration),
) -> anyhow::Result<Option<Confirmation>> {
    if matches!(
        bottleneck.resource,
        Resource::Generator | Resource::NotReached
    ) {
        print::note("note: there is nothing to confirm, because the service was not the limit");
        return Ok(None);
    }
    if components.is_empty() {
        print::note(&format!(
            "note: nothing can be slowed: {}",
            left_out
                .iter()
                .map(LeftOut::sentence)
                .collect::<Vec<_>>()
                .join("; ")
        ));
        return Ok(None);
    }
    let names: Vec<&str> = components.iter().map(|own| own.name.as_str()).collect();
    print::note(&format!("slowing in turn: {}", names.join(", ")));
    let in_work = low.summary.latency_ns.service.mean.unwrap_or(0) as f64 / 1e9 * knee;
    let users = (in_work * USERS.0 + USERS.1) as u32;
    // A journey holds its user while it thinks.
    let users = trials.scenario.journeys.is_empty().then_some(users);
    let runs = [
        ("confirm-below", BELOW * knee, None, WINDOWS[0]),
        ("confirm-above", ABOVE * knee, users, WINDOWS[1]),
    ];
    let count = |each: f64| (each * duration.as_secs_f64()).round() as usize;
    let mut found = Windows::default();
    let mut reports = Vec::new();
    for (index, (name, rate, users, each)) in runs.into_iter().enumerate() {
        let settings = schedule(components.len(), count(each), index as u64);
        let trial = Trial {
            rate: rate.clamp(1.0, trials.rate_max().max(1.0)),
            warm_up: WARM_UP,
            duration: WINDOW * u32::try_from(settings.len())?,
            directory: name.to_owned(),
            profiles: false,
            users,
        };
        let measured = trials.slowing(&trial, levers, &components, &settings);
        levers.restore();
        if trials.is_interrupted() {
            return Ok(None);
        }
        let (measured, Applied { seconds, refused }) = measured?;
        for own in refused {
            let name = &own.component.name;
            if !left_out.iter().any(|other| other.component.name == *name) {
                left_out.push(own);
            }
        }
        trials.pause_after(measured.outcome, trial.rate);
        let windows = windows(&measured.run, &seconds);
        match index {
            0 => found.below = windows,
            _ => found.above = windows,
        }
        reports.push(TrialReport {
            directory: trial.directory.into(),
            rate: trial.rate,
            duration_s: trial.duration.as_secs_f64(),
            after_overload: false,
            outcome: OutcomeName::of(measured.outcome),
            figures: measured.figures,
        });
    }
    Ok(Some(Confirmation {
        runs: reports,
        ..decide(bottleneck, &components, &left_out, found)
    }))
}

/// Slowed component, and its slowdown. `None` for none.
type Slowed<'a> = Option<(&'a Component, f64)>;

/// Settings that were applied.
#[derive(Debug, Default)]
struct Applied {
    /// Seconds in which one was in force.
    seconds: Vec<Second>,
    /// Components that could not be slowed in any of their seconds.
    refused: Vec<LeftOut>,
}

impl Trials<'_> {
    /// Sends a rate, and applies each setting for a window.
    fn slowing(
        &self,
        trial: &Trial,
        levers: &Levers<'_>,
        components: &[Component],
        settings: &[Setting],
    ) -> anyhow::Result<(Measured, Applied)> {
        let is_over = AtomicBool::new(false);
        let goes_on = &|| !is_over.load(Ordering::Relaxed) && !self.is_interrupted();
        let slow = &|slowed: Slowed<'_>| levers.slow(slowed, components);
        std::thread::scope(|scope| {
            let (start, started) = mpsc::channel();
            let slower = scope.spawn(move || match started.recv() {
                Ok(began) => apply(slow, components, settings, began, goes_on),
                // The run failed before its first arrival.
                Err(mpsc::RecvError) => Ok(Applied::default()),
            });
            let measured = self.measure_observed(trial, &mut Starting(Some(start)));
            // Of a run that failed, the rest is not slowed.
            is_over.store(true, Ordering::Relaxed);
            let applied = slower
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            Ok((measured?, applied?))
        })
    }
}

/// Applies each setting at the beginning of its window, while `goes_on` is true.
fn apply(
    slow: &dyn Fn(Slowed<'_>) -> anyhow::Result<()>,
    components: &[Component],
    settings: &[Setting],
    began: Instant,
    goes_on: &dyn Fn() -> bool,
) -> anyhow::Result<Applied> {
    let mut seconds: Vec<Second> = Vec::new();
    let mut failures: Vec<(&Component, String)> = Vec::new();
    let mut failed = None;
    let first = WARM_UP.as_secs() as usize;
    for (index, setting) in settings.iter().enumerate() {
        let second = first + index;
        let begins = began + WINDOW * u32::try_from(second)?;
        while let Some(left) = begins.checked_duration_since(Instant::now()) {
            if !goes_on() {
                break;
            }
            std::thread::sleep(left.min(POLL));
        }
        if !goes_on() {
            break;
        }
        let slowed = match *setting {
            Setting::Unslowed => None,
            Setting::Slowed(index, slowdown) => components.get(index).map(|own| (own, slowdown)),
        };
        // An overloaded service may not answer in time. The next window sets everything anew.
        match slow(slowed) {
            Ok(()) if begins.elapsed() <= LATE => {
                let name = slowed.map(|(own, _)| own.name.clone());
                seconds.push((second, name, slowed.map_or(0.0, |own| own.1)));
            }
            Ok(()) => {}
            Err(error) => {
                failures.extend(slowed.map(|own| (own.0, error.to_string())));
                failed = Some(error);
            }
        }
    }
    if let Some(error) = failed.filter(|_| seconds.is_empty()) {
        return Err(error);
    }
    // The last one is in force until the end of its window.
    let end = began + WINDOW * u32::try_from(first + settings.len())?;
    while let Some(left) = end.checked_duration_since(Instant::now()) {
        if !goes_on() {
            break;
        }
        std::thread::sleep(left.min(POLL));
    }
    let mut refused: Vec<LeftOut> = Vec::new();
    for (component, error) in failures {
        let is_slowed = |own: &Second| own.1.as_ref() == Some(&component.name);
        let is_known = |own: &LeftOut| own.component.name == component.name;
        if !seconds.iter().any(is_slowed) && !refused.iter().any(is_known) {
            refused.push(LeftOut {
                component: component.clone(),
                reason: format!("it could not be slowed: {error}"),
            });
        }
    }
    Ok(Applied { seconds, refused })
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tenfold_analysis::diagnosis::confirmation::ComponentKind;

    use super::*;

    fn components() -> Vec<Component> {
        ["db", "peer"]
            .map(|name| Component {
                name: name.to_owned(),
                kind: ComponentKind::Wait,
                parts: Vec::new(),
                call_us: Some(100.0),
            })
            .to_vec()
    }

    /// Begin of a run whose warm-up is over.
    fn warmed_up() -> Instant {
        Instant::now().checked_sub(WARM_UP).unwrap()
    }

    #[test]
    fn stops_with_the_run() {
        let calls = Cell::new(0);
        let slow = |_: Slowed<'_>| {
            calls.set(calls.get() + 1);
            Ok(())
        };
        let goes_on = || calls.get() < 2;
        let settings = vec![Setting::Slowed(0, 0.25); 60];
        let applied = apply(&slow, &components(), &settings, warmed_up(), &goes_on).unwrap();
        assert_eq!(calls.get(), 2);
        assert_eq!(applied.seconds.len(), 2);
    }

    #[test]
    fn lists_refused_component_with_its_error() {
        let slow = |slowed: Slowed<'_>| match slowed {
            Some((own, _)) if own.name == "db" => anyhow::bail!("status 422"),
            _ => Ok(()),
        };
        let settings = [Setting::Slowed(0, 0.5), Setting::Slowed(1, 0.5)];
        let applied = apply(&slow, &components(), &settings, warmed_up(), &|| true).unwrap();
        assert_eq!(applied.seconds, [(3, Some("peer".to_owned()), 0.5)]);
        let refused: Vec<String> = applied.refused.iter().map(LeftOut::sentence).collect();
        assert_eq!(refused, ["db: it could not be slowed: status 422"]);
        let error = apply(&slow, &components(), &settings[..1], warmed_up(), &|| true);
        assert_eq!(error.unwrap_err().to_string(), "status 422");
    }
}
