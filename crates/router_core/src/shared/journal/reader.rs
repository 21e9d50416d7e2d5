//! Reading a segment back, whoever wrote it and however it ended.
//!
//! The bytes are not trusted: a length is used only after it was compared with the largest record
//! and with what the file still holds, so garbage costs neither a panic nor memory. The reader uses
//! `read`, not a mapping: the reader must survive a file that is shortened meanwhile. While the writer
//! lives, a read may catch a record half copied; it is then reported as torn and is whole at the
//! next call from the same offset.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::path::Path;

use super::record::{decode, Record, MAX_SIZE};
use super::segment::{
    frame_size, AT_EPOCH, AT_INSTANCE, AT_MAGIC, AT_SEALED, AT_SEGMENT, AT_SLOT, HEADER_SIZE,
    MAGIC, WORD,
};
use super::SegmentName;

/// Bytes read at once.
const CHUNK: usize = 64 * 1024;

/// What stands behind the last record returned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tail {
    /// Nothing yet: more may follow.
    Clean,
    /// Nothing, for ever: the writer closed the segment.
    Sealed,
    /// Bytes that are no record: the end of a killed or damaged segment, or one being written.
    Torn,
    /// More records: the limit of this call was reached.
    More,
}

/// Who wrote a segment, from its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentInfo {
    /// What the file should be called.
    pub name: SegmentName,
    /// Where the last record ends, once no more will follow.
    pub sealed: Option<u64>,
}

/// Some records of a segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SegmentPart {
    /// The header; `None` while the writer has not completed it.
    pub info: Option<SegmentInfo>,
    /// Records in the order they were written.
    pub records: Vec<Record<'static>>,
    /// Where to go on.
    pub next_offset: u64,
    /// What stands there.
    pub tail: Tail,
}

/// What stands behind the records that a call looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SegmentRest {
    /// The header; `None` while the writer has not completed it.
    pub info: Option<SegmentInfo>,
    /// Where to go on.
    pub next_offset: u64,
    /// What stands there.
    pub tail: Tail,
}

/// Reads up to `limit` records from `offset`, which is 0 or the `next_offset` of an earlier call.
///
/// # Errors
/// As [`visit_segment`].
pub fn read_segment(path: &Path, offset: u64, limit: usize) -> io::Result<SegmentPart> {
    let mut records = Vec::new();
    let rest = visit_segment(path, offset, limit, |record| {
        records.push(record.into_owned());
    })?;
    Ok(SegmentPart {
        info: rest.info,
        records,
        next_offset: rest.next_offset,
        tail: rest.tail,
    })
}

/// Shows up to `limit` records from `offset`, which is 0 or the `next_offset` of an earlier call, in the
/// order they were written. Records borrow from the bytes that were read: no copy is made of any.
///
/// # Errors
/// `InvalidData` for a file that is no segment, `InvalidInput` for an offset that no call returned,
/// and whatever the file system says. A damaged tail is no error.
pub fn visit_segment(
    path: &Path,
    offset: u64,
    limit: usize,
    mut visit: impl FnMut(Record<'_>),
) -> io::Result<SegmentRest> {
    let file = OpenOptions::new()
        .read(true)
        .custom_flags(libc::O_NOFOLLOW)
        .open(path)?;
    let length = file.metadata()?.len();
    let Some(info) = read_header(&file, length)? else {
        let tail = if length == 0 || length >= HEADER_SIZE as u64 {
            Tail::Clean
        } else {
            Tail::Torn
        };
        return Ok(SegmentRest {
            info: None,
            next_offset: 0,
            tail,
        });
    };
    let mut next_offset = if offset == 0 {
        HEADER_SIZE as u64
    } else {
        offset
    };
    if next_offset < HEADER_SIZE as u64 || next_offset % WORD as u64 != 0 || next_offset > length {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "offset is not the end of a record",
        ));
    }
    let mut left = limit;
    let mut chunk = vec![0; CHUNK.min(usize::try_from(length).unwrap_or(CHUNK))];
    let tail = loop {
        let filled = read_some(&file, &mut chunk, next_offset)?;
        let mut rest = &chunk[..filled];
        let stop = read_frames(&mut rest, &mut left, &mut visit);
        next_offset += (filled - rest.len()) as u64;
        match stop {
            // The chunk ended inside a frame: go on from its start, unless the file ends there too.
            Stop::Cut if filled == chunk.len() && rest.len() < filled => {}
            Stop::Cut => break Tail::Torn,
            Stop::End if filled == chunk.len() => {}
            Stop::End | Stop::Zero => break Tail::Clean,
            Stop::Garbage => break Tail::Torn,
            Stop::Limit => break Tail::More,
        }
    };
    let sealed = tail == Tail::Clean && info.sealed == Some(next_offset);
    Ok(SegmentRest {
        info: Some(info),
        next_offset,
        tail: if sealed { Tail::Sealed } else { tail },
    })
}

/// Why reading frames stopped.
enum Stop {
    /// The bytes end where a frame ends, or too soon for another frame word.
    End,
    /// The bytes end inside a frame.
    Cut,
    /// Space that nobody has written.
    Zero,
    /// A length that no record has, or bytes that do not fit their checksum.
    Garbage,
    /// Enough records.
    Limit,
}

/// Takes whole frames off the front of `bytes`, at most `left`.
fn read_frames(bytes: &mut &[u8], left: &mut usize, visit: &mut impl FnMut(Record<'_>)) -> Stop {
    loop {
        let Some((word, body)) = bytes.split_first_chunk::<WORD>() else {
            return Stop::End;
        };
        let word = u64::from_le_bytes(*word);
        if word == 0 {
            return Stop::Zero;
        }
        let (length, checksum) = ((word & u64::from(u32::MAX)) as usize, (word >> 32) as u32);
        if length == 0 || length > MAX_SIZE {
            return Stop::Garbage;
        }
        let Some(record) = body.get(..length) else {
            return Stop::Cut;
        };
        if crc32fast::hash(record) != checksum {
            return Stop::Garbage;
        }
        if *left == 0 {
            return Stop::Limit;
        }
        // The padding behind a record may be cut off with the file.
        let Some(rest) = bytes.get(frame_size(length)..) else {
            return Stop::Cut;
        };
        visit(decode(record));
        *left -= 1;
        *bytes = rest;
    }
}

/// Fills the buffer as far as the file goes.
fn read_some(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match file.read_at(&mut buffer[filled..], offset + filled as u64) {
            Ok(0) => break,
            Ok(count) => filled += count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// The header; `None` when the file is too short for one or its writer has not completed it.
fn read_header(file: &File, length: u64) -> io::Result<Option<SegmentInfo>> {
    if length < HEADER_SIZE as u64 {
        return Ok(None);
    }
    let mut bytes = [0; HEADER_SIZE];
    file.read_exact_at(&mut bytes, 0)?;
    let word = |at: usize| {
        let bytes = bytes[at * WORD..]
            .first_chunk()
            .copied()
            .unwrap_or_default();
        u64::from_le_bytes(bytes)
    };
    match word(AT_MAGIC) {
        0 => return Ok(None),
        MAGIC => {}
        _ => return Err(invalid("not a journal segment of this version")),
    }
    let out_of_range = |_| invalid("journal segment header is damaged");
    let name = SegmentName {
        instance: word(AT_INSTANCE),
        slot: word(AT_SLOT).try_into().map_err(out_of_range)?,
        epoch: word(AT_EPOCH).try_into().map_err(out_of_range)?,
        segment: word(AT_SEGMENT).try_into().map_err(out_of_range)?,
    };
    Ok(Some(SegmentInfo {
        name,
        sealed: Some(word(AT_SEALED)).filter(|end| *end != 0),
    }))
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}
