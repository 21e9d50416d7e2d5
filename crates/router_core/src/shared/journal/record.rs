//! Kinds of records, and which bytes are which.
//!
//! A record is its kind, the id of its request and attempt, and the fields of its kind. A frame with a
//! valid checksum is never torn, whatever is in it: a kind that this version does not know is passed
//! over as [`Record::Unknown`], fields that it does not know are passed over too.

use std::fmt;

use super::bytes::Fields;
use super::{decision, end, refusal, start};
use super::{DecisionRecord, DisposalRecord, EndRecord, RefusalRecord, StartRecord};

/// Most bytes of any record of any version.
pub const MAX_SIZE: usize = 16 * 1024;

// On disk: never reuse a number.
pub(super) const KIND_START: u8 = 1;
pub(super) const KIND_END: u8 = 2;
pub(super) const KIND_DECISION: u8 = 3;
pub(super) const KIND_DISPOSAL: u8 = 4;
pub(super) const KIND_REFUSAL: u8 = 5;

/// Names one attempt for ever: ours, never taken from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct RecordId {
    /// The gateway instance.
    pub instance: u64,
    /// The worker slot.
    pub slot: u16,
    /// How often the slot had been claimed.
    pub epoch: u32,
    /// The number of the request within the epoch.
    pub sequence: u64,
    /// The number of the attempt within the request, from 0.
    pub attempt: u8,
}

/// The printable id of the request: without the attempt, which is a fact of its own.
impl fmt::Display for RecordId {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            instance,
            slot,
            epoch,
            sequence,
            ..
        } = self;
        write!(formatter, "{instance:016x}-{slot:x}-{epoch:x}-{sequence:x}")
    }
}

/// A record as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record<'a> {
    /// A request was decided.
    Decision(DecisionRecord<'a>),
    /// An attempt was permitted.
    Start(StartRecord<'a>),
    /// An attempt ended.
    End(EndRecord),
    /// A held answer was sent or discarded.
    Disposal(DisposalRecord),
    /// A request was refused.
    Refusal(RefusalRecord),
    /// Something that only a later version understands: its kind.
    Unknown(u8),
}

impl Record<'_> {
    /// The same, on its own feet.
    pub fn into_owned(self) -> Record<'static> {
        match self {
            Self::Decision(decision) => Record::Decision(decision.into_owned()),
            Self::Start(start) => Record::Start(start.into_owned()),
            Self::End(end) => Record::End(end),
            Self::Disposal(disposal) => Record::Disposal(disposal),
            Self::Refusal(refusal) => Record::Refusal(refusal),
            Self::Unknown(kind) => Record::Unknown(kind),
        }
    }
}

/// The record in the bytes of a frame.
pub(super) fn decode(bytes: &[u8]) -> Record<'_> {
    let kind = bytes.first().copied().unwrap_or(0);
    decode_known(bytes).unwrap_or(Record::Unknown(kind))
}

/// `None` for what this version does not understand.
fn decode_known(bytes: &[u8]) -> Option<Record<'_>> {
    let mut fields = Fields::of(bytes);
    let kind = fields.u8()?;
    let id = RecordId {
        instance: fields.u64()?,
        slot: fields.u16()?,
        epoch: fields.u32()?,
        sequence: fields.u64()?,
        attempt: fields.u8()?,
    };
    let fields = &mut fields;
    Some(match kind {
        KIND_START => Record::Start(start::decode(fields, id)?),
        KIND_END => Record::End(end::decode(fields, id)?),
        KIND_DECISION => Record::Decision(decision::decode(fields, id)?),
        KIND_DISPOSAL => Record::Disposal(end::decode_disposal(fields, id)?),
        KIND_REFUSAL => Record::Refusal(refusal::decode(fields, id)?),
        _ => return None,
    })
}
