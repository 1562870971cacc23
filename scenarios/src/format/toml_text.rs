//! Text for TOML files.

/// Quotes a text as a basic TOML string.
pub fn quoted(text: &str) -> String {
    toml::Value::String(text.to_owned()).to_string()
}

/// Formats a text as comment lines, wrapped at about 100 columns.
pub fn comment(text: &str) -> String {
    const WIDTH: usize = 98;
    let mut lines = String::new();
    let mut line = String::from("#");
    for word in text.split_whitespace() {
        // Names of logs may contain control characters, comments may not.
        let word: String = word.chars().filter(|c| !c.is_control()).collect();
        if line.len() > 1 && line.chars().count() + 1 + word.chars().count() > WIDTH {
            lines.push_str(&line);
            lines.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(&word);
    }
    lines.push_str(&line);
    lines.push('\n');
    lines
}

/// Formats a number in plain decimals with `digits` significant digits.
pub fn decimals(number: f64, digits: i32) -> String {
    if number == 0.0 || !number.is_finite() {
        return "0".to_owned();
    }
    let places = (digits - 1 - number.abs().log10().floor() as i32).max(0) as usize;
    let text = format!("{number:.places$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_valid_toml() {
        for text in [
            "plain",
            "with \"quotes\" and \\",
            "line\nbreak\u{7f}",
            "{target} 'x'",
        ] {
            let document = format!("a = {}", quoted(text));
            let read: toml::Table = document.parse().unwrap();
            assert_eq!(read["a"].as_str(), Some(text));
        }
        assert_eq!(comment("a  b\nc\u{7}"), "# a b c\n");
        assert_eq!(decimals(0.033_412_345, 4), "0.03341");
        assert_eq!(decimals(1200.0, 3), "1200");
        assert_eq!(decimals(0.0, 3), "0");
        assert_eq!(decimals(2.5, 6), "2.5");
    }
}
