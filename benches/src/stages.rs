//! What each stage of the reference service carries in boxes of one size: the course of its measurement.
//!
//! One stage after the other comes up with its data set; the rate is doubled until an objective is missed, and then
//! narrowed down. What the boxes used is read before and after each step.

mod box_use;
mod che;
mod climb;
mod figures;
mod hit_rate;
mod page;
mod stage_lab;
mod step;

use std::time::Duration;

use anyhow::Context as _;

pub(crate) use climb::Climb;
pub(crate) use figures::{Benchmark, StageFigures, StagesFigures};
pub(crate) use hit_rate::HitRate;
pub(crate) use step::{Step, milliseconds};

use crate::cli::StagesArguments;
use crate::output;
use crate::stages::stage_lab::StageLab;
use crate::workshop::Workshop;
use crate::workshop::interrupt::{Interrupt, Interrupted};
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// The stages that are measured, each with whether its databases are set to make use of their boxes.
const VARIANTS: &[Variant] = &[
    Variant::of("single-box", false),
    Variant::of("separated", false),
    Variant::of("separated", true),
    Variant::of("balanced", false),
    Variant::of("cached", false),
];

/// A stage, and how its databases are set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) stage: &'static str,
    pub(crate) tuned: bool,
}

impl Variant {
    const fn of(stage: &'static str, tuned: bool) -> Self {
        Self { stage, tuned }
    }

    /// As a person reads it.
    pub(crate) fn name(self) -> String {
        match self.tuned {
            true => format!("{}, tuned", self.stage),
            false => self.stage.to_owned(),
        }
    }
}

/// Measures the stages, prints the table and stores it.
pub(crate) fn run(arguments: &StagesArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let began = jiff::Timestamp::now();
    let mut figures = StagesFigures {
        benchmark: Benchmark {
            started_at: format!("{began:.0}"),
            host: tenfold_probe::host::describe(),
            box_cpu: arguments.box_cpu,
            seconds: arguments.seconds(),
            quick: arguments.quick,
        },
        stages: Vec::new(),
        mishaps: Vec::new(),
        took_s: 0.0,
    };
    let wanted = VARIANTS.iter().filter(|variant| {
        let asked = &arguments.stages;
        asked.is_empty() || asked.iter().any(|name| name == variant.stage)
    });
    let started = std::time::Instant::now();
    for variant in wanted {
        match measure(*variant, arguments, &workshop) {
            Ok(stage) => figures.stages.push(stage),
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => {
                let told = format!("{}: {error:#}", variant.name());
                report(&told);
                figures.mishaps.push(told);
            }
        }
    }
    figures.took_s = started.elapsed().as_secs_f64();
    output::write("stages", &page::page(&figures), &figures, &arguments.out)
}

fn measure(
    variant: Variant,
    arguments: &StagesArguments,
    workshop: &Workshop,
) -> anyhow::Result<StageFigures> {
    let name = variant.name();
    let folder = workshop.folder("stage")?;
    report(&format!("{name}: coming up"));
    let mut lab = StageLab::up(variant, arguments.box_cpu, &folder, workshop)?;
    let ready_first_s = lab.ready_s();
    lab.down()?;
    let mut lab = StageLab::up(variant, arguments.box_cpu, &folder, workshop)?;
    let ready_again_s = lab.ready_s();
    report(&format!(
        "{name}: up after {ready_first_s:.1} s with its data set, after {ready_again_s:.1} s with what it had"
    ));
    let seconds = Duration::from_secs(arguments.seconds());
    let climb = Climb::of(arguments.first_rate, |rate| {
        let step = Step::take(&mut lab, rate, seconds, workshop)?;
        report(&format!("{name}: {}", step.say()));
        Ok(step)
    })?;
    let hit_rate = match (climb.highest(), variant.stage) {
        // At half of what it carries, so that what is seen is the cache and not a lack of time.
        (Some(highest), "cached") => {
            let rate = (highest.rate_per_s / 2).max(1);
            let found = HitRate::measure(&mut lab, rate, workshop).context("hit rate")?;
            report(&format!("{name}: {}", found.say()));
            Some(found)
        }
        _ => None,
    };
    lab.down()?;
    Ok(StageFigures {
        stage: variant.stage.to_owned(),
        tuned: variant.tuned,
        ready_first_s,
        ready_again_s,
        climb,
        hit_rate,
    })
}
