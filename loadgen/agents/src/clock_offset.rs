//! The offset of another machine's clock, estimated from round trips.

/// One round trip, with two readings of each clock, in nanoseconds.
///
/// The controller's clock reads `asked` and `heard`, the agent's reads `received` and `replied` in between.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RoundTrip {
    /// The controller's clock when it asks.
    pub(crate) asked: u64,
    /// The agent's clock when it receives the question.
    pub(crate) received: u64,
    /// The agent's clock when it replies.
    pub(crate) replied: u64,
    /// The controller's clock when it receives the reply.
    pub(crate) heard: u64,
}

/// The agent's clock minus the controller's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ClockOffset {
    /// Best estimate, in nanoseconds.
    pub(crate) ns: i64,
    /// The true offset was within this many nanoseconds of the estimate at the time of the round trip, however unevenly its time
    /// was spent on the two ways.
    pub(crate) uncertainty_ns: u64,
    /// Time on the way, both ways together, in nanoseconds.
    pub(crate) round_trip_ns: u64,
    /// The controller's clock when it was estimated.
    pub(crate) at: u64,
}

impl ClockOffset {
    /// Estimates the offset from the quickest of several round trips, as NTP does (RFC 5905, sections 8 and 10). `None` without a
    /// possible one.
    pub(crate) fn estimate(trips: &[RoundTrip]) -> Option<Self> {
        let estimates = trips.iter().filter_map(|trip| Self::of(*trip));
        estimates.min_by_key(|estimate| estimate.round_trip_ns)
    }

    /// Estimates the offset from one round trip. `None` if its readings contradict each other.
    ///
    /// The offset lies between `replied - heard` and `received - asked`. The estimate is the middle of the two.
    fn of(trip: RoundTrip) -> Option<Self> {
        let whole = trip.heard.checked_sub(trip.asked)?;
        let within = trip.replied.checked_sub(trip.received)?;
        let round_trip_ns = whole.checked_sub(within)?;
        let difference = |one: u64, other: u64| i128::from(one) - i128::from(other);
        let highest = difference(trip.received, trip.asked);
        let lowest = difference(trip.replied, trip.heard);
        Some(Self {
            ns: i64::try_from((highest + lowest).div_euclid(2)).ok()?,
            uncertainty_ns: round_trip_ns.div_ceil(2),
            round_trip_ns,
            at: trip.asked,
        })
    }

    /// Converts a reading of the controller's clock to one of the agent's. Readings before the clock's start become 0.
    pub(crate) fn to_agent(self, controller_ns: u64) -> u64 {
        let there = i128::from(controller_ns) + i128::from(self.ns);
        u64::try_from(there.max(0)).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A round trip at `asked` to a clock with this offset, with these times on the way there, in the agent, and on the way back.
    fn trip(offset: i64, asked: u64, [there, within, back]: [u64; 3]) -> RoundTrip {
        let on_agent = |ns: u64| u64::try_from(i128::from(ns) + i128::from(offset)).unwrap();
        RoundTrip {
            asked,
            received: on_agent(asked + there),
            replied: on_agent(asked + there + within),
            heard: asked + there + within + back,
        }
    }

    #[test]
    fn even_ways_give_the_exact_offset() {
        let trips = [trip(-5_000, 1_000_000, [300, 70, 300])];
        let estimate = ClockOffset::estimate(&trips).unwrap();
        assert_eq!((estimate.ns, estimate.uncertainty_ns), (-5_000, 300));
        assert_eq!(estimate.to_agent(1_000_000), 995_000);
        assert_eq!(estimate.to_agent(1_000), 0);
    }

    #[test]
    fn quickest_round_trip_decides() {
        let trips = [
            trip(40, 1_000, [10_000, 5, 90_000]),
            trip(40, 2_000, [500, 5, 700]),
            trip(40, 3_000, [2_000, 5, 2_000]),
        ];
        let estimate = ClockOffset::estimate(&trips).unwrap();
        assert_eq!((estimate.round_trip_ns, estimate.at), (1_200, 2_000));
        assert_eq!((estimate.ns, estimate.uncertainty_ns), (-60, 600));
    }

    #[test]
    fn contradictions_give_no_estimate() {
        assert_eq!(ClockOffset::estimate(&[]), None);
        let impossible = RoundTrip {
            asked: 10,
            received: 0,
            replied: 50,
            heard: 20,
        };
        assert_eq!(ClockOffset::estimate(&[impossible]), None);
        let back = RoundTrip {
            asked: 10,
            received: 7,
            replied: 6,
            heard: 20,
        };
        assert_eq!(ClockOffset::estimate(&[back]), None);
    }

    proptest! {
        #[test]
        fn true_offset_is_within_the_uncertainty(
            offset in -1_000_000_000_i64..1_000_000_000_000,
            asked in 2_000_000_000_u64..4_000_000_000_000,
            times in prop::collection::vec([0_u64..200_000_000, 0_u64..50_000_000, 0_u64..200_000_000], 1..20),
        ) {
            let trips: Vec<RoundTrip> = times.iter().map(|own| trip(offset, asked, *own)).collect();
            let estimate = ClockOffset::estimate(&trips).unwrap();
            prop_assert!(estimate.ns.abs_diff(offset) <= estimate.uncertainty_ns);
        }

        #[test]
        fn any_readings_are_survived(asked: u64, received: u64, replied: u64, heard: u64) {
            let trip = RoundTrip { asked, received, replied, heard };
            if let Some(estimate) = ClockOffset::estimate(&[trip]) {
                let _ = estimate.to_agent(asked);
            }
        }
    }
}
