//! Shadows: text with its disguises taken off, and the way back to where it stood.
//!
//! Digits can be written full-width or in another script, invisible characters put between them, or
//! the whole escaped (JSON, URL, HTML) or encoded (base64, hexadecimal). Normalising every text
//! would cost more than scanning it, and almost no text needs it. So the pass over the text only
//! notes where a character looks disguised, the surroundings of those places are rewritten, and the
//! same pass runs over the result; offsets are mapped back. One encoding and one folding are undone
//! in each order, nothing deeper: that bounds the work by a multiple of the text.

mod encoded;
mod escapes;
mod fold;
mod turns;

pub(super) use escapes::is_escape;
pub(super) use fold::is_disguise;
pub(super) use turns::rejoined;

use super::bytes::{before, get, is_control, is_word};
use escapes::unescape;
use fold::{fold, Fold};
use memchr::{memchr2_iter, memmem};

/// So much of the surroundings is rewritten with a disguised character: more than recognizers look
/// around, so that nothing looks different only because it was cut.
const AROUND: usize = 112;
/// A word at the border is taken whole up to this length.
const WHOLE: usize = 64;
/// More decoded text than this is not looked at, and the scan says so.
const MOST_DECODED: usize = 256 * 1024;
/// Stands between pieces of a shadow: part of nothing.
const BREAK: u8 = 0;

/// Whether the control character at `at` stands inside of a number.
pub(super) fn is_hidden(text: &[u8], at: usize) -> bool {
    let next = get(text, at + 1);
    at < text.len()
        && before(text, at, 1).is_ascii_digit()
        && (next.is_ascii_digit() || is_control(next))
}

/// What the pass over a text noted.
pub(super) struct Plan {
    /// Whether disguised characters are to be noted.
    pub(super) folds: bool,
    /// Whether encoded texts are to be noted.
    pub(super) decodes: bool,
    regions: Vec<(usize, usize)>,
    tokens: Vec<(usize, usize, usize)>,
    decoded: Vec<u8>,
    token_end: usize,
    measured: usize,
    /// Whether something encoded was left out: too much of it, or large and not text.
    pub(super) unreadable: bool,
}

impl Plan {
    pub(super) fn new(folds: bool, decodes: bool) -> Self {
        Self {
            folds,
            decodes,
            regions: Vec::new(),
            tokens: Vec::new(),
            decoded: Vec::new(),
            token_end: 0,
            measured: 0,
            unreadable: false,
        }
    }

    /// Notes a disguised character at `place`.
    pub(super) fn region(&mut self, text: &[u8], place: usize) {
        let end = (place + AROUND).min(text.len());
        let mut start = place.saturating_sub(AROUND);
        if let Some(last) = self.regions.last_mut() {
            if start <= last.1 {
                last.1 = end.max(last.1);
                return;
            }
        }
        let least = start.saturating_sub(WHOLE);
        while start > least && (is_word(text[start - 1]) || text[start] >= 0x80) {
            start -= 1;
        }
        self.regions.push((start, end));
    }

    /// Notes the encoded text, if it is one, around the row of letters and digits at `at`.
    pub(super) fn token(&mut self, text: &[u8], at: usize, work: &mut u64) {
        if at < self.token_end {
            return;
        }
        let start = self.decoded.len();
        let done = (self.token_end, self.measured);
        let found = encoded::decode(text, at, done, &mut self.decoded, work);
        self.token_end = self.token_end.max(found.end);
        self.measured = found.measured;
        if found.opaque {
            self.decoded.truncate(start);
            self.unreadable = true;
            return;
        }
        if self.decoded.len() > MOST_DECODED {
            self.decoded.truncate(start);
            self.unreadable = true;
            self.decodes = false;
            return;
        }
        if self.decoded.len() > start {
            self.tokens.push((start, found.start, found.end));
            self.decoded.push(BREAK);
        }
    }

    /// Notes the text, if it is one, that is written as hexadecimal pairs from the digits at `at` on.
    pub(super) fn pairs(&mut self, text: &[u8], at: usize, work: &mut u64) {
        if at < self.token_end {
            return;
        }
        let start = self.decoded.len();
        if let Some(end) = encoded::pairs(text, at, &mut self.decoded, work) {
            self.token_end = end;
            self.tokens.push((start, at, end));
            self.decoded.push(BREAK);
        }
        if self.decoded.len() > MOST_DECODED {
            self.decoded.truncate(start);
            self.tokens.pop();
            self.unreadable = true;
            self.decodes = false;
        }
    }

    /// The surroundings of all disguised characters, without the disguise.
    pub(super) fn folded(&self, text: &[u8], work: &mut u64) -> Option<Shadow> {
        if self.regions.is_empty() {
            return None;
        }
        let mut shadow = Shadow::default();
        for (start, end) in &self.regions {
            *work += (end - start) as u64;
            shadow.fold(text, *start, *end);
            shadow.text.push(BREAK);
            shadow.reverse(text, *start, *end);
        }
        Some(shadow)
    }

    /// All encoded texts, decoded.
    pub(super) fn decoded(&mut self) -> Option<Shadow> {
        if self.tokens.is_empty() {
            return None;
        }
        let pieces = self.tokens.iter().map(|(at, start, end)| Piece {
            at: *at,
            start: *start,
            end: *end,
            same: false,
        });
        Some(Shadow {
            pieces: pieces.collect(),
            text: std::mem::take(&mut self.decoded),
        })
    }
}

/// A rewritten text and where its pieces come from.
#[derive(Default)]
pub(super) struct Shadow {
    pub(super) text: Vec<u8>,
    pieces: Vec<Piece>,
}

/// From `at` in the shadow on (until the next piece), the text comes from `start..end`.
struct Piece {
    at: usize,
    start: usize,
    end: usize,
    /// Whether the bytes are the same, so that offsets inside can be told.
    same: bool,
}

impl Shadow {
    fn fold(&mut self, text: &[u8], from: usize, to: usize) {
        let mut at = from;
        while at < to {
            let plain = text[at..to]
                .iter()
                .position(|byte| {
                    !byte.is_ascii() || matches!(byte, b'\\' | b'%' | b'&') || is_control(*byte)
                })
                .map_or(to, |skip| at + skip);
            self.same(text, at, plain);
            at = plain;
            if at >= to {
                break;
            }
            if is_control(text[at]) {
                at += 1;
                continue;
            }
            let unescaped = if text[at].is_ascii() {
                unescape(text, at)
            } else {
                fold::character(text, at)
            };
            let Some((character, length)) = unescaped else {
                self.same(text, at, at + 1);
                at += 1;
                continue;
            };
            let escaped = text[at].is_ascii();
            match fold(character, text, at, at + length) {
                Fold::Drop => {}
                Fold::To(byte) => self.other(&[byte], at, at + length),
                Fold::Keep if escaped => {
                    let mut buffer = [0; 4];
                    let bytes = character.encode_utf8(&mut buffer).as_bytes();
                    self.other(bytes, at, at + length);
                }
                Fold::Keep => self.same(text, at, at + length),
            }
            at += length;
        }
    }

    /// Adds what is shown from right to left, as it is shown.
    fn reverse(&mut self, text: &[u8], from: usize, to: usize) {
        const OVERRIDE: &[u8] = "\u{202e}".as_bytes();
        const POP: &[u8] = "\u{202c}".as_bytes();
        let mut at = from;
        while let Some(skip) = memmem::find(&text[at..to], OVERRIDE) {
            let start = at + skip + OVERRIDE.len();
            let rest = &text[start..to];
            // One look for all three, up to the nearest: each for itself would read on to the end.
            let found = memchr2_iter(b'\n', OVERRIDE[0], rest).find(|&it| {
                rest[it] == b'\n' || rest[it..].starts_with(POP) || rest[it..].starts_with(OVERRIDE)
            });
            let end = found.map_or(to, |it| start + it);
            let shown: Vec<u8> = text[start..end]
                .iter()
                .rev()
                .copied()
                .filter(u8::is_ascii)
                .collect();
            if !shown.is_empty() {
                self.other(&shown, start, end);
                self.text.push(BREAK);
            }
            at = end;
        }
    }

    fn same(&mut self, text: &[u8], start: usize, end: usize) {
        let end = end.min(text.len());
        if start >= end {
            return;
        }
        let at = self.text.len();
        let goes_on = self
            .pieces
            .last()
            .is_some_and(|last| last.same && last.start + (at - last.at) == start);
        if !goes_on {
            self.pieces.push(Piece {
                at,
                start,
                end: start,
                same: true,
            });
        }
        self.text.extend_from_slice(&text[start..end]);
    }

    fn other(&mut self, bytes: &[u8], start: usize, end: usize) {
        let at = self.text.len();
        self.pieces.push(Piece {
            at,
            start,
            end,
            same: false,
        });
        self.text.extend_from_slice(bytes);
    }

    fn piece(&self, place: usize) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.at <= place);
        self.pieces.get(after.checked_sub(1)?)
    }

    /// Where `start..end` of the shadow comes from.
    fn original(&self, start: usize, end: usize) -> (usize, usize) {
        let from = self.piece(start).map_or(0, |piece| {
            piece.start + if piece.same { start - piece.at } else { 0 }
        });
        let last = end.saturating_sub(1).max(start);
        let to = self.piece(last).map_or(from, |piece| {
            if piece.same {
                piece.start + (last - piece.at) + 1
            } else {
                piece.end
            }
        });
        // A piece that is shown backwards stands behind what it came from.
        (from, to.max(from + 1))
    }
}

/// A shadow in its place: of the text, or of another shadow.
pub(super) struct Layer<'p> {
    pub(super) shadow: &'p Shadow,
    pub(super) below: Option<&'p Layer<'p>>,
}

impl Layer<'_> {
    /// Where `start..end` of the shadow stands in the text.
    pub(super) fn original(&self, start: usize, end: usize) -> (usize, usize) {
        let (start, end) = self.shadow.original(start, end);
        match self.below {
            Some(below) => below.original(start, end),
            None => (start, end),
        }
    }
}
