//! Each repair alone: what it mends, and that it leaves healthy events alone.

use super::*;

fn mended(repairs: Repairs, input: &str) -> String {
    let untouched = relay(plain(), input).0;
    assert_eq!(untouched, input, "an empty repair table changes nothing");
    relay(repairing(repairs), input).0
}

fn data(text: &str) -> String {
    format!("data: {text}\n\n")
}

#[test]
fn flags_and_names_agree() {
    for (position, (_, flag)) in Repairs::ALL.iter().enumerate() {
        assert_eq!(flag.bits(), 1 << position);
    }
    assert_eq!(Repairs::from_bits(0), Some(Repairs::NONE));
    let bits = every_repair().bits();
    assert!(Repairs::from_bits(bits + 1).is_none());
}

#[test]
fn a_role_goes_out_once_per_choice() {
    let all = Repairs::REPEATED_ROLE;
    let first = chunk(r#"{"role":"assistant","content":""}"#);
    let cases = [
        (
            r#"{"role":"assistant","content":"a"}"#,
            r#"{"content":"a"}"#,
        ),
        (
            r#"{ "role" : "assistant" , "content":"a"}"#,
            r#"{ "content":"a"}"#,
        ),
        (
            r#"{"content":"a","role":"assistant"}"#,
            r#"{"content":"a"}"#,
        ),
        (
            r#"{"content":"a" , "role":"assistant" , "x":1}"#,
            r#"{"content":"a" , "x":1}"#,
        ),
        (r#"{"role":"assistant"}"#, "{}"),
        (
            r#"{"role":null,"content":"a"}"#,
            r#"{"role":null,"content":"a"}"#,
        ),
        (r#"{"content":"a"}"#, r#"{"content":"a"}"#),
    ];
    for (delta, expected) in cases {
        let out = mended(all, &[first.as_str(), &chunk(delta)].concat());
        assert_eq!(out, [first.as_str(), &chunk(expected)].concat());
    }
    // The index may come late, and each choice has its own role.
    let choice = |index: u32, delta: &str| {
        data(&format!(
            r#"{{"choices":[{{"delta":{delta},"index":{index}}}]}}"#
        ))
    };
    let role = r#"{"role":"assistant"}"#;
    let input = [choice(0, role), choice(1, role), choice(1, role)].concat();
    assert_eq!(
        mended(all, &input),
        [choice(0, role), choice(1, role), choice(1, "{}")].concat()
    );
}

#[test]
fn tool_fragments_get_an_index() {
    let event = |tools: &str| chunk(&format!("{{\"tool_calls\":{tools}}}"));
    let input = [
        event(r#"[{"id":"a","function":{"name":"f"}}]"#),
        event(r#"[{"function":{"arguments":"{"}}]"#),
        event(r#"[{"id":"b","index":null},{"id":"c"}]"#),
        event(r#"[{"id":"a","x":1},{}]"#),
        event(r#"[ { "index":7 } ]"#),
    ]
    .concat();
    let expected = [
        event(r#"[{"index":0,"id":"a","function":{"name":"f"}}]"#),
        event(r#"[{"index":0,"function":{"arguments":"{"}}]"#),
        event(r#"[{"id":"b","index":1},{"index":2,"id":"c"}]"#),
        event(r#"[{"index":0,"id":"a","x":1},{"index":2}]"#),
        event(r#"[ { "index":7 } ]"#),
    ]
    .concat();
    assert_eq!(mended(Repairs::MISSING_TOOL_INDEX, &input), expected);
}

#[test]
fn the_head_of_a_tool_call_goes_out_once() {
    let event = |tools: &str| chunk(&format!("{{\"tool_calls\":{tools}}}"));
    let cases = [
        // As vLLM and others repeat it.
        (
            r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]"#,
            r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":""}}]"#,
        ),
        (
            r#"[{"index":0,"id":"a","type":"function","function":{"name":"f","arguments":"{"}}]"#,
            r#"[{"index":0,"function":{"arguments":"{"}}]"#,
        ),
        (
            r#"[{"id": "a" , "type" : "function","function":{"arguments":"}", "name":"f" },"index":0}]"#,
            r#"[{"function":{"arguments":"}" },"index":0}]"#,
        ),
        (
            r#"[ { "id":"a", "x":1 , "type":"function" , "index":0 , "function":{ "name":"f" } } ]"#,
            r#"[ { "x":1 , "index":0 , "function":{  } } ]"#,
        ),
        // Escapes say the same.
        (
            r#"[{"index":0,"i\u0064":"\u0061","function":{"arguments":"x"}}]"#,
            r#"[{"index":0,"function":{"arguments":"x"}}]"#,
        ),
        // Nothing said, nothing repeated; no text, no head.
        (
            r#"[{"index":0,"id":"","type":null,"function":{"name":"","arguments":"x"}}]"#,
            r#"[{"index":0,"id":"","type":null,"function":{"name":"","arguments":"x"}}]"#,
        ),
        // A second call, whose name is the same one.
        (
            r#"[{"index":1,"id":"b","function":{"name":"f"}},{"index":1,"id":"b","function":{"name":"f"}}]"#,
            r#"[{"index":1,"id":"b","function":{"name":"f"}},{"index":1,"function":{}}]"#,
        ),
        // Another call that shares the index keeps all of its head.
        (
            r#"[{"index":1,"id":"c","type":"function","function":{"name":"f"}}]"#,
            r#"[{"index":1,"id":"c","type":"function","function":{"name":"f"}}]"#,
        ),
        // A name that comes in parts, and then again.
        (
            r#"[{"index":1,"function":{"name":"oo"}},{"index":1,"function":{"name":"foo"}}]"#,
            r#"[{"index":1,"function":{"name":"oo"}},{"index":1,"function":{}}]"#,
        ),
        // Whose fragment this is nobody knows.
        (
            r#"[{"id":"a","function":{"name":"f"}},7,[],{"index":0,"function":"f"}]"#,
            r#"[{"id":"a","function":{"name":"f"}},7,[],{"index":0,"function":"f"}]"#,
        ),
    ];
    let both = |side: fn(&(&'static str, &'static str)) -> &'static str| {
        cases
            .iter()
            .map(|case| event(side(case)))
            .collect::<String>()
    };
    let repaired = mended(Repairs::REPEATED_TOOL_HEAD, &both(|case| case.0));
    assert_eq!(repaired, both(|case| case.1));
}

#[test]
fn a_head_is_repeated_without_an_index() {
    let event = |tools: &str| chunk(&format!("{{\"tool_calls\":{tools}}}"));
    let both = Repairs::REPEATED_TOOL_HEAD.union(Repairs::MISSING_TOOL_INDEX);
    let input = [
        event(r#"[{"id":"a","function":{"name":"f","arguments":""}}]"#),
        event(r#"[{"id":"a","function":{"name":"f","arguments":"{}"}}]"#),
        event(r#"[{"id":"a"},{"id":"b"}]"#),
        event(r#"[{"index":null,"id":"b"}]"#),
    ];
    let expected = [
        event(r#"[{"index":0,"id":"a","function":{"name":"f","arguments":""}}]"#),
        event(r#"[{"index":0,"function":{"arguments":"{}"}}]"#),
        event(r#"[{"index":0},{"index":1,"id":"b"}]"#),
        event(r#"[{"index":1}]"#),
    ];
    assert_eq!(mended(both, &input.concat()), expected.concat());
}

#[test]
fn heads_are_remembered_within_bounds() {
    let call = |index: usize, id: &str| {
        let tool = format!(r#"{{"tool_calls":[{{"index":{index},"id":"{id}"}}]}}"#);
        chunk(&tool)
    };
    let many: String = (0..300).map(|index| call(index, "a")).collect();
    let twice = mended(Repairs::REPEATED_TOOL_HEAD, &[&*many, &many].concat());
    assert!(twice.starts_with(&many));
    assert_eq!(twice.matches("\"id\":\"a\"").count(), 300 + 300 - 256);
    let long = call(0, &"x".repeat(2000));
    let input = [&*long, &long].concat();
    assert_eq!(mended(Repairs::REPEATED_TOOL_HEAD, &input), input);
}

#[test]
fn done_is_added_only_to_a_finished_answer() {
    let all = Repairs::MISSING_DONE;
    let content = chunk(r#"{"content":"a"}"#);
    assert_eq!(
        mended(all, &[&content, FINISH].concat()),
        [&content, FINISH, DONE].concat()
    );
    assert_eq!(mended(all, &content), content);
    assert_eq!(
        mended(all, &[FINISH, DONE].concat()),
        [FINISH, DONE].concat()
    );
    let failed = [FINISH, "data: {\"error\":{\"message\":\"x\"}}\n\n"].concat();
    assert_eq!(mended(all, &failed), failed);
    let cut = &FINISH[..FINISH.len() - 2];
    let (out, end, _) = relay(repairing(all), cut);
    assert_eq!((out, end), ([FINISH, DONE].concat(), End::Finished));
}

#[test]
fn errors_get_the_shape_that_clients_recognise() {
    let all = Repairs::FLAT_ERROR;
    let shaped = |message: &str, kind: &str, param: &str, code: &str| {
        data(&format!(
            r#"{{"error":{{"message":{message},"type":{kind},"param":{param},"code":{code}}}}}"#
        ))
    };
    let cases = [
        (
            data(r#"{"error":"te\"xt","error_type":"validation"}"#),
            shaped(r#""te\"xt""#, r#""validation""#, "null", "null"),
        ),
        (
            data(r#"{"object":"error","message":"m","type":"t","param":null,"code":400}"#),
            shaped(r#""m""#, r#""t""#, "null", r#""400""#),
        ),
        (
            data(r#"{"object":"error"}"#),
            shaped(
                r#""The upstream reported an error.""#,
                r#""server_error""#,
                "null",
                "null",
            ),
        ),
        (
            data(r#"{"error":["a"]}"#),
            shaped(r#""[\"a\"]""#, r#""server_error""#, "null", "null"),
        ),
        (
            "event: response.error\ndata: {\"error\":\"py\"}\n\n".into(),
            shaped(r#""py""#, r#""server_error""#, "null", "null"),
        ),
        (
            "event: error\r\ndata: no \"json\"\r\n\r\n".into(),
            shaped(r#""no \"json\"""#, r#""server_error""#, "null", "null"),
        ),
        (
            data(r#"{"error":{"message":"m","code":5}}"#),
            data(r#"{"error":{"message":"m","code":5}}"#),
        ),
    ];
    for (input, expected) in cases {
        assert_eq!(mended(all, &input), expected);
    }
    assert_eq!(
        repair_json(br#"{"error":"x"}"#, Shape::Chat, all).unwrap(),
        br#"{"error":{"message":"x","type":"server_error","param":null,"code":null}}"#
    );
}

#[test]
fn single_values_are_mended_in_place() {
    let cases = [
        (
            Repairs::NULL_DELTA,
            r#"{"choices":[{"delta": null ,"index":0}]}"#,
            r#"{"choices":[{"delta": {} ,"index":0}]}"#,
        ),
        (
            Repairs::INTEGER_ERROR_CODE,
            r#"{"error":{"code": -32 ,"message":"m"}}"#,
            r#"{"error":{"code": "-32" ,"message":"m"}}"#,
        ),
        (
            Repairs::INTEGER_ERROR_CODE,
            r#"{"error":{"code":"x"}}"#,
            r#"{"error":{"code":"x"}}"#,
        ),
        (
            Repairs::FINISH_REASON_MAP,
            r#"{"choices":[{"finish_reason":"eos_token"}]}"#,
            r#"{"choices":[{"finish_reason":"stop"}]}"#,
        ),
        (
            Repairs::FINISH_REASON_MAP,
            r#"{"choices":[{"finish_reason":"MAX_TOKENS"}]}"#,
            r#"{"choices":[{"finish_reason":"length"}]}"#,
        ),
        (
            Repairs::FINISH_REASON_MAP,
            r#"{"choices":[{"finish_reason":"content_filter"}]}"#,
            r#"{"choices":[{"finish_reason":"content_filter"}]}"#,
        ),
        (
            Repairs::FINISH_REASON_MAP,
            r#"{"choices":[{"finish_reason":null}]}"#,
            r#"{"choices":[{"finish_reason":null}]}"#,
        ),
    ];
    for (repairs, input, expected) in cases {
        assert_eq!(mended(repairs, &data(input)), data(expected));
        assert_eq!(
            mended(repairs, &format!(": c\r\nid: 1\r\ndata:{input}\r\n\r\n")),
            format!(": c\r\nid: 1\r\ndata:{expected}\r\n\r\n")
        );
    }
    let split = "event: x\ndata: {\"choices\":[{\ndata: \"finish_reason\":\"eos\"}]}\n\n";
    assert_eq!(
        mended(Repairs::FINISH_REASON_MAP, split),
        data("{\"choices\":[{ \"finish_reason\":\"stop\"}]}")
    );
    assert_eq!(
        repair_json(
            br#"{"choices":[{"message":{"tool_calls":[{"id":"a"}]},"finish_reason":"eos"}]}"#,
            Shape::Chat,
            every_repair()
        )
        .unwrap(),
        br#"{"choices":[{"message":{"tool_calls":[{"id":"a"}]},"finish_reason":"stop"}]}"#
    );
    assert!(repair_json(br#"{"choices":[]}"#, Shape::Chat, every_repair()).is_none());
}

#[test]
fn keepalives_without_choices_are_dropped() {
    let all = Repairs::EMPTY_CHOICES_KEEPALIVE;
    for dropped in [
        "{}",
        r#"{"choices":[]}"#,
        r#"{"id":"x","usage":null}"#,
        r#"{"choices":null}"#,
    ] {
        assert_eq!(mended(all, &data(dropped)), "", "{dropped}");
    }
    for kept in [r#"{"choices":[{}]}"#, r#"{"error":"x"}"#] {
        assert_eq!(mended(all, &data(kept)), data(kept));
    }
    assert_eq!(
        mended(all, &[": c\n\n", USAGE, DONE].concat()),
        [": c\n\n", USAGE, DONE].concat()
    );
}
