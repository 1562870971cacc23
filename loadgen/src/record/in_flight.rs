//! The number of requests in flight, and its integral over time.

/// The number of requests in flight, and its integral over time, for Little's law.
#[derive(Debug, Default)]
pub(crate) struct InFlight {
    count: u64,
    integral_ns: u64,
    since_ns: u64,
}

impl InFlight {
    /// Requests in flight.
    pub(crate) fn count(&self) -> u64 {
        self.count
    }

    /// Adds a request that began at `at_ns`.
    pub(crate) fn begin(&mut self, at_ns: u64) {
        self.advance(at_ns, true);
        self.count += 1;
    }

    /// Removes a request that ended at `at_ns`.
    pub(crate) fn end(&mut self, at_ns: u64) {
        self.advance(at_ns, false);
        self.count = self.count.saturating_sub(1);
    }

    /// The integral up to `now`, in request-nanoseconds.
    pub(crate) fn integral_ns(&self, now: u64) -> u64 {
        let held = now.saturating_sub(self.since_ns);
        self.integral_ns
            .saturating_add(held.saturating_mul(self.count))
    }

    /// Advances the integral to `at_ns`, which may be slightly before the last call: an answer counts
    /// when it arrived, not when it was read.
    fn advance(&mut self, at_ns: u64, begun: bool) {
        match at_ns.checked_sub(self.since_ns) {
            Some(since) => {
                let held = since.saturating_mul(self.count);
                self.integral_ns = self.integral_ns.saturating_add(held);
                self.since_ns = at_ns;
            }
            None => {
                let between = self.since_ns - at_ns;
                self.integral_ns = if begun {
                    self.integral_ns.saturating_add(between)
                } else {
                    self.integral_ns.saturating_sub(between)
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integral_is_sum_of_durations() {
        let mut in_flight = InFlight::default();
        in_flight.begin(10);
        in_flight.begin(20);
        // It ended before the other began, but was read after that.
        in_flight.end(15);
        assert_eq!(in_flight.count(), 1);
        in_flight.end(50);
        in_flight.begin(60);
        assert_eq!(in_flight.integral_ns(100), 5 + 30 + 40);
        assert_eq!(in_flight.count(), 1);
    }
}
