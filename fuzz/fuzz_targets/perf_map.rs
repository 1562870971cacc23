//! Perf maps of runtimes, and records of the kernel's ring buffers. The first byte chooses.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_profiler::fuzzing::{is_record, perf_map_names};

fuzz_target!(|data: &[u8]| {
    let Some((first, rest)) = data.split_first() else {
        return;
    };
    if *first < 32 {
        is_record(u32::from(*first), u16::from(*first) << 9, rest, 3);
        return;
    }
    let addresses = [0, 0x1000, 0x1010, 0x7f00_0000, u64::MAX];
    let names = perf_map_names(data, &addresses);
    assert!(
        names
            .iter()
            .all(|(address, name)| addresses.contains(address) && !name.is_empty())
    );
});
