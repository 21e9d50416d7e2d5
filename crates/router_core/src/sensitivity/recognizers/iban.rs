//! International bank account numbers: a country, its length, the remainder modulo 97.
//!
//! The check digits make one in ninety-seven look-alikes pass and the country's length removes
//! most of those; no words are needed. Written in groups of four, in either case.

use crate::sensitivity::bytes::{before, get, is_word, starts_token};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;
use crate::sensitivity::JOINT;

use super::published;

/// Countries and the length of their numbers.
const COUNTRIES: &[([u8; 2], u8)] = &[
    (*b"AD", 24),
    (*b"AE", 23),
    (*b"AL", 28),
    (*b"AT", 20),
    (*b"AZ", 28),
    (*b"BA", 20),
    (*b"BE", 16),
    (*b"BG", 22),
    (*b"BH", 22),
    (*b"BI", 27),
    (*b"BR", 29),
    (*b"BY", 28),
    (*b"CH", 21),
    (*b"CR", 22),
    (*b"CY", 28),
    (*b"CZ", 24),
    (*b"DE", 22),
    (*b"DJ", 27),
    (*b"DK", 18),
    (*b"DO", 28),
    (*b"EE", 20),
    (*b"EG", 29),
    (*b"ES", 24),
    (*b"FI", 18),
    (*b"FK", 18),
    (*b"FO", 18),
    (*b"FR", 27),
    (*b"GB", 22),
    (*b"GE", 22),
    (*b"GI", 23),
    (*b"GL", 18),
    (*b"GR", 27),
    (*b"GT", 28),
    (*b"HN", 28),
    (*b"HR", 21),
    (*b"HU", 28),
    (*b"IE", 22),
    (*b"IL", 23),
    (*b"IQ", 23),
    (*b"IS", 26),
    (*b"IT", 27),
    (*b"JO", 30),
    (*b"KW", 30),
    (*b"KZ", 20),
    (*b"LB", 28),
    (*b"LC", 32),
    (*b"LI", 21),
    (*b"LT", 20),
    (*b"LU", 20),
    (*b"LV", 21),
    (*b"LY", 25),
    (*b"MC", 27),
    (*b"MD", 24),
    (*b"ME", 22),
    (*b"MK", 19),
    (*b"MN", 20),
    (*b"MR", 27),
    (*b"MT", 31),
    (*b"MU", 30),
    (*b"NI", 28),
    (*b"NL", 18),
    (*b"NO", 15),
    (*b"OM", 23),
    (*b"PK", 24),
    (*b"PL", 28),
    (*b"PS", 29),
    (*b"PT", 25),
    (*b"QA", 29),
    (*b"RO", 24),
    (*b"RS", 22),
    (*b"RU", 33),
    (*b"SA", 24),
    (*b"SC", 31),
    (*b"SD", 18),
    (*b"SE", 24),
    (*b"SI", 19),
    (*b"SK", 24),
    (*b"SM", 27),
    (*b"SO", 23),
    (*b"ST", 25),
    (*b"SV", 28),
    (*b"TL", 23),
    (*b"TN", 24),
    (*b"TR", 26),
    (*b"UA", 29),
    (*b"VA", 22),
    (*b"VG", 24),
    (*b"XK", 20),
    (*b"YE", 30),
];
const LONGEST: usize = 34;
/// The widest separator: a line break, a mark of quotation, an indent.
const WIDEST: usize = 6;

/// Looks at the two letters before the digits at `start`; answers whether an account was found.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, start: usize) -> bool {
    let text = pass.text;
    // `DE89`, `DE 89`, or split by the client anywhere in between.
    let gap = usize::from(matches!(before(text, start, 1), b' ' | b'\t' | JOINT));
    let cut = usize::from(gap == 0 && before(text, start, 2) == JOINT);
    let (first, second) = (
        before(text, start, gap + cut + 2),
        before(text, start, gap + 1),
    );
    if !first.is_ascii_alphabetic() || !second.is_ascii_alphabetic() {
        return false;
    }
    if gap == 1
        && before(text, start, 1) != JOINT
        && !(first.is_ascii_uppercase() && second.is_ascii_uppercase())
    {
        return false;
    }
    let country = [first.to_ascii_uppercase(), second.to_ascii_uppercase()];
    let Ok(index) = COUNTRIES.binary_search_by(|(it, _)| it.cmp(&country)) else {
        return false;
    };
    let begin = start - gap - cut - 2;
    if !(starts_token(text, begin) || is_named(text, begin))
        || (before(text, begin, 1) == b'-' && is_word(before(text, begin, 2)))
    {
        return false;
    }
    let length = usize::from(COUNTRIES[index].1);
    let Some(end) = valid(text, start, country, length, pass.work()) else {
        return false;
    };
    let mut number = [0; LONGEST];
    let mut have = 0;
    for byte in text[begin..end]
        .iter()
        .filter(|it| it.is_ascii_alphanumeric())
    {
        number[have] = byte.to_ascii_uppercase();
        have += 1;
    }
    let kind = published::kind_of(Entity::Iban, &number[..have]);
    pass.report_number(kind, begin, end);
    true
}

/// Whether the name is written against the number: `IBANDE84…`.
fn is_named(text: &[u8], begin: usize) -> bool {
    let from = begin.saturating_sub(4);
    text[from..begin].eq_ignore_ascii_case(b"iban") && starts_token(text, from)
}

/// Reads `length` letters and digits (country included) with single separators between them, or wider
/// ones between groups of four; answers the end when the remainder is right.
fn valid(
    text: &[u8],
    start: usize,
    country: [u8; 2],
    length: usize,
    work: &mut u64,
) -> Option<usize> {
    let mut number = [0u8; LONGEST];
    number[..2].copy_from_slice(&country);
    let mut have = 2;
    let mut at = start;
    // Characters since the last separator; the country counts, wherever it stands.
    let mut group = 2;
    let mut fours = true;
    while have < length {
        let byte = get(text, at);
        if byte.is_ascii_alphanumeric() {
            if have < 4 && !byte.is_ascii_digit() {
                return None;
            }
            number[have] = byte.to_ascii_uppercase();
            have += 1;
            group += 1;
            at += 1;
            continue;
        }
        fours &= group == 4;
        group = 0;
        let wide = (1..=WIDEST).find(|skip| get(text, at + skip).is_ascii_alphanumeric())?;
        let only = text[at..at + wide].iter().all(|it| {
            matches!(
                *it,
                b' ' | b'-' | b'.' | b'\t' | b'\n' | b'\r' | b'>' | JOINT
            )
        });
        let joints = text[at..at + wide].contains(&JOINT);
        if !only || (wide > 1 && !joints && !fours) {
            return None;
        }
        at += wide;
    }
    *work += (at - start) as u64;
    let goes_on = is_word(get(text, at)) || (get(text, at) == b'-' && is_word(get(text, at + 1)));
    let fits = !goes_on && remainder(&number[..length]) == 1;
    fits.then_some(at)
}

/// The number with its first four characters at the end, letters as two digits, modulo 97.
pub(in crate::sensitivity) fn remainder(number: &[u8]) -> u32 {
    let (head, tail) = number.split_at(4.min(number.len()));
    tail.iter().chain(head).fold(0, |rest, byte| match byte {
        b'0'..=b'9' => (rest * 10 + u32::from(byte - b'0')) % 97,
        _ => (rest * 100 + u32::from(byte.wrapping_sub(b'A') & 31) + 10) % 97,
    })
}

/// The length of a number of this country, for tests that look at every place.
#[cfg(test)]
pub(in crate::sensitivity) fn length_of(country: [u8; 2]) -> Option<usize> {
    let index = COUNTRIES
        .binary_search_by(|(it, _)| it.cmp(&country))
        .ok()?;
    Some(usize::from(COUNTRIES[index].1))
}
