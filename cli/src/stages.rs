//! The stages that this binary was compiled with.

use tenfold_lab::stage::Stage;

use crate::exit::UsageError;

/// The stages by Cargo feature, and whether this binary has them.
const COMPILED: &[(&str, bool)] = &[
    ("stage-single-box", cfg!(feature = "stage-single-box")),
    ("stage-separated", cfg!(feature = "stage-separated")),
    ("stage-balanced", cfg!(feature = "stage-balanced")),
    ("stage-cached", cfg!(feature = "stage-cached")),
    ("stage-autoscaled", cfg!(feature = "stage-autoscaled")),
    ("stage-partitioned", cfg!(feature = "stage-partitioned")),
];

/// Finds a stage by its name.
///
/// # Errors
/// An unknown name, and a stage that this binary was compiled without: the message says what to build instead.
pub(crate) fn find(name: &str) -> anyhow::Result<&'static Stage> {
    let stage = tenfold_lab::stage::find(name)?;
    match missing_feature(stage, COMPILED) {
        None => Ok(stage),
        Some(feature) => Err(UsageError(format!(
            "this binary was compiled without stage `{}`; build one with every stage by \
             `cargo build --release --features all-stages`, or with this one by `--features {feature}`",
            stage.name
        ))
        .into()),
    }
}

/// Returns the first Cargo feature that `stage` needs and that is known to be off.
fn missing_feature(stage: &Stage, compiled: &[(&str, bool)]) -> Option<&'static str> {
    let is_off = |feature: &str| compiled.contains(&(feature, false));
    stage.features.iter().copied().find(|name| is_off(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_missing_feature() {
        let cached = tenfold_lab::stage::find("cached").unwrap();
        let lean = [("stage-single-box", true), ("stage-cached", false)];
        assert_eq!(missing_feature(cached, &lean), Some("stage-cached"));
        let whole = [("stage-single-box", true), ("stage-cached", true)];
        assert_eq!(missing_feature(cached, &whole), None);
    }

    #[test]
    fn lists_every_stage() {
        for stage in tenfold_lab::stage::STAGES {
            for feature in stage.features {
                assert!(
                    COMPILED.iter().any(|(name, _)| name == feature),
                    "{feature}"
                );
            }
        }
    }
}
