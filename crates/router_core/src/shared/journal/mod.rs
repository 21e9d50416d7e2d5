//! The journal: what was started and how it was settled, on disk before the client knows.
//!
//! Each worker appends to segments of its own, so there is no lock between processes and a dead
//! worker leaves nothing that others wait for. A segment is a preallocated, mapped file: appending
//! is a copy and one store, no system call, and a process killed at any instruction leaves exactly
//! the records it had published, because that one store makes a record visible as a whole. What it
//! does not promise is the last moments before a power failure; `sync` bounds that window.
//!
//! Reading needs neither the writer nor an orderly end: a record counts when its length is in range
//! and its checksum fits.

mod bell;
mod name;
mod reader;
mod record;
mod segment;
mod writer;

pub use bell::Bell;
pub use name::SegmentName;
pub use reader::{read_segment, SegmentInfo, SegmentPart, Tail};
pub use record::{Record, RecordId, SettlementFlags, SettlementRecord, StartRecord, NAME_LIMIT};
pub use writer::{JournalFull, JournalWriter, MAX_SEGMENT, MIN_SEGMENT};

#[cfg(test)]
mod tests;
