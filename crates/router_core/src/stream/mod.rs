//! The answer's way back: frame events, observe them, mend them, pass the bytes on.
//!
//! An answer stream is forwarded as the bytes that the upstream sent. [`Relay`] is fed chunks as
//! they arrive, decides per event whether it passes, is dropped or is replaced, and notes what the
//! gateway accounts by: first content, usage, finish reasons, errors, the terminal event. Parsing
//! each event into an object and writing it again would cost several times more and change what a
//! client sees (number spelling, unknown members, key order); looking at chunks without framing
//! them would act on half events, since read boundaries fall anywhere.
//!
//! The same bytes give the same output and the same facts however they were split. Memory is
//! bounded by the largest event allowed. With no repairs and no usage to strip the output is
//! identical to the input, except for an unfinished last event, which is completed when it is
//! whole JSON and dropped when it is not.
//!
//! It does no I/O and knows no clock: the caller takes the time when facts change.

mod facts;
mod framer;
mod json;
mod judge;
mod observe;
mod options;
mod relay;
mod repair;

pub use facts::{Choices, Facts, FinishReasons, UpstreamError, Usage};
pub use json::{observe_json, repair_json};
pub use options::{End, Feed, RelayOptions};
pub use relay::Relay;
pub use repair::Repairs;

/// The protocol of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Shape {
    /// `chat.completion` and its chunks.
    Chat = 0,
    /// `text_completion`.
    Completions = 1,
    /// A list of embeddings; never streamed.
    Embeddings = 2,
}

impl Shape {
    /// The shape with this number (the number of the route that is answered).
    pub fn from_u8(value: u8) -> Option<Self> {
        [Self::Chat, Self::Completions, Self::Embeddings]
            .get(usize::from(value))
            .copied()
    }
}

/// The largest event accepted unless configured otherwise: 16 MiB, for images and audio in deltas.
pub const MAX_EVENT: usize = 16 << 20;

#[cfg(test)]
mod tests;
