//! The hot path of hybridgw: parse a request, decide who may and should answer it, account for
//! it, and frame the answer.
//!
//! The crate does no I/O on sockets, reads no clock, starts no thread and calls no Python. Time
//! arrives as [`types::Now`], randomness as one `u64` draw, so every decision can be replayed.
//! Failure belongs to construction (a plan, a state file, a journal); the request path returns
//! values.
//!
//! Knowledge points one way: `py` knows `router`, `router` knows the middle modules (`body`,
//! `stream`, `breaker`, `policy`, `select` and others), these know only the ground (`plan`, `text`, `json`,
//! `shared`, `types`, `error`), and never one another.
#![deny(unsafe_code)]

pub mod body;
pub mod breaker;
pub mod complexity;
pub mod error;
pub mod json;
pub mod plan;
pub mod policy;
#[cfg(feature = "python")]
mod py;
pub mod router;
pub mod select;
pub mod sensitivity;
pub mod shared;
pub mod stream;
pub mod text;
pub mod tokens;
pub mod types;
