//! What is gathered, in which order, and what is left out.

use super::names::PROTOCOL;
use super::*;
use crate::body::{parse_gathering, ParseLimits};
use proptest::prelude::*;

fn gathered(body: &str) -> Text {
    let mut text = Text::new();
    parse_gathering(body.as_bytes(), &ParseLimits::default(), &mut text).expect("accepted");
    text
}

fn shown(body: &str) -> String {
    String::from_utf8(gathered(body).bytes().to_vec())
        .expect("UTF-8")
        .replace('\u{1f}', "|")
}

#[test]
fn parts_of_messages_are_neighbours() {
    let body = r#"{"model":"m","messages":[
        {"role":"user","content":[{"type":"text","text":"4111 1111"},{"type":"text","text":" 1111 1111"}]},
        {"role":"tool","tool_call_id":"call_1234567890123","content":"done"}],"user":"ann"}"#;
    assert_eq!(
        shown(body),
        "4111 1111| 1111 1111|done|user|ann|call_1234567890123"
    );
    let text = gathered(body);
    assert_eq!(text.roles(), [Role::User, Role::Tool]);
    let marks = text.marks();
    assert_eq!(text.role(&marks[0]), Role::User);
    assert_eq!(text.role(&marks[2]), Role::Tool);
    assert_eq!(marks[3].kind, Kind::Key);
    assert_eq!(marks[3].message, Mark::NO_MESSAGE);
    assert!(text.complete());
    assert_eq!(text.content(), &text.bytes()[..marks[4].end as usize]);
}

#[test]
fn escapes_are_decoded() {
    let body = r#"{"prompt":"\u0034111\n\ud83d\ude00 \ud83d x"}"#;
    assert_eq!(shown(body), "4111\n\u{1f600} \u{fffd} x");
}

#[test]
fn unknown_fields_keys_and_long_numbers_are_text() {
    let body = r#"{"metadata":{"ssn":123456789,"note":"x","small":12.5},"x":[4.111111111111111e15,
        41111111.0,1e400,-0.00000001],"new":{"deep":[["y"]]}}"#;
    assert_eq!(
        shown(body),
        "ssn|123456789|note|x|small|x|4111111111111111|41111111|1e400|0.00000001|new|deep|y"
    );
}

#[test]
fn words_of_the_protocol_are_left_out_but_nothing_else_is() {
    let body = r#"{"model":"local/fast","messages":[{"role":"user","id":"AKIAIOSFODNN7EXAMPLE","content":"hello"},
        {"role":"4111111111111111","content":[{"type":"text","text":"x","status":"confidential"}]}],
        "hybridgw":{"sensitivity":"internal"},"tool_choice":"auto","safety_identifier":"10.1.2.3"}"#;
    assert_eq!(
        shown(body),
        "hello|x|tool_choice|safety_identifier|10.1.2.3|AKIAIOSFODNN7EXAMPLE|4111111111111111|confidential"
    );
}

#[test]
fn only_the_model_that_is_replaced_is_left_out() {
    let body = r#"{"model":"my-ssn","fallback":{"model":"a-secret"}}"#;
    assert_eq!(shown(body), "fallback|a-secret");
}

#[test]
fn media_are_opaque() {
    let picture = "data:image/png;base64,iVBORw0KGgo=";
    let blob = "A".repeat(80);
    for content in [
        format!(r#"{{"type":"image_url","image_url":{{"url":"{picture}","detail":"low"}}}}"#),
        r#"{"type":"image_url","image_url":{"url":"https://example.com/a.png"}}"#.to_owned(),
        r#"{"type":"file","file":{"file_id":"file-1"}}"#.to_owned(),
        format!(r#"{{"type":"input_audio","input_audio":{{"data":"{blob}","format":"wav"}}}}"#),
        r#"{"type":"image","source":{"type":"url","url":"https://example.com/a.png"}}"#.to_owned(),
        format!(r#"{{"type":"image","image":"{blob}"}}"#),
        r#"{"type":"media","file_uri":"gs://bucket/scan.pdf"}"#.to_owned(),
    ] {
        let body = format!(r#"{{"messages":[{{"role":"user","content":[{content}]}}]}}"#);
        let text = gathered(&body);
        assert_eq!(text.opaque(), 1, "{content}");
        assert!(!text.complete());
    }
    let body = format!(r#"{{"prompt":"what is this?","images":["{blob}","{blob}"]}}"#);
    assert_eq!(gathered(&body).opaque(), 2);
}

#[test]
fn what_a_provider_stores_is_opaque() {
    for (body, count) in [
        (
            r#"{"tools":[{"type":"file_search","vector_store_ids":["vs_1","vs_2"]}],"input":"x"}"#,
            2,
        ),
        (
            r#"{"tools":[{"type":"code_interpreter","container":{"type":"auto","file_ids":["file-1"]}}]}"#,
            1,
        ),
        (
            r#"{"tools":[{"type":"code_interpreter","container":"cntr_1"}],"input":"x"}"#,
            1,
        ),
        (
            r#"{"tools":[{"type":"code_interpreter","Container":"cntr_1"}],"input":"x"}"#,
            1,
        ),
        (
            r#"{"tools":[{"type":"shell","environment":{"container_id":"cntr_1"}}],"input":"x"}"#,
            1,
        ),
        (r#"{"container":"cntr_1","messages":[]}"#, 1),
        (
            r#"{"container":{"id":"cntr_1","skills":[]},"messages":[]}"#,
            1,
        ),
        (
            r#"{"prompt":{"id":"pmpt_1","version":"2","variables":{"city":"Rome"}},"input":"x"}"#,
            1,
        ),
        (r#"{"prompt":{"Id":"pmpt_1"},"input":"x"}"#, 1),
        (
            r#"{"messages":[{"role":"assistant","audio":{"id":"audio_1"}}]}"#,
            1,
        ),
        (
            r#"{"messages":[{"role":"assistant","audio":{"\u0069d":"audio_1"}}]}"#,
            1,
        ),
        (
            r#"{"audio":{"voice":{"id":"voice_1"},"format":"wav"},"messages":[]}"#,
            0,
        ),
        (r#"{"prompt":"x","id":"1"}"#, 0),
        (
            r#"{"input":[{"id":"msg_1","type":"message","content":"x"}]}"#,
            0,
        ),
        (
            r#"{"tools":[{"function":{"parameters":{"properties":{"container":{"type":"string","enum":["a"]}}}}}]}"#,
            0,
        ),
        (
            r#"{"messages":[{"content":[{"type":"tool_use","id":"c","name":"run","input":{"container":"nginx","audio":{"id":"a"}}}]}]}"#,
            0,
        ),
    ] {
        assert_eq!(gathered(body).opaque(), count, "{body}");
    }
}

/// Where the first local reference of a body is, and whether there is a remote one.
fn references(body: &str) -> (Option<LocalReference>, bool) {
    let text = gathered(body);
    (text.local_reference(), text.remote_media())
}

#[test]
fn references_to_files_are_told() {
    let base64 = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";
    let local = [
        "file:///etc/passwd",
        "FILE:/etc/passwd",
        "/etc/passwd",
        "//etc//passwd",
        "////////etc/passwd//",
        "etc/passwd.",
        "../secret",
        r"C:\\secret.png",
        "ftp://example.com/a.png",
        " http://example.com/a.png",
        "http:example.com",
        r"\u0066ile:///etc/passwd",
        "a.png",
    ];
    let remote = [
        "https://example.com/a.png",
        "HTTP://example.com/a.png",
        "gs://bucket/a.png",
    ];
    let inline = [
        "data:image/png;base64,iVBORw0KGgo=",
        "",
        "iVBORw0KGgo=",
        "/9j/4AAQSkZJRgABAQAAAQABAAD/",
        base64,
    ];
    let places = [
        r#"{"messages":[{"role":"user","content":[{"type":"image_url","image_url":{"detail":"low","url":"@"}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"image_url","image_url":"@"}]}]}"#,
        r#"{"messages":[{"content":[{"video_url":{"url":"@"}},{"audio_url":{"url":""}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"image","source":{"type":"url","url":"@"}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_result","content":[{"type":"image","source":{"type":"url","url":"@"}}]}]}]}"#,
        r#"{"messages":[{"content":"hi","images":["@"]}]}"#,
        r#"{"messages":[{"content":[{"type":"image","image":"@"}]}]}"#,
        r#"{"prompt":"hi","images":["","@"]}"#,
        r#"{"input":[{"role":"user","content":[{"type":"input_image","image_url":"@"}]}]}"#,
        r#"{"input":[{"content":[{"type":"input_file","file_url":"@","file_id":"file-1"}]}]}"#,
        r#"{"messages":[{"content":[{"type":"media","file_uri":"@"}]}]}"#,
    ];
    for place in places {
        for value in local {
            let body = place.replace('@', value);
            assert!(references(&body).0.is_some(), "{body}");
        }
        for value in remote {
            let body = place.replace('@', value);
            assert_eq!(references(&body), (None, true), "{body}");
        }
        for value in inline {
            let body = place.replace('@', value);
            assert_eq!(references(&body), (None, false), "{body}");
        }
    }
}

#[test]
fn what_nobody_fetches_is_no_reference() {
    for body in [
        r#"{"messages":[{"content":[{"type":"file","file":{"file_id":"file-1"}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"tool_use","name":"look","input":{"image":"/tmp/a.png","source":{"url":"file:///x"}}}]}]}"#,
        r#"{"messages":[{"tool_calls":[{"function":{"name":"look","arguments":{"image_url":"/tmp/a.png"}}}]}]}"#,
        r#"{"messages":[{"content":[{"type":"search_result","source":"manual.pdf"},{"url":"notes.txt"}]}]}"#,
        r#"{"tools":[{"function":{"parameters":{"properties":{"image_url":{"default":"x.png"}}}}}],"messages":[]}"#,
        r#"{"metadata":{"image":"alpine","image_url":"x.png"},"messages":[]}"#,
    ] {
        assert_eq!(references(body), (None, false), "{body}");
    }
    // What comes after a call is said again.
    let body = r#"{"messages":[{"content":[{"type":"tool_use","input":{"image":"/a"}},{"image_url":{"url":"/b"}}]}]}"#;
    assert!(references(body).0.is_some());
}

#[test]
fn a_reference_names_its_message() {
    let place = |body: &str| references(body).0.map(|it| (it.part, it.position));
    let bad = r#"{"role":"user","content":[{"image_url":{"url":"/a"}}]}"#;
    let good = r#"{"role":"user","content":"x"}"#;
    assert_eq!(
        place(&format!(
            r#"{{"input":[{good}],"messages":[{good},{good},{bad},{bad}]}}"#
        )),
        Some((Part::Messages, Some(2)))
    );
    assert_eq!(
        place(&format!(r#"{{"input":[{good},{bad}]}}"#)),
        Some((Part::Prompt, Some(1)))
    );
    assert_eq!(
        place(r#"{"images":["/a"],"prompt":"x"}"#),
        Some((Part::Other, None))
    );
}

#[test]
fn items_of_a_conversation_are_messages() {
    let body = r#"{"model":"m","instructions":"be kind","input":[
        {"role":"developer","content":"a"},{"type":"message","role":"user","content":[{"type":"input_text","text":"b"}]},
        {"type":"function_call","call_id":"c1","name":"f","arguments":"{}"},
        {"type":"function_call_output","call_id":"c1","output":"c"},{"type":"reasoning","summary":[{"type":"summary_text","text":"d"}]}]}"#;
    let text = gathered(body);
    assert_eq!(
        text.roles(),
        [
            Role::System,
            Role::User,
            Role::Assistant,
            Role::Tool,
            Role::Assistant
        ]
    );
    let told: Vec<_> = text
        .marks()
        .iter()
        .map(|mark| (text.of_mark(mark), mark.kind, text.role(mark)))
        .filter(|(_, kind, _)| !matches!(kind, Kind::Other | Kind::Key))
        .collect();
    assert_eq!(
        told,
        [
            (&b"be kind"[..], Kind::System, Role::Unknown),
            (b"a", Kind::Content, Role::System),
            (b"b", Kind::Content, Role::User),
            (b"f", Kind::Content, Role::Assistant),
            (b"{}", Kind::Tool, Role::Assistant),
            (b"c", Kind::Content, Role::Tool),
            (b"d", Kind::Content, Role::Assistant),
        ]
    );
    assert!(gathered(r#"{"input":["a","b"]}"#).roles().is_empty());
    // Instructions in blocks are instructions.
    let text = gathered(r#"{"system":[{"type":"text","text":"be kind"}],"messages":[]}"#);
    assert_eq!(text.marks()[0].kind, Kind::System);
    assert_eq!(text.content(), b"be kind");
}

#[test]
fn names_of_media_mean_nothing_outside_of_what_is_said() {
    let body = r#"{"messages":[],"metadata":{"source":"nightly","image":"alpine"},"tools":[{"type":"function",
        "function":{"name":"draw","parameters":{"properties":{"image":{"type":"string"},
        "source":{"url":"x","description":"where from"}}}}}]}"#;
    assert!(gathered(body).complete());
    assert!(shown(body).contains("nightly"));
    assert!(shown(body).contains("where from"));
}

#[test]
fn small_media_are_looked_through_all_the_same() {
    let body = r#"{"messages":[{"content":[{"url":"data:text/plain;base64,NDExMSAxMTEx"}]}]}"#;
    assert!(!gathered(body).complete());
    assert!(shown(body).contains("NDExMSAxMTEx"));
}

#[test]
fn what_only_claims_to_be_media_is_text() {
    let body = r#"{"messages":[{"content":[{"data":"my card is 4111 1111 1111 1111, and a long text follows it here"},
        {"url":"data:text/plain,hello"},{"text":"data:x;base64, my SSN is 123-45-6789"}]}]}"#;
    assert!(shown(body).contains("4111 1111 1111 1111"));
    assert!(shown(body).contains("hello"));
    assert!(shown(body).contains("123-45-6789"));
    assert!(gathered(body).complete());
    let hidden = format!("{} 4111 1111 1111 1111", "A".repeat(64));
    let body = format!(r#"{{"messages":[{{"content":[{{"data":"{hidden}"}}]}}]}}"#);
    assert_eq!(shown(&body), hidden);
}

#[test]
fn token_ids_are_told() {
    assert!(gathered(r#"{"input":[1,2,3],"model":"m"}"#).token_ids());
    assert!(gathered(r#"{"model":"m","prompt":[[9],[8]]}"#).token_ids());
    assert!(!gathered(r#"{"input":["a"],"n":1,"seed":5}"#).token_ids());
    for name in ["prompt_token_ids", "input_ids", "context"] {
        let body = format!(r#"{{"{name}":[5],"model":"m"}}"#);
        assert!(gathered(&body).token_ids(), "{name}");
    }
    let item = r#"{"role":"assistant","content":[{"type":"output_text","text":"x","annotations":[{"start_index":0,"end_index":1}]}]}"#;
    assert!(gathered(&format!(r#"{{"input":[{item},{item}]}}"#)).complete());
    let many = vec!["7"; 40].join(", ");
    assert!(gathered(&format!(r#"{{"input":[{{"content":[{many}]}}]}}"#)).token_ids());
    assert!(gathered(&format!(r#"{{"unheard_of":[[{many}]]}}"#)).token_ids());
    assert!(!gathered(&format!(r#"{{"stop_token_ids":[{many}]}}"#)).token_ids());
    assert!(!gathered(&format!(r#"{{"tools":[{{"enum":[{many}]}}]}}"#)).token_ids());
}

#[test]
fn what_a_maker_sealed_is_neither_text_nor_unread() {
    // Bytes from 0xf0 down, in both alphabets: certainly no text.
    let sealed =
        "8O_u7ezr6uno5-bl5OPi4eDf3t3c29rZ2NfW1dTT0tHQz87NzMvKycjHxsXEw8LBwAECAwQFBgcICQoLDA0ODxA";
    let standard = sealed.replace('_', "/").replace('-', "+");
    let body = format!(
        r#"{{"messages":[{{"role":"assistant","content":[{{"type":"thinking","thinking":"hm","signature":"{standard}"}},
        {{"type":"redacted_thinking","data":"{standard}"}},{{"type":"tool_use","id":"call_1__thought__{sealed}","name":"f"}}]}}],
        "input":[{{"type":"reasoning","encrypted_content":"{sealed}"}}]}}"#
    );
    assert!(gathered(&body).complete());
    let text = shown(&body);
    assert!(
        !text.contains(sealed) && !text.contains(&standard),
        "{text}"
    );
    assert!(text.contains("hm") && text.contains("call_1"));
    // Text under such names is text, encoded or not; and other data stays what it was.
    let told = "bXkgY2FyZCBpcyA0MTExIDExMTEgMTExMSAxMTExIHRoYW5rcw==";
    for value in ["my card is 4111 1111 1111 1111", told] {
        let body = format!(r#"{{"messages":[{{"content":[{{"signature":"{value}"}}]}}]}}"#);
        assert!(shown(&body).contains(value));
    }
    let body = format!(
        r#"{{"messages":[{{"content":[{{"type":"redacted_thinking","x":1}},{{"data":"{standard}"}}]}}]}}"#
    );
    assert!(!gathered(&body).complete());
}

#[test]
fn a_seal_is_one_only_where_makers_put_it() {
    let picture = format!(
        "/9j/{}",
        "4AAQSkZJRgABAQAAAQABAAD_".replace('_', "/").repeat(8)
    );
    let inside = |object: &str| {
        let object = object.replace('$', &picture);
        gathered(&format!(
            r#"{{"messages":[{{"role":"assistant","content":[{object}]}}]}}"#
        ))
        .complete()
    };
    for object in [
        r#"{"type":"thinking","thinking":"a","signature":"$"}"#,
        r#"{"signature":"$","thinking":"a","type":"thinking"}"#,
        r#"{"data":"$","type":"redacted_thinking"}"#,
        r#"{"type":"reasoning","summary":[{"type":"summary_text","text":"a"}],"encrypted_content":"$"}"#,
        r#"{"encrypted_content":"$","summary":[{"type":"summary_text","text":"a"}],"type":"reasoning"}"#,
        r#"{"type":"reasoning.encrypted","data":"$"}"#,
        r#"{"type":"web_search_tool_result","content":[{"type":"web_search_result","encrypted_content":"$"}]}"#,
        r#"{"tool_calls":[{"extra_content":{"google":{"thought_signature":"$"}}}]}"#,
    ] {
        assert!(inside(object), "{object}");
    }
    for object in [
        r#"{"type":"text","text":"a","signature":"$"}"#,
        r#"{"signature":"$"}"#,
        r#"{"signature":"$","encrypted_content":"$","type":"thinking"}"#,
        r#"{"signature":"$","signature":"$","type":"thinking"}"#,
        r#"{"type":"thinking","encrypted_content":"$"}"#,
        r#"{"type":"thinking","thought_signature":"$"}"#,
        r#"{"type":"thinking","a":[{"signature":"$"}]}"#,
        r#"{"type":"thinking","signature":["$"]},{"type":"image","data":"$"}"#,
        r#"{"type":"thinking"},{"signature":"$"}"#,
        r#"{"type":"image","source":{"type":"redacted_thinking","file_data":"$"}}"#,
        r#"{"id":"a","name":"call__thought__$","voice":"x__thought__$","signature":"$"}"#,
    ] {
        assert!(!inside(object), "{object}");
    }
    let outside = format!(r#"{{"x":{{"type":"thinking","signature":"{picture}"}}}}"#);
    assert!(!gathered(&outside).complete());
}

#[test]
fn media_are_media_under_every_spelling_that_a_decoder_accepts() {
    let picture = format!("/9j/{}", "4AAQSkZJRgABAQAAAQABAAD/".repeat(8));
    for object in [
        r#"{"Images":["$"]}"#,
        r#"{"\u0049mages":["$"]}"#,
        "{\"image\u{17f}\":[\"$\"]}",
        r#"{"content":[{"type":"image","source":{"type":"base64","Data":"$"}}]}"#,
        r#"{"content":[{"type":"image_url","Image_URL":{"URL":"https://a.example/b.png"}}]}"#,
        r#"{"content":[{"type":"file","File_ID":"file-1"}]}"#,
    ] {
        let body = format!(r#"{{"messages":[{}]}}"#, object.replace('$', &picture));
        assert!(!gathered(&body).complete(), "{object}");
    }
    let path = r#"{"messages":[{"Images":["/etc/passwd"]}]}"#;
    assert!(gathered(path).local_reference().is_some());
    assert!(gathered(r#"{"tools":[{"Image":"a picture","Data":"b"}]}"#).complete());
}

#[test]
fn numbers_in_a_row_are_text() {
    assert_eq!(
        shown(r#"{"x":[4111, 1111,1111,1111],"y":[1,2,3],"stop_token_ids":[1,2]}"#),
        "x|4111|1111|1111|1111|y|stop_token_ids"
    );
}

#[test]
fn a_new_body_leaves_nothing_of_the_old() {
    let mut text = Text::new();
    let limits = ParseLimits::default();
    parse_gathering(br#"{"input":[1],"user":"a b"}"#, &limits, &mut text).expect("accepted");
    parse_gathering(br#"{"input":"x"}"#, &limits, &mut text).expect("accepted");
    assert_eq!(text.bytes(), b"x");
    assert!(text.complete());
    assert_eq!(text.marks().len(), 1);
}

#[test]
fn tables_are_sorted_and_argued() {
    assert!(NOT_CONTENT.windows(2).all(|pair| pair[0].0 < pair[1].0));
    assert!(PROTOCOL.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(STRUCTURE.windows(2).all(|pair| pair[0] < pair[1]));
    assert!(NOT_CONTENT.iter().all(|(_, reason)| !reason.is_empty()));
}

/// Text as clients write it, one word that no protocol knows, and text that begins like media.
fn one_value() -> impl Strategy<Value = String> {
    prop_oneof![
        "[a-z]{3,9} [a-z]{3,9}!",
        "zz[a-z0-9_.:-]{1,40}",
        "data:[a-z]{1,5};base64, ?[a-z]{1,9} [a-z]{1,9}",
        "[A-Za-z0-9]{64,80} [a-z]{1,9}",
        "[A-Za-z0-9]{64,80}",
    ]
}

proptest! {
    /// Whatever the field, the string is in the text.
    #[test]
    fn every_string_value_is_gathered(key in "[a-z_]{1,12}", value in one_value()) {
        prop_assume!(!["messages", "prompt", "input", "tools", "functions", "hybridgw", "metadata",
            "model", "stream", "n", "stream_options"].contains(&key.as_str()));
        for body in [
            format!(r#"{{"{key}":"{value}"}}"#),
            format!(r#"{{"messages":[{{"{key}":"{value}"}}]}}"#),
            format!(r#"{{"messages":[{{"content":[{{"{key}":{{"{key}":["{value}"]}}}}]}}]}}"#),
            format!(r#"{{"tools":[{{"function":{{"{key}":"{value}"}}}}]}}"#),
            format!(r#"{{"metadata":{{"a":"{value}"}}}}"#),
        ] {
            prop_assert!(shown(&body).contains(&value), "{body}");
        }
    }
}
