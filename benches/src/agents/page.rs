//! The page of the benchmark of agents.

use tenfold_analysis::format;
use tenfold_reports::document::{Document, Section};

use super::AgentsFigures;
use super::trial::Trial;
use crate::output::page::{NONE, cells, megabytes};
use crate::output::spread::Spread;

/// Returns the page of the results.
pub(super) fn page(figures: &AgentsFigures) -> Document {
    let quick = match figures.quick {
        true => " Quick check: do not quote its figures.",
        false => "",
    };
    Document {
        title: "What agents cost the controller".to_owned(),
        lead: format!(
            "Measured on {} in {:.0} minutes on {} CPUs ({}, {}, load {:.1} at the start): runs of {} s. Controller, NATS server \
             and agents share the machine. The agents are tasks of one process with the code of `tenfold agent`. They share one \
             generator with {} requests/s, and each reports its progress and its record over a connection of its own. Controllers \
             start with a limit of {} open files.{quick}",
            figures.started_at,
            (figures.took_s / 60.0).ceil(),
            figures.host.cores,
            figures.host.cpu,
            figures.host.kernel,
            figures.host.load_1m,
            figures.seconds,
            figures.rate_each,
            figures.open_files,
        ),
        sections: vec![cost(figures), traffic(figures), delays(figures)],
        ..Document::default()
    }
}

/// Returns a table with a row for each run.
fn table(figures: &AgentsFigures, head: &[&str], row: impl Fn(&Trial) -> Vec<String>) -> Section {
    let rows = figures.trials.iter().map(|own| {
        let mut cells = vec![own.agents.to_string()];
        cells.extend(row(own));
        cells
    });
    let head = [&["agents"], head].concat();
    Section {
        id: String::new(),
        title: String::new(),
        lead: String::new(),
        blocks: vec![cells(&head, rows.collect())],
    }
}

fn cost(figures: &AgentsFigures) -> Section {
    let head = [
        "CPUs",
        "an agent",
        "memory under load",
        "memory at most",
        "CPUs of the NATS server",
        "CPUs of the agents",
        "agents lost",
    ];
    let of_table = table(figures, &head, |own| {
        let each = own.cores * 1e3 / f64::from(own.agents);
        vec![
            format::significant(own.cores),
            format!("{} ms/s", format::significant(each)),
            megabytes(own.load_memory_bytes as f64),
            megabytes(own.peak_memory_bytes as f64),
            format::significant(own.nats_cores),
            format::significant(own.agents_cores),
            own.lost.to_string(),
        ]
    });
    Section {
        id: "cost".to_owned(),
        title: "Processor and memory".to_owned(),
        lead: "Of the controller while load is sent. It needs most memory at the end, when it judges each record.".to_owned(),
        ..of_table
    }
}

fn traffic(figures: &AgentsFigures) -> Section {
    let head = [
        "messages received",
        "messages sent",
        "bytes received",
        "bytes sent",
    ];
    let of_table = table(figures, &head, |own| {
        let bytes = |per_s: f64| format!("{}/s", format::bytes(per_s.round() as u64));
        vec![
            format::rate(own.messages_received_per_s),
            format::rate(own.messages_sent_per_s),
            bytes(own.bytes_received_per_s),
            bytes(own.bytes_sent_per_s),
        ]
    });
    Section {
        id: "traffic".to_owned(),
        title: "Messages".to_owned(),
        lead: "Of the controller while load is sent, counted by the NATS server.".to_owned(),
        ..of_table
    }
}

fn delays(figures: &AgentsFigures) -> Section {
    let head = [
        "until the start",
        "clocks within",
        "live view behind",
        "records behind",
        "until the end",
        "CPU time at the end",
    ];
    let of_table = table(figures, &head, |own| {
        let lag = |spread: &Option<Spread>| {
            spread.map_or(NONE.to_owned(), |own| {
                let ms = |ms: f64| format::duration_of(ms * 1e6);
                format!("{}, at most {}", ms(own.median), ms(own.greatest))
            })
        };
        let seconds = |s: f64| format::duration_of(s * 1e9);
        vec![
            seconds(own.barrier_s),
            format::duration_of(own.clock_error_ms * 1e6),
            lag(&own.view_lag_ms),
            lag(&own.record_lag_ms),
            seconds(own.closing_s),
            seconds(own.closing_cpu_s),
        ]
    });
    Section {
        id: "delays".to_owned(),
        title: "Delays".to_owned(),
        lead: format!(
            "The start is the common one of all agents, counted from the start of the controller. Clocks are known to within half of a round trip, and all agents of one machine answer one after the other. A line of the live view is late \
             by the time since the second that it shows. Records are late by the age of the first bytes that the controller does \
             not have yet: agents look for new ones once a second. The end is counted from that of the load. Medians and maxima \
             of looks every {} ms.",
            super::trial::LOOK.as_millis()
        ),
        ..of_table
    }
}
