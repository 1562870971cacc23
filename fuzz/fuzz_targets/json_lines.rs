//! Data files in JSON Lines.

#![no_main]

use libfuzzer_sys::fuzz_target;
use serde_json::{Map, Value};
use tenfold_scenarios::fuzzing::read_json_lines;

fuzz_target!(|data: &[u8]| {
    let table = match read_json_lines(data) {
        Ok(table) => table,
        Err((line, message)) => {
            let lines = data.split(|byte| *byte == b'\n').count();
            assert!(line <= lines as u64, "line {line} of {lines}: {message}");
            return;
        }
    };
    assert!(table.rows > 0 && !table.columns.is_empty());
    let rows = (0..table.rows).map(|row| {
        let cells = table.columns.iter().enumerate();
        let cells = cells.map(|(column, name)| (name.clone(), table.cell(row, column).into()));
        Value::Object(Map::from_iter(cells)).to_string() + "\n"
    });
    let again = read_json_lines(rows.collect::<String>().as_bytes());
    assert_eq!(Ok(table), again);
});
