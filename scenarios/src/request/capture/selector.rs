//! CSS selectors that select elements of HTML.

use std::fmt;

use dom_query::{Document, Matcher};

use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;

/// A CSS selector, and the attribute of an element that is the value.
#[derive(Debug, Clone)]
pub struct HtmlSelector {
    text: String,
    matcher: Matcher,
    /// `None` for the text of an element.
    attribute: Option<String>,
}

/// Maximum number of bytes of text that are read of all elements together. Elements within each other repeat
/// their text, so a deeply nested page would be read as many times as it is deep.
const TEXT_BYTES_MAX: usize = 64 * 1024 * 1024;

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

    /// Calls `read` with the value of each selected element that has one, in the order of the document. Values
    /// are made as they are read.
    pub(super) fn read_values<T>(
        &self,
        body: &[u8],
        read: impl FnOnce(&mut dyn DoubleEndedIterator<Item = String>) -> T,
    ) -> T {
        let document = Document::from(String::from_utf8_lossy(body).as_ref());
        let selected = document.select_matcher(&self.matcher);
        let mut left = TEXT_BYTES_MAX;
        let value = |node: &dom_query::NodeRef<'_>| match &self.attribute {
            // Most attributes of a parsed document are in lower case.
            Some(name) => {
                let attribute = node.attr(name);
                let attribute = attribute.or_else(|| node.attr(&name.to_ascii_lowercase()));
                Some(attribute?.to_string())
            }
            None if left == 0 => None,
            None => {
                let text = node.text();
                left = left.saturating_sub(text.len());
                let text = text.trim();
                (!text.is_empty()).then(|| text.to_owned())
            }
        };
        read(&mut selected.nodes().iter().filter_map(value))
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

    #[test]
    fn nested_elements_repeat_a_bounded_text() {
        let selector = HtmlSelector {
            text: String::new(),
            matcher: Matcher::new("i").unwrap(),
            attribute: None,
        };
        let (depth, text) = (2000, "x".repeat(100_000));
        let page = format!("{}{text}", "<i>".repeat(depth));
        let first = selector.read_values(page.as_bytes(), |values| values.next());
        assert_eq!(first.as_deref(), Some(text.as_str()));
        let count = selector.read_values(page.as_bytes(), |values| values.count());
        assert_eq!(count, TEXT_BYTES_MAX.div_ceil(text.len()));
    }

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
            let found = selector.read_values(page.as_bytes(), |values| values.next());
            prop_assert_eq!(found, Some(value));
        }

        #[test]
        fn reads_any_bytes(body in prop::collection::vec(any::<u8>(), 0..300)) {
            let selector = HtmlSelector {
                text: String::new(),
                matcher: Matcher::new("p > a:first-child, [href]").unwrap(),
                attribute: None,
            };
            selector.read_values(&body, |values| values.count());
        }
    }
}
