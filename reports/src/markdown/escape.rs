//! Text that Markdown and HTML do not interpret.

/// Escapes a text, on one line.
pub(super) fn plain(text: &str) -> String {
    let mut plain = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => plain.push_str("&lt;"),
            '&' => plain.push_str("&amp;"),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '#' | '~' | '@' => {
                plain.extend(['\\', c]);
            }
            c if c.is_control() => plain.push(' '),
            c => plain.push(c),
        }
    }
    plain
}

/// Escapes a text, but keeps its code: the text between two backticks.
pub(super) fn prose(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('`') {
        out.push_str(&plain(before));
        match after.split_once('`') {
            Some((code, after)) if !code.trim().is_empty() => {
                out.push('`');
                // A bar would end the cell of a table.
                out.push_str(&one_line(code).replace('|', "\\|"));
                out.push('`');
                rest = after;
            }
            _ => {
                out.push_str("\\`");
                rest = after;
            }
        }
    }
    out.push_str(&plain(rest));
    out
}

/// Returns a block of code, with a fence longer than any in the text.
pub(super) fn fenced(text: &str) -> String {
    let longest = text.split(|c| c != '`').map(str::len).max();
    let fence = "`".repeat(longest.unwrap_or_default().max(2) + 1);
    let lines: Vec<String> = text.lines().map(one_line).collect();
    format!("{fence}\n{}\n{fence}", lines.join("\n"))
}

/// Escapes an address for use between angle brackets.
pub(super) fn address(text: &str) -> String {
    text.chars().fold(String::new(), |mut address, c| {
        match c {
            '<' => address.push_str("%3C"),
            '>' => address.push_str("%3E"),
            '\\' => address.push_str("%5C"),
            c if c.is_control() => {}
            c => address.push(c),
        }
        address
    })
}

fn one_line(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_code_between_backticks() {
        assert_eq!(prose("send `a_b|c` to x_y"), "send `a_b\\|c` to x\\_y");
        assert_eq!(prose("one ` alone"), "one \\` alone");
        assert_eq!(prose("`` is empty"), "\\`\\` is empty");
        assert_eq!(prose("<b>"), "&lt;b>");
    }

    #[test]
    fn fence_is_longer_than_any_in_the_text() {
        assert_eq!(fenced("a\n```\nb"), "````\na\n```\nb\n````");
    }
}
