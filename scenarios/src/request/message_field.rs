//! Values of a message that is written as JSON, with their positions.

use serde_json::Value as Json;

use crate::format::error::ScenarioError;
use crate::format::fields::Value;
use crate::format::position::Position;

/// A value of a message that is neither a table nor a list with entries.
#[derive(Debug, Clone, PartialEq)]
pub struct MessageField {
    /// Way to it, from the outside.
    pub path: Vec<FieldStep>,
    /// The value. `None` if it has placeholders.
    pub value: Option<Json>,
    /// Position in the scenario; of a message written as text, that of the text.
    pub position: Position,
}

/// One step of the way to a value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldStep {
    /// Into the field or the key of this name.
    Name(String),
    /// Into an element of a list.
    Element,
}

impl MessageField {
    /// Returns the values of a message: a table, or JSON as text.
    ///
    /// A text that is JSON only after its placeholders are filled has none.
    pub(crate) fn all(message: &Value<'_>) -> Result<Vec<Self>, ScenarioError> {
        let mut fields = Vec::new();
        if message.is_text() {
            if let Ok(json) = serde_json::from_str(message.text()?) {
                collect_json(&json, message.position(), &mut Vec::new(), &mut fields);
            }
        } else {
            collect(message, &mut Vec::new(), &mut fields)?;
        }
        Ok(fields)
    }

    fn new(path: &[FieldStep], value: Json, position: Position) -> Self {
        let is_template = value.as_str().is_some_and(|text| text.contains(['{', '}']));
        Self {
            path: path.to_vec(),
            value: (!is_template).then_some(value),
            position,
        }
    }
}

/// Collects the values of TOML, whose depth was bounded when it was translated to JSON.
fn collect(
    value: &Value<'_>,
    path: &mut Vec<FieldStep>,
    fields: &mut Vec<MessageField>,
) -> Result<(), ScenarioError> {
    if value.is_table() {
        let entries = value.table("JSON")?.entries();
        if entries.is_empty() {
            let empty = Json::Object(serde_json::Map::new());
            fields.push(MessageField::new(path, empty, value.position()));
        }
        for (name, _, value) in entries {
            path.push(FieldStep::Name(name));
            collect(&value, path, fields)?;
            path.pop();
        }
    } else if value.is_list() {
        let list = value.list()?;
        if list.is_empty() {
            fields.push(MessageField::new(
                path,
                Json::Array(Vec::new()),
                value.position(),
            ));
        }
        for value in list {
            path.push(FieldStep::Element);
            collect(&value, path, fields)?;
            path.pop();
        }
    } else {
        let json = match value.is_integer() {
            // With all of its digits.
            true => serde_json::from_str(&value.digits()?).unwrap_or(Json::Null),
            false => value.json()?,
        };
        fields.push(MessageField::new(path, json, value.position()));
    }
    Ok(())
}

/// Collects the values of JSON, whose depth the parser bounds.
fn collect_json(
    json: &Json,
    position: Position,
    path: &mut Vec<FieldStep>,
    fields: &mut Vec<MessageField>,
) {
    match json {
        Json::Object(entries) if !entries.is_empty() => {
            for (name, json) in entries {
                path.push(FieldStep::Name(name.clone()));
                collect_json(json, position, path, fields);
                path.pop();
            }
        }
        Json::Array(list) if !list.is_empty() => {
            for json in list {
                path.push(FieldStep::Element);
                collect_json(json, position, path, fields);
                path.pop();
            }
        }
        leaf => fields.push(MessageField::new(path, leaf.clone(), position)),
    }
}
