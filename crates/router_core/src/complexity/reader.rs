//! One pass over a text: counts for the numbers, hashes of words and word pairs for the learner.
//!
//! A token is a run of letters (ASCII lower-cased; two-byte letters as they are), a run of digits,
//! or one symbol. Scripts without spaces between words (Han, kana, Thai…) give one token per
//! character, so a pair of them is what a word is elsewhere. Bytes that are not UTF-8 are symbols:
//! any input is read to its end, each byte once.

use super::words::{mix, sign_of, Sign, SEED};

/// Receives the bucket of each token and of each pair of neighbours.
pub(super) trait Tokens {
    fn token(&mut self, bucket: u16);
}

/// For callers that need the counts only.
pub(super) struct NoTokens;
impl Tokens for NoTokens {
    #[inline(always)]
    fn token(&mut self, _bucket: u16) {}
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Bytes looked at.
    pub(super) visited: u64,
    /// Runs of letters, and letters of scripts without spaces.
    pub(super) words: u32,
    /// Letters in `words`.
    pub(super) letters: u32,
    /// Words of nine letters or more.
    pub(super) long_words: u32,
    /// Letters of other scripts than Latin.
    pub(super) foreign: u32,
    /// Runs of digits.
    pub(super) numbers: u32,
    pub(super) questions: u32,
    pub(super) lines: u32,
    pub(super) symbols: u32,
    pub(super) analysis: u32,
    pub(super) code_words: u32,
    /// Pairs of symbols that prose does not have: `==`, `->`, `()`…
    pub(super) operators: u32,
    /// Lines that end in `;`, `{` or `}`.
    pub(super) code_lines: u32,
    /// Triple back-ticks.
    pub(super) fences: u32,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Byte {
    Symbol,
    Space,
    Line,
    Letter,
    Digit,
    /// First of two bytes of a letter.
    Lead2,
    /// First of three bytes.
    Lead3,
    /// First of four bytes.
    Lead4,
}

static CLASS: [Byte; 256] = classes();

const fn classes() -> [Byte; 256] {
    let mut table = [Byte::Symbol; 256];
    let mut at = 0;
    while at < 256 {
        table[at] = match at as u8 {
            b' ' | b'\t' | b'\r' | 0x0b | 0x0c => Byte::Space,
            b'\n' => Byte::Line,
            b'a'..=b'z' | b'A'..=b'Z' => Byte::Letter,
            b'0'..=b'9' => Byte::Digit,
            // C2 starts the signs of Latin-1, not letters.
            0xc3..=0xdf => Byte::Lead2,
            0xe0..=0xef => Byte::Lead3,
            0xf0..=0xf4 => Byte::Lead4,
            _ => Byte::Symbol,
        };
        at += 1;
    }
    table
}

/// Where two-byte letters stop being Latin: Greek begins.
const GREEK: u8 = 0xce;
const LONG_WORD: u32 = 9;
/// Odd constants that spread a 32-bit hash over the upper half (Knuth; Murmur's finalizer).
const SPREAD: u32 = 0x9e37_79b1;
const PAIR: u32 = 0x85eb_ca6b;

/// Reads pieces of one text. Pairs do not reach over the end of a piece.
pub(super) struct Reader<'t, T> {
    pub(super) counts: Counts,
    tokens: &'t mut T,
    before: Option<u32>,
    /// The last byte that is not white space on this line.
    last: u8,
}

impl<'t, T: Tokens> Reader<'t, T> {
    pub(super) fn new(tokens: &'t mut T) -> Self {
        Self {
            counts: Counts::default(),
            tokens,
            before: None,
            last: 0,
        }
    }

    /// Reads one piece.
    pub(super) fn piece(&mut self, bytes: &[u8]) {
        self.before = None;
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let from = at;
            match CLASS[byte as usize] {
                Byte::Space => at += 1,
                Byte::Line => {
                    self.line();
                    at += 1;
                }
                Byte::Letter | Byte::Lead2 => at = self.word(bytes, at),
                Byte::Digit => at = self.number(bytes, at),
                Byte::Lead3 if latin_extended(bytes, at) => at = self.word(bytes, at),
                Byte::Lead3 => at = self.wide(bytes, at, 3),
                Byte::Lead4 => at = self.wide(bytes, at, 4),
                Byte::Symbol => {
                    self.symbol(bytes, at);
                    at += 1;
                }
            }
            // What was stepped over, counted where it happens: a step back or beyond would show.
            self.counts.visited += (at - from) as u64;
        }
        self.line();
    }

    fn word(&mut self, bytes: &[u8], mut at: usize) -> usize {
        let (mut hash, mut letters, mut foreign) = (SEED, 0, 0);
        while let Some(&byte) = bytes.get(at) {
            if byte.is_ascii_alphabetic() {
                hash = mix(hash, byte | 0x20);
                at += 1;
                letters += 1;
                continue;
            }
            match CLASS[byte as usize] {
                Byte::Lead2 => {
                    hash = mix(hash, byte);
                    at += 1;
                    if let Some(&next) = bytes.get(at).filter(|next| **next & 0xc0 == 0x80) {
                        hash = mix(hash, next);
                        at += 1;
                    }
                    foreign += u32::from(byte >= GREEK);
                }
                Byte::Lead3 if latin_extended(bytes, at) => {
                    for &byte in &bytes[at..at + 3] {
                        hash = mix(hash, byte);
                    }
                    at += 3;
                }
                _ => break,
            }
            letters += 1;
        }
        let counts = &mut self.counts;
        counts.words += 1;
        counts.letters += letters;
        counts.foreign += foreign;
        counts.long_words += u32::from(letters >= LONG_WORD);
        match sign_of(hash) {
            Some(Sign::Analysis) => counts.analysis += 1,
            Some(Sign::Code) => counts.code_words += 1,
            None => {}
        }
        self.last = b'a';
        self.token(hash);
        at
    }

    fn number(&mut self, bytes: &[u8], mut at: usize) -> usize {
        let mut hash = SEED;
        while let Some(&byte) = bytes.get(at).filter(|byte| byte.is_ascii_digit()) {
            hash = mix(hash, byte);
            at += 1;
        }
        self.counts.numbers += 1;
        self.last = b'0';
        self.token(hash);
        at
    }

    /// A character of three or four bytes is a token: a letter of a script without spaces, a sign,
    /// an emoji.
    fn wide(&mut self, bytes: &[u8], at: usize, length: usize) -> usize {
        let rest = &bytes[at + 1..bytes.len().min(at + length)];
        let follow = rest.iter().take_while(|byte| **byte & 0xc0 == 0x80).count();
        let character = &bytes[at..=at + follow];
        let hash = character.iter().fold(SEED, |hash, byte| mix(hash, *byte));
        match character {
            // The full-width question mark; the blocks of punctuation, arrows and operators.
            [0xef, 0xbc, 0x9f] => self.counts.questions += 1,
            [0xe2, ..] | [0xe3, 0x80, ..] | [0xef, 0xbc..=0xbf, _] => self.counts.symbols += 1,
            [_, _, _] => {
                self.counts.words += 1;
                self.counts.letters += 1;
                self.counts.foreign += 1;
            }
            _ => self.counts.symbols += 1,
        }
        self.last = b'a';
        self.token(hash);
        at + 1 + follow
    }

    fn symbol(&mut self, bytes: &[u8], at: usize) {
        let byte = bytes[at];
        let before = if at > 0 { bytes[at - 1] } else { 0 };
        let counts = &mut self.counts;
        counts.symbols += 1;
        counts.questions += u32::from(byte == b'?');
        counts.operators += u32::from(is_operator(before, byte));
        if byte == b'`' && at >= 2 && before == b'`' && bytes[at - 2] == b'`' {
            counts.fences += 1;
        }
        self.last = byte;
        self.token(mix(SEED, byte));
    }

    fn line(&mut self) {
        self.counts.lines += 1;
        self.counts.code_lines += u32::from(matches!(self.last, b';' | b'{' | b'}'));
        self.last = 0;
    }

    #[inline(always)]
    fn token(&mut self, hash: u32) {
        self.tokens.token(bucket(hash));
        if let Some(before) = self.before.replace(hash) {
            let pair = (before.rotate_left(9) ^ hash).wrapping_mul(PAIR);
            self.tokens.token(bucket(pair ^ (pair >> 15)));
        }
    }
}

#[inline(always)]
fn bucket(hash: u32) -> u16 {
    (hash.wrapping_mul(SPREAD) >> 16) as u16
}

/// U+1E00 to U+1EFF: Latin letters of three bytes (Vietnamese, mostly).
#[inline]
fn latin_extended(bytes: &[u8], at: usize) -> bool {
    matches!(bytes.get(at..at + 3), Some([0xe1, 0xb8..=0xbb, third]) if third & 0xc0 == 0x80)
}

fn is_operator(before: u8, byte: u8) -> bool {
    matches!(
        [before, byte],
        [b'=' | b'!' | b'<' | b'>' | b'+' | b'-' | b'*', b'=']
            | [b'=' | b'-', b'>']
            | [b':', b':']
            | [b'&', b'&']
            | [b'|', b'|']
            | [b'(', b')']
            | [b'[', b']']
            | [b'{', b'}']
            | [b'<', b'/']
            | [b'/', b'>']
    )
}
