//! Benchmark `stages`: finds the rate that each stage of the reference service sustains in boxes of one size.
//!
//! Each stage comes up with its data set. The rate is doubled until an objective is missed, then bisected. The
//! usage of the boxes is read before and after each step.

pub(crate) mod arguments;
pub(crate) mod box_use;
mod climb;
mod figures;
mod hit_rate;
mod page;
pub(crate) mod stage_lab;
mod step;

use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;
use clap::ValueEnum;
use serde::{Deserialize, Serialize};

pub(crate) use climb::Climb;
pub(crate) use figures::{Benchmark, StageFigures, StagesFigures};
pub(crate) use hit_rate::HitRate;
pub(crate) use step::{Step, milliseconds};

use self::arguments::StagesArguments;
use crate::output;
use crate::stages::stage_lab::StageLab;
use crate::workshop::Workshop;
use crate::workshop::interrupt::{Interrupt, Interrupted};
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// Stages to measure with the mix of reads and writes, each with or without tuned databases.
const MIXED: &[Variant] = &[
    Variant::of("single-box", false),
    Variant::of("separated", false),
    Variant::of("separated", true),
    Variant::of("balanced", false),
    Variant::of("cached", false),
    // A step is too short to scale up: as many boxes as its policy allows, from the start.
    Variant::with("autoscaled", &["--count", "app=6", "--count", "web=4"])
        .named("autoscaled, at its largest"),
    Variant::of("partitioned", false),
];

/// Stages to measure with writes alone. All have as many application servers, so that the databases limit them.
const WRITTEN: &[Variant] = &[
    Variant::with("cached", &["--count", "app=6"]),
    Variant::with(
        "partitioned",
        &["--count", "app=6", "--count", "sql-posts=2"],
    )
    .named("partitioned, 2 shards"),
    Variant::with(
        "partitioned",
        &["--count", "app=6", "--count", "sql-posts=4"],
    )
    .named("partitioned, 4 shards"),
];

/// Requests that the stages get.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Load {
    /// 100 reads for each write
    Mix,
    /// Posts alone
    Writes,
}

impl Load {
    const ALL: [Self; 2] = [Self::Mix, Self::Writes];

    /// Returns the name of its files.
    fn file(self) -> &'static str {
        match self {
            Self::Mix => "stages",
            Self::Writes => "writes",
        }
    }

    fn variants(self) -> &'static [Variant] {
        match self {
            Self::Mix => MIXED,
            Self::Writes => WRITTEN,
        }
    }

    fn scenario(self, workshop: &Workshop) -> &Path {
        match self {
            Self::Mix => workshop.stages_scenario(),
            Self::Writes => workshop.stages_writes_scenario(),
        }
    }
}

/// A stage, with or without tuned databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Variant {
    pub(crate) stage: &'static str,
    pub(crate) tuned: bool,
    /// Its name, if the stage's does not suffice.
    pub(crate) label: Option<&'static str>,
    /// Further arguments of `tenfold lab up`.
    pub(crate) arguments: &'static [&'static str],
    /// Variables of the boxes of the service.
    pub(crate) environment: &'static [(&'static str, &'static str)],
}

impl Variant {
    const fn of(stage: &'static str, tuned: bool) -> Self {
        Self {
            stage,
            tuned,
            label: None,
            arguments: &[],
            environment: &[],
        }
    }

    /// A stage with further arguments of `tenfold lab up`.
    pub(crate) const fn with(stage: &'static str, arguments: &'static [&'static str]) -> Self {
        Self {
            arguments,
            ..Self::of(stage, false)
        }
    }

    /// The same with variables of the boxes of the service.
    pub(crate) const fn with_environment(
        self,
        environment: &'static [(&'static str, &'static str)],
    ) -> Self {
        Self {
            environment,
            ..self
        }
    }

    /// The same under another name.
    const fn named(self, label: &'static str) -> Self {
        Self {
            label: Some(label),
            ..self
        }
    }

    /// Returns the name for people.
    pub(crate) fn name(self) -> String {
        match (self.label, self.tuned) {
            (Some(label), _) => label.to_owned(),
            (None, true) => format!("{}, tuned", self.stage),
            (None, false) => self.stage.to_owned(),
        }
    }
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(load: Load, folder: &Path) -> anyhow::Result<()> {
    let figures: StagesFigures = output::read(load.file(), folder)?;
    output::write_pages(load.file(), &page::page(&figures), folder)
}

/// Runs the benchmark, prints its pages and writes its files.
pub(crate) fn run(arguments: &StagesArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    for load in Load::ALL.into_iter().filter(|load| arguments.wants(*load)) {
        let figures = measure_all(load, arguments, &workshop)?;
        output::write(load.file(), &page::page(&figures), &figures, &arguments.out)?;
    }
    Ok(())
}

fn measure_all(
    load: Load,
    arguments: &StagesArguments,
    workshop: &Workshop,
) -> anyhow::Result<StagesFigures> {
    let began = jiff::Timestamp::now();
    let mut figures = StagesFigures {
        benchmark: Benchmark {
            started_at: format!("{began:.0}"),
            host: tenfold_probe::host::describe(),
            load,
            box_cpu: arguments.box_cpu,
            seconds: arguments.seconds(),
            quick: arguments.quick,
        },
        stages: Vec::new(),
        mishaps: Vec::new(),
        took_s: 0.0,
    };
    let started = std::time::Instant::now();
    let wanted = load.variants().iter().filter(|variant| {
        let asked = &arguments.stages;
        asked.is_empty() || asked.iter().any(|name| name == variant.stage)
    });
    for variant in wanted {
        match measure(*variant, load, arguments, workshop) {
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
    Ok(figures)
}

fn measure(
    variant: Variant,
    load: Load,
    arguments: &StagesArguments,
    workshop: &Workshop,
) -> anyhow::Result<StageFigures> {
    let name = variant.name();
    let folder = workshop.folder("stage")?;
    report(&format!("{name}: starting"));
    let mut lab = StageLab::up(variant, arguments.box_cpu, &folder, workshop)?;
    let ready_first_s = lab.ready_s();
    lab.down()?;
    let mut lab = StageLab::up(variant, arguments.box_cpu, &folder, workshop)?;
    let ready_again_s = lab.ready_s();
    report(&format!(
        "{name}: up after {ready_first_s:.1} s with loading its data set, after {ready_again_s:.1} s with existing data"
    ));
    let seconds = Duration::from_secs(arguments.seconds());
    let climb = Climb::of(arguments.first_rate, |rate| {
        let step = Step::take(&mut lab, load.scenario(workshop), rate, seconds)?;
        report(&format!("{name}: {}", step.describe()));
        Ok(step)
    })?;
    let hit_rate = match (climb.highest(), load, variant.stage) {
        // At half the sustained rate, so that the caches are the only limit.
        (Some(highest), Load::Mix, "cached") => {
            let rate = (highest.rate_per_s / 2).max(1);
            let found = HitRate::measure(&mut lab, rate, workshop).context("hit rate")?;
            report(&format!("{name}: {}", found.describe()));
            Some(found)
        }
        _ => None,
    };
    lab.down()?;
    Ok(StageFigures {
        name: variant.name(),
        ready_first_s,
        ready_again_s,
        climb,
        hit_rate,
    })
}
