//! Members of an object, read and written again without touching what is not changed.

use std::borrow::Cow;

use crate::json::{write_string, Kind, Raw, Scanner, MAX_DEPTH};

/// The members of an object, each key once: of repeated ones the last, which is what parsers keep.
pub(in crate::stream) struct Members<'a> {
    pub(in crate::stream) all: Vec<(Cow<'a, str>, Raw<'a>)>,
    /// A key stood there more than once.
    pub(in crate::stream) repeated: bool,
}

impl<'a> Members<'a> {
    pub(in crate::stream) fn of(object: Raw<'a>) -> Self {
        let mut all: Vec<(Cow<'a, str>, Raw<'a>)> = Vec::new();
        let mut repeated = false;
        for (key, value) in object.entries() {
            match all.iter_mut().find(|(known, _)| *known == key) {
                Some(known) => {
                    known.1 = value;
                    repeated = true;
                }
                None => all.push((key, value)),
            }
        }
        Self { all, repeated }
    }

    /// Of JSON that was accepted.
    pub(in crate::stream) fn within(json: &'a [u8]) -> Self {
        value(json).map_or(
            Self {
                all: Vec::new(),
                repeated: false,
            },
            Self::of,
        )
    }

    pub(in crate::stream) fn get(&self, key: &str) -> Option<Raw<'a>> {
        let found = self.all.iter().find(|(known, _)| known == key);
        found.map(|(_, value)| *value)
    }

    /// The text of a member, when it is a string that says something.
    pub(in crate::stream) fn text(&self, key: &str) -> Option<Cow<'a, str>> {
        let text = self.get(key)?.as_str()?;
        (!text.is_empty()).then_some(text)
    }

    /// The object that a member is.
    pub(in crate::stream) fn object(&self, key: &str) -> Option<Raw<'a>> {
        self.get(key).filter(|value| value.kind() == Kind::Object)
    }

    /// The whole number that a member is.
    pub(in crate::stream) fn number(&self, key: &str) -> Option<u64> {
        self.get(key)
            .filter(is_count)
            .and_then(|value| value.as_u64())
    }
}

fn is_count(value: &Raw<'_>) -> bool {
    value.kind() == Kind::Number && !value.bytes().starts_with(b"-")
}

/// An object in the making. Remembers whether it became another one than it was.
pub(in crate::stream) struct Object {
    pub(in crate::stream) bytes: Vec<u8>,
    pub(in crate::stream) changed: bool,
}

impl Object {
    pub(in crate::stream) fn new(changed: bool) -> Self {
        Self {
            bytes: vec![b'{'],
            changed,
        }
    }

    pub(in crate::stream) fn key(&mut self, key: &str) {
        if self.bytes.len() > 1 {
            self.bytes.push(b',');
        }
        write_string(&mut self.bytes, key);
        self.bytes.push(b':');
    }

    /// A member as it is.
    pub(in crate::stream) fn keep(&mut self, key: &str, value: Raw<'_>) {
        self.key(key);
        self.bytes.extend_from_slice(value.bytes());
    }

    /// A member that has to be `value`, in JSON; `was` is what it was.
    pub(in crate::stream) fn set(&mut self, key: &str, was: Option<Raw<'_>>, value: &[u8]) {
        self.changed |= was.is_none_or(|was| was.bytes() != value);
        self.key(key);
        self.bytes.extend_from_slice(value);
    }

    pub(in crate::stream) fn end(mut self) -> (Vec<u8>, bool) {
        self.bytes.push(b'}');
        (self.bytes, self.changed)
    }
}

/// `text` as JSON.
pub(in crate::stream) fn quoted(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + 2);
    write_string(&mut out, text);
    out
}

/// An event without a name.
pub(in crate::stream) fn unnamed(data: &[u8]) -> Vec<u8> {
    one_line([b"data: ", data].concat())
}

/// An event under its name.
pub(in crate::stream) fn named(name: &str, data: &[u8]) -> Vec<u8> {
    one_line_behind(&[b"event: ", name.as_bytes(), b"\ndata: "].concat(), data)
}

fn one_line(event: Vec<u8>) -> Vec<u8> {
    one_line_behind(b"", &event)
}

/// JSON of several lines as one: its line ends lie between tokens, where any white space will do.
fn one_line_behind(head: &[u8], data: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(head.len() + data.len() + 2);
    out.extend_from_slice(head);
    let line = data.iter().map(|byte| match byte {
        b'\n' | b'\r' => b' ',
        other => *other,
    });
    out.extend(line);
    out.extend_from_slice(b"\n\n");
    out
}

/// JSON text as a value.
pub(in crate::stream) fn value(json: &[u8]) -> Option<Raw<'_>> {
    let value = Scanner::new(json, MAX_DEPTH).skip().ok()?;
    Some(value.raw(json))
}
