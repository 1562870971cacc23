use proptest::prelude::*;
use rand::SeedableRng as _;
use rand::seq::SliceRandom as _;
use rand_distr::{Distribution as _, Normal};
use rand_pcg::Pcg64;

use super::super::component::{ComponentKind, LeftOut};
use super::super::schedule::{Setting, schedule};
use super::super::window::Window;
use super::*;
use crate::Confidence;
use crate::diagnosis::{NextStep, Resource};

/// Rate above the knee, per second.
const RATE: f64 = 900.0;

fn components() -> Vec<Component> {
    let of = |name: &str, kind, parts: &[&str]| Component {
        name: name.to_owned(),
        kind,
        parts: parts.iter().map(|part| (*part).to_owned()).collect(),
        call_us: Some(100.0),
    };
    vec![
        of("cpu", ComponentKind::Cpu, &["cpu", "sched"]),
        of("serialize", ComponentKind::Cpu, &["serialize"]),
        of("store.list", ComponentKind::Wait, &["pool", "sql"]),
        of("store.write", ComponentKind::Wait, &["queue", "commit"]),
        Component::of_boxes("sql"),
    ]
}

fn bottleneck(resource: Resource, place: Option<&str>, short_box: Option<&str>) -> Bottleneck {
    Bottleneck {
        resource,
        title: "A title".to_owned(),
        place: place.map(str::to_owned),
        part: None,
        short_box: short_box.map(str::to_owned),
        evidence: Vec::new(),
        confidence: Confidence::High,
        expected_gain: None,
        next_step: NextStep::of(resource, None),
    }
}

/// Windows of a closed loop over stations, of which each component uses one. `demands` has the share of the slowest station's time that the
/// station of a component takes, and the share of the component in it.
fn windows(demands: &[(f64, f64)], noise: f64, seed: u64) -> Windows {
    let mut stream = Pcg64::seed_from_u64(seed);
    let spread = Normal::new(0.0, noise).unwrap();
    let names = components();
    let mut of = |is_above: bool| {
        let window = |setting: Setting| {
            let (component, slowdown) = match setting {
                Setting::Unslowed => (None, 0.0),
                Setting::Slowed(index, slowdown) => (Some(index), slowdown),
            };
            let added = component.map_or(0.0, |index| {
                let (station, share): (f64, f64) = demands[index];
                // The slowest station sets the pace.
                (station * (1.0 + share * slowdown) - 1.0).max(0.0)
            });
            let error = 1.0 + spread.sample(&mut stream);
            Window {
                component: component.map(|index| names[index].name.clone()),
                slowdown,
                answered: if is_above {
                    RATE / (1.0 + added)
                } else {
                    RATE / 2.0
                } * error,
                response_ns: Some(5e6 * (1.0 + added) * error),
            }
        };
        schedule(demands.len(), 36, seed)
            .into_iter()
            .map(window)
            .collect()
    };
    Windows {
        below: of(false),
        above: of(true),
    }
}

fn outcome(bottleneck: &Bottleneck, windows: Windows) -> Confirmation {
    confirm(bottleneck, &components(), &[], windows)
}

/// The processor is full; half of its time is serialisation.
const FULL_CPU: [(f64, f64); 5] = [(1.0, 1.0), (1.0, 0.5), (0.4, 1.0), (0.2, 1.0), (0.5, 1.0)];

/// The store's readers are the bottleneck. The box of the database is three quarters full.
const SLOW_READS: [(f64, f64); 5] = [(0.5, 1.0), (0.5, 0.5), (1.0, 1.0), (0.2, 1.0), (0.75, 1.0)];

#[test]
fn confirms_the_named_component() {
    let cpu = bottleneck(Resource::SharedCpu, Some("`render`"), None);
    let found = outcome(&cpu, windows(&FULL_CPU, 0.02, 1));
    assert_eq!(found.outcome, ConfirmationOutcome::Confirmed, "{found:?}");
    assert_eq!(found.named, ["cpu", "serialize"]);
    assert_eq!(found.steepest.as_deref(), Some("cpu"));
    assert!(
        found
            .sentence
            .starts_with("Confirmed: 50.0% more time in `cpu` costs 3")
    );
    let slope = found.sensitivities[0].throughput;
    assert!((slope.value - 1.0).abs() < 0.15, "{slope:?}");
    assert_eq!(found.sensitivities[1].component.name, "serialize");
    let serialize = found.sensitivities[1].throughput.value;
    assert!((serialize - 0.5).abs() < 0.15, "{serialize}");

    let pool = bottleneck(Resource::AtATime, Some("`pool`"), None);
    let found = outcome(&pool, windows(&SLOW_READS, 0.02, 2));
    assert_eq!(found.outcome, ConfirmationOutcome::Confirmed, "{found:?}");
    assert_eq!(found.named, ["store.list"]);
}

#[test]
fn refutes_another_component_and_names_it() {
    let cpu = bottleneck(Resource::Cpu, None, None);
    let found = outcome(&cpu, windows(&SLOW_READS, 0.02, 3));
    assert_eq!(found.outcome, ConfirmationOutcome::Refuted, "{found:?}");
    assert_eq!(found.steepest.as_deref(), Some("store.list"));
    assert!(
        found
            .sentence
            .starts_with("Refuted: 50.0% more time in `store.list`"),
        "{}",
        found.sentence
    );
    let sql = bottleneck(Resource::BoxCpu, None, Some("sql-1"));
    let found = outcome(&sql, windows(&SLOW_READS, 0.02, 4));
    assert_eq!(found.named, ["box sql"]);
    assert_eq!(found.outcome, ConfirmationOutcome::Refuted, "{found:?}");
}

#[test]
fn refutes_a_resource_without_a_component() {
    // Nothing spends CPU time.
    let waits = &components()[2..4];
    let mut measured = windows(&SLOW_READS, 0.02, 10);
    let is_wait = |own: &Window| {
        own.component
            .as_deref()
            .is_none_or(|name| name.starts_with("store"))
    };
    measured.above.retain(is_wait);
    measured.below.retain(is_wait);
    for (resource, expected) in [
        (Resource::SharedCpu, ConfirmationOutcome::Refuted),
        (Resource::OtherProcesses, ConfirmationOutcome::NotDecided),
    ] {
        let found = confirm(
            &bottleneck(resource, None, None),
            waits,
            &[],
            measured.clone(),
        );
        assert_eq!(found.outcome, expected, "{found:?}");
        assert_eq!(found.named, Vec::<String>::new());
        assert_eq!(found.steepest.as_deref(), Some("store.list"));
    }
}

#[test]
fn wait_in_a_function_stays_undecided() {
    let mut lock = bottleneck(Resource::Lock, Some("`Handler.do_GET (pool.py)`"), None);
    let measured = windows(&SLOW_READS, 0.02, 5);
    let found = outcome(&lock, measured.clone());
    assert_eq!(found.outcome, ConfirmationOutcome::NotDecided, "{found:?}");
    assert_eq!(found.named, Vec::<String>::new());
    assert_eq!(found.steepest.as_deref(), Some("store.list"));
    assert!(
        found.sentence.starts_with(
            "Not decided, because the diagnosis does not say in which component the requests wait: 50.0% more time in `store.list` costs 3"
        ),
        "{}",
        found.sentence
    );
    // Another kind of component refutes it.
    let found = outcome(&lock, windows(&FULL_CPU, 0.02, 5));
    assert_eq!(found.outcome, ConfirmationOutcome::Refuted, "{found:?}");

    // `Server-Timing` names the component.
    lock.part = Some("Pool".to_owned());
    let found = outcome(&lock, measured.clone());
    assert_eq!(found.outcome, ConfirmationOutcome::Confirmed, "{found:?}");
    assert_eq!(found.named, ["store.list"]);
    lock.part = Some("commit".to_owned());
    let found = outcome(&lock, measured.clone());
    assert_eq!(found.outcome, ConfirmationOutcome::Refuted, "{found:?}");
    // The place may be the name of a component.
    lock = bottleneck(Resource::Lock, Some("`store.list`"), None);
    let found = outcome(&lock, measured);
    assert_eq!(found.outcome, ConfirmationOutcome::Confirmed, "{found:?}");
}

#[test]
fn left_out_component_is_not_confirmed() {
    let cache = LeftOut {
        component: Component {
            name: "cache".to_owned(),
            kind: ComponentKind::Wait,
            parts: vec!["cache".to_owned()],
            call_us: None,
        },
        reason: "its calls take 250 ms".to_owned(),
    };
    let named = bottleneck(Resource::Network, Some("`cache`"), None);
    let measured = windows(&SLOW_READS, 0.02, 11);
    let found = confirm(&named, &components(), &[cache], measured);
    assert_eq!(found.outcome, ConfirmationOutcome::Refuted, "{found:?}");
    assert_eq!(found.named, ["cache"]);
    assert_eq!(found.left_out, ["cache: its calls take 250 ms"]);
    // A box that can't be slowed further: the CPU of the service may be that of the box.
    let small = LeftOut {
        component: Component::of_boxes("web"),
        reason: "too small".to_owned(),
    };
    let short = bottleneck(Resource::BoxCpu, None, Some("web-1"));
    let of_service = &components()[..4];
    let mut measured = windows(&FULL_CPU, 0.02, 12);
    let is_slowed = |own: &Window| own.component.as_deref() != Some("box sql");
    measured.above.retain(is_slowed);
    let found = confirm(&short, of_service, &[small], measured);
    assert_eq!(found.outcome, ConfirmationOutcome::NotDecided, "{found:?}");
    assert_eq!(found.named, ["box web"]);
    assert_eq!(found.steepest.as_deref(), Some("cpu"));
}

#[test]
fn component_without_answers_is_listed() {
    let cpu = bottleneck(Resource::Cpu, None, None);
    let mut measured = windows(&FULL_CPU, 0.02, 13);
    let is_other = |own: &Window| own.component.as_deref() != Some("store.list");
    measured.above.retain(is_other);
    let found = outcome(&cpu, measured);
    assert_eq!(found.outcome, ConfirmationOutcome::Confirmed, "{found:?}");
    assert_eq!(
        found.left_out,
        ["store.list: too few of its seconds have answers"]
    );
}

#[test]
fn decides_nothing_without_a_steep_slope_or_a_component() {
    let cpu = bottleneck(Resource::Cpu, None, None);
    for windows in [
        windows(&[(0.3, 1.0); 5], 0.02, 6),
        // Noise hides everything.
        windows(&FULL_CPU, 0.8, 7),
        Windows::default(),
    ] {
        let found = outcome(&cpu, windows);
        assert_eq!(found.outcome, ConfirmationOutcome::NotDecided, "{found:?}");
        assert_eq!(found.steepest, None);
        assert!(found.sentence.starts_with("Not decided"));
    }
    let unknown = bottleneck(Resource::Unknown, None, None);
    let found = outcome(&unknown, windows(&SLOW_READS, 0.02, 8));
    assert_eq!(found.outcome, ConfirmationOutcome::NotDecided);
    assert_eq!(found.steepest.as_deref(), Some("store.list"));
    assert!(
        found.sentence.contains("`store.list`"),
        "{}",
        found.sentence
    );
}

#[test]
fn two_bottlenecks_are_not_told_apart() {
    let both = [(1.0, 1.0), (0.2, 1.0), (1.0, 1.0), (0.2, 1.0), (0.2, 1.0)];
    let cpu = bottleneck(Resource::Cpu, None, None);
    let found = outcome(&cpu, windows(&both, 0.05, 9));
    assert_eq!(found.outcome, ConfirmationOutcome::NotDecided, "{found:?}");
}

/// Of 400 experiments with 10% noise, hardly one decides wrongly, and nearly all decide.
#[test]
fn wrong_decisions_are_rare() {
    let (cpu, reads) = (
        bottleneck(Resource::Cpu, None, None),
        bottleneck(Resource::Network, Some("`sql`"), None),
    );
    let (mut right, mut wrong) = (0, 0);
    for seed in 0..100 {
        for (named, demands, expected) in [
            (&cpu, &FULL_CPU, ConfirmationOutcome::Confirmed),
            (&reads, &FULL_CPU, ConfirmationOutcome::Refuted),
            (&reads, &SLOW_READS, ConfirmationOutcome::Confirmed),
            (&cpu, &SLOW_READS, ConfirmationOutcome::Refuted),
        ] {
            match outcome(named, windows(demands, 0.1, seed)).outcome {
                found if found == expected => right += 1,
                ConfirmationOutcome::NotDecided => {}
                _ => wrong += 1,
            }
        }
    }
    assert!(wrong <= 2, "{wrong}");
    assert!(right >= 300, "{right}");
}

proptest! {
    #[test]
    fn order_and_units_do_not_matter(
        seed in any::<u64>(),
        scale in 0.001..1_000.0_f64,
        demands in proptest::array::uniform5((0.2..=1.0_f64, 0.2..=1.0_f64)),
    ) {
        let cpu = bottleneck(Resource::Cpu, None, None);
        let plain = windows(&demands, 0.05, seed);
        let found = outcome(&cpu, plain.clone());
        let mut stream = Pcg64::seed_from_u64(seed);
        let mut shuffled = plain.clone();
        shuffled.above.shuffle(&mut stream);
        shuffled.below.shuffle(&mut stream);
        let again = outcome(&cpu, shuffled);
        prop_assert_eq!(again.outcome, found.outcome);
        prop_assert_eq!(&again.sensitivities, &found.sensitivities);
        let mut scaled = plain;
        for window in scaled.above.iter_mut().chain(&mut scaled.below) {
            window.answered *= scale;
            window.response_ns = window.response_ns.map(|ns| ns * scale);
        }
        let scaled = outcome(&cpu, scaled);
        prop_assert_eq!(scaled.outcome, found.outcome);
        prop_assert_eq!(scaled.sentence, found.sentence);
    }
}
