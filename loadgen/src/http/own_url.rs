//! Paths that are whole URLs of the target, such as a link that was captured from a page.

use http::header::HOST;
use tenfold_scenarios::Rendered;
use url::Url;

use crate::connect::ResolvedTarget;
use crate::http::redirect::path_of;

impl ResolvedTarget {
    /// Reduces a path that is a URL of this target to the part below the target's own URL. Leaves other paths as they
    /// are: a request to another origin can't be sent.
    pub(crate) fn reduce_path(&self, rendered: &mut Rendered) {
        if rendered.path.starts_with('/') {
            return;
        }
        let Ok(url) = Url::parse(&rendered.path) else {
            return;
        };
        let mut own = rendered.headers.iter().rev();
        let host = own
            .find(|(name, _)| *name == HOST)
            .map_or(&self.host, |(_, host)| host);
        if !self.is_home(&url, host) {
            return;
        }
        let path = path_of(&url);
        match path.strip_prefix(self.prefix.as_str()) {
            Some(below) if below.starts_with('/') => rendered.path = below.to_owned(),
            // The target's URL itself.
            Some("") => rendered.path = "/".to_owned(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;
    use proptest::prelude::*;

    use super::*;
    use crate::connect::{DialOptions, Target};

    fn reduced(target: &str, path: &str, host: Option<&'static str>) -> String {
        let target: Target = target.parse().unwrap();
        let target = target.with(DialOptions::default()).unwrap();
        let mut rendered = Rendered::default();
        path.clone_into(&mut rendered.path);
        let host = host.map(|host| (HOST, HeaderValue::from_static(host)));
        rendered.headers.extend(host);
        let target = target.resolved(Vec::new()).unwrap();
        target.reduce_path(&mut rendered);
        rendered.path
    }

    #[test]
    fn reduces_urls_of_the_target() {
        for (target, path, expected) in [
            ("http://a:8080", "http://a:8080/x?y=1", "/x?y=1"),
            ("http://a:8080", "http://A:8080", "/"),
            ("http://a", "http://a:80/x;id=1", "/x;id=1"),
            ("http://a/api", "http://a/api/x", "/x"),
            ("http://a/api", "http://a/api", "/"),
            ("https://a", "https://a/%2F?q=%20", "/%2F?q=%20"),
        ] {
            assert_eq!(reduced(target, path, None), expected, "{target} {path}");
        }
        let of_host = reduced(
            "http://127.0.0.1:1",
            "http://shop.example/x",
            Some("shop.example"),
        );
        assert_eq!(of_host, "/x");
    }

    #[test]
    fn leaves_other_paths() {
        for (target, path) in [
            ("http://a:8080", "/x"),
            ("http://a:8080", "*"),
            ("http://a:8080", "x/y"),
            ("http://a:8080", "http://b:8080/x"),
            ("http://a:8080", "http://a:8081/x"),
            ("http://a:8080", "https://a:8080/x"),
            ("http://a/api", "http://a/apis/x"),
            ("http://a/api", "http://a/x"),
        ] {
            assert_eq!(reduced(target, path, None), path, "{target}");
        }
    }

    proptest! {
        #[test]
        fn reads_any_path(path in any::<String>()) {
            let left = reduced("http://a:8080", &path, None);
            prop_assert!(left == path || left.starts_with('/'));
        }
    }
}
