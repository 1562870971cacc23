//! Latencies of several generators, on their way to the feed of their run.

use hdrhistogram::Histogram;
use tenfold_run_dir::{IntervalHistogram, latency_histogram};
use tenfold_scenarios::{Kind, Scenario};

use crate::record::feed::{Feed, is_published, kinds_of};

/// Adds to a [`Feed`] the intervals that the generators of a run have recorded.
#[derive(Debug)]
pub struct FeedRelay {
    feed: Feed,
    kinds: Vec<Kind>,
    /// Has the slots of every interval, and no values.
    shape: Histogram<u32>,
}

impl FeedRelay {
    /// Adds to the feed of a run of this scenario.
    pub fn new(feed: Feed, scenario: &Scenario) -> Self {
        Self {
            feed,
            kinds: kinds_of(scenario),
            shape: latency_histogram(),
        }
    }

    /// Adds an interval of one generator. Does nothing for a metric that is not published.
    pub fn add(&self, interval: &IntervalHistogram) {
        if is_published(interval.series.metric) {
            let (series, packed) = (interval.series, &interval.histogram);
            self.feed
                .add_packed(&self.kinds, series, packed, &self.shape);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use tenfold_run_dir::{Metric, Series, SparseHistogram};

    use super::*;
    use crate::record::feed::feed;

    #[test]
    fn relayed_intervals_count_as_those_of_one_generator() {
        let text = r#"
            version = 1
            name = "x"
            phases = [{ name = "a", kind = "constant", rate = "1/s", duration = "1s" }]
            requests = [{ name = "read", kind = "read", path = "/" }]
        "#;
        let scenario = Scenario::parse(text, Path::new("x.toml")).unwrap();
        let (own, own_reader) = feed();
        let (relayed, reader) = feed();
        let relay = FeedRelay::new(relayed, &scenario);
        let of = |metric, request| Series {
            metric,
            phase: 0,
            request,
        };
        // The last two: not published, and not of this scenario.
        for series in [
            of(Metric::Response, 0),
            of(Metric::Lag, 0),
            of(Metric::Unlagged, 0),
            of(Metric::Response, 9),
        ] {
            let mut values = latency_histogram::<u32>();
            for value in [1, 999_999, 1_000_000, 70_000_000_000] {
                values.record_n(value, 3).unwrap();
            }
            own.add(&kinds_of(&scenario), series, &values);
            relay.add(&IntervalHistogram {
                series,
                start_ns: 0,
                duration_ns: 1,
                histogram: SparseHistogram::of(&values),
            });
        }
        let (one, other) = (own_reader.totals(), reader.totals());
        assert_eq!((one.len(), other.len()), (2, 2));
        for (one, other) in one.iter().zip(&other) {
            assert_eq!(one.latency, other.latency);
            assert_eq!((one.exact.len(), other.exact.len()), (12, 12));
        }
    }
}
