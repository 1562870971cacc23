//! hey.

use std::path::Path;
use std::process::Command;

use crate::generator::job::Job;
use crate::generator::peer::report::{PeerReport, duration_ns, line_after};
use crate::generator::peer::{Pace, Peer, Source, command};

/// hey.
pub(super) struct Hey;

impl Peer for Hey {
    fn name(&self) -> &'static str {
        "hey"
    }

    fn pace(&self) -> Pace {
        Pace::Throttled
    }

    fn source(&self) -> Source {
        Source::Debian("hey")
    }

    fn note(&self) -> &'static str {
        "-q for each worker; its percentiles are in tenths of a millisecond, and of its first million \
         requests"
    }

    fn command(&self, program: &Path, job: &Job) -> anyhow::Result<Command> {
        let (connections, seconds, rate) =
            (job.connections, job.lasts.as_secs(), job.rate_of_each());
        let line = format!("-c {connections} -q {rate} -z {seconds}s {}", job.url());
        Ok(command(program, &line))
    }

    fn read(&self, output: &str) -> Option<PeerReport> {
        line_after(output, "Requests/sec:")?;
        let percentile = |name: &str| line_after(output, name).and_then(duration_ns);
        Some(PeerReport {
            p50_ns: percentile("50% in"),
            p99_ns: percentile("99% in"),
            failed: Some(count_failures(output)),
            ..PeerReport::default()
        })
    }
}

/// Counts errors, and responses with a status other than 2xx.
fn count_failures(output: &str) -> u64 {
    let lines = output.lines().filter_map(|line| {
        let (key, rest) = line.trim().strip_prefix('[')?.split_once(']')?;
        Some((key, rest.trim()))
    });
    let counts = lines.map(|(key, rest)| match rest.strip_suffix("responses") {
        Some(_) if key.starts_with('2') => 0,
        Some(count) => count.trim().parse().unwrap_or(0),
        // Errors are printed as `[count] message`, histogram bars as `[count] |■■`.
        None if rest.starts_with('|') => 0,
        None => key.parse().unwrap_or(0),
    });
    counts.fold(0, u64::saturating_add)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_statuses_and_errors_but_not_histogram() {
        let output = "Response time histogram:\n  0.000 [1]\t|\n  0.007 [38]\t|■■\n\n\
                      Status code distribution:\n  [200]\t100 responses\n  [404]\t7 responses\n\n\
                      Error distribution:\n  [3]\tGet \"http://127.0.0.1\": EOF\n";
        assert_eq!(count_failures(output), 10);
    }
}
