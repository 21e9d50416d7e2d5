//! The same observation and repair for an answer in one piece.

use super::facts::Facts;
use super::observe::observe;
use super::repair::{Mender, Repairs};
use super::Shape;

/// What a whole answer says: content, usage, finish reasons, an error inside a 200. An answer that
/// is not one JSON object has `unreadable` set and no content (Gemini's errors may be an array).
pub fn observe_json(bytes: &[u8], shape: Shape) -> Facts {
    read(bytes, shape, Repairs::NONE).0
}

/// The answer with the repairs that concern whole answers; `None` when nothing changes.
pub fn repair_json(bytes: &[u8], shape: Shape, repairs: Repairs) -> Option<Vec<u8>> {
    read(bytes, shape, repairs).1
}

pub(super) fn read(bytes: &[u8], shape: Shape, repairs: Repairs) -> (Facts, Option<Vec<u8>>) {
    let mut facts = Facts {
        bytes: bytes.len() as u64,
        events: 1,
        ..Facts::default()
    };
    let mut mender = Mender::new(shape.mendable(repairs).intersection(Repairs::WHOLE));
    match observe(bytes, shape, None, &mut facts, &mut mender) {
        Ok(seen) if facts.unreadable == 0 => {
            let mended = seen.rewritten.or_else(|| mender.mended(bytes));
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
