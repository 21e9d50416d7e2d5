//! The seam to what serves: weights go out, scores come back.
//!
//! The learner fits real numbers; what serves rounds them, and may bound a number that lies far from
//! the training data. Both sides must agree on that to the bit, so the learner asks instead of
//! computing it a second time.

/// Buckets of hashed words: every value that a bucket's number can have.
pub const BUCKETS: usize = 1 << u16::BITS;

/// One dense number's way into the score.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Axis {
    /// Mean over the rows that were fitted.
    pub mean: f32,
    /// One over the standard deviation; 0 when the number never varied.
    pub per_deviation: f32,
    /// What one standard deviation adds to the logit.
    pub weight: f32,
}

/// A fit before it is rounded. The logit of a row is the bias, plus the weights of its buckets over
/// the root of their number, plus for each number its place ([`Model::place`]) times its weight.
#[derive(Debug, Clone, PartialEq)]
pub struct Weights<const N: usize> {
    /// One per bucket: [`BUCKETS`] of them.
    pub words: Vec<f64>,
    /// One per number.
    pub axes: [Axis; N],
    /// The logit of a row that is average in everything and has no known words.
    pub bias: f64,
}

/// What serves the weights. A row has `N` dense numbers.
pub trait Model<const N: usize>: Sized {
    /// Which of the numbers is the length of the prompt: the one signal that transfers between kinds
    /// of traffic, and the order that a model is compared with.
    const LENGTH: usize;

    /// Where a number lies, in standard deviations from the mean, as the score will see it.
    fn place(axis: &Axis, number: f32) -> f32;

    /// The model with these weights, rounded as they will be served.
    fn of(weights: &Weights<N>) -> Self;

    /// The score of a row; higher means more gain. `buckets` are different from one another.
    fn score(&self, buckets: &[u16], numbers: &[f32; N]) -> f32;
}
