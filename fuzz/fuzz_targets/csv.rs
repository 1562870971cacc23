//! Data files in CSV. The cells must be those that the `csv` crate reads from a copy of the table.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_scenarios::DataFile;
use tenfold_scenarios::fuzzing::read_csv;

fuzz_target!(|data: &[u8]| {
    let table = match read_csv(data) {
        Ok(table) => table,
        Err((line, message)) => {
            let lines = data.split(|byte| matches!(byte, b'\n' | b'\r')).count();
            assert!(
                line <= lines as u64 + 1,
                "line {line} of {lines}: {message}"
            );
            return;
        }
    };
    let again = read_csv(written(&table).as_bytes()).expect("a table that was written");
    assert_eq!(table, again);
});

fn written(table: &DataFile) -> String {
    let quoted = |cell: &str| format!("\"{}\"", cell.replace('"', "\"\""));
    let mut lines = vec![table.columns.join(",")];
    lines.extend((0..table.rows).map(|row| {
        let cells = (0..table.columns.len()).map(|column| quoted(table.cell(row, column)));
        cells.collect::<Vec<_>>().join(",")
    }));
    lines.join("\n")
}
