//! The diagnosis of a service: its bottlenecks, from runs at a low load, near its knee, and above it.
//!
//! One run shows what a busy service does. Only the difference between loads shows what a request needs and what it
//! waits for: its service time at low load is free of queues, and the rate above the knee is the most that the service
//! can do. Both together give the number of requests at a time (Little's law), and the CPU time of a request gives the rate at
//! which the processors are full (the utilisation law).

mod at_a_time;
mod bottleneck;
mod box_limit;
mod busy_peer;
mod component_limit;
pub mod confirmation;
mod gain;
mod holders;
mod listen_queue;
mod load;
mod next_step;
mod openings;
mod part_growth;
mod process_limit;
mod report;
mod resource;
mod slowed;

pub use bottleneck::Bottleneck;
pub use gain::Gain;
pub use next_step::NextStep;
pub use report::DiagnosisReport;
pub use resource::Resource;

use serde::{Deserialize, Serialize};
use tenfold_run_dir::Run;

use crate::diagnosis::load::Load;
use crate::format;
use crate::knee::{Answer, End, Outcome, OutcomeName, SearchReport, judge_trial};
use crate::summary::Summary;

/// Bottlenecks of a service.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Diagnosis {
    /// Highest rate that the service sustained, per second. `None` if it sustained none.
    pub sustained: Option<f64>,
    /// Lowest rate that it did not sustain, per second. `None` if it sustained every rate.
    pub failed: Option<f64>,
    /// Bottlenecks, the one that binds first.
    pub bottlenecks: Vec<Bottleneck>,
}

/// The runs of a diagnosis, each with its summary.
#[derive(Debug, Clone, Copy)]
pub struct Experiments<'a> {
    /// A low load: about a third of the knee, so that requests hardly wait for each other.
    pub low: (&'a Run, &'a Summary),
    /// Just below the knee.
    pub near: (&'a Run, &'a Summary),
    /// Above the knee.
    pub above: (&'a Run, &'a Summary),
}

impl Diagnosis {
    /// Returns the diagnosis of a service whose knee was not reached: every rate up to the highest was sustained, or the
    /// generator was the limit.
    pub fn without_knee(search: &SearchReport) -> Self {
        let answer = &search.answer;
        let is_generator = answer.end == End::Generator;
        let mut bottleneck = bottleneck::not_reached(answer, is_generator, None);
        let mut trials = search.trials.iter().rev();
        let last = trials.find(|trial| trial.outcome == OutcomeName::NotMeasured);
        if let Some((trial, finding)) = last
            .filter(|_| is_generator)
            .and_then(|trial| Some((trial, trial.figures.finding.as_ref()?)))
        {
            let rate = format::rate(trial.rate);
            bottleneck.evidence.push(format!("at {rate}: {finding}"));
        }
        Self {
            sustained: answer.sustained,
            failed: answer.failed,
            bottlenecks: vec![bottleneck],
        }
    }
}

/// Names the bottlenecks of the service.
pub fn diagnose(answer: &Answer, experiments: &Experiments<'_>) -> Diagnosis {
    let low = Load::of(experiments.low);
    let near = Load::of(experiments.near);
    let above = Load::of(experiments.above);
    let is_generator = answer.end == End::Generator && answer.failed.is_none()
        || above.summary.generator_gave_out()
        || above.summary.too_few_users.is_some();
    // A search that ran out of time may have tried no rate that is too high; the run above the knee may be.
    let outcome = judge_trial(above.run, above.summary);
    let is_reached = match (answer.failed, answer.end) {
        (Some(_), _) => true,
        (None, End::HighestRate | End::Generator) => false,
        (None, _) => matches!(outcome, Outcome::NotSustained { .. }),
    };
    let bottlenecks = match is_reached {
        true => bottleneck::bottlenecks(answer, is_generator, &low, &near, &above),
        false => vec![bottleneck::not_reached(answer, is_generator, Some(&above))],
    };
    Diagnosis {
        sustained: answer.sustained,
        failed: answer.failed,
        bottlenecks,
    }
}
