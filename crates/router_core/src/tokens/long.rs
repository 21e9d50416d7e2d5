//! Counting the tokens of a long piece in linear time.
//!
//! Merging pair by pair is quadratic for a piece without a break, and a heap that mends this is
//! still slow when megabytes of one letter fill it. This is the algorithm of GitHub's `bpe` crate
//! (Neubeck and van Antwerpen): take the longest token that fits at each place, check that byte
//! pair merging would not have joined the last two tokens differently, and otherwise try the next
//! shorter one, going back at most once to each place, for a place that led nowhere is remembered.
//! The result is the one that merging gives, so nothing is approximated.
//!
//! What differs from the original is memory: in place of an automaton over the vocabulary (three,
//! about 50 MB) the longest token is found in a sorted list, because of the tokens that are a prefix
//! of a text, each is also a prefix of the text's predecessor in the list, or that predecessor.

use super::vocabulary::Vocabulary;
use super::work;

const NONE: u32 = u32::MAX;

/// Tables over one vocabulary: 5.5 MB for o200k.
pub(super) struct LongPieces {
    /// All ranks, by the bytes of their tokens.
    sorted: Box<[u32]>,
    /// Bytes three to ten of the sorted tokens, big endian: what the search compares.
    keys: Box<[u64]>,
    /// Where in `sorted` the tokens begin that start with these two bytes.
    buckets: Box<[u32]>,
    /// The longest token that is a proper prefix of a token.
    prefix: Box<[u32]>,
    /// The two tokens that a token was merged from; a single byte is itself twice.
    split: Box<[(u32, u32)]>,
    /// Slots of rank + 1, found by the two tokens of its split; zero is empty.
    merged: Box<[u32]>,
}

/// What a count works with; kept between pieces, so that a text allocates once and not per piece.
#[derive(Default)]
pub(super) struct Scratch {
    tokens: Vec<u32>,
    dead: Vec<u64>,
}

impl LongPieces {
    pub(super) fn of(vocabulary: &Vocabulary) -> Self {
        let count = vocabulary.len();
        let mut sorted: Vec<u32> = (0..count as u32).collect();
        sorted.sort_unstable_by_key(|rank| vocabulary.token(*rank));

        // Sorted, a token's prefixes are a stack.
        let mut prefix = vec![NONE; count];
        let mut open: Vec<u32> = Vec::new();
        let mut buckets = vec![0; (1 << 16) + 1];
        for rank in &sorted {
            let token = vocabulary.token(*rank);
            while open
                .last()
                .is_some_and(|it| !token.starts_with(vocabulary.token(*it)))
            {
                open.pop();
            }
            prefix[*rank as usize] = open.last().copied().unwrap_or(NONE);
            open.push(*rank);
            // A single byte sorts before its pairs; counted with them it cannot be in the way.
            let second = token.get(1).copied().unwrap_or(0);
            buckets[bucket(token[0], second) + 1] += 1;
        }
        for at in 1..buckets.len() {
            buckets[at] += buckets[at - 1];
        }
        let keys = sorted.iter().map(|rank| key(vocabulary.token(*rank)));

        let mut made = Self {
            keys: keys.collect(),
            sorted: sorted.into_boxed_slice(),
            buckets: buckets.into_boxed_slice(),
            prefix: prefix.into_boxed_slice(),
            split: vec![(NONE, NONE); count].into_boxed_slice(),
            merged: vec![0; (count * 2).next_power_of_two()].into_boxed_slice(),
        };
        // Merges go by rank, so the tokens that a token is made of are known before it.
        for rank in 0..count as u32 {
            made.split[rank as usize] = made.find_split(vocabulary, rank);
        }
        made
    }

    /// Which two earlier tokens merging makes this one from, and notes them as mergeable.
    fn find_split(&mut self, vocabulary: &Vocabulary, rank: u32) -> (u32, u32) {
        let token = vocabulary.token(rank);
        let mut left = self.prefix[rank as usize];
        while left != NONE {
            let right = vocabulary.rank(&token[vocabulary.token_len(left)..]);
            if left < rank && right < rank && self.may_stand_together(left, right) {
                let mask = self.merged.len() - 1;
                let mut at = pair_hash(left, right) & mask;
                while self.merged[at] != 0 {
                    at = (at + 1) & mask;
                }
                self.merged[at] = rank + 1;
                return (left, right);
            }
            left = self.prefix[left as usize];
        }
        (rank, rank)
    }

    /// The token that these two merge into, `u32::MAX` if none.
    #[inline]
    fn merge_of(&self, left: u32, right: u32) -> u32 {
        let mask = self.merged.len() - 1;
        let mut at = pair_hash(left, right) & mask;
        loop {
            let slot = self.merged[at];
            if slot == 0 {
                return NONE;
            }
            if self.split[(slot - 1) as usize] == (left, right) {
                return slot - 1;
            }
            at = (at + 1) & mask;
        }
    }

    /// Whether merging would leave these two tokens side by side: it undoes their merges from the
    /// latest on and looks whether, at any moment, a pair across the border would have come first.
    #[inline]
    fn may_stand_together(&self, mut left: u32, mut right: u32) -> bool {
        let mut limit = NONE;
        loop {
            work::step();
            let merged = self.merge_of(left, right);
            if merged < limit {
                return false;
            }
            if left > right {
                limit = left;
                left = self.split[left as usize].1;
                if left == limit {
                    limit = right + 1;
                    right = self.split[right as usize].0;
                    if right + 1 == limit {
                        return true;
                    }
                }
            } else {
                limit = right + 1;
                right = self.split[right as usize].0;
                if right + 1 == limit {
                    limit = left;
                    left = self.split[left as usize].1;
                    if left == limit {
                        return true;
                    }
                }
            }
        }
    }

    /// The longest token that `text` starts with, `u32::MAX` for an empty text.
    #[inline]
    fn longest(&self, vocabulary: &Vocabulary, text: &[u8]) -> u32 {
        let [first, rest @ ..] = text else {
            return NONE;
        };
        let single = vocabulary.rank(&text[..1]);
        let Some(second) = rest.first() else {
            return single;
        };
        let from = self.buckets[bucket(*first, *second)] as usize;
        let to = self.buckets[bucket(*first, *second) + 1] as usize;
        let wanted = key(text);
        let keys = &self.keys[from..to];
        // Up to here all keys are smaller; equal ones are decided by their bytes.
        let mut after = keys.partition_point(|key| *key < wanted);
        let equal = keys[after..].partition_point(|key| *key == wanted);
        after += self.sorted[from + after..from + after + equal]
            .partition_point(|rank| vocabulary.token(*rank) <= text);
        if after == 0 {
            return single;
        }
        let mut token = self.sorted[from + after - 1];
        while token != NONE && !text.starts_with(vocabulary.token(token)) {
            work::step();
            token = self.prefix[token as usize];
        }
        token
    }

    /// How many tokens `piece` becomes.
    pub(super) fn count(
        &self,
        vocabulary: &Vocabulary,
        piece: &[u8],
        scratch: &mut Scratch,
    ) -> usize {
        let Scratch { tokens, dead } = scratch;
        tokens.clear();
        dead.clear();
        dead.resize(piece.len() / 64 + 1, 0);
        let mut at = 0;
        let mut token = self.longest(vocabulary, piece);
        while token != NONE {
            work::step();
            let last = tokens.last().copied();
            let end = at + vocabulary.token_len(token);
            let alive = dead[end / 64] & 1 << (end % 64) == 0;
            if alive && last.is_none_or(|last| self.may_stand_together(last, token)) {
                tokens.push(token);
                at = end;
                token = self.longest(vocabulary, &piece[end..]);
                continue;
            }
            token = self.prefix[token as usize];
            if token == NONE {
                // Nothing fits here: what led here must be shorter.
                dead[at / 64] |= 1 << (at % 64);
                let Some(last) = tokens.pop() else {
                    break;
                };
                at -= vocabulary.token_len(last);
                token = last;
            }
        }
        tokens.len()
    }
}

#[inline(always)]
fn bucket(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

/// Bytes three to ten, zero padded: in the order of the bytes as far as it decides.
#[inline]
fn key(bytes: &[u8]) -> u64 {
    let rest = bytes.get(2..).unwrap_or_default();
    if let [a, b, c, d, e, f, g, h, ..] = *rest {
        return u64::from_be_bytes([a, b, c, d, e, f, g, h]);
    }
    let mut padded = [0; 8];
    padded[..rest.len()].copy_from_slice(rest);
    u64::from_be_bytes(padded)
}

#[inline(always)]
fn pair_hash(left: u32, right: u32) -> usize {
    let mixed = (u64::from(left) << 32 | u64::from(right)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ mixed >> 32) as usize
}
