//! What templates, conditions and scripts can call by name.

use std::sync::Arc;

use crate::data_set::DataSet;
use crate::error::ScenarioError;
use crate::fields::{Value, clip};
use crate::template::{BUILT_IN, is_variable_name};

/// What templates, conditions and scripts can call by name: variables that are captured or declared,
/// and columns of data.
#[derive(Debug, Clone, Default)]
pub(crate) struct Names {
    /// All names; the columns of data come last.
    pub(crate) variables: Arc<[String]>,
    /// The values that declared variables begin with.
    pub(crate) initial: Arc<[Option<String>]>,
    /// Where the columns come from.
    pub(crate) data: Arc<[Arc<DataSet>]>,
}

impl Names {
    /// Returns the data and the column that a variable stands for, where it is one.
    pub(crate) fn column(&self, variable: usize) -> Option<(&Arc<DataSet>, usize)> {
        self.data.iter().find_map(|data| {
            let column = variable.checked_sub(data.first_variable)?;
            (column < data.columns.len()).then_some((data, column))
        })
    }
}

/// Refuses what can't be the name of a variable; `what` is what would have it.
pub(crate) fn check_variable_name(
    name: &str,
    what: &str,
    value: &Value<'_>,
) -> Result<(), ScenarioError> {
    if is_variable_name(name) && !BUILT_IN.contains(&name) {
        return Ok(());
    }
    Err(value
        .error(format!("{what} can't be called `{}`", clip(name)))
        .hint(format!(
            "use lower-case letters, digits and `_`, and none of {}",
            BUILT_IN.join(", ")
        )))
}

/// Reads the `[variables]` table: names with the values that they begin with.
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
