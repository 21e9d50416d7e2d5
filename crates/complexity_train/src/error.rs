//! Why nothing was learned, in a word for programs and a sentence for people.

/// Why nothing was learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainError {
    /// Stable: `too_few`, `no_gap`, `no_groups`, `bad_options`.
    pub code: &'static str,
    /// One sentence for a person.
    pub message: String,
}

impl TrainError {
    pub(crate) fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

impl std::fmt::Display for TrainError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for TrainError {}
