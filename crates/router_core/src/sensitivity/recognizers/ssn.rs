//! US social security numbers: area, group and serial in the ranges that exist.
//!
//! There is no check digit, so shape decides: three, two and four digits with one separator. Nine
//! digits in a row are one only where a word says so.

use crate::sensitivity::bytes::{ends_number, starts_number};
use crate::sensitivity::context::{self, List};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::groups::{previous, Groups};
use crate::sensitivity::pass::Pass;

/// Words that speak for a social security number.
pub(in crate::sensitivity) static FOR: List = List::new(&[
    "security", "soc", "social", "ssn", "ssno", "ssns", "tax", "taxpayer", "tin",
]);

/// Words that name something else.
pub(in crate::sensitivity) static AGAINST: List = List::new(&[
    "article",
    "asin",
    "build",
    "catalog",
    "dial",
    "ext",
    "fax",
    "invoice",
    "isbn",
    "lot",
    "mobile",
    "model",
    "ord",
    "order",
    "part",
    "parts",
    "phone",
    "pn",
    "po",
    "product",
    "rev",
    "serial",
    "sku",
    "tel",
    "telephone",
    "ticket",
    "tracking",
    "version",
    "zip",
]);

/// Numbers that were printed on sample cards and belong to nobody.
const SAMPLES: [u32; 2] = [78_051_120, 219_099_999];

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
    if !is_issued(groups.digits(count)) || !starts_number(text, start) || !ends_number(text, end) {
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
    let meant = if hyphens && !in_row {
        !context::just_before(text, start, 3, &AGAINST, pass.work())
            || context::near(text, start, end, &FOR, pass.work())
    } else if written && !in_row {
        let from = start.saturating_sub(context::BEFORE);
        !context::any(text, from, start, &AGAINST, pass.work())
            || context::near(text, start, end, &FOR, pass.work())
    } else {
        !in_row && context::near(text, start, end, &FOR, pass.work())
    };
    if meant {
        pass.report_number(Entity::Ssn, start, end);
    }
    meant
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
        && !SAMPLES.contains(&number)
        && digits.windows(2).any(|pair| pair[0] != pair[1])
}
