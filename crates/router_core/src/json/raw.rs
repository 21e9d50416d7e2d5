//! A value as it stands in the text, with readers for those who act on it.

use std::borrow::Cow;

use super::{integer, Kind, Scanner, Span, Text, MAX_DEPTH};

/// The bytes of one value that the scanner has accepted, and what it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Raw<'a> {
    bytes: &'a [u8],
    kind: Kind,
    escaped: bool,
}

impl<'a> Raw<'a> {
    pub(super) fn new(bytes: &'a [u8], kind: Kind, escaped: bool) -> Self {
        Self {
            bytes,
            kind,
            escaped,
        }
    }

    /// The value exactly as it was written.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// What the value is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// Whether it is `null`.
    pub fn is_null(&self) -> bool {
        self.kind == Kind::Null
    }

    /// Whether it is neither null, false, zero nor empty.
    pub fn is_truthy(&self) -> bool {
        match self.kind {
            Kind::Null => false,
            Kind::Bool => self.bytes == b"true",
            Kind::Number => self
                .bytes
                .iter()
                .take_while(|byte| !matches!(byte, b'e' | b'E'))
                .any(|byte| (b'1'..=b'9').contains(byte)),
            Kind::String => self.bytes.len() > 2,
            Kind::Array | Kind::Object => self.bytes[1..self.bytes.len() - 1]
                .iter()
                .any(|byte| *byte > b' '),
        }
    }

    /// The boolean, when it is one.
    pub fn as_bool(&self) -> Option<bool> {
        (self.kind == Kind::Bool).then(|| self.bytes == b"true")
    }

    /// The whole number, when it is one; negative numbers are 0, huge ones `u64::MAX`.
    pub fn as_u64(&self) -> Option<u64> {
        if self.kind == Kind::Number {
            integer(self.bytes)
        } else {
            None
        }
    }

    /// The number, when it is one; beyond the range of `f64` it is infinite.
    pub fn as_f64(&self) -> Option<f64> {
        if self.kind == Kind::Number {
            std::str::from_utf8(self.bytes).ok()?.parse().ok()
        } else {
            None
        }
    }

    /// The text, when it is a string; lone surrogates become U+FFFD.
    pub fn as_str(&self) -> Option<Cow<'a, str>> {
        self.text().map(|text| text.decode(self.bytes))
    }

    /// Whether it is the string `text`.
    pub fn is(&self, text: &str) -> bool {
        self.text().is_some_and(|own| own.is(self.bytes, text))
    }

    /// The items; none when it is not an array.
    pub fn items(&self) -> Items<'a> {
        Items {
            scanner: self.entered(Kind::Array),
            bytes: self.bytes,
            first: true,
        }
    }

    /// The members in the order of the text, repeated keys included; none when it is not an object.
    pub fn entries(&self) -> Entries<'a> {
        Entries {
            scanner: self.entered(Kind::Object),
            bytes: self.bytes,
            first: true,
        }
    }

    /// The last member with this key (what most parsers keep), when it is an object.
    pub fn get(&self, key: &str) -> Option<Raw<'a>> {
        self.entries()
            .filter(|(name, _)| name == key)
            .last()
            .map(|(_, value)| value)
    }

    /// The texts of an array of strings; `None` when it is anything else.
    pub fn strings(&self) -> Option<Vec<Cow<'a, str>>> {
        if self.kind == Kind::Array {
            self.items().map(|item| item.as_str()).collect()
        } else {
            None
        }
    }

    fn text(&self) -> Option<Text> {
        (self.kind == Kind::String).then_some(Text {
            span: Span {
                start: 1,
                end: self.bytes.len() - 1,
            },
            escaped: self.escaped,
        })
    }

    fn entered(&self, kind: Kind) -> Option<Scanner<'a>> {
        let mut scanner = Scanner::new(self.bytes, MAX_DEPTH);
        (self.kind == kind && scanner.enter().is_ok()).then_some(scanner)
    }
}

/// The items of an array.
pub struct Items<'a> {
    scanner: Option<Scanner<'a>>,
    bytes: &'a [u8],
    first: bool,
}

impl<'a> Iterator for Items<'a> {
    type Item = Raw<'a>;

    fn next(&mut self) -> Option<Raw<'a>> {
        let scanner = self.scanner.as_mut()?;
        let value = match scanner.next_item(std::mem::take(&mut self.first)) {
            Ok(true) => scanner.skip().ok(),
            _ => None,
        };
        if value.is_none() {
            self.scanner = None;
        }
        value.map(|value| value.raw(self.bytes))
    }
}

/// The members of an object.
pub struct Entries<'a> {
    scanner: Option<Scanner<'a>>,
    bytes: &'a [u8],
    first: bool,
}

impl<'a> Iterator for Entries<'a> {
    type Item = (Cow<'a, str>, Raw<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        let scanner = self.scanner.as_mut()?;
        let member = match scanner.next_key(std::mem::take(&mut self.first)) {
            Ok(Some(key)) => scanner.skip().ok().map(|value| (key, value)),
            _ => None,
        };
        if member.is_none() {
            self.scanner = None;
        }
        member.map(|(key, value)| (key.decode(self.bytes), value.raw(self.bytes)))
    }
}
