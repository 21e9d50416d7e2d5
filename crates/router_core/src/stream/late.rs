//! The usage event of a Chat stream, kept back until nothing but the end can follow.
//!
//! The protocol ends a stream with a chunk that holds usage and no choice, and accumulators keep the
//! last value that they see: a backend that reports before or between its content is overruled by
//! the chunks that come after. So the event waits here, and when a chunk with content reports newer
//! figures, these take the place of its own. One event at most is kept.

use super::canon::members::{unnamed, Members, Object};
use crate::json::Raw;

/// The data of the usage event that waits, if there is one.
#[derive(Default)]
pub(super) struct Late {
    held: Option<Vec<u8>>,
}

impl Late {
    /// Keeps an event in place of an older one.
    pub(super) fn hold(&mut self, data: &[u8]) {
        self.held = Some(data.to_vec());
    }

    /// Newer figures than those of the event that waits.
    pub(super) fn renew(&mut self, usage: Raw<'_>) {
        let Some(held) = &mut self.held else { return };
        let mut out = Object::new(true);
        for (key, value) in &Members::within(held).all {
            let value = if key == "usage" { usage } else { *value };
            out.keep(key, value);
        }
        *held = out.end().0;
    }

    /// Whether one waits.
    pub(super) fn waits(&self) -> bool {
        self.held.is_some()
    }

    /// The event.
    pub(super) fn take(&mut self) -> Vec<u8> {
        self.held
            .take()
            .map_or_else(Vec::new, |held| unnamed(&held))
    }
}
