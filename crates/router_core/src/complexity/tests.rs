//! The module as its callers see it.

mod files;
mod learning;
mod reading;
mod thresholds;

use super::learn::{Outcome, Sample};

/// Prompts of two kinds, numbered so that no two are equal. The weak model fails the second kind.
/// Both kinds have the same lengths: only words tell them apart.
pub(super) fn prompts(count: usize) -> Vec<(String, bool, bool)> {
    let one = |at: usize| {
        let easy = at % 2 == 0;
        let padding = "and so on ".repeat(1 + at * 7 % 11);
        let text = if easy {
            format!("Name the capital city of country {at} please {padding}")
        } else {
            format!("Prove the lemma about the group of order {at} {padding}")
        };
        // One in ten breaks the rule: labels are noisy.
        let weak = easy != (at % 10 == 3);
        (text, weak, true)
    };
    (0..count).map(one).collect()
}

pub(super) fn samples(prompts: &[(String, bool, bool)]) -> Vec<Sample<'_>> {
    prompts
        .iter()
        .map(|(prompt, weak, strong)| Sample {
            prompt,
            outcome: Outcome {
                weak: *weak,
                strong: *strong,
            },
            group: if prompt.len() % 3 == 0 { "a" } else { "b" },
        })
        .collect()
}
