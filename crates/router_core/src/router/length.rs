//! How long a request is, and which deployments it fits.
//!
//! Counted once per request, in the vocabulary of the model that was asked for; other vocabularies
//! are related to it by a factor, which is learned per deployment and script from the usage that
//! answers report. Nothing is refused on a guess: a deployment is left out only when
//! an exact count in its own vocabulary is over its window. Everything that is merely likely stays,
//! and the upstream's own refusal leads to the context fallbacks.

use crate::shared::{DeploymentWords, SCRIPTS};
use crate::tokens::{
    count, encoding_for, estimate, fit, script_of, CalibrationWords, Encoding, Estimate, Family,
    Fit, Overhead, Ratio, Script, EXACT_BYTES,
};
use crate::types::plan::Deployment;
use crate::types::segment::{Kind, Mark, Text};

/// What is known about the length of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    /// Bytes of content plus one per token of overhead: no prompt has more tokens.
    bytes: usize,
    /// Tokens of the prompt, overhead included.
    pub(super) tokens: u64,
    /// Whether the text was counted to its end and is nothing but the conversation.
    pub(super) exact: bool,
    pub(super) encoding: Encoding,
    script: Script,
}

// The state file keeps two words per class.
const _: () = assert!(Script::COUNT == SCRIPTS);

impl Length {
    /// Counts a gathered text for a model.
    pub(super) fn of(text: &Text, model: &str) -> Self {
        let encoding = encoding_for(model);
        let overhead = Overhead::of(Family::of(model)).messages(text.roles().len(), 0);
        let (mut bytes, mut plain) = (0, true);
        for mark in counted(text) {
            bytes += text.of_mark(mark).len();
            // Definitions of tools are rendered by rules of the upstream: their JSON is an upper
            // estimate and proves nothing.
            plain &= mark.kind != Kind::Tool;
        }
        let Estimate { tokens, exact } = if bytes <= EXACT_BYTES {
            Estimate {
                tokens: counted(text)
                    .map(|mark| count(encoding, text.str_of(mark)) as u64)
                    .sum(),
                exact: true,
            }
        } else {
            let content = simdutf8::basic::from_utf8(text.content()).unwrap_or_default();
            let all = estimate(encoding, content);
            let share = bytes as f64 / content.len().max(1) as f64;
            Estimate {
                tokens: (all.tokens as f64 * share) as u64,
                ..all
            }
        };
        Self {
            bytes: bytes.saturating_add(overhead as usize),
            tokens: tokens.saturating_add(overhead),
            exact: exact && plain,
            encoding,
            script: script_of(text.content()),
        }
    }

    /// Learns from what a deployment reported for this prompt.
    pub(super) fn learn(&self, words: &DeploymentWords, reported: u64) {
        if reported > 0 {
            self.calibration(words).learn(reported, self.tokens);
        }
    }

    fn calibration<'w>(&self, words: &'w DeploymentWords) -> CalibrationWords<'w> {
        let [mean, tail] = &words.calibration[self.script as usize];
        CalibrationWords::new(mean, tail)
    }

    /// Whether the request fits a deployment beside an answer of `reserved` tokens.
    pub(super) fn fits(
        &self,
        deployment: &Deployment,
        words: &DeploymentWords,
        reserved: u64,
    ) -> Fit {
        if deployment.context_window == 0 {
            return Fit::Unknown;
        }
        let same = Family::of(&deployment.model).counts_exactly()
            && encoding_for(&deployment.model) == self.encoding;
        let ratio = if same {
            Ratio::Same
        } else {
            Ratio::Below(self.calibration(words).read().p99)
        };
        let limit = deployment.context_window.saturating_sub(reserved);
        let counted = Estimate {
            tokens: self.tokens,
            exact: self.exact,
        };
        fit(self.bytes, || counted, limit, ratio)
    }
}

/// What a model gets as text; names of members, metadata and identifiers are not that.
fn counted(text: &Text) -> impl Iterator<Item = &Mark> {
    let kinds = |mark: &&Mark| matches!(mark.kind, Kind::Content | Kind::System | Kind::Tool);
    text.marks().iter().filter(kinds)
}
