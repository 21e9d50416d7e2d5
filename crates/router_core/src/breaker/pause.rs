//! How much of the traffic a wish for quiet keeps away.
//!
//! An upstream that answers one request in a hundred with 429 serves the other ninety-nine; one that
//! answers all of them so serves nobody. Both send the same header, so the header alone may not close a
//! deployment. While a pause lasts, requests are kept away in proportion to what the window knows: none
//! as long as at least half of them succeed, nearly all when none does (the client-side throttling of
//! Google's SRE book with K = 2, and one refusal for free: the first answer of an upstream may be the odd
//! one). What still goes is what notices the end of the shortage.

use super::window::Counts;

/// Accepted requests count this often: the share of successes above which nobody is kept away is 1 / K.
const K: u64 = 2;

/// Requests kept away, of how many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Share {
    kept: u64,
    of: u64,
}

impl Share {
    /// For what the window holds. The refusal that began the pause counts, though it may have left the
    /// window: the shortest window is shorter than the longest pause.
    pub(super) fn of(counts: Counts) -> Self {
        let ok = u64::from(counts.ok);
        let all = ok + u64::from(counts.fail.max(1));
        Self {
            kept: all.saturating_sub(K * ok + 1),
            of: all + 1,
        }
    }

    /// Whether the request with this random number is kept away.
    pub(super) fn keeps(self, draw: u64) -> bool {
        draw % self.of < self.kept
    }

    /// Whether at least half of the requests are.
    pub(super) fn most(self) -> bool {
        2 * self.kept >= self.of
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn kept(ok: u32, fail: u32) -> (u64, u64) {
        let share = Share::of(Counts { ok, fail });
        (share.kept, share.of)
    }

    #[test]
    fn nobody_is_kept_away_while_half_succeed_and_nearly_all_when_none_does() {
        assert_eq!(kept(99, 1).0, 0);
        assert_eq!(kept(50, 50).0, 0);
        assert_eq!(kept(0, 1).0, 0, "a first refusal keeps nobody away");
        assert_eq!(kept(0, 0).0, 0, "nor does one that left the window");
        assert_eq!(kept(0, 2), (1, 3));
        assert_eq!(kept(0, 9), (8, 10));
        assert_eq!(kept(10, 30), (19, 41));
    }

    proptest! {
        #[test]
        fn somebody_always_goes_and_more_failures_keep_more(ok: u32, fail in 1..u32::MAX) {
            let (less, more) = (Share::of(Counts { ok, fail: fail - 1 }), Share::of(Counts { ok, fail }));
            prop_assert!(more.kept < more.of);
            prop_assert!(u128::from(less.kept) * u128::from(more.of) <= u128::from(more.kept) * u128::from(less.of));
        }
    }
}
