//! Characters written as escapes of JSON, URLs and HTML.

use super::super::bytes::{before, get, is_separator};
use super::fold::{fold, Fold};

/// HTML names of characters that matter to a number or an address.
const NAMES: &[(&str, char)] = &[
    ("nbsp", ' '),
    ("ensp", ' '),
    ("emsp", ' '),
    ("thinsp", ' '),
    ("commat", '@'),
    ("period", '.'),
    ("hyphen", '-'),
    ("dash", '-'),
    ("shy", '\u{ad}'),
    ("zwj", '\u{200d}'),
    ("zwnj", '\u{200c}'),
    ("lowbar", '_'),
    ("colon", ':'),
    ("sol", '/'),
];

/// The character that the escape at `at` means, and its length; `None` when there is no escape.
pub(super) fn unescape(text: &[u8], at: usize) -> Option<(char, usize)> {
    match get(text, at) {
        b'\\' => backslash(text, at),
        b'%' => percent(text, at),
        b'&' => entity(text, at),
        _ => None,
    }
}

fn hex(text: &[u8], from: usize, length: usize) -> Option<u32> {
    let digits = text.get(from..from + length)?;
    digits.iter().try_fold(0, |sum, byte| {
        Some(sum << 4 | (*byte as char).to_digit(16)?)
    })
}

fn backslash(text: &[u8], at: usize) -> Option<(char, usize)> {
    match get(text, at + 1) {
        b'u' if get(text, at + 2) == b'{' => {
            let length = (1..=6).find(|length| get(text, at + 3 + length) == b'}')?;
            Some((char::from_u32(hex(text, at + 3, length)?)?, length + 4))
        }
        b'u' => {
            let code = hex(text, at + 2, 4)?;
            if (0xd800..0xdc00).contains(&code) && text.get(at + 6..at + 8) == Some(b"\\u") {
                let low = hex(text, at + 8, 4)?;
                if (0xdc00..0xe000).contains(&low) {
                    let code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                    return Some((char::from_u32(code)?, 12));
                }
            }
            Some((char::from_u32(code)?, 6))
        }
        b'U' => Some((char::from_u32(hex(text, at + 2, 8)?)?, 10)),
        b'x' => Some((char::from_u32(hex(text, at + 2, 2)?)?, 4)),
        b'0'..=b'1' => {
            let digits = text.get(at + 1..at + 4)?;
            let code = digits
                .iter()
                .try_fold(0, |sum, byte| Some(sum << 3 | (*byte as char).to_digit(8)?))?;
            Some((char::from_u32(code)?, 4))
        }
        b'n' | b'r' => Some(('\n', 2)),
        b't' => Some((' ', 2)),
        b'/' => Some(('/', 2)),
        b'\\' if matches!(get(text, at + 2), b'u' | b'x') => {
            // Escaped twice, as in a text inside of a text.
            backslash(text, at + 1).map(|(character, length)| (character, length + 1))
        }
        _ => None,
    }
}

/// So far behind the first mark an escape of an escape of an escape is followed, bytes.
const DEEPEST: usize = 9;

/// One character from one to four bytes.
fn percent(text: &[u8], at: usize) -> Option<(char, usize)> {
    let first = hex(text, at + 1, 2)? as u8;
    if first == b'%' {
        // Escaped again: what is meant is behind it.
        let mut from = at + 3;
        while from - at < DEEPEST && text[from..].starts_with(b"25") {
            from += 2;
        }
        if let Some(code @ 0x20..=0x7e) = hex(text, from, 2) {
            return Some((code as u8 as char, from + 2 - at));
        }
    }
    if first.is_ascii() {
        return Some((first as char, 3));
    }
    let mut bytes = [first, 0, 0, 0];
    for length in 2..=4 {
        let next = at + (length - 1) * 3;
        if get(text, next) != b'%' {
            return None;
        }
        bytes[length - 1] = hex(text, next + 1, 2)? as u8;
        if let Some(character) = std::str::from_utf8(&bytes[..length])
            .ok()
            .and_then(|it| it.chars().next())
        {
            return Some((character, length * 3));
        }
    }
    None
}

fn entity(text: &[u8], at: usize) -> Option<(char, usize)> {
    if get(text, at + 1) != b'#' {
        let rest = text.get(at + 1..)?;
        return NAMES.iter().find_map(|(name, character)| {
            let whole = rest.starts_with(name.as_bytes()) && get(rest, name.len()) == b';';
            whole.then_some((*character, name.len() + 2))
        });
    }
    let (radix, from) = match get(text, at + 2) {
        b'x' | b'X' => (16, at + 3),
        _ => (10, at + 2),
    };
    let mut code = 0u32;
    let mut end = from;
    while end - from < 8 {
        let Some(digit) = (get(text, end) as char).to_digit(radix) else {
            break;
        };
        code = code * radix + digit;
        end += 1;
    }
    if end == from {
        return None;
    }
    let length = end - at + usize::from(get(text, end) == b';');
    Some((char::from_u32(code)?, length))
}

/// Whether the byte at `at` begins an escape that could hide something: of a letter, a digit or an
/// at sign anywhere, of a separator only beside a digit.
pub(in crate::sensitivity) fn is_escape(text: &[u8], at: usize) -> bool {
    let Some((character, length)) = unescape(text, at) else {
        return false;
    };
    let meant = match fold(character, text, at, at + length) {
        Fold::Keep if character.is_ascii() => character as u8,
        Fold::Keep => return false,
        Fold::Drop => return true,
        Fold::To(byte) => byte,
    };
    if meant.is_ascii_alphanumeric() || meant == b'@' {
        return true;
    }
    // What stands on the other side may be escaped as well.
    let next = get(text, at + length);
    is_separator(meant)
        && before(text, at, 1).is_ascii_digit()
        && (next.is_ascii_digit() || matches!(next, b'\\' | b'%' | b'&' | b'(' | b' '))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read() {
        for (text, character) in [
            ("\\u0034", '4'),
            ("\\\\u0034", '4'),
            ("\\x34", '4'),
            ("\\064", '4'),
            ("\\u{34}", '4'),
            ("\\U00000034", '4'),
            ("\\ud835\\udfd2", '𝟒'),
            ("%34", '4'),
            ("%2534", '4'),
            ("%252534", '4'),
            ("%EF%BC%94", '４'),
            ("&#52;", '4'),
            ("&#x34;", '4'),
            ("&#52", '4'),
            ("&commat;", '@'),
        ] {
            assert_eq!(
                unescape(text.as_bytes(), 0),
                Some((character, text.len())),
                "{text}"
            );
            assert!(is_escape(text.as_bytes(), 0), "{text}");
        }
    }

    #[test]
    fn what_programs_are_full_of_is_no_disguise() {
        for text in [
            "%s", "%d", "%20a", "\\n", "\\d", "\\w+", "&amp;", "&&", "& ", "\\u00e9", "\\x00", "%",
            "\\",
        ] {
            assert!(!is_escape(text.as_bytes(), 0), "{text}");
        }
        assert!(is_escape(b"4%2041", 1));
        assert!(is_escape(b"1\\n2", 1));
    }
}
