//! ANSI colours, where they are wanted.

/// Colours text, or leaves it as it is.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Paint {
    pub(crate) color: bool,
}

/// A way to set text off.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shade {
    Bold,
    Dim,
    Red,
    Green,
    Yellow,
}

impl Paint {
    pub(crate) fn with(self, shade: Shade, text: &str) -> String {
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
