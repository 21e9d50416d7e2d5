//! Small questions about bytes that many recognizers ask.

use super::JOINT;

/// The byte at `at`, 0 beyond either end (0 is neither letter, digit nor separator).
#[inline]
pub(super) fn get(text: &[u8], at: usize) -> u8 {
    text.get(at).copied().unwrap_or(0)
}

/// The byte `back` places before `at`, 0 beyond the start.
#[inline]
pub(super) fn before(text: &[u8], at: usize, back: usize) -> u8 {
    at.checked_sub(back).map_or(0, |it| get(text, it))
}

/// Whether a byte is a control character that nobody sees: neither white space nor a joint.
#[inline(always)]
pub(super) fn is_control(byte: u8) -> bool {
    (byte < 0x09)
        | (byte.wrapping_sub(0x0b) < 2)
        | (byte.wrapping_sub(0x0e) < 0x11)
        | (byte == 0x7f)
}

#[inline]
pub(super) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// Whether the byte before `at` is the letter of an escape (`\n`): text inside of text, as in the
/// arguments of a tool call. Then a word or a number begins at `at`.
#[inline]
pub(super) fn after_escape(text: &[u8], at: usize) -> bool {
    matches!(before(text, at, 1), b'n' | b'r' | b't') && before(text, at, 2) == b'\\'
}

/// Whether an identifier of digits can begin at `at`: not inside a word, a decimal fraction, or
/// behind the hyphen of a longer identifier. A comma says nothing: files have their numbers between
/// commas.
pub(super) fn starts_number(text: &[u8], at: usize) -> bool {
    let last = before(text, at, 1);
    if is_word(last) {
        return after_escape(text, at);
    }
    let wider = before(text, at, 2);
    match last {
        b'-' => !is_word(wider),
        b'.' => !wider.is_ascii_digit(),
        _ => true,
    }
}

/// Whether an identifier of digits can end before `at`. A fraction of zeros belongs to a whole number:
/// so programs write integers of a column that has gaps.
pub(super) fn ends_number(text: &[u8], at: usize) -> bool {
    let next = get(text, at);
    if is_word(next) {
        return false;
    }
    let wider = get(text, at + 1);
    match next {
        b'-' => !is_word(wider),
        b'.' => !wider.is_ascii_digit() || zeros_end(text, at + 1).is_some(),
        _ => true,
    }
}

/// The end of a row of zeros at `at` with nothing of a number or a word behind it.
fn zeros_end(text: &[u8], at: usize) -> Option<usize> {
    const MOST: usize = 6;
    let mut end = at;
    while end - at < MOST && get(text, end) == b'0' {
        end += 1;
    }
    let next = get(text, end);
    let over = is_word(next) || next == b'.' && get(text, end + 1).is_ascii_digit();
    (end > at && !over).then_some(end)
}

/// Whether a row of letters that ends before `at` is a word that was written against a number
/// (`visa4716…`, `card_4716…`, the `%B` of a magnetic stripe), not the digits of a hash.
pub(super) fn word_ends(text: &[u8], at: usize) -> bool {
    let end = at - usize::from(matches!(before(text, at, 1), b'-' | b'_'));
    let mut start = end;
    while start > 0 && end - start < LONGEST_WORD && text[start - 1].is_ascii_alphabetic() {
        start -= 1;
    }
    if before(text, start, 1).is_ascii_alphanumeric() {
        return false;
    }
    let word = &text[start..end];
    match before(text, start, 1) {
        b'%' if word == b"B" => true,
        b'-' | b'_' if before(text, start, 2).is_ascii_digit() => false,
        _ => is_spelt(word),
    }
}

/// The same for what begins at `at`: `4716…EUR`, `4716…_front.jpg`, and the `D` before the date of
/// expiry on a magnetic stripe.
pub(super) fn word_begins(text: &[u8], at: usize) -> bool {
    let start = at + usize::from(matches!(get(text, at), b'-' | b'_'));
    let mut end = start;
    while end - start < LONGEST_WORD && get(text, end).is_ascii_alphabetic() {
        end += 1;
    }
    let word = &text[start.min(text.len())..end.min(text.len())];
    let next = get(text, end);
    if next.is_ascii_digit() {
        return word.eq_ignore_ascii_case(b"d")
            && (1..4).all(|it| get(text, end + it).is_ascii_digit());
    }
    !next.is_ascii_alphanumeric() && is_spelt(word)
}

/// The longest word that is looked at beside a number.
const LONGEST_WORD: usize = 24;

/// Whether letters are more than digits of a hexadecimal number.
fn is_spelt(word: &[u8]) -> bool {
    word.iter().any(|byte| !byte.is_ascii_hexdigit())
}

/// Whether a token of letters and digits can begin at `at`.
pub(super) fn starts_token(text: &[u8], at: usize) -> bool {
    !is_word(before(text, at, 1)) || after_escape(text, at)
}

/// What may stand between the digit groups of one number.
#[inline]
pub(super) fn is_separator(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'-' | b'.' | b'/' | b'(' | b')' | b'\t' | b'\n' | b'\r' | JOINT
    )
}

/// The end of the run of digits that begins at `at`, no further than `most` digits.
#[inline]
pub(super) fn digits_end(text: &[u8], at: usize, most: usize) -> usize {
    let mut end = at;
    while end - at < most && get(text, end).is_ascii_digit() {
        end += 1;
    }
    end
}

/// Whether the row at `at` has a digit, or capitals behind small letters,
/// or is long and all capitals: plain words end here.
pub(super) fn is_mixed(text: &[u8], at: usize) -> bool {
    const LONG: usize = 16;
    let row = &text[at..text.len().min(at + 40)];
    let mut small = false;
    for (place, byte) in row.iter().enumerate() {
        match byte {
            b'0'..=b'9' => return true,
            b'A'..=b'Z' if small => return true,
            b'a'..=b'z' => small = true,
            b'A'..=b'Z' if place >= LONG && !small => return true,
            b'A'..=b'Z' | b'-' | b'_' => {}
            _ => return false,
        }
    }
    false
}
