//! The shape of a log, without its requests.

use std::time::Duration;

use super::RecordError;
use super::fit_report::FitReport;
use super::mix::{Class, MixFit};
use super::model_toml::toml;
use super::rate_shape::rate_fit;
use super::trace::LONGEST;
use super::zipf_fit::zipf_fit;
use crate::access_log::AccessLog;
use crate::{Rate, format_duration};

/// How to make a model of a log.
#[derive(Debug, Clone)]
pub struct ModelOptions {
    /// What the scenario is to be called.
    pub name: String,
    /// The mean rate of the scenario; without one, that of the log, which for an honest log of a small
    /// site is a request in many seconds: give both rate and duration for a load test.
    pub rate: Option<Rate>,
    /// How long the scenario is to last; without it, as long as the log, at most 30 days.
    pub duration: Option<Duration>,
    /// The most steps that the rate curve may have, 1 to 1,000.
    pub steps: usize,
    /// How many posts the service holds, with ids from 1.
    pub posts: u64,
    /// How many users the service has, with ids from 1.
    pub users: u64,
    /// How many logs are made to judge the fit, at least 20; fewer where the log is very large.
    pub replicates: u32,
    /// The seed of the fit and of the scenario.
    pub seed: u64,
}

/// A scenario with the shape of a log.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    /// The scenario.
    pub toml: String,
    /// How it was fitted, and how well.
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

/// Fits rate curve, mix and popularity of keys to a log, and makes a scenario of them that plays on
/// the reference service.
///
/// # Errors
/// Fails where the log holds no request or an option is out of its range.
pub fn model(log: &AccessLog, options: &ModelOptions) -> Result<Model, RecordError> {
    let refuse = |option, value: String, range| {
        Err(RecordError::Option {
            option,
            value,
            range,
        })
    };
    if !(1..=1000).contains(&options.steps) {
        return refuse(
            "the number of steps",
            options.steps.to_string(),
            "1 to 1000",
        );
    }
    if options.posts == 0 || options.users == 0 {
        return refuse("the number of posts or users", "0".to_owned(), "1 and more");
    }
    if options.rate.is_some_and(|rate| rate.per_second() <= 0.0) {
        return refuse("--rate", "0/s".to_owned(), "more than 0/s");
    }
    let allowed = Duration::from_millis(1)..=LONGEST;
    if let Some(duration) = options
        .duration
        .filter(|duration| !allowed.contains(duration))
    {
        return refuse("--duration", format_duration(duration), "1ms to 30 days");
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
        let lines = log.lines - log.broken - log.headers;
        return Err(RecordError::NoRequest {
            origin: log.origin.clone(),
            lines,
        });
    }
    let fit = FitReport {
        origin: log.origin.clone(),
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
