//! Credentials that a service asks for, and how to give them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::document::Document;
use super::operation::operations;

/// Returns a sentence for each security scheme that the document requires.
pub(super) fn credentials(document: &Document) -> Vec<String> {
    let mut required = BTreeSet::new();
    add_required(&document.root()["security"], &mut required);
    for operation in operations(document) {
        add_required(&operation.value["security"], &mut required);
    }
    let schemes = document.resolve(&document.root()["components"]["securitySchemes"]);
    let sentences = required.into_iter().filter_map(|name| {
        let scheme = document.resolve(&schemes[name]);
        Some(format!("Credentials ({name}): {}", advice(scheme)?))
    });
    sentences.collect()
}

fn add_required<'a>(security: &'a Value, required: &mut BTreeSet<&'a str>) {
    for alternative in security.as_array().into_iter().flatten() {
        let names = alternative.as_object().into_iter().flatten();
        required.extend(names.map(|(name, _)| name.as_str()));
    }
}

fn advice(scheme: &Value) -> Option<String> {
    let text = |key: &str| scheme[key].as_str().unwrap_or_default();
    let bearer =
        "give a token with --auth-bearer-file FILE, or in the variable TENFOLD_AUTH_BEARER.";
    Some(match (text("type"), text("scheme").to_ascii_lowercase().as_str()) {
        ("http", "basic") => {
            "give user:password with --auth-basic-file FILE, or in the variable TENFOLD_AUTH_BASIC.".to_owned()
        }
        ("http", "bearer") | ("oauth2" | "openIdConnect", _) => bearer.to_owned(),
        ("http", other) => format!(
            "the scheme {other} is not built in; add headers.authorization to the requests, with a value \
             from a data file."
        ),
        ("apiKey", _) => {
            let (name, place) = (text("name"), text("in"));
            let example = match place {
                "query" => format!("?{name}={{credentials.key}} in the paths"),
                "cookie" => format!("headers.cookie = \"{name}={{credentials.key}}\""),
                _ => format!("headers.{} = \"{{credentials.key}}\"", name.to_ascii_lowercase()),
            };
            format!(
                "the service wants a key in the {place} {name}. Keep it out of this file: write \
                 [data.credentials] file = \"credentials.csv\" (its first line is `key`, the second the \
                 key), and {example}."
            )
        }
        ("mutualTLS", _) => "give a client certificate with --cert FILE --key FILE.".to_owned(),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn says_how_to_give_required_credentials() {
        let document = json!({
            "openapi": "3.1.0",
            "security": [{"token": []}],
            "paths": {"/a": {"get": {"security": [{"basic": []}, {"key": [], "cookie": []}]}}},
            "components": {"securitySchemes": {
                "token": {"type": "oauth2"},
                "basic": {"type": "http", "scheme": "Basic"},
                "key": {"type": "apiKey", "in": "header", "name": "X-API-Key"},
                "cookie": {"type": "apiKey", "in": "cookie", "name": "sid"},
                "unused": {"type": "mutualTLS"},
            }},
        });
        let document = Document::parse(document.to_string().as_bytes(), "api", None).unwrap();
        insta::assert_snapshot!(credentials(&document).join("\n"));
    }
}
