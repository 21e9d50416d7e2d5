//! Payment cards: twelve to nineteen digits with a valid check digit, of an issuer, in the groups
//! of that issuer.
//!
//! A tenth of all numbers has a valid check digit, so it alone turns every tenth order number into
//! a card. What separates them: the issuer's ranges with their lengths, nothing of a longer
//! identifier beside it, the way in which cards are grouped, and the words around it. The burden of
//! proof is on the other side for fifteen or sixteen digits of an issuer with a valid check digit: no
//! word, comma, unit or neighbouring number makes them anything else.

use crate::sensitivity::bytes::{ends_number, starts_number, word_begins, word_ends};
use crate::sensitivity::context::{self, List};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::groups::{previous, Groups};
use crate::sensitivity::pass::Pass;

use super::published;

/// Words that speak for a card.
pub(in crate::sensitivity) static FOR: List = List::new(&[
    "amex",
    "billed",
    "billing",
    "card",
    "cardholder",
    "cardno",
    "cardnumber",
    "cards",
    "carte",
    "cc",
    "ccn",
    "ccnum",
    "charge",
    "charged",
    "credit",
    "creditcard",
    "cvc",
    "cvv",
    "debit",
    "diners",
    "discover",
    "expires",
    "expiry",
    "jcb",
    "karte",
    "kreditkarte",
    "maestro",
    "mastercard",
    "paid",
    "pan",
    "pay",
    "payment",
    "tarjeta",
    "unionpay",
    "visa",
]);

/// Words that name something else, and nothing but that: an account, an id or a reference may well be
/// a card.
pub(in crate::sensitivity) static AGAINST: List = List::new(&[
    "asin",
    "barcode",
    "batch",
    "build",
    "bytes",
    "checksum",
    "commit",
    "crc",
    "delivery",
    "digest",
    "doi",
    "ean",
    "epoch",
    "fingerprint",
    "gtin",
    "guid",
    "hash",
    "imei",
    "imsi",
    "invoice",
    "isbn",
    "issn",
    "job",
    "lot",
    "md",
    "meter",
    "msisdn",
    "nanoseconds",
    "nonce",
    "offset",
    "ord",
    "order",
    "orders",
    "package",
    "parcel",
    "pid",
    "po",
    "rev",
    "revision",
    "seed",
    "seq",
    "sequence",
    "serial",
    "session",
    "sha",
    "shipment",
    "sku",
    "snowflake",
    "ticket",
    "timestamp",
    "trace",
    "tracking",
    "ts",
    "tweet",
    "upc",
    "uuid",
    "version",
    "vin",
    "waybill",
]);

/// How many words before a number may name it: `order of 3 March, ref 4111…`.
const NAMING: usize = 4;

/// Looks at the groups that begin at `start`; answers whether a card was found.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, start: usize, groups: &Groups) -> bool {
    if !is_issuer_start(groups) {
        return false;
    }
    for count in 1..=groups.count {
        let digits = groups.digits(count);
        if digits.len() > 19 {
            return false;
        }
        if digits.len() < 12 || !is_grouped(groups, count) {
            continue;
        }
        *pass.work() += digits.len() as u64;
        if !luhn(digits) {
            continue;
        }
        let end = groups.end(count);
        let sure = is_sure(digits);
        *pass.work() += 8;
        if stands_alone(pass.text, start, end, sure) && is_meant(pass, start, groups, count) {
            // What begins like a card may be the whole of a published number, which is a card to nobody.
            let (kind, end) = (count..=groups.count)
                .take_while(|&longer| groups.digits(longer).len() <= 19)
                .filter(|&longer| longer == count || is_grouped(groups, longer))
                .map(|longer| {
                    let kind = published::kind_of_digits(Entity::Card, groups.digits(longer));
                    (kind, groups.end(longer))
                })
                .find(|(kind, _)| *kind != Entity::Card)
                .unwrap_or((Entity::Card, end));
            pass.report_number(kind, start, end);
            return true;
        }
    }
    false
}

/// Whether digits with a valid check digit are to be taken for a card whatever is written beside them:
/// issued, of the usual length, which one in three hundred numbers is by chance. Words would turn a
/// refund *of an order* into a leak, and a wrong alarm here costs less than a card that leaves.
pub(in crate::sensitivity) fn is_sure(digits: &[u8]) -> bool {
    matches!(digits.len(), 15 | 16) && is_card(digits)
}

/// Whether the number is not a part of something longer. Beside one that is `sure` words may be written
/// without a space.
fn stands_alone(text: &[u8], start: usize, end: usize, sure: bool) -> bool {
    (starts_number(text, start) || sure && word_ends(text, start))
        && (ends_number(text, end) || sure && word_begins(text, end))
}

/// Whether the check digit is right.
pub(in crate::sensitivity) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(place, digit)| match (place % 2, u32::from(*digit) * 2) {
            (0, double) => double / 2,
            (_, double) => double / 10 + double % 10,
        })
        .sum();
    sum % 10 == 0
}

/// Whether the digits (values, not characters) are the number of a card: check digit, issuer, the
/// issuer's lengths.
pub(in crate::sensitivity) fn is_card(digits: &[u8]) -> bool {
    luhn(digits) && is_issued(digits) && digits.windows(2).any(|pair| pair[0] != pair[1])
}

/// Whether the digits could be the number of a card of an issuer that is not in the table, or of a
/// generator of test data: beside a word for a card that is enough.
pub(in crate::sensitivity) fn is_like_card(digits: &[u8]) -> bool {
    luhn(digits)
        && (matches!(digits[0], 3..=6) || is_issued(digits))
        && digits.windows(2).any(|pair| pair[0] != pair[1])
}

fn is_issued(digits: &[u8]) -> bool {
    let number = |length: usize| {
        digits[..length]
            .iter()
            .fold(0u32, |sum, digit| sum * 10 + u32::from(*digit))
    };
    let (two, three, four, six) = (number(2), number(3), number(4), number(6));
    let length = digits.len();
    match (two, three, four) {
        // Visa.
        (40..=49, ..) if matches!(length, 13 | 16 | 18 | 19) => true,
        // American Express.
        (34 | 37, ..) => length == 15,
        // Diners Club.
        (_, 300..=305 | 309, _) | (36 | 38 | 39, ..) => (14..=19).contains(&length),
        // JCB, and its short old form.
        (_, _, 3528..=3589) => (16..=19).contains(&length),
        (_, _, 1800 | 2131) => length == 15,
        // Mastercard.
        (51..=55, ..) | (_, _, 2221..=2720) => length == 16,
        // Mir.
        (_, _, 2200..=2204) => (16..=19).contains(&length),
        // Discover, RuPay.
        (_, _, 6011) | (_, 644..=649, _) | (60 | 65 | 81 | 82, ..)
            if (16..=19).contains(&length) =>
        {
            true
        }
        // UnionPay.
        (62, ..) if (16..=19).contains(&length) => true,
        // Troy.
        (_, _, 9792) => length == 16,
        // Maestro: the wide range only in lengths that others do not use, named ranges in all.
        (_, _, 5018 | 5020 | 5038 | 5893 | 6304 | 6390 | 6759 | 6761..=6763 | 604) => true,
        (56..=58 | 67, ..) => true,
        (50 | 63, ..) => matches!(length, 12 | 16..=19) && six != 0,
        _ => false,
    }
}

/// Whether the first digit is one that cards begin with: most groups end here.
fn is_issuer_start(groups: &Groups) -> bool {
    matches!(groups.digits(groups.count).first(), Some(0..=6 | 8 | 9))
}

/// Whether the first `count` groups are cut as on a card.
fn is_grouped(groups: &Groups, count: usize) -> bool {
    if count == 1 {
        return true;
    }
    if groups.is_split(count) {
        // Where a client split its text says nothing about how the number is written.
        return true;
    }
    if !groups.uniform(count) || !matches!(groups.separators(count)[0], b' ' | b'-' | b'.' | b'/') {
        return false;
    }
    let lengths = groups.lengths(count);
    if groups.separators(count)[0] == b'.' {
        // Otherwise every decimal fraction would be two groups.
        return matches!(lengths, [4, 4, 4, 4] | [4, 6, 5]);
    }
    match lengths {
        [4, 6, 4..=5] | [4, 5, 6] | [6, 13] | [8, 8] | [6, 6, 4] | [4, 4, 4, 4, 1..=3] => true,
        [4, 4, 4] | [4, 4, 4, 1..=4] | [4, 4, 5..=7] | [4, 12] => true,
        [first @ (1 | 2), rest @ ..] => {
            let same = rest[..rest.len() - 1].iter().all(|it| it == first);
            let last = rest[rest.len() - 1];
            // A longer row of single digits is a table.
            same && last <= *first && groups.count == count
        }
        _ => false,
    }
}

/// Whether the text around speaks for a card, or not against it.
fn is_meant(pass: &mut Pass<'_, '_>, start: usize, groups: &Groups, count: usize) -> bool {
    let text = pass.text;
    let end = groups.end(count);
    if !is_like_card(groups.digits(count)) {
        return false;
    }
    let spoken_for = context::near(text, start, end, &FOR, pass.work());
    if spoken_for || !is_card(groups.digits(count)) {
        return spoken_for;
    }
    let digits = groups.digits(count);
    if count > 2 || (count > 1 && !groups.is_split(count)) {
        // Cut as on a card, with an issuer and a check digit: no word makes it anything else.
        return !is_table(pass, start, groups, count);
    }
    if is_sure(digits) {
        return true;
    }
    // Twelve to fifteen digits in a row are usually something else.
    if digits.len() < 15 && !matches!(digits[0], 3 | 4) {
        return false;
    }
    !context::just_before(text, start, NAMING, &AGAINST, pass.work())
        && !context::just_after(text, end, &AGAINST, pass.work())
}

/// Whether the groups stand in a longer row of the same kind that is not a row of cards. What stands
/// beside the number on a statement (a year, an amount, a date of expiry) makes no table.
fn is_table(pass: &Pass<'_, '_>, start: usize, groups: &Groups, count: usize) -> bool {
    const BESIDE: usize = 2;
    let text = pass.text;
    let separator = groups.separators(count)[0];
    let length = usize::from(groups.lengths(1)[0]);
    let most = if is_sure(groups.digits(count)) {
        BESIDE
    } else {
        0
    };
    let mut beside = 0;
    let mut at = start;
    while beside <= most && pass.consumed + 3 < at {
        match previous(text, at) {
            Some((it, mark)) if it == length && mark == separator => at -= length + 1,
            _ => break,
        }
        beside += 1;
    }
    for group in count..groups.count {
        let same = groups.separator_after(group - 1) == separator
            && usize::from(groups.lengths(group + 1)[group]) == length;
        if !same {
            break;
        }
        beside += 1;
        // One more than is read.
        beside +=
            usize::from(group + 1 == groups.count && groups.separator_after(group) == separator);
    }
    if beside <= most {
        return false;
    }
    // A row of cards goes on with a card.
    let mut next = groups.end(count);
    while next < text.len() && !text[next].is_ascii_digit() {
        next += 1;
    }
    let more = Groups::read(text, next);
    !(more.count >= count && is_card_prefix(&more, count))
}

fn is_card_prefix(groups: &Groups, count: usize) -> bool {
    let digits = groups.digits(count);
    (12..=19).contains(&digits.len()) && is_card(digits)
}
