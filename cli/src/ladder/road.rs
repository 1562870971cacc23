//! The road of the reference service: which step comes next, from the steps so far.
//!
//! A pure function of the findings, so that a ladder that goes on takes the same road.

use std::collections::BTreeMap;

use tenfold_analysis::diagnosis::Resource;
use tenfold_analysis::ladder::{Prediction, Step};
use tenfold_lab::stage::Stage;
use tenfold_lab::{Allowance, RoleAllowance, RoleCount};
use tenfold_run_dir::box_use::role_of;

/// Most boxes of a role.
const COUNT_MAX: usize = 4;

/// Largest multiple of the size of the other boxes.
const BIGGER_MAX: f64 = 4.0;

/// A stage with its boxes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Configuration {
    /// Name of the stage.
    pub(crate) stage: &'static str,
    /// Its roles.
    roles: &'static [&'static str],
    /// Roles that can have several boxes.
    countable: &'static [&'static str],
    /// Size of every box, in CPUs.
    cpu: f64,
    /// Multiples of that size, by role.
    bigger: BTreeMap<String, f64>,
    /// Numbers of boxes, by role.
    counts: BTreeMap<String, usize>,
    /// True if the databases are tuned to their boxes.
    pub(crate) tuned: bool,
}

impl Configuration {
    fn of(stage: &'static Stage, cpu: f64) -> Self {
        Self {
            stage: stage.name,
            roles: stage.roles,
            countable: stage.countable,
            cpu,
            bigger: BTreeMap::new(),
            counts: BTreeMap::new(),
            tuned: false,
        }
    }

    /// Returns the limits of the boxes. Memory grows with the CPUs.
    pub(crate) fn boxes(&self) -> Vec<RoleAllowance> {
        let default = Allowance::default();
        let of_role = |role: &&str| {
            let cpu = self.cpu * self.bigger.get(*role).copied().unwrap_or(1.0);
            // Steps of a MiB, so that the size is written exactly.
            let mib =
                (default.memory_bytes as f64 * cpu / default.cpu / f64::from(1 << 20)).round();
            RoleAllowance {
                role: (*role).to_owned(),
                cpu,
                memory_bytes: Some((mib.max(512.0) as u64) << 20),
            }
        };
        self.roles.iter().map(of_role).collect()
    }

    /// Returns the numbers of boxes that differ from the default.
    pub(crate) fn counts(&self) -> Vec<RoleCount> {
        let counts = self.counts.iter().map(|(role, count)| RoleCount {
            role: role.clone(),
            count: *count,
        });
        counts.collect()
    }

    /// Returns the name of the step: `balanced, 3 app, sql x2, tuned`.
    fn name(&self, base: f64) -> String {
        let mut name = self.stage.to_owned();
        if self.cpu != base {
            name.push_str(&format!(", {} CPU", self.cpu));
        }
        for (role, count) in &self.counts {
            name.push_str(&format!(", {count} {role}"));
        }
        for (role, multiple) in &self.bigger {
            name.push_str(&format!(", {role} x{multiple}"));
        }
        if self.tuned {
            name.push_str(", tuned");
        }
        name
    }
}

/// The next step.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Next {
    /// Name, unique in the ladder.
    pub(crate) name: String,
    /// The change, in a sentence.
    pub(crate) change: String,
    /// The finding that asked for it. `None` if no finding did.
    pub(crate) reason: Option<String>,
    /// Number of the step that it is compared with, from 0.
    pub(crate) compared_with: Option<usize>,
    /// Predicted gain over that step.
    pub(crate) prediction: Option<Prediction>,
    /// True for the first step of its stage.
    pub(crate) is_first_of_stage: bool,
    /// The stage and its boxes.
    pub(crate) configuration: Configuration,
}

/// The stages and sizes that a ladder may use.
#[derive(Debug, Clone)]
pub(crate) struct Road {
    /// Stages, in order.
    pub(crate) stages: Vec<&'static Stage>,
    /// Sizes of a box, in CPUs: that of every step, then those of a single box that grows.
    pub(crate) sizes: Vec<f64>,
    /// Most steps within a stage after its first, besides those of the single box.
    pub(crate) within_stage: usize,
    /// Cores of this machine.
    pub(crate) cores: f64,
}

impl Road {
    /// Returns the step after these. `None` at the end of the road.
    ///
    /// The steps must be those that the road gave before.
    pub(crate) fn next(&self, taken: &[Step]) -> Option<Next> {
        let mut taken_before: Vec<(Configuration, &Step)> = Vec::new();
        for step in taken {
            let next = self.after(&taken_before)?;
            taken_before.push((next.configuration, step));
        }
        self.after(&taken_before)
    }

    fn base(&self) -> f64 {
        let default = Allowance::default().cpu;
        self.sizes.first().copied().unwrap_or(default)
    }

    fn after(&self, taken: &[(Configuration, &Step)]) -> Option<Next> {
        let base = self.base();
        let Some((current, last)) = taken.last() else {
            let configuration = Configuration::of(self.stages.first()?, base);
            return Some(Next {
                name: configuration.name(base),
                change: format!("The first step: {}.", configuration.stage),
                reason: None,
                compared_with: None,
                prediction: None,
                is_first_of_stage: true,
                configuration,
            });
        };
        let first = taken
            .iter()
            .position(|(own, _)| own.stage == current.stage)
            .unwrap_or(0);
        let within = taken.len() - first - 1;
        let is_alone = current.roles.len() == 1;
        let step = match is_alone {
            true => self.bigger_alone(current, last, within),
            false if within < self.within_stage => {
                asked_for(current, last).filter(|(own, _, _)| *own != *current)
            }
            false => None,
        };
        if let Some((configuration, change, prediction)) = step {
            // The single box grows in any case.
            let bottleneck = last.bottleneck.as_ref();
            let asks = bottleneck.filter(|own| !is_alone || own.resource == Resource::BoxCpu);
            return Some(Next {
                name: configuration.name(base),
                change,
                reason: asks.map(|own| own.title.clone()),
                compared_with: Some(taken.len() - 1),
                prediction,
                is_first_of_stage: false,
                configuration,
            });
        }
        let at = self
            .stages
            .iter()
            .position(|stage| stage.name == current.stage)?;
        let stage = self.stages.get(at + 1)?;
        let configuration = Configuration::of(stage, base);
        Some(Next {
            name: configuration.name(base),
            change: format!("The stage `{}`: {}.", stage.name, stage.adds.join("; ")),
            // No finding asks for a stage.
            reason: None,
            // At boxes of the same size.
            compared_with: Some(first),
            prediction: None,
            is_first_of_stage: true,
            configuration,
        })
    }

    /// Returns the single box at its next size.
    fn bigger_alone(
        &self,
        current: &Configuration,
        last: &Step,
        within: usize,
    ) -> Option<(Configuration, String, Option<Prediction>)> {
        let cpu = *self.sizes.get(within + 1)?;
        let multiple = cpu / current.cpu;
        let is_short = last
            .bottleneck
            .as_ref()
            .is_some_and(|own| own.resource == Resource::BoxCpu);
        // A box can't use more than the machine has.
        let most = multiple.min((self.cores / current.cpu).max(1.0));
        let prediction = is_short.then(|| Prediction {
            factor: [most, most],
            because: match most < multiple {
                true => format!("this machine has {} cores", self.cores),
                false => "the CPU time of a request stays, so that the rate grows with the CPU"
                    .to_owned(),
            },
        });
        let change = format!("A bigger box: {cpu} CPU instead of {}.", current.cpu);
        let configuration = Configuration {
            cpu,
            ..current.clone()
        };
        Some((configuration, change, prediction))
    }
}

/// Returns the change within a stage that the last finding asks for. `None` if it names no box, or the box has grown enough.
fn asked_for(
    current: &Configuration,
    last: &Step,
) -> Option<(Configuration, String, Option<Prediction>)> {
    let bottleneck = last.bottleneck.as_ref()?;
    let role = role_of(bottleneck.short_box.as_ref()?);
    let mut next = current.clone();
    // What doubled CPU for the box brings, the others unchanged: a smaller change brings at most its own multiple.
    let predicted = |multiple: f64| {
        let gain = bottleneck.expected_gain.as_ref()?;
        Some(Prediction {
            factor: gain.factor.map(|factor| factor.min(multiple)),
            because: gain.because.clone(),
        })
    };
    if matches!(role, "sql" | "sql-users" | "sql-posts") && !current.tuned {
        next.tuned = true;
        let change = "The databases are tuned to the size of their boxes: caches of half the memory, a thread pool.";
        return Some((next, change.to_owned(), None));
    }
    if current.countable.contains(&role) {
        let count = current.counts.get(role).copied().unwrap_or(2);
        if count >= COUNT_MAX {
            return None;
        }
        next.counts.insert(role.to_owned(), count + 1);
        let change = format!("Another `{role}` box: {} instead of {count}.", count + 1);
        let prediction = predicted((count + 1) as f64 / count as f64);
        return Some((next, change, prediction));
    }
    if !current.roles.contains(&role) {
        return None;
    }
    let multiple = current.bigger.get(role).copied().unwrap_or(1.0);
    if multiple >= BIGGER_MAX {
        return None;
    }
    next.bigger.insert(role.to_owned(), 2.0 * multiple);
    let change = format!(
        "Twice the CPU and memory for `{role}`: {} CPU instead of {}.",
        2.0 * multiple * current.cpu,
        multiple * current.cpu
    );
    Some((next, change, predicted(2.0)))
}

#[cfg(test)]
mod tests {
    use tenfold_analysis::Confidence;
    use tenfold_analysis::diagnosis::{Bottleneck, Gain, NextStep};
    use tenfold_analysis::knee::End;

    use super::*;

    fn road(within_stage: usize) -> Road {
        let stages = tenfold_lab::stage::STAGES.iter();
        Road {
            stages: stages.filter(|stage| !stage.scales).collect(),
            sizes: vec![0.2, 0.4, 0.8],
            within_stage,
            cores: 2.0,
        }
    }

    /// Returns a step whose bottleneck is a box.
    fn step(next: &Next, short_box: Option<&str>) -> Step {
        Step {
            name: next.name.clone(),
            change: next.change.clone(),
            reason: next.reason.clone(),
            directory: "step".into(),
            compared_with: next.compared_with,
            prediction: next.prediction.clone(),
            stage: Some(next.configuration.stage.to_owned()),
            boxes: Vec::new(),
            copies: None,
            price_month: None,
            ready_s: 1.0,
            sustained: Some(100.0),
            failed: Some(105.0),
            end: End::Confirmed,
            bottleneck: Some(Bottleneck {
                resource: Resource::BoxCpu,
                title: "The box is short of CPU".to_owned(),
                place: None,
                part: None,
                short_box: short_box.map(str::to_owned),
                evidence: Vec::new(),
                confidence: Confidence::High,
                expected_gain: Some(Gain {
                    change: String::new(),
                    factor: [1.4, 1.8],
                    because: "`web-1` is full then".to_owned(),
                }),
                next_step: NextStep {
                    text: String::new(),
                    topic: String::new(),
                },
            }),
            outages: Vec::new(),
        }
    }

    /// Walks the road. `short` returns the box that is short at a step.
    fn walk(road: &Road, short: impl Fn(&Next) -> Option<&'static str>) -> Vec<Next> {
        let (mut taken, mut all) = (Vec::new(), Vec::new());
        while let Some(next) = road.next(&taken) {
            taken.push(step(&next, short(&next)));
            all.push(next);
            assert!(all.len() < 50, "the road has no end");
        }
        all
    }

    fn names(all: &[Next]) -> Vec<&str> {
        all.iter().map(|next| next.name.as_str()).collect()
    }

    #[test]
    fn without_findings_it_goes_from_stage_to_stage() {
        let all = walk(&road(2), |_| None);
        assert_eq!(
            names(&all),
            [
                "single-box",
                "single-box, 0.4 CPU",
                "single-box, 0.8 CPU",
                "separated",
                "balanced",
                "cached",
                "partitioned"
            ]
        );
        // The next stage is compared with the one before at boxes of the same size.
        assert_eq!(all[3].compared_with, Some(0));
        assert_eq!(all[5].compared_with, Some(4));
        let prediction = all[1].prediction.as_ref().unwrap();
        assert_eq!(prediction.factor, [2.0, 2.0]);
    }

    #[test]
    fn findings_ask_for_steps_within_a_stage() {
        let all = walk(&road(2), |next| match next.configuration.stage {
            "separated" => Some("sql"),
            "balanced" => Some("app-1"),
            "cached" => Some("balancer"),
            "partitioned" => Some("sql-posts-1"),
            _ => None,
        });
        assert_eq!(
            &names(&all)[3..],
            [
                "separated",
                "separated, tuned",
                "separated, sql x2, tuned",
                "balanced",
                "balanced, 3 app",
                "balanced, 4 app",
                "cached",
                "cached, balancer x2",
                "cached, balancer x4",
                "partitioned",
                "partitioned, tuned",
                "partitioned, 3 sql-posts, tuned"
            ]
        );
        // Three servers instead of two bring at most 1.5 times the rate.
        let prediction = all[7].prediction.as_ref().unwrap();
        assert_eq!(prediction.factor, [1.4, 1.5]);
        let bigger = all[10].configuration.boxes();
        let balancer = bigger.iter().find(|own| own.role == "balancer").unwrap();
        assert_eq!((balancer.cpu, balancer.memory_bytes), (0.4, Some(1 << 30)));
        assert_eq!(all[8].configuration.counts()[0].to_string(), "app=4");
    }

    #[test]
    fn steps_within_a_stage_are_bounded() {
        let all = walk(&road(0), |_| Some("sql"));
        assert_eq!(all.len(), 7);
        let single = Road {
            stages: road(0).stages,
            sizes: vec![0.2],
            within_stage: 0,
            cores: 2.0,
        };
        assert_eq!(walk(&single, |_| Some("sql")).len(), 5);
    }

    #[test]
    fn predictions_end_at_the_cores_of_the_machine() {
        let road = Road {
            sizes: vec![0.5, 1.0, 4.0],
            ..road(0)
        };
        let all = walk(&road, |_| None);
        let factors: Vec<f64> = all[1..3]
            .iter()
            .map(|next| next.prediction.as_ref().unwrap().factor[1])
            .collect();
        assert_eq!(factors, [2.0, 2.0]);
    }

    #[test]
    fn only_findings_are_reasons() {
        let mut taken = Vec::new();
        let first = road(0).next(&taken).unwrap();
        let mut own = step(&first, None);
        own.bottleneck.as_mut().unwrap().resource = Resource::Generator;
        taken.push(own);
        let bigger = road(0).next(&taken).unwrap();
        assert_eq!((bigger.reason, bigger.prediction), (None, None));
    }

    #[test]
    fn unknown_boxes_ask_for_nothing() {
        let all = walk(&road(2), |_| Some("elsewhere-7"));
        assert_eq!(all.len(), 7);
    }
}
