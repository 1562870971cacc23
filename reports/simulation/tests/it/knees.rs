//! Knees of services whose limits are known, and the use of their tiers.

use std::path::Path as FilePath;

use tenfold_scenarios::Scenario;
use tenfold_simulation::{
    Demand, Discipline, Limit, Path, Request, Routing, Sample, Settings, Step, System, Tier,
    Trials, simulate,
};

/// One request without keys, at even times.
fn scenario(rules: &str, users: u64) -> Scenario {
    let text = format!(
        r#"
version = 1
name = "one"
rules = [{rules}]
[load]
model = "open"
arrivals = "even"
[users]
count = {users}
[[phases]]
name = "steady"
kind = "constant"
rate = "1000/s"
duration = "60s"
[[requests]]
name = "read"
kind = "read"
path = "/"
"#
    );
    Scenario::parse(&text, FilePath::new("one.toml")).unwrap()
}

fn service(copies: u64, routing: Routing, demand_s: f64) -> System {
    System {
        tiers: vec![Tier {
            name: "box".to_owned(),
            copies,
            cores: 1,
            quota: None,
            discipline: Discipline::FirstComeFirstServed,
            routing,
        }],
        paths: vec![Path::of(vec![Step::to(0, Demand::Fixed(demand_s))])],
        hop_s: 0.0,
    }
}

#[test]
fn unreachable_objective_gives_no_knee() {
    // Each request takes 10 ms, with or without load.
    let system = service(1, Routing::Random, 0.01);
    for rule in ["'p99 < 9ms'", "'mean < 9ms'", "'max < 1ms for reads'"] {
        let scenario = scenario(rule, 1);
        let found = Trials::new(&system, &scenario, 100.0).knee().unwrap();
        let knee = found.unwrap();
        assert_eq!(knee.sustained, None, "{rule}: {knee:?}");
        assert!(matches!(knee.limit, Limit::Objective(_)), "{knee:?}");
        assert!(knee.failed >= 0.9, "{knee:?}");
    }
    // A service that is slow, but fast enough for its objective: few requests a second are judged as well.
    let system = service(1, Routing::Random, 10.0);
    for (rule, sustained) in [("'p99 < 11s'", true), ("'p99 < 9s'", false)] {
        let scenario = scenario(rule, 1);
        let found = Trials::new(&system, &scenario, 0.1).knee().unwrap();
        let knee = found.unwrap();
        assert_eq!(knee.sustained.is_some(), sustained, "{rule}: {knee:?}");
    }
}

#[test]
fn both_ends_of_a_knee_are_simulated() {
    // Full at 10,000/s. A little more is not noticed within a trial of five seconds.
    let system = service(1, Routing::Random, 0.000_1);
    let scenario = scenario("", 1);
    let trials = Trials::new(&system, &scenario, 10_000.0);
    let knee = trials.knee().unwrap().unwrap();
    let sustained = knee.sustained.unwrap();
    assert!((9_900.0..10_300.0).contains(&sustained), "{knee:?}");
    let above = trials.at(knee.failed).unwrap();
    assert_eq!(trials.missed(&above), Some(knee.limit.clone()), "{knee:?}");
    assert!(knee.failed <= 1.011 * sustained, "{knee:?}");
}

#[test]
fn busiest_shard_follows_popularity_of_users() {
    // A million requests drawn at random give the luckiest of 10,000 shards 40% more than the mean.
    let system = service(10_000, Routing::Key, 0.001);
    let many = scenario("", 1_000_000_000);
    let [used] = <[_; 1]>::try_from(Trials::new(&system, &many, 1e6).offered(1e6)).unwrap();
    assert!((used.busiest / used.mean - 1.0).abs() < 0.01, "{used:?}");
    // Few users are a real skew: one shard of four has two users of eight at least.
    let system = service(5, Routing::Key, 0.001);
    let few = scenario("", 8);
    let [used] = <[_; 1]>::try_from(Trials::new(&system, &few, 10.0).offered(10.0)).unwrap();
    let most = used.busiest / used.mean * 8.0 / 5.0;
    assert!(most >= 2.0 && (most - most.round()).abs() < 1e-9, "{most}");
    // Simulated, the busiest shard has the same share.
    let outcome = Trials::new(&system, &few, 10.0).at(2_000.0).unwrap();
    let simulated = outcome.tiers[0].busiest / outcome.tiers[0].mean;
    assert!(
        (simulated / (used.busiest / used.mean) - 1.0).abs() < 0.05,
        "{simulated}, {used:?}"
    );
}

#[test]
fn hopeless_load_is_not_simulated() {
    // One user for 100,000 shards: all requests go to one of them, which bears 1,000/s.
    let system = service(100_000, Routing::Key, 0.001);
    let one = scenario("", 1);
    let began = std::time::Instant::now();
    let trials = Trials::new(&system, &one, 1e7);
    let outcome = trials.at(1e7).unwrap();
    assert_eq!(trials.missed(&outcome), Some(Limit::Backlog));
    assert_eq!(outcome.quantile(0.5, |_| true), None);
    let sustained = trials.knee().unwrap().unwrap().sustained.unwrap();
    assert!((900.0..1_050.0).contains(&sustained), "{sustained}");
    assert!(began.elapsed().as_secs() < 30, "{:?}", began.elapsed());
}

#[test]
fn use_excludes_warm_up_and_drain() {
    let system = service(1, Routing::Random, 5.0);
    let settings = Settings {
        warm_up_s: 2.0,
        counted_s: 10.0,
        seed: 1,
        in_flight_max: 100,
    };
    let of = |times: &[f64]| {
        let arrivals = times.iter().map(|at_s| Request {
            at_s: *at_s,
            path: 0,
            key: 0,
        });
        let whole = Sample::whole(&system);
        simulate(&system, &whole, 1.0, arrivals, settings).tiers[0].mean
    };
    // From 11 s to 16 s: one of the ten seconds, although the answer is awaited.
    assert!((of(&[11.0]) - 0.1).abs() < 1e-9, "{}", of(&[11.0]));
    // From 1 s to 6 s: four of them.
    assert!((of(&[1.0]) - 0.4).abs() < 1e-9, "{}", of(&[1.0]));
    assert_eq!(of(&[]), 0.0);
}
