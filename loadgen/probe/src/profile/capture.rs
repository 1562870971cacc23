//! Capture of a CPU profile from a target.

use std::time::{Duration, Instant};

use tenfold_run_dir::ProfileInfo;

use super::Profile;
use crate::{AdminListener, ProbeError, http, metrics};

/// Extra time for the response, because the target looks up symbols after the last sample.
const GRACE: Duration = Duration::from_secs(20);

/// Timeout of a scrape of the CPU time.
const SCRAPE_TIMEOUT: Duration = Duration::from_secs(2);

/// Longest response that is read, in bytes.
const BYTES_MAX: u64 = 64 * 1024 * 1024;

/// A captured profile.
#[derive(Debug, Clone, PartialEq)]
pub struct Captured {
    /// Source and completeness.
    pub info: ProfileInfo,
    /// The profile as received: a gzipped `profile.proto`.
    pub encoded: Vec<u8>,
    /// The profile, decoded.
    pub profile: Profile,
}

/// Captures a CPU profile from an admin listener, for `seconds` seconds at `hz` samples per CPU second. Times count from
/// `start`, the start of the run. Blocks for `seconds` and a little longer.
///
/// Any endpoint that works like Go's will do. If it ignores `hz`, it reports its own rate in the profile.
///
/// `expected` requires the CPU time of the process during the capture. Its source is the header
/// `tenfold-profile-cpu-seconds`, else the difference of `process_cpu_seconds_total` at `/metrics` before and after.
///
/// # Errors
/// If there is no response within 20 s after the end of the capture, the status is not 200 (another profile may be in
/// progress), or the response is not a gzipped `profile.proto`.
pub fn capture(
    admin: &AdminListener,
    seconds: u64,
    hz: u32,
    start: Instant,
) -> Result<Captured, ProbeError> {
    let url = admin
        .join(&format!("/debug/pprof/profile?seconds={seconds}&hz={hz}"))
        .url()
        .to_owned();
    let timeout = Duration::from_secs(seconds).saturating_add(GRACE);
    let client = http::client(admin, timeout);
    let metrics_client = http::client(admin, SCRAPE_TIMEOUT);
    let metrics_url = admin.join("/metrics");
    let cpu_s = || {
        metrics::scrape(&metrics_client, metrics_url.url(), SCRAPE_TIMEOUT)
            .ok()?
            .sum("process_cpu_seconds_total")
    };

    let cpu_s_before = cpu_s();
    let began = Instant::now();
    let response = http::get(&client, &url, timeout, BYTES_MAX)?;
    let elapsed = began.elapsed();
    let header = |name: &str| -> Option<f64> {
        let value: f64 = response
            .headers
            .get(name)?
            .to_str()
            .ok()?
            .trim()
            .parse()
            .ok()?;
        (value.is_finite() && value >= 0.0).then_some(value)
    };

    let profile = Profile::decode(&url, &response.body)?;
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
        encoded: response.body,
        profile,
    })
}
