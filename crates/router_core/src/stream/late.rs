//! The usage event of a Chat stream, kept back until nothing but the end can follow.
//!
//! The protocol ends a stream with a chunk that holds usage and no choice, and accumulators keep the
//! last value that they see: a backend that reports before or between its content is overruled by
//! the chunks that come after. So the event waits here, and when a chunk with content reports newer
//! figures, these take the place of its own. One event at most is kept.

use super::framer::bom;
use crate::types::json::Span;

struct Held {
    event: Vec<u8>,
    /// Where its usage stands.
    usage: Span,
    /// It keeps its own line ends, so a line feed that completes the last one belongs to it.
    whole: bool,
}

/// The usage event that waits, if there is one.
#[derive(Default)]
pub(super) struct Late {
    held: Option<Held>,
    due: bool,
}

impl Late {
    /// Keeps an event in place of an older one. What must stay behind: a byte order mark.
    pub(super) fn hold(&mut self, event: &[u8], usage: Span, opening: bool) -> Vec<u8> {
        let mark = if opening { bom(event) } else { 0 };
        self.held = Some(Held {
            event: event[mark..].to_vec(),
            usage: Span {
                start: usage.start - mark,
                end: usage.end - mark,
            },
            whole: true,
        });
        event[..mark].to_vec()
    }

    /// The same for an event that was put together from several lines, `usage` given as it will stand.
    pub(super) fn hold_made(&mut self, event: Vec<u8>, usage: Span) {
        self.held = Some(Held {
            event,
            usage,
            whole: false,
        });
    }

    /// Newer figures than those of the event that waits.
    pub(super) fn renew(&mut self, usage: &[u8]) {
        if let Some(held) = &mut self.held {
            let Span { start, end } = held.usage;
            // A line end would end the line of data.
            let one_line = usage.iter().map(|byte| match byte {
                b'\n' | b'\r' => b' ',
                other => *other,
            });
            held.event.splice(start..end, one_line);
            held.usage.end = start + usage.len();
        }
    }

    /// The line feed of the line end that closed the event which was kept last.
    pub(super) fn tail(&mut self, bytes: &[u8]) {
        if let Some(held) = self.held.as_mut().filter(|held| held.whole) {
            held.event.extend_from_slice(bytes);
        }
    }

    /// Another usage event passes in its place.
    pub(super) fn forget(&mut self) {
        self.held = None;
    }

    /// The current event is one before which it must go out.
    pub(super) fn release(&mut self) {
        self.due = self.held.is_some();
    }

    /// The event, when it was released.
    #[inline]
    pub(super) fn due(&mut self) -> Option<Vec<u8>> {
        if std::mem::take(&mut self.due) {
            self.take()
        } else {
            None
        }
    }

    /// The event, whenever.
    pub(super) fn take(&mut self) -> Option<Vec<u8>> {
        self.held.take().map(|held| held.event)
    }
}
