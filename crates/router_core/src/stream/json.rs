//! The same observation for an answer in one piece.

use super::canon::{finish_reason, members::quoted, Canon};
use super::facts::{Facts, FinishReasons};
use super::observe::observe;
use super::Shape;
use crate::json::{Raw, Scanner, MAX_DEPTH};

/// What a whole answer says: content, usage, finish reasons, an error inside a 200. An answer that
/// is not one JSON object has `unreadable` set and no content (Gemini's errors may be an array).
pub fn observe_json(bytes: &[u8], shape: Shape) -> Facts {
    read(bytes, shape).0
}

/// The facts, and the answer with its finish reasons in the protocol's words; `None` when nothing changes.
pub(super) fn read(bytes: &[u8], shape: Shape) -> (Facts, Option<Vec<u8>>) {
    let mut facts = Facts {
        bytes: bytes.len() as u64,
        events: 1,
        ..Facts::default()
    };
    match observe(bytes, shape, None, &mut facts, &Canon::None) {
        Ok(_) if facts.unreadable == 0 => {
            let odd = shape.is_chat() && facts.reasons.contains(FinishReasons::OTHER);
            let mended = odd.then(|| with_known_reasons(bytes)).flatten();
            (facts, mended)
        }
        _ => {
            let unreadable = Facts {
                bytes: facts.bytes,
                events: 1,
                unreadable: 1,
                ..Facts::default()
            };
            (unreadable, None)
        }
    }
}

fn with_known_reasons(bytes: &[u8]) -> Option<Vec<u8>> {
    let whole = Scanner::new(bytes, MAX_DEPTH).skip().ok()?.raw(bytes);
    let mut out = Vec::with_capacity(bytes.len());
    let mut from = 0;
    for reason in whole
        .get("choices")?
        .items()
        .filter_map(|choice| choice.get("finish_reason"))
    {
        let Some(text) = reason.as_str() else {
            continue;
        };
        let start = offset(bytes, reason);
        out.extend_from_slice(&bytes[from..start]);
        out.extend_from_slice(&quoted(finish_reason(&text)));
        from = start + reason.bytes().len();
    }
    out.extend_from_slice(&bytes[from..]);
    Some(out)
}

/// Where a value stands in the text that it is part of.
fn offset(text: &[u8], part: Raw<'_>) -> usize {
    part.bytes().as_ptr() as usize - text.as_ptr() as usize
}
