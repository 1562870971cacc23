//! The targets of recorded requests.

use std::collections::HashMap;

/// The targets of recorded requests by position, each kept once.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Targets {
    texts: Vec<Box<str>>,
    by_text: HashMap<Box<str>, u32>,
    by_entry: Vec<u32>,
    bytes: usize,
}

/// All different targets together hold at most this many bytes.
const MOST_BYTES: usize = 512 * 1024 * 1024;

impl Targets {
    /// Adds one. Refuses what no request line can hold.
    pub(crate) fn push(&mut self, target: &str) -> Result<(), &'static str> {
        if target.is_empty() {
            return Err("is empty");
        }
        if target
            .bytes()
            .any(|byte| byte.is_ascii_control() || byte == b' ')
        {
            return Err("holds a blank or a control character");
        }
        let index = match self.by_text.get(target) {
            Some(index) => *index,
            None => {
                let index = u32::try_from(self.texts.len()).map_err(|_| "is one too many")?;
                self.bytes += target.len();
                if self.bytes > MOST_BYTES {
                    return Err("is one too many: all different targets may hold 512 MiB");
                }
                self.texts.push(target.into());
                self.by_text.insert(target.into(), index);
                index
            }
        };
        self.by_entry.push(index);
        Ok(())
    }

    /// Returns the number of recorded requests.
    pub(crate) fn len(&self) -> usize {
        self.by_entry.len()
    }

    /// Returns the target of the recorded request at a position.
    pub(crate) fn get(&self, entry: u64) -> Option<&str> {
        let index = self.by_entry.get(usize::try_from(entry).ok()?)?;
        self.texts.get(*index as usize).map(AsRef::as_ref)
    }
}
