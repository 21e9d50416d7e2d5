//! API keys and access tokens.
//!
//! Most issuers begin their keys with letters of their own, and all of them are long rows of random
//! characters: the cue is a row of twelve letters and digits, and the prefix is looked for at the
//! beginning of the token around it. Keys without a prefix are found beside a name for a key, if
//! they look random. Examples from manuals and masked keys are not keys.

use crate::sensitivity::bytes::{after_escape, before, get, is_mixed, is_word};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;
use crate::sensitivity::words::{Hit, Literal};
use crate::sensitivity::JOINT;

/// A name for a key: a value follows.
const NAME: u8 = 0;
/// `Bearer`: a token follows.
const BEARER: u8 = 1;
/// A piece of a key whose other parts may hold no long row.
const PIECE: u8 = 2;

/// Names and pieces.
pub(in crate::sensitivity) const WORDS: &[Literal] = &[
    Literal::word("api key", NAME),
    Literal::word("apikey", NAME),
    Literal::word("api secret", NAME),
    Literal::word("api token", NAME),
    Literal::word("access key", NAME),
    Literal::word("access token", NAME),
    Literal::word("accesstoken", NAME),
    Literal::word("auth token", NAME),
    Literal::word("authtoken", NAME),
    Literal::word("client secret", NAME),
    Literal::word("clientsecret", NAME),
    Literal::word("refresh token", NAME),
    Literal::word("secret access key", NAME),
    Literal::word("secret key", NAME),
    Literal::word("secretkey", NAME),
    Literal::word("bearer", BEARER),
    Literal::prefix("AIza", PIECE),
    Literal::prefix("eyJ", PIECE),
    Literal::prefix("api03-", PIECE),
    Literal::prefix("glpat-", PIECE),
    Literal::prefix("proj-", PIECE),
    Literal::prefix("svcacct-", PIECE),
];

/// What the rest of a key is made of.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rest {
    Alnum,
    Hex,
    /// Capitals and the digits 2 to 7.
    Base32,
    /// Letters, digits, `-` and `_`.
    Url,
    /// The same and dots.
    Dotted,
}

/// Prefixes of issuers, what follows, and how much of it at least and at most.
const FAMILIES: &[(&str, Rest, usize, usize)] = &[
    ("ABIA", Rest::Base32, 16, 16),
    ("ACCA", Rest::Base32, 16, 16),
    ("AIza", Rest::Url, 35, 35),
    ("AKIA", Rest::Base32, 16, 16),
    ("ASIA", Rest::Base32, 16, 16),
    ("ATATT3", Rest::Url, 100, 300),
    ("GOCSPX-", Rest::Url, 28, 28),
    ("NRAK-", Rest::Alnum, 27, 27),
    ("PMAK-", Rest::Url, 40, 80),
    ("SG.", Rest::Dotted, 60, 70),
    ("SK", Rest::Hex, 32, 32),
    ("dapi", Rest::Hex, 32, 34),
    ("dckr_pat_", Rest::Url, 27, 40),
    ("dop_v1_", Rest::Hex, 64, 64),
    ("figd_", Rest::Url, 40, 60),
    ("gho_", Rest::Alnum, 36, 255),
    ("ghp_", Rest::Alnum, 36, 255),
    ("ghr_", Rest::Alnum, 36, 255),
    ("ghs_", Rest::Alnum, 36, 255),
    ("ghu_", Rest::Alnum, 36, 255),
    ("github_pat_", Rest::Url, 40, 255),
    ("glpat-", Rest::Url, 20, 64),
    ("gsk_", Rest::Alnum, 48, 60),
    ("hf_", Rest::Alnum, 30, 40),
    ("hvs.", Rest::Url, 24, 200),
    ("lin_api_", Rest::Alnum, 40, 40),
    ("npm_", Rest::Alnum, 36, 36),
    ("nvapi-", Rest::Url, 60, 80),
    ("pplx-", Rest::Alnum, 48, 60),
    ("pypi-", Rest::Url, 60, 255),
    ("r8_", Rest::Alnum, 37, 40),
    ("rk_live_", Rest::Alnum, 16, 255),
    ("rk_prod_", Rest::Alnum, 16, 255),
    ("rk_test_", Rest::Alnum, 16, 255),
    ("rubygems_", Rest::Hex, 48, 48),
    ("shpat_", Rest::Hex, 32, 32),
    ("shpss_", Rest::Hex, 32, 32),
    ("sk-admin-", Rest::Url, 32, 255),
    ("sk-ant-", Rest::Url, 32, 255),
    ("sk-or-v1-", Rest::Hex, 48, 80),
    ("sk-proj-", Rest::Url, 32, 255),
    ("sk-svcacct-", Rest::Url, 32, 255),
    ("sk-", Rest::Alnum, 32, 64),
    ("sk_live_", Rest::Alnum, 16, 255),
    ("sk_prod_", Rest::Alnum, 16, 255),
    ("sk_test_", Rest::Alnum, 16, 255),
    ("whsec_", Rest::Url, 24, 64),
    ("xai-", Rest::Alnum, 60, 90),
    ("xapp-", Rest::Url, 20, 255),
    ("xoxa-", Rest::Url, 20, 255),
    ("xoxb-", Rest::Url, 20, 255),
    ("xoxe-", Rest::Url, 20, 255),
    ("xoxp-", Rest::Url, 20, 255),
    ("xoxr-", Rest::Url, 20, 255),
    ("xoxs-", Rest::Url, 20, 255),
    ("ya29.", Rest::Url, 40, 255),
];

/// The longest prefix, and what may stand before a long row inside a key.
const LEFT: usize = 72;

/// Words in masked keys and examples of manuals.
const PLACEHOLDERS: &[&[u8]] = &[
    b"example",
    b"placeholder",
    b"redacted",
    b"xxxx",
    b"your",
    b"dummy",
    b"sample",
    b"changeme",
    b"1234567890abcdef",
    b"abcdefghij",
    b"0123456789",
];

/// Looks at a literal.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, hit: &Hit) {
    match hit.tag {
        NAME => named(pass, hit, true),
        BEARER => named(pass, hit, false),
        _ => find_token(pass, hit.start),
    }
}

/// Looks at the token around a long row of letters and digits that begins at `at`.
pub(in crate::sensitivity) fn find_token(pass: &mut Pass<'_, '_>, at: usize) {
    let text = pass.text;
    if at < pass.token_end || !is_mixed(text, at) {
        return;
    }
    let mut from = at;
    while from > 0 && at - from < LEFT && is_inside(text[from - 1]) {
        from -= 1;
    }
    *pass.work() += (at - from) as u64 + 16;
    if jwt(pass, at) {
        return;
    }
    for place in from..=at {
        let begins =
            place == from || !text[place - 1].is_ascii_alphanumeric() || after_escape(text, place);
        if !begins {
            continue;
        }
        if let Some(end) = family(pass, place) {
            pass.token_end = end;
            pass.report(Entity::ApiKey, place, end);
            return;
        }
    }
}

fn is_inside(byte: u8) -> bool {
    is_word(byte) || matches!(byte, b'-' | b'.')
}

/// The end of the key of a known issuer that begins at `at`.
fn family(pass: &mut Pass<'_, '_>, at: usize) -> Option<usize> {
    let text = &pass.text[at..];
    let first = text.first()?;
    for (prefix, rest, least, most) in FAMILIES {
        let prefix = prefix.as_bytes();
        if prefix[0] != *first || !text.starts_with(prefix) {
            continue;
        }
        let mut end = prefix.len();
        while end - prefix.len() <= *most && rest.takes(get(text, end)) {
            end += 1;
        }
        *pass.work() += end as u64;
        let length = end - prefix.len();
        if length > *most {
            // No key is that long, and none begins inside: the row need not be read again.
            pass.token_end = at + end;
            return None;
        }
        // Hyphens and dots behind a key belong to the sentence.
        let fits = (*least..=*most).contains(&length) && !get(text, end).is_ascii_alphanumeric();
        if fits && is_random(&text[prefix.len()..end]) {
            return Some(at + end);
        }
    }
    None
}

impl Rest {
    fn takes(self, byte: u8) -> bool {
        match self {
            Self::Alnum => byte.is_ascii_alphanumeric(),
            Self::Hex => byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte),
            Self::Base32 => byte.is_ascii_uppercase() || byte.is_ascii_digit(),
            Self::Url => is_word(byte) || byte == b'-',
            Self::Dotted => is_word(byte) || matches!(byte, b'-' | b'.'),
        }
    }
}

/// Three rows of base64 with dots, of which the first two are JSON objects.
fn jwt(pass: &mut Pass<'_, '_>, at: usize) -> bool {
    const LONGEST: usize = 4096;
    let text = pass.text;
    if !text[at..].starts_with(b"eyJ") {
        return false;
    }
    let part = |from: usize| {
        let mut end = from;
        while end - from < LONGEST && Rest::Url.takes(get(text, end)) {
            end += 1;
        }
        end
    };
    let first = part(at);
    let dot = get(text, first) == b'.' && text[first + 1..].starts_with(b"eyJ");
    *pass.work() += (first - at) as u64;
    pass.token_end = first;
    if !dot {
        return false;
    }
    let second = part(first + 1);
    let third = part(second + 1);
    *pass.work() += (third - first) as u64;
    pass.token_end = third;
    let long = second - first > 10 && third.saturating_sub(second) > 10;
    if get(text, second) != b'.' || !long || !is_random(&text[second + 1..third]) {
        return false;
    }
    pass.report(Entity::ApiKey, at, third);
    true
}

/// Looks for a value behind a name for a key.
fn named(pass: &mut Pass<'_, '_>, hit: &Hit, assigned: bool) {
    const WIDEST: usize = 8;
    let text = pass.text;
    let mut at = hit.end;
    let mut sign = !assigned;
    while at - hit.end < WIDEST {
        match get(text, at) {
            b':' | b'=' | JOINT => sign = true,
            b' ' | b'"' | b'\'' | b'\\' | b'>' | b'`' => {}
            b'i' if text[at..].starts_with(b"is ") => {
                sign = true;
                at += 2;
            }
            _ => break,
        }
        at += 1;
    }
    *pass.work() += WIDEST as u64;
    if !sign || at == hit.end || at < pass.token_end {
        return;
    }
    let takes = |byte: u8| is_word(byte) || matches!(byte, b'-' | b'+' | b'/' | b'=' | b'~' | b'.');
    let mut end = at;
    while end - at < 256 && takes(get(text, end)) {
        end += 1;
    }
    while end > at && matches!(text[end - 1], b'.' | b'-' | b'/') {
        end -= 1;
    }
    *pass.work() += (end - at) as u64;
    let value = &text[at..end];
    let digits = value.iter().filter(|it| it.is_ascii_digit()).count();
    let letters = value.iter().filter(|it| it.is_ascii_alphabetic()).count();
    // A path, a call or an expression follows many names.
    let code = matches!(get(text, end), b'(' | b'[' | b'{' | b'<') || before(text, at, 1) == b'/';
    if value.len() >= 20
        && digits >= 3
        && letters >= 6
        && !code
        && !value.contains(&b'.')
        && is_random(value)
        && distinct(value) >= 12
    {
        pass.token_end = end;
        pass.report(Entity::ApiKey, at, end);
    }
}

/// How many different bytes there are.
fn distinct(value: &[u8]) -> u32 {
    let mut seen = 0u128;
    for byte in value {
        seen |= 1 << (byte & 127);
    }
    seen.count_ones()
}

/// Whether a value could be random: many different characters, no word of a placeholder.
fn is_random(value: &[u8]) -> bool {
    let value = &value[..value.len().min(256)];
    let mut small = [0u8; 256];
    for (to, from) in small.iter_mut().zip(value) {
        *to = from.to_ascii_lowercase();
    }
    let small = &small[..value.len()];
    distinct(value) >= 8
        && !PLACEHOLDERS
            .iter()
            .any(|it| memchr::memmem::find(small, it).is_some())
}
