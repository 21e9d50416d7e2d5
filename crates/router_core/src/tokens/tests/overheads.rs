//! Formulas, against the examples that their makers give.

use crate::json::{Raw, Scanner};
use crate::tokens::*;

fn raw_of(text: &str) -> Raw<'_> {
    let value = Scanner::new(text.as_bytes(), 64)
        .skip()
        .expect("valid JSON");
    value.raw(text.as_bytes())
}

#[test]
fn images_cost_what_the_documentation_says() {
    let high = |model, width, height| Overhead::image(model, Some((width, height)));
    assert_eq!(high("gpt-4o", 1024, 1024), 765);
    assert_eq!(high("gpt-4o", 2048, 4096), 1105);
    assert_eq!(high("gpt-4o", 512, 512), 255);
    assert_eq!(high("gpt-4o", 513, 513), 765);
    assert_eq!(high("gpt-4o-mini", 1024, 1024), 25_501);
    assert_eq!(high("gpt-4.1-mini", 1024, 1024), 1659);
    assert_eq!(high("claude-sonnet-4-5", 1000, 1000), 1334);
    assert_eq!(high("claude-sonnet-4-5", 8000, 8000), 1600);
    assert_eq!(high("gemini-2.0-flash", 384, 384), 258);
    assert_eq!(Overhead::image("gpt-4o", None), 765);
}

#[test]
fn images_of_any_size_are_bounded() {
    for model in [
        "gpt-4o",
        "gpt-5.2",
        "o4-mini",
        "claude-opus-5",
        "qwen2.5vl:7b",
    ] {
        for size in [(0, 0), (1, u32::MAX), (u32::MAX, u32::MAX), (1, 1)] {
            let tokens = Overhead::image(model, Some(size));
            assert!((1..200_000).contains(&tokens), "{model} {size:?}: {tokens}");
        }
    }
}

#[test]
fn messages_are_wrapped() {
    assert_eq!(Overhead::of(Family::OpenAi).messages(2, 1), 4 * 2 + 1 + 3);
    assert!(
        Overhead::of(Family::Other).messages(1, 0) > Overhead::of(Family::OpenAi).messages(1, 0)
    );
}

/// The example of OpenAI's cookbook: 101 tokens for gpt-4o with its two messages.
#[test]
fn tools_cost_what_the_cookbook_says() {
    let tools = r#"[{"type": "function", "function": {"name": "get_current_weather",
        "description": "Get the current weather in a given location",
        "parameters": {"type": "object", "properties": {
            "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
            "unit": {"type": "string", "description": "The unit of temperature to return",
                     "enum": ["celsius", "fahrenheit"]}}, "required": ["location"]}}}]"#;
    let raw = raw_of(tools);
    let found = Overhead::tools("gpt-4o", &raw);
    let text = [
        "system",
        "You are a helpful assistant that can answer to questions about the weather.",
        "user",
        "What's the weather like in San Francisco?",
    ];
    let text: usize = text.iter().map(|it| count(Encoding::O200k, it)).sum();
    let wrapped = 3 * 2 + 3 + text as u64;
    assert_eq!(wrapped + found.tokens, 101);
    assert!(!found.exact);
    assert!(Overhead::tools("claude-sonnet-4-5", &raw).tokens > 346);
}

#[test]
fn what_is_no_list_of_tools_costs_nothing() {
    for value in ["null", "[]", "{}", "3", "\"x\""] {
        let raw = raw_of(value);
        assert_eq!(Overhead::tools("gpt-4o", &raw).tokens, 0, "{value}");
    }
    for odd in [
        "[null]",
        "[[]]",
        r#"[{"function": 3}]"#,
        r#"[{"function": {"parameters": {"properties": []}}}]"#,
    ] {
        let raw = raw_of(odd);
        assert!(Overhead::tools("gpt-4o", &raw).tokens >= 12, "{odd}");
    }
}
