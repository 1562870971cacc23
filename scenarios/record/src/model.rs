//! Models: scenarios with the traffic shape of a log, without its requests.

use std::time::Duration;

use tenfold_scenarios::{Rate, format_duration};

use crate::RecordError;
use crate::access_log::AccessLog;
use crate::trace::PHASE_MAX;

pub(crate) mod fit_report;
pub(crate) mod mix;
mod rank_fit;
pub(crate) mod rate_shape;
mod scenario_toml;
pub(crate) mod zipf_fit;
mod zipf_law;

use fit_report::FitReport;
use mix::{Class, MixFit};
use rate_shape::rate_fit;
use scenario_toml::toml;
use zipf_fit::zipf_fit;

/// Options for fitting a model to a log.
#[derive(Debug, Clone)]
pub struct ModelOptions {
    /// Name of the scenario.
    pub name: String,
    /// Mean rate of the scenario; that of the log if `None`. The log of a small site may have a request
    /// every few seconds, so set both rate and duration for a load test.
    pub rate: Option<Rate>,
    /// Duration of the scenario; if `None`, that of the log, up to 30 days.
    pub duration: Option<Duration>,
    /// Maximum number of steps in the rate curve, 1 to 1,000.
    pub steps: usize,
    /// Number of posts in the service, with ids from 1.
    pub posts: u64,
    /// Number of users of the service, with ids from 1.
    pub users: u64,
    /// Number of bootstrap replicates for the fit, at least 20; fewer are made for very large logs.
    pub replicates: u32,
    /// Seed of the fit and of the scenario.
    pub seed: u64,
}

/// A scenario with the traffic shape of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The scenario.
    pub toml: String,
    /// The fitted parameters and their goodness of fit.
    pub fit: FitReport,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self {
            name: "recorded".to_owned(),
            rate: None,
            duration: None,
            steps: 60,
            posts: 100_000,
            users: 10_000,
            replicates: 200,
            seed: 1,
        }
    }
}

/// Fits rate curve, mix and key popularity to a log, and makes a scenario with them for the reference
/// service.
///
/// # Errors
/// Fails if the log has no request or an option is out of range.
pub fn model(log: &AccessLog, options: &ModelOptions) -> Result<Model, RecordError> {
    let reject = |option, value: String, range| {
        Err(RecordError::Option {
            option,
            value,
            range,
        })
    };
    if !(1..=1000).contains(&options.steps) {
        return reject(
            "the number of steps",
            options.steps.to_string(),
            "1 to 1000",
        );
    }
    if options.posts == 0 || options.users == 0 {
        return reject("the number of posts or users", "0".to_owned(), "at least 1");
    }
    if options.rate.is_some_and(|rate| rate.per_second() <= 0.0) {
        return reject("--rate", "0/s".to_owned(), "more than 0/s");
    }
    let allowed = Duration::from_millis(1)..=PHASE_MAX;
    if let Some(duration) = options
        .duration
        .filter(|duration| !allowed.contains(duration))
    {
        return reject("--duration", format_duration(duration), "1ms to 30 days");
    }
    let requests = log
        .records()
        .filter_map(|record| Some((record.at_us, record.request?)));
    let mut mix = MixFit::default();
    let mut all = vec![0_u64; log.distinct_targets()];
    let mut content = vec![0_u64; log.distinct_targets()];
    for (_, request) in requests.clone() {
        let class = Class::of(&request);
        mix.add(class);
        all[request.target_id] += u64::from(class != Class::Write);
        content[request.target_id] += u64::from(class != Class::Write && !class.is_asset());
    }
    if mix.total() == 0 {
        return Err(RecordError::no_request(log));
    }
    let fit = FitReport {
        origin: log.origin.clone(),
        left_out: log.left_out(),
        rate: rate_fit(requests.map(|(at_us, _)| at_us), log.grain, options.steps),
        mix,
        content: zipf_fit(&content, options.replicates, options.seed),
        all_targets: zipf_fit(&all, options.replicates, options.seed),
        distinct_content: content.iter().filter(|count| **count > 0).count() as u64,
    };
    Ok(Model {
        toml: toml(&fit, options),
        fit,
    })
}
