//! How long a request is, and which deployments it fits.
//!
//! Counted once per request, in the vocabulary of the model that was asked for; other vocabularies
//! are related to it by a factor, which is learned per deployment and script from the usage that
//! answers report: its mean is the estimate that is recorded, its tail bounds what surely fits.
//! Nothing is refused on a guess: a deployment is left out only when an exact count in its own
//! vocabulary is over its window, and a count is exact only when everything counted is one prompt of
//! plain text. What is merely likely too long is asked last, and the upstream's own refusal leads to
//! the context fallbacks.

use crate::body::Body;
use crate::plan::Deployment;
use crate::shared::{DeploymentWords, SCRIPTS};
use crate::text::{Kind, Mark, Text};
use crate::tokens::{
    count, encoding_for, estimate, fit, script_of, CalibrationWords, Encoding, Estimate, Family,
    Fit, Overhead, Ratio, Script, EXACT_BYTES,
};

/// What is known about the length of one request.
#[derive(Debug, Clone, Copy)]
pub(super) struct Length {
    /// Bytes of content plus one per token of overhead: text never has more tokens.
    bytes: usize,
    /// Tokens of the prompt, overhead included.
    pub(super) tokens: u64,
    /// Whether the text was counted to its end and is nothing but one prompt.
    pub(super) exact: bool,
    /// Whether it holds media, which a formula counted that knows nothing of their size.
    guessed: bool,
    pub(super) encoding: Encoding,
    script: Script,
}

// The state file keeps two words per class.
const _: () = assert!(Script::COUNT == SCRIPTS);

impl Length {
    /// Counts the gathered text of a body for a model.
    pub(super) fn of(body: &Body<'_>, text: &Text, model: &str) -> Self {
        let encoding = encoding_for(model);
        let family = Family::of(model);
        let defined = ["tools", "functions"].map(|name| {
            body.member(name)
                .map_or(0, |tools| Overhead::tools(model, &tools).tokens)
        });
        let images = u64::from(text.opaque()) * Overhead::image(model, None);
        let overhead = Overhead::of(family).messages(text.roles().len(), 0)
            + defined.iter().sum::<u64>()
            + images;
        let (mut bytes, mut prompts) = (0, 0);
        for mark in counted(text) {
            bytes += text.of_mark(mark).len();
            prompts += usize::from(mark.message == Mark::NO_MESSAGE && mark.kind == Kind::Content);
        }
        let content = text.content_str();
        let Estimate { tokens, exact } = if bytes <= EXACT_BYTES {
            let of = |mark: &Mark| content.get(mark.start as usize..mark.end as usize);
            Estimate {
                tokens: counted(text)
                    .map(|mark| count(encoding, of(mark).unwrap_or_default()) as u64)
                    .sum(),
                exact: true,
            }
        } else {
            let all = estimate(encoding, content);
            let share = bytes as f64 / content.len().max(1) as f64;
            Estimate {
                tokens: (all.tokens as f64 * share) as u64,
                ..all
            }
        };
        // Several strings outside of messages may be one prompt or a batch of them, of which each
        // has the window to itself; tools and media are counted by formula.
        let one = prompts <= 1 && !text.stray() && text.complete() && defined == [0, 0];
        Self {
            bytes: bytes.saturating_add(overhead as usize),
            tokens: tokens.saturating_add(overhead),
            exact: exact && one,
            guessed: !text.complete(),
            encoding,
            script: script_of(text.content()),
        }
    }

    /// Tokens of the prompt as a deployment is likely to count them.
    pub(super) fn expected(&self, deployment: &Deployment, words: &DeploymentWords) -> u64 {
        match self.ratio(deployment, words) {
            Ratio::Same => self.tokens,
            Ratio::Learned(learned) => (self.tokens as f64 * learned.mean) as u64,
        }
    }

    /// Learns from what a deployment reported for this prompt.
    pub(super) fn learn(&self, words: &DeploymentWords, reported: u64) {
        if reported > 0 && !self.guessed {
            self.calibration(words).learn(reported, self.tokens);
        }
    }

    fn ratio(&self, deployment: &Deployment, words: &DeploymentWords) -> Ratio {
        let same = Family::of(&deployment.model).counts_exactly()
            && encoding_for(&deployment.model) == self.encoding;
        if same {
            Ratio::Same
        } else {
            Ratio::Learned(self.calibration(words).read())
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
        let limit = deployment.context_window.saturating_sub(reserved);
        let counted = Estimate {
            tokens: self.tokens,
            exact: self.exact,
        };
        fit(self.bytes, || counted, limit, self.ratio(deployment, words))
    }
}

/// What a model gets as text; names of members, metadata and identifiers are not that, and neither
/// are definitions of tools, which are rendered by rules of their own.
fn counted(text: &Text) -> impl Iterator<Item = &Mark> {
    let is_text = |mark: &&Mark| match mark.kind {
        Kind::Content | Kind::System => true,
        Kind::Tool => mark.message != Mark::NO_MESSAGE,
        Kind::Key | Kind::Number | Kind::Other => false,
    };
    text.marks().iter().filter(is_text)
}
