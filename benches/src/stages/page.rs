//! The page of the stage benchmark.

use tenfold_analysis::format;
use tenfold_reports::document::{Block, Document, Section};

use crate::output::page::{BUSY, NONE, cells};
use crate::stages::{Load, StageFigures, StagesFigures, Step, milliseconds};

/// Returns the page of the results.
pub(super) fn page(figures: &StagesFigures) -> Document {
    let load = figures.benchmark.load;
    let mut sections = vec![capacity(figures)];
    match load {
        Load::Mix => sections.push(caches(figures)),
        Load::Writes => sections.push(gains(figures)),
    }
    sections.extend([boxes(figures), steps(figures)]);
    if !figures.mishaps.is_empty() {
        let reasons = figures.mishaps.iter().map(|reason| vec![reason.clone()]);
        sections.push(Section {
            id: "mishaps".to_owned(),
            title: "Failed stages".to_owned(),
            lead: String::new(),
            blocks: vec![cells(&["reason"], reasons.collect())],
        });
    }
    Document {
        title: match load {
            Load::Mix => "Capacity of each stage",
            Load::Writes => "Writes of each stage",
        }
        .to_owned(),
        lead: lead(figures),
        sections,
        ..Document::default()
    }
}

fn lead(figures: &StagesFigures) -> String {
    let (benchmark, host) = (&figures.benchmark, &figures.benchmark.host);
    let busy = if host.load_1m > BUSY {
        " The machine was already busy at the start."
    } else {
        ""
    };
    let quick = if benchmark.quick {
        " Quick check: do not quote these figures."
    } else {
        ""
    };
    let sent = match benchmark.load {
        Load::Mix => {
            "of reads is below 250 ms, fewer than 0.5% of requests fail and 98% of the rate is achieved: 100 reads for each write, \
             Zipfian keys, 100,000 posts."
        }
        Load::Writes => {
            "of writes is below 250 ms, fewer than 0.5% of requests fail and 98% of the rate is achieved: posts of 1 KB by 256 authors, \
             and nothing else. All stages have six application servers, so that the databases are the limit."
        }
    };
    format!(
        "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start). Every box has {} CPUs and \
         512 MiB; generator and boxes share the machine. A stage sustains a rate if, over {} s after a warm-up, \
         the 95th percentile {sent}{busy}{quick}",
        benchmark.started_at,
        (figures.took_s / 60.0).ceil(),
        host.cores,
        host.cpu,
        host.kernel,
        host.load_1m,
        benchmark.box_cpu,
        benchmark.seconds,
    )
}

fn capacity(figures: &StagesFigures) -> Section {
    let head = [
        "stage",
        "boxes",
        "sustains",
        "not",
        "p50",
        "p99",
        "failed",
        "CPU per request",
        "first start",
        "restart",
    ];
    let row = |own: &StageFigures| {
        let highest = own.climb.highest();
        let describe =
            |describe: &dyn Fn(&Step) -> String| highest.map_or_else(|| NONE.to_owned(), describe);
        vec![
            own.name.clone(),
            describe(&|step| step.boxes.len().to_string()),
            describe(&|step| format!("{}/s", step.rate_per_s)),
            match own.climb.failed_at() {
                Some(rate) => format!("{rate}/s"),
                None => NONE.to_owned(),
            },
            describe(&|step| milliseconds(step.p50_ms)),
            describe(&|step| milliseconds(step.p99_ms)),
            describe(&|step| format::percent(step.failed)),
            describe(&|step| {
                let all = step.boxes.iter().map(|own| own.cpu_us_a_request);
                format!("{} us", format::significant(all.sum()))
            }),
            format!("{:.1} s", own.ready_first_s),
            format!("{:.1} s", own.ready_again_s),
        ]
    };
    Section {
        id: "capacity".to_owned(),
        title: "Capacity".to_owned(),
        lead: String::new(),
        blocks: vec![
            cells(&head, figures.stages.iter().map(row).collect()),
            Block::Text(
                "Percentiles, failures and CPU time are those at the sustained rate. The first start includes \
                 loading the data set."
                    .to_owned()
                    + log_ins(figures.benchmark.load),
            ),
        ],
    }
}

/// Rates beside that of the first stage, each with the bounds that the searches leave.
fn gains(figures: &StagesFigures) -> Section {
    let bounds = |own: &StageFigures| {
        let sustained = f64::from(own.climb.highest()?.rate_per_s);
        Some((sustained, f64::from(own.climb.failed_at()?)))
    };
    let first = figures.stages.first();
    let gains = figures.stages.iter().map(|own| {
        let gain = first.and_then(bounds).zip(bounds(own));
        let gain = gain.map(|((low, high), (sustained, not))| {
            format!(
                "{} (between {} and {})",
                format::significant(sustained / low),
                format::significant(sustained / high),
                format::significant(not / low)
            )
        });
        vec![own.name.clone(), gain.unwrap_or_else(|| NONE.to_owned())]
    });
    let name = first.map_or("the first", |first| &first.name);
    Section {
        id: "gains".to_owned(),
        title: "Gain".to_owned(),
        lead: String::new(),
        blocks: vec![
            cells(&["stage", &format!("times {name}")], gains.collect()),
            Block::Text(
                "The bounds in parentheses follow from the widths of both searches. In `cached` every database has every write; a shard has \
                 those of its own authors only, and no second copy."
                    .to_owned(),
            ),
        ],
    }
}

/// Returns what else the CPU time includes, as another sentence.
fn log_ins(load: Load) -> &'static str {
    match load {
        Load::Mix => "",
        Load::Writes => {
            " CPU time, used and throttled, includes that of 256 logins before each step: a step at a low rate has more of it for each \
             request."
        }
    }
}

fn boxes(figures: &StagesFigures) -> Section {
    let head = [
        "stage",
        "box",
        "CPU per request",
        "CPU used",
        "throttled",
        "memory",
    ];
    let rows = figures.stages.iter().flat_map(|own| {
        let boxes = own.climb.highest().map(|step| &step.boxes);
        boxes.into_iter().flatten().map(|used| {
            vec![
                own.name.clone(),
                used.name.clone(),
                format!("{} us", format::significant(used.cpu_us_a_request)),
                format!("{:.3}", used.used),
                format::percent(used.held_back),
                format!("{:.0} MiB", used.memory_bytes as f64 / f64::from(1 << 20)),
            ]
        })
    });
    Section {
        id: "boxes".to_owned(),
        title: "CPU and memory of the boxes at the sustained rate".to_owned(),
        lead: String::new(),
        blocks: vec![
            cells(&head, rows.collect()),
            Block::Text(
                "The box that is throttled most saturates first: it is the bottleneck. CPU used is in CPUs, on \
                 average over the periods in which the box ran; throttled is the share of these 10 ms periods in \
                 which it had used up its quota."
                    .to_owned()
                    + log_ins(figures.benchmark.load),
            ),
        ],
    }
}

fn caches(figures: &StagesFigures) -> Section {
    let rows = figures.stages.iter().filter_map(|own| {
        let found = own.hit_rate.as_ref()?;
        Some(vec![
            own.name.clone(),
            format!("{}/s", found.rate_per_s),
            format!("{:.0}", found.reads),
            format::percent(found.local.measured),
            format::percent(found.local.theory),
            format::percent(found.either.measured),
            format::percent(found.either.theory),
        ])
    });
    let head = [
        "stage",
        "reads of posts",
        "counted",
        "local hits",
        "theory",
        "hits in either layer",
        "theory",
    ];
    Section {
        id: "caches".to_owned(),
        title: "Cache hit rates".to_owned(),
        lead: String::new(),
        blocks: vec![
            cells(&head, rows.collect()),
            Block::Text(
                "Reads of 100,000 posts with a Zipfian popularity of exponent 0.99, once the caches have settled. \
                 Theory: Che's approximation if capacity is the limit, otherwise the renewal of entries that \
                 expire (after 1 s in a process, after 30 s in Redis)."
                    .to_owned(),
            ),
        ],
    }
}

fn steps(figures: &StagesFigures) -> Section {
    let rows = figures.stages.iter().flat_map(|own| {
        own.climb.steps.iter().map(|step| {
            vec![
                own.name.clone(),
                format!("{}/s", step.rate_per_s),
                if step.holds { "yes" } else { "no" }.to_owned(),
                step.measurement.clone(),
                format!("{:.0}/s", step.achieved_per_s),
                milliseconds(step.p50_ms),
                milliseconds(step.p99_ms),
                format::percent(step.failed),
            ]
        })
    });
    let head = [
        "stage", "rate", "holds", "measured", "achieved", "p50", "p99", "failed",
    ];
    Section {
        id: "steps".to_owned(),
        title: "All steps".to_owned(),
        lead: "In order; a failed step was repeated once.".to_owned(),
        blocks: vec![cells(&head, rows.collect())],
    }
}
