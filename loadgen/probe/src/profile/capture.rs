//! Capturing a CPU profile from a target.

use std::time::{Duration, Instant};

use tenfold_run_dir::ProfileInfo;

use super::Profile;
use crate::{AdminListener, ProbeError, http, metrics};

/// How much longer than the profile an answer may take: symbols are looked up after the last sample.
const GRACE: Duration = Duration::from_secs(20);

/// How long a scrape of the CPU time may take.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(2);

/// The longest answer that is read.
const LIMIT: u64 = 64 * 1024 * 1024;

/// A profile and how it was taken.
#[derive(Debug, Clone, PartialEq)]
pub struct Captured {
    /// How it was taken, and how much of the CPU time it saw.
    pub info: ProfileInfo,
    /// The profile as it came: a gzipped `profile.proto`.
    pub encoded: Vec<u8>,
    /// The profile, decoded.
    pub profile: Profile,
}

/// Captures a CPU profile of `seconds` at `hz` from an admin listener; times are
/// counted from `start`, the start of the run.
///
/// Any endpoint of Go's kind will do; one that does not know `hz` samples at its own rate, and says
/// so in the profile. `captured` is counted from the profile. `expected` needs the CPU time that the
/// process took meanwhile: the header `tenfold-profile-cpu-seconds`, or else the difference of
/// `process_cpu_seconds_total` at `/metrics` just before and just after, or else it is absent.
///
/// Takes `seconds` and a little more, and blocks meanwhile.
///
/// # Errors
///
/// Where nothing answers, the answer is not 200 (another profile may be under way), takes 20 s
/// longer than the profile, or is not a gzipped `profile.proto`.
pub fn capture(
    admin: &AdminListener,
    seconds: u64,
    hz: u32,
    start: Instant,
) -> Result<Captured, ProbeError> {
    let url = admin
        .below(&format!("/debug/pprof/profile?seconds={seconds}&hz={hz}"))
        .url()
        .to_owned();
    let timeout = Duration::from_secs(seconds).saturating_add(GRACE);
    let client = http::client(admin, timeout);
    let metrics_client = http::client(admin, SCRAPE_TIMEOUT);
    let metrics_url = admin.below("/metrics");
    let cpu_s = || {
        metrics::scrape(&metrics_client, metrics_url.url(), SCRAPE_TIMEOUT)
            .ok()?
            .sum("process_cpu_seconds_total")
    };

    let cpu_s_before = cpu_s();
    let began = Instant::now();
    let answer = http::get(&client, &url, timeout, LIMIT)?;
    let elapsed = began.elapsed();
    let header = |name: &str| -> Option<f64> {
        let value: f64 = answer
            .headers
            .get(name)?
            .to_str()
            .ok()?
            .trim()
            .parse()
            .ok()?;
        (value.is_finite() && value >= 0.0).then_some(value)
    };

    let profile = Profile::decode(&url, &answer.body)?;
    let hz = header("tenfold-profile-hz")
        .filter(|hz| *hz > 0.0)
        .or(profile.hz)
        .unwrap_or_else(|| f64::from(hz));
    let cpu_s =
        header("tenfold-profile-cpu-seconds").or_else(|| Some((cpu_s()? - cpu_s_before?).max(0.0)));
    let ns = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    Ok(Captured {
        info: ProfileInfo {
            source: url,
            start_ns: ns(began.saturating_duration_since(start)),
            duration_ns: profile.duration_ns.unwrap_or_else(|| ns(elapsed)),
            hz,
            captured: profile.samples(),
            expected: cpu_s.map(|cpu_s| cpu_s * hz),
            cpu_s,
        },
        encoded: answer.body,
        profile,
    })
}
