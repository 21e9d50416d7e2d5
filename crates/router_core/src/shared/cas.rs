//! Compare-and-swap with a bound.
//!
//! Each lost round means that another process won one, so the loop makes progress as a whole; the
//! bound keeps a single caller from spinning for ever on a word that others hammer. What a caller
//! does on the rare defeat is its own choice: a sample may be dropped, a permit may be refused.

use std::sync::atomic::{AtomicU64, Ordering};

/// Rounds that one caller may lose before it gives up.
pub const MAX_TRIES: u32 = 64;

/// Replaces the value of `word` by `next(value)`.
///
/// `Ok((before, after))` when `next` returned a value and the swap succeeded, or when the value
/// need not change (no store happens then). `Err(before)` when `next` returned `None` or all rounds were lost.
pub fn update(
    word: &AtomicU64,
    mut next: impl FnMut(u64) -> Option<u64>,
) -> Result<(u64, u64), u64> {
    let mut before = word.load(Ordering::Acquire);
    for _ in 0..MAX_TRIES {
        let Some(after) = next(before) else {
            return Err(before);
        };
        if after == before {
            return Ok((before, after));
        }
        match word.compare_exchange_weak(before, after, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => return Ok((before, after)),
            Err(actual) => before = actual,
        }
    }
    Err(before)
}

/// Subtracts one, but never below zero: a worker that was wrongly judged dead must not turn a
/// counter that was reset meanwhile into a huge number.
pub(super) fn decrement(word: &AtomicU64) {
    let _ = word.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |value| {
        value.checked_sub(1)
    });
}

#[cfg(test)]
mod tests {
    use super::{decrement, update};
    use std::sync::atomic::{AtomicU64, Ordering};

    #[test]
    fn an_unchanged_value_is_not_stored_and_a_refusal_reports_the_value() {
        let word = AtomicU64::new(7);
        assert_eq!(update(&word, Some), Ok((7, 7)));
        assert_eq!(update(&word, |_| None), Err(7));
        assert_eq!(update(&word, |value| Some(value + 1)), Ok((7, 8)));
    }

    #[test]
    fn a_counter_never_goes_below_zero() {
        let word = AtomicU64::new(1);
        decrement(&word);
        decrement(&word);
        assert_eq!(word.load(Ordering::Relaxed), 0);
    }
}
