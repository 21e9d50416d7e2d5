//! Gemini's `GenerateContentResponse`: each event, and a whole answer, is one.

use super::{each_of, no_object, note_member, says_more_than, text_of, Seen};
use crate::json::{Fault, Kind, Raw, Scanner, MAX_DEPTH};
use crate::stream::facts::{bit, Facts, FinishReasons};
use crate::stream::usage::Usage;

pub(super) fn observe(data: &[u8], facts: &mut Facts) -> Result<Seen, Fault> {
    let mut error = None;
    let mut candidates = None;
    let mut feedback = None;
    let mut usage = None;
    let is_object = each_of(data, |key, value| match key {
        b"error" => error = Some(value).filter(|error| error.is_truthy()),
        b"candidates" => candidates = Some(value),
        b"promptFeedback" => feedback = Some(value),
        b"usageMetadata" => usage = Usage::of_gemini(value),
        _ => {}
    })?;
    if !is_object {
        return wrapped_error(data, facts);
    }
    if usage.is_some() {
        facts.usage = usage;
    }
    let mut any = false;
    if let Some(candidates) = candidates {
        for (position, candidate) in candidates.items().enumerate() {
            any = true;
            read_candidate(position as u64, candidate, facts);
        }
    }
    if let Some(error) = error {
        note_member(facts, error, "status");
    } else if !any && feedback.is_some_and(|it| !text_of(it.get("blockReason")).is_empty()) {
        // The prompt was refused: that is the answer.
        facts.content = true;
        facts.choices.finish(0);
        facts.reasons.add(FinishReasons::CONTENT_FILTER);
    }
    Ok(Seen {
        usage: usage.is_some(),
        error: error.is_some(),
        ..Seen::PASSED
    })
}

/// An array: some errors come as its only item. Nothing else does.
fn wrapped_error(data: &[u8], facts: &mut Facts) -> Result<Seen, Fault> {
    let mut scanner = Scanner::new(data, MAX_DEPTH);
    let value = scanner.skip()?;
    scanner.end()?;
    let error = value.raw(data).items().next();
    match error.and_then(|item| item.get("error")) {
        Some(error) if error.is_truthy() => {
            note_member(facts, error, "status");
            Ok(Seen {
                error: true,
                ..Seen::PASSED
            })
        }
        _ => no_object(data, false, facts),
    }
}

fn read_candidate(position: u64, candidate: Raw<'_>, facts: &mut Facts) {
    let mut index = position;
    let mut reason = None;
    for (key, value) in candidate.entries() {
        match &*key {
            "index" => index = value.as_u64().unwrap_or(position),
            "finishReason" => reason = Some(value),
            "content" if value.kind() == Kind::Object => {
                let parts = value.get("parts");
                facts.content |= parts.is_some_and(|parts| {
                    // Text, calls, data: whatever there is, apart from what belongs to it.
                    let labels = &["thought", "thoughtSignature"];
                    parts.items().any(|part| says_more_than(part, labels))
                });
            }
            _ => {}
        }
    }
    facts.choices.seen |= bit(index);
    let named = match &*text_of(reason) {
        "" | "FINISH_REASON_UNSPECIFIED" => return,
        "STOP" => FinishReasons::STOP,
        "MAX_TOKENS" => FinishReasons::LENGTH,
        "SAFETY" | "RECITATION" | "BLOCKLIST" | "PROHIBITED_CONTENT" | "SPII" | "LANGUAGE"
        | "MODEL_ARMOR" => FinishReasons::CONTENT_FILTER,
        name if name.starts_with("IMAGE_") => FinishReasons::CONTENT_FILTER,
        _ => FinishReasons::OTHER,
    };
    facts.reasons.add(named);
    facts.choices.finish(index);
}
