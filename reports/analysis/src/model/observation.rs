//! CPU time of requests, from a run at a constant rate.

use tenfold_run_dir::Run;

use crate::summary::Summary;

/// Name of a service that is not in boxes.
pub(super) const SERVICE: &str = "service";

/// CPU time of requests, from a run at a constant rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Observation {
    /// Offered rate of the counted phases, per second.
    pub rate: f64,
    /// Requests that were completed while the CPU time was measured.
    pub requests: f64,
    /// Response time at p99 of the counted phases, in nanoseconds. `None` with too few samples.
    pub p99_ns: Option<u64>,
    /// The 95% interval of that.
    pub p99_interval_ns: Option<[f64; 2]>,
    /// CPU of each box.
    pub boxes: Vec<BoxSample>,
    /// CPU time of the generator for a request, in seconds.
    pub generator_s: f64,
    /// Processors of the machine. `None` if the service did not run on the generator's machine.
    pub machine_cores: Option<f64>,
    /// True if the run has only the CPU time from before the first request to after the last, warm-up included.
    pub has_warm_up: bool,
}

/// CPU that a box used in a run.
#[derive(Debug, Clone, PartialEq)]
pub struct BoxSample {
    /// Name of the box.
    pub name: String,
    /// CPU time in the counted phases, in seconds. With [`Observation::has_warm_up`], from before the first request to after the last.
    pub cpu_s: f64,
}

impl Observation {
    /// Reads a run. The CPU time of a request is that of the counted phases: in the warm-up, connections open, and the rate is lower, at which a
    /// request costs more.
    pub fn of(run: &Run, summary: &Summary) -> Self {
        let measured = counted_boxes(run).or_else(|| counted_process(run));
        let has_warm_up = measured.is_none();
        let Measured {
            requests,
            boxes,
            generator_s,
        } = measured.unwrap_or_else(|| whole(run, summary));
        let response = &summary.latency_ns.response;
        Self {
            rate: summary.rate_per_s.offered,
            requests,
            p99_ns: response.p99,
            p99_interval_ns: response
                .interval_95
                .p99
                .map(|interval| interval.map(|ns| ns as f64)),
            boxes,
            generator_s,
            machine_cores: (run.manifest.shared_host == Some(true))
                .then_some(run.manifest.host.cores as f64),
            has_warm_up,
        }
    }
}

/// CPU time, and the requests that it was used for.
struct Measured {
    requests: f64,
    boxes: Vec<BoxSample>,
    generator_s: f64,
}

/// Reads the CPU time of boxes in the counted phases. `None` without boxes, or if a box lacks it.
fn counted_boxes(run: &Run) -> Option<Measured> {
    let counted = run
        .boxes
        .iter()
        .map(|own| own.counted.map(|cpu| (own, cpu)));
    let counted: Vec<_> = counted.collect::<Option<_>>()?;
    // All were read at the same times.
    let (_, first) = counted.first()?;
    let boxes = counted.iter().map(|(own, cpu)| BoxSample {
        name: own.name.clone(),
        cpu_s: cpu.cpu_s,
    });
    measured(run, [first.from_ns, first.to_ns], boxes.collect())
}

/// Reads the CPU time of the service's process in the counted phases. `None` if the run has boxes, or was not sampled then.
fn counted_process(run: &Run) -> Option<Measured> {
    if !run.boxes.is_empty() {
        return None;
    }
    let phases = || run.manifest.phases.iter().filter(|phase| !phase.warm_up);
    let from = phases().map(|phase| phase.start_ns).min()?;
    let to = phases().map(|phase| phase.end_ns()).max()?;
    let sampled = || {
        let samples = run.host.samples.iter();
        samples.filter(|own| own.target_cpu_ns.is_some())
    };
    let span = [
        from.max(
            sampled()
                .map(|own| own.at_ns.saturating_sub(own.duration_ns))
                .min()?,
        ),
        to.min(sampled().map(|own| own.at_ns).max()?),
    ];
    let cpu_ns: f64 = sampled()
        .map(|own| {
            let begin = own.at_ns.saturating_sub(own.duration_ns);
            own.target_cpu_ns.unwrap_or(0) as f64 * share_within(begin, own.duration_ns, span)
        })
        .sum();
    let service = BoxSample {
        name: SERVICE.to_owned(),
        cpu_s: cpu_ns / 1e9,
    };
    measured(run, span, vec![service])
}

/// Adds the requests and the generator of a span of time. `None` without requests.
fn measured(run: &Run, span: [u64; 2], boxes: Vec<BoxSample>) -> Option<Measured> {
    let (mut requests, mut sent, mut generator_ns) = (0.0, 0.0, 0.0);
    for row in &run.timeline.rows {
        let share = share_within(row.start_ns, row.duration_ns, span);
        requests += share * (row.reads + row.writes) as f64;
        sent += share * row.sent as f64;
        generator_ns += share * row.generator_cpu_ns as f64;
    }
    (requests > 0.0).then(|| Measured {
        requests,
        boxes,
        generator_s: if sent > 0.0 {
            generator_ns / 1e9 / sent
        } else {
            0.0
        },
    })
}

/// Returns the share of a stretch of time that is within a span, from 0 to 1.
fn share_within(start_ns: u64, duration_ns: u64, [from, to]: [u64; 2]) -> f64 {
    let end = start_ns.saturating_add(duration_ns).min(to);
    let within = end.saturating_sub(start_ns.max(from));
    within as f64 / duration_ns.max(1) as f64
}

/// Reads the CPU time of a whole run, for runs without that of the counted phases.
fn whole(run: &Run, summary: &Summary) -> Measured {
    let counts = run.counts.phases.iter().flatten();
    let requests: u64 = counts.map(|counts| counts.completed).sum();
    let boxes = run.boxes.iter().map(|own| BoxSample {
        name: own.name.clone(),
        cpu_s: own.cpu_s,
    });
    Measured {
        requests: requests as f64,
        boxes: boxes.collect(),
        generator_s: summary.generator.cpu_us_per_request.unwrap_or(0.0) / 1e6,
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::box_use::{BoxUse, CountedCpu};

    use super::*;
    use crate::summarise;
    use crate::synthetic::{MadeUp, Traffic};

    /// A run of 2 s of warm-up and 10 s counted, at 100/s. Each request takes 2 ms of CPU; in the warm-up, three times as much.
    fn run() -> Run {
        let made_up = MadeUp {
            traffic: Traffic {
                per_second: 100.0,
                peak_per_second: 100.0,
                warm_up_s: 2,
                counted_s: 10,
                even: true,
            },
            workers: Some(2),
            work_ns: 2_000_000,
            write_factor: 1.0,
            work_sigma: 0.0,
            cpu_share: 1.0,
            ..MadeUp::default()
        };
        let mut run = made_up.play();
        for sample in &mut run.host.samples {
            if sample.at_ns <= 2_000_000_000 {
                sample.target_cpu_ns = sample.target_cpu_ns.map(|ns| 3 * ns);
            }
        }
        run
    }

    fn demand_ms(run: &Run) -> f64 {
        let own = Observation::of(run, &summarise(run));
        own.boxes[0].cpu_s * 1e3 / own.requests
    }

    #[test]
    fn leaves_out_warm_up_of_a_process() {
        let run = run();
        assert!((demand_ms(&run) - 2.0).abs() < 0.03, "{}", demand_ms(&run));
        assert!(!Observation::of(&run, &summarise(&run)).has_warm_up);
    }

    #[test]
    fn leaves_out_warm_up_of_boxes_unless_the_run_is_old() {
        let mut run = run();
        run.boxes = vec![BoxUse {
            name: "web".to_owned(),
            over_s: 13.0,
            // 200 requests of 6 ms, 1,000 of 2 ms.
            cpu_s: 3.2,
            held_back: None,
            memory_bytes: 1,
            counted: Some(CountedCpu {
                from_ns: 2_000_000_000,
                to_ns: 12_000_000_000,
                cpu_s: 2.0,
            }),
        }];
        assert!((demand_ms(&run) - 2.0).abs() < 0.03, "{}", demand_ms(&run));
        // Read late: a second and its requests are missing.
        run.boxes[0].counted = Some(CountedCpu {
            from_ns: 3_000_000_000,
            to_ns: 12_000_000_000,
            cpu_s: 1.8,
        });
        assert!((demand_ms(&run) - 2.0).abs() < 0.03, "{}", demand_ms(&run));
        // A run of an earlier version has only the whole.
        run.boxes[0].counted = None;
        assert!(demand_ms(&run) > 2.5, "{}", demand_ms(&run));
        assert!(Observation::of(&run, &summarise(&run)).has_warm_up);
    }
}
