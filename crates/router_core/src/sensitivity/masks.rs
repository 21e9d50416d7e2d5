//! The pass over all bytes: 64 at a time into bit masks.
//!
//! Everything else in the scanner is driven by set bits, so a text without digits, marks and long
//! tokens costs little more than this.

use super::bytes::is_control;
use crate::json::blocks::{any_of, mask_of, BLOCK};

/// Classes of one block; bit `i` is byte `i`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Masks {
    /// `0-9`
    pub(super) digit: u64,
    /// `0-9A-Za-z`
    pub(super) alnum: u64,
    /// `@`, backslash, `%`, `&`, and control characters directly behind a digit
    pub(super) mark: u64,
    /// Whether a byte is not ASCII.
    pub(super) wide: bool,
}

/// The classes of a block. `after_digit` says that the byte before the block is a digit.
///
/// A control character hides nothing but a number that it stands in, and most blocks have no digit: to
/// ask every block for control characters cost a third of the whole scan.
#[inline(always)]
pub(super) fn masks(block: &[u8; BLOCK], after_digit: bool) -> Masks {
    let is_mark = |byte: u8| (byte == b'@') | (byte == b'\\') | (byte == b'%') | (byte == b'&');
    let is_digit = |byte: u8| byte.wrapping_sub(b'0') < 10;
    let is_letter = |byte: u8| (byte | 0x20).wrapping_sub(b'a') < 26;
    let digit = if any_of(block, is_digit) {
        mask_of(block, is_digit)
    } else {
        0
    };
    let mut mark = if any_of(block, is_mark) {
        mask_of(block, is_mark)
    } else {
        0
    };
    let behind = digit << 1 | u64::from(after_digit);
    if behind != 0 && any_of(block, is_control) {
        mark |= behind & mask_of(block, is_control);
    }
    Masks {
        digit,
        alnum: mask_of(block, is_letter) | digit,
        mark,
        wide: any_of(block, |byte| byte >= 0x80),
    }
}

/// The bytes of a block that begin a character which may stand for, or hide, an ASCII one. All
/// others (ideographs, kana, accented Latin letters) are skipped without decoding, and so are
/// Cyrillic and Greek letters that do not stand beside an ASCII one. `joined` says that the byte
/// before the block is a letter or digit.
pub(super) fn suspects(block: &[u8; BLOCK], alnum: u64, joined: bool) -> u64 {
    let other = mask_of(block, |byte| {
        let letters = (0xce..=0xd1).contains(&byte);
        let ideographs = (0xe3..=0xee).contains(&byte);
        (byte >= 0xc2) & (byte != 0xc3) & !letters & !ideographs
    });
    let mut all = other;
    let letters = mask_of(block, |byte| (0xce..=0xd1).contains(&byte));
    if letters != 0 {
        all |= letters & (alnum << 1 | u64::from(joined) | alnum >> 2 | 3 << 62);
    }
    // Of what begins with this byte only the first few, marks and spaces, are looked at.
    let marks = mask_of(block, |byte| byte == 0xe3);
    if marks != 0 {
        all |= marks & (mask_of(block, |byte| byte == 0x80) >> 1 | 1 << 63);
    }
    // And of what begins with this one those that are no syllables of Yi and Hangul: digits of other scripts.
    let scripts = mask_of(block, |byte| byte == 0xea);
    if scripts != 0 {
        all |= scripts & (mask_of(block, |byte| (0x98..=0xaf).contains(&byte)) >> 1 | 1 << 63);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn masks_agree_with_the_definition() {
        for shift in 0..=255u8 {
            let mut block = [0u8; BLOCK];
            for (at, byte) in block.iter_mut().enumerate() {
                *byte = (at as u8).wrapping_mul(7).wrapping_add(shift);
            }
            // Digits before control characters, which the row above does not have.
            for (at, byte) in block.iter_mut().enumerate().skip(1).step_by(9) {
                *byte = if at % 2 == 0 { b'7' } else { *byte };
            }
            let after_digit = shift % 2 == 0;
            let got = masks(&block, after_digit);
            for (at, byte) in block.iter().enumerate() {
                let bit = |mask: u64| mask >> at & 1 == 1;
                assert_eq!(bit(got.digit), byte.is_ascii_digit());
                assert_eq!(bit(got.alnum), byte.is_ascii_alphanumeric());
                let control = byte.is_ascii_control() && !b"\t\n\r\x1f".contains(byte);
                let behind = match at {
                    0 => after_digit,
                    _ => block[at - 1].is_ascii_digit(),
                };
                assert_eq!(bit(got.mark), b"@\\%&".contains(byte) || control && behind);
            }
            for (at, byte) in block.iter().enumerate() {
                let ascii = |at: usize| block.get(at).is_none_or(u8::is_ascii_alphanumeric);
                let suspect = match byte {
                    0xce..=0xd1 => at > 0 && ascii(at - 1) || ascii(at + 2),
                    0xe3 => block.get(at + 1).is_none_or(|it| *it == 0x80),
                    0xea => block
                        .get(at + 1)
                        .is_none_or(|it| (0x98..=0xaf).contains(it)),
                    _ => *byte >= 0xc2 && *byte != 0xc3 && !(0xe4..=0xee).contains(byte),
                };
                let mask = suspects(&block, got.alnum, false);
                assert_eq!(mask >> at & 1 == 1, suspect, "{byte:x} at {at}");
            }
            assert_eq!(got.wide, block.iter().any(|byte| *byte >= 0x80));
        }
    }
}
