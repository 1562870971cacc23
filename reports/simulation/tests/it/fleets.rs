//! Samples of fleets against whole ones, and fleets of any size.

use std::path::Path as FilePath;

use tenfold_scenarios::Scenario;
use tenfold_simulation::cache::{CacheModel, Misses};
use tenfold_simulation::{
    Demand, Discipline, Outcome, Path, Quota, Request, Routing, Sample, Settings, Step, System,
    Tier, Trials, Visits, arrivals, mix, simulate,
};

/// A read of a post and a write, with Zipfian keys.
fn scenario(rate: &str) -> Scenario {
    let text = format!(
        r#"
version = 1
name = "fleet"
seed = 7
rules = ['p99 < 100ms', 'errors < 1%']

[load]
model = "open"
arrivals = "poisson"

[[phases]]
name = "steady"
kind = "constant"
rate = "{rate}/s"
duration = "3600s"

[[keys]]
name = "posts"
count = 1000000
popularity = {{ kind = "zipfian", exponent = 0.8 }}

[[requests]]
name = "read"
kind = "read"
weight = 100
path = "/{{key}}"
keys = "posts"

[[requests]]
name = "write"
kind = "write"
weight = 1
method = "POST"
path = "/{{key}}"
keys = "posts"
"#
    );
    Scenario::parse(&text, FilePath::new("fleet.toml")).unwrap()
}

fn tier(name: &str, copies: u64, routing: Routing) -> Tier {
    Tier {
        name: name.to_owned(),
        copies,
        cores: 2,
        quota: Some(Quota {
            cpu_s: 0.004,
            period_s: 0.01,
        }),
        discipline: Discipline::FirstComeFirstServed,
        routing,
    }
}

/// A fleet: balancers, application servers, and shards behind a cache.
fn fleet(scale: u64, misses: &Misses) -> System {
    let step = |tier, demand| Step::to(tier, Demand::Exponential(demand));
    let cached = Step {
        visits: Visits::Misses(misses.clone()),
        ..step(2, 0.000_6)
    };
    System {
        tiers: vec![
            tier("balancer", 2 * scale, Routing::Random),
            tier("app", 8 * scale, Routing::Random),
            tier("shard", 4 * scale, Routing::Key),
        ],
        paths: vec![
            Path::of(vec![step(0, 0.000_1), step(1, 0.000_5), cached]),
            Path::of(vec![step(0, 0.000_1), step(1, 0.000_8), step(2, 0.002)]),
        ],
        hop_s: 0.000_1,
    }
}

fn misses(rate: f64) -> Misses {
    let model = CacheModel {
        ttl_s: f64::INFINITY,
        room: 20_000.0,
    };
    Misses::of(&scenario("1").key_spaces[0], rate, model)
}

fn simulated(system: &System, factor: f64, rate: f64) -> Outcome {
    let small = scenario(&format!("{}", rate / factor));
    let sample = Sample::of(system, &small, factor);
    let settings = Settings {
        warm_up_s: 2.0,
        counted_s: 10.0,
        seed: 3,
        in_flight_max: 1_000_000,
    };
    simulate(system, &sample, rate, arrivals(&small), settings)
}

fn close(name: &str, one: f64, other: f64, tolerance: f64) {
    assert!(
        (one / other - 1.0).abs() < tolerance,
        "{name}: sample {one}, whole {other}"
    );
}

#[test]
fn a_sample_has_the_response_times_and_loads_of_the_whole_fleet() {
    // 112 servers and 16,000/s; the sample has a sixteenth of the requests.
    let rate = 16_000.0;
    let system = fleet(8, &misses(rate));
    let whole = simulated(&system, 1.0, rate);
    for factor in [4.0, 16.0] {
        let sample = simulated(&system, factor, rate);
        let small = sample.planned as f64 * factor;
        close("requests", small, whole.planned as f64, 0.02);
        for quantile in [0.5, 0.9, 0.99] {
            let figure = |own: &Outcome| own.quantile(quantile, |_| true).unwrap();
            close("quantile", figure(&sample), figure(&whole), 0.08);
        }
        for (own, other) in sample.tiers.iter().zip(&whole.tiers) {
            close("mean use", own.mean, other.mean, 0.03);
            close("busiest", own.busiest, other.busiest, 0.08);
        }
    }
}

#[test]
fn a_hot_shard_breaks_a_fleet_and_its_sample() {
    // Without a cache, the most popular key makes its shard the busiest by far.
    let mut system = fleet(8, &misses(1.0));
    system.paths[0].steps[2].visits = Visits::All;
    let rate = 9_000.0;
    let (sample, whole) = (simulated(&system, 8.0, rate), simulated(&system, 1.0, rate));
    let shard = |own: &Outcome| (own.tiers[2].mean, own.tiers[2].busiest);
    let ((mean, busiest), (whole_mean, whole_busiest)) = (shard(&sample), shard(&whole));
    assert!(
        whole_busiest > 1.3 * whole_mean,
        "{whole_busiest}, {whole_mean}"
    );
    close("mean", mean, whole_mean, 0.05);
    close("busiest", busiest, whole_busiest, 0.05);
}

#[test]
fn misses_of_a_cache_are_those_of_its_items() {
    // Without groups of ranks: the sum over a million items.
    let (rate, room) = (1_000.0, 20_000.0);
    let items = tenfold_simulation::cache::zipfian(1_000_000, 0.8, rate);
    let model = CacheModel {
        ttl_s: f64::INFINITY,
        room,
    };
    let exact = 1.0 - tenfold_simulation::cache::hit_rate(&items, model);
    let grouped = misses(rate);
    close("misses", grouped.share(), exact, 0.01);
    assert!(grouped.probability(0) < 1e-6);
    assert!(grouped.probability(999_999) > 0.9);
    assert_eq!(grouped.probability(u64::MAX), 1.0);
}

#[test]
fn key_spaces_share_a_cache_by_what_is_requested() {
    let model = CacheModel {
        ttl_s: f64::INFINITY,
        room: 20_000.0,
    };
    let keys = &scenario("1").key_spaces[0];
    // Nine of ten requests are for the first space.
    let shared = Misses::shared(&[(keys, 900.0), (keys, 100.0)], model);
    // Exact, by the items of both.
    let items = |all: f64| tenfold_simulation::cache::zipfian(1_000_000, 0.8, all);
    let both = [items(900.0), items(100.0)].concat();
    let exact = 1.0 - tenfold_simulation::cache::hit_rate(&both, model);
    let found = 0.9 * shared[0].share() + 0.1 * shared[1].share();
    close("misses of both", found, exact, 0.01);
    // Its items are requested more often, so they stay.
    let [often, seldom] = [0, 1].map(|own: usize| shared[own].share());
    assert!(seldom > 1.1 * often, "{often} {seldom}");
    let alone = Misses::of(keys, 1_000.0, model);
    let one = Misses::shared(&[(keys, 1_000.0)], model);
    assert_eq!(one, [alone]);
}

#[test]
fn requests_are_those_of_the_schedule() {
    let scenario = scenario("100");
    let own: Vec<Request> = arrivals(&scenario).collect();
    let planned: Vec<_> = scenario.schedule().collect();
    assert_eq!(own.len(), planned.len());
    for (own, arrival) in own.iter().zip(&planned) {
        assert_eq!(own.at_s, arrival.intended.as_secs_f64());
        assert_eq!(
            (own.path, own.key),
            (arrival.draw.request, arrival.draw.rank)
        );
    }
}

#[test]
fn the_knee_of_a_billion_users_is_found_within_minutes() {
    // 8 million requests a second, over 56,000 servers.
    let rate = 8_000_000.0;
    let system = fleet(4_000, &misses(rate));
    let scenario = scenario("1");
    let began = std::time::Instant::now();
    let trials = Trials::new(&system, &scenario, rate);
    assert!(
        trials.sample().servers() < 2_000,
        "{}",
        trials.sample().servers()
    );
    let knee = trials.knee().unwrap().unwrap();
    let sustained = knee.sustained.unwrap();
    let saturation = system.saturation(&mix(&scenario)).unwrap();
    assert!(
        (0.5 * saturation..saturation).contains(&sustained),
        "{knee:?}, saturation {saturation}"
    );
    // Shards have few keys each: one with several popular ones is full long before the others.
    assert_eq!(knee.busiest.as_deref(), Some("shard"));
    assert!(began.elapsed().as_secs() < 180, "{:?}", began.elapsed());
}
