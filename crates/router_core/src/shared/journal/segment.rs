//! One segment file: a header, then frames; writing side.
//!
//! A frame is one word {length, checksum} followed by the record, padded to whole words. The word
//! is stored last, with release ordering: before it, a reader sees zero and stops; after it, the
//! whole record. Space behind the last frame is zero because the file was allocated that way.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use super::name::SegmentName;
use crate::shared::map::Mapping;

pub(super) const WORD: usize = size_of::<u64>();
/// Bytes before the first frame.
pub(super) const HEADER_SIZE: usize = 64;
/// "hgwjrnl" and the version of this format.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"hgwjrnl\x01");

// Words of the header.
pub(super) const AT_MAGIC: usize = 0;
pub(super) const AT_INSTANCE: usize = 1;
pub(super) const AT_SLOT: usize = 2;
pub(super) const AT_EPOCH: usize = 3;
pub(super) const AT_SEGMENT: usize = 4;
/// Offset behind the last frame once no more will follow; 0 before.
pub(super) const AT_SEALED: usize = 5;

/// Bytes that a record of `length` bytes takes, its frame word included.
pub(super) const fn frame_size(length: usize) -> usize {
    WORD + length.next_multiple_of(WORD)
}

/// A segment open for appending. Only the holder of the writer's lock appends.
pub(super) struct Segment {
    map: Mapping,
    file: File,
    path: PathBuf,
}

impl Segment {
    /// Creates and maps the file; on failure none stays behind.
    pub(super) fn create(folder: &Path, name: SegmentName, size: usize) -> io::Result<Self> {
        let path = folder.join(name.to_string());
        let (file, map) = Mapping::create(&path, size)?;
        let segment = Self { map, file, path };
        let words = segment.words();
        for (position, value) in [
            (AT_INSTANCE, name.instance),
            (AT_SLOT, u64::from(name.slot)),
            (AT_EPOCH, u64::from(name.epoch)),
            (AT_SEGMENT, u64::from(name.segment)),
        ] {
            words[position].store(value.to_le(), Ordering::Relaxed);
        }
        words[AT_MAGIC].store(MAGIC.to_le(), Ordering::Release);
        Ok(segment)
    }

    fn words(&self) -> &[AtomicU64] {
        self.map.slice(0, self.map.len() / WORD)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Bytes that frames may use, from the start of the file.
    pub(super) fn capacity(&self) -> usize {
        self.map.len() / WORD * WORD
    }

    /// Writes a record at `offset`, which is the end of the frame before and leaves enough room;
    /// returns the end of this frame.
    pub(super) fn append(&self, offset: usize, record: &[u8]) -> usize {
        let words = &self.words()[offset / WORD..][..frame_size(record.len()) / WORD];
        let whole = record.chunks_exact(WORD);
        let rest = whole.remainder();
        for (word, bytes) in words[1..].iter().zip(whole) {
            let bytes = bytes.first_chunk().copied().unwrap_or_default();
            word.store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
        }
        if !rest.is_empty() {
            let mut padded = [0; WORD];
            padded[..rest.len()].copy_from_slice(rest);
            words[words.len() - 1].store(u64::from_ne_bytes(padded), Ordering::Relaxed);
        }
        let checksum = u64::from(crc32fast::hash(record));
        words[0].store(
            (checksum << 32 | record.len() as u64).to_le(),
            Ordering::Release,
        );
        offset + frame_size(record.len())
    }

    /// Says that nothing will follow the frame that ends at `used`.
    pub(super) fn seal(&self, used: usize) {
        self.words()[AT_SEALED].store((used as u64).to_le(), Ordering::Release);
    }

    /// Writes everything up to `used` to stable storage.
    pub(super) fn sync(&self, used: usize) -> io::Result<()> {
        self.map.flush(0, used)
    }

    /// Gives back the unused space of a sealed segment. The mapping goes first: nobody may touch
    /// it once the file is shorter.
    pub(super) fn trim(self, used: usize) -> io::Result<()> {
        let Self { map, file, .. } = self;
        drop(map);
        file.set_len(used as u64)
    }

    /// Whether the file has no name any more: whoever removed it will never read what is appended.
    pub(super) fn is_removed(&self) -> io::Result<bool> {
        Ok(self.file.metadata()?.nlink() == 0)
    }

    /// Takes over the frames of `other`, a segment of the same size, up to `used`.
    pub(super) fn take_frames(&self, other: &Self, used: usize) {
        let frames = HEADER_SIZE / WORD..used / WORD;
        for (word, source) in self.words()[frames.clone()]
            .iter()
            .zip(&other.words()[frames])
        {
            word.store(source.load(Ordering::Relaxed), Ordering::Relaxed);
        }
        std::sync::atomic::fence(Ordering::Release);
    }

    /// Removes a segment that never held a record.
    pub(super) fn remove(self) -> io::Result<()> {
        std::fs::remove_file(&self.path)
    }
}
