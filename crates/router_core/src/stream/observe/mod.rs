//! Reads one event's data (or a whole answer) once and notes what matters in it.
//!
//! One file per protocol, and here what they share. An event that may hold content counts as content:
//! falling back after content is never right, falling back too rarely only costs an answer.

mod chat;
mod gemini;
mod messages;
mod ollama;
mod responses;

use std::borrow::Cow;

use super::canon::{Canon, Continued};
use super::facts::{Facts, UpstreamError};
use super::Shape;
use crate::json::{Fault, Kind, Raw, Scanner, Text, MAX_DEPTH};

/// What kind of list `choices` was.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChoiceList {
    /// No such member, or no array.
    Absent,
    Empty,
    Filled,
}

/// What one event turned out to be.
pub(super) struct Seen {
    pub(super) choices: ChoiceList,
    /// It reports usage (null does not count).
    pub(super) usage: bool,
    pub(super) error: bool,
    /// It is as its dialect has it and needs nothing of the writer but to be noted.
    pub(super) plain: Option<Plain>,
}

/// What the writer of a stream notes of a plain event.
#[derive(Default)]
pub(super) struct Plain {
    /// The choice that it finishes.
    pub(super) finish: Option<u64>,
    /// The call whose arguments go on in it.
    pub(super) continued: Option<Continued>,
}

impl Seen {
    /// An event that passes as it is.
    const PASSED: Self = Self {
        choices: ChoiceList::Absent,
        usage: false,
        error: false,
        plain: None,
    };
}

/// Whether the event's name says that it is an error.
pub(super) fn is_error_name(name: Option<&[u8]>) -> bool {
    matches!(name, Some(b"error" | b"response.error"))
}

/// Reads `data`, one JSON value. `event`: the name of its event. `canon`: the writer of the stream that
/// it is an event of.
pub(super) fn observe(
    data: &[u8],
    shape: Shape,
    event: Option<&[u8]>,
    facts: &mut Facts,
    canon: &Canon,
) -> Result<Seen, Fault> {
    match shape {
        Shape::Chat | Shape::Completions | Shape::Embeddings => {
            let chat = match canon {
                Canon::Chat(chat) => Some(&**chat),
                _ => None,
            };
            chat::observe(data, shape, is_error_name(event), facts, chat)
        }
        Shape::Responses => responses::observe(data, event, facts, canon),
        Shape::Messages => messages::observe(data, event, facts, canon),
        Shape::Ollama => ollama::observe(data, facts),
        Shape::Gemini => gemini::observe(data, facts),
    }
}

/// Data that is JSON but no object: only an error event may carry it.
fn no_object(data: &[u8], named_error: bool, facts: &mut Facts) -> Result<Seen, Fault> {
    let mut scanner = Scanner::new(data, MAX_DEPTH);
    let value = scanner.skip()?;
    scanner.end()?;
    if named_error {
        note(facts, Some(value.raw(data)), None, None);
    } else {
        facts.unreadable += 1;
        facts.content = true;
    }
    Ok(Seen {
        error: named_error,
        ..Seen::PASSED
    })
}

/// Shows the members of the object that `data` is; false when it is none (and was not looked at).
fn each_of<'a>(data: &'a [u8], mut member: impl FnMut(&[u8], Raw<'a>)) -> Result<bool, Fault> {
    let mut scanner = Scanner::new(data, MAX_DEPTH);
    if scanner.peek() != Some(b'{') {
        return Ok(false);
    }
    scanner.enter()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(std::mem::take(&mut first))? {
        let value = scanner.skip()?;
        member(&name(data, key), value.raw(data));
    }
    scanner.end()?;
    Ok(true)
}

/// Whether an object holds anything beyond members that say what or whose it is.
fn says_more_than(object: Raw<'_>, labels: &[&str]) -> bool {
    object
        .entries()
        .any(|(key, value)| value.is_truthy() && !labels.contains(&&*key))
}

/// A text without a copy, unless it has escapes; empty when it is none.
fn text_of(value: Option<Raw<'_>>) -> Cow<'_, str> {
    value.and_then(|value| value.as_str()).unwrap_or_default()
}

/// An `error` member: an object whose class stands under `kind`, or a text.
fn note_member(facts: &mut Facts, error: Raw<'_>, kind: &str) {
    if error.kind() == Kind::Object {
        note(
            facts,
            error.get("message"),
            error.get(kind),
            error.get("code"),
        );
    } else {
        note(facts, Some(error), None, None);
    }
}

/// Keeps the first error of an answer.
fn note(facts: &mut Facts, message: Option<Raw<'_>>, kind: Option<Raw<'_>>, code: Option<Raw<'_>>) {
    if facts.error.is_none() {
        facts.error = Some(UpstreamError::new(
            &shown(message),
            &shown(kind),
            &shown(code),
        ));
    }
}

fn shown(value: Option<Raw<'_>>) -> Cow<'_, str> {
    match value {
        Some(value) if value.kind() == Kind::String => value.as_str().unwrap_or_default(),
        Some(value) if !value.is_null() => String::from_utf8_lossy(value.bytes()),
        _ => Cow::Borrowed(""),
    }
}

#[inline]
fn name(data: &[u8], key: Text) -> Cow<'_, [u8]> {
    if key.escaped {
        Cow::Owned(key.decode(data).into_owned().into_bytes())
    } else {
        Cow::Borrowed(key.span.of(data))
    }
}
