//! OpenAI Responses: typed events around items, and the response in one piece.

use super::{
    each_of, is_error_name, no_object, note, note_member, says_more_than, text_of, Plain, Seen,
};
use crate::json::{Fault, Raw};
use crate::stream::canon::Canon;
use crate::stream::facts::{Facts, FinishReasons};
use crate::stream::usage::Usage;

/// The members of an event that are looked at; those of a response when there is no event around it.
#[derive(Default)]
struct Event<'a> {
    kind: Option<Raw<'a>>,
    response: Option<Raw<'a>>,
    item: Option<Raw<'a>>,
    part: Option<Raw<'a>>,
    delta: Option<Raw<'a>>,
    /// Something that a `done` event repeats.
    said: bool,
    error: Option<Raw<'a>>,
    code: Option<Raw<'a>>,
    message: Option<Raw<'a>>,
    number: Option<Raw<'a>>,
    place: Option<Raw<'a>>,
    part_place: Option<Raw<'a>>,
    whole: Response<'a>,
}

#[derive(Default)]
struct Response<'a> {
    object: Option<Raw<'a>>,
    status: Option<Raw<'a>>,
    output: Option<Raw<'a>>,
    usage: Option<Raw<'a>>,
    details: Option<Raw<'a>>,
    error: Option<Raw<'a>>,
}

impl<'a> Response<'a> {
    fn take(&mut self, key: &[u8], value: Raw<'a>) {
        let slot = match key {
            b"object" => &mut self.object,
            b"status" => &mut self.status,
            b"output" => &mut self.output,
            b"usage" => &mut self.usage,
            b"incomplete_details" => &mut self.details,
            b"error" => &mut self.error,
            _ => return,
        };
        *slot = Some(value);
    }
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
            b"response" => &mut seen.response,
            b"item" => &mut seen.item,
            b"part" => &mut seen.part,
            b"delta" => &mut seen.delta,
            b"error" => &mut seen.error,
            b"code" => &mut seen.code,
            b"message" => &mut seen.message,
            b"sequence_number" => &mut seen.number,
            b"output_index" => &mut seen.place,
            b"content_index" => &mut seen.part_place,
            b"text" | b"arguments" | b"input" | b"refusal" | b"transcript" => {
                seen.said |= value.is_truthy();
                return;
            }
            key => return seen.whole.take(key, value),
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
    let before = facts.error.is_some();
    if let Some(error) = seen.error.filter(|error| error.is_truthy()) {
        note_member(facts, error, "type");
    } else if kind == b"error" || named_error {
        note(facts, seen.message, None, seen.code);
    } else {
        read(kind, &seen, facts);
    }
    let plain = match canon {
        Canon::Responses(responses) if event == Some(kind) => {
            responses.is_plain(kind, seen.number, seen.place, seen.part_place, seen.delta)
        }
        _ => false,
    };
    Ok(Seen {
        error: !before && facts.error.is_some(),
        plain: plain.then(Plain::default),
        ..Seen::PASSED
    })
}

fn read(kind: &[u8], event: &Event<'_>, facts: &mut Facts) {
    match kind {
        b"response.created" | b"response.in_progress" | b"response.queued" => {}
        b"response.completed" | b"response.incomplete" => {
            facts.terminal = true;
            settle(&nested(event.response), facts);
            facts.choices.finish(0);
        }
        b"response.failed" => {
            let response = nested(event.response);
            settle(&response, facts);
            failed(&response, facts);
        }
        b"response.output_item.added" | b"response.output_item.done" => {
            facts.content |= event.item.is_some_and(is_filled);
        }
        b"response.content_part.added"
        | b"response.content_part.done"
        | b"response.reasoning_summary_part.added"
        | b"response.reasoning_summary_part.done" => {
            facts.content |= event.part.is_some_and(is_said);
        }
        b"" => whole(&event.whole, facts),
        _ if kind.ends_with(b".delta") => {
            facts.content |= event.delta.is_some_and(|delta| delta.is_truthy());
        }
        _ if kind.ends_with(b".done") => facts.content |= event.said,
        // Signs of life and limits are named otherwise; what a hosted tool does is shown.
        _ => facts.content |= kind.starts_with(b"response."),
    }
}

fn nested(response: Option<Raw<'_>>) -> Response<'_> {
    let mut nested = Response::default();
    if let Some(response) = response {
        for (key, value) in response.entries() {
            nested.take(key.as_bytes(), value);
        }
    }
    nested
}

/// A response that is no event: the answer to a client that wants no stream. One that only was taken on
/// (`background`) has no end yet.
fn whole(response: &Response<'_>, facts: &mut Facts) {
    settle(response, facts);
    match &*text_of(response.status) {
        "failed" => failed(response, facts),
        "completed" | "incomplete" => facts.choices.finish(0),
        _ => {}
    }
}

fn settle(response: &Response<'_>, facts: &mut Facts) {
    if let Some(output) = response.output {
        facts.content |= output.items().any(is_filled);
    }
    let usage = response.usage.and_then(Usage::of_responses);
    if usage.is_some() {
        facts.usage = usage;
    }
    let details = response.details.and_then(|details| details.get("reason"));
    match (&*text_of(response.status), &*text_of(details)) {
        ("completed", _) => facts.reasons.add(FinishReasons::STOP),
        ("incomplete", "max_output_tokens") => facts.reasons.add(FinishReasons::LENGTH),
        ("incomplete", "content_filter") => facts.reasons.add(FinishReasons::CONTENT_FILTER),
        ("incomplete", _) => facts.reasons.add(FinishReasons::OTHER),
        _ => {}
    }
}

fn failed(response: &Response<'_>, facts: &mut Facts) {
    match response.error.filter(|error| error.is_truthy()) {
        Some(error) => note_member(facts, error, "type"),
        None => note(facts, None, None, None),
    }
}

/// Whether an item is more than the announcement of text. All others begin with what they are.
fn is_filled(item: Raw<'_>) -> bool {
    match &*text_of(item.get("type")) {
        "message" | "reasoning" => ["content", "summary"]
            .iter()
            .filter_map(|name| item.get(name))
            .any(|parts| parts.items().any(is_said)),
        _ => true,
    }
}

fn is_said(part: Raw<'_>) -> bool {
    says_more_than(part, &["type", "annotations", "logprobs"])
}
