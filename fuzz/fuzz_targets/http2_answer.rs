//! Answers over HTTP/2, as the generator reads them through `h2`. The first byte is the method, the second the number of
//! bytes that the peer sends before the request; 0 stands for valid settings.

#![no_main]

use http::Method;
use http::header::CONTENT_LENGTH;
use libfuzzer_sys::fuzz_target;
use sha2::{Digest, Sha256};
use tenfold_loadgen::fuzzing::{BODY_LIMIT, read_http2};

/// An empty SETTINGS frame, and the acknowledgement of the client's.
const SETTINGS: &[u8] = b"\0\0\0\x04\0\0\0\0\0\0\0\0\x04\x01\0\0\0\0";

fuzz_target!(|data: &[u8]| {
    let [method, first_bytes, answer @ ..] = data else {
        return;
    };
    let (method, body): (_, &[u8]) = match method % 3 {
        0 => (Method::GET, b""),
        1 => (Method::HEAD, b""),
        _ => (Method::POST, b"body"),
    };
    let (first, rest) = match usize::from(*first_bytes) {
        0 => (SETTINGS, answer),
        length => answer.split_at(length.min(answer.len())),
    };
    // An exchange that does not end with its connection is found as a timeout.
    let Ok(answer) = read_http2(&method, body, first, rest) else {
        return;
    };
    assert!((100..1000).contains(&answer.status));
    assert!(answer.body_bytes <= data.len() as u64);
    assert_eq!(
        answer.body.len(),
        BODY_LIMIT.min(answer.body_bytes as usize)
    );
    assert_eq!(answer.sha256, Some(Sha256::digest(&answer.body).into()));
    let announced = answer.headers.get(CONTENT_LENGTH);
    let announced = announced.and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if let Some(announced) = announced.filter(|_| answer.body_bytes > 0) {
        assert_eq!(announced, answer.body_bytes);
    }
});
