//! Measurement of both stores, in turns.

mod bytes;
mod load;
mod operation;
mod questions;
mod stores;

use std::fs;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use self::load::Measured;
use self::operation::Operation;
use self::stores::Stores;
use super::question::Question;
use super::{NosqlFigures, OperationFigures, QuestionFigures, SideFigures, page};
use crate::nosql::arguments::NosqlArguments;
use crate::output;
use crate::output::spread::Spread;
use crate::workshop::interrupt::{Interrupt, Interrupted};
use crate::workshop::progress::report;

/// Time of each operation that is not counted.
const WARM_UP: Duration = Duration::from_secs(10);

/// Runs the benchmark, prints its page and writes its files.
pub(crate) fn run(arguments: &NosqlArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let began = jiff::Timestamp::now();
    let host = tenfold_probe::host::describe();
    let started = Instant::now();
    let making = || {
        format!(
            "could not create a directory in {}",
            arguments.cache.display()
        )
    };
    fs::create_dir_all(&arguments.cache).with_context(making)?;
    let folder = tempfile::Builder::new()
        .prefix("nosql-")
        .tempdir_in(arguments.cache.canonicalize().with_context(making)?)
        .with_context(making)?;
    let questions = arguments.questions();
    report("starting the stores");
    let stores = Stores::start(&questions, folder.path(), arguments.box_cpu)?;
    let mut figures = NosqlFigures {
        started_at: format!("{began:.0}"),
        host,
        box_cpu: arguments.box_cpu,
        unconfined_because: stores.unconfined_because(),
        rounds: arguments.rounds(),
        seconds: arguments.seconds(),
        quick: arguments.quick,
        questions: Vec::new(),
        mishaps: Vec::new(),
        took_s: 0.0,
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("could not start a runtime")?;
    for question in questions {
        let asked = runtime.block_on(ask(question, &stores, arguments, &interrupt));
        match asked {
            Ok(found) => figures.questions.push(found),
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => {
                let mishap = format!("{}: {error:#}", question.title());
                report(&mishap);
                figures.mishaps.push(mishap);
            }
        }
    }
    drop(runtime);
    // A store that stops writes its memory to disk.
    stores.stop()?;
    for found in &mut figures.questions {
        found.sql_bytes = bytes::of_sql(folder.path(), found.question)?;
        found.other_bytes = bytes::of_other(folder.path(), found.question)?;
    }
    figures.took_s = started.elapsed().as_secs_f64();
    output::write("nosql", &page::page(&figures), &figures, &arguments.out)
}

/// Asks one question of both stores, in turns.
async fn ask(
    question: Question,
    stores: &Stores,
    arguments: &NosqlArguments,
    interrupt: &Interrupt,
) -> anyhow::Result<QuestionFigures> {
    stores.release()?;
    report(&format!("{}: loading", question.title()));
    let (data, pairs) = questions::prepare(question, stores, arguments.quick).await?;
    stores.confine(question)?;
    let mut operations = Vec::new();
    for pair in pairs {
        interrupt.check()?;
        let measured = pair.measure(question, stores, arguments, interrupt).await?;
        report(&format!("{}: {}", question.title(), page::line(&measured)));
        operations.push(measured);
    }
    Ok(QuestionFigures {
        question,
        data,
        operations,
        sql_bytes: 0,
        other_bytes: 0,
    })
}

/// An operation on both stores.
struct Pair {
    name: String,
    sql: Operation,
    other: Operation,
}

impl Pair {
    async fn measure(
        &self,
        question: Question,
        stores: &Stores,
        arguments: &NosqlArguments,
        interrupt: &Interrupt,
    ) -> anyhow::Result<OperationFigures> {
        let time = Duration::from_secs(arguments.seconds());
        let sides = [(&self.sql, "sql"), (&self.other, question.role())];
        // Compiles what the Java virtual machine runs, and fills caches.
        for (operation, _) in sides {
            load::closed(operation, WARM_UP.min(time * 2)).await;
        }
        let mut rounds: [Vec<(Measured, Option<f64>)>; 2] = [Vec::new(), Vec::new()];
        for round in 0..arguments.rounds() {
            for turn in 0..2 {
                interrupt.check()?;
                // Each begins every other round.
                let side = ((round + turn) % 2) as usize;
                let (operation, role) = sides[side];
                let before = stores.cpu(role);
                let measured = load::closed(operation, time).await;
                let used = stores.cpu(role).saturating_sub(before);
                let done = measured.done();
                let cpu_us = (done > 0).then(|| used.as_secs_f64() * 1e6 / done as f64);
                rounds[side].push((measured, cpu_us));
            }
        }
        let median = |side: usize| {
            let rates = rounds[side].iter().map(|(own, _)| own.rate_per_s());
            Spread::of(rates).context("nothing was measured")
        };
        let (sql_rate, other_rate) = (median(0)?, median(1)?);
        let paced_per_s = sql_rate.median.min(other_rate.median) / 2.0;
        let mut figures = Vec::new();
        for (side, rate_per_s) in [sql_rate, other_rate].into_iter().enumerate() {
            interrupt.check()?;
            let paced = load::paced(sides[side].0, paced_per_s, time * 2).await;
            figures.push(SideFigures {
                rate_per_s,
                cpu_us: Spread::of(rounds[side].iter().filter_map(|(_, cpu_us)| *cpu_us)),
                reason: rounds[side]
                    .iter()
                    .find_map(|(own, _)| own.reason.clone())
                    .or_else(|| paced.reason.clone()),
                failed: rounds[side].iter().map(|(own, _)| own.failed).sum(),
                calls: rounds[side]
                    .iter()
                    .map(|(own, _)| own.done() + own.failed)
                    .sum(),
                p50_ms: paced.percentile_ms(0.5),
                p99_ms: paced.percentile_ms(0.99),
                paced_calls: paced.done() + paced.failed,
                paced_failed: paced.failed,
            });
        }
        let [sql, other]: [SideFigures; 2] = figures
            .try_into()
            .map_err(|_| anyhow::anyhow!("two sides were measured"))?;
        Ok(OperationFigures {
            name: self.name.clone(),
            sql,
            other,
            paced_per_s,
        })
    }
}
