//! From a text to its numbers and its score, in one bounded pass.
//!
//! Read is what users wrote: the learner was trained on questions, and a system prompt that stands
//! in front of every request says nothing about this one. Everything else counts by its size. The
//! newest messages are read first, up to [`WINDOW`] bytes; of a message that does not fit, its
//! beginning and its end, where instructions stand. So the cost of a score has a ceiling.

use super::features::{Facts, Features};
use super::heuristic::heuristic;
use super::reader::{NoTokens, Reader, Tokens};
use super::scorer::{Scorer, Weighing};
use crate::text::{Kind, Role, Text};

/// How many bytes of a request are read at most; lengths count in full.
pub const WINDOW: usize = 16 * 1024;

/// What was found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// The numbers.
    pub features: Features,
    /// 0 to 1: the learned score when a scorer was given, else the heuristic's.
    pub score: f32,
    /// What the words added to the logit of the learned score; 0 without a scorer.
    pub words: f32,
    /// Bytes read.
    pub visited: u64,
}

/// Measures a gathered request.
pub fn measure(text: &Text, facts: &Facts, scorer: Option<&Scorer>) -> Measured {
    let asked = text.marks().iter().any(|mark| is_question(text, mark));
    let wanted = |mark: &_| {
        if asked {
            is_question(text, mark)
        } else {
            mark.kind == Kind::Content
        }
    };
    let (mut length, mut whole) = (0, 0);
    for mark in text.marks() {
        let size = text.of_mark(mark).len();
        whole += size;
        length += if wanted(mark) { size } else { 0 };
    }
    let newest_first = text.marks().iter().rev().filter(|mark| wanted(mark));
    let pieces = newest_first.map(|mark| text.of_mark(mark));
    run(pieces, length, whole - length, facts, scorer)
}

/// Measures one text without a body around it.
pub fn measure_str(text: &str, facts: &Facts, scorer: Option<&Scorer>) -> Measured {
    run(
        std::iter::once(text.as_bytes()),
        text.len(),
        0,
        facts,
        scorer,
    )
}

fn is_question(text: &Text, mark: &crate::text::Mark) -> bool {
    mark.kind == Kind::Content && matches!(text.role(mark), Role::User | Role::Unknown)
}

fn run<'b>(
    pieces: impl Iterator<Item = &'b [u8]>,
    length: usize,
    context: usize,
    facts: &Facts,
    scorer: Option<&Scorer>,
) -> Measured {
    let Some(scorer) = scorer else {
        let (features, visited) = read(pieces, length, context, facts, &mut NoTokens);
        return Measured {
            features,
            score: heuristic(&features),
            words: 0.0,
            visited,
        };
    };
    let mut weighing = Weighing::new(scorer);
    let (features, visited) = read(pieces, length, context, facts, &mut weighing);
    let words = weighing.total();
    Measured {
        features,
        score: scorer.score(&features, words),
        words,
        visited,
    }
}

/// Reads the pieces into `tokens`; the same path for scoring and for learning.
pub(super) fn read<'b, T: Tokens>(
    pieces: impl Iterator<Item = &'b [u8]>,
    length: usize,
    context: usize,
    facts: &Facts,
    tokens: &mut T,
) -> (Features, u64) {
    let mut reader = Reader::new(tokens);
    let mut left = WINDOW;
    for piece in pieces {
        if piece.len() <= left {
            reader.piece(piece);
            left -= piece.len();
            continue;
        }
        let head = boundary(piece, left / 2);
        let tail = boundary(piece, piece.len() - left / 2);
        reader.piece(&piece[..head]);
        reader.piece(&piece[tail..]);
        break;
    }
    let counts = reader.counts;
    let features = Features::new(&counts, length, context, facts);
    (features, counts.visited)
}

/// The next place at or behind `at` where a character begins (at most three bytes on).
fn boundary(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at.min(bytes.len())..];
    let inside = rest.iter().take(3).take_while(|byte| **byte & 0xc0 == 0x80);
    at.min(bytes.len()) + inside.count()
}
