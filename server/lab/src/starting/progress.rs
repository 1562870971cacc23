//! Progress of a box that starts.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Length of a text that a box reports, in characters.
const TEXT_MAX: usize = 80;

/// Progress of a box that starts, such as "loading 42,000 of 100,000 posts".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StartProgress {
    /// Current activity, such as `loading`.
    pub doing: String,
    /// Amount that is done. `None` if the activity has no figures.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub done: Option<u64>,
    /// Whole amount. `None` if it is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub of: Option<u64>,
    /// Unit of the amounts, such as `posts`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
}

impl StartProgress {
    /// Describes an activity without figures.
    pub(crate) fn of(doing: &str) -> Self {
        Self {
            doing: doing.to_owned(),
            done: None,
            of: None,
            unit: None,
        }
    }

    /// Adds figures.
    pub(crate) fn with(self, done: u64, of: Option<u64>, unit: &str) -> Self {
        Self {
            done: Some(done),
            of,
            unit: Some(unit.to_owned()),
            ..self
        }
    }

    /// Parses the document that a box writes. Text is shortened and rid of control characters.
    pub(crate) fn parse(document: &[u8]) -> Option<Self> {
        let mut progress: Self = serde_json::from_slice(document).ok()?;
        progress.doing = plain(&progress.doing);
        progress.unit = progress.unit.as_deref().map(plain);
        Some(progress)
    }
}

fn plain(text: &str) -> String {
    let printable = text.chars().filter(|character| !character.is_control());
    printable.take(TEXT_MAX).collect()
}

impl fmt::Display for StartProgress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.doing)?;
        let Some(done) = self.done else { return Ok(()) };
        write!(f, " {}", Grouped(done))?;
        if let Some(of) = self.of {
            write!(f, " of {}", Grouped(of))?;
        }
        match &self.unit {
            Some(unit) => write!(f, " {unit}"),
            None => Ok(()),
        }
    }
}

/// A number with its digits in groups of three.
struct Grouped(u64);

impl fmt::Display for Grouped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.char_indices() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                f.write_str(",")?;
            }
            write!(f, "{digit}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_and_shows_figures() {
        let parse = |text: &str| StartProgress::parse(text.as_bytes()).map(|own| own.to_string());
        for (document, expected) in [
            (
                r#"{"doing":"loading","done":42000,"of":100000,"unit":"posts"}"#,
                "loading 42,000 of 100,000 posts",
            ),
            (r#"{"doing":"loading","done":7}"#, "loading 7"),
            (
                r#"{"doing":"storing the data set"}"#,
                "storing the data set",
            ),
            (
                r#"{"doing":"a\u001b[2Jb","done":1234567,"later":1}"#,
                "a[2Jb 1,234,567",
            ),
        ] {
            assert_eq!(parse(document).as_deref(), Some(expected));
        }
        for document in [
            "",
            "{}",
            "[]",
            r#"{"doing":7}"#,
            r#"{"doing":"x","done":-1}"#,
        ] {
            assert_eq!(parse(document), None, "{document}");
        }
    }

    proptest! {
        #[test]
        fn any_document_is_harmless(bytes in prop::collection::vec(any::<u8>(), 0..200), text in ".*") {
            let _ = StartProgress::parse(&bytes);
            let document = serde_json::json!({ "doing": text, "done": u64::MAX }).to_string();
            let shown = StartProgress::parse(document.as_bytes()).unwrap().to_string();
            prop_assert!(shown.chars().count() <= TEXT_MAX + 30);
            prop_assert!(!shown.contains(char::is_control));
        }
    }
}
