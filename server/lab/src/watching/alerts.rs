//! The alerting rules of a stage.

use serde_json::{Value, json};
use tenfold_autoscale::Policy;

/// Folder of the runbooks.
const RUNBOOKS: &str = "docs/runbooks";

/// Age at which the lab's figures are not used any more, in seconds.
const AGE_S_MAX: u32 = 5;

/// Alerts, and the names of their runbooks.
const NAMES: [(&str, &str); 8] = [
    ("SloBurnRate", "slo-burn-rate"),
    ("EntranceDown", "entrance-down"),
    ("ZoneLost", "zone-lost"),
    ("ReplicationLag", "replication-lag"),
    ("DiskAlmostFull", "disk-almost-full"),
    ("CertificateExpires", "certificate-expires"),
    ("QueueTooLong", "queue-too-long"),
    ("ScalingAtMaximum", "scaling-at-maximum"),
];

/// Share of requests that may fail.
const FAILED_MAX: &str = "0.001";

/// Share of requests that may take longer than 250 ms.
const SLOW_MAX: &str = "0.01";

/// Burn rates that page: factor, long window, and short window, which ends the alert soon after the errors end. From
/// <https://sre.google/workbook/alerting-on-slos/>, table 5-8, for an objective over 30 days.
const BURN_RATES: [(&str, &str, &str); 2] = [("14.4", "1h", "5m"), ("6", "6h", "30m")];

/// Returns the path of an alert's runbook. `None` for an alert of somebody else.
pub(super) fn runbook(alert: &str) -> Option<String> {
    let found = NAMES.iter().find(|(name, _)| *name == alert);
    found.map(|(_, page)| format!("{RUNBOOKS}/{page}.md"))
}

/// Returns the rules of the alerts, as JSON, which is YAML.
pub(crate) fn rules(policy: &Policy) -> String {
    let mut rules = vec![
        alert(
            "EntranceDown",
            // Not before it was up for the first time.
            "max by (job) (probe_success{job=\"site\"} == 0 or up{job=\"balancer\"} == 0) \
             and on () max_over_time(up{job=\"balancer\"}[1h]) == 1",
            "3s",
            "users can't reach the service",
        ),
        alert(
            "ZoneLost",
            &format!(
                "max by (zone) (tenfold_lab_box_ready{{zone!=\"\"}}) == 0 \
                 and on () (time() - node_textfile_mtime_seconds{{job=\"boxes\"}} < {AGE_S_MAX})"
            ),
            "3s",
            "no box of zone {{ $labels.zone }} is ready",
        ),
        alert(
            "ReplicationLag",
            "max by (server) (haproxy_server_status{proxy=\"sql-replicas\",state=\"DOWN\"}) == 1 \
             or max by (replica) (tenfold_replica_lag_seconds) > 2 \
             or max by (replica) (tenfold_replica_in_use) == 0",
            "10s",
            "replica {{ $labels.server }}{{ $labels.replica }} of the database is gone, lags, or is not read",
        ),
        alert(
            "DiskAlmostFull",
            "min(tenfold_lab_disk_free_bytes / tenfold_lab_disk_size_bytes) < 0.1",
            "10s",
            "{{ $value | humanizePercentage }} of the disk of the data is free",
        ),
        alert(
            "CertificateExpires",
            "min(probe_ssl_earliest_cert_expiry{job=\"site\"}) - time() < 14 * 86400",
            "10s",
            "the certificate of the entrance expires in {{ $value | humanizeDuration }}",
        ),
        // 50 requests in flight at 200/s for each box are 250 ms, by Little's law.
        alert(
            "QueueTooLong",
            "max by (proxy) (haproxy_backend_current_sessions{proxy=~\"app|web\"} / haproxy_backend_active_servers) > 50 \
             or max by (proxy) (haproxy_backend_current_queue) > 0",
            "10s",
            "{{ $value | humanize }} requests are in flight at each server of {{ $labels.proxy }}",
        ),
    ];
    for (name, group) in &policy.groups {
        if group.min_replicas < group.max_replicas {
            let max = group.max_replicas;
            rules.push(alert(
                "ScalingAtMaximum",
                &format!("autoscale:wish{{group=\"{name}\"}} >= {max}"),
                "30s",
                &format!("group {name} has its maximum of {max} boxes"),
            ));
        }
    }
    json!({"groups": [
        {"name": "alerts", "interval": "1s", "rules": rules},
        {"name": "burn-rates", "interval": "15s", "rules": burn_rates()},
    ]})
    .to_string()
}

/// Returns the expression of the share of requests that missed an objective within a window.
type Share = dyn Fn(&str) -> String;

fn burn_rates() -> Vec<Value> {
    let failed = |window: &str| {
        let responses = "haproxy_frontend_http_responses_total{job=\"balancer\",proxy=\"public\"";
        format!(
            "sum(rate({responses},code=\"5xx\"}}[{window}])) / sum(rate({responses}}}[{window}]))"
        )
    };
    let slow = |window: &str| {
        let buckets = "http_server_request_duration_seconds_bucket{group=\"app\"";
        format!(
            "1 - sum(rate({buckets},le=\"0.25\"}}[{window}])) / sum(rate({buckets},le=\"+Inf\"}}[{window}]))"
        )
    };
    let objectives: [(&str, &str, &Share); 2] = [
        ("availability", FAILED_MAX, &failed),
        ("latency", SLOW_MAX, &slow),
    ];
    let rules = objectives.iter().flat_map(|(objective, budget, share)| {
        BURN_RATES.iter().map(move |(factor, long, short)| {
            let burns = |window: &str| format!("({}) > {factor} * {budget}", share(window));
            let mut rule = alert(
                "SloBurnRate",
                &format!("({}) and on () ({})", burns(long), burns(short)),
                "0s",
                &format!(
                    "{{{{ $value | humanizePercentage }}}} of the requests of {long} missed the objective on {objective}"
                ),
            );
            rule["labels"]["objective"] = json!(objective);
            rule["labels"]["window"] = json!(long);
            rule
        })
    });
    rules.collect()
}

fn alert(name: &str, expression: &str, lasts: &str, summary: &str) -> Value {
    json!({
        "alert": name,
        "expr": expression,
        "for": lasts,
        "labels": {"severity": "page"},
        "annotations": {"summary": summary, "runbook": runbook(name)},
    })
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;
    use std::process::Command;

    use tenfold_autoscale::DEFAULT;

    use super::*;

    /// Runs `promtool` in a directory. Returns false without `promtool`, outside CI.
    fn promtool(directory: &Path, arguments: &[&str]) -> bool {
        let mut command = Command::new("promtool");
        let output = match command.args(arguments).current_dir(directory).output() {
            Ok(output) => output,
            Err(error) => {
                crate::skip::skip(&format!("could not run promtool: {error}"));
                return false;
            }
        };
        assert!(
            output.status.success(),
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
        true
    }

    /// Checks that an alert with these labels fires at some times and not at others, in units of `step`.
    fn fires(step: &str, series: &[(&str, &str)], alert: (&str, Value), at: &[(&str, bool)]) {
        let directory = tempfile::tempdir().unwrap();
        let policy = Policy::parse(DEFAULT).unwrap();
        fs::write(directory.path().join("rules.yml"), rules(&policy)).unwrap();
        let (name, labels) = alert;
        // Only the labels: `ALERTS` has no annotations.
        let mut expected = labels.clone();
        expected["alertname"] = json!(name);
        expected["alertstate"] = json!("firing");
        expected["severity"] = json!("page");
        let text = |labels: &Value| {
            let pairs = labels.as_object().unwrap().iter();
            let pairs: Vec<String> = pairs
                .map(|(name, value)| format!("{name}={value}"))
                .collect();
            format!("ALERTS{{{}}}", pairs.join(","))
        };
        let expression = text(&expected);
        let checks = at.iter().map(|(time, fires)| {
            json!({
                "expr": expression,
                "eval_time": time,
                "exp_samples": match fires {
                    true => json!([{"labels": expression, "value": 1}]),
                    false => json!([]),
                },
            })
        });
        let input = series.iter();
        let input = input.map(|(series, values)| json!({"series": series, "values": values}));
        let test = json!({
            "rule_files": ["rules.yml"],
            "evaluation_interval": step,
            "tests": [{
                "interval": step,
                "input_series": input.collect::<Vec<_>>(),
                "promql_expr_test": checks.collect::<Vec<_>>(),
            }],
        });
        fs::write(directory.path().join("test.yml"), test.to_string()).unwrap();
        promtool(directory.path(), &["test", "rules", "test.yml"]);
    }

    /// Written every second.
    const FRESH: (&str, &str) = ("node_textfile_mtime_seconds{job=\"boxes\"}", "0+1x120");

    #[test]
    fn promtool_accepts_rules() {
        let directory = tempfile::tempdir().unwrap();
        let policy = Policy::parse(DEFAULT).unwrap();
        fs::write(directory.path().join("rules.yml"), rules(&policy)).unwrap();
        promtool(directory.path(), &["check", "rules", "rules.yml"]);
    }

    #[test]
    fn every_alert_has_a_runbook() {
        let pages = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        for (name, _) in NAMES {
            let page = fs::read_to_string(pages.join(runbook(name).unwrap())).unwrap();
            for part in ["## Meaning", "## Look at", "## Do", "## Test"] {
                assert!(page.contains(part), "{name}: {part}");
            }
            assert!(page.starts_with(&format!("# {name}\n")), "{name}");
        }
        assert_eq!(runbook("Watchdog"), None);
    }

    #[test]
    fn entrance_that_does_not_answer_alerts() {
        let times = [("8s", false), ("16s", true), ("25s", false)];
        let up = "up{job=\"balancer\"}";
        let series = [
            (up, "1x40"),
            ("probe_success{job=\"site\"}", "1x9 0x9 1x20"),
        ];
        let alert = ("EntranceDown", json!({"job": "site"}));
        fires("1s", &series, alert, &times);
        let alert = || ("EntranceDown", json!({"job": "balancer"}));
        fires("1s", &[(up, "1x9 0x9 1x20")], alert(), &times);
        // A stage that starts is not down.
        fires("1s", &[(up, "0x20 1x20")], alert(), &[("16s", false)]);
    }

    #[test]
    fn zone_without_ready_box_alerts() {
        let ready = |name, values| -> (String, &str) {
            (
                format!("tenfold_lab_box_ready{{box=\"{name}\",zone=\"a\"}}"),
                values,
            )
        };
        let boxes = [
            ready("web-1", "1x9 0x10 1x40"),
            ready("app-1", "1x11 0x20 1x40"),
        ];
        let series = [FRESH, (&boxes[0].0, boxes[0].1), (&boxes[1].0, boxes[1].1)];
        let alert = || ("ZoneLost", json!({"zone": "a"}));
        fires(
            "1s",
            &series,
            alert(),
            &[("11s", false), ("17s", true), ("30s", false)],
        );
        // A lab that is gone has lost no zone.
        let stale = [
            ("node_textfile_mtime_seconds{job=\"boxes\"}", "5x120"),
            series[1],
            series[2],
        ];
        fires("1s", &stale, alert(), &[("17s", false)]);
    }

    #[test]
    fn replica_that_lags_or_is_not_read_alerts() {
        let alert = || ("ReplicationLag", json!({"replica": "1"}));
        let series = [(
            "tenfold_replica_lag_seconds{replica=\"1\",box=\"app-1\"}",
            "0.1x9 5x30 0.1x40",
        )];
        fires(
            "1s",
            &series,
            alert(),
            &[("15s", false), ("30s", true), ("45s", false)],
        );
        let down =
            "haproxy_server_status{proxy=\"sql-replicas\",server=\"sql-replica-1\",state=\"DOWN\"}";
        let gone = ("ReplicationLag", json!({"server": "sql-replica-1"}));
        let times = [("15s", false), ("30s", true), ("45s", false)];
        fires("1s", &[(down, "0x9 1x30 0x40")], gone, &times);
        let series = [(
            "tenfold_replica_in_use{replica=\"1\",box=\"app-1\"}",
            "1x9 0x30 1x40",
        )];
        fires(
            "1s",
            &series,
            alert(),
            &[("15s", false), ("30s", true), ("45s", false)],
        );
    }

    #[test]
    fn full_disk_alerts() {
        let series = [
            ("tenfold_lab_disk_size_bytes", "1000x120"),
            ("tenfold_lab_disk_free_bytes", "200x19 50x30 200x40"),
        ];
        let alert = ("DiskAlmostFull", json!({}));
        fires(
            "1s",
            &series,
            alert,
            &[("19s", false), ("40s", true), ("60s", false)],
        );
    }

    #[test]
    fn certificate_that_expires_soon_alerts() {
        let alert = || ("CertificateExpires", json!({}));
        let name = "probe_ssl_earliest_cert_expiry{job=\"site\"}";
        let renewed = [(name, "86400x29 7776000x60")];
        fires("1s", &renewed, alert(), &[("20s", true), ("40s", false)]);
        fires("1s", &[(name, "7776000x60")], alert(), &[("40s", false)]);
    }

    #[test]
    fn requests_that_pile_up_alert() {
        let alert = || ("QueueTooLong", json!({"proxy": "app"}));
        let series = [
            (
                "haproxy_backend_current_sessions{proxy=\"app\"}",
                "20x9 150x30 20x40",
            ),
            ("haproxy_backend_active_servers{proxy=\"app\"}", "2x120"),
        ];
        fires(
            "1s",
            &series,
            alert(),
            &[("9s", false), ("30s", true), ("45s", false)],
        );
        let series = [(
            "haproxy_backend_current_queue{proxy=\"app\"}",
            "0x9 3x30 0x40",
        )];
        fires(
            "1s",
            &series,
            alert(),
            &[("9s", false), ("30s", true), ("45s", false)],
        );
    }

    #[test]
    fn group_at_its_maximum_alerts() {
        let policy = Policy::parse(DEFAULT).unwrap();
        let max = policy.groups["app"].max_replicas;
        let wishes = format!("2x9 {max}x59 2x40");
        let series = [("autoscale:wish{group=\"app\"}", wishes.as_str())];
        let alert = ("ScalingAtMaximum", json!({"group": "app"}));
        fires(
            "1s",
            &series,
            alert,
            &[("30s", false), ("60s", true), ("80s", false)],
        );
    }

    #[test]
    fn objectives_that_burn_fast_alert() {
        // 100/s, and 5/s more that fail, from minute 60 to 120: more than 1.44% of an hour after 18 minutes.
        let all =
            "haproxy_frontend_http_responses_total{job=\"balancer\",proxy=\"public\",code=\"2xx\"}";
        let failed =
            "haproxy_frontend_http_responses_total{job=\"balancer\",proxy=\"public\",code=\"5xx\"}";
        let series = [(all, "0+6000x300"), (failed, "0x59 0+300x60 18000x300")];
        let alert = |window: &str| {
            let labels = json!({"objective": "availability", "window": window});
            ("SloBurnRate", labels)
        };
        let (no, yes) = (false, true);
        let hour = [("58m", no), ("70m", no), ("95m", yes), ("140m", no)];
        fires("1m", &series, alert("1h"), &hour);
        // All the data there is counts: 5% in 10 of 70 minutes is more than 0.6%.
        let six = [("58m", no), ("70m", yes), ("200m", no)];
        fires("1m", &series, alert("6h"), &six);
    }

    #[test]
    fn slow_answers_burn_the_objective_on_latency() {
        let bucket = |le: &str| {
            format!("http_server_request_duration_seconds_bucket{{group=\"app\",le=\"{le}\"}}")
        };
        let (fast, all) = (bucket("0.25"), bucket("+Inf"));
        // From minute 60 on, half of the requests are slow.
        let series = [
            (fast.as_str(), "0+6000x59 360000+3000x60"),
            (all.as_str(), "0+6000x120"),
        ];
        let alert = (
            "SloBurnRate",
            json!({"objective": "latency", "window": "1h"}),
        );
        fires("1m", &series, alert, &[("58m", false), ("85m", true)]);
    }
}
