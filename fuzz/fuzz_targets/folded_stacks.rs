//! Folded stacks, the text form of a profile.

#![no_main]

use libfuzzer_sys::fuzz_target;
use tenfold_run_dir::FoldedStacks;

fuzz_target!(|text: &str| {
    let Ok(stacks) = text.parse::<FoldedStacks>() else {
        return;
    };
    let written = stacks.to_string();
    assert_eq!(written.lines().count(), stacks.iter().count());
    let each = stacks.iter().map(|(frames, _)| stacks.samples_of(frames));
    assert_eq!(each.fold(0, u64::saturating_add), stacks.samples());
    assert_eq!(written.parse(), Ok::<FoldedStacks, String>(stacks));
});
