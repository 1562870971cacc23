//! Rows of a CSV or JSON Lines file, whose columns become variables.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rand::RngExt;
use serde_json::value::RawValue;

use super::capture::json_text::value_text;
use super::draw::Draw;
use super::variable_name::is_variable_name;
use crate::format::byte_order_mark::strip_first_line;
use crate::format::clip::clip;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;
use crate::format::regular_file;
use crate::random::stream::{Stream, derive, mix_bits};

/// Rows of a file, whose columns become variables.
#[derive(Debug, Clone, PartialEq)]
pub struct DataFile {
    /// Prefix of the variables: `users` gives `{users.name}`.
    pub name: String,
    /// The file, as written in the scenario.
    pub file: PathBuf,
    /// Assignment of rows.
    pub order: RowOrder,
    /// Names of the columns.
    pub columns: Vec<String>,
    /// Number of rows.
    pub rows: u64,
    /// Index of the first column among the variables.
    pub(crate) first_variable: usize,
    cells: Arc<Cells>,
    seed: u64,
}

/// Assignment of rows to arrivals, journeys or users.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RowOrder {
    /// In order, by arrival or journey, starting over after the last.
    Sequential,
    /// A random row, with equal probability.
    Random,
    /// One row per user, for the whole run.
    UniquePerUser,
}

/// All cells in one string, with the end of each.
#[derive(Debug, Default, PartialEq)]
struct Cells {
    text: String,
    ends: Vec<u32>,
}

/// Format of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv,
    JsonLines,
}

/// Maximum size of a file in bytes, which is held in memory.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Maximum number of cells; each costs four bytes in addition to its text.
const CELLS_MAX: usize = 8_000_000;
/// Maximum length of a line of JSON in bytes.
const LINE_BYTES_MAX: u64 = 1024 * 1024;

impl DataFile {
    /// Reads an entry of the `[data]` table, and the file that it names relative to `folder`.
    pub(crate) fn read(
        name: &str,
        value: &Value<'_>,
        folder: &Path,
        first_variable: usize,
    ) -> Result<Self, ScenarioError> {
        if !is_variable_name(name) {
            return Err(value
                .error(format!("`{}` is not a valid name for data", clip(name)))
                .hint("use lower-case letters, digits and `_`"));
        }
        let mut fields = value.table(format!("data `{name}`"))?;
        let file_value = fields.required("file")?;
        let file = PathBuf::from(file_value.text()?);
        let order = match fields.optional("order") {
            None => RowOrder::Sequential,
            Some(value) => value.choice(&[
                ("sequential", RowOrder::Sequential),
                ("random", RowOrder::Random),
                ("unique-per-user", RowOrder::UniquePerUser),
            ])?,
        };
        let format = match fields.optional("format") {
            Some(value) => value.choice(&[("csv", Format::Csv), ("jsonl", Format::JsonLines)])?,
            None => match file.extension().and_then(|extension| extension.to_str()) {
                Some("csv") => Format::Csv,
                Some("jsonl" | "ndjson") => Format::JsonLines,
                _ => {
                    return Err(file_value
                        .error("the file name does not show the format")
                        .hint("add format = \"csv\" or format = \"jsonl\""));
                }
            },
        };
        fields.finish()?;
        let path = folder.join(&file);
        let unreadable = |error: std::io::Error| {
            file_value.error(format!(
                "could not read the data {}: {error}",
                path.display()
            ))
        };
        let (opened, length) = regular_file::open(&path).map_err(unreadable)?;
        if length > FILE_BYTES_MAX {
            return Err(file_value
                .error(format!(
                    "{} has {} MiB, but a data file has at most {}",
                    path.display(),
                    length.div_ceil(1024 * 1024),
                    FILE_BYTES_MAX / 1024 / 1024
                ))
                .hint("use a part of it: rows are reused after the last"));
        }
        // Bounded, in case the file grows while it is read.
        let reader = BufReader::new(opened.take(FILE_BYTES_MAX));
        let table = match format {
            Format::Csv => from_csv(reader),
            Format::JsonLines => from_json_lines(reader),
        };
        let (columns, cells) = table.map_err(|mistake| {
            let position = match mistake.line {
                0 => String::new(),
                line => format!(":{line}"),
            };
            file_value.error(format!(
                "could not use the data {}{position}: {}",
                path.display(),
                mistake.message
            ))
        })?;
        Ok(Self {
            name: name.to_owned(),
            file,
            order,
            rows: (cells.ends.len() / columns.len()) as u64,
            columns,
            first_variable,
            cells: Arc::new(cells),
            seed: derive(0, name, 0),
        })
    }

    /// Returns the names of its variables, such as `users.name`.
    pub(crate) fn variable_names(&self) -> impl Iterator<Item = String> {
        let columns = self.columns.iter();
        columns.map(|column| format!("{}.{column}", self.name))
    }

    /// Returns a cell; `row` wraps around after the last row.
    pub fn cell(&self, row: u64, column: usize) -> &str {
        let index = (row % self.rows) as usize * self.columns.len() + column;
        let Some(end) = self.cells.ends.get(index) else {
            return "";
        };
        let start = match index.checked_sub(1) {
            None => 0,
            Some(before) => self.cells.ends[before],
        };
        self.cells
            .text
            .get(start as usize..*end as usize)
            .unwrap_or_default()
    }

    /// Returns the row of an arrival outside of a journey.
    pub(crate) fn row_of(&self, draw: &Draw) -> u64 {
        match self.order {
            RowOrder::Sequential => draw.turn,
            RowOrder::Random => mix_bits(draw.entropy ^ self.seed),
            RowOrder::UniquePerUser => draw.user,
        }
    }

    /// Draws the row of a journey: number `turn` of all journeys, by user `user`.
    pub(crate) fn draw_row(&self, random: &mut Stream, turn: u64, user: u64) -> u64 {
        match self.order {
            RowOrder::Sequential => turn,
            RowOrder::Random => random.random_range(0..self.rows),
            RowOrder::UniquePerUser => user,
        }
    }
}

/// A problem in a data file, with its line; 0 for the whole file.
#[derive(Debug)]
struct Mistake {
    line: u64,
    message: String,
}

impl Mistake {
    fn new(line: u64, message: impl Into<String>) -> Self {
        Self {
            line,
            message: message.into(),
        }
    }
}

impl Cells {
    fn push(&mut self, cell: &str, line: u64) -> Result<(), Mistake> {
        if self.ends.len() >= CELLS_MAX {
            return Err(Mistake::new(
                line,
                format!("it has more than {CELLS_MAX} values"),
            ));
        }
        self.text.push_str(cell);
        let end = u32::try_from(self.text.len())
            .map_err(|_| Mistake::new(line, "its values take more than 4 GiB"))?;
        self.ends.push(end);
        Ok(())
    }
}

fn from_csv(reader: impl Read) -> Result<(Vec<String>, Cells), Mistake> {
    let mut reader = csv::ReaderBuilder::new().from_reader(reader);
    let csv_mistake = |error: csv::Error| {
        let line = error.position().map_or(0, csv::Position::line);
        let message = match error.kind() {
            csv::ErrorKind::UnequalLengths {
                expected_len, len, ..
            } => format!("the row has {len} values, but the header has {expected_len}"),
            csv::ErrorKind::Utf8 { .. } => "it is not UTF-8".to_owned(),
            _ => error.to_string(),
        };
        Mistake::new(line, message)
    };
    let head = reader.headers().map_err(csv_mistake)?;
    let columns: Vec<String> = head.iter().map(|name| name.trim().to_owned()).collect();
    check_columns(&columns)?;
    let mut cells = Cells::default();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(csv_mistake)? {
        let line = record.position().map_or(0, csv::Position::line);
        for cell in &record {
            cells.push(cell, line)?;
        }
    }
    finished(columns, cells)
}

fn from_json_lines(mut reader: impl BufRead) -> Result<(Vec<String>, Cells), Mistake> {
    let mut columns: Vec<String> = Vec::new();
    let mut cells = Cells::default();
    let mut text = Vec::new();
    for line in 1.. {
        text.clear();
        let read = reader
            .by_ref()
            .take(LINE_BYTES_MAX + 1)
            .read_until(b'\n', &mut text)
            .map_err(|error| Mistake::new(line, error.to_string()))?;
        if read == 0 {
            break;
        }
        if read as u64 > LINE_BYTES_MAX {
            return Err(Mistake::new(line, "a line has at most 1 MiB"));
        }
        let text = strip_first_line(line, &text);
        if text.trim_ascii().is_empty() {
            continue;
        }
        let row: BTreeMap<String, &RawValue> = serde_json::from_slice(text)
            .map_err(|error| Mistake::new(line, format!("it is not a JSON object: {error}")))?;
        if columns.is_empty() {
            columns = row.keys().cloned().collect();
            check_columns(&columns)?;
        }
        if let Some(unknown) = row.keys().find(|key| !columns.contains(key)) {
            return Err(Mistake::new(
                line,
                format!("the first line has no `{}`", clip(unknown)),
            ));
        }
        for column in &columns {
            let cell = row
                .get(column)
                .ok_or_else(|| Mistake::new(line, format!("`{column}` is missing")))?;
            cells.push(&value_text(cell).unwrap_or_default(), line)?;
        }
    }
    finished(columns, cells)
}

fn check_columns(columns: &[String]) -> Result<(), Mistake> {
    for (index, column) in columns.iter().enumerate() {
        if !is_variable_name(column) {
            return Err(Mistake::new(
                1,
                format!(
                    "column `{}` is not a valid variable name: use lower-case letters, digits and `_`",
                    clip(column)
                ),
            ));
        }
        if columns[..index].contains(column) {
            return Err(Mistake::new(
                1,
                format!("two columns are called `{column}`"),
            ));
        }
    }
    Ok(())
}

fn finished(columns: Vec<String>, cells: Cells) -> Result<(Vec<String>, Cells), Mistake> {
    if cells.ends.is_empty() {
        return Err(Mistake::new(0, "it has no row"));
    }
    Ok((columns, cells))
}

/// Entry points for the fuzz targets in `fuzz/`, which read data without a file.
#[cfg(fuzzing)]
pub mod fuzzing {
    use super::*;

    /// Reads a CSV file.
    ///
    /// # Errors
    /// The mistake, with its line; 0 for the whole file.
    pub fn read_csv(bytes: &[u8]) -> Result<DataFile, (u64, String)> {
        data_file(from_csv(bytes))
    }

    /// Reads a JSON Lines file.
    ///
    /// # Errors
    /// As for [`read_csv`].
    pub fn read_json_lines(bytes: &[u8]) -> Result<DataFile, (u64, String)> {
        data_file(from_json_lines(bytes))
    }

    fn data_file(table: Result<(Vec<String>, Cells), Mistake>) -> Result<DataFile, (u64, String)> {
        let (columns, cells) = table.map_err(|mistake| (mistake.line, mistake.message))?;
        Ok(DataFile {
            name: "data".to_owned(),
            file: PathBuf::new(),
            order: RowOrder::Sequential,
            rows: (cells.ends.len() / columns.len()) as u64,
            columns,
            first_variable: 0,
            cells: Arc::new(cells),
            seed: 0,
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn table(columns: Vec<String>, cells: Cells) -> DataFile {
        DataFile {
            name: "t".to_owned(),
            file: PathBuf::new(),
            order: RowOrder::Sequential,
            rows: (cells.ends.len() / columns.len()) as u64,
            columns,
            first_variable: 0,
            cells: Arc::new(cells),
            seed: 0,
        }
    }

    #[test]
    fn reads_equal_cells_from_both_formats() {
        let csv = "name,age,note\nann,7,\"a, b\"\nbob,8,\n";
        let json = "{\"name\":\"ann\",\"age\":7,\"note\":\"a, b\"}\n\n\
                    {\"name\":\"bob\",\"age\":8,\"note\":null}\n";
        let (columns, cells) = from_csv(csv.as_bytes()).unwrap();
        let set = table(columns, cells);
        assert_eq!(
            (set.rows, set.cell(0, 0), set.cell(0, 2)),
            (2, "ann", "a, b")
        );
        assert_eq!(
            (set.cell(1, 1), set.cell(1, 2), set.cell(3, 0)),
            ("8", "", "bob")
        );
        // Editors may write a byte order mark.
        let (marked, _) = from_csv(format!("\u{feff}{csv}").as_bytes()).unwrap();
        assert_eq!(marked, set.columns);
        let json = format!("\u{feff}{json}");
        let (columns, cells) = from_json_lines(json.as_bytes()).unwrap();
        assert_eq!(columns.len(), 3);
        let set = table(columns, cells);
        let name = set.columns.iter().position(|column| column == "name");
        assert_eq!(set.cell(1, name.unwrap()), "bob");
    }

    #[test]
    fn reports_mistakes_with_their_line() {
        let csv = |text: &str| from_csv(text.as_bytes()).unwrap_err();
        assert_eq!(csv("a,b\n1,2\n3\n").line, 3);
        assert!(csv("a,a\n1,2\n").message.contains("two columns"));
        assert!(csv("E-mail\nx\n").message.contains("E-mail"));
        assert!(csv("a,b\n").message.contains("no row"));
        let json = |text: &str| from_json_lines(text.as_bytes()).unwrap_err();
        assert_eq!(json("{\"a\":1}\n{\"b\":1}\n").line, 2);
        assert_eq!(json("{\"a\":1}\n[]\n").line, 2);
        assert!(
            json("{\"a\":1,\"b\":2}\n{\"a\":1}\n")
                .message
                .contains("`b` is missing")
        );
        assert!(json("").message.contains("no row"));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(300) })]

        #[test]
        fn reads_or_rejects_any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = from_csv(bytes.as_slice());
            let _ = from_json_lines(bytes.as_slice());
        }

        #[test]
        fn reads_csv_as_written(rows in prop::collection::vec(("\\PC{0,12}", "[a-z\",\n]{1,9}"), 1..12)) {
            let mut writer = csv::Writer::from_writer(Vec::new());
            writer.write_record(["one", "two"]).unwrap();
            for (one, two) in &rows {
                writer.write_record([one, two]).unwrap();
            }
            let (columns, cells) = from_csv(writer.into_inner().unwrap().as_slice()).unwrap();
            let set = table(columns, cells);
            prop_assert_eq!(set.rows, rows.len() as u64);
            for (row, (one, two)) in (0..).zip(&rows) {
                prop_assert_eq!((set.cell(row, 0), set.cell(row, 1)), (one.as_str(), two.as_str()));
            }
        }
    }
}
