//! All text of a request body, gathered in the pass that accepts the body.
//!
//! What is forwarded must be judged: scanned for sensitive content, counted, measured for
//! difficulty. Three readers that each walk the body would be three chances to skip a field that is
//! sent. So there is one gathering, of every string value and every key, each occurrence, and the
//! readers share it. What is left out is decided by two tables (`names.rs`), a reason beside each
//! entry; a field that nobody has heard of is text.
//!
//! The text is decoded (`\u0034` cannot hide a digit from a reader) and joined by [`JOINT`], so
//! that something which a client split over parts or messages is found by a reader that steps over
//! one joint. Values that are not content (identifiers) stand behind all content, for the same
//! reason: the digits of two parts must not be separated by the `tool_call_id` between them.
//!
//! Media, references to stored files and token ids cannot be read here. They are counted, and a
//! body that has any is not [`Text::complete`]. What can be told to be text is text, whatever the
//! name above it promises; of bytes in base64 only the short are looked through as well.
//!
//! It must never skip a value because of its length or its depth, never recurse, and never look at
//! a byte of the body more than a fixed number of times.

mod gather;
mod names;
mod nested;

pub use gather::{Gatherer, Part};
pub(crate) use names::lower;
pub use names::{NOT_CONTENT, STRUCTURE};
pub use nested::NAMES as NESTED;

/// The byte between two gathered strings: the ASCII unit separator. A client that sends one inside
/// a string separates its own text; nothing depends on its absence.
pub const JOINT: u8 = 0x1f;

/// What a gathered string is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// Text of a message, of `prompt` or of `input`.
    Content,
    /// `system` or `instructions` outside of the messages.
    System,
    /// Definitions of tools, and what tools are called with.
    Tool,
    /// The name of a member that is not part of the protocol's structure.
    Key,
    /// A number of seven digits or more, or one of a few in a row.
    Number,
    /// Any other string: metadata, identifiers, unknown fields.
    Other,
}

/// Who a message is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// `system` or `developer`.
    System,
    /// `user`
    User,
    /// `assistant`
    Assistant,
    /// `tool` or `function`
    Tool,
    /// None given, or another word.
    Unknown,
}

/// One gathered string.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mark {
    /// First byte in [`Text::bytes`].
    pub start: u32,
    /// One past the last byte in [`Text::bytes`].
    pub end: u32,
    /// What it is.
    pub kind: Kind,
    /// The number of its message: an object in `messages`, `input` or `prompt`, all counted together;
    /// [`Mark::NO_MESSAGE`] outside of messages.
    pub message: u32,
}

/// A reference to media that may lead to a file of whoever reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LocalReference {
    /// The member that it stands in.
    pub part: Part,
    /// The position there of the message that it stands in.
    pub position: Option<u32>,
}

impl Mark {
    /// The message number of what stands in no message.
    pub const NO_MESSAGE: u32 = u32::MAX;
}

/// The text of one body. Reusable: gathering clears it and keeps its memory.
#[derive(Debug, Default, Clone)]
pub struct Text {
    bytes: Vec<u8>,
    marks: Vec<Mark>,
    roles: Vec<Role>,
    content_end: u32,
    aside: Vec<u8>,
    aside_marks: Vec<Mark>,
    /// Where a name with escapes is decoded.
    scratch: Vec<u8>,
    opaque: u32,
    stray: bool,
    remote: bool,
    nested: u32,
    local: Option<LocalReference>,
    token_ids: bool,
    overflow: bool,
}

impl Text {
    /// An empty text.
    pub fn new() -> Self {
        Self::default()
    }

    /// One string as a text of its own, for callers without a body.
    pub fn of(content: &str) -> Self {
        let mut text = Self::new();
        text.push(content.as_bytes(), Kind::Content, Mark::NO_MESSAGE);
        text.content_end = text.bytes.len() as u32;
        text
    }

    /// The gathered text, UTF-8: content in the order of the body, then what is not content.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The gathered strings, in the order of [`Self::bytes`].
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// The bytes of one gathered string.
    pub fn of_mark(&self, mark: &Mark) -> &[u8] {
        self.bytes
            .get(mark.start as usize..mark.end as usize)
            .unwrap_or_default()
    }

    /// Everything that stands before the identifiers.
    pub fn content(&self) -> &[u8] {
        &self.bytes[..self.content_end as usize]
    }

    /// [`Self::content`] as text. Looks at every byte: ask once.
    pub fn content_str(&self) -> &str {
        simdutf8::basic::from_utf8(self.content()).unwrap_or_default()
    }

    /// Who the message of a mark is from.
    pub fn role(&self, mark: &Mark) -> Role {
        let roles = self.roles.get(mark.message as usize);
        roles.copied().unwrap_or(Role::Unknown)
    }

    /// How many messages the body has, and who each is from.
    pub fn roles(&self) -> &[Role] {
        &self.roles
    }

    /// Media and files that are forwarded but cannot be read here: images, audio, references.
    pub fn opaque(&self) -> u32 {
        self.opaque
    }

    /// Whether the body holds token ids, which are text in another spelling: numbers in `prompt`,
    /// `input` or a field made for them, or many in a row anywhere.
    pub fn token_ids(&self) -> bool {
        self.token_ids
    }

    /// Whether media are referred to that have to be fetched from somewhere.
    pub fn remote_media(&self) -> bool {
        self.remote
    }

    /// Members that only some backends take, a bit each by its place in [`NESTED`].
    pub fn nested(&self) -> u32 {
        self.nested
    }

    /// The first reference to media that is neither on the network nor the media themselves. A backend
    /// that follows it may open a file.
    pub fn local_reference(&self) -> Option<LocalReference> {
        self.local
    }

    /// Whether content stands under a name of which nobody knows what becomes of it: a model may
    /// get it as text, or not at all.
    pub fn stray(&self) -> bool {
        self.stray
    }

    /// Bytes that this text keeps for the next one.
    pub fn capacity(&self) -> usize {
        let marks = self.marks.capacity() + self.aside_marks.capacity();
        self.bytes.capacity()
            + self.aside.capacity()
            + self.scratch.capacity()
            + marks * size_of::<Mark>()
            + self.roles.capacity()
    }

    /// Whether everything that is forwarded is in [`Self::bytes`]. When not, nobody can say that
    /// the body holds nothing sensitive.
    pub fn complete(&self) -> bool {
        self.opaque == 0 && !self.token_ids && !self.overflow
    }

    /// Whether a place did not fit into its number: what lies behind it was not read.
    pub fn cut(&self) -> bool {
        self.overflow
    }

    /// The same without the strings that `known` names; `None` when it names none. Spaces stand where they
    /// stood, so every other place stays what it was.
    pub fn without(&self, known: impl Fn(&Mark, &[u8]) -> bool) -> Option<Self> {
        let mut rest: Option<Self> = None;
        for mark in self.marks.iter().filter(|it| known(it, self.of_mark(it))) {
            let rest = rest.get_or_insert_with(|| self.clone());
            if let Some(bytes) = rest.bytes.get_mut(mark.start as usize..mark.end as usize) {
                bytes.fill(b' ');
            }
        }
        rest
    }

    fn clear(&mut self) {
        self.bytes.clear();
        self.marks.clear();
        self.roles.clear();
        self.aside.clear();
        self.aside_marks.clear();
        self.content_end = 0;
        self.opaque = 0;
        self.stray = false;
        self.remote = false;
        self.nested = 0;
        self.local = None;
        self.token_ids = false;
        self.overflow = false;
    }

    /// Adds text that goes out beside the body.
    pub fn add(&mut self, said: &str) {
        self.push(said.as_bytes(), Kind::Other, Mark::NO_MESSAGE);
    }

    fn push(&mut self, decoded: &[u8], kind: Kind, message: u32) {
        let (_, start) = self.open();
        self.bytes.extend_from_slice(decoded);
        self.close(start, kind, message);
    }

    /// Begins a string; where the text ended before, and where the string starts.
    fn open(&mut self) -> (usize, usize) {
        let before = self.bytes.len();
        if before > 0 {
            self.bytes.push(JOINT);
        }
        (before, self.bytes.len())
    }

    /// Ends the string that was appended from `start` on.
    fn close(&mut self, start: usize, kind: Kind, message: u32) {
        match mark((start, self.bytes.len()), kind, message) {
            Some(mark) => self.marks.push(mark),
            None => self.overflow = true,
        }
    }

    fn push_aside(&mut self, decoded: &[u8], kind: Kind, message: u32) {
        self.aside.push(JOINT);
        let start = self.aside.len();
        self.aside.extend_from_slice(decoded);
        match mark((start, self.aside.len()), kind, message) {
            Some(mark) => self.aside_marks.push(mark),
            None => self.overflow = true,
        }
    }

    /// Puts what is not content behind the content.
    fn seal(&mut self) {
        let base = self.bytes.len();
        if base + self.aside.len() > u32::MAX as usize {
            self.overflow = true;
            self.aside_marks.clear();
        }
        self.content_end = u32::try_from(base).unwrap_or(u32::MAX);
        self.bytes.extend_from_slice(&self.aside);
        let base = self.content_end;
        self.marks.extend(self.aside_marks.iter().map(|mark| Mark {
            start: mark.start + base,
            end: mark.end + base,
            ..*mark
        }));
    }
}

/// `None` when a position does not fit (bodies are far smaller than that; a text that is not must
/// count as unread, not be cut).
fn mark(range: (usize, usize), kind: Kind, message: u32) -> Option<Mark> {
    Some(Mark {
        start: u32::try_from(range.0).ok()?,
        end: u32::try_from(range.1).ok()?,
        kind,
        message,
    })
}

#[cfg(test)]
mod tests;
