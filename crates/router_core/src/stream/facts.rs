//! What is known about an answer so far: plain values for routing, accounting and metrics.

use crate::types::json::{decimal_nanos, Kind, Raw};

/// The longest text kept of an upstream's error, in bytes.
const ERROR_TEXT: usize = 512;

/// Tokens and cost as the upstream reported them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// All prompt tokens, cached ones included.
    pub prompt: u64,
    /// All completion tokens, reasoning included.
    pub completion: u64,
    /// Prompt tokens read from the upstream's cache.
    pub cached: u64,
    /// Completion tokens spent on reasoning.
    pub reasoning: u64,
    /// As reported; the sum of prompt and completion when not.
    pub total: u64,
    /// The price in billionths of a credit (US dollar), where the upstream states one.
    pub cost_nanos: Option<i64>,
}

impl Usage {
    /// Reads a `usage` member; `None` when it is no object or counts nothing. Counts that are no
    /// whole numbers are 0.
    pub(super) fn read(usage: Raw<'_>) -> Option<Self> {
        let mut read = Self::default();
        let mut total = None;
        let mut counted = false;
        for (key, value) in usage.entries() {
            let count = value.as_u64();
            match &*key {
                "prompt_tokens" => read.prompt = count.unwrap_or(0),
                "completion_tokens" => read.completion = count.unwrap_or(0),
                "total_tokens" => total = count,
                "prompt_tokens_details" => {
                    read.cached = value
                        .get("cached_tokens")
                        .and_then(|n| n.as_u64())
                        .unwrap_or(0);
                    continue;
                }
                "completion_tokens_details" => {
                    read.reasoning = value
                        .get("reasoning_tokens")
                        .and_then(|n| n.as_u64())
                        .unwrap_or(0);
                    continue;
                }
                "cost" if value.kind() == Kind::Number => {
                    read.cost_nanos = Some(decimal_nanos(value.bytes()));
                    continue;
                }
                _ => continue,
            }
            counted |= count.is_some();
        }
        read.total = total.unwrap_or(read.prompt.saturating_add(read.completion));
        counted.then_some(read)
    }
}

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
    /// `[DONE]` was seen.
    pub terminal: bool,
    /// Data arrived after `[DONE]`. It is forwarded and not looked at.
    pub after_terminal: bool,
    /// The bytes are no event stream (they start with `{` or `<`). They are held, not forwarded.
    pub not_sse: bool,
    /// An event was larger than allowed. Nothing from it on is forwarded.
    pub too_large: bool,
    /// Events whose data is not JSON.
    pub unreadable: u64,
    /// Events with data, `[DONE]` included.
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
}
