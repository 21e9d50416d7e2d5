//! Why a request cannot be decided: a stable code, the field at fault, a sentence for a person.
//!
//! Codes are what callers act on; nobody parses messages. The HTTP status that a code becomes is
//! chosen outside of this crate, in one place.

use crate::types::{Boundary, Level};

/// A request that cannot be served, said in terms that a client understands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecideError {
    /// Stable, lower-case, snake_case: `invalid_json`, `model_not_found`, `all_unavailable`…
    pub code: &'static str,
    /// The body field or header at fault; empty when none is.
    pub field: String,
    /// One sentence for a person.
    pub message: String,
    /// When trying again may succeed; 0 when the gateway cannot tell.
    pub retry_after_ms: u64,
    /// How sensitive the request is, where that is why.
    pub level: Option<Level>,
    /// The kinds that made it so.
    pub kinds: Vec<&'static str>,
    /// What was known of the request, where it was read: for the journal.
    pub refused: Option<Box<Refused>>,
}

/// A request that was read and refused, in numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// Its number within the worker's epoch.
    pub sequence: u64,
    /// How sensitive it is.
    pub level: Level,
    /// How far it may travel.
    pub ceiling: Boundary,
    /// The generation of the configuration.
    pub config: u64,
    /// Position of the model in the plan.
    pub model: u32,
    /// Tokens of the prompt, counted or estimated.
    pub prompt_tokens: u32,
}

impl DecideError {
    /// An error about one field.
    pub fn new(code: &'static str, field: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            code,
            field: field.into(),
            message: message.into(),
            retry_after_ms: 0,
            level: None,
            kinds: Vec::new(),
            refused: None,
        }
    }

    /// The same error with a hint when a retry may succeed.
    #[must_use]
    pub fn retry_after(mut self, milliseconds: u64) -> Self {
        self.retry_after_ms = milliseconds;
        self
    }
}

impl std::fmt::Display for DecideError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for DecideError {}
