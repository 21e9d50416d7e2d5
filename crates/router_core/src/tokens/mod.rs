//! How long a text is, in tokens: exactly, within a bound, or by sample.
//!
//! Context windows, prices and rate limits are stated in tokens, and no rule of thumb gives them:
//! bytes divided by four is off by -75 % to +130 % between languages. So the two vocabularies of
//! OpenAI's models are part of the crate (their hash is asserted by a test), and text up to 16 KB is
//! counted exactly. Longer text is sampled, with a known error, because a decision must not cost
//! milliseconds. Other makers' vocabularies are not counted at all: [`CalibrationWords`] learn from
//! the usage that they report how far their counts are from ours.
//!
//! The counting itself is our own. Of the two crates that were measured (`python -m bench.tokens
//! speed`) one keeps 100 MB of automata per process and takes four times as long for English, the
//! other becomes slower the longer a text without a break is and keeps pieces of clients' text in a
//! cache. This one takes its table layout from the second, its way through long pieces from the
//! first, and is checked against OpenAI's own counts.
//!
//! Every function is linear in the bytes of its text, for any text:
//! - splitting reads a byte at most four times ([`split`]);
//! - a piece of up to 32 bytes costs a bounded number of lookups, a longer one goes back at most
//!   once to each place ([`long`]);
//! - a lookup is bounded by the tables, which no request changes.
//!
//! Nothing is allocated for text whose pieces are short; otherwise two buffers per call.
//!
//! Vocabularies are made at first use, once per process and shared by its threads. [`warm`] makes
//! them ahead: a process that forks workers afterwards shares their pages with all of them.

mod calibration;
mod fit;
mod long;
mod merge;
mod models;
mod overhead;
mod sample;
mod script;
mod split;
#[cfg(test)]
mod tests;
mod unicode;
mod vocabulary;
mod work;

pub use calibration::{Calibration, CalibrationWords};
pub use fit::{fit, Fit, Ratio, SAMPLE_MARGIN};
pub use models::{encoding_for, Family};
pub use overhead::Overhead;
pub use sample::{estimate, Estimate, EXACT_BYTES};
pub use script::{script_of, Script};

use long::Scratch;
use split::Pieces;
use vocabulary::Vocabulary;

/// The vocabularies that are inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// `o200k_base`: GPT-4o and everything of OpenAI's since; the yardstick for all other makers.
    O200k,
    /// `cl100k_base`: GPT-4, GPT-3.5 and the embedding models.
    Cl100k,
}

impl Encoding {
    /// Both of them.
    pub const ALL: [Encoding; 2] = [Encoding::O200k, Encoding::Cl100k];

    /// The name that OpenAI gives it.
    pub fn name(self) -> &'static str {
        match self {
            Encoding::O200k => "o200k_base",
            Encoding::Cl100k => "cl100k_base",
        }
    }
}

/// The exact number of tokens. Names of special tokens in the text count as the text that they are.
pub fn count(encoding: Encoding, text: &str) -> usize {
    let vocabulary = Vocabulary::shared(encoding);
    let mut scratch = Scratch::default();
    Pieces::new(encoding, text)
        .map(|piece| merge::count(vocabulary, piece, &mut scratch))
        .sum()
}

/// The exact number of tokens of strings that were gathered into one text: each counts by itself,
/// for that is how the model gets them, and the bytes that join them
/// ([`crate::text::JOINT`]) count nothing.
pub fn count_joined(encoding: Encoding, text: &str) -> usize {
    let joint = char::from(crate::text::JOINT);
    text.split(joint).map(|part| count(encoding, part)).sum()
}

/// Makes every table now. Costs about 0.1 s and 29 MB once; afterwards no request pays for it, and
/// processes forked from this one share it.
pub fn warm() {
    for encoding in Encoding::ALL {
        Vocabulary::shared(encoding).long_pieces();
        count(encoding, "warm \u{e9}");
    }
}
