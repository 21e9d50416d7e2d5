//! Private keys as text: PEM, OpenPGP, PuTTY, age and JSON web keys.
//!
//! The header alone is in every manual about keys, so some of the key itself must follow it.

use crate::sensitivity::bytes::{before, get};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;
use crate::sensitivity::words::{Hit, Literal};
use crate::sensitivity::JOINT;
use memchr::memmem;

const PEM: u8 = 0;
const PUTTY: u8 = 1;
const AGE: u8 = 2;
const JWK: u8 = 3;

/// How the headers begin.
pub(in crate::sensitivity) const WORDS: &[Literal] = &[
    Literal::word("begin", PEM),
    Literal::exact("PuTTY-User-Key-File", PUTTY),
    Literal::prefix("AGE-SECRET-KEY-1", AGE),
    Literal::exact("kty", JWK),
];

/// Between `BEGIN` and `KEY` stand at most the algorithm and two more words.
const HEADER: usize = 48;
/// Within so many bytes behind the header the key has begun.
const BODY: usize = 400;
/// So many characters of base64 in a row are a key, not a placeholder.
const ENOUGH: usize = 24;

/// Looks at the beginning of a header.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, hit: &Hit) {
    let text = pass.text;
    let end = match hit.tag {
        JWK => jwk(pass, hit),
        PEM => pem(pass, hit),
        PUTTY => {
            let to = (hit.end + BODY).min(text.len());
            *pass.work() += (to - hit.end) as u64;
            memmem::find(&text[hit.end..to], b"Private-Lines")
                .map(|at| hit.end + at + b"Private-Lines".len())
        }
        _ => {
            let mut end = hit.end;
            while end - hit.end < 80 && get(text, end).is_ascii_alphanumeric() {
                end += 1;
            }
            *pass.work() += (end - hit.end) as u64;
            (end - hit.end >= 50).then_some(end)
        }
    };
    if let Some(end) = end {
        pass.report(Entity::PrivateKey, hit.start, end);
    }
}

/// A JSON object with `kty` and the member `d`, which only the private half has.
fn jwk(pass: &mut Pass<'_, '_>, hit: &Hit) -> Option<usize> {
    const AHEAD: usize = 512;
    const BEHIND: usize = 4096;
    const SHORTEST: usize = 32;
    let text = pass.text;
    if hit.start < pass.object {
        return None;
    }
    let least = hit.start.saturating_sub(AHEAD).max(pass.object);
    let most = (hit.end + BEHIND).min(text.len());
    let from = memchr::memrchr(b'{', &text[least..hit.start]).map_or(least, |at| least + at);
    let to = memchr::memchr(b'}', &text[hit.end..most]).map_or(most, |at| hit.end + at);
    *pass.work() += (to - from) as u64;
    pass.object = to;
    let mut marks = memchr::memchr_iter(b'd', &text[from..to]).map(|at| from + at);
    marks.find_map(|at| {
        let quoted = before(text, at, 1) == b'"' && matches!(get(text, at + 1), b'"' | b'\\');
        if !quoted && before(text, at, 1) != JOINT {
            return None;
        }
        let mut start = at + 1;
        while start < to && matches!(text[start], b' ' | b':' | b'"' | b'\\' | b'\n' | JOINT) {
            start += 1;
        }
        let rest = &text[start..to];
        let length = rest
            .iter()
            .position(|it| !(it.is_ascii_alphanumeric() || matches!(it, b'-' | b'_')))
            .unwrap_or(rest.len());
        (start > at + 1 && length >= SHORTEST).then_some(start + length)
    })
}

fn pem(pass: &mut Pass<'_, '_>, hit: &Hit) -> Option<usize> {
    let text = pass.text;
    if hit.start < 2 || text[hit.start - 2] != b'-' && !text[..hit.start].ends_with(b"- ") {
        return None;
    }
    let to = (hit.end + HEADER).min(text.len());
    *pass.work() += (to - hit.end) as u64;
    let header = &text[hit.end..to];
    let at =
        memmem::find(header, b"PRIVATE KEY").or_else(|| memmem::find(header, b"private key"))?;
    let mut at = hit.end + at + b"PRIVATE KEY".len();
    let to = (at + BODY).min(text.len());
    let mut run = 0;
    while at < to {
        let byte = text[at];
        *pass.work() += 1;
        if byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'=') {
            run += 1;
            if run >= ENOUGH {
                return Some(at + 1);
            }
        } else if byte == b'\\' {
            // The line break of a text inside of a text: its letter is none of the key.
            at += 1;
            run = 0;
        } else if byte == b'-'
            && get(text, at + 1) == b'-'
            && memmem::find(&text[at..to.min(at + 12)], b"END").is_some()
        {
            return None;
        } else {
            run = 0;
        }
        at += 1;
    }
    None
}
