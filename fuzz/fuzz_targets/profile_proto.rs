//! Profiles in `profile.proto`. The input is compressed first, so that mutations reach the messages.

#![no_main]

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;
use libfuzzer_sys::fuzz_target;
use tenfold_probe::profile::{Profile, top};
use tenfold_run_dir::FoldedStacks;

fuzz_target!(|data: &[u8]| {
    let _ = Profile::decode("fuzz", data);
    let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
    let written = encoder.write_all(data).and_then(|()| encoder.finish());
    let Ok(profile) = Profile::decode("fuzz", &written.expect("a vector has no errors")) else {
        return;
    };
    let indices = profile.stacks.iter().flat_map(|stack| &stack.frames);
    assert!(
        indices
            .copied()
            .all(|index| (index as usize) < profile.functions.len())
    );
    assert!(profile.stacks.iter().all(|stack| stack.samples > 0));
    assert!(profile.hz.is_none_or(|hz| hz > 0.0 && hz.is_finite()));
    let folded = profile.folded();
    assert_eq!(folded.samples(), profile.samples());
    assert_eq!(
        folded.to_string().parse(),
        Ok::<FoldedStacks, String>(folded)
    );
    top(&profile, 10);
});
