//! The diagnosis of synthetic services, each with a planted bottleneck, from three loads.

#![expect(clippy::unwrap_used, reason = "helpers of tests fail by panicking")]

use std::time::Duration;

use tenfold_analysis::diagnosis::{Bottleneck, Diagnosis, Experiments, Resource, diagnose};
use tenfold_analysis::knee::{Answer, End, Goal, Outcome, SearchReport, Trial, TrialFigures};
use tenfold_analysis::synthetic::{MadeUp, Traffic};
use tenfold_analysis::{Confidence, summarise};
use tenfold_run_dir::component_use::{ComponentFigures, ComponentUse, DatabaseUse, StatementUse};
use tenfold_run_dir::off_cpu::{Idleness, OffCpuMethod, WaitKind, WaitSum};
use tenfold_run_dir::{Flamegraph, OffCpuInfo, OffCpuProfile, Run};

/// A service with a planted bottleneck.
struct Planted {
    service: MadeUp,
    /// Highest rate that it sustains, per second.
    knee: f64,
    /// CPU time of a request, in seconds.
    cpu_s: f64,
    /// Completes the run above the knee.
    above: fn(&mut Run),
}

impl Planted {
    /// A service of `workers` workers, 10 ms a request, that computes for `cpu_s` of it.
    fn workers(workers: usize, cpu_s: f64) -> Self {
        Self {
            service: MadeUp {
                workers: Some(workers),
                work_ns: 10_000_000,
                write_factor: 1.0,
                work_sigma: 0.0,
                rules: Vec::new(),
                ..MadeUp::default()
            },
            knee: workers as f64 * 100.0,
            cpu_s,
            above: |_| {},
        }
    }

    fn at(&self, rate: f64) -> Run {
        let mut run = MadeUp {
            traffic: Traffic {
                per_second: rate,
                peak_per_second: rate,
                warm_up_s: 1,
                counted_s: 12,
                even: false,
            },
            ..self.service.clone()
        }
        .play();
        let used = rate.min(self.knee) * self.cpu_s;
        for sample in &mut run.host.samples {
            sample.target_cpu_ns = Some((used * sample.duration_ns as f64) as u64);
            sample.host_cores_used = Some(used + 0.1);
        }
        for row in &mut run.timeline.rows {
            row.generator_cpu_ns = row.duration_ns / 10;
        }
        run
    }

    fn diagnose(&self) -> Diagnosis {
        let [low, near, mut above] = [0.3, 0.9, 1.25].map(|share| self.at(self.knee * share));
        (self.above)(&mut above);
        let summaries = [&low, &near, &above].map(summarise);
        diagnose(
            &answer(End::Confirmed, Some(self.knee * 1.02)),
            &Experiments {
                low: (&low, &summaries[0]),
                near: (&near, &summaries[1]),
                above: (&above, &summaries[2]),
            },
        )
    }

    fn first(&self) -> Bottleneck {
        self.diagnose().bottlenecks.remove(0)
    }
}

fn answer(end: End, failed: Option<f64>) -> Answer {
    Answer {
        sustained: failed.map(|failed| failed * 0.96),
        failed,
        passes: 2,
        failures: 2,
        end,
        hysteresis: None,
        trials: Vec::new(),
    }
}

/// Adds a database in which 3 statements run at a time, most of them the same one, which reads `rows` rows.
fn slow_database(run: &mut Run, rows: u64) {
    let statements = vec![StatementUse {
        text: "SELECT text FROM post WHERE author = ?".to_owned(),
        count: 100,
        time_s: 30.0,
        rows_examined: 100 * rows,
        rows_sent: 100,
        ..StatementUse::default()
    }];
    run.components = vec![ComponentUse {
        name: "sql".to_owned(),
        over_s: 12.0,
        gaps: Vec::new(),
        figures: Some(ComponentFigures::Database(DatabaseUse {
            statements_s: Some(36.0),
            statements,
            ..DatabaseUse::default()
        })),
    }];
}

/// Adds a profile in which 60% of the CPU time is in one function.
fn hot_template(run: &mut Run) {
    let stacks =
        "web;main;app::serve;app::render;template::fill 600\nweb;main;app::serve;app::read 400\n";
    run.flamegraph = Some(Flamegraph::Stacks(stacks.parse().unwrap()));
}

/// Adds a profile in which 40 threads wait for a lock, and 4 that hold it wait for the network.
fn lock_before_a_peer(run: &mut Run) {
    let second = 1_000_000_000;
    let wait = |kind, threads: u64| WaitSum {
        kind,
        idleness: Idleness::Blocked,
        waits: 1_000,
        ns: threads * 10 * second,
    };
    let stacks = "web;app::serve;app::take_connection;futex_wait;[blocked: lock] 400000000000\n\
                  web;app::serve;db::query;recv;[blocked: network] 40000000000\n\
                  web;epoll_wait;[idle: events] 900000000000\n";
    run.off_cpu = Some(OffCpuProfile {
        info: OffCpuInfo {
            source: "process 1 (web)".to_owned(),
            method: OffCpuMethod::PerfEvents,
            threads: 50,
            start_ns: 0,
            duration_ns: 10 * second,
            captured: 2_000,
            expected: 2_000,
            lost: 0,
            run_queue_ns: None,
            waits: vec![wait(WaitKind::Lock, 40), wait(WaitKind::Network, 4)],
            limits: Vec::new(),
        },
        stacks: stacks.parse().unwrap(),
    });
}

#[test]
fn full_processors_are_named_with_the_hot_function() {
    // 18 workers of 10 ms would do 1,800/s, but each request computes for 1 ms, and the generator needs a tenth.
    let planted = Planted {
        knee: 1_900.0,
        above: hot_template,
        ..Planted::workers(19, 0.001)
    };
    let first = planted.first();
    assert!(
        matches!(first.resource, Resource::Cpu | Resource::SharedCpu),
        "{first:#?}"
    );
    assert!(
        first.title.contains("60.0% of it in `template::fill`"),
        "{first:#?}"
    );
    assert_eq!(first.place.as_deref(), Some("`template::fill`"));
    assert_eq!(first.confidence, Confidence::High);
    let gain = first.expected_gain.unwrap();
    // Half of 60%: 1 / 0.7.
    assert!(gain.factor[0] > 1.2 && gain.factor[1] < 1.55, "{gain:?}");
}

#[test]
fn one_busy_core_of_two_is_one_thread() {
    // A pool whose requests need one core together looks the same without a profile.
    let planted = Planted::workers(1, 0.01);
    let first = planted.first();
    assert_eq!(first.resource, Resource::OneThread, "{first:#?}");
    assert_eq!(first.confidence, Confidence::Medium, "{first:#?}");
    let first = Planted {
        above: hot_template,
        ..planted
    }
    .first();
    assert_eq!(first.confidence, Confidence::High, "{first:#?}");
}

#[test]
fn idle_processors_mean_a_limit_of_requests_at_a_time() {
    let first = Planted::workers(4, 0.000_5).first();
    assert_eq!(first.resource, Resource::AtATime, "{first:#?}");
    assert!(
        first.title.contains("the service serves about 4 at a time"),
        "{first:#?}"
    );
    let gain = first.expected_gain.unwrap();
    assert!(
        gain.factor[0] == 1.0 && gain.factor[1] > 1.5 && gain.factor[1] <= 2.0,
        "{gain:?}"
    );
}

#[test]
fn profile_of_waits_names_the_lock_and_its_holders() {
    let planted = Planted {
        above: lock_before_a_peer,
        ..Planted::workers(4, 0.000_5)
    };
    let first = planted.first();
    assert_eq!(first.resource, Resource::Lock, "{first:#?}");
    assert_eq!(first.confidence, Confidence::High, "{first:#?}");
    for part in [
        "for a lock, in `app::take_connection`",
        "about 4 hold it at a time, and wait for a peer on the network, in `db::query`",
    ] {
        assert!(first.title.contains(part), "{first:#?}");
    }
}

#[test]
fn statement_without_index_is_named() {
    let first = Planted {
        above: |run| slow_database(run, 20_000),
        ..Planted::workers(4, 0.000_5)
    }
    .first();
    assert_eq!(first.resource, Resource::Network);
    assert_eq!(
        first.title,
        "A statement in `sql` reads 20,000 rows for each one that it needs: `SELECT text FROM post WHERE author = ?`"
    );
    assert_eq!(first.confidence, Confidence::High);
    assert!(first.next_step.text.contains("Add an index"), "{first:?}");
}

#[test]
fn limit_of_requests_outweighs_a_frequent_statement() {
    let first = Planted {
        above: |run| slow_database(run, 2),
        ..Planted::workers(4, 0.000_5)
    }
    .first();
    assert_eq!(first.resource, Resource::AtATime);
}

/// A database that is as busy at low load is not what saturates.
#[test]
fn wait_that_does_not_grow_is_no_bottleneck() {
    let planted = Planted::workers(4, 0.000_5);
    let [mut low, near, mut above] = [0.3, 0.9, 1.25].map(|share| planted.at(planted.knee * share));
    slow_database(&mut low, 20_000);
    slow_database(&mut above, 20_000);
    let summaries = [&low, &near, &above].map(summarise);
    let experiments = Experiments {
        low: (&low, &summaries[0]),
        near: (&near, &summaries[1]),
        above: (&above, &summaries[2]),
    };
    let found = diagnose(
        &answer(End::Confirmed, Some(planted.knee * 1.02)),
        &experiments,
    );
    assert_eq!(found.bottlenecks[0].resource, Resource::AtATime);
}

#[test]
fn a_single_slow_request_is_named() {
    let planted = Planted {
        service: MadeUp {
            pool: Some((vec![1], 1)),
            workers: None,
            ..Planted::workers(1, 0.0).service
        },
        knee: 400.0,
        ..Planted::workers(1, 0.000_2)
    };
    let first = planted.first();
    assert!(first.title.starts_with("`read feed` waits"), "{first:#?}");
}

#[test]
fn nothing_is_blamed_if_every_rate_was_sustained() {
    let planted = Planted::workers(4, 0.000_5);
    let runs = [0.1, 0.2, 0.3].map(|share| planted.at(planted.knee * share));
    let summaries = [&runs[0], &runs[1], &runs[2]].map(summarise);
    let experiments = Experiments {
        low: (&runs[0], &summaries[0]),
        near: (&runs[1], &summaries[1]),
        above: (&runs[2], &summaries[2]),
    };
    for (end, resource) in [
        (End::HighestRate, Resource::NotReached),
        (End::Generator, Resource::Generator),
    ] {
        let diagnosis = diagnose(&answer(end, None), &experiments);
        assert_eq!(diagnosis.bottlenecks.len(), 1);
        assert_eq!(diagnosis.bottlenecks[0].resource, resource);
    }
}

#[test]
fn full_host_is_not_called_unsaturated() {
    let planted = Planted::workers(4, 0.000_5);
    let mut runs = [0.1, 0.2, 0.3].map(|share| planted.at(planted.knee * share));
    for sample in &mut runs[2].host.samples {
        sample.host_cores_used = Some(1.98);
    }
    let summaries = [&runs[0], &runs[1], &runs[2]].map(summarise);
    let experiments = Experiments {
        low: (&runs[0], &summaries[0]),
        near: (&runs[1], &summaries[1]),
        above: (&runs[2], &summaries[2]),
    };
    let diagnosis = diagnose(&answer(End::HighestRate, None), &experiments);
    let first = &diagnosis.bottlenecks[0];
    assert!(
        first.title.contains("its host had no CPU to spare"),
        "{first:#?}"
    );
    assert_eq!(first.confidence, Confidence::Medium);
}

#[test]
fn generator_that_was_the_limit_says_why() {
    let figures = |finding: Option<&str>| TrialFigures {
        finding: finding.map(str::to_owned),
        ..TrialFigures::of(&summarise(&MadeUp::default().play()), None)
    };
    let trial = |rate, outcome| Trial {
        rate,
        duration: Duration::from_secs(3),
        after_overload: false,
        outcome,
    };
    let mut answer = answer(End::Generator, None);
    answer.trials = vec![
        trial(40.0, Outcome::Sustained),
        trial(80.0, Outcome::NotMeasured),
    ];
    let few = "Too few users: 4 users sent 70/s of 80/s offered";
    let search = SearchReport::new(
        ("scenario", "http://127.0.0.1:1"),
        Vec::new(),
        Goal::quick(),
        answer,
        vec![
            ("trial-01".into(), figures(None)),
            ("trial-02".into(), figures(Some(few))),
        ],
    );
    let diagnosis = Diagnosis::without_knee(&search);
    let [first] = &diagnosis.bottlenecks[..] else {
        panic!("{diagnosis:#?}")
    };
    assert_eq!(first.resource, Resource::Generator);
    assert!(first.evidence[0].ends_with(few), "{first:#?}");
}

#[test]
fn evidence_without_counters_is_of_low_confidence() {
    let planted = Planted {
        above: |run| run.host.samples.clear(),
        ..Planted::workers(4, 0.000_5)
    };
    let first = planted.first();
    assert_eq!(first.confidence, Confidence::Low, "{first:#?}");
}
