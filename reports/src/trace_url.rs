//! Links from trace ids to a trace viewer.

use std::fmt;
use std::str::FromStr;

use crate::document::{Block, Document};

/// Placeholder for the trace id.
const PLACEHOLDER: &str = "{trace_id}";

/// Address of a trace in a viewer, with a place for the trace id: `https://tempo.example/trace/{trace_id}`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceUrl(String);

/// A template that is no address of a trace.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TraceUrlError {
    /// It is not an address of a page.
    #[error("an address of traces starts with http:// or https:// and names a host")]
    Address,
    /// It has no place for the trace id.
    #[error("an address of traces needs the placeholder {{trace_id}} after its host")]
    Placeholder,
    /// It contains a blank or a control character.
    #[error("an address of traces has no blanks and no control characters")]
    Character,
}

impl FromStr for TraceUrl {
    type Err = TraceUrlError;

    fn from_str(text: &str) -> Result<Self, TraceUrlError> {
        let text = text.trim();
        if text.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(TraceUrlError::Character);
        }
        let scheme = text.get(..8).unwrap_or(text).to_ascii_lowercase();
        let rest = match (
            scheme.starts_with("https://"),
            scheme.starts_with("http://"),
        ) {
            (true, _) => &text[8..],
            (_, true) => &text[7..],
            _ => return Err(TraceUrlError::Address),
        };
        let host = rest.split(['/', '?', '#']).next().unwrap_or_default();
        if host.is_empty() {
            return Err(TraceUrlError::Address);
        }
        match !host.contains(PLACEHOLDER) && rest.contains(PLACEHOLDER) {
            true => Ok(Self(text.to_owned())),
            false => Err(TraceUrlError::Placeholder),
        }
    }
}

impl fmt::Display for TraceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl TraceUrl {
    /// Address of a trace. `None` for an id that is not 32 hexadecimal digits: files may have been changed.
    pub fn of(&self, trace_id: &str) -> Option<String> {
        let is_id = trace_id.len() == 32 && trace_id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then(|| self.0.replace(PLACEHOLDER, trace_id))
    }
}

impl Document {
    /// Links the trace ids of tables and samples to a viewer.
    #[must_use]
    pub fn linking_traces(mut self, url: Option<&TraceUrl>) -> Self {
        if let Some(url) = url {
            for section in &mut self.sections {
                link(&mut section.blocks, url);
            }
        }
        self
    }
}

fn link(blocks: &mut [Block], url: &TraceUrl) {
    for block in blocks {
        match block {
            Block::Table(table) if table.traces.is_some() => table.trace_url = Some(url.clone()),
            Block::Sample(sample) => {
                let id = sample.trace_id.as_deref();
                sample.link = id.and_then(|id| url.of(id));
            }
            Block::Details(_, inner) => link(inner, url),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

    #[test]
    fn puts_the_id_into_the_address() {
        let url: TraceUrl = " HTTPS://tempo.example/t/{trace_id}?id={trace_id} "
            .parse()
            .unwrap();
        let expected = format!("HTTPS://tempo.example/t/{ID}?id={ID}");
        assert_eq!(url.of(ID), Some(expected));
        for wrong in ["", "abc", "\"><script>", &ID[1..], &ID.replace('4', "g")] {
            assert_eq!(url.of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn rejects_other_schemes_and_templates() {
        for (text, error) in [
            ("javascript:alert({trace_id})", TraceUrlError::Address),
            ("data:text/html,{trace_id}", TraceUrlError::Address),
            ("//host/{trace_id}", TraceUrlError::Address),
            ("https:///{trace_id}", TraceUrlError::Address),
            ("é", TraceUrlError::Address),
            ("https://host/", TraceUrlError::Placeholder),
            ("https://{trace_id}/", TraceUrlError::Placeholder),
            ("https://host/a b/{trace_id}", TraceUrlError::Character),
            ("https://host/\u{7}{trace_id}", TraceUrlError::Character),
        ] {
            assert_eq!(text.parse::<TraceUrl>(), Err(error), "{text}");
        }
    }
}
