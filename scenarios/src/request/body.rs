//! Bodies of requests: text, a file, JSON, a form, or a multipart form.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use http::HeaderValue;

use super::body_file::BodyFile;
use super::encoding::Encoding;
use super::multipart;
use super::place::Place;
use super::template::{Template, is_placeholder};
use crate::format::error::ScenarioError;
use crate::format::fields::{Fields, Value};

/// Body of a request.
#[derive(Debug, Clone, Default)]
pub(crate) struct Body {
    /// Its text. `None` if the request has no body.
    pub(crate) template: Option<Template>,
    /// Media type, if the body determines it.
    pub(crate) content_type: Option<HeaderValue>,
    /// True if `content_type` must not be replaced: it holds the boundary of the parts.
    pub(crate) is_multipart: bool,
    /// Files that it contains.
    pub(crate) files: Vec<BodyFile>,
}

/// Fields of a request that hold its body.
const FIELDS: [&str; 4] = ["body", "json", "form", "multipart"];

/// Maximum number of fields of a form, or parts of a multipart form.
pub(crate) const ENTRIES_MAX: usize = 256;

/// Maximum number of bytes of all files of a request. Each virtual user holds the request that it sends.
pub(crate) const FILES_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What the body of a request is read with.
pub(crate) struct BodyContext<'a> {
    /// Folder of the files.
    pub(crate) folder: &'a Path,
    /// Media type that the request's headers give, without placeholders.
    pub(crate) media_type: Option<&'a str>,
    /// Parses a template and checks that its placeholders are available.
    pub(crate) template: &'a TemplateParser<'a>,
}

/// Parses a template of a request, given as a value or as a text made from it.
pub(crate) type TemplateParser<'a> =
    dyn Fn(&Value<'_>, &str, Option<Place>) -> Result<Template, ScenarioError> + 'a;

impl Body {
    /// Reads the field of a request that holds its body, if it has one.
    pub(crate) fn read(
        fields: &mut Fields<'_>,
        context: &BodyContext<'_>,
    ) -> Result<Self, ScenarioError> {
        let given = FIELDS.map(|name| fields.optional(name));
        let mut given = FIELDS
            .iter()
            .zip(given)
            .filter_map(|(name, value)| Some((*name, value?)));
        let Some((name, value)) = given.next() else {
            return Ok(Self::default());
        };
        if let Some((other, second)) = given.next() {
            return Err(second
                .error(format!(
                    "a request has either `{name}` or `{other}`, not both"
                ))
                .hint("a body has one format; write two requests"));
        }
        match name {
            "body" => Self::plain(&value, context),
            "json" => Self::json(&value, context),
            "form" => Self::form(&value, context),
            _ => multipart::read(&value, context),
        }
    }

    /// Reads `body = "..."`, `body = { file = "..." }` or `body = { base64 = "..." }`.
    fn plain(value: &Value<'_>, context: &BodyContext<'_>) -> Result<Self, ScenarioError> {
        if value.is_table() {
            let mut fields = value.table("the body")?;
            if let Some(value) = fields.optional("base64") {
                let bytes = BASE64.decode(value.text()?).map_err(|error| {
                    let place = "write letters, digits, `+` and `/`, and `=` at the end";
                    value
                        .error(format!("it is not base64: {error}"))
                        .hint(place)
                })?;
                fields.finish()?;
                let mut template = Template::default();
                template.push_bytes(bytes.into());
                return Ok(Self {
                    template: Some(template),
                    ..Self::default()
                });
            }
            let file = BodyFile::read(&fields.required("file")?, context.folder)?;
            fields.finish()?;
            let mut template = Template::default();
            template.push_bytes(file.bytes());
            return Ok(Self {
                template: Some(template),
                files: vec![file],
                ..Self::default()
            });
        }
        let place = context.media_type.map(Place::of_media_type);
        Ok(Self {
            template: Some((context.template)(value, value.text()?, place)?),
            ..Self::default()
        })
    }

    /// Reads `json = '...'`, or a table or list that becomes JSON.
    fn json(value: &Value<'_>, context: &BodyContext<'_>) -> Result<Self, ScenarioError> {
        Ok(Self {
            template: Some(json_template(value, context.template)?),
            content_type: Some(HeaderValue::from_static("application/json")),
            ..Self::default()
        })
    }

    /// Reads `form = { name = "value", several = ["a", "b"] }`.
    fn form(value: &Value<'_>, context: &BodyContext<'_>) -> Result<Self, ScenarioError> {
        let entries = value.table("a form")?.entries();
        let mut template = Template::default();
        let mut count = 0;
        for (name, _, value) in &entries {
            let values = match value.is_list() {
                true => value.list()?,
                false => vec![value.clone()],
            };
            for value in &values {
                count += 1;
                if count > ENTRIES_MAX {
                    return Err(value.error(format!("a form has at most {ENTRIES_MAX} fields")));
                }
                let mut encoded = Vec::new();
                Encoding::Form.write(name.as_bytes(), &mut encoded);
                let encoded = String::from_utf8_lossy(&encoded);
                let separator = if count == 1 { "" } else { "&" };
                template.push_literal(format!("{separator}{encoded}="));
                let mut field = (context.template)(value, &value.scalar()?, Some(Place::Form))?;
                field.encode_literals(Encoding::Form);
                template.append(field);
            }
        }
        Ok(Self {
            template: Some(template),
            content_type: Some(HeaderValue::from_static(
                "application/x-www-form-urlencoded",
            )),
            ..Self::default()
        })
    }
}

/// Reads JSON: a text, or a table or list that becomes JSON.
pub(crate) fn json_template(
    value: &Value<'_>,
    template: &TemplateParser<'_>,
) -> Result<Template, ScenarioError> {
    let text = match value.is_text() {
        true => value.text()?.to_owned(),
        false => {
            let mut text = String::new();
            write_json(value, &mut text, 0)?;
            text
        }
    };
    let template = template(value, &text, Some(Place::Json))?;
    if !template.has_raw_values()
        && let Some(fault) = template.json_fault()
    {
        return Err(value
            .error(format!("`json` is not JSON: {fault}"))
            .hint("write a table, or `body` for other text"));
    }
    Ok(template)
}

/// Maximum nesting of a JSON body written as tables.
const JSON_DEPTH_MAX: usize = 64;

/// Appends a value as the template of its JSON. Placeholders in its texts are kept; a text that is only
/// `{name|json}` becomes a value without quotes.
fn write_json(value: &Value<'_>, out: &mut String, depth: usize) -> Result<(), ScenarioError> {
    if depth > JSON_DEPTH_MAX {
        return Err(value.error(format!("`json` is nested more than {JSON_DEPTH_MAX} deep")));
    }
    if value.is_table() {
        out.push('{');
        for (index, (name, _, value)) in value.table("JSON")?.entries().into_iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            out.push_str(&serde_json::Value::from(name).to_string());
            out.push(':');
            write_json(&value, out, depth + 1)?;
        }
        out.push('}');
    } else if value.is_list() {
        out.push('[');
        for (index, value) in value.list()?.iter().enumerate() {
            if index > 0 {
                out.push(',');
            }
            write_json(value, out, depth + 1)?;
        }
        out.push(']');
    } else {
        match value.text() {
            Ok(text) if text.ends_with("|json}") && is_placeholder(text) => {
                out.push_str(text);
            }
            _ if value.is_integer() => out.push_str(&value.digits()?),
            _ => out.push_str(&value.json()?.to_string()),
        }
    }
    Ok(())
}
