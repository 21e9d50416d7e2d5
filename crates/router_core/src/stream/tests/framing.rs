//! Line ends, read boundaries, ends of streams, size limits, linear work.

use super::*;
use proptest::prelude::*;

#[test]
fn every_line_end_ends_an_event() {
    let first = chunk(r#"{"role":"assistant","content":"a"}"#);
    let data = first.trim_end();
    for end in ["\n", "\r\n", "\r"] {
        let event = format!(": c{end}event: x{end}id: 1{end}{data}{end}{end}");
        let done = format!("data:[DONE]{end}{end}");
        let (out, stop, facts) = relay(plain(), &format!("{event}{done}"));
        let closed = FINISH;
        assert_eq!(
            out,
            format!("{first}{}{DONE}", closed.replace(",\"usage\":null", ""))
        );
        assert_eq!((stop, facts.events), (End::Done, 2));
    }
}

#[test]
fn other_line_ends_and_split_characters_are_content() {
    let input = chunk("{\"role\":\"assistant\",\"content\":\"\u{2028}\u{85}😀\"}");
    let (out, _, facts) = relay(plain(), &input);
    assert_eq!(out, input);
    assert_eq!((facts.events, facts.unreadable), (1, 0));
}

#[test]
fn a_byte_order_mark_opens_the_stream() {
    let input = format!("\u{feff}{USAGE}{DONE}");
    let (out, end, _) = relay(stripping(), &input);
    assert_eq!((out.as_str(), end), (DONE, End::Done));
    let (out, end, facts) = relay(plain(), &input);
    assert_eq!(
        (out, end, facts.usage.is_some()),
        (format!("{USAGE}{DONE}"), End::Done, true)
    );
    // Only there: later it makes the field an unknown one.
    let (_, _, facts) = relay(plain(), &format!("{DONE}\u{feff}data: {{}}\n\n"));
    assert!(!facts.after_terminal);
    let (_, _, facts) = relay(plain(), "\u{feff}data: {\"error\":\ndata: \"x\"}\n\n");
    assert_eq!(facts.error.unwrap().message, "x");
    let (_, _, facts) = relay(plain(), "\u{feff}\ndata: [DONE]\n\n");
    assert!(facts.terminal);
}

#[test]
fn data_lines_are_joined() {
    let input = "data: {\"choices\":[\ndata: ],\"usage\":\ndata:{\"prompt_tokens\":1}}\n\n";
    let (out, _, facts) = relay(plain(), input);
    assert_eq!(facts.usage.unwrap().prompt, 1);
    assert!(
        out.starts_with("data: {\"choices\":[],\"usage\":{\"prompt_tokens\":1},\"id\":"),
        "{out}"
    );
    assert_eq!(out.lines().count(), 2);
    assert_eq!(relay(stripping(), input).0, "");
    // Joined with a line feed: two numbers stay two.
    assert_eq!(
        relay(plain(), "data: {\"a\":1\ndata: 2}\n\n").2.unreadable,
        1
    );
    assert_eq!(relay(plain(), "data\ndata: [DONE]\n\n").2.events, 1);
}

#[test]
fn an_unfinished_last_event_counts_when_it_is_whole() {
    let content = chunk(r#"{"role":"assistant","content":"x"}"#);
    for tail in [
        "data: [DONE]",
        "data: [DONE]\n",
        "data: [DONE]\r",
        "data: [DONE]\r\n",
    ] {
        let (out, end, _) = relay(plain(), &format!("{content}{FINISH}{tail}"));
        assert_eq!(
            (out, end),
            (format!("{content}{FINISH}{DONE}"), End::Done),
            "{tail:?}"
        );
    }
    let finish = FINISH.trim_end();
    let (out, end, _) = relay(plain(), &format!("{content}{finish}"));
    assert_eq!(
        (out, end),
        (format!("{content}{FINISH}{DONE}"), End::Finished)
    );
    for cut in 1..finish.len() {
        let (out, end, _) = relay(plain(), &format!("{content}{}", &finish[..cut]));
        assert_eq!((out, end), (content.clone(), End::Truncated), "{cut}");
    }
    for tail in ["data:", "dat", ": comment", "event: x\n"] {
        assert_eq!(relay(plain(), &format!("{content}{tail}")).0, content);
    }
    let (out, _, _) = relayed(plain(), b"data: {\"a\":\"\xff\"}", 100);
    assert!(out.is_empty());
}

#[test]
fn what_is_no_event_stream_is_held() {
    for body in [
        "{\"id\":\"x\"}\n\n",
        " \r\n\n<html>\n\n</html>",
        "\u{feff}{\"error\":\"x\"}",
    ] {
        for size in [1, 2, 1000] {
            let (out, end, mut relay) = relayed(plain(), body.as_bytes(), size);
            assert_eq!((out.len(), end), (0, End::NotSse), "{body:?}");
            assert_eq!(relay.take_body(), body.as_bytes());
        }
    }
    let (out, end, _) = relay(plain(), "\n \n: x\n\ndata: [DONE]\n\n");
    assert_eq!((out.as_str(), end), (DONE, End::Done));
    assert_eq!(relay(plain(), "\n\n").0, "");
}

#[test]
fn memory_stays_bounded() {
    let small = RelayOptions {
        max_event: 64,
        ..plain()
    };
    let fits = format!("data: {{\"a\":\"{}\"}}\n\n", "x".repeat(64 - 16));
    assert_eq!(fits.len(), 64);
    assert_eq!(relay(small.clone(), &fits).2.events, 1);
    let over = format!(
        "{DONE}data: {{\"a\":\"{}\"}}\n\n{DONE}",
        "x".repeat(64 - 15)
    );
    for size in [1, 7, 1000] {
        let (out, end, mut relay) = relayed(small.clone(), over.as_bytes(), size);
        assert_eq!(
            (String::from_utf8(out).unwrap().as_str(), end),
            (DONE, End::TooLarge)
        );
        assert_eq!(relay.take_body().len(), 0);
    }
    let endless = relayed(small.clone(), "x".repeat(10_000).as_bytes(), 10);
    assert_eq!(endless.1, End::TooLarge);
    assert_eq!(
        relayed(small.clone(), " ".repeat(10_000).as_bytes(), 10).1,
        End::TooLarge
    );
    assert_eq!(
        relayed(small.clone(), "{".repeat(10_000).as_bytes(), 10).1,
        End::TooLarge
    );
    let mut relay = Relay::new(small.clone());
    assert_eq!(relay.feed("x".repeat(65).as_bytes()), Feed::TooLarge);
    assert_eq!(relay.feed(DONE.as_bytes()), Feed::TooLarge);
}

#[test]
fn work_is_linear_however_it_arrives() {
    let size = 1 << 20;
    let inputs = [
        chunk(&format!("{{\"content\":\"{}\"}}", "x".repeat(size))),
        chunk(&format!("{{\"content\":\"{}\"}}", "\\n".repeat(size / 2))),
        format!("{}\n\n", "data: 1\n".repeat(size / 8)),
        format!("data: {}\n\n", "[".repeat(size)),
        ": c\n".repeat(size / 4),
        "\n".repeat(size),
        "\r".repeat(size),
    ];
    for input in &inputs {
        for piece in [size * 2, 16_384, 100] {
            let (_, _, relay) = relayed(plain(), input.as_bytes(), piece);
            let limit = 4 * input.len() as u64 + 100;
            assert!(
                relay.bytes_visited() <= limit,
                "{} {piece}",
                &input[..20.min(input.len())]
            );
        }
    }
}

/// Streams of plausible and hostile lines.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let owned = |texts: &[&str]| {
        texts
            .iter()
            .map(|text| (*text).to_owned())
            .collect::<Vec<_>>()
    };
    let mut lines = owned(&[
        "data: [DONE]", "data: {}", "data:{\"choices\":[]}", "data: \u{feff}", "data", ": comment", "event: error",
        "event: x", "id: 7", "data: {\"error\":\"bad\"}", "data: {\"object\":\"error\",\"message\":\"m\",\"code\":4}",
        "data: {\"error\":{\"code\":500,\"message\":\"é\"}}", "data: {\"a\":", "data: 1}", "\u{feff}data: {}", "  ", "{", "<p>",
        "data: {\"choices\":[{\"index\":1,\"delta\":null,\"finish_reason\":\"eos\"}]}",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"id\":\"a\"},{\"id\":\"b\"}]},\"index\":0}]}",
        "data: {\"choices\":[{\"delta\":{\"tool_calls\":[{\"index\":0,\"id\":\"a\",\"function\":{\"name\":\"f\"}}]}}]}",
        "data: {\"choices\":[{\"delta\":{\"content\":\"c\"}}],\"usage\":{\"prompt_tokens\":1,\r\"completion_tokens\":3}}",
        "data: {\"choices\":[],\"usage\":\ndata: {\"prompt_tokens\":1}}",
    ]);
    lines.extend([FINISH, USAGE].map(|event| event.trim_end().to_owned()));
    lines.push(
        chunk(r#"{"role":"assistant","content":"é😀"}"#)
            .trim_end()
            .to_owned(),
    );
    lines.push(chunk(r#"{"role":"assistant"}"#).trim_end().to_owned());
    let line = proptest::sample::select(lines);
    let end = proptest::sample::select(owned(&[
        "\n\n", "\n\n", "\r\n\r\n", "\r\r", "\n", "\r\n", "\r", "\n\r", "\n\r\n", "",
    ]));
    proptest::collection::vec((line, end), 0..12).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(line, end)| [line, end])
            .collect::<String>()
            .into_bytes()
    })
}

fn options() -> impl Strategy<Value = RelayOptions> {
    (
        any::<bool>(),
        proptest::sample::select(Shape::ALL.to_vec()),
        prop_oneof![Just(MAX_EVENT), 20..200usize],
    )
        .prop_map(|(strip_usage, shape, max_event)| RelayOptions {
            strip_usage,
            shape,
            max_event,
            ..plain()
        })
}

#[test]
fn of_two_usage_events_the_newest_is_told_however_they_arrive() {
    let first = r#"data: {"choices":[],"usage":{"prompt_tokens":1}}"#.to_owned() + "\n\n";
    let input = [first.as_str(), USAGE, DONE].concat();
    let (whole, _, _) = relayed(plain(), input.as_bytes(), input.len());
    let (pieces, _, _) = relayed(plain(), input.as_bytes(), 1);
    let text = String::from_utf8(whole).unwrap();
    assert_eq!(text, String::from_utf8(pieces).unwrap());
    assert_eq!(text.matches("\"usage\"").count(), 1, "{text}");
}
proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn splits_do_not_matter(input in stream(), options in options(), cuts in proptest::collection::vec(any::<prop::sample::Index>(), 0..8)) {
        let (whole, end, relay) = relayed(options.clone(), &input, input.len());
        let (bytes, end_too, relay_too) = relayed(options.clone(), &input, 1);
        prop_assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&bytes));
        prop_assert_eq!((end, relay.facts()), (end_too, relay_too.facts()));
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(input.len() + 1)).collect();
        cuts.extend([0, input.len()]);
        cuts.sort_unstable();
        let mut relay_three = Relay::new(options);
        let mut out = Vec::new();
        for pair in cuts.windows(2) {
            let piece = &input[pair[0]..pair[1]];
            match relay_three.feed(piece) {
                Feed::Pass => out.extend_from_slice(piece),
                Feed::Replace(bytes) => out.extend_from_slice(&bytes),
                Feed::Hold | Feed::TooLarge => {}
            }
        }
        if let (Feed::Replace(bytes), _) = relay_three.finish() {
            out.extend_from_slice(&bytes);
        }
        prop_assert_eq!(String::from_utf8_lossy(&whole), String::from_utf8_lossy(&out));
        prop_assert_eq!(relay.facts(), relay_three.facts());
    }

    #[test]
    fn any_bytes_are_survived(input in proptest::collection::vec(any::<u8>(), 0..300), options in options(), size in 1..40usize) {
        let (out, _, relay) = relayed(options, &input, size);
        prop_assert!(out.len() <= 4 * input.len() + 40_000);
        prop_assert_eq!(relay.facts().bytes, input.len() as u64);
    }
}
