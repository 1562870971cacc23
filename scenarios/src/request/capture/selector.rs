//! CSS selectors that select elements of HTML.

use std::fmt;

use dom_query::{Document, Matcher};

use crate::format::error::ScenarioError;
use crate::format::fields::{Value, clip};

/// A CSS selector, and the attribute of an element that is the value.
#[derive(Debug, Clone)]
pub struct HtmlSelector {
    text: String,
    matcher: Matcher,
    /// `None` for the text of an element.
    attribute: Option<String>,
}

/// Maximum length of a selector in bytes.
const SELECTOR_BYTES_MAX: usize = 1024;

impl HtmlSelector {
    /// Reads a selector, and the name of an attribute.
    pub(super) fn read(
        value: &Value<'_>,
        attribute: Option<&Value<'_>>,
    ) -> Result<Self, ScenarioError> {
        let text = value.text()?;
        if text.len() > SELECTOR_BYTES_MAX {
            return Err(value.error(format!("a selector has at most {SELECTOR_BYTES_MAX} bytes")));
        }
        let matcher = Matcher::new(text).map_err(|_| {
            value
                .error(format!("`{}` is not a CSS selector", clip(text)))
                .hint("write one such as \"form input[name=csrf]\"")
        })?;
        let attribute = attribute.map(Value::name);
        Ok(Self {
            text: text.to_owned(),
            matcher,
            attribute: attribute.transpose()?,
        })
    }

    /// Returns the value of each selected element that has one, in the order of the document.
    pub(super) fn values(&self, body: &[u8]) -> Vec<String> {
        let document = Document::from(String::from_utf8_lossy(body).as_ref());
        let selected = document.select_matcher(&self.matcher);
        let value = |node: &dom_query::NodeRef<'_>| match &self.attribute {
            // Most attributes of a parsed document are in lower case.
            Some(name) => {
                let attribute = node.attr(name);
                let attribute = attribute.or_else(|| node.attr(&name.to_ascii_lowercase()));
                Some(attribute?.to_string())
            }
            None => {
                let text = node.text();
                let text = text.trim();
                (!text.is_empty()).then(|| text.to_owned())
            }
        };
        selected.nodes().iter().filter_map(value).collect()
    }
}

impl PartialEq for HtmlSelector {
    fn eq(&self, other: &Self) -> bool {
        (&self.text, &self.attribute) == (&other.text, &other.attribute)
    }
}

impl fmt::Display for HtmlSelector {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "element `{}`", clip(&self.text))?;
        match &self.attribute {
            Some(name) => write!(formatter, " with the attribute `{}`", clip(name)),
            None => formatter.write_str(" with text"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(200) })]

        #[test]
        fn finds_a_value_in_any_page(
            before in "[<>a-z/ &;!-]{0,60}",
            value in "[a-zA-Z0-9+/=_-]{1,30}",
            after in any::<String>(),
        ) {
            let selector = HtmlSelector {
                text: String::new(),
                matcher: Matcher::new("#t0k3n").unwrap(),
                attribute: Some("value".to_owned()),
            };
            // Closes whatever the text before has opened.
            let page = format!("{before}\">--><input id=t0k3n value=\"{value}\">{after}");
            let found = selector.values(page.as_bytes());
            prop_assert_eq!(found.first(), Some(&value));
        }

        #[test]
        fn reads_any_bytes(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let selector = HtmlSelector {
                text: String::new(),
                matcher: Matcher::new("p > a:first-child, [href]").unwrap(),
                attribute: None,
            };
            let _ = selector.values(&body);
        }
    }
}
