//! Passport numbers, near a word for passport.
//!
//! The number alone (a letter or two and six to nine digits) is the shape of a thousand other
//! things, part of every other IBAN for one. So the search starts from the word and looks for the
//! number around it, as a whole token.

use crate::sensitivity::bytes::{before, get, is_word};
use crate::sensitivity::context::{self, List};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;
use crate::sensitivity::words::{Hit, Literal};
use crate::sensitivity::JOINT;

/// Words for passport.
pub(in crate::sensitivity) const WORDS: &[Literal] = &[
    Literal::word("passport", 0),
    Literal::word("passaporte", 0),
    Literal::word("passaporto", 0),
    Literal::word("passeport", 0),
    Literal::word("pasaporte", 0),
    Literal::word("paspoort", 0),
    Literal::word("reisepass", 0),
    Literal::word("reisepassnummer", 0),
    Literal::word("passnummer", 0),
    Literal::word("passportno", 0),
    Literal::word("passportnumber", 0),
    Literal::word("travel document", 0),
];

/// Words that name another number, when they are the last word before it.
pub(in crate::sensitivity) static AGAINST: List = List::new(&[
    "amount",
    "application",
    "booking",
    "build",
    "case",
    "confirmation",
    "fee",
    "flight",
    "form",
    "order",
    "phone",
    "reference",
    "tel",
    "ticket",
    "tracking",
    "version",
    "visa",
]);

/// How far behind the word the number may stand.
const BEHIND: usize = 80;
/// How far before it.
const AHEAD: usize = 40;

/// Looks for a number around a word for passport.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, hit: &Hit) {
    let text = pass.text;
    let to = (hit.end + BEHIND).min(text.len());
    let ahead = hit.start.saturating_sub(AHEAD).max(pass.searched);
    let behind = hit.end.max(pass.searched);
    pass.searched = to;
    if !search(pass, behind, to) {
        search(pass, ahead, hit.start);
    }
}

/// Looks for the second line of the machine readable zone of a passport around the row of letters and
/// digits at `at`: number, birth and expiry each with a check digit, which say enough without a word.
pub(in crate::sensitivity) fn find_zone(pass: &mut Pass<'_, '_>, at: usize) -> bool {
    const LINE: usize = 44;
    const NUMBER: usize = 10;
    let text = pass.text;
    let inside = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'<';
    let mut start = at;
    while start > 0 && at - start < NUMBER && inside(text[start - 1]) {
        start -= 1;
    }
    *pass.work() += (at - start) as u64 + 4;
    let Some(line) = text.get(start..start + LINE) else {
        return false;
    };
    let dates = [13, 21]
        .iter()
        .all(|from| line[*from..from + 6].iter().all(u8::is_ascii_digit));
    if !dates
        || !matches!(line[20], b'M' | b'F' | b'X' | b'<')
        || !line.iter().all(|it| inside(*it))
    {
        return false;
    }
    *pass.work() += LINE as u64;
    let fits = checks(&line[..9], line[9])
        && checks(&line[13..19], line[19])
        && checks(&line[21..27], line[27]);
    if fits {
        pass.report(Entity::Passport, start, start + LINE);
    }
    fits
}

/// Whether `check` is the check digit of a field: weights 7, 3, 1, letters from ten on, filler zero.
fn checks(field: &[u8], check: u8) -> bool {
    let sum: u32 = field
        .iter()
        .zip([7, 3, 1].iter().cycle())
        .map(|(byte, weight)| {
            let value = match byte {
                b'0'..=b'9' => byte - b'0',
                b'A'..=b'Z' => byte - b'A' + 10,
                _ => 0,
            };
            u32::from(value) * weight
        })
        .sum();
    check.is_ascii_digit() && sum % 10 == u32::from(check - b'0')
}

fn search(pass: &mut Pass<'_, '_>, from: usize, to: usize) -> bool {
    let text = pass.text;
    let mut at = from;
    *pass.work() += to.saturating_sub(from) as u64;
    while at < to {
        if !is_word(get(text, at)) || is_word(before(text, at, 1)) {
            at += 1;
            continue;
        }
        let (end, digits, letters) = token(text, at);
        let hyphenated = (before(text, at, 1) == b'-' && is_word(before(text, at, 2)))
            || (matches!(get(text, end), b'-' | b'.') && is_word(get(text, end + 1)));
        if is_number(&text[at..end], digits, letters)
            && !hyphenated
            && !context::just_before(text, at, 1, &AGAINST, pass.work())
        {
            pass.report_number(Entity::Passport, at, end);
            return true;
        }
        at = end.max(at + 1);
    }
    false
}

/// The token at `at`: its end, its digits, its letters. A joint between two digits is part of it,
/// and so is one space between the letters and the digits.
fn token(text: &[u8], at: usize) -> (usize, usize, usize) {
    let (mut end, mut digits, mut letters) = (at, 0, 0);
    while end - at < 24 {
        match get(text, end) {
            b'0'..=b'9' => digits += 1,
            b'A'..=b'Z' | b'a'..=b'z' | b'_' => letters += 1,
            JOINT if digits > 0 && get(text, end + 1).is_ascii_digit() => {}
            b' ' if digits == 0
                && letters <= 2
                && text[at..end].iter().all(u8::is_ascii_uppercase)
                && (0..6).all(|skip| get(text, end + 1 + skip).is_ascii_digit()) => {}
            _ => break,
        }
        end += 1;
    }
    (end, digits, letters)
}

pub(in crate::sensitivity) fn is_number(token: &[u8], digits: usize, letters: usize) -> bool {
    let capitals = token.iter().filter(|it| it.is_ascii_uppercase()).count();
    let first = token.first().copied().unwrap_or(0);
    match letters {
        0 => (8..=9).contains(&digits),
        // One case, and letters at the ends or (Germany, France) sprinkled among the digits.
        1..=3 => {
            (6..=9).contains(&digits)
                && (8..=10).contains(&(digits + letters))
                && (capitals == letters || (capitals == 0 && first.is_ascii_lowercase()))
                && !token.contains(&b'_')
        }
        _ => {
            digits >= 4
                && digits + letters == 9
                && capitals == letters
                && first.is_ascii_uppercase()
        }
    }
}
