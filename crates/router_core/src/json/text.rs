//! String literals: finding where plain text stops, decoding escapes, writing text as a literal.

use std::borrow::Cow;

use super::{Fault, Text, What};
use crate::json::blocks::{block, mask_of, BLOCK};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

/// The offset of the first quote, backslash or control character at or after `at`; the length of
/// `bytes` when there is none. Eight bytes a step, then thirty-two once the text proves long: the
/// wide step has no position to find and compiles to vector compares.
#[inline]
pub(super) fn plain_run(bytes: &[u8], mut at: usize) -> usize {
    for _ in 0..4 {
        let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) else {
            return plain_tail(bytes, at);
        };
        let hits = specials(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    plain_long(bytes, at)
}

/// Where the string literal ends that `at` lies in (the offset of its quote), and whether there are
/// escapes between. For long ones: what stands between two escapes costs no branch.
pub(super) fn string_end(bytes: &[u8], mut at: usize) -> Result<(usize, bool), Fault> {
    let mut escaped = false;
    'block: while let Some(here) = block(bytes, at) {
        let mut hits = mask_of(here, |byte| {
            (byte == b'"') | (byte == b'\\') | (byte < 0x20)
        });
        while hits != 0 {
            let hit = hits.trailing_zeros() as usize;
            match here[hit] {
                b'"' => return Ok((at + hit, escaped)),
                b'\\' => {
                    escaped = true;
                    let behind = escape_end(bytes, at + hit)? - at;
                    if behind >= BLOCK {
                        at += behind;
                        continue 'block;
                    }
                    hits &= u64::MAX << behind;
                }
                _ => {
                    return Err(Fault {
                        what: What::Control,
                        at: at + hit,
                    })
                }
            }
        }
        at += BLOCK;
    }
    loop {
        at = plain_tail(bytes, at);
        match bytes.get(at) {
            Some(b'"') => return Ok((at, escaped)),
            Some(b'\\') => {
                escaped = true;
                at = escape_end(bytes, at)?;
            }
            Some(_) => {
                return Err(Fault {
                    what: What::Control,
                    at,
                })
            }
            None => {
                return Err(Fault {
                    what: What::End,
                    at,
                })
            }
        }
    }
}

fn plain_long(bytes: &[u8], mut at: usize) -> usize {
    while let Some(block) = bytes.get(at..).and_then(<[u8]>::first_chunk::<32>) {
        let mut special = 0u8;
        for &byte in block {
            special |= u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < 0x20);
        }
        if special != 0 {
            break;
        }
        at += 32;
    }
    while let Some(word) = bytes.get(at..).and_then(<[u8]>::first_chunk::<8>) {
        let hits = specials(u64::from_le_bytes(*word));
        if hits != 0 {
            return at + (hits.trailing_zeros() / 8) as usize;
        }
        at += 8;
    }
    plain_tail(bytes, at)
}

#[inline]
fn plain_tail(bytes: &[u8], mut at: usize) -> usize {
    while let Some(&byte) = bytes.get(at) {
        if byte == b'"' || byte == b'\\' || byte < 0x20 {
            return at;
        }
        at += 1;
    }
    at
}

/// The high bit of each byte that is a quote, a backslash or a control character. A borrow may
/// also mark bytes above a true hit, so only the lowest mark is to be trusted; it is the answer.
#[inline]
fn specials(word: u64) -> u64 {
    let zero = |x: u64| x.wrapping_sub(ONES) & !x & HIGHS;
    zero(word ^ (ONES * u64::from(b'"')))
        | zero(word ^ (ONES * u64::from(b'\\')))
        | (word.wrapping_sub(ONES * 0x20) & !word & HIGHS)
}

/// What the letter of a two-byte escape means; zero for every other byte.
const MEANING: [u8; 256] = {
    let mut meaning = [0; 256];
    let pairs: [(u8, u8); 8] = [
        (b'"', b'"'),
        (b'\\', b'\\'),
        (b'/', b'/'),
        (b'b', 0x08),
        (b'f', 0x0c),
        (b'n', b'\n'),
        (b'r', b'\r'),
        (b't', b'\t'),
    ];
    let mut at = 0;
    while at < pairs.len() {
        meaning[pairs[at].0 as usize] = pairs[at].1;
        at += 1;
    }
    meaning
};

/// The offset after the escape whose backslash is at `at`.
#[inline(always)]
pub(super) fn escape_end(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match bytes.get(at + 1) {
        Some(letter) if MEANING[usize::from(*letter)] != 0 => Ok(at + 2),
        letter => other_escape_end(bytes, at, letter.copied()),
    }
}

fn other_escape_end(bytes: &[u8], at: usize, letter: Option<u8>) -> Result<usize, Fault> {
    let end = Fault {
        what: What::End,
        at: bytes.len(),
    };
    let wrong = Fault {
        what: What::Escape,
        at,
    };
    match letter {
        Some(b'u') => match bytes.get(at + 2..at + 6) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(at + 6),
            Some(_) => Err(wrong),
            None => Err(end),
        },
        Some(_) => Err(wrong),
        None => Err(end),
    }
}

impl Text {
    /// The text that the literal means. Lone surrogates and bytes that are not UTF-8 become
    /// U+FFFD: callers compare and show this text, they never forward it.
    pub(crate) fn decode<'a>(self, bytes: &'a [u8]) -> Cow<'a, str> {
        let raw = self.span.of(bytes);
        if self.escaped {
            let mut out = Vec::new();
            unescape(raw, &mut out);
            Cow::Owned(match String::from_utf8(out) {
                Ok(text) => text,
                Err(error) => String::from_utf8_lossy(error.as_bytes()).into_owned(),
            })
        } else {
            String::from_utf8_lossy(raw)
        }
    }

    /// Appends what the literal of a body that is UTF-8 means. Lone surrogates become U+FFFD.
    pub(crate) fn decode_onto(self, bytes: &[u8], out: &mut Vec<u8>) {
        let raw = self.span.of(bytes);
        if self.escaped {
            unescape(raw, out);
        } else {
            out.extend_from_slice(raw);
        }
    }

    /// Whether the literal means exactly `text`.
    #[inline]
    pub(crate) fn is(self, bytes: &[u8], text: &str) -> bool {
        if self.escaped {
            self.decode(bytes) == text
        } else {
            self.span.of(bytes) == text.as_bytes()
        }
    }
}

/// Appends what the inside of a literal means that the scanner has accepted.
///
/// Runs between escapes are short in code and prose, and a call or a branch on their length for
/// each would cost more than they do. So whole blocks are copied, into memory that is ready for
/// them, and what was copied too much is written over.
fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    let mut to = out.len();
    // No escape means more bytes than it has.
    out.resize(to + raw.len() + BLOCK, 0);
    let mut at = 0;
    while let Some(here) = block(raw, at) {
        let mut hits = mask_of(here, |byte| byte == b'\\');
        let from = at;
        while hits != 0 {
            let hit = from + hits.trailing_zeros() as usize;
            copy_block(raw, at, out, to);
            to += hit - at;
            at = escape(raw, hit, out, &mut to);
            match at - from {
                behind @ ..BLOCK => hits &= u64::MAX << behind,
                _ => break,
            }
        }
        if at < from + BLOCK {
            copy_block(raw, at, out, to);
            to += from + BLOCK - at;
            at = from + BLOCK;
        }
    }
    while let Some(&byte) = raw.get(at) {
        if byte == b'\\' {
            at = escape(raw, at, out, &mut to);
        } else {
            out[to] = byte;
            (at, to) = (at + 1, to + 1);
        }
    }
    out.truncate(to);
}

/// Copies the block at `at`, or what is left of `raw`, to `out[to..]`.
#[inline(always)]
fn copy_block(raw: &[u8], at: usize, out: &mut [u8], to: usize) {
    match (block(raw, at), out.get_mut(to..to + BLOCK)) {
        (Some(here), Some(there)) => there.copy_from_slice(here),
        (None, Some(there)) => {
            let rest = &raw[at..];
            there[..rest.len()].copy_from_slice(rest);
        }
        (_, None) => {}
    }
}

/// Writes what the escape at `at` means to `out[to..]`, moves `to`, and answers where it ends.
#[inline(always)]
fn escape(raw: &[u8], at: usize, out: &mut [u8], to: &mut usize) -> usize {
    let letter = raw.get(at + 1).copied().unwrap_or(b'\\');
    if letter == b'u' {
        return unicode_escape(raw, at, out, to);
    }
    out[*to] = MEANING[usize::from(letter)];
    *to += 1;
    at + 2
}

fn unicode_escape(raw: &[u8], at: usize, out: &mut [u8], to: &mut usize) -> usize {
    let mut code = hex4(raw, at + 2);
    let mut end = at + 6;
    if (0xd800..0xdc00).contains(&code) && raw.get(end..).is_some_and(|it| it.starts_with(b"\\u")) {
        let low = hex4(raw, end + 2);
        if (0xdc00..0xe000).contains(&low) {
            code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
            end += 6;
        }
    }
    let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
    *to += character.encode_utf8(&mut out[*to..]).len();
    end
}

fn hex4(raw: &[u8], at: usize) -> u32 {
    raw.get(at..at + 4)
        .and_then(|digits| std::str::from_utf8(digits).ok())
        .and_then(|digits| u32::from_str_radix(digits, 16).ok())
        .unwrap_or(0xfffd)
}

/// Appends `text` as a string literal.
pub(crate) fn write_string(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut at = 0;
    loop {
        let stop = plain_run(bytes, at);
        out.extend_from_slice(&bytes[at..stop]);
        let Some(&byte) = bytes.get(stop) else { break };
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
            }
        }
        at = stop + 1;
    }
    out.push(b'"');
}
