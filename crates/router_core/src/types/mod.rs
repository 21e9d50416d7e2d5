//! The vocabulary that all modules share: boundaries, levels, routes, outcomes, time.
//!
//! Values with a number are part of two interfaces, the journal on disk and the Python mirror in
//! `hybridgw.core`; numbers are never reused.

mod bound;
mod draws;
mod outcome;
mod path;
mod reason;
mod refusal;
mod stage;

pub use bound::BoundSource;
pub use draws::Draws;
pub use outcome::{Outcome, Signal};
pub use path::MemberPath;
pub use reason::Reason;
pub use refusal::Refusal;
pub use stage::Stage;

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
    /// `/v1/responses`
    Responses = 3,
    /// `/v1/messages`
    Messages = 4,
    /// Ollama's `/api/chat`
    OllamaChat = 5,
    /// Ollama's `/api/generate`
    OllamaGenerate = 6,
    /// Ollama's `/api/embed`
    OllamaEmbed = 7,
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
    pub const ALL: [Self; 8] = [
        Self::Chat,
        Self::Completions,
        Self::Embeddings,
        Self::Responses,
        Self::Messages,
        Self::OllamaChat,
        Self::OllamaGenerate,
        Self::OllamaEmbed,
    ];

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
            Self::Responses => "responses",
            Self::Messages => "messages",
            Self::OllamaChat => "ollama_chat",
            Self::OllamaGenerate => "ollama_generate",
            Self::OllamaEmbed => "ollama_embed",
        }
    }

    /// The member of a body that holds what is asked.
    pub fn asks_in(self) -> &'static str {
        match self {
            Self::Chat | Self::Messages | Self::OllamaChat => "messages",
            Self::Completions | Self::OllamaGenerate => "prompt",
            Self::Embeddings | Self::Responses | Self::OllamaEmbed => "input",
        }
    }

    /// Whether it answers with vectors, which no other model can stand in for.
    pub fn embeds(self) -> bool {
        matches!(self, Self::Embeddings | Self::OllamaEmbed)
    }

    /// Whether a client that says nothing wants a stream.
    pub fn streams_unasked(self) -> bool {
        matches!(self, Self::OllamaChat | Self::OllamaGenerate)
    }

    /// Whether parameters have the names of Chat Completions, under which a configuration sets,
    /// renames and removes them.
    pub fn has_chat_names(self) -> bool {
        matches!(self, Self::Chat | Self::Completions | Self::Embeddings)
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
