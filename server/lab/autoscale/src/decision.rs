//! The decision for a group at one moment, from what the rules recorded.

use std::collections::BTreeMap;

use crate::policy::{Group, Select};

/// A recorded value: `autoscale:proposal{group="web",metric="cpu"} 4`.
#[derive(Debug, Clone, PartialEq)]
pub struct Sample {
    /// Name of the series.
    pub name: String,
    /// Labels.
    pub labels: BTreeMap<String, String>,
    /// Value.
    pub value: f64,
}

/// The decision for a group at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Decision {
    /// Wished number of boxes.
    pub wish: u32,
    /// Number of boxes that the metrics and schedules ask for, within the bounds.
    pub desired: u32,
    /// The metric or schedule that asks for most boxes. `None` if none is recorded.
    pub leader: Option<String>,
    /// Boxes that the leader needs to be at its target. `None` for a schedule, or without a value.
    pub demand: Option<f64>,
    /// Reason for the wish, in a few words.
    pub reason: String,
}

impl Decision {
    /// Returns the decision for a group. `None` if the rules recorded no wish.
    pub fn of(name: &str, group: &Group, samples: &[Sample]) -> Option<Self> {
        let of_group = |sample: &&Sample| {
            sample.labels.get("group").is_some_and(|own| own == name) && sample.value.is_finite()
        };
        let all = |series: &str| {
            let series = format!("autoscale:{series}");
            samples
                .iter()
                .filter(of_group)
                .filter(move |sample| sample.name == series)
        };
        let one = |series: &str| all(series).map(|sample| sample.value).next();
        let wish = boxes(one("wish")?);
        let current = boxes(one("current")?);
        let desired = boxes(one("desired")?);
        let stabilized = boxes(one("stabilized")?);
        let label = |sample: &Sample, label: &str| sample.labels.get(label).cloned();
        let is_metric =
            |leader: &String| all("proposal").any(|own| own.labels.get("metric") == Some(leader));
        let asks = all("proposal").filter_map(|own| Some((label(own, "metric")?, own.value)));
        let asks = asks
            .chain(all("scheduled").filter_map(|own| Some((label(own, "schedule")?, own.value))));
        let leader = asks.reduce(|a, b| if b.1 > a.1 { b } else { a });
        let demand = leader.as_ref().and_then(|(leader, _)| {
            let mut demands = all("demand");
            let own = demands.find(|own| own.labels.get("metric") == Some(leader))?;
            Some(own.value)
        });
        let ready = one("ready");
        let is_less = |demand: f64| {
            let needed = boxes(demand.ceil());
            let down = 1.0 - group.scale_down.tolerance;
            needed < current && ready.is_some_and(|ready| demand < ready * down)
        };
        let mut reason = match (&leader, demand) {
            (None, _) => format!(
                "no schedule is active, so min_replicas is {}",
                group.min_replicas
            ),
            (Some((leader, _)), None) if all("demand").next().is_none() && is_metric(leader) => {
                "no metric has a figure yet".to_owned()
            }
            (Some((leader, asked)), None) if is_metric(leader) => {
                format!("{leader} has no figure, so {} stays", boxes(*asked))
            }
            (Some((leader, asked)), None) => format!("{leader} asks for {}", boxes(*asked)),
            (Some((leader, asked)), Some(demand)) => match boxes(*asked) {
                // The only reason to ask for no less.
                asked if asked == current && is_less(demand) => {
                    format!("{leader} needs {demand:.1} boxes; waits for the figures of a box")
                }
                asked if asked == current => format!("{leader} needs {demand:.1} boxes"),
                asked => format!("{leader} needs {demand:.1} boxes, so {asked}"),
            },
        };
        let asked = leader.as_ref().map_or(desired, |(_, asked)| boxes(*asked));
        if asked > desired {
            reason.push_str(&format!("; max_replicas is {}", group.max_replicas));
        } else if asked < desired {
            reason.push_str(&format!("; min_replicas is {}", group.min_replicas));
        }
        if stabilized != desired {
            reason.push_str("; waits for the stabilization window");
        } else if wish != desired {
            let (direction, scaling) = match wish < desired {
                true => ("scale_up", &group.scale_up),
                false => ("scale_down", &group.scale_down),
            };
            reason.push_str(&match scaling.select_policy {
                Select::Disabled => format!("; {direction} is disabled"),
                Select::Max | Select::Min => format!("; waits for the limits of {direction}"),
            });
        }
        Some(Self {
            wish,
            desired,
            leader: leader.map(|(leader, _)| leader),
            demand,
            reason,
        })
    }
}

/// A recorded number of boxes.
fn boxes(value: f64) -> u32 {
    // The rules keep it within the bounds of the policy; the cast saturates.
    value.round() as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DEFAULT, Policy};

    fn samples(values: &[(&str, &str, f64)]) -> Vec<Sample> {
        let sample = |(name, asked_by, value): &(&str, &str, f64)| {
            let mut labels = BTreeMap::from([("group".to_owned(), "app".to_owned())]);
            if !asked_by.is_empty() {
                let kind = if *name == "scheduled" {
                    "schedule"
                } else {
                    "metric"
                };
                labels.insert(kind.to_owned(), (*asked_by).to_owned());
            }
            Sample {
                name: format!("autoscale:{name}"),
                labels,
                value: *value,
            }
        };
        values.iter().map(sample).collect()
    }

    fn decide(values: &[(&str, &str, f64)]) -> Option<Decision> {
        let policy = Policy::parse(DEFAULT).unwrap();
        Decision::of("app", &policy.groups["app"], &samples(values))
    }

    #[test]
    fn names_leading_metric() {
        let decision = decide(&[
            ("current", "", 2.0),
            ("demand", "cpu", 3.42),
            ("proposal", "cpu", 4.0),
            ("demand", "requests_in_flight", 0.3),
            ("proposal", "requests_in_flight", 1.0),
            ("desired", "", 4.0),
            ("stabilized", "", 4.0),
            ("wish", "", 4.0),
        ])
        .unwrap();
        assert_eq!(decision.wish, 4);
        assert_eq!(decision.leader.as_deref(), Some("cpu"));
        assert_eq!(decision.reason, "cpu needs 3.4 boxes, so 4");
    }

    #[test]
    fn names_what_it_waits_for() {
        let decision = decide(&[
            ("current", "", 4.0),
            ("demand", "cpu", 1.2),
            ("proposal", "cpu", 1.0),
            ("desired", "", 2.0),
            ("stabilized", "", 4.0),
            ("wish", "", 4.0),
        ])
        .unwrap();
        assert_eq!(
            decision.reason,
            "cpu needs 1.2 boxes, so 1; min_replicas is 2; waits for the stabilization window"
        );
        let decision = decide(&[
            ("current", "", 2.0),
            ("scheduled", "day", 6.0),
            ("desired", "", 6.0),
            ("stabilized", "", 6.0),
            ("wish", "", 4.0),
        ])
        .unwrap();
        assert_eq!(
            decision.reason,
            "day asks for 6; waits for the limits of scale_up"
        );
    }

    #[test]
    fn says_that_figures_are_missing() {
        let decision = decide(&[
            ("current", "", 2.0),
            ("proposal", "cpu", 2.0),
            ("desired", "", 2.0),
            ("stabilized", "", 2.0),
            ("wish", "", 2.0),
        ]);
        assert_eq!(decision.unwrap().reason, "no metric has a figure yet");
    }

    #[test]
    fn names_leading_metric_without_figure() {
        let decision = decide(&[
            ("current", "", 3.0),
            ("proposal", "cpu", 3.0),
            ("demand", "requests_in_flight", 0.3),
            ("proposal", "requests_in_flight", 1.0),
            ("desired", "", 3.0),
            ("stabilized", "", 3.0),
            ("wish", "", 3.0),
        ]);
        assert_eq!(decision.unwrap().reason, "cpu has no figure, so 3 stays");
    }

    #[test]
    fn says_that_figures_of_a_box_are_missing() {
        let values = |ready: f64| {
            [
                ("current", "", 3.0),
                ("ready", "", ready),
                ("demand", "cpu", 1.2),
                ("proposal", "cpu", 3.0),
                ("desired", "", 3.0),
                ("stabilized", "", 3.0),
                ("wish", "", 3.0),
            ]
        };
        assert_eq!(
            decide(&values(3.0)).unwrap().reason,
            "cpu needs 1.2 boxes; waits for the figures of a box"
        );
        // Within the tolerance of the boxes that are ready.
        let reason = decide(&values(1.0)).unwrap().reason;
        assert_eq!(reason, "cpu needs 1.2 boxes");
    }

    #[test]
    fn says_that_a_direction_is_disabled() {
        let mut policy = Policy::parse(DEFAULT).unwrap();
        let group = policy.groups.get_mut("app").unwrap();
        group.scale_up.select_policy = Select::Disabled;
        let samples = samples(&[
            ("current", "", 2.0),
            ("scheduled", "day", 4.0),
            ("desired", "", 4.0),
            ("stabilized", "", 4.0),
            ("wish", "", 2.0),
        ]);
        let decision = Decision::of("app", group, &samples).unwrap();
        assert_eq!(decision.reason, "day asks for 4; scale_up is disabled");
    }

    #[test]
    fn has_no_decision_without_wish() {
        assert_eq!(decide(&[("current", "", 2.0)]), None);
        assert_eq!(decide(&[("wish", "", f64::NAN)]), None);
    }
}
