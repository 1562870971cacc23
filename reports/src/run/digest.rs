//! The short report of a run, for a terminal and for a pull request.

use tenfold_analysis::{AgentsSummary, Latency, Summary, format};
use tenfold_run_dir::Blame;
use tenfold_run_dir::counts::blame;

use crate::document::{Block, Document, Fact, Table, Tone};
use crate::run::{
    connections, event_streams, faults, head, incidents, latencies, phases, samples, scaling,
    server_time, travel, verdict,
};

/// Samples shown; the page has all of them.
const SAMPLES_MAX: usize = 3;

/// Returns the short report of a run: verdict, rates, latencies, failures and objectives.
pub fn digest(summary: &Summary) -> Document {
    let mut opening = vec![
        Block::Facts(requests(summary)),
        Block::Table(latency(summary)),
    ];
    opening.extend(censored(summary));
    opening.extend(phases::short(summary).map(Block::Table));
    opening.extend(scaling::short(summary).map(Block::Table));
    opening.extend(faults::short(summary));
    opening.extend(incidents::short(summary).map(Block::Table));
    opening.extend(server_time::short(summary).map(Block::Table));
    opening.extend(failures(summary));
    opening.extend(travel::facts(summary).map(Block::Facts));
    opening.extend(samples::check_facts(summary).map(Block::Facts));
    opening.extend(samples::journey_facts(summary).map(Block::Facts));
    let shown = samples::samples(summary).take(SAMPLES_MAX);
    opening.extend(shown.map(Block::Sample));
    if summary.samples.len() > SAMPLES_MAX {
        opening.push(Block::Note(format!(
            "The report and samples.json hold all {} samples.",
            summary.samples.len()
        )));
    }
    opening.push(Block::Facts(processors(summary)));
    Document {
        opening,
        ..head::head(summary)
    }
}

fn requests(summary: &Summary) -> Vec<Fact> {
    let (arrivals, rates) = (&summary.arrivals, &summary.rate_per_s);
    let dropped = match arrivals.dropped {
        0 => String::new(),
        dropped => format!(", {} dropped", format::count(dropped)),
    };
    let sent = format!(
        "n = {} sent{}, {} completed, {} failed{dropped}",
        format::count(arrivals.sent),
        verdict::not_written(arrivals),
        format::count(arrivals.completed),
        format::count(arrivals.failed)
    );
    let share = rates.share.map_or_else(String::new, |share| {
        format!(" ({})", format::percent(share))
    });
    let sent_rate = match rates.falls_short() {
        true => format!(" {} sent,", format::rate(rates.sent)),
        false => String::new(),
    };
    let rate = format!(
        "{} offered,{sent_rate} {} achieved{share}",
        format::rate(rates.offered),
        format::rate(rates.achieved)
    );
    let mut facts = vec![
        Fact::new("requests", sent).toned((arrivals.dropped > 0).then_some(Tone::Bad)),
        Fact::new("rate", rate),
    ];
    if let Some(agents) = &summary.agents {
        facts.push(Fact::new("agents", agents_in_words(agents)));
    } else if summary.generators > 1 {
        facts.push(Fact::new("generators", summary.generators.to_string()));
    } else if !summary.merged_from.is_empty() {
        let paths = summary.merged_from.iter().map(|part| part.path.as_str());
        facts.push(Fact::new("runs", paths.collect::<Vec<_>>().join(", ")));
    }
    facts
}

/// Names the agents, and says how far apart they started.
pub(super) fn agents_in_words(agents: &AgentsSummary) -> String {
    let names = agents.names.join(", ");
    let spread = agents
        .start_spread_ns
        .zip(agents.start_spread_uncertainty_ns);
    match spread {
        None => names,
        Some((spread, uncertainty)) => format!(
            "{names}; started within {} ± {}",
            format::duration(spread),
            format::duration(uncertainty)
        ),
    }
}

fn latency(summary: &Summary) -> Table {
    let latencies = &summary.latency_ns;
    let mut rows: Vec<(String, &Latency)> = vec![
        ("response".to_owned(), &latencies.response),
        ("without lag".to_owned(), &latencies.response_without_lag),
        ("service".to_owned(), &latencies.service),
        ("reads".to_owned(), &summary.reads.latency_ns.response),
        ("writes".to_owned(), &summary.writes.latency_ns.response),
        ("blocked".to_owned(), &latencies.blocked),
        ("lag".to_owned(), &latencies.lag),
    ];
    if summary.requests.len() > 1 {
        rows.extend(
            summary
                .requests
                .iter()
                .map(|request| (format!("  {}", request.name), &request.latency_ns.response)),
        );
    }
    rows.extend(event_streams::rows(summary));
    let rows = rows.iter().map(|(name, latency)| (name.as_str(), *latency));
    latencies::table("latency", rows)
}

/// Says which rate the latencies belong to, if not all arrivals were sent.
fn censored(summary: &Summary) -> Option<Block> {
    let rates = &summary.rate_per_s;
    rates.falls_short().then(|| {
        Block::Note(format!(
            "These latencies are those of the requests that were sent, {} of {} offered.",
            format::rate(rates.sent),
            format::rate(rates.offered)
        ))
    })
}

fn failures(summary: &Summary) -> Vec<Block> {
    if summary.failures.is_empty() {
        return Vec::new();
    }
    let rows = summary.requests.iter().flat_map(|request| {
        let failures = request.failures.iter();
        failures.map(|(class, count)| {
            let request = request.name.clone();
            vec![
                class.clone(),
                request,
                format::count(*count),
                blamed(class).to_owned(),
            ]
        })
    });
    let errors = summary
        .connections
        .iter()
        .flat_map(|connections| &connections.first_errors)
        .filter(|(class, _)| summary.failures.contains_key(*class))
        .map(|(class, message)| Fact::new(class, message).toned(Some(Tone::Bad)));
    let errors: Vec<Fact> = errors.collect();
    let mut blocks = vec![Block::Table(Table::new(
        &["failure", "request", "count", "blamed on"],
        rows,
    ))];
    if !errors.is_empty() {
        blocks.push(Block::Facts(errors));
    }
    blocks
}

/// Returns the side that a failure class is blamed on; a dash for a class of a later version.
fn blamed(class: &str) -> &'static str {
    blame(class).map_or("–", Blame::name)
}

fn processors(summary: &Summary) -> Vec<Fact> {
    let generator = &summary.generator;
    let cost = |cost: Option<f64>| cost.map_or_else(|| "–".to_owned(), format::significant);
    let sleep = generator.quantum_ns.map_or_else(String::new, |quantum| {
        format!(", shortest sleep {}", format::duration(quantum))
    });
    let mut facts = vec![Fact::new(
        "generator",
        format!(
            "{} µs of CPU per request, {} processors, {} connections{sleep}",
            cost(generator.cpu_us_per_request),
            format::significant(generator.cores_used),
            format::count(generator.connections)
        ),
    )];
    if let Some(connections) = &summary.connections
        && !connections::is_plain(connections)
    {
        let is_verified = connections.tls.as_ref().is_none_or(|tls| tls.verified);
        let tone = (!is_verified).then_some(Tone::Caution);
        let protocol = connections::protocol(connections);
        facts.push(Fact::new("protocol", protocol).toned(tone));
    }
    if let Some(target) = &summary.target_usage {
        facts.push(Fact::new(
            "service",
            format!(
                "{} µs of CPU per request, {} processors ({} at most)",
                cost(target.cpu_us_per_request),
                format::significant(target.cores_used),
                format::significant(target.peak_cores_used)
            ),
        ));
    }
    facts
}
