//! Ollama's `/api/chat` and `/api/generate`: each line, and a whole answer, is one object.

use super::{each_of, no_object, note_member, says_more_than, text_of, Seen};
use crate::json::Fault;
use crate::stream::facts::{Facts, FinishReasons};
use crate::stream::usage::Usage;

pub(super) fn observe(data: &[u8], facts: &mut Facts) -> Result<Seen, Fault> {
    let (mut error, mut reason) = (None, None);
    let (mut prompt, mut completion) = (None, None);
    let (mut content, mut done) = (false, false);
    let is_object = each_of(data, |key, value| match key {
        // Text, thinking, tool calls, images.
        b"message" => content |= says_more_than(value, &["role"]),
        b"response" | b"thinking" | b"image" | b"embeddings" => content |= value.is_truthy(),
        b"done" => done = value.as_bool() == Some(true),
        b"done_reason" => reason = Some(value),
        b"prompt_eval_count" => prompt = value.as_u64(),
        b"eval_count" => completion = value.as_u64(),
        b"error" => error = Some(value).filter(|error| error.is_truthy()),
        _ => {}
    })?;
    if !is_object {
        return no_object(data, false, facts);
    }
    facts.content |= content;
    let usage = Usage::of_ollama(prompt, completion);
    if usage.is_some() {
        facts.usage = usage;
    }
    if let Some(error) = error {
        note_member(facts, error, "type");
    } else if done {
        facts.terminal = true;
        facts.choices.finish(0);
        facts.reasons.add(match &*text_of(reason) {
            "" | "stop" => FinishReasons::STOP,
            "length" => FinishReasons::LENGTH,
            // The model was only loaded, or unloaded.
            _ => FinishReasons::OTHER,
        });
    }
    Ok(Seen {
        usage: usage.is_some(),
        error: error.is_some(),
        ..Seen::PASSED
    })
}
