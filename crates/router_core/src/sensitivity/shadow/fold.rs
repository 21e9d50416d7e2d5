//! Characters that stand for ASCII ones, or are not seen.

use super::super::bytes::{before, get};

/// What a character becomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sensitivity) enum Fold {
    /// Itself.
    Keep,
    /// Nothing: it is not seen.
    Drop,
    /// This ASCII character.
    To(u8),
}

/// Where the decimal digits of other scripts begin.
const ZEROS: &[u32] = &[
    0x0660, 0x06f0, 0x07c0, 0x0966, 0x09e6, 0x0a66, 0x0ae6, 0x0b66, 0x0be6, 0x0c66, 0x0ce6, 0x0d66,
    0x0de6, 0x0e50, 0x0ed0, 0x0f20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90,
    0x1b50, 0x1bb0, 0x1c40, 0x1c50, 0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0,
    0x104a0, 0x10d30, 0x11066, 0x110f0, 0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650,
    0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50, 0x11d50, 0x11da0, 0x11f50, 0x16130, 0x16a60,
    0x16ac0, 0x16b50, 0x16d70, 0x1ccf0, 0x1e140, 0x1e2f0, 0x1e4f0, 0x1e5f1, 0x1e950, 0x1fbf0,
];

/// Cyrillic and Greek letters that look like Latin ones, in pairs. Folded only beside Latin
/// letters: alone they are words of their languages.
const LIKE: &str = "аaеeоoрpсcуyхxіiјjѕsһhԁdкkтtмmнhвbАAВBЕEКKМMНHОOРPСCТTХXІIЅSЈJοoαaνvρpιiκkΑAΒBΕEΗHΙIΚKΜMΝNΟOΡPΤTΧXΥYΖZ";

/// The character at `at` and its length; `None` when the bytes are none.
pub(super) fn character(text: &[u8], at: usize) -> Option<(char, usize)> {
    let (length, mut code) = match text.get(at)? {
        byte @ 0xc2..=0xdf => (2, u32::from(byte & 0x1f)),
        byte @ 0xe0..=0xef => (3, u32::from(byte & 0x0f)),
        byte @ 0xf0..=0xf4 => (4, u32::from(byte & 0x07)),
        _ => return None,
    };
    for byte in text.get(at + 1..at + length)? {
        if byte & 0xc0 != 0x80 {
            return None;
        }
        code = code << 6 | u32::from(byte & 0x3f);
    }
    Some((char::from_u32(code)?, length))
}

/// What `character` becomes, that stands at `start..end` of `text`.
pub(super) fn fold(character: char, text: &[u8], start: usize, end: usize) -> Fold {
    let code = character as u32;
    match code {
        0..=0x7f => Fold::Keep,
        0xad | 0x34f | 0x61c | 0x115f | 0x1160 | 0x17b4 | 0x17b5 | 0x180b..=0x180f => Fold::Drop,
        0x200b..=0x200f | 0x202a..=0x202e | 0x2060..=0x206f | 0x3164 | 0xfe00..=0xfe0f => {
            Fold::Drop
        }
        0xfeff | 0xffa0 | 0xfff9..=0xfffb | 0x1d173..=0x1d17a => Fold::Drop,
        0x300..=0x36f | 0x20d0..=0x20ff => Fold::Drop,
        0xe0020..=0xe007e if is_row_of_tags(text, start, end) => Fold::To((code - 0xe0000) as u8),
        0xe0000..=0xe01ef => Fold::Drop,
        0xa0 | 0x1680 | 0x2000..=0x200a | 0x2028 | 0x2029 | 0x202f | 0x205f | 0x3000 => {
            Fold::To(b' ')
        }
        0x2010..=0x2015 | 0x2043 | 0x2212 | 0xfe58 | 0xfe63 => Fold::To(b'-'),
        0xb7 | 0x2022 | 0x2024 | 0x2027 | 0x3002 | 0xff61 => Fold::To(b'.'),
        0x2044 | 0x2215 => Fold::To(b'/'),
        0xff01..=0xff5e => Fold::To((code - 0xfee0) as u8),
        0xb2 | 0xb3 => Fold::To(b'0' + (code - 0xb0) as u8),
        0xb9 => Fold::To(b'1'),
        0x2070 | 0x2074..=0x2079 => Fold::To(b'0' + (code - 0x2070) as u8),
        0x2080..=0x2089 => Fold::To(b'0' + (code - 0x2080) as u8),
        0x2460..=0x2468 => Fold::To(b'1' + (code - 0x2460) as u8),
        0x2474..=0x247c => Fold::To(b'1' + (code - 0x2474) as u8),
        0x2488..=0x2490 => Fold::To(b'1' + (code - 0x2488) as u8),
        0x24f5..=0x24fd => Fold::To(b'1' + (code - 0x24f5) as u8),
        0x2776..=0x277e => Fold::To(b'1' + (code - 0x2776) as u8),
        0x2780..=0x2788 => Fold::To(b'1' + (code - 0x2780) as u8),
        0x278a..=0x2792 => Fold::To(b'1' + (code - 0x278a) as u8),
        0x24ea | 0x24ff | 0x1f100 | 0x1f10b | 0x1f10c => Fold::To(b'0'),
        0x1f101..=0x1f10a => Fold::To(b'0' + (code - 0x1f101) as u8),
        0x1d7ce..=0x1d7ff => Fold::To(b'0' + ((code - 0x1d7ce) % 10) as u8),
        0x1d400..=0x1d6a3 => {
            let letter = ((code - 0x1d400) % 52) as u8;
            Fold::To(if letter < 26 {
                b'A' + letter
            } else {
                b'a' + letter - 26
            })
        }
        0x370..=0x52f => like(character, text, start, end),
        _ => digit(code),
    }
}

fn digit(code: u32) -> Fold {
    let at = ZEROS.partition_point(|zero| *zero <= code);
    match at.checked_sub(1).map(|it| code - ZEROS[it]) {
        Some(value @ 0..=9) => Fold::To(b'0' + value as u8),
        _ => Fold::Keep,
    }
}

/// Whether the tag character at `start..end` is one of a row: text that is not seen. Single ones are
/// marks between what is seen.
fn is_row_of_tags(text: &[u8], start: usize, end: usize) -> bool {
    const ROW: usize = 9;
    const SIZE: usize = 4;
    let is_tag = |at: usize| {
        character(text, at).is_some_and(|(it, _)| matches!(it as u32, 0xe0020..=0xe007e))
    };
    let behind = (0..ROW).take_while(|it| is_tag(end + it * SIZE)).count();
    let ahead = (1..=ROW)
        .take_while(|it| start.checked_sub(it * SIZE).is_some_and(is_tag))
        .count();
    ahead + 1 + behind >= ROW
}

/// A letter that looks Latin, in a word that has Latin letters beside it, perhaps behind others that only
/// look so.
fn like(character: char, text: &[u8], start: usize, end: usize) -> Fold {
    const FAR: usize = 8;
    const SIZE: usize = 2;
    let Some(latin) = looks_like(character) else {
        return Fold::Keep;
    };
    let like = |at: usize| character_at(text, at).is_some_and(|it| looks_like(it).is_some());
    let mut from = start;
    while start - from < FAR * SIZE && from.checked_sub(SIZE).is_some_and(like) {
        from -= SIZE;
    }
    let mut to = end;
    while to - end < FAR * SIZE && like(to) {
        to += SIZE;
    }
    if before(text, from, 1).is_ascii_alphabetic() || get(text, to).is_ascii_alphabetic() {
        Fold::To(latin)
    } else {
        Fold::Keep
    }
}

/// The character of two bytes at `at`.
fn character_at(text: &[u8], at: usize) -> Option<char> {
    character(text, at)
        .filter(|(_, length)| *length == 2)
        .map(|(it, _)| it)
}

/// The Latin letter that a character looks like.
fn looks_like(character: char) -> Option<u8> {
    let mut pairs = LIKE.chars();
    while let (Some(from), Some(to)) = (pairs.next(), pairs.next()) {
        if from == character {
            return Some(to as u8);
        }
    }
    None
}

/// Whether the character at `at` could hide something from a scan of plain bytes. Typographic
/// dashes, spaces and joiners only do so beside digits or letters.
pub(in crate::sensitivity) fn is_disguise(text: &[u8], at: usize) -> bool {
    let Some((character, length)) = character(text, at) else {
        return false;
    };
    let last = before(text, at, 1);
    let next = get(text, at + length);
    match fold(character, text, at, at + length) {
        Fold::Keep => false,
        Fold::Drop => {
            let hides =
                |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'@' | b'-' | b'+');
            last.is_ascii_digit()
                || next.is_ascii_digit()
                || hides(last) && !next.is_ascii_whitespace()
                || hides(next) && !last.is_ascii_whitespace()
        }
        Fold::To(byte) if byte.is_ascii_alphanumeric() || byte == b'@' => true,
        Fold::To(_) => {
            let beside = |byte: u8| byte.is_ascii_digit();
            let near = |byte: u8| beside(byte) || byte == b' ' || byte >= 0x80;
            let wide = last == b' ' && next == b' ' && beside(before(text, at, 2));
            beside(last) && near(next)
                || beside(next) && near(last)
                || wide && beside(get(text, at + length + 1))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> String {
        let bytes = text.as_bytes();
        let mut out = String::new();
        let mut at = 0;
        for it in text.chars() {
            let end = at + it.len_utf8();
            match fold(it, bytes, at, end) {
                Fold::Keep => out.push(it),
                Fold::Drop => {}
                Fold::To(byte) => out.push(byte as char),
            }
            at = end;
        }
        out
    }

    #[test]
    fn digits_of_all_kinds_are_digits() {
        assert_eq!(of("４１１１ ٤١١١ ४१११ 𝟒𝟏𝟏𝟏 ⁴¹①"), "4111 4111 4111 4111 411");
        assert_eq!(of("⑷❶⓵⒈➀🄂 ꘤꣑"), "411111 41");
        let tags: String = "4716293855"
            .chars()
            .filter_map(|it| char::from_u32(0xe0000 + it as u32))
            .collect();
        assert_eq!(of(&tags), "4716293855");
        assert_eq!(of("4\u{200b}1\u{ad}1\u{e0041}1\u{feff}"), "4111");
        assert_eq!(of("4111\u{a0}1111‐1111"), "4111 1111-1111");
    }

    #[test]
    fn letters_are_folded_only_beside_latin_ones() {
        assert_eq!(of("pаsspоrt"), "passport");
        assert_eq!(of("раssport саrd"), "passport card");
        assert_eq!(of("паспорт"), "паспорт");
        assert_eq!(of("naïve 信用卡"), "naïve 信用卡");
    }

    #[test]
    fn ordinary_typography_is_no_disguise() {
        for text in [
            "it’s – well — fine…",
            "“quoted”",
            "naïve",
            "信用卡号，",
            "а б",
            "❤️ yes",
        ] {
            let bytes = text.as_bytes();
            assert!((0..bytes.len()).all(|at| !is_disguise(bytes, at)), "{text}");
        }
        assert!(is_disguise("4\u{200b}1".as_bytes(), 1));
        assert!(is_disguise("4111\u{a0}1111".as_bytes(), 4));
    }

    #[test]
    fn tables_are_in_order() {
        assert!(ZEROS.windows(2).all(|pair| pair[0] + 10 <= pair[1]));
        assert!(LIKE
            .chars()
            .skip(1)
            .step_by(2)
            .all(|it| it.is_ascii_alphabetic()));
    }
}
