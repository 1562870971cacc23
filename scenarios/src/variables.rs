//! What responses have told, for later requests.

use std::sync::Arc;

use http::HeaderValue;

use crate::arrival::Draw;
use crate::scenario::Scenario;
use crate::targets::Targets;
use crate::template::Template;

/// The values that a session or a user has: captured from responses, set by scripts, taken from
/// data, or declared by the scenario.
#[derive(Debug, Clone)]
pub struct Variables {
    values: Vec<Option<String>>,
    /// Header values made of nothing but variables, made when a variable is set rather than for
    /// each request.
    headers: Vec<Option<HeaderValue>>,
    templates: Arc<[Template]>,
    initial: Arc<[Option<String>]>,
}

impl Variables {
    /// Returns the variables of a scenario; only those that it declares have a value.
    pub fn new(scenario: &Scenario) -> Self {
        let templates = Arc::clone(&scenario.variable_headers);
        let mut variables = Self {
            values: Vec::new(),
            headers: Vec::new(),
            templates,
            initial: Arc::clone(&scenario.names.initial),
        };
        variables.clear();
        variables
    }

    /// Returns no variables at all, to stand where others have been taken away.
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

    /// Sets one; an index out of range is ignored.
    pub fn set(&mut self, index: usize, value: String) {
        let Some(slot) = self.values.get_mut(index) else {
            return;
        };
        *slot = Some(value);
        self.make_headers(|template| template.variables().contains(&index));
    }

    /// Takes the value of one away, also where the scenario declares it; an index out of range is
    /// ignored.
    pub fn unset(&mut self, index: usize) {
        if let Some(slot) = self.values.get_mut(index)
            && slot.take().is_some()
        {
            self.make_headers(|template| template.variables().contains(&index));
        }
    }

    /// Returns the value of one, where it is set.
    pub fn get(&self, index: usize) -> Option<&str> {
        self.values.get(index)?.as_deref()
    }

    /// Returns all values that are set.
    pub fn values(&self) -> impl Iterator<Item = &str> {
        self.values.iter().flatten().map(String::as_str)
    }

    /// Takes every value over that another has and this one lacks.
    pub fn take_over(&mut self, other: &Self) {
        for (index, value) in other.values.iter().enumerate() {
            if let (Some(value), Some(None)) = (value, self.values.get(index)) {
                self.set(index, value.clone());
            }
        }
    }

    /// Forgets them all, but for those that the scenario declares: they begin anew.
    pub fn clear(&mut self) {
        self.values.clear();
        self.values.extend(self.initial.iter().cloned());
        self.headers.clear();
        self.headers.resize(self.templates.len(), None);
        if self.initial.iter().any(Option::is_some) {
            self.make_headers(|_| true);
        }
    }

    pub(crate) fn header(&self, slot: usize) -> Option<&HeaderValue> {
        self.headers.get(slot)?.as_ref()
    }

    fn make_headers(&mut self, of: impl Fn(&Template) -> bool) {
        let templates = Arc::clone(&self.templates);
        let mut bytes = Vec::new();
        for (template, place) in templates.iter().zip(0..) {
            if of(template) {
                bytes.clear();
                let nothing = Draw::default();
                let filled = template.fill(&nothing, self, &Targets::default(), 0, &mut bytes);
                self.headers[place] = filled
                    .ok()
                    .and_then(|()| HeaderValue::from_bytes(&bytes).ok());
            }
        }
    }
}
