//! Parser of jemalloc's heap dumps: text, version 2.
//!
//! Format: HEAP PROFILE FORMAT in jemalloc(3). Sums are corrected as `jeprof` does, because large allocations are sampled more
//! often than small ones.

/// Allocations of one stack.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct HeapStack {
    /// Return addresses, innermost first.
    pub(super) addresses: Vec<usize>,
    /// Bytes allocated since the start of the process. An estimate, as the other sums are.
    pub(super) allocated_bytes: u64,
    /// Bytes that are in use.
    pub(super) in_use_bytes: u64,
}

/// Parses a dump. `None` if it is not one.
pub(super) fn parse(dump: &str) -> Option<Vec<HeapStack>> {
    let mut lines = dump.lines();
    let interval: f64 = lines
        .next()?
        .strip_prefix("heap_v2/")?
        .trim()
        .parse()
        .ok()?;
    let mut stacks = Vec::new();
    let mut addresses: Option<Vec<usize>> = None;
    for line in lines {
        let line = line.trim();
        if line.starts_with("MAPPED_LIBRARIES") {
            break;
        }
        if let Some(stack) = line.strip_prefix('@') {
            let parsed = stack.split_ascii_whitespace().map(address);
            addresses = Some(parsed.collect::<Option<_>>()?);
        } else if let Some(sums) = line.strip_prefix("t*:")
            // Without a stack, they are those of the whole process.
            && let Some(addresses) = addresses.take()
        {
            let (in_use, allocated) = sums.split_once('[')?;
            stacks.push(HeapStack {
                addresses,
                allocated_bytes: bytes(allocated.trim_end_matches(']'), interval)?,
                in_use_bytes: bytes(in_use, interval)?,
            });
        }
    }
    Some(stacks)
}

fn address(text: &str) -> Option<usize> {
    usize::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Estimates the bytes of all allocations from those of the sampled ones, `count: bytes`, with this mean number of bytes between two
/// samples.
fn bytes(sampled: &str, interval: f64) -> Option<u64> {
    let (count, bytes) = sampled.split_once(':')?;
    let count: u64 = count.trim().parse().ok()?;
    let bytes: u64 = bytes.trim().parse().ok()?;
    if count == 0 || interval <= 0.0 {
        return Some(bytes);
    }
    // An allocation of this size is sampled with this probability.
    let size = bytes as f64 / count as f64;
    let sampled = -(-size / interval).exp_m1();
    Some((bytes as f64 / sampled.max(f64::MIN_POSITIVE)) as u64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn sums_are_corrected_for_the_size_of_allocations() {
        let dump = "heap_v2/1000\n  t*: 3: 2100 [9: 4000]\n  t0: 3: 2100 [9: 4000]\n\
                    @ 0x10 0xff\n  t*: 1: 100 [2: 200]\n  t0: 1: 100 [2: 200]\n\
                    @ 0x20\n  t*: 0: 0 [1: 1000000]\n\nMAPPED_LIBRARIES:\n1-2 r-xp 0 0:0 0 /bin\n";
        let stacks = parse(dump).unwrap();
        assert_eq!(stacks[0].addresses, [0x10, 0xff]);
        // An allocation of 100 bytes is sampled with a probability of 1 - exp(-0.1) = 0.0952.
        assert_eq!(
            (stacks[0].in_use_bytes, stacks[0].allocated_bytes),
            (1_050, 2_101)
        );
        // A large one always is.
        assert_eq!(
            (stacks[1].in_use_bytes, stacks[1].allocated_bytes),
            (0, 1_000_000)
        );
        assert_eq!(stacks.len(), 2);
    }

    #[test]
    fn other_text_is_no_dump() {
        assert_eq!(parse(""), None);
        assert_eq!(parse("heap_v1/5\n"), None);
        assert_eq!(parse("heap_v2/5\n@ zz\n"), None);
        assert_eq!(parse("heap_v2/5\n@ 0x1\n t*: 1: x [1: 2]\n"), None);
        assert_eq!(parse("heap_v2/5\n"), Some(Vec::new()));
    }

    proptest! {
        #[test]
        fn any_text_parses_or_fails(text in "(heap_v2/[0-9.-]{0,6}\n)?([@t*:x 0-9\\[\\]a-f\n]|\\PC){0,200}") {
            let _ = parse(&text);
        }
    }
}
