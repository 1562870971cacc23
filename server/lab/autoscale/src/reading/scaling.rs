//! Limits on scaling in one direction.

use serde::Deserialize;
use toml::Spanned;

use super::misplaced::{ENTRIES_MAX, Misplaced, REPLICAS_MAX, misplaced};
use crate::policy::quantity::Seconds;
use crate::policy::{Amount, Limit, Scaling, Select};

/// Longest period of a limit, in seconds, as in Kubernetes.
const PERIOD_S_MAX: u32 = 1_800;

/// Kubernetes' default tolerance.
const TOLERANCE: f64 = 0.1;

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields)]
pub(super) struct ScalingDocument {
    tolerance: Option<Spanned<f64>>,
    stabilization_window: Option<Seconds>,
    cooldown: Option<Seconds>,
    select_policy: Option<Select>,
    policies: Option<Spanned<Vec<Spanned<LimitDocument>>>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LimitDocument {
    #[serde(rename = "type")]
    kind: LimitKind,
    value: Spanned<u32>,
    period: Spanned<Seconds>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum LimitKind {
    Boxes,
    Percent,
}

impl ScalingDocument {
    pub(super) fn scaling(
        self,
        stabilization: Seconds,
        limits: &[Limit],
        path: &str,
    ) -> Result<Scaling, Misplaced> {
        let tolerance = match self.tolerance {
            None => TOLERANCE,
            Some(tolerance) if (0.0..1.0).contains(tolerance.get_ref()) => tolerance.into_inner(),
            Some(tolerance) => {
                let message = "allowed are 0.0 to less than 1.0; 0.1 ignores 10%";
                return Err(misplaced(&tolerance, format!("{path}.tolerance"), message));
            }
        };
        let policies = match self.policies {
            None => limits.to_vec(),
            Some(policies) if !(1..=ENTRIES_MAX).contains(&policies.get_ref().len()) => {
                let message = format!(
                    "needs 1 to {ENTRIES_MAX} limits; write select_policy = \"disabled\" to never scale in this direction"
                );
                return Err(misplaced(&policies, format!("{path}.policies"), message));
            }
            Some(policies) => policies
                .into_inner()
                .into_iter()
                .enumerate()
                .map(|(index, limit)| {
                    limit
                        .into_inner()
                        .limit(&format!("{path}.policies[{index}]"))
                })
                .collect::<Result<_, _>>()?,
        };
        Ok(Scaling {
            tolerance,
            stabilization_window: self.stabilization_window.unwrap_or(stabilization),
            cooldown: self.cooldown.unwrap_or(Seconds(0)),
            select_policy: self.select_policy.unwrap_or(Select::Max),
            policies,
        })
    }
}

impl LimitDocument {
    fn limit(self, path: &str) -> Result<Limit, Misplaced> {
        let value = *self.value.get_ref();
        if !(1..=REPLICAS_MAX).contains(&value) {
            let message = format!("{value} is out of bounds; allowed are 1 to {REPLICAS_MAX}");
            return Err(misplaced(&self.value, format!("{path}.value"), message));
        }
        let period = *self.period.get_ref();
        if !(1..=PERIOD_S_MAX).contains(&period.0) {
            let message = format!("allowed are 1s to {PERIOD_S_MAX}s");
            return Err(misplaced(&self.period, format!("{path}.period"), message));
        }
        Ok(Limit {
            amount: match self.kind {
                LimitKind::Boxes => Amount::Boxes(value),
                LimitKind::Percent => Amount::Percent(value),
            },
            period,
        })
    }
}
