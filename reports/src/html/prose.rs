//! Sentences with code in them.

use maud::{Markup, html};

use crate::document::capitalised;

/// Renders text. Text between backticks, and flags with their values, become code.
pub(super) fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (flags(part)) }
        }
    }
}

fn flags(text: &str) -> Markup {
    let mut words = text.split(' ').peekable();
    let mut pieces: Vec<Markup> = Vec::new();
    while let Some(word) = words.next() {
        if word.len() < 3 || !word.starts_with("--") {
            pieces.push(html! { (word) });
            continue;
        }
        let mut flag = word.to_owned();
        // The value of a flag contains a digit; the next word of a sentence does not.
        let is_value = |next: &&str| next.contains(|c: char| c.is_ascii_digit());
        if let Some(value) = words.next_if(is_value) {
            flag.push(' ');
            flag.push_str(value);
        }
        let name = flag.trim_end_matches([',', ';', '.', ':']);
        let rest = &flag[name.len()..];
        pieces.push(html! { code.flag { (name) } (rest) });
    }
    html! {
        @for (index, piece) in pieces.iter().enumerate() {
            @if index > 0 { " " }
            (piece)
        }
    }
}

/// Renders a sentence with a capital and a full stop.
pub(super) fn sentence(text: &str) -> Markup {
    let end = if text.ends_with(['.', '!', '?', ':']) {
        ""
    } else {
        "."
    };
    html! { (prose(&capitalised(text))) (end) }
}

/// Keeps a figure and its unit on one line.
pub(super) fn unbroken(figure: &str) -> String {
    figure.replace(' ', "\u{a0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn renders_flags_and_names_as_code() {
        assert_eq!(
            prose("try --rate 500/s for `a <b>` and --release.").into_string(),
            "try <code class=\"flag\">--rate 500/s</code> for <code>a &lt;b&gt;</code> and \
             <code class=\"flag\">--release</code>."
        );
        assert_eq!(prose("a < b").into_string(), "a &lt; b");
    }
}
