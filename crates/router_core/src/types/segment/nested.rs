//! Members inside of messages, tools and options that only some backends take.
//!
//! Most requests have none of them, and a gateway that looked for them in a parsed body would pay for every
//! request. So the one pass that gathers the text notes them, a bit each: the planner's side decides by a
//! bit whether a body must be looked into at all. A bit says that a member is there and means something
//! (not null, not what holds anyway). Names are those of all dialects; a bit may be set for a member that
//! another dialect calls the same, so whoever acts on a bit acts on nothing where it finds nothing.

/// The members, by the number of their bit, under the names by which clients are told of them.
pub const NAMES: [&str; 18] = [
    "role",
    "custom",
    "allowed_tools",
    "tool_choice",
    "cache_control",
    "prompt_cache_breakpoint",
    "strict",
    "file",
    "input_audio",
    "refusal",
    "thinking",
    "audio",
    "reasoning_content",
    "reasoning",
    "reasoning_details",
    "detail",
    "description",
    "include_obfuscation",
];

const DEVELOPER: u32 = 1;
const CUSTOM: u32 = 1 << 1;
const ALLOWED: u32 = 1 << 2;
const NAMED: u32 = 1 << 3;
const CACHE: u32 = 1 << 4;
const BREAKPOINT: u32 = 1 << 5;
const STRICT: u32 = 1 << 6;
const FILE: u32 = 1 << 7;
const HEARD: u32 = 1 << 8;
const REFUSAL: u32 = 1 << 9;
const THINKING: u32 = 1 << 10;
const AUDIO: u32 = 1 << 11;
const REASONING_CONTENT: u32 = 1 << 12;
const REASONING: u32 = 1 << 13;
const DETAILS: u32 = 1 << 14;
const DETAIL: u32 = 1 << 15;
const DESCRIPTION: u32 = 1 << 16;
const OBFUSCATION: u32 = 1 << 17;

/// The top-level member that something stands in, where that matters here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Top {
    Said,
    /// Messages of a fallback's own stand two levels deeper.
    Fallbacks,
    System,
    Tools,
    ToolChoice,
    Format,
    StreamOptions,
    #[default]
    Other,
}

impl Top {
    pub(super) fn named(name: &[u8]) -> Self {
        match name {
            b"messages" | b"input" => Self::Said,
            b"fallbacks" => Self::Fallbacks,
            b"system" => Self::System,
            b"tools" => Self::Tools,
            b"tool_choice" => Self::ToolChoice,
            b"response_format" | b"text" => Self::Format,
            b"stream_options" => Self::StreamOptions,
            _ => Self::Other,
        }
    }

    /// The depth of `depth` as if messages were always the top-level ones.
    fn depth(self, depth: u32) -> (Self, u32) {
        match self {
            Self::Fallbacks => (Self::Said, depth.saturating_sub(2)),
            top => (top, depth),
        }
    }
}

/// What a key says; `behind` are the bytes behind its closing quote.
pub(super) fn of_key(name: &[u8], top: Top, depth: u32, behind: &[u8]) -> u32 {
    let (top, depth) = top.depth(depth);
    let bit = match (top, depth, name) {
        (Top::Said | Top::System | Top::Tools, _, b"cache_control") => CACHE,
        (Top::Said, _, b"prompt_cache_breakpoint") => BREAKPOINT,
        (Top::Tools, 3 | 4, b"strict") => STRICT,
        (Top::Said, 3, b"refusal") => REFUSAL,
        (Top::Said, 3, b"audio") => AUDIO,
        (Top::Said, 3, b"reasoning_content") => REASONING_CONTENT,
        (Top::Said, 3, b"reasoning") => REASONING,
        (Top::Said, 3, b"reasoning_details") => DETAILS,
        (Top::Said, 3, b"thinking") => THINKING,
        (Top::Said, 5 | 6, b"detail") => DETAIL,
        (Top::Format, 3, b"description") => DESCRIPTION,
        (Top::StreamOptions, 2, b"include_obfuscation") => OBFUSCATION,
        (Top::ToolChoice, 2, b"function") => NAMED,
        _ => return 0,
    };
    let value = value_of(behind);
    let said = match bit {
        STRICT | OBFUSCATION => value.starts_with(b"true"),
        DETAIL => !value.starts_with(b"null") && !value.starts_with(b"\"auto\""),
        REFUSAL | REASONING_CONTENT | REASONING | THINKING | DESCRIPTION => {
            !value.starts_with(b"null") && !value.starts_with(b"\"\"")
        }
        _ => !value.starts_with(b"null"),
    };
    if said {
        bit
    } else {
        0
    }
}

/// What a value under `type` says; `under` is the member that holds its object: `Some(true)` for the
/// content of a message, `Some(false)` for its calls.
pub(super) fn of_type(value: &[u8], top: Top, depth: u32, under: Option<bool>) -> u32 {
    let (top, depth) = top.depth(depth);
    match (top, depth, under, value) {
        (Top::Tools, 3, _, b"custom")
        | (Top::ToolChoice, 2, _, b"custom")
        | (Top::Said, 5, Some(false), b"custom") => CUSTOM,
        (Top::ToolChoice, 2, _, b"allowed_tools") => ALLOWED,
        (Top::ToolChoice, 2, _, b"function") => NAMED,
        (Top::Said, 5, Some(true), b"file") => FILE,
        (Top::Said, 5, Some(true), b"input_audio") => HEARD,
        (Top::Said, 5, Some(true), b"refusal") => REFUSAL,
        (Top::Said, 5, Some(true), b"thinking" | b"redacted_thinking" | b"reasoning")
        | (Top::Said, 3, _, b"reasoning") => THINKING,
        _ => 0,
    }
}

/// What the role of a message says.
pub(super) fn of_role(value: &[u8]) -> u32 {
    if value == b"developer" {
        DEVELOPER
    } else {
        0
    }
}

/// The bytes of a value, from those behind the closing quote of its key.
fn value_of(behind: &[u8]) -> &[u8] {
    let begins = |byte: &u8| !matches!(byte, b':' | b' ' | b'\n' | b'\r' | b'\t');
    let at = behind.iter().position(begins);
    &behind[at.unwrap_or(behind.len())..]
}
