//! Finds where events end and where their data stands, across read boundaries.
//!
//! Of server-sent events lines end with LF, CRLF or CR in any mixture, an event ends at an empty line, a byte order mark
//! may open the stream. A CR at the end of a read already ends its line (waiting for a possible LF
//! would delay whole events of streams that use CR); the LF that may follow is framed on its own
//! and shares the fate of the event it belongs to. Where bare JSON may stand among them, a line that
//! starts with a bracket starts it: no field of an event does.
//!
//! Of lines of JSON each is an event; an empty one has no data.
//!
//! All offsets are relative to the start of the current event, so that an unfinished event can be
//! moved to another buffer and continued there without scanning it again.

use memchr::{memchr, memchr2};

use super::balance::Balance;
use super::Shape;
use crate::json::Span;

/// What separates the events of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Framing {
    /// Empty lines.
    #[default]
    Events,
    /// The same, and the balance of brackets.
    EventsAndObjects,
    /// Ends of lines.
    Lines,
}

/// The data lines of one event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Data {
    /// No data line: a comment, a retry hint, an empty line.
    #[default]
    None,
    /// One line: its value.
    One(Span),
    /// Several lines, to be joined with LF; see [`join`].
    Many,
    /// No data line but JSON without one, all of the frame.
    Bare,
}

/// One event, up to and including its empty line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Frame {
    /// Bytes of the whole event.
    pub(super) len: usize,
    pub(super) data: Data,
    /// The value of its last `event` line.
    pub(super) name: Option<Span>,
    /// It starts the stream.
    pub(super) opening: bool,
    /// Not an event but the LF that completes the line end of the one before.
    pub(super) tail: bool,
    /// No empty line ended it: bare JSON begins behind it.
    pub(super) open: bool,
}

#[derive(Debug, Default)]
pub(super) struct Framer {
    framing: Framing,
    /// The bare JSON that the current event is.
    object: Option<Balance>,
    /// Where to go on looking for a line end.
    at: usize,
    /// Start of the current line.
    line: usize,
    /// The last line ended with a CR at the end of the buffer.
    after_cr: bool,
    /// The same, for the empty line that ended the last event.
    tail: bool,
    /// The first line of the stream is behind us.
    begun: bool,
    /// The current event holds that first line.
    opening: bool,
    data: Data,
    name: Option<Span>,
    /// Bytes looked at, for tests of linearity.
    pub(super) visited: u64,
}

impl Framer {
    pub(super) fn new(shape: Shape) -> Self {
        Self {
            framing: match shape {
                Shape::Ollama => Framing::Lines,
                Shape::Gemini => Framing::EventsAndObjects,
                _ => Framing::Events,
            },
            ..Self::default()
        }
    }

    /// The event that starts `buffer`, when it is complete. When it is not, the next call must
    /// start with the same bytes, with more behind them.
    #[inline]
    pub(super) fn next(&mut self, buffer: &[u8]) -> Option<Frame> {
        if self.framing == Framing::Lines {
            return self.next_line(buffer);
        }
        if self.tail {
            let first = *buffer.first()?;
            self.tail = false;
            if first == b'\n' {
                let tail = Frame {
                    len: 1,
                    data: Data::None,
                    name: None,
                    opening: false,
                    tail: true,
                    open: false,
                };
                return Some(tail);
            }
        }
        loop {
            if self.after_cr {
                if *buffer.get(self.at)? == b'\n' {
                    self.at += 1;
                    self.line = self.at;
                }
                self.after_cr = false;
            }
            if self.framing == Framing::EventsAndObjects {
                if self.object.is_none() && self.at == self.line && starts_json(buffer, self.at)? {
                    if self.line > 0 {
                        return Some(Frame {
                            open: true,
                            ..self.take_frame(self.line)
                        });
                    }
                    self.object = Some(Balance::default());
                }
                if self.object.is_some() {
                    return self.next_object(buffer);
                }
            }
            let rest = &buffer[self.at..];
            let Some(found) = memchr2(b'\n', b'\r', rest) else {
                self.visited += rest.len() as u64;
                self.at = buffer.len();
                return None;
            };
            self.visited += found as u64 + 1;
            let end = self.at + found;
            let mut next = end + 1;
            let mut open_cr = false;
            if buffer[end] == b'\r' {
                match buffer.get(next) {
                    Some(b'\n') => next += 1,
                    Some(_) => {}
                    None => open_cr = true,
                }
            }
            let blank = self.take_line(buffer, end);
            if blank {
                self.tail = open_cr;
                return Some(self.take_frame(next));
            }
            self.at = next;
            self.line = next;
            self.after_cr = open_cr;
        }
    }

    fn next_line(&mut self, buffer: &[u8]) -> Option<Frame> {
        let rest = &buffer[self.at..];
        let Some(found) = memchr(b'\n', rest) else {
            self.visited += rest.len() as u64;
            self.at = buffer.len();
            return None;
        };
        self.visited += found as u64 + 1;
        let end = self.at + found;
        self.take_object_line(buffer, end);
        Some(self.take_frame(end + 1))
    }

    fn next_object(&mut self, buffer: &[u8]) -> Option<Frame> {
        let rest = &buffer[self.at..];
        let found = self.object.as_mut()?.end(rest);
        self.visited += found.unwrap_or(rest.len()) as u64;
        let Some(len) = found else {
            self.at = buffer.len();
            return None;
        };
        let end = self.at + len;
        self.object = None;
        self.data = Data::Bare;
        Some(self.take_frame(end))
    }

    /// The unfinished event in `buffer` when no more bytes will come, its last line taken as ended.
    pub(super) fn finish(&mut self, buffer: &[u8]) -> Frame {
        if self.object.take().is_some() {
            self.data = Data::Bare;
        } else if self.framing == Framing::Lines {
            self.take_object_line(buffer, buffer.len());
        } else if self.line < buffer.len() {
            self.take_line(buffer, buffer.len());
        }
        self.take_frame(buffer.len())
    }

    /// Reads the line of JSON that ends (without its line end) at `end`.
    fn take_object_line(&mut self, buffer: &[u8], end: usize) {
        let mut line = &buffer[..end];
        if !std::mem::replace(&mut self.begun, true) {
            self.opening = true;
            line = &line[bom(line)..];
        }
        let text = line.trim_ascii_start();
        let start = end - text.len();
        let text = text.trim_ascii_end();
        if !text.is_empty() {
            let end = start + text.len();
            self.data = Data::One(Span { start, end });
        }
    }

    fn take_frame(&mut self, len: usize) -> Frame {
        let Self {
            data,
            name,
            opening,
            ..
        } = *self;
        self.at = 0;
        self.line = 0;
        self.after_cr = false;
        self.data = Data::None;
        self.name = None;
        self.opening = false;
        Frame {
            len,
            data,
            name,
            opening,
            tail: false,
            open: false,
        }
    }

    /// Reads the line that ends (without its line end) at `end`; whether it is empty.
    #[inline]
    fn take_line(&mut self, buffer: &[u8], end: usize) -> bool {
        let mut start = self.line;
        if !self.begun {
            self.begun = true;
            self.opening = true;
            start += bom(&buffer[start..end]);
        }
        if start == end {
            return true;
        }
        match field(&buffer[start..end]) {
            Some((b"data", offset)) => {
                self.data = match self.data {
                    Data::None => Data::One(Span {
                        start: start + offset,
                        end,
                    }),
                    _ => Data::Many,
                };
            }
            Some((b"event", offset)) => {
                self.name = Some(Span {
                    start: start + offset,
                    end,
                })
            }
            _ => {}
        }
        false
    }
}

/// Whether the line at `at` is JSON and no field; `None` while it has no byte.
#[inline]
fn starts_json(buffer: &[u8], at: usize) -> Option<bool> {
    buffer.get(at).map(|byte| matches!(byte, b'{' | b'['))
}

pub(super) fn bom(line: &[u8]) -> usize {
    3 * usize::from(line.starts_with(b"\xef\xbb\xbf"))
}

/// The name of a line's field and the offset of its value; `None` for comments.
#[inline]
fn field(line: &[u8]) -> Option<(&[u8], usize)> {
    // Nearly every line.
    if line.starts_with(b"data: ") {
        return Some((b"data", 6));
    }
    match memchr(b':', line) {
        Some(0) => None,
        Some(colon) => {
            let space = usize::from(line.get(colon + 1) == Some(&b' '));
            Some((&line[..colon], colon + 1 + space))
        }
        None => Some((line, line.len())),
    }
}

/// The values of all data lines of an event, joined with LF. `opening`: it starts the stream.
pub(super) fn join(event: &[u8], opening: bool) -> Vec<u8> {
    let start = if opening { bom(event) } else { 0 };
    let mut joined = Vec::with_capacity(event.len());
    let mut first = true;
    // A CRLF yields an empty piece between its two bytes; an empty piece is no data line.
    for line in event[start..].split(|byte| matches!(byte, b'\n' | b'\r')) {
        if let Some((b"data", offset)) = field(line) {
            if !std::mem::take(&mut first) {
                joined.push(b'\n');
            }
            joined.extend_from_slice(&line[offset..]);
        }
    }
    joined
}
