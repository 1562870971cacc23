//! Differences between runs, with their intervals.

#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{Comparison, Direction, Effect, compare};

fn steady(seed: u64, work_ns: u64) -> MadeUp {
    MadeUp {
        seed,
        traffic: Traffic {
            per_second: 400.0,
            peak_per_second: 400.0,
            warm_up_s: 2,
            counted_s: 40,
            even: false,
        },
        workers: Some(4),
        work_ns,
        ..MadeUp::default()
    }
}

fn effect<'a>(comparison: &'a Comparison, name: &str) -> &'a Effect {
    let mut effects = comparison.effects[0].effects.iter();
    effects.find(|effect| effect.name == name).unwrap()
}

#[test]
fn planted_slowdown_is_shown_and_covered() {
    let (fast, slow) = (steady(1, 1_000_000), steady(2, 1_100_000));
    let comparison = compare(&[fast.play(), slow.play()]);
    let run = &comparison.effects[0];
    assert!(
        run.paired && run.intervals == 40 && run.block >= 1,
        "{run:?}"
    );
    for name in ["response p50", "response p90"] {
        let effect = effect(&comparison, name);
        assert_eq!(effect.direction, Direction::Worse, "{effect:?}");
        let [low, high] = effect.interval_95.unwrap();
        let change = effect.change.unwrap();
        assert!((low..=high).contains(&change), "{effect:?}");
    }
    // Work takes 10% longer. The slowest responses have a part that does not grow with it.
    let median = effect(&comparison, "response p50");
    let [low, high] = median.interval_95.unwrap();
    assert!(low < 0.105 && high > 0.095 && high < 0.3, "{median:?}");
    let cpu = effect(&comparison, "service CPU per request");
    assert_eq!(cpu.direction, Direction::Worse, "{cpu:?}");
    assert_eq!(comparison.curves.len(), 2);
}

#[test]
fn equal_runs_rarely_differ() {
    let mut shown = 0;
    for seed in 0..12 {
        let runs = [
            steady(2 * seed + 10, 1_000_000).play(),
            steady(2 * seed + 11, 1_000_000).play(),
        ];
        let comparison = compare(&runs);
        let direction = effect(&comparison, "response p50").direction;
        shown += u32::from(direction != Direction::NotShown);
    }
    // One in twenty is expected. Four of twelve has a probability of 0.2%.
    assert!(shown < 4, "{shown}");
}

#[test]
fn run_equals_itself() {
    let run = steady(3, 1_000_000).play();
    let comparison = compare(&[run.clone(), run]);
    assert!(comparison.differences.is_empty());
    for effect in &comparison.effects[0].effects {
        if let Some(change) = effect.change {
            assert_eq!(change, 0.0, "{effect:?}");
            assert_eq!(effect.direction, Direction::NotShown, "{effect:?}");
        }
    }
    assert!(comparison.effects[0].effects.len() >= 8);
}

#[test]
fn different_loads_are_drawn_by_themselves() {
    let mut other = steady(4, 1_000_000).play();
    other
        .manifest
        .overrides
        .insert("--rate".to_owned(), "400/s".to_owned());
    let comparison = compare(&[steady(3, 1_000_000).play(), other]);
    assert!(!comparison.effects[0].paired);
    let setting = &comparison.differences[0];
    assert_eq!(setting.what, "command-line changes");
    assert!(effect(&comparison, "response p99").interval_95.is_some());
}

#[test]
fn short_runs_have_no_intervals() {
    let short = |seed| {
        let mut run = steady(seed, 1_000_000);
        run.traffic.counted_s = 6;
        run.play()
    };
    let comparison = compare(&[short(1), short(2)]);
    assert_eq!(comparison.effects[0].intervals, 0);
    let effect = effect(&comparison, "response p50");
    assert!(effect.change.is_some() && effect.interval_95.is_none());
    assert_eq!(effect.direction, Direction::Unknown);
    assert!(compare(&[]).effects.is_empty());
    assert!(compare(&[short(1)]).effects.is_empty());
}

#[test]
fn comparison_is_reproducible() {
    let runs = [steady(1, 1_000_000).play(), steady(2, 1_000_000).play()];
    assert_eq!(compare(&runs), compare(&runs));
}
