//! Exact means OpenAI's number.

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::any_text;
use crate::tokens::long::Scratch;
use crate::tokens::split::Pieces;
use crate::tokens::vocabulary::Vocabulary;
use crate::tokens::*;

/// Texts with the counts of OpenAI's tiktoken, written by `bench/tokens`.
const COUNTED: &str = include_str!("openai_counts.jsonl");

#[test]
fn counts_are_those_of_openai() {
    let mut checked = 0;
    for line in COUNTED.lines() {
        let (text, o200k, cl100k): (String, usize, usize) =
            serde_json::from_str(line).expect("a line of the table");
        assert_eq!(count(Encoding::O200k, &text), o200k, "o200k: {text:?}");
        assert_eq!(count(Encoding::Cl100k, &text), cl100k, "cl100k: {text:?}");
        checked += 1;
    }
    assert!(checked > 1000);
}

/// The hashes that OpenAI pins for its own files, out of which ours can be restored.
#[test]
fn vocabularies_are_openai_s() {
    for (encoding, hash) in [
        (
            Encoding::O200k,
            "446a9538cb6c348e3516120d7c08b09f57c36495e2acfffe59a5bf8b0cfb1a2d",
        ),
        (
            Encoding::Cl100k,
            "223921b76ee99bde995b7ff738513eef100fb51d18c93597a113bcffe865b2a7",
        ),
    ] {
        let vocabulary = Vocabulary::shared(encoding);
        let mut hasher = Sha256::new();
        for rank in 0..vocabulary.len() as u32 {
            let line = format!("{} {rank}\n", base64(vocabulary.token(rank)));
            hasher.update(line.as_bytes());
        }
        let found: String = hasher
            .finalize()
            .iter()
            .map(|it| format!("{it:02x}"))
            .collect();
        assert_eq!(found, hash, "{}", encoding.name());
    }
}

#[test]
fn every_token_is_found_by_its_bytes() {
    for encoding in Encoding::ALL {
        let vocabulary = Vocabulary::shared(encoding);
        for rank in 0..vocabulary.len() as u32 {
            assert_eq!(vocabulary.rank(vocabulary.token(rank)), rank);
        }
        assert_eq!(vocabulary.rank(b""), u32::MAX);
        assert_eq!(vocabulary.rank(&[b'x'; 300]), u32::MAX);
    }
}

/// Merging as it is defined: the lowest rank first, the leftmost of equals.
fn merged_by_the_book(vocabulary: &Vocabulary, piece: &[u8]) -> usize {
    let mut ends: Vec<usize> = (1..=piece.len()).collect();
    loop {
        let start = |at: usize| if at == 0 { 0 } else { ends[at - 1] };
        let best = (0..ends.len().saturating_sub(1))
            .map(|at| (vocabulary.rank(&piece[start(at)..ends[at + 1]]), at))
            .min();
        match best {
            Some((rank, at)) if rank != u32::MAX => ends.remove(at),
            _ => return ends.len(),
        };
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn long_and_short_ways_merge_by_the_book(text in any_text()) {
        for encoding in Encoding::ALL {
            let vocabulary = Vocabulary::shared(encoding);
            let bytes = &text.as_bytes()[..text.len().min(600)];
            let expected = merged_by_the_book(vocabulary, bytes);
            let mut scratch = Scratch::default();
            let long = vocabulary.long_pieces().count(vocabulary, bytes, &mut scratch);
            prop_assert_eq!(long, expected);
            let short = &bytes[..bytes.len().min(32)];
            prop_assert_eq!(
                merge::count(vocabulary, short, &mut scratch),
                merged_by_the_book(vocabulary, short)
            );
        }
    }

    #[test]
    fn any_text_is_counted_within_its_bytes(text in any_text()) {
        for encoding in Encoding::ALL {
            let tokens = count(encoding, &text);
            prop_assert!(tokens <= text.len());
            prop_assert_eq!(tokens == 0, text.is_empty());
            prop_assert_eq!(Pieces::new(encoding, &text).collect::<Vec<_>>().concat(), text.as_bytes());
            prop_assert!(Pieces::new(encoding, &text).all(|it| std::str::from_utf8(it).is_ok()));
            prop_assert_eq!(estimate(encoding, &text).tokens, count_joined(encoding, &text) as u64);
        }
    }
}

#[test]
fn joined_strings_count_apart() {
    let parts = ["Hello there", "", "123", "  \n", "don't"];
    for encoding in Encoding::ALL {
        let apart: usize = parts.iter().map(|part| count(encoding, part)).sum();
        assert_eq!(count_joined(encoding, &parts.join("\x1f")), apart);
    }
}

#[test]
fn models_have_the_encodings_that_openai_names() {
    for model in [
        "gpt-4",
        "gpt-4-0613",
        "gpt-4-32k",
        "gpt-4-turbo-2024-04-09",
        "gpt-3.5-turbo",
        "gpt-3.5-turbo-0125",
        "gpt-35-turbo",
        "ft:gpt-4:acme::x",
        "ft:gpt-3.5-turbo-0125:acme",
        "text-embedding-3-small",
        "text-embedding-ada-002",
        "davinci-002",
        "azure/gpt-4",
    ] {
        assert_eq!(encoding_for(model), Encoding::Cl100k, "{model}");
        assert!(Family::of(model).counts_exactly(), "{model}");
    }
    for model in [
        "gpt-4o",
        "gpt-4o-mini",
        "GPT-4o-2024-08-06",
        "gpt-4.1-nano",
        "gpt-4.5-preview",
        "gpt-5",
        "gpt-5.1-codex",
        "gpt-5-mini",
        "o1",
        "o1-preview",
        "o3-mini",
        "o4-mini",
        "chatgpt-4o-latest",
        "ft:gpt-4o-2024-08-06:acme::x",
        "openrouter/openai/gpt-4o",
        "gpt-oss-20b",
        "gpt-oss:120b",
    ] {
        assert_eq!(encoding_for(model), Encoding::O200k, "{model}");
        assert!(Family::of(model).counts_exactly(), "{model}");
    }
    for model in [
        "",
        "/",
        "gpt-4all",
        "llama3.1:8b",
        "qwen3:8b",
        "claude-sonnet-4-5",
        "gemini-2.5-pro",
        "o11",
    ] {
        assert_eq!(encoding_for(model), Encoding::O200k, "{model}");
        assert!(!Family::of(model).counts_exactly(), "{model}");
    }
    assert_eq!(
        Family::of("bedrock/us.anthropic.claude-opus-4-5-v1:0"),
        Family::Anthropic
    );
    assert_eq!(Family::of("vertex_ai/gemini-3-pro"), Family::Google);
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = |at: usize| u32::from(chunk.get(at).copied().unwrap_or(0)) << (16 - 8 * at);
        let word = word(0) | word(1) | word(2);
        for at in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * at)) as usize & 63];
            text.push(if at <= chunk.len() {
                char::from(digit)
            } else {
                '='
            });
        }
    }
    text
}
