//! Names available to templates, conditions and scripts.

use std::sync::Arc;

use super::data_file::DataFile;
use super::variable_name::check_variable_name;
use crate::format::error::ScenarioError;
use crate::format::fields::Value;

/// Names available to templates, conditions and scripts: captured or declared variables, and columns of
/// data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// All names; the columns of data come last.
    pub(crate) variables: Arc<[String]>,
    /// Initial values of declared variables.
    pub(crate) initial: Arc<[Option<String>]>,
    /// Data files that provide the columns.
    pub(crate) data: Arc<[Arc<DataFile>]>,
}

impl Names {
    /// Returns the data file and column of a variable; `None` if it is not a column.
    pub(crate) fn column(&self, variable: usize) -> Option<(&Arc<DataFile>, usize)> {
        self.data.iter().find_map(|data| {
            let column = variable.checked_sub(data.first_variable)?;
            (column < data.columns.len()).then_some((data, column))
        })
    }
}

/// Reads the `[variables]` table: names with their initial values.
pub(crate) fn read_declared(
    value: &Value<'_>,
) -> Result<Vec<(String, Option<String>)>, ScenarioError> {
    let mut declared = Vec::new();
    for (name, _, value) in value.table("the variables")?.entries() {
        check_variable_name(&name, "a variable", &value)?;
        declared.push((name, Some(value.scalar()?)));
    }
    Ok(declared)
}
