//! Variables of a session or user.

use std::sync::Arc;

use http::HeaderValue;

use super::draw::Draw;
use super::targets::Targets;
use super::template::Template;

/// Variables of a session or user: captured from responses, set by scripts, read from data, or declared
/// by the scenario.
#[derive(Debug, Clone)]
pub struct Variables {
    values: Vec<Option<String>>,
    /// Values of headers that depend on variables only, rendered when a variable is set instead of for
    /// each request.
    headers: Vec<Option<HeaderValue>>,
    templates: Arc<[Template]>,
    initial: Arc<[Option<String>]>,
}

impl Variables {
    /// Returns variables with the scenario's initial values and header templates.
    pub(crate) fn new(initial: &Arc<[Option<String>]>, headers: &Arc<[Template]>) -> Self {
        let mut variables = Self {
            values: Vec::new(),
            headers: Vec::new(),
            templates: Arc::clone(headers),
            initial: Arc::clone(initial),
        };
        variables.clear();
        variables
    }

    /// Returns no variables, as a placeholder while others are moved out.
    pub(crate) fn none() -> Self {
        Self {
            values: Vec::new(),
            headers: Vec::new(),
            templates: Arc::new([]),
            initial: Arc::new([]),
        }
    }

    #[cfg(test)]
    pub(crate) fn empty(count: usize) -> Self {
        Self {
            values: vec![None; count],
            headers: Vec::new(),
            templates: Arc::new([]),
            initial: vec![None; count].into(),
        }
    }

    /// Sets a variable; an index out of range is ignored.
    pub fn set(&mut self, index: usize, value: String) {
        let Some(slot) = self.values.get_mut(index) else {
            return;
        };
        *slot = Some(value);
        self.render_headers(|template| template.variables().contains(&index));
    }

    /// Unsets a variable, even if the scenario declares it; an index out of range is ignored.
    pub fn unset(&mut self, index: usize) {
        if let Some(slot) = self.values.get_mut(index)
            && slot.take().is_some()
        {
            self.render_headers(|template| template.variables().contains(&index));
        }
    }

    /// Returns the value of a variable; `None` if it is not set.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.values.get(index)?.as_deref()
    }

    /// Returns all values that are set.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().flatten().map(String::as_str)
    }

    /// Copies every value that `other` has set and `self` has not.
    pub fn inherit(&mut self, other: &Self) {
        for (index, value) in other.values.iter().enumerate() {
            if let (Some(value), Some(None)) = (value, self.values.get(index)) {
                self.set(index, value.clone());
            }
        }
    }

    /// Resets all variables to the scenario's initial values.
    pub fn clear(&mut self) {
        self.values.clear();
        self.values.extend(self.initial.iter().cloned());
        self.headers.clear();
        self.headers.resize(self.templates.len(), None);
        if self.initial.iter().any(Option::is_some) {
            self.render_headers(|_| true);
        }
    }

    pub(crate) fn header(&self, slot: usize) -> Option<&HeaderValue> {
        self.headers.get(slot)?.as_ref()
    }

    fn render_headers(&mut self, of: impl Fn(&Template) -> bool) {
        let templates = Arc::clone(&self.templates);
        let mut bytes = Vec::new();
        for (template, slot) in templates.iter().zip(0..) {
            if of(template) {
                bytes.clear();
                let nothing = Draw::default();
                let filled = template.fill(&nothing, self, &Targets::default(), 0, &mut bytes);
                self.headers[slot] = filled
                    .ok()
                    .and_then(|()| HeaderValue::from_bytes(&bytes).ok());
            }
        }
    }
}
