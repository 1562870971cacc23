//! String interning.

use std::collections::HashMap;
use std::sync::Arc;

/// Strings that are stored once and identified by their position.
#[derive(Debug, Clone, Default)]
pub(crate) struct Interner {
    texts: Vec<Arc<str>>,
    positions: HashMap<Arc<str>, u32>,
    bytes: usize,
}

impl Interner {
    pub(crate) fn intern(&mut self, text: &str) -> u32 {
        if let Some(position) = self.positions.get(text) {
            return *position;
        }
        // Callers stop far below 4 billion strings.
        let position = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        let text: Arc<str> = text.into();
        self.bytes += text.len();
        self.texts.push(Arc::clone(&text));
        self.positions.insert(text, position);
        position
    }

    /// Interns a string, or returns `None` if it is new and `max` strings are stored.
    pub(crate) fn intern_bounded(&mut self, text: &str, max: usize) -> Option<u32> {
        if self.texts.len() >= max && !self.positions.contains_key(text) {
            return None;
        }
        Some(self.intern(text))
    }

    pub(crate) fn get(&self, position: u32) -> &str {
        self.texts.get(position as usize).map_or("", AsRef::as_ref)
    }

    pub(crate) fn len(&self) -> usize {
        self.texts.len()
    }

    /// Returns the total length of the strings in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }
}
