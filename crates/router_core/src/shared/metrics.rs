//! Counters and histograms with fixed labels.
//!
//! A cell belongs to one worker and one deployment, so adding to it never contends with another
//! process; a reader sums the cells of all workers. Labels are array positions, so nothing on the
//! path of a request formats, hashes or allocates. Counts are cumulative and outlive their worker.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::types::Outcome;

const MS: u64 = 1_000;

/// Room for the reasons of refusals by policy. What each place stands for, the decision says: nothing
/// here knows what is looked for in a text.
pub const REFUSAL_ROOM: usize = 24;

/// Upper bounds of the buckets for the time to first token, in microseconds; one more bucket
/// takes the rest.
pub const TTFT_BOUNDS_US: [u64; 13] = [
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    1_000 * MS,
    2_500 * MS,
    5_000 * MS,
    10_000 * MS,
    30_000 * MS,
    60_000 * MS,
];

/// The same for the time of a whole attempt: long answers take minutes.
pub const DURATION_BOUNDS_US: [u64; 15] = [
    5 * MS,
    10 * MS,
    25 * MS,
    50 * MS,
    100 * MS,
    250 * MS,
    500 * MS,
    1_000 * MS,
    2_500 * MS,
    5_000 * MS,
    10_000 * MS,
    30_000 * MS,
    60_000 * MS,
    120_000 * MS,
    600_000 * MS,
];

/// The same for the gateway's own share of a request: microseconds, not seconds.
pub const OVERHEAD_BOUNDS_US: [u64; 12] = [
    25, 50, 100, 200, 400, 800, 1_600, 3_200, 6_400, 12_800, 25_600, 102_400,
];

/// Classes of answers that clients got. 499 stands alone: the client left, nobody failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum StatusClass {
    /// 200 to 299.
    Success = 0,
    /// 300 to 399.
    Redirect = 1,
    /// 400 to 498.
    ClientError = 2,
    /// Everything else.
    ServerError = 3,
    /// 499: the client left before its answer.
    ClientGone = 4,
}

impl StatusClass {
    /// How many classes there are.
    pub const COUNT: usize = 5;
    /// All classes in the order of their numbers.
    pub const ALL: [Self; Self::COUNT] = [
        Self::Success,
        Self::Redirect,
        Self::ClientError,
        Self::ServerError,
        Self::ClientGone,
    ];

    /// The class of a status.
    pub fn of(status: u16) -> Self {
        match status {
            499 => Self::ClientGone,
            200..=299 => Self::Success,
            300..=399 => Self::Redirect,
            400..=498 => Self::ClientError,
            _ => Self::ServerError,
        }
    }

    /// The name used in metrics.
    pub fn name(self) -> &'static str {
        match self {
            Self::Success => "2xx",
            Self::Redirect => "3xx",
            Self::ClientError => "4xx",
            Self::ServerError => "5xx",
            Self::ClientGone => "499",
        }
    }
}

/// `N - 1` bounded buckets, one for the rest, and the sum of all values in microseconds.
#[repr(C)]
pub struct Histogram<const N: usize> {
    pub(super) counts: [AtomicU64; N],
    pub(super) sum_us: AtomicU64,
}

impl<const N: usize> Default for Histogram<N> {
    fn default() -> Self {
        Self {
            counts: [const { AtomicU64::new(0) }; N],
            sum_us: AtomicU64::new(0),
        }
    }
}

impl<const N: usize> Histogram<N> {
    /// Counts one value; `bounds` are the `N - 1` upper bounds (inclusive) in rising order.
    pub fn observe(&self, bounds: &[u64], microseconds: u64) {
        let bucket = bounds
            .partition_point(|bound| *bound < microseconds)
            .min(N - 1);
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.sum_us.fetch_add(microseconds, Ordering::Relaxed);
    }
}

/// What one worker counted about one deployment. Fields are `AtomicU64` (also inside the
/// histograms) only: `map` relies on it.
#[repr(C, align(64))]
#[derive(Default)]
pub struct Cell {
    pub(super) outcomes: [AtomicU64; Outcome::COUNT],
    pub(super) prompt_tokens: AtomicU64,
    pub(super) completion_tokens: AtomicU64,
    pub(super) cached_tokens: AtomicU64,
    pub(super) ttft: Histogram<{ TTFT_BOUNDS_US.len() + 1 }>,
    pub(super) duration: Histogram<{ DURATION_BOUNDS_US.len() + 1 }>,
}

/// The end of one attempt, as metrics see it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AttemptReport {
    /// How it ended.
    pub outcome: Outcome,
    /// Tokens of the prompt, as the upstream reported them.
    pub prompt_tokens: u64,
    /// Tokens of the answer.
    pub completion_tokens: u64,
    /// Prompt tokens that the upstream had cached.
    pub cached_tokens: u64,
    /// Time to first token in microseconds; `None` when no content arrived.
    pub ttft_us: Option<u64>,
    /// Time of the whole attempt in microseconds.
    pub duration_us: u64,
}

impl Cell {
    /// Counts one finished attempt.
    pub fn attempt_finished(&self, report: &AttemptReport) {
        self.outcomes[report.outcome as usize].fetch_add(1, Ordering::Relaxed);
        for (word, tokens) in [
            (&self.prompt_tokens, report.prompt_tokens),
            (&self.completion_tokens, report.completion_tokens),
            (&self.cached_tokens, report.cached_tokens),
        ] {
            if tokens != 0 {
                word.fetch_add(tokens, Ordering::Relaxed);
            }
        }
        if let Some(ttft_us) = report.ttft_us {
            self.ttft.observe(&TTFT_BOUNDS_US, ttft_us);
        }
        self.duration
            .observe(&DURATION_BOUNDS_US, report.duration_us);
    }

    /// Forgets the counts: the deployment slot got a new holder.
    pub(super) fn reset(&self) {
        let scalars = [
            &self.prompt_tokens,
            &self.completion_tokens,
            &self.cached_tokens,
        ];
        self.outcomes
            .iter()
            .chain(scalars)
            .chain(&self.ttft.counts)
            .chain(&self.duration.counts)
            .chain([&self.ttft.sum_us, &self.duration.sum_us])
            .for_each(|word| word.store(0, Ordering::Relaxed));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_inclusive_and_the_last_bucket_takes_the_rest() {
        let histogram = Histogram::<3>::default();
        for value in [0, 10, 11, 20, 21, u64::from(u32::MAX)] {
            histogram.observe(&[10, 20], value);
        }
        let counts: Vec<u64> = histogram
            .counts
            .iter()
            .map(|word| word.load(Ordering::Relaxed))
            .collect();
        assert_eq!(counts, [2, 2, 2]);
    }

    #[test]
    fn statuses_fall_into_their_classes() {
        let named = |status| StatusClass::of(status).name();
        assert_eq!(
            [200, 204, 301, 400, 429, 498, 499, 500, 529, 0, 999].map(named),
            ["2xx", "2xx", "3xx", "4xx", "4xx", "4xx", "499", "5xx", "5xx", "5xx", "5xx"]
        );
        for (position, class) in StatusClass::ALL.iter().enumerate() {
            assert_eq!(*class as usize, position);
        }
    }

    #[test]
    fn bounds_rise() {
        for bounds in [
            &TTFT_BOUNDS_US[..],
            &DURATION_BOUNDS_US,
            &OVERHEAD_BOUNDS_US,
        ] {
            assert!(bounds.windows(2).all(|pair| pair[0] < pair[1]));
        }
    }
}
