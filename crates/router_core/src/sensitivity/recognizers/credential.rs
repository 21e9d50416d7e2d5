//! Passwords: in assignments, settings, sentences and addresses, and addresses that are secrets
//! themselves.
//!
//! Source code is full of the word and holds almost never a password: types, calls, variables,
//! placeholders and messages follow it. So a value counts only where a sign of assignment stands before it
//! and it could have been chosen as a password: letters with digits or marks, no name of a variable, no
//! placeholder of a manual. A password of letters alone is not told from a word and not found.

use crate::sensitivity::bytes::{before, digits_end, get, is_word};
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;
use crate::sensitivity::words::{Hit, Literal};
use crate::sensitivity::JOINT;

/// A name for a password: a value follows.
const NAME: u8 = 0;
/// The same in programs only: a sentence may go on with anything.
const SETTING: u8 = 1;
/// The name of a key in a setting: a long row of base64 follows.
const KEY: u8 = 2;
/// The host of addresses that are secrets.
const HOOK: u8 = 3;
const HOOKS: u8 = 4;

/// Names and hosts.
pub(in crate::sensitivity) const WORDS: &[Literal] = &[
    Literal::word("password", NAME),
    Literal::word("passwd", NAME),
    Literal::word("passphrase", NAME),
    Literal::word("passcode", NAME),
    Literal::word("passwort", NAME),
    Literal::word("kennwort", NAME),
    Literal::word("wachtwoord", NAME),
    Literal::word("senha", NAME),
    Literal::word("mot de passe", NAME),
    Literal::word("pwd", SETTING),
    Literal::word("pass", SETTING),
    Literal::word("dbpassword", SETTING),
    Literal::word("dbpass", SETTING),
    Literal::word("dbpasswd", SETTING),
    Literal::word("userpassword", SETTING),
    Literal::word("userpass", SETTING),
    Literal::word("pgpassword", SETTING),
    Literal::word("requirepass", SETTING),
    Literal::word("storepass", SETTING),
    Literal::word("keypass", SETTING),
    Literal::word("accountkey", KEY),
    Literal::word("account key", KEY),
    Literal::word("storage key", KEY),
    Literal::word("sharedaccesskey", KEY),
    Literal::word("sharedaccesssignature", KEY),
    Literal::word("hooks", HOOK),
    Literal::word("webhooks", HOOKS),
];

/// The longest password, bytes.
const LONGEST: usize = 96;
/// The shortest that is found.
const SHORTEST: usize = 6;

/// What manuals write where a password goes; a value that holds one of these is none.
const PLACEHOLDERS: &[&[u8]] = &[
    b"example",
    b"placeholder",
    b"changeme",
    b"change_me",
    b"change-me",
    b"redacted",
    b"xxxx",
    b"your",
    b"dummy",
    b"****",
    b"....",
    b"foobar",
    b"${",
    b"{{",
    b"$(",
    b"%(",
    b"#{",
];

/// Looks at a literal.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, hit: &Hit) {
    match hit.tag {
        HOOK => slack(pass, hit),
        HOOKS => discord(pass, hit),
        KEY => key(pass, hit),
        tag => named(pass, hit, tag == NAME),
    }
}

/// How a value is announced.
struct Sign {
    /// Where the value begins, with its quotation mark.
    at: usize,
    /// By a word of a sentence.
    spoken: bool,
    /// By `=` with a space before it, as programs are written.
    code: bool,
}

/// The sign of assignment behind the name that ends at `end`.
fn sign(text: &[u8], end: usize, speaks: bool) -> Option<Sign> {
    const WIDEST: usize = 12;
    let mut at = end;
    let mut sign = 0;
    let mut spaced = false;
    while at - end < WIDEST {
        match get(text, at) {
            byte @ (b':' | b'=' | JOINT) => {
                spaced |= byte == b'=' && sign == 0 && before(text, at, 1) == b' ';
                // A comparison is none.
                if byte == b'=' && (sign == b'=' || before(text, at, 1) == b'!') {
                    return None;
                }
                sign = byte;
            }
            b'>' if sign == b'=' => {}
            b' ' | b'\t' | b']' => {}
            b'"' | b'\'' | b'`' | b'\\' if sign == 0 => {}
            b'*' | b'!' if sign == 0 => {}
            b'>' if sign == 0 && speaks => {}
            _ => break,
        }
        at += 1;
    }
    if sign != 0 {
        return Some(Sign {
            at,
            spoken: false,
            code: spaced,
        });
    }
    speaks.then(|| spoken(text, end)).flatten()
}

/// ` is X`, ` for the server is X`.
fn spoken(text: &[u8], end: usize) -> Option<Sign> {
    const FAR: usize = 48;
    let mut at = end;
    while at - end < FAR {
        match get(text, at) {
            b' ' => {
                for verb in [&b"is "[..], b"is: ", b"was ", b"ist ", b"est ", b"to "] {
                    if text[at + 1..].starts_with(verb) {
                        return Some(Sign {
                            at: at + 1 + verb.len(),
                            spoken: true,
                            code: false,
                        });
                    }
                }
            }
            byte if is_word(byte) || matches!(byte, b'-' | b'/') => {}
            _ => return None,
        }
        at += 1;
    }
    None
}

/// Looks for a password behind a name for one.
fn named(pass: &mut Pass<'_, '_>, hit: &Hit, speaks: bool) {
    let text = pass.text;
    *pass.work() += 48;
    let Some(sign) = sign(text, hit.end, speaks) else {
        return;
    };
    let quote = get(text, sign.at);
    let quoted = matches!(quote, b'"' | b'\'' | b'`');
    let start = sign.at + usize::from(quoted);
    let mut end = start;
    let closed = |byte: u8| {
        if quoted {
            byte == quote || matches!(byte, b'\n' | b'\r' | 0)
        } else {
            byte.is_ascii_whitespace()
                || matches!(
                    byte,
                    0 | JOINT
                        | b'"'
                        | b'\''
                        | b'`'
                        | b';'
                        | b','
                        | b'<'
                        | b'|'
                        | b')'
                        | b'}'
                        | b']'
                )
        }
    };
    while end - start <= LONGEST && !closed(get(text, end)) {
        end += 1;
    }
    *pass.work() += (end - start) as u64;
    if !quoted {
        // What ends a sentence.
        while end > start && matches!(text[end - 1], b'.' | b':' | b'?' | b'\\') {
            end -= 1;
        }
        if sign.spoken && get(text, end) == b',' {
            // `it is a1, b2 or c3` names no password.
            return;
        }
    }
    let value = &text[start..end];
    let fits = if quoted {
        get(text, end) == quote && !value.contains(&b' ') && is_secret(value)
    } else {
        is_secret(value) && !is_expression(value, get(text, end), sign.code)
    };
    if fits {
        pass.report(Entity::Credential, start, end);
    }
}

/// Whether a value that stands where a password goes could be one.
pub(in crate::sensitivity) fn is_secret(value: &[u8]) -> bool {
    if !(SHORTEST..=LONGEST).contains(&value.len())
        || matches!(value[0], b'<' | b'[' | b'{' | b'(' | b'&')
    {
        return false;
    }
    // A variable of a shell.
    if value[0] == b'$'
        && (value[1].is_ascii_alphabetic() || matches!(value[1], b'{' | b'(' | b'_'))
    {
        return false;
    }
    let digits = value.iter().filter(|it| it.is_ascii_digit()).count();
    let letters = value
        .iter()
        .filter(|it| it.is_ascii_alphabetic() || !it.is_ascii())
        .count();
    let marks = value
        .iter()
        .filter(|it| {
            matches!(
                **it,
                b'!' | b'@' | b'#' | b'$' | b'%' | b'^' | b'&' | b'*' | b'?' | b'+' | b'~'
            )
        })
        .count();
    if letters < 2 || digits + marks == 0 {
        return false;
    }
    let mut small = [0u8; LONGEST];
    for (to, from) in small.iter_mut().zip(value) {
        *to = from.to_ascii_lowercase();
    }
    let small = &small[..value.len()];
    // `%s`, `test1`, the name of a kind of hash.
    let format = marks == 1
        && digits == 0
        && (value.contains(&b'%') || matches!(small[small.len() - 1], b'!' | b'?' | b'*'));
    let types: [&[u8]; 7] = [b"test", b"sha", b"uint", b"int", b"float", b"base", b"utf"];
    let manual = small.strip_prefix(b"password".as_slice());
    let numbered = |it: &&[u8]| {
        small
            .strip_prefix(*it)
            .is_some_and(|rest| rest.first().is_some_and(u8::is_ascii_digit))
    };
    let named = value.len() < 11 && types.iter().any(numbered)
        || manual.is_some_and(|it| it.len() < 4 && it.iter().all(u8::is_ascii_digit));
    !format
        && !named
        && !PLACEHOLDERS
            .iter()
            .any(|it| memchr::memmem::find(small, it).is_some())
}

/// Whether a cell of a column of passwords could be one.
pub(in crate::sensitivity) fn is_cell(value: &[u8]) -> bool {
    !value.contains(&b' ') && is_secret(value) && !is_expression(value, 0, false)
}

/// Whether a value without quotation marks is a piece of a program: a call, a path of names, a number, a
/// variable.
fn is_expression(value: &[u8], next: u8, code: bool) -> bool {
    let open = value
        .iter()
        .any(|it| matches!(it, b'(' | b'[' | b'{' | b'\\' | b'='))
        || value
            .windows(2)
            .any(|it| matches!(it, b"->" | b"::" | b"&&" | b"||"));
    if open || matches!(next, b'(' | b'[') {
        return true;
    }
    let name = |it: &[u8]| {
        it.first()
            .is_some_and(|first| first.is_ascii_alphabetic() || *first == b'_')
            && it.iter().all(|byte| is_word(*byte))
    };
    if value.contains(&b'.') && value.split(|it| *it == b'.').all(name) {
        return true;
    }
    // Assigned as in a program, a name is a variable; `--password=x1y2` and `password: x1y2` are not.
    let whole = name(value);
    let mixed =
        value.iter().any(u8::is_ascii_uppercase) && value.iter().any(u8::is_ascii_lowercase);
    let digits = value.iter().filter(|it| it.is_ascii_digit()).count();
    whole
        && (code && !(mixed && digits >= 2)
            || value.contains(&b'_') && !mixed
            || !value.iter().any(u8::is_ascii_digit))
        || value.iter().all(|it| is_word(*it) || *it == b'-') && digits == 0
        || matches!(value[0], b'/' | b'*' | b'-' | b'!')
        || value.starts_with(b"./")
}

/// A long row of base64 behind the name of a key.
fn key(pass: &mut Pass<'_, '_>, hit: &Hit) {
    const SHORTEST: usize = 40;
    const LONGEST: usize = 512;
    let text = pass.text;
    *pass.work() += 12;
    let Some(sign) = sign(text, hit.end, false) else {
        return;
    };
    let start = sign.at + usize::from(matches!(get(text, sign.at), b'"' | b'\''));
    let mut end = start;
    let takes = |byte: u8| is_word(byte) || matches!(byte, b'+' | b'/' | b'=' | b'-' | b'%' | b'&');
    while end - start < LONGEST && takes(get(text, end)) {
        end += 1;
    }
    *pass.work() += (end - start) as u64;
    let value = &text[start..end];
    let digits = value.iter().filter(|it| it.is_ascii_digit()).count();
    let capitals = value.iter().filter(|it| it.is_ascii_uppercase()).count();
    if value.len() >= SHORTEST && digits >= 3 && capitals >= 3 {
        pass.token_end = pass.token_end.max(end);
        pass.report(Entity::Credential, start, end);
    }
}

/// `hooks.slack.com/services/T…/B…/…`: who has the address may write.
fn slack(pass: &mut Pass<'_, '_>, hit: &Hit) {
    const PATH: &[u8] = b".slack.com/services/";
    const LEAST: usize = 36;
    let text = pass.text;
    *pass.work() += PATH.len() as u64;
    if !text[hit.end..].starts_with(PATH) {
        return;
    }
    path(pass, hit, hit.end + PATH.len(), LEAST);
}

/// `discord.com/api/webhooks/…/…`.
fn discord(pass: &mut Pass<'_, '_>, hit: &Hit) {
    const PATH: &[u8] = b"/api/";
    const LEAST: usize = 60;
    if pass.text[..hit.start].ends_with(PATH) && get(pass.text, hit.end).eq(&b'/') {
        path(pass, hit, hit.end + 1, LEAST);
    }
}

/// Reports an address whose path from `from` on is long and has digits and capitals.
fn path(pass: &mut Pass<'_, '_>, hit: &Hit, from: usize, least: usize) {
    const LONGEST: usize = 160;
    let text = pass.text;
    let mut end = from;
    while end - from < LONGEST && (is_word(get(text, end)) || matches!(get(text, end), b'/' | b'-'))
    {
        end += 1;
    }
    *pass.work() += (end - from) as u64;
    let value = &text[from..end];
    let varied = value.iter().filter(|it| it.is_ascii_digit()).count() >= 2
        && value.windows(4).all(|it| !it.eq_ignore_ascii_case(b"xxxx"))
        && value.windows(4).filter(|it| *it == b"0000").count() < 4;
    if value.len() >= least && varied {
        pass.token_end = pass.token_end.max(end);
        pass.report(Entity::Credential, hit.start, end);
    }
}

/// Looks at the at sign at `at`: `scheme://user:password@host`. Answers whether it stands in such an
/// address, whatever the password.
pub(in crate::sensitivity) fn find_login(pass: &mut Pass<'_, '_>, at: usize) -> bool {
    let text = pass.text;
    let mut start = at;
    let inside = |byte: u8| {
        !byte.is_ascii_whitespace()
            && !matches!(
                byte,
                0 | b'/' | b'@' | b'"' | b'\'' | b'`' | b'<' | b'>' | b',' | JOINT
            )
    };
    while start > 0 && at - start <= LONGEST && inside(text[start - 1]) {
        start -= 1;
    }
    *pass.work() += (at - start) as u64 + 3;
    if !text[..start].ends_with(b"://") {
        return false;
    }
    let login = &text[start..at];
    let Some(colon) = login.iter().position(|it| *it == b':') else {
        return false;
    };
    let (user, word) = (&login[..colon], &login[colon + 1..]);
    if is_login_word(user, word)
        && (get(text, at + 1).is_ascii_alphanumeric() || get(text, at + 1) == b'[')
    {
        pass.report(Entity::Credential, start + colon + 1, at);
    }
    true
}

/// Whether the password of an address is more than a manual's.
fn is_login_word(user: &[u8], word: &[u8]) -> bool {
    const PLAIN: usize = 8;
    const MANUAL: &[&[u8]] = &[
        b"passwd",
        b"password",
        b"pass",
        b"pwd",
        b"pw",
        b"secret",
        b"token",
        b"guest",
        b"postgres",
        b"root",
        b"admin",
        b"password123",
        b"pass1234",
        b"mypassword",
        b"api_key",
        b"secret123",
        b"test123",
    ];
    let placeholder = |word: &[u8]| {
        let mut small = [0u8; LONGEST];
        for (to, from) in small.iter_mut().zip(word) {
            *to = from.to_ascii_lowercase();
        }
        let small = &small[..word.len().min(LONGEST)];
        MANUAL.contains(&small)
            || PLACEHOLDERS
                .iter()
                .any(|it| memchr::memmem::find(small, it).is_some())
    };
    if word.len() < 4
        || word.len() > LONGEST
        || word == user
        || matches!(word[0], b'$' | b'{' | b'[' | b'(' | b'*' | b'.' | b'%' if !(word[0] == b'%' && word[1].is_ascii_hexdigit()))
        || word
            .iter()
            .any(|it| matches!(it, b'{' | b'}' | b'(' | b')'))
        || placeholder(word)
    {
        return false;
    }
    let digits = word.iter().filter(|it| it.is_ascii_digit()).count();
    let plain = word
        .iter()
        .all(|it| it.is_ascii_lowercase() || *it == b'_' || *it == b'-')
        || word.iter().all(|it| it.is_ascii_uppercase() || *it == b'_');
    digits < word.len() && (!plain || word.len() >= PLAIN && !word.contains(&b'_'))
}

/// Looks at a row of digits with a colon behind it: the token of a bot, `123456789:AAH…`.
pub(in crate::sensitivity) fn find_bot(
    pass: &mut Pass<'_, '_>,
    start: usize,
    colon: usize,
) -> bool {
    const TOKEN: usize = 35;
    let text = pass.text;
    if !(8..=10).contains(&(colon - start)) {
        return false;
    }
    let from = colon + 1;
    let mut end = from;
    while end - from <= TOKEN && (is_word(get(text, end)) || get(text, end) == b'-') {
        end += 1;
    }
    *pass.work() += (end - from) as u64;
    let token = &text[from..end];
    let digits = token.iter().filter(|it| it.is_ascii_digit()).count();
    let capitals = token.iter().filter(|it| it.is_ascii_uppercase()).count();
    let small = token.iter().filter(|it| it.is_ascii_lowercase()).count();
    if token.len() != TOKEN || digits == 0 || capitals < 3 || small < 3 {
        return false;
    }
    debug_assert!(digits_end(text, start, 40) == colon);
    pass.token_end = pass.token_end.max(end);
    pass.report_number(Entity::Credential, start, end);
    true
}
