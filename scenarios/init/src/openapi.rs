//! OpenAPI documents, versions 3.0 and later, and Swagger 2.0.

mod body;
pub(crate) mod document;
mod operation;
mod parameter;
mod path_variables;
mod request_toml;
mod sample;
mod security;
mod server;
mod swagger2;
mod yaml;

use std::collections::BTreeMap;

use tenfold_scenarios::Kind;

use crate::error::InitError;
use crate::first_scenario::{FirstScenario, InitOptions, LeftOut};
use crate::heading::{heading, load_and_phases};
use document::Document;
use operation::Operation;
use path_variables::PathVariables;
use request_toml::RequestToml;

/// Maximum number of requests of a scenario.
const REQUESTS_MAX: usize = 256;

/// Which operations to send.
#[derive(Debug, Clone, Default)]
pub struct Selection {
    /// Only operations with this tag. `None` for all.
    pub tag: Option<String>,
    /// Only paths with this prefix. `None` for all.
    pub path: Option<String>,
    /// Sends DELETE as well. Otherwise these requests are written as comments.
    pub deletes: bool,
}

/// Makes a scenario with a request for each operation of a document.
///
/// `options` and `selection` say what to write; the result is a valid scenario. Values come from
/// examples, then defaults, enumerations and the rest of the schema.
///
/// # Errors
/// Fails if no operation of the selection can be sent.
pub fn from_openapi(
    document: &Document,
    selection: &Selection,
    options: &InitOptions,
) -> Result<FirstScenario, InitError> {
    let mut left_out = BTreeMap::new();
    let mut leave_out = |reason: &str| *left_out.entry(reason.to_owned()).or_insert(0) += 1;
    let mut variables = PathVariables::default();
    let mut names = request_toml::Names::default();
    let mut requests: Vec<RequestToml> = Vec::new();
    for operation in operation::operations(document) {
        if !is_selected(&operation, selection) {
            continue;
        }
        if operation.is_deprecated() {
            leave_out("deprecated");
            continue;
        }
        match RequestToml::of(document, &operation, &mut variables, &mut names) {
            Ok(request) => requests.push(request),
            Err(reason) => leave_out(reason),
        }
    }
    for request in &mut requests {
        if request.is_delete && !selection.deletes {
            request.is_sent = false;
            leave_out("DELETE, written as comments; send them with --deletes");
        }
    }
    for _ in 0..limit(&mut requests) {
        leave_out(
            "more than the 256 requests that a scenario may have; choose some with --tag or --path",
        );
    }
    let count = |kind: Kind| {
        let of_kind = |request: &&RequestToml| request.is_sent && request.kind == kind;
        requests.iter().filter(of_kind).count()
    };
    let (reads, writes) = (count(Kind::Read), count(Kind::Write));
    let left_out: Vec<LeftOut> = left_out
        .into_iter()
        .map(|(reason, count)| LeftOut { count, reason })
        .collect();
    if reads + writes == 0 {
        return Err(nothing_to_send(document, selection, &left_out));
    }
    let used = requests.iter().filter(|request| request.is_sent);
    variables.retain(used.flat_map(|request| &request.variables));
    let target = server::target(document);
    let credentials = security::credentials(document);
    let about = about(
        document,
        &requests,
        &left_out,
        &credentials,
        target.as_deref(),
    );
    let mut toml = heading(
        options,
        &format!("a request for each operation of {}", document.title()),
        &about,
        target.as_deref().unwrap_or("URL"),
    );
    toml.push_str(&variables.toml());
    toml.push_str(&load_and_phases());
    toml.push_str(&weights(reads, writes));
    for request in &requests {
        toml.push('\n');
        toml.push_str(&request.toml(reads > 0));
    }
    Ok(FirstScenario {
        toml,
        target,
        reads,
        writes,
        left_out,
        made_up: variables.made_up(),
        credentials,
    })
}

fn is_selected(operation: &Operation<'_>, selection: &Selection) -> bool {
    let of_tag = |tag: &String| operation.tags().any(|own| own.eq_ignore_ascii_case(tag));
    selection.tag.as_ref().is_none_or(of_tag)
        && selection
            .path
            .as_ref()
            .is_none_or(|path| operation.path.starts_with(path.as_str()))
}

/// Drops requests beyond the limit, writes before reads; returns their number.
fn limit(requests: &mut Vec<RequestToml>) -> usize {
    let sent = requests.iter().filter(|request| request.is_sent).count();
    let surplus = sent.saturating_sub(REQUESTS_MAX);
    let mut left = surplus;
    for kind in [Kind::Write, Kind::Read] {
        let mut index = requests.len();
        while left > 0 && index > 0 {
            index -= 1;
            if requests[index].is_sent && requests[index].kind == kind {
                requests.remove(index);
                left -= 1;
            }
        }
    }
    surplus
}

fn nothing_to_send(document: &Document, selection: &Selection, left_out: &[LeftOut]) -> InitError {
    let reasons: Vec<String> = left_out
        .iter()
        .map(|left_out| format!("{} left out: {}", left_out.count, left_out.reason))
        .collect();
    let advice = match selection {
        Selection { tag: Some(_), .. } | Selection { path: Some(_), .. } => {
            let mut tags: Vec<&str> = operation::operations(document)
                .iter()
                .flat_map(|operation| operation.tags().collect::<Vec<_>>())
                .collect();
            tags.sort_unstable();
            tags.dedup();
            tags.truncate(20);
            format!(
                "choose others with --tag or --path; its tags are: {}",
                tags.join(", ")
            )
        }
        _ => "give a document with `paths`".to_owned(),
    };
    InitError::NoOperation {
        origin: document.origin.clone(),
        left_out: match reasons.as_slice() {
            [] => String::new(),
            reasons => format!(" ({})", reasons.join("; ")),
        },
        advice,
    }
}

/// Returns the comments at the top, a paragraph each.
fn about(
    document: &Document,
    requests: &[RequestToml],
    left_out: &[LeftOut],
    credentials: &[String],
    target: Option<&str>,
) -> Vec<String> {
    let sent = requests.iter().filter(|request| request.is_sent).count();
    let mut about = vec![format!(
        "First scenario for {}, made from {} by `tenfold init`: {sent} operations, with values from the \
         document's examples, defaults and schemas. Look for \"made up\": the document has no example \
         there, so the service may refuse the value.",
        document.title(),
        document.origin
    )];
    let left_out: Vec<String> = left_out
        .iter()
        .map(|left_out| format!("{} {}", left_out.count, left_out.reason))
        .collect();
    if !left_out.is_empty() {
        about.push(format!("Left out: {}.", left_out.join("; ")));
    }
    if target.is_none() {
        about.push(match server::prefix(document) {
            Some(prefix) => format!(
                "The document names only the path of the service, so give its host: --target \
                 http://HOST{prefix}."
            ),
            None => "The document names no server; give yours with --target.".to_owned(),
        });
    }
    about.extend(credentials.iter().cloned());
    about
}

fn weights(reads: usize, writes: usize) -> String {
    match (reads, writes) {
        (_, 0) => "# Requests are mixed in proportion to their weights.\n".to_owned(),
        (0, _) => "# Requests are mixed in proportion to their weights. All of these are writes.\n".to_owned(),
        _ => "# Requests are mixed in proportion to their weights: a read is sent ten times as often as a write.\n\
              # `tenfold record` takes the mix from an access log.\n"
            .to_owned(),
    }
}
