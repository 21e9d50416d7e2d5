//! Follows one JSON document that arrives in fragments: is it whole, can it still become one?
//!
//! Arguments of a call come in pieces, and an answer that was cut off amid them must not end as one
//! that can be acted on. Nothing is kept of the text but where it stands.

/// The deepest nesting that is followed; one bit per level.
const DEEPEST: usize = 128;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum At {
    /// Before a value.
    #[default]
    Value,
    /// Behind `[`.
    Item,
    /// Behind `{`.
    Key,
    /// Behind a comma in an object.
    NextKey,
    Colon,
    /// Behind a value inside something.
    Next,
    Text,
    Escape,
    Hex(u8),
    /// In a number: sign, zero, digits, point, fraction, `e`, its sign, its digits.
    Sign,
    Zero,
    Digits,
    Point,
    Fraction,
    E,
    ESign,
    Exponent,
    /// The rest of `true`, `false`, `null`.
    Word(&'static [u8]),
    End,
    Broken,
}

/// One document so far.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Document {
    at: At,
    /// The open text is a key.
    key: bool,
    begun: bool,
    depth: usize,
    objects: u128,
}

impl Document {
    /// The next bytes.
    pub(super) fn feed(&mut self, text: &[u8]) {
        for byte in text {
            self.step(*byte);
        }
    }

    /// Whether nothing but white space was said.
    pub(super) fn is_empty(&self) -> bool {
        !self.begun
    }

    /// Whether it is all there.
    pub(super) fn is_whole(&self) -> bool {
        match self.at {
            At::End => true,
            At::Zero | At::Digits | At::Fraction | At::Exponent => self.depth == 0,
            _ => false,
        }
    }

    /// Whether nothing that follows makes it one.
    pub(super) fn is_broken(&self) -> bool {
        self.at == At::Broken
    }

    fn step(&mut self, byte: u8) {
        let space = matches!(byte, b' ' | b'\t' | b'\n' | b'\r');
        self.begun |= !space;
        self.at = match (self.at, byte) {
            (At::Text, b'"') if self.key => At::Colon,
            (At::Text, b'"') => self.behind(),
            (At::Text, b'\\') => At::Escape,
            (At::Text, 0..=0x1f) => At::Broken,
            (At::Text, _) => At::Text,
            (At::Escape, b'u') => At::Hex(4),
            (At::Escape, b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't') => At::Text,
            (At::Hex(left), _) if byte.is_ascii_hexdigit() => match left {
                1 => At::Text,
                _ => At::Hex(left - 1),
            },
            (At::Word(rest), _) if rest.first() == Some(&byte) => match rest.len() {
                1 => self.behind(),
                _ => At::Word(&rest[1..]),
            },
            (At::Sign, b'0') => At::Zero,
            (At::Sign | At::Digits, b'0'..=b'9') => At::Digits,
            (At::Zero | At::Digits, b'.') => At::Point,
            (At::Point | At::Fraction, b'0'..=b'9') => At::Fraction,
            (At::Zero | At::Digits | At::Fraction, b'e' | b'E') => At::E,
            (At::E, b'+' | b'-') => At::ESign,
            (At::E | At::ESign | At::Exponent, b'0'..=b'9') => At::Exponent,
            (At::Zero | At::Digits | At::Fraction | At::Exponent, _) => {
                self.at = self.behind();
                return self.step(byte);
            }
            (
                at
                @ (At::Value | At::Item | At::Key | At::NextKey | At::Colon | At::Next | At::End),
                _,
            ) if space => at,
            (At::Key | At::Next, b'}') if self.in_object() => self.close(),
            (At::Item | At::Next, b']') if self.depth > 0 && !self.in_object() => self.close(),
            (At::Key | At::NextKey, b'"') => {
                self.key = true;
                At::Text
            }
            (At::Colon, b':') => At::Value,
            (At::Next, b',') if self.in_object() => At::NextKey,
            (At::Next, b',') => At::Value,
            (At::Value | At::Item, _) => self.value(byte),
            _ => At::Broken,
        };
    }

    fn value(&mut self, byte: u8) -> At {
        match byte {
            b'{' | b'[' if self.depth == DEEPEST => At::Broken,
            b'{' => {
                self.objects |= 1 << self.depth;
                self.depth += 1;
                At::Key
            }
            b'[' => {
                self.objects &= !(1 << self.depth);
                self.depth += 1;
                At::Item
            }
            b'"' => {
                self.key = false;
                At::Text
            }
            b'-' => At::Sign,
            b'0' => At::Zero,
            b'1'..=b'9' => At::Digits,
            b't' => At::Word(b"rue"),
            b'f' => At::Word(b"alse"),
            b'n' => At::Word(b"ull"),
            _ => At::Broken,
        }
    }

    fn in_object(&self) -> bool {
        self.depth > 0 && self.objects >> (self.depth - 1) & 1 == 1
    }

    fn close(&mut self) -> At {
        self.depth -= 1;
        self.behind()
    }

    /// Where it stands behind a value.
    fn behind(&self) -> At {
        if self.depth == 0 {
            At::End
        } else {
            At::Next
        }
    }
}
