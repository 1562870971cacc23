//! Benchmark `knee`: searches services of known capacity, and counts how often the answer holds the truth.
//!
//! Simulated services are queues in virtual time. Real ones are a server with a number of permits of a fixed time,
//! searched by `tenfold knee`.

pub(crate) mod arguments;
mod page;
pub(crate) mod permits;
pub(crate) mod real;
mod simulated;

use std::path::Path;
use std::time::Instant;

use serde::{Deserialize, Serialize};
use tenfold_analysis::knee::Goal;

use self::arguments::KneeArguments;
use crate::output;
use crate::workshop::Workshop;
use crate::workshop::interrupt::{Interrupt, Interrupted};
use crate::workshop::progress::report;
use crate::workshop::tenfold_binary;

/// Results of the benchmark.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct KneeFigures {
    /// Start, RFC 3339 in UTC.
    pub(crate) started_at: String,
    /// The machine.
    pub(crate) host: tenfold_run_dir::manifest::Host,
    /// True for a quick check.
    pub(crate) quick: bool,
    /// The searches, in order.
    pub(crate) searches: Vec<Searched>,
    /// Searches that failed, with the reason.
    pub(crate) mishaps: Vec<String>,
    /// Duration, in seconds.
    pub(crate) took_s: f64,
}

/// A search of a service of known capacity.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Searched {
    /// The service, in words.
    pub(crate) service: String,
    /// True for a real service.
    pub(crate) is_real: bool,
    /// Its capacity, per second.
    pub(crate) truth: f64,
    /// Rate of the first trial, per second.
    pub(crate) first_rate: f64,
    /// Highest rate that was sustained, per second.
    pub(crate) sustained: Option<f64>,
    /// Lowest rate that was not, per second.
    pub(crate) failed: Option<f64>,
    /// True if both ends are confirmed.
    pub(crate) is_confirmed: bool,
    /// Duration, in seconds; virtual ones for a simulated service.
    pub(crate) took_s: f64,
}

impl Searched {
    /// Returns whether the answer holds the capacity.
    pub(crate) fn holds(&self) -> bool {
        self.sustained.is_none_or(|low| low <= self.truth)
            && self.failed.is_none_or(|high| high >= self.truth)
            && (self.sustained.is_some() || self.failed.is_some())
    }

    /// Returns the width relative to the lower end. `None` if an end is not known.
    pub(crate) fn width(&self) -> Option<f64> {
        let low = self.sustained.filter(|low| *low > 0.0)?;
        Some(self.failed? / low - 1.0)
    }

    fn line(&self) -> String {
        let rate = |rate: Option<f64>| rate.map_or("–".to_owned(), |rate| format!("{rate:.1}/s"));
        format!(
            "{}: {} to {}, capacity {:.1}/s, {} in {:.0} s",
            self.service,
            rate(self.sustained),
            rate(self.failed),
            self.truth,
            match self.holds() {
                true => "holds",
                false => "MISSED",
            },
            self.took_s
        )
    }
}

/// Returns what each search is to reach.
fn goal(quick: bool) -> Goal {
    match quick {
        true => Goal::quick(),
        false => Goal::thorough(),
    }
}

/// Writes the page of measured figures anew.
pub(crate) fn write_page(folder: &Path) -> anyhow::Result<()> {
    let figures: KneeFigures = output::read("knee", folder)?;
    let page = page::page(&figures, goal(figures.quick));
    output::write_pages("knee", &page, folder)
}

/// Runs the benchmark, prints its page and writes its files.
pub(crate) fn run(arguments: &KneeArguments) -> anyhow::Result<()> {
    let interrupt = Interrupt::catch()?;
    let tenfold = tenfold_binary::find(arguments.tenfold.as_ref(), true)?;
    let workshop = Workshop::new(&arguments.cache, tenfold, false, interrupt)?;
    let began = jiff::Timestamp::now();
    let mut figures = KneeFigures {
        started_at: format!("{began:.0}"),
        host: tenfold_probe::host::describe(),
        quick: arguments.quick,
        searches: Vec::new(),
        mishaps: Vec::new(),
        took_s: 0.0,
    };
    let started = Instant::now();
    report(&format!(
        "simulated: {} seeds of each service",
        arguments.seeds()
    ));
    figures.searches = simulated::searches(arguments.seeds(), goal(arguments.quick));
    for number in 0..arguments.runs() {
        match real::search(number as usize, arguments.quick, &workshop) {
            Ok(searched) => {
                report(&searched.line());
                figures.searches.push(searched);
            }
            Err(error) if error.is::<Interrupted>() => return Err(error),
            Err(error) => {
                let told = format!("search {}: {error:#}", number + 1);
                report(&told);
                figures.mishaps.push(told);
            }
        }
    }
    figures.took_s = started.elapsed().as_secs_f64();
    output::write(
        "knee",
        &page::page(&figures, goal(arguments.quick)),
        &figures,
        &arguments.out,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn searched(sustained: Option<f64>, failed: Option<f64>) -> Searched {
        Searched {
            service: "s".to_owned(),
            is_real: true,
            truth: 100.0,
            first_rate: 1.0,
            sustained,
            failed,
            is_confirmed: true,
            took_s: 1.0,
        }
    }

    #[test]
    fn an_answer_holds_the_truth_between_its_ends() {
        assert!(searched(Some(98.0), Some(102.0)).holds());
        assert!(searched(None, Some(102.0)).holds());
        for (low, high) in [
            (Some(101.0), Some(105.0)),
            (Some(90.0), Some(99.0)),
            (None, None),
        ] {
            assert!(!searched(low, high).holds());
        }
        let width = searched(Some(100.0), Some(104.0)).width().unwrap();
        assert!((width - 0.04).abs() < 1e-9);
        assert_eq!(searched(None, Some(1.0)).width(), None);
    }
}
