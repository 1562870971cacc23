//! Bytes of the data of a question on disk.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use anyhow::Context as _;

use crate::nosql::question::Question;

/// Returns the bytes of the tables of a question in SQL.
pub(super) fn of_sql(directory: &Path, question: Question) -> anyhow::Result<u64> {
    let tables = match question {
        Question::KeyValue => "kv_",
        Question::WideColumn => "wide_",
        Question::Document => "doc_",
        Question::Graph => "graph_",
    };
    of_files(&directory.join("sql/data/tenfold"), &[tables])
}

/// Returns the bytes of a question in the other store.
pub(super) fn of_other(directory: &Path, question: Question) -> anyhow::Result<u64> {
    match question {
        Question::KeyValue => (1..=question.boxes())
            .map(|number| {
                of_files(
                    &directory.join(format!("redis-cluster-{number}/appendonlydir")),
                    &[""],
                )
            })
            .sum(),
        Question::WideColumn => of_files(&directory.join("cassandra/data/tenfold"), &[""]),
        // The files of a type begin with its name.
        Question::Document => of_files(
            &directory.join("arcadedb/databases/tenfold"),
            &["PostDocument"],
        ),
        Question::Graph => of_files(
            &directory.join("arcadedb/databases/tenfold"),
            &["Person", "FOLLOWS"],
        ),
    }
}

/// Returns the bytes that the files whose names begin with one of these occupy, at any depth.
fn of_files(directory: &Path, beginnings: &[&str]) -> anyhow::Result<u64> {
    let reading = || format!("could not read {}", directory.display());
    let mut bytes = 0;
    for entry in fs::read_dir(directory).with_context(reading)? {
        let entry = entry.with_context(reading)?;
        let metadata = match entry.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            metadata => metadata.with_context(reading)?,
        };
        let name = entry.file_name();
        let name = name.to_string_lossy();
        if metadata.is_dir() {
            bytes += of_files(&entry.path(), beginnings)?;
        } else if beginnings.iter().any(|own| name.starts_with(own)) {
            bytes += metadata.blocks() * 512;
        }
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_files_by_beginning() {
        let directory = tempfile::tempdir().unwrap();
        let folder = directory.path().join("sql/data/tenfold");
        fs::create_dir_all(folder.join("inner")).unwrap();
        for name in ["kv_a.ibd", "inner/kv_b.ibd", "wide_c.ibd"] {
            fs::write(folder.join(name), vec![1; 10_000]).unwrap();
        }
        let bytes = of_sql(directory.path(), Question::KeyValue).unwrap();
        assert!((20_000..60_000).contains(&bytes), "{bytes}");
        assert_eq!(of_sql(directory.path(), Question::Graph).unwrap(), 0);
        assert!(of_other(directory.path(), Question::Graph).is_err());
    }
}
