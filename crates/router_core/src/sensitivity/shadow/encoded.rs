//! Texts in base64 (both alphabets) and in hexadecimal.
//!
//! A token is decoded only as far as it stays text, and its first dozen characters tell almost
//! always that it is none. A long token that is not text is something that nobody here can read.

use super::super::bytes::get;

/// Fewer characters hold no identifier.
const SHORTEST: usize = 12;
/// The characters that are tried first: nine bytes.
const TRIAL: usize = 12;
/// From this length on, an encoded thing that is not text counts as unread.
const LARGE: usize = 2048;
/// From this length on, something compressed counts as unread: it may well be a page of text.
const PACKED: usize = 40;
/// How far before the row of letters a token may begin.
const LEFT: usize = 24;
/// Lines of an encoded text are at least this long.
const LINE: usize = 60;

/// What was looked at.
pub(super) struct Found {
    pub(super) start: usize,
    /// What stands before need not be looked at again; `start` when nothing was decoded.
    pub(super) end: usize,
    /// Whether it is large and not text.
    pub(super) opaque: bool,
    /// How far the token was measured.
    pub(super) measured: usize,
}

/// Decodes what stands around the row of letters and digits at `at`, behind `least`, and appends
/// the text to `out`. Each row of a token is tried (an encoded text may follow a prefix), but a
/// token is measured only once: `measured` says how far that was done.
pub(super) fn decode(
    text: &[u8],
    at: usize,
    (least, measured): (usize, usize),
    out: &mut Vec<u8>,
    work: &mut u64,
) -> Found {
    let mut start = at;
    while start > least && at - start < LEFT && sextet(text[start - 1]).is_some() {
        start -= 1;
    }
    *work += (at - start + 2 * TRIAL) as u64;
    if is_hex_text(text, at) {
        let end = hexadecimal(text, at, out);
        *work += (end - at) as u64;
        return Found {
            start: at,
            end,
            opaque: false,
            measured,
        };
    }
    let begin = [start, at]
        .into_iter()
        .find(|begin| starts_as_text(text, *begin));
    let Some(begin) = begin else {
        let end = if at < measured {
            at
        } else {
            token_end(text, at, work)
        };
        return Found {
            start: at,
            end: at,
            opaque: end - at >= LARGE && is_varied(text, at)
                || end - at >= PACKED && (is_packed(text, start) || is_packed(text, at)),
            measured: end.max(measured),
        };
    };
    let before = out.len();
    let (end, all) = base64(text, begin, out);
    *work += 2 * (end - begin) as u64;
    let is_text = out.len() - before >= 7;
    if !is_text {
        out.truncate(before);
    }
    Found {
        start: begin,
        end,
        opaque: !all && end - begin >= LARGE,
        measured: end.max(measured),
    }
}

/// The end of the token, no further than what decides whether it is large.
fn token_end(text: &[u8], at: usize, work: &mut u64) -> usize {
    let mut end = at;
    loop {
        while sextet(get(text, end)).is_some() {
            end += 1;
        }
        match line_break(text, at, end) {
            Some(next) => end = next,
            None => break,
        }
    }
    *work += (end - at) as u64;
    end
}

/// Where the next line of an encoded text begins, when one ends at `end`.
fn line_break(text: &[u8], start: usize, end: usize) -> Option<usize> {
    let next = match (get(text, end), get(text, end + 1)) {
        (b'\n', _) => end + 1,
        (b'\r', b'\n') => end + 2,
        _ => return None,
    };
    let long = end - start >= LINE && (1..=LINE).all(|back| sextet(text[end - back]).is_some());
    let goes_on = (0..4).all(|skip| sextet(get(text, next + skip)).is_some());
    (long && goes_on).then_some(next)
}

#[inline]
fn sextet(byte: u8) -> Option<u8> {
    Some(match byte {
        b'A'..=b'Z' => byte - b'A',
        b'a'..=b'z' => byte - b'a' + 26,
        b'0'..=b'9' => byte - b'0' + 52,
        b'+' | b'-' => 62,
        b'/' | b'_' => 63,
        _ => return None,
    })
}

/// Whether the first characters at `start` decode to text, and are not plainly a word.
fn starts_as_text(text: &[u8], start: usize) -> bool {
    let Some(trial) = text.get(start..start + SHORTEST) else {
        return false;
    };
    if !is_varied(text, start) {
        return false;
    }
    let mut bytes = [0u8; TRIAL / 4 * 3];
    for (to, from) in bytes.chunks_exact_mut(3).zip(trial.chunks_exact(4)) {
        let Some(three) = four(from) else {
            return false;
        };
        to.copy_from_slice(&three);
    }
    is_text(&bytes) || is_wide(&bytes)
}

/// Whether a token begins as compressed things do: gzip, zip, zstd, xz, bzip2.
fn is_packed(text: &[u8], start: usize) -> bool {
    let rest = &text[start..];
    [&b"H4sI"[..], b"UEsDB", b"KLUv/", b"/Td6WFo", b"QlpoO"]
        .iter()
        .any(|it| rest.starts_with(it))
}

/// Whether bytes are text in units of two bytes, of which one is zero.
fn is_wide(bytes: &[u8]) -> bool {
    let mut pairs = bytes.chunks_exact(2);
    let little = pairs
        .clone()
        .all(|it| it[1] == 0 && is_printable(it[0]) || it == [0xff, 0xfe]);
    little || pairs.all(|it| it[0] == 0 && is_printable(it[1]) || it == [0xfe, 0xff])
}

/// Whether a token has letters of both cases, or a digit: encoded text has.
fn is_varied(text: &[u8], start: usize) -> bool {
    let head = &text[start..text.len().min(start + 24)];
    let capital = head.iter().any(u8::is_ascii_uppercase);
    let small = head.iter().any(u8::is_ascii_lowercase);
    capital && (small || head.iter().any(u8::is_ascii_digit))
}

fn four(from: &[u8]) -> Option<[u8; 3]> {
    let mut word = 0u32;
    for byte in from {
        word = word << 6 | u32::from(sextet(*byte)?);
    }
    let [_, first, second, third] = word.to_be_bytes();
    Some([first, second, third])
}

/// Whether bytes are text so far: UTF-8 (perhaps cut at the end) without control characters.
fn is_text(bytes: &[u8]) -> bool {
    let valid = match std::str::from_utf8(bytes) {
        Ok(_) => bytes.len(),
        Err(error) if error.error_len().is_none() => error.valid_up_to(),
        Err(_) => return false,
    };
    valid > 0 && bytes[..valid].iter().all(|byte| is_printable(*byte))
}

fn is_printable(byte: u8) -> bool {
    byte >= 0x20 && byte != 0x7f || matches!(byte, b'\n' | b'\r' | b'\t')
}

/// Decodes from `start` as long as the result is printable; answers the end of the token and
/// whether all of it was decoded.
fn base64(text: &[u8], start: usize, out: &mut Vec<u8>) -> (usize, bool) {
    let mut at = start;
    let (mut word, mut have) = (0u32, 0);
    let mut all = true;
    // In units of two bytes one byte of each is zero, and none of another text is.
    let head: Vec<u8> = text[start..]
        .chunks_exact(4)
        .take(2)
        .filter_map(four)
        .flatten()
        .collect();
    let wide = head.contains(&0);
    let fits = |byte: &u8| is_printable(*byte) || wide && *byte == 0;
    let seen = |byte: &u8| *byte != 0 && !(wide && *byte >= 0xfe);
    loop {
        match sextet(get(text, at)) {
            Some(value) if all => {
                word = word << 6 | u32::from(value);
                have += 1;
                if have == 4 {
                    let [_, first, second, third] = word.to_be_bytes();
                    let three = [first, second, third];
                    if three.iter().all(fits) {
                        out.extend(three.iter().copied().filter(seen));
                    } else {
                        all = false;
                    }
                    (word, have) = (0, 0);
                }
                at += 1;
            }
            Some(_) => at += 1,
            None => match line_break(text, start, at) {
                Some(next) => at = next,
                None => break,
            },
        }
    }
    if all && have >= 2 {
        let bytes = (word << (6 * (4 - have))).to_be_bytes();
        let rest = &bytes[1..have];
        if rest.iter().all(fits) {
            out.extend(rest.iter().copied().filter(seen));
        }
    }
    (at, all)
}

fn is_hex_text(text: &[u8], at: usize) -> bool {
    const TRIAL: usize = 18;
    let Some(head) = text.get(at..at + TRIAL) else {
        return false;
    };
    let mut bytes = [0u8; TRIAL / 2];
    for (to, pair) in bytes.iter_mut().zip(head.chunks_exact(2)) {
        let (Some(high), Some(low)) = (nibble(pair[0]), nibble(pair[1])) else {
            return false;
        };
        *to = high << 4 | low;
    }
    bytes.iter().all(|byte| (0x20..0x7f).contains(byte))
}

/// Decodes pairs of hexadecimal digits with one mark between them, `34 37 31 …`, appends the text to
/// `out` and answers where they end.
pub(super) fn pairs(text: &[u8], start: usize, out: &mut Vec<u8>, work: &mut u64) -> Option<usize> {
    /// Fewer digits are no number.
    const LEAST: usize = 9;
    let mark = get(text, start + 2);
    if !matches!(mark, b' ' | b':' | b'-' | b',') {
        return None;
    }
    let before = out.len();
    let mut at = start;
    let end = loop {
        let (Some(high), Some(low)) = (nibble(get(text, at)), nibble(get(text, at + 1))) else {
            break at.saturating_sub(1);
        };
        let byte = high << 4 | low;
        if !is_printable(byte) {
            break at.saturating_sub(1);
        }
        out.push(byte);
        if get(text, at + 2) != mark {
            break at + 2;
        }
        at += 3;
    };
    *work += (end.max(start) - start) as u64 + 3;
    if out.len() - before < LEAST {
        out.truncate(before);
        return None;
    }
    Some(end)
}

fn nibble(byte: u8) -> Option<u8> {
    (byte as char).to_digit(16).map(|it| it as u8)
}

fn hexadecimal(text: &[u8], start: usize, out: &mut Vec<u8>) -> usize {
    let mut at = start;
    while let (Some(high), Some(low)) = (nibble(get(text, at)), nibble(get(text, at + 1))) {
        let byte = high << 4 | low;
        if !is_printable(byte) {
            break;
        }
        out.push(byte);
        at += 2;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(text: &str) -> Option<(String, usize, usize)> {
        let mut out = Vec::new();
        let at = text
            .find(|it: char| it.is_ascii_alphanumeric())
            .unwrap_or(0);
        let found = decode(text.as_bytes(), at, (0, 0), &mut out, &mut 0);
        let text = String::from_utf8_lossy(&out).into_owned();
        (!text.is_empty()).then_some((text, found.start, found.end))
    }

    #[test]
    fn both_encodings_are_read() {
        let found = Some(("4111 1111 1111 1111".to_owned(), 1, 27));
        assert_eq!(decoded("\"NDExMSAxMTExIDExMTEgMTExMQ==\""), found);
        assert_eq!(
            decoded("34313131203131313120313131312031313131"),
            Some(("4111 1111 1111 1111".to_owned(), 0, 38))
        );
    }

    #[test]
    fn lines_are_joined() {
        let text = "ab 4111 1111 cd ".repeat(12);
        let mut line = String::new();
        let alphabet: Vec<char> = ('A'..='Z')
            .chain('a'..='z')
            .chain('0'..='9')
            .chain(['+', '/'])
            .collect();
        for (count, three) in text.as_bytes().chunks(3).enumerate() {
            if count > 0 && count % 19 == 0 {
                line.push('\n');
            }
            let word = u32::from(three[0]) << 16 | u32::from(three[1]) << 8 | u32::from(three[2]);
            for shift in [18, 12, 6, 0] {
                line.push(alphabet[(word >> shift & 63) as usize]);
            }
        }
        assert_eq!(decoded(&line), Some((text, 0, line.len())));
    }

    #[test]
    fn words_and_digests_are_no_text() {
        for text in [
            "internationalization",
            "ConfigurationManagerFactory",
            "da39a3ee5e6b4b0d3255bfef95601890afd80709",
            "SomethingInCamelCaseThatIsLong",
        ] {
            assert_eq!(decoded(text), None, "{text}");
        }
    }

    #[test]
    fn large_things_that_are_no_text_are_told() {
        let mut out = Vec::new();
        let text = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB".repeat(100);
        let found = decode(text.as_bytes(), 0, (0, 0), &mut out, &mut 0);
        assert!(found.opaque);
    }
}
