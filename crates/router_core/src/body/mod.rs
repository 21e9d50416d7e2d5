//! One pass over a request body.
//!
//! The gateway authorises, routes and accounts by what it reads here, and forwards the client's
//! bytes, not a re-serialisation: 64-bit integers, `1.0`, key order, escapes and lone surrogates
//! survive. That is only safe when no other parser can read the same bytes differently, so the
//! pass is strict where parsers disagree (UTF-8, byte order marks, `NaN`, top-level keys that
//! are equal, or equal but for case, trailing bytes, depth) and indifferent where they do not.
//!
//! A typed deserialiser would be shorter, but it skips invalid UTF-8 in what it does not need,
//! keeps the last of two repeated keys while an upstream may keep the first, and cannot say at
//! which byte a value stands. Editing needs exactly that: [`Edits`] are an enumerated list, and
//! every byte outside of them is identical in the result.
//!
//! What is kept is an [`Outline`]: spans only, free of the borrow, so that a decision can hold it
//! beside the bytes while several attempts are spliced from it. This module must never log or keep
//! content, never recurse, and never do work that grows faster than the body.

mod edits;
mod error;
mod fields;
mod gather;
mod lookalike;
mod outline;
mod parse;
mod splice;
mod visit;

pub use crate::json::{Entries, Items, Kind, Raw, Span};
pub use edits::{Edits, Less};
pub use error::BodyError;
pub use gather::parse_gathering;
pub use outline::{Body, Outline};
pub use parse::{parse, parse_with, ParseLimits};
pub use visit::{Field, NoVisitor, Place, Visitor};

#[cfg(test)]
mod tests;
