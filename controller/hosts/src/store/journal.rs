//! The journal: segments of JSON lines, `NNNNNN.jsonl`. The newest is in force; it began with
//! everything that was still worth knowing. Older ones are kept for `replay` and for people.
//!
//! Ahead of the end of the newest segment lies a reserve of allocated blocks, so that steps down
//! can still be written when the disk is full. The file's length is that of its text.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::PathBuf,
};

use ananke_ports::StoreError;
use rustix::{
    fs::{FallocateFlags, fallocate},
    io::Errno,
};

use super::{documents::TEMPORARY, make_folder, names, sync_folder, told};

/// Blocks kept ahead of the text, in bytes: a whole shutdown of some hundred hosts writes less than
/// half of it.
pub const RESERVE: u64 = 1024 * 1024;

/// Segments that are kept, the one in force included.
const KEPT: usize = 8;

/// The folder of the segments.
#[derive(Debug)]
pub(super) struct JournalFiles {
    folder: PathBuf,
    current: Option<Segment>,
}

/// The segment in force.
#[derive(Debug)]
struct Segment {
    path: PathBuf,
    file: File,
    /// Where the next line goes: behind the last whole one.
    end: u64,
    /// Up to where blocks are allocated.
    reserved: u64,
}

impl JournalFiles {
    pub(super) const fn new(folder: PathBuf) -> Self {
        Self { folder, current: None }
    }

    /// Appends whole lines and waits until they are on the disk.
    pub(super) fn append(&mut self, lines: &str) -> Result<(), StoreError> {
        let folder = self.folder.clone();
        let segment = self.current().map_err(|error| told(&folder, &error))?;
        segment.append(&whole(lines)).map_err(|error| told(&segment.path, &error))
    }

    /// The lines of the segment in force.
    pub(super) fn lines(&self) -> Result<Vec<String>, StoreError> {
        Ok(journal_lines(&self.bytes()?))
    }

    /// Whether the segment in force ends in something that is no whole line.
    pub(super) fn is_torn(&self) -> Result<bool, StoreError> {
        Ok(journal_is_torn(&self.bytes()?))
    }

    fn bytes(&self) -> Result<Vec<u8>, StoreError> {
        let numbers = self.numbers().map_err(|error| told(&self.folder, &error))?;
        let Some(newest) = numbers.last() else { return Ok(Vec::new()) };
        let path = self.path(*newest);
        fs::read(&path).map_err(|error| told(&path, &error))
    }

    /// Begins a new segment with these lines.
    ///
    /// It becomes the one in force by one rename, so there is no instant without a journal.
    pub(super) fn rotate(&mut self, lines: &str) -> Result<(), StoreError> {
        let folder = self.folder.clone();
        let failed = |error: io::Error| told(&folder, &error);
        make_folder(&self.folder).map_err(failed)?;
        let numbers = self.numbers().map_err(failed)?;
        let number = numbers.last().map_or(1, |last| last.saturating_add(1));
        self.current = Some(self.begin(number, &whole(lines)).map_err(failed)?);
        let surplus = numbers.len().saturating_add(1).saturating_sub(KEPT);
        for old in numbers.iter().take(surplus) {
            // One that cannot be removed goes with the next rotation.
            fs::remove_file(self.path(*old)).ok();
        }
        Ok(())
    }

    fn begin(&self, number: u64, text: &str) -> io::Result<Segment> {
        let mut new = tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(&self.folder)?;
        let end = length(text);
        reserve(new.as_file(), 0, end + RESERVE)?;
        new.write_all(text.as_bytes())?;
        new.as_file().sync_all()?;
        let path = self.path(number);
        let file = new.persist_noclobber(&path).map_err(|error| error.error)?;
        sync_folder(&self.folder)?;
        Ok(Segment { path, file, end, reserved: end + RESERVE })
    }

    /// The segment in force, opened or begun.
    fn current(&mut self) -> io::Result<&mut Segment> {
        let segment = match self.current.take() {
            Some(segment) => segment,
            None => self.open()?,
        };
        Ok(self.current.insert(segment))
    }

    fn open(&self) -> io::Result<Segment> {
        make_folder(&self.folder)?;
        match self.numbers()?.last() {
            Some(newest) => Segment::open(self.path(*newest)),
            None => self.begin(1, ""),
        }
    }

    fn path(&self, number: u64) -> PathBuf {
        self.folder.join(format!("{number:06}.jsonl"))
    }

    /// The numbers of the segments that are there, in order.
    fn numbers(&self) -> io::Result<Vec<u64>> {
        let names = names(&self.folder)?;
        let number = |name: &String| name.strip_suffix(".jsonl")?.parse().ok();
        let mut numbers: Vec<u64> = names.iter().filter_map(number).collect();
        numbers.sort_unstable();
        Ok(numbers)
    }
}

impl Segment {
    fn open(path: PathBuf) -> io::Result<Self> {
        let file = OpenOptions::new().read(true).write(true).open(&path)?;
        let end = u64::try_from(whole_lines(&fs::read(&path)?).len()).unwrap_or(u64::MAX);
        let mut segment = Self { path, file, end, reserved: end };
        segment.look_ahead();
        Ok(segment)
    }

    /// Writes behind the last whole line: over what a write that was cut left there. What sticks
    /// out behind has no line end, so it is never read. Cutting it off instead would give the
    /// reserved blocks back.
    fn append(&mut self, text: &str) -> io::Result<()> {
        self.file.write_all_at(text.as_bytes(), self.end)?;
        self.file.sync_data()?;
        self.end = self.end.saturating_add(length(text));
        self.look_ahead();
        Ok(())
    }

    /// Keeps at least half of the reserve ahead. On a full disk nothing can be added to it, and it
    /// is for that time that it is there.
    fn look_ahead(&mut self) {
        if self.reserved.saturating_sub(self.end) < RESERVE / 2 {
            let wanted = self.end.saturating_add(RESERVE);
            if reserve(&self.file, self.end, wanted - self.end).is_ok() {
                self.reserved = wanted;
            }
        }
    }
}

/// Allocates blocks without making the file longer. A file system that cannot do that has no
/// reserve; there, a full disk stops the journal.
fn reserve(file: &File, from: u64, bytes: u64) -> io::Result<()> {
    match fallocate(file, FallocateFlags::KEEP_SIZE, from, bytes) {
        Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

fn length(text: &str) -> u64 {
    u64::try_from(text.len()).unwrap_or(u64::MAX)
}

/// The text with a line end at its end.
fn whole(lines: &str) -> String {
    match lines {
        "" => String::new(),
        _ if lines.ends_with('\n') => lines.to_owned(),
        _ => format!("{lines}\n"),
    }
}

/// The bytes up to and with the last line end.
fn whole_lines(bytes: &[u8]) -> &[u8] {
    let end = bytes.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
    bytes.get(..end).unwrap_or_default()
}

/// Whether a segment ends in something that is no whole line: a write that was cut.
pub fn journal_is_torn(segment: &[u8]) -> bool {
    segment.last().is_some_and(|byte| *byte != b'\n')
}

/// The lines of a segment, each in its place; what has no line end was never written. One that is
/// no text (blocks of a write that a power cut tore) ends where its text does, in a sign that no
/// line of ours has: whoever reads it knows that it is damaged, and which line it is.
pub fn journal_lines(segment: &[u8]) -> Vec<String> {
    let lines = whole_lines(segment).split_inclusive(|byte| *byte == b'\n');
    lines.map(|line| text(line.strip_suffix(b"\n").unwrap_or(line))).collect()
}

fn text(line: &[u8]) -> String {
    match line.utf8_chunks().next() {
        Some(chunk) if chunk.invalid().is_empty() => chunk.valid().to_owned(),
        Some(chunk) => format!("{}{}", chunk.valid(), char::REPLACEMENT_CHARACTER),
        None => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files(folder: &tempfile::TempDir) -> JournalFiles {
        JournalFiles::new(folder.path().join("journal"))
    }

    fn segment(folder: &tempfile::TempDir, number: u64) -> PathBuf {
        folder.path().join(format!("journal/{number:06}.jsonl"))
    }

    #[test]
    fn lines_come_back_in_order_over_restarts() {
        let folder = tempfile::tempdir().unwrap();
        assert!(files(&folder).lines().unwrap().is_empty());
        files(&folder).append("{\"a\":1}").unwrap();
        files(&folder).append("{\"b\":2}\n{\"c\":3}\n").unwrap();
        assert_eq!(files(&folder).lines().unwrap(), ["{\"a\":1}", "{\"b\":2}", "{\"c\":3}"]);
    }

    #[test]
    fn torn_at_every_byte_no_line_before_is_lost_and_the_next_is_whole() {
        let lines = ["{\"event\":\"begun\"}", "{\"note\":\"größer\"}", "{\"z\":1}"];
        let text = lines.map(|line| format!("{line}\n")).concat();
        for end in 0..=text.len() {
            let folder = tempfile::tempdir().unwrap();
            files(&folder).append(&text).unwrap();
            fs::write(segment(&folder, 1), &text.as_bytes()[..end]).unwrap();
            let ends = (0..end).filter(|at| text.as_bytes()[*at] == b'\n');
            let whole = ends.count();
            let mut files = files(&folder);
            assert_eq!(files.lines().unwrap(), lines[..whole], "cut at {end}");
            let is_between = end == 0 || text.as_bytes()[end - 1] == b'\n';
            assert_eq!(files.is_torn().unwrap(), !is_between, "cut at {end}");
            files.append("{\"x\":0}").unwrap();
            let mut expected = lines[..whole].to_vec();
            expected.push("{\"x\":0}");
            assert_eq!(files.lines().unwrap(), expected, "cut at {end}");
        }
    }

    #[test]
    fn a_damaged_line_keeps_its_place() {
        let folder = tempfile::tempdir().unwrap();
        files(&folder).append("one\ntwo\nthree").unwrap();
        let mut bytes = fs::read(segment(&folder, 1)).unwrap();
        for (damage, line) in [(0, "t\0\0"), (0xff, "t\u{fffd}"), (b'\n', "t")] {
            bytes[5..7].fill(damage);
            fs::write(segment(&folder, 1), &bytes).unwrap();
            let lines = files(&folder).lines().unwrap();
            assert_eq!((lines[0].as_str(), lines[1].as_str()), ("one", line));
            assert_eq!(lines.last().map(String::as_str), Some("three"));
        }
    }

    #[test]
    fn rotation_begins_anew_and_is_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(&folder);
        files.append("old").unwrap();
        for round in 2..=12 {
            files.rotate(&format!("base {round}")).unwrap();
            files.append("more").unwrap();
            assert_eq!(files.lines().unwrap(), [format!("base {round}"), "more".to_owned()]);
        }
        assert_eq!(files.numbers().unwrap(), (5..=12).collect::<Vec<u64>>());
        assert_eq!(names(&files.folder).unwrap().len(), KEPT);
    }

    #[test]
    fn a_segment_that_was_not_finished_is_not_in_force() {
        let folder = tempfile::tempdir().unwrap();
        let mut files = files(&folder);
        files.append("line").unwrap();
        fs::write(folder.path().join("journal/.new-x"), "half of a b").unwrap();
        assert_eq!(files.lines().unwrap(), ["line"]);
    }

    #[test]
    fn the_reserve_is_allocated_and_not_part_of_the_length() {
        use std::os::unix::fs::MetadataExt;
        let folder = tempfile::tempdir().unwrap();
        files(&folder).append("line").unwrap();
        let metadata = fs::metadata(segment(&folder, 1)).unwrap();
        assert_eq!(metadata.len(), 5);
        assert!(metadata.blocks() * 512 >= RESERVE, "{} blocks", metadata.blocks());
    }
}
