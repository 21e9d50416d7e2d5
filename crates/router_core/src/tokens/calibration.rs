//! How far a model's reported counts are from ours, learned from its answers.
//!
//! Shipping every maker's vocabulary is neither allowed nor enough: makers change theirs between
//! versions, and wrap messages in templates. Every answer carries the count that the provider will
//! bill, so per (model, [`super::Script`]) two numbers are kept: a mean of `reported / ours`, for
//! costs and routing, and the ratio that 99 of 100 requests stay below, for limits.
//!
//! Both live in two words that anyone may lend (the mapped state file), so all workers learn
//! together and a restart forgets nothing. All bits zero means "nothing seen", which is what a
//! fresh file holds. An update is two independent compare-and-swap loops that may give up: losing one
//! sample of a statistic under contention is cheaper than waiting.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::shared::update;

/// Until this many samples a limit is judged with at least [`COLD_TAIL`].
const SETTLED: u32 = 200;
const COLD_TAIL: f64 = 1.5;
/// Reports beyond these ratios are about something else (images, cached parts left out, nonsense).
const PLAUSIBLE: std::ops::RangeInclusive<f64> = 0.25..=4.0;
/// Weight of the newest sample in the mean once it has settled.
const WEIGHT: f64 = 1.0 / 64.0;
/// Step of the tail, in parts of itself: up by 0.99 steps, down by 0.01 steps, so that it stands
/// still where one of a hundred samples lies above.
const STEP: f64 = 0.03;

/// What two words say.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Calibration {
    /// Mean of reported over ours; 1.0 while nothing was seen.
    pub mean: f64,
    /// The ratio that 99 % stay below; at least 1.5 for the first 200 samples.
    pub p99: f64,
    /// How many reports this rests on (saturating).
    pub samples: u32,
}

/// Two words of shared memory as one calibration.
#[derive(Debug, Clone, Copy)]
pub struct CalibrationWords<'a> {
    /// Samples in the high half, the mean as `f32` bits in the low half.
    mean: &'a AtomicU64,
    /// The tail as `f32` bits in the low half; the high half is kept zero.
    tail: &'a AtomicU64,
}

impl<'a> CalibrationWords<'a> {
    /// A view of these words; zero in both is a fresh start.
    pub fn new(mean: &'a AtomicU64, tail: &'a AtomicU64) -> Self {
        Self { mean, tail }
    }

    /// What has been learned so far. Words that no update can have written read as fresh.
    pub fn read(&self) -> Calibration {
        let (samples, mean) = unpacked(self.mean.load(Ordering::Relaxed));
        let (_, tail) = unpacked(self.tail.load(Ordering::Relaxed));
        if samples == 0 || !PLAUSIBLE.contains(&mean) {
            return Calibration {
                mean: 1.0,
                p99: COLD_TAIL,
                samples: 0,
            };
        }
        let tail = if PLAUSIBLE.contains(&tail) {
            tail
        } else {
            COLD_TAIL
        };
        Calibration {
            mean,
            p99: if samples < SETTLED {
                tail.max(COLD_TAIL)
            } else {
                tail
            },
            samples,
        }
    }

    /// Learns from one answer: what the provider reported for the prompt, and what we had counted
    /// or estimated. Returns whether it was used; implausible reports teach nothing.
    pub fn learn(&self, reported: u64, counted: u64) -> bool {
        let ratio = reported as f64 / counted as f64;
        if counted == 0 || !PLAUSIBLE.contains(&ratio) {
            return false;
        }
        let mut seen = 0;
        let mean = update(self.mean, |word| {
            let (samples, mean) = unpacked(word);
            let samples = if PLAUSIBLE.contains(&mean) {
                samples
            } else {
                0
            };
            seen = samples;
            let weight = WEIGHT.max(1.0 / (f64::from(samples) + 1.0));
            let mean = if samples == 0 {
                ratio
            } else {
                mean + weight * (ratio - mean)
            };
            Some(packed(samples.saturating_add(1), mean))
        });
        let tail = update(self.tail, |word| {
            let (_, tail) = unpacked(word);
            let tail = if !PLAUSIBLE.contains(&tail) {
                ratio
            } else if seen < SETTLED {
                // The largest of the first two hundred is close to what 99 % stay below.
                tail.max(ratio)
            } else if ratio > tail {
                tail * (1.0 + STEP * 0.99)
            } else {
                tail * (1.0 - STEP * 0.01)
            };
            Some(packed(0, tail.clamp(*PLAUSIBLE.start(), *PLAUSIBLE.end())))
        });
        mean.is_ok() && tail.is_ok()
    }
}

fn packed(samples: u32, value: f64) -> u64 {
    u64::from(samples) << 32 | u64::from((value as f32).to_bits())
}

fn unpacked(word: u64) -> (u32, f64) {
    ((word >> 32) as u32, f64::from(f32::from_bits(word as u32)))
}
