//! What one party said in several turns, put together again.
//!
//! Somebody who dictates a number in pieces, with an answer after each, sends a conversation in which
//! no piece is a number. Neighbours are joined by the text itself ([`super::super::JOINT`]); here turns
//! of one role are joined over what others said, or what the names of messages are, between them, where
//! one ends with a digit and the next begins with one. Only the ends are looked at, so it costs a few bytes per turn.

use super::{Piece, Shadow, BREAK};
use crate::sensitivity::JOINT;
use crate::text::{Kind, Mark, Role, Text};

/// So much of an end is put together: more than the longest identifier.
const END: usize = 48;
/// Marks behind a digit at the end of a turn that do not matter.
const CLOSING: &[u8] = b" \t\r\n.,;:!?-)";

/// The joined ends; `None` where no two turns may be parts of one number.
pub(in crate::sensitivity) fn rejoined(text: &Text) -> Option<Shadow> {
    let turns = || {
        let said = |mark: &&Mark| mark.kind == Kind::Content && mark.message != Mark::NO_MESSAGE;
        text.marks().iter().filter(said)
    };
    // Most conversations have no turn that begins with a digit; the ends of the others cost the blanks there.
    if !turns().any(|mark| begins_with_digit(text, mark)) {
        return None;
    }
    let mut shadow = Shadow::default();
    let mut last: [Said<'_>; 5] = [Said::default(); 5];
    // The turn with which the shadow ends at present, if that may still go on.
    let mut open: Option<&Mark> = None;
    for mark in turns() {
        let said = &mut last[slot(text.role(mark))];
        said.note(text, mark);
        // Neighbours stand side by side unless others, a name or another member stand between them.
        let Some(before) = said.before.filter(|it| it.end + 1 < mark.start) else {
            continue;
        };
        if !begins_with_digit(text, mark) {
            continue;
        }
        let bytes = text.of_mark(mark);
        let end = digits_end(text.of_mark(before));
        // A short turn that was put down whole goes on where it ended.
        let goes_on = open == Some(before) && end <= END;
        if !goes_on {
            shadow.text.push(BREAK);
            put(&mut shadow, text, before, end.saturating_sub(END), end);
        }
        shadow.text.push(JOINT);
        let whole = digits_end(bytes);
        let to = if whole > 0 { whole } else { bytes.len() };
        put(&mut shadow, text, mark, 0, to.min(END));
        open = (1..=END).contains(&whole).then_some(mark);
    }
    (!shadow.text.is_empty()).then_some(shadow)
}

/// What a role said last: of a message the text that ends with a digit, whatever else it holds (a name).
#[derive(Clone, Copy, Default)]
struct Said<'t> {
    message: Option<u32>,
    now: Option<&'t Mark>,
    before: Option<&'t Mark>,
}

impl<'t> Said<'t> {
    fn note(&mut self, text: &Text, mark: &'t Mark) {
        if self.message != Some(mark.message) {
            self.message = Some(mark.message);
            self.before = self.now.take();
        }
        if digits_end(text.of_mark(mark)) > 0 {
            self.now = Some(mark);
        }
    }
}

fn begins_with_digit(text: &Text, mark: &Mark) -> bool {
    text.of_mark(mark).first().is_some_and(u8::is_ascii_digit)
}

/// Behind the last digit of a turn that ends with one; 0 for others.
fn digits_end(bytes: &[u8]) -> usize {
    let end = bytes
        .iter()
        .rposition(|byte| !CLOSING.contains(byte))
        .map_or(0, |at| at + 1);
    match end.checked_sub(1).map(|at| bytes[at].is_ascii_digit()) {
        Some(true) => end,
        _ => 0,
    }
}

fn put(shadow: &mut Shadow, text: &Text, mark: &Mark, from: usize, to: usize) {
    let bytes = text.of_mark(mark);
    let start = mark.start as usize + from;
    let at = shadow.text.len();
    shadow.text.extend_from_slice(&bytes[from..to]);
    shadow.pieces.push(Piece {
        at,
        start,
        end: mark.start as usize + to,
        same: true,
    });
}

fn slot(role: Role) -> usize {
    match role {
        Role::System => 0,
        Role::User => 1,
        Role::Assistant => 2,
        Role::Tool => 3,
        Role::Unknown => 4,
    }
}
