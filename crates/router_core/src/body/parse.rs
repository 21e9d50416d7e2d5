//! The pass: bytes in, outline or a named fault out.

use std::borrow::Cow;
use std::collections::HashSet;

use super::lookalike::lookalike;
use super::outline::{Body, Member, Outline};
use super::visit::{Field, Forward, NoVisitor, Place, Visitor};
use super::{fields, BodyError};
use crate::json::{Scanner, MAX_DEPTH};

/// Up to this many members, comparing each new key with all before it beats hashing.
const FEW_MEMBERS: usize = 24;

/// What a body may cost.
#[derive(Debug, Clone, Copy)]
pub struct ParseLimits {
    /// Nesting; the body's own object is level 1. At most 64.
    pub max_depth: u32,
    /// Top-level members. Real requests have fewer than 50; without a bound, a body of tiny
    /// members would cost several times its size in spans.
    pub max_members: usize,
}

impl Default for ParseLimits {
    fn default() -> Self {
        Self {
            max_depth: MAX_DEPTH,
            max_members: 1024,
        }
    }
}

/// Reads a body: UTF-8 without a byte order mark, exactly one JSON object, top-level keys unique
/// (as text: `"model"` and `"\u006dodel"` are the same key) and none that differs from a known one
/// in case only, the members that are acted on of
/// their types. Surrogate escapes, numbers of any size and repeated nested keys pass.
pub fn parse<'a>(bytes: &'a [u8], limits: &ParseLimits) -> Result<Body<'a>, BodyError> {
    parse_with(bytes, limits, &mut NoVisitor)
}

/// [`parse`], showing every string to `visitor` on the way.
pub fn parse_with<'a, V: Visitor>(
    bytes: &'a [u8],
    limits: &ParseLimits,
    visitor: &mut V,
) -> Result<Body<'a>, BodyError> {
    check_text(bytes)?;
    let mut scanner = Scanner::new(bytes, limits.max_depth);
    if scanner.peek() != Some(b'{') {
        return Err(BodyError::new(
            "invalid_json",
            "",
            scanner.at(),
            "the body must be one JSON object",
        ));
    }
    scanner.enter()?;
    let mut outline = Outline {
        length: bytes.len(),
        ..Outline::default()
    };
    outline.members.reserve(16);
    let mut keys = Keys::default();
    let mut reread = 0;
    while let Some(key) = scanner.next_key(outline.members.is_empty())? {
        if outline.members.len() >= limits.max_members {
            let message = format!("more than {} top-level members", limits.max_members);
            return Err(BodyError::new(
                "too_many_members",
                "",
                key.span.start,
                message,
            ));
        }
        let name = match key.escaped {
            true => Cow::Owned(key.decode(bytes).into_owned().into_bytes()),
            false => Cow::Borrowed(key.span.of(bytes)),
        };
        let field = Field::named(&name);
        if let Some(known) = lookalike(&name) {
            let name = key.decode(bytes).into_owned();
            let message = format!(
                "`{name}` differs from `{known}` in case only, and a backend may take it for that; write `{known}`"
            );
            return Err(BodyError::new(
                "ambiguous_key",
                name,
                key.span.start,
                message,
            ));
        }
        visitor.string(
            Place {
                field,
                depth: 1,
                key: true,
            },
            key.span,
            key.escaped,
        );
        let value = scanner.value(&mut Forward { visitor, field })?;
        let member = Member { key, value, field };
        if !keys.insert(bytes, &outline.members, &member) {
            let name = key.decode(bytes).into_owned();
            let message = format!("the key `{}` appears twice", shortened(&name));
            return Err(BodyError::new(
                "duplicate_key",
                name,
                key.span.start,
                message,
            ));
        }
        if field != Field::Other {
            outline.known.set(field, outline.members.len());
            reread += fields::read(bytes, &member, &mut outline)?;
        }
        outline.members.push(member);
    }
    outline.close = scanner.at() - 1;
    scanner.end()?;
    outline.visited = (bytes.len() + scanner.at() + reread + keys.work) as u64;
    Ok(Body { bytes, outline })
}

fn check_text(bytes: &[u8]) -> Result<(), BodyError> {
    if bytes.starts_with(b"\xef\xbb\xbf") {
        return Err(BodyError::new(
            "invalid_json",
            "",
            0,
            "the body starts with a byte order mark; send plain UTF-8",
        ));
    }
    if simdutf8::basic::from_utf8(bytes).is_err() {
        // The fast check has no position; the slow one runs only to say where.
        let offset = std::str::from_utf8(bytes).map_or_else(|error| error.valid_up_to(), |_| 0);
        let message = format!("the body is not UTF-8 at byte {offset}");
        return Err(BodyError::new("invalid_utf8", "", offset, message));
    }
    Ok(())
}

fn shortened(name: &str) -> &str {
    name.char_indices()
        .nth(64)
        .map_or(name, |(end, _)| &name[..end])
}

/// The keys seen so far: compared one by one while they are few, hashed (with a key that a client
/// cannot know) once they are many.
#[derive(Default)]
struct Keys {
    hashed: Option<HashSet<Vec<u8>>>,
    work: usize,
}

impl Keys {
    /// Whether the key of `member` is new among `before`.
    fn insert(&mut self, bytes: &[u8], before: &[Member], member: &Member) -> bool {
        if before.len() < FEW_MEMBERS {
            self.work += before.len();
            if !member.key.escaped {
                let key = member.key.span.of(bytes);
                return !before.iter().any(|other| {
                    if other.key.escaped {
                        other.key.decode(bytes).as_bytes() == key
                    } else {
                        other.key.span.of(bytes) == key
                    }
                });
            }
            let key = member.key.decode(bytes);
            self.work += member.key.span.len();
            return !before.iter().any(|other| other.key.is(bytes, &key));
        }
        let work = &mut self.work;
        let mut text = |member: &Member| {
            *work += member.key.span.len();
            member.key.decode(bytes).into_owned().into_bytes()
        };
        let key = text(member);
        let seen = self
            .hashed
            .get_or_insert_with(|| before.iter().map(&mut text).collect());
        seen.insert(key)
    }
}
