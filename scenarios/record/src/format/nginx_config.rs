//! Words of nginx's configuration.

/// Splits a directive into its words, as nginx does: up to a semicolon, without quotes, comments and escapes.
///
/// # Errors
/// Fails if a quote is not closed, or if the text continues after the semicolon.
pub(super) fn words(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        rest = match first {
            '#' => rest.find('\n').map_or("", |end| &rest[end..]),
            ';' => {
                return match without_comments(&rest[1..]) {
                    "" => Ok(words),
                    _ => Err("it continues after its `;`; give one directive"),
                };
            }
            quote @ ('\'' | '"') => {
                let inside = &rest[1..];
                let end = end_of(inside, |c| c == quote).ok_or("a quote is not closed")?;
                words.push(unescaped(&inside[..end]));
                &inside[end + 1..]
            }
            _ => {
                let ends = |c: char| c.is_whitespace() || c == ';';
                let end = end_of(rest, ends).unwrap_or(rest.len());
                words.push(unescaped(&rest[..end]));
                &rest[end..]
            }
        }
        .trim_start();
    }
    Ok(words)
}

/// Decodes the escapes of a word. Any other backslash is kept, so `\x22` stands for itself.
pub(super) fn unescaped(word: &str) -> String {
    let mut plain = String::with_capacity(word.len());
    let mut chars = word.chars().peekable();
    while let Some(c) = chars.next() {
        let meant = match (c, chars.peek()) {
            ('\\', Some('t')) => '\t',
            ('\\', Some('r')) => '\r',
            ('\\', Some('n')) => '\n',
            ('\\', Some(quote @ ('"' | '\'' | '\\'))) => *quote,
            _ => {
                plain.push(c);
                continue;
            }
        };
        plain.push(meant);
        chars.next();
    }
    plain
}

/// Returns the position of the first character that ends a word and has no backslash before it.
fn end_of(text: &str, ends: impl Fn(char) -> bool) -> Option<usize> {
    let mut is_escaped = false;
    for (at, c) in text.char_indices() {
        if is_escaped {
            is_escaped = false;
        } else if c == '\\' {
            is_escaped = true;
        } else if ends(c) {
            return Some(at);
        }
    }
    None
}

fn without_comments(text: &str) -> &str {
    let mut rest = text.trim_start();
    while rest.starts_with('#') {
        rest = rest.find('\n').map_or("", |end| rest[end..].trim_start());
    }
    rest.trim_end()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_words_like_nginx() {
        let text = "log_format a escape=json '\\t\\'\\x22' # note; '\n\t\"b\\\\\" $c\\;d; # end";
        assert_eq!(
            words(text).unwrap(),
            [
                "log_format",
                "a",
                "escape=json",
                "\t'\\x22",
                "b\\",
                "$c\\;d"
            ]
        );
        assert_eq!(words("").unwrap(), [""; 0]);
        assert!(words("a 'b").unwrap_err().contains("not closed"));
        assert!(words("a b; c d;").unwrap_err().contains("one directive"));
    }

    proptest::proptest! {
        #[test]
        fn returns_quoted_words_unchanged(pieces in proptest::collection::vec(r#"[ -~\t\n]{0,20}"#, 0..5)) {
            let quoted = pieces.iter().map(|piece| {
                let piece = piece.replace('\\', "\\\\").replace('\'', "\\'");
                format!("'{}'\n ", piece.replace('\t', "\\t"))
            });
            proptest::prop_assert_eq!(words(&(quoted.collect::<String>() + ";")).unwrap(), pieces);
        }

        #[test]
        fn never_panics(text in r#"[a-z$'"\\;# \n\u{e9}]{0,40}"#) {
            let _ = words(&text);
        }
    }
}
