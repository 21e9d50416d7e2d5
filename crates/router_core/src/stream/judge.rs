//! The verdict on one event: observe it, then pass, drop, mend or replace it.

use super::facts::Facts;
use super::framer::{join, Data, Frame};
use super::late::Late;
use super::observe::{is_error_name, observe, ChoiceList};
use super::options::RelayOptions;
use super::repair::{Mender, Repairs};
use super::Shape;
use crate::types::json::{write_string, Span};

/// What becomes of an event.
pub(super) enum Verdict {
    Pass,
    Drop,
    /// The event with its data mended, its own line ends kept.
    Mend(Vec<u8>),
    /// Another event in its place.
    Replace(Vec<u8>),
}

impl Verdict {
    /// The same behind what was kept back until now; `event` is what passes.
    fn after(self, mut kept: Vec<u8>, event: &[u8]) -> Self {
        match self {
            Self::Pass => {
                kept.extend_from_slice(event);
                Self::Mend(kept)
            }
            Self::Mend(bytes) => {
                kept.extend_from_slice(&bytes);
                Self::Mend(kept)
            }
            Self::Replace(bytes) => {
                kept.extend_from_slice(&bytes);
                Self::Replace(kept)
            }
            Self::Drop => Self::Replace(kept),
        }
    }
}

/// What became of the last event: a late line feed shares it.
#[derive(Clone, Copy)]
enum Fate {
    /// Forwarded with its own line ends.
    Passed,
    Gone,
    /// Kept for later.
    Kept,
}

/// Judges the events of one answer in their order.
pub(super) struct Judge {
    shape: Shape,
    strip_usage: bool,
    pub(super) facts: Facts,
    mender: Mender,
    late: Late,
    /// Where the current event, one that is to be kept, holds its usage.
    keep: Option<Span>,
    fate: Fate,
    /// Bytes looked at, for tests of linearity.
    pub(super) visited: u64,
}

impl Judge {
    pub(super) fn new(options: &RelayOptions) -> Self {
        Self {
            shape: options.shape,
            strip_usage: options.strip_usage && options.shape.is_chat(),
            facts: Facts::default(),
            mender: Mender::new(options.shape.mendable(options.repairs)),
            late: Late::default(),
            keep: None,
            fate: Fate::Passed,
            visited: 0,
        }
    }

    /// What becomes of one event. `last`: it is known that the terminal event follows at once.
    pub(super) fn judge(&mut self, event: &[u8], frame: &Frame, last: bool) -> Verdict {
        if frame.tail {
            return match self.fate {
                Fate::Passed => Verdict::Pass,
                Fate::Gone => Verdict::Drop,
                Fate::Kept => {
                    self.late.tail(event);
                    Verdict::Drop
                }
            };
        }
        let mut kept = false;
        let verdict = match frame.data {
            Data::None => Verdict::Pass,
            Data::One(span) => {
                let data = span.of(event);
                let verdict = self.judge_data(data, event, frame);
                match (verdict, self.keep.take()) {
                    (_, Some(_)) if last => {
                        self.late.forget();
                        Verdict::Pass
                    }
                    (_, Some(usage)) => {
                        kept = true;
                        let usage = usage.moved(span.start);
                        let mark = self.late.hold(event, usage, frame.opening);
                        Verdict::Mend(mark)
                    }
                    (Verdict::Mend(data), None) => {
                        let (before, after) = (&event[..span.start], &event[span.end..]);
                        Verdict::Mend([before, &data, after].concat())
                    }
                    (other, None) => other,
                }
            }
            Data::Many => {
                let data = join(event, frame.opening);
                self.visited += event.len() as u64;
                let verdict = self.judge_data(&data, event, frame);
                match (verdict, self.keep.take()) {
                    (_, Some(usage)) => {
                        let usage = usage.moved(EVENT_HEAD.len());
                        self.late.hold_made(as_event(&one_line(data)), usage);
                        Verdict::Drop
                    }
                    (Verdict::Mend(data), None) => Verdict::Replace(as_event(&one_line(data))),
                    (other, None) => other,
                }
            }
            Data::Bare => {
                self.judge_data(event, event, frame);
                Verdict::Replace(as_event(&one_line(event.to_vec())))
            }
        };
        let verdict = match self.late.due() {
            Some(late) => verdict.after(late, event),
            None => verdict,
        };
        self.fate = match verdict {
            _ if kept => Fate::Kept,
            Verdict::Pass | Verdict::Mend(_) => Fate::Passed,
            Verdict::Drop | Verdict::Replace(_) => Fate::Gone,
        };
        verdict
    }

    /// The event that was kept back, at the end of the answer.
    pub(super) fn take_late(&mut self) -> Option<Vec<u8>> {
        self.late.take()
    }

    /// The verdict on an event's data; [`Verdict::Mend`] holds the data alone.
    #[inline]
    fn judge_data(&mut self, data: &[u8], event: &[u8], frame: &Frame) -> Verdict {
        let facts = &mut self.facts;
        if facts.terminal {
            facts.after_terminal = true;
            return Verdict::Pass;
        }
        facts.events += 1;
        if data.starts_with(b"[DONE]") {
            // Elsewhere a stray one means nothing: clients there wait for the mark of their protocol.
            facts.terminal = self.shape.is_chat();
            self.late.release();
            return Verdict::Pass;
        }
        if data.trim_ascii().is_empty() {
            return Verdict::Pass;
        }
        self.visited += data.len() as u64;
        let name = frame.name.map(|name| name.of(event));
        let Ok(seen) = observe(data, self.shape, name, facts, &mut self.mender) else {
            return self.unreadable(data, name);
        };
        if seen.error {
            // Whoever reads on after an error is told everything that came before it.
            self.late.release();
        }
        if let Some(data) = seen.rewritten {
            return Verdict::Replace(as_event(&data));
        }
        if !seen.error {
            let no_choice = seen.choices == ChoiceList::Empty;
            if self.strip_usage && no_choice && seen.usage {
                return Verdict::Drop;
            }
            if let Some(usage) = seen.usage_span {
                if !no_choice {
                    self.late.renew(usage.of(data));
                } else if self.mender.does(Repairs::LATE_USAGE) {
                    self.keep = Some(usage);
                    return Verdict::Drop;
                }
            }
            if seen.choices != ChoiceList::Filled
                && !seen.usage
                && self.mender.does(Repairs::EMPTY_CHOICES_KEEPALIVE)
            {
                return Verdict::Drop;
            }
        }
        self.mender
            .mended(data)
            .map_or(Verdict::Pass, Verdict::Mend)
    }

    /// Data that is not JSON: text in an error event is its message, anything else may be content.
    fn unreadable(&mut self, data: &[u8], name: Option<&[u8]>) -> Verdict {
        if !is_error_name(name) {
            self.facts.unreadable += 1;
            self.facts.content = true;
            return Verdict::Pass;
        }
        self.late.release();
        let mut literal = Vec::with_capacity(data.len() + 2);
        write_string(&mut literal, &String::from_utf8_lossy(data));
        let facts = &mut self.facts;
        match observe(&literal, self.shape, name, facts, &mut self.mender) {
            Ok(seen) => seen
                .rewritten
                .map_or(Verdict::Pass, |data| Verdict::Replace(as_event(&data))),
            Err(_) => Verdict::Pass,
        }
    }
}

const EVENT_HEAD: &[u8] = b"data: ";

fn as_event(data: &[u8]) -> Vec<u8> {
    [EVENT_HEAD, data, b"\n\n"].concat()
}

/// JSON of several lines as one: its line ends lie between tokens, where any white space will do.
fn one_line(mut data: Vec<u8>) -> Vec<u8> {
    data.iter_mut()
        .filter(|byte| matches!(byte, b'\n' | b'\r'))
        .for_each(|byte| *byte = b' ');
    data
}
