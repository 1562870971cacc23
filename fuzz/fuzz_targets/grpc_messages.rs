//! Bodies of gRPC. The first byte is the length of the pieces that the body arrives in.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_loadgen::fuzzing::read_messages;

fuzz_target!(|data: &[u8]| {
    let [piece_bytes, body @ ..] = data else {
        return;
    };
    let whole = read_messages(body, usize::MAX);
    assert_eq!(whole, read_messages(body, usize::from(*piece_bytes)));
    let Ok(messages) = whole else {
        return;
    };
    let mut written = Vec::new();
    for (is_compressed, payload) in messages {
        written.push(u8::from(is_compressed));
        written.extend((payload.len() as u32).to_be_bytes());
        written.extend(payload);
    }
    assert_eq!(written, body);
});
