//! Names that a backend may take for another one.
//!
//! Some decoders match the names of members without case, and of two that match keep the last: Go's
//! does, and so do those of Java and .NET when told to. What is read here as an unknown member
//! (`"Model"`) would be the model there, or the media, or the conversation. So a name that becomes a
//! known one when case is folded, and is not that name, is refused: nobody writes it by accident.
//!
//! A table and not "no capitals": clients send members of their own (`chatId`), which mean nothing
//! to anybody. The table holds every top-level name that the gateway or a backend's protocol knows.

use crate::text::lower;

/// Top-level names of requests, sorted.
const KNOWN: &[&str] = &[
    "add_generation_prompt",
    "api_base",
    "api_key",
    "audio",
    "background",
    "base_url",
    "best_of",
    "betas",
    "cache_control",
    "chat_template",
    "chat_template_kwargs",
    "container",
    "context",
    "context_management",
    "conversation",
    "custom_llm_provider",
    "dimensions",
    "disable_fallbacks",
    "documents",
    "echo",
    "encoding_format",
    "extra_body",
    "extra_headers",
    "fallbacks",
    "format",
    "frequency_penalty",
    "function_call",
    "functions",
    "grammar",
    "hybridgw",
    "images",
    "include",
    "input",
    "instructions",
    "keep_alive",
    "logit_bias",
    "logprobs",
    "max_completion_tokens",
    "max_output_tokens",
    "max_tokens",
    "max_tool_calls",
    "mcp_servers",
    "messages",
    "metadata",
    "min_p",
    "mm_processor_kwargs",
    "modalities",
    "model",
    "models",
    "n",
    "num_retries",
    "options",
    "parallel_tool_calls",
    "plugins",
    "prediction",
    "presence_penalty",
    "previous_response_id",
    "prompt",
    "prompt_cache_key",
    "provider",
    "raw",
    "reasoning",
    "reasoning_effort",
    "repeat_penalty",
    "repetition_penalty",
    "response_format",
    "route",
    "safety_identifier",
    "seed",
    "service_tier",
    "stop",
    "stop_sequences",
    "store",
    "stream",
    "stream_options",
    "stream_timeout",
    "suffix",
    "system",
    "tags",
    "temperature",
    "template",
    "text",
    "think",
    "thinking",
    "timeout",
    "tool_choice",
    "tools",
    "top_k",
    "top_logprobs",
    "top_p",
    "transforms",
    "truncate",
    "truncation",
    "user",
    "verbosity",
    "web_search_options",
];

/// The longest of them, bytes.
const LONGEST: usize = 21;

/// The known name that `name` becomes when case is folded; `None` when it is that name, or none.
#[inline]
pub(super) fn lookalike(name: &[u8]) -> Option<&'static str> {
    // What lower case already is, which almost all names are, folds to itself.
    let plain = |byte: &u8| !byte.is_ascii_uppercase() && byte.is_ascii();
    if name.iter().all(plain) {
        None
    } else {
        folded(std::str::from_utf8(name).ok()?)
    }
}

fn folded(name: &str) -> Option<&'static str> {
    let mut folded = [0; LONGEST];
    let mut length = 0;
    for letter in name.chars() {
        *folded.get_mut(length)? = u8::try_from(lower(letter)).ok()?;
        length += 1;
    }
    let folded = &folded[..length];
    let at = KNOWN.binary_search_by(|known| known.as_bytes().cmp(folded));
    at.ok().map(|at| KNOWN[at])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_sorted_and_fits() {
        assert!(KNOWN.windows(2).all(|pair| pair[0] < pair[1]));
        assert_eq!(KNOWN.iter().map(|name| name.len()).max(), Some(LONGEST));
    }

    #[test]
    fn only_another_spelling_of_a_known_name_is_one() {
        for (name, known) in [
            ("Model", "model"),
            ("MODEL", "model"),
            ("meſſageſ", "messages"),
            ("Keep_alive", "keep_alive"),
            ("\u{212a}eep_alive", "keep_alive"),
            ("\u{131}mages", "images"),
            ("N", "n"),
        ] {
            assert_eq!(lookalike(name.as_bytes()), Some(known), "{name}");
        }
        for name in [
            "model",
            "keep_alive",
            "chatId",
            "Models_of_mine",
            "modèle",
            "",
            "ſ",
        ] {
            assert_eq!(lookalike(name.as_bytes()), None, "{name}");
        }
        assert_eq!(lookalike(&[b'M'; 10_000]), None);
    }
}
