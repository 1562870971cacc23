//! Report of a run whose generator was killed.

use crate::support;

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;
use support::{Workplace, light_scenario, read_json};

/// Seconds of the run that are on disk before the generator is killed.
const RECORDED_NS: u64 = 3_000_000_000;

fn holds<'a>(summary: &'a Value, name: &str) -> &'a Value {
    let identities = summary["identities"].as_array();
    let identity = identities
        .into_iter()
        .flatten()
        .find(|identity| identity["name"] == name);
    &identity.expect("it is checked")["holds"]
}

#[test]
fn reports_run_of_killed_generator() {
    let place = Workplace::new();
    let service = place.serve(&["--empty"]);
    place.write("light.toml", &light_scenario("200/s", "120s"));
    let mut generator = place
        .tenfold(&["run", "light.toml", "--target", &service.url()])
        .args(["--out", "run"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("it starts");
    let deadline = Instant::now() + Duration::from_secs(60);
    let counts = place.path("run/counts.json");
    let recorded = || -> Option<u64> {
        let counts: Value = serde_json::from_slice(&std::fs::read(&counts).ok()?).ok()?;
        counts["checkpoint"]["at_ns"].as_u64()
    };
    while recorded() < Some(RECORDED_NS) {
        assert!(Instant::now() < deadline, "nothing was kept in time");
        std::thread::sleep(Duration::from_millis(20));
    }
    // The log continues beyond the last checkpoint.
    std::thread::sleep(Duration::from_millis(1_300));
    generator.kill().expect("it runs");
    generator.wait().expect("it was killed");

    let seconds = recorded().map(|at_ns| at_ns / 1_000_000_000);
    let remark = format!(
        "the generator was killed or the machine stopped, unless it runs still; recorded up to {} s",
        seconds.expect("it was kept")
    );
    let ended = place.run(&["report", "run"]).expect(0);
    assert!(ended.stdout.contains(&remark), "{}", ended.stdout);
    let page = std::fs::read_to_string(place.path("run/report.html")).expect("it was written");
    // As a sentence, with a capital.
    assert!(page.contains(&remark["the".len()..]));
    let summary = read_json(&place.path("run/summary.json"));
    assert!(summary["arrivals"]["completed"].as_u64() > Some(500));
    for name in [
        "planned = sent + dropped",
        "sent = completed + failed + in flight",
        "the interval log is complete",
    ] {
        assert_eq!(holds(&summary, name), true, "{name}: {summary:#}");
    }

    // A machine failure may lose the end of the log.
    let log = place.path("run/intervals.hlog");
    let bytes = std::fs::read(&log).expect("it was written");
    let counts = read_json(&counts);
    let counted = counts["checkpoint"]["log_bytes"].as_u64();
    let counted = usize::try_from(counted.expect("it is reported")).expect("it fits");
    assert!(bytes.len() > counted, "{} of {counted}", bytes.len());
    std::fs::write(&log, &bytes[..counted * 2 / 3]).expect("it can be written");
    let ended = place.run(&["report", "run", "--json"]).expect(0);
    let summary = ended.json();
    let reasons = summary["verdict"]["reasons"].to_string();
    assert!(!reasons.contains("inconsistent"), "{reasons}");
    assert!(holds(&summary, "the interval log is complete").is_null());
}
