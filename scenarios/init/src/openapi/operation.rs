//! Operations of a document, in the order of its paths.

use serde_json::Value;

use super::document::Document;

/// An operation: a method of a path.
#[derive(Debug, Clone, Copy)]
pub(super) struct Operation<'a> {
    /// Path with its parameters in braces.
    pub(super) path: &'a str,
    /// Method in capitals.
    pub(super) method: &'static str,
    /// The path item, with what all its operations share.
    pub(super) item: &'a Value,
    /// The operation.
    pub(super) value: &'a Value,
}

/// Fields of a path item, and their methods.
const METHODS: [(&str, &str); 9] = [
    ("get", "GET"),
    ("head", "HEAD"),
    ("options", "OPTIONS"),
    ("trace", "TRACE"),
    ("query", "QUERY"),
    ("post", "POST"),
    ("put", "PUT"),
    ("patch", "PATCH"),
    ("delete", "DELETE"),
];

/// Returns all operations of a document.
pub(super) fn operations(document: &Document) -> Vec<Operation<'_>> {
    let Some(paths) = document.resolve(&document.root()["paths"]).as_object() else {
        return Vec::new();
    };
    let mut operations = Vec::new();
    for (path, item) in paths {
        let item = document.resolve(item);
        for (field, method) in METHODS {
            let value = document.resolve(&item[field]);
            if path.starts_with('/') && value.is_object() {
                operations.push(Operation {
                    path,
                    method,
                    item,
                    value,
                });
            }
        }
    }
    operations
}

impl<'a> Operation<'a> {
    /// Returns its tags.
    pub(super) fn tags(&self) -> impl Iterator<Item = &'a str> {
        let tags = self.value["tags"].as_array();
        tags.into_iter().flatten().filter_map(Value::as_str)
    }

    pub(super) fn is_deprecated(&self) -> bool {
        self.value["deprecated"] == true
    }

    /// Returns what it does: its summary, or the first line of its description.
    pub(super) fn summary(&self) -> Option<&'a str> {
        let text = |key: &str| {
            let text = self.value[key].as_str()?.trim();
            text.lines().next().filter(|line| !line.is_empty())
        };
        text("summary").or_else(|| text("description"))
    }

    /// Returns its parameters: those of the path that it does not replace, and its own.
    pub(super) fn parameters(&self, document: &'a Document) -> Vec<&'a Value> {
        let list = |value: &'a Value| {
            let parameters = value["parameters"].as_array();
            let parameters = parameters.into_iter().flatten();
            parameters.map(move |parameter| document.resolve(parameter))
        };
        let own: Vec<&Value> = list(self.value).collect();
        let is_own = |parameter: &&Value| {
            own.iter()
                .any(|own| own["name"] == parameter["name"] && own["in"] == parameter["in"])
        };
        let shared: Vec<&Value> = list(self.item)
            .filter(|parameter| !is_own(parameter))
            .collect();
        shared.into_iter().chain(own).collect()
    }
}
