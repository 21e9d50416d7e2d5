//! Literals at word starts: a bitmap that almost every word fails, then the words themselves.
//!
//! An Aho-Corasick automaton looks at every byte, about one nanosecond each with this many
//! case-insensitive words: a millisecond for a megabyte, more than everything else together. But
//! all our words begin where a word begins, so it suffices to look at the first four bytes of each
//! word (folded to one case) in a bitmap of 8 KB; some words in a hundred pass, and those are
//! compared with the few literals that share their first three letters.

use super::entity::Entity;

/// How a literal is to be taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// In any case, as a whole word (a plural `s` may follow).
    Word,
    /// In exactly this case, as a whole word.
    Exact,
    /// In exactly this case, whatever follows.
    Prefix,
}

/// A literal of a recognizer. A space in it stands for one space, hyphen, underscore, line break or
/// joint.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal {
    pub(super) text: &'static str,
    pub(super) how: How,
    /// Meaning to the recognizer.
    pub(super) tag: u8,
}

impl Literal {
    pub(super) const fn word(text: &'static str, tag: u8) -> Self {
        Self {
            text,
            how: How::Word,
            tag,
        }
    }

    pub(super) const fn exact(text: &'static str, tag: u8) -> Self {
        Self {
            text,
            how: How::Exact,
            tag,
        }
    }

    pub(super) const fn prefix(text: &'static str, tag: u8) -> Self {
        Self {
            text,
            how: How::Prefix,
            tag,
        }
    }
}

/// A literal found in a text.
#[derive(Debug, Clone, Copy)]
pub(super) struct Hit {
    pub(super) entity: Entity,
    pub(super) tag: u8,
    pub(super) start: usize,
    pub(super) end: usize,
}

const BITS: u32 = 16;
const HEADS: usize = 1024;
const NONE: u16 = u16::MAX;

/// All literals, compiled.
pub(super) struct Words {
    /// One bit per hash of four folded bytes.
    bitmap: Box<[u64; 1 << (BITS - 6)]>,
    /// First literal per hash of three folded bytes.
    heads: Box<[u16; HEADS]>,
    entries: Vec<Entry>,
}

struct Entry {
    /// The first eight bytes, folded, and which of their bits count.
    head: u64,
    mask: u64,
    literal: Literal,
    entity: Entity,
    next: u16,
}

#[inline]
fn hash4(folded: u32) -> usize {
    (folded.wrapping_mul(0x9e37_79b1) >> (32 - BITS)) as usize
}

#[inline]
fn hash3(folded: u32) -> usize {
    ((folded & 0x00ff_ffff).wrapping_mul(0x85eb_ca6b) >> 22) as usize
}

const FOLD: u32 = 0x2020_2020;

impl Words {
    pub(super) fn new(lists: &[(Entity, &[Literal])]) -> Self {
        let mut words = Self {
            bitmap: Box::new([0; 1 << (BITS - 6)]),
            heads: Box::new([NONE; HEADS]),
            entries: Vec::new(),
        };
        for (entity, list) in lists {
            for literal in *list {
                words.add(*entity, *literal);
            }
        }
        words
    }

    fn add(&mut self, entity: Entity, literal: Literal) {
        let text = literal.text.as_bytes();
        debug_assert!(text.len() >= 3 && text[..3].iter().all(u8::is_ascii_alphanumeric));
        let byte = |at: usize| u32::from(text.get(at).copied().unwrap_or(0));
        let three = byte(0) | byte(1) << 8 | byte(2) << 16 | FOLD;
        for last in 0..=255u8 {
            if may_be_fourth(&literal, last) {
                let last = u32::from(last);
                let four = (three & 0x00ff_ffff) | last << 24 | FOLD;
                let at = hash4(four);
                self.bitmap[at >> 6] |= 1 << (at & 63);
            }
        }
        let mut head = [0u8; 8];
        let mut mask = [0u8; 8];
        for (at, byte) in text.iter().take(8).enumerate() {
            // A space stands for several separators.
            if *byte != b' ' {
                head[at] = byte | 0x20;
                mask[at] = 0xff;
            }
        }
        self.entries.push(Entry {
            head: u64::from_le_bytes(head),
            mask: u64::from_le_bytes(mask),
            literal,
            entity,
            next: self.heads[hash3(three)],
        });
        self.heads[hash3(three)] = (self.entries.len() - 1) as u16;
    }

    /// Whether a literal may begin with these four bytes (little endian).
    #[inline]
    pub(super) fn may_start(&self, four: u32) -> bool {
        let at = hash4(four | FOLD);
        self.bitmap[at >> 6] >> (at & 63) & 1 != 0
    }

    /// The longest literals that stand at `at`, where a word begins: at most one per recognizer.
    /// Adds what it looked at to `work`.
    pub(super) fn at(&self, text: &[u8], at: usize, work: &mut u64, mut found: impl FnMut(Hit)) {
        let rest = &text[at..];
        if rest.len() < 3 {
            return;
        }
        let three = u32::from_le_bytes([rest[0], rest[1], rest[2], 0]) | FOLD;
        let eight = match rest.first_chunk::<8>() {
            Some(eight) => *eight,
            None => std::array::from_fn(|at| rest.get(at).copied().unwrap_or(0)),
        };
        let eight = u64::from_le_bytes(eight) | 0x2020_2020_2020_2020;
        let mut entry = self.heads[hash3(three)];
        let mut best: Option<Hit> = None;
        while let Some(candidate) = self.entries.get(usize::from(entry)) {
            entry = candidate.next;
            *work += 1;
            if (eight ^ candidate.head) & candidate.mask != 0 {
                continue;
            }
            let Some(length) = matches(rest, &candidate.literal) else {
                continue;
            };
            *work += length as u64;
            if best.is_none_or(|hit| hit.end < at + length) {
                best = Some(Hit {
                    entity: candidate.entity,
                    tag: candidate.literal.tag,
                    start: at,
                    end: at + length,
                });
            }
        }
        if let Some(hit) = best {
            found(hit);
        }
    }
}

/// Whether `byte` may be the fourth of a text in which the literal stands: its own, a separator that a space
/// stands for, or what may follow three letters.
fn may_be_fourth(literal: &Literal, byte: u8) -> bool {
    match (literal.text.as_bytes().get(3), literal.how) {
        (Some(b' '), _) => byte == b' ' || is_space(byte),
        (Some(own), _) => byte == *own,
        (None, How::Prefix) => true,
        (None, How::Exact) => !byte.is_ascii_alphanumeric(),
        (None, How::Word) => !byte.is_ascii_alphanumeric() || matches!(byte, b's' | b'S'),
    }
}

/// What a space of a literal also stands for.
fn is_space(byte: u8) -> bool {
    matches!(byte, b'-' | b'_' | b'\n' | b'\r' | super::JOINT)
}

/// The length of the literal at the start of `rest`.
fn matches(rest: &[u8], literal: &Literal) -> Option<usize> {
    let text = literal.text.as_bytes();
    let head = rest.get(..text.len())?;
    let same = match literal.how {
        How::Word => head.iter().zip(text).all(|(have, want)| {
            have.eq_ignore_ascii_case(want) || (*want == b' ' && is_space(*have))
        }),
        How::Exact | How::Prefix => head == text,
    };
    if !same {
        return None;
    }
    let follows = |at: usize| rest.get(at).is_some_and(u8::is_ascii_alphanumeric);
    match literal.how {
        How::Prefix => Some(text.len()),
        How::Exact => (!follows(text.len())).then_some(text.len()),
        How::Word if !follows(text.len()) => Some(text.len()),
        How::Word => {
            let plural = matches!(rest[text.len()], b's' | b'S') && !follows(text.len() + 1);
            plural.then_some(text.len() + 1)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(text: &str) -> Vec<(u8, usize, usize)> {
        let words = Words::new(&[(
            Entity::User,
            &[
                Literal::word("confidential", 1),
                Literal::exact("NDA", 2),
                Literal::prefix("AIza", 3),
                Literal::word("trade secret", 4),
                Literal::word("trade", 5),
            ],
        )]);
        let bytes = text.as_bytes();
        let mut all = Vec::new();
        for at in 0..bytes.len() {
            let starts = at == 0 || !bytes[at - 1].is_ascii_alphanumeric();
            let mut four = [0; 4];
            for (to, from) in four.iter_mut().zip(&bytes[at..]) {
                *to = *from;
            }
            if starts && words.may_start(u32::from_le_bytes(four)) {
                words.at(bytes, at, &mut 0, |hit| {
                    all.push((hit.tag, hit.start, hit.end))
                });
            }
        }
        all
    }

    #[test]
    fn words_are_whole_and_of_any_case() {
        assert_eq!(hits("a Confidential b"), [(1, 2, 14)]);
        assert_eq!(hits("CONFIDENTIAL"), [(1, 0, 12)]);
        assert_eq!(hits("confidentiality unconfidential"), []);
        assert_eq!(hits("two trade-secrets"), [(4, 4, 17)]);
        assert_eq!(hits("trade"), [(5, 0, 5)]);
    }

    #[test]
    fn exact_words_are_not_found_inside_or_in_another_case() {
        assert_eq!(hits("agenda NDAs nda boundary"), []);
        assert_eq!(hits("(NDA)"), [(2, 1, 4)]);
        assert_eq!(hits("NDA"), [(2, 0, 3)]);
    }

    #[test]
    fn prefixes_go_on() {
        assert_eq!(hits("AIzaSy"), [(3, 0, 4)]);
        assert_eq!(hits("aizaSy"), []);
    }
}
