//! `server_timing.json`: where sampled requests spent their time, as the service reported it.

use serde::{Deserialize, Serialize};

/// Most names of metrics that a run keeps.
pub const TIMING_NAMES_MAX: usize = 32;

/// Name of the metrics beyond [`TIMING_NAMES_MAX`].
pub const OTHER_METRICS: &str = "(other)";

/// Name of the metric with the whole time in the service. It is no part.
pub const TOTAL_METRIC: &str = "total";

/// Buckets for each doubling of the response time: each is at most 3.2% wide.
const BUCKETS_PER_OCTAVE: u64 = 32;

/// Times of sampled requests by part of the service, from `Server-Timing` headers.
///
/// Only sums are kept, by request and by bucket of the response time. So they are bounded, count every sampled
/// request, and show the parts of any percentile.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct ServerTiming {
    /// Names of the parts, in order of their first appearance.
    pub names: Vec<String>,
    /// Sums of each request with a sampled trace, by its index.
    pub requests: Vec<RequestTiming>,
}

/// Sums of one request.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RequestTiming {
    /// Index into the manifest's requests.
    pub request: usize,
    /// Sampled requests that completed without a `Server-Timing` header.
    pub without_header: u64,
    /// Sums of the others by response time, in ascending order.
    pub buckets: Vec<TimingBucket>,
}

/// Sums of the requests with about the same response time. Times are in nanoseconds.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TimingBucket {
    /// Number of the bucket; see [`bucket_of`].
    pub bucket: u64,
    /// Requests.
    pub count: u64,
    /// Response times.
    pub response_ns: u64,
    /// Lags of the generator.
    pub lag_ns: u64,
    /// Waits for an idle user.
    pub blocked_ns: u64,
    /// Service times, as the client measured them.
    pub service_ns: u64,
    /// Requests whose header has a `total`.
    pub with_total: u64,
    /// Times in the service: the `total` of the header or, without it, the sum of the parts.
    pub total_ns: u64,
    /// Times of the parts, in the order of the names. Shorter if the last ones are zero.
    pub parts_ns: Vec<u64>,
}

/// One sampled request. Times are in nanoseconds.
#[derive(Debug, Clone, Copy, Default)]
pub struct SampledRequest<'a> {
    /// Index into the manifest's requests.
    pub request: usize,
    /// Response time.
    pub response_ns: u64,
    /// Lag of the generator.
    pub lag_ns: u64,
    /// Wait for an idle user.
    pub blocked_ns: u64,
    /// Service time, as the client measured it.
    pub service_ns: u64,
    /// Names and times of the header. `None` without a header.
    pub metrics: Option<&'a [(String, u64)]>,
}

impl ServerTiming {
    /// Returns whether no request was sampled.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty()
    }

    /// Adds a request.
    pub fn add(&mut self, sampled: &SampledRequest<'_>) {
        let Some(metrics) = sampled.metrics else {
            self.request(sampled.request).without_header += 1;
            return;
        };
        let mut sums = TimingBucket {
            bucket: bucket_of(sampled.response_ns),
            count: 1,
            response_ns: sampled.response_ns,
            lag_ns: sampled.lag_ns,
            blocked_ns: sampled.blocked_ns,
            service_ns: sampled.service_ns,
            ..TimingBucket::default()
        };
        let mut total_ns = None;
        for (name, ns) in metrics {
            if name == TOTAL_METRIC {
                total_ns = Some(total_ns.unwrap_or(0).max(*ns));
            } else if *ns > 0 {
                add_at(&mut sums.parts_ns, self.name(name), *ns);
            }
        }
        sums.with_total = u64::from(total_ns.is_some());
        sums.total_ns = total_ns.unwrap_or_else(|| sum(&sums.parts_ns));
        self.request(sampled.request).add(sums);
    }

    /// Adds the sums of another generator of the same run.
    pub fn merge(&mut self, other: &Self) {
        let names: Vec<usize> = other.names.iter().map(|name| self.name(name)).collect();
        for theirs in &other.requests {
            self.request(theirs.request).without_header += theirs.without_header;
            for bucket in &theirs.buckets {
                let mut sums = TimingBucket {
                    parts_ns: Vec::new(),
                    ..bucket.clone()
                };
                let parts = names.iter().zip(&bucket.parts_ns);
                for (index, ns) in parts.filter(|(_, ns)| **ns > 0) {
                    add_at(&mut sums.parts_ns, *index, *ns);
                }
                self.request(theirs.request).add(sums);
            }
        }
    }

    /// Returns the index of a name.
    fn name(&mut self, name: &str) -> usize {
        let known = |names: &[String], name: &str| names.iter().position(|known| known == name);
        let name = match known(&self.names, name) {
            Some(index) => return index,
            None if self.names.len() + 1 < TIMING_NAMES_MAX => name,
            None => OTHER_METRICS,
        };
        known(&self.names, name).unwrap_or_else(|| {
            self.names.push(name.to_owned());
            self.names.len() - 1
        })
    }

    /// Returns the sums of a request.
    fn request(&mut self, request: usize) -> &mut RequestTiming {
        let at = self
            .requests
            .binary_search_by_key(&request, |known| known.request)
            .unwrap_or_else(|at| {
                let new = RequestTiming {
                    request,
                    ..RequestTiming::default()
                };
                self.requests.insert(at, new);
                at
            });
        &mut self.requests[at]
    }
}

impl RequestTiming {
    /// Returns the number of requests with a header.
    pub fn count(&self) -> u64 {
        self.buckets.iter().map(|bucket| bucket.count).sum()
    }

    fn add(&mut self, sums: TimingBucket) {
        match self
            .buckets
            .binary_search_by_key(&sums.bucket, |known| known.bucket)
        {
            Ok(at) => self.buckets[at].add(&sums),
            Err(at) => self.buckets.insert(at, sums),
        }
    }
}

impl TimingBucket {
    fn add(&mut self, other: &Self) {
        for (own, more) in [
            (&mut self.count, other.count),
            (&mut self.response_ns, other.response_ns),
            (&mut self.lag_ns, other.lag_ns),
            (&mut self.blocked_ns, other.blocked_ns),
            (&mut self.service_ns, other.service_ns),
            (&mut self.with_total, other.with_total),
            (&mut self.total_ns, other.total_ns),
        ] {
            *own = own.saturating_add(more);
        }
        for (index, ns) in other.parts_ns.iter().enumerate() {
            add_at(&mut self.parts_ns, index, *ns);
        }
    }
}

/// Returns the number of the bucket of a response time. Longer times have higher numbers.
pub fn bucket_of(response_ns: u64) -> u64 {
    let octave = response_ns.max(1).ilog2();
    let first = BUCKETS_PER_OCTAVE.ilog2();
    if octave < first {
        return response_ns;
    }
    let within = (response_ns >> (octave - first)) - BUCKETS_PER_OCTAVE;
    u64::from(octave - first + 1) * BUCKETS_PER_OCTAVE + within
}

fn add_at(sums: &mut Vec<u64>, index: usize, ns: u64) {
    if sums.len() <= index {
        sums.resize(index + 1, 0);
    }
    sums[index] = sums[index].saturating_add(ns);
}

fn sum(parts_ns: &[u64]) -> u64 {
    parts_ns.iter().fold(0, |sum, ns| sum.saturating_add(*ns))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sampled<'a>(response_ns: u64, metrics: Option<&'a [(String, u64)]>) -> SampledRequest<'a> {
        SampledRequest {
            request: 3,
            response_ns,
            lag_ns: 1,
            blocked_ns: 2,
            service_ns: response_ns - 3,
            metrics,
        }
    }

    fn metrics(metrics: &[(&str, u64)]) -> Vec<(String, u64)> {
        let owned = metrics.iter().map(|(name, ns)| ((*name).to_owned(), *ns));
        owned.collect()
    }

    #[test]
    fn buckets_are_ordered_and_narrow() {
        let (mut last, mut first_of) = (0, 0);
        for ns in 0..200_000 {
            let bucket = bucket_of(ns);
            assert!(bucket == last || bucket == last + 1, "{ns}: {bucket}");
            if bucket > last {
                (last, first_of) = (bucket, ns);
            }
            assert!(ns - first_of <= first_of / 32, "{first_of} to {ns}");
        }
        assert!(bucket_of(u64::MAX) < 2_000);
    }

    #[test]
    fn sums_parts_and_totals() {
        let mut timing = ServerTiming::default();
        timing.add(&sampled(100, Some(&metrics(&[("sql", 40), ("total", 70)]))));
        timing.add(&sampled(100, Some(&metrics(&[("cpu", 5), ("sql", 1)]))));
        timing.add(&sampled(500, None));
        let [request] = &timing.requests[..] else {
            panic!("one request: {timing:?}");
        };
        assert_eq!((request.request, request.without_header), (3, 1));
        let expected = TimingBucket {
            bucket: bucket_of(100),
            count: 2,
            response_ns: 200,
            lag_ns: 2,
            blocked_ns: 4,
            service_ns: 194,
            with_total: 1,
            total_ns: 76,
            parts_ns: vec![41, 5],
        };
        assert_eq!(request.buckets, [expected]);
        assert_eq!(timing.names, ["sql", "cpu"]);
    }

    #[test]
    fn names_are_bounded() {
        let many: Vec<(String, u64)> = (0..100).map(|n| (format!("part-{n}"), 10)).collect();
        let mut timing = ServerTiming::default();
        timing.add(&sampled(2_000, Some(&many)));
        assert_eq!(timing.names.len(), TIMING_NAMES_MAX);
        assert_eq!(timing.names[TIMING_NAMES_MAX - 1], OTHER_METRICS);
        let parts = &timing.requests[0].buckets[0].parts_ns;
        assert_eq!(parts[TIMING_NAMES_MAX - 1], 690);
        assert_eq!(sum(parts), 1_000);
    }

    #[test]
    fn merge_equals_one_record() {
        let answers = [
            (100, metrics(&[("a", 1), ("b", 2)])),
            (100, metrics(&[("b", 4), ("total", 9)])),
            (9_000, metrics(&[("c", 3)])),
            (70, metrics(&[("b", 4), ("a", 1)])),
        ];
        let record = |answers: &[(u64, Vec<(String, u64)>)]| {
            let mut timing = ServerTiming::default();
            for (response_ns, metrics) in answers {
                timing.add(&sampled(*response_ns, Some(metrics)));
            }
            timing.add(&sampled(50, None));
            timing
        };
        let (mut one, other) = (record(&answers[..2]), record(&answers[2..]));
        one.merge(&other);
        let mut all = record(&answers);
        all.requests[0].without_header += 1;
        assert_eq!(one, all);
    }
}
