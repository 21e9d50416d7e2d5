//! The scanner itself: a cursor that steps through objects and arrays or over whole values.

use super::text::{escape_end, plain_run, string_end};
use super::{Fault, Kind, Span, Text, Value, What, MAX_DEPTH};

/// A string is long from here on, and looked at in blocks.
const LONG: usize = 64;

/// Receives every string of a value that is being stepped over. `depth` counts the containers
/// around the string from the outermost one of the scanned text.
pub(crate) trait Sink {
    /// A key of an object.
    fn key(&mut self, _text: Text, _depth: u32) {}
    /// A string value.
    fn string(&mut self, _text: Text, _depth: u32) {}
}

/// A sink for those who only want the value stepped over; compiles to nothing.
pub(crate) struct Ignore;
impl Sink for Ignore {}

/// A cursor over JSON text. It only moves forward: `at()` is also the work done so far.
pub(crate) struct Scanner<'a> {
    bytes: &'a [u8],
    at: usize,
    depth: u32,
    max_depth: u32,
}

impl<'a> Scanner<'a> {
    /// A cursor at the start; `max_depth` is capped at [`MAX_DEPTH`].
    pub(crate) fn new(bytes: &'a [u8], max_depth: u32) -> Self {
        Self {
            bytes,
            at: 0,
            depth: 0,
            max_depth: max_depth.min(MAX_DEPTH),
        }
    }

    /// The offset of the next byte to be read.
    pub(crate) fn at(&self) -> usize {
        self.at
    }

    /// The next byte that is not white space, not consumed.
    #[inline]
    pub(crate) fn peek(&mut self) -> Option<u8> {
        loop {
            let byte = *self.bytes.get(self.at)?;
            if byte > b' ' || !matches!(byte, b' ' | b'\n' | b'\r' | b'\t') {
                return Some(byte);
            }
            self.at += 1;
        }
    }

    /// Checks that nothing but white space is left.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        match self.peek() {
            None => Ok(()),
            Some(_) => Err(self.fault(What::Trailing)),
        }
    }

    /// Steps into the object or array whose opening bracket is the next byte.
    #[inline]
    pub(crate) fn enter(&mut self) -> Result<(), Fault> {
        if self.depth >= self.max_depth {
            return Err(self.fault(What::Deep));
        }
        self.depth += 1;
        self.at += 1;
        Ok(())
    }

    /// The next key of the object stepped into, its colon consumed; `None` when the object ended
    /// (and was stepped out of). `first` says whether no member was read yet.
    #[inline]
    pub(crate) fn next_key(&mut self, first: bool) -> Result<Option<Text>, Fault> {
        match self.peek() {
            Some(b'}') => {
                self.leave();
                return Ok(None);
            }
            Some(b',') if !first => {
                self.at += 1;
                if self.peek() != Some(b'"') {
                    return Err(self.unexpected());
                }
            }
            Some(b'"') if first => {}
            _ => return Err(self.unexpected()),
        }
        let key = self.string()?;
        if self.peek() != Some(b':') {
            return Err(self.unexpected());
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// Whether the array stepped into has another item (the cursor then stands before it); when
    /// not, it was stepped out of.
    #[inline]
    pub(crate) fn next_item(&mut self, first: bool) -> Result<bool, Fault> {
        match self.peek() {
            Some(b']') => {
                // `[1,]` never gets here: after a comma an item is read.
                self.leave();
                Ok(false)
            }
            Some(b',') if !first => {
                self.at += 1;
                Ok(true)
            }
            Some(_) if first => Ok(true),
            _ => Err(self.unexpected()),
        }
    }

    /// Reads the string literal whose opening quote is the next byte.
    #[inline]
    pub(crate) fn string(&mut self) -> Result<Text, Fault> {
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            // Escapes often come in rows (code, CJK as `\u`): they must not pay for a run of none.
            match self.bytes.get(at) {
                Some(b'"') => {
                    self.at = at + 1;
                    return Ok(Text {
                        span: Span { start, end: at },
                        escaped,
                    });
                }
                Some(b'\\') => {
                    escaped = true;
                    at = escape_end(self.bytes, at)?;
                }
                Some(0..=0x1f) => {
                    return Err(Fault {
                        what: What::Control,
                        at,
                    })
                }
                Some(_) => {
                    at = plain_run(self.bytes, at + 1);
                    if at - start >= LONG {
                        let (end, more) = string_end(self.bytes, at)?;
                        self.at = end + 1;
                        return Ok(Text {
                            span: Span { start, end },
                            escaped: escaped || more,
                        });
                    }
                }
                None => {
                    return Err(Fault {
                        what: What::End,
                        at,
                    })
                }
            }
        }
    }

    /// Steps over one whole value of any kind.
    pub(crate) fn skip(&mut self) -> Result<Value, Fault> {
        self.value(&mut Ignore)
    }

    /// Steps over one whole value of any kind and shows its strings to `sink`. Iterative: the
    /// kinds of the open containers are bits of one word.
    #[inline]
    pub(crate) fn value<S: Sink>(&mut self, sink: &mut S) -> Result<Value, Fault> {
        let first = self.peek();
        let start = self.at;
        let (kind, escaped) = match first {
            Some(b'"') => {
                let text = self.string()?;
                sink.string(text, self.depth);
                (Kind::String, text.escaped)
            }
            Some(b'{') => {
                self.containers(sink)?;
                (Kind::Object, false)
            }
            Some(b'[') => {
                self.containers(sink)?;
                (Kind::Array, false)
            }
            _ => (self.scalar()?, false),
        };
        Ok(Value {
            kind,
            span: Span {
                start,
                end: self.at,
            },
            escaped,
        })
    }

    fn containers<S: Sink>(&mut self, sink: &mut S) -> Result<(), Fault> {
        let base = self.depth;
        let mut objects: u64 = 0;
        'value: loop {
            match self.peek() {
                Some(b'"') => {
                    let text = self.string()?;
                    sink.string(text, self.depth);
                }
                Some(b'{') => {
                    self.enter()?;
                    objects = (objects << 1) | 1;
                    if let Some(key) = self.next_key(true)? {
                        sink.key(key, self.depth);
                        continue 'value;
                    }
                    objects >>= 1;
                }
                Some(b'[') => {
                    self.enter()?;
                    objects <<= 1;
                    if self.next_item(true)? {
                        continue 'value;
                    }
                    objects >>= 1;
                }
                _ => {
                    self.scalar()?;
                }
            }
            while self.depth > base {
                if objects & 1 == 1 {
                    if let Some(key) = self.next_key(false)? {
                        sink.key(key, self.depth);
                        continue 'value;
                    }
                } else if self.next_item(false)? {
                    continue 'value;
                }
                objects >>= 1;
            }
            return Ok(());
        }
    }

    /// A number or a literal name.
    #[inline]
    fn scalar(&mut self) -> Result<Kind, Fault> {
        match self.bytes.get(self.at) {
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.literal(b"true", Kind::Bool),
            Some(b'f') => self.literal(b"false", Kind::Bool),
            Some(b'n') => self.literal(b"null", Kind::Null),
            _ => Err(self.unexpected()),
        }
    }

    #[inline]
    fn literal(&mut self, name: &[u8], kind: Kind) -> Result<Kind, Fault> {
        if !self.bytes[self.at..].starts_with(name) {
            return Err(self.fault(What::Unexpected));
        }
        self.at += name.len();
        Ok(kind)
    }

    fn number(&mut self) -> Result<Kind, Fault> {
        if self.bytes[self.at] == b'-' {
            self.at += 1;
        }
        match self.bytes.get(self.at) {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits(),
            _ => return Err(self.fault(What::Number)),
        }
        if self.bytes.get(self.at) == Some(&b'.') {
            self.at += 1;
            self.some_digits()?;
        }
        if let Some(b'e' | b'E') = self.bytes.get(self.at) {
            self.at += 1;
            if let Some(b'+' | b'-') = self.bytes.get(self.at) {
                self.at += 1;
            }
            self.some_digits()?;
        }
        Ok(Kind::Number)
    }

    fn some_digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        self.digits();
        if self.at == start {
            return Err(self.fault(What::Number));
        }
        Ok(())
    }

    #[inline]
    fn digits(&mut self) {
        while let Some(b'0'..=b'9') = self.bytes.get(self.at) {
            self.at += 1;
        }
    }

    #[inline]
    fn leave(&mut self) {
        self.at += 1;
        self.depth -= 1;
    }

    #[cold]
    fn fault(&self, what: What) -> Fault {
        Fault { what, at: self.at }
    }

    #[cold]
    fn unexpected(&self) -> Fault {
        let what = if self.at < self.bytes.len() {
            What::Unexpected
        } else {
            What::End
        };
        self.fault(what)
    }
}
