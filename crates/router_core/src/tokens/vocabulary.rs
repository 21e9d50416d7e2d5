//! A vocabulary: which byte sequences are tokens, and their ranks.
//!
//! Nearly all keys that merging looks up are short and most of them are absent, so the layout
//! serves these: two bytes index a table, three to eight bytes stand inside their slot and compare
//! as one integer, only longer keys are compared byte by byte, after a 32-bit tag agreed. Tokens
//! themselves stay in the binary's own pages. The tables of o200k take 10 MB and are filled in a few
//! milliseconds; probe chains are those of a fixed table at most half full, so no text makes a
//! lookup long.

use std::sync::OnceLock;

use super::long::LongPieces;
use super::{work, Encoding};

/// No token in OpenAI's vocabularies is longer, and the packed format allows 255.
const LONGEST: usize = 128;
const ABSENT: u32 = u32::MAX;
const MIX: u64 = 0x9E37_79B9_7F4A_7C15;

/// Up to eight bytes, zero padded; a length of zero marks an empty slot.
#[derive(Clone, Copy, Default)]
struct Slot {
    key: u64,
    rank: u32,
    length: u32,
}

/// The tokens of one encoding.
pub(super) struct Vocabulary {
    bytes: &'static [u8],
    starts: Box<[u32]>,
    pairs: Box<[u32]>,
    singles: [u32; 256],
    short: Box<[Slot]>,
    /// Tag in the high half, rank + 1 in the low half; zero is empty.
    long: Box<[u64]>,
    pieces: OnceLock<LongPieces>,
}

impl Vocabulary {
    /// The vocabulary of this process, made at the first call.
    pub(super) fn shared(encoding: Encoding) -> &'static Self {
        static O200K: OnceLock<Vocabulary> = OnceLock::new();
        static CL100K: OnceLock<Vocabulary> = OnceLock::new();
        match encoding {
            Encoding::O200k => {
                O200K.get_or_init(|| Self::unpack(include_bytes!("vocabulary/o200k_base.tokens")))
            }
            Encoding::Cl100k => {
                CL100K.get_or_init(|| Self::unpack(include_bytes!("vocabulary/cl100k_base.tokens")))
            }
        }
    }

    /// Reads the packed form: a count, one length byte per token, all tokens in order of rank.
    fn unpack(packed: &'static [u8]) -> Self {
        let (count, rest) = packed.split_at(4);
        let count = u32::from_le_bytes([count[0], count[1], count[2], count[3]]) as usize;
        let (lengths, bytes) = rest.split_at(count);
        let mut starts = Vec::with_capacity(count + 1);
        let mut end = 0u32;
        starts.push(0);
        starts.extend(lengths.iter().map(|length| {
            end += u32::from(*length);
            end
        }));
        let of = |range: std::ops::RangeInclusive<u8>| {
            lengths.iter().filter(|it| range.contains(it)).count()
        };
        let mut made = Self {
            bytes,
            starts: starts.into_boxed_slice(),
            pairs: vec![ABSENT; 1 << 16].into_boxed_slice(),
            singles: [ABSENT; 256],
            short: vec![Slot::default(); (of(3..=8) * 2).next_power_of_two()].into_boxed_slice(),
            long: vec![0; (of(9..=255) * 2).next_power_of_two()].into_boxed_slice(),
            pieces: OnceLock::new(),
        };
        for rank in 0..count as u32 {
            made.insert(rank);
        }
        made
    }

    fn insert(&mut self, rank: u32) {
        let token = self.token(rank);
        match token.len() {
            0 => {}
            1 => self.singles[token[0] as usize] = rank,
            2 => self.pairs[pair_index(token[0], token[1])] = rank,
            length @ 3..=8 => {
                let key = short_key(token);
                let mask = self.short.len() - 1;
                let mut at = short_hash(key, length) & mask;
                while self.short[at].length != 0 {
                    at = (at + 1) & mask;
                }
                self.short[at] = Slot {
                    key,
                    rank,
                    length: length as u32,
                };
            }
            _ => {
                let hash = long_hash(token);
                let mask = self.long.len() - 1;
                let mut at = hash as usize & mask;
                while self.long[at] != 0 {
                    at = (at + 1) & mask;
                }
                self.long[at] = hash >> 32 << 32 | u64::from(rank + 1);
            }
        }
    }

    /// How many tokens there are; ranks are below it.
    pub(super) fn len(&self) -> usize {
        self.starts.len() - 1
    }

    /// The bytes of a token. `rank` must be one of this vocabulary's.
    #[inline]
    pub(super) fn token(&self, rank: u32) -> &'static [u8] {
        let rank = rank as usize;
        &self.bytes[self.starts[rank] as usize..self.starts[rank + 1] as usize]
    }

    /// Length of a token in bytes. `rank` must be one of this vocabulary's.
    #[inline]
    pub(super) fn token_len(&self, rank: u32) -> usize {
        let rank = rank as usize;
        (self.starts[rank + 1] - self.starts[rank]) as usize
    }

    /// The rank of these two bytes, `u32::MAX` if they are no token.
    #[inline(always)]
    pub(super) fn pair(&self, first: u8, second: u8) -> u32 {
        self.pairs[pair_index(first, second)]
    }

    /// The rank of these bytes, `u32::MAX` if they are no token.
    #[inline]
    pub(super) fn rank(&self, bytes: &[u8]) -> u32 {
        work::step();
        match bytes.len() {
            0 => ABSENT,
            1 => self.singles[bytes[0] as usize],
            2 => self.pair(bytes[0], bytes[1]),
            length @ 3..=8 => {
                let key = short_key(bytes);
                let mask = self.short.len() - 1;
                let mut at = short_hash(key, length) & mask;
                loop {
                    let slot = self.short[at];
                    if slot.key == key && slot.length == length as u32 {
                        return slot.rank;
                    }
                    if slot.length == 0 {
                        return ABSENT;
                    }
                    at = (at + 1) & mask;
                }
            }
            9..=LONGEST => {
                let hash = long_hash(bytes);
                let mask = self.long.len() - 1;
                let mut at = hash as usize & mask;
                loop {
                    let slot = self.long[at];
                    if slot == 0 {
                        return ABSENT;
                    }
                    let rank = slot as u32 - 1;
                    if slot >> 32 == hash >> 32 && self.token(rank) == bytes {
                        return rank;
                    }
                    at = (at + 1) & mask;
                }
            }
            _ => ABSENT,
        }
    }

    /// What long pieces need in addition, made at the first of them.
    pub(super) fn long_pieces(&self) -> &LongPieces {
        self.pieces.get_or_init(|| LongPieces::of(self))
    }
}

#[inline(always)]
fn pair_index(first: u8, second: u8) -> usize {
    usize::from(first) << 8 | usize::from(second)
}

/// Three to eight bytes as one integer: two reads that may overlap on equal bits.
#[inline(always)]
fn short_key(bytes: &[u8]) -> u64 {
    let word = |at: usize| {
        u64::from(u32::from_le_bytes([
            bytes[at],
            bytes[at + 1],
            bytes[at + 2],
            bytes[at + 3],
        ]))
    };
    match bytes.len() {
        3 => u64::from(bytes[0]) | u64::from(bytes[1]) << 8 | u64::from(bytes[2]) << 16,
        length => word(0) | word(length - 4) << ((length - 4) * 8),
    }
}

/// Zero bytes pad the key, so the length takes part.
#[inline(always)]
fn short_hash(key: u64, length: usize) -> usize {
    let mixed = (key ^ (length as u64) << 59).wrapping_mul(MIX);
    (mixed ^ mixed >> 32) as usize
}

/// Of nine bytes and more: whole words, then the last eight bytes again.
#[inline]
fn long_hash(bytes: &[u8]) -> u64 {
    let word = |chunk: &[u8]| {
        u64::from_le_bytes([
            chunk[0], chunk[1], chunk[2], chunk[3], chunk[4], chunk[5], chunk[6], chunk[7],
        ])
    };
    let mut hash = bytes.len() as u64;
    for chunk in bytes.chunks_exact(8) {
        hash = (hash ^ word(chunk)).wrapping_mul(MIX);
        hash ^= hash >> 29;
    }
    hash = (hash ^ word(&bytes[bytes.len() - 8..])).wrapping_mul(MIX);
    hash ^ hash >> 32
}
