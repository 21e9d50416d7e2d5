//! The vocabulary that all modules share: boundaries, levels, routes, outcomes, time.
//!
//! Values with a number are part of two interfaces, the journal on disk and the Python mirror in
//! `hybridgw.core`; numbers are never reused.

pub(crate) mod blocks;
mod draws;
pub mod json;
mod outcome;
pub mod plan;
mod reason;
pub mod segment;

pub use draws::Draws;
pub use outcome::{Outcome, Signal};
pub use reason::Reason;

/// How far data travels. Ordered: a request may reach boundaries up to its ceiling.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Boundary {
    /// This machine.
    Device = 0,
    /// Networks of the same organization, as configured.
    Organization = 1,
    /// Everything else.
    External = 2,
}

/// How sensitive the content of a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Level {
    /// May leave the organization.
    Public = 0,
    /// Must stay inside the organization.
    Internal = 1,
    /// Must stay on the device.
    Regulated = 2,
}

/// The kind of endpoint a client called.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Route {
    /// `/v1/chat/completions`
    Chat = 0,
    /// `/v1/completions`
    Completions = 1,
    /// `/v1/embeddings`
    Embeddings = 2,
}

impl Boundary {
    /// All boundaries, nearest first.
    pub const ALL: [Self; 3] = [Self::Device, Self::Organization, Self::External];

    /// The boundary with this number.
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }

    /// The name used in configuration, headers and journals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Device => "device",
            Self::Organization => "organization",
            Self::External => "external",
        }
    }
}

impl Level {
    /// All levels, least sensitive first.
    pub const ALL: [Self; 3] = [Self::Public, Self::Internal, Self::Regulated];

    /// The level with this number.
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }

    /// The name used in configuration, headers and journals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Public => "public",
            Self::Internal => "internal",
            Self::Regulated => "regulated",
        }
    }
}

impl Route {
    /// All routes in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Chat, Self::Completions, Self::Embeddings];

    /// The route with this number.
    pub fn from_u8(value: u8) -> Option<Self> {
        Self::ALL.get(usize::from(value)).copied()
    }

    /// The name used in metrics and journals.
    pub fn name(self) -> &'static str {
        match self {
            Self::Chat => "chat",
            Self::Completions => "completions",
            Self::Embeddings => "embeddings",
        }
    }
}

/// One reading of both clocks, taken by the caller once per call.
///
/// `mono_ns` orders and measures (it never jumps); `wall_ns` only dates records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Now {
    /// Nanoseconds of the host's monotonic clock: comparable between processes of one boot.
    pub mono_ns: u64,
    /// Nanoseconds since the Unix epoch.
    pub wall_ns: u64,
}

impl Now {
    /// Milliseconds of the monotonic clock.
    pub fn mono_ms(self) -> u64 {
        self.mono_ns / 1_000_000
    }
}
