//! Masking of secrets in texts of services: bodies, headers, messages, log lines.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::Value;
use tenfold_secret::{MASK, mask_json, masked_header, masked_target, masked_text, masked_value};

/// A secret, which no other part of an input may contain.
const SECRET: &str = "TSq7Zk29Vw";

fuzz_target!(|text: &str| {
    // The fuzzer reads constants from the program.
    if text.contains(SECRET) {
        return;
    }
    masked_header("set-cookie", text);
    masked_value("/a", &Value::String(text.to_owned()));
    let mut found = Vec::new();
    let target = masked_target(text, &mut found);
    assert!(target == text || !found.is_empty(), "{target}");
    assert!(found.is_empty() || target.contains(MASK));

    // A line after any text is masked.
    let planted = format!("{text}\npassword={SECRET}\n");
    let masked = masked_text(&planted);
    assert!(!masked.contains(SECRET), "{masked}");
    assert!(masked_text(&masked).contains(MASK), "{masked}");

    if let Ok(mut document) = serde_json::from_str::<Value>(text) {
        let masked = masked_text(text);
        assert_eq!(masked_text(&masked), masked, "masked twice");
        // An element or quote that is not closed is masked to the end of the text.
        if !text.contains(['<', '\'']) {
            assert!(serde_json::from_str::<Value>(&masked).is_ok(), "{masked}");
        }
        mask_json(&mut document, &mut Vec::new());
        let mut again = document.clone();
        mask_json(&mut again, &mut Vec::new());
        assert_eq!(document, again);
    }
});
