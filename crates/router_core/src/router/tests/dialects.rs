//! Bodies of every dialect: what is read of them, what is refused, which member is named.

use super::*;

fn worker() -> Worker {
    let window = r#","context_window":1000,"routes":[0,1,2,3,4,5,6,7]"#;
    let near = deployment(0, 0, window).replace(r#""up0""#, r#""gpt-4o""#);
    Worker::new(&plan_of(&[near], r#"{"name":"m","groups":[[0]]}"#, ""))
}

fn refused(body: &str, route: Route) -> (&'static str, String) {
    match worker().decide_as(body, route, &[]) {
        Ok(_) => panic!("accepted: {body}"),
        Err(error) => (error.code, error.field),
    }
}

#[test]
fn a_reference_to_a_file_is_refused_on_every_route() {
    let image = r#"{"type":"image_url","image_url":{"url":"file:///etc/passwd"}}"#;
    let source = r#"{"type":"image","source":{"type":"url","url":"/etc/passwd"}}"#;
    for (route, body, field) in [
        (
            Route::Chat,
            format!(
                r#"{{"model":"m","messages":[{{"role":"system","content":"x"}},{{"role":"user","content":[{image}]}}]}}"#
            ),
            "messages[1]",
        ),
        (
            Route::Messages,
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{source}]}}]}}"#),
            "messages[0]",
        ),
        (
            Route::Responses,
            format!(r#"{{"model":"m","input":[{{"role":"user","content":[{image}]}}]}}"#),
            "input[0]",
        ),
        (
            Route::OllamaChat,
            r#"{"model":"m","messages":[{"role":"user","content":"x","images":["/etc/passwd"]}]}"#
                .to_owned(),
            "messages[0]",
        ),
        (
            Route::OllamaGenerate,
            r#"{"model":"m","prompt":"x","images":["/etc/passwd"]}"#.to_owned(),
            "images",
        ),
    ] {
        let found = refused(&body, route);
        assert_eq!(found, ("invalid_value", field.to_owned()), "{body}");
        let error = worker().decide_as(&body, route, &[]).err().unwrap();
        assert!(!error.message.contains("passwd"), "{}", error.message);
    }
}

#[test]
fn media_that_have_to_be_fetched_are_told() {
    let remote = |body: &str, route| {
        let decision = worker().decide_as(body, route, &[]).unwrap();
        decision.remote_media()
    };
    assert!(remote(
        r#"{"model":"m","messages":[{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}]}]}"#,
        Route::Chat
    ));
    assert!(!remote(
        r#"{"model":"m","messages":[{"role":"user","content":"see https://example.com/a.png","images":["iVBORw0KGgo="]}]}"#,
        Route::OllamaChat
    ));
}

#[test]
fn a_system_message_behind_the_first_is_told() {
    let late = |messages: &str, route| {
        let body = format!(r#"{{"model":"m","messages":[{messages}]}}"#);
        worker().decide_as(&body, route, &[]).unwrap().late_system()
    };
    let [system, user] = [
        r#"{"role":"system","content":"a"}"#,
        r#"{"content":"b","role":"user"}"#,
    ];
    let developer = r#"{"content":"c","role":"developer"}"#;
    for route in [Route::Chat, Route::OllamaChat] {
        assert!(!late(&format!("{system},{user}"), route));
        assert!(!late(&format!("{user},{user}"), route));
        assert!(late(&format!("{user},{system}"), route));
        assert!(late(&format!("{system},{developer},{user}"), route));
    }
}

#[test]
fn a_prompt_that_is_too_long_is_named() {
    let text = "word ".repeat(1200);
    for (route, body, field) in [
        (
            Route::Messages,
            format!(r#"{{"model":"m","messages":[{{"role":"user","content":"{text}"}}]}}"#),
            "messages",
        ),
        (
            Route::Responses,
            format!(r#"{{"model":"m","input":"{text}"}}"#),
            "input",
        ),
        (
            Route::Responses,
            format!(r#"{{"model":"m","input":[{{"role":"user","content":"{text}"}}]}}"#),
            "input",
        ),
        (
            Route::OllamaGenerate,
            format!(r#"{{"model":"m","prompt":"{text}"}}"#),
            "prompt",
        ),
    ] {
        let found = refused(&body, route);
        assert_eq!(found, ("context_length_exceeded", field.to_owned()));
    }
}

#[test]
fn instructions_items_and_limits_count() {
    let tokens = |body: &str, route| {
        let decision = worker().decide_as(body, route, &[]).unwrap();
        decision.prompt_tokens()
    };
    let chat = r#"{"model":"m","messages":[{"role":"system","content":"be kind"},{"role":"user","content":"hello"}]}"#;
    let chat = tokens(chat, Route::Chat);
    // The role is part of the wrapping.
    let items = r#"{"model":"m","input":[{"role":"system","content":"be kind"},{"role":"user","content":"hello"}]}"#;
    assert_eq!(tokens(items, Route::Responses), chat);
    let apart =
        r#"{"model":"m","instructions":"be kind","input":[{"role":"user","content":"hello"}]}"#;
    assert_eq!(tokens(apart, Route::Responses), chat - 4);
    for system in [r#""be kind""#, r#"[{"type":"text","text":"be kind"}]"#] {
        let body = format!(
            r#"{{"model":"m","max_tokens":5,"system":{system},"messages":[{{"role":"user","content":"hello"}}]}}"#
        );
        assert_eq!(tokens(&body, Route::Messages), chat - 4);
    }
    // What is asked for is reserved, by whatever name.
    for (route, limit) in [
        (Route::OllamaChat, r#""options":{"num_predict":2000}"#),
        (Route::Messages, r#""max_tokens":2000"#),
        (Route::Responses, r#""max_output_tokens":2000"#),
    ] {
        let asked = if route == Route::Responses {
            "input"
        } else {
            "messages"
        };
        let body =
            format!(r#"{{"model":"m",{limit},"{asked}":[{{"role":"user","content":"hello"}}]}}"#);
        assert_eq!(refused(&body, route).0, "context_length_exceeded", "{body}");
    }
    for options in [r#"{"num_predict":-1}"#, r#"{"num_predict":"x"}"#, "7"] {
        let body = format!(
            r#"{{"model":"m","options":{options},"messages":[{{"role":"user","content":"hello"}}]}}"#
        );
        assert!(worker().decide_as(&body, Route::OllamaChat, &[]).is_ok());
    }
}

#[test]
fn members_that_only_some_backends_take_are_told() {
    let nested = |members: &str| {
        let body = format!(r#"{{"model":"m",{members}}}"#);
        let bits = worker()
            .decide_as(&body, Route::Chat, &[])
            .unwrap()
            .nested();
        let names = crate::text::NESTED.iter().enumerate();
        names
            .filter(|(bit, _)| bits & (1 << bit) != 0)
            .map(|(_, name)| *name)
            .collect::<Vec<_>>()
    };
    let said = |message: &str| nested(&format!(r#""messages":[{message}]"#));
    let user = r#"{"role":"user","content":"x"}"#;
    for (message, name) in [
        (r#"{"role":"developer","content":"x"}"#, "role"),
        (r#"{"role":"devel\u006fper","content":"x"}"#, "role"),
        (
            r#"{"role":"user","content":[{"type":"text","text":"x","cache_control":{"type":"ephemeral"}}]}"#,
            "cache_control",
        ),
        (
            r#"{"role":"user","content":"x","cache\u005fcontrol" : {"type":"ephemeral"}}"#,
            "cache_control",
        ),
        (
            r#"{"role":"user","content":[{"type":"file","file":{"file_data":"aGk="}}]}"#,
            "file",
        ),
        (
            r#"{"role":"user","content":[{"input_audio":{"data":"aGk=","format":"wav"},"type":"input_audio"}]}"#,
            "input_audio",
        ),
        (
            r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a","detail":"low"}}]}"#,
            "detail",
        ),
        (
            r#"{"role":"assistant","content":[{"type":"refusal","refusal":"no"}]}"#,
            "refusal",
        ),
        (r#"{"role":"assistant","refusal":"no"}"#, "refusal"),
        (
            r#"{"role":"assistant","content":[{"type":"thinking","thinking":"t"}]}"#,
            "thinking",
        ),
        (r#"{"role":"assistant","audio":{"id":"a"}}"#, "audio"),
        (
            r#"{"role":"assistant","content":"x","reasoning_content":"t"}"#,
            "reasoning_content",
        ),
        (
            r#"{"role":"assistant","tool_calls":[{"id":"c","type":"custom","custom":{"name":"f","input":"x"}}]}"#,
            "custom",
        ),
    ] {
        assert_eq!(said(message), [name], "{message}");
        let fallback =
            format!(r#""messages":[{user}],"fallbacks":[{{"model":"m","messages":[{message}]}}]"#);
        assert_eq!(nested(&fallback), [name], "{fallback}");
    }
    for (message, name) in [
        (
            r#"{"role":"user","content":[{"type":"document","citations":{"enabled":true}}]}"#,
            "citations",
        ),
        (
            r#"{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{"citations":null},"caller":{"type":"code_execution_20250825","tool_id":"s"}}]}"#,
            "caller",
        ),
    ] {
        assert_eq!(said(message), [name], "{message}");
    }
    for plain in [
        user,
        r#"{"role":"user","content":[{"type":"document","citations":{ "enabled": false }},{"type":"text","text":"x","citations":[ ]}]}"#,
        r#"{"role":"assistant","content":[{"type":"tool_use","id":"t","name":"f","input":{},"caller":{"type": "direct"}}]}"#,
        r#"{"role":"assistant","content":null,"refusal":null,"audio":null,"reasoning_content":"","tool_calls":[{"id":"c","type":"function","function":{"name":"strict","arguments":"{}"}}]}"#,
        r#"{"role":"assistant","content":"x","annotations":[{"type":"file"}]}"#,
        r#"{"role":"user","content":[{"type":"image_url","image_url":{"url":"https://example.com/a","detail":"auto"}}]}"#,
        r#"{"role":"user","content":[{"type":"text","text":"developer cache_control","cache_control":null}]}"#,
    ] {
        assert_eq!(said(plain), <[&str; 0]>::default(), "{plain}");
    }
    let with = |members: &str| nested(&format!(r#""messages":[{user}],{members}"#));
    for (members, name) in [
        (
            r#""tools":[{"type":"custom","custom":{"name":"f"}}]"#,
            "custom",
        ),
        (
            r#""tool_choice":{"type":"custom","custom":{"name":"f"}}"#,
            "custom",
        ),
        (
            r#""tool_choice":{"type":"function","function":{"name":"f"}}"#,
            "tool_choice",
        ),
        (
            r#""tool_choice":{"type":"allowed_tools","allowed_tools":{"mode":"auto","tools":[{"type":"function","function":{"name":"f"}}]}}"#,
            "allowed_tools",
        ),
        (
            r#""tools":[{"type":"function","function":{"name":"f","strict":true}}]"#,
            "strict",
        ),
        (
            r#""tools":[{"type":"function","cache_control":{"type":"ephemeral"},"function":{"name":"f"}}]"#,
            "cache_control",
        ),
        (
            r#""response_format":{"type":"json_schema","json_schema":{"name":"o","description":"d","schema":{}}}"#,
            "description",
        ),
        (
            r#""tools":[{"name":"f","input_schema":{},"defer_loading":true}]"#,
            "defer_loading",
        ),
        (
            r#""stream_options":{"include_obfuscation":true}"#,
            "include_obfuscation",
        ),
    ] {
        assert_eq!(with(members), [name], "{members}");
    }
    for plain in [
        r#""tools":[{"type":"function","function":{"name":"f","strict":false,"description":"custom","parameters":{"type":"object","properties":{"strict":{"type":"boolean"},"detail":{"type":"string"}}}}}]"#,
        r#""tools":[{"name":"f","input_schema":{},"defer_loading":false,"allowed_callers":["direct"]}]"#,
        r#""tool_choice":"required","stream_options":{"include_obfuscation":false,"include_usage":true}"#,
        r#""response_format":{"type":"json_schema","json_schema":{"name":"o","schema":{"description":"d"}}}"#,
        r#""metadata":{"refusal":"x"}"#,
    ] {
        assert_eq!(with(plain), <[&str; 0]>::default(), "{plain}");
    }
}
