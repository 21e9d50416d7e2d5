//! Mail addresses.
//!
//! The at sign is rare enough to be the cue; both sides are read outwards from it, bounded. File
//! names with a density (`logo@2x.png`), decorators and `git@host:path` are not addresses.

use crate::sensitivity::bytes::get;
use crate::sensitivity::entity::Entity;
use crate::sensitivity::pass::Pass;

use super::credential;

const LONGEST_LOCAL: usize = 64;
const LONGEST_DOMAIN: usize = 253;

/// Last labels that are endings of file names.
const FILES: &[&str] = &[
    "bmp", "css", "csv", "gif", "html", "ico", "jpeg", "jpg", "js", "json", "jsx", "less", "map",
    "md", "mjs", "mp3", "mp4", "pdf", "png", "py", "rb", "scss", "service", "sh", "svg", "ts",
    "tsx", "txt", "webp", "whl", "woff", "xml", "yaml", "yml", "zip",
];

/// Looks at the at sign at `at`.
pub(in crate::sensitivity) fn find(pass: &mut Pass<'_, '_>, at: usize) {
    let text = pass.text;
    if credential::find_login(pass, at) {
        return;
    }
    let mut start = at;
    while start > 0 && at - start <= LONGEST_LOCAL && is_local(text[start - 1]) {
        start -= 1;
    }
    *pass.work() += (at - start) as u64 + 2;
    if at - start > LONGEST_LOCAL {
        return;
    }
    // `\nann@…` in a text inside of a text.
    if start > 0
        && text[start - 1] == b'\\'
        && at - start > 1
        && matches!(text[start], b'n' | b'r' | b't')
    {
        start += 1;
    }
    while start < at && matches!(text[start], b'.' | b'-' | b'\'' | b'/' | b'=' | b'&' | b'*') {
        start += 1;
    }
    if start == at || text[at - 1] == b'.' || text[start..at] == *b"git" {
        return;
    }
    let Some(end) = domain_end(pass, at + 1) else {
        return;
    };
    pass.report(Entity::Email, start, end);
}

fn is_local(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"._%+-'&*=/".contains(&byte)
}

/// The end of the host name at `start`: labels, the last of them letters and no file's ending.
fn domain_end(pass: &mut Pass<'_, '_>, start: usize) -> Option<usize> {
    let text = pass.text;
    let (mut end, mut label) = (start, start);
    let mut best = None;
    loop {
        let byte = get(text, end);
        let inside = byte.is_ascii_alphanumeric()
            || (byte == b'-' && end > label)
            || byte == b'_' && end > label;
        if inside && end - start < LONGEST_DOMAIN {
            end += 1;
            continue;
        }
        if end == label {
            break;
        }
        if label > start && is_top(&text[label..end]) {
            best = Some(end);
        }
        if byte != b'.' {
            break;
        }
        end += 1;
        label = end;
    }
    *pass.work() += (end - start) as u64;
    // A longer host name than the one that was valid: `a@b.com.5` still names `b.com`.
    best.filter(|end| !matches!(get(text, *end), b'@'))
}

fn is_top(label: &[u8]) -> bool {
    (2..=24).contains(&label.len())
        && label.iter().all(u8::is_ascii_alphabetic)
        && !FILES
            .iter()
            .any(|it| label.eq_ignore_ascii_case(it.as_bytes()))
}
