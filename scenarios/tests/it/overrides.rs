//! Overrides from the command line.

#![expect(clippy::unwrap_used, reason = "a test and its helpers may panic")]

use std::path::Path;
use std::time::Duration;

use tenfold_scenarios::{Overrides, Phase, Popularity, Scenario, preview};

fn read(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("{name}.toml"));
    Scenario::read(&path).unwrap_or_else(|error| panic!("{error}"))
}

fn mean(scenario: &Scenario) -> f64 {
    let counted = scenario.phases.iter().filter(|phase| !phase.warm_up);
    counted.map(Phase::expected_arrivals).sum::<f64>() / scenario.counted_duration().as_secs_f64()
}

#[test]
fn rate_scales_the_curve() {
    let overrides = Overrides {
        rate: "500/s".parse().ok(),
        ..Overrides::default()
    };
    let scenario = read("uneven").with(&overrides).unwrap();
    assert!((mean(&scenario) - 500.0).abs() < 1e-6);
    assert_eq!(scenario.duration(), read("uneven").duration());
    assert!((scenario.phases[0].expected_arrivals() - 5.0 * 250.0).abs() < 1e-6);
}

#[test]
fn duration_stretches_counted_phases() {
    for seconds in [10, 30, 600] {
        let duration = Duration::from_secs(seconds);
        let overrides = Overrides {
            duration: Some(duration),
            ..Overrides::default()
        };
        let scenario = read("uneven").with(&overrides).unwrap();
        assert_eq!(scenario.counted_duration(), duration);
        assert_eq!(scenario.phases[0].duration, Duration::from_secs(5));
        assert!(
            (mean(&scenario) - 2000.0).abs() < 1.0,
            "{}",
            mean(&scenario)
        );
        let expected = scenario.phases[1].expected_arrivals();
        let counted = preview(&scenario).phases[1].arrivals as f64;
        assert!((counted - expected).abs() < 5.0 * expected.sqrt());
    }
}

#[test]
fn flash_crowd_keeps_its_position_in_stretched_phases() {
    let overrides = Overrides {
        duration: Some(Duration::from_secs(12)),
        ..Overrides::default()
    };
    let scenario = read("flash-crowd").with(&overrides).unwrap();
    let Popularity::FlashCrowd(crowd) = &scenario.key_spaces[0].popularity else {
        panic!()
    };
    // 25 of 60 seconds, after a warm-up of 5.
    assert_eq!(crowd.at, Duration::from_secs(5 + 5));
    let top = |at: u64| {
        scenario.key_spaces[0]
            .share_of_top(10, Duration::from_secs(at))
            .unwrap()
    };
    assert!(top(9) < 0.3 && top(10) > 0.49);
}

#[test]
fn replaces_users_and_seed() {
    let overrides = Overrides {
        users: Some(7),
        seed: Some(8),
        ..Overrides::default()
    };
    let scenario = read("uneven").with(&overrides).unwrap();
    assert_eq!((scenario.load.users, scenario.seed), (7, 8));
    let first = |scenario: &Scenario| scenario.schedule().next().unwrap();
    assert_ne!(first(&scenario), first(&read("uneven")));
    let walker = read("journey").with(&overrides).unwrap();
    assert_eq!(walker.load.users, 7);
}

#[test]
fn truncates_and_speeds_up_traces() {
    let folder = tempfile();
    let lines: String = (0..1000)
        .map(|index| {
            format!(
                "{{\"at_ms\": {}, \"request\": \"GET\", \"target\": \"/{index}\"}}\n",
                index * 10
            )
        })
        .collect();
    std::fs::write(folder.join("trace.jsonl"), lines).unwrap();
    let text = r#"
version = 1
name = "trace"
phases = [{ name = "a", kind = "trace", file = "trace.jsonl" }]
requests = [{ name = "GET", kind = "read", path = "{target}" }]
"#;
    let read = || Scenario::parse(text, &folder.join("trace.toml")).unwrap();
    assert_eq!(read().schedule().count(), 1000);
    let with = |overrides: Overrides| read().with(&overrides);
    let cut = with(Overrides {
        duration: Some(Duration::from_secs(2)),
        ..Overrides::default()
    })
    .unwrap();
    assert_eq!(
        (cut.schedule().count(), cut.duration()),
        (200, Duration::from_secs(2))
    );
    let fast = with(Overrides {
        rate: "1000/s".parse().ok(),
        ..Overrides::default()
    })
    .unwrap();
    assert_eq!(fast.schedule().count(), 1000);
    let last = fast.schedule().last().unwrap();
    // The last of a thousand, a millisecond apart.
    assert!(last.intended.as_secs_f64() > 0.99, "{last:?}");
    assert!((mean(&fast) - 1000.0).abs() < 1.0, "{}", mean(&fast));
    let long = with(Overrides {
        duration: Some(Duration::from_secs(60)),
        ..Overrides::default()
    });
    assert!(
        long.unwrap_err()
            .to_string()
            .contains("can't be made longer")
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

fn tempfile() -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("tenfold-overrides-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn rejects_invalid_overrides() {
    let rejected =
        |name: &str, overrides: Overrides| read(name).with(&overrides).unwrap_err().message;
    let none = Overrides::default();
    assert!(
        rejected(
            "journey",
            Overrides {
                rate: "5/s".parse().ok(),
                ..none
            }
        )
        .contains("--rate")
    );
    assert!(
        rejected(
            "uneven",
            Overrides {
                users: Some(0),
                ..none
            }
        )
        .contains("--users")
    );
    assert!(
        rejected(
            "uneven",
            Overrides {
                rate: "0/s".parse().ok(),
                ..none
            }
        )
        .contains("scaled")
    );
    assert!(
        rejected(
            "uneven",
            Overrides {
                rate: "90M/s".parse().ok(),
                ..none
            }
        )
        .contains("scaled")
    );
    assert!(
        rejected(
            "uneven",
            Overrides {
                duration: Some(Duration::ZERO),
                ..none
            }
        )
        .contains("--duration")
    );
    // So short that fewer than ten reads are beyond the 99th percentile.
    let short = Overrides {
        duration: Some(Duration::from_millis(400)),
        ..none
    };
    assert!(rejected("uneven", short).contains("can't be judged"));
}
