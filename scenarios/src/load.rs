//! How the load is driven.

use std::time::Duration;

use crate::arrival_process::{ArrivalProcess, PROCESSES};
use crate::error::ScenarioError;
use crate::fields::Fields;
use crate::rate::Rate;

/// How the load is driven.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Who sets the pace.
    pub model: Model,
    /// How arrivals are spread along the curve; means nothing in a closed model.
    pub arrivals: ArrivalProcess,
    /// Open: the most virtual users there may be. Closed: how many there are.
    pub users: u32,
    /// Closed: how many users begin per second.
    pub hatch: Rate,
    /// Open: how long an arrival may wait for an idle user before it is dropped.
    pub wait: Duration,
    /// How long a request may take.
    pub timeout: Duration,
}

/// Who sets the pace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// The plan: arrivals come at their intended times whatever the service does.
    Open,
    /// The service: each user waits for its response, thinks, then sends the next.
    Closed,
}

impl Load {
    /// Returns what holds where a scenario says nothing.
    pub(crate) fn standard(model: Model) -> Self {
        Self {
            model,
            arrivals: ArrivalProcess::Poisson,
            users: 10_000,
            hatch: Rate::new(10.0).unwrap_or_else(|| unreachable!("10 is a rate")),
            wait: Duration::from_secs(5),
            timeout: Duration::from_secs(10),
        }
    }

    /// Reads the `[load]` table.
    pub(crate) fn read(mut fields: Fields<'_>) -> Result<Self, ScenarioError> {
        let model = match fields.optional("model") {
            None => Model::Open,
            Some(value) => value.choice(&[("open", Model::Open), ("closed", Model::Closed)])?,
        };
        let mut load = Self::standard(model);
        if model == Model::Closed {
            load.users = fields.required("users")?.count(1..=MOST_USERS)? as u32;
            if let Some(value) = fields.optional("hatch") {
                load.hatch = value.rate()?;
                if load.hatch.per_second() <= 0.0 {
                    return Err(value.error("`hatch` is 0/s, so no user would ever begin"));
                }
            }
            for name in ["arrivals", "wait"] {
                if let Some(value) = fields.optional(name) {
                    return Err(value.error(format!(
                        "a closed model has no `{name}`: users set the pace"
                    )));
                }
            }
        } else {
            if let Some(value) = fields.optional("arrivals") {
                load.arrivals = value.choice(&PROCESSES)?;
            }
            if let Some(value) = fields.optional("users") {
                load.users = value.count(1..=MOST_USERS)? as u32;
            }
            if let Some(value) = fields.optional("wait") {
                load.wait = value.duration()?;
            }
            if let Some(value) = fields.optional("hatch") {
                return Err(value
                    .error("an open model has no `hatch`: users are taken as arrivals need them"));
            }
        }
        if let Some(value) = fields.optional("timeout") {
            load.timeout = value.duration()?;
            if load.timeout.is_zero() {
                return Err(value.error("`timeout` is 0s, so no request could succeed"));
            }
        }
        fields.finish()?;
        Ok(load)
    }
}

/// The most virtual users there may be.
pub(crate) const MOST_USERS: u64 = 1_000_000;
