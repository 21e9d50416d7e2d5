//! String literals: finding where plain text stops, decoding escapes, writing text as a literal.

use std::borrow::Cow;

use super::{Fault, Text, What};

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

/// The offset after the escape whose backslash is at `at`.
#[inline]
pub(super) fn escape_end(bytes: &[u8], at: usize) -> Result<usize, Fault> {
    match bytes.get(at + 1) {
        Some(b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => Ok(at + 2),
        Some(b'u') => match bytes.get(at + 2..at + 6) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => Ok(at + 6),
            Some(_) => Err(Fault {
                what: What::Escape,
                at,
            }),
            None => Err(Fault {
                what: What::End,
                at: bytes.len(),
            }),
        },
        Some(_) => Err(Fault {
            what: What::Escape,
            at,
        }),
        None => Err(Fault {
            what: What::End,
            at: bytes.len(),
        }),
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

    /// The bytes that the literal of a body that is UTF-8 means: the body's own where nothing is
    /// escaped, else `scratch`, whose former content is gone. Lone surrogates become U+FFFD.
    pub(crate) fn decode_into<'a>(self, bytes: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
        let raw = self.span.of(bytes);
        if !self.escaped {
            return raw;
        }
        scratch.clear();
        unescape(raw, scratch);
        scratch
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

/// Appends what the inside of a literal means that the scanner has accepted. Runs between escapes
/// are short in code and prose, so they are found as the parser finds them, without a call.
fn unescape(raw: &[u8], out: &mut Vec<u8>) {
    out.reserve(raw.len());
    let mut at = 0;
    while at < raw.len() {
        let plain = plain_run(raw, at);
        out.extend_from_slice(&raw[at..plain]);
        at = plain;
        if raw.get(at).is_some_and(|&byte| byte != b'\\') {
            out.push(raw[at]);
            at += 1;
            continue;
        }
        let Some(&kind) = raw.get(at + 1) else { break };
        at += 2;
        let byte = match kind {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'u' => {
                let mut code = hex4(raw, at);
                at += 4;
                if (0xd800..0xdc00).contains(&code) && raw[at.min(raw.len())..].starts_with(b"\\u")
                {
                    let low = hex4(raw, at + 2);
                    if (0xdc00..0xe000).contains(&low) {
                        code = 0x1_0000 + ((code - 0xd800) << 10) + (low - 0xdc00);
                        at += 6;
                    }
                }
                let character = char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER);
                out.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                continue;
            }
            other => other,
        };
        out.push(byte);
    }
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
