//! The queue of a stage, second by second.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tenfold_lab::BoxStatus;

use crate::workshop::interrupt::Interrupt;

/// Interval between samples.
const INTERVAL: Duration = Duration::from_secs(1);

/// Counters at one moment.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Sample {
    /// Time since the first one, in seconds.
    at_s: f64,
    /// Jobs in the queue.
    jobs: f64,
    /// Jobs that were accepted so far.
    accepted: f64,
    /// Uploads that were refused so far, as the queue was full.
    refused: f64,
    /// Jobs that were done so far.
    done: f64,
}

/// The queue of a stage, second by second.
#[derive(Debug, Clone, Default)]
pub(super) struct Samples(Vec<Sample>);

/// Outcomes of uploads, second by second.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Curve {
    /// Seconds.
    pub(crate) seconds: Vec<Second>,
}

/// One second.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub(crate) struct Second {
    /// Time of its end, in seconds.
    pub(crate) at_s: f64,
    /// Jobs in the queue at its end.
    pub(crate) jobs: f64,
    /// Accepted uploads.
    pub(crate) accepted: f64,
    /// Refused uploads.
    pub(crate) refused: f64,
    /// Jobs done.
    pub(crate) done: f64,
    /// Time from acceptance to the end of the last job that was done, in seconds. `None` before the first.
    pub(crate) wait_s: Option<f64>,
    /// Jobs done within the time that counts.
    pub(crate) in_time: f64,
}

impl Samples {
    /// Takes samples until `is_over`. The services and the workers must be up.
    pub(super) fn take(
        boxes: &[BoxStatus],
        interrupt: &Interrupt,
        is_over: impl Fn() -> bool,
    ) -> anyhow::Result<Self> {
        let began = Instant::now();
        let mut samples = Vec::new();
        while !is_over() {
            samples.push(sample(boxes, began)?);
            let next = INTERVAL * u32::try_from(samples.len()).unwrap_or(u32::MAX);
            interrupt.wait(next.saturating_sub(began.elapsed()), &is_over)?;
        }
        Ok(Self(samples))
    }

    /// Returns the rate at which jobs were done while others waited. `None` if none waited for a few seconds.
    pub(super) fn rate_while_waiting(&self) -> Option<f64> {
        let waited = |pair: &&[Sample]| pair.iter().all(|own| own.jobs >= 5.0);
        let pairs: Vec<_> = self.0.windows(2).filter(waited).collect();
        let time: f64 = pairs.iter().map(|pair| pair[1].at_s - pair[0].at_s).sum();
        let done: f64 = pairs.iter().map(|pair| pair[1].done - pair[0].done).sum();
        (time >= 3.0 && done > 0.0).then(|| done / time)
    }

    /// Returns the outcomes of the uploads. Jobs are done in the order of their acceptance.
    pub(super) fn curve(&self, in_time_s: f64) -> Curve {
        let first = self.0.first().copied().unwrap_or_default();
        let pairs = self.0.windows(2);
        let seconds = pairs.map(|pair| {
            let (before, now) = (pair[0], pair[1]);
            let done = now.done - before.done;
            let wait_s = (now.done > first.done)
                .then(|| now.at_s - self.accepted_at(now.done - first.done))
                .map(|wait| wait.max(0.0));
            Second {
                at_s: now.at_s,
                jobs: now.jobs,
                accepted: now.accepted - before.accepted,
                refused: now.refused - before.refused,
                done,
                wait_s,
                in_time: match wait_s {
                    Some(wait) if wait <= in_time_s => done,
                    _ => 0.0,
                },
            }
        });
        Curve {
            seconds: seconds.collect(),
        }
    }

    /// Returns the time at which this many jobs had been accepted, between two samples in proportion.
    fn accepted_at(&self, count: f64) -> f64 {
        let first = self.0.first().map_or(0.0, |own| own.accepted);
        let reached = self
            .0
            .windows(2)
            .find(|pair| pair[1].accepted - first >= count);
        reached.map_or(0.0, |pair| {
            let (before, now) = (pair[0], pair[1]);
            let more = (now.accepted - before.accepted).max(1e-9);
            let part = ((count - (before.accepted - first)) / more).clamp(0.0, 1.0);
            before.at_s + part * (now.at_s - before.at_s)
        })
    }
}

fn sample(boxes: &[BoxStatus], began: Instant) -> anyhow::Result<Sample> {
    let mut own = Sample::default();
    for server in boxes
        .iter()
        .filter(|own| ["app", "worker"].contains(&own.role.as_str()))
    {
        let Some(admin) = server.admin else {
            continue;
        };
        let text = metrics(admin)?;
        let figure = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.strip_prefix(name));
            lines.find_map(|rest| rest.trim().parse::<f64>().ok())
        };
        let event = |name| {
            figure(&format!(
                "tenfold_queue_job_events_total{{event=\"{name}\"}}"
            ))
        };
        own.accepted += event("accepted").unwrap_or(0.0);
        own.refused += event("full").unwrap_or(0.0);
        own.done += event("done").unwrap_or(0.0);
        // All processes show the same queue.
        own.jobs = own.jobs.max(figure("tenfold_queue_jobs ").unwrap_or(0.0));
    }
    own.at_s = began.elapsed().as_secs_f64();
    Ok(own)
}

fn metrics(admin: SocketAddr) -> anyhow::Result<String> {
    let mut stream = TcpStream::connect(admin)?;
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    write!(
        stream,
        "GET /metrics HTTP/1.1\r\nhost: {admin}\r\nconnection: close\r\n\r\n"
    )?;
    let mut text = String::new();
    stream.take(4 << 20).read_to_string(&mut text)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A worker that does ten jobs a second, of twenty that are accepted.
    fn growing() -> Samples {
        let sample = |second: u32| {
            let at_s = f64::from(second);
            Sample {
                at_s,
                jobs: 10.0 * at_s,
                accepted: 20.0 * at_s,
                refused: 0.0,
                done: 10.0 * at_s,
            }
        };
        Samples((0..=20).map(sample).collect())
    }

    #[test]
    fn wait_follows_from_the_order_of_jobs() {
        let curve = growing().curve(5.0);
        let last = curve.seconds.last().unwrap();
        // The 200th job was accepted after ten seconds.
        assert!((last.wait_s.unwrap() - 10.0).abs() < 1e-9, "{last:?}");
        assert_eq!((last.done, last.in_time), (10.0, 0.0));
        let in_time: f64 = curve.seconds.iter().map(|own| own.in_time).sum();
        assert_eq!(in_time, 100.0);
    }

    #[test]
    fn capacity_is_counted_while_jobs_wait() {
        assert_eq!(growing().rate_while_waiting(), Some(10.0));
        assert_eq!(Samples::default().rate_while_waiting(), None);
    }
}
