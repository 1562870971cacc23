//! Redirects: the address in a `Location`. The first byte selects status and method.

#![no_main]

use std::sync::LazyLock;

use http::uri::{Authority, PathAndQuery};
use http::{HeaderValue, Method};
use libfuzzer_sys::fuzz_target;
use tenfold_loadgen::fuzzing::follow;
use url::Url;

const STATUSES: [u16; 5] = [301, 302, 303, 307, 308];

const METHODS: [Method; 3] = [Method::GET, Method::HEAD, Method::POST];

static FROM: LazyLock<Url> =
    LazyLock::new(|| Url::parse("http://a.test:8080/x/y?q=1").expect("a valid address"));

fuzz_target!(|data: &[u8]| {
    let [choice, location @ ..] = data else {
        return;
    };
    let Ok(location) = HeaderValue::from_bytes(location) else {
        return;
    };
    let choice = usize::from(*choice);
    let status = STATUSES[choice % STATUSES.len()];
    let method = &METHODS[choice / STATUSES.len() % METHODS.len()];
    let followed = match follow(status, method, &FROM, &location) {
        Ok(followed) => followed.expect("the answer has a location"),
        Err(reason) => {
            assert!(reason.starts_with("its Location"), "{reason}");
            return;
        }
    };
    let url = &followed.url;
    assert!(matches!(url.scheme(), "http" | "https"), "{url}");
    assert!(url.username().is_empty() && url.password().is_none() && url.fragment().is_none());
    assert_eq!(followed.drops_body, followed.method != *method);
    let sent = followed.path.parse::<PathAndQuery>();
    assert_eq!(sent.expect("a valid path").as_str(), followed.path);
    let host = followed.host.as_ref().expect("an address with a host");
    assert!(Authority::try_from(host.as_bytes()).is_ok(), "{host:?}");
    // The address leads to itself from anywhere.
    let again = HeaderValue::from_str(url.as_str()).expect("an address has no control characters");
    let again = follow(status, method, &FROM, &again);
    assert_eq!(again, Ok(Some(followed)));
});
