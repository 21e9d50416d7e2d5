//! What the names of members say about their values: two tables and the look-up.

/// Members whose value is not content, and why. A value under such a name is left out only when it
/// is a [`PROTOCOL`] word; anything else is scanned like the rest, behind the content: a client can
/// put any text under any name, and it would be forwarded.
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
    "encrypted_content",
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
    "images",
    "index",
    "input",
    "input_audio",
    "instructions",
    "is_error",
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
    "tool_name",
    "tool_use_id",
    "tools",
    "ttl",
    "type",
    "url",
    "video_url",
    "weight",
];

/// Words that the protocols themselves put under [`NOT_CONTENT`] names. Closed, because whatever
/// else stands there may be somebody's secret: a key, an address, a word that a pattern looks for.
pub const PROTOCOL: &[&str] = &[
    "array",
    "assistant",
    "auto",
    "base64",
    "boolean",
    "completed",
    "content_filter",
    "default",
    "detailed",
    "developer",
    "document",
    "enabled",
    "ephemeral",
    "file",
    "float",
    "function",
    "function_call",
    "function_call_output",
    "grammar",
    "high",
    "image",
    "image_url",
    "in_progress",
    "incomplete",
    "input_audio",
    "input_file",
    "input_image",
    "input_text",
    "integer",
    "json_object",
    "json_schema",
    "length",
    "low",
    "medium",
    "message",
    "minimal",
    "model",
    "none",
    "null",
    "number",
    "object",
    "output_text",
    "reasoning",
    "redacted_thinking",
    "refusal",
    "required",
    "stop",
    "string",
    "system",
    "text",
    "thinking",
    "tool",
    "tool_calls",
    "tool_result",
    "tool_use",
    "url",
    "user",
];

/// What a name says about the value under it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Class {
    /// What a model is given as text.
    Content,
    /// Perhaps that: nothing is known.
    Text,
    /// [`NOT_CONTENT`].
    NotContent,
    /// The same, which names a call; Gemini's may carry a signature.
    Identifier,
    /// `role`.
    Role,
    /// Instructions outside of the messages, when at the top.
    System,
    /// What a tool is called with.
    Arguments,
    /// The same, as Messages names it; elsewhere what a model is given as text.
    Input,
    /// What an object is (`type`), which may say who an item of a conversation is from.
    Item,
    /// Bytes in base64: audio, files, images.
    Blob,
    /// Where media are to be fetched, or the media themselves.
    Remote,
    /// Which of the things that a provider stores is meant: a file, a container of files.
    Stored,
    /// May name such a thing by the `id` inside of it: the sound of an earlier answer.
    Holder,
    /// Holds a reference to media under `url`, and may hold text.
    Source,
    /// Text in another spelling: token ids.
    TokenIds,
    /// What a maker of models gave out, to be given back: signatures, thoughts that nobody else may
    /// read. Only where makers put such: see [`Block`].
    Sealed,
    /// The same name elsewhere.
    Unclaimed,
    /// Holds a call, or what a maker adds to one: a signature of thoughts may stand inside.
    Carrier,
    /// Numbers that choose tokens and tell nothing.
    Choice,
    /// The model asked for: a deployment's model is forwarded in its place.
    Replaced,
}

pub(super) fn class_of(name: &[u8]) -> Class {
    match name {
        b"content" | b"text" | b"prompt" | b"input" => Class::Content,
        b"role" => Class::Role,
        b"system" | b"instructions" => Class::System,
        b"arguments" => Class::Arguments,
        b"data" | b"file_data" | b"b64_json" | b"image_data" | b"audio_data" => Class::Blob,
        b"image" | b"images" | b"video" | b"image_url" | b"video_url" | b"audio_url"
        | b"file_url" | b"file_uri" => Class::Remote,
        b"file_id" | b"file_ids" | b"vector_store_ids" | b"container" | b"container_id" => {
            Class::Stored
        }
        b"audio" => Class::Holder,
        b"signature" | b"thought_signature" | b"thoughtSignature" | b"encrypted_content" => {
            Class::Sealed
        }
        b"tool_calls" | b"extra_content" | b"provider_specific_fields" => Class::Carrier,
        b"source" => Class::Source,
        b"context" | b"input_ids" | b"prompt_ids" | b"prompt_token_ids" | b"token_ids" => {
            Class::TokenIds
        }
        b"allowed_token_ids" | b"bad_token_ids" | b"stop_token_ids" => Class::Choice,
        b"type" => Class::Item,
        b"id" | b"call_id" | b"tool_call_id" | b"tool_use_id" => Class::Identifier,
        _ if is_not_content(name) => Class::NotContent,
        _ => Class::Text,
    }
}

/// A name without case, as long as any that means something.
pub(super) type Folded = [u8; 16];

/// What a name says to a decoder that matches names without case, where to us it is just another name
/// (`Images`, `Image_URL`): media are media for whoever may read them as such. Nothing is exempt under
/// another spelling. With the spelling that counts; `None` when there is no other one.
pub(super) fn class_of_folded<'f>(name: &[u8], into: &'f mut Folded) -> Option<(&'f [u8], Class)> {
    let plain = |byte: &u8| !byte.is_ascii_uppercase() && byte.is_ascii();
    if name.iter().all(plain) {
        return None;
    }
    let mut length = 0;
    for letter in std::str::from_utf8(name).ok()?.chars() {
        *into.get_mut(length)? = u8::try_from(lower(letter)).ok()?;
        length += 1;
    }
    let folded = &into[..length];
    let class = class_of(folded);
    let stricter = matches!(
        class,
        Class::Blob
            | Class::Remote
            | Class::Stored
            | Class::Holder
            | Class::Source
            | Class::TokenIds
    );
    (stricter || folded == b"url" || folded == b"id").then_some((folded, class))
}

/// A letter in lower case, if it may be taken for one of ASCII: two letters fold to one everywhere,
/// two more in Java.
pub(crate) fn lower(letter: char) -> char {
    match letter {
        '\u{17f}' => 's',
        '\u{212a}' => 'k',
        '\u{130}' | '\u{131}' => 'i',
        letter => letter.to_ascii_lowercase(),
    }
}

/// What the `type` of an object says about seals beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Block {
    /// Nothing said so far, or a word that promises no seal.
    #[default]
    Plain,
    /// `signature`
    Signed,
    /// `encrypted_content`, and what our own answers put there.
    Encrypted,
    /// `data`
    Redacted,
}

impl Block {
    /// The blocks in which makers of models put seals: Messages, Responses, OpenRouter.
    pub(super) fn of(kind: &[u8]) -> Self {
        match kind {
            b"thinking" | b"reasoning.text" => Self::Signed,
            b"reasoning" | b"compaction" | b"compaction_summary" | b"web_search_result" => {
                Self::Encrypted
            }
            b"redacted_thinking" | b"reasoning.encrypted" => Self::Redacted,
            _ => Self::Plain,
        }
    }

    /// The block that a seal of this name belongs into; [`Self::Plain`] when none is.
    pub(super) fn for_seal(name: &[u8]) -> Self {
        match name {
            b"signature" => Self::Signed,
            b"encrypted_content" => Self::Encrypted,
            b"data" => Self::Redacted,
            _ => Self::Plain,
        }
    }
}

pub(super) fn is_structure(name: &[u8]) -> bool {
    holds(STRUCTURE, name)
}

pub(super) fn is_protocol(value: &[u8]) -> bool {
    holds(PROTOCOL, value)
}

fn is_not_content(name: &[u8]) -> bool {
    NOT_CONTENT
        .binary_search_by(|(known, _)| known.as_bytes().cmp(name))
        .is_ok()
}

fn holds(sorted: &[&str], name: &[u8]) -> bool {
    sorted
        .binary_search_by(|known| known.as_bytes().cmp(name))
        .is_ok()
}

/// Whether a value is nothing but bytes in base64, with or without the head of a `data:` URL: media,
/// which only its recipient can read. What merely begins like that is text.
pub(super) fn is_media(value: &[u8], class: Class) -> bool {
    match class {
        Class::Sealed => return !is_sealed(value) && is_media(value, Class::Blob),
        Class::Unclaimed => return is_sealed(value) || is_media(value, Class::Blob),
        _ => {}
    }
    const LONGEST_HEAD: usize = 128;
    const SHORTEST: usize = 64;
    let head = &value[..value.len().min(LONGEST_HEAD)];
    let is_url = head.len() > 5 && head[..5].eq_ignore_ascii_case(b"data:");
    match memchr::memmem::find(head, b";base64,").filter(|_| is_url) {
        // A type of media has no spaces and no sentence.
        Some(at) => !head[..at].contains(&b' ') && is_base64(&value[at + 8..]),
        None => {
            matches!(class, Class::Blob | Class::Remote | Class::Stored)
                && value.len() >= SHORTEST
                && is_base64(value)
        }
    }
}

/// Ends what a Gemini call is called and begins its signature, in ids that carry both.
const THOUGHT: &[u8] = b"__thought__";

/// An identifier without the seal that it may carry.
pub(super) fn without_seal(value: &[u8]) -> &[u8] {
    match memchr::memmem::find(value, THOUGHT) {
        Some(at) if is_sealed(&value[at + THOUGHT.len()..]) => &value[..at],
        _ => value,
    }
}

/// Whether a value is bytes in base64 (either alphabet) that do not begin as text: what a maker gave
/// out sealed, to be given back. It tells nothing to anybody else, and it came from there; text under
/// such a name is text.
pub(super) fn is_sealed(value: &[u8]) -> bool {
    const TRIED: usize = 32;
    let end = value.iter().rposition(|byte| *byte != b'=');
    let digits = &value[..end.map_or(0, |last| last + 1)];
    let mut begin = [0; TRIED / 4 * 3];
    let (mut bits, mut held, mut length) = (0u32, 0, 0);
    for (at, byte) in digits.iter().enumerate() {
        let sextet = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' | b'-' => 62,
            b'/' | b'_' => 63,
            _ => return false,
        };
        if at < TRIED {
            bits = bits << 6 | u32::from(sextet);
            held += 6;
            if held >= 8 {
                held -= 8;
                begin[length] = (bits >> held) as u8;
                length += 1;
            }
        }
    }
    // A character may be cut at the end.
    let whole = match std::str::from_utf8(&begin[..length]) {
        Ok(_) => length,
        Err(error) => error.valid_up_to(),
    };
    let controls = |byte: &u8| *byte < b' ' && !matches!(byte, b'\n' | b'\r' | b'\t');
    digits.len() >= TRIED && (whole + 3 < length || begin.iter().any(controls))
}

/// The standard alphabet only: the other one has dashes, with which a number is written.
fn is_base64(value: &[u8]) -> bool {
    let end = value.iter().rposition(|byte| *byte != b'=');
    let digits = &value[..end.map_or(0, |last| last + 1)];
    value.len() - digits.len() <= 2
        && digits
            .iter()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
}

/// What a reference to media leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reference {
    /// The media themselves, or nothing.
    Inline,
    /// Something on the network.
    Remote,
    /// Perhaps a file of whoever reads it: a path, or a scheme that nobody vouches for.
    Local,
}

/// Judged by what is allowed, so that a spelling that nobody thought of is refused: a backend on this
/// host may open paths, and schemes that only its libraries know.
pub(super) fn reference(value: &[u8]) -> Reference {
    let starts = |scheme: &[u8]| {
        let head = value.get(..scheme.len());
        head.is_some_and(|head| head.eq_ignore_ascii_case(scheme))
    };
    if value.is_empty() || starts(b"data:") {
        Reference::Inline
    } else if starts(b"http://") || starts(b"https://") || starts(b"gs://") {
        Reference::Remote
    } else if is_bare_media(value) {
        Reference::Inline
    } else {
        Reference::Local
    }
}

/// Whether a value is base64 as Ollama's clients send images, and no path: whole groups of four, and
/// what begins with a slash is a JPEG. A path without dot, dash or underscore that happens to have such
/// a length names no file that a model could read.
fn is_bare_media(value: &[u8]) -> bool {
    value.len() % 4 == 0 && is_base64(value) && (value[0] != b'/' || value.starts_with(b"/9j/"))
}
