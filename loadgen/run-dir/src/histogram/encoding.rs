//! The encoding of a histogram in an interval log, decoded straight into packed values.

use std::io::Read;

use flate2::read::ZlibDecoder;

use super::{LATENCY_NS_MAX, SIGNIFICANT_DIGITS, SparseHistogram};

/// First bytes of HdrHistogram's V2 encoding.
const COOKIE: u32 = 0x1c84_9313;

/// First bytes of that encoding when deflated.
const DEFLATED_COOKIE: u32 = 0x1c84_9314;

/// Binary logarithm of the number of slots in the first bucket. Further buckets have half as many.
const FIRST_BUCKET_BITS: u32 = 11;

/// Binary logarithm of the number of slots in a further bucket.
const BUCKET_BITS: u32 = FIRST_BUCKET_BITS - 1;

/// Slots of a latency histogram. Each bucket reaches twice as far as the one before.
const SLOTS: u64 = {
    let buckets = (LATENCY_NS_MAX >> FIRST_BUCKET_BITS).ilog2() + 2;
    (buckets as u64 + 1) << BUCKET_BITS
};

/// Longest encoding of a latency histogram, in bytes: a header, and nine bytes for each slot.
const ENCODED_BYTES_MAX: u64 = 64 + 9 * SLOTS;

/// Decodes a latency histogram. `inflated` is a buffer to reuse.
///
/// HdrHistogram's own reader allocates a whole histogram for each row of a log. That is a hundred times as much memory,
/// and fragments the heap.
pub(crate) fn decode(bytes: &[u8], inflated: &mut Vec<u8>) -> Result<SparseHistogram, String> {
    let mut rest = bytes;
    if number(&mut rest, 4)? != u64::from(DEFLATED_COOKIE) {
        return Err("it is not a deflated V2 encoding".to_owned());
    }
    let length = number(&mut rest, 4)?;
    inflated.clear();
    ZlibDecoder::new(rest.take(length))
        .take(ENCODED_BYTES_MAX)
        .read_to_end(inflated)
        .map_err(|error| error.to_string())?;
    let mut rest = inflated.as_slice();
    if number(&mut rest, 4)? != u64::from(COOKIE) {
        return Err("it is not a V2 encoding".to_owned());
    }
    let length = number(&mut rest, 4)?;
    let offset = number(&mut rest, 4)?;
    let digits = number(&mut rest, 4)?;
    let (lowest, highest) = (number(&mut rest, 8)?, number(&mut rest, 8)?);
    let ratio = f64::from_bits(number(&mut rest, 8)?);
    if (offset, digits, lowest, highest) != (0, u64::from(SIGNIFICANT_DIGITS), 1, LATENCY_NS_MAX)
        || ratio.to_bits() != 1_f64.to_bits()
    {
        return Err("its bounds or digits differ from those of a run".to_owned());
    }
    let counts = usize::try_from(length).ok().and_then(|n| rest.get(..n));
    let mut counts = DecodedCounts {
        rest: counts.ok_or("it is truncated")?,
        slot: 0,
        wrong: None,
    };
    let packed = SparseHistogram::of_counts(&mut counts);
    counts
        .wrong
        .map_or(Ok(packed), |wrong| Err(wrong.to_owned()))
}

/// The values that have a count, decoded one by one.
struct DecodedCounts<'a> {
    rest: &'a [u8],
    slot: u64,
    wrong: Option<&'static str>,
}

impl Iterator for DecodedCounts<'_> {
    type Item = (u64, u64);

    fn next(&mut self) -> Option<(u64, u64)> {
        while !self.rest.is_empty() {
            let number = take(&mut self.rest);
            // A negative number stands for that many empty slots.
            let (slots, count) = match number {
                Some(number @ 0..) => (1, number.unsigned_abs()),
                Some(number) => (number.unsigned_abs(), 0),
                None => (SLOTS, 0),
            };
            let slot = self.slot;
            self.slot = slot.saturating_add(slots);
            if number.is_none() || self.slot > SLOTS {
                self.wrong = Some("its counts are truncated, or exceed the number of slots");
                return None;
            }
            if count > 0 {
                return Some((highest_of(slot), count));
            }
        }
        None
    }
}

/// Returns the highest value of a slot.
fn highest_of(slot: u64) -> u64 {
    let bucket = (slot >> BUCKET_BITS).saturating_sub(1);
    let within = slot - (bucket << BUCKET_BITS);
    ((within + 1) << bucket) - 1
}

/// Takes a big-endian number of `bytes` bytes off the front.
fn number(rest: &mut &[u8], bytes: usize) -> Result<u64, String> {
    let (taken, left) = rest.split_at_checked(bytes).ok_or("it is truncated")?;
    *rest = left;
    let digits = taken.iter();
    Ok(digits.fold(0, |number, byte| (number << 8) | u64::from(*byte)))
}

/// Takes a ZigZag LEB128 number off the front, whose ninth byte holds eight bits. `None` if it is truncated.
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
        serialized.unwrap();
        bytes
    }

    #[test]
    fn decodes_what_hdrhistogram_encodes() {
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
    fn highest_value_of_each_slot_is_exact() {
        let whole = latency_histogram::<u64>();
        assert_eq!(whole.distinct_values() as u64, SLOTS);
        for slot in (0..SLOTS).step_by(7) {
            let highest = highest_of(slot);
            assert_eq!(whole.highest_equivalent(highest), highest, "{slot}");
        }
    }

    #[test]
    fn refuses_other_shapes_and_damaged_bytes() {
        let mut inflated = Vec::new();
        let mut other = Histogram::<u64>::new_with_bounds(1, LATENCY_NS_MAX, 2).unwrap();
        other.saturating_record(5);
        let reason = decode(&encoded(&other), &mut inflated).unwrap_err();
        assert!(reason.contains("bounds or digits differ"), "{reason}");
        let mut whole = latency_histogram::<u64>();
        whole.saturating_record(5_000_000);
        let bytes = encoded(&whole);
        for length in 0..bytes.len() {
            assert!(decode(&bytes[..length], &mut inflated).is_err(), "{length}");
        }
        for place in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[place] ^= 0x41;
            // The result may be another histogram, but never a panic.
            let _ = decode(&changed, &mut inflated);
        }
    }
}
