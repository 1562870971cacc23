//! Recording rules that make the series of a scaling policy from the metrics of the lab's components.

use serde_json::{Value, json};
use tenfold_autoscale::{Policy, Signal};

use crate::LabError;
use crate::component::haproxy;

/// Time over which rates and averages are taken: five scrapes.
const WINDOW: &str = "5s";

/// Age at which the lab's figures are not used any more: the lab is busy, or gone.
const AGE_S_MAX: u32 = 5;

/// A group of the stage.
pub(crate) struct Source {
    /// Role of its boxes.
    pub(crate) role: &'static str,
    /// List of its servers in the balancer.
    pub(crate) list: &'static str,
    /// Scrape job of its balancer.
    pub(crate) job: &'static str,
    /// True if its balancer sends requests rather than connections.
    pub(crate) takes_requests: bool,
    /// True if its boxes are services with a histogram of latencies.
    pub(crate) has_latency: bool,
    /// Largest number of boxes.
    pub(crate) boxes_max: u32,
}

/// Groups of stage `autoscaled`.
const SOURCES: [Source; 3] = [
    Source {
        role: "app",
        list: "app",
        job: "app-balancer",
        takes_requests: true,
        has_latency: true,
        boxes_max: 16,
    },
    Source {
        role: "web",
        list: "web",
        job: "balancer",
        takes_requests: true,
        has_latency: false,
        boxes_max: 16,
    },
    Source {
        role: "sql-replica",
        list: haproxy::REPLICAS,
        job: "sql-balancer",
        takes_requests: false,
        has_latency: false,
        boxes_max: 8,
    },
];

/// Custom metric that a group which takes requests has without a query.
const IN_FLIGHT: &str = "requests_in_flight";

/// Checks that the stage has the groups and metrics of a policy.
///
/// # Errors
/// Returns an error that names what the stage has.
pub(crate) fn check(policy: &Policy) -> Result<(), LabError> {
    let refused = |reason: String| Err(LabError::Policy(reason));
    for (name, group) in &policy.groups {
        let Some(source) = SOURCES.iter().find(|source| source.role == name) else {
            let known: Vec<_> = SOURCES.iter().map(|source| source.role).collect();
            return refused(format!(
                "stage `autoscaled` can't scale the group `{name}`; it can scale {}",
                known.join(", ")
            ));
        };
        if group.max_replicas > source.boxes_max {
            return refused(format!(
                "groups.{name}.max_replicas is {}; this stage has at most {} boxes in a group",
                group.max_replicas, source.boxes_max
            ));
        }
        for metric in &group.metrics {
            match &metric.signal {
                Signal::Latency { .. } if !source.has_latency => {
                    return refused(format!(
                        "the group `{name}` has no histogram of latencies; scale the group `app` by latency"
                    ));
                }
                Signal::Custom { query: None, .. }
                    if !source.takes_requests || metric.name != IN_FLIGHT =>
                {
                    let or_use = match source.takes_requests {
                        true => format!(", or use {IN_FLIGHT}"),
                        false => String::new(),
                    };
                    return refused(format!(
                        "groups.{name} has no custom metric `{}`; write a query for it{or_use}",
                        metric.name
                    ));
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Returns the rules, as JSON, which is YAML.
pub(crate) fn sources(policy: &Policy) -> String {
    let mut rules = Vec::new();
    let current =
        format!("and on () (time() - node_textfile_mtime_seconds{{job=\"boxes\"}} < {AGE_S_MAX})");
    rules.push(record(
        "tenfold_box_ready",
        json!({}),
        format!("max by (group, box) (tenfold_lab_box_ready) {current}"),
    ));
    // A box uses much CPU until it is ready. Its first figure is of the time after that.
    rules.push(record(
        "tenfold_box_cpu_utilization",
        json!({}),
        format!(
            "max by (group, box) (rate(tenfold_lab_box_cpu_seconds_total[{WINDOW}]) / tenfold_lab_box_cpu_limit) \
             and on (group, box) min_over_time(tenfold_lab_box_ready[{WINDOW}]) == 1 {current}"
        ),
    ));
    for source in SOURCES
        .iter()
        .filter(|source| policy.groups.contains_key(source.role))
    {
        let servers = format!("job=\"{}\",proxy=\"{}\"", source.job, source.list);
        let of_box = |by_server: String| {
            format!("label_replace({by_server}, \"box\", \"$1\", \"server\", \"(.*)\")")
        };
        let group = json!({"group": source.role});
        rules.push(record(
            "tenfold_box_network_bytes_per_second",
            group.clone(),
            of_box(format!(
                "sum by (server) (rate(haproxy_server_bytes_in_total{{{servers}}}[{WINDOW}]) + \
                 rate(haproxy_server_bytes_out_total{{{servers}}}[{WINDOW}]))"
            )),
        ));
        if !source.takes_requests {
            continue;
        }
        rules.push(record(
            "tenfold_box_requests_in_flight",
            group,
            of_box(format!(
                "sum by (server) (avg_over_time(haproxy_server_current_sessions{{{servers}}}[{WINDOW}]))"
            )),
        ));
    }
    for (name, group) in &policy.groups {
        for metric in &group.metrics {
            let Signal::Latency { quantile, .. } = &metric.signal else {
                continue;
            };
            let of_group = format!("group=\"{name}\"");
            rules.push(record(
                "tenfold_group_latency_seconds",
                json!({"group": name, "quantile": quantile.to_string()}),
                // Without requests there is no quantile, and nobody waits.
                format!(
                    "histogram_quantile({quantile}, sum by (le) \
                     (rate(http_server_request_duration_seconds_bucket{{{of_group}}}[{WINDOW}]))) >= 0 \
                     or on () 0 * sum(rate(http_server_requests_total{{{of_group}}}[{WINDOW}]))"
                ),
            ));
        }
    }
    json!({"groups": [{"name": "sources", "interval": policy.interval.to_string(), "rules": rules}]}).to_string()
}

fn record(name: &str, labels: Value, expression: String) -> Value {
    json!({"record": name, "labels": labels, "expr": expression})
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(from: &str, to: &str) -> String {
        let text = tenfold_autoscale::DEFAULT;
        assert!(text.contains(from), "{from}");
        let policy = Policy::parse(&text.replace(from, to)).unwrap();
        check(&policy).unwrap_err().to_string()
    }

    #[test]
    fn accepts_default_policy() {
        check(&Policy::parse(tenfold_autoscale::DEFAULT).unwrap()).unwrap();
    }

    #[test]
    fn refuses_what_the_stage_lacks() {
        assert!(refusal("groups.web", "groups.sql").contains("it can scale app, web, sql-replica"));
        assert!(refusal("max_replicas = 4", "max_replicas = 17").contains("at most 16 boxes"));
        assert!(refusal("\"requests_in_flight\"", "\"queue\"").contains("write a query for it"));
        let text = tenfold_autoscale::DEFAULT.replace("groups.app", "groups.sql-replica");
        let error = check(&Policy::parse(&text).unwrap())
            .unwrap_err()
            .to_string();
        assert!(error.contains("sql-replica"), "{error}");
        let network = "type = \"network\"\ntarget = \"20MB/s\"";
        assert!(refusal(network, "type = \"latency\"\ntarget = \"1s\"").contains("no histogram"));
    }
}
