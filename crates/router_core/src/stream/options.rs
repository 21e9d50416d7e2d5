//! What a relay is told and what it answers: plain values.

use super::{Shape, MAX_EVENT};

/// What an answer is called where its upstream does not say so.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its part of an id, without a prefix: letters, digits, hyphens.
    pub name: String,
    /// Seconds since 1970.
    pub created: u64,
    /// The model.
    pub model: String,
}

/// How one answer is relayed.
#[derive(Debug, Clone)]
pub struct RelayOptions {
    /// The protocol of the answer.
    pub shape: Shape,
    /// Drop the usage-only event: we asked for it, the client did not. Chat Completions only.
    pub strip_usage: bool,
    /// Used where the upstream leaves something out.
    pub identity: Identity,
    /// The largest event accepted, in bytes, framing included.
    pub max_event: usize,
}

impl Default for RelayOptions {
    fn default() -> Self {
        Self {
            shape: Shape::Chat,
            strip_usage: false,
            identity: Identity::default(),
            max_event: MAX_EVENT,
        }
    }
}

/// What to forward for a chunk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Feed {
    /// The chunk as it is.
    Pass,
    /// These bytes instead of the chunk.
    Replace(Vec<u8>),
    /// Nothing yet.
    Hold,
    /// Nothing any more: an event is larger than allowed.
    TooLarge,
}

/// How an answer stream ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// With its terminal event.
    Done,
    /// Without a terminal event, every choice finished.
    Finished,
    /// In the middle.
    Truncated,
    /// Before any event with data.
    Empty,
    /// It reported an error (whatever came after that).
    Error,
    /// It was no event stream; see [`Relay::take_body`].
    NotSse,
    /// An event was larger than allowed.
    TooLarge,
}

impl End {
    /// The name used in logs and by callers in other languages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Finished => "finished",
            Self::Truncated => "truncated",
            Self::Empty => "empty",
            Self::Error => "error",
            Self::NotSse => "not_sse",
            Self::TooLarge => "too_large",
        }
    }
}
