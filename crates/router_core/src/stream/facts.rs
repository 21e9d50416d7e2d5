//! What is known about an answer so far: plain values for routing, accounting and metrics.

use super::usage::{Beside, Usage};

/// The longest text kept of an upstream's error, in bytes.
const ERROR_TEXT: usize = 512;

/// An error inside an answer, in the upstream's words. Each text is cut at 512 bytes.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UpstreamError {
    /// What a person may read.
    pub message: String,
    /// The upstream's `type`, or empty.
    pub kind: String,
    /// The upstream's `code` as text, or empty.
    pub code: String,
}

impl UpstreamError {
    pub(super) fn new(message: &str, kind: &str, code: &str) -> Self {
        Self {
            message: cut(message),
            kind: cut(kind),
            code: cut(code),
        }
    }
}

fn cut(text: &str) -> String {
    let mut end = text.len().min(ERROR_TEXT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    text[..end].to_owned()
}

/// A set of choice indexes as bits; indexes from 127 on share the last one.
pub(super) fn bit(index: u64) -> u128 {
    1 << index.min(127)
}

/// Which choices an answer has, and which of them are finished.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Choices {
    pub(super) seen: u128,
    pub(super) finished: u128,
}

impl Choices {
    /// How many different choices were seen.
    pub fn seen(&self) -> u32 {
        self.seen.count_ones()
    }

    /// Whether there was a choice and every choice seen got a finish reason.
    pub fn all_finished(&self) -> bool {
        self.seen != 0 && self.seen & !self.finished == 0
    }

    /// A choice went on after it had finished.
    pub(super) fn go_on(&mut self, index: u64) {
        self.finished &= !bit(index);
    }

    pub(super) fn finish(&mut self, index: u64) {
        self.seen |= bit(index);
        self.finished |= bit(index);
    }
}

/// Which finish reasons were given, over all choices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FinishReasons(u8);

impl FinishReasons {
    /// `stop`
    pub const STOP: Self = Self(1);
    /// `length`
    pub const LENGTH: Self = Self(2);
    /// `tool_calls`
    pub const TOOL_CALLS: Self = Self(4);
    /// `content_filter`
    pub const CONTENT_FILTER: Self = Self(8);
    /// `function_call`
    pub const FUNCTION_CALL: Self = Self(16);
    /// `error`
    pub const ERROR: Self = Self(32);
    /// Any other.
    pub const OTHER: Self = Self(64);

    /// Whether `reason` was given.
    pub fn contains(self, reason: Self) -> bool {
        self.0 & reason.0 == reason.0
    }

    /// Whether none was given.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The reasons of both.
    pub fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    pub(super) fn add(&mut self, reason: Self) {
        self.0 |= reason.0;
    }

    pub(super) fn named(text: &str) -> Self {
        match text {
            "stop" => Self::STOP,
            "length" => Self::LENGTH,
            "tool_calls" => Self::TOOL_CALLS,
            "content_filter" => Self::CONTENT_FILTER,
            "function_call" => Self::FUNCTION_CALL,
            "error" => Self::ERROR,
            _ => Self::OTHER,
        }
    }
}

/// Everything observed of one answer.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Facts {
    /// Something that a client would show or act on was in the answer: text, reasoning, a tool
    /// call. Role-only deltas, empty deltas and comments do not count. An event that cannot be
    /// read does: it may have been content, and falling back after content is never right.
    pub content: bool,
    /// The event was seen that ends an answer: `[DONE]`, `message_stop`, `response.completed` or
    /// `response.incomplete`, a line with `"done":true`. Gemini has none.
    pub terminal: bool,
    /// Data arrived after the terminal event. It is forwarded and not looked at.
    pub after_terminal: bool,
    /// The bytes are no stream of this shape (events do not start with `{` or `<`, lines of JSON with
    /// nothing but `{`). They are held, not forwarded.
    pub not_sse: bool,
    /// An event was larger than allowed. Nothing from it on is forwarded.
    pub too_large: bool,
    /// Events whose data is not JSON.
    pub unreadable: u64,
    /// Events with data, the terminal one included.
    pub events: u64,
    /// Bytes received.
    pub bytes: u64,
    /// The last usage reported.
    pub usage: Option<Usage>,
    /// The first error reported.
    pub error: Option<UpstreamError>,
    /// Choices seen and finished.
    pub choices: Choices,
    /// Finish reasons seen.
    pub reasons: FinishReasons,
    /// What Messages counts, event by event.
    pub(super) beside: Beside,
}
