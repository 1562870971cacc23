//! What responses have told, for later requests.

use std::sync::Arc;

use http::HeaderValue;

use crate::arrival::Draw;
use crate::scenario::Scenario;
use crate::targets::Targets;
use crate::template::Template;

/// The values that a session or a user has captured from responses.
#[derive(Debug, Clone)]
pub struct Variables {
    values: Vec<Option<String>>,
    /// Header values made of nothing but variables, made when a variable is set rather than for
    /// each request.
    headers: Vec<Option<HeaderValue>>,
    templates: Arc<[Template]>,
}

impl Variables {
    /// Returns the variables of a scenario, none of them set.
    pub fn new(scenario: &Scenario) -> Self {
        let templates = Arc::clone(&scenario.variable_headers);
        Self {
            values: vec![None; scenario.variable_names.len()],
            headers: vec![None; templates.len()],
            templates,
        }
    }

    #[cfg(test)]
    pub(crate) fn empty(count: usize) -> Self {
        Self {
            values: vec![None; count],
            headers: Vec::new(),
            templates: Arc::new([]),
        }
    }

    /// Sets one; an index out of range is ignored.
    pub fn set(&mut self, index: usize, value: String) {
        let Some(slot) = self.values.get_mut(index) else {
            return;
        };
        *slot = Some(value);
        let templates = Arc::clone(&self.templates);
        let nothing = Draw {
            request: 0,
            key: 0,
            rank: 0,
            user: 0,
            entropy: 0,
        };
        let mut bytes = Vec::new();
        for (template, place) in templates.iter().zip(0..) {
            if template.variables().contains(&index) {
                bytes.clear();
                let filled = template.fill(&nothing, self, &Targets::default(), 0, &mut bytes);
                self.headers[place] = filled
                    .ok()
                    .and_then(|()| HeaderValue::from_bytes(&bytes).ok());
            }
        }
    }

    /// Returns the value of one, where it is set.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.values.get(index)?.as_deref()
    }

    /// Forgets them all.
    pub fn clear(&mut self) {
        self.values.fill(None);
        self.headers.fill(None);
    }

    pub(crate) fn header(&self, slot: usize) -> Option<&HeaderValue> {
        self.headers.get(slot)?.as_ref()
    }
}
