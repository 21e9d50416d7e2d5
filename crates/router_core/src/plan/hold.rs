//! How long an answer is held back before it is judged and goes to the client.

/// The end of a hold, and what is asked of an answer then.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Hold {
    /// When it ends.
    pub until: Until,
    /// Fewer completion tokens than these make a whole answer too short; 0: any number will do.
    pub least_tokens: u64,
}

/// When a hold ends. The end of the answer ends every hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Until {
    /// With the first content: nothing is judged, and only a failure before it goes elsewhere.
    #[default]
    FirstContent,
    /// When this many events with data have arrived, of which engines send one a token.
    Tokens(u32),
    /// So many milliseconds after the attempt was sent, and not before the first content.
    TimeMs(u32),
    /// Never before the end.
    Whole,
}
