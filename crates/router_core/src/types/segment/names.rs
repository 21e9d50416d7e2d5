//! What the names of members say about their values: two tables and the look-up.

/// Members whose value is not content, and why. A value under such a name is left out only when it
/// is one plain word (see `is_plain_word`); anything else is scanned like the rest, behind the
/// content: a client can put any text under any name, and it would be forwarded.
pub const NOT_CONTENT: &[(&str, &str)] = &[
    ("call_id", "refers to a call"),
    ("conversation", "refers to a conversation"),
    ("detail", "resolution of an image: low, high, auto"),
    ("effort", "how much a model thinks: low, medium, high"),
    ("encoding_format", "float or base64"),
    ("file_id", "refers to a file"),
    ("finish_reason", "why an earlier answer ended"),
    ("format", "of audio or of a schema: wav, mp3, date-time"),
    ("id", "refers to a message or a call"),
    ("media_type", "of a file: image/png"),
    ("mime_type", "of a file: image/png"),
    ("model", "replaced by the gateway"),
    ("object", "kind of an object of the protocol"),
    ("previous_response_id", "refers to an answer"),
    ("prompt_cache_key", "refers to a cache entry"),
    (
        "reasoning_effort",
        "how much a model thinks: low, medium, high",
    ),
    ("response_id", "refers to an answer"),
    ("role", "who a message is from"),
    ("service_tier", "auto, default, flex"),
    ("status", "of an item: completed, in_progress"),
    ("tool_call_id", "refers to a call"),
    ("tool_choice", "auto, none, required"),
    ("tool_use_id", "refers to a call"),
    ("truncation", "auto or disabled"),
    ("ttl", "of a cache mark: 5m, 1h"),
    ("type", "kind of a part, a tool or a schema node"),
    ("verbosity", "low, medium, high"),
    ("voice", "name of a voice of the provider"),
];

/// Names of the protocol's own members that stand between the texts of one conversation. As keys
/// they are constants; gathered, they would stand between the two halves of what a client split.
/// Every other key is text.
pub const STRUCTURE: &[&str] = &[
    "annotations",
    "arguments",
    "audio",
    "cache_control",
    "call_id",
    "content",
    "custom",
    "data",
    "description",
    "detail",
    "document",
    "file",
    "file_data",
    "file_id",
    "filename",
    "finish_reason",
    "format",
    "function",
    "function_call",
    "id",
    "image",
    "image_url",
    "index",
    "input",
    "input_audio",
    "instructions",
    "media_type",
    "message",
    "messages",
    "metadata",
    "mime_type",
    "model",
    "name",
    "object",
    "output",
    "parameters",
    "parts",
    "prefix",
    "prompt",
    "properties",
    "reasoning",
    "reasoning_content",
    "refusal",
    "role",
    "signature",
    "source",
    "status",
    "stream",
    "strict",
    "suffix",
    "summary",
    "system",
    "text",
    "thinking",
    "tool_call_id",
    "tool_calls",
    "tool_use_id",
    "tools",
    "ttl",
    "type",
    "url",
    "video_url",
    "weight",
];

/// What a name says about the value under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// Nothing.
    Text,
    /// [`NOT_CONTENT`].
    NotContent,
    /// `role`.
    Role,
    /// Instructions outside of the messages, when at the top.
    System,
    /// What a tool is called with.
    Arguments,
    /// Bytes in base64: audio, files, images.
    Blob,
    /// Where media are to be fetched, or which stored file is meant.
    Remote,
}

pub(super) fn class_of(name: &[u8]) -> Class {
    match name {
        b"role" => Class::Role,
        b"system" | b"instructions" => Class::System,
        b"arguments" => Class::Arguments,
        b"data" | b"file_data" | b"b64_json" | b"image_data" | b"audio_data" => Class::Blob,
        b"image_url" | b"video_url" | b"audio_url" | b"file_url" | b"file_id" => Class::Remote,
        _ if has(NOT_CONTENT.len(), |at| NOT_CONTENT[at].0, name) => Class::NotContent,
        _ => Class::Text,
    }
}

pub(super) fn is_structure(name: &[u8]) -> bool {
    has(STRUCTURE.len(), |at| STRUCTURE[at], name)
}

/// Binary search in a sorted table.
fn has(length: usize, name_at: impl Fn(usize) -> &'static str, name: &[u8]) -> bool {
    let (mut low, mut high) = (0, length);
    while low < high {
        let middle = (low + high) / 2;
        match name_at(middle).as_bytes().cmp(name) {
            std::cmp::Ordering::Equal => return true,
            std::cmp::Ordering::Less => low = middle + 1,
            std::cmp::Ordering::Greater => high = middle,
        }
    }
    false
}

/// One word of a vocabulary: short, without spaces, with too few digits to be a number of anyone.
pub(super) fn is_plain_word(value: &[u8]) -> bool {
    value.len() <= 48
        && value
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"_-./:".contains(byte))
        && value.iter().filter(|byte| byte.is_ascii_digit()).count() <= 6
}

/// Whether a value is media spelled as a `data:` URL in base64.
pub(super) fn is_data_url(value: &[u8]) -> bool {
    let head = &value[..value.len().min(128)];
    head.len() > 5
        && head[..5].eq_ignore_ascii_case(b"data:")
        && memchr::memmem::find(head, b";base64,").is_some()
}

/// Whether a value under a name that carries bytes looks like base64 from its start.
pub(super) fn is_blob(value: &[u8]) -> bool {
    value.len() >= 64
        && value[..64]
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || b"+/-_=".contains(byte))
}
