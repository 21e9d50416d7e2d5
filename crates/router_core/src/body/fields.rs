//! The members that the gateway acts on: each has one type, and anything else is the client's
//! error, named. Values that are only forwarded are none of our business.

use super::outline::{Member, Outline};
use super::{BodyError, Field};
use crate::json::{Kind, Scanner, Span, Text, Value, MAX_DEPTH};

/// All that Anthropic's `metadata` has.
pub(super) const USER_ID: &str = "user_id";

/// Reads `member` into `outline`; returns how many bytes were looked at again.
pub(super) fn read(
    bytes: &[u8],
    member: &Member,
    outline: &mut Outline,
) -> Result<usize, BodyError> {
    let value = member.value;
    match member.field {
        Field::Model => {
            expect(value, "model", &[Kind::String], "a string")?;
            if value.text().is_some_and(|text| text.span.is_empty()) {
                return Err(BodyError::missing("model"));
            }
        }
        Field::Stream => outline.stream = boolean(bytes, value, "stream")?,
        Field::N => {
            outline.n = integer(bytes, value, "n")?;
            if outline.n == Some(0) {
                let message = "`n` must be at least 1";
                return Err(BodyError::new(
                    "invalid_value",
                    "n",
                    value.span.start,
                    message,
                ));
            }
        }
        Field::MaxTokens => outline.max_tokens = limit(bytes, value, "max_tokens")?,
        Field::MaxCompletionTokens => {
            outline.max_completion_tokens = limit(bytes, value, "max_completion_tokens")?;
        }
        Field::MaxOutputTokens => {
            outline.max_output_tokens = limit(bytes, value, "max_output_tokens")?;
        }
        Field::Tools | Field::Functions => {
            let name = if member.field == Field::Tools {
                "tools"
            } else {
                "functions"
            };
            expect(value, name, &[Kind::Array], "an array")?;
            outline.has_tools |= value.raw(bytes).is_truthy();
        }
        Field::Options => return options(bytes, value, outline),
        Field::StreamOptions => return stream_options(bytes, value, outline),
        Field::Hybridgw => return hints(bytes, value, outline),
        Field::Metadata => return metadata(bytes, value, outline, "metadata"),
        Field::LitellmMetadata => return metadata(bytes, value, outline, "litellm_metadata"),
        // What a route requires is checked by `Body::require`: other dialects give these names
        // other types.
        Field::Messages | Field::Prompt | Field::Input | Field::Fallbacks | Field::Other => {}
    }
    Ok(0)
}

/// Null always passes: it means that the client did not set the member.
pub(super) fn expect(
    value: Value,
    field: &str,
    kinds: &[Kind],
    wanted: &str,
) -> Result<(), BodyError> {
    if value.kind == Kind::Null || kinds.contains(&value.kind) {
        return Ok(());
    }
    Err(BodyError::wrong_type(
        field,
        value.span.start,
        wanted,
        value.kind.name(),
    ))
}

fn boolean(bytes: &[u8], value: Value, field: &str) -> Result<Option<bool>, BodyError> {
    expect(value, field, &[Kind::Bool], "a boolean")?;
    Ok(value.raw(bytes).as_bool())
}

fn integer(bytes: &[u8], value: Value, field: &str) -> Result<Option<u64>, BodyError> {
    expect(value, field, &[Kind::Number], "an integer")?;
    let number = value.raw(bytes).as_u64();
    if number.is_none() && value.kind == Kind::Number {
        return Err(BodyError::wrong_type(
            field,
            value.span.start,
            "an integer",
            "a fraction",
        ));
    }
    Ok(number)
}

/// A token limit. Negative ones mean "no limit" to local engines, whose documentation uses -1.
fn limit(bytes: &[u8], value: Value, field: &str) -> Result<Option<u64>, BodyError> {
    let number = integer(bytes, value, field)?;
    Ok(number.filter(|_| value.span.of(bytes).first() != Some(&b'-')))
}

/// Calls `member` for each member of an object; spans are offsets in the whole body.
fn each_member(
    bytes: &[u8],
    object: Value,
    mut member: impl FnMut(Text, Value) -> Result<(), BodyError>,
) -> Result<usize, BodyError> {
    if object.kind != Kind::Object {
        return Ok(0);
    }
    let base = object.span.start;
    let mut scanner = Scanner::new(object.span.of(bytes), MAX_DEPTH);
    scanner.peek();
    scanner.enter()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(first)? {
        first = false;
        let value = scanner.skip()?;
        let moved = |span: Span| Span {
            start: span.start + base,
            end: span.end + base,
        };
        member(
            Text {
                span: moved(key.span),
                ..key
            },
            Value {
                span: moved(value.span),
                ..value
            },
        )?;
    }
    Ok(object.span.len())
}

fn stream_options(bytes: &[u8], value: Value, outline: &mut Outline) -> Result<usize, BodyError> {
    expect(value, "stream_options", &[Kind::Object], "an object")?;
    each_member(bytes, value, |key, value| {
        if key.is(bytes, "include_usage") {
            outline.include_usage = boolean(bytes, value, "stream_options.include_usage")?;
        }
        Ok(())
    })
}

/// Ollama's parameters. Other protocols have no such member, so nothing in it is an error here.
fn options(bytes: &[u8], value: Value, outline: &mut Outline) -> Result<usize, BodyError> {
    each_member(bytes, value, |key, value| {
        if key.is(bytes, "num_predict") {
            let limit = limit(bytes, value, "options.num_predict");
            outline.num_predict = limit.unwrap_or_default();
        }
        Ok(())
    })
}

fn hints(bytes: &[u8], value: Value, outline: &mut Outline) -> Result<usize, BodyError> {
    expect(value, "hybridgw", &[Kind::Object], "an object")?;
    let mut seen = std::collections::HashSet::new();
    each_member(bytes, value, |key, value| {
        let name = key.decode(bytes);
        let Some(text) = value.text() else {
            let field = format!("hybridgw.{name}");
            let found = value.kind.name();
            return Err(BodyError::wrong_type(
                &field,
                value.span.start,
                "a string",
                found,
            ));
        };
        // Ours alone, so strict: of two values for one hint neither is what the client meant.
        if !seen.insert(name.clone()) {
            let field = format!("hybridgw.{name}");
            let message = format!("the key `{field}` appears twice");
            return Err(BodyError::new(
                "duplicate_key",
                field,
                key.span.start,
                message,
            ));
        }
        outline.hints.push((key, text));
        Ok(())
    })
}

/// What both `metadata` and `litellm_metadata` may tell the gateway. The first is also a member of the
/// upstream's protocol, where all values are strings: `tags` may be one string, `no_fallback` may be
/// spelled as one, and what is no string is left out of what is sent.
fn metadata(
    bytes: &[u8],
    value: Value,
    outline: &mut Outline,
    name: &str,
) -> Result<usize, BodyError> {
    expect(value, name, &[Kind::Object], "an object")?;
    each_member(bytes, value, |key, value| {
        if name == "metadata" {
            outline.mixed_metadata |= value.kind != Kind::String;
            outline.foreign_metadata |= !key.is(bytes, USER_ID);
        }
        if key.is(bytes, "tags") {
            tags(bytes, value, name, &mut outline.tags)?;
        } else if key.is(bytes, "no_fallback") {
            outline.no_fallback = match value.text() {
                Some(text) if text.is(bytes, "true") => Some(true),
                Some(text) if text.is(bytes, "false") => Some(false),
                _ => boolean(bytes, value, &format!("{name}.no_fallback"))?,
            };
        }
        Ok(())
    })
}

fn tags(bytes: &[u8], value: Value, name: &str, tags: &mut Vec<Text>) -> Result<(), BodyError> {
    const WANTED: &str = "an array of strings";
    if let Some(text) = value.text() {
        tags.push(text);
        return Ok(());
    }
    let field = || format!("{name}.tags");
    expect(value, &field(), &[Kind::Array], WANTED)?;
    if value.kind != Kind::Array {
        return Ok(());
    }
    let base = value.span.start;
    let mut scanner = Scanner::new(value.span.of(bytes), MAX_DEPTH);
    scanner.peek();
    scanner.enter()?;
    let mut first = true;
    while scanner.next_item(std::mem::take(&mut first))? {
        let item = scanner.skip()?;
        let Some(text) = item.text() else {
            let at = base + item.span.start;
            return Err(BodyError::wrong_type(
                &field(),
                at,
                WANTED,
                item.kind.name(),
            ));
        };
        let span = Span {
            start: text.span.start + base,
            end: text.span.end + base,
        };
        tags.push(Text { span, ..text });
    }
    Ok(())
}
