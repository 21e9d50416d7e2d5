//! Cards whose groups stand apart: a cell, a line, a member of a list each.
//!
//! `4716</td><td>2938</td>…`, `> 4716` over four quoted lines, `"4716", "2938", …`, `| 4716 | 2938 |`. The
//! groups of the card are the only cue, so only four times four digits (and four, six, five) with an
//! issuer and a check digit count, and never inside of a longer row of such groups, which is a table of
//! numbers. What stands between two groups is skipped in a bounded window; it must never hold a letter
//! or a digit outside of a tag.

use crate::sensitivity::bytes::{before, digits_end, get, is_word};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;
use crate::sensitivity::JOINT;

use super::{card, published};

/// So much may stand between two groups, bytes.
const WIDEST: usize = 40;
/// More groups of four than this beside the card make a table.
const BESIDE: usize = 2;
/// More numbers of any length than this do.
const NUMBERS: usize = 4;
const SIZE: usize = 4;

/// Looks at a group of four digits at `start`; answers whether a card begins there.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, start: usize) -> bool {
    let text = pass.text;
    if !begins(text, start) {
        return false;
    }
    let mut digits = [0u8; 16];
    let mut have = 0;
    let mut at = start;
    let mut end = start;
    let mut apart = false;
    while have < digits.len() {
        let stop = digits_end(text, at, 7);
        let fits = matches!((have, stop - at), (0 | 4 | 8 | 12, SIZE) | (4, 6) | (10, 5));
        if !fits {
            return false;
        }
        for byte in &text[at..stop] {
            digits[have] = byte - b'0';
            have += 1;
        }
        end = stop;
        if have == 15 {
            break;
        }
        if have < digits.len() {
            let Some(next) = gap_end(text, stop) else {
                return false;
            };
            *pass.work() += (next - stop) as u64;
            apart |= next - stop > 1 || !matches!(text[stop], b' ' | b'-');
            at = next;
        }
    }
    let digits = &digits[..have];
    *pass.work() += have as u64;
    if !apart || is_word(get(text, end)) || !card::is_sure(digits) || in_table(pass, start, end) {
        return false;
    }
    let kind = published::kind_of_digits(Entity::Card, digits);
    pass.report_number(kind, start, end);
    true
}

/// Whether a card may begin with the group at `start`: the first digit of an issuer, nothing of a word or
/// a fraction before it.
fn begins(text: &[u8], start: usize) -> bool {
    let last = before(text, start, 1);
    matches!(get(text, start), b'2'..=b'6')
        && !is_word(last)
        && !(last == b'.' && before(text, start, 2).is_ascii_digit())
}

/// Where the next group begins, if only marks, white space and tags stand before it.
fn gap_end(text: &[u8], from: usize) -> Option<usize> {
    let mut at = from;
    while at - from <= WIDEST {
        match get(text, at) {
            b'0'..=b'9' => return (at > from).then_some(at),
            b'<' => at += tag(&text[at..], WIDEST)?,
            b'\\' if matches!(get(text, at + 1), b'n' | b't' | b'r' | b'"') => at += 2,
            byte if is_mark(byte) => at += 1,
            _ => return None,
        }
    }
    None
}

/// The length of the tag at the beginning of `text`.
fn tag(text: &[u8], most: usize) -> Option<usize> {
    let name = matches!(get(text, 1), b'/' | b'a'..=b'z' | b'A'..=b'Z');
    let end = text.iter().take(most).position(|byte| *byte == b'>')?;
    name.then_some(end + 1)
}

fn is_mark(byte: u8) -> bool {
    matches!(
        byte,
        b' ' | b'\t'
            | b'\n'
            | b'\r'
            | b','
            | b';'
            | b'|'
            | b'>'
            | b'"'
            | b'\''
            | b'*'
            | b'-'
            | b'/'
            | b'+'
            | JOINT
    )
}

/// Whether more than a few numbers stand beside the card in a row, without a card following.
fn in_table(pass: &mut Pass<'_, '_>, start: usize, end: usize) -> bool {
    let text = pass.text;
    let (mut fours, mut numbers) = (0, 0);
    let mut at = start;
    while numbers <= NUMBERS {
        let Some((from, to)) = number_before(text, at) else {
            break;
        };
        *pass.work() += (at - from) as u64;
        // What was found is no part of a table.
        if from < pass.consumed {
            break;
        }
        fours += usize::from(to - from == SIZE);
        numbers += 1;
        at = from;
    }
    let mut digits = [0u8; 16];
    let mut have = 0;
    let mut at = end;
    let mut row = true;
    for _ in 0..=NUMBERS {
        let Some(from) = gap_end(text, at) else {
            break;
        };
        *pass.work() += (from - at) as u64;
        at = digits_end(text, from, LONGEST);
        row &= at - from == SIZE;
        if row && have < digits.len() {
            for byte in &text[from..at] {
                digits[have] = byte - b'0';
                have += 1;
            }
        }
        fours += usize::from(row);
        numbers += 1;
    }
    let follows = have == digits.len() && card::is_sure(&digits);
    (fours > BESIDE || numbers > NUMBERS) && !follows
}

/// The longest number of a table that is looked at.
const LONGEST: usize = 8;

/// The number before `at`, if only what may stand between two groups does.
fn number_before(text: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut end = at;
    while end > 0 && at - end <= WIDEST {
        match text[end - 1] {
            b'0'..=b'9' => {
                let mut start = end;
                while start > 0 && end - start < LONGEST && text[start - 1].is_ascii_digit() {
                    start -= 1;
                }
                return (end < at && !is_word(before(text, start, 1))).then_some((start, end));
            }
            b'>' => {
                let tag = (2..=WIDEST).find(|back| before(text, end, *back) == b'<');
                end -= match tag {
                    Some(back) if end > back => back,
                    _ => 1,
                };
            }
            b'n' | b't' | b'r' if before(text, end, 2) == b'\\' => end -= 2,
            b'\\' => end -= 1,
            byte if is_mark(byte) => end -= 1,
            _ => return None,
        }
    }
    None
}
