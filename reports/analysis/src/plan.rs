//! The back of the envelope: rates, storage, bandwidth and boxes, from users and their traffic.
//!
//! A month counts as 2.5 million seconds, 3.5% less than 30 days. So one request a second is 2.5 million a month, and the
//! arithmetic can be done in the head.

mod amount;
mod box_count;
mod error;
mod fleet;
mod latency;
mod simulated;

pub use amount::{AmountError, PerMonth, parse_bytes, parse_count};
pub use box_count::TooManyBoxes;
pub(crate) use box_count::box_count;
pub use error::PlanError;
pub use fleet::Fleet;
pub use latency::{Latency, Operation};
pub use simulated::{
    FleetTier, SimulatedFleet, SimulatedKnee, SimulatedP99, SimulatedStep, SimulatedTier,
};

use serde::Serialize;

use crate::format;

/// Seconds of a month.
pub const SECONDS_PER_MONTH: f64 = 2.5e6;

/// Share of the reads that the working set answers.
const WORKING_SET_READS: f64 = 0.8;

/// Euler's constant, of the harmonic numbers.
const EULER: f64 = 0.577_215_664_901_532_9;

/// Traffic to plan for.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Traffic {
    /// Users.
    pub users: f64,
    /// Writes per month.
    pub writes_per_month: f64,
    /// Reads per month.
    pub reads_per_month: f64,
    /// Bytes that a write stores.
    pub bytes_per_write: f64,
    /// Bytes that a read returns.
    pub bytes_per_read: f64,
    /// Time for which content is kept, in years.
    pub years: f64,
    /// Highest rate over the mean rate.
    pub peak: f64,
}

/// Boxes of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct BoxCapacity {
    /// Rate that one box sustains, per second.
    pub sustained: f64,
    /// Share of that rate to plan with.
    pub utilisation: f64,
    /// Zones, one of which may fail. 1 for no spare zone.
    pub zones: u64,
}

/// A quantity with its derivation.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Quantity {
    /// Name: `storage_month`.
    pub name: &'static str,
    /// Name for people.
    pub title: &'static str,
    /// Value, in the unit of the name: per second, bytes, bytes per second, or boxes.
    pub value: f64,
    /// The value with its unit.
    pub text: String,
    /// The arithmetic.
    pub arithmetic: String,
}

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Plan {
    /// Version of this format: 1.
    pub version: u32,
    /// Traffic that it is for.
    pub traffic: Traffic,
    /// Capacity of a box. `None` if it was not given.
    pub capacity: Option<BoxCapacity>,
    /// Quantities, in order.
    pub quantities: Vec<Quantity>,
    /// Fleets for the peak, one for each step of a ladder. Empty without a ladder.
    pub fleets: Vec<Fleet>,
    /// Simulations of the steps of a ladder. Empty unless they were asked for.
    pub simulations: Vec<SimulatedStep>,
    /// Times of elementary operations on this machine. Empty unless they were measured.
    pub latencies: Vec<Latency>,
}

impl Plan {
    /// Does the arithmetic. `capacity` is that of a box, if it was measured.
    ///
    /// # Errors
    /// If a quantity is too large to be computed, or the peak needs more than ten million boxes.
    pub fn of(traffic: Traffic, capacity: Option<BoxCapacity>) -> Result<Self, PlanError> {
        let mut quantities = rates(&traffic);
        quantities.extend(storage(&traffic));
        quantities.extend(bandwidth(&traffic));
        if let Some(beyond) = quantities.iter().find(|own| !own.value.is_finite()) {
            return Err(PlanError::TooLarge(beyond.title));
        }
        if let Some(capacity) = capacity {
            quantities.push(boxes(&traffic, capacity)?);
        }
        Ok(Self {
            version: 1,
            traffic,
            capacity,
            quantities,
            fleets: Vec::new(),
            simulations: Vec::new(),
            latencies: Vec::new(),
        })
    }
}

fn rate(per_month: f64) -> f64 {
    per_month / SECONDS_PER_MONTH
}

fn rates(traffic: &Traffic) -> Vec<Quantity> {
    let (writes, reads) = (
        rate(traffic.writes_per_month),
        rate(traffic.reads_per_month),
    );
    let of_month = |per_month: f64| format!("{} per month / 2.5 million s", short(per_month));
    let per_second = |name, title, value: f64, arithmetic| Quantity {
        name,
        title,
        value,
        text: format::rate(value),
        arithmetic,
    };
    let all = writes + reads;
    let mut quantities = vec![
        per_second(
            "writes_per_s",
            "writes",
            writes,
            of_month(traffic.writes_per_month),
        ),
        per_second(
            "reads_per_s",
            "reads",
            reads,
            of_month(traffic.reads_per_month),
        ),
        per_second(
            "requests_per_s",
            "all requests",
            all,
            format!("{} + {}", format::rate(writes), format::rate(reads)),
        ),
        per_second(
            "peak_per_s",
            "at the peak",
            all * traffic.peak,
            format!(
                "{} x {}",
                format::rate(all),
                format::significant(traffic.peak)
            ),
        ),
    ];
    if writes > 0.0 {
        quantities.push(Quantity {
            name: "reads_per_write",
            title: "reads per write",
            value: reads / writes,
            text: format::significant(reads / writes),
            arithmetic: format!("{} / {}", format::rate(reads), format::rate(writes)),
        });
    }
    let by_user = (traffic.writes_per_month + traffic.reads_per_month) / traffic.users;
    quantities.push(Quantity {
        name: "requests_per_user_and_month",
        title: "requests per user and month",
        value: by_user,
        text: format::significant(by_user),
        arithmetic: format!(
            "{} / {} users",
            short(traffic.writes_per_month + traffic.reads_per_month),
            short(traffic.users)
        ),
    });
    quantities
}

fn storage(traffic: &Traffic) -> Vec<Quantity> {
    let month = traffic.writes_per_month * traffic.bytes_per_write;
    let all = month * 12.0 * traffic.years;
    let objects = traffic.writes_per_month * 12.0 * traffic.years;
    let hot = working_set(objects);
    let bytes = |name, title, value: f64, arithmetic| Quantity {
        name,
        title,
        value,
        text: decimal_bytes(value),
        arithmetic,
    };
    let months = traffic.years * 12.0;
    vec![
        bytes(
            "storage_month",
            "new content in a month",
            month,
            format!(
                "{} writes x {}",
                short(traffic.writes_per_month),
                decimal_bytes(traffic.bytes_per_write)
            ),
        ),
        bytes(
            "storage",
            "content kept",
            all,
            format!(
                "{} x {} months",
                decimal_bytes(month),
                format::significant(months)
            ),
        ),
        bytes(
            "working_set",
            "working set: 80% of the reads",
            hot * traffic.bytes_per_write,
            format!(
                "the {} most popular of {} objects (Zipf, exponent 1), x {}",
                short(hot),
                short(objects),
                decimal_bytes(traffic.bytes_per_write)
            ),
        ),
    ]
}

/// Returns the number of objects that get [`WORKING_SET_READS`] of the reads, if popularity follows Zipf's law with
/// exponent 1: the `k` with `H(k) = share H(n)`, where `H(n)` is about `ln n` plus Euler's constant.
fn working_set(objects: f64) -> f64 {
    if objects < 2.0 {
        return objects.max(0.0);
    }
    let harmonic = objects.ln() + EULER;
    (WORKING_SET_READS * harmonic - EULER)
        .exp()
        .clamp(1.0, objects)
}

fn bandwidth(traffic: &Traffic) -> Vec<Quantity> {
    let (writes, reads) = (
        rate(traffic.writes_per_month),
        rate(traffic.reads_per_month),
    );
    let flow = |name, title, rate: f64, bytes: f64| Quantity {
        name,
        title,
        value: rate * bytes,
        text: format!("{}/s", decimal_bytes(rate * bytes)),
        arithmetic: format!("{} x {}", format::rate(rate), decimal_bytes(bytes)),
    };
    vec![
        flow(
            "bytes_in_per_s",
            "received",
            writes,
            traffic.bytes_per_write,
        ),
        flow("bytes_out_per_s", "sent", reads, traffic.bytes_per_read),
    ]
}

/// Returns the boxes that carry the peak even without one zone.
fn boxes(traffic: &Traffic, capacity: BoxCapacity) -> Result<Quantity, TooManyBoxes> {
    let needed = Needed::of(traffic, capacity)?;
    Ok(Quantity {
        name: "boxes",
        title: "boxes",
        value: needed.number as f64,
        text: format::count(needed.number),
        arithmetic: needed.arithmetic,
    })
}

/// Number of equal units that carry the peak.
struct Needed {
    number: u64,
    arithmetic: String,
}

impl Needed {
    fn of(traffic: &Traffic, capacity: BoxCapacity) -> Result<Self, TooManyBoxes> {
        let peak = (rate(traffic.writes_per_month) + rate(traffic.reads_per_month)) * traffic.peak;
        let needed = peak / (capacity.sustained * capacity.utilisation);
        let planned = format!(
            "{} / ({} x {})",
            format::rate(peak),
            format::rate(capacity.sustained),
            format::percent(capacity.utilisation)
        );
        Ok(Self {
            number: box_count(needed, capacity.zones, "the service")?,
            arithmetic: match capacity.zones {
                0 | 1 => planned,
                zones => format!("{planned}, in {zones} zones, one of which may fail"),
            },
        })
    }
}

/// Formats a number with the prefix of its power of a thousand: `1G`, `100M`.
pub fn short(number: f64) -> String {
    let prefixes = [(1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")];
    let prefix = prefixes.iter().find(|(size, _)| number >= 0.9995 * size);
    match prefix {
        Some((size, prefix)) => format!("{}{prefix}", trimmed(number / size)),
        None => trimmed(number),
    }
}

/// Formats bytes in powers of a thousand: `1 TB`. Storage and networks are sold in these.
fn decimal_bytes(bytes: f64) -> String {
    let prefixes = [
        (1e15, "PB"),
        (1e12, "TB"),
        (1e9, "GB"),
        (1e6, "MB"),
        (1e3, "KB"),
    ];
    let prefix = prefixes.iter().find(|(size, _)| bytes >= 0.9995 * size);
    match prefix {
        Some((size, prefix)) => format!("{} {prefix}", trimmed(bytes / size)),
        None => format!("{} B", trimmed(bytes)),
    }
}

/// Formats a number with three significant digits, without trailing zeros.
fn trimmed(number: f64) -> String {
    let text = format::significant(number);
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn seed() -> Traffic {
        Traffic {
            users: 10e6,
            writes_per_month: 1e9,
            reads_per_month: 100e9,
            bytes_per_write: 1e3,
            bytes_per_read: 1e3,
            years: 3.0,
            peak: 1.0,
        }
    }

    fn text(plan: &Plan, name: &str) -> String {
        let mut quantities = plan.quantities.iter();
        quantities
            .find(|own| own.name == name)
            .unwrap()
            .text
            .clone()
    }

    #[test]
    fn arithmetic_of_the_founding_design() {
        let plan = Plan::of(seed(), None).unwrap();
        for (name, expected) in [
            ("writes_per_s", "400/s"),
            ("reads_per_s", "40,000/s"),
            ("reads_per_write", "100"),
            ("storage_month", "1 TB"),
            ("storage", "36 TB"),
            ("bytes_in_per_s", "400 KB/s"),
            ("bytes_out_per_s", "40 MB/s"),
        ] {
            assert_eq!(text(&plan, name), expected, "{name}");
        }
    }

    #[test]
    fn working_set_matches_harmonic_numbers() {
        for objects in [1_000_u32, 100_000] {
            let harmonic = |to: u32| (1..=to).map(|own| 1.0 / f64::from(own)).sum::<f64>();
            let hot = working_set(f64::from(objects));
            let share = harmonic(hot.round() as u32) / harmonic(objects);
            assert!((share - 0.8).abs() < 0.005, "{share}");
        }
        assert_eq!(working_set(1.0), 1.0);
        assert_eq!(working_set(0.0), 0.0);
    }

    #[test]
    fn boxes_carry_the_peak_without_a_zone() {
        let capacity = |zones| BoxCapacity {
            sustained: 5_000.0,
            utilisation: 0.6,
            zones,
        };
        let traffic = Traffic {
            peak: 2.0,
            ..seed()
        };
        // 80,800/s by 3,000/s.
        assert_eq!(
            text(&Plan::of(traffic, Some(capacity(1))).unwrap(), "boxes"),
            "27"
        );
        // 14 in each of three zones: 28 without one.
        assert_eq!(
            text(&Plan::of(traffic, Some(capacity(3))).unwrap(), "boxes"),
            "42"
        );
    }

    /// Any number that the command line takes, from the smallest to the largest.
    fn any_positive() -> impl Strategy<Value = f64> {
        prop_oneof![
            (-308.0..308.0_f64).prop_map(|power| 10_f64.powf(power)),
            Just(f64::MIN_POSITIVE),
            Just(f64::MAX),
            Just(1.0),
        ]
    }

    proptest! {
        #[test]
        fn any_traffic_is_planned_or_refused(
            amounts in proptest::array::uniform4(prop_oneof![Just(0.0), 0.0..=1e15_f64]),
            factors in proptest::array::uniform4(any_positive()),
            sustained in any_positive(),
            zones in 0..=100_u64,
        ) {
            let [users, writes_per_month, reads_per_month, bytes] = amounts;
            let [years, peak, utilisation, scale] = factors;
            let traffic = Traffic {
                users,
                writes_per_month: writes_per_month * scale.min(SECONDS_PER_MONTH),
                reads_per_month,
                bytes_per_write: bytes,
                bytes_per_read: bytes,
                years,
                peak,
            };
            let capacity = BoxCapacity { sustained, utilisation: utilisation.min(1.0), zones };
            let step = Fleet::of("step", &traffic, capacity);
            match Plan::of(traffic, Some(capacity)) {
                Ok(plan) => {
                    prop_assert!(plan.quantities.iter().all(|own| own.value.is_finite()));
                    let boxes = plan.quantities.last().unwrap().value;
                    prop_assert!((1.0..=1e7).contains(&boxes), "{boxes}");
                    prop_assert_eq!(step.unwrap().copies as f64, boxes);
                }
                Err(PlanError::TooManyBoxes(error)) => {
                    prop_assert!(error.to_string().contains("more than 10 million boxes"));
                    prop_assert!(step.is_err());
                }
                Err(error) => prop_assert!(error.to_string().contains("too large"), "{error}"),
            }
        }
    }

    #[test]
    fn numbers_are_short() {
        for (number, expected) in [
            (1e9, "1G"),
            (999_999.0, "1M"),
            (2.5e6, "2.5M"),
            (12.0, "12"),
            (0.0, "0"),
        ] {
            assert_eq!(short(number), expected);
        }
    }
}
