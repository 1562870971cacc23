//! What was fitted to a log, and how well.

use std::fmt;
use std::time::Duration;

use super::mix::MixFit;
use super::rate_shape::RateFit;
use super::toml_text::decimals;
use super::zipf_fit::{Fit, ZipfFit};
use crate::format_duration;

/// What was fitted to a log, and how well.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct FitReport {
    /// What the log is called.
    pub origin: String,
    /// The rate over time.
    pub rate: RateFit,
    /// What the requests are for.
    pub mix: MixFit,
    /// The popularity of content: all targets that are read and are no assets. `None` where there
    /// are too few to tell, fewer than 50 requests or 5 targets.
    pub content: Option<ZipfFit>,
    /// The popularity of all targets that are read, assets among them.
    pub all_targets: Option<ZipfFit>,
    /// How many different targets of content there are.
    pub distinct_content: u64,
}

/// Cuts a duration to what people care to read.
pub(super) fn whole_milliseconds(duration: Duration) -> Duration {
    Duration::from_millis(
        u64::try_from(duration.as_millis())
            .unwrap_or(u64::MAX)
            .max(1),
    )
}

impl fmt::Display for FitReport {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = &self.rate;
        let time =
            |seconds: f64| format_duration(whole_milliseconds(Duration::from_secs_f64(seconds)));
        write!(
            out,
            "rate: {}/s on average ({} requests in {}), ",
            decimals(rate.mean_per_s, 4),
            rate.requests,
            time(rate.span_s)
        )?;
        match rate.steps.len() {
            1 => write!(
                out,
                "kept constant, as no steps tell more than chance would"
            )?,
            steps => write!(
                out,
                "in {steps} steps of {}, the highest {:.2} times the mean",
                time(rate.step_s),
                rate.peak
            )?,
        }
        if let Some(dispersion) = rate.dispersion {
            write!(
                out,
                "; variance over mean of the steps' counts {dispersion:.2}, 1 by chance"
            )?;
        }
        if rate.left_out > 0 {
            write!(
                out,
                "; the last {} requests are too short a step and not in it",
                rate.left_out
            )?;
        }
        if rate.is_bursty() {
            write!(
                out,
                "; the log is bursty: its requests fall into {} of {} minutes, where a smooth rate \
                 would reach {:.0}, which steps don't show and a trace does",
                rate.minutes_with_requests, rate.minutes, rate.minutes_expected
            )?;
        }
        writeln!(out)?;
        let mix = &self.mix;
        writeln!(
            out,
            "mix: {} reads to {} writes; {} of content, {} heads of it, {} listings, {} assets",
            mix.reads(),
            mix.writes,
            mix.content,
            mix.content_heads,
            mix.listings,
            mix.assets()
        )?;
        for (what, fit) in [
            ("content", &self.content),
            ("all targets", &self.all_targets),
        ] {
            match fit {
                Some(fit) => writeln!(out, "{what}: {fit}")?,
                None => writeln!(
                    out,
                    "{what}: too few requests or targets for a fit of Zipf's law"
                )?,
            }
        }
        Ok(())
    }
}

impl fmt::Display for ZipfFit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            out,
            "Zipf exponent {:.3} (95% interval {:.3} to {:.3}; {} requests for {} targets, {}{} \
             with those not seen; {:.3} if the ranks found were the true ones). ",
            self.exponent,
            self.low,
            self.high,
            self.requests,
            self.distinct,
            if self.keys_unbounded {
                "at least "
            } else {
                "about "
            },
            self.keys,
            self.exponent_as_ranked
        )?;
        let distance = self.ks_distance * 100.0;
        match self.fit {
            Fit::Good => write!(
                out,
                "The fit is good: the law itself gives logs as far off as this one (KS distance \
                 {:.3}, p = {:.3} of {} made)",
                self.ks_distance, self.p_value, self.replicates
            ),
            Fit::Poor => write!(
                out,
                "The fit is poor: Zipf's law is ruled out (KS distance {:.3}, p = {:.3} of {} \
                 made), so take it as a summary; the share of the most popular targets is off by up to {distance:.1} \
                 points",
                self.ks_distance, self.p_value, self.replicates
            ),
        }
    }
}
