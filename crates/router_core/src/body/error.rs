//! Why a body is refused: always the client's fault, always a 400.

use crate::error::DecideError;
use crate::json::{Fault, What};

/// A body that the gateway does not forward.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BodyError {
    /// `invalid_json`, `invalid_utf8`, `duplicate_key`, `ambiguous_key`, `too_deep`,
    /// `too_many_members`, `wrong_type`, `invalid_value` or `missing_field`.
    pub code: &'static str,
    /// The member at fault (`stream_options.include_usage`); empty when the text itself is.
    pub field: String,
    /// Offset of the byte at fault in the body.
    pub offset: usize,
    /// One sentence for a person; holds no content of the body beyond a member's name.
    pub message: String,
}

impl BodyError {
    pub(super) fn new(
        code: &'static str,
        field: impl Into<String>,
        offset: usize,
        message: impl Into<String>,
    ) -> Self {
        Self {
            code,
            field: field.into(),
            offset,
            message: message.into(),
        }
    }

    pub(super) fn wrong_type(field: &str, offset: usize, wanted: &str, found: &str) -> Self {
        Self::new(
            "wrong_type",
            field,
            offset,
            format!("`{field}` must be {wanted}, not {found}"),
        )
    }

    pub(super) fn missing(field: &str) -> Self {
        Self::new("missing_field", field, 0, format!("`{field}` is required"))
    }
}

impl From<Fault> for BodyError {
    fn from(fault: Fault) -> Self {
        let code = if fault.what == What::Deep {
            "too_deep"
        } else {
            "invalid_json"
        };
        let message = format!("{} at byte {}", fault.what.text(), fault.at);
        Self::new(code, "", fault.at, message)
    }
}

impl From<BodyError> for DecideError {
    fn from(error: BodyError) -> Self {
        Self::new(error.code, error.field, error.message)
    }
}

impl std::fmt::Display for BodyError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}: {}", self.code, self.message)
    }
}

impl std::error::Error for BodyError {}
