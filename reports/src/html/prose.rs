//! Sentences of analysis, set as they are meant.

use maud::{Markup, html};

/// Sets a sentence: what stands between backticks, and flags with their values, as code that does not
/// break.
pub(crate) fn prose(text: &str) -> Markup {
    html! {
        @for (index, part) in text.split('`').enumerate() {
            @if index % 2 == 1 { code { (part) } } @else { (flags(part)) }
        }
    }
}

fn flags(text: &str) -> Markup {
    let mut pieces: Vec<(bool, String)> = Vec::new();
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        let is_flag = word.len() > 2 && word.starts_with("--");
        let mut piece = word.to_owned();
        // A value of a flag has a digit in it; a word of the sentence hasn't.
        if is_flag
            && words
                .peek()
                .is_some_and(|next| next.contains(|c: char| c.is_ascii_digit()))
        {
            piece.push(' ');
            piece.push_str(words.next().unwrap_or_default());
        }
        pieces.push((is_flag, piece));
    }
    html! {
        @for (index, (is_flag, piece)) in pieces.iter().enumerate() {
            @if index > 0 { " " }
            @if *is_flag { code.flag { (piece) } } @else { (piece) }
        }
    }
}

/// Begins a sentence with a capital.
pub(crate) fn capitalised(text: &str) -> String {
    let mut characters = text.chars();
    characters.next().map_or_else(String::new, |first| {
        first.to_uppercase().chain(characters).collect()
    })
}

/// Keeps a figure and its unit on one line.
pub(crate) fn unbroken(figure: &str) -> String {
    figure.replace(' ', "\u{a0}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_and_names_are_code_and_nothing_is_markup() {
        assert_eq!(
            prose("try --rate 500/s for `a <b>` and --release").into_string(),
            "try <code class=\"flag\">--rate 500/s</code> for <code>a &lt;b&gt;</code> and \
             <code class=\"flag\">--release</code>"
        );
        assert_eq!(prose("a < b").into_string(), "a &lt; b");
    }
}
