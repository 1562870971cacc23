//! The text of a statement without its values.

use tenfold_run_dir::component_use::STATEMENT_CHARS_MAX;

/// Returns a statement for people: in one line, with `?` in place of values, without needless quotes, and not too long.
///
/// Text in quotes and numbers count as values. In doubt, a word is one: values may name people.
pub(super) fn statement_text(sql: &str) -> String {
    let mut text = String::new();
    let mut rest = sql.chars().peekable();
    while let Some(next) = rest.next() {
        match next {
            '\'' | '"' => {
                skip_quoted(&mut rest, next);
                text.push('?');
            }
            '`' => {}
            c if c.is_whitespace() => {
                if !text.ends_with(' ') {
                    text.push(' ');
                }
            }
            c if c.is_ascii_digit() && !ends_in_word(&text) => {
                while rest
                    .peek()
                    .is_some_and(|c| c.is_alphanumeric() || *c == '.')
                {
                    rest.next();
                }
                text.push('?');
            }
            c => text.push(c),
        }
        // Lists of any length are the same statement.
        for list in ["?, ?", "?,?", "? , ?"] {
            if text.ends_with(list) {
                text.truncate(text.len() - list.len());
                text.push('?');
            }
        }
    }
    for (from, to) in [
        (" . ", "."),
        (" ,", ","),
        ("( ", "("),
        (" )", ")"),
        (" (", "("),
    ] {
        text = text.replace(from, to);
    }
    let text = text.trim();
    match text.char_indices().nth(STATEMENT_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

/// Returns a key that is the same for both spellings of a statement: as it was sent, and as its digest.
pub(super) fn key(text: &str) -> String {
    let kept = text.chars().filter(|c| c.is_alphanumeric());
    kept.flat_map(char::to_lowercase).collect()
}

/// Skips the rest of a text in quotes. A quote in it is doubled, or follows a backslash.
fn skip_quoted(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, quote: char) {
    while let Some(next) = rest.next() {
        if next == '\\' {
            rest.next();
        } else if next == quote && rest.next_if_eq(&quote).is_none() {
            return;
        }
    }
}

fn ends_in_word(text: &str) -> bool {
    text.ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == '$')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn has_no_values() {
        for (sql, text) in [
            (
                "SELECT  `a`.`b`\n FROM a1 WHERE c = 'it''s' AND d=\"x\\\"y\" AND e > -1.5e9",
                "SELECT a.b FROM a1 WHERE c = ? AND d=? AND e > -?",
            ),
            (
                "SELECT `x` . `y` FROM `x` WHERE `z` IN ( ? , ? , ? )",
                "SELECT x.y FROM x WHERE z IN(?)",
            ),
            ("UPDATE a SET b=0xFF, c='cut off", "UPDATE a SET b=?, c=?"),
            ("", ""),
        ] {
            assert_eq!(statement_text(sql), text);
        }
        let long = statement_text(&"ä ".repeat(1_000));
        assert_eq!(long.chars().count(), STATEMENT_CHARS_MAX + 1);
    }

    #[test]
    fn digest_has_the_same_key() {
        let sent = statement_text("select `id` from post where author in (1, 2) limit 3");
        let digest = statement_text("SELECT ID FROM `post` WHERE `author` IN (...) LIMIT ? ");
        assert_eq!(key(&sent), key(&digest));
    }

    proptest! {
        #[test]
        fn values_are_never_shown(value in "[a-z0-9 ]{1,20}", number in 1000_u64.., sql in ".{0,40}") {
            let value = value.replace('\'', "");
            let text = statement_text(&format!("SELECT 'v{value}v' , {number}"));
            prop_assert_eq!(text, "SELECT ?");
            let _ = statement_text(&sql);
        }
    }
}
