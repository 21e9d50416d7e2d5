//! Chat Completions, legacy completions and embeddings.

use super::{name, note, ChoiceList, Plain, Seen};
use crate::json::{Fault, Kind, Raw, Scanner, MAX_DEPTH};
use crate::stream::canon::{is_reason, Chat};
use crate::stream::facts::{bit, Facts, FinishReasons};
use crate::stream::usage::Usage;
use crate::stream::Shape;

/// Members of a top level that may be an error without an `error` object.
#[derive(Default)]
struct Flat<'a> {
    object: Option<Raw<'a>>,
    message: Option<Raw<'a>>,
    kind: Option<Raw<'a>>,
    code: Option<Raw<'a>>,
}

/// What is found out beside the facts: whether the event is plain, and what it then is.
struct Look<'a> {
    chat: Option<&'a Chat>,
    plain: bool,
    found: Plain,
    failed: bool,
}

/// The members that are the same in all events, each seen once.
const SAME_ALWAYS: u8 = 15;

/// Reads `data`, one JSON value. `named_error`: the event's name says that it is an error. `chat`: the
/// writer of the stream that it is an event of.
pub(super) fn observe(
    data: &[u8],
    shape: Shape,
    named_error: bool,
    facts: &mut Facts,
    chat: Option<&Chat>,
) -> Result<Seen, Fault> {
    let mut scanner = Scanner::new(data, MAX_DEPTH);
    if scanner.peek() != Some(b'{') {
        return super::no_object(data, named_error, facts);
    }
    let mut look = Look {
        plain: chat.is_some_and(Chat::ready),
        chat,
        found: Plain::default(),
        failed: false,
    };
    let mut same = 0;
    let mut choices = ChoiceList::Absent;
    let mut usage = None;
    let mut prompt = None;
    let mut error = None;
    let mut flat = Flat::default();
    scanner.enter()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(std::mem::take(&mut first))? {
        let key = name(data, key);
        match &*key {
            b"choices" => {
                look.plain &= choices == ChoiceList::Absent;
                choices = read_choices(&mut scanner, data, facts, &mut look)?;
            }
            b"usage" => {
                look.plain &= usage.is_none();
                usage = Some(scanner.skip()?.raw(data));
            }
            b"error" => error = Some(scanner.skip()?.raw(data)),
            b"id" | b"object" | b"created" | b"model" => {
                let value = scanner.skip()?.raw(data);
                let flag = match &*key {
                    b"id" => 1,
                    b"object" => 2,
                    b"created" => 4,
                    _ => 8,
                };
                if look.plain {
                    let known = look.chat.is_some_and(|chat| chat.is_known(&key, value));
                    look.plain = known && same & flag == 0;
                    same |= flag;
                }
                if flag == 2 {
                    flat.object = Some(value);
                }
            }
            b"message" => flat.message = Some(scanner.skip()?.raw(data)),
            b"type" | b"error_type" => flat.kind = Some(scanner.skip()?.raw(data)),
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
    look.plain &= same == SAME_ALWAYS
        && choices == ChoiceList::Filled
        && usage.is_none_or(|it| matches!(it.kind(), Kind::Object | Kind::Null));
    let counted = usage.and_then(Usage::of_chat);
    let usage = counted.or_else(|| Usage::of_ollama(prompt, None));
    if usage.is_some() {
        facts.usage = usage;
    }
    let error = error.filter(|error| error.is_truthy());
    let is_flat = error.is_none()
        && (named_error
            || flat.object.and_then(|object| object.as_str()).as_deref() == Some("error"));
    if let Some(error) = error {
        if error.kind() == Kind::Object {
            note(
                facts,
                error.get("message"),
                error.get("type"),
                error.get("code"),
            );
        } else {
            note(facts, Some(error), flat.kind, flat.code);
        }
    } else if is_flat {
        note(facts, flat.message, flat.kind, flat.code);
    } else if look.failed {
        note(facts, None, None, None);
    }
    let failed = error.is_some() || is_flat || look.failed;
    Ok(Seen {
        choices,
        usage: usage.is_some(),
        error: failed,
        plain: (look.plain && !failed).then_some(look.found),
    })
}

fn read_choices(
    scanner: &mut Scanner<'_>,
    data: &[u8],
    facts: &mut Facts,
    look: &mut Look<'_>,
) -> Result<ChoiceList, Fault> {
    if scanner.peek() != Some(b'[') {
        scanner.skip()?;
        return Ok(ChoiceList::Absent);
    }
    scanner.enter()?;
    let mut position = 0;
    while scanner.next_item(position == 0)? {
        if scanner.peek() == Some(b'{') {
            read_choice(scanner, data, position, facts, look)?;
        } else {
            scanner.skip()?;
            look.plain = false;
        }
        position += 1;
    }
    look.plain &= position == 1;
    Ok(if position == 0 {
        ChoiceList::Empty
    } else {
        ChoiceList::Filled
    })
}

/// What a delta, or a text, is.
struct Delta<'a> {
    tools: Option<Raw<'a>>,
    says: bool,
}

fn read_choice(
    scanner: &mut Scanner<'_>,
    data: &[u8],
    position: u64,
    facts: &mut Facts,
    look: &mut Look<'_>,
) -> Result<(), Fault> {
    // The index may come after the delta that it belongs to.
    let mut index = None;
    let mut delta = None;
    let mut finish = None;
    scanner.enter()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(std::mem::take(&mut first))? {
        match &*name(data, key) {
            b"index" => {
                look.plain &= index.is_none();
                index = scanner.skip()?.raw(data).as_u64();
            }
            key @ (b"delta" | b"message") if scanner.peek() == Some(b'{') => {
                look.plain &= delta.is_none() && key == b"delta";
                delta = Some(read_delta(scanner, data, facts, look)?);
            }
            b"delta" => {
                scanner.skip()?;
            }
            b"text" => {
                let value = scanner.skip()?;
                let says = value.kind == Kind::String && value.span.len() > 2;
                look.plain &= delta.is_none() && value.kind == Kind::String;
                delta = Some(Delta { tools: None, says });
                facts.content |= says;
            }
            b"finish_reason" => {
                look.plain &= finish.is_none();
                finish = Some(scanner.skip()?.raw(data));
            }
            b"logprobs" => {
                let value = scanner.skip()?;
                look.plain &= matches!(value.kind, Kind::Object | Kind::Null);
            }
            _ => {
                scanner.skip()?;
            }
        }
    }
    look.plain &= index.is_some() && delta.is_some();
    let index = index.unwrap_or(position);
    let says = delta.as_ref().is_some_and(|delta| delta.says);
    facts.choices.seen |= bit(index);
    if let (true, Some(chat)) = (look.plain, look.chat) {
        look.plain = chat.is_open(index);
        if let Some(tools) = delta.and_then(|delta| delta.tools) {
            look.found.continued = chat.calls.continued(index, tools);
            look.plain &= look.found.continued.is_some();
        }
    }
    let Some(finish) = finish.filter(|finish| !finish.is_null()) else {
        return Ok(());
    };
    let text = finish.as_str().unwrap_or_default();
    if text.is_empty() {
        look.plain = false;
        return Ok(());
    }
    // A reason beside content says nothing where the last one was followed by more.
    let is_doubtful = says && look.chat.is_some_and(|chat| chat.is_doubtful(index));
    if !is_doubtful {
        facts.choices.finished |= bit(index);
    }
    facts.reasons.add(FinishReasons::named(&text));
    look.failed |= look.chat.is_some() && text == "error";
    let calls = look.chat.is_some_and(|chat| chat.calls.any(index));
    look.plain &= !says && !calls && is_reason(&text);
    look.found.finish = Some(index);
    Ok(())
}

fn read_delta<'a>(
    scanner: &mut Scanner<'_>,
    data: &'a [u8],
    facts: &mut Facts,
    look: &mut Look<'_>,
) -> Result<Delta<'a>, Fault> {
    let mut delta = Delta {
        tools: None,
        says: false,
    };
    let mut content = false;
    scanner.enter()?;
    let mut first = true;
    while let Some(key) = scanner.next_key(std::mem::take(&mut first))? {
        let key = name(data, key);
        let value = scanner.skip()?.raw(data);
        match &*key {
            b"role" => {
                look.plain = false;
                continue;
            }
            b"tool_calls" if value.is_truthy() => {
                look.plain &= delta.tools.is_none() && value.kind() == Kind::Array;
                delta.tools = Some(value);
            }
            b"content" | b"refusal" => {
                look.plain &= matches!(value.kind(), Kind::String | Kind::Null);
                look.plain &= &*key != b"content" || !std::mem::replace(&mut content, true);
            }
            b"function_call" => look.plain &= matches!(value.kind(), Kind::Object | Kind::Null),
            // Entries of lists may lack their numbers.
            _ => look.plain &= value.kind() != Kind::Array || !value.is_truthy(),
        }
        // Text, reasoning, refusals, tool calls, audio, images: whatever is not empty. A list of
        // names would miss the next backend's, and miss content is the wrong side to err on.
        delta.says |= value.is_truthy();
    }
    facts.content |= delta.says;
    Ok(delta)
}
