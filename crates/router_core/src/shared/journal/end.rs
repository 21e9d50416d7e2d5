//! The end of an attempt, and what became of its answer.
//!
//! Two facts, which need not be known at the same time. The end settles money, breaker and the place in
//! flight. The disposal says whether the answer was sent or discarded: an answer that is held while
//! another one is asked for ends first and is disposed of later. Where both are known at once the end
//! says both, and no further record follows.

use super::bytes::{Encoded, Fields, ID_SIZE};
use super::known::{number_of, Known, Numbered};
use super::record::{RecordId, KIND_DISPOSAL, KIND_END};
use crate::types::Outcome;

/// Bytes of an end.
pub(super) const END_SIZE: usize = ID_SIZE + 62;
/// Bytes of a disposal.
pub(super) const DISPOSAL_SIZE: usize = ID_SIZE + 17;

/// What became of an answer. Numbers are in the journal: never reuse one; 0 is not yet known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Disposal {
    /// Content of it reached the client.
    Sent = 1,
    /// No content of it reached the client.
    Discarded = 2,
}

impl Numbered for Disposal {
    fn number(self) -> u8 {
        self as u8
    }

    fn numbered(number: u8) -> Option<Self> {
        match number {
            1 => Some(Self::Sent),
            2 => Some(Self::Discarded),
            _ => None,
        }
    }

    fn word(self) -> &'static str {
        match self {
            Self::Sent => "sent",
            Self::Discarded => "discarded",
        }
    }
}

/// Facts of an end that are yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EndFlags {
    /// The token counts are the upstream's own.
    pub usage_reported: bool,
    /// The client got content.
    pub content_sent: bool,
    /// The attempt was at a fallback.
    pub fallback: bool,
    /// Bits that only a later version understands, in their places.
    pub others: u8,
}

impl EndFlags {
    const KNOWN: u8 = 7;

    fn bits(self) -> u8 {
        u8::from(self.usage_reported)
            | u8::from(self.content_sent) << 1
            | u8::from(self.fallback) << 2
            | self.others & !Self::KNOWN
    }

    fn of(bits: u8) -> Self {
        Self {
            usage_reported: bits & 1 != 0,
            content_sent: bits & 2 != 0,
            fallback: bits & 4 != 0,
            others: bits & !Self::KNOWN,
        }
    }
}

/// An attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EndRecord {
    /// Which attempt.
    pub id: RecordId,
    /// When, in nanoseconds since the Unix epoch.
    pub wall_ns: u64,
    /// How.
    pub outcome: Known<Outcome>,
    /// The upstream's status; 0 when there was none.
    pub status: u16,
    /// Yes-or-no facts.
    pub flags: EndFlags,
    /// Tokens of the prompt.
    pub prompt_tokens: u32,
    /// Tokens of the answer.
    pub completion_tokens: u32,
    /// Prompt tokens that the upstream had cached.
    pub cached_tokens: u32,
    /// Answer tokens spent on reasoning.
    pub reasoning_tokens: u32,
    /// Time to first token in microseconds; 0 when no content arrived.
    pub ttft_us: u32,
    /// Time of the whole attempt in microseconds.
    pub duration_us: u64,
    /// Bytes that went to the client.
    pub bytes_sent: u64,
    /// What it cost, in billionths of the currency unit; -1 when unknown.
    pub cost_nanos: i64,
    /// Prompt tokens that the upstream wrote to its cache; 0 in an older record.
    pub cache_write_tokens: u32,
    /// How good the answer was found to be; 0 is not judged. Not filled yet.
    pub verdict: u8,
    /// What became of the answer; `None` when a record of its own says so later, and in an older record.
    pub disposal: Option<Known<Disposal>>,
}

impl EndRecord {
    pub(super) fn encode(&self) -> Encoded<END_SIZE> {
        let mut encoded = Encoded::new(KIND_END, &self.id);
        encoded.u64(self.wall_ns);
        encoded.u8(self.outcome.number());
        encoded.u8(self.flags.bits());
        encoded.u16(self.status);
        encoded.u32(self.prompt_tokens);
        encoded.u32(self.completion_tokens);
        encoded.u32(self.cached_tokens);
        encoded.u32(self.reasoning_tokens);
        encoded.u32(self.ttft_us);
        encoded.u64(self.duration_us);
        encoded.u64(self.bytes_sent);
        encoded.u64(self.cost_nanos as u64);
        encoded.u32(self.cache_write_tokens);
        encoded.u8(self.verdict);
        encoded.u8(number_of(self.disposal));
        encoded
    }
}

pub(super) fn decode(fields: &mut Fields<'_>, id: RecordId) -> Option<EndRecord> {
    Some(EndRecord {
        id,
        wall_ns: fields.u64()?,
        outcome: Known::of(fields.u8()?),
        flags: EndFlags::of(fields.u8()?),
        status: fields.u16()?,
        prompt_tokens: fields.u32()?,
        completion_tokens: fields.u32()?,
        cached_tokens: fields.u32()?,
        reasoning_tokens: fields.u32()?,
        ttft_us: fields.u32()?,
        duration_us: fields.u64()?,
        bytes_sent: fields.u64()?,
        cost_nanos: fields.u64()? as i64,
        cache_write_tokens: fields.u32_or_0(),
        verdict: fields.u8_or_0(),
        disposal: Known::some(fields.u8_or_0()),
    })
}

/// An answer that was held was sent or discarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DisposalRecord {
    /// Which attempt.
    pub id: RecordId,
    /// When, in nanoseconds since the Unix epoch.
    pub wall_ns: u64,
    /// What became of it.
    pub disposal: Known<Disposal>,
    /// Bytes that went to the client after the attempt had ended.
    pub bytes_sent: u64,
}

impl DisposalRecord {
    pub(super) fn encode(&self) -> Encoded<DISPOSAL_SIZE> {
        let mut encoded = Encoded::new(KIND_DISPOSAL, &self.id);
        encoded.u64(self.wall_ns);
        encoded.u8(self.disposal.number());
        encoded.u64(self.bytes_sent);
        encoded
    }
}

pub(super) fn decode_disposal(fields: &mut Fields<'_>, id: RecordId) -> Option<DisposalRecord> {
    Some(DisposalRecord {
        id,
        wall_ns: fields.u64()?,
        disposal: Known::of(fields.u8()?),
        bytes_sent: fields.u64()?,
    })
}
