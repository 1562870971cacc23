//! Synthetic gates from a model of two builds.

use rand::{RngExt, SeedableRng};
use rand_pcg::Pcg64Mcg;

use crate::gate::{
    AnswerDifference, AnswerSeen, Answers, Attempts, Build, Cause, FailureRule, FunctionChange,
    GateOutcome, MemoryGrowth, MemorySample, MemoryUse, Metric, Pair, Plan, ProfileCount,
    RequestAnswers, Role, Round, RoundRecord, Settings, WaitChange, decide,
};

/// A model of two builds under the same load.
#[derive(Debug, Clone, PartialEq)]
pub struct MadeUpGate {
    /// Number of rounds.
    pub rounds: usize,
    /// True effect of the candidate on CPU time, as a ratio minus one.
    pub cpu: f64,
    /// True effect of the candidate on latencies, as a ratio minus one.
    pub latency: f64,
    /// Standard deviation of `d` from round to round.
    pub noise: f64,
    /// Requests per build and round.
    pub sent: u64,
    /// Requests of a round that the candidate fails.
    pub failed: u64,
    /// Memory growth of the candidate, in MiB per minute.
    pub leak_mib_per_min: f64,
    /// Seed of the noise.
    pub seed: u64,
}

impl Default for MadeUpGate {
    fn default() -> Self {
        Self {
            rounds: 28,
            cpu: 0.0,
            latency: 0.0,
            noise: 0.02,
            sent: 500,
            failed: 0,
            leak_mib_per_min: 0.0,
            seed: 1,
        }
    }
}

/// Rounds between two restarts.
const ROUNDS_PER_START: usize = 7;

/// Duration of a round, in seconds.
const ROUND_S: f64 = 2.0;

/// Metrics: name, value of the baseline in nanoseconds, and noise as a multiple of the noise of the model.
const METRICS: [(&str, f64, f64); 4] = [
    ("cpu per request", 81_400.0, 1.0),
    ("mean latency", 412_000.0, 1.3),
    ("p90 latency", 903_000.0, 1.8),
    ("p99 latency", 2_310_000.0, 6.0),
];

impl MadeUpGate {
    /// Simulates the rounds and judges them with the default settings.
    pub fn play(&self) -> GateOutcome {
        let rounds = self.rounds();
        let judged: Vec<Round> = rounds.iter().map(RoundRecord::round).collect();
        let decision = Plan::new(
            Settings::default(),
            METRICS
                .map(|(name, ..)| Metric {
                    role: if name == "p99 latency" {
                        Role::Informs
                    } else {
                        Role::Gated
                    },
                    ..Metric::gated(name, "ns")
                })
                .to_vec(),
            Some(FailureRule::default()),
        )
        .map(|plan| decide(&judged, &plan));
        GateOutcome {
            tool: "tenfold 0.1.0 (0a1b2c3)".to_owned(),
            started_at: "2026-03-01T12:00:00Z".to_owned(),
            elapsed_s: ROUND_S * self.rounds as f64 + 8.4,
            scenario: "feed".to_owned(),
            builds: Pair {
                baseline: build("main", "1a2b3c4"),
                candidate: build("faster-feed", "5d6e7f8"),
            },
            seed: self.seed,
            machine: "2 x Example CPU".to_owned(),
            decision: decision.ok(),
            rounds,
            answers: Some(self.answers(0, 0)),
            memory: Some(Pair {
                baseline: self.memory(0.0),
                candidate: self.memory(self.leak_mib_per_min),
            }),
            ..GateOutcome::default()
        }
        .concluded()
    }

    fn rounds(&self) -> Vec<RoundRecord> {
        let mut rng = Pcg64Mcg::seed_from_u64(self.seed);
        // The sum of twelve uniform numbers minus six is approximately standard normal.
        let mut normal = move || (0..12).map(|_| rng.random::<f64>()).sum::<f64>() - 6.0;
        let shares = self.sent;
        (0..self.rounds)
            .map(|round| {
                let common = 0.05 * normal();
                let metrics = METRICS.map(|(name, value, noise)| {
                    let effect = if name.starts_with("cpu") {
                        self.cpu
                    } else {
                        self.latency
                    };
                    let baseline = value * common.exp();
                    let d = effect.ln_1p() + self.noise * noise * normal();
                    let candidate = baseline * d.exp();
                    let pair = Pair {
                        baseline,
                        candidate,
                    };
                    (name.to_owned(), pair)
                });
                RoundRecord {
                    at_s: 4.2 + ROUND_S * round as f64,
                    seconds: ROUND_S,
                    restarted: round % ROUNDS_PER_START == 0,
                    metrics: metrics.into_iter().collect(),
                    failures: Some(Pair {
                        baseline: Attempts {
                            sent: shares,
                            failed: 0,
                        },
                        candidate: Attempts {
                            sent: shares,
                            failed: self.failed,
                        },
                    }),
                }
            })
            .collect()
    }

    fn memory(&self, mib_per_min: f64) -> MemoryUse {
        let seconds = (self.rounds as f64 * ROUND_S) as u32;
        let life = ROUNDS_PER_START as u32 * ROUND_S as u32;
        let samples = (0..seconds).map(|second| MemorySample {
            at_s: 4.2 + f64::from(second),
            mib: 41.5 + mib_per_min * f64::from(second % life.max(1)) / 60.0,
            start: second / life.max(1),
        });
        MemoryUse {
            samples: samples.collect(),
            growth: Some(MemoryGrowth {
                mib_per_min,
                interval_95: Some([mib_per_min - 0.4, mib_per_min + 0.4]),
                count: self.rounds,
            }),
        }
    }

    /// Returns a comparison of responses with the given numbers of different statuses and bodies.
    pub fn answers(&self, statuses: u64, bodies: u64) -> Answers {
        let compared = self.sent * self.rounds as u64;
        let seen = |status, bytes, excerpt: &str| AnswerSeen {
            status: Some(status),
            bytes: Some(bytes),
            excerpt: excerpt.to_owned(),
        };
        let examples = (statuses > 0).then(|| AnswerDifference {
            sent: "GET /feed?user=17".to_owned(),
            baseline: seen(200, 1_024, r#"{"posts":[{"id":9"#),
            candidate: seen(500, 21, "no such user"),
        });
        Answers {
            compared,
            statuses_differ: statuses,
            bodies_differ: bodies,
            unmatched: 0,
            ignored: vec!["the header `Date`".to_owned()],
            requests: vec![
                RequestAnswers {
                    request: "read feed".to_owned(),
                    compared: compared - compared / 10,
                    statuses_differ: statuses,
                    bodies_differ: bodies,
                    examples: examples.into_iter().collect(),
                },
                RequestAnswers {
                    request: "write post".to_owned(),
                    compared: compared / 10,
                    ..RequestAnswers::default()
                },
            ],
        }
    }

    /// Returns profiles in which one function takes more CPU time.
    pub fn cause(&self) -> Cause {
        let function = |name: &str, samples: [u64; 2]| {
            let share = samples.map(|count| count as f64 / 2_000.0);
            FunctionChange {
                name: name.to_owned(),
                samples: Pair {
                    baseline: samples[0],
                    candidate: samples[1],
                },
                share: Pair {
                    baseline: share[0],
                    candidate: share[1],
                },
                cpu_us_per_request: Some(Pair {
                    baseline: share[0] * 81.4,
                    candidate: share[1] * 81.4 * (1.0 + self.cpu),
                }),
            }
        };
        let count = ProfileCount {
            captured: 2_000,
            expected: Some(2_014.0),
        };
        Cause {
            remarks: vec!["profiling cost 0.4% of the CPU time".to_owned()],
            profiles: Pair {
                baseline: count,
                candidate: count,
            },
            functions: vec![
                function("feed::rank", [212, 391]),
                function("serde_json::ser::format_escaped_str", [301, 288]),
            ],
            waits: vec![WaitChange {
                name: "store.read".to_owned(),
                us_per_request: Pair {
                    baseline: 120.0,
                    candidate: 131.0,
                },
                count: Pair {
                    baseline: 4_000,
                    candidate: 4_000,
                },
            }],
            ..Cause::default()
        }
    }
}

fn build(label: &str, revision: &str) -> Build {
    Build {
        label: label.to_owned(),
        given: label.to_owned(),
        revision: Some(revision.to_owned()),
        command: Some(format!("target/{label}/feed --port 0")),
        starts: 4,
    }
}
