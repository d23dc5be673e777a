//! Bytes to lines, in bounded memory.

use super::CodecError;

/// Longest line, without its end, that is read. upsd itself builds answers of at most 512 bytes
/// (`NUT_NET_ANSWER_MAX`).
pub const MAX_LINE_BYTES: usize = 1024;

/// Most bytes a [`LineBuffer`] holds.
pub const MAX_BUFFERED_BYTES: usize = 4096;

/// Collects bytes and hands out whole lines. Holds at most [`MAX_BUFFERED_BYTES`], whatever it is
/// fed.
#[derive(Debug, Default)]
pub struct LineBuffer {
    bytes: Vec<u8>,
}

impl LineBuffer {
    /// Bytes that can be fed now.
    pub fn free(&self) -> usize {
        MAX_BUFFERED_BYTES.saturating_sub(self.bytes.len())
    }

    /// True if no byte waits to be read.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// Takes bytes up to [`LineBuffer::free`] and returns how many it took, like
    /// [`std::io::Write::write`].
    #[must_use = "bytes beyond the bound are not taken"]
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.free());
        self.bytes.extend(bytes.iter().take(taken));
        taken
    }

    /// The next whole line, without its `\n` or `\r\n`, bytes that are not UTF-8 replaced; `None`
    /// if more bytes are needed. After [`CodecError::LineTooLong`] every call gives it again: there
    /// is no telling where a next line would start.
    pub fn next_line(&mut self) -> Result<Option<String>, CodecError> {
        let within = MAX_LINE_BYTES.saturating_add(1);
        let end = self.bytes.iter().take(within).position(|byte| *byte == b'\n');
        let Some(end) = end else {
            return if self.bytes.len() > MAX_LINE_BYTES {
                Err(CodecError::LineTooLong)
            } else {
                Ok(None)
            };
        };
        let taken: Vec<u8> = self.bytes.drain(..=end).collect();
        let line = taken.strip_suffix(b"\n").unwrap_or(&taken);
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        Ok(Some(String::from_utf8_lossy(line).into_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All lines of `chunks`, then the error that ended them, if one did.
    fn lines<'a>(chunks: impl IntoIterator<Item = &'a [u8]>) -> (Vec<String>, Option<CodecError>) {
        let (mut buffer, mut lines) = (LineBuffer::default(), Vec::new());
        for mut chunk in chunks {
            while !chunk.is_empty() {
                let taken = buffer.feed(chunk);
                chunk = &chunk[taken..];
                assert!(buffer.bytes.len() <= MAX_BUFFERED_BYTES);
                loop {
                    match buffer.next_line() {
                        Ok(Some(line)) => lines.push(line),
                        Ok(None) => break,
                        Err(error) => return (lines, Some(error)),
                    }
                }
            }
        }
        (lines, None)
    }

    #[test]
    fn lines_end_with_lf_or_crlf() {
        assert_eq!(
            lines([b"OK\r\nERR X\n\nha".as_slice(), b"lf\n"]).0,
            ["OK", "ERR X", "", "half"]
        );
    }

    #[test]
    fn latin_1_does_not_hide_the_line() {
        assert_eq!(lines([b"VAR dev x \"\xe9\"\n".as_slice()]).0, ["VAR dev x \"\u{fffd}\""]);
    }

    #[test]
    fn the_longest_line_passes_and_one_byte_more_does_not() {
        let mut line = vec![b'x'; MAX_LINE_BYTES];
        line.push(b'\n');
        assert_eq!(lines([line.as_slice()]).0, ["x".repeat(MAX_LINE_BYTES)]);
        line.insert(0, b'x');
        assert_eq!(lines([line.as_slice()]), (vec![], Some(CodecError::LineTooLong)));
    }

    #[test]
    fn a_full_buffer_takes_no_more() {
        let mut buffer = LineBuffer::default();
        assert_eq!(buffer.feed(&vec![b'x'; 10 * MAX_BUFFERED_BYTES]), MAX_BUFFERED_BYTES);
        assert_eq!(buffer.feed(b"\n"), 0);
        assert!(buffer.bytes.capacity() < 2 * MAX_BUFFERED_BYTES);
        assert_eq!(buffer.next_line(), Err(CodecError::LineTooLong));
        assert_eq!(buffer.next_line(), Err(CodecError::LineTooLong));
    }

    /// Mostly short lines, now and then one around or over the bound.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let line = prop_oneof![
            9 => prop::collection::vec(any::<u8>(), 0..60),
            1 => prop::collection::vec(Just(b'x'), 1000..1050),
        ];
        prop::collection::vec(line, 0..40).prop_map(|lines| lines.join(&b'\n'))
    }

    proptest! {
        #[test]
        fn splitting_the_bytes_anywhere_gives_the_same_lines(
            bytes in bytes(),
            cuts in prop::collection::vec(1_usize..200, 1..40),
        ) {
            let mut chunks = Vec::new();
            let mut rest = bytes.as_slice();
            for cut in cuts.iter().cycle() {
                if rest.is_empty() { break; }
                let (chunk, after) = rest.split_at((*cut).min(rest.len()));
                chunks.push(chunk);
                rest = after;
            }
            prop_assert_eq!(lines(chunks), lines([bytes.as_slice()]));
        }
    }
}
