//! Feeds chunks through the framer, judges each event, and hands back what is to be forwarded.

use super::canon::Canon;
use super::facts::Facts;
use super::framer::{join, Data, Framer};
use super::judge::{Judge, Verdict, DONE};
use super::options::{End, Feed, RelayOptions};
use super::Shape;
use crate::json::{Scanner, MAX_DEPTH};

/// What one buffer came to.
struct Judged {
    /// How many bytes were judged; the rest is an unfinished event.
    end: usize,
    /// What replaces them; `None` when all of them pass.
    out: Option<Vec<u8>>,
}

/// The relay of one answer stream.
pub struct Relay {
    options: RelayOptions,
    framer: Framer,
    judge: Judge,
    /// The unfinished event, or the body when this is no event stream.
    held: Vec<u8>,
    /// The first byte that is not white space was seen.
    sniffed: bool,
    /// How many bytes before that one were skipped: white space and a byte order mark.
    blank: usize,
    ended: bool,
}

impl Relay {
    /// A relay at the start of an answer.
    pub fn new(options: RelayOptions) -> Self {
        Self {
            framer: Framer::new(options.shape),
            judge: Judge::new(&options),
            options,
            held: Vec::new(),
            sniffed: false,
            blank: 0,
            ended: false,
        }
    }

    /// What is known so far.
    pub fn facts(&self) -> &Facts {
        &self.judge.facts
    }

    /// How many bytes were looked at, each time that one was: the measure of work in tests.
    pub fn bytes_visited(&self) -> u64 {
        self.judge.visited + self.framer.visited
    }

    /// Takes the next bytes of the answer, split anywhere. Does not allocate when the chunk holds
    /// whole events that pass.
    pub fn feed(&mut self, chunk: &[u8]) -> Feed {
        if self.ended {
            return Feed::Hold;
        }
        self.judge.facts.bytes += chunk.len() as u64;
        if self.judge.facts.too_large {
            return Feed::TooLarge;
        }
        if self.judge.facts.not_sse {
            return self.hold(chunk);
        }
        let whole = self.held.is_empty();
        if !self.sniffed {
            if !whole {
                self.held.extend_from_slice(chunk);
            }
            let seen = if whole { chunk } else { &self.held };
            match sniff(seen, &mut self.blank, self.options.shape) {
                Some(true) => self.sniffed = true,
                verdict => {
                    self.judge.facts.not_sse = verdict == Some(false);
                    return self.hold(if whole { chunk } else { &[] });
                }
            }
        } else if !whole {
            self.held.extend_from_slice(chunk);
        }
        if whole {
            self.feed_chunk(chunk)
        } else {
            self.feed_held()
        }
    }

    /// Takes the end of the answer, however the connection ended: what is still to be forwarded
    /// ([`Feed::Replace`] or [`Feed::Hold`]) and how the answer ended by its own marks. An event that
    /// is not finished counts when its data is whole. Where only the mark is missing, it is added.
    pub fn finish(&mut self) -> (Feed, End) {
        let mut out = Vec::new();
        if !std::mem::replace(&mut self.ended, true) && !self.judge.facts.not_sse {
            out = self.last_event();
            match self.end() {
                End::Finished => {
                    out.extend(self.judge.close());
                    if self.options.shape.is_chat() {
                        out.extend_from_slice(DONE);
                    }
                }
                _ => out.extend(self.judge.give_up()),
            }
        }
        let feed = if out.is_empty() {
            Feed::Hold
        } else {
            Feed::Replace(out)
        };
        (feed, self.end())
    }

    /// How the answer would have ended if it ended here.
    pub fn end(&self) -> End {
        let facts = &self.judge.facts;
        if facts.too_large {
            End::TooLarge
        } else if facts.not_sse {
            End::NotSse
        } else if facts.error.is_some() {
            End::Error
        } else if facts.terminal {
            End::Done
        } else if facts.choices.all_finished() {
            End::Finished
        } else if facts.events > 0 {
            End::Truncated
        } else {
            End::Empty
        }
    }

    /// The bytes held back because they are no event stream.
    pub fn take_body(&mut self) -> Vec<u8> {
        if self.judge.facts.not_sse {
            std::mem::take(&mut self.held)
        } else {
            Vec::new()
        }
    }

    /// The end of a stream that failed, where its dialect needs to know what was said before: the events
    /// of Responses carry the response's id, and numbers that rise.
    pub fn failure(&mut self, message: &str, code: &str) -> Option<Vec<u8>> {
        match &mut self.judge.canon {
            Canon::Responses(responses) => Some(responses.failure(message, code)),
            _ => None,
        }
    }

    /// Observes (and mends) an answer in one piece instead of a stream; `None`: unchanged.
    pub fn observe_body(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.ended = true;
        let (facts, mended) = super::json::read(bytes, self.options.shape);
        self.judge.facts = facts;
        mended
    }

    fn hold(&mut self, chunk: &[u8]) -> Feed {
        self.held.extend_from_slice(chunk);
        if self.held.len() > self.options.max_event {
            return self.overflow();
        }
        Feed::Hold
    }

    fn overflow(&mut self) -> Feed {
        self.judge.facts.too_large = true;
        self.held = Vec::new();
        Feed::TooLarge
    }

    /// Nothing is held: events are judged where they lie.
    fn feed_chunk(&mut self, chunk: &[u8]) -> Feed {
        let judged = self.judge_all(chunk);
        let rest = &chunk[judged.end..];
        if rest.len() > self.options.max_event {
            self.judge.facts.too_large = true;
        }
        if !self.judge.facts.too_large {
            self.held.extend_from_slice(rest);
        }
        match judged.out {
            None if judged.end == chunk.len() && judged.end > 0 => Feed::Pass,
            None => self.forward(chunk[..judged.end].to_vec()),
            Some(out) => self.forward(out),
        }
    }

    /// The held bytes, the chunk already among them.
    fn feed_held(&mut self) -> Feed {
        let mut buffer = std::mem::take(&mut self.held);
        let judged = self.judge_all(&buffer);
        if buffer.len() - judged.end > self.options.max_event {
            self.judge.facts.too_large = true;
        }
        if judged.end == 0 && !self.judge.facts.too_large {
            self.held = buffer;
            return Feed::Hold;
        }
        if !self.judge.facts.too_large {
            self.held.extend_from_slice(&buffer[judged.end..]);
        }
        buffer.truncate(judged.end);
        self.forward(judged.out.unwrap_or(buffer))
    }

    fn forward(&self, out: Vec<u8>) -> Feed {
        match (out.is_empty(), self.judge.facts.too_large) {
            (false, _) => Feed::Replace(out),
            (true, false) => Feed::Hold,
            (true, true) => Feed::TooLarge,
        }
    }

    fn judge_all(&mut self, buffer: &[u8]) -> Judged {
        let mut start = 0;
        // Bytes before this are in `out` or dropped.
        let mut copied = 0;
        let mut out: Option<Vec<u8>> = None;
        while let Some(frame) = self.framer.next(&buffer[start..]) {
            let end = start + frame.len;
            // The LF of a last CRLF is not counted: it may as well arrive on its own.
            let late = usize::from(!frame.open && buffer[start..end].ends_with(b"\r\n"));
            if frame.len - late > self.options.max_event {
                self.judge.facts.too_large = true;
                break;
            }
            let last = buffer[end..].starts_with(DONE);
            let instead = match self.judge.judge(&buffer[start..end], &frame, last) {
                Verdict::Pass => None,
                Verdict::Replace(bytes) => Some(bytes),
            };
            if let Some(instead) = instead {
                let out = out.get_or_insert_with(|| Vec::with_capacity(buffer.len()));
                out.extend_from_slice(&buffer[copied..start]);
                out.extend_from_slice(&instead);
                copied = end;
            }
            start = end;
        }
        if let Some(out) = &mut out {
            out.extend_from_slice(&buffer[copied..start]);
        }
        Judged { end: start, out }
    }

    /// The unfinished event at the end of the answer, completed if it is whole, else nothing.
    fn last_event(&mut self) -> Vec<u8> {
        let mut buffer = std::mem::take(&mut self.held);
        if !self.sniffed || buffer.is_empty() {
            // White space.
            return Vec::new();
        }
        let frame = self.framer.finish(&buffer);
        self.judge.visited += buffer.len() as u64;
        let whole = match frame.data {
            Data::None => false,
            Data::One(span) => is_whole(span.of(&buffer)),
            Data::Many => is_whole(&join(&buffer, frame.opening)),
            // Its brackets do not balance.
            Data::Bare => false,
        };
        if !whole {
            return Vec::new();
        }
        let is_line = self.options.shape == Shape::Ollama;
        buffer.extend_from_slice(if is_line || buffer.ends_with(b"\n") {
            b"\n"
        } else {
            b"\n\n"
        });
        match self.judge.judge(&buffer, &frame, false) {
            Verdict::Pass => buffer,
            Verdict::Replace(bytes) => bytes,
        }
    }
}

/// Whether the stream is one of the events of its shape; `None` while only white space (or half a byte order mark)
/// was seen, of which `blank` bytes need not be looked at again.
fn sniff(bytes: &[u8], blank: &mut usize, shape: Shape) -> Option<bool> {
    const BOM: &[u8] = b"\xef\xbb\xbf";
    if bytes.len() < BOM.len() && BOM.starts_with(bytes) {
        return None;
    }
    if *blank == 0 && bytes.starts_with(BOM) {
        *blank = BOM.len();
    }
    while let Some(byte) = bytes.get(*blank) {
        if !byte.is_ascii_whitespace() {
            return Some(match shape {
                Shape::Ollama => *byte == b'{',
                Shape::Gemini => !matches!(byte, b'{' | b'[' | b'<'),
                _ => !matches!(byte, b'{' | b'<'),
            });
        }
        *blank += 1;
    }
    None
}

fn is_whole(data: &[u8]) -> bool {
    let mut scanner = Scanner::new(data, MAX_DEPTH);
    data.starts_with(b"[DONE]")
        || (scanner.skip().is_ok()
            && scanner.end().is_ok()
            && simdutf8::basic::from_utf8(data).is_ok())
}
