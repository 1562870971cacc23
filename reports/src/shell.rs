//! A command as it is typed.

/// Quotes the words of a command for a POSIX shell.
pub(crate) fn command(words: &[String]) -> String {
    words
        .iter()
        .map(|word| quoted(word))
        .collect::<Vec<_>>()
        .join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_where_a_shell_would_part_them() {
        let words = [
            "tenfold",
            "run",
            "my scenario.toml",
            "it's",
            "",
            "--rate",
            "500/s",
        ];
        assert_eq!(
            command(&words.map(str::to_owned)),
            "tenfold run 'my scenario.toml' 'it'\\''s' '' --rate 500/s"
        );
    }
}
