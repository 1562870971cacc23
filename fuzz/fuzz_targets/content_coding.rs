//! Bodies in a content coding. The first byte selects the coding, the second the number of bytes to keep.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_loadgen::fuzzing::decode;

const CODINGS: [&str; 4] = ["gzip", "deflate", "br", "zstd"];

/// Bytes that are kept of the longest result.
const LIMIT_MAX: usize = 1 << 20;

fuzz_target!(|data: &[u8]| {
    let [coding, limit, body @ ..] = data else {
        return;
    };
    let coding = CODINGS[usize::from(*coding) % CODINGS.len()];
    let limit = usize::from(*limit);
    let Ok(whole) = decode(coding, body, LIMIT_MAX) else {
        return;
    };
    assert!(whole.len() <= LIMIT_MAX);
    // A lower limit gives the start of the same result.
    let start = decode(coding, body, limit).expect("a part is valid if the whole is");
    assert_eq!(start, whole[..whole.len().min(limit)]);
});
