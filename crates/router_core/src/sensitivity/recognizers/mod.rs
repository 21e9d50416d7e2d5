//! One recognizer per file, all of one build: a heading that says what it takes for what; the words
//! that speak for and against; `WORDS` when it starts from literals; `find`, which looks at a cue,
//! reads a bounded window and reports. Beside each stands its corpus (`<name>.txt`): texts with
//! what must be found in `⟦⟧`, and texts in which nothing may be found.
//!
//! A recognizer must never read further than a fixed number of bytes from its cue, never remember
//! text, and never report without a boundary on both sides.

pub(super) mod api_key;
pub(super) mod card;
pub(super) mod columns;
pub(super) mod confidential;
pub(super) mod credential;
pub(super) mod email;
pub(super) mod iban;
pub(super) mod ip;
pub(super) mod medical;
pub(super) mod passport;
pub(super) mod phone;
pub(super) mod private_key;
pub(super) mod published;
pub(super) mod spread;
pub(super) mod ssn;
pub(super) mod user;

use super::entity::Entity;
use super::words::Literal;
use super::JOINT;

/// The literals of all recognizers that start from words.
pub(super) const WORDS: &[(Entity, &[Literal])] = &[
    (Entity::Passport, passport::WORDS),
    (Entity::Medical, medical::WORDS),
    (Entity::Confidential, confidential::WORDS),
    (Entity::ApiKey, api_key::WORDS),
    (Entity::PrivateKey, private_key::WORDS),
    (Entity::Credential, credential::WORDS),
    (Entity::Ssn, columns::WORDS),
];

#[cfg(test)]
mod tests;
