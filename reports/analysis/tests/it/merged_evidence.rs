//! Checks, journeys and samples of a merged run.

use tenfold_analysis::merge;
use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_run_dir::Run;
use tenfold_run_dir::counts::{CheckCounts, JourneyCounts};
use tenfold_run_dir::sample::Sample;

fn run(seed: u64, at_ns: u64) -> Run {
    let mut run = MadeUp {
        seed,
        traffic: Traffic {
            per_second: 100.0,
            peak_per_second: 100.0,
            warm_up_s: 0,
            counted_s: 2,
            even: true,
        },
        ..MadeUp::default()
    }
    .play();
    let counts = CheckCounts {
        passed: 5,
        failed: 2,
    };
    let first = &mut run.counts.phases[0][0].checks;
    first.insert("has items".to_owned(), counts);
    run.counts.journeys = vec![JourneyCounts {
        name: "browse".to_owned(),
        begun: 10,
        completed: 7,
        failed: 1,
        cut_off: 1,
        unfinished: 1,
        cut_off_because: (seed == 2).then(|| "a loop".to_owned()),
    }];
    run.samples = (0..2)
        .map(|sample| Sample {
            request: "read post".to_owned(),
            at_ns: at_ns + sample,
            ..Sample::default()
        })
        .collect();
    run
}

#[test]
fn counts_add_up_and_first_samples_are_kept() {
    let merged = merge(&[run(1, 500), run(2, 100)]).unwrap();
    let both = CheckCounts {
        passed: 10,
        failed: 4,
    };
    assert_eq!(merged.counts.phases[0][0].checks["has items"], both);
    let journey = &merged.counts.journeys[0];
    assert_eq!(
        (journey.begun, journey.completed, journey.failed),
        (20, 14, 2)
    );
    assert_eq!((journey.cut_off, journey.unfinished), (2, 2));
    assert_eq!(journey.cut_off_because.as_deref(), Some("a loop"));
    let at: Vec<u64> = merged.samples.iter().map(|sample| sample.at_ns).collect();
    assert_eq!(at, [100, 101, 500]);
}
