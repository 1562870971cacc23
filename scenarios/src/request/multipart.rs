//! Multipart forms, as browsers send them (`multipart/form-data`, RFC 7578).

use http::HeaderValue;

use super::body::{Body, BodyContext, ENTRIES_MAX, FILES_BYTES_MAX};
use super::body_file::BodyFile;
use super::encoding::Encoding;
use super::place::Place;
use super::template::Template;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;
use crate::random::stream::mix_bits;

/// Reads `multipart = [{ name = "a", value = "b" }, { name = "photo", file = "a.jpg" }]`.
pub(crate) fn read(value: &Value<'_>, context: &BodyContext<'_>) -> Result<Body, ScenarioError> {
    let entries = value.list()?;
    if entries.is_empty() || entries.len() > ENTRIES_MAX {
        return Err(value.error(format!(
            "a multipart form has 1 to {ENTRIES_MAX} parts, and this one has {}",
            entries.len()
        )));
    }
    let mut files: Vec<BodyFile> = Vec::new();
    let mut parts = Vec::new();
    for entry in &entries {
        let part = Part::read(entry, context)?;
        files.extend(part.file);
        let bytes: usize = files.iter().map(|file| file.bytes().len()).sum();
        if bytes as u64 > FILES_BYTES_MAX {
            return Err(entry.error(format!(
                "the files of a request have at most {} MiB together",
                FILES_BYTES_MAX / 1024 / 1024
            )));
        }
        parts.push((part.head, part.content));
    }
    let boundary = boundary(&parts);
    let mut template = Template::default();
    for (head, content) in parts {
        template.push_literal(format!("--{boundary}\r\n"));
        template.append(head);
        template.push_literal("\r\n\r\n");
        template.append(content);
        template.push_literal("\r\n");
    }
    template.push_literal(format!("--{boundary}--\r\n"));
    let content_type = format!("multipart/form-data; boundary={boundary}");
    Ok(Body {
        template: Some(template),
        content_type: HeaderValue::from_str(&content_type).ok(),
        is_multipart: true,
        files,
    })
}

/// A part: its headers and its content.
struct Part {
    head: Template,
    content: Template,
    file: Option<BodyFile>,
}

impl Part {
    fn read(entry: &Value<'_>, context: &BodyContext<'_>) -> Result<Self, ScenarioError> {
        let mut fields = entry.table("a part of a multipart form")?;
        let name = fields.required("name")?;
        let (value, file) = (fields.optional("value"), fields.optional("file"));
        let filename = fields.optional("filename");
        let content_type = fields.optional("content_type");
        let mut head = Template::default();
        head.push_literal("content-disposition: form-data; name=\"");
        head.append(parameter(&name, context)?);
        head.push_literal("\"");
        let mut media_type = match &content_type {
            None => None,
            Some(value) => Some(media_type(value)?),
        };
        let mut of_file = None;
        let content = match (&value, &file) {
            (Some(value), None) => {
                let place = media_type.map_or(Place::Text, Place::of_media_type);
                (context.template)(value, &value.scalar()?, Some(place))?
            }
            (None, Some(file)) => {
                let file = BodyFile::read(file, context.folder)?;
                if filename.is_none() {
                    let name = file.file.file_name().unwrap_or_default();
                    let mut encoded = Vec::new();
                    Encoding::PartName.write(name.to_string_lossy().as_bytes(), &mut encoded);
                    let encoded = String::from_utf8_lossy(&encoded);
                    head.push_literal(format!("; filename=\"{encoded}\""));
                }
                media_type = media_type.or(Some(file.media_type()));
                let mut content = Template::default();
                content.push_bytes(file.bytes());
                of_file = Some(file);
                content
            }
            (Some(_), Some(file)) => {
                return Err(file
                    .error("a part has either `value` or `file`, not both")
                    .hint("write two parts"));
            }
            (None, None) => {
                fields.finish()?;
                return Err(entry.error("a part needs `value` or `file`").hint(
                    "write { name = \"a\", value = \"b\" } or { name = \"a\", file = \"a.jpg\" }",
                ));
            }
        };
        fields.finish()?;
        if let Some(filename) = &filename {
            head.push_literal("; filename=\"");
            head.append(parameter(filename, context)?);
            head.push_literal("\"");
        }
        if let Some(media_type) = media_type {
            head.push_literal(format!("\r\ncontent-type: {media_type}"));
        }
        Ok(Self {
            head,
            content,
            file: of_file,
        })
    }
}

/// Parses a name or file name, which stands in double quotes.
fn parameter(value: &Value<'_>, context: &BodyContext<'_>) -> Result<Template, ScenarioError> {
    let mut template = (context.template)(value, value.text()?, Some(Place::PartName))?;
    template.encode_literals(Encoding::PartName);
    Ok(template)
}

fn media_type<'a>(value: &Value<'a>) -> Result<&'a str, ScenarioError> {
    let text = value.text()?;
    let is_valid = text.contains('/') && HeaderValue::from_str(text).is_ok();
    match is_valid {
        true => Ok(text),
        false => Err(value
            .error("`content_type` is not a media type")
            .hint("write one such as \"image/png\"")),
    }
}

/// Chooses a boundary that occurs in no file and in no literal text.
fn boundary(parts: &[(Template, Template)]) -> String {
    (0_u64..)
        .map(|turn| {
            let (high, low) = (mix_bits(turn), mix_bits(!turn));
            format!("tenfold-{high:016x}{low:016x}")
        })
        .find(|boundary| {
            let boundary = boundary.as_bytes();
            !parts
                .iter()
                .any(|(head, content)| head.contains(boundary) || content.contains(boundary))
        })
        .unwrap_or_default()
}
