//! Which vocabulary, and which rules for overhead, belong to a model's name.
//!
//! Names come with decorations: a provider in front (`azure/`, `openrouter/openai/`), a fine-tuning
//! prefix, a date behind. Only OpenAI's own models are counted exactly; for all others o200k is the
//! yardstick, and what matters is that it is always the same one, for the calibration is relative
//! to it.

use super::Encoding;

/// Who makes the model, as far as prompt templates, images and exactness differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Family {
    /// OpenAI's models, gpt-oss included: the vocabulary is known.
    OpenAi,
    /// Anthropic's models.
    Anthropic,
    /// Google's Gemini models (Gemma, which runs locally, counts as other).
    Google,
    /// Everything else, local models above all.
    Other,
}

const O200K: &[&str] = &[
    "gpt-4o",
    "gpt-4.1",
    "gpt-4.5",
    "gpt-5",
    "chatgpt-4o",
    "gpt-oss",
    "o1",
    "o3",
    "o4-mini",
];
const CL100K: &[&str] = &[
    "gpt-4",
    "gpt-3.5",
    "gpt-3.5-turbo",
    "gpt-35-turbo",
    "text-embedding-ada-002",
    "text-embedding-3-small",
    "text-embedding-3-large",
    "davinci-002",
    "babbage-002",
];

/// The vocabulary to count with.
pub fn encoding_for(model: &str) -> Encoding {
    let name = bare(model);
    if !names(name, O200K) && names(name, CL100K) {
        Encoding::Cl100k
    } else {
        Encoding::O200k
    }
}

impl Family {
    /// The family of a model, by its name.
    pub fn of(model: &str) -> Self {
        let name = bare(model);
        if names(name, O200K) || names(name, CL100K) {
            Family::OpenAi
        } else if starts(name, "claude") || model.contains("anthropic.claude") {
            Family::Anthropic
        } else if starts(name, "gemini") {
            Family::Google
        } else {
            Family::Other
        }
    }

    /// Whether [`encoding_for`] is the model's own vocabulary, so that an exact count is exact.
    pub fn counts_exactly(self) -> bool {
        self == Family::OpenAi
    }
}

/// Without providers in front and a fine-tuning prefix.
pub(super) fn bare(model: &str) -> &str {
    let name = model.rsplit('/').next().unwrap_or(model);
    name.strip_prefix("ft:").unwrap_or(name)
}

/// Whether the name is one of these, or one of these with something behind a separator: `gpt-4` and
/// `gpt-4-0613`, but neither `gpt-4o` nor `gpt-4all`. OpenAI numbers on behind a dot (`gpt-5.1`).
fn names(name: &str, known: &[&str]) -> bool {
    known.iter().any(|it| {
        starts(name, it)
            && matches!(
                name.as_bytes().get(it.len()),
                None | Some(b'-' | b':' | b'@' | b'.')
            )
    })
}

pub(super) fn starts(name: &str, prefix: &str) -> bool {
    name.as_bytes()
        .get(..prefix.len())
        .is_some_and(|head| head.eq_ignore_ascii_case(prefix.as_bytes()))
}
