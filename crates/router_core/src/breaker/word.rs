//! The state of a breaker in 64 bits.
//!
//! All that a transition changes stands in one word, so a transition is one compare-and-swap and
//! two processes can never see, or leave behind, half of one. An all-zero word, which is what fresh
//! memory holds, is a closed breaker without history.

/// Where a breaker stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Traffic flows.
    Closed = 0,
    /// No traffic; after `at_ms` one probe may go.
    Open = 1,
    /// One probe is under way; after `at_ms` its lease is over and another may go.
    HalfOpen = 2,
    /// A growing share of traffic flows; after `at_ms` the breaker is closed.
    Ramp = 3,
}

impl Phase {
    /// All phases in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Closed, Self::Open, Self::HalfOpen, Self::Ramp];

    /// The name used in metrics and health pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half_open",
            Self::Ramp => "ramp",
        }
    }
}

/// Largest value of `consecutive`.
pub(super) const MAX_CONSECUTIVE: u32 = (1 << 6) - 1;
/// Largest value of `opens`.
pub(super) const MAX_OPENS: u32 = (1 << 4) - 1;
/// Largest value of `at_ms`: 557 years of uptime.
pub(super) const MAX_AT: u64 = (1 << 44) - 1;

/// The unpacked state.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) phase: Phase,
    /// Openings since the breaker was last closed: the exponent of the backoff.
    pub(super) opens: u32,
    /// Hard failures in a row.
    pub(super) consecutive: u32,
    /// Counts changes of phase, modulo 256: tells the requests of this phase from older ones.
    pub(super) turn: u8,
    /// Monotonic milliseconds; the meaning depends on the phase. In `Closed`: when traffic came
    /// back, 0 if it never left.
    pub(super) at_ms: u64,
}

impl Word {
    pub(super) fn pack(self) -> u64 {
        self.phase as u64
            | u64::from(self.opens.min(MAX_OPENS)) << 2
            | u64::from(self.consecutive.min(MAX_CONSECUTIVE)) << 6
            | u64::from(self.turn) << 12
            | self.at_ms.min(MAX_AT) << 20
    }

    pub(super) fn unpack(word: u64) -> Self {
        Self {
            phase: Phase::ALL[(word & 3) as usize],
            opens: (word >> 2) as u32 & MAX_OPENS,
            consecutive: (word >> 6) as u32 & MAX_CONSECUTIVE,
            turn: (word >> 12) as u8,
            at_ms: word >> 20,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn fresh_memory_is_a_closed_breaker() {
        let word = Word::unpack(0);
        assert_eq!(
            (word.phase, word.opens, word.consecutive),
            (Phase::Closed, 0, 0)
        );
    }

    #[test]
    fn fields_saturate_and_do_not_run_into_each_other() {
        let full = Word {
            phase: Phase::Ramp,
            opens: u32::MAX,
            consecutive: u32::MAX,
            turn: u8::MAX,
            at_ms: u64::MAX,
        };
        assert_eq!(full.pack(), u64::MAX);
    }

    proptest! {
        #[test]
        fn every_word_means_something_and_survives(word: u64) {
            prop_assert_eq!(Word::unpack(word).pack(), word);
        }
    }
}
