//! What all workers of a host know together about one deployment.
//!
//! The words are plain memory: the breaker's meaning of its words lives in `breaker`, which works on
//! them by compare-and-swap. Kept here are the facts that have no state machine: how long the first
//! token takes, and how many tokens went through in this minute.

use std::sync::atomic::{AtomicU64, Ordering};

use super::cas::update;
use super::load::EngineLoad;
use crate::types::Now;

/// Buckets of the breaker's sliding window.
pub const WINDOW_BUCKETS: usize = 12;

/// Classes of script for which a deployment's token counts are compared.
pub const SCRIPTS: usize = 8;

/// The identity of a slot whose former holder is being erased. A housekeeper that dies meanwhile
/// leaves it behind, and the next one reuses the slot.
pub(super) const ERASING: u64 = u64::MAX;

/// The moving average of the time to first token halves in this time without news.
const TTFT_HALF_LIFE_MS: f64 = 10_000.0;
/// Stamps of the average count in units of 16 ms: 32 bits of them last two years, and differences
/// are taken modulo that.
const STAMP_SHIFT: u32 = 4;

/// How many members can be noted as refused.
pub const REFUSED_BITS: u32 = 40;
const REFUSED_MASK: u64 = (1 << REFUSED_BITS) - 1;
const LEARNT_MINUTES: u64 = 60;
/// In the word of limits: no Responses.
const LACKS_RESPONSES: u64 = 1 << (REFUSED_BITS - 1);
const INPUTS_MASK: u64 = LACKS_RESPONSES - 1;

const NANOSECONDS_PER_MINUTE: u64 = 60_000_000_000;

/// One deployment's words. Fields are `AtomicU64` only: `map` relies on it.
#[repr(C, align(64))]
#[derive(Default)]
pub struct DeploymentWords {
    // First line: read by every decision, written at transitions.
    pub(super) identity: AtomicU64,
    pub(super) last_generation: AtomicU64,
    /// The packed state of the breaker.
    pub breaker: AtomicU64,
    /// The upstream asked for quiet until this time (monotonic milliseconds); only ever raised.
    pub cool_until_ms: AtomicU64,
    /// The credential is disabled until this time (monotonic milliseconds); only ever raised.
    pub credential_until_ms: AtomicU64,
    /// What the engine says of itself; the housekeeper writes it.
    load: AtomicU64,
    /// A request whose credential was refused; its meaning lives in `breaker`. 0: none since a success.
    pub credential_mark: AtomicU64,
    /// When the upstream last did not know what it is configured for (monotonic milliseconds). 0: not
    /// since a success.
    pub misfit_ms: AtomicU64,
    // From here on: written by every attempt.
    /// The sliding window of the breaker: each word packs {bucket number, successes, failures}.
    pub window: [AtomicU64; WINDOW_BUCKETS],
    /// {value in microseconds, stamp}; 0 is unknown.
    ttft: AtomicU64,
    /// {minute, tokens}.
    tokens: AtomicU64,
    /// How far the reported token counts are from ours: two words per class of script, whose
    /// meaning lives in `tokens`.
    pub calibration: [[AtomicU64; 2]; SCRIPTS],
    /// {minute until which it holds, members that the upstream refused}; 0 is none.
    refused: AtomicU64,
    /// {minute until which it holds, whether the upstream lacks Responses, inputs that it takes at once};
    /// 0 is nothing learnt.
    limits: AtomicU64,
}

impl DeploymentWords {
    /// The identity that holds the slot; 0 when it is free.
    pub fn identity(&self) -> u64 {
        self.identity.load(Ordering::Acquire)
    }

    /// Whether the slot has a holder (and is not being erased).
    pub(super) fn held(&self) -> bool {
        !matches!(self.identity(), 0 | ERASING)
    }

    /// The newest generation that named this deployment.
    pub fn last_generation(&self) -> u64 {
        self.last_generation.load(Ordering::Acquire)
    }

    /// The moving average of the time to first token in microseconds; 0 when unknown.
    ///
    /// It fades while nobody looks: a deployment that was slow a minute ago is worth another try,
    /// and one answer is enough to learn that it is still slow.
    pub fn ttft_us(&self, now: Now) -> u64 {
        match self.ttft.load(Ordering::Relaxed) {
            0 => 0,
            word => faded(word, now).0.max(1.0) as u64,
        }
    }

    /// One answer's first token took this long. The average rises at once and falls slowly:
    /// believing bad news early costs little, believing good news early sends a herd.
    pub fn observe_ttft(&self, microseconds: u64, now: Now) {
        let sample = microseconds.clamp(1, u64::from(u32::MAX)) as f64;
        let _ = update(&self.ttft, |word| {
            let value = match word {
                0 => sample,
                _ => {
                    let (value, weight) = faded(word, now);
                    if sample >= value {
                        sample
                    } else {
                        value * weight + sample * (1.0 - weight)
                    }
                }
            };
            Some((value as u64).clamp(1, u64::from(u32::MAX)) << 32 | u64::from(stamp(now)))
        });
    }

    /// Tokens (prompt and completion) that went through in the current minute.
    pub fn tokens_this_minute(&self, now: Now) -> u64 {
        let word = self.tokens.load(Ordering::Relaxed);
        if word >> 32 == minute(now) {
            word & u64::from(u32::MAX)
        } else {
            0
        }
    }

    /// Adds tokens to the current minute; the count saturates at 2^32 - 1.
    pub fn add_tokens(&self, tokens: u64, now: Now) {
        let minute = minute(now);
        let _ = update(&self.tokens, |word| {
            let before = if word >> 32 == minute {
                word & u64::from(u32::MAX)
            } else {
                0
            };
            let after = before.saturating_add(tokens).min(u64::from(u32::MAX));
            Some(minute << 32 | after)
        });
    }

    /// Members, one bit each, that the upstream refuses. Which bit is which is known to the caller.
    ///
    /// It holds for an hour: engines are updated, and one refused request more in an hour costs little.
    pub fn refused(&self, now: Now) -> u64 {
        let word = self.refused.load(Ordering::Relaxed);
        holding(word, now)
    }

    /// Adds members to those that the upstream refuses. Bits beyond [`REFUSED_BITS`] are ignored.
    pub fn refuse(&self, members: u64, now: Now) {
        let known = self.refused(now);
        let until = learnt_until(now);
        let _ = update(&self.refused, |_| {
            Some(until | known | (members & REFUSED_MASK))
        });
    }

    /// How many inputs of one request for embeddings the upstream takes; 0 when that was not learnt. It
    /// holds as long as what is refused.
    pub fn most_inputs(&self, now: Now) -> u64 {
        holding(self.limits.load(Ordering::Relaxed), now) & INPUTS_MASK
    }

    /// Whether the upstream turned out to have no Responses. It holds as long as what is refused.
    pub fn lacks_responses(&self, now: Now) -> bool {
        holding(self.limits.load(Ordering::Relaxed), now) & LACKS_RESPONSES != 0
    }

    /// The upstream takes no more inputs at once than this (0: nothing new), or has no Responses.
    pub fn learn_limits(&self, most_inputs: u64, lacks_responses: bool, now: Now) {
        let until = learnt_until(now);
        let _ = update(&self.limits, |word| {
            let mut known = holding(word, now);
            if most_inputs > 0 {
                known = known & LACKS_RESPONSES | most_inputs.min(INPUTS_MASK);
            }
            if lacks_responses {
                known |= LACKS_RESPONSES;
            }
            Some(until | known)
        });
    }

    /// What the engine said of its load, as long as that holds.
    pub fn load(&self, now: Now) -> Option<EngineLoad> {
        EngineLoad::of(self.load.load(Ordering::Relaxed), now)
    }

    /// The engine says this of its load; it holds for `holds_ms`.
    pub fn report_load(&self, load: EngineLoad, holds_ms: u64, now: Now) {
        self.load.store(load.word(holds_ms, now), Ordering::Relaxed);
    }

    /// Forgets everything about the former holder of the slot, except who it was.
    pub(super) fn reset(&self) {
        let words = [
            &self.breaker,
            &self.cool_until_ms,
            &self.credential_until_ms,
            &self.last_generation,
            &self.ttft,
            &self.tokens,
            &self.load,
            &self.credential_mark,
            &self.misfit_ms,
            &self.refused,
            &self.limits,
        ];
        words
            .into_iter()
            .chain(&self.window)
            .chain(self.calibration.as_flattened())
            .for_each(|word| word.store(0, Ordering::Relaxed));
    }
}

/// What a word holds that was learnt, unless its time is over.
fn holding(word: u64, now: Now) -> u64 {
    if learnt_minute(now, 0) <= word >> REFUSED_BITS {
        word & REFUSED_MASK
    } else {
        0
    }
}

/// How long what is learnt now holds, at its place in a word.
fn learnt_until(now: Now) -> u64 {
    learnt_minute(now, LEARNT_MINUTES) << REFUSED_BITS
}

/// A minute of the host's clock in the bits that are left beside the rest; they last 30 years.
fn learnt_minute(now: Now, later: u64) -> u64 {
    (now.mono_ns / NANOSECONDS_PER_MINUTE + later) & 0xff_ffff
}

fn minute(now: Now) -> u64 {
    (now.mono_ns / NANOSECONDS_PER_MINUTE) & u64::from(u32::MAX)
}

fn stamp(now: Now) -> u32 {
    (now.mono_ms() >> STAMP_SHIFT) as u32
}

/// The average as it stands now, and the weight that the past still has.
fn faded(word: u64, now: Now) -> (f64, f64) {
    // A stamp from the future (another process read its clock a moment later) has no age.
    let age = (stamp(now).wrapping_sub(word as u32) as i32).max(0);
    let weight = (-f64::from(age) * f64::from(1 << STAMP_SHIFT) / TTFT_HALF_LIFE_MS).exp2();
    ((word >> 32) as f64 * weight, weight)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn at(ms: u64) -> Now {
        Now {
            mono_ns: ms * 1_000_000,
            wall_ns: 0,
        }
    }

    #[test]
    fn the_average_is_unknown_then_rises_at_once_then_fades() {
        let words = DeploymentWords::default();
        assert_eq!(words.ttft_us(at(1_000)), 0);
        words.observe_ttft(200_000, at(1_600));
        assert_eq!(words.ttft_us(at(1_600)), 200_000);
        words.observe_ttft(800_000, at(1_600));
        assert_eq!(words.ttft_us(at(1_600)), 800_000);
        let later = words.ttft_us(at(11_600));
        assert!(
            (399_000..=401_000).contains(&later),
            "half after ten seconds, got {later}"
        );
        words.observe_ttft(100_000, at(11_600));
        let mixed = words.ttft_us(at(11_600));
        assert!(
            (249_000..=251_000).contains(&mixed),
            "half way to the news, got {mixed}"
        );
        assert_eq!(words.ttft_us(at(10_000_000)), 1, "faded, but known");
    }

    #[test]
    fn tokens_count_within_their_minute() {
        let words = DeploymentWords::default();
        words.add_tokens(40, at(59_000));
        words.add_tokens(2, at(59_999));
        assert_eq!(words.tokens_this_minute(at(59_999)), 42);
        assert_eq!(words.tokens_this_minute(at(60_000)), 0);
        words.add_tokens(u64::MAX, at(60_000));
        words.add_tokens(u64::MAX, at(60_000));
        assert_eq!(words.tokens_this_minute(at(60_001)), u64::from(u32::MAX));
    }

    #[test]
    fn what_is_refused_is_known_for_an_hour() {
        let words = DeploymentWords::default();
        let hour = 3_600_000;
        assert_eq!(words.refused(at(0)), 0);
        words.refuse(0b01, at(0));
        words.refuse(0b10 | 1 << 63, at(hour / 2));
        assert_eq!(words.refused(at(hour)), 0b11, "news keep all of it");
        assert_eq!(words.refused(at(2 * hour)), 0);
        words.refuse(0b100, at(2 * hour));
        assert_eq!(words.refused(at(2 * hour)), 0b100);
    }

    #[test]
    fn limits_are_known_for_an_hour_each_beside_the_other() {
        let words = DeploymentWords::default();
        let hour = 3_600_000;
        assert_eq!(
            (words.most_inputs(at(0)), words.lacks_responses(at(0))),
            (0, false)
        );
        words.learn_limits(96, false, at(0));
        words.learn_limits(0, true, at(hour / 2));
        assert_eq!(words.most_inputs(at(hour)), 96);
        assert!(words.lacks_responses(at(hour)));
        words.learn_limits(u64::MAX, false, at(hour));
        assert_eq!(words.most_inputs(at(hour)), INPUTS_MASK);
        assert!(
            words.lacks_responses(at(hour)),
            "another fact does not end this one"
        );
        assert_eq!(words.most_inputs(at(3 * hour)), 0);
        assert!(!words.lacks_responses(at(3 * hour)));
    }

    proptest! {
        #[test]
        fn the_average_never_exceeds_the_largest_sample(
            samples in prop::collection::vec((0_u64..10_000_000, 0_u64..30_000), 1..40),
            start in 0_u64..u64::MAX / 4_000_000,
        ) {
            let words = DeploymentWords::default();
            let (mut time, mut largest) = (start, 1);
            for (sample, step) in samples {
                time += step;
                largest = largest.max(sample);
                words.observe_ttft(sample, at(time));
                let value = words.ttft_us(at(time));
                prop_assert!(value >= 1 && value <= largest);
            }
        }
    }
}
