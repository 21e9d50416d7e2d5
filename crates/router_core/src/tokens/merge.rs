//! The tokens of one piece.
//!
//! Most pieces are tokens; most others are a word of a few bytes, for which looking for the lowest
//! rank again and again in an array on the stack beats every cleverer structure. That is quadratic,
//! so it ends at a fixed length, beyond which [`super::long`] takes over.

use super::long::Scratch;
use super::vocabulary::Vocabulary;
use super::work;

/// Up to this many bytes pairs are merged by searching; found by measurement.
const SHORT: usize = 32;
const ABSENT: u32 = u32::MAX;

/// How many tokens `piece` becomes. Never more than it has bytes.
#[inline]
pub(super) fn count(vocabulary: &Vocabulary, piece: &[u8], scratch: &mut Scratch) -> usize {
    if piece.len() <= 1 {
        piece.len()
    } else if vocabulary.rank(piece) != ABSENT {
        1
    } else if piece.len() <= SHORT {
        short(vocabulary, piece)
    } else {
        vocabulary.long_pieces().count(vocabulary, piece, scratch)
    }
}

fn short(vocabulary: &Vocabulary, piece: &[u8]) -> usize {
    // Part i begins at starts[i]; ranks[i] is that of parts i and i + 1 joined.
    let mut starts = [0u8; SHORT + 1];
    let mut ranks = [ABSENT; SHORT + 1];
    let mut parts = piece.len();
    for at in 0..parts - 1 {
        starts[at] = at as u8;
        ranks[at] = vocabulary.pair(piece[at], piece[at + 1]);
    }
    starts[parts - 1] = (parts - 1) as u8;
    starts[parts] = parts as u8;
    loop {
        work::step();
        let mut lowest = ABSENT;
        let mut at = 0;
        for (index, rank) in ranks[..parts - 1].iter().enumerate() {
            if *rank < lowest {
                lowest = *rank;
                at = index;
            }
        }
        if lowest == ABSENT {
            return parts;
        }
        starts.copy_within(at + 2..=parts, at + 1);
        ranks.copy_within(at + 2..parts, at + 1);
        parts -= 1;
        let joined = |from: usize| {
            if from + 2 <= parts {
                vocabulary.rank(&piece[starts[from] as usize..starts[from + 2] as usize])
            } else {
                ABSENT
            }
        };
        ranks[at] = joined(at);
        if at > 0 {
            ranks[at - 1] = joined(at - 1);
        }
        if parts == 1 {
            return 1;
        }
    }
}
