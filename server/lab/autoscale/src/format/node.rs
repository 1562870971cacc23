//! A document, written as YAML or JSON.

use std::fmt::Write as _;

/// A value in a document. Fields keep their order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Node {
    Text(String),
    Whole(u64),
    Number(f64),
    Truth(bool),
    List(Vec<Node>),
    Map(Vec<(&'static str, Node)>),
}

impl Node {
    pub(crate) fn text(text: impl Into<String>) -> Self {
        Self::Text(text.into())
    }

    pub(crate) fn whole(number: u32) -> Self {
        Self::Whole(number.into())
    }

    /// Writes it as a YAML document. A text of several lines becomes a block.
    pub(crate) fn yaml(&self) -> String {
        let mut text = String::new();
        self.write_yaml(0, &mut text);
        text
    }

    /// Writes it as JSON.
    pub(crate) fn json(&self) -> String {
        format!("{:#}\n", self.value())
    }

    fn value(&self) -> serde_json::Value {
        match self {
            Self::Text(text) => text.as_str().into(),
            Self::Whole(number) => (*number).into(),
            Self::Number(number) => (*number).into(),
            Self::Truth(truth) => (*truth).into(),
            Self::List(nodes) => nodes.iter().map(Self::value).collect(),
            Self::Map(fields) => fields
                .iter()
                .map(|(name, node)| ((*name).to_owned(), node.value()))
                .collect(),
        }
    }

    fn write_yaml(&self, indent: usize, text: &mut String) {
        match self {
            Self::List(nodes) if !nodes.is_empty() => {
                for node in nodes {
                    let _ = write!(text, "{:indent$}- ", "");
                    node.write_yaml_after_dash(indent + 2, text);
                }
            }
            Self::Map(fields) if !fields.is_empty() => {
                for (index, (name, node)) in fields.iter().enumerate() {
                    // The first field of a map in a list follows the dash.
                    if index > 0 || !text.ends_with("- ") {
                        let _ = write!(text, "{:indent$}", "");
                    }
                    let _ = write!(text, "{name}:");
                    node.write_yaml_after_key(indent + 2, text);
                }
            }
            scalar => {
                let _ = writeln!(text, "{}", scalar.yaml_scalar());
            }
        }
    }

    fn write_yaml_after_dash(&self, indent: usize, text: &mut String) {
        match self {
            Self::Text(block) if is_block(block) => write_block(block, indent, text),
            node => node.write_yaml(indent, text),
        }
    }

    fn write_yaml_after_key(&self, indent: usize, text: &mut String) {
        match self {
            Self::Text(block) if is_block(block) => {
                text.push(' ');
                write_block(block, indent, text);
            }
            Self::List(nodes) if !nodes.is_empty() => {
                text.push('\n');
                self.write_yaml(indent, text);
            }
            Self::Map(fields) if !fields.is_empty() => {
                text.push('\n');
                self.write_yaml(indent, text);
            }
            scalar => {
                let _ = writeln!(text, " {}", scalar.yaml_scalar());
            }
        }
    }

    fn yaml_scalar(&self) -> String {
        match self {
            Self::Text(own) if is_plain(own) => own.clone(),
            // JSON is YAML.
            node => node.value().to_string(),
        }
    }
}

/// Returns whether a text can stand in YAML without quotes, and is read as text.
fn is_plain(text: &str) -> bool {
    const NOT_TEXT: [&str; 10] = [
        "true", "false", "yes", "no", "on", "off", "null", "y", "n", "nan",
    ];
    let is_inner = |c: char| c.is_ascii_alphanumeric() || "_-/.:".contains(c);
    text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.chars().all(is_inner)
        && !text.ends_with(':')
        && !NOT_TEXT.contains(&text.to_ascii_lowercase().as_str())
}

/// Returns whether a text is written as a block: it has several lines or quotes, and the block keeps each line as it
/// is.
fn is_block(text: &str) -> bool {
    text.contains(['\n', '"'])
        && text
            .lines()
            .all(|line| line == line.trim_end() && !line.is_empty())
        && !text.starts_with([' ', '\t'])
        && !text.ends_with('\n')
        && text.chars().all(|c| c == '\n' || (' '..='~').contains(&c))
}

fn write_block(block: &str, indent: usize, text: &mut String) {
    text.push_str("|-\n");
    for line in block.lines() {
        let _ = writeln!(text, "{:indent$}{line}", "");
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use saphyr::{LoadableYamlNode as _, Yaml};

    use super::*;

    #[test]
    fn writes_yaml() {
        let node = Node::Map(vec![
            ("kind", Node::text("Scaled")),
            ("none", Node::List(Vec::new())),
            (
                "rules",
                Node::List(vec![Node::Map(vec![
                    ("expr", Node::text("a\n  or b")),
                    ("labels", Node::Map(vec![("group", Node::text("on"))])),
                ])]),
            ),
            (
                "numbers",
                Node::List(vec![Node::Whole(1), Node::Number(0.5)]),
            ),
        ]);
        assert_eq!(
            node.yaml(),
            "kind: Scaled\nnone: []\nrules:\n  - expr: |-\n      a\n        or b\n    labels:\n      group: \"on\"\n\
             numbers:\n  - 1\n  - 0.5\n"
        );
    }

    proptest! {
        #[test]
        fn yaml_keeps_any_text(first in any::<String>(), second in "[ -~\n]{0,40}") {
            let node = Node::Map(vec![
                ("list", Node::List(vec![Node::text(&first), Node::text(&second)])),
                ("key", Node::text(&second)),
            ]);
            let yaml = node.yaml();
            let documents = Yaml::load_from_str(&yaml).map_err(|error| TestCaseError::fail(format!("{error}: {yaml}")))?;
            let document = &documents[0];
            prop_assert_eq!(document["list"][0].as_str(), Some(first.as_str()), "{}", &yaml);
            prop_assert_eq!(document["list"][1].as_str(), Some(second.as_str()), "{}", &yaml);
            prop_assert_eq!(document["key"].as_str(), Some(second.as_str()), "{}", &yaml);
        }
    }
}
