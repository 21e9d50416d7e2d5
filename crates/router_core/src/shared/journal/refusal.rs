//! A request that was answered by the gateway itself.

use super::bytes::{Encoded, Fields, ID_SIZE};
use super::known::{number_of, Known};
use super::record::{RecordId, KIND_REFUSAL};
use crate::types::{Boundary, Level, Refusal, Route};

/// Bytes of a refusal.
const SIZE: usize = ID_SIZE + 42;

/// A request was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefusalRecord {
    /// Which request. Refusals before admission are counted by themselves, since nothing follows them.
    pub id: RecordId,
    /// When, in nanoseconds since the Unix epoch.
    pub wall_ns: u64,
    /// Why.
    pub cause: Known<Refusal>,
    /// The status that the client got; 0 when the refusal was recorded before it was chosen.
    pub status: u16,
    /// Refusals for the same cause since the last record of it that have none of their own.
    pub unrecorded: u32,
    /// The endpoint that the client called, where it is known.
    pub route: Option<Known<Route>>,
    /// How sensitive the content is, where it was read.
    pub level: Option<Known<Level>>,
    /// How far it may have travelled, where that was decided.
    pub ceiling: Option<Known<Boundary>>,
    /// The number of the principal; 0 when it is unknown.
    pub key: u64,
    /// The generation of the configuration; 0 when none was asked.
    pub config: u64,
    /// Position of the model in the plan, counted from 1; 0 when there is none.
    pub model: u32,
    /// Tokens of the prompt, counted or estimated; 0 when they were not.
    pub prompt_tokens: u32,
}

/// A vocabulary that begins with 0, where 0 has to mean none: moved by one.
fn moved<T: super::Numbered>(word: Option<Known<T>>) -> u8 {
    word.map_or(0, |word| word.number().wrapping_add(1))
}

fn moved_back<T: super::Numbered>(number: u8) -> Option<Known<T>> {
    number.checked_sub(1).map(Known::of)
}

impl RefusalRecord {
    pub(super) fn encode(&self) -> Encoded<SIZE> {
        let mut encoded = Encoded::new(KIND_REFUSAL, &self.id);
        encoded.u64(self.wall_ns);
        encoded.u8(number_of(Some(self.cause)));
        encoded.u16(self.status);
        encoded.u32(self.unrecorded);
        encoded.u8(moved(self.route));
        encoded.u8(moved(self.level));
        encoded.u8(moved(self.ceiling));
        encoded.u64(self.key);
        encoded.u64(self.config);
        encoded.u32(self.model);
        encoded.u32(self.prompt_tokens);
        encoded
    }
}

pub(super) fn decode(fields: &mut Fields<'_>, id: RecordId) -> Option<RefusalRecord> {
    Some(RefusalRecord {
        id,
        wall_ns: fields.u64()?,
        cause: Known::of(fields.u8()?),
        status: fields.u16()?,
        unrecorded: fields.u32()?,
        route: moved_back(fields.u8()?),
        level: moved_back(fields.u8()?),
        ceiling: moved_back(fields.u8()?),
        key: fields.u64()?,
        config: fields.u64()?,
        model: fields.u32()?,
        prompt_tokens: fields.u32()?,
    })
}
