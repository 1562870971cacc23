//! Targets and bodies of recorded requests.

use std::collections::HashMap;

/// Targets and bodies of recorded requests, by position. Each text is stored once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Targets {
    targets: Texts,
    bodies: Texts,
    by_entry: Vec<u32>,
    /// Up to the last entry with a body; `NONE` for entries without.
    body_by_entry: Vec<u32>,
}

#[derive(Debug, Clone, Default, PartialEq)]
struct Texts {
    texts: Vec<Box<str>>,
    by_text: HashMap<Box<str>, u32>,
    bytes: usize,
}

const NONE: u32 = u32::MAX;
/// Limit for all different targets together, in bytes, and for all different bodies.
const TEXT_BYTES_MAX: usize = 512 * 1024 * 1024;

impl Targets {
    /// Adds a target with its body.
    ///
    /// # Errors
    /// Rejects targets that are not valid in a request line.
    pub(crate) fn push(&mut self, target: &str, body: Option<&str>) -> Result<(), &'static str> {
        if target.is_empty() {
            return Err("`target` is empty");
        }
        if target
            .bytes()
            .any(|byte| byte.is_ascii_control() || byte == b' ')
        {
            return Err("`target` contains a blank or a control character");
        }
        let index = self
            .targets
            .intern(target)
            .ok_or("all different targets together exceed 512 MiB")?;
        if let Some(body) = body.filter(|body| !body.is_empty()) {
            let body = self
                .bodies
                .intern(body)
                .ok_or("all different bodies together exceed 512 MiB")?;
            self.body_by_entry.resize(self.by_entry.len(), NONE);
            self.body_by_entry.push(body);
        }
        self.by_entry.push(index);
        Ok(())
    }

    /// Returns the number of recorded requests.
    pub(crate) fn len(&self) -> usize {
        self.by_entry.len()
    }

    /// Returns the target of a recorded request.
    pub(crate) fn get(&self, entry: u64) -> Option<&str> {
        self.targets.at(&self.by_entry, entry)
    }

    /// Returns the body of a recorded request; `None` if it has none.
    pub(crate) fn body(&self, entry: u64) -> Option<&str> {
        self.bodies.at(&self.body_by_entry, entry)
    }
}

impl Texts {
    fn intern(&mut self, text: &str) -> Option<u32> {
        if let Some(index) = self.by_text.get(text) {
            return Some(*index);
        }
        let index = u32::try_from(self.texts.len())
            .ok()
            .filter(|index| *index != NONE)?;
        self.bytes += text.len();
        if self.bytes > TEXT_BYTES_MAX {
            return None;
        }
        self.texts.push(text.into());
        self.by_text.insert(text.into(), index);
        Some(index)
    }

    fn at(&self, by_entry: &[u32], entry: u64) -> Option<&str> {
        let index = by_entry.get(usize::try_from(entry).ok()?)?;
        self.texts.get(*index as usize).map(AsRef::as_ref)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bodies_belong_to_their_entries() {
        let mut targets = Targets::default();
        for (target, body) in [
            ("/a", None),
            ("/b", Some("x")),
            ("/a", None),
            ("/a", Some("")),
            ("/c", Some("x")),
        ] {
            targets.push(target, body).unwrap();
        }
        let all: Vec<_> = (0..6)
            .map(|entry| (targets.get(entry), targets.body(entry)))
            .collect();
        assert_eq!(
            all,
            [
                (Some("/a"), None),
                (Some("/b"), Some("x")),
                (Some("/a"), None),
                (Some("/a"), None),
                (Some("/c"), Some("x")),
                (None, None),
            ]
        );
        assert!(targets.push("/a b", None).is_err());
    }
}
