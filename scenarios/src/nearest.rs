//! The name that was probably meant.

/// Returns the known name that is nearest to `name`, where one is near enough to be meant.
///
/// Near enough is an edit distance (Levenshtein, with swapped neighbours as one edit) of at most a
/// third of the longer name's length, and at least one.
pub fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // A name this long is no slip of the finger, and the distance is quadratic.
    if name.len() > 64 {
        return None;
    }
    known
        .into_iter()
        .filter(|other| other.len() <= 64)
        .map(|other| (distance(name, other), other))
        .filter(|(distance, other)| *distance <= (name.len().max(other.len()) / 3).max(1))
        .min()
        .map(|(_, other)| other)
}

/// Returns "did you mean `x`?" for the nearest name, or the list of the names there are.
pub(crate) fn suggestion<'a>(
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
        _ => Some(format!("known are {}", names.join(", "))),
    }
}

fn distance(one: &str, other: &str) -> usize {
    let one: Vec<char> = one.chars().collect();
    let other: Vec<char> = other.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for i in 1..=one.len() {
        let mut row = vec![i; other.len() + 1];
        for j in 1..=other.len() {
            let change = usize::from(one[i - 1] != other[j - 1]);
            row[j] = (last[j] + 1).min(row[j - 1] + 1).min(last[j - 1] + change);
            if i > 1 && j > 1 && one[i - 1] == other[j - 2] && one[i - 2] == other[j - 1] {
                row[j] = row[j].min(before[j - 2] + 1);
            }
        }
        before = std::mem::replace(&mut last, row);
    }
    last[other.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_what_was_meant_and_nothing_else() {
        let known = ["duration", "rate", "warm_up"];
        assert_eq!(nearest("durration", known), Some("duration"));
        assert_eq!(nearest("raet", known), Some("rate"));
        assert_eq!(nearest("warmup", known), Some("warm_up"));
        assert_eq!(nearest("colour", known), None);
    }
}
