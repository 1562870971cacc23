//! Random text that needs no escaping in JSON.

use rand::{Rng, SeedableRng};

use super::stream::Stream;

/// 64 words, so that six random bits select one.
const WORDS: [&str; 64] = [
    "time", "year", "people", "way", "day", "thing", "world", "life", "hand", "part", "child",
    "eye", "place", "work", "week", "case", "point", "number", "group", "fact", "be", "have", "do",
    "say", "get", "make", "go", "know", "take", "see", "come", "think", "look", "want", "give",
    "use", "find", "tell", "ask", "seem", "feel", "try", "leave", "call", "good", "new", "first",
    "last", "long", "great", "little", "own", "other", "old", "right", "big", "high", "small",
    "large", "next", "early", "young", "river", "stone",
];

/// Appends exactly `length` bytes of lower-case words, separated by blanks.
pub(crate) fn append_words(entropy: u64, length: usize, out: &mut Vec<u8>) {
    let end = out.len() + length;
    let mut random = Stream::seed_from_u64(entropy);
    let mut bits = 0;
    let mut left = 0;
    while out.len() < end {
        if left == 0 {
            (bits, left) = (random.next_u64(), 10);
        }
        out.extend_from_slice(WORDS[(bits & 63) as usize].as_bytes());
        out.push(b' ');
        bits >>= 6;
        left -= 1;
    }
    out.truncate(end);
    // A server may trim a trailing blank, which would change the length.
    if length > 0 && out.last() == Some(&b' ') {
        out.pop();
        out.push(b's');
    }
}
