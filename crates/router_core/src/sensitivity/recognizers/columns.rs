//! Columns: what the first line of a table says about all lines below it.
//!
//! In `name,ssn,city` the word stands once and the numbers hundreds of lines below, far from any window
//! around them. So a word for an identifier that stands in the first line of a table makes the rows be
//! walked: lines with one mark between the cells (comma, tab, semicolon, bar), rows of an HTML table, or
//! lists in brackets (`(name, ssn) VALUES ('Ann', 536228145)`, `"columns": [...], "data": [[...]]`).
//!
//! A line is read as a heading once and a row is walked once, however many words are in it, so the work
//! is a multiple of the text.

use memchr::{memchr, memchr2, memrchr2};

use super::{card, credential, passport, published, ssn};
use crate::sensitivity::bytes::get;
use crate::sensitivity::context::{self, List};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;
use crate::sensitivity::words::{Hit, Literal};
use crate::sensitivity::JOINT;

/// Words that name a column whose cells say nothing by themselves. Recognizers that start from words
/// of their own call [`find`] for those.
pub(in crate::sensitivity) const WORDS: &[Literal] = &[
    Literal::word("ssn", 0),
    Literal::word("ssno", 0),
    Literal::word("social security", 0),
    Literal::word("socialsecurity", 0),
    Literal::word("socialsecuritynumber", 0),
    Literal::word("tax id", 0),
    Literal::word("taxid", 0),
    Literal::word("taxpayer", 0),
    Literal::word("card", 0),
    Literal::word("cardnumber", 0),
    Literal::word("cardno", 0),
    Literal::word("creditcard", 0),
    Literal::word("credit card", 0),
    Literal::word("ccnum", 0),
    Literal::word("pan", 0),
];

/// So far before and behind the word a heading is read, bytes.
const BEFORE: usize = 512;
const BEHIND: usize = 1024;
/// The longest name of a column.
const NAME: usize = 40;
/// Columns that are looked at.
const MOST: usize = 64;
/// So much may stand between two rows in brackets.
const BETWEEN: usize = 64;

static CARDS: List = List::new(&[
    "card",
    "cardno",
    "cardnumber",
    "cc",
    "ccnum",
    "creditcard",
    "pan",
]);
static SECURITY: List = List::new(&[
    "security",
    "socialsecurity",
    "socialsecuritynumber",
    "ssn",
    "ssno",
    "taxid",
    "taxpayer",
]);
static PASSPORTS: List = List::new(&[
    "paspoort",
    "pasaporte",
    "passaporte",
    "passaporto",
    "passeport",
    "passnummer",
    "passport",
    "passportno",
    "passportnumber",
    "reisepass",
    "reisepassnummer",
]);
static PASSWORDS: List = List::new(&[
    "kennwort",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwort",
    "pwd",
    "senha",
    "wachtwoord",
]);

/// What the columns hold.
struct Columns {
    kinds: [Option<Entity>; MOST],
    count: usize,
    any: bool,
}

impl Columns {
    fn new() -> Self {
        Self {
            kinds: [None; MOST],
            count: 0,
            any: false,
        }
    }

    /// Adds a name; answers whether it may be one.
    fn add(&mut self, name: &[u8]) -> bool {
        let plain = |byte: &u8| {
            byte.is_ascii_alphanumeric()
                || !byte.is_ascii()
                || matches!(byte, b' ' | b'_' | b'-' | b'.' | b'/' | b'#')
        };
        if name.len() > NAME || self.count == MOST || !name.iter().all(plain) {
            return false;
        }
        let kind = kind_of(name);
        self.any |= kind.is_some();
        self.kinds[self.count] = kind;
        self.count += 1;
        true
    }
}

/// What a column of this name holds.
fn kind_of(name: &[u8]) -> Option<Entity> {
    let mut kind = None;
    context::words(name, 0, name.len(), |word, _| {
        kind = if SECURITY.has(word) {
            Some(Entity::Ssn)
        } else if PASSPORTS.has(word) {
            Some(Entity::Passport)
        } else if PASSWORDS.has(word) {
            Some(Entity::Credential)
        } else if CARDS.has(word) {
            Some(Entity::Card)
        } else if word == b"tax" {
            Some(Entity::Ssn)
        } else {
            kind
        };
        true
    });
    kind
}

/// Looks whether the word of `hit` stands in the first line of a table, and walks the rows below.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, hit: &Hit) {
    let text = pass.text;
    if hit.start < pass.headed || kind_of(&text[hit.start..hit.end]).is_none() {
        return;
    }
    let least = hit.start.saturating_sub(BEFORE).max(pass.headed);
    let most = (hit.end + BEHIND).min(text.len());
    let begin = memrchr2(b'\n', JOINT, &text[least..hit.start]).map_or(least, |at| least + at + 1);
    let end = memchr2(b'\n', JOINT, &text[hit.end..most]).map_or(most, |at| hit.end + at);
    *pass.work() += (end - begin) as u64;
    pass.headed = end;
    let line = &text[begin..end];
    if let Some(tag) = cell_of(line, hit.start - begin) {
        return html(pass, begin + tag);
    }
    *pass.work() += (hit.start - least) as u64;
    if let Some(open) = opening(&text[least..hit.start]) {
        if bracketed(pass, least + open) {
            return;
        }
    }
    lines(pass, begin, end);
}

/// Rows that are lines.
fn lines(pass: &mut Pass<'_, '_>, begin: usize, end: usize) {
    let text = pass.text;
    let line = &text[begin..end];
    let Some(mark) = [b'\t', b'|', b';', b',']
        .into_iter()
        .find(|mark| memchr(*mark, line).is_some())
    else {
        return;
    };
    let mut columns = Columns::new();
    let mut cells = Cells::new(text, begin, end, mark);
    while may_be_name(text.get(cells.at..end).unwrap_or_default(), mark) {
        let Some((from, to)) = cells.next() else {
            break;
        };
        if !columns.add(&text[from..to]) {
            return;
        }
    }
    if !cells.over {
        return;
    }
    // A line of a program ends with the mark.
    let open = matches!(mark, b',' | b';') && line.trim_ascii_end().ends_with(&[mark]);
    if !columns.any || columns.count < 2 || open {
        return;
    }
    let mut at = end + 1;
    while at < text.len() && get(text, at - 1) == b'\n' && !pass.ended() {
        let stop = memchr2(b'\n', JOINT, &text[at..]).map_or(text.len(), |skip| at + skip);
        *pass.work() += (stop - at) as u64;
        pass.headed = stop;
        let mut cells = Cells::new(text, at, stop, mark);
        let mut count = 0;
        while let Some((from, to)) = cells.next() {
            if let Some(Some(kind)) = columns.kinds.get(count) {
                cell(pass, *kind, from, to);
            }
            count += 1;
        }
        if count < columns.count.min(2) {
            return;
        }
        at = stop + 1;
    }
}

/// Whether the first cell of a line, or of the rest of one, may be a name: prose, which most lines are, goes
/// on for too long, and is known by some dozen bytes.
fn may_be_name(line: &[u8], mark: u8) -> bool {
    let outside = |byte: &u8| is_around(*byte) || *byte == b'>';
    let Some(begin) = line.iter().position(|byte| !outside(byte)) else {
        return true;
    };
    let cell = &line[begin..];
    match cell.get(NAME) {
        Some(byte) => is_around(*byte) || memchr(mark, &cell[..=NAME]).is_some(),
        None => true,
    }
}

/// The cells of a line.
struct Cells<'t> {
    text: &'t [u8],
    at: usize,
    end: usize,
    mark: u8,
    over: bool,
}

impl<'t> Cells<'t> {
    fn new(text: &'t [u8], begin: usize, end: usize, mark: u8) -> Self {
        let mut at = begin;
        // A quoted mail.
        while at < end && matches!(text[at], b'>' | b' ') && mark != b' ' {
            at += 1;
        }
        Self {
            text,
            at,
            end,
            mark,
            over: false,
        }
    }

    /// The next cell without white space and quotation marks.
    fn next(&mut self) -> Option<(usize, usize)> {
        if self.over {
            return None;
        }
        let from = self.at;
        let mut to = from;
        let mut quote = 0;
        let mut fresh = true;
        while to < self.end && (quote != 0 || self.text[to] != self.mark) {
            let byte = self.text[to];
            if fresh && matches!(byte, b'"' | b'\'') {
                quote = byte;
            } else if byte == quote {
                quote = 0;
            }
            // A quotation mark counts where a cell begins.
            fresh &= matches!(byte, b' ' | b'\t');
            to += 1;
        }
        self.over = to >= self.end;
        self.at = to + 1;
        Some(trimmed(self.text, from, to))
    }
}

/// What may stand around the value of a cell: the zero is what pieces of a shadow end with.
fn is_around(byte: u8) -> bool {
    matches!(
        byte,
        0 | b' ' | b'\t' | b'\n' | b'\r' | b'"' | b'\'' | b'`' | b'*' | b'|'
    )
}

/// A cell without what stands around its value.
fn trimmed(text: &[u8], mut from: usize, mut to: usize) -> (usize, usize) {
    while from < to && is_around(text[from]) {
        from += 1;
    }
    while from < to && is_around(text[to - 1]) {
        to -= 1;
    }
    (from, to)
}

/// Where the list in brackets begins that goes on to the end of `line`.
fn opening(line: &[u8]) -> Option<usize> {
    let inside = |byte: u8| {
        byte.is_ascii_alphanumeric()
            || matches!(
                byte,
                b'_' | b',' | b' ' | b'\n' | b'\r' | b'"' | b'\'' | b'`' | b'.' | b'-'
            )
    };
    // Most lines have no bracket, and the search for one is much faster than the walk.
    memrchr2(b'(', b'[', line)?;
    let open = line.iter().rposition(|byte| !inside(*byte))?;
    matches!(line[open], b'(' | b'[').then_some(open + 1)
}

/// Rows that are lists in brackets, the first of which begins at `begin`; answers whether it was one.
fn bracketed(pass: &mut Pass<'_, '_>, begin: usize) -> bool {
    let text = pass.text;
    let close = match text[begin - 1] {
        b'(' => b')',
        _ => b']',
    };
    let most = (begin + BEHIND).min(text.len());
    let Some(end) = memchr(close, &text[begin..most]).map(|at| begin + at) else {
        return false;
    };
    let mut columns = Columns::new();
    let mut cells = Cells::new(text, begin, end, b',');
    while let Some((from, to)) = cells.next() {
        if !columns.add(&text[from..to]) {
            return false;
        }
    }
    *pass.work() += (end - begin) as u64;
    if !columns.any || columns.count < 2 {
        return false;
    }
    let mut at = end + 1;
    while !pass.ended() {
        let near = &text[at.min(text.len())..(at + BETWEEN).min(text.len())];
        let Some(mut open) = memchr2(b'(', b'[', near).map(|skip| at + skip) else {
            break;
        };
        while matches!(get(text, open + 1), b'(' | b'[' | b' ' | b'\n') {
            open += 1;
        }
        let mut from = open + 1;
        let mut count = 0;
        // One member after the other; a quoted one may hold anything.
        let stop = loop {
            let mut to = from;
            let mut quote = 0;
            while to < text.len() {
                let byte = text[to];
                if quote != 0 {
                    if byte == quote {
                        quote = 0;
                    }
                } else if matches!(byte, b'"' | b'\'') {
                    quote = byte;
                } else if matches!(byte, b',' | b')' | b']') {
                    break;
                }
                to += 1;
            }
            if let Some(Some(kind)) = columns.kinds.get(count) {
                let (from, to) = trimmed(text, from, to);
                cell(pass, *kind, from, to);
            }
            count += 1;
            if get(text, to) != b',' {
                break to;
            }
            from = to + 1;
        };
        *pass.work() += (stop - at) as u64;
        pass.headed = stop.min(text.len());
        at = stop + 1;
        if count < 2 {
            break;
        }
    }
    true
}

/// Where the tag of the cell of a heading begins in whose text `at` stands.
fn cell_of(line: &[u8], at: usize) -> Option<usize> {
    let close = line[..at]
        .iter()
        .rposition(|byte| !(byte.is_ascii_alphanumeric() || matches!(byte, b' ' | b'_')))?;
    if line[close] != b'>' {
        return None;
    }
    let open = line[..close].iter().rposition(|byte| *byte == b'<')?;
    let name = &line[open + 1..close];
    let is_cell = name.len() >= 2
        && (name[..2].eq_ignore_ascii_case(b"th") || name[..2].eq_ignore_ascii_case(b"td"));
    is_cell.then_some(open)
}

/// Rows of an HTML table, of whose heading a cell begins with the tag at `tag`.
fn html(pass: &mut Pass<'_, '_>, tag: usize) {
    /// Between two tags of a table stands at most so much.
    const FAR: usize = 1024;
    let text = pass.text;
    // Back to the beginning of the row.
    let least = tag.saturating_sub(BEFORE);
    let row = memchr::memmem::rfind(&text[least..tag], b"<tr").map_or(least, |at| least + at);
    *pass.work() += (tag - row) as u64;
    let mut columns = Columns::new();
    let (mut heading, mut column) = (true, 0);
    let mut at = row;
    let mut last = row;
    while !pass.ended() {
        let most = (last + FAR).min(text.len());
        let Some(open) = text
            .get(at..most)
            .and_then(|it| memchr(b'<', it))
            .map(|skip| at + skip)
        else {
            return;
        };
        *pass.work() += (open + 1 - at) as u64;
        at = open + 1;
        pass.headed = pass.headed.max(at);
        let is = |name: &[u8]| {
            text.get(at..at + name.len())
                .is_some_and(|it| it.eq_ignore_ascii_case(name))
        };
        if is(b"/table") {
            return;
        }
        if is(b"tr") && open > row {
            heading &= columns.count == 0;
            column = 0;
            last = at;
        } else if (is(b"td") || is(b"th")) && !get(text, at + 2).is_ascii_alphabetic() {
            last = at;
            let Some(from) = text
                .get(at..most)
                .and_then(|it| memchr(b'>', it))
                .map(|skip| at + skip + 1)
            else {
                return;
            };
            let to = text
                .get(from..most)
                .and_then(|it| memchr(b'<', it))
                .map_or(from, |skip| from + skip);
            let (from, to) = trimmed(text, from, to);
            if heading {
                if !columns.add(&text[from..to]) {
                    return;
                }
            } else if !columns.any {
                return;
            } else if let Some(Some(kind)) = columns.kinds.get(column) {
                cell(pass, *kind, from, to);
            }
            column += 1;
        }
    }
}

/// Reports the value of a cell if it can be what its column is named for.
fn cell(pass: &mut Pass<'_, '_>, kind: Entity, from: usize, to: usize) {
    /// Nothing that is found is longer.
    const LONGEST: usize = 96;
    let text = pass.text;
    let mut to = to;
    if to <= from || to - from > LONGEST {
        return;
    }
    // As programs write the integers of a column that has gaps.
    if text[from..to].ends_with(b".0") {
        to -= 2;
    }
    let value = &text[from..to];
    let found = match kind {
        Entity::Passport => {
            let digits = value.iter().filter(|it| it.is_ascii_digit()).count();
            let letters = value.iter().filter(|it| it.is_ascii_alphabetic()).count();
            (digits + letters == value.len() && passport::is_number(value, digits, letters))
                .then_some(kind)
        }
        Entity::Credential => credential::is_cell(value).then_some(kind),
        _ => number(kind, value),
    };
    if let Some(kind) = found {
        pass.report_cell(kind, from, to);
    }
}

/// The kind of a number of a column for numbers of `kind`.
fn number(kind: Entity, value: &[u8]) -> Option<Entity> {
    let mut digits = [0u8; 19];
    let mut have = 0;
    for byte in value {
        match byte {
            b'0'..=b'9' => {
                *digits.get_mut(have)? = byte - b'0';
                have += 1;
            }
            b' ' | b'-' => {}
            _ => return None,
        }
    }
    let digits = &digits[..have];
    let fits = match kind {
        Entity::Ssn => ssn::is_issued(digits),
        _ => have >= 12 && card::is_like_card(digits),
    };
    fits.then(|| published::kind_of_digits(kind, digits))
}
