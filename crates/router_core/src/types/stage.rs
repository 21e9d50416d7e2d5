//! What looks at the candidates of a request, in the order of a decision.

/// A stage of a decision. Numbers are in the journal: never reuse one; 0 is none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Stage {
    /// What the deployment can serve.
    Capability = 1,
    /// The tier that the client asked for.
    Tier = 2,
    /// How far the request may travel.
    Privacy = 3,
    /// Whether the deployment can be called as it is configured.
    Configuration = 4,
    /// What may stand in for the first choice.
    Fallbacks = 5,
    /// Whether the prompt fits.
    Length = 6,
    /// Where the request starts by how hard it looks.
    Complexity = 7,
}

impl Stage {
    /// All stages, in the order of their numbers.
    pub const ALL: [Self; 7] = [
        Self::Capability,
        Self::Tier,
        Self::Privacy,
        Self::Configuration,
        Self::Fallbacks,
        Self::Length,
        Self::Complexity,
    ];

    /// The stage with this number.
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|stage| *stage as u8 == value)
    }

    /// The name used in explanations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Capability => "capability",
            Self::Tier => "tier",
            Self::Privacy => "privacy",
            Self::Configuration => "configuration",
            Self::Fallbacks => "fallbacks",
            Self::Length => "length",
            Self::Complexity => "complexity",
        }
    }
}
