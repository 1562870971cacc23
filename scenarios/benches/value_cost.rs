//! Cost of values per request: `cargo bench --profile dist -p tenfold-scenarios --bench value_cost`.
//!
//! Renders requests with and without values, and captures values from a page of 64 KiB. Prints the time per
//! call in the best of many rounds. Other load on the machine can only add to it.

use std::path::Path;
use std::time::Instant;

use http::HeaderMap;
use tenfold_scenarios::{Draw, Rendered, ResponseParts, Scenario};

/// Number of rounds; the best counts.
const ROUNDS: u32 = 50;

/// Name of each request, and its fields.
const REQUESTS: [(&str, &str); 6] = [
    ("plain", "path = \"/v1/posts/1\""),
    (
        "key in the path",
        "path = \"/v1/posts/{key}\"\nkeys = \"posts\"",
    ),
    ("value in the path", "path = \"/v1/posts/{word}\""),
    ("raw value in the path", "path = \"/v1/posts/{word|raw}\""),
    (
        "values in JSON",
        "path = \"/\"\njson = { a = \"{word}\", b = \"{word|json}\" }",
    ),
    (
        "form",
        "path = \"/\"\nform = { a = \"{word}\", b = \"{word}\" }",
    ),
];

/// Name of each capture, and its location.
const CAPTURES: [(&str, &str); 3] = [
    ("json", "\"json:/items/999/id\""),
    ("regex", "{ regex = 'data-last=\"(\\w+)\"' }"),
    (
        "css",
        "{ css = \"li[data-last]\", attribute = \"data-last\" }",
    ),
];

/// Length of the page that captures read.
const PAGE_BYTES: usize = 64 * 1024;

#[expect(clippy::print_stdout, reason = "a measurement is printed")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("best of {ROUNDS} rounds");
    println!("{:24} {:>12}", "request", "rendered, ns");
    for (name, request) in REQUESTS {
        let scenario = scenario(request)?;
        let mut variables = scenario.variables();
        if let Some(word) = scenario.variable("word") {
            variables.set(word, "Zo\u{eb} & \"friends\", 42".to_owned());
        }
        let mut rendered = Rendered::default();
        let ns = best(1000, |key| {
            let draw = Draw {
                key,
                ..Draw::default()
            };
            let _ = scenario.requests[0].render(&draw, &variables, &mut rendered);
        });
        println!("{name:24} {ns:>12.0}");
    }
    println!("{:24} {:>12}", "capture of 64 KiB", "found, us");
    for (name, capture) in CAPTURES {
        let scenario = scenario(&format!("path = \"/\"\ncapture = {{ a = {capture} }}"))?;
        let page = page(name == "json");
        let headers = HeaderMap::new();
        let parts = ResponseParts {
            status: 200,
            url: "",
            headers: &headers,
            body: page.as_bytes(),
        };
        let capture = &scenario.requests[0].captures[0];
        if capture.find(&parts).is_none() {
            return Err(format!("the page has no {capture}").into());
        }
        let ns = best(5, |_| {
            let _ = capture.find(&parts);
        });
        println!("{name:24} {:>12.1}", ns / 1000.0);
    }
    Ok(())
}

fn scenario(request: &str) -> Result<Scenario, tenfold_scenarios::ScenarioError> {
    let text = format!(
        "version = 1\nname = \"cost\"\n[variables]\nword = \"\"\n[[keys]]\nname = \"posts\"\ncount = 1000\n\
         [[phases]]\nname = \"p\"\nkind = \"constant\"\nrate = \"10/s\"\nduration = \"1s\"\n[[requests]]\n\
         name = \"r\"\nkind = \"read\"\n{request}"
    );
    Scenario::parse(&text, Path::new("cost.toml"))
}

/// A list whose last item is to be found, as JSON or HTML.
fn page(is_json: bool) -> String {
    let mut page = match is_json {
        true => "{\"items\":[".to_owned(),
        false => "<!doctype html><title>Items</title><ul>".to_owned(),
    };
    let mut id = 0;
    while page.len() < PAGE_BYTES - 100 {
        match is_json {
            true => page.push_str(&format!(
                "{{\"id\":{id},\"name\":\"An item of the list, {id}\"}},"
            )),
            false => page.push_str(&format!(
                "<li id=\"i{id}\"><a href=\"/{id}\">An item, {id}</a></li>"
            )),
        }
        id += 1;
    }
    page.push_str(match is_json {
        true => "{}]}",
        false => "<li data-last=\"x17\">The last</li></ul>",
    });
    page
}

/// Returns the time per call in the best round, in nanoseconds.
fn best(calls: u32, mut call: impl FnMut(u64)) -> f64 {
    let mut best = f64::INFINITY;
    for _ in 0..ROUNDS {
        let start = Instant::now();
        for number in 0..calls {
            call(number.into());
        }
        best = best.min(start.elapsed().as_secs_f64() * 1e9 / f64::from(calls));
    }
    best
}
