//! The journal: what was started and how it was settled, on disk before the client knows.
//!
//! Each worker appends to segments of its own, so there is no lock between processes and a dead
//! worker leaves nothing that others wait for. A segment is a preallocated, mapped file: appending
//! is a copy and one store, no system call, and a process killed at any instruction leaves exactly
//! the records it had published, because that one store makes a record visible as a whole. What it
//! does not promise is the last moments before a power failure; `sync` bounds that window.
//!
//! Reading needs neither the writer nor an orderly end: a record counts when its length is in range
//! and its checksum fits. Nor does it need the same version: kinds, fields, words and flags that it does
//! not know are passed over or kept as numbers, and segments of every older version are read for good.
//! Torn means that a checksum is wrong or a frame is cut, and nothing else.

mod bell;
mod bytes;
mod decision;
mod end;
mod known;
mod name;
mod reader;
mod record;
mod refusal;
mod refused;
mod segment;
mod start;
mod writer;

pub use bell::Bell;
pub use bytes::NAME_LIMIT;
pub use decision::{
    Bound, Candidate, DecisionFlags, DecisionRecord, Difficulty, Fate, HintNumbers, MOST_BOUNDS,
    MOST_CANDIDATES, MOST_FEATURES,
};
pub use end::{Disposal, DisposalRecord, EndFlags, EndRecord};
pub use known::{Known, Numbered};
pub use name::SegmentName;
pub use reader::{read_segment, visit_segment, SegmentInfo, SegmentPart, SegmentRest, Tail};
pub use record::{Record, RecordId, MAX_SIZE};
pub use refusal::RefusalRecord;
pub use refused::{RefusedWriter, PER_SECOND, REFUSED_FOLDER};
pub use start::{StartMore, StartRecord, Trace, MOST_ACCOUNTS};
pub use writer::{JournalFull, JournalWriter, MAX_SEGMENT, MIN_SEGMENT};

#[cfg(test)]
mod tests;
