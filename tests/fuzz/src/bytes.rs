//! Cutting bytes up, and what must hold of any message.

/// Any bytes as a text.
pub(crate) fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The first byte, and the rest.
pub(crate) fn first(bytes: &[u8]) -> (u8, &[u8]) {
    bytes.split_first().map_or((0, &[]), |(first, rest)| (*first, rest))
}

/// The text up to a line end, and what is behind it.
pub(crate) fn line(text: &str) -> (&str, &str) {
    text.split_once('\n').unwrap_or((text, ""))
}

/// The bytes in pieces whose lengths come from `seed`: one byte each for 0.
pub(crate) fn pieces(seed: u8, mut bytes: &[u8]) -> Vec<&[u8]> {
    let mut state = u32::from(seed);
    let mut pieces = Vec::new();
    while !bytes.is_empty() {
        // A linear congruential generator: what is wanted is variety, the same every time.
        state = state.wrapping_mul(1_664_525).wrapping_add(u32::from(seed).wrapping_mul(40_503));
        let length = usize::from(seed != 0) * (state >> 24) as usize + 1;
        let (piece, rest) = bytes.split_at(length.min(bytes.len()));
        pieces.push(piece);
        bytes = rest;
    }
    pieces
}

/// Panics if a message says nothing, could write to a terminal, or could forge a line of a log.
#[track_caller]
pub(crate) fn is_one_plain_line(text: &str) {
    assert!(!text.is_empty(), "a message says nothing");
    assert!(!text.contains(char::is_control), "a message has control characters: {text:?}");
    assert!(text.len() <= LONGEST_MESSAGE, "a message of {} bytes: {text}", text.len());
}

/// Nobody reads a longer one.
const LONGEST_MESSAGE: usize = 4096;
