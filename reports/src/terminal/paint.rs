//! ANSI colours.

/// Colours text if `color` is set.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    pub(super) color: bool,
}

/// An emphasis or a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shade {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

impl Paint {
    pub(super) fn with(self, shade: Shade, text: &str) -> String {
        if !self.color {
            return text.to_owned();
        }
        let code = match shade {
            Shade::Bold => "1",
            Shade::Dim => "2",
            Shade::Red => "31",
            Shade::Green => "32",
            Shade::Yellow => "33",
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}
