//! The recording rules, evaluated by Prometheus' own `promtool`.

use std::fs;
use std::process::Command;

use serde_json::json;
use tenfold_autoscale::{DEFAULT, Format, Policy};

/// A policy with one metric. Tests append to it.
const CPU: &str = r#"
version = 1
interval = "1s"
[groups.web]
min_replicas = 2
max_replicas = 6
[[groups.web.metrics]]
type = "cpu"
target = "50%"
"#;

/// Runs `promtool` in a directory with the rules of a policy. `None` without `promtool`, outside CI.
fn promtool(policy: &str, test: Option<&serde_json::Value>) -> Option<()> {
    let directory = tempfile::tempdir().unwrap();
    let policy = Policy::parse(policy).unwrap_or_else(|error| panic!("{error}"));
    let rules = Format::Prometheus.write(&policy).text;
    fs::write(directory.path().join("rules.yml"), &rules).unwrap();
    let mut command = Command::new("promtool");
    match test {
        None => command.args(["check", "rules", "rules.yml"]),
        Some(test) => {
            fs::write(directory.path().join("test.yml"), test.to_string()).unwrap();
            command.args(["test", "rules", "test.yml"])
        }
    };
    let output = match command.current_dir(directory.path()).output() {
        Ok(output) => output,
        Err(error) if std::env::var_os("CI").is_none() => {
            println!("skipped: could not run promtool ({error}); install the package prometheus");
            return None;
        }
        Err(error) => panic!("could not run promtool: {error}; install the package prometheus"),
    };
    assert!(
        output.status.success(),
        "{}{}\n{rules}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Some(())
}

/// Feeds series into the rules of group `web`, and compares `autoscale:wish` at some seconds.
fn wishes(policy: &str, series: &[(&str, &str)], expected: &[(u32, u32)]) {
    figures(policy, 1, series, "wish{group=\"web\"}", expected);
}

/// Like [`wishes`], with another recorded series and time in units of `step_s`.
fn figures(
    policy: &str,
    step_s: u32,
    series: &[(&str, &str)],
    figure: &str,
    expected: &[(u32, u32)],
) {
    let step = format!("{step_s}s");
    let input = series
        .iter()
        .map(|(series, values)| json!({"series": series, "values": values}));
    let checks = expected.iter().map(|(at, value)| {
        let series = format!("autoscale:{figure}");
        json!({
            "expr": series,
            "eval_time": format!("{}s", at * step_s),
            "exp_samples": [{"labels": series, "value": value}],
        })
    });
    let test = json!({
        "rule_files": ["rules.yml"],
        "evaluation_interval": step,
        "tests": [{
            "interval": step,
            "input_series": input.collect::<Vec<_>>(),
            "promql_expr_test": checks.collect::<Vec<_>>(),
        }],
    });
    promtool(policy, Some(&test));
}

/// Boxes 1 and 2 are ready for 100 s.
const TWO_READY: [(&str, &str); 2] = [
    (r#"tenfold_box_ready{group="web",box="web-1"}"#, "1x100"),
    (r#"tenfold_box_ready{group="web",box="web-2"}"#, "1x100"),
];

/// Both boxes are ready, with this CPU utilization of each.
fn two_at(cpu: &str) -> Vec<(&str, &str)> {
    let used = [
        (
            r#"tenfold_box_cpu_utilization{group="web",box="web-1"}"#,
            cpu,
        ),
        (
            r#"tenfold_box_cpu_utilization{group="web",box="web-2"}"#,
            cpu,
        ),
    ];
    TWO_READY.into_iter().chain(used).collect()
}

#[test]
fn rules_are_valid() {
    promtool(DEFAULT, None);
    promtool(&everything(), None);
}

/// A policy with every field.
pub(crate) fn everything() -> String {
    format!(
        r#"{CPU}
[[groups.web.metrics]]
type = "latency"
quantile = 0.95
target = "250ms"
[[groups.web.metrics]]
type = "network"
target = "2MB/s"
[[groups.web.metrics]]
type = "custom"
name = "requests_in_flight"
target = 16
[[groups.web.metrics]]
type = "custom"
name = "queue_depth"
target = 0.5
query = '''
sum(queue_messages{{queue="thumbnails"}})
  or vector(0)'''
[[groups.web.schedules]]
name = "working-hours"
days = ["mon", "tue", "wed", "thu", "fri"]
from = "08:00"
to = "20:00"
replicas = 4
[[groups.web.schedules]]
name = "night-jobs"
from = "23:30"
to = "01:15"
replicas = 3
[groups.web.scale_up]
tolerance = 0.2
stabilization_window = "3s"
cooldown = "10s"
select_policy = "min"
policies = [{{ type = "boxes", value = 2, period = "10s" }}, {{ type = "percent", value = 50, period = "20s" }}]
[groups.web.scale_down]
tolerance = 0.05
stabilization_window = "1m"
cooldown = "20s"
select_policy = "max"
policies = [{{ type = "percent", value = 10, period = "1m" }}]
[groups.sql-replica]
min_replicas = 1
max_replicas = 4
[[groups.sql-replica.schedules]]
name = "weekend"
days = ["sat", "sun"]
from = "00:00"
to = "12:00"
replicas = 2
[groups.sql-replica.scale_up]
select_policy = "disabled"
"#
    )
}

#[test]
fn scales_up_only_beyond_the_tolerance() {
    // 2 boxes at 54% of their target 50%: within the tolerance of 10%.
    wishes(CPU, &two_at("0.54x100"), &[(0, 2), (90, 2)]);
    // At 56%, 2.24 boxes are needed.
    wishes(CPU, &two_at("0.56x100"), &[(0, 3), (1, 3)]);
    let wider = format!("{CPU}\n[groups.web.scale_up]\ntolerance = 0.2\n");
    wishes(&wider, &two_at("0.56x100"), &[(90, 2)]);
}

#[test]
fn scales_down_after_the_stabilization_window() {
    let policy = format!("{CPU}\n[groups.web.scale_down]\nstabilization_window = \"20s\"\n");
    // 4 boxes from 5 s on, and from 10 s on no load. The highest wish of the last 20 s wins.
    let cpu = "0.5x4 0.9x4 0.01x80";
    wishes(
        &policy,
        &two_at(cpu),
        &[(4, 2), (5, 4), (9, 4), (10, 4), (29, 4), (30, 2), (40, 2)],
    );
}

#[test]
fn waits_for_the_lowest_wish_of_the_window_when_scaling_up() {
    let policy = format!("{CPU}\n[groups.web.scale_up]\nstabilization_window = \"5s\"\n");
    // A spike of 3 s is ignored; a rise that lasts is not.
    let cpu = "0.5x9 1.0x2 0.5x9 1.0x60";
    wishes(
        &policy,
        &two_at(cpu),
        &[(12, 2), (13, 2), (23, 2), (27, 2), (28, 4)],
    );
}

#[test]
fn pauses_after_a_change() {
    let policy = format!(
        "{CPU}\n[groups.web.scale_up]\ncooldown = \"10s\"\npolicies = [{{ type = \"boxes\", value = 1, period = \"1s\" }}]\n"
    );
    // 6 boxes are needed from 5 s on: one at once, each further one 10 s after the last.
    let cpu = "0.5x4 1.5x90";
    wishes(
        &policy,
        &two_at(cpu),
        &[(4, 2), (5, 3), (14, 3), (15, 4), (24, 4), (25, 5), (35, 6)],
    );
    let policy = format!(
        "{CPU}\n[groups.web.scale_down]\nstabilization_window = \"0s\"\ncooldown = \"10s\"\n\
         policies = [{{ type = \"boxes\", value = 1, period = \"1s\" }}]\n"
    );
    let cpu = "1.5x4 0.01x90";
    wishes(
        &policy,
        &two_at(cpu),
        &[(4, 6), (5, 5), (14, 5), (15, 4), (25, 3)],
    );
}

#[test]
fn pauses_for_the_whole_cooldown_at_any_interval() {
    let policy = CPU.replace("\"1s\"", "\"15s\"")
        + "[groups.web.scale_up]\ncooldown = \"20s\"\n\
           policies = [{ type = \"boxes\", value = 1, period = \"15s\" }]\n";
    // 6 boxes are needed from 30 s on. 15 s after a change is too early, 30 s is not.
    let series = two_at("0.5x1 1.5x90");
    let expected = [(1, 2), (2, 3), (3, 3), (4, 4), (5, 4), (6, 5)];
    figures(&policy, 15, &series, "wish{group=\"web\"}", &expected);
}

#[test]
fn does_not_grow_because_a_drained_box_is_still_ready() {
    let policy = format!("{CPU}\n[groups.web.scale_down]\nstabilization_window = \"0s\"\n");
    // 3 boxes, of which 1.9 are needed. The wish is 2; the third box is still there when 2.05 are needed.
    let cpu = "0.3167x4 0.3417x90";
    let mut series = two_at(cpu);
    series.extend([
        (r#"tenfold_box_ready{group="web",box="web-3"}"#, "1x100"),
        (
            r#"tenfold_box_cpu_utilization{group="web",box="web-3"}"#,
            cpu,
        ),
    ]);
    wishes(&policy, &series, &[(0, 2), (4, 2), (5, 2), (20, 2)]);
}

#[test]
fn reads_query_that_ends_with_a_comment() {
    let policy = format!(
        "{CPU}\n[[groups.web.metrics]]\ntype = \"custom\"\nname = \"queue\"\ntarget = 100\n\
         query = \"queue_depth # of all workers\"\n"
    );
    let mut series = two_at("0.1x100");
    series.push(("queue_depth", "450x90"));
    wishes(&policy, &series, &[(60, 5)]);
}

#[test]
fn changes_by_no_more_than_a_limit_in_its_period() {
    let policy = |select: &str| {
        format!(
            "{CPU}\n[groups.web.scale_up]\nselect_policy = \"{select}\"\npolicies = [\
             {{ type = \"boxes\", value = 1, period = \"10s\" }}, {{ type = \"percent\", value = 100, period = \"10s\" }}]\n"
        )
    };
    let cpu = "0.5x4 1.5x90";
    wishes(
        &policy("min"),
        &two_at(cpu),
        &[(5, 3), (14, 3), (15, 4), (25, 5)],
    );
    wishes(&policy("max"), &two_at(cpu), &[(5, 4), (14, 4), (15, 6)]);
    wishes(&policy("disabled"), &two_at(cpu), &[(5, 2), (90, 2)]);
}

#[test]
fn stays_within_minimum_and_maximum() {
    wishes(CPU, &two_at("9x100"), &[(90, 6)]);
    wishes(CPU, &two_at("0.001x100"), &[(90, 2)]);
}

#[test]
fn ignores_boxes_that_are_not_ready() {
    // Box 3 starts and takes CPU. It adds nothing to the demand: 2 boxes at 60% need 2.4 boxes, and 3 are there.
    let mut series = two_at("0.6x100");
    series.extend([
        (r#"tenfold_box_ready{group="web",box="web-3"}"#, "0x100"),
        (
            r#"tenfold_box_cpu_utilization{group="web",box="web-3"}"#,
            "1x100",
        ),
    ]);
    wishes(CPU, &series, &[(0, 3), (90, 3)]);
    figures(CPU, 1, &series, "ready{group=\"web\"}", &[(90, 2)]);
    figures(CPU, 1, &series, "boxes{group=\"web\"}", &[(90, 3)]);
}

#[test]
fn keeps_its_wish_without_a_metric() {
    // The figures of box 2 end at 10 s, when both are idle: nothing is removed for lack of a figure.
    let policy = format!("{CPU}\n[groups.web.scale_down]\nstabilization_window = \"0s\"\n");
    let mut series = TWO_READY.to_vec();
    series.extend([
        (
            r#"tenfold_box_cpu_utilization{group="web",box="web-1"}"#,
            "0.9x4 0.01x90",
        ),
        (
            r#"tenfold_box_cpu_utilization{group="web",box="web-2"}"#,
            "0.9x4 stale",
        ),
    ]);
    wishes(&policy, &series, &[(4, 4), (5, 4), (60, 4)]);
    // Without any figure from the start, the boxes that are there stay.
    wishes(CPU, &TWO_READY, &[(0, 2), (60, 2)]);
}

#[test]
fn metric_that_asks_for_most_wins() {
    let policy = format!(
        "{CPU}\n[[groups.web.metrics]]\ntype = \"latency\"\ntarget = \"100ms\"\n\
         [[groups.web.metrics]]\ntype = \"custom\"\nname = \"requests_in_flight\"\ntarget = 10\n\
         [[groups.web.metrics]]\ntype = \"network\"\ntarget = \"1MB/s\"\n\
         [[groups.web.metrics]]\ntype = \"custom\"\nname = \"queue\"\ntarget = 100\nquery = \"queue_depth\"\n\
         [groups.web.scale_down]\nstabilization_window = \"0s\"\n"
    );
    let mut series = two_at("0.1x100");
    series.extend([
        // 3 boxes by latency, 4 by network from 10 s on, 5 by requests in flight from 20 s on, then 6 by the queue.
        (
            r#"tenfold_group_latency_seconds{group="web",quantile="0.99"}"#,
            "0.15x90",
        ),
        (
            r#"tenfold_box_network_bytes_per_second{group="web",box="web-1"}"#,
            "0x9 2000000x90",
        ),
        (
            r#"tenfold_box_network_bytes_per_second{group="web",box="web-2"}"#,
            "0x9 2000000x90",
        ),
        (
            r#"tenfold_box_requests_in_flight{group="web",box="web-1"}"#,
            "1x19 40x90",
        ),
        (
            r#"tenfold_box_requests_in_flight{group="web",box="web-2"}"#,
            "1x19 10x90",
        ),
        ("queue_depth", "0x29 560x90"),
    ]);
    wishes(&policy, &series, &[(5, 3), (15, 4), (25, 5), (35, 6)]);
}

#[test]
fn follows_the_clock() {
    let policy = r#"
version = 1
interval = "2m"
[groups.web]
min_replicas = 2
max_replicas = 6
[[groups.web.schedules]]
name = "day"
from = "08:00"
to = "20:00"
replicas = 4
[[groups.web.schedules]]
name = "late"
days = ["thu"]
from = "23:00"
to = "01:00"
replicas = 5
[groups.web.scale_down]
stabilization_window = "0s"
"#;
    // promtool's clock begins on a Thursday at 00:00.
    let hour = 30;
    let ready = [(r#"tenfold_box_ready{group="web",box="web-1"}"#, "1x2000")];
    let expected = [
        (1, 2),
        (8 * hour - 1, 2),
        (8 * hour, 4),
        (20 * hour - 1, 4),
        (20 * hour, 2),
        (23 * hour, 5),
        (25 * hour - 1, 5),
        (25 * hour, 2),
        // On Friday it does not begin.
        (47 * hour + 1, 2),
    ];
    figures(policy, 120, &ready, "wish{group=\"web\"}", &expected);
}

#[test]
fn schedule_and_metric_compete() {
    let policy = format!(
        "{CPU}\n[[groups.web.schedules]]\nname = \"first-hour\"\nfrom = \"00:00\"\nto = \"01:00\"\nreplicas = 4\n"
    );
    wishes(&policy, &two_at("0.1x100"), &[(60, 4)]);
    wishes(&policy, &two_at("1.2x100"), &[(60, 5)]);
}
