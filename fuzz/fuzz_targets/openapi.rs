//! OpenAPI documents: the scenario of every document is valid.

#![no_main]

use std::path::Path;

use libfuzzer_sys::fuzz_target;
use tenfold_init::{Document, InitOptions, Selection, SourceKind, from_openapi};
use tenfold_scenarios::Scenario;

fuzz_target!(|data: &[u8]| {
    let _ = SourceKind::of(data);
    let Ok(document) = Document::parse(data, "fuzz", None) else {
        return;
    };
    let options = InitOptions {
        name: "fuzz".to_owned(),
        file: "fuzz.toml".to_owned(),
        schema: "./scenario.schema.json".to_owned(),
    };
    if let Ok(made) = from_openapi(&document, &Selection::default(), &options) {
        let scenario = Scenario::parse(&made.toml, Path::new("fuzz.toml"));
        assert!(scenario.is_ok(), "{}", made.toml);
    }
});
