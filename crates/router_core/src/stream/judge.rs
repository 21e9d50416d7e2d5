//! The verdict on one event: observe it, then pass it as it is, or write what stands for it.

use std::borrow::Cow;

use super::canon::{unnamed, value, Canon, Given, Said};
use super::facts::Facts;
use super::framer::{join, Data, Frame};
use super::late::Late;
use super::observe::{is_error_name, observe, ChoiceList, Seen};
use super::options::RelayOptions;
use super::Shape;
use crate::json::{write_string, Span};

pub(super) const DONE: &[u8] = b"data: [DONE]\n\n";

/// What becomes of an event.
pub(super) enum Verdict {
    Pass,
    /// These events in its place; there may be none.
    Replace(Vec<u8>),
}

impl Verdict {
    const DROP: Self = Self::Replace(Vec::new());
}

/// Judges the events of one answer in their order.
pub(super) struct Judge {
    shape: Shape,
    strip_usage: bool,
    pub(super) facts: Facts,
    pub(super) canon: Canon,
    late: Late,
    /// Bytes looked at, for tests of linearity.
    pub(super) visited: u64,
}

impl Judge {
    pub(super) fn new(options: &RelayOptions) -> Self {
        Self {
            shape: options.shape,
            strip_usage: options.strip_usage && options.shape.is_chat(),
            facts: Facts::default(),
            canon: Canon::new(options.shape, &options.identity),
            late: Late::default(),
            visited: 0,
        }
    }

    /// Whether events of this shape are for the gateway's own readers, who take them as they come.
    fn passes(&self) -> bool {
        matches!(self.canon, Canon::None)
    }

    /// What becomes of one event. `last`: it is known that the terminal event follows at once.
    pub(super) fn judge(&mut self, event: &[u8], frame: &Frame, last: bool) -> Verdict {
        let passes = self.passes();
        match frame.data {
            _ if frame.tail && passes => Verdict::Pass,
            _ if frame.tail => Verdict::DROP,
            Data::None if passes => Verdict::Pass,
            // Comments and hints for reconnecting: the gateway keeps its own streams alive.
            Data::None => Verdict::DROP,
            Data::One(span) => {
                let framed = passes || self.is_framed(event, frame, span);
                self.judge_data(span.of(event), event, frame, framed, last)
            }
            Data::Many => {
                let data = join(event, frame.opening);
                self.visited += event.len() as u64;
                self.judge_data(&data, event, frame, passes, last)
            }
            Data::Bare => {
                self.judge_data(event, event, frame, true, false);
                Verdict::Replace(unnamed(event))
            }
        }
    }

    /// Whether the bytes around the data are those that the dialect has there.
    #[inline]
    fn is_framed(&self, event: &[u8], frame: &Frame, data: Span) -> bool {
        if self.shape == Shape::Ollama {
            return data.start == 0 && event.len() == data.end + 1;
        }
        let ends = event.len() == data.end + 2 && event.ends_with(b"\n\n");
        let head = &event[..data.start];
        ends && match frame.name {
            None => head == b"data: " && self.shape.is_chat(),
            Some(name) => {
                !self.shape.is_chat()
                    && name.start == 7
                    && head.starts_with(b"event: ")
                    && &head[name.end..] == b"\ndata: "
            }
        }
    }

    /// What waits, at the end of an answer that is complete, with what is still due.
    pub(super) fn close(&mut self) -> Vec<u8> {
        let mut out = self.canon.close();
        out.extend(self.late.take());
        out
    }

    /// What waits, at the end of an answer that is not.
    pub(super) fn give_up(&mut self) -> Vec<u8> {
        let mut out = self.canon.give_up();
        out.extend(self.late.take());
        out
    }

    #[inline]
    fn judge_data(
        &mut self,
        data: &[u8],
        event: &[u8],
        frame: &Frame,
        mut framed: bool,
        last: bool,
    ) -> Verdict {
        let passes = self.passes();
        if self.facts.terminal || (self.facts.error.is_some() && !passes) {
            self.facts.after_terminal |= self.facts.terminal;
            return if passes { Verdict::Pass } else { Verdict::DROP };
        }
        self.facts.events += 1;
        if data.starts_with(b"[DONE]") {
            return self.done(event);
        }
        if data.trim_ascii().is_empty() {
            return if passes { Verdict::Pass } else { Verdict::DROP };
        }
        self.visited += data.len() as u64;
        let mut text = Cow::Borrowed(data);
        if !passes && simdutf8::basic::from_utf8(data).is_err() {
            framed = false;
            text = Cow::Owned(String::from_utf8_lossy(data).into_owned().into_bytes());
        }
        let name = frame.name.map(|name| name.of(event));
        let before = self.facts.unreadable;
        let Ok(seen) = observe(&text, self.shape, name, &mut self.facts, &self.canon) else {
            return self.unreadable(&text, name);
        };
        if passes {
            return Verdict::Pass;
        }
        if self.facts.unreadable > before {
            return Verdict::DROP;
        }
        if let (Some(plain), true) = (&seen.plain, framed && !self.late.waits()) {
            self.canon.note(plain);
            return Verdict::Pass;
        }
        let Some(read) = value(&text) else {
            return Verdict::DROP;
        };
        let given = Given {
            data: read,
            name,
            framed,
        };
        if seen.error {
            return self.failed(&given, event);
        }
        self.write(&given, &seen, event, last)
    }

    /// The mark of a complete answer. Elsewhere a stray one means nothing: clients there wait for the
    /// mark of their protocol.
    fn done(&mut self, event: &[u8]) -> Verdict {
        if !self.shape.is_chat() {
            return if self.passes() {
                Verdict::Pass
            } else {
                Verdict::DROP
            };
        }
        self.facts.terminal = true;
        if self.passes() {
            return Verdict::Pass;
        }
        let mut out = self.close();
        if out.is_empty() && event == DONE {
            return Verdict::Pass;
        }
        out.extend_from_slice(DONE);
        Verdict::Replace(out)
    }

    /// An event that is not plain, and no error.
    fn write(&mut self, given: &Given<'_>, seen: &Seen, event: &[u8], last: bool) -> Verdict {
        let usage_only = self.shape.is_chat() && seen.choices != ChoiceList::Filled && seen.usage;
        if usage_only && self.strip_usage {
            return Verdict::DROP;
        }
        if self.late.waits() && !usage_only && seen.usage {
            if let Some(usage) = given.data.get("usage") {
                self.late.renew(usage);
            }
        }
        if usage_only {
            return self.usage(given, event, last);
        }
        match self.canon.take(given, &mut self.facts) {
            Said::Same => Verdict::Pass,
            Said::Events(events) => Verdict::Replace(events),
            Said::Unreadable => {
                self.facts.unreadable += 1;
                Verdict::DROP
            }
        }
    }

    /// The event that tells the usage and nothing else.
    fn usage(&mut self, given: &Given<'_>, event: &[u8], last: bool) -> Verdict {
        let Canon::Chat(chat) = &mut self.canon else {
            return Verdict::Pass;
        };
        let held = chat.hand_over();
        let said = chat.take(given, &mut self.facts);
        chat.hand_back(held);
        if last {
            // The newest figures stand, as where the mark of the end comes in a later read.
            self.late = Late::default();
            let mut out = self.close();
            return match said {
                Said::Same if out.is_empty() => Verdict::Pass,
                Said::Events(events) => {
                    out.extend(events);
                    Verdict::Replace(out)
                }
                _ => {
                    out.extend_from_slice(event);
                    Verdict::Replace(out)
                }
            };
        }
        match said {
            Said::Events(events) => {
                let data = events.strip_prefix(b"data: ").unwrap_or(&events);
                self.late.hold(data.trim_ascii_end());
            }
            _ => self.late.hold(given.data.bytes()),
        }
        Verdict::DROP
    }

    /// An event that reports an error. Whoever reads on after it is told everything that came before.
    fn failed(&mut self, given: &Given<'_>, event: &[u8]) -> Verdict {
        let mut out = self.give_up();
        match self.canon.error(given) {
            Said::Same if out.is_empty() => return Verdict::Pass,
            Said::Same => out.extend_from_slice(event),
            Said::Events(events) => out.extend(events),
            Said::Unreadable => {}
        }
        Verdict::Replace(out)
    }

    /// Data that is not JSON: text in an error event is its message, anything else may be content.
    fn unreadable(&mut self, data: &[u8], name: Option<&[u8]>) -> Verdict {
        if !is_error_name(name) {
            self.facts.unreadable += 1;
            self.facts.content = true;
            return if self.passes() {
                Verdict::Pass
            } else {
                Verdict::DROP
            };
        }
        let mut literal = Vec::with_capacity(data.len() + 2);
        write_string(&mut literal, &String::from_utf8_lossy(data));
        let _ = observe(&literal, self.shape, name, &mut self.facts, &self.canon);
        let Some(data) = value(&literal) else {
            return Verdict::DROP;
        };
        let given = Given {
            data,
            name,
            framed: false,
        };
        self.failed(&given, b"")
    }
}
