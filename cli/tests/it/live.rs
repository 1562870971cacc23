//! Live view of a run: dashboard on a terminal, metrics, and rules that abort it.

use crate::support;

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use support::{Ended, Workplace, light_scenario, read_json, skip};
use tenfold_probe::Metrics;

#[test]
fn serves_metrics_during_run() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "6s"));
    let url = service.url();
    let mut running = place
        .tenfold(&[
            "run",
            "light.toml",
            "--target",
            &url,
            "--metrics-listen",
            "127.0.0.1:0",
            "--out",
            "run",
        ])
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(running.stderr.take().unwrap());
    let mut line = String::new();
    let address = loop {
        line.clear();
        assert!(
            stderr.read_line(&mut line).unwrap() > 0,
            "no address was printed"
        );
        if let Some(address) = line.trim().strip_prefix("metrics: ") {
            break address.to_owned();
        }
    };
    let deadline = Instant::now() + Duration::from_secs(20);
    let metrics = loop {
        let metrics = Metrics::scrape(&address.as_str().into()).unwrap();
        if metrics.counter_sum("tenfold_requests_completed_total") > Some(0) {
            break metrics;
        }
        assert!(Instant::now() < deadline, "nothing was counted");
        std::thread::sleep(Duration::from_millis(100));
    };
    let count = |name: &str| metrics.counter_sum(name).unwrap();
    let sent = count("tenfold_requests_sent_total");
    let done = count("tenfold_requests_completed_total") + count("tenfold_requests_failed_total");
    // An arrival that a user is about to send does not count as sent yet.
    let planned = count("tenfold_arrivals_planned_total");
    assert!(planned >= sent + count("tenfold_arrivals_dropped_total"));
    assert_eq!(sent, done + count("tenfold_requests_in_flight"));
    let lags = count("tenfold_lag_seconds_count");
    assert!((1..=sent).contains(&lags), "{lags} of {sent}");
    // Drains standard error, so that the run never blocks on a full pipe.
    std::thread::spawn(move || std::io::copy(&mut stderr, &mut std::io::sink()));
    // A run this short may be invalid on a busy machine.
    let code = running.wait().unwrap().code();
    assert!(matches!(code, Some(0 | 120)), "{code:?}");
}

#[test]
fn rejects_metrics_address_in_use_before_sending() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "6s"));
    let (url, taken) = (service.url(), service.address.to_string());
    let ended = place
        .run(&[
            "run",
            "light.toml",
            "--target",
            &url,
            "--metrics-listen",
            &taken,
            "--out",
            "run",
        ])
        .expect(104);
    assert!(
        ended.stderr.contains(&taken) && ended.stderr.contains("--metrics-listen"),
        "{}",
        ended.stderr
    );
    assert!(!place.path("run").exists());
}

#[test]
fn aborting_rule_exits_99_and_keeps_measurements() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    let scenario = light_scenario("200/s", "60s").replace(
        "'errors < 1%'",
        "'errors < 1%', { rule = 'max < 1us', abort = true, after = '2s' }",
    );
    place.write("light.toml", &scenario);
    let started = Instant::now();
    let ended = place
        .run(&[
            "run",
            "light.toml",
            "--target",
            &service.url(),
            "--out",
            "run",
        ])
        .expect(99);
    assert!(started.elapsed() < Duration::from_secs(20));
    assert!(
        ended
            .stderr
            .contains("aborted by rule `max < 1us, abort after 2s` at "),
        "{}",
        ended.stderr
    );
    assert!(
        ended.stdout.contains("aborted the run at "),
        "{}",
        ended.stdout
    );
    let summary = read_json(&place.path("run/summary.json"));
    assert_eq!(summary["rules"][0]["met"], true, "{summary:#}");
    assert_eq!(summary["rules"][1]["met"], false);
    for identity in summary["identities"].as_array().unwrap() {
        assert_ne!(identity["holds"], false, "{identity:#}");
    }
    let report = std::fs::read_to_string(place.path("run/report.html")).unwrap();
    assert!(report.contains("ended early: aborted by rule"));
}

/// Runs on a pseudo-terminal of `script`, and types `typed` after a few seconds. `None` without `script`.
fn run_on_terminal(typed: &str, variables: &[(&str, &str)], arguments: &str) -> Option<Ended> {
    if Command::new("script").arg("--version").output().is_err() {
        skip("no `script`");
        return None;
    }
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "8s"));
    // With `exec`, because an interrupt from the terminal also reaches a waiting shell, which may then exit with
    // a status of its own.
    let command = format!(
        "stty rows 24 cols 80; exec {} run light.toml --target {} --out run {arguments}",
        env!("CARGO_BIN_EXE_tenfold"),
        service.url()
    );
    let mut running = Command::new("script")
        .args(["-qec", &command, "/dev/null"])
        .current_dir(place.path("."))
        .env("TERM", "xterm-256color")
        .env_remove("CI")
        .env_remove("NO_COLOR")
        .env_remove("TENFOLD_NO_LIVE")
        .envs(variables.iter().copied())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("script starts");
    let mut stdin = running.stdin.take().expect("it is piped");
    std::thread::sleep(Duration::from_secs(4));
    stdin.write_all(typed.as_bytes()).expect("it still reads");
    stdin.flush().expect("it still reads");
    let ended = Ended::of(running.wait_with_output().expect("it ends"));
    drop(stdin);
    Some(ended)
}

const ENTER: &str = "\u{1b}[?1049h";
const LEAVE: &str = "\u{1b}[?1049l";
const SHOW_CURSOR: &str = "\u{1b}[?25h";

#[test]
fn stop_keys_end_run_and_restore_terminal() {
    for key in ["q", "\u{3}"] {
        let Some(ended) = run_on_terminal(key, &[], "") else {
            return;
        };
        let ended = ended.expect(105);
        let (drawn, after) = ended.stdout.split_once(LEAVE).expect("it leaves");
        assert!(drawn.contains(ENTER), "{drawn}");
        assert!(after.contains(SHOW_CURSOR), "{after}");
        for word in ["response", "achieved", "planned rate", "steady"] {
            assert!(drawn.contains(word), "{word} is missing: {drawn}");
        }
        assert!(
            after.contains("report:") && !after.contains(ENTER),
            "{after}"
        );
    }
}

#[test]
fn second_stop_key_aborts_and_restores_terminal() {
    let Some(ended) = run_on_terminal("qq", &[], "") else {
        return;
    };
    let ended = ended.expect(105);
    let (_, after) = ended.stdout.split_once(LEAVE).expect("it leaves");
    assert!(
        after.contains(SHOW_CURSOR) && !after.contains("report:"),
        "{after}"
    );
}

#[test]
fn environment_or_flag_turns_dashboard_off() {
    for (variables, arguments) in [
        (&[("NO_COLOR", "1")][..], ""),
        (&[("CI", "true")], ""),
        (&[("TERM", "dumb")], ""),
        (&[], "--no-live"),
    ] {
        let Some(ended) = run_on_terminal("\u{3}", variables, arguments) else {
            return;
        };
        let ended = ended.expect(105);
        assert!(
            !ended.stdout.contains(ENTER) && ended.stdout.contains("offered"),
            "{}",
            ended.stdout
        );
    }
}
