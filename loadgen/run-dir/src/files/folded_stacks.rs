//! `profile/stacks.folded`: the stacks of a CPU profile, as flamegraph tools read them.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

/// The distinct stacks of a profile, each with its number of samples.
///
/// The text form has one stack a line, root first: `main;serve;read 42`. Brendan Gregg's `flamegraph.pl`, inferno and
/// speedscope read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FoldedStacks(BTreeMap<Vec<String>, u64>);

impl FoldedStacks {
    /// Adds samples of a stack, given as the names of its functions, root first.
    ///
    /// Changes names that the text form can't hold: `;` becomes `,`, a control character becomes a space, and a blank name
    /// becomes `[unknown]`. Ignores a stack without frames or samples.
    pub fn add<'a>(&mut self, frames: impl IntoIterator<Item = &'a str>, samples: u64) {
        let frames: Vec<String> = frames.into_iter().map(frame_name).collect();
        if !frames.is_empty() && samples > 0 {
            let total = self.0.entry(frames).or_default();
            *total = total.saturating_add(samples);
        }
    }

    /// The stacks with their samples, sorted by the names of their frames: a stack comes before those it is the
    /// beginning of.
    pub fn iter(&self) -> impl Iterator<Item = (&[String], u64)> {
        self.0
            .iter()
            .map(|(frames, samples)| (frames.as_slice(), *samples))
    }

    /// Samples of one stack. 0 if it is not there.
    pub fn samples_of(&self, frames: &[String]) -> u64 {
        self.0.get(frames).copied().unwrap_or(0)
    }

    /// Samples of all stacks.
    pub fn samples(&self) -> u64 {
        self.0.values().copied().fold(0, u64::saturating_add)
    }
}

impl fmt::Display for FoldedStacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (frames, samples) in &self.0 {
            writeln!(f, "{} {samples}", frames.join(";"))?;
        }
        Ok(())
    }
}

impl FromStr for FoldedStacks {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let mut stacks = Self::default();
        for (index, line) in text.lines().enumerate() {
            let (frames, samples) = line
                .rsplit_once(' ')
                .and_then(|(frames, samples)| Some((frames, samples.parse().ok()?)))
                .ok_or_else(|| format!("line {} does not end in a number of samples", index + 1))?;
            stacks.add(frames.split(';'), samples);
        }
        Ok(stacks)
    }
}

fn frame_name(name: &str) -> String {
    let name: String = name
        .chars()
        .map(|c| match c {
            ';' => ',',
            c if c.is_control() => ' ',
            c => c,
        })
        .collect();
    match name.trim() {
        "" => "[unknown]".to_owned(),
        name => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stacks(stacks: &[(&[&str], u64)]) -> FoldedStacks {
        let mut folded = FoldedStacks::default();
        for (frames, samples) in stacks {
            folded.add(frames.iter().copied(), *samples);
        }
        folded
    }

    #[test]
    fn writes_one_stack_a_line() {
        let folded = stacks(&[
            (&["main", "work"], 30),
            (&["main"], 4),
            (&["main", "work"], 5),
            (&["idle"], 0),
            (&[], 7),
        ]);
        assert_eq!(folded.to_string(), "main 4\nmain;work 35\n");
        assert_eq!(folded.samples(), 39);
    }

    #[test]
    fn reads_back_what_it_writes() {
        let folded = stacks(&[
            (&["main", "a\nb;c\0"], 1),
            (&["# not a comment"], 2),
            (&["main", " "], 3),
            (&["main", "b 12 13"], 4),
            (&["日本語", "<T as U>::f"], u64::MAX),
        ]);
        let text = folded.to_string();
        assert!(text.contains("main;a b,c 1\n"), "{text}");
        assert!(text.contains("main;[unknown] 3\n"), "{text}");
        assert_eq!(text.parse(), Ok(folded));
        assert_eq!("".parse(), Ok(FoldedStacks::default()));
    }

    #[test]
    fn refuses_lines_without_a_count() {
        for text in ["main", "main x", "main 1\n\nwork 2", "main -1", "<svg/>"] {
            let reason = text.parse::<FoldedStacks>().unwrap_err();
            assert!(reason.starts_with("line "), "{reason}");
        }
    }
}
