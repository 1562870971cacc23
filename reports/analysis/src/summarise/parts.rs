//! The generators of a run, each judged alone.

use tenfold_run_dir::manifest::Part;
use tenfold_run_dir::{GeneratorRecord, Run, TargetMetrics};

use super::figures;
use crate::summary::Summary;
use crate::summary::usage::{HostUsage, TargetUsage, generator_cores};
use crate::summary::verdict::{MeasurementVerdict, Verdict};
use crate::summary::window::Window;
use crate::verdict::judge_generator;

/// Returns the records of the generators of a run: of a merged run as its manifest has them, of a run with several generators as
/// their own records show. Empty for a run of one generator.
pub(crate) fn parts(run: &Run) -> Vec<Part> {
    if !run.manifest.merged_from.is_empty() {
        return run.manifest.merged_from.clone();
    }
    let records = run.generators.iter();
    let machines = Machines::of(run);
    let shared = records.map(|record| {
        let alone = alone(run, record);
        let (mut summary, counted, _) = figures(&alone, Vec::new());
        if let Some(usage) = &mut summary.host_usage {
            machines.attribute(usage, record.number);
        }
        let verdict = judge_generator(&alone, &counted, &summary);
        let mut path = format!("generators/{}", record.number);
        if let Some(agent) = run.agents.of_generator(record.number) {
            path.push_str(&format!(" ({})", agent.name));
        }
        part(&alone, &summary, verdict, path)
    });
    shared.collect()
}

/// Returns the record of a generator with this summary and verdict.
pub(crate) fn part(run: &Run, summary: &Summary, verdict: Verdict, path: String) -> Part {
    Part {
        path,
        seed: run.manifest.seed,
        started_at: run.manifest.started_at.clone(),
        host: run.manifest.host.clone(),
        tool: run.manifest.tool.clone(),
        sent: summary.arrivals.sent,
        measurement: match verdict.measurement {
            MeasurementVerdict::Valid => "valid",
            MeasurementVerdict::Suspect => "suspect",
            MeasurementVerdict::Invalid => "invalid",
        }
        .to_owned(),
        reasons: verdict.reasons,
        lag_p99_ns: summary.generator.lag_p99_ns,
        peak_cores_used: summary.generator.peak_cores_used,
        saturated_seconds: summary.generator.saturated_seconds,
        cores_used_by_others: summary
            .host_usage
            .as_ref()
            .and_then(|own| own.cores_used_by_others),
        cores_stolen: summary.host_usage.as_ref().and_then(|own| own.cores_stolen),
        interrupted: run.counts.interrupted.clone(),
    }
}

/// The machines of agents, as far as one run uses them.
struct Machines<'a> {
    run: &'a Run,
    /// Mean cores that each generator used, with its number and its machine.
    generators: Vec<(u32, Option<&'a str>, f64)>,
    /// Mean cores that the service used. `None` if it is not known.
    service: Option<f64>,
}

impl<'a> Machines<'a> {
    fn of(run: &'a Run) -> Self {
        let window = Window::of(run);
        let used = |own: &'a GeneratorRecord| {
            let agent = run.agents.of_generator(own.number);
            let machine = agent.and_then(|agent| agent.machine.as_deref());
            (own.number, machine, generator_cores(&own.timeline, &window))
        };
        Self {
            run,
            generators: run.generators.iter().map(used).collect(),
            service: TargetUsage::of(run, &window).map(|own| own.cores_used),
        }
    }

    /// Attributes the cores that other generators of the run, and the service, used on a generator's machine, which is all that was
    /// used there except by the generator itself.
    fn attribute(&self, usage: &mut HostUsage, number: u32) {
        let own = self.generators.iter().find(|(own, ..)| *own == number);
        let machine = own.and_then(|(_, machine, _)| *machine);
        let is_here = |other: &Option<&str>| machine.is_some() && *other == machine;
        let others = self.generators.iter();
        let others = others.filter(|(own, other, _)| *own != number && is_here(other));
        let mut attributed = others.map(|(.., cores)| cores).sum::<f64>();
        if self.run.manifest.shared_host == Some(true) {
            // A loopback address leads to a service on each machine. Only the service on the controller's machine is measured.
            match self
                .service
                .filter(|_| is_here(&self.run.agents.machine.as_deref()))
            {
                Some(service) => attributed += service,
                None => usage.cores_used_by_others = None,
            }
        }
        if let Some(cores) = &mut usage.cores_used_by_others {
            *cores = (*cores - attributed).max(0.0);
        }
    }
}

/// Returns the run as if one of its generators had been the only one, and had a machine of its own. Without what belongs to the
/// service.
fn alone(run: &Run, record: &GeneratorRecord) -> Run {
    let mut manifest = run.manifest.clone();
    manifest.generators = 1;
    manifest.shared_host = Some(false);
    let agent = run.agents.of_generator(record.number);
    if let Some(host) = agent.and_then(|agent| agent.host.clone()) {
        manifest.host = host;
    }
    Run {
        path: run.path.clone(),
        manifest,
        counts: record.counts.clone(),
        timeline: record.timeline.clone(),
        latencies: record.latencies.clone(),
        generators: Vec::new(),
        agents: Default::default(),
        host: record.host.clone(),
        boxes: Vec::new(),
        balancers: Vec::new(),
        scaling: Default::default(),
        incidents: Vec::new(),
        faults: None,
        components: Vec::new(),
        profile: None,
        flamegraph: None,
        off_cpu: None,
        heap: None,
        metrics: TargetMetrics::default(),
        samples: Vec::new(),
        server_timing: Default::default(),
    }
}

#[cfg(test)]
mod tests {
    use tenfold_run_dir::agents::{Agent, Agents};
    use tenfold_run_dir::host_timeline::HostSample;

    use super::*;
    use crate::summarise;
    use crate::synthetic::{MadeUp, Traffic};

    const SECOND: u64 = 1_000_000_000;

    /// Cores of each machine.
    const CORES: usize = 4;

    /// Cores that each generator uses.
    const OWN: f64 = 0.25;

    /// A run of agents on these machines, each with the cores in use and stolen there.
    fn run_on(machines: &[(&str, f64, f64)]) -> Run {
        let traffic = Traffic {
            per_second: 100.0,
            peak_per_second: 100.0,
            warm_up_s: 1,
            counted_s: 3,
            even: false,
        };
        let mut run = MadeUp {
            traffic,
            ..MadeUp::default()
        }
        .play();
        run.manifest.shared_host = None;
        run.manifest.generators = u32::try_from(machines.len()).unwrap();
        for row in &mut run.timeline.rows {
            row.generator_cpu_ns = (OWN * row.duration_ns as f64) as u64;
        }
        run.agents = Agents {
            machine: Some("controller".to_owned()),
            ..Agents::default()
        };
        for (number, (machine, used, stolen)) in (1..).zip(machines) {
            let mut host = run.manifest.host.clone();
            host.cores = CORES;
            run.agents.agents.push(Agent {
                number,
                name: format!("box{number}"),
                labels: Default::default(),
                host: Some(host),
                machine: Some((*machine).to_owned()),
                clock: None,
                lost: None,
            });
            let samples = (1..=4).map(|second| HostSample {
                at_ns: second * SECOND,
                duration_ns: SECOND,
                host_cores_used: Some(*used),
                host_cores_stolen: Some(*stolen),
                ..HostSample::default()
            });
            run.generators.push(GeneratorRecord {
                number,
                counts: run.counts.clone(),
                timeline: run.timeline.clone(),
                latencies: run.latencies.clone(),
                host: tenfold_run_dir::HostTimeline {
                    samples: samples.collect(),
                    ..Default::default()
                },
            });
        }
        run
    }

    /// Cores of each machine that are attributed to others, in hundredths.
    fn others(run: &Run) -> Vec<Option<i64>> {
        let parts = parts(run).into_iter();
        let hundredths = |cores: f64| (cores * 100.0).round() as i64;
        parts
            .map(|part| part.cores_used_by_others.map(hundredths))
            .collect()
    }

    #[test]
    fn agent_on_a_busy_or_noisy_machine_is_named() {
        let healthy = run_on(&[("a", 0.5, 0.0), ("b", 0.5, 0.0)]);
        assert!(
            parts(&healthy)
                .iter()
                .all(|part| part.measurement == "valid")
        );
        let busy = run_on(&[("a", 0.5, 0.0), ("b", 1.5, 0.0)]);
        assert_eq!(others(&busy), [Some(25), Some(125)]);
        let noisy = run_on(&[("a", 0.5, 0.3), ("b", 0.5, 0.0)]);
        for (run, expected) in [
            (
                busy,
                "agent box2 (generator 2 of 2) is suspect: the host was busy: processes other than generator and service used",
            ),
            (
                noisy,
                "agent box1 (generator 1 of 2) is suspect: the host is noisy: 7.50% of its CPU time",
            ),
        ] {
            let reasons = summarise(&run).verdict.reasons;
            let named = reasons.iter().filter(|own| own.starts_with("agent "));
            let named: Vec<&String> = named.collect();
            assert_eq!(named.len(), 1, "{reasons:?}");
            assert!(named[0].starts_with(expected), "{reasons:?}");
        }
    }

    #[test]
    fn generators_on_one_machine_do_not_disturb_each_other() {
        let run = run_on(&[("a", 0.9, 0.0), ("a", 0.9, 0.0), ("b", 0.9, 0.0)]);
        assert_eq!(others(&run), [Some(40), Some(40), Some(65)]);
    }

    #[test]
    fn local_service_is_not_counted_as_others() {
        let mut run = run_on(&[("controller", 2.0, 0.0), ("b", 2.0, 0.0)]);
        run.manifest.shared_host = Some(true);
        for sample in &mut run.host.samples {
            sample.target_cpu_ns = Some(sample.duration_ns);
        }
        // The use of the other service is not known.
        assert_eq!(others(&run), [Some(75), None]);
        run.manifest.shared_host = None;
        assert_eq!(others(&run), [Some(175), Some(175)]);
    }

    #[test]
    fn controllers_machine_is_not_judged() {
        let mut run = run_on(&[("a", 0.5, 0.0), ("b", 0.5, 0.0)]);
        for sample in &mut run.host.samples {
            sample.host_cores_stolen = Some(1.0);
        }
        let is_noisy = |run: &Run| {
            let reasons = summarise(run).verdict.reasons;
            reasons.iter().any(|own| own.contains("the host is noisy"))
        };
        assert!(!is_noisy(&run));
        for record in &mut run.generators {
            record.host.samples.clear();
        }
        assert!(is_noisy(&run), "agents of earlier versions");
    }
}
