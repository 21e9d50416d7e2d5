//! US social security numbers: area, group and serial in the ranges that exist.
//!
//! There is no check digit, so shape decides: three, two and four digits with one separator. Nine
//! digits in a row are one only where a word says so.

use crate::sensitivity::bytes::{ends_number, starts_number, word_begins, word_ends};
use crate::sensitivity::context::{self, List};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::groups::{previous, Groups};
use crate::sensitivity::pass::Pass;

use super::published;

/// Words that speak for a social security number.
pub(in crate::sensitivity) static FOR: List = List::new(&[
    "security", "soc", "social", "ssn", "ssno", "ssns", "tax", "taxpayer", "tin",
]);

/// Words that name something else, directly before the number or before `number` or `no`. Anything
/// else in the sentence (`part-time`, an order, a telephone) says nothing about it.
pub(in crate::sensitivity) static AGAINST: List = List::new(&[
    "article", "asin", "build", "catalog", "isbn", "model", "part", "parts", "pn", "product",
    "rev", "serial", "sku", "version", "zip",
]);

/// Words between the name of a number and the number.
static OF: List = List::new(&["code", "id", "no", "nr", "num", "number", "numbers"]);

/// Looks at the groups that begin at `start`; answers whether a number was found.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, start: usize, groups: &Groups) -> bool {
    let text = pass.text;
    let count = match (groups.lengths(1), groups.lengths(3)) {
        ([9], _) => 1,
        (_, [3, 2, 4]) => 3,
        _ if groups.is_split(3) => match (1..=3).find(|count| groups.digits(*count).len() == 9) {
            Some(count) if groups.is_split(count) => count,
            _ => return false,
        },
        _ => return false,
    };
    let end = groups.end(count);
    if !is_issued(groups.digits(count)) {
        return false;
    }
    let alone = |begins: bool, ends: bool| {
        (begins || starts_number(text, start)) && (ends || ends_number(text, end))
    };
    // `SSN536-22-8145` and `536-22-8145_scan.pdf`: three groups with hyphens are cut as nothing else is.
    let cut = groups.lengths(count) == [3, 2, 4] && groups.separators(count) == [b'-', b'-'];
    if !alone(cut && word_ends(text, start), cut && word_begins(text, end)) {
        return false;
    }
    let separator = groups.separators(count).first().copied().unwrap_or(0);
    let in_row = previous(text, start).is_some_and(|(_, it)| it == separator)
        || (groups.count > count && groups.separator_after(count - 1) == separator);
    let written = count == 3
        && groups.lengths(3) == [3, 2, 4]
        && groups.uniform(3)
        && matches!(separator, b'-' | b' ' | super::JOINT);
    let hyphens = written && separator == b'-';
    let meant = if in_row {
        false
    } else if hyphens {
        !is_named_else(pass, start) || context::near(text, start, end, &FOR, pass.work())
    } else if written {
        let from = start.saturating_sub(context::BEFORE);
        !context::any(text, from, start, &AGAINST, pass.work())
            || context::near(text, start, end, &FOR, pass.work())
    } else {
        context::near(text, start, end, &FOR, pass.work())
    };
    if meant {
        let kind = published::kind_of_digits(Entity::Ssn, groups.digits(count));
        pass.report_number(kind, start, end);
    }
    meant
}

/// Whether the words directly before `start` name another number.
fn is_named_else(pass: &mut Pass<'_, '_>, start: usize) -> bool {
    let text = pass.text;
    let words = if context::just_before(text, start, 1, &OF, pass.work()) {
        2
    } else {
        1
    };
    context::just_before(text, start, words, &AGAINST, pass.work())
}

/// Whether nine digits (values) are in the ranges that are given out. Areas from 900 on are other
/// identifiers.
pub(in crate::sensitivity) fn is_issued(digits: &[u8]) -> bool {
    let number = digits.iter().fold(0u32, |sum, digit| {
        sum.wrapping_mul(10).wrapping_add(u32::from(*digit))
    });
    let (area, group, serial) = (number / 1_000_000, number / 10_000 % 100, number % 10_000);
    digits.len() == 9
        && !matches!(area, 0 | 666 | 900..)
        && group != 0
        && serial != 0
        && digits.windows(2).any(|pair| pair[0] != pair[1])
}
