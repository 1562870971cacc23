//! The box of a stage that is short of CPU, by the utilisation law.

use std::collections::BTreeMap;

use tenfold_run_dir::Run;
use tenfold_run_dir::box_use::role_of;

use super::gain::Gain;
use super::load::Load;
use crate::format;

/// Share of its allowance from which a box is short of CPU.
const SHORT: f64 = 0.85;

/// Share of its CPU periods in which a box is throttled, from which it is short of CPU: in bursts, if not on average.
const THROTTLED: f64 = 0.5;

/// Boxes in the evidence.
const EVIDENCE_MAX: usize = 4;

/// Use of CPU by one of several boxes, above the knee.
#[derive(Debug, Clone, PartialEq)]
struct Use {
    name: String,
    /// Cores used on average.
    used: f64,
    /// Cores allowed.
    allowed: f64,
    /// Share of the CPU periods in which it was throttled.
    throttled: f64,
}

impl Use {
    /// Returns the share of its allowance in use, or of its periods throttled, whichever is larger.
    fn shortage(&self) -> f64 {
        (self.used / self.allowed).max(self.throttled)
    }

    fn is_short(&self) -> bool {
        self.used >= SHORT * self.allowed || self.throttled >= THROTTLED
    }

    fn sentence(&self) -> String {
        format!(
            "{}: {} of {} cores, throttled in {} of its CPU periods",
            self.name,
            format::significant(self.used),
            format::significant(self.allowed),
            format::percent(self.throttled)
        )
    }
}

/// The box of several that is short of CPU.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct BoxLimit {
    /// The boxes, the shortest of CPU first.
    uses: Vec<Use>,
    /// Rate that twice the CPU for its role allows, over the rate now, near the knee and above it. Another box is full by then, or
    /// the machine.
    factors: Vec<f64>,
    /// Box that is full next, or the machine.
    next: Option<String>,
}

impl BoxLimit {
    /// Finds the box that is short of CPU above the knee. `None` if there are fewer than two boxes, or none is short.
    pub(super) fn of(near: &Load<'_>, above: &Load<'_>) -> Option<Self> {
        let mut uses = uses(above.run);
        uses.sort_by(|one, other| other.shortage().total_cmp(&one.shortage()));
        let first = uses.first().filter(|own| own.is_short())?;
        if uses.len() < 2 {
            return None;
        }
        let limits: Vec<(f64, Option<String>)> = [near, above]
            .into_iter()
            .filter_map(|load| limit_when_doubled(load, &first.name))
            .collect();
        Some(Self {
            next: limits.last().and_then(|(_, next)| next.clone()),
            factors: limits.into_iter().map(|(factor, _)| factor).collect(),
            uses,
        })
    }

    fn first(&self) -> Option<&Use> {
        self.uses.first()
    }

    /// Name of the box.
    pub(super) fn name(&self) -> &str {
        self.first().map_or("", |own| &own.name)
    }

    /// Returns the bottleneck in a sentence.
    pub(super) fn title(&self) -> String {
        self.first().map_or(String::new(), |own| {
            format!(
                "The box `{}` is short of CPU: {} of {} cores are in use, and it is throttled in {} of its CPU periods",
                own.name,
                format::significant(own.used),
                format::significant(own.allowed),
                format::percent(own.throttled)
            )
        })
    }

    /// Returns the use of the boxes that are shortest of CPU, one sentence each.
    pub(super) fn evidence(&self) -> Vec<String> {
        let shown = self.uses.iter().take(EVIDENCE_MAX);
        shown.map(Use::sentence).collect()
    }

    /// Returns whether no box of another role is nearly as short of CPU.
    pub(super) fn is_alone(&self) -> bool {
        let others = self
            .uses
            .iter()
            .filter(|own| role_of(&own.name) != role_of(self.name()));
        let second = others.map(Use::shortage).fold(0.0, f64::max);
        self.first()
            .is_some_and(|own| second <= 0.8 * own.shortage())
    }

    /// Returns the gain of twice the CPU for this box. `None` if no rate was measured.
    pub(super) fn gain(&self) -> Option<Gain> {
        let least = self.factors.iter().copied().min_by(f64::total_cmp)?;
        let most = self.factors.iter().copied().max_by(f64::total_cmp)?;
        let because = match &self.next {
            Some(next) if most < 2.0 => {
                format!("by the utilisation law, {next} is full then")
            }
            _ => "by the utilisation law, nothing else is full before".to_owned(),
        };
        Some(Gain {
            change: match role_of(self.name()) {
                role if role == self.name() => format!("Twice the CPU for `{role}`"),
                role => format!("Twice the CPU for each `{role}` box"),
            },
            factor: [least, most],
            because,
        })
    }
}

/// Returns the use of every box with an allowance.
fn uses(run: &Run) -> Vec<Use> {
    let allowed: BTreeMap<&str, f64> = run
        .manifest
        .boxes
        .iter()
        .filter_map(|own| Some((own.name.as_str(), own.cpu?)))
        .collect();
    let uses = run.boxes.iter().filter_map(|own| {
        Some(Use {
            name: own.name.clone(),
            used: own.cores_used(),
            allowed: *allowed.get(own.name.as_str())?,
            throttled: own.held_back?,
        })
    });
    uses.collect()
}

/// Returns the possible growth of the rate if the boxes of a role get twice their CPU, and the box or machine that is full then.
///
/// By the utilisation law, `X <= min(m / D)` over the boxes and the machine, with `D = U / X`. `None` without boxes.
fn limit_when_doubled(load: &Load<'_>, name: &str) -> Option<(f64, Option<String>)> {
    let uses = uses(load.run);
    let own = uses.iter().find(|own| own.name == name)?;
    // The box is full at this many times the rate of the run.
    let full = own.allowed / own.used.max(1e-9);
    let others = uses
        .iter()
        .filter(|own| role_of(&own.name) != role_of(name));
    let boxes = others.map(|own| {
        let factor = own.allowed / own.used.max(1e-9);
        (factor, format!("`{}`", own.name))
    });
    let all = uses.iter().map(|own| own.used).sum::<f64>() + load.cpu.generator;
    let machine = load
        .cpu
        .cores
        .filter(|_| load.cpu.shared_host == Some(true))
        .map(|cores| (cores / all.max(1e-9), "this machine".to_owned()));
    let next = boxes
        .chain(machine)
        .min_by(|one, other| one.0.total_cmp(&other.0));
    Some(match next {
        Some((factor, what)) if factor < 2.0 * full => ((factor / full).max(1.0), Some(what)),
        _ => (2.0, None),
    })
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::box_use::BoxUse;
    use tenfold_run_dir::manifest::BoxInfo;

    use super::*;
    use crate::summarise;
    use crate::synthetic::MadeUp;

    /// Returns a run whose boxes have 0.2 cores each and use these.
    fn run(boxes: &[(&str, f64, f64)]) -> Run {
        let mut run = MadeUp::default().play();
        run.manifest.boxes = boxes
            .iter()
            .map(|(name, _, _)| BoxInfo {
                name: (*name).to_owned(),
                cpu: Some(0.2),
                memory_bytes: None,
            })
            .collect();
        run.boxes = boxes
            .iter()
            .map(|(name, used, throttled)| BoxUse {
                name: (*name).to_owned(),
                over_s: 10.0,
                cpu_s: used * 10.0,
                held_back: Some(*throttled),
                memory_bytes: 1 << 20,
                counted: None,
            })
            .collect();
        run
    }

    fn limit(boxes: &[(&str, f64, f64)]) -> Option<BoxLimit> {
        let run = run(boxes);
        let summary = summarise(&run);
        let load = Load::of((&run, &summary));
        BoxLimit::of(&load, &load)
    }

    #[test]
    fn names_full_box_and_the_next_to_be_full() {
        let found = limit(&[
            ("web", 0.1, 0.1),
            ("sql-1", 0.2, 0.95),
            ("app-1", 0.125, 0.2),
        ]);
        let found = found.unwrap();
        assert_eq!(found.name(), "sql-1");
        assert!(found.title().contains("of 0.2"), "{}", found.title());
        assert!(found.is_alone());
        // sql-1 is full now and app-1 at 0.2 / 0.125 = 1.6 times the rate.
        let gain = found.gain().unwrap();
        assert!((gain.factor[1] - 1.6).abs() < 1e-9, "{gain:?}");
        assert!(gain.because.contains("`app-1`"), "{gain:?}");
    }

    #[test]
    fn twice_the_cpu_brings_at_most_twice_the_rate() {
        let found = limit(&[("sql", 0.2, 0.9), ("web", 0.01, 0.0)]).unwrap();
        assert_eq!(found.gain().unwrap().factor, [2.0, 2.0]);
    }

    #[test]
    fn boxes_of_a_role_grow_together() {
        let found = limit(&[
            ("app-1", 0.19, 0.9),
            ("app-2", 0.18, 0.85),
            ("sql-1", 0.1, 0.1),
        ]);
        let found = found.unwrap();
        assert!(found.is_alone());
        let gain = found.gain().unwrap();
        // `sql-1` is full at twice the rate, and app-1 at 0.2 / 0.19 times it now.
        assert!(
            (gain.factor[1] - 2.0 / (0.2 / 0.19)).abs() < 1e-9,
            "{gain:?}"
        );
        assert!(gain.change.contains("each `app` box"), "{gain:?}");
    }

    #[test]
    fn names_no_box_without_a_shortage() {
        assert_eq!(limit(&[("web", 0.1, 0.1), ("sql", 0.16, 0.3)]), None);
        // A single box is the service itself.
        assert_eq!(limit(&[("web", 0.2, 0.95)]), None);
    }

    #[test]
    fn two_short_boxes_leave_doubt() {
        let found = limit(&[("web", 0.19, 0.9), ("sql", 0.2, 0.95)]).unwrap();
        assert!(!found.is_alone());
    }
}
