//! The learned scorer: a table of weights and a logistic function.
//!
//! Words and pairs are hashed into 65,536 buckets; a bucket counts once per text however often it
//! occurs, and the sum is divided by the root of their number, so length enters only as a number
//! of its own. Weights are 16-bit integers with one common scale: 128 KB stay in the second-level
//! cache, and what is lost is far below what the labels are sure of. Presence is kept in 8 KB of
//! bits on the stack: no allocation, no map.

use super::features::{Features, NUMBERS};
use super::file::Training;
use super::reader::Tokens;

/// Buckets of hashed words: every value that a bucket number can have.
pub const BUCKETS: usize = 1 << 16;

/// One number's way into the score.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Axis {
    /// Mean over the training data.
    pub(super) mean: f32,
    /// One over the standard deviation; 0 when the number never varied.
    pub(super) per_deviation: f32,
    pub(super) weight: f32,
}

/// A scorer that was trained, with the record of its training.
#[derive(Debug, Clone)]
pub struct Scorer {
    pub(super) weights: Box<[i16; BUCKETS]>,
    pub(super) scale: f32,
    pub(super) axes: [Axis; NUMBERS],
    pub(super) bias: f32,
    pub(super) training: Training,
    pub(super) id: u32,
}

/// A text is never further from the training data than this many standard deviations: a number
/// that the data hardly varied in must not decide alone.
const FARTHEST: f32 = 4.0;

impl Scorer {
    /// How it was trained and what it reached on data that it had not seen.
    pub fn training(&self) -> &Training {
        &self.training
    }

    /// Distinguishes this scorer from others (the checksum of its file); never 0.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// What words add to the logit: their weights' sum over the root of how many there are.
    #[inline(always)]
    pub(super) fn words(&self, sum: i64, distinct: i64) -> f32 {
        sum as f32 * self.scale / (distinct.max(1) as f32).sqrt()
    }

    /// The score, 0 to 1, from the numbers and the words' total.
    pub(super) fn score(&self, features: &Features, words: f32) -> f32 {
        let sum: f32 = (0..NUMBERS).map(|at| self.adds(features, at)).sum();
        let logit = (self.bias + words + sum).clamp(-30.0, 30.0);
        1.0 / (1.0 + (-logit).exp())
    }

    /// What number `at` adds to the logit.
    pub fn adds(&self, features: &Features, at: usize) -> f32 {
        match (self.axes.get(at), features.numbers.get(at)) {
            (Some(axis), Some(number)) => axis.standard(*number) * axis.weight,
            _ => 0.0,
        }
    }

    /// The logit of a text that is average in everything and has no known words.
    pub fn bias(&self) -> f32 {
        self.bias
    }
}

impl Axis {
    /// The number in standard deviations from the mean.
    pub(super) fn standard(&self, number: f32) -> f32 {
        ((number - self.mean) * self.per_deviation).clamp(-FARTHEST, FARTHEST)
    }
}

/// The set of buckets that a text has.
pub(super) struct Presence {
    seen: [u64; BUCKETS / 64],
}

impl Presence {
    pub(super) fn new() -> Self {
        Self {
            seen: [0; BUCKETS / 64],
        }
    }

    /// Whether the bucket was not there yet.
    #[inline(always)]
    pub(super) fn insert(&mut self, bucket: u16) -> bool {
        let word = &mut self.seen[usize::from(bucket) / 64];
        let bit = 1u64 << (bucket % 64);
        let new = *word & bit == 0;
        *word |= bit;
        new
    }
}

/// Sums the weights of the words of a text.
pub(super) struct Weighing<'s> {
    scorer: &'s Scorer,
    presence: Presence,
    distinct: i64,
    sum: i64,
}

impl<'s> Weighing<'s> {
    pub(super) fn new(scorer: &'s Scorer) -> Self {
        Self {
            scorer,
            presence: Presence::new(),
            distinct: 0,
            sum: 0,
        }
    }

    /// What the words add to the logit.
    pub(super) fn total(&self) -> f32 {
        self.scorer.words(self.sum, self.distinct)
    }
}

impl Tokens for Weighing<'_> {
    #[inline(always)]
    fn token(&mut self, bucket: u16) {
        // Without a branch: whether a word is new is as hard to predict as the text. With one, and
        // the count kept beside the bits, rustc 1.95 lost the count in release builds: the tests
        // compare this sum with other ways to it, there is one for the built extension too.
        let new = i64::from(self.presence.insert(bucket));
        self.distinct += new;
        self.sum += new * i64::from(self.scorer.weights[usize::from(bucket)]);
    }
}
