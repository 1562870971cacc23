//! Swagger 2.0, the predecessor of OpenAPI, as OpenAPI 3.
//!
//! References keep their targets (`#/definitions/...`), because they are followed from the root of the
//! document, whatever its version.

use serde_json::{Map, Value, json};

/// Methods of a path item.
const METHODS: [&str; 7] = ["get", "head", "options", "post", "put", "patch", "delete"];

/// Converts a document of version 2.0 to version 3.0, as far as a first scenario needs it.
pub(super) fn upgraded(mut root: Value) -> Value {
    let servers = servers(&root);
    let security = security_schemes(&root["securityDefinitions"]);
    let paths = upgraded_paths(&root);
    if let Value::Object(map) = &mut root {
        map.insert("openapi".to_owned(), "3.0.3".into());
        map.insert("servers".to_owned(), servers);
        map.insert(
            "components".to_owned(),
            json!({ "securitySchemes": security }),
        );
        map.insert("paths".to_owned(), paths);
    }
    root
}

fn servers(root: &Value) -> Value {
    let base = root["basePath"].as_str().unwrap_or_default();
    let schemes = root["schemes"].as_array().into_iter().flatten();
    let mut schemes = schemes.filter_map(Value::as_str);
    let scheme = schemes
        .clone()
        .find(|scheme| *scheme == "https")
        .or(schemes.next());
    match (root["host"].as_str(), base) {
        (None, "") => Value::Null,
        (None, base) => json!([{ "url": base }]),
        (Some(host), base) => {
            let scheme = scheme.unwrap_or("https");
            json!([{ "url": format!("{scheme}://{host}{base}") }])
        }
    }
}

fn security_schemes(definitions: &Value) -> Value {
    let Some(definitions) = definitions.as_object() else {
        return Value::Null;
    };
    let schemes = definitions.iter().map(|(name, scheme)| {
        let scheme = match scheme["type"].as_str() {
            Some("basic") => json!({ "type": "http", "scheme": "basic" }),
            _ => scheme.clone(),
        };
        (name.clone(), scheme)
    });
    Value::Object(schemes.collect())
}

fn upgraded_paths(root: &Value) -> Value {
    let Some(paths) = root["paths"].as_object() else {
        return Value::Null;
    };
    let upgraded = paths.iter().map(|(path, item)| {
        let mut upgraded = Map::new();
        for method in METHODS {
            if item[method].is_object() {
                upgraded.insert(method.to_owned(), operation(root, item, &item[method]));
            }
        }
        (path.clone(), Value::Object(upgraded))
    });
    Value::Object(upgraded.collect())
}

/// Converts an operation. The parameters of its path become its own, because a body may be among them.
fn operation(root: &Value, item: &Value, operation: &Value) -> Value {
    let own: Vec<&Value> = parameters(root, operation).collect();
    let is_own = |shared: &&Value| {
        own.iter()
            .any(|own| own["name"] == shared["name"] && own["in"] == shared["in"])
    };
    let shared = parameters(root, item).filter(|shared| !is_own(shared));
    let all: Vec<&Value> = shared.chain(own.iter().copied()).collect();
    let media_types = |key: &str| {
        let own = operation[key].as_array().or_else(|| root[key].as_array());
        let names = own.into_iter().flatten().filter_map(Value::as_str);
        names.map(str::to_owned).collect::<Vec<_>>()
    };
    let consumes = media_types("consumes");
    let plain = all
        .iter()
        .filter(|parameter| matches!(parameter["in"].as_str(), Some("path" | "query" | "header")));
    let mut upgraded = operation.clone();
    upgraded["parameters"] = plain.map(|plain| parameter(plain)).collect();
    let body = all.iter().find(|parameter| parameter["in"] == "body");
    let fields = all.iter().filter(|parameter| parameter["in"] == "formData");
    let fields: Vec<&Value> = fields.copied().collect();
    if let Some(body) = body {
        let names = if consumes.is_empty() {
            vec!["application/json".to_owned()]
        } else {
            consumes
        };
        let media = names
            .into_iter()
            .map(|name| (name, json!({ "schema": body["schema"] })));
        let content: Map<String, Value> = media.collect();
        upgraded["requestBody"] = json!({ "required": body["required"], "content": content });
    } else if !fields.is_empty() {
        upgraded["requestBody"] = form(&fields, &consumes);
    }
    let produces = media_types("produces");
    if let (Some(produced), Some(responses)) =
        (produces.first(), upgraded["responses"].as_object_mut())
    {
        for (_, response) in responses
            .iter_mut()
            .filter(|(status, _)| status.starts_with('2'))
        {
            if response.get("schema").is_some() {
                response["content"] = json!({ produced: {} });
            }
        }
    }
    upgraded
}

/// Returns the parameters of a path item or an operation.
fn parameters<'a>(root: &'a Value, of: &'a Value) -> impl Iterator<Item = &'a Value> {
    let parameters = of["parameters"].as_array().into_iter().flatten();
    parameters.filter_map(move |parameter| match parameter["$ref"].as_str() {
        None => Some(parameter),
        Some(reference) => root.pointer(reference.strip_prefix('#')?),
    })
}

fn parameter(parameter: &Value) -> Value {
    let (style, explode) = match parameter["collectionFormat"].as_str() {
        Some("multi") => ("form", true),
        Some("pipes") => ("pipeDelimited", false),
        Some("ssv") => ("spaceDelimited", false),
        _ if parameter["in"] == "query" => ("form", false),
        _ => ("simple", false),
    };
    let mut upgraded = json!({
        "name": parameter["name"],
        "in": parameter["in"],
        "required": parameter["required"],
        "style": style,
        "explode": explode,
        "schema": schema(parameter),
    });
    if let Some(example) = parameter.get("x-example").or(parameter.get("example")) {
        upgraded["example"] = example.clone();
    }
    upgraded
}

/// Returns the schema of a parameter, which has its type among its own keys.
fn schema(parameter: &Value) -> Value {
    let keys = parameter.as_object().into_iter().flatten();
    let own = keys.filter(|(key, _)| {
        !matches!(
            key.as_str(),
            "name" | "in" | "required" | "description" | "collectionFormat" | "allowEmptyValue"
        )
    });
    let mut schema: Map<String, Value> = own
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect();
    if parameter["type"] == "file" {
        schema.insert("type".to_owned(), "string".into());
        schema.insert("format".to_owned(), "binary".into());
    }
    Value::Object(schema)
}

fn form(fields: &[&Value], consumes: &[String]) -> Value {
    let name = |field: &Value| field["name"].as_str().unwrap_or_default().to_owned();
    let properties: Map<String, Value> = fields
        .iter()
        .map(|field| (name(field), schema(field)))
        .collect();
    let required = fields.iter().filter(|field| field["required"] == true);
    let required: Vec<String> = required.map(|field| name(field)).collect();
    let has_file = fields.iter().any(|field| field["type"] == "file");
    let is_multipart = has_file || consumes.iter().any(|name| name == "multipart/form-data");
    let media_type = match is_multipart {
        true => "multipart/form-data",
        false => "application/x-www-form-urlencoded",
    };
    let schema = json!({ "type": "object", "properties": properties, "required": required });
    json!({ "required": !required.is_empty(), "content": { media_type: { "schema": schema } } })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn converts_servers_parameters_bodies_and_security() {
        let document = json!({
            "swagger": "2.0",
            "host": "api.example.com",
            "basePath": "/v1",
            "schemes": ["http", "https"],
            "produces": ["application/json"],
            "securityDefinitions": {"login": {"type": "basic"}},
            "parameters": {"page": {"name": "page", "in": "query", "type": "integer", "default": 1}},
            "definitions": {"Pet": {"properties": {"name": {"example": "rex"}}}},
            "paths": {"/pets/{id}": {
                "parameters": [{"name": "id", "in": "path", "required": true, "type": "integer"}],
                "get": {
                    "parameters": [
                        {"$ref": "#/parameters/page"},
                        {"name": "tags", "in": "query", "type": "array", "collectionFormat": "multi"},
                    ],
                    "responses": {"200": {"schema": {"$ref": "#/definitions/Pet"}}},
                },
                "put": {"parameters": [{"name": "pet", "in": "body", "schema": {"$ref": "#/definitions/Pet"}}]},
                "post": {"parameters": [
                    {"name": "photo", "in": "formData", "type": "file", "required": true},
                    {"name": "note", "in": "formData", "type": "string"},
                ]},
            }},
        });
        let upgraded = upgraded(document);
        assert_eq!(upgraded["servers"][0]["url"], "https://api.example.com/v1");
        assert_eq!(
            upgraded["components"]["securitySchemes"]["login"]["scheme"],
            "basic"
        );
        let pet = &upgraded["paths"]["/pets/{id}"];
        let parameters = &pet["get"]["parameters"];
        assert_eq!(parameters[0]["schema"], json!({"type": "integer"}));
        assert_eq!(parameters[1]["schema"]["default"], 1);
        assert_eq!(parameters[2]["explode"], true);
        assert_eq!(
            pet["get"]["responses"]["200"]["content"],
            json!({"application/json": {}})
        );
        let body = &pet["put"]["requestBody"]["content"]["application/json"];
        assert_eq!(body["schema"]["$ref"], "#/definitions/Pet");
        let form = &pet["post"]["requestBody"]["content"]["multipart/form-data"]["schema"];
        assert_eq!(form["properties"]["photo"]["format"], "binary");
        assert_eq!(form["required"], json!(["photo"]));
    }
}
