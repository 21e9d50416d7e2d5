//! The score for a gateway that has learned nothing yet: a weighted sum of documented parts.
//!
//! The weights are judgement, written down before any evaluation and not fitted to one: fitted
//! weights belong into a learned file, where the held-out result travels with them. Length leads,
//! because it is the one signal that holds up on every public set. Each part is 0 to 1 and the
//! weights sum to 1, so a part's share of the score can be read off.

use super::features::{
    Features, ANALYSIS, CODE, CONTEXT, IMAGES, JSON_SCHEMA, LENGTH, NUMBER_COUNT, QUESTIONS,
    SCRIPT, TOOLS, TURNS, WORD_LENGTH,
};

/// One part of a score, for an explanation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Part {
    /// Its name.
    pub name: &'static str,
    /// How much of the evidence is there, 0 to 1.
    pub value: f32,
    /// What it adds to the score.
    pub adds: f32,
}

/// Names and weights of the parts.
pub const WEIGHTS: [(&str, f32); 12] = [
    ("length", 0.34),      // 64 bytes: 0, 16 KB: 1, on a logarithmic scale
    ("analysis", 0.16),    // words that ask for analysis: one 0.43, four or more 1
    ("code", 0.14),        // evidence of program text
    ("tools", 0.08),       // tools are offered
    ("context", 0.06),     // 1 KB of other text: 0, 256 KB: 1, logarithmic
    ("turns", 0.05),       // one: 0, sixteen: 1, logarithmic
    ("json_schema", 0.04), // the answer must follow a schema
    ("images", 0.03),      // media are attached
    ("numbers", 0.03),     // none: 0, thirty: 1, logarithmic
    ("questions", 0.03),   // more than one question: 0.37, eight: 1
    ("script", 0.02),      // outside of the Latin script small models are weaker
    ("word_length", 0.02), // four letters: 0, eight: 1
];

/// The parts of a score, in the order of [`WEIGHTS`].
pub fn parts(features: &Features) -> [Part; WEIGHTS.len()] {
    let number = &features.numbers;
    let values = [
        between(number[LENGTH], 4.17, 9.70),
        between(number[ANALYSIS], 0.0, 1.61),
        number[CODE],
        number[TOOLS],
        between(number[CONTEXT], 6.93, 12.48),
        between(number[TURNS], 0.69, 2.83),
        number[JSON_SCHEMA],
        number[IMAGES],
        between(number[NUMBER_COUNT], 0.0, 3.43),
        between(number[QUESTIONS], 0.69, 2.20),
        number[SCRIPT],
        between(number[WORD_LENGTH], 4.0, 8.0),
    ];
    let mut at = 0;
    WEIGHTS.map(|(name, weight)| {
        let value = values[at].clamp(0.0, 1.0);
        at += 1;
        Part {
            name,
            value,
            adds: value * weight,
        }
    })
}

/// The score, 0 to 1.
pub fn heuristic(features: &Features) -> f32 {
    let sum: f32 = parts(features).iter().map(|part| part.adds).sum();
    sum.clamp(0.0, 1.0)
}

fn between(value: f32, low: f32, high: f32) -> f32 {
    ((value - low) / (high - low)).clamp(0.0, 1.0)
}
