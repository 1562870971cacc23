//! The place in which a value stands, known from the text around it.

use super::encoding::Encoding;

/// Place of a template in a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// Path and query.
    Path,
    /// Value of a header.
    Header,
    /// Body, or part of a body, in JSON.
    Json,
    /// Body in `application/x-www-form-urlencoded`.
    Form,
    /// Body in XML or HTML.
    Xml,
    /// Name or file name of a part of a multipart form.
    PartName,
    /// Body in any other format: values are not changed.
    Text,
}

impl Place {
    /// Returns the place of a body with a media type, without regard to its parameters.
    pub(crate) fn of_media_type(media_type: &str) -> Self {
        let essence = media_type.split(';').next().unwrap_or_default();
        let essence = essence.trim().to_ascii_lowercase();
        let subtype = essence.split_once('/').map_or("", |(_, subtype)| subtype);
        match subtype {
            "x-www-form-urlencoded" => Self::Form,
            // A document, or one a line.
            "json" | "x-ndjson" | "ndjson" | "jsonl" | "x-jsonlines" => Self::Json,
            _ if subtype.ends_with("+json") => Self::Json,
            "xml" | "html" => Self::Xml,
            _ if subtype.ends_with("+xml") => Self::Xml,
            _ => Self::Text,
        }
    }
}

/// Follows the literal text of a template up to each of its values.
#[derive(Debug, Clone)]
pub(crate) struct Surroundings {
    place: Place,
    quotes: Quotes,
    markup: Markup,
    /// True before the first part of the template.
    is_start: bool,
}

/// Double quotes, in which a backslash escapes the next character.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Quotes {
    #[default]
    Outside,
    Inside,
    /// After a backslash.
    Escaped,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Markup {
    Text,
    Tag,
    Cdata,
}

impl Quotes {
    fn after(self, text: &str) -> Self {
        text.bytes()
            .fold(self, |quotes, byte| match (quotes, byte) {
                (Self::Outside, b'"') | (Self::Escaped, _) => Self::Inside,
                (Self::Inside, b'"') => Self::Outside,
                (Self::Inside, b'\\') => Self::Escaped,
                (quotes, _) => quotes,
            })
    }

    fn is_inside(self) -> bool {
        self != Self::Outside
    }
}

impl Surroundings {
    pub(crate) fn new(place: Place) -> Self {
        Self {
            place,
            quotes: Quotes::Outside,
            markup: Markup::Text,
            is_start: true,
        }
    }

    /// Passes over literal text.
    pub(crate) fn pass(&mut self, text: &str) {
        self.is_start = false;
        self.quotes = self.quotes.after(text);
        if self.place != Place::Xml {
            return;
        }
        let mut rest = text;
        while !rest.is_empty() {
            let (end, after) = match self.markup {
                Markup::Text => ("<", Markup::Tag),
                Markup::Tag => (">", Markup::Text),
                Markup::Cdata => ("]]>", Markup::Text),
            };
            let Some(at) = rest.find(end) else {
                return;
            };
            rest = &rest[at + end.len()..];
            self.markup = after;
            if let (Markup::Tag, Some(section)) = (after, rest.strip_prefix("![CDATA[")) {
                rest = section;
                self.markup = Markup::Cdata;
            }
        }
    }

    /// Passes over a value.
    pub(crate) fn pass_value(&mut self) {
        self.is_start = false;
    }

    /// Returns the encoding of a value that stands here. `None` if it is not changed.
    pub(crate) fn encoding(&self) -> Option<Encoding> {
        match self.place {
            // The value is a whole path, such as a captured location.
            Place::Path if self.is_start => None,
            Place::Path => Some(Encoding::Url),
            Place::Header if self.quotes.is_inside() => Some(Encoding::Quoted),
            Place::Header | Place::Text => None,
            Place::Json if self.quotes.is_inside() => Some(Encoding::JsonString),
            Place::Json => Some(Encoding::JsonValue),
            Place::Form => Some(Encoding::Form),
            Place::Xml => Some(self.markup()),
            Place::PartName => Some(Encoding::PartName),
        }
    }

    /// Returns the encoding of random text that stands here and consists of lower-case letters, digits and,
    /// with `has_blanks`, blanks. `None` if it is not changed.
    pub(crate) fn encoding_of_random(&self, has_blanks: bool) -> Option<Encoding> {
        match self.place {
            Place::Form if has_blanks => Some(Encoding::Form),
            // Digits alone would sometimes be a number.
            Place::Json if !self.quotes.is_inside() => Some(Encoding::JsonText),
            _ => None,
        }
    }

    /// Returns the encoding that a filter of a placeholder names. `Err` if there is no such filter.
    pub(crate) fn filter(&self, name: &str) -> Result<Option<Encoding>, ()> {
        match name {
            "raw" => Ok(None),
            "url" => Ok(Some(Encoding::Url)),
            "form" => Ok(Some(Encoding::Form)),
            "json" if self.quotes.is_inside() => Ok(Some(Encoding::JsonString)),
            "json" => Ok(Some(Encoding::JsonValue)),
            "xml" => Ok(Some(self.markup())),
            _ => Err(()),
        }
    }

    fn markup(&self) -> Encoding {
        match self.markup {
            Markup::Text => Encoding::XmlText,
            Markup::Tag => Encoding::XmlTag,
            Markup::Cdata => Encoding::XmlCdata,
        }
    }
}

/// Filters of a placeholder, as in `{name|raw}`.
pub(crate) const FILTERS: [&str; 5] = ["raw", "url", "form", "json", "xml"];

#[cfg(test)]
mod tests {
    use super::*;

    fn encodings(place: Place, texts: &[&str]) -> Vec<Option<Encoding>> {
        let mut surroundings = Surroundings::new(place);
        texts
            .iter()
            .map(|text| {
                surroundings.pass(text);
                surroundings.encoding()
            })
            .collect()
    }

    #[test]
    fn media_types_have_places() {
        for (media_type, place) in [
            ("application/json", Place::Json),
            ("Application/Problem+JSON; charset=utf-8", Place::Json),
            (
                "application/x-www-form-urlencoded;charset=utf-8",
                Place::Form,
            ),
            ("text/xml", Place::Xml),
            ("application/soap+xml; charset=utf-8", Place::Xml),
            ("text/html", Place::Xml),
            ("text/plain", Place::Text),
            ("application/x-ndjson", Place::Json),
            ("text/csv", Place::Text),
            ("json", Place::Text),
            ("", Place::Text),
        ] {
            assert_eq!(Place::of_media_type(media_type), place, "{media_type}");
        }
    }

    #[test]
    fn quotes_distinguish_json_strings_from_values() {
        let (string, value) = (Some(Encoding::JsonString), Some(Encoding::JsonValue));
        assert_eq!(
            encodings(Place::Json, &["{\"", "\":", ",\"a\":\"\\\"", "\\\\\"}"]),
            [string, value, string, value]
        );
    }

    #[test]
    fn markup_distinguishes_text_tags_and_sections() {
        assert_eq!(
            encodings(
                Place::Xml,
                &["<a b='", "'>", "<![CDATA[<x>", "]]><c d=\"", "\"/>"]
            ),
            [
                Some(Encoding::XmlTag),
                Some(Encoding::XmlText),
                Some(Encoding::XmlCdata),
                Some(Encoding::XmlTag),
                Some(Encoding::XmlText),
            ]
        );
    }

    #[test]
    fn path_that_starts_with_a_value_is_not_encoded() {
        let mut surroundings = Surroundings::new(Place::Path);
        assert_eq!(surroundings.encoding(), None);
        surroundings.pass_value();
        assert_eq!(surroundings.encoding(), Some(Encoding::Url));
    }
}
