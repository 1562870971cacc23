//! The report of a ladder.

use tenfold_analysis::format;
use tenfold_analysis::ladder::{Gap, LadderReport, Outage, Step};
use tenfold_analysis::plan::short;
use tenfold_stats::Fitted;

use crate::chart::{Ink, StepBar, steps};
use crate::diagnosis::finding;
use crate::document::{Block, Chart, Document, Fact, RunRow, Runs, Section, Table, Tone, Verdict};

/// Returns the story of the ladder: every step with its bottleneck, change, gain and cost.
pub fn page(report: &LadderReport) -> Document {
    let mut sections = vec![
        Section::new(
            "capacity",
            "Capacity by step",
            "The bar ends at the highest rate that was sustained, the line at the lowest that was not.",
            vec![capacity(report)],
        ),
        Section::new(
            "steps",
            "Steps",
            "In order. Each links to its diagnosis, which links to its runs.",
            vec![Block::Runs(table(report))],
        ),
        Section::new("story", "Story", "", story(report)),
    ];
    sections.extend(scaling(report));
    sections.extend(outages(report));
    sections.extend(skipped(report));
    Document {
        sections,
        closing: Vec::new(),
        ..digest(report)
    }
}

/// Returns the outcome of the ladder with a table of its steps.
pub fn digest(report: &LadderReport) -> Document {
    let (tone, badge) = match (report.finished, &report.ended_because) {
        (true, _) if report.highest().is_none() => (Tone::Bad, "Nothing sustained"),
        (true, _) => (Tone::Good, "Climbed"),
        (false, Some(_)) => (Tone::Caution, "Ended early"),
        (false, None) => (Tone::Caution, "Unfinished"),
    };
    let mut facts = vec![Fact::new("objectives", report.rules.join("; "))];
    if let Some(because) = &report.ended_because {
        facts.push(Fact::new("ended early", because.clone()));
    }
    if let (made @ 1.., held) = report.predictions() {
        facts.push(Fact::new(
            "predictions",
            format!("{held} of {made} agree with what was measured"),
        ));
    }
    facts.extend(report.requests_per_user.map(|requests| {
        Fact::new(
            "users",
            format!(
                "{} requests a month each, spread evenly over {} million seconds",
                format::significant(requests),
                tenfold_analysis::plan::SECONDS_PER_MONTH / 1e6
            ),
        )
    }));
    let is_priced = report
        .steps
        .iter()
        .any(|step| step.price_month.is_none() && report.price(step).is_some());
    facts.extend(report.prices.as_ref().filter(|_| is_priced).map(|prices| {
        Fact::new(
            "prices",
            format!(
                "{} ({}), in {}",
                prices.source, prices.date, prices.currency
            ),
        )
    }));
    facts.extend(
        report
            .skipped
            .iter()
            .map(|own| Fact::new("skipped", format!("`{}`: {}", own.name, own.because))),
    );
    Document {
        origin: vec![
            "ladder".to_owned(),
            report.scenario.clone(),
            report.started_at.clone(),
        ],
        subject: report.scenario.clone(),
        about: format!("in {} steps", report.steps.len()),
        verdict: Some(Verdict {
            tone,
            badge: badge.to_owned(),
            status: format!("ladder {}", badge.to_lowercase()),
        }),
        title: title(report),
        opening: vec![Block::Facts(facts)],
        closing: vec![Block::Table(table(report).table())],
        ..Document::default()
    }
}

fn title(report: &LadderReport) -> String {
    let first = report.steps.iter().find_map(|step| step.sustained);
    let (Some(first), Some(highest)) = (first, report.highest()) else {
        return "No step sustained any rate".to_owned();
    };
    let rate = highest.sustained.unwrap_or(0.0);
    let users = report.users(highest).map_or(String::new(), |users| {
        format!(", enough for {} users", short(round(users)))
    });
    match report.steps.len() {
        1 => format!("`{}` sustains {}{users}", highest.name, format::rate(rate)),
        number => format!(
            "From {} to {} in {number} steps: `{}` sustains most{users}",
            format::rate(first),
            format::rate(rate),
            highest.name
        ),
    }
}

/// Rounds a number of users to two digits: a knee is not known better.
fn round(users: f64) -> f64 {
    if users < 1.0 {
        return users;
    }
    let scale = 10_f64.powf(users.log10().floor() - 1.0);
    (users / scale).round() * scale
}

fn capacity(report: &LadderReport) -> Block {
    let bars: Vec<StepBar> = report
        .steps
        .iter()
        .map(|step| StepBar {
            name: step.name.clone(),
            sustained: step.sustained.unwrap_or(0.0),
            failed: step.failed,
        })
        .collect();
    let rate = |rate: Option<f64>| rate.map_or("–".to_owned(), format::rate);
    let rows = report
        .steps
        .iter()
        .map(|step| vec![step.name.clone(), rate(step.sustained), rate(step.failed)]);
    let data = Table::new(&["step", "sustained", "not sustained"], rows);
    let legend: [(Ink, &str); 0] = [];
    Chart::block(steps("capacity", "Capacity by step", &bars), &legend, data)
}

fn table(report: &LadderReport) -> Runs {
    let rows = report.steps.iter().map(|step| RunRow {
        link: Some(format!("./{}/report.html", step.directory.display())),
        tone: Some(match step.sustained {
            Some(_) => Tone::Good,
            None => Tone::Bad,
        }),
        cells: vec![
            step.name.clone(),
            match step.boxes.len() {
                0 => "–".to_owned(),
                number => number.to_string(),
            },
            step.sustained.map_or("–".to_owned(), format::rate),
            step.failed.map_or("–".to_owned(), format::rate),
            factor(report.gained(step).map(|gained| gained.text())),
            factor(step.prediction.as_ref().map(|predicted| predicted.text())),
            report
                .users(step)
                .map_or("–".to_owned(), |users| short(round(users))),
            money(report.price(step)),
            money(report.price_of_rate(step)),
            format!("{:.1} s", step.ready_s),
        ],
        values: Vec::new(),
    });
    Runs {
        head: vec![
            "step",
            "boxes",
            "sustained",
            "not sustained",
            "gained, times",
            "predicted, times",
            "users",
            "a month",
            "per 1,000/s",
            "ready after",
        ],
        line: "",
        rows: rows.collect(),
    }
}

/// Returns a cell of a column whose head has the unit.
fn factor(text: Option<String>) -> String {
    text.map_or("–".to_owned(), |text| {
        text.trim_end_matches(" times").to_owned()
    })
}

fn money(price: Option<f64>) -> String {
    price.map_or("–".to_owned(), |price| format!("{price:.2}"))
}

fn story(report: &LadderReport) -> Vec<Block> {
    let mut blocks = Vec::new();
    for (index, step) in report.steps.iter().enumerate() {
        blocks.push(Block::Heading(format!("{}. {}", index + 1, step.name)));
        let change = match &step.reason {
            Some(reason) => format!("{} It answers the finding \"{reason}\".", step.change),
            None => step.change.clone(),
        };
        blocks.push(Block::Text(change));
        blocks.push(Block::Text(outcome(report, step)));
        blocks.extend(step.bottleneck.as_ref().map(finding));
        blocks.extend(
            step.outages
                .iter()
                .map(|outage| Block::Text(sentence(outage))),
        );
    }
    blocks
}

/// Returns what a step sustains, brought and costs, in two or three sentences.
fn outcome(report: &LadderReport, step: &Step) -> String {
    let mut text = match (step.sustained, step.failed) {
        (Some(sustained), Some(failed)) => format!(
            "It sustains {}, not {}",
            format::rate(sustained),
            format::rate(failed)
        ),
        (Some(sustained), None) => format!("It sustains at least {}", format::rate(sustained)),
        (None, Some(failed)) => {
            format!("It sustains no rate: {} is too much", format::rate(failed))
        }
        (None, None) => "It was not measured".to_owned(),
    };
    if let Some(users) = report.users(step) {
        text.push_str(&format!(", which {} users ask for", short(round(users))));
    }
    text.push('.');
    if let (Some(gained), Some(before)) = (report.gained(step), report.before(step)) {
        text.push_str(&format!(" That is {} `{}`", gained.text(), before.name));
        if let Some(predicted) = &step.prediction {
            text.push_str(&format!(
                "; predicted: {} ({})",
                predicted.text(),
                predicted.because
            ));
        }
        text.push('.');
    }
    if let Some(price) = report.price(step) {
        // The user's own price has no currency.
        let currency = report
            .prices
            .as_ref()
            .filter(|_| step.price_month.is_none());
        let currency = currency.map_or(String::new(), |prices| format!(" {}", prices.currency));
        text.push_str(&format!(" It costs {price:.2}{currency} a month"));
        if let Some(of_rate) = report.price_of_rate(step) {
            text.push_str(&format!(", {of_rate:.2} for each 1,000/s"));
        }
        text.push('.');
    }
    text
}

fn sentence(outage: &Outage) -> String {
    let error = match &outage.error {
        Some(error) => format!(" It did not come back: {error}."),
        None => String::new(),
    };
    format!(
        "`{}` was killed for {:.0} s at {}: {} of the requests were lost; {} without an answered read, {} without an answered \
         write.{error}",
        outage.killed,
        outage.gone_s,
        format::rate(outage.rate),
        format::percent(outage.share_lost()),
        gap(outage.without_reads),
        gap(outage.without_writes),
    )
}

fn gap(gap: Option<Gap>) -> String {
    match gap {
        None => "an unknown time".to_owned(),
        Some(gap) if gap.is_open => format!("at least {:.0} s", gap.seconds),
        Some(gap) => format!("{:.0} s", gap.seconds),
    }
}

/// Returns the fit of the Universal Scalability Law. `None` with fewer than three numbers of copies.
fn scaling(report: &LadderReport) -> Option<Section> {
    let law = report.scalability()?;
    let value = |own: Fitted| {
        let [low, high] = own.interval;
        format!(
            "{} ({} to {})",
            format::significant(own.value),
            format::significant(low),
            format::significant(high)
        )
    };
    let facts = vec![
        Fact::new("one copy", format!("{} per second", value(law.of_one))),
        Fact::new(
            "contention",
            format!("{}: the share of serial work", value(law.contention)),
        ),
        Fact::new(
            "coherency",
            format!(
                "{}: the cost of consistency between two copies",
                value(law.coherency)
            ),
        ),
        Fact::new(
            "peak",
            match law.peak {
                Some(peak) => format!("at {} copies", value(peak)),
                None => "beyond what was measured".to_owned(),
            },
        ),
    ];
    let capacities = report.capacities();
    let rows = capacities.iter().map(|own| {
        vec![
            format::significant(own.workers),
            format!(
                "{} to {}",
                format::rate(own.rate[0]),
                format::rate(own.rate[1])
            ),
            format::rate(law.rate(own.workers)),
        ]
    });
    let table = Table::new(&["copies", "measured", "by the law"], rows);
    Some(Section::new(
        "scaling",
        "Capacity by the number of copies",
        "The Universal Scalability Law, fitted to the measured capacities, with 95% intervals.",
        vec![Block::Facts(facts), Block::Table(table)],
    ))
}

/// Returns what users saw of every failure. `None` if nothing was killed.
fn outages(report: &LadderReport) -> Option<Section> {
    let killed = report
        .steps
        .iter()
        .flat_map(|step| step.outages.iter().map(move |outage| (step, outage)));
    let rows: Vec<RunRow> = killed
        .map(|(step, outage)| RunRow {
            link: Some(format!("./{}/report.html", outage.directory.display())),
            tone: Some(match outage.lost {
                _ if outage.error.is_some() => Tone::Caution,
                0 => Tone::Good,
                _ => Tone::Bad,
            }),
            cells: vec![
                step.name.clone(),
                outage.killed.clone(),
                format::percent(outage.share_lost()),
                format::count(outage.lost),
                outage
                    .without_reads
                    .map_or("–".to_owned(), |own| gap(Some(own))),
                outage
                    .without_writes
                    .map_or("–".to_owned(), |own| gap(Some(own))),
                format::rate(outage.rate),
                format!("{:.0} s", outage.gone_s),
            ],
            values: Vec::new(),
        })
        .collect();
    if rows.is_empty() {
        return None;
    }
    let runs = Runs {
        head: vec![
            "step",
            "killed",
            "lost",
            "requests lost",
            "without reads",
            "without writes",
            "offered",
            "gone for",
        ],
        line: "",
        rows,
    };
    Some(Section::new(
        "failures",
        "What users see of failures",
        "A box, then a zone, is killed under load and started again. Requests are lost if they fail, or if no user is idle to send \
         them. Times are counted in whole seconds, and a time that could be chance counts as 0. \
         A box that starts again has no CPU limit until it is ready, so it comes back faster than one of its size would.",
        vec![Block::Runs(runs)],
    ))
}

fn skipped(report: &LadderReport) -> Option<Section> {
    let items: Vec<String> = report
        .skipped
        .iter()
        .map(|own| format!("`{}`: {}", own.name, own.because))
        .collect();
    (!items.is_empty()).then(|| Section::new("skipped", "Skipped", "", vec![Block::List(items)]))
}
