//! The answer's way back: frame events, observe them, mend them, pass the bytes on.
//!
//! An answer stream is forwarded as the bytes that the upstream sent. [`Relay`] is fed chunks as
//! they arrive, decides per event whether it passes, is dropped or is replaced, and notes what the
//! gateway accounts by: first content, usage, finish reasons, errors, the terminal event. Parsing
//! each event into an object and writing it again would cost several times more and change what a
//! client sees (number spelling, unknown members, key order); looking at chunks without framing
//! them would act on half events, since read boundaries fall anywhere.
//!
//! What an event is differs: server-sent events, with Gemini bare JSON among them, or with Ollama a
//! line; a [`Shape`] knows. Repairs and the usage event that is stripped belong to Chat Completions and
//! its relatives; whatever is asked for, they do nothing to other shapes.
//!
//! The same bytes give the same output and the same facts however they were split. Memory is
//! bounded by two of the largest event allowed. With no repairs and no usage to strip the output is
//! identical to the input, except for an unfinished last event, which is completed when it is
//! whole JSON and dropped when it is not, and for bare JSON, which becomes an event.
//!
//! It does no I/O and knows no clock: the caller takes the time when facts change.

mod balance;
mod facts;
mod framer;
mod heads;
mod json;
mod judge;
mod late;
mod observe;
mod options;
mod relay;
mod repair;
mod usage;

pub use facts::{Choices, Facts, FinishReasons, UpstreamError};
pub use json::{observe_json, repair_json};
pub use options::{End, Feed, RelayOptions};
pub use relay::Relay;
pub use repair::Repairs;
pub use usage::Usage;

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
    /// A `response` and its events.
    Responses = 3,
    /// A `message` and its events.
    Messages = 4,
    /// Ollama's `/api/chat` and `/api/generate`: a JSON object a line.
    Ollama = 5,
    /// Gemini's `GenerateContentResponse`, one or many.
    Gemini = 6,
}

impl Shape {
    /// All shapes in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Chat,
        Self::Completions,
        Self::Embeddings,
        Self::Responses,
        Self::Messages,
        Self::Ollama,
        Self::Gemini,
    ];

    /// The shape with this number.
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }

    /// Whether it belongs to the family of Chat Completions: its stream ends with `[DONE]`, its backends
    /// have repairs and a usage event that comes on demand.
    fn is_chat(self) -> bool {
        matches!(self, Self::Chat | Self::Completions | Self::Embeddings)
    }

    /// Those of `repairs` that concern this shape.
    fn mendable(self, repairs: Repairs) -> Repairs {
        if self.is_chat() {
            repairs
        } else {
            Repairs::NONE
        }
    }

    /// The name that both languages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::Ollama => "ollama",
            Self::Gemini => "gemini",
        }
    }
}

/// The largest event accepted unless configured otherwise: 16 MiB, for images and audio in deltas.
pub const MAX_EVENT: usize = 16 << 20;

#[cfg(test)]
mod tests;
