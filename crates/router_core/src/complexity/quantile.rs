//! Thresholds that hold target shares, whatever the scores look like.
//!
//! Each threshold follows its quantile by stochastic approximation: up by `step * share` when the
//! score is above it, down by `step * (1 - share)` when not, so that it rests only where the target
//! share is below it. The step is a fraction of the mean distance between scores and threshold:
//! the scale of the scores cancels. It starts large and ends at a floor, below which a change of
//! traffic would no longer be followed. When the scores of a long run all fall on the same side
//! (the prior was wrong, the traffic has moved), the step grows with the run until one does not.
//!
//! P², the usual choice, keeps five markers per quantile, never forgets, and does not fit atomics.
//!
//! The state is four words, so that it can stand in the state file and be shared by all workers.
//! Two writers at once may lose one of their updates: one sample less, in no direction.
//!
//! When all scores are equal no threshold separates them; the share still holds, by turns.

use std::sync::atomic::{AtomicU64, Ordering};

use super::file::Training;
use super::Class;
use crate::shared::update;

/// Words of state; all zero is a fresh state.
pub const THRESHOLD_WORDS: usize = 4;

/// Step as a share of the mean distance, in the long run. About 1 / 0.01 requests of memory times
/// the density: a change of traffic is followed within some hundred requests.
const FLOOR: f32 = 0.01;
/// The step after `n` requests is `START / n` until it reaches the floor.
const START: f32 = 2.0;
/// A run on one side is suspicious when so many scores on the other side were due meanwhile (by
/// chance: once in e^4 runs); each one more that is due adds `BOOST` to the factor of the step.
const DUE: f32 = 4.0;
const BOOST: f32 = 4.0;
const BOOST_MAX: f32 = 200.0;
/// Scores closer together than this share of their value count as this far apart.
const CLOSEST: f32 = 1e-4;

/// Target shares of the traffic, easiest first; what is left is complex.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shares {
    simple: f32,
    moderate: f32,
}

impl Shares {
    /// Shares from 0 to 1 whose sum is at most 1; `None` for others.
    pub fn new(simple: f32, moderate: f32) -> Option<Self> {
        let valid = (0.0..=1.0).contains(&simple)
            && (0.0..=1.0).contains(&moderate)
            && simple + moderate <= 1.0 + 1e-6;
        valid.then_some(Self { simple, moderate })
    }

    /// Share of the traffic below each threshold.
    fn below(&self) -> [f32; 2] {
        [self.simple, (self.simple + self.moderate).min(1.0)]
    }
}

impl Default for Shares {
    /// 60 % simple, 30 % moderate, 10 % complex.
    fn default() -> Self {
        Self {
            simple: 0.6,
            moderate: 0.3,
        }
    }
}

/// What is believed about a scorer's scores before any traffic was seen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prior {
    /// Names the scorer: the state starts anew when it changes. 0 is the heuristic.
    pub scorer: u32,
    /// Quantiles at nine equal steps, from the lowest score to the highest.
    pub quantiles: [f32; 9],
}

impl Prior {
    /// For the heuristic: most requests are short and plain.
    pub const HEURISTIC: Self = Self {
        scorer: 0,
        quantiles: [0.0, 0.05, 0.09, 0.13, 0.17, 0.22, 0.29, 0.40, 0.90],
    };

    /// For a learned scorer: the quantiles of its held-out scores.
    pub fn learned(scorer: &super::Scorer) -> Self {
        Self::recorded(scorer.id(), scorer.training())
    }

    fn recorded(scorer: u32, training: &Training) -> Self {
        let recorded = &training.quantiles;
        let mut quantiles = [0.0; 9];
        for (at, quantile) in quantiles.iter_mut().enumerate() {
            let place = recorded.len().saturating_sub(1) * at / 8;
            let value = recorded.get(place).copied().unwrap_or(at as f32 / 8.0);
            *quantile = if value.is_finite() { value } else { 0.5 };
        }
        Self { scorer, quantiles }
    }

    fn at(&self, share: f32) -> f32 {
        let place = share.clamp(0.0, 1.0) * 8.0;
        let low = (place as usize).min(7);
        let part = place - low as f32;
        self.quantiles[low] + (self.quantiles[low + 1] - self.quantiles[low]) * part
    }

    fn distance(&self) -> f32 {
        (self.quantiles[7] - self.quantiles[1]).abs() / 2.0
    }
}

/// Two thresholds over words that may be shared between processes.
pub struct Thresholds<'w> {
    words: &'w [AtomicU64; THRESHOLD_WORDS],
    shares: Shares,
    prior: Prior,
}

impl<'w> Thresholds<'w> {
    /// Thresholds whose state stands in `words`.
    pub fn new(words: &'w [AtomicU64; THRESHOLD_WORDS], shares: Shares, prior: Prior) -> Self {
        Self {
            words,
            shares,
            prior,
        }
    }

    /// The class of a score, without counting it.
    pub fn class(&self, score: f32) -> Class {
        let [moderate, complex] = self.values();
        class(score, moderate, complex)
    }

    /// The class of a score that is part of the traffic; moves the thresholds.
    pub fn place(&self, score: f32) -> Class {
        let score = sane(score);
        let seen = self.count();
        let below = self.shares.below();
        let runs = self.runs(seen, score);
        let mut values = [0.0; 2];
        for at in 0..2 {
            let moved = update(&self.words[at], |word| {
                let (value, distance) = self.state(word, seen, below[at]);
                values[at] = value;
                let boost = boost(runs[at], below[at]);
                Some(moved(value, distance, seen, below[at], score, boost))
            });
            // All rounds lost: hundreds of others were counted meanwhile.
            let _ = moved;
        }
        class(score, values[0], values[1])
    }

    /// The thresholds between simple and moderate and between moderate and complex.
    pub fn values(&self) -> [f32; 2] {
        self.values_at(self.seen())
    }

    fn values_at(&self, seen: u32) -> [f32; 2] {
        let below = self.shares.below();
        [0, 1].map(|at| {
            let word = self.words[at].load(Ordering::Relaxed);
            self.state(word, seen, below[at]).0
        })
    }

    /// How many scores have moved the thresholds.
    pub fn seen(&self) -> u32 {
        let (scorer, seen) = unpack(self.words[2].load(Ordering::Relaxed));
        if scorer == self.prior.scorer {
            seen
        } else {
            0
        }
    }

    /// Counts one score; scores seen before.
    fn count(&self) -> u32 {
        let counted = update(&self.words[2], |word| {
            let (scorer, seen) = unpack(word);
            let seen = if scorer == self.prior.scorer { seen } else { 0 };
            Some(pack(self.prior.scorer, seen.saturating_add(1)))
        });
        let (scorer, seen) = unpack(match counted {
            Ok((before, _)) | Err(before) => before,
        });
        if scorer == self.prior.scorer {
            seen
        } else {
            0
        }
    }

    /// How many scores in a row, this one included, were above (positive) or not above (negative)
    /// each threshold.
    fn runs(&self, seen: u32, score: f32) -> [i32; 2] {
        let values = self.values_at(seen);
        let mut runs = [0; 2];
        let counted = update(&self.words[3], |word| {
            let (first, second) = unpack(if seen == 0 { 0 } else { word });
            runs = [first as i32, second as i32];
            for (run, value) in runs.iter_mut().zip(values) {
                *run = if score > value {
                    run.saturating_add(1).max(1)
                } else {
                    run.saturating_sub(1).min(-1)
                };
            }
            Some(pack(runs[0] as u32, runs[1] as u32))
        });
        // As above: a lost update is one sample.
        let _ = counted;
        runs
    }

    /// Value and mean distance; those of the prior before the first score.
    fn state(&self, word: u64, seen: u32, below: f32) -> (f32, f32) {
        let (value, distance) = unpack(word);
        let (value, distance) = (f32::from_bits(value), f32::from_bits(distance));
        if seen == 0 || word == 0 || !value.is_finite() || !distance.is_finite() {
            (self.prior.at(below), self.prior.distance())
        } else {
            (value, distance)
        }
    }
}

fn class(score: f32, moderate: f32, complex: f32) -> Class {
    if score > complex {
        Class::Complex
    } else if score > moderate {
        Class::Moderate
    } else {
        Class::Simple
    }
}

/// The factor of the step after a run.
fn boost(run: i32, below: f32) -> f32 {
    let other_side = if run > 0 { below } else { 1.0 - below };
    let due = run.unsigned_abs() as f32 * other_side;
    (1.0 + (due - DUE) * BOOST).clamp(1.0, BOOST_MAX)
}

/// The word after one score.
fn moved(value: f32, distance: f32, seen: u32, below: f32, score: f32, boost: f32) -> u64 {
    let rate = (START / (seen as f32 + START)).max(FLOOR);
    let away = (score - value).abs();
    let distance = distance + (away - distance) * rate.min(0.5);
    let least = (value.abs() * CLOSEST).max(f32::MIN_POSITIVE);
    let share = if score > value { below } else { 1.0 - below };
    let mut step = rate * distance.max(least) * share;
    if boost > 1.0 {
        // Towards the score, not past it: there the run would begin anew on the other side.
        step = (step * boost).min((away * 0.5).max(step));
    }
    let value = if score > value {
        value + step
    } else {
        value - step
    };
    pack(value.to_bits(), distance.to_bits())
}

/// Scores are 0 to 1; anything else is brought there, a NaN to the middle.
fn sane(score: f32) -> f32 {
    if score.is_nan() {
        0.5
    } else {
        score.clamp(0.0, 1.0)
    }
}

fn pack(high: u32, low: u32) -> u64 {
    u64::from(high) << 32 | u64::from(low)
}

fn unpack(word: u64) -> (u32, u32) {
    ((word >> 32) as u32, word as u32)
}
