//! Text into the pieces that byte pairs are merged in: what the published patterns match, without
//! a regular expression engine.
//!
//! The patterns look ahead and give back, which is where engines become slow or quadratic. Written
//! out by hand each alternative is one forward scan, and the cases in which a greedy scan gives
//! characters back leave a rest that the next piece takes whole: no byte is read more than four
//! times, whatever the text. `Pieces` must yield exactly the matches of the patterns; the tests
//! compare with other implementations, `bench/tokens` with OpenAI's own.
//!
//! o200k, in order of preference (`U` = upper, title, caseless, mark; `L` = lower, caseless, mark):
//!
//! ```text
//! [^\r\n\p{L}\p{N}]?U*L+(?i:'s|'t|'re|'ve|'m|'ll|'d)?      [^\r\n\p{L}\p{N}]?U+L*(same)?
//! \p{N}{1,3}      ` ?[^\s\p{L}\p{N}]+[\r\n/]*`      \s*[\r\n]+      \s+(?!\S)      \s+
//! ```
//!
//! cl100k:
//!
//! ```text
//! '(?i:[sdmt]|ll|ve|re)      [^\r\n\p{L}\p{N}]?\p{L}+      \p{N}{1,3}
//! ` ?[^\s\p{L}\p{N}]+[\r\n]*`      \s+$      \s*[\r\n]      \s+(?!\S)      \s
//! ```

use super::unicode::{Classes, CASELESS, LOWER, MARK, NUMBER, OTHER, SPACE, UPPER};
use super::Encoding;

/// The pieces of a text, first to last; joined they are the text.
pub(super) struct Pieces<'a> {
    text: &'a [u8],
    at: usize,
    classes: &'static Classes,
    encoding: Encoding,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(encoding: Encoding, text: &'a str) -> Self {
        Self {
            text: text.as_bytes(),
            at: 0,
            classes: Classes::shared(),
            encoding,
        }
    }
}

impl<'a> Iterator for Pieces<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        if self.at >= self.text.len() {
            return None;
        }
        let scan = Scan {
            text: self.text,
            classes: self.classes,
        };
        let end = match self.encoding {
            Encoding::O200k => scan.o200k(self.at),
            Encoding::Cl100k => scan.cl100k(self.at),
        };
        let piece = &self.text[self.at..end];
        self.at = end;
        Some(piece)
    }
}

#[derive(Clone, Copy)]
struct Scan<'a> {
    text: &'a [u8],
    classes: &'static Classes,
}

impl Scan<'_> {
    /// Class and length of the character at `at`; at the end of the text one that fits no rule.
    #[inline(always)]
    fn class(self, at: usize) -> (u8, usize) {
        const END: (u8, usize) = (u8::MAX, 0);
        if at < self.text.len() {
            self.classes.at(self.text, at)
        } else {
            END
        }
    }

    #[inline(always)]
    fn byte(self, at: usize) -> u8 {
        self.text.get(at).copied().unwrap_or(0)
    }

    /// The end of the o200k piece that begins at `at`.
    #[inline]
    fn o200k(self, at: usize) -> usize {
        let (class, length) = self.class(at);
        match class {
            UPPER | LOWER | CASELESS => return self.contraction(self.cased_word(at).0),
            NUMBER => return self.number(at, length),
            _ if matches!(self.byte(at), b'\r' | b'\n') => return self.space_newline_first(at),
            _ => {}
        }
        let letters = at + length;
        if matches!(self.class(letters).0, UPPER | LOWER | CASELESS | MARK) {
            let (end, has_lower) = self.cased_word(letters);
            // Capitals alone fit only the second alternative, and before that is tried, a mark in
            // front of them is a word by itself.
            return if class == MARK && !has_lower {
                letters
            } else {
                self.contraction(end)
            };
        }
        match class {
            MARK => self.contraction(letters),
            OTHER => self.punctuation::<true>(at),
            _ if self.byte(at) == b' ' && self.class(letters).0 == OTHER => {
                self.punctuation::<true>(letters)
            }
            _ => self.space_newline_first(at),
        }
    }

    /// The end of the cl100k piece that begins at `at`.
    #[inline]
    fn cl100k(self, at: usize) -> usize {
        let (class, length) = self.class(at);
        match class {
            UPPER | LOWER | CASELESS => return self.letters(at + length),
            NUMBER => return self.number(at, length),
            _ if matches!(self.byte(at), b'\r' | b'\n') => return self.space_end_first(at),
            _ => {}
        }
        let contraction = self.contraction(at);
        if contraction > at {
            return contraction;
        }
        let next = at + length;
        match (class, self.class(next).0) {
            (_, UPPER | LOWER | CASELESS) => self.letters(next),
            (OTHER | MARK, _) => self.punctuation::<false>(at),
            (_, OTHER | MARK) if self.byte(at) == b' ' => self.punctuation::<false>(next),
            _ => self.space_end_first(at),
        }
    }

    /// `U*L+` from `at`, else `U+`: its end, and whether it was the first. `at` must hold a letter
    /// or a mark. The scan takes capitals as far as they go; if no small letter follows, it gives
    /// back to behind the last character that is both.
    #[inline]
    fn cased_word(self, at: usize) -> (usize, bool) {
        let mut end = at;
        let mut both = None;
        loop {
            let (class, length) = self.class(end);
            match class {
                UPPER => end += length,
                CASELESS | MARK => {
                    end += length;
                    both = Some(end);
                }
                LOWER => break,
                _ => return both.map_or((end, false), |end| (end, true)),
            }
        }
        loop {
            let (class, length) = self.class(end);
            match class {
                LOWER | CASELESS | MARK => end += length,
                _ => return (end, true),
            }
        }
    }

    #[inline]
    fn letters(self, mut at: usize) -> usize {
        loop {
            let (class, length) = self.class(at);
            match class {
                UPPER | LOWER | CASELESS => at += length,
                _ => return at,
            }
        }
    }

    #[inline]
    fn number(self, at: usize, first: usize) -> usize {
        let mut end = at + first;
        for _ in 0..2 {
            let (class, length) = self.class(end);
            if class != NUMBER {
                break;
            }
            end += length;
        }
        end
    }

    /// Behind a contraction at `at`, or `at`. Without regard to case, which for the letter s
    /// includes the long one (U+017F).
    #[inline]
    fn contraction(self, at: usize) -> usize {
        if self.byte(at) != b'\'' {
            return at;
        }
        let next = self.byte(at + 1).to_ascii_lowercase();
        match (next, self.byte(at + 2).to_ascii_lowercase()) {
            (b's' | b't' | b'm' | b'd', _) => at + 2,
            (b'r' | b'v', b'e') | (b'l', b'l') | (0xC5, 0xBF) => at + 3,
            _ => at,
        }
    }

    /// Punctuation and marks from `at`, with the line ends (and slashes) behind them.
    #[inline]
    fn punctuation<const SLASH: bool>(self, mut at: usize) -> usize {
        loop {
            let (class, length) = self.class(at);
            match class {
                OTHER | MARK => at += length,
                _ => break,
            }
        }
        while matches!(self.byte(at), b'\r' | b'\n') || (SLASH && self.byte(at) == b'/') {
            at += 1;
        }
        at
    }

    /// White space from `at`: its end, the end of its last line end, the start of its last
    /// character.
    #[inline]
    fn space(self, at: usize) -> (usize, Option<usize>, usize) {
        let (mut end, mut line, mut last) = (at, None, at);
        loop {
            let (class, length) = self.class(end);
            if class != SPACE {
                return (end, line, last);
            }
            last = end;
            end += length;
            if matches!(self.text[last], b'\r' | b'\n') {
                line = Some(end);
            }
        }
    }

    /// The last space before a word belongs to the word, and a lone one to itself.
    fn space_before_word(self, at: usize, end: usize, last: usize) -> usize {
        if end == self.text.len() || last == at {
            end
        } else {
            last
        }
    }

    fn space_newline_first(self, at: usize) -> usize {
        let (end, line, last) = self.space(at);
        line.unwrap_or_else(|| self.space_before_word(at, end, last))
    }

    fn space_end_first(self, at: usize) -> usize {
        let (end, line, last) = self.space(at);
        match line {
            Some(line) if end < self.text.len() => line,
            _ => self.space_before_word(at, end, last),
        }
    }
}
