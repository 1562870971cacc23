//! Directives of Apache's configuration that name a log format.

use super::log_format::NICKNAMES;

/// Directives that contain a format, with the position of it among their arguments.
const DIRECTIVES: [(&str, usize); 2] = [("LogFormat", 0), ("CustomLog", 1)];

/// Returns whether a text starts with a directive.
pub(super) fn is_directive(text: &str) -> bool {
    text.lines().any(|line| directive(line).is_some())
}

/// Returns the format in a pasted `LogFormat "..." name` or `CustomLog file "..."`, as written without its quotes.
/// Of several directives, those that only refer to another by its name are resolved.
///
/// # Errors
/// Fails if there is no format, or more than one.
pub(super) fn format_of(text: &str) -> Result<String, String> {
    // A backslash at the end of a line continues it.
    let text = text.replace("\\\r\n", "").replace("\\\n", "");
    let mut defined: Vec<(String, Option<String>)> = Vec::new();
    let mut used: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim) {
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let Some((position, arguments)) = directive(line) else {
            return Err(format!(
                "`{}` is not a LogFormat or CustomLog",
                clipped(line)
            ));
        };
        let arguments = words(arguments)?;
        let format = arguments
            .get(position)
            .ok_or_else(|| format!("`{}` has no format", clipped(line)))?;
        match position {
            0 => defined.push((format.clone(), arguments.get(1).cloned())),
            _ => used.push(format.clone()),
        }
    }
    let named = |name: &str| {
        let pasted = defined
            .iter()
            .find(|(_, nickname)| nickname.as_deref() == Some(name))
            .map(|(format, _)| format.as_str());
        let known = NICKNAMES.iter().find(|(known, _)| *known == name);
        pasted
            .or(known.map(|(_, format)| *format))
            .map(str::to_owned)
    };
    match (used.as_slice(), defined.as_slice()) {
        ([format], _) if format.contains('%') => Ok(format.clone()),
        ([name], _) => {
            named(name).ok_or_else(|| format!("the format `{}` is not defined", clipped(name)))
        }
        ([], [(format, _)]) if format.contains('%') => Ok(format.clone()),
        ([], [(name, _)]) => {
            named(name).ok_or_else(|| format!("the format `{}` is not defined", clipped(name)))
        }
        _ => Err("it has several formats".to_owned()),
    }
}

/// Returns the position of the format among a directive's arguments, and the arguments.
fn directive(line: &str) -> Option<(usize, &str)> {
    let line = line.trim_start();
    let end = line.find(char::is_whitespace)?;
    let (name, arguments) = line.split_at(end);
    let known = DIRECTIVES
        .iter()
        .find(|(known, _)| known.eq_ignore_ascii_case(name))?;
    Some((known.1, arguments))
}

/// Splits arguments as Apache does: blanks separate them, quotes join them, and a backslash escapes a quote or a
/// backslash within quotes.
fn words(text: &str) -> Result<Vec<String>, String> {
    let mut words = Vec::new();
    let mut chars = text.trim_start().chars().peekable();
    while let Some(first) = chars.next() {
        let quote = matches!(first, '"' | '\'').then_some(first);
        let mut word = String::new();
        if quote.is_none() {
            word.push(first);
        }
        let mut is_closed = quote.is_none();
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\\', Some(quote)) if chars.peek() == Some(&quote) => {
                    chars.next();
                    word.push(quote);
                }
                // What is left of backslashes are escapes of the format, such as `\t`.
                ('\\', Some(_)) if chars.peek() == Some(&'\\') => {
                    chars.next();
                    word.push('\\');
                }
                (c, Some(quote)) if c == quote => {
                    is_closed = true;
                    break;
                }
                (c, None) if c.is_whitespace() => break,
                (c, _) => word.push(c),
            }
        }
        if !is_closed {
            return Err("a quote is not closed".to_owned());
        }
        words.push(word);
        while chars.next_if(|c| c.is_whitespace()).is_some() {}
    }
    Ok(words)
}

fn clipped(text: &str) -> String {
    text.chars().take(60).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn returns_the_format_of_a_directive() {
        let common = r#"%h %l %u %t "%r" %>s %b"#;
        for text in [
            r#"LogFormat "%h %l %u %t \"%r\" %>s %b" common"#,
            r#"  logformat '%h %l %u %t "%r" %>s %b' mine"#,
            r#"CustomLog "logs/a b.log" "%h %l %u %t \"%r\" %>s %b" env=!quiet"#,
            "CustomLog ${APACHE_LOG_DIR}/access.log common",
            "LogFormat \"%h %l %u \\\n%t \\\"%r\\\" %>s %b\"",
            "LogFormat \"%h\" short\n# both\nLogFormat \"%h %l %u %t \\\"%r\\\" %>s %b\" mine\n\
             CustomLog a.log mine",
        ] {
            assert!(is_directive(text), "{text}");
            assert_eq!(format_of(text).as_deref(), Ok(common), "{text}");
        }
        assert!(!is_directive("%h %t") && !is_directive("LogFormats x"));
    }

    #[test]
    fn rejects_directives_without_one_format() {
        let error = |text: &str| format_of(text).unwrap_err();
        for (text, expected) in [
            ("LogFormat \"%h", "not closed"),
            ("CustomLog logs/access.log", "no format"),
            ("CustomLog logs/access.log mine", "`mine` is not defined"),
            ("LogFormat \"%h\" a\nLogFormat \"%u\" b", "several"),
            ("LogFormat \"%h\" a\nListen 80", "`Listen 80`"),
        ] {
            assert!(error(text).contains(expected), "{}", error(text));
        }
    }

    proptest::proptest! {
        #[test]
        fn returns_quoted_formats_unchanged(format in "%[ -~&&[^\\\\]]{1,40}") {
            let quoted = format!("LogFormat \"{}\" x", format.replace('"', "\\\""));
            proptest::prop_assert_eq!(format_of(&quoted), Ok(format));
        }

        #[test]
        fn never_panics(text in r#"(LogFormat|CustomLog)[ "'\\%a-z\n#\u{e9}]{0,40}"#) {
            let _ = format_of(&text);
        }
    }
}
