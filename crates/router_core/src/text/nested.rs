//! Members inside of messages, tools and options that only some backends take.
//!
//! Most requests have none of them, and a gateway that looked for them in a parsed body would pay for every
//! request. So the one pass that gathers the text notes them, a bit each: the planner's side decides by a
//! bit whether a body must be looked into at all. A bit says that a member is there and means something
//! (not null, not what holds anyway). Names are those of all dialects; a bit may be set for a member that
//! another dialect calls the same, so whoever acts on a bit acts on nothing where it finds nothing.

/// The members, by the number of their bit, under the names by which clients are told of them.
pub const NAMES: [&str; 27] = [
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
    "citations",
    "transformations",
    "caller",
    "toolset_name",
    "allowed_callers",
    "defer_loading",
    "eager_input_streaming",
    "input_examples",
    "redacted_thinking",
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
const CITATIONS: u32 = 1 << 18;
const TRANSFORMATIONS: u32 = 1 << 19;
const CALLER: u32 = 1 << 20;
const TOOLSET: u32 = 1 << 21;
const CALLERS: u32 = 1 << 22;
const DEFERRED: u32 = 1 << 23;
const EAGER: u32 = 1 << 24;
const EXAMPLES: u32 = 1 << 25;
const REDACTED: u32 = 1 << 26;

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
        (Top::Said | Top::System, _, b"citations") => CITATIONS,
        (Top::Said, _, b"transformations") => TRANSFORMATIONS,
        (Top::Said, 5, b"caller") => CALLER,
        (Top::Said, 5, b"toolset_name") => TOOLSET,
        (Top::Tools, 3, b"allowed_callers") => CALLERS,
        (Top::Tools, 3, b"defer_loading") => DEFERRED,
        (Top::Tools, 3, b"eager_input_streaming") => EAGER,
        (Top::Tools, 3, b"input_examples") => EXAMPLES,
        _ => return 0,
    };
    let value = value_of(behind);
    let said = match bit {
        STRICT | OBFUSCATION | DEFERRED | EAGER => value.starts_with(b"true"),
        DETAIL => !value.starts_with(b"null") && !value.starts_with(b"\"auto\""),
        REFUSAL | REASONING_CONTENT | REASONING | THINKING | DESCRIPTION => {
            !value.starts_with(b"null") && !value.starts_with(b"\"\"")
        }
        // What holds anyway, as answers say it and clients give it back.
        CALLER => !holds(value, &[br#"null"#, br#"{"type":"direct"}"#]),
        CALLERS => !holds(value, &[br#"null"#, br#"["direct"]"#]),
        CITATIONS => !holds(value, &[br#"null"#, br#"[]"#, br#"{"enabled":false}"#]),
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
        (Top::Said, 5, Some(true), b"thinking" | b"reasoning")
        | (Top::Said, 3, _, b"reasoning") => THINKING,
        (Top::Said, 5, Some(true), b"redacted_thinking") => REDACTED,
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

/// Whether a value is one of these; white space inside of it does not count.
fn holds(value: &[u8], known: &[&[u8]]) -> bool {
    let solid = || value.iter().filter(|byte| !byte.is_ascii_whitespace());
    known.iter().any(|it| solid().take(it.len()).eq(it.iter()))
}

/// The bytes of a value, from those behind the closing quote of its key.
fn value_of(behind: &[u8]) -> &[u8] {
    let begins = |byte: &u8| !matches!(byte, b':' | b' ' | b'\n' | b'\r' | b'\t');
    let at = behind.iter().position(begins);
    &behind[at.unwrap_or(behind.len())..]
}
