//! Successes and failures of the last minute, in twelve buckets.
//!
//! A bucket is one word {number of the period, successes, failures}. Starting a new period and
//! counting in it are the same compare-and-swap, so nobody can add to a bucket that somebody else
//! is just clearing, and a window that nobody feeds expires by itself.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::shared::{update, WINDOW_BUCKETS};

type Buckets = [AtomicU64; WINDOW_BUCKETS];

/// Samples in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Successes.
    pub ok: u32,
    /// Hard failures and throttles.
    pub fail: u32,
}

impl Counts {
    /// Whether there are enough samples, and less than `percent` of them successes.
    pub(super) fn failing(self, min: u32, percent: u32) -> bool {
        let total = u64::from(self.ok) + u64::from(self.fail);
        total >= u64::from(min.max(1)) && u64::from(self.ok) * 100 < u64::from(percent) * total
    }
}

/// The number of the period that holds this time.
fn period(window_ms: u64, at_ms: u64) -> u64 {
    at_ms / (window_ms / WINDOW_BUCKETS as u64).max(1)
}

/// Counts one sample.
pub(super) fn add(buckets: &Buckets, window_ms: u64, now_ms: u64, ok: bool) {
    let period = period(window_ms, now_ms);
    // Defeat in all rounds means that dozens of others were counted meanwhile: one sample less
    // does not change the ratio.
    let _ = update(
        &buckets[(period % WINDOW_BUCKETS as u64) as usize],
        |word| {
            let (number, mut good, mut bad) = unpack(word);
            let ahead = number.wrapping_sub(period as u32);
            if ahead != 0 {
                // Somebody with a later clock is a whole window ahead: the sample is too old.
                if ahead < 1 << 31 && word != 0 {
                    return None;
                }
                (good, bad) = (0, 0);
            }
            // At the limit both counts are halved, which keeps their ratio.
            if good == u16::MAX || bad == u16::MAX {
                (good, bad) = (good / 2, bad / 2);
            }
            if ok {
                good += 1;
            } else {
                bad += 1;
            }
            Some(u64::from(period as u32) << 32 | u64::from(good) << 16 | u64::from(bad))
        },
    );
}

/// Sums the buckets of the window that ends now. Periods up to the one that holds `since_ms` are
/// left out: what happened before a recovery must not count against what follows. 0: all count.
pub(super) fn counts(buckets: &Buckets, window_ms: u64, now_ms: u64, since_ms: u64) -> Counts {
    let current = period(window_ms, now_ms);
    let periods = match since_ms {
        0 => WINDOW_BUCKETS as u64,
        _ => current
            .saturating_sub(period(window_ms, since_ms))
            .min(WINDOW_BUCKETS as u64),
    };
    let mut counts = Counts::default();
    for bucket in buckets {
        let (number, good, bad) = unpack(bucket.load(Ordering::Relaxed));
        if u64::from((current as u32).wrapping_sub(number)) < periods {
            counts.ok += u32::from(good);
            counts.fail += u32::from(bad);
        }
    }
    counts
}

fn unpack(word: u64) -> (u32, u16, u16) {
    ((word >> 32) as u32, (word >> 16) as u16, word as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const WINDOW: u64 = 60_000;

    fn sums(buckets: &Buckets, now_ms: u64, since_ms: u64) -> (u32, u32) {
        let counts = counts(buckets, WINDOW, now_ms, since_ms);
        (counts.ok, counts.fail)
    }

    #[test]
    fn samples_leave_the_window_by_themselves() {
        let buckets = Buckets::default();
        add(&buckets, WINDOW, 100_000, true);
        add(&buckets, WINDOW, 107_000, false);
        assert_eq!(sums(&buckets, 107_000, 0), (1, 1));
        assert_eq!(sums(&buckets, 159_999, 0), (1, 1));
        assert_eq!(sums(&buckets, 160_000, 0), (0, 1));
        assert_eq!(sums(&buckets, 165_000, 0), (0, 0));
    }

    #[test]
    fn what_happened_before_a_recovery_does_not_count() {
        let buckets = Buckets::default();
        add(&buckets, WINDOW, 100_000, false);
        add(&buckets, WINDOW, 106_000, true);
        assert_eq!(sums(&buckets, 106_000, 101_000), (1, 0));
        assert_eq!(sums(&buckets, 106_000, 106_000), (0, 0));
    }

    #[test]
    fn a_sample_older_than_its_bucket_is_dropped_and_an_old_bucket_is_replaced() {
        let buckets = Buckets::default();
        add(&buckets, WINDOW, 160_000, true);
        add(&buckets, WINDOW, 100_000, false);
        assert_eq!(sums(&buckets, 160_000, 0), (1, 0));
        add(&buckets, WINDOW, 220_000, false);
        assert_eq!(sums(&buckets, 220_000, 0), (0, 1));
    }

    #[test]
    fn full_counts_are_halved_together() {
        let buckets = Buckets::default();
        for _ in 0..=u16::MAX {
            add(&buckets, WINDOW, 0, true);
        }
        add(&buckets, WINDOW, 0, false);
        assert_eq!(sums(&buckets, 0, 0), (32_768, 1));
    }

    #[test]
    fn windows_shorter_than_their_buckets_work() {
        let buckets = Buckets::default();
        add(&buckets, 1, 50, false);
        assert_eq!(counts(&buckets, 1, 50, 0), Counts { ok: 0, fail: 1 });
        assert_eq!(counts(&buckets, 1, 62, 0), Counts::default());
    }

    proptest! {
        #[test]
        fn any_words_any_times_never_panic(words: [u64; WINDOW_BUCKETS], window: u64, now: u64, since: u64, ok: bool) {
            let buckets = words.map(AtomicU64::new);
            add(&buckets, window, now, ok);
            counts(&buckets, window, now, since);
        }

        #[test]
        fn the_window_holds_exactly_the_recent_samples(
            steps in prop::collection::vec((0_u64..20_000, any::<bool>()), 1..60), start in 100_000_u64..1 << 40,
        ) {
            let buckets = Buckets::default();
            let (mut now, mut samples) = (start, Vec::new());
            for (step, ok) in steps {
                now += step;
                add(&buckets, WINDOW, now, ok);
                samples.push((now, ok));
            }
            let recent = |sample: &&(u64, bool)| now / 5_000 - sample.0 / 5_000 < 12;
            let good = samples.iter().filter(recent).filter(|sample| sample.1).count() as u32;
            let all = samples.iter().filter(recent).count() as u32;
            prop_assert_eq!(sums(&buckets, now, 0), (good, all - good));
        }
    }
}
