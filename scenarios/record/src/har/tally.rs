//! Counts for one host of a HAR file.

use std::collections::BTreeMap;

use tenfold_secret::masked_target;

use super::archive::HttpArchive;
use super::body::{Body, PostData};
use super::entry::Header;
use super::headers::{Fate, fate};
use crate::input::name_tally::NameTally;

/// Counts for one host.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) masked: NameTally,
    pub(super) left_out: NameTally,
    pub(super) archive: HttpArchive,
}

impl Tally {
    /// Masks the secrets in the path and query of a target.
    pub(super) fn target(&mut self, target: &str) -> String {
        let mut found = Vec::new();
        let masked = masked_target(target, &mut found).into_owned();
        self.masked.count_all(found);
        masked
    }

    /// Returns the headers to keep, by name.
    pub(super) fn headers(&mut self, headers: Vec<Header>) -> Vec<(String, String)> {
        let mut kept: BTreeMap<String, String> = BTreeMap::new();
        for header in headers {
            let (Some(name), Some(value)) = (header.name, header.value) else {
                continue;
            };
            let name = name.to_ascii_lowercase();
            match fate(&name, &value) {
                Fate::Kept => {
                    // Headers with the same name form one list (RFC 9110, 5.3).
                    kept.entry(name)
                        .and_modify(|list| {
                            list.push_str(", ");
                            list.push_str(&value);
                        })
                        .or_insert(value);
                }
                Fate::Masked => self.masked.count(format!("header {name}")),
                Fate::LeftOut => self.left_out.count(name),
                Fate::Decoded => self.archive.bodies_decoded += 1,
                Fate::Dropped => {}
            }
        }
        kept.into_iter().collect()
    }

    /// Returns the masked body; `None` if there is none or it is left out.
    pub(super) fn body(&mut self, post_data: PostData) -> Option<String> {
        match post_data.body() {
            Body::Kept(text, found) => {
                self.archive.bodies += 1;
                self.masked
                    .count_all(found.into_iter().map(|name| format!("body {name}")));
                return Some(text);
            }
            Body::None => {}
            Body::TooLong => self.archive.bodies_too_long += 1,
            Body::NotText => self.archive.bodies_not_text += 1,
            Body::Secret => self.archive.bodies_with_secrets += 1,
        }
        None
    }
}
