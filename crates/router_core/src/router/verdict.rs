//! Whether an answer that is held back is good enough, from what its relay has seen of it.
//!
//! A pure function of facts, so that the same answer gets the same verdict wherever it is asked for.
//! Verdicts are ordered: of two answers that are not good enough the one with the higher verdict is
//! the better one.

use super::observed::Seen;
use crate::plan::Hold;
use crate::stream::FinishReasons;

/// What an answer is worth, the worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Verdict {
    /// Nothing in it that a client would show.
    Empty = 0,
    /// The upstream's content filter ended it.
    Filtered = 1,
    /// It ends where its limit of tokens does.
    Cut = 2,
    /// Complete, and shorter than it has to be.
    Short = 3,
    /// Nothing speaks against it.
    Good = 4,
}

impl Verdict {
    /// All verdicts in the order of their numbers.
    pub const ALL: [Self; 5] = [
        Self::Empty,
        Self::Filtered,
        Self::Cut,
        Self::Short,
        Self::Good,
    ];

    /// The verdict with this number.
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }

    /// The name that both languages use.
    pub fn name(self) -> &'static str {
        match self {
            Self::Empty => "empty",
            Self::Filtered => "filtered",
            Self::Cut => "cut",
            Self::Short => "short",
            Self::Good => "good",
        }
    }

    /// The verdict on what was seen until the end of its hold.
    pub(super) fn of(seen: &Seen, hold: &Hold) -> Self {
        let short = || {
            seen.complete
                && seen
                    .usage
                    .is_some_and(|usage| usage.completion < hold.least_tokens)
        };
        if seen.reasons.contains(FinishReasons::CONTENT_FILTER) {
            Self::Filtered
        } else if !seen.content {
            Self::Empty
        } else if seen.reasons.contains(FinishReasons::LENGTH) {
            Self::Cut
        } else if short() {
            Self::Short
        } else {
            Self::Good
        }
    }
}
