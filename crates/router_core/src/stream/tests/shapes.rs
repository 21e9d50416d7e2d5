//! Responses, Messages, Ollama, Gemini: what counts as content, as usage, as an end, as an error.

use super::*;
use proptest::prelude::*;

fn shaped(shape: Shape) -> RelayOptions {
    RelayOptions { shape, ..plain() }
}

const MESSAGES: &str = r#"event: message_start
data: {"type":"message_start","message":{"id":"m","type":"message","role":"assistant","content":[],"stop_reason":null,"usage":{"input_tokens":12,"cache_read_input_tokens":900,"cache_creation_input_tokens":5,"output_tokens":1}}}

event: content_block_start
data: {"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}

event: ping
data: {"type":"ping"}

event: content_block_delta
data: {"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"Hi é"}}

event: content_block_stop
data: {"type":"content_block_stop","index":0}

event: message_delta
data: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":30,"output_tokens_details":{"thinking_tokens":8}}}

event: message_stop
data: {"type":"message_stop"}

"#;

const RESPONSES: &str = r#"event: response.created
data: {"type":"response.created","sequence_number":0,"response":{"id":"r","object":"response","status":"in_progress","output":[],"error":null,"usage":null}}

event: response.output_item.added
data: {"type":"response.output_item.added","sequence_number":1,"output_index":0,"item":{"id":"m","type":"message","role":"assistant","content":[]}}

event: response.content_part.added
data: {"type":"response.content_part.added","sequence_number":2,"item_id":"m","output_index":0,"content_index":0,"part":{"type":"output_text","text":"","annotations":[]}}

event: response.output_text.delta
data: {"type":"response.output_text.delta","sequence_number":3,"item_id":"m","output_index":0,"content_index":0,"delta":"Hi é"}

event: response.output_item.done
data: {"type":"response.output_item.done","sequence_number":4,"output_index":0,"item":{"id":"m","type":"message","role":"assistant","content":[{"type":"output_text","text":"Hi é"}]}}

event: response.completed
data: {"type":"response.completed","sequence_number":5,"response":{"id":"r","status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"Hi é"}]}],"usage":{"input_tokens":9,"input_tokens_details":{"cached_tokens":4,"cache_write_tokens":3},"output_tokens":2,"output_tokens_details":{"reasoning_tokens":1},"total_tokens":11}}}

"#;

const OLLAMA: &str = r#"{"model":"q","created_at":"x","message":{"role":"assistant","content":""},"done":false}
{"model":"q","created_at":"x","message":{"role":"assistant","content":"Hi é"},"done":false}
{"model":"q","created_at":"x","message":{"role":"assistant","content":""},"done":true,"done_reason":"stop","total_duration":1820000000,"prompt_eval_count":26,"eval_count":120}
"#;

const GEMINI: &str = "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"Hi é\"}],\"role\":\"model\"},\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":10}}\r\n\r\ndata: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"\"}]},\"finishReason\":\"STOP\",\"index\":0}],\"usageMetadata\":{\"promptTokenCount\":10,\"toolUsePromptTokenCount\":1,\"candidatesTokenCount\":5,\"thoughtsTokenCount\":7,\"cachedContentTokenCount\":3}}\r\n\r\n";

/// Each shape with an ordinary stream and how that ends.
const STREAMS: [(Shape, &str, End); 4] = [
    (Shape::Messages, MESSAGES, End::Done),
    (Shape::Responses, RESPONSES, End::Done),
    (Shape::Ollama, OLLAMA, End::Done),
    (Shape::Gemini, GEMINI, End::Finished),
];

#[test]
fn streams_pass_and_are_observed() {
    let usage = |prompt, completion, cached, cache_write, reasoning| Usage {
        prompt,
        completion,
        cached,
        cache_write,
        reasoning,
        total: prompt + completion,
        cost_nanos: None,
    };
    let reported = [
        usage(917, 30, 900, 5, 8),
        usage(9, 2, 4, 3, 1),
        usage(26, 120, 0, 0, 0),
        usage(11, 12, 3, 0, 7),
    ];
    for ((shape, input, ends), usage) in STREAMS.into_iter().zip(reported) {
        for strip_usage in [false, true] {
            let options = RelayOptions {
                strip_usage,
                ..shaped(shape)
            };
            let (out, end, facts) = relay(options, input);
            assert_eq!((out.as_str(), end), (input, ends), "{shape:?}");
            assert!(facts.content && facts.choices.all_finished());
            assert!(!facts.after_terminal && facts.error.is_none());
            assert_eq!(facts.terminal, end == End::Done);
            assert_eq!(facts.usage, Some(usage));
            assert!(facts.reasons.contains(FinishReasons::STOP));
            assert_eq!(facts.unreadable, 0);
        }
        let mut whole = Relay::new(shaped(shape));
        assert_eq!(whole.feed(input.as_bytes()), Feed::Pass);
    }
}

#[test]
fn a_stream_that_is_cut_anywhere_is_no_success() {
    for (shape, input, _) in STREAMS {
        let last = match shape {
            // Where the reason was told, only the mark is missing.
            Shape::Messages => input.find("\n\nevent: message_stop").unwrap(),
            _ => input.trim_end().len(),
        };
        for cut in 0..input.len() {
            let (out, end, relay) = relayed(shaped(shape), &input.as_bytes()[..cut], 7);
            let facts = relay.facts();
            let ended = facts.terminal || facts.choices.all_finished();
            assert_eq!(ended, cut >= last, "{shape:?} cut at {cut}");
            assert!(facts.error.is_none() && facts.unreadable == 0);
            assert!(ended || matches!(end, End::Truncated | End::Empty | End::NotSse));
            // What came out are whole events.
            let end = if shape == Shape::Ollama {
                "}\n"
            } else {
                "}\n\n"
            };
            let out = String::from_utf8(out).unwrap();
            let out = out.replace("\r\n", "\n").replace('\r', "\n");
            assert!(out.is_empty() || out.ends_with(end), "{out:?}");
        }
    }
}

/// Whether one event (a line, for Ollama) counts as content.
fn is_content(shape: Shape, data: &str) -> bool {
    let input = match shape {
        Shape::Ollama => format!("{data}\n"),
        _ => format!("data: {data}\n\n"),
    };
    relay(shaped(shape), &input).2.content
}

#[test]
fn announcements_are_no_content() {
    let cases = [
        (
            Shape::Messages,
            vec![
                r#"{"type":"message_start","message":{"content":[],"usage":{"input_tokens":1}}}"#,
                r#"{"type":"ping"}"#,
                r#"{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}"#,
                r#"{"type":"content_block_start","content_block":{"type":"thinking","thinking":"","signature":""}}"#,
                r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":""}}"#,
                r#"{"type":"content_block_stop","index":0}"#,
                r#"{"type":"message_delta","delta":{"stop_reason":"end_turn"},"usage":{"output_tokens":1}}"#,
                r#"{"type":"message_stop"}"#,
                "{}",
            ],
        ),
        (
            Shape::Responses,
            vec![
                r#"{"type":"response.created","response":{"output":[]}}"#,
                r#"{"type":"response.in_progress","response":{"output":[]}}"#,
                r#"{"type":"response.queued"}"#,
                r#"{"type":"response.output_item.added","item":{"type":"message","content":[]}}"#,
                r#"{"type":"response.output_item.added","item":{"type":"reasoning","summary":[]}}"#,
                r#"{"type":"response.content_part.added","part":{"type":"output_text","text":"","annotations":[]}}"#,
                r#"{"type":"response.output_text.delta","delta":""}"#,
                r#"{"type":"response.output_text.done","text":""}"#,
                r#"{"type":"keepalive","sequence_number":3}"#,
                "{}",
            ],
        ),
        (
            Shape::Ollama,
            vec![
                r#"{"message":{"role":"assistant","content":""},"done":false}"#,
                r#"{"response":"","done":false}"#,
                r#"{"message":{"role":"assistant","content":"","tool_calls":[]},"done":true}"#,
                "{}",
            ],
        ),
        (
            Shape::Gemini,
            vec![
                r#"{"candidates":[]}"#,
                r#"{"candidates":[{"content":{"role":"model"},"finishReason":"STOP"}]}"#,
                r#"{"candidates":[{"content":{"parts":[{"text":"","thought":true}]}}]}"#,
                r#"{"candidates":[{"content":{"parts":[{"text":"","thoughtSignature":"CpQB"}]}}]}"#,
                r#"{"usageMetadata":{"promptTokenCount":3}}"#,
                "{}",
            ],
        ),
    ];
    for (shape, events) in cases {
        for event in events {
            assert!(!is_content(shape, event), "{shape:?} {event}");
        }
    }
}

#[test]
fn text_thinking_and_calls_are_content() {
    let cases = [
        (
            Shape::Messages,
            vec![
                r#"{"type":"content_block_start","content_block":{"type":"text","text":"a"}}"#,
                r#"{"type":"content_block_start","content_block":{"type":"tool_use","id":"t","name":"f","input":{}}}"#,
                r#"{"type":"content_block_start","content_block":{"type":"redacted_thinking","data":"x"}}"#,
                r#"{"type":"content_block_delta","delta":{"type":"text_delta","text":" "}}"#,
                r#"{"type":"content_block_delta","delta":{"type":"thinking_delta","thinking":"a"}}"#,
                r#"{"type":"content_block_delta","delta":{"type":"signature_delta","signature":"a"}}"#,
                r#"{"type":"content_block_delta","delta":{"type":"input_json_delta","partial_json":"{"}}"#,
                r#"{"type":"message_start","message":{"content":[{"type":"text","text":"a"}]}}"#,
                r#"{"type":"something_new"}"#,
            ],
        ),
        (
            Shape::Responses,
            vec![
                r#"{"type":"response.output_text.delta","delta":" "}"#,
                r#"{"type":"response.reasoning_text.delta","delta":"a"}"#,
                r#"{"type":"response.reasoning_summary_text.delta","delta":"a"}"#,
                r#"{"type":"response.refusal.delta","delta":"a"}"#,
                r#"{"type":"response.function_call_arguments.delta","delta":"{"}"#,
                r#"{"type":"response.output_text.done","text":"a"}"#,
                r#"{"type":"response.output_item.added","item":{"type":"function_call","name":"f","arguments":""}}"#,
                r#"{"type":"response.output_item.done","item":{"type":"message","content":[{"type":"output_text","text":"a"}]}}"#,
                r#"{"type":"response.content_part.added","part":{"type":"refusal","refusal":"a"}}"#,
                r#"{"type":"response.web_search_call.searching","item_id":"w"}"#,
                r#"{"type":"response.completed","response":{"output":[{"type":"function_call"}]}}"#,
            ],
        ),
        (
            Shape::Ollama,
            vec![
                r#"{"message":{"role":"assistant","content":"a"},"done":false}"#,
                r#"{"message":{"role":"assistant","thinking":"a"}}"#,
                r#"{"message":{"tool_calls":[{"function":{"name":"f","arguments":{}}}]}}"#,
                r#"{"response":"a"}"#,
                r#"{"response":"","thinking":"a"}"#,
                r#"{"m\u0065ssage":{"content":"a"}}"#,
            ],
        ),
        (
            Shape::Gemini,
            vec![
                r#"{"candidates":[{"content":{"parts":[{"text":"a"}]}}]}"#,
                r#"{"candidates":[{"content":{"parts":[{"text":"a","thought":true}]}}]}"#,
                r#"{"candidates":[{"content":{"parts":[{"functionCall":{"name":"f"}}]}}]}"#,
                r#"{"candidates":[{"content":{"parts":[{"inlineData":{"data":"AA=="}}]}}]}"#,
                r#"{"promptFeedback":{"blockReason":"SAFETY"}}"#,
            ],
        ),
    ];
    for (shape, events) in cases {
        for event in events {
            assert!(is_content(shape, event), "{shape:?} {event}");
        }
    }
}

#[test]
fn each_shape_has_its_own_errors() {
    let cases = [
        (Shape::Messages, "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"overloaded_error\",\"message\":\"busy\"},\"request_id\":\"r\"}\n\n", ("busy", "overloaded_error", "")),
        (Shape::Messages, "data: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"m\"}}\n\n", ("m", "api_error", "")),
        (Shape::Messages, "event: error\ndata: {\"message\":\"m\"}\n\n", ("m", "", "")),
        (Shape::Messages, "event: error\ndata: out of memory\n\n", ("out of memory", "", "")),
        (Shape::Messages, "data: {\"error\":{\"message\":\"m\",\"code\":500}}\n\n", ("m", "", "500")),
        (Shape::Responses, "event: response.failed\ndata: {\"type\":\"response.failed\",\"response\":{\"status\":\"failed\",\"error\":{\"code\":\"server_error\",\"message\":\"m\"},\"usage\":null}}\n\n", ("m", "", "server_error")),
        (Shape::Responses, "data: {\"type\":\"response.failed\",\"response\":{\"error\":null}}\n\n", ("", "", "")),
        (Shape::Responses, "event: error\ndata: {\"type\":\"error\",\"code\":\"c\",\"message\":\"m\",\"param\":null,\"sequence_number\":1}\n\n", ("m", "", "c")),
        (Shape::Responses, "data: {\"type\":\"error\",\"error\":{\"type\":\"t\",\"code\":\"c\",\"message\":\"m\"}}\n\n", ("m", "t", "c")),
        (Shape::Responses, "event: response.error\ndata: \"py\"\n\n", ("py", "", "")),
        (Shape::Ollama, "{\"error\":\"an error was encountered\"}\n", ("an error was encountered", "", "")),
        (Shape::Ollama, "{\"error\":{\"message\":\"m\",\"code\":1}}\r\n", ("m", "", "1")),
        (Shape::Gemini, "data: {\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}\r\n\r\n", ("m", "UNAVAILABLE", "503")),
        (Shape::Gemini, "data: [{\"error\":{\"code\":503,\"message\":\"m\",\"status\":\"UNAVAILABLE\"}}]\n\n", ("m", "UNAVAILABLE", "503")),
    ];
    for (shape, event, (message, kind, code)) in cases {
        for before in ["", first_event(shape)] {
            let input = [before, event].concat();
            let (_, end, facts) = relay(shaped(shape), &input);
            assert_eq!(end, End::Error, "{event}");
            let error = facts.error.unwrap();
            assert_eq!(
                (
                    error.message.as_str(),
                    error.kind.as_str(),
                    error.code.as_str()
                ),
                (message, kind, code)
            );
            assert!(!facts.choices.all_finished() && !facts.terminal);
        }
    }
}

fn first_event(shape: Shape) -> &'static str {
    let (_, stream, _) = STREAMS[STREAMS.iter().position(|it| it.0 == shape).unwrap()];
    let end = if shape == Shape::Ollama { "\n" } else { "\n\n" };
    let end = if shape == Shape::Gemini {
        "\r\n\r\n"
    } else {
        end
    };
    &stream[..stream.find(end).unwrap() + end.len()]
}

#[test]
fn bare_json_among_events_is_an_event() {
    let error = "{\n  \"error\": {\n    \"code\": 503,\n    \"message\": \"a \\\"}{\\\\\",\n    \"status\": \"UNAVAILABLE\"\n  }\n}";
    let first = first_event(Shape::Gemini);
    for (bare, tail) in [
        (error.to_owned(), "\n"),
        (error.to_owned(), ""),
        (format!("[{error}\n]"), "\n"),
        (error.replace('\n', "\r\n"), "\r\n\r\n"),
        (error.replace('\n', " "), "\n\n"),
    ] {
        let (out, end, facts) = relay(shaped(Shape::Gemini), &format!("{first}{bare}{tail}"));
        let found = facts.error.unwrap();
        assert_eq!((end, found.kind.as_str()), (End::Error, "UNAVAILABLE"));
        assert_eq!(found.message, "a \"}{\\");
        let event = format!("data: {}\n\n", bare.replace(['\n', '\r'], " "));
        assert_eq!(out, format!("{first}{event}{tail}"));
    }
    // An event that nothing ended is judged before it.
    let open = first.trim_end();
    let (_, end, facts) = relay(
        shaped(Shape::Gemini),
        &format!("{open}\r\n{error}\r\n{first}"),
    );
    assert_eq!((end, facts.events), (End::Error, 3));
    assert!(facts.content);
    // A whole answer without its framing is one; what is cut off is none.
    let chunk =
        "{\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"x\"}]},\"finishReason\":\"STOP\"}]}";
    let (out, end, _) = relay(shaped(Shape::Gemini), &format!(": c\n\n{chunk}"));
    assert_eq!(out, format!(": c\n\ndata: {chunk}\n\n"));
    assert_eq!(end, End::Finished);
    for cut in 1..error.len() {
        let (out, end, facts) = relay(shaped(Shape::Gemini), &format!("{first}{}", &error[..cut]));
        assert_eq!((out.as_str(), end), (first, End::Truncated));
        assert!(facts.error.is_none());
    }
    // Elsewhere such a line is an unknown field.
    let (out, _, facts) = relay(shaped(Shape::Messages), &format!(": c\n\n{error}\n\n"));
    assert_eq!((out.as_str(), facts.events), ("", 0));
}

#[test]
fn names_say_what_data_does_not() {
    let named = "event: content_block_delta\ndata: {\"delta\":{\"text\":\"a\"}}\n\nevent: message_stop\ndata: {}\n\n";
    let (_, end, facts) = relay(shaped(Shape::Messages), named);
    assert!(facts.content && end == End::Done);
    let named =
        "event: response.completed\ndata: {\"response\":{\"usage\":{\"input_tokens\":1}}}\n\n";
    let (_, end, facts) = relay(shaped(Shape::Responses), named);
    assert_eq!((end, facts.usage.unwrap().prompt), (End::Done, 1));
    // Data that has a kind is believed.
    let other = "event: message_stop\ndata: {\"type\":\"ping\"}\n\n";
    assert_eq!(relay(shaped(Shape::Messages), other).1, End::Truncated);
}

#[test]
fn running_totals_of_messages_are_not_added_up() {
    let usage = |events: &[&str]| {
        let events = events.iter().map(|usage| {
            format!("data: {{\"type\":\"message_delta\",\"delta\":{{}},\"usage\":{usage}}}\n\n")
        });
        relay(shaped(Shape::Messages), &events.collect::<String>())
            .2
            .usage
    };
    assert_eq!(usage(&["null", "{}", "{\"output_tokens\":null}"]), None);
    let both = usage(&[
        r#"{"input_tokens":10,"cache_read_input_tokens":90,"cache_creation_input_tokens":5,"output_tokens":3}"#,
        r#"{"input_tokens":0,"output_tokens":7,"cost":0.5}"#,
    ]);
    let both = both.unwrap();
    assert_eq!(
        (both.prompt, both.cached, both.completion, both.total),
        (105, 90, 7, 112)
    );
    assert_eq!(both.cost_nanos, Some(500_000_000));
}

#[test]
fn finish_reasons_are_told_apart() {
    let reason = |shape, event: &str| {
        let input = match shape {
            Shape::Ollama => format!("{event}\n"),
            _ => format!("data: {event}\n\n"),
        };
        relay(shaped(shape), &input).2.reasons
    };
    let messages = |reason: &str| {
        format!(r#"{{"type":"message_delta","delta":{{"stop_reason":"{reason}"}}}}"#)
    };
    let gemini = |reason: &str| format!(r#"{{"candidates":[{{"finishReason":"{reason}"}}]}}"#);
    let ollama = |reason: &str| format!(r#"{{"done":true,"done_reason":"{reason}"}}"#);
    let responses = |reason: &str| {
        format!(
            r#"{{"type":"response.incomplete","response":{{"status":"incomplete","incomplete_details":{{"reason":"{reason}"}}}}}}"#
        )
    };
    for (shape, event, expected) in [
        (
            Shape::Messages,
            messages("stop_sequence"),
            FinishReasons::STOP,
        ),
        (
            Shape::Messages,
            messages("max_tokens"),
            FinishReasons::LENGTH,
        ),
        (
            Shape::Messages,
            messages("tool_use"),
            FinishReasons::TOOL_CALLS,
        ),
        (
            Shape::Messages,
            messages("refusal"),
            FinishReasons::CONTENT_FILTER,
        ),
        (
            Shape::Messages,
            messages("pause_turn"),
            FinishReasons::OTHER,
        ),
        (Shape::Gemini, gemini("MAX_TOKENS"), FinishReasons::LENGTH),
        (
            Shape::Gemini,
            gemini("IMAGE_SAFETY"),
            FinishReasons::CONTENT_FILTER,
        ),
        (
            Shape::Gemini,
            gemini("MALFORMED_FUNCTION_CALL"),
            FinishReasons::OTHER,
        ),
        (Shape::Ollama, ollama("length"), FinishReasons::LENGTH),
        (Shape::Ollama, ollama("load"), FinishReasons::OTHER),
        (
            Shape::Responses,
            responses("max_output_tokens"),
            FinishReasons::LENGTH,
        ),
        (
            Shape::Responses,
            responses("content_filter"),
            FinishReasons::CONTENT_FILTER,
        ),
    ] {
        assert_eq!(reason(shape, &event), expected_only(expected), "{event}");
    }
    assert!(reason(Shape::Gemini, &gemini("FINISH_REASON_UNSPECIFIED")).is_empty());
    // Candidates finish one by one.
    let two = "data: {\"candidates\":[{\"index\":1},{\"index\":0,\"finishReason\":\"STOP\"}]}\n\n";
    assert_eq!(relay(shaped(Shape::Gemini), two).1, End::Truncated);
}

fn expected_only(reason: FinishReasons) -> FinishReasons {
    let mut only = FinishReasons::default();
    only.add(reason);
    only
}

#[test]
fn whole_answers_of_each_shape_are_observed() {
    let answers = [
        (
            Shape::Messages,
            r#"{"id":"m","type":"message","role":"assistant","content":[{"type":"text","text":"Hi"}],"stop_reason":"end_turn","usage":{"input_tokens":12,"cache_read_input_tokens":900,"output_tokens":30}}"#,
            (912, 30),
        ),
        (
            Shape::Messages,
            r#"{"type":"message","content":[{"type":"tool_use","id":"t","name":"f","input":{}}],"stop_reason":"tool_use","usage":{"input_tokens":1,"output_tokens":2}}"#,
            (1, 2),
        ),
        (
            Shape::Responses,
            r#"{"id":"r","object":"response","status":"completed","error":null,"output":[{"type":"message","content":[{"type":"output_text","text":"Hi"}]}],"text":{"format":{"type":"text"}},"usage":{"input_tokens":9,"output_tokens":2,"total_tokens":11}}"#,
            (9, 2),
        ),
        (
            Shape::Responses,
            r#"{"object":"response","status":"incomplete","incomplete_details":{"reason":"max_output_tokens"},"output":[{"type":"function_call"}],"usage":{"input_tokens":9,"output_tokens":2}}"#,
            (9, 2),
        ),
        (
            Shape::Ollama,
            r#"{"model":"q","message":{"role":"assistant","content":"Hi"},"done":true,"prompt_eval_count":3,"eval_count":4}"#,
            (3, 4),
        ),
        (
            Shape::Ollama,
            "{\n \"response\": \"Hi\", \"done\": true, \"eval_count\": 4\n}",
            (0, 4),
        ),
        (
            Shape::Gemini,
            r#"{"candidates":[{"content":{"parts":[{"text":"Hi"}]},"finishReason":"STOP"}],"usageMetadata":{"promptTokenCount":10,"candidatesTokenCount":5,"thoughtsTokenCount":7,"totalTokenCount":22}}"#,
            (10, 12),
        ),
        (
            Shape::Embeddings,
            r#"{"model":"e","embeddings":[[0.1]],"prompt_eval_count":8}"#,
            (8, 0),
        ),
    ];
    for (shape, body, usage) in answers {
        let facts = observe_json(body.as_bytes(), shape);
        assert!(
            facts.content && facts.unreadable == 0 && facts.error.is_none(),
            "{body}"
        );
        assert!(facts.choices.all_finished() || shape == Shape::Embeddings);
        let reported = facts.usage.unwrap();
        assert_eq!((reported.prompt, reported.completion), usage);
        let cut = observe_json(&body.as_bytes()[..body.len() - 1], shape);
        assert!(cut.unreadable == 1 && !cut.content && !cut.choices.all_finished());
    }
    let blocked = observe_json(
        br#"{"promptFeedback":{"blockReason":"SAFETY"},"usageMetadata":{"promptTokenCount":4}}"#,
        Shape::Gemini,
    );
    assert!(blocked.content && blocked.choices.all_finished());
    assert!(blocked.reasons.contains(FinishReasons::CONTENT_FILTER));
    for (shape, body) in [
        (
            Shape::Messages,
            r#"{"type":"error","error":{"type":"api_error","message":"m"}}"#,
        ),
        (
            Shape::Responses,
            r#"{"object":"response","status":"failed","error":{"code":"c","message":"m"},"output":[]}"#,
        ),
        (Shape::Responses, r#"{"error":{"message":"m","code":"c"}}"#),
        (Shape::Ollama, r#"{"error":"m"}"#),
        (
            Shape::Gemini,
            r#"{"error":{"code":429,"message":"m","status":"RESOURCE_EXHAUSTED"}}"#,
        ),
        (Shape::Gemini, r#"[{"error":{"code":429,"message":"m"}}]"#),
    ] {
        let facts = observe_json(body.as_bytes(), shape);
        assert_eq!(facts.error.as_ref().unwrap().message, "m", "{body}");
        assert!(!facts.content && !facts.choices.all_finished() && facts.unreadable == 0);
    }
    for shape in [
        Shape::Messages,
        Shape::Responses,
        Shape::Ollama,
        Shape::Gemini,
    ] {
        for body in ["<html>", "", "[]", "[{}]", "\"x\"", "{}x", "{", "12"] {
            let facts = observe_json(body.as_bytes(), shape);
            assert!(
                facts.unreadable == 1 && !facts.content && facts.error.is_none(),
                "{body}"
            );
        }
    }
    let taken_on = br#"{"object":"response","status":"queued","output":[],"usage":null}"#;
    let facts = observe_json(taken_on, Shape::Responses);
    assert!(!facts.content && !facts.choices.all_finished());
}

#[test]
fn work_and_memory_are_bounded() {
    let size = 1 << 20;
    let long = "x".repeat(size);
    let inputs = [
        (
            Shape::Ollama,
            format!("{{\"message\":{{\"content\":\"{long}\"}}}}\n"),
        ),
        (Shape::Ollama, format!("{{{}\n", " ".repeat(size))),
        (Shape::Ollama, format!("{{}}{}", "\n".repeat(size))),
        (Shape::Gemini, format!(": c\n\n{{{long}}}")),
        (Shape::Gemini, format!(": c\n\n{}", "{".repeat(size))),
        (
            Shape::Gemini,
            format!(": c\n\n{}", "data: x\n{}".repeat(size / 10)),
        ),
        (
            Shape::Messages,
            format!(
                "data: {{\"type\":\"content_block_delta\",\"delta\":{{\"text\":\"{long}\"}}}}\n\n"
            ),
        ),
    ];
    for (shape, input) in &inputs {
        for piece in [size * 2, 16_384, 100] {
            let (_, _, relay) = relayed(shaped(*shape), input.as_bytes(), piece);
            assert!(
                relay.bytes_visited() <= 4 * input.len() as u64 + 100,
                "{shape:?}"
            );
        }
    }
    for (shape, input) in [
        (Shape::Ollama, format!("{{}}\n{{{}", "x".repeat(100))),
        (Shape::Gemini, format!(": c\n\n{{{}", "x".repeat(100))),
    ] {
        let options = RelayOptions {
            max_event: 64,
            ..shaped(shape)
        };
        let (_, end, facts) = relay(options, &input);
        assert!(end == End::TooLarge && facts.too_large);
    }
}

/// Plausible and hostile streams of any shape.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let mut parts: Vec<String> = STREAMS
        .iter()
        .flat_map(|(_, stream, _)| stream.split_inclusive('\n'))
        .map(str::to_owned)
        .collect();
    parts.extend(
        [
            "{\n",
            "}",
            "[",
            "]\r\n",
            "\n",
            "\r\n",
            "\r",
            "{\"error\":\"x\"}",
            "{\"error\":{\"message\":\"é\"}}\n",
            "data: {\"type\":\"error\",\"error\":{}}\n\n",
            "event: error\n",
            "data: [DONE]\n\n",
            ": c\n",
            "\u{feff}",
            "{\"a\":\"}\\\"",
            "<p>",
            " ",
            "data: {\"type\":\"message\",\"content\":[]}\n\n",
            "data: {\"promptFeedback\":{\"blockReason\":\"X\"}}\n\n",
        ]
        .map(str::to_owned),
    );
    proptest::collection::vec(proptest::sample::select(parts), 0..14)
        .prop_map(|parts| parts.concat().into_bytes())
}

fn any_options() -> impl Strategy<Value = RelayOptions> {
    let shapes = proptest::sample::select(Shape::ALL.to_vec());
    let limit = prop_oneof![Just(MAX_EVENT), 20..200usize];
    (shapes, any::<bool>(), limit).prop_map(|(shape, strip_usage, max_event)| RelayOptions {
        shape,
        strip_usage,
        max_event,
        ..plain()
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn splits_do_not_matter_to_any_shape(input in stream(), options in any_options(), size in 2..50usize) {
        let (whole, end, relay) = relayed(options.clone(), &input, input.len());
        for size in [1, size] {
            let (bytes, end_too, other) = relayed(options.clone(), &input, size);
            prop_assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&bytes));
            prop_assert_eq!((end, relay.facts()), (end_too, other.facts()));
        }
    }

    #[test]
    fn any_bytes_are_survived_by_any_shape(input in proptest::collection::vec(any::<u8>(), 0..300), options in any_options(), size in 1..40usize) {
        let (_, _, relay) = relayed(options.clone(), &input, size);
        prop_assert_eq!(relay.facts().bytes, input.len() as u64);
        observe_json(&input, options.shape);
    }
}
