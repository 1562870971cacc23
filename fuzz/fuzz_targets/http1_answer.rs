//! Answers over HTTP/1.1: head, framing and body. The first byte is the method, the second the length of the pieces that
//! the answer arrives in.

#![no_main]

use http::Method;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use tenfold_loadgen::fuzzing::{BODY_LIMIT, read_http1};

fuzz_target!(|data: &[u8]| {
    let [method, piece_bytes, answer @ ..] = data else {
        return;
    };
    let method = if method % 2 == 0 {
        Method::GET
    } else {
        Method::HEAD
    };
    let whole = read_http1(&method, answer, usize::MAX);
    let pieces = read_http1(&method, answer, usize::from(*piece_bytes));
    let (whole, mut pieces) = match (whole, pieces) {
        (Ok(whole), Ok(pieces)) => (whole, pieces),
        // A head that is malformed from its start may also count as incomplete.
        (Err(_), Err(_)) => return,
        (whole, pieces) => panic!("whole: {whole:?}\nin pieces: {pieces:?}"),
    };
    assert!((100..1000).contains(&whole.status));
    assert!(whole.body_bytes <= answer.len() as u64);
    assert_eq!(whole.body.len(), BODY_LIMIT.min(whole.body_bytes as usize));
    if whole.body.len() as u64 == whole.body_bytes {
        assert_eq!(whole.sha256, Some(Sha256::digest(&whole.body).into()));
    }
    // Bytes after the end of an answer are seen only if they arrive together with it.
    assert!(pieces.is_reusable || !whole.is_reusable);
    pieces.is_reusable = whole.is_reusable;
    assert_eq!(whole, pieces);
});
