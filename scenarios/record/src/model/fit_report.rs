//! Fitted parameters of a log, and their goodness of fit.

use std::fmt;
use std::time::Duration;

use tenfold_scenarios::format_duration;
use tenfold_scenarios::toml_text::decimals;

use super::mix::MixFit;
use super::rate_shape::RateFit;
use super::zipf_fit::{Fit, ZipfFit};

/// Fitted parameters of a log, and their goodness of fit.
#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct FitReport {
    /// Name of the log.
    pub origin: String,
    /// Lines of the log that are not part of the fit, as reason and count.
    pub left_out: Vec<(String, u64)>,
    /// Rate over time.
    pub rate: RateFit,
    /// Requests by purpose.
    pub mix: MixFit,
    /// Popularity of content, which is all targets read except assets. `None` with fewer than 50
    /// requests or 5 targets.
    pub content: Option<ZipfFit>,
    /// Popularity of all targets read, including assets.
    pub all_targets: Option<ZipfFit>,
    /// Number of different targets of content.
    pub distinct_content: u64,
}

/// Truncates a duration to whole milliseconds.
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
            1 => write!(out, "constant, because steps would only show noise")?,
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
                "; variance to mean of the counts {dispersion:.2}, 1 if requests are independent"
            )?;
        }
        if rate.left_out > 0 {
            write!(
                out,
                "; the last {} requests are left out, because their step is incomplete",
                rate.left_out
            )?;
        }
        if rate.is_bursty() {
            write!(
                out,
                "; the log is bursty: its requests fall into {} of {} minutes, but a smooth rate \
                 would reach {:.0}. A trace shows these bursts, steps don't",
                rate.minutes_with_requests, rate.minutes, rate.minutes_expected
            )?;
        }
        writeln!(out)?;
        for (why, count) in &self.left_out {
            writeln!(out, "left out: {count} that {why}")?;
        }
        let mix = &self.mix;
        writeln!(
            out,
            "mix: {} reads to {} writes; {} of content, {} HEAD of content, {} listings, {} assets",
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
             including those not seen; {:.3} without the correction for sampling). ",
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
                "The fit is good: samples of the law deviate as much as this log (KS distance \
                 {:.3}, p = {:.3} from {} replicates)",
                self.ks_distance, self.p_value, self.replicates
            ),
            Fit::Poor => write!(
                out,
                "The fit is poor: Zipf's law is ruled out (KS distance {:.3}, p = {:.3} from {} \
                 replicates). Use it as a summary only; the share of the most popular targets is off by up to {distance:.1} \
                 points",
                self.ks_distance, self.p_value, self.replicates
            ),
        }
    }
}
