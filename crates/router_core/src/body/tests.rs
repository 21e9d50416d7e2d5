//! What is refused and by which name, what the accessors read, and linear work.

use super::*;
use crate::types::{MemberPath, Route};
use proptest::prelude::*;

mod splicing;

fn read(text: &str) -> Result<Body<'_>, BodyError> {
    parse(text.as_bytes(), &ParseLimits::default())
}

fn refused(bytes: &[u8]) -> (&'static str, String) {
    let error = parse(bytes, &ParseLimits::default()).expect_err("must be refused");
    (error.code, error.field)
}

#[test]
fn refusals_have_a_code_and_a_field() {
    let cases: &[(&str, &str, &str)] = &[
        ("", "invalid_json", ""),
        ("[]", "invalid_json", ""),
        ("null", "invalid_json", ""),
        ("{} x", "invalid_json", ""),
        ("{}{}", "invalid_json", ""),
        ("\u{feff}{}", "invalid_json", ""),
        (r#"{"a":NaN}"#, "invalid_json", ""),
        (r#"{"a":-Infinity}"#, "invalid_json", ""),
        ("{\"a\":\"\n\"}", "invalid_json", ""),
        (r#"{"a":"\q"}"#, "invalid_json", ""),
        (r#"{"a":1,"a":1}"#, "duplicate_key", "a"),
        (
            r#"{"model":"x","\u006dodel":"y"}"#,
            "duplicate_key",
            "model",
        ),
        (
            r#"{"\u006dodel":"x","model":"y"}"#,
            "duplicate_key",
            "model",
        ),
        (r#"{"model":"x","Model":"y"}"#, "ambiguous_key", "Model"),
        (
            r#"{"\u004dodel":"y","model":"x"}"#,
            "ambiguous_key",
            "Model",
        ),
        (
            r#"{"model":"x","Images":["aGk="]}"#,
            "ambiguous_key",
            "Images",
        ),
        ("{\"me\u{17f}sages\":[]}", "ambiguous_key", "me\u{17f}sages"),
        (
            r#"{"\u212aeep_alive":0}"#,
            "ambiguous_key",
            "\u{212a}eep_alive",
        ),
        (r#"{"model":1}"#, "wrong_type", "model"),
        (r#"{"\u006dodel":1}"#, "wrong_type", "model"),
        (r#"{"model":""}"#, "missing_field", "model"),
        (r#"{"stream":"true"}"#, "wrong_type", "stream"),
        (r#"{"stream":1}"#, "wrong_type", "stream"),
        (r#"{"stream_options":[]}"#, "wrong_type", "stream_options"),
        (
            r#"{"stream_options":{"include_usage":1}}"#,
            "wrong_type",
            "stream_options.include_usage",
        ),
        (r#"{"n":"2"}"#, "wrong_type", "n"),
        (r#"{"n":1.5}"#, "wrong_type", "n"),
        (r#"{"n":0}"#, "invalid_value", "n"),
        (r#"{"max_tokens":"5"}"#, "wrong_type", "max_tokens"),
        (
            r#"{"max_completion_tokens":true}"#,
            "wrong_type",
            "max_completion_tokens",
        ),
        (r#"{"tools":{}}"#, "wrong_type", "tools"),
        (r#"{"functions":1}"#, "wrong_type", "functions"),
        (r#"{"hybridgw":"fast"}"#, "wrong_type", "hybridgw"),
        (r#"{"hybridgw":{"tier":1}}"#, "wrong_type", "hybridgw.tier"),
        (
            r#"{"hybridgw":{"tier":"a","tier":"b"}}"#,
            "duplicate_key",
            "hybridgw.tier",
        ),
        (r#"{"metadata":[]}"#, "wrong_type", "metadata"),
        (
            r#"{"metadata":{"tags":[1]}}"#,
            "wrong_type",
            "metadata.tags",
        ),
        (r#"{"metadata":{"tags":{}}}"#, "wrong_type", "metadata.tags"),
        (
            r#"{"metadata":{"no_fallback":"yes"}}"#,
            "wrong_type",
            "metadata.no_fallback",
        ),
    ];
    for (text, code, field) in cases {
        assert_eq!(
            refused(text.as_bytes()),
            (*code, (*field).to_owned()),
            "{text}"
        );
    }
    assert_eq!(refused(b"{\"a\":\"\xff\"}").0, "invalid_utf8");
    assert_eq!(
        parse(b"{\"a\":\"\xff\"}", &ParseLimits::default())
            .unwrap_err()
            .offset,
        6
    );
    assert_eq!(refused(b"{\"a\":\"\xed\xa0\x80\"}").0, "invalid_utf8");
    let deep = format!("{{\"a\":{}{}}}", "[".repeat(64), "]".repeat(64));
    assert_eq!(refused(deep.as_bytes()).0, "too_deep");
    let just = format!("{{\"a\":{}{}}}", "[".repeat(63), "]".repeat(63));
    assert!(read(&just).is_ok());
    let many: Vec<String> = (0..1025).map(|n| format!("\"k{n}\":0")).collect();
    assert_eq!(
        refused(format!("{{{}}}", many.join(",")).as_bytes()).0,
        "too_many_members"
    );
    let enough = format!("{{{}}}", many[..1024].join(","));
    assert_eq!(read(&enough).unwrap().members().len(), 1024);
    let again = format!("{{{},\"k7\":0}}", many[..500].join(","));
    assert_eq!(
        refused(again.as_bytes()),
        ("duplicate_key", "k7".to_owned())
    );
    let again = format!("{{{},\"k\\u0037\":0}}", many[..500].join(","));
    assert_eq!(
        refused(again.as_bytes()),
        ("duplicate_key", "k7".to_owned())
    );
}

#[test]
fn what_parsers_agree_on_passes() {
    for text in [
        r#"{"a":"\ud800"}"#,
        r#"{"a":123456789012345678901234567890e999}"#,
        r#"{"a":{"b":1,"b":2}}"#,
        r#"{"a":"\u0000"}"#,
        " {} \n",
        r#"{"model":null,"stream":null,"n":null,"tools":null,"metadata":null,"hybridgw":null,"stream_options":null}"#,
        r#"{"":1}"#,
        r#"{"prompt":{"id":"pmpt_1"},"messages":"later"}"#,
    ] {
        assert!(read(text).is_ok(), "{text}");
    }
}

#[test]
fn accessors_read_what_is_acted_on() {
    let body = read(
        r#"{"model":"tier\/m\u00e9","messages":[{"role":"user","content":"hi"}],"stream":true,
            "stream_options":{"include_usage":false,"x":1},"n":2,"max_tokens":1e3,
            "max_completion_tokens":-1,"tools":[{}],"hybridgw":{"tier":"local","task_type":"c\u006fde"},
            "metadata":{"tags":["a","\u0062"],"no_fallback":"true","other":5},
            "fallbacks":["x",{"model":"y"}],"num_retries":3,"timeout":2.5,"disable_fallbacks":true,
            "mock_response":"hello"}"#,
    )
    .unwrap();
    assert_eq!(body.model().unwrap(), "tier/mé");
    assert_eq!(body.stream(), Some(true));
    assert_eq!(body.include_usage(), Some(false));
    assert_eq!(body.n(), Some(2));
    assert_eq!(body.max_tokens(), Some(1000));
    assert_eq!(body.max_completion_tokens(), None);
    assert!(body.has_tools());
    assert_eq!(body.messages().unwrap().items().count(), 1);
    let hints: Vec<_> = body
        .hints()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    assert_eq!(hints, ["tier=local", "task_type=code"]);
    assert_eq!(body.tags().collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!(body.no_fallback(), Some(true));
    let fallbacks: Vec<_> = body.member("fallbacks").unwrap().items().collect();
    assert_eq!(fallbacks[0].as_str().unwrap(), "x");
    assert_eq!(fallbacks[1].get("model").unwrap().as_str().unwrap(), "y");
    assert_eq!(body.member("num_retries").unwrap().as_u64(), Some(3));
    assert_eq!(body.member("timeout").unwrap().as_f64(), Some(2.5));
    assert_eq!(
        body.member("disable_fallbacks").unwrap().as_bool(),
        Some(true)
    );
    assert_eq!(
        body.member("mock_response").unwrap().as_str().unwrap(),
        "hello"
    );
    assert!(body.member("absent").is_none());
    let span = body.span("mock_response").unwrap();
    assert_eq!(span.of(body.bytes()), br#""hello""#);
    assert!(body.require(Route::Chat).is_ok());
    assert_eq!(body.require(Route::Embeddings).unwrap_err().field, "input");
    let outline = body.clone().into_outline();
    assert_eq!(outline.attach(body.bytes()).model().unwrap(), "tier/mé");
}

#[test]
fn a_route_names_what_it_misses() {
    let cases: &[(&str, Route, &str, &str)] = &[
        (r#"{"messages":[]}"#, Route::Chat, "missing_field", "model"),
        (
            r#"{"model":null,"messages":[]}"#,
            Route::Chat,
            "missing_field",
            "model",
        ),
        (r#"{"model":"m"}"#, Route::Chat, "missing_field", "messages"),
        (
            r#"{"model":"m","messages":null}"#,
            Route::Chat,
            "missing_field",
            "messages",
        ),
        (
            r#"{"model":"m","messages":{}}"#,
            Route::Chat,
            "wrong_type",
            "messages",
        ),
        (
            r#"{"model":"m","prompt":{}}"#,
            Route::Completions,
            "wrong_type",
            "prompt",
        ),
        (
            r#"{"model":"m","input":7}"#,
            Route::Embeddings,
            "wrong_type",
            "input",
        ),
    ];
    for (text, route, code, field) in cases {
        let error = read(text).unwrap().require(*route).unwrap_err();
        assert_eq!(
            (error.code, error.field.as_str()),
            (*code, *field),
            "{text}"
        );
    }
    assert!(read(r#"{"model":"m","prompt":"x"}"#)
        .unwrap()
        .require(Route::Completions)
        .is_ok());
    assert!(read(r#"{"model":"m","input":[1,2]}"#)
        .unwrap()
        .require(Route::Embeddings)
        .is_ok());
}

#[derive(Default)]
struct Collect(Vec<(Place, String)>, Vec<u8>);

impl Visitor for Collect {
    fn string(&mut self, place: Place, span: Span, _escaped: bool) {
        self.0.push((
            place,
            String::from_utf8_lossy(span.of(&self.1)).into_owned(),
        ));
    }
}

#[test]
fn the_visitor_sees_every_string_and_key_once() {
    let text =
        r#"{"model":"m","messages":[{"role":"user","content":"h\n"}],"x":{"k":["v",{}]},"y":"z"}"#;
    let mut seen = Collect(Vec::new(), text.into());
    parse_with(text.as_bytes(), &ParseLimits::default(), &mut seen).unwrap();
    let texts: Vec<&str> = seen.0.iter().map(|(_, text)| text.as_str()).collect();
    assert_eq!(
        texts,
        ["model", "m", "messages", "role", "user", "content", "h\\n", "x", "k", "v", "y", "z"]
    );
    let user = seen.0[4].0;
    assert_eq!(
        (user.field, user.depth, user.key),
        (Field::Messages, 3, false)
    );
    assert_eq!(
        seen.0[10].0,
        Place {
            field: Field::Other,
            depth: 1,
            key: true
        }
    );
    assert_eq!(
        seen.0[11].0,
        Place {
            field: Field::Other,
            depth: 1,
            key: false
        }
    );
}

#[test]
fn hostile_bodies_cost_linear_work() {
    let member = |value: String| format!("{{\"model\":\"m\",\"a\":{value}}}");
    let size = 1 << 20;
    let texts = [
        member(format!("\"{}\"", "\\n".repeat(size / 2))),
        member(format!("\"{}\"", "\\ud800".repeat(size / 6))),
        member(format!("\"{}\"", "x".repeat(size))),
        member("1".repeat(size)),
        member(format!("[{}0]", "0,".repeat(size / 2))),
        member(format!("[{}0]", "[],".repeat(size / 3))),
        member(format!("[{}0]", "{\"a\":\"\"},".repeat(size / 9))),
        member("[".repeat(size)),
        format!(
            "{{\"metadata\":{{{}\"b\":0}}}}",
            "\"a\":0,".repeat(size / 6)
        ),
        format!(
            "{{\"metadata\":{{\"tags\":[{}\"b\"]}}}}",
            "\"a\",".repeat(size / 4)
        ),
        format!(
            "{{\"hybridgw\":{{{}}}}}",
            (0..size / 12)
                .map(|n| format!("\"{n}\":\"\""))
                .collect::<Vec<_>>()
                .join(",")
        ),
        format!(
            "{{{}}}",
            (0..1024)
                .map(|n| format!("\"{n}{}\":0", "k".repeat(1000)))
                .collect::<Vec<_>>()
                .join(",")
        ),
        " ".repeat(size),
    ];
    for text in &texts {
        if let Ok(body) = read(text) {
            assert!(
                body.bytes_visited() <= 4 * text.len() as u64,
                "{}",
                &text[..40]
            );
        }
    }
}

/// Objects in text, keys drawn from few names so that some repeat.
fn object() -> impl Strategy<Value = String> {
    let key = proptest::sample::select(vec!["a", "b", "c", "\\u0061", "d", "model", "e"]);
    let value = proptest::sample::select(vec![
        "1",
        "\"x\"",
        "null",
        "[1,{\"a\":2}]",
        "{\"b\":[]}",
        "\"\"",
        "tru",
        "1.0",
    ]);
    let space = proptest::sample::select(vec!["", " ", "\n", "\t "]);
    proptest::collection::vec((key, space.clone(), value, space), 0..6).prop_map(|members| {
        let members: Vec<String> = members
            .into_iter()
            .map(|(key, before, value, after)| {
                format!("{after}\"{key}\"{before}:{after}{value}{before}")
            })
            .collect();
        format!("{{{}}}", members.join(","))
    })
}

proptest! {
    /// Accepts what serde_json accepts as an object, minus the refusals that are ours.
    #[test]
    fn agrees_with_serde_but_for_our_refusals(text in object(), cut in any::<prop::sample::Index>(), whole in prop::bool::weighted(0.8)) {
        let text = if whole { text } else { text.chars().take(cut.index(text.len())).collect() };
        let serde = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
        match (read(&text), serde) {
            (Ok(body), Ok(map)) => {
                prop_assert_eq!(body.members().len(), map.len());
                for (key, value) in body.members() {
                    prop_assert_eq!(&map[&*key], &serde_json::from_slice::<serde_json::Value>(value.bytes()).unwrap());
                }
            }
            (Err(error), Ok(_)) => {
                prop_assert!(matches!(error.code, "duplicate_key" | "wrong_type" | "missing_field"), "{}", error);
            }
            (Err(error), Err(_)) => {
                prop_assert!(matches!(error.code, "invalid_json" | "duplicate_key" | "wrong_type" | "missing_field"), "{}", error);
            }
            (Ok(_), Err(error)) => prop_assert!(false, "{}: {}", text, error),
        }
    }

    #[test]
    fn never_panics_on_any_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = parse(&bytes, &ParseLimits::default());
    }
}
