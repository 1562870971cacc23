//! The encoding of a histogram in an interval log, read straight into packed values.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{LATENCY_NS_MAX, SIGNIFICANT_DIGITS, SparseHistogram};

/// What HdrHistogram's V2 encoding begins with.
const COOKIE: u32 = 0x1c84_9313;

/// What that encoding begins with where it is deflated.
const DEFLATED_COOKIE: u32 = 0x1c84_9314;

/// Slots of the first bucket of a run's shape, as a power of two; further ones have half as many.
const FIRST_BUCKET_BITS: u32 = 11;

/// Slots that a further bucket has, as a power of two.
const BUCKET_BITS: u32 = FIRST_BUCKET_BITS - 1;

/// Slots of a run's shape: each bucket reaches twice as far as the one before.
const SLOTS: u64 = {
    let buckets = (LATENCY_NS_MAX >> FIRST_BUCKET_BITS).ilog2() + 2;
    (buckets as u64 + 1) << BUCKET_BITS
};

/// The longest encoding of a run's shape: a header, and nine bytes for each slot.
const MOST_BYTES: u64 = 64 + 9 * SLOTS;

/// Decodes a histogram of a run's shape; `inflated` is room that is used again.
///
/// HdrHistogram's own reader makes a whole histogram of each, which is a hundred times as much memory
/// taken and given back for every row of a log, and leaves holes behind.
pub(crate) fn decode(bytes: &[u8], inflated: &mut Vec<u8>) -> Result<SparseHistogram, String> {
    let mut rest = bytes;
    if number(&mut rest, 4)? != u64::from(DEFLATED_COOKIE) {
        return Err("it is no deflated V2 encoding".to_owned());
    }
    let length = number(&mut rest, 4)?;
    inflated.clear();
    ZlibDecoder::new(rest.take(length))
        .take(MOST_BYTES)
        .read_to_end(inflated)
        .map_err(|error| error.to_string())?;
    let mut rest = inflated.as_slice();
    if number(&mut rest, 4)? != u64::from(COOKIE) {
        return Err("it is no V2 encoding".to_owned());
    }
    let length = number(&mut rest, 4)?;
    let offset = number(&mut rest, 4)?;
    let digits = number(&mut rest, 4)?;
    let (lowest, highest) = (number(&mut rest, 8)?, number(&mut rest, 8)?);
    let ratio = f64::from_bits(number(&mut rest, 8)?);
    if (offset, digits, lowest, highest) != (0, u64::from(SIGNIFICANT_DIGITS), 1, LATENCY_NS_MAX)
        || ratio.to_bits() != 1_f64.to_bits()
    {
        return Err("it has another shape than a run's".to_owned());
    }
    let counts = usize::try_from(length).ok().and_then(|n| rest.get(..n));
    let mut counts = Counts {
        rest: counts.ok_or("it is cut short")?,
        slot: 0,
        wrong: None,
    };
    let packed = SparseHistogram::of_counts(&mut counts);
    counts
        .wrong
        .map_or(Ok(packed), |wrong| Err(wrong.to_owned()))
}

/// The values with a count, as they are decoded.
struct Counts<'a> {
    rest: &'a [u8],
    slot: u64,
    wrong: Option<&'static str>,
}

impl Iterator for Counts<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        while !self.rest.is_empty() {
            let number = take(&mut self.rest);
            // A negative number is one of slots without a count.
            let (slots, count) = match number {
                Some(number @ 0..) => (1, number.unsigned_abs()),
                Some(number) => (number.unsigned_abs(), 0),
                None => (SLOTS, 0),
            };
            let slot = self.slot;
            self.slot = slot.saturating_add(slots);
            if number.is_none() || self.slot > SLOTS {
                self.wrong = Some("its counts are cut short, or more than there are slots");
                return None;
            }
            if count > 0 {
                return Some((highest_of(slot), count));
            }
        }
        None
    }
}

/// The highest value of a slot.
fn highest_of(slot: u64) -> u64 {
    let bucket = (slot >> BUCKET_BITS).saturating_sub(1);
    let within = slot - (bucket << BUCKET_BITS);
    ((within + 1) << bucket) - 1
}

/// Takes a big-endian number of so many bytes off the front.
fn number(rest: &mut &[u8], bytes: usize) -> Result<u64, String> {
    let (taken, left) = rest.split_at_checked(bytes).ok_or("it is cut short")?;
    *rest = left;
    let digits = taken.iter();
    Ok(digits.fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

/// Takes a number in ZigZag and LEB128 off the front, of which the ninth byte holds eight bits; none
/// where it is cut short.
fn take(rest: &mut &[u8]) -> Option<i64> {
    let mut number = 0_u64;
    for place in 0..9 {
        let (first, left) = rest.split_first()?;
        *rest = left;
        if place == 8 {
            number |= u64::from(*first) << 56;
            break;
        }
        number |= u64::from(first & 0x7f) << (7 * place);
        if first & 0x80 == 0 {
            break;
        }
    }
    Some(((number >> 1) as i64) ^ -((number & 1) as i64))
}

#[cfg(test)]
mod tests {
    use hdrhistogram::Histogram;
    use hdrhistogram::serialization::{Serializer, V2DeflateSerializer};

    use super::*;
    use crate::histogram::latency_histogram;

    fn encoded(histogram: &Histogram<u64>) -> Vec<u8> {
        let mut bytes = Vec::new();
        let serialized = V2DeflateSerializer::new().serialize(histogram, &mut bytes);
        serialized.expect("it can be encoded");
        bytes
    }

    #[test]
    fn what_was_encoded_is_decoded_value_by_value() {
        let mut state = 1_u64;
        let mut next = || {
            // Knuth's MMIX generator.
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            state >> 20
        };
        let mut inflated = Vec::new();
        for values in [0, 1, 7, 1_000, 20_000] {
            let mut whole = latency_histogram::<u64>();
            for _ in 0..values {
                let bits = next() % 43;
                whole.saturating_record_n(
                    (next() % (1 << bits)).min(LATENCY_NS_MAX),
                    1 + next() % 300,
                );
            }
            if values == 7 {
                whole.saturating_record_n(LATENCY_NS_MAX, u64::from(u32::MAX));
                whole.saturating_record(0);
                whole.saturating_record_n(2_047, 3);
                whole.saturating_record_n(2_048, 3);
            }
            let decoded = decode(&encoded(&whole), &mut inflated).unwrap();
            assert_eq!(decoded, SparseHistogram::of(&whole), "{values}");
        }
    }

    #[test]
    fn every_slot_has_its_highest_value() {
        let whole = latency_histogram::<u64>();
        assert_eq!(whole.distinct_values() as u64, SLOTS);
        for slot in (0..SLOTS).step_by(7) {
            let highest = highest_of(slot);
            assert_eq!(whole.highest_equivalent(highest), highest, "{slot}");
        }
    }

    #[test]
    fn what_is_no_histogram_of_a_run_is_refused() {
        let mut inflated = Vec::new();
        let mut other = Histogram::<u64>::new_with_bounds(1, LATENCY_NS_MAX, 2).unwrap();
        other.saturating_record(5);
        let told = decode(&encoded(&other), &mut inflated).unwrap_err();
        assert!(told.contains("another shape"), "{told}");
        let mut whole = latency_histogram::<u64>();
        whole.saturating_record(5_000_000);
        let bytes = encoded(&whole);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], &mut inflated).is_err(), "{length}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x41;
            // It may be another histogram, and never a panic.
            let _ = decode(&changed, &mut inflated);
        }
    }
}
