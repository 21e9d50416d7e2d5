//! What leaves is canonical, whatever comes: each freedom of an upstream, and all of them at random.

use super::*;
use proptest::prelude::*;

fn own(shape: Shape) -> RelayOptions {
    RelayOptions {
        shape,
        identity: Identity {
            name: "n".to_owned(),
            created: 7,
            model: "own".to_owned(),
        },
        ..plain()
    }
}

fn first() -> String {
    chunk(r#"{"role":"assistant","content":""}"#)
}

/// What becomes of these deltas behind a first chunk, before the end.
fn deltas(given: &[&str]) -> String {
    let events: String = given.iter().map(|delta| chunk(delta)).collect();
    let (out, end, _) = relay(plain(), &[&first(), &events[..], FINISH, DONE].concat());
    assert_eq!(end, End::Done);
    let out = out.strip_prefix(&first()).unwrap();
    out.strip_suffix(DONE).unwrap().to_owned()
}

fn tools(fragments: &str) -> String {
    format!("{{\"tool_calls\":{fragments}}}")
}

#[test]
fn a_role_goes_out_once_and_first() {
    let content = chunk(r#"{"content":"a"}"#);
    assert_eq!(
        deltas(&[r#"{"role":"assistant","content":"a"}"#]),
        content.clone() + FINISH
    );
    assert_eq!(
        deltas(&[r#"{"role":null,"content":"a"}"#]),
        content.clone() + FINISH
    );
    let (out, _, _) = relay(plain(), &content);
    assert_eq!(out, chunk(r#"{"role":"assistant","content":"a"}"#));
}

#[test]
fn what_a_provider_says_beside_choices_goes_with_the_next_event() {
    let said = r#"{"choices":[],"created":0,"id":"","model":"","object":"","prompt_filter_results":[{"prompt_index":0, "x":1.0}]}"#;
    let early = format!("data: {said}\n\n");
    let with = |event: &str| {
        let end = event.strip_suffix("}\n\n").unwrap();
        format!("{end},\"prompt_filter_results\":[{{\"prompt_index\":0, \"x\":1.0}}]}}\n\n")
    };
    let (out, end, _) = relay(plain(), &[&early[..], &first(), FINISH, DONE].concat());
    assert_eq!(end, End::Done);
    assert_eq!(out, [&with(&first())[..], FINISH, DONE].concat());
    // Amid an answer, too.
    let (out, _, _) = relay(plain(), &[&first(), &early[..], FINISH, DONE].concat());
    assert_eq!(out, [&first(), &with(FINISH)[..], DONE].concat());
    // What says nothing is a sign of life, and what is endless is not kept.
    let long = format!(r#"{{"choices":[],"pad":"{}"}}"#, "x".repeat(1 << 17));
    for nothing in [
        r#"{"choices":[]}"#,
        r#"{"choices":[],"usage":null,"id":"a","object":"chat.completion.chunk","created":1,"model":"m","system_fingerprint":"f"}"#,
        r#"{"choices":[],"error":null,"prompt_filter_results":null}"#,
        r#"{"prompt_filter_results":[1]}"#,
        &long,
    ] {
        let event = format!("data: {nothing}\n\n");
        let (out, _, _) = relay(plain(), &[&first(), &event[..], FINISH, DONE].concat());
        assert_eq!(out, [&first(), FINISH, DONE].concat(), "{nothing}");
    }
}

#[test]
fn calls_are_numbered_and_named_once() {
    let head = r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]"#;
    let cases: [(&[&str], &[&str]); 12] = [
        // As it should be.
        (
            &[head, r#"[{"index":0,"function":{"arguments":"{}"}}]"#],
            &[head, r#"[{"index":0,"function":{"arguments":"{}"}}]"#],
        ),
        // The head again and again.
        (
            &[
                head,
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
            ],
            &[head, r#"[{"index":0,"function":{"arguments":"{}"}}]"#],
        ),
        // Another id for each fragment.
        (
            &[
                head,
                r#"[{"index":0,"id":"b","function":{"arguments":"{}"}}]"#,
            ],
            &[head, r#"[{"index":0,"function":{"arguments":"{}"}}]"#],
        ),
        // No index, no id, no kind; arguments as an object.
        (
            &[r#"[{"function":{"name":"f","arguments":{"x":1}}}]"#],
            &[
                r#"[{"index":0,"id":"call_0000","type":"function","function":{"name":"f","arguments":"{\"x\":1}"}}]"#,
            ],
        ),
        // A gap.
        (
            &[
                r#"[{"index":1,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
            ],
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
            ],
        ),
        // Two under one index.
        (
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
                r#"[{"index":0,"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]"#,
            ],
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
                r#"[{"index":1,"id":"b","type":"function","function":{"name":"g","arguments":"{}"}}]"#,
            ],
        ),
        // Two under one index, without ids; the second is not whole at once.
        (
            &[
                r#"[{"index":0,"type":"function","function":{"name":"f","arguments":"{}"}}]"#,
                r#"[{"index":0,"type":"function","function":{"name":"g","arguments":"{\"a\""}}]"#,
                r#"[{"index":0,"function":{"arguments":":1}"}}]"#,
            ],
            &[
                r#"[{"index":0,"id":"call_0000","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
                r#"[{"index":1,"id":"call_0001","type":"function","function":{"name":"g","arguments":"{\"a\""}}]"#,
                r#"[{"index":1,"function":{"arguments":":1}"}}]"#,
            ],
        ),
        // The same of one name, in one delta.
        (
            &[
                r#"[{"index":0,"function":{"name":"f","arguments":"{\"a\":1}"}},{"index":0,"function":{"name":"f","arguments":"{\"a\":2}"}}]"#,
            ],
            &[
                r#"[{"index":0,"id":"call_0000","type":"function","function":{"name":"f","arguments":"{\"a\":1}"}},{"index":1,"id":"call_0001","type":"function","function":{"name":"f","arguments":"{\"a\":2}"}}]"#,
            ],
        ),
        // A name given anew goes on with a call that is not whole.
        (
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{"}}]"#,
                r#"[{"index":0,"function":{"name":"f","arguments":"}"}}]"#,
            ],
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{"}}]"#,
                r#"[{"index":0,"function":{"arguments":"}"}}]"#,
            ],
        ),
        // And with a whole one, where it says nothing.
        (
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
                r#"[{"index":0,"function":{"name":"f","arguments":""}}]"#,
            ],
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
                r#"[{"index":0,"function":{"arguments":""}}]"#,
            ],
        ),
        // The arguments begin before the name.
        (
            &[
                r#"[{"index":0,"id":"a","function":{"arguments":"{"}}]"#,
                r#"[{"index":0,"function":{"name":"f","arguments":"}"}}]"#,
            ],
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{}"}}]"#,
            ],
        ),
        // Both entries of one delta.
        (
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f"}},{"index":0,"function":{"arguments":"{}"}}]"#,
            ],
            &[
                r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]"#,
                r#"[{"index":0,"function":{"arguments":"{}"}}]"#,
            ],
        ),
    ];
    for (given, expected) in cases {
        let given: Vec<_> = given.iter().map(|it| tools(it)).collect();
        let given: Vec<_> = given.iter().map(|it| &**it).collect();
        let out = deltas(&given);
        let told: Vec<_> = out
            .match_indices("\"tool_calls\":")
            .map(|(at, name)| {
                let rest = &out[at + name.len()..];
                &rest[..rest.find("]}").unwrap_or(rest.len() - 1) + 1]
            })
            .map(|list| &list[..list.find("]").unwrap() + 1])
            .collect();
        assert_eq!(told, expected, "{given:?}");
    }
}

#[test]
fn a_call_that_was_cut_off_ends_by_the_limit() {
    let cut = r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{\"x\": \"y"}}]"#;
    let finish = FINISH.replace("stop", "tool_calls");
    let input = [&first(), &chunk(&tools(cut)), &finish[..], DONE].concat();
    let (out, _, _) = relay(plain(), &input);
    assert_eq!(out, input.replace("\"tool_calls\"}", "\"length\"}"));
    let whole = input.replace("\\\"y", "\\\"y\\\"}");
    assert_eq!(relay(plain(), &whole).0, whole);
}

#[test]
fn a_reason_in_every_chunk_ends_nothing() {
    for reason in ["\"\"", "\"stop\""] {
        let said = |delta: &str| {
            chunk(delta).replace(
                "\"finish_reason\":null",
                &format!("\"finish_reason\":{reason}"),
            )
        };
        let a = r#"{"role":"assistant","content":"a"}"#;
        let b = r#"{"content":"b"}"#;
        let (out, end, facts) = relay(
            plain(),
            &[said(a), said(b), said("{}"), DONE.to_owned()].concat(),
        );
        let texts = chunk(a);
        assert!(out.starts_with(&texts), "{out}");
        assert_eq!(out.matches("\"finish_reason\":\"stop\"").count(), 1);
        assert_eq!(end, End::Done);
        assert_eq!(facts.choices.all_finished(), reason != "\"\"");
    }
    // One beside the last words is one.
    let last = chunk(r#"{"content":"b"}"#)
        .replace("\"finish_reason\":null", "\"finish_reason\":\"length\"");
    let input = [&first(), &last, USAGE, DONE].concat();
    assert_eq!(relay(plain(), &input).0, input);
}

#[test]
fn choices_begin_in_order_and_words_are_known() {
    let second =
        chunk(r#"{"role":"assistant","content":"b"}"#).replace("\"index\":0", "\"index\":1");
    let (out, _, _) = relay(plain(), &second);
    assert!(
        out.starts_with(&first().replace(",\"usage\":null", "")) && out.ends_with(&second),
        "{out}"
    );
    let strange = FINISH.replace("stop", "eos_token");
    assert_eq!(
        relay(plain(), &[first(), strange].concat()).0,
        [&first(), FINISH, DONE].concat()
    );
    let other = chunk(r#"{"content":"x"}"#)
        .replace("\"id\":\"c\"", "\"id\":\"d\"")
        .replace(":1,", ":2,");
    let content = chunk(r#"{"content":"x"}"#);
    assert_eq!(
        relay(plain(), &[first(), other].concat()).0,
        [first(), content].concat()
    );
}

#[test]
fn usage_comes_last() {
    let content = chunk(r#"{"content":"x"}"#);
    let older = USAGE.replace(":9,", ":1,");
    let expected = [&first(), &content, FINISH, USAGE, DONE].concat();
    for input in [
        [&first(), USAGE, &content, FINISH, DONE],
        [&first(), &content, USAGE, FINISH, DONE],
        [&first(), &content, FINISH, USAGE, DONE],
    ] {
        assert_eq!(relay(plain(), &input.concat()).0, expected);
    }
    let twice = [&first(), &older[..], &content, USAGE, FINISH, DONE].concat();
    assert_eq!(relay(plain(), &twice).0, expected);
}

#[test]
fn what_the_upstream_leaves_out_is_ours() {
    let (out, end, _) = relay(
        own(Shape::Chat),
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\ndata: [DONE]\n\n",
    );
    let head = "\"id\":\"chatcmpl-n\",\"object\":\"chat.completion.chunk\",\"created\":7,\"model\":\"own\"";
    assert_eq!(out.matches(head).count(), 2, "{out}");
    assert!(out.contains("\"finish_reason\":\"stop\"") && out.ends_with(DONE));
    assert_eq!(end, End::Done);
}

#[test]
fn nothing_follows_an_error_and_it_has_all_its_members() {
    let input = [
        &first(),
        "data: {\"error\":{\"message\":\"m\",\"code\":502}}\n\n",
        &chunk(r#"{"content":"x"}"#),
        DONE,
    ]
    .concat();
    let (out, end, _) = relay(plain(), &input);
    let error = "data: {\"error\":{\"message\":\"m\",\"type\":\"server_error\",\"param\":null,\"code\":\"502\"}}\n\n";
    assert_eq!((out, end), (first() + error, End::Error));
    let flat = "data: {\"object\":\"error\",\"message\":\"m\",\"type\":\"t\",\"code\":400}\n\n";
    let error =
        "data: {\"error\":{\"message\":\"m\",\"type\":\"t\",\"param\":null,\"code\":\"400\"}}\n\n";
    assert_eq!(relay(plain(), flat).0, error);
    assert_eq!(relay(plain(), error).0, error);
    let ended = FINISH.replace("stop", "error");
    assert_eq!(
        relay(plain(), &[&first(), &ended[..], DONE].concat()).1,
        End::Error
    );
    let busy = "data: {\"error\":\"busy\"}\r\n\r\n";
    assert_eq!(
        relay(own(Shape::Messages), busy).0,
        "event: error\ndata: {\"type\":\"error\",\"error\":{\"type\":\"api_error\",\"message\":\"busy\"}}\n\n"
    );
    assert_eq!(
        relay(own(Shape::Ollama), "{\"error\":{\"message\":\"m\"}}\n").0,
        "{\"error\":\"m\"}\n"
    );
    let failed = relay(own(Shape::Responses), busy).0;
    let kinds: Vec<_> = failed
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(kinds, ["response.created", "error", "response.failed"]);
}

#[test]
fn a_message_has_a_beginning_blocks_in_order_and_an_end() {
    let input = "data: {\"type\":\"content_block_delta\",\"index\":3,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}\n\n\
        data: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"eos\"}}\n\n";
    let (out, end, _) = relay(own(Shape::Messages), input);
    let kinds: Vec<_> = out
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(
        kinds,
        [
            "message_start",
            "content_block_start",
            "content_block_delta",
            "content_block_stop",
            "message_delta",
            "message_stop"
        ]
    );
    assert_eq!(end, End::Finished);
    assert!(
        out.contains("\"stop_reason\":\"end_turn\"")
            && out.contains("\"usage\":{\"output_tokens\":0}")
    );
    assert!(!out.contains("\"index\":3"), "{out}");
}

#[test]
fn a_response_is_created_and_its_places_begun() {
    let input = "data: {\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":0,\"item_id\":\"i\",\"delta\":\"a\"}\n\n\
        data: {\"type\":\"response.completed\",\"response\":{\"id\":\"other\",\"output\":[]}}\n\n";
    let (out, end, _) = relay(own(Shape::Responses), input);
    let kinds: Vec<_> = out
        .lines()
        .filter_map(|line| line.strip_prefix("event: "))
        .collect();
    assert_eq!(
        kinds,
        [
            "response.created",
            "response.output_item.added",
            "response.content_part.added",
            "response.output_text.delta",
            "response.output_item.done",
            "response.completed"
        ]
    );
    assert_eq!((end, out.contains("other")), (End::Done, false));
    for number in 0..6 {
        assert!(out.contains(&format!("\"sequence_number\":{number}")));
    }
}

#[test]
fn events_of_another_protocol_are_none_of_this_one() {
    let told = [
        (Shape::Chat, format!("{}{FINISH}", first())),
        (
            Shape::Messages,
            "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}\n\n".into(),
        ),
        (
            Shape::Responses,
            "event: response.created\ndata: {\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}\n\n".into(),
        ),
        (
            Shape::Gemini,
            "data: {\"candidates\":[{\"content\":{\"parts\":[{\"text\":\"a\"}]}}]}\n\n".into(),
        ),
    ];
    for own_shape in [Shape::Chat, Shape::Messages, Shape::Responses] {
        for (shape, input) in &told {
            let (out, _, facts) = relay(own(own_shape), input);
            let foreign = *shape != own_shape;
            assert_eq!(facts.unreadable > 0, foreign, "{shape:?} as {own_shape:?}");
            assert_eq!(out.is_empty(), foreign, "{shape:?} as {own_shape:?}");
        }
    }
}

#[test]
fn a_call_without_a_name_is_not_told_and_ends_by_the_limit() {
    let tools = r#"{"tool_calls":[{"index":0,"id":"a","function":{"arguments":"{}"}}]}"#;
    let finish = FINISH.replace("stop", "tool_calls");
    let input = [&first(), &chunk(tools), &finish[..], DONE].concat();
    let (out, end, _) = relay(plain(), &input);
    assert!(!out.contains("tool_calls") && out.contains("\"finish_reason\":\"length\""));
    assert_eq!(end, End::Done);
}

#[test]
fn lines_of_ollama_are_whole_objects() {
    let input = "\n{\"message\":{\"content\":\"a\"}}\r\n{}\n\n{\"message\":{\"role\":\"assistant\",\"content\":\"\"},\"done\":true,\"done_reason\":\"eos\"}\n{\"x\":1}\n";
    let (out, end, _) = relay(own(Shape::Ollama), input);
    let lines: Vec<_> = out.lines().collect();
    assert_eq!((lines.len(), end), (2, End::Done));
    assert!(lines[0].contains("\"role\":\"assistant\"") && lines[0].contains("\"model\":\"own\""));
    assert!(lines[1].contains("\"done_reason\":\"stop\""));
}

/// Events of all kinds for one shape, in any framing.
fn events() -> impl Strategy<Value = (Shape, Vec<u8>)> {
    let data = proptest::sample::select(vec![
        "[DONE]", "{}", "", "{\"choices\":[]}", "{\"choices\":[7]}", "{\"choices\":[{\"index\":2,\"delta\":{\"content\":\"é\"}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"eos\"}],\"usage\":{\"prompt_tokens\":1}}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"index\":3,\"function\":{\"name\":\"f\",\"arguments\":\"{\\\"a\\\"\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"delta\":{\"tool_calls\":[{\"function\":{\"arguments\":\":1}\"}},{\"id\":\"z\",\"function\":{\"name\":\"g\"}}]}}]}",
        "{\"choices\":[{\"index\":0,\"text\":\"t\"}],\"id\":\"x\",\"id\":\"y\"}", "{\"choices\":[],\"usage\":{\"prompt_tokens\":2}}",
        "{\"error\":\"bad\"}", "{\"error\":{\"message\":\"m\"}}", "not json", "{\"a\":\"\u{fffd}\"}", "[1]",
        "{\"type\":\"message_start\",\"message\":{\"id\":\"m\"}}", "{\"type\":\"content_block_start\",\"index\":1,\"content_block\":{\"type\":\"tool_use\"}}",
        "{\"type\":\"content_block_delta\",\"index\":1,\"delta\":{\"type\":\"input_json_delta\",\"partial_json\":\"{\"}}",
        "{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{\"type\":\"text_delta\",\"text\":\"a\"}}", "{\"type\":\"content_block_stop\",\"index\":0}",
        "{\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"tool_use\"}}", "{\"type\":\"message_stop\"}", "{\"type\":\"ping\"}",
        "{\"type\":\"response.created\",\"response\":{\"id\":\"r\"}}", "{\"type\":\"response.output_item.added\",\"output_index\":0,\"item\":{\"type\":\"message\",\"id\":\"i\"}}",
        "{\"type\":\"response.output_text.delta\",\"output_index\":0,\"content_index\":1,\"delta\":\"a\"}",
        "{\"type\":\"response.output_item.done\",\"output_index\":1,\"item\":{\"type\":\"message\",\"id\":\"k\"}}",
        "{\"type\":\"response.completed\",\"response\":{\"id\":\"q\",\"status\":\"completed\",\"output\":[]}}",
        "{\"message\":{\"content\":\"a\"},\"done\":false}", "{\"response\":\"b\"}", "{\"message\":{},\"done\":true,\"done_reason\":\"x\"}",
    ]);
    let head = proptest::sample::select(vec![
        "data: ",
        "data: ",
        "data:",
        "event: x\ndata: ",
        ": c\nid: 4\ndata: ",
        ": c\n\ndata: ",
        "retry: 1\n",
        "",
    ]);
    let end = proptest::sample::select(vec!["\n\n", "\n\n", "\r\n\r\n", "\r\r", "\n"]);
    let parts = proptest::collection::vec((head, data, end), 0..14);
    (proptest::sample::select(Shape::ALL.to_vec()), parts).prop_map(|(shape, parts)| {
        let text: String = parts
            .into_iter()
            .map(|(head, data, end)| match shape {
                Shape::Ollama => format!("{data}\n"),
                _ => format!("{head}{data}{end}"),
            })
            .collect();
        (shape, text.into_bytes())
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// What went through once goes through again unchanged, and ends in the same way.
    #[test]
    fn what_leaves_is_canonical((shape, input) in events()) {
        prop_assume!(shape != Shape::Gemini && shape != Shape::Embeddings);
        let (out, end, first) = relayed(own(shape), &input, 7);
        let text = String::from_utf8(out.clone()).unwrap();
        prop_assert!(!text.contains('\r'));
        if shape == Shape::Ollama {
            prop_assert!(text.is_empty() || (text.ends_with('\n') && !text.contains("\n\n")));
        } else {
            for event in text.split_inclusive("\n\n") {
                let lines: Vec<_> = event.trim_end_matches('\n').split('\n').collect();
                let named = matches!(shape, Shape::Messages | Shape::Responses);
                prop_assert_eq!(lines.len(), if named { 2 } else { 1 }, "{}", event);
                prop_assert!(lines[lines.len() - 1].starts_with("data: ") && event.ends_with("\n\n"), "{}", event);
            }
        }
        let failed = first.facts().error.is_some();
        prop_assert!(!(failed && text.contains("[DONE]")));
        if first.facts().unreadable == 0 && !matches!(end, End::NotSse | End::TooLarge) {
            let (again, _, second) = relayed(own(shape), &out, 1000);
            let again = String::from_utf8(again).unwrap();
            prop_assert!(again.starts_with(&text) || text.is_empty(), "{}\n{}", text, again);
            prop_assert_eq!(failed, second.facts().error.is_some());
        }
    }
}
