//! Files by which a service describes itself (gRPC reflection), each behind its length in two bytes.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_loadgen::grpc_fuzzing::read_description;

fuzz_target!(|data: &[u8]| {
    let mut files = Vec::new();
    let mut rest = data;
    while let Some((length, after)) = rest.split_first_chunk::<2>() {
        let length = usize::from(u16::from_be_bytes(*length)).min(after.len());
        let (file, after) = after.split_at(length);
        files.push(file.to_vec());
        rest = after;
    }
    let Ok(pool) = read_description(&files) else {
        return;
    };
    for service in pool.services() {
        for method in service.methods() {
            let _ = (
                method.input().fields().count(),
                method.output().fields().count(),
            );
        }
    }
});
