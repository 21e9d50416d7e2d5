//! What bounds how far a request may travel.

/// The source of a bound. Numbers are in the journal: never reuse one; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum BoundSource {
    /// The ceiling of the principal.
    Key = 1,
    /// What the scan found in the content.
    Content = 2,
    /// What the client said.
    Hint = 3,
    /// The stored conversation that the request goes on with.
    Conversation = 4,
    /// A rule of the configuration.
    Rule = 5,
}

impl BoundSource {
    /// All sources in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Key,
        Self::Content,
        Self::Hint,
        Self::Conversation,
        Self::Rule,
    ];

    /// The source with this number.
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|source| *source as u8 == value)
    }

    /// The name used in journals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Key => "key",
            Self::Content => "content",
            Self::Hint => "hint",
            Self::Conversation => "conversation",
            Self::Rule => "rule",
        }
    }
}
