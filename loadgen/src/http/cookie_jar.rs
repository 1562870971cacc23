//! The cookies of one user.

use std::cmp::Reverse;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cookie_store::{Cookie, CookieStore};
use http::header::SET_COOKIE;
use http::{HeaderMap, HeaderValue};
use url::Url;

/// The most cookies that a user keeps, as many as RFC 6265 asks of a client for one domain.
const COOKIES_MAX: usize = 50;

/// The longest cookie that a user keeps, with its attributes, in bytes (RFC 6265, section 6.1).
const COOKIE_BYTES_MAX: usize = 4096;

/// The cookies of one user. Users run on one thread, so its lock is never contended.
#[derive(Debug, Default)]
pub(crate) struct CookieJar {
    store: Mutex<CookieStore>,
}

impl CookieJar {
    fn store(&self) -> MutexGuard<'_, CookieStore> {
        // Changes are complete before the lock is released, even by a panic.
        self.store.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A jar with the same cookies.
    pub(crate) fn copy(&self) -> Self {
        Self {
            store: Mutex::new(self.store().clone()),
        }
    }

    /// Stores the cookies that an answer from `url` sets. Returns the number of cookies that could not be
    /// kept: they are too long, the jar is full, or they are for a whole top-level domain.
    ///
    /// Cookies for other domains are ignored, as RFC 6265 requires.
    pub(crate) fn keep(&self, headers: &HeaderMap, url: &Url) -> u64 {
        let mut store = self.store();
        let set = headers.get_all(SET_COOKIE).iter();
        set.filter(|value| !keep_one(&mut store, value, url))
            .count() as u64
    }

    /// The `cookie` header for a request to `url`, in which the request's `own` cookies take precedence. `None`
    /// if the jar has no cookie for it.
    pub(crate) fn header(&self, url: &Url, own: Option<&HeaderValue>) -> Option<HeaderValue> {
        let store = self.store();
        let mut cookies = store.matches(url);
        // Longer paths first (RFC 6265, section 5.4), then by name. Of cookies with the same name, that of the host
        // comes before those of its domains.
        cookies.sort_by_cached_key(|cookie| {
            let path_bytes = String::from(&cookie.path).len();
            let domain_bytes = String::from(&cookie.domain).len();
            let name = cookie.name().to_owned();
            (Reverse(path_bytes), name, Reverse(domain_bytes))
        });
        let mut header = own.map_or(Vec::new(), |own| own.as_bytes().to_vec());
        let has_own = |name: &str| {
            own.is_some_and(|own| {
                let mut pairs = own.as_bytes().split(|byte| *byte == b';');
                pairs.any(|pair| {
                    let own_name = pair.split(|byte| *byte == b'=').next().unwrap_or(pair);
                    own_name.trim_ascii() == name.as_bytes()
                })
            })
        };
        let before = header.len();
        for cookie in cookies {
            let (name, value) = cookie.name_value();
            if has_own(name) {
                continue;
            }
            if !header.is_empty() {
                header.extend_from_slice(b"; ");
            }
            header.extend_from_slice(name.as_bytes());
            header.push(b'=');
            header.extend_from_slice(value.as_bytes());
        }
        if header.len() == before {
            return None;
        }
        HeaderValue::from_bytes(&header).ok()
    }

    /// The values of all cookies, for masking.
    pub(crate) fn values(&self) -> Vec<String> {
        let store = self.store();
        store
            .iter_any()
            .map(|cookie| cookie.value().to_owned())
            .collect()
    }
}

/// Stores one cookie. Returns false if it could not be kept.
fn keep_one(store: &mut CookieStore, value: &HeaderValue, url: &Url) -> bool {
    let Ok(text) = std::str::from_utf8(value.as_bytes()) else {
        return false;
    };
    if text.len() > COOKIE_BYTES_MAX {
        return false;
    }
    let Ok(cookie) = Cookie::parse(text, url) else {
        return true;
    };
    let cookie = cookie.into_owned();
    let (domain, path) = (String::from(&cookie.domain), String::from(&cookie.path));
    if !domain.contains('.') && url.host_str() != Some(domain.as_str()) {
        return false;
    }
    let name = cookie.name().to_owned();
    if !store.contains_any(&domain, &path, &name)
        && !cookie.is_expired()
        && store.iter_any().count() >= COOKIES_MAX
    {
        remove_expired(store);
        if store.iter_any().count() >= COOKIES_MAX {
            return false;
        }
    }
    // Cookies for other domains and expired ones are not stored.
    let _ = store.insert(cookie, url);
    if store.get(&domain, &path, &name).is_none() {
        store.remove(&domain, &path, &name);
    }
    true
}

fn remove_expired(store: &mut CookieStore) {
    let expired: Vec<_> = store
        .iter_any()
        .filter(|cookie| cookie.is_expired())
        .map(|cookie| {
            let name = cookie.name().to_owned();
            (
                String::from(&cookie.domain),
                String::from(&cookie.path),
                name,
            )
        })
        .collect();
    for (domain, path, name) in expired {
        store.remove(&domain, &path, &name);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    fn set(jar: &CookieJar, at: &str, cookies: &[&str]) -> u64 {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(SET_COOKIE, HeaderValue::from_str(cookie).unwrap());
        }
        jar.keep(&headers, &url(at))
    }

    fn sent(jar: &CookieJar, to: &str) -> String {
        let header = jar.header(&url(to), None);
        header.map_or(String::new(), |header| header.to_str().unwrap().to_owned())
    }

    #[test]
    fn sends_cookies_to_their_host_and_path() {
        let jar = CookieJar::default();
        set(
            &jar,
            "http://a.test/x/login",
            &["sid=1; Path=/", "x=2", "deep=3; Path=/x/y; HttpOnly"],
        );
        assert_eq!(sent(&jar, "http://a.test/x/y/z?q"), "deep=3; x=2; sid=1");
        assert_eq!(sent(&jar, "http://a.test/xy"), "sid=1");
        assert_eq!(sent(&jar, "http://b.test/x"), "");
        assert_eq!(
            sent(&jar, "http://sub.a.test/x"),
            "",
            "a cookie without Domain is for its host only"
        );
    }

    #[test]
    fn obeys_domain_and_secure() {
        let jar = CookieJar::default();
        let cookies = [
            "a=1; Domain=a.test",
            "b=2; Domain=other.test",
            "c=3; Secure",
            "d=4; Domain=test",
        ];
        assert_eq!(
            set(&jar, "https://www.a.test/", &cookies),
            1,
            "a top-level domain is refused"
        );
        assert_eq!(sent(&jar, "https://www.a.test/"), "a=1; c=3");
        assert_eq!(sent(&jar, "http://www.a.test/"), "a=1");
        assert_eq!(sent(&jar, "http://img.a.test/"), "a=1");
        assert_eq!(sent(&jar, "http://other.test/"), "");
    }

    #[test]
    fn order_is_fixed() {
        for _ in 0..20 {
            let jar = CookieJar::default();
            let cookies = [
                "b=1",
                "a=host",
                "a=domain; Domain=a.test",
                "a=long; Path=/x/y",
            ];
            set(&jar, "http://www.a.test/x/", &cookies);
            assert_eq!(
                sent(&jar, "http://www.a.test/x/y"),
                "a=long; a=host; a=domain; b=1"
            );
        }
    }

    #[test]
    fn expired_cookies_are_deleted() {
        let jar = CookieJar::default();
        set(&jar, "http://a.test/", &["sid=1; Max-Age=100", "t=2"]);
        set(&jar, "http://a.test/", &["sid=; Max-Age=0"]);
        assert_eq!(sent(&jar, "http://a.test/"), "t=2");
        set(
            &jar,
            "http://a.test/",
            &["t=; Expires=Thu, 01 Jan 1970 00:00:00 GMT"],
        );
        assert_eq!(sent(&jar, "http://a.test/"), "");
        assert!(jar.values().is_empty());
    }

    #[test]
    fn own_cookies_take_precedence() {
        let jar = CookieJar::default();
        set(&jar, "http://a.test/", &["a=jar", "b=jar"]);
        let own = HeaderValue::from_static("c=own; a=own");
        let header = jar.header(&url("http://a.test/"), Some(&own)).unwrap();
        assert_eq!(header, "c=own; a=own; b=jar");
        let own = HeaderValue::from_static("a=own; b=own");
        assert_eq!(jar.header(&url("http://a.test/"), Some(&own)), None);
    }

    #[test]
    fn full_jar_keeps_its_cookies_and_updates_them() {
        let jar = CookieJar::default();
        let cookies: Vec<String> = (0..COOKIES_MAX).map(|n| format!("c{n}=1")).collect();
        let cookies: Vec<&str> = cookies.iter().map(String::as_str).collect();
        assert_eq!(set(&jar, "http://a.test/", &cookies), 0);
        assert_eq!(set(&jar, "http://a.test/", &["more=1", "c0=2"]), 1);
        assert!(sent(&jar, "http://a.test/").starts_with("c0=2; "));
        assert_eq!(
            set(&jar, "http://a.test/", &["c0=; Max-Age=0", "more=1"]),
            0
        );
        assert_eq!(jar.values().len(), COOKIES_MAX);
        let long = format!("long={}", "x".repeat(COOKIE_BYTES_MAX));
        assert_eq!(set(&jar, "http://a.test/", &[&long]), 1);
    }

    #[test]
    fn copies_are_independent() {
        let jar = CookieJar::default();
        set(&jar, "http://a.test/", &["a=1"]);
        let copy = jar.copy();
        set(&copy, "http://a.test/", &["a=2"]);
        assert_eq!(
            (sent(&jar, "http://a.test/"), sent(&copy, "http://a.test/")),
            ("a=1".to_owned(), "a=2".to_owned())
        );
    }

    proptest! {
        #[test]
        fn any_set_cookie_is_bounded(
            values in prop::collection::vec(prop::collection::vec(0x20_u8..0xff, 0..60), 0..80),
        ) {
            let jar = CookieJar::default();
            let mut headers = HeaderMap::new();
            for value in values {
                if let Ok(value) = HeaderValue::from_bytes(&value) {
                    headers.append(SET_COOKIE, value);
                }
            }
            let at = url("http://a.test/x");
            jar.keep(&headers, &at);
            prop_assert!(jar.values().len() <= COOKIES_MAX);
            let _ = jar.header(&at, None);
        }
    }
}
