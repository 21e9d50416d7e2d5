//! The usage event that waits for the end.

use super::*;

const CONTENT: &str = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"Hi\"}}]}\n\n";

fn late(input: &str) -> String {
    relay(repairing(Repairs::LATE_USAGE), input).0
}

#[test]
fn usage_comes_last() {
    let older = USAGE.replace(":9,", ":1,");
    let cases: [(&[&str], &[&str]); 11] = [
        // First, in the middle, before the finish.
        (
            &[USAGE, CONTENT, FINISH, DONE],
            &[CONTENT, FINISH, USAGE, DONE],
        ),
        (
            &[CONTENT, USAGE, CONTENT, FINISH, DONE],
            &[CONTENT, CONTENT, FINISH, USAGE, DONE],
        ),
        (
            &[CONTENT, USAGE, FINISH, DONE],
            &[CONTENT, FINISH, USAGE, DONE],
        ),
        // Where it belongs.
        (
            &[CONTENT, FINISH, USAGE, DONE],
            &[CONTENT, FINISH, USAGE, DONE],
        ),
        (&[USAGE, DONE], &[USAGE, DONE]),
        // Of several the last one.
        (&[&older, CONTENT, USAGE, DONE], &[CONTENT, USAGE, DONE]),
        (
            &[&older, CONTENT, USAGE, CONTENT, DONE],
            &[CONTENT, CONTENT, USAGE, DONE],
        ),
        // Comments go ahead, and no terminal event is waited for when there is none.
        (
            &[USAGE, ": c\n\n", CONTENT, FINISH],
            &[": c\n\n", CONTENT, FINISH, USAGE],
        ),
        (&[USAGE, CONTENT], &[CONTENT, USAGE]),
        // What comes after the terminal event is not looked at.
        (
            &[CONTENT, DONE, USAGE, CONTENT],
            &[CONTENT, DONE, USAGE, CONTENT],
        ),
        // Two at once: the one that passes is the newer one.
        (&[&older, USAGE, DONE], &[USAGE, DONE]),
    ];
    for (input, expected) in cases {
        assert_eq!(late(&input.concat()), expected.concat(), "{input:?}");
    }
}

#[test]
fn usage_with_content_stays_with_it_and_is_the_newer_figure() {
    let counted = |figures: &str| CONTENT.replace("}\n", &format!(",\"usage\":{figures}}}\n"));
    let (one, two) = (
        counted(r#"{"prompt_tokens":9,"completion_tokens":1}"#),
        counted(r#"{"prompt_tokens":9,"completion_tokens":2}"#),
    );
    let usage =
        |figures: &str| format!("data: {{\"choices\":[], \"usage\": {figures} ,\"x\":1}}\n\n");
    let early = usage(r#"{"prompt_tokens":9,"completion_tokens":0}"#);
    let due = usage(r#"{"prompt_tokens":9,"completion_tokens":2}"#);
    let input = [&*early, &one, &two, &counted("null"), FINISH, DONE].concat();
    let expected = [&*one, &two, &counted("null"), FINISH, &due, DONE].concat();
    let (out, _, facts) = relay(repairing(Repairs::LATE_USAGE), &input);
    assert_eq!(out, expected);
    assert_eq!(facts.usage.unwrap().completion, 2);
    let cumulative = [&*one, &two, FINISH, &due, DONE].concat();
    assert_eq!(late(&cumulative), cumulative);
    assert_eq!(
        late(&[&*one, FINISH, DONE].concat()),
        [&*one, FINISH, DONE].concat()
    );
    // Figures over several lines: the event that waits has one.
    let lines = "data: {\"choices\":[{}],\"usage\":{\"prompt_tokens\":9,\ndata: \"completion_tokens\":2}}\n\n";
    let due = usage("{\"prompt_tokens\":9, \"completion_tokens\":2}");
    assert_eq!(
        late(&[&*early, lines, DONE].concat()),
        [lines, &due, DONE].concat()
    );
}

#[test]
fn an_error_does_not_swallow_it() {
    let error = "data: {\"error\":{\"message\":\"m\"}}\n\n";
    let named = "event: error\ndata: out of memory\n\n";
    for error in [error, named] {
        let input = [USAGE, CONTENT, error, DONE].concat();
        assert_eq!(late(&input), [CONTENT, USAGE, error, DONE].concat());
    }
    let flat = Repairs::LATE_USAGE.union(Repairs::FLAT_ERROR);
    let (out, _, _) = relay(repairing(flat), &[USAGE, named, DONE].concat());
    assert!(out.starts_with(USAGE) && out.contains("\"message\":\"out of memory\""));
}

#[test]
fn it_keeps_its_own_bytes() {
    for end in ["\n", "\r\n", "\r"] {
        let event = |text: &str| text.replace('\n', end);
        let (usage, content, done) = (event(USAGE), event(CONTENT), event(DONE));
        let input = [&*usage, &content, &done].concat();
        assert_eq!(late(&input), [&*content, &usage, &done].concat());
        let in_order = [&*content, &usage, &done].concat();
        assert_eq!(late(&in_order), in_order);
    }
    let rich = format!(": c\nid: 7\n{USAGE}");
    assert_eq!(
        late(&[&*rich, CONTENT, DONE].concat()),
        [CONTENT, &rich, DONE].concat()
    );
    // A byte order mark stays where it was.
    let mark = "\u{feff}";
    assert_eq!(
        late(&[mark, USAGE, CONTENT, DONE].concat()),
        [mark, CONTENT, USAGE, DONE].concat()
    );
    let in_order = [mark, USAGE, DONE].concat();
    assert_eq!(late(&in_order), in_order);
    // Cut off behind its data, it is completed.
    assert_eq!(
        late(&[CONTENT, USAGE.trim_end()].concat()),
        [CONTENT, USAGE].concat()
    );
    // Several lines become one.
    let lines = "id: 7\ndata: {\"choices\":[],\ndata: \"usage\":{\"prompt_tokens\":1}}\n\n";
    let line = "data: {\"choices\":[], \"usage\":{\"prompt_tokens\":1}}\n\n";
    assert_eq!(
        late(&[lines, CONTENT, DONE].concat()),
        [CONTENT, line, DONE].concat()
    );
}

#[test]
fn other_repairs_and_the_strip_go_first() {
    let both = Repairs::LATE_USAGE.union(Repairs::MISSING_DONE);
    let input = [USAGE, CONTENT, FINISH].concat();
    let (out, end, _) = relay(repairing(both), &input);
    assert_eq!(
        (out, end),
        ([CONTENT, FINISH, USAGE, DONE].concat(), End::Finished)
    );
    let options = RelayOptions {
        strip_usage: true,
        ..repairing(every_repair())
    };
    assert_eq!(relay(options, &input).0, [CONTENT, FINISH, DONE].concat());
}

#[test]
fn a_stream_in_order_is_not_copied() {
    let input = [CONTENT, FINISH, USAGE, DONE].concat();
    let mut relay = Relay::new(repairing(every_repair()));
    assert_eq!(relay.feed(input.as_bytes()), Feed::Pass);
    let mut relay = Relay::new(repairing(every_repair()));
    assert_eq!(relay.feed(USAGE.as_bytes()), Feed::Hold);
    assert_eq!(relay.feed(CONTENT.as_bytes()), Feed::Pass);
    assert!(matches!(relay.feed(DONE.as_bytes()), Feed::Replace(_)));
    assert_eq!(relay.finish(), (Feed::Hold, End::Done));
}
