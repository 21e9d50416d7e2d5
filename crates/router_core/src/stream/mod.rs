//! The answer's way back: frame events, observe them, pass the canonical ones on, write the others anew.
//!
//! [`Relay`] is fed chunks as they arrive, and decides per event whether it passes as the bytes that the
//! upstream sent, or what stands in its place; it notes what the gateway accounts by: first content,
//! usage, finish reasons, errors, the terminal event. Writing each event anew would cost several times
//! more and change what a client sees (number spelling, unknown members, key order); passing on whatever
//! comes would hand every freedom of every upstream to clients that fall over it. Looking at chunks
//! without framing them would act on half events, since read boundaries fall anywhere.
//!
//! What an event is differs: server-sent events, with Gemini bare JSON among them, or with Ollama a
//! line; a [`Shape`] knows. What is canonical, each file in `canon` knows for its dialect. Gemini's
//! events are read by the gateway alone, and pass as they are.
//!
//! The same bytes give the same output and the same facts however they were split. Memory is
//! bounded by two of the largest event allowed. Nothing follows a terminal event, or an error.
//!
//! It does no I/O and knows no clock: the caller takes the time when facts change.

mod balance;
mod canon;
mod facts;
mod framer;
mod json;
mod judge;
mod late;
mod observe;
mod options;
mod relay;
mod usage;

pub use facts::{Choices, Facts, FinishReasons, UpstreamError};
pub use json::observe_json;
pub use options::{End, Feed, Identity, RelayOptions};
pub use relay::Relay;
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

    /// Whether it belongs to the family of Chat Completions: its stream ends with `[DONE]`, and has a
    /// usage event that comes on demand.
    fn is_chat(self) -> bool {
        matches!(self, Self::Chat | Self::Completions | Self::Embeddings)
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
