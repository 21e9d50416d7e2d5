//! Two kinds of records and their bytes.
//!
//! A start is written when an attempt is permitted, a settlement when its end is known; a start
//! without a settlement is an attempt that died with its worker. Bytes are little-endian and fixed
//! in place except for two short strings, so that reading needs no schema and no allocation beyond
//! the strings.

use std::borrow::Cow;
use std::fmt;

use crate::types::{Boundary, Level, Outcome, Route};

/// Longest model or deployment name that a record keeps, in bytes; longer ones are cut.
pub const NAME_LIMIT: usize = 128;

const KIND_START: u8 = 1;
const KIND_SETTLEMENT: u8 = 2;

/// Bytes of a settlement.
pub(super) const SETTLEMENT_SIZE: usize = ID_SIZE + 56;
/// Most bytes of any record.
pub(super) const MAX_SIZE: usize = ID_SIZE + 36 + 2 * (1 + NAME_LIMIT);
/// Kind and record id.
const ID_SIZE: usize = 1 + 8 + 2 + 4 + 8 + 1;

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

/// An attempt was permitted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartRecord<'a> {
    /// Which attempt.
    pub id: RecordId,
    /// When, in nanoseconds since the Unix epoch.
    pub wall_ns: u64,
    /// The endpoint that the client called.
    pub route: Route,
    /// How sensitive the content is.
    pub level: Level,
    /// How far it may travel.
    pub ceiling: Boundary,
    /// Whether the client asked for a stream.
    pub stream: bool,
    /// The key that pays.
    pub key: u64,
    /// The model that the client asked for.
    pub model: Cow<'a, str>,
    /// Identity of the deployment.
    pub deployment: u64,
    /// Name of the deployment.
    pub deployment_name: Cow<'a, str>,
    /// Tokens of the prompt, estimated.
    pub estimated_prompt_tokens: u32,
    /// Most tokens of the answer; 0 when nobody said.
    pub max_tokens: u32,
}

/// Facts of a settlement that are yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SettlementFlags {
    /// The token counts are the upstream's own.
    pub usage_reported: bool,
    /// The client got content.
    pub content_sent: bool,
    /// The attempt was at a fallback.
    pub fallback: bool,
}

/// An attempt ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SettlementRecord {
    /// Which attempt.
    pub id: RecordId,
    /// When, in nanoseconds since the Unix epoch.
    pub wall_ns: u64,
    /// How.
    pub outcome: Outcome,
    /// The upstream's status; 0 when there was none.
    pub status: u16,
    /// Yes-or-no facts.
    pub flags: SettlementFlags,
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
}

/// Either kind, as read back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Record {
    /// An attempt was permitted.
    Start(StartRecord<'static>),
    /// An attempt ended.
    Settlement(SettlementRecord),
}

impl SettlementFlags {
    fn bits(self) -> u8 {
        u8::from(self.usage_reported)
            | u8::from(self.content_sent) << 1
            | u8::from(self.fallback) << 2
    }

    fn from_bits(bits: u8) -> Option<Self> {
        (bits < 8).then_some(Self {
            usage_reported: bits & 1 != 0,
            content_sent: bits & 2 != 0,
            fallback: bits & 4 != 0,
        })
    }
}

/// The bytes of one record, on the stack.
pub(super) struct Encoded {
    bytes: [u8; MAX_SIZE],
    length: usize,
}

impl Encoded {
    fn new(kind: u8, id: &RecordId) -> Self {
        let mut encoded = Self {
            bytes: [0; MAX_SIZE],
            length: 0,
        };
        encoded.put(&[kind]);
        encoded.put(&id.instance.to_le_bytes());
        encoded.put(&id.slot.to_le_bytes());
        encoded.put(&id.epoch.to_le_bytes());
        encoded.put(&id.sequence.to_le_bytes());
        encoded.put(&[id.attempt]);
        encoded
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.length..self.length + bytes.len()].copy_from_slice(bytes);
        self.length += bytes.len();
    }

    fn put_name(&mut self, name: &str) {
        let mut length = name.len().min(NAME_LIMIT);
        while !name.is_char_boundary(length) {
            length -= 1;
        }
        self.put(&[length as u8]);
        self.put(&name.as_bytes()[..length]);
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    pub(super) fn start(record: &StartRecord<'_>) -> Self {
        let mut encoded = Self::new(KIND_START, &record.id);
        encoded.put(&record.wall_ns.to_le_bytes());
        encoded.put(&[record.route as u8, record.level as u8, record.ceiling as u8]);
        encoded.put(&[u8::from(record.stream)]);
        encoded.put(&record.key.to_le_bytes());
        encoded.put(&record.deployment.to_le_bytes());
        encoded.put(&record.estimated_prompt_tokens.to_le_bytes());
        encoded.put(&record.max_tokens.to_le_bytes());
        encoded.put_name(&record.model);
        encoded.put_name(&record.deployment_name);
        encoded
    }

    pub(super) fn settlement(record: &SettlementRecord) -> Self {
        let mut encoded = Self::new(KIND_SETTLEMENT, &record.id);
        encoded.put(&record.wall_ns.to_le_bytes());
        encoded.put(&[record.outcome as u8, record.flags.bits()]);
        encoded.put(&record.status.to_le_bytes());
        for tokens in [
            record.prompt_tokens,
            record.completion_tokens,
            record.cached_tokens,
            record.reasoning_tokens,
            record.ttft_us,
        ] {
            encoded.put(&tokens.to_le_bytes());
        }
        encoded.put(&record.duration_us.to_le_bytes());
        encoded.put(&record.bytes_sent.to_le_bytes());
        encoded.put(&record.cost_nanos.to_le_bytes());
        encoded
    }
}

/// Reads fields off the front of a record.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(head)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn u8(&mut self) -> Option<u8> {
        self.array().map(u8::from_le_bytes)
    }

    fn u16(&mut self) -> Option<u16> {
        self.array().map(u16::from_le_bytes)
    }

    fn u32(&mut self) -> Option<u32> {
        self.array().map(u32::from_le_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.array().map(u64::from_le_bytes)
    }

    fn name(&mut self) -> Option<Cow<'static, str>> {
        let length = usize::from(self.u8()?);
        let text = std::str::from_utf8(self.take(length)?).ok()?;
        Some(Cow::Owned(text.to_owned()))
    }
}

/// The record in these bytes; `None` when they are no record of this version.
pub(super) fn decode(bytes: &[u8]) -> Option<Record> {
    let mut fields = Fields(bytes);
    let kind = fields.u8()?;
    let id = RecordId {
        instance: fields.u64()?,
        slot: fields.u16()?,
        epoch: fields.u32()?,
        sequence: fields.u64()?,
        attempt: fields.u8()?,
    };
    let record = match kind {
        KIND_START => Record::Start(decode_start(&mut fields, id)?),
        KIND_SETTLEMENT => Record::Settlement(decode_settlement(&mut fields, id)?),
        _ => return None,
    };
    fields.0.is_empty().then_some(record)
}

fn decode_start(fields: &mut Fields<'_>, id: RecordId) -> Option<StartRecord<'static>> {
    // Fields of a struct expression are evaluated in the order they are written: that of the bytes.
    Some(StartRecord {
        id,
        wall_ns: fields.u64()?,
        route: Route::from_u8(fields.u8()?)?,
        level: Level::from_u8(fields.u8()?)?,
        ceiling: Boundary::from_u8(fields.u8()?)?,
        stream: fields.u8()? != 0,
        key: fields.u64()?,
        deployment: fields.u64()?,
        estimated_prompt_tokens: fields.u32()?,
        max_tokens: fields.u32()?,
        model: fields.name()?,
        deployment_name: fields.name()?,
    })
}

fn decode_settlement(fields: &mut Fields<'_>, id: RecordId) -> Option<SettlementRecord> {
    Some(SettlementRecord {
        id,
        wall_ns: fields.u64()?,
        outcome: Outcome::from_u8(fields.u8()?)?,
        flags: SettlementFlags::from_bits(fields.u8()?)?,
        status: fields.u16()?,
        prompt_tokens: fields.u32()?,
        completion_tokens: fields.u32()?,
        cached_tokens: fields.u32()?,
        reasoning_tokens: fields.u32()?,
        ttft_us: fields.u32()?,
        duration_us: fields.u64()?,
        bytes_sent: fields.u64()?,
        cost_nanos: fields.u64()? as i64,
    })
}
