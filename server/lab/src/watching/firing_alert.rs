//! Alerts that fire, as Prometheus reports them.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use tenfold_autoscale::Sample;

use super::alerts::runbook;

/// Series in which Prometheus keeps its alerts.
const SERIES: &str = "ALERTS";

/// An alert that fires.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FiringAlert {
    /// Name of the alert.
    pub name: String,
    /// Labels that tell it from others with the same name.
    pub labels: BTreeMap<String, String>,
    /// Path of its runbook in the documentation. `None` if it has none.
    pub runbook: Option<String>,
}

impl fmt::Display for FiringAlert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "alert {}", self.name)?;
        for (name, value) in &self.labels {
            write!(f, " {name}={value}")?;
        }
        match &self.runbook {
            Some(runbook) => write!(f, " (see {runbook})"),
            None => Ok(()),
        }
    }
}

/// Returns the alerts that fire, in order.
pub(crate) fn firing(samples: &[Sample]) -> Vec<FiringAlert> {
    let fires = |own: &&Sample| {
        own.name == SERIES
            && own
                .labels
                .get("alertstate")
                .is_some_and(|state| state == "firing")
    };
    let alerts = samples.iter().filter(fires).filter_map(|own| {
        let mut labels = own.labels.clone();
        let name = labels.remove("alertname")?;
        labels.remove("alertstate");
        labels.remove("severity");
        Some(FiringAlert {
            runbook: runbook(&name),
            name,
            labels,
        })
    });
    let mut alerts: Vec<_> = alerts.collect();
    alerts.sort();
    alerts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(labels: &[(&str, &str)]) -> Sample {
        let labels = labels.iter();
        Sample {
            name: SERIES.to_owned(),
            labels: labels
                .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
                .collect(),
            value: 1.0,
        }
    }

    #[test]
    fn lists_alerts_that_fire() {
        let zone = |state| {
            sample(&[
                ("alertname", "ZoneLost"),
                ("alertstate", state),
                ("zone", "a"),
            ])
        };
        let unnamed = sample(&[("alertstate", "firing")]);
        let alerts = firing(&[zone("pending"), zone("firing"), unnamed]);
        let texts: Vec<String> = alerts.iter().map(FiringAlert::to_string).collect();
        assert_eq!(
            texts,
            ["alert ZoneLost zone=a (see docs/runbooks/zone-lost.md)"]
        );
    }
}
