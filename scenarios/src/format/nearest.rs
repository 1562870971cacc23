//! Known names that resemble a misspelt one.

use strsim::osa_distance;

/// Returns the known name nearest to `name`, or `None` if none is near.
///
/// The distance is the number of inserted, deleted, replaced and swapped characters. It may be up to a
/// third of the longer name, and at least 1.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Such a long name is no typing mistake.
    if name.len() > 64 {
        return None;
    }
    known
        .into_iter()
        .filter(|other| other.len() <= 64)
        .map(|other| (osa_distance(name, other), other))
        .filter(|(distance, other)| *distance <= (name.len().max(other.len()) / 3).max(1))
        .min()
        .map(|(_, other)| other)
}

/// Returns "did you mean `x`?" for the nearest name, or a list of the known names.
pub fn suggestion<'a>(
    name: &str,
    known: impl IntoIterator<Item = &'a str> + Clone,
) -> Option<String> {
    if let Some(nearest) = nearest(name, known.clone()) {
        return Some(format!("did you mean `{nearest}`?"));
    }
    let names: Vec<String> = known
        .into_iter()
        .take(20)
        .map(|name| format!("`{name}`"))
        .collect();
    match names.len() {
        0 => None,
        _ => Some(format!("known: {}", names.join(", "))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_near_names_only() {
        let known = ["duration", "rate", "warm_up"];
        assert_eq!(nearest("durration", known), Some("duration"));
        assert_eq!(nearest("raet", known), Some("rate"));
        assert_eq!(nearest("warmup", known), Some("warm_up"));
        assert_eq!(nearest("colour", known), None);
    }
}
