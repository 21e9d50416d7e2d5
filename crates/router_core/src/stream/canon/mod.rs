//! The strict writer: whatever an upstream sends, what leaves is canonical in its dialect.
//!
//! Upstreams take freedoms that clients fall over: a call without an index, a block that nobody
//! began, a reason to finish in every chunk. Each file here knows what the events of one dialect look
//! like and in which order they come. An event that is as it should be is only noted; any other one is
//! written anew from what it says, with what has to stand before it. What is observed (`observe`)
//! decides in the same pass whether an event is plain, so that the usual one is not read twice.
//!
//! It never drops what a client would show, and never guesses at content: an event that cannot be told
//! in the dialect is unreadable, which ends the stream as a failure.

mod calls;
mod chat;
mod document;
pub(super) mod members;
mod messages;
mod ollama;
mod responses;

use super::facts::Facts;
use super::observe::Plain;
use super::options::Identity;
use super::Shape;
use crate::json::Raw;

pub(super) use calls::Continued;
pub(super) use chat::{finish_reason, is_reason, Chat};
pub(super) use members::{unnamed, value};

/// What is written for one event.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Said {
    /// The event as it is.
    Same,
    /// These events, of which there may be none.
    Events(Vec<u8>),
    /// Nothing: it cannot be told.
    Unreadable,
}

/// One event as a dialect's writer sees it.
#[derive(Clone, Copy)]
pub(super) struct Given<'a> {
    /// The object that it is.
    pub(super) data: Raw<'a>,
    pub(super) name: Option<&'a [u8]>,
    /// Its bytes are framed as the dialect frames them.
    pub(super) framed: bool,
}

/// Whether an event is one of another protocol: such a stream is the answer of a backend that does not
/// speak this one, and no sign of life. `kind`: its type, or else its name.
fn is_foreign(event: &members::Members<'_>, kind: Option<&str>, shape: Shape) -> bool {
    match kind {
        None => {
            let members = ["choices", "candidates"];
            !shape.is_chat() && members.iter().any(|member| event.get(member).is_some())
                || shape.is_chat() && event.get("candidates").is_some()
        }
        Some(kind) => {
            let responses = kind.starts_with("response.");
            let messages = kind.starts_with("message_") || kind.starts_with("content_block_");
            responses && shape != Shape::Responses || messages && shape != Shape::Messages
        }
    }
}

/// The writer of one stream.
pub(super) enum Canon {
    /// Chat Completions and legacy completions.
    Chat(Box<Chat>),
    Messages(Box<messages::Messages>),
    Responses(Box<responses::Responses>),
    Ollama(Box<ollama::Ollama>),
    /// Nobody is passed these as they come.
    None,
}

impl Canon {
    pub(super) fn new(shape: Shape, identity: &Identity) -> Self {
        let identity = || identity.clone();
        match shape {
            Shape::Chat | Shape::Completions => Self::Chat(Box::new(Chat::new(shape, identity()))),
            Shape::Messages => Self::Messages(Box::new(messages::Messages::new(identity()))),
            Shape::Responses => Self::Responses(Box::new(responses::Responses::new(identity()))),
            Shape::Ollama => Self::Ollama(Box::new(ollama::Ollama::new(identity()))),
            Shape::Gemini | Shape::Embeddings => Self::None,
        }
    }

    /// What is written for an event that reports no error.
    pub(super) fn take(&mut self, given: &Given<'_>, facts: &mut Facts) -> Said {
        match self {
            Self::Chat(chat) => chat.take(given, facts),
            Self::Messages(messages) => messages.take(given),
            Self::Responses(responses) => responses.take(given),
            Self::Ollama(ollama) => ollama.take(given),
            Self::None => Said::Same,
        }
    }

    /// What is written for an event that reports an error.
    pub(super) fn error(&mut self, given: &Given<'_>) -> Said {
        match self {
            Self::Chat(_) => chat::error(given),
            Self::Messages(_) => messages::error(given),
            Self::Responses(responses) => responses.error(given),
            Self::Ollama(_) => ollama::error(given),
            Self::None => Said::Same,
        }
    }

    /// Notes an event that is plain.
    #[inline]
    pub(super) fn note(&mut self, plain: &Plain) {
        match self {
            Self::Chat(chat) => chat.note(plain),
            Self::Responses(responses) => responses.note(),
            _ => {}
        }
    }

    /// What waits, when the stream fails.
    pub(super) fn give_up(&mut self) -> Vec<u8> {
        match self {
            Self::Chat(chat) => chat.give_up(),
            _ => Vec::new(),
        }
    }

    /// What is due before the mark of a complete answer, or where the mark is missing, with it.
    pub(super) fn close(&mut self) -> Vec<u8> {
        match self {
            Self::Chat(chat) => chat.close(),
            Self::Messages(messages) => messages.close(),
            _ => Vec::new(),
        }
    }
}
