//! Load model and limits.

use std::time::Duration;

use crate::format::error::ScenarioError;
use crate::format::fields::Fields;
use crate::format::rate::Rate;

pub(crate) mod arrival_process;
pub(crate) mod curve;
pub(crate) mod phase;

use arrival_process::{ArrivalProcess, PROCESSES};

/// Load model and limits.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// Open or closed model.
    pub model: Model,
    /// Spacing of arrivals along the curve; unused in a closed model.
    pub arrivals: ArrivalProcess,
    /// Open: maximum number of virtual users. Closed: number of users.
    pub users: u32,
    /// Closed: users that start per second.
    pub hatch: Rate,
    /// Open: how long an arrival waits for an idle user before it is dropped.
    pub wait: Duration,
    /// Maximum duration of a request.
    pub timeout: Duration,
}

/// The pacemaker of requests: the schedule or the service.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Model {
    /// The schedule: requests are sent at their intended times, even if the service is slow.
    Open,
    /// The service: each user waits for its response, thinks, then sends the next request.
    Closed,
}

impl Load {
    /// Returns the defaults.
    pub(crate) fn with_defaults(model: Model) -> Self {
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
        let mut load = Self::with_defaults(model);
        if model == Model::Closed {
            load.users = fields.required("users")?.count(1..=USERS_MAX)? as u32;
            if let Some(value) = fields.optional("hatch") {
                load.hatch = value.rate()?;
                if load.hatch.per_second() <= 0.0 {
                    return Err(value.error("`hatch` is 0/s, so no user would ever start"));
                }
            }
            for name in ["arrivals", "wait"] {
                if let Some(value) = fields.optional(name) {
                    return Err(value.error(format!(
                        "a closed model has no `{name}`, because users set the pace"
                    )));
                }
            }
        } else {
            if let Some(value) = fields.optional("arrivals") {
                load.arrivals = value.choice(&PROCESSES)?;
            }
            if let Some(value) = fields.optional("users") {
                load.users = value.count(1..=USERS_MAX)? as u32;
            }
            if let Some(value) = fields.optional("wait") {
                load.wait = value.duration()?;
            }
            if let Some(value) = fields.optional("hatch") {
                return Err(value
                    .error("an open model has no `hatch`, because arrivals take users as needed"));
            }
        }
        if let Some(value) = fields.optional("timeout") {
            load.timeout = value.duration()?;
            if load.timeout.is_zero() {
                return Err(value.error("`timeout` is 0s, so every request would fail"));
            }
        }
        fields.finish()?;
        Ok(load)
    }
}

/// Maximum number of virtual users.
pub(crate) const USERS_MAX: u64 = 1_000_000;
