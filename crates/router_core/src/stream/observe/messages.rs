//! Anthropic Messages: named events around content blocks, and the message in one piece.

use super::{
    each_of, is_error_name, no_object, note, note_member, says_more_than, text_of, Plain, Seen,
};
use crate::json::{Fault, Kind, Raw};
use crate::stream::canon::Canon;
use crate::stream::facts::{Facts, FinishReasons};

/// The members of an event that are looked at.
#[derive(Default)]
struct Event<'a> {
    kind: Option<Raw<'a>>,
    message: Option<Raw<'a>>,
    block: Option<Raw<'a>>,
    delta: Option<Raw<'a>>,
    usage: Option<Raw<'a>>,
    error: Option<Raw<'a>>,
    content: Option<Raw<'a>>,
    stop_reason: Option<Raw<'a>>,
    index: Option<Raw<'a>>,
}

pub(super) fn observe(
    data: &[u8],
    event: Option<&[u8]>,
    facts: &mut Facts,
    canon: &Canon,
) -> Result<Seen, Fault> {
    let mut seen = Event::default();
    let is_object = each_of(data, |key, value| {
        let slot = match key {
            b"type" => &mut seen.kind,
            b"message" => &mut seen.message,
            b"content_block" => &mut seen.block,
            b"delta" => &mut seen.delta,
            b"usage" => &mut seen.usage,
            b"error" => &mut seen.error,
            b"content" => &mut seen.content,
            b"stop_reason" => &mut seen.stop_reason,
            b"index" => &mut seen.index,
            _ => return,
        };
        *slot = Some(value);
    })?;
    let named_error = is_error_name(event);
    if !is_object {
        return no_object(data, named_error, facts);
    }
    let written = text_of(seen.kind);
    let kind = if written.is_empty() {
        event.unwrap_or_default()
    } else {
        written.as_bytes()
    };
    let error = seen.error.filter(|error| error.is_truthy());
    if let Some(error) = error {
        note_member(facts, error, "type");
    } else if kind == b"error" || named_error {
        // Flat: the message stands where another event has the whole message.
        note(facts, seen.message, None, None);
    } else {
        read(kind, &seen, facts);
    }
    let plain = match canon {
        Canon::Messages(messages) if event == Some(kind) => {
            messages.is_plain(kind, seen.index, seen.delta)
        }
        _ => false,
    };
    Ok(Seen {
        error: error.is_some() || kind == b"error" || named_error,
        plain: plain.then(Plain::default),
        ..Seen::PASSED
    })
}

fn read(kind: &[u8], event: &Event<'_>, facts: &mut Facts) {
    match kind {
        b"message_start" => {
            facts.choices.seen |= 1;
            if let Some(message) = event.message {
                facts.content |= any_block(message.get("content"));
                count(facts, message.get("usage"));
            }
        }
        b"content_block_start" => facts.content |= event.block.is_some_and(is_filled),
        b"content_block_delta" => {
            facts.content |= event
                .delta
                .is_some_and(|delta| says_more_than(delta, &["type"]));
        }
        b"message_delta" => {
            // All was said; the mark that clients wait for can be written for the upstream.
            if stopped(
                facts,
                event.delta.and_then(|delta| delta.get("stop_reason")),
            ) {
                facts.choices.finish(0);
            }
            count(facts, event.usage);
        }
        b"message_stop" => {
            facts.terminal = true;
            facts.choices.finish(0);
        }
        b"ping" | b"content_block_stop" | b"" => {}
        b"message" => {
            facts.choices.seen |= 1;
            facts.content |= any_block(event.content);
            count(facts, event.usage);
            if stopped(facts, event.stop_reason) {
                facts.choices.finish(0);
            }
        }
        // A kind of event that is newer than this.
        _ => facts.content = true,
    }
}

fn count(facts: &mut Facts, usage: Option<Raw<'_>>) {
    if let Some(usage) = usage.and_then(|usage| facts.beside.add(usage)) {
        facts.usage = Some(usage);
    }
}

fn stopped(facts: &mut Facts, reason: Option<Raw<'_>>) -> bool {
    let reason = text_of(reason);
    if reason.is_empty() {
        return false;
    }
    facts.reasons.add(match &*reason {
        "end_turn" | "stop_sequence" => FinishReasons::STOP,
        "max_tokens" | "model_context_window_exceeded" => FinishReasons::LENGTH,
        "tool_use" => FinishReasons::TOOL_CALLS,
        "refusal" => FinishReasons::CONTENT_FILTER,
        _ => FinishReasons::OTHER,
    });
    true
}

fn any_block(content: Option<Raw<'_>>) -> bool {
    content.is_some_and(|content| match content.kind() {
        Kind::Array => content.items().any(is_filled),
        _ => content.is_truthy(),
    })
}

/// Whether a block is more than the announcement of text. All others begin with what they are: a call
/// has its name, a result its content.
fn is_filled(block: Raw<'_>) -> bool {
    match &*text_of(block.get("type")) {
        "text" | "thinking" => says_more_than(block, &["type", "citations", "signature"]),
        _ => true,
    }
}
