//! A number of a vocabulary that may have grown since this version was built.
//!
//! A journal outlives the program that wrote it, in both directions. A number without a meaning here is
//! kept as it is, and shown as `unknown(17)`: no reason to doubt the rest of the record, or what follows.

use std::borrow::Cow;

use crate::types::{BoundSource, Boundary, Level, Outcome, Reason, Refusal, Route, Stage};

/// A vocabulary whose words have numbers.
pub trait Numbered: Copy {
    /// The number.
    fn number(self) -> u8;
    /// The word with this number.
    fn numbered(number: u8) -> Option<Self>;
    /// The word as text.
    fn word(self) -> &'static str;
}

macro_rules! numbered {
    ($($type:ty, $word:ident;)+) => {
        $(impl Numbered for $type {
            fn number(self) -> u8 {
                self as u8
            }
            fn numbered(number: u8) -> Option<Self> {
                Self::from_u8(number)
            }
            fn word(self) -> &'static str {
                self.$word()
            }
        })+
    };
}

numbered! {
    Boundary, name;
    BoundSource, name;
    Level, name;
    Outcome, name;
    Reason, code;
    Refusal, code;
    Route, name;
    Stage, name;
}

/// A word of a vocabulary, or a number that only a later version understands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known<T> {
    /// The word.
    Is(T),
    /// The number.
    Unknown(u8),
}

impl<T: Numbered> Known<T> {
    /// From the number in a record.
    pub fn of(number: u8) -> Self {
        T::numbered(number).map_or(Self::Unknown(number), Self::Is)
    }

    /// From the number in a record where 0 is none.
    pub fn some(number: u8) -> Option<Self> {
        (number != 0).then(|| Self::of(number))
    }

    /// The number as it stands in a record.
    pub fn number(self) -> u8 {
        match self {
            Self::Is(word) => word.number(),
            Self::Unknown(number) => number,
        }
    }

    /// The word for a person.
    pub fn word(self) -> Cow<'static, str> {
        match self {
            Self::Is(word) => Cow::Borrowed(word.word()),
            Self::Unknown(number) => Cow::Owned(format!("unknown({number})")),
        }
    }
}

impl<T> From<T> for Known<T> {
    fn from(word: T) -> Self {
        Self::Is(word)
    }
}

/// The number of a word that may be absent: 0 then.
pub(super) fn number_of<T: Numbered>(word: Option<Known<T>>) -> u8 {
    word.map_or(0, Known::number)
}
