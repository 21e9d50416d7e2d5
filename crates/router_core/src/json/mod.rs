//! A strict JSON scanner that yields spans instead of a tree.
//!
//! Request bodies and answer events are read here once, for a handful of members, and their bytes
//! travel on unchanged. A tree would allocate for every string of every message and lose what a
//! forwarded byte must keep (number spelling, key order, escapes), and a parser that skips what it
//! does not need would accept bytes that the next parser reads differently. So every byte is
//! checked against the grammar of RFC 8259, nothing is built, and callers keep spans.
//!
//! It must never recurse (a hostile body chooses the depth), never look at a byte twice, and never
//! be more tolerant than the strictest parser behind it. What it does not judge: whether bytes are
//! UTF-8 (the body checks that in one pass of its own), numbers' ranges, lone surrogate escapes,
//! repeated keys.

pub(crate) mod blocks;
mod number;
mod raw;
mod scan;
mod text;

pub(crate) use number::{decimal_nanos, integer};
pub use raw::{Entries, Items, Raw};
pub(crate) use scan::{Scanner, Sink};
pub(crate) use text::write_string;

/// The deepest nesting that the scanner can follow: one bit per level in one word.
pub const MAX_DEPTH: u32 = 64;

/// A range of byte offsets, half open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Span {
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

impl Span {
    /// The bytes of this span.
    pub fn of(self, bytes: &[u8]) -> &[u8] {
        &bytes[self.start..self.end]
    }

    /// How many bytes it covers.
    pub fn len(self) -> usize {
        self.end - self.start
    }

    /// Whether it covers none.
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }
}

/// A string literal: the span between its quotes, and whether it holds an escape.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text {
    /// Without the quotes.
    pub(crate) span: Span,
    /// Whether the bytes differ from the text that they mean.
    pub(crate) escaped: bool,
}

/// What a value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `null`
    Null,
    /// `true` or `false`
    Bool,
    /// Any number.
    Number,
    /// A string literal.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl Kind {
    /// The name used in error messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool => "a boolean",
            Self::Number => "a number",
            Self::String => "a string",
            Self::Array => "an array",
            Self::Object => "an object",
        }
    }
}

/// One whole value: its kind and its span (quotes and brackets included).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Value {
    pub(crate) kind: Kind,
    pub(crate) span: Span,
    /// For strings: whether it holds an escape.
    pub(crate) escaped: bool,
}

impl Value {
    /// The string literal, when it is one.
    pub(crate) fn text(self) -> Option<Text> {
        (self.kind == Kind::String).then_some(Text {
            span: Span {
                start: self.span.start + 1,
                end: self.span.end - 1,
            },
            escaped: self.escaped,
        })
    }

    /// The value as [`Raw`].
    pub(crate) fn raw<'a>(self, bytes: &'a [u8]) -> Raw<'a> {
        Raw::new(self.span.of(bytes), self.kind, self.escaped)
    }
}

/// Why the bytes are not acceptable JSON, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Fault {
    pub(crate) what: What,
    /// Byte offset from the start of what was scanned.
    pub(crate) at: usize,
}

/// The kinds of [`Fault`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum What {
    End,
    Unexpected,
    Control,
    Escape,
    Number,
    Deep,
    Trailing,
}

impl What {
    /// Half a sentence for an error message.
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::End => "the text ends in the middle of a value",
            Self::Unexpected => "unexpected character",
            Self::Control => "control character inside a string",
            Self::Escape => "invalid escape in a string",
            Self::Number => "invalid number",
            Self::Deep => "nested too deeply",
            Self::Trailing => "bytes after the end of the value",
        }
    }
}

#[cfg(test)]
mod tests;
