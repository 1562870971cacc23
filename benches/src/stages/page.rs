//! What the stages came to, as a page.

use tenfold_analysis::words;
use tenfold_reports::document::{Block, Document, Section};

use crate::output::page::{BUSY, NONE, cells};
use crate::stages::{StageFigures, StagesFigures, Step, milliseconds};

/// Puts what was measured on a page.
pub(super) fn page(figures: &StagesFigures) -> Document {
    let mut sections = vec![capacity(figures), boxes(figures), caches(figures)];
    sections.push(steps(figures));
    if !figures.mishaps.is_empty() {
        let told = figures.mishaps.iter().map(|told| vec![told.clone()]);
        sections.push(Section {
            id: "mishaps".to_owned(),
            title: "Stages that could not be measured".to_owned(),
            lead: String::new(),
            blocks: vec![cells(&["told"], told.collect())],
        });
    }
    Document {
        title: "What each stage carries".to_owned(),
        lead: lead(figures),
        sections,
        ..Document::default()
    }
}

fn lead(figures: &StagesFigures) -> String {
    let (benchmark, host) = (&figures.benchmark, &figures.benchmark.host);
    let busy = if host.load_1m > BUSY {
        " The machine was busy with something else when this began."
    } else {
        ""
    };
    let quick = if benchmark.quick {
        " A short look: these figures are not to be quoted."
    } else {
        ""
    };
    format!(
        "Measured on {} in {:.0} minutes on {} processors ({}, {}, load {:.1} at the start). Every box has {} of a \
         processor and 512 MiB; generator and boxes share the machine. A stage carries a rate where the 95th \
         percentile of reads is below 250 ms, fewer than 0.5% of requests fail and 98% of the rate is achieved, over \
         {} s after a warm-up: 100 reads a write, Zipfian keys, 100,000 posts.{busy}{quick}",
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
        "carries",
        "and not",
        "p50",
        "p99",
        "failed",
        "CPU a request",
        "up after",
        "up again after",
    ];
    let row = |own: &StageFigures| {
        let highest = own.climb.highest();
        let say = |say: &dyn Fn(&Step) -> String| highest.map_or_else(|| NONE.to_owned(), say);
        vec![
            own.name(),
            say(&|step| step.boxes.len().to_string()),
            say(&|step| format!("{}/s", step.rate_per_s)),
            match own.climb.failed_at() {
                Some(rate) => format!("{rate}/s"),
                None => NONE.to_owned(),
            },
            say(&|step| milliseconds(step.p50_ms)),
            say(&|step| milliseconds(step.p99_ms)),
            say(&|step| words::percent(step.failed)),
            say(&|step| {
                let all = step.boxes.iter().map(|own| own.cpu_us_a_request);
                format!("{} us", words::significant(all.sum()))
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
                "Percentiles, failures and processor time are those of the rate that it carries. The first time up \
                 includes loading the data set; the second finds it there."
                    .to_owned(),
            ),
        ],
    }
}

fn boxes(figures: &StagesFigures) -> Section {
    let head = [
        "stage",
        "box",
        "CPU a request",
        "CPU used",
        "held back",
        "memory",
    ];
    let rows = figures.stages.iter().flat_map(|own| {
        let boxes = own.climb.highest().map(|step| &step.boxes);
        boxes.into_iter().flatten().map(|used| {
            vec![
                own.name(),
                used.name.clone(),
                format!("{} us", words::significant(used.cpu_us_a_request)),
                format!("{:.3}", used.used),
                words::percent(used.held_back),
                format!("{:.0} MiB", used.memory_bytes as f64 / f64::from(1 << 20)),
            ]
        })
    });
    Section {
        id: "boxes".to_owned(),
        title: "What the boxes used, at the rate that the stage carries".to_owned(),
        lead: String::new(),
        blocks: vec![
            cells(&head, rows.collect()),
            Block::Text(
                "The box that is held back most is what gives out first. CPU used is the share of a processor while \
                 the box ran; held back is the share of the 10 ms periods in which it had used its share up."
                    .to_owned(),
            ),
        ],
    }
}

fn caches(figures: &StagesFigures) -> Section {
    let rows = figures.stages.iter().filter_map(|own| {
        let found = own.hit_rate.as_ref()?;
        Some(vec![
            own.name(),
            format!("{}/s", found.rate_per_s),
            format!("{:.0}", found.reads),
            words::percent(found.local.measured),
            words::percent(found.local.theory),
            words::percent(found.either.measured),
            words::percent(found.either.theory),
        ])
    });
    let head = [
        "stage",
        "reads of posts",
        "counted",
        "in the processes",
        "by theory",
        "in either layer",
        "by theory",
    ];
    Section {
        id: "caches".to_owned(),
        title: "How often the caches had it".to_owned(),
        lead: String::new(),
        blocks: vec![
            cells(&head, rows.collect()),
            Block::Text(
                "Reads of 100,000 posts by a Zipfian popularity of exponent 0.99, once what is cached has been there \
                 for longer than it is kept. Theory: Che's approximation where room is what runs out, and the \
                 renewal of things that expire (1 s in a process, 30 s in Redis) where it is not."
                    .to_owned(),
            ),
        ],
    }
}

fn steps(figures: &StagesFigures) -> Section {
    let rows = figures.stages.iter().flat_map(|own| {
        own.climb.steps.iter().map(|step| {
            vec![
                own.name(),
                format!("{}/s", step.rate_per_s),
                if step.holds { "yes" } else { "no" }.to_owned(),
                step.measurement.clone(),
                format!("{:.0}/s", step.achieved_per_s),
                milliseconds(step.p50_ms),
                milliseconds(step.p99_ms),
                words::percent(step.failed),
            ]
        })
    });
    let head = [
        "stage", "rate", "holds", "measured", "achieved", "p50", "p99", "failed",
    ];
    Section {
        id: "steps".to_owned(),
        title: "Every step".to_owned(),
        lead: "In the order in which they were taken; one that did not hold was taken once more."
            .to_owned(),
        blocks: vec![cells(&head, rows.collect())],
    }
}
