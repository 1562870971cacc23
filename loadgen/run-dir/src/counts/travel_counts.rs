//! Counts of requests that are not plain: redirects, retries, connections of their own and traces.

use serde::{Deserialize, Serialize};

use super::durations::Durations;

/// Redirects, retries, connections and traces of one request in one phase.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TravelCounts {
    /// Requests that were redirected at least once.
    pub redirected: u64,
    /// Redirects followed.
    pub redirects: u64,
    /// Redirects that led to another origin than the target.
    pub elsewhere: u64,
    /// Requests sent again, because the service had closed the connection.
    pub retries: u64,
    /// Connections opened for one request alone.
    pub own_connections: u64,
    /// Cookies that could not be kept, because they were too long or the user had too many.
    pub cookies_refused: u64,
    /// Requests with a `traceparent`.
    pub traced: u64,
}

impl TravelCounts {
    /// Returns whether all requests were plain.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Adds other counts to these.
    pub fn add(&mut self, other: &Self) {
        self.redirected += other.redirected;
        self.redirects += other.redirects;
        self.elsewhere += other.elsewhere;
        self.retries += other.retries;
        self.own_connections += other.own_connections;
        self.cookies_refused += other.cookies_refused;
        self.traced += other.traced;
    }
}

/// Durations of the exchanges of redirected requests, in the counted phases.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HopTimes {
    /// Index into the manifest's requests.
    pub request: usize,
    /// Durations of the first exchange, whose answer is a redirect, then of each further one.
    pub exchanges: Vec<Durations>,
}

impl HopTimes {
    /// Adds the durations of another generator to those of `all`.
    pub fn add_to(&self, all: &mut Vec<Self>) {
        let at = match all.iter().position(|known| known.request == self.request) {
            Some(at) => at,
            None => {
                all.push(Self {
                    request: self.request,
                    exchanges: Vec::new(),
                });
                all.len() - 1
            }
        };
        let sums = &mut all[at].exchanges;
        if sums.len() < self.exchanges.len() {
            sums.resize(self.exchanges.len(), Durations::default());
        }
        for (sum, durations) in sums.iter_mut().zip(&self.exchanges) {
            sum.add(durations);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::counts::durations::duration_histogram;

    fn of(values: &[u64]) -> Durations {
        let mut histogram = duration_histogram();
        for value in values {
            histogram.record(*value).unwrap();
        }
        Durations::of(&histogram)
    }

    #[test]
    fn hop_times_add_up_by_request_and_exchange() {
        let mut all = Vec::new();
        let one = HopTimes {
            request: 1,
            exchanges: vec![of(&[5]), of(&[7])],
        };
        let other = HopTimes {
            request: 1,
            exchanges: vec![of(&[5]), of(&[7]), of(&[9])],
        };
        one.add_to(&mut all);
        other.add_to(&mut all);
        HopTimes {
            request: 0,
            exchanges: vec![of(&[1])],
        }
        .add_to(&mut all);
        let counts =
            |at: usize| -> Vec<u64> { all[at].exchanges.iter().map(Durations::count).collect() };
        assert_eq!((counts(0), counts(1)), (vec![2, 2, 1], vec![1]));
    }
}
