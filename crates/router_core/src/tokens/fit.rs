//! Whether a request fits a context window: yes, no, or not known, and then what is likelier.
//!
//! Two answers would force a wrong one. A byte-level vocabulary never makes more tokens than a text
//! has bytes, so most requests fit without any counting. The opposite has no cheap proof (a token
//! may stand for 128 spaces), so "no" is said only on an exact count in the model's own vocabulary;
//! a sample or another maker's model gives "unknown" at worst, and the provider decides.

use super::{Calibration, Estimate};

/// What a sample is multiplied with before it may say "fits": its worst error on long text.
pub const SAMPLE_MARGIN: f64 = 1.12;

/// The answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fit {
    /// It fits.
    Yes,
    /// It does not: this is the exact number of tokens.
    No(u64),
    /// Not decided here: keep the candidate, and its refusal may lead to a larger one.
    Unknown,
    /// As unknown, but by the best estimate it does not: ask the others first.
    Unlikely,
}

impl Fit {
    /// The word for explanations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Yes => "yes",
            Self::No(_) => "no",
            Self::Unknown => "unknown",
            Self::Unlikely => "unlikely",
        }
    }
}

/// How our count relates to the model's.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Ratio {
    /// The model's vocabulary is the one that was counted with.
    Same,
    /// Another vocabulary, and what its reports taught.
    Learned(Calibration),
}

/// Whether a prompt fits into `limit` tokens (the window less what is reserved for the answer).
/// `bytes` is the length of the text plus one per token of overhead; `estimate` is called only if
/// that alone does not decide, and must include the same overhead.
pub fn fit(bytes: usize, estimate: impl FnOnce() -> Estimate, limit: u64, ratio: Ratio) -> Fit {
    if bytes as u64 <= limit {
        return Fit::Yes;
    }
    let estimate = estimate();
    let (mean, most) = match ratio {
        Ratio::Same if estimate.exact && estimate.tokens > limit => {
            return Fit::No(estimate.tokens)
        }
        Ratio::Same => (1.0, 1.0),
        Ratio::Learned(learned) => (learned.mean, learned.p99),
    };
    let margin = if estimate.exact { 1.0 } else { SAMPLE_MARGIN };
    let (tokens, limit) = (estimate.tokens as f64, limit as f64);
    // A factor that is not a number must compare as neither.
    if tokens * most * margin <= limit {
        Fit::Yes
    } else if tokens * mean > limit {
        Fit::Unlikely
    } else {
        Fit::Unknown
    }
}
