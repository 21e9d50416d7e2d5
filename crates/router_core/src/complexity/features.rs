//! The numbers of a request that both scorers read.
//!
//! Counts enter as ln(1 + count): the step from one line to ten says as much as that from ten to a
//! hundred. Shares and flags are 0 to 1. Every number is finite for every input.

use super::reader::Counts;
use crate::text::{Role, Text};

/// How many numbers there are.
pub const NUMBERS: usize = 15;

/// Their names, in order. They are stored in a learned file: a file that was trained on other
/// numbers is refused, so a change here makes old files unusable and must be meant.
pub const NAMES: [&str; NUMBERS] = [
    "length",      // ln(1 + bytes of what the user wrote, all of it)
    "context",     // ln(1 + bytes of everything else: system, answers, tool definitions)
    "turns",       // ln(1 + messages of users)
    "word_length", // letters per word, up to 16
    "long_words",  // share of words of nine letters or more
    "numbers",     // ln(1 + runs of digits)
    "questions",   // ln(1 + question marks)
    "lines",       // ln(1 + lines)
    "symbols",     // symbols per token
    "code",        // evidence of program text, 0 to 1
    "analysis",    // ln(1 + words that ask for analysis)
    "script",      // share of letters outside of the Latin script
    "tools",       // the request offers tools
    "json_schema", // the answer must follow a schema
    "images",      // the request carries media
];

pub(super) const LENGTH: usize = 0;
pub(super) const CONTEXT: usize = 1;
pub(super) const TURNS: usize = 2;
pub(super) const WORD_LENGTH: usize = 3;
pub(super) const QUESTIONS: usize = 6;
pub(super) const NUMBER_COUNT: usize = 5;
pub(super) const CODE: usize = 9;
pub(super) const ANALYSIS: usize = 10;
pub(super) const SCRIPT: usize = 11;
pub(super) const TOOLS: usize = 12;
pub(super) const JSON_SCHEMA: usize = 13;
pub(super) const IMAGES: usize = 14;

/// What the caller knows about a request besides its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Facts {
    /// Messages of users; 0 and 1 mean a single question.
    pub turns: u32,
    /// Whether tools are offered.
    pub has_tools: bool,
    /// Whether the answer must follow a JSON schema.
    pub has_json_schema: bool,
    /// Whether images, audio or files are attached.
    pub has_images: bool,
}

impl Facts {
    /// What the gathered text itself tells; tools and schema are the caller's to add.
    pub fn of(text: &Text) -> Self {
        let users = text.roles().iter().filter(|role| **role == Role::User);
        Self {
            turns: u32::try_from(users.count()).unwrap_or(u32::MAX),
            has_images: text.opaque() > 0,
            ..Self::default()
        }
    }
}

/// The numbers of one request, in the order of [`NAMES`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Features {
    /// The values.
    pub numbers: [f32; NUMBERS],
}

impl Features {
    /// `length` and `context` in bytes, whole; `counts` may stem from a part of a long text.
    pub(super) fn new(counts: &Counts, length: usize, context: usize, facts: &Facts) -> Self {
        let tokens = counts.words + counts.numbers + counts.symbols;
        let mut numbers = [0.0; NUMBERS];
        numbers[LENGTH] = log(length as f32);
        numbers[CONTEXT] = log(context as f32);
        numbers[TURNS] = log(facts.turns.max(1) as f32);
        numbers[WORD_LENGTH] = share(counts.letters, counts.words).min(16.0);
        numbers[4] = share(counts.long_words, counts.words);
        numbers[NUMBER_COUNT] = log(counts.numbers as f32);
        numbers[QUESTIONS] = log(counts.questions as f32);
        numbers[7] = log(counts.lines as f32);
        numbers[8] = share(counts.symbols, tokens);
        numbers[CODE] = code(counts);
        numbers[ANALYSIS] = log(counts.analysis as f32);
        numbers[SCRIPT] = share(counts.foreign, counts.letters);
        numbers[TOOLS] = f32::from(facts.has_tools);
        numbers[JSON_SCHEMA] = f32::from(facts.has_json_schema);
        numbers[IMAGES] = f32::from(facts.has_images);
        Self { numbers }
    }

    /// Names and values, for an explanation.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, f32)> + '_ {
        NAMES.into_iter().zip(self.numbers)
    }
}

/// One fence or a few operators are a hint, lines of code are certainty. The last fence of a pair
/// adds nothing new, hence the saturation: e / (e + 3).
fn code(counts: &Counts) -> f32 {
    let evidence = counts.fences as f32 * 3.0
        + counts.code_lines as f32 * 1.5
        + counts.operators as f32 * 0.75
        + counts.code_words as f32 * 0.75;
    evidence / (evidence + 3.0)
}

fn log(count: f32) -> f32 {
    count.ln_1p()
}

fn share(part: u32, whole: u32) -> f32 {
    if whole == 0 {
        0.0
    } else {
        part as f32 / whole as f32
    }
}
