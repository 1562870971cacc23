//! Requests of a log by purpose.

use tenfold_scenarios::Kind;

use crate::access_log::{RecordedRequest, kind_of};

/// Number of requests by purpose.
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Serialize)]
pub struct MixFit {
    /// GET of content: all targets except assets and listings. Includes the few OPTIONS and TRACE.
    pub content: u64,
    /// HEAD of content or a listing.
    pub content_heads: u64,
    /// GET of a listing: a path that ends with a slash, such as a front page or a list of articles.
    pub listings: u64,
    /// Reads of style sheets.
    pub styles: u64,
    /// Reads of scripts.
    pub scripts: u64,
    /// Reads of other assets, by extension: images, fonts and downloads.
    pub other_assets: u64,
    /// POST, PUT, PATCH, DELETE and all other methods that may change something.
    pub writes: u64,
}

/// Purpose of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    Content,
    ContentHead,
    Listing,
    Style,
    Script,
    OtherAsset,
    Write,
}

/// Extensions of static files other than style sheets and scripts.
const ASSETS: [&str; 36] = [
    "avif", "bmp", "bz2", "csv", "deb", "doc", "docx", "eot", "exe", "gif", "gz", "ico", "iso",
    "jar", "jpeg", "jpg", "map", "mp3", "mp4", "ogg", "otf", "pdf", "png", "rpm", "svg", "swf",
    "tgz", "tif", "ttf", "txt", "wasm", "webm", "webp", "woff", "woff2", "zip",
];

impl Class {
    pub(super) fn of(request: &RecordedRequest<'_>) -> Self {
        let path = request.target.split(['?', '#']).next().unwrap_or_default();
        let file = path.rsplit('/').next().unwrap_or_default();
        let extension = file
            .rsplit_once('.')
            .map(|(_, extension)| extension.to_ascii_lowercase());
        if kind_of(request.method) == Kind::Write {
            Self::Write
        } else if let Some(asset) = extension.as_deref().and_then(asset) {
            asset
        } else if request.method == "HEAD" {
            Self::ContentHead
        } else if path.ends_with('/') {
            Self::Listing
        } else {
            Self::Content
        }
    }
}

/// Returns the class of an asset by its extension.
fn asset(extension: &str) -> Option<Class> {
    match extension {
        "css" => Some(Class::Style),
        "js" | "mjs" => Some(Class::Script),
        other => ASSETS.contains(&other).then_some(Class::OtherAsset),
    }
}

impl Class {
    /// Returns whether the request reads a static file.
    pub(super) fn is_asset(self) -> bool {
        matches!(self, Self::Style | Self::Script | Self::OtherAsset)
    }
}

impl MixFit {
    pub(super) fn add(&mut self, class: Class) {
        let count = match class {
            Class::Content => &mut self.content,
            Class::ContentHead => &mut self.content_heads,
            Class::Listing => &mut self.listings,
            Class::Style => &mut self.styles,
            Class::Script => &mut self.scripts,
            Class::OtherAsset => &mut self.other_assets,
            Class::Write => &mut self.writes,
        };
        *count += 1;
    }

    /// Returns the number of reads of static files.
    pub fn assets(&self) -> u64 {
        self.styles + self.scripts + self.other_assets
    }

    /// Returns the number of reads.
    pub fn reads(&self) -> u64 {
        self.content + self.content_heads + self.listings + self.assets()
    }

    /// Returns the number of all requests.
    pub fn total(&self) -> u64 {
        self.reads() + self.writes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classifies_requests() {
        let class = |method, target| {
            Class::of(&RecordedRequest {
                method,
                target,
                target_id: 0,
                headers: &[],
                headers_id: 0,
                body: None,
            })
        };
        assert_eq!(class("GET", "/favicon.ico"), Class::OtherAsset);
        assert_eq!(class("HEAD", "/a/B.PNG?x=/"), Class::OtherAsset);
        assert_eq!(class("GET", "/style2.css"), Class::Style);
        assert_eq!(class("GET", "/a.min.js?v=1"), Class::Script);
        assert_eq!(class("GET", "/articles/one.html"), Class::Content);
        assert_eq!(class("GET", "/articles/one?css"), Class::Content);
        assert_eq!(class("GET", "/?flav=rss20"), Class::Listing);
        assert_eq!(class("HEAD", "/articles/"), Class::ContentHead);
        assert_eq!(class("PURGE", "/style.css"), Class::Write);
        assert!(ASSETS.is_sorted());
    }
}
