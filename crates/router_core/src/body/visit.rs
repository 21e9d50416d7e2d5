//! The hook through which later readers of a body see its text in the same pass.
//!
//! Whoever scans content must scan everything that is forwarded: every string value and every key,
//! each occurrence. Offering them from the one pass that accepted the bytes makes it impossible to
//! scan something else than what is sent, and saves a second pass over megabytes.

use crate::json::{Sink, Span, Text};

/// The top-level members that the gateway reads, by name; everything else is `Other`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Field {
    /// `model`
    Model,
    /// `messages`
    Messages,
    /// `prompt`
    Prompt,
    /// `input`
    Input,
    /// `stream`
    Stream,
    /// `stream_options`
    StreamOptions,
    /// `n`
    N,
    /// `max_tokens`
    MaxTokens,
    /// `max_completion_tokens`
    MaxCompletionTokens,
    /// `max_output_tokens`
    MaxOutputTokens,
    /// `options`
    Options,
    /// `tools`
    Tools,
    /// `functions`
    Functions,
    /// `hybridgw`
    Hybridgw,
    /// `metadata`
    Metadata,
    /// `litellm_metadata`
    LitellmMetadata,
    /// `fallbacks`
    Fallbacks,
    /// Any other member.
    Other,
}

impl Field {
    pub(super) fn named(name: &[u8]) -> Self {
        match name {
            b"model" => Self::Model,
            b"messages" => Self::Messages,
            b"prompt" => Self::Prompt,
            b"input" => Self::Input,
            b"stream" => Self::Stream,
            b"stream_options" => Self::StreamOptions,
            b"n" => Self::N,
            b"max_tokens" => Self::MaxTokens,
            b"max_completion_tokens" => Self::MaxCompletionTokens,
            b"max_output_tokens" => Self::MaxOutputTokens,
            b"options" => Self::Options,
            b"tools" => Self::Tools,
            b"functions" => Self::Functions,
            b"hybridgw" => Self::Hybridgw,
            b"metadata" => Self::Metadata,
            b"litellm_metadata" => Self::LitellmMetadata,
            b"fallbacks" => Self::Fallbacks,
            _ => Self::Other,
        }
    }
}

/// Where in the body a string stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The top-level member that holds it (or whose name it is).
    pub field: Field,
    /// How many objects and arrays are around it; 1 for top-level names and values.
    pub depth: u32,
    /// Whether it is the name of a member rather than a value.
    pub key: bool,
}

/// Sees every string of a body once, in the order of the text.
///
/// `span` lies between the quotes; `escaped` says that the bytes differ from the text they mean.
/// The visitor may have seen strings of a body that is refused later in the pass.
pub trait Visitor {
    /// One string value or key.
    fn string(&mut self, _place: Place, _span: Span, _escaped: bool) {}
}

/// Sees nothing and costs nothing.
pub struct NoVisitor;
impl Visitor for NoVisitor {}

/// Passes the strings inside one top-level member on.
pub(super) struct Forward<'v, V> {
    pub(super) visitor: &'v mut V,
    pub(super) field: Field,
}

impl<V: Visitor> Sink for Forward<'_, V> {
    #[inline]
    fn key(&mut self, text: Text, depth: u32) {
        let place = Place {
            field: self.field,
            depth,
            key: true,
        };
        self.visitor.string(place, text.span, text.escaped);
    }

    #[inline]
    fn string(&mut self, text: Text, depth: u32) {
        let place = Place {
            field: self.field,
            depth,
            key: false,
        };
        self.visitor.string(place, text.span, text.escaped);
    }
}
