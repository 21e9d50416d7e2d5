//! Telephone numbers: international with a plus, North American, and any with a word for it.
//!
//! There is nothing to check, so a bare row of digits is a telephone number only beside a word that
//! says so; identifiers of every kind have the same digits.

use crate::sensitivity::bytes::{before, ends_number, get, is_word, starts_number};
use crate::sensitivity::context::{self, List};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::groups::{previous, Groups, LINE};
use crate::sensitivity::pass::Pass;

/// Words that speak for a telephone number.
pub(in crate::sensitivity) static FOR: List = List::new(&[
    "call",
    "called",
    "calling",
    "calls",
    "cell",
    "cellphone",
    "cellular",
    "contact",
    "dial",
    "dialed",
    "fax",
    "handy",
    "hotline",
    "landline",
    "mobil",
    "mobile",
    "msisdn",
    "phone",
    "phones",
    "reach",
    "ring",
    "sms",
    "tel",
    "telefon",
    "telefono",
    "telephone",
    "text",
    "whatsapp",
]);

/// Words that name something else.
pub(in crate::sensitivity) static AGAINST: List = List::new(&[
    "account",
    "asin",
    "build",
    "case",
    "commit",
    "date",
    "doi",
    "ean",
    "hash",
    "id",
    "imei",
    "invoice",
    "isbn",
    "issn",
    "item",
    "lot",
    "model",
    "order",
    "part",
    "pid",
    "port",
    "ref",
    "reference",
    "rev",
    "sequence",
    "serial",
    "sku",
    "ssn",
    "ticket",
    "timestamp",
    "tracking",
    "transaction",
    "upc",
    "uuid",
    "version",
    "zip",
]);

/// Looks at the groups that begin at `start`; answers whether a number was found.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, start: usize, groups: &Groups) -> bool {
    let text = pass.text;
    if start < pass.dialled {
        return false;
    }
    let mut begin = start;
    let open = before(text, begin, 1) == b'(';
    if open {
        begin -= 1;
    }
    let plus = before(text, begin, 1) == b'+';
    if plus {
        begin -= 1;
    }
    if !starts_number(text, begin) || (plus && is_word(before(text, begin, 1))) {
        return false;
    }
    let Some(count) = (1..=groups.count.min(8)).rev().find(|count| {
        let separators = groups.separators(*count);
        (7..=15).contains(&groups.digits(*count).len()) && !separators.contains(&LINE)
    }) else {
        return false;
    };
    let shape = if plus {
        international(groups, count)
    } else {
        north_american(groups, open)
    };
    let (count, sure) = match shape {
        Some(count) => (count, plus || open || groups.lengths(count).len() > 1),
        None => (count, false),
    };
    let end = groups.end(count);
    if !ends_number(text, end) && !is_extension(text, end) {
        return false;
    }
    let meant = if sure {
        plus || !context::just_before(text, begin, 2, &AGAINST, pass.work())
            && !in_table(pass, start, groups, count)
    } else {
        is_dialled(groups, count)
            && is_spoken_for(pass, begin, end)
            && !context::just_before(text, begin, 2, &AGAINST, pass.work())
    };
    if meant {
        pass.dialled = end;
        pass.report(Entity::Phone, begin, end);
    }
    meant
}

/// Whether a word for a telephone number stands near: nearer than for numbers that can be checked.
fn is_spoken_for(pass: &mut Pass<'_, '_>, begin: usize, end: usize) -> bool {
    const BEFORE: usize = 40;
    const BEHIND: usize = 16;
    let text = pass.text;
    context::any(text, begin.saturating_sub(BEFORE), begin, &FOR, pass.work())
        || context::any(text, end, end + BEHIND, &FOR, pass.work())
}

/// A country, then at least seven more digits.
fn international(groups: &Groups, count: usize) -> Option<usize> {
    let digits = groups.digits(count);
    (digits.len() >= 8 && digits[0] != 0).then_some(count)
}

/// `(212) 555-0100`, `1-212-555-0100`, `001-212-555-0100`, `212.555.0100`.
fn north_american(groups: &Groups, open: bool) -> Option<usize> {
    let skip = usize::from(
        groups.lengths(1) == [1] && groups.digits(1) == [1]
            || groups.lengths(1) == [3] && groups.digits(1) == [0, 0, 1],
    );
    let count = skip + 3;
    if groups.count < count || groups.lengths(count)[skip..] != [3, 3, 4] {
        return None;
    }
    let at = groups.digits(skip.max(1)).len() * skip;
    let digits = groups.digits(count);
    let separators = &groups.separators(count)[skip..];
    let same = separators[0] == separators[1] || open || separators[0] == b')';
    let written = separators
        .iter()
        .all(|it| matches!(*it, b' ' | b'-' | b'.' | b')' | super::JOINT));
    (digits[at] >= 2 && digits[at + 3] >= 2 && same && written).then_some(count)
}

/// Whether the groups could be dialled: not ten single digits, not a date.
fn is_dialled(groups: &Groups, count: usize) -> bool {
    let lengths = groups.lengths(count);
    let date = matches!(lengths, [4, 2, 2] | [2, 2, 4]) && groups.separators(count)[0] != b' ';
    let slash = groups.separators(count).contains(&b'/');
    count <= 6 && !date && !slash && lengths.iter().filter(|it| **it == 1).count() <= 2
}

fn in_table(pass: &Pass<'_, '_>, start: usize, groups: &Groups, count: usize) -> bool {
    let separator = groups.separators(count).first().copied().unwrap_or(0);
    let before = previous(pass.text, start).is_some_and(|(_, it)| it == separator);
    before || (groups.count > count && groups.separator_after(count - 1) == separator)
}

/// `x123`, as it follows a number.
fn is_extension(text: &[u8], at: usize) -> bool {
    get(text, at) == b'x' && get(text, at + 1).is_ascii_digit()
}
