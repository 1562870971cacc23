//! A run at a moment: its description and its metrics.

use tenfold_scenarios::Scenario;

use crate::family::Family;

/// The run, its phases and its requests.
#[derive(Debug, Clone)]
pub struct Description {
    /// Name of the run, unlike that of any other: `service.instance.id`, or the label `instance`.
    pub instance: String,
    /// This machine.
    pub host: String,
    /// Scenario.
    pub scenario: String,
    /// Target of the load.
    pub target: String,
    /// Names of the phases.
    pub phases: Vec<String>,
    /// Requests of the scenario, in order.
    pub requests: Vec<RequestDescription>,
}

/// A request of the scenario.
#[derive(Debug, Clone, Default)]
pub struct RequestDescription {
    /// Name.
    pub name: String,
    /// Method.
    pub method: String,
}

impl Description {
    /// Describes the run of a scenario. `run` is the name of its directory.
    pub fn of(scenario: &Scenario, target: &str, run: &str) -> Self {
        let uname = rustix::system::uname();
        let host = uname.nodename().to_string_lossy().into_owned();
        Self {
            instance: format!("{host}:{run}"),
            host,
            scenario: scenario.name.clone(),
            target: target.to_owned(),
            phases: scenario
                .phases
                .iter()
                .map(|phase| phase.name.clone())
                .collect(),
            requests: scenario
                .requests
                .iter()
                .map(|request| RequestDescription {
                    name: request.name.clone(),
                    method: request.method.to_string(),
                })
                .collect(),
        }
    }
}

/// Contents of a delivery.
pub(crate) struct Snapshot<'a> {
    pub(crate) description: &'a Description,
    pub(crate) families: Vec<Family>,
    /// Time since the start of the run.
    pub(crate) at_ns: u64,
    /// Start of the run, in nanoseconds since 1970.
    pub(crate) start_unix_ns: u64,
    /// True after the end of the run.
    pub(crate) is_last: bool,
}

impl Snapshot<'_> {
    /// A time of the run, in nanoseconds since 1970.
    pub(crate) fn unix_ns(&self, at_ns: u64) -> u64 {
        self.start_unix_ns.saturating_add(at_ns)
    }
}
