//! Chat Completions, legacy completions and embeddings: the shapes whose backends have repairs.

use super::{name, note, ChoiceList, Seen};
use crate::stream::facts::{bit, Facts, FinishReasons};
use crate::stream::repair::{write_error, Delta, Mender, Repairs};
use crate::stream::usage::Usage;
use crate::stream::Shape;
use crate::types::json::{Fault, Kind, Raw, Scanner, Span, Text, Value, MAX_DEPTH};

/// Members of a top level that may be an error without an `error` object.
#[derive(Default)]
struct Flat<'a> {
    object: Option<Raw<'a>>,
    message: Option<Raw<'a>>,
    kind: Option<Raw<'a>>,
    param: Option<Raw<'a>>,
    code: Option<Raw<'a>>,
}

/// Reads `data`, one JSON value. `named_error`: the event's name says that it is an error.
pub(super) fn observe(
    data: &[u8],
    shape: Shape,
    named_error: bool,
    facts: &mut Facts,
    mender: &mut Mender,
) -> Result<Seen, Fault> {
    mender.begin();
    let mut scanner = Scanner::new(data, MAX_DEPTH);
    if scanner.peek() != Some(b'{') {
        return other_value(data, named_error, facts, mender);
    }
    let mut choices = ChoiceList::Absent;
    let mut usage = None;
    let mut prompt = None;
    let mut error = None;
    let mut flat = Flat::default();
    scanner.enter()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(std::mem::take(&mut first))? {
        match &*name(data, key) {
            b"choices" => choices = read_choices(&mut scanner, data, facts, mender)?,
            b"usage" => usage = Some(scanner.skip()?),
            b"error" => error = Some(scanner.skip()?),
            b"object" => flat.object = Some(scanner.skip()?.raw(data)),
            b"message" => flat.message = Some(scanner.skip()?.raw(data)),
            b"type" | b"error_type" => flat.kind = Some(scanner.skip()?.raw(data)),
            b"param" => flat.param = Some(scanner.skip()?.raw(data)),
            b"code" => flat.code = Some(scanner.skip()?.raw(data)),
            b"data" | b"embeddings" if shape == Shape::Embeddings => {
                facts.content |= scanner.skip()?.raw(data).is_truthy();
            }
            // Ollama's own embeddings, which are passed through.
            b"prompt_eval_count" if shape == Shape::Embeddings => {
                prompt = scanner.skip()?.raw(data).as_u64();
            }
            _ => {
                scanner.skip()?;
            }
        }
    }
    scanner.end()?;
    let counted = usage.and_then(|usage| Usage::of_chat(usage.raw(data)));
    let usage_span = usage.filter(|_| counted.is_some()).map(|usage| usage.span);
    let usage = counted.or_else(|| Usage::of_ollama(prompt, None));
    if usage.is_some() {
        facts.usage = usage;
    }
    let error = error.filter(|error| error.raw(data).is_truthy());
    let is_flat = error.is_none()
        && (named_error
            || flat.object.and_then(|object| object.as_str()).as_deref() == Some("error"));
    let mut rewritten = None;
    if let Some(error) = error {
        rewritten = error_member(data, error, &flat, facts, mender);
    } else if is_flat {
        note(facts, flat.message, flat.kind, flat.code);
        if mender.does(Repairs::FLAT_ERROR) {
            rewritten = Some(write_error(flat.message, flat.kind, flat.param, flat.code));
        }
    }
    Ok(Seen {
        choices,
        usage: usage.is_some(),
        usage_span,
        error: error.is_some() || is_flat,
        rewritten,
    })
}

/// Data that is JSON but no object.
fn other_value(
    data: &[u8],
    named_error: bool,
    facts: &mut Facts,
    mender: &Mender,
) -> Result<Seen, Fault> {
    let mut seen = super::no_object(data, named_error, facts)?;
    if named_error && mender.does(Repairs::FLAT_ERROR) {
        let mut scanner = Scanner::new(data, MAX_DEPTH);
        let message = scanner.skip()?.raw(data);
        seen.rewritten = Some(write_error(Some(message), None, None, None));
    }
    Ok(seen)
}

/// A truthy `error` member: an object as it should be, or anything else to be wrapped into one.
fn error_member(
    data: &[u8],
    error: Value,
    flat: &Flat<'_>,
    facts: &mut Facts,
    mender: &mut Mender,
) -> Option<Vec<u8>> {
    let raw = error.raw(data);
    if error.kind != Kind::Object {
        note(facts, Some(raw), flat.kind, flat.code);
        return mender
            .does(Repairs::FLAT_ERROR)
            .then(|| write_error(Some(raw), flat.kind, flat.param, flat.code));
    }
    let code = raw.get("code");
    note(facts, raw.get("message"), raw.get("type"), code);
    if mender.does(Repairs::INTEGER_ERROR_CODE) {
        each_member(data, error, |key, value| {
            if key.is(data, "code") && value.kind == Kind::Number {
                mender.error_code(data, value.span);
            }
        });
    }
    None
}

fn read_choices(
    scanner: &mut Scanner<'_>,
    data: &[u8],
    facts: &mut Facts,
    mender: &mut Mender,
) -> Result<ChoiceList, Fault> {
    if scanner.peek() != Some(b'[') {
        scanner.skip()?;
        return Ok(ChoiceList::Absent);
    }
    scanner.enter()?;
    let mut position = 0;
    while scanner.next_item(position == 0)? {
        if scanner.peek() == Some(b'{') {
            read_choice(scanner, data, position, facts, mender)?;
        } else {
            scanner.skip()?;
        }
        position += 1;
    }
    Ok(if position == 0 {
        ChoiceList::Empty
    } else {
        ChoiceList::Filled
    })
}

fn read_choice(
    scanner: &mut Scanner<'_>,
    data: &[u8],
    position: u64,
    facts: &mut Facts,
    mender: &mut Mender,
) -> Result<(), Fault> {
    // The index may come after the delta that it belongs to.
    let mut index = position;
    let mut delta = Delta::default();
    let mut finish = None;
    scanner.enter()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(std::mem::take(&mut first))? {
        match &*name(data, key) {
            b"index" => {
                index = scanner.skip()?.raw(data).as_u64().unwrap_or(position);
            }
            b"delta" | b"message" if scanner.peek() == Some(b'{') => {
                delta = read_delta(scanner, data, facts)?;
            }
            b"delta" => {
                let value = scanner.skip()?;
                if value.kind == Kind::Null {
                    mender.null_delta(value.span);
                }
            }
            b"text" => {
                let value = scanner.skip()?;
                facts.content |= value.kind == Kind::String && value.span.len() > 2;
            }
            b"finish_reason" => finish = scanner.skip()?.text(),
            _ => {
                scanner.skip()?;
            }
        }
    }
    mender.delta(data, index, &delta);
    facts.choices.seen |= bit(index);
    if let Some(finish) = finish.filter(|finish| !finish.span.is_empty()) {
        facts.choices.finished |= bit(index);
        let text = finish.decode(data);
        facts.reasons.add(FinishReasons::named(&text));
        let span = Span {
            start: finish.span.start - 1,
            end: finish.span.end + 1,
        };
        mender.finish_reason(span, &text);
    }
    Ok(())
}

fn read_delta(scanner: &mut Scanner<'_>, data: &[u8], facts: &mut Facts) -> Result<Delta, Fault> {
    let mut delta = Delta::default();
    // Where the last member that stays ends, and a role that no such member precedes.
    let mut stays: Option<usize> = None;
    let mut leading: Option<Span> = None;
    scanner.enter()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(std::mem::take(&mut first))? {
        let start = key.span.start - 1;
        if let Some(role) = leading.take() {
            delta.role = Some(Span {
                start: role.start,
                end: start,
            });
        }
        let key = name(data, key);
        let value = scanner.skip()?;
        if &*key == b"role" && value.kind == Kind::String && delta.role.is_none() {
            match stays {
                Some(end) => {
                    delta.role = Some(Span {
                        start: end,
                        end: value.span.end,
                    })
                }
                None => {
                    leading = Some(Span {
                        start,
                        end: value.span.end,
                    })
                }
            }
            continue;
        }
        stays = Some(value.span.end);
        if &*key == b"tool_calls" {
            delta.tools = Some(value);
        }
        // Text, reasoning, refusals, tool calls, audio, images: whatever is not empty. A list of
        // names would miss the next backend's, and miss content is the wrong side to err on.
        facts.content |= &*key != b"role" && value.raw(data).is_truthy();
    }
    if delta.role.is_none() {
        delta.role = leading;
    }
    Ok(delta)
}

/// Calls `member` for each member of an object that was accepted; spans are offsets in `data`.
fn each_member(data: &[u8], object: Value, mut member: impl FnMut(Text, Value)) {
    let base = object.span.start;
    let bytes = object.span.of(data);
    let mut scanner = Scanner::new(bytes, MAX_DEPTH);
    if scanner.enter().is_err() {
        return;
    }
    let mut first = true;
    while let Ok(Some(key)) = scanner.next_key(std::mem::take(&mut first)) {
        let Ok(value) = scanner.skip() else { return };
        member(
            Text {
                span: key.span.moved(base),
                ..key
            },
            Value {
                span: value.span.moved(base),
                ..value
            },
        );
    }
}
