//! The address of the service.

use http::Uri;
use serde_json::Value;

use super::document::Document;

/// Returns the URL of the service, for `--target`: the document's first server, or the origin that the
/// document was read from. `None` if neither names a host.
pub(super) fn target(document: &Document) -> Option<String> {
    let own = document.url.as_deref().and_then(origin_of);
    let Some(server) = first_server(document) else {
        return own;
    };
    match server.parse::<Uri>() {
        Ok(uri) if uri.host().is_some() => {
            let scheme = uri.scheme_str().unwrap_or("http");
            let authority = uri.authority()?;
            let is_usable = matches!(scheme, "http" | "https") && !authority.as_str().contains('@');
            is_usable.then(|| format!("{scheme}://{authority}{}", trimmed(uri.path())))
        }
        _ => Some(format!("{}{}", own?, trimmed(&path_of(&server)?))),
    }
}

/// Returns the path of a server without a host; `None` if there is no such server.
pub(super) fn prefix(document: &Document) -> Option<String> {
    let path = path_of(&first_server(document)?)?;
    Some(trimmed(&path).to_owned())
}

/// Returns the URL of the first server, with the default values of its variables.
fn first_server(document: &Document) -> Option<String> {
    let servers = document.resolve(&document.root()["servers"]);
    let server = document.resolve(servers.as_array()?.first()?);
    let mut url = server["url"].as_str()?.trim().to_owned();
    for (name, variable) in server["variables"].as_object().into_iter().flatten() {
        let value = match &variable["default"] {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            _ => continue,
        };
        url = url.replace(&format!("{{{name}}}"), &value);
    }
    (!url.contains(['{', '}'])).then_some(url)
}

fn path_of(server: &str) -> Option<String> {
    let path = server.split(['?', '#']).next().unwrap_or_default();
    let path = match path.starts_with('/') {
        true => path.to_owned(),
        false => format!("/{}", path.trim_start_matches("./")),
    };
    let is_valid = path.chars().all(|c| c.is_ascii_graphic()) && !path.starts_with("//");
    is_valid.then_some(path)
}

fn origin_of(url: &str) -> Option<String> {
    let uri: Uri = url.parse().ok()?;
    Some(format!("{}://{}", uri.scheme_str()?, uri.authority()?))
}

fn trimmed(path: &str) -> &str {
    path.trim_end_matches('/')
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn server_is_absolute_or_relative_to_the_document() {
        let of = |servers: Value, url: Option<&str>| {
            let document = json!({"openapi": "3.0.0", "servers": servers});
            let document = Document::parse(document.to_string().as_bytes(), "api", url).unwrap();
            (target(&document), prefix(&document))
        };
        let at = |url: &str| {
            of(
                json!([{ "url": url }]),
                Some("http://127.0.0.1:8000/docs/openapi.json"),
            )
            .0
        };
        assert_eq!(
            at("https://api.example.com/v2/").as_deref(),
            Some("https://api.example.com/v2")
        );
        assert_eq!(at("/v2").as_deref(), Some("http://127.0.0.1:8000/v2"));
        assert_eq!(at("/").as_deref(), Some("http://127.0.0.1:8000"));
        assert_eq!(at("ftp://example.com"), None);
        assert_eq!(
            at("https://{tenant}.example.com").as_deref(),
            Some("http://127.0.0.1:8000")
        );
        let variables = json!([{
            "url": "https://{region}.example.com:{port}",
            "variables": {"region": {"default": "eu"}, "port": {"default": 8443}},
        }]);
        assert_eq!(
            of(variables, None).0.as_deref(),
            Some("https://eu.example.com:8443")
        );
        assert_eq!(
            of(json!([{"url": "/api/v3"}]), None),
            (None, Some("/api/v3".to_owned()))
        );
        assert_eq!(of(json!(null), None), (None, None));
    }
}
