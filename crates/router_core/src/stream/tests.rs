//! What each kind of event does to the output and to the facts.

use super::*;

mod canonical;
mod framing;
mod shapes;

/// Feeds `input` in pieces of `size` bytes; returns all output, how it ended, and the relay.
fn relayed(options: RelayOptions, input: &[u8], size: usize) -> (Vec<u8>, End, Relay) {
    let mut relay = Relay::new(options);
    let mut out = Vec::new();
    for chunk in input.chunks(size.max(1)) {
        match relay.feed(chunk) {
            Feed::Pass => out.extend_from_slice(chunk),
            Feed::Replace(bytes) => out.extend_from_slice(&bytes),
            Feed::Hold | Feed::TooLarge => {}
        }
    }
    let (feed, end) = relay.finish();
    if let Feed::Replace(bytes) = feed {
        out.extend_from_slice(&bytes);
    }
    (out, end, relay)
}

/// Relays `input` whole and byte by byte; both must agree.
fn relay(options: RelayOptions, input: &str) -> (String, End, Facts) {
    let (whole, end, first) = relayed(options.clone(), input.as_bytes(), input.len());
    let (bytes, end_too, second) = relayed(options, input.as_bytes(), 1);
    assert_eq!(
        String::from_utf8_lossy(&whole),
        String::from_utf8_lossy(&bytes)
    );
    assert_eq!((end, first.facts()), (end_too, second.facts()));
    (
        String::from_utf8(whole).unwrap(),
        end,
        first.facts().clone(),
    )
}

fn plain() -> RelayOptions {
    RelayOptions::default()
}

fn stripping() -> RelayOptions {
    RelayOptions {
        strip_usage: true,
        ..plain()
    }
}

fn chunk(delta: &str) -> String {
    format!("data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{{\"index\":0,\"delta\":{delta},\"finish_reason\":null}}],\"usage\":null}}\n\n")
}

const FINISH: &str =
    "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n";
const USAGE: &str = "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"m\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":2,\"total_tokens\":11,\"prompt_tokens_details\":{\"cached_tokens\":4,\"cache_write_tokens\":3},\"completion_tokens_details\":{\"reasoning_tokens\":1},\"cost\":0.00014}}\n\n";
const DONE: &str = "data: [DONE]\n\n";

#[test]
fn a_plain_stream_passes_and_is_observed() {
    let input = [
        &chunk(r#"{"role":"assistant","content":""}"#),
        &chunk(r#"{"content":"Hi"}"#),
        FINISH,
        USAGE,
        DONE,
    ]
    .concat();
    let (out, end, facts) = relay(plain(), &input);
    assert_eq!(out, input);
    assert_eq!(end, End::Done);
    assert!(facts.content && facts.terminal && facts.choices.all_finished());
    assert_eq!((facts.events, facts.bytes), (5, input.len() as u64));
    assert!(facts.reasons.contains(FinishReasons::STOP));
    let usage = facts.usage.unwrap();
    assert_eq!(
        usage,
        Usage {
            prompt: 9,
            completion: 2,
            cached: 4,
            cache_write: 3,
            reasoning: 1,
            total: 11,
            cost_nanos: Some(140_000)
        }
    );
    let mut relay = Relay::new(plain());
    assert_eq!(relay.feed(input.as_bytes()), Feed::Pass);
    assert_eq!(relay.finish(), (Feed::Hold, End::Done));
    assert_eq!(relay.feed(b"late"), Feed::Hold);
}

#[test]
fn content_starts_with_something_to_show() {
    let empty = [
        r#"{}"#,
        r#"{"role":"assistant"}"#,
        r#"{"role":"assistant","content":""}"#,
        r#"{"content":null}"#,
        r#"{"tool_calls":[]}"#,
        r#"{"reasoning":"","reasoning_content":null,"refusal":null}"#,
        r#"{"function_call":null,"audio":null}"#,
        "null",
    ];
    for delta in empty {
        assert!(!relay(plain(), &chunk(delta)).2.content, "{delta}");
    }
    let full = [
        r#"{"content":" "}"#,
        r#"{"content":"\n"}"#,
        r#"{"reasoning":"x"}"#,
        r#"{"reasoning_content":"x"}"#,
        r#"{"refusal":"no"}"#,
        r#"{"tool_calls":[{"index":0,"id":"c","function":{"name":"f","arguments":""}}]}"#,
        r#"{"function_call":{"name":"f"}}"#,
        r#"{"audio":{"data":"x"}}"#,
        r#"{"images":[{}]}"#,
        r#"{"role":"assistant","cont\u0065nt":"x"}"#,
    ];
    for delta in full {
        assert!(relay(plain(), &chunk(delta)).2.content, "{delta}");
    }
    let nothing = ": PROCESSING\n\n: x\n\nretry: 10\n\nevent: ping\n\n\n\ndata:\n\ndata: {}\n\ndata: {\"choices\":[]}\n\n";
    let (out, end, facts) = relay(plain(), nothing);
    assert_eq!(out, "");
    assert!(!facts.content);
    assert_eq!((facts.events, end), (3, End::Truncated));
    assert_eq!(relay(plain(), ": only comments\n\n").1, End::Empty);
    assert_eq!(relay(plain(), "").1, End::Empty);
    let text = |text: &str| {
        format!("data: {{\"object\":\"text_completion\",\"choices\":[{{\"text\":\"{text}\",\"index\":0}}]}}\n\n")
    };
    let completions = RelayOptions {
        shape: Shape::Completions,
        ..plain()
    };
    assert!(!relay(completions.clone(), &text("")).2.content);
    assert!(relay(completions, &text("a")).2.content);
}

#[test]
fn unreadable_events_count_as_content() {
    for data in [
        "hello",
        "{\"a\":",
        "{\"choices\":[{]}",
        "12",
        "\"text\"",
        "{} {}",
    ] {
        let input = format!("data: {data}\n\n");
        let (out, _, facts) = relay(plain(), &input);
        assert_eq!(out, "");
        assert!(facts.content && facts.unreadable == 1, "{data}");
    }
}

#[test]
fn only_usage_that_was_not_asked_for_is_dropped() {
    let first = chunk(r#"{"role":"assistant","content":""}"#);
    let content = chunk(r#"{"content":"Hi"}"#);
    let both = content.replace(
        "\"usage\":null",
        "\"usage\":{\"prompt_tokens\":1,\"completion_tokens\":1}",
    );
    let (out, end, facts) = relay(
        stripping(),
        &[&first, &content, &both, FINISH, USAGE, DONE].concat(),
    );
    assert_eq!(out, [&first, &content, &both, FINISH, DONE].concat());
    assert_eq!((end, facts.usage.unwrap().total), (End::Done, 11));
    let mut dropping = Relay::new(stripping());
    assert_eq!(dropping.feed(USAGE.as_bytes()), Feed::Hold);
    assert_eq!(relay(stripping(), USAGE.trim_end()).0, "");
}

#[test]
fn usage_is_read_from_whatever_reports_it() {
    let usage = |text: &str| {
        relay(
            plain(),
            &format!("data: {{\"choices\":[],\"usage\":{text}}}\n\n"),
        )
        .2
        .usage
    };
    assert_eq!(usage("null"), None);
    assert_eq!(usage("{}"), None);
    assert_eq!(usage("[1]"), None);
    assert_eq!(usage(r#"{"prompt_tokens":null}"#), None);
    let embeddings = usage(r#"{"prompt_tokens":3,"total_tokens":3}"#).unwrap();
    assert_eq!(
        (embeddings.prompt, embeddings.completion, embeddings.total),
        (3, 0, 3)
    );
    let odd = usage(r#"{"prompt_tokens":3.0,"completion_tokens":-1,"prompt_tokens_details":null,"completion_tokens_details":{"reasoning_tokens":"x"},"cost":null}"#).unwrap();
    assert_eq!(
        (odd.prompt, odd.completion, odd.total, odd.cost_nanos),
        (3, 0, 3, None)
    );
    let cumulative = [
        chunk("{}").replace(
            "null}\n",
            "{\"prompt_tokens\":5,\"completion_tokens\":1}}\n",
        ),
        chunk("{}").replace(
            "null}\n",
            "{\"prompt_tokens\":5,\"completion_tokens\":2}}\n",
        ),
        chunk("{}"),
    ];
    assert_eq!(
        relay(plain(), &cumulative.concat())
            .2
            .usage
            .unwrap()
            .completion,
        2
    );
}

#[test]
fn errors_are_found_in_every_dress() {
    let found = |event: &str| {
        let (_, end, facts) = relay(plain(), event);
        let error = facts.error?;
        assert_eq!(end, End::Error);
        Some((error.message, error.kind, error.code))
    };
    let error = |message: &str, kind: &str, code: &str| {
        Some((message.to_owned(), kind.to_owned(), code.to_owned()))
    };
    let cases = [
        (
            r#"{"error":{"message":"m","type":"t","param":null,"code":"c"}}"#,
            error("m", "t", "c"),
        ),
        (
            r#"{"error":{"code":502,"message":"m\u0021"},"choices":[]}"#,
            error("m!", "", "502"),
        ),
        (
            r#"{"error":"text","error_type":"validation"}"#,
            error("text", "validation", ""),
        ),
        (
            r#"{"object":"error","message":"m","type":"t","code":400}"#,
            error("m", "t", "400"),
        ),
        (r#"{"error":true}"#, error("true", "", "")),
        (r#"{"error":null,"choices":[]}"#, None),
        (r#"{"error":"","choices":[]}"#, None),
        (r#"{"error":{},"choices":[]}"#, None),
        (r#"{"error":false,"message":"m"}"#, None),
    ];
    for (data, expected) in cases {
        assert_eq!(found(&format!("data: {data}\n\n")), expected, "{data}");
    }
    assert_eq!(
        found("event: error\ndata: out of memory\n\n"),
        error("out of memory", "", "")
    );
    assert_eq!(
        found("event: error\ndata: \"text\"\n\n"),
        error("text", "", "")
    );
    assert_eq!(
        found("event: error\ndata: {\"message\":\"m\"}\n\n"),
        error("m", "", "")
    );
    assert_eq!(
        found("event: response.error\ndata: {\"error\":\"py\"}\n\n"),
        error("py", "", "")
    );
    let long = format!("data: {{\"error\":\"{}\"}}\n\n", "é".repeat(400));
    assert_eq!(found(&long).unwrap().0, "é".repeat(256));
    let twice = "data: {\"error\":\"a\"}\n\ndata: {\"error\":\"b\"}\n\ndata: [DONE]\n\n";
    let (_, end, facts) = relay(plain(), twice);
    assert_eq!(
        (end, facts.error.unwrap().message.as_str()),
        (End::Error, "a")
    );
}

#[test]
fn choices_finish_one_by_one() {
    let finish = |index: u64, reason: &str| {
        format!("data: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":{reason},\"index\":{index}}}]}}\n\n")
    };
    let finished = |events: &[String]| relay(plain(), &events.concat()).2.choices.all_finished();
    assert!(!finished(&[finish(0, "null")]));
    assert!(!finished(&[finish(0, "\"\"")]));
    assert!(!finished(&[finish(0, "\"stop\""), finish(1, "null")]));
    assert!(finished(&[
        finish(0, "\"stop\""),
        finish(1, "null"),
        finish(1, "\"length\"")
    ]));
    assert!(finished(&[finish(500, "\"stop\"")]));
    let (_, end, facts) = relay(
        plain(),
        &[finish(0, "\"tool_calls\""), finish(1, "\"error\"")].concat(),
    );
    assert_eq!((end, facts.choices.seen()), (End::Error, 2));
    assert!(
        facts.reasons.contains(FinishReasons::TOOL_CALLS)
            && facts.reasons.contains(FinishReasons::ERROR)
    );
}

#[test]
fn nothing_follows_the_end() {
    let input = [DONE, USAGE, "data: {\"error\":\"late\"}\n\n", ": bye\n\n"].concat();
    let (out, end, facts) = relay(stripping(), &input);
    assert_eq!((out.as_str(), end), (DONE, End::Done));
    assert!(facts.after_terminal && facts.usage.is_none() && facts.error.is_none());
    let (out, _, facts) = relay(plain(), "data: [DONE] extra\n\n: comment\n\n");
    assert_eq!(out, DONE);
    assert!(facts.terminal && !facts.after_terminal);
}

#[test]
fn whole_answers_are_observed() {
    let chat = br#"{"choices":[{"index":0,"message":{"role":"assistant","content":"Hi"},"finish_reason":"stop"}],"usage":{"prompt_tokens":1,"completion_tokens":2}}"#;
    let facts = observe_json(chat, Shape::Chat);
    assert!(facts.content && facts.choices.all_finished());
    assert_eq!(facts.usage.unwrap().total, 3);
    let tools = br#"{"choices":[{"message":{"role":"assistant","content":null,"tool_calls":[{"id":"c"}]},"finish_reason":"tool_calls"}]}"#;
    assert!(observe_json(tools, Shape::Chat).content);
    let nothing =
        br#"{"choices":[{"message":{"role":"assistant","content":null},"finish_reason":"stop"}]}"#;
    assert!(!observe_json(nothing, Shape::Chat).content);
    let embeddings = br#"{"object":"list","data":[{"embedding":[0.1,-2e-3]}],"usage":{"prompt_tokens":1,"total_tokens":1}}"#;
    let facts = observe_json(embeddings, Shape::Embeddings);
    assert!(facts.content && facts.usage.unwrap().prompt == 1);
    assert!(!observe_json(br#"{"data":[]}"#, Shape::Embeddings).content);
    let inside = observe_json(br#"{"error":{"code":502,"message":"m"}}"#, Shape::Chat);
    assert_eq!(inside.error.unwrap().code, "502");
    for bytes in [&b"<html>"[..], b"", b"{", b"[]", b"\"x\"", b"{}x"] {
        let facts = observe_json(bytes, Shape::Chat);
        assert!(facts.unreadable == 1 && !facts.content && facts.error.is_none());
    }
}
