//! Variables for the parameters of paths, so that each value is replaced in one place.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use tenfold_scenarios::toml_text::quoted;

/// Names of parameters that mean something different in each path.
const GENERIC: [&str; 10] = [
    "id", "name", "uuid", "key", "slug", "code", "number", "index", "ref", "version",
];

/// Names that a variable can't have.
const BUILT_IN: [&str; 8] = [
    "key",
    "user",
    "entropy",
    "text",
    "hex",
    "integer",
    "target",
    "target_body",
];

/// Variables for the parameters of paths.
#[derive(Debug, Default)]
pub(super) struct PathVariables {
    by_name: BTreeMap<String, PathVariable>,
}

#[derive(Debug, PartialEq, Eq)]
struct PathVariable {
    value: String,
    is_made_up: bool,
    /// The first path that uses it.
    path: String,
}

impl PathVariables {
    /// Returns the name of the variable for a parameter after `segment` of `path`, with this value.
    pub(super) fn name(
        &mut self,
        parameter: &str,
        segment: &str,
        value: &str,
        is_made_up: bool,
        path: &str,
    ) -> String {
        let own = snake_case(parameter);
        let with_segment = match segment {
            "" => own.clone(),
            segment => format!("{}_{own}", snake_case(segment)),
        };
        let mut candidates = Vec::new();
        if !GENERIC.contains(&own.as_str()) {
            candidates.push(own);
        }
        candidates.push(with_segment.clone());
        let numbered = (2..).map(|number| format!("{with_segment}_{number}"));
        let wanted = PathVariable {
            value: value.to_owned(),
            is_made_up,
            path: path.to_owned(),
        };
        for name in candidates.into_iter().chain(numbered) {
            let name = match BUILT_IN.contains(&name.as_str()) {
                true => format!("{name}_value"),
                false => name,
            };
            match self.by_name.get(&name) {
                Some(known) if known.value != wanted.value => {}
                Some(_) => return name,
                None => {
                    self.by_name.insert(name.clone(), wanted);
                    return name;
                }
            }
        }
        unreachable!("there is always another number")
    }

    /// Drops all variables but these.
    pub(super) fn retain<'a>(&mut self, used: impl Iterator<Item = &'a String>) {
        let used: BTreeSet<&String> = used.collect();
        self.by_name.retain(|name, _| used.contains(name));
    }

    /// Returns the names of those without an example.
    pub(super) fn made_up(&self) -> Vec<String> {
        let made_up = self
            .by_name
            .iter()
            .filter(|(_, variable)| variable.is_made_up);
        made_up.map(|(name, _)| name.clone()).collect()
    }

    /// Returns the `[variables]` table; empty without variables.
    pub(super) fn toml(&self) -> String {
        if self.by_name.is_empty() {
            return String::new();
        }
        let mut text = String::from(
            "# Parameters of paths. Replace the values that are made up. To request many items instead of one,\n\
             # define [[keys]], add `keys` to the request, and write {key} in its path.\n\
             [variables]\n",
        );
        for (name, variable) in &self.by_name {
            let _ = write!(text, "{name} = {}", quoted(&variable.value));
            if variable.is_made_up {
                let path = crate::heading::one_line(&variable.path);
                let _ = write!(text, "   # made up; of {path}");
            }
            text.push('\n');
        }
        text.push('\n');
        text
    }
}

/// Returns a name of lower-case letters, digits and `_`.
fn snake_case(name: &str) -> String {
    let mut snake = String::new();
    let mut before = '_';
    for c in name.chars() {
        if c.is_ascii_uppercase() && (before.is_ascii_lowercase() || before.is_ascii_digit()) {
            snake.push('_');
        }
        if c.is_ascii_alphanumeric() {
            snake.push(c.to_ascii_lowercase());
        } else if !snake.ends_with('_') && !snake.is_empty() {
            snake.push('_');
        }
        before = c;
    }
    let snake = snake.trim_end_matches('_');
    match snake.chars().next() {
        None => "value".to_owned(),
        Some(first) if first.is_ascii_digit() => format!("_{snake}"),
        Some(_) => snake.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_valid_and_tell_values_apart() {
        let mut variables = PathVariables::default();
        let mut name = |parameter: &str, segment: &str, value: &str| {
            variables.name(parameter, segment, value, true, "/x")
        };
        assert_eq!(name("petId", "pets", "1"), "pet_id");
        assert_eq!(name("petId", "pets", "1"), "pet_id");
        assert_eq!(name("petId", "toys", "2"), "toys_pet_id");
        assert_eq!(name("petId", "toys", "3"), "toys_pet_id_2");
        assert_eq!(name("id", "users", "1"), "users_id");
        assert_eq!(name("id", "", "1"), "id");
        assert_eq!(name("user", "", "ann"), "user_value");
        assert_eq!(name("2FA-code", "", "1"), "_2_fa_code");
        assert_eq!(name("\u{e4}", "", "1"), "value");
        assert_eq!(name("IDToken", "", "1"), "idtoken");
    }
}
