//! Cookies that an answer sets. Each line is the value of a `set-cookie` header.

#![no_main]

use std::sync::LazyLock;

use http::HeaderValue;
use libfuzzer_sys::fuzz_target;
use tenfold_loadgen::fuzzing::Cookies;
use url::Url;

/// The most cookies of a user, and the longest.
const COOKIES_MAX: usize = 50;
const COOKIE_BYTES_MAX: usize = 4096;

fn url(text: &str) -> Url {
    Url::parse(text).expect("a valid address")
}

static HERE: LazyLock<Url> = LazyLock::new(|| url("https://www.a.test/x/y"));
static ELSEWHERE: LazyLock<Url> = LazyLock::new(|| url("https://b.test/x/y"));

fuzz_target!(|data: &[u8]| {
    let lines = data.split(|byte| *byte == b'\n');
    let lines: Vec<HeaderValue> = lines
        .filter_map(|line| HeaderValue::from_bytes(line).ok())
        .collect();
    let cookies = Cookies::default();
    let refused = cookies.keep(&HERE, &lines);
    assert!(refused <= lines.len() as u64);
    assert!(cookies.count() + refused as usize <= lines.len());
    assert!(cookies.count() <= COOKIES_MAX);
    let header = cookies.header(&HERE, None);
    let length = header.as_ref().map_or(0, HeaderValue::len);
    assert!(length <= COOKIES_MAX * (COOKIE_BYTES_MAX + 2));
    assert_eq!(cookies.header(&ELSEWHERE, None), None);
    let own = HeaderValue::from_static("own=1");
    if let Some(header) = cookies.header(&HERE, Some(&own)) {
        assert!(header.as_bytes().starts_with(b"own=1; "), "{header:?}");
    }
    // Another user who gets the same answer sends the same header.
    let others = Cookies::default();
    assert_eq!(others.keep(&HERE, &lines), refused);
    assert_eq!(others.header(&HERE, None), header);
    // The same answer once more changes nothing, unless the jar was full.
    if lines.len() <= COOKIES_MAX {
        assert_eq!(cookies.keep(&HERE, &lines), refused);
        assert_eq!(cookies.header(&HERE, None), header);
    }
});
