//! Knees of two builds, searched in turns.

use tenfold_analysis::knee::{Goal, KneeChange, KneeVerdict, Search};
use tenfold_analysis::synthetic::queue::{self, Queue, ServiceTime};

use super::PAUSE;

/// Verdicts on a candidate whose service times are `slower` times as long, by seed. Returns the number of changes whose interval holds the truth
/// as well.
fn verdicts(service: fn(f64) -> ServiceTime, slower: f64, seeds: u64) -> (Vec<KneeVerdict>, u64) {
    let of = |seconds| Queue {
        servers: 8,
        service: service(seconds),
        limit_p99_s: 0.5,
        ..Queue::default()
    };
    let queues = [of(0.005), of(0.005 * slower)];
    let mut held = 0;
    let verdicts = (0..seeds).map(|seed| {
        let mut stream = queue::stream(seed);
        let mut searches = [(); 2].map(|()| Search::new(Goal::thorough(), 400.0, 1e6));
        loop {
            let mut goes_on = false;
            for (search, queue) in searches.iter_mut().zip(&queues) {
                if let Some(attempt) = search.next() {
                    let outcome = queue.trial(attempt.rate, attempt.duration, &mut stream);
                    search.record(outcome, attempt.duration + PAUSE);
                    goes_on = true;
                }
            }
            if !goes_on {
                break;
            }
        }
        let [baseline, candidate] = &searches;
        let change = KneeChange::between(baseline, candidate);
        let truth = 1.0 / slower - 1.0;
        held += u64::from(
            change.is_some_and(|own| own.interval[0] <= truth && truth <= own.interval[1]),
        );
        KneeVerdict::of(change, &baseline.answer(), &candidate.answer(), 0.1)
    });
    (verdicts.collect(), held)
}

fn count(verdicts: &[KneeVerdict], of: KneeVerdict) -> usize {
    verdicts.iter().filter(|own| **own == of).count()
}

#[test]
fn equal_builds_are_hardly_ever_called_different() {
    for service in [ServiceTime::Fixed, ServiceTime::Exponential] {
        let (verdicts, held) = verdicts(service, 1.0, 12);
        assert!(held >= 11, "{held}");
        assert_eq!(count(&verdicts, KneeVerdict::Less), 0, "{verdicts:?}");
        assert!(count(&verdicts, KneeVerdict::NotLess) >= 11, "{verdicts:?}");
    }
}

#[test]
fn a_candidate_that_sustains_a_tenth_less_is_found() {
    for service in [ServiceTime::Fixed, ServiceTime::Exponential] {
        let (verdicts, held) = verdicts(service, 1.0 / 0.9, 12);
        assert!(held >= 11, "{held}");
        assert!(count(&verdicts, KneeVerdict::Less) >= 11, "{verdicts:?}");
    }
}
