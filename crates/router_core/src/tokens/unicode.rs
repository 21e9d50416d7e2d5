//! What kind of character a code point is, as far as the two splitting patterns can tell.
//!
//! The patterns name general categories. A regular expression engine would carry them as automata
//! that are built while text is read, which costs a request in a rare script a millisecond; here a
//! code point is an index. The table comes from `vocabulary/unicode.classes` (runs of equal class,
//! made from the tables of `regex-syntax`, Unicode 16, as in OpenAI's own tokenizer; `bench/tokens`
//! compares every character with it) and is spread out once per process. Pages of unassigned planes stay untouched.

use std::sync::OnceLock;

use super::work;

/// Punctuation, symbols, controls, unassigned: all that the categories below leave.
pub(super) const OTHER: u8 = 0;
/// Upper and title case letters.
pub(super) const UPPER: u8 = 1;
/// Lower case letters.
pub(super) const LOWER: u8 = 2;
/// Letters without case, and modifier letters: the patterns count them as both cases.
pub(super) const CASELESS: u8 = 3;
/// Combining marks.
pub(super) const MARK: u8 = 4;
/// Numbers of any kind.
pub(super) const NUMBER: u8 = 5;
/// White space.
pub(super) const SPACE: u8 = 6;

const RUNS: &[u8] = include_bytes!("vocabulary/unicode.classes");
const CODE_POINTS: usize = 0x11_0000;

/// The class of every ASCII byte, so that plain text never touches the large table.
const ASCII: [u8; 128] = {
    let mut table = [OTHER; 128];
    let mut at = 0;
    while at < 128 {
        table[at] = match at as u8 {
            b'A'..=b'Z' => UPPER,
            b'a'..=b'z' => LOWER,
            b'0'..=b'9' => NUMBER,
            b'\t'..=b'\r' | b' ' => SPACE,
            _ => OTHER,
        };
        at += 1;
    }
    table
};

/// The classes of all code points.
pub(super) struct Classes(Box<[u8]>);

impl Classes {
    /// The table of this process, made at the first call.
    pub(super) fn shared() -> &'static Self {
        static TABLE: OnceLock<Classes> = OnceLock::new();
        TABLE.get_or_init(|| {
            let mut table = vec![OTHER; CODE_POINTS].into_boxed_slice();
            let runs = RUNS
                .chunks_exact(4)
                .map(|run| u32::from_le_bytes([run[0], run[1], run[2], run[3]]));
            let ends = runs.clone().skip(1).map(|run| run as usize >> 3);
            for (run, end) in runs.zip(ends.chain([CODE_POINTS])) {
                // Zero is what the table holds already: writing it would only make pages resident.
                if run as u8 & 7 != OTHER {
                    table[run as usize >> 3..end].fill(run as u8 & 7);
                }
            }
            Self(table)
        })
    }

    /// Class and length in bytes of the character at `at`, which must be a boundary inside `text`.
    #[inline(always)]
    pub(super) fn at(&self, text: &[u8], at: usize) -> (u8, usize) {
        work::step();
        let first = text[at];
        if first < 0x80 {
            (ASCII[first as usize], 1)
        } else {
            self.beyond_ascii(text, at)
        }
    }

    #[inline]
    fn beyond_ascii(&self, text: &[u8], at: usize) -> (u8, usize) {
        let tail = |offset: usize| usize::from(text[at + offset] & 0x3F);
        let first = usize::from(text[at]);
        let (code, length) = match first {
            0..0xE0 => ((first & 0x1F) << 6 | tail(1), 2),
            0xE0..0xF0 => ((first & 0x0F) << 12 | tail(1) << 6 | tail(2), 3),
            _ => (
                (first & 0x07) << 18 | tail(1) << 12 | tail(2) << 6 | tail(3),
                4,
            ),
        };
        (self.0[code], length)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The standard library follows a later Unicode, which knows more characters: what we classify
    /// it must classify alike, and how much we classify is fixed.
    #[test]
    fn classes_agree_with_the_standard_library() {
        let classes = Classes::shared();
        let mut found = [0u32; 7];
        let mut buffer = [0; 4];
        for it in '\0'..=char::MAX {
            let text = it.encode_utf8(&mut buffer).as_bytes();
            let (class, length) = classes.at(text, 0);
            assert_eq!(length, text.len());
            let alike = match class {
                OTHER => !it.is_whitespace(),
                // Title case letters are neither.
                UPPER => it.is_uppercase() || it.is_alphabetic() && !it.is_lowercase(),
                // One of them has been given up as a small letter since (U+0295).
                LOWER => it.is_alphabetic() && !it.is_uppercase(),
                CASELESS => it.is_alphabetic() || it == '\u{2e2f}',
                NUMBER => it.is_numeric(),
                SPACE => it.is_whitespace(),
                _ => !it.is_numeric() && !it.is_whitespace(),
            };
            assert!(alike, "U+{:04X} as {class}", it as u32);
            found[usize::from(class)] += 1;
        }
        assert_eq!(found[1..], [1_889, 2_258, 136_881, 2_501, 1_911, 25]);
    }
}
