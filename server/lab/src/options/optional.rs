//! Optional boxes of a stage.

use crate::LabError;

/// Returns an error if a box that is asked for is not an optional one of the stage.
pub(crate) fn check(
    with: &[String],
    stage: &'static str,
    optional: &[&str],
) -> Result<(), LabError> {
    match with.iter().find(|name| !optional.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(LabError::NotOptional {
            name: name.clone(),
            stage,
            optional: match optional.is_empty() {
                true => "none".to_owned(),
                false => optional.join(", "),
            },
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_optional_boxes_of_the_stage() {
        let with = |name: &str| vec![name.to_owned()];
        assert!(check(&with("cassandra"), "partitioned", &["cassandra"]).is_ok());
        assert!(check(&[], "cached", &[]).is_ok());
        let error = check(&with("mongodb"), "partitioned", &["cassandra", "arcadedb"]);
        assert_eq!(
            error.unwrap_err().to_string(),
            "stage `partitioned` has no optional box `mongodb`; its optional boxes: cassandra, arcadedb"
        );
        let error = check(&with("cassandra"), "cached", &[]).unwrap_err();
        assert!(
            error.to_string().ends_with("optional boxes: none"),
            "{error}"
        );
    }
}
