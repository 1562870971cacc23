//! Runs of characters of one kind.

/// The run that was found last. Its end is remembered, so that many starts in one run don't each cost a scan of it.
#[derive(Debug, Default)]
pub(super) struct Run {
    start: usize,
    end: usize,
}

impl Run {
    /// Returns the end of the run that begins at or before `at`: the next character that is not one of it, or the end
    /// of the text. `at` itself if that is no character of a run.
    ///
    /// `is` must be the same in each call.
    pub(super) fn end(&mut self, text: &str, at: usize, is: impl Fn(char) -> bool) -> usize {
        if !(self.start..self.end).contains(&at) {
            let rest = &text[at..];
            self.start = at;
            self.end = at + rest.find(|c| !is(c)).unwrap_or(rest.len());
        }
        self.end
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    #[test]
    fn ends_are_those_of_a_scan() {
        let text = "ab, cd\u{e9}f,";
        let asked = Cell::new(0);
        let mut run = Run::default();
        let mut end = |at| {
            run.end(text, at, |c| {
                asked.set(asked.get() + 1);
                c.is_alphabetic()
            })
        };
        for (at, expected) in [
            (0, 2),
            (1, 2),
            (2, 2),
            (4, 9),
            (6, 9),
            (8, 9),
            (0, 2),
            (10, 10),
        ] {
            assert_eq!(end(at), expected, "{at}");
        }
        // Each character of a run once, and what follows it.
        assert_eq!(asked.get(), 3 + 1 + 5 + 3);
    }
}
