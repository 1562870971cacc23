//! `summary.json`: the figures, verdict and findings of a run. Its format is a public contract.

pub(crate) mod agents;
pub(crate) mod failed_by;
pub(crate) mod faults;
pub(crate) mod finding;
pub(crate) mod generator;
pub(crate) mod hot_keys;
pub(crate) mod identities;
pub(crate) mod objective_gaps;
pub(crate) mod period;
pub(crate) mod phase;
pub(crate) mod rates;
pub(crate) mod request;
pub(crate) mod rule_result;
pub(crate) mod scaling;
pub(crate) mod server_time;
pub(crate) mod too_few_users;
pub(crate) mod usage;
pub(crate) mod verdict;
pub(crate) mod window;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::Connections;
use tenfold_run_dir::counts::{ArrivalCounts, JourneyCounts, TracedRequest};
use tenfold_run_dir::incident::Incident;
use tenfold_run_dir::manifest::Part;
use tenfold_run_dir::sample::Sample;

use crate::latency::percentiles::Latencies;
use crate::summary::agents::AgentsSummary;
use crate::summary::failed_by::{FailedBy, OWN_FAILURES_MAX};
use crate::summary::faults::FaultSummary;
use crate::summary::finding::Finding;
use crate::summary::generator::Generator;
use crate::summary::hot_keys::HotKeys;
use crate::summary::identities::Identity;
use crate::summary::objective_gaps::ObjectiveGaps;
use crate::summary::phase::PhaseSummary;
use crate::summary::rates::Rates;
use crate::summary::request::{Group, RequestSummary};
use crate::summary::rule_result::RuleResult;
use crate::summary::scaling::ScalingSummary;
use crate::summary::server_time::ServerTime;
use crate::summary::too_few_users::TooFewUsers;
use crate::summary::usage::{HostUsage, TargetUsage};
use crate::summary::verdict::Verdict;

/// Version of the summary format.
pub const SUMMARY_VERSION: u32 = 1;

fn one() -> u32 {
    1
}

fn is_one(count: &u32) -> bool {
    *count == 1
}

/// The result of a run.
///
/// Figures cover the counted phases and exclude warm-up, unless a field says otherwise.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Summary {
    /// Version of this format.
    pub version: u32,
    /// Name of the scenario.
    pub scenario: String,
    /// Seed of the run.
    pub seed: u64,
    /// Stage of the reference service. `None` for any other service.
    pub stage: Option<String>,
    /// Address of the target.
    pub target: String,
    /// `open` or `closed`.
    pub model: String,
    /// Start of the run, RFC 3339 in UTC.
    pub started_at: String,
    /// Generators that shared the load. 1 in summaries of older versions.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub generators: u32,
    /// The machines of the generators, if agents sent the load. `None` otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agents: Option<AgentsSummary>,
    /// The generators of the run, or the runs that it was merged from; empty for a run of one generator.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub merged_from: Vec<Part>,
    /// Why the run ended early. `None` if it completed, and in summaries of older versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended_early: Option<String>,
    /// Duration of the counted phases, in seconds.
    pub counted_s: f64,
    /// Validity of the measurement, and whether the objectives are met.
    pub verdict: Verdict,
    /// Arrivals by outcome.
    pub arrivals: ArrivalCounts,
    /// Arrivals of warm-up by outcome; no other field counts them.
    pub warm_up: ArrivalCounts,
    /// Offered and achieved rate.
    pub rate_per_s: Rates,
    /// Latencies of all requests.
    pub latency_ns: Latencies,
    /// Failures by class.
    pub failures: BTreeMap<String, u64>,
    /// Failures by the side that they are blamed on.
    #[serde(default)]
    pub failed_by: FailedBy,
    /// Users that the offered rate needs. `None` unless arrivals were dropped because there were too few.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub too_few_users: Option<TooFewUsers>,
    /// Figures of the reads.
    pub reads: Group,
    /// Figures of the writes.
    pub writes: Group,
    /// Figures of each request, in the order of the scenario.
    pub requests: Vec<RequestSummary>,
    /// Figures of each phase, warm-up included, in order. Empty in summaries of older versions.
    #[serde(default)]
    pub phases: Vec<PhaseSummary>,
    /// Results of the objectives, in the order of the scenario.
    pub rules: Vec<RuleResult>,
    /// What the objectives leave open, even if all of them are met.
    #[serde(default, skip_serializing_if = "ObjectiveGaps::is_empty")]
    pub objective_gaps: ObjectiveGaps,
    /// Resource usage and lag of the generator.
    pub generator: Generator,
    /// Connections to the target, including warm-up. `None` for a run of an older version.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub connections: Option<Connections>,
    /// Resource usage of the target process. `None` if the target did not report it.
    pub target_usage: Option<TargetUsage>,
    /// Load of the generator host. `None` if the system did not report it.
    pub host_usage: Option<HostUsage>,
    /// Shares of the most popular keys, by key space.
    pub hot_keys: Vec<HotKeys>,
    /// Invariants of every run, and whether they hold.
    pub identities: Vec<Identity>,
    /// Findings, the most important first.
    pub findings: Vec<Finding>,
    /// Recommended next step, in a sentence or two.
    pub next: String,
    /// Journeys by outcome, including warm-up; empty if the scenario has no journeys.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub journeys: Vec<JourneyCounts>,
    /// Responses of failed requests: a few of each kind, with secrets masked.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub samples: Vec<Sample>,
    /// The slowest requests and some failed ones, with their trace ids; empty if none had a `traceparent`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub traces: Vec<TracedRequest>,
    /// Where the time of sampled requests went, by request; empty if none had a sampled `traceparent`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub server_time: Vec<ServerTime>,
    /// Delays between the load and the boxes. `None` if the run started no stage that scales.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingSummary>,
    /// Alerts that fired, in order. Empty if nothing watched the service.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub incidents: Vec<Incident>,
    /// Effect of faults on users. `None` for a run without planned faults.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub faults: Option<FaultSummary>,
}

impl Summary {
    /// Returns whether the service failed every request that it got. That misses every objective, and also
    /// counts as a miss if there is none.
    pub fn has_failed_entirely(&self) -> bool {
        self.arrivals.completed == 0 && self.failed_by.service > 0
    }

    /// Returns whether more requests failed because of the generator than a measurement can bear.
    pub(crate) fn generator_gave_out(&self) -> bool {
        self.failed_by.generator as f64 > OWN_FAILURES_MAX * self.arrivals.planned as f64
    }
}
