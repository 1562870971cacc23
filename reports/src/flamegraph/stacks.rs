//! Positions of the frames of stacks.

use std::collections::BTreeMap;

use tenfold_analysis::format;
use tenfold_run_dir::FoldedStacks;

use super::{FRAMES_MAX, Frame, Measure, WIDTH_MIN};

/// Returns the frames of a profile's stacks. `None` without samples.
pub(super) fn frames(stacks: &FoldedStacks, measure: Measure) -> Option<Vec<Frame>> {
    let stacks = stacks.iter().map(|(frames, samples)| Stack {
        frames,
        samples,
        change: None,
    });
    place(stacks.collect(), measure, None)
}

/// Returns the difference between two profiles: frames as wide as in `after`, each with the change of its own samples.
/// `None` if `after` has no samples.
pub(super) fn difference(before: &FoldedStacks, after: &FoldedStacks) -> Option<Vec<Frame>> {
    compared(before, after, |_, after| after)
}

/// Like [`difference`], but with frames as wide as in `before`, where vanished functions have a width.
pub(super) fn difference_reversed(
    before: &FoldedStacks,
    after: &FoldedStacks,
) -> Option<Vec<Frame>> {
    compared(before, after, |before, _| before)
}

fn compared(
    before: &FoldedStacks,
    after: &FoldedStacks,
    width: fn(u64, u64) -> u64,
) -> Option<Vec<Frame>> {
    let mut both: BTreeMap<&[String], (u64, u64)> = BTreeMap::new();
    for (frames, samples) in before.iter() {
        both.entry(frames).or_default().0 = samples;
    }
    for (frames, samples) in after.iter() {
        both.entry(frames).or_default().1 = samples;
    }
    let stacks = both.into_iter().map(|(frames, (before, after))| Stack {
        frames,
        samples: width(before, after),
        change: Some(after as f64 - before as f64),
    });
    place(stacks.collect(), Measure::Samples, Some(0.0))
}

/// A stack with its samples.
struct Stack<'a> {
    frames: &'a [String],
    samples: u64,
    /// Additional samples. `None` without a comparison.
    change: Option<f64>,
}

/// A frame whose right edge is not yet known.
struct Open<'a> {
    name: &'a str,
    start: u64,
    /// Samples of the function itself.
    own: u64,
    change: Option<f64>,
}

/// Positions the frames of sorted stacks. A frame that is not the last of any stack has the change `unchanged`.
fn place(stacks: Vec<Stack<'_>>, measure: Measure, unchanged: Option<f64>) -> Option<Vec<Frame>> {
    let total = stacks
        .iter()
        .fold(0, |sum, stack| u64::saturating_add(sum, stack.samples));
    if total == 0 {
        return None;
    }
    let share = |samples: u64| samples as f64 / total as f64;
    let mut frames = vec![Frame {
        name: "all".to_owned(),
        figures: format!("{}, 100%", measure.amount(total)),
        own: None,
        change: None,
        left: 0.0,
        width: 1.0,
        depth: 0,
    }];
    let mut open: Vec<Open<'_>> = Vec::new();
    let mut close = |open: &mut Vec<Open<'_>>, depth: usize, end: u64| {
        while open.len() > depth {
            let depth = open.len();
            let Some(closed) = open.pop() else { break };
            let samples = end - closed.start;
            if share(samples) >= WIDTH_MIN {
                // Rounded as displayed, so that a change of 0.00% has no colour.
                let change = closed
                    .change
                    .map(|change| (1e4 * change / total as f64).round() / 100.0);
                frames.push(Frame {
                    name: closed.name.to_owned(),
                    figures: figures(&measure.amount(samples), share(samples), change),
                    own: change.is_none().then(|| share(closed.own)),
                    change,
                    left: share(closed.start),
                    width: share(samples),
                    depth,
                });
            }
        }
    };
    let mut end = 0_u64;
    for stack in &stacks {
        let shared = open
            .iter()
            .zip(stack.frames)
            .take_while(|(open, name)| open.name == name.as_str())
            .count();
        close(&mut open, shared, end);
        open.extend(stack.frames[shared..].iter().map(|name| Open {
            name,
            start: end,
            own: 0,
            change: unchanged,
        }));
        if let Some(leaf) = open.last_mut() {
            leaf.own = stack.samples;
            leaf.change = stack.change;
        }
        end = end.saturating_add(stack.samples);
    }
    close(&mut open, 0, end);
    frames.sort_by(|a, b| a.depth.cmp(&b.depth).then(a.left.total_cmp(&b.left)));
    frames.truncate(FRAMES_MAX);
    Some(frames)
}

/// Formats an amount, its share, and the change in percent of the whole: `1,204 samples, 40.00%; +3.20%`.
fn figures(amount: &str, share: f64, change: Option<f64>) -> String {
    let change = match change {
        None => String::new(),
        Some(0.0) => "; 0.00%".to_owned(),
        Some(change) => format!("; {change:+.2}%"),
    };
    format!("{amount}, {:.2}%{change}", share * 100.0)
}

impl Measure {
    /// Formats an amount: `1,204 samples`, `12.3 ms`.
    fn amount(self, amount: u64) -> String {
        match (self, amount) {
            (Self::Samples, 1) => "1 sample".to_owned(),
            (Self::Samples, samples) => format!("{} samples", format::count(samples)),
            (Self::Waits, ns) => format::duration(ns),
            (Self::Bytes, bytes) => format::bytes(bytes),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stacks(text: &str) -> FoldedStacks {
        text.parse().unwrap()
    }

    /// Returns name, figures, left edge and width in percent, and depth of each frame.
    fn rows(frames: Option<Vec<Frame>>) -> Vec<String> {
        let frames = frames.unwrap_or_default();
        let row = |frame: &Frame| {
            format!(
                "{} ({}) {:.0}+{:.0} @{}",
                frame.name,
                frame.figures,
                frame.left * 100.0,
                frame.width * 100.0,
                frame.depth
            )
        };
        frames.iter().map(row).collect()
    }

    #[test]
    fn callees_lie_on_their_callers() {
        let all = stacks("main 10\nmain;a 20\nmain;a;leaf 30\nmain;b;leaf 1140\n");
        let frames = frames(&all, Measure::Samples);
        assert_eq!(
            rows(frames),
            [
                "all (1,200 samples, 100%) 0+100 @0",
                "main (1,200 samples, 100.00%) 0+100 @1",
                "a (50 samples, 4.17%) 1+4 @2",
                "b (1,140 samples, 95.00%) 5+95 @2",
                "leaf (30 samples, 2.50%) 2+2 @3",
                "leaf (1,140 samples, 95.00%) 5+95 @3",
            ]
        );
    }

    #[test]
    fn change_counts_own_samples() {
        let before = stacks("main;copy 50\nmain;gone 30\nmain;hash 10\nmain;hash;round 10\n");
        let after = stacks("main;copy 10\nmain;hash 60\nmain;hash;round 10\nmain;new 20\n");
        assert_eq!(
            rows(difference(&before, &after)),
            [
                "all (100 samples, 100%) 0+100 @0",
                "main (100 samples, 100.00%; 0.00%) 0+100 @1",
                "copy (10 samples, 10.00%; -40.00%) 0+10 @2",
                "hash (70 samples, 70.00%; +50.00%) 10+70 @2",
                "new (20 samples, 20.00%; +20.00%) 80+20 @2",
                "round (10 samples, 10.00%; 0.00%) 70+10 @3",
            ]
        );
        assert_eq!(
            rows(difference_reversed(&before, &after)),
            [
                "all (100 samples, 100%) 0+100 @0",
                "main (100 samples, 100.00%; 0.00%) 0+100 @1",
                "copy (50 samples, 50.00%; -40.00%) 0+50 @2",
                "gone (30 samples, 30.00%; -30.00%) 50+30 @2",
                "hash (20 samples, 20.00%; +50.00%) 80+20 @2",
                "round (10 samples, 10.00%; 0.00%) 90+10 @3",
            ]
        );
    }

    #[test]
    fn empty_profile_has_no_frames() {
        let nothing = FoldedStacks::default();
        let some = stacks("main 1\n");
        assert_eq!(frames(&nothing, Measure::Samples), None);
        assert_eq!(difference(&some, &nothing), None);
        assert!(difference_reversed(&some, &nothing).is_some());
    }

    #[test]
    fn drops_narrow_frames() {
        let all = stacks("main;seldom 1\nmain;work 999999\n");
        let frames = frames(&all, Measure::Samples).unwrap();
        let names: Vec<&str> = frames.iter().map(|frame| frame.name.as_str()).collect();
        assert_eq!(names, ["all", "main", "work"]);
    }
}
