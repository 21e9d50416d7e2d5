//! How hard a request looks, from its text alone, in microseconds.
//!
//! Two scorers answer with a number from 0 to 1. The **heuristic** ([`heuristic`]) adds documented
//! parts: length, code, analysis words, tools… It needs no data and can explain every hundredth.
//! The **learned** scorer ([`Scorer`]) is a logistic regression over hashed words, word pairs and
//! the same numbers, trained on what was gained by asking the stronger model. Neither is a neural
//! network on purpose: published routers with large encoders end within noise of such a model, and
//! cost a thousand times more per request. What moves quality is labels from the same kind of
//! traffic, so an operator can learn a file of their own (`learn`, by the crate `complexity_train`;
//! the gateway without Python has neither), and a file that does not beat the length of the prompt
//! on data it has not seen is refused ([`Scorer::load`]).
//!
//! A score means nothing by itself: scales differ between scorers and between kinds of traffic.
//! So classes are shares of the traffic ("the hardest tenth"), held by [`Thresholds`] whatever the
//! scores look like.
//!
//! Scoring must never fail, panic or allocate, must read a bounded part of a long text, and must
//! give the same score for the same bytes in every process: the hash has no seed.

mod features;
mod file;
mod heuristic;
#[cfg(any(test, feature = "python"))]
pub mod learn;
mod measure;
mod quantile;
mod reader;
mod scorer;
mod words;

#[cfg(test)]
mod tests;

pub use features::{Facts, Features, NAMES, NUMBERS};
pub use file::{FileError, HeldOut, Training, FILE_MAX, FORMAT_VERSION, MAGIC};
pub use heuristic::{heuristic, parts, Part, WEIGHTS};
pub use measure::{measure, measure_str, Measured, WINDOW};
pub use quantile::{Prior, Shares, Thresholds, THRESHOLD_WORDS};
pub use scorer::{Scorer, BUCKETS};

/// How hard a request is, relative to the traffic around it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// The easiest share.
    Simple = 0,
    /// Between the two thresholds.
    Moderate = 1,
    /// The hardest share.
    Complex = 2,
}

impl Class {
    /// The word used in configuration, headers and explanations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Simple => "simple",
            Self::Moderate => "moderate",
            Self::Complex => "complex",
        }
    }
}
