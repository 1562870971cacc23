//! Keys against theory: chi-square for each popularity, and shares of hot keys against plain sums.

use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

use tenfold_scenarios::Scenario;

fn scenario(seed: u64, count: u64, popularity: &str) -> Scenario {
    let text = format!(
        r#"
version = 1
name = "test"
seed = {seed}
load = {{ arrivals = "even" }}
phases = [{{ name = "a", kind = "constant", rate = "100k/s", duration = "2s" }}]
keys = [{{ name = "posts", count = {count}, first = 5, popularity = {popularity} }}]
requests = [{{ name = "read", kind = "read", path = "/{{key}}", keys = "posts" }}]
"#
    );
    Scenario::parse(&text, Path::new("test.toml")).unwrap_or_else(|error| panic!("{error}"))
}

fn zipf(count: u64, exponent: f64) -> Vec<f64> {
    let weights: Vec<f64> = (1..=count)
        .map(|rank| (rank as f64).powf(-exponent))
        .collect();
    let sum: f64 = weights.iter().rev().sum();
    weights.iter().map(|weight| weight / sum).collect()
}

/// Returns Pearson's statistic as a standard normal (Wilson and Hilferty, 1931). Combines cells with
/// fewer than ten expected.
fn chi_square(counts: &[u64], shares: &[f64]) -> f64 {
    let total = counts.iter().sum::<u64>() as f64;
    let (mut statistic, mut cells) = (0.0, 0.0);
    let (mut seen, mut expected) = (0.0, 0.0);
    let mut left: f64 = shares.iter().sum::<f64>() * total;
    for (count, share) in counts.iter().zip(shares) {
        seen += *count as f64;
        expected += share * total;
        left -= share * total;
        if expected >= 10.0 && left >= 10.0 {
            statistic += (seen - expected).powi(2) / expected;
            cells += 1.0;
            (seen, expected) = (0.0, 0.0);
        }
    }
    if expected > 0.0 {
        statistic += (seen - expected).powi(2) / expected;
        cells += 1.0;
    }
    let freedom: f64 = cells - 1.0;
    ((statistic / freedom).cbrt() - (1.0 - 2.0 / (9.0 * freedom))) / (2.0 / (9.0 * freedom)).sqrt()
}

/// Asserts that the ranks drawn between two times follow `shares`, that each rank has its own key, and
/// that the preview shows the same shares.
fn assert_follows(scenario: &Scenario, from: Duration, to: Duration, shares: &[f64]) {
    let mut counts = vec![0_u64; shares.len()];
    let mut keys: HashMap<u64, u64> = HashMap::new();
    let mut ranks: HashMap<u64, u64> = HashMap::new();
    for arrival in scenario
        .schedule()
        .filter(|arrival| (from..to).contains(&arrival.intended))
    {
        let draw = arrival.draw;
        counts[draw.rank as usize] += 1;
        assert!((5..5 + shares.len() as u64).contains(&draw.key));
        assert_eq!(*keys.entry(draw.rank).or_insert(draw.key), draw.key);
        assert_eq!(*ranks.entry(draw.key).or_insert(draw.rank), draw.rank);
    }
    let z = chi_square(&counts, shares);
    // One in 10,000 samples of the right distribution exceeds 3.72.
    assert!(z < 3.72, "seed {}: z = {z}", scenario.seed);
    for k in [1, 2, 10, shares.len() / 2, shares.len(), shares.len() + 1] {
        let plain: f64 = shares.iter().take(k).sum();
        let shown = scenario.key_spaces[0]
            .share_of_top(k as u64, from)
            .expect("every popularity has computed shares");
        assert!((plain - shown).abs() < 1e-9, "top {k}: {plain} {shown}");
    }
}

const START: Duration = Duration::ZERO;
const END: Duration = Duration::from_secs(2);

#[test]
fn uniform() {
    for seed in 0..4 {
        let scenario = scenario(seed, 1000, r#"{ kind = "uniform" }"#);
        assert_follows(&scenario, START, END, &vec![1.0 / 1000.0; 1000]);
    }
}

#[test]
fn zipfian_of_any_exponent() {
    // Ranks from 1024 on are drawn by another method; 5000 keys cover both.
    for (seed, exponent) in (0..).zip([0.0, 0.4, 0.8, 0.99, 1.0, 1.01, 1.5, 3.0, 8.0]) {
        let scenario = scenario(
            seed,
            5000,
            &format!("{{ kind = \"zipfian\", exponent = {exponent} }}"),
        );
        assert_follows(&scenario, START, END, &zipf(5000, exponent));
    }
}

#[test]
fn hot_set() {
    for seed in 0..4 {
        let scenario = scenario(
            seed,
            1000,
            r#"{ kind = "hot-set", hot = 0.02, share = 0.9 }"#,
        );
        let mut shares = vec![0.9 / 20.0; 20];
        shares.resize(1000, 0.1 / 980.0);
        assert_follows(&scenario, START, END, &shares);
    }
}

#[test]
fn latest_prefers_the_highest_key() {
    let scenario = scenario(1, 1000, r#"{ kind = "latest", exponent = 0.9 }"#);
    assert_follows(&scenario, START, END, &zipf(1000, 0.9));
    assert!(
        scenario
            .schedule()
            .all(|arrival| arrival.draw.key == 5 + 999 - arrival.draw.rank)
    );
}

#[test]
fn flash_crowd_moves_the_hot_set_on_time() {
    for (seed, exponent, share, hot) in [
        (0, 0.99, 0.5, 10),
        (1, 0.99, 0.2, 40),
        (2, 1.2, 0.9, 1),
        (3, 0.5, 0.05, 20),
    ] {
        let count = 1000;
        let popularity = format!(
            "{{ kind = \"flash-crowd\", at = \"1s\", hot = {}, share = {share}, exponent = {exponent} }}",
            hot as f64 / count as f64
        );
        let scenario = scenario(seed, count, &popularity);
        let before = zipf(count, exponent);
        let middle = Duration::from_secs(1);
        assert_follows(&scenario, START, middle, &before);

        let mut after: Vec<f64> = before.iter().map(|each| each * (1.0 - share)).collect();
        for each in &mut after[count as usize - hot..] {
            *each += share / hot as f64;
        }
        after.sort_by(|one, other| other.total_cmp(one));
        assert_follows(&scenario, middle, END, &after);

        // The crowd's hottest key was hardly requested before.
        let mut counts: HashMap<u64, (u64, u64)> = HashMap::new();
        for arrival in scenario.schedule() {
            let count = counts.entry(arrival.draw.key).or_default();
            if arrival.intended < middle {
                count.0 += 1
            } else {
                count.1 += 1
            }
        }
        let grown = counts
            .values()
            .max_by_key(|(before, after)| after.saturating_sub(*before))
            .unwrap();
        assert!(grown.1 > 2 * grown.0, "{grown:?}");
    }
}

#[test]
fn zipfian_shares_match_known_sums() {
    // 100,000 keys with exponent 0.99: the sum of all weights is 12.7783..., the top key 1 / that.
    let shares = zipf(100_000, 0.99);
    let scenario = scenario(1, 100_000, r#"{ kind = "zipfian", exponent = 0.99 }"#);
    assert_follows(&scenario, START, END, &shares);
    assert!((shares[0] - 0.0783).abs() < 1e-4);
}

#[test]
fn seeds_change_the_hot_keys() {
    let hottest = |seed: u64| {
        let scenario = scenario(seed, 100_000, r#"{ kind = "zipfian", exponent = 0.99 }"#);
        scenario
            .schedule()
            .find(|arrival| arrival.draw.rank == 0)
            .map(|arrival| arrival.draw.key)
    };
    assert_ne!(hottest(1), hottest(2));
    assert_eq!(hottest(1), hottest(1));
}
