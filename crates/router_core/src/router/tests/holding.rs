//! Answers that are held back: what they are worth, and what is asked after them.

use super::*;
use crate::plan::Until;
use crate::router::Verdict;
use crate::stream::RelayOptions;

const MODEL: &str = r#"{"name":"m","strategy":"priority","groups":[[0],[1],[2]],"retries":2,
    "hold":{"until":"whole","least_tokens":5}}"#;

fn answer(finish: &str, text: &str, tokens: u64) -> String {
    format!(
        r#"{{"id":"c","object":"chat.completion","created":1,"model":"x","choices":[{{"index":0,
        "message":{{"role":"assistant","content":"{text}"}},"finish_reason":"{finish}"}}],
        "usage":{{"prompt_tokens":3,"completion_tokens":{tokens},"total_tokens":9}}}}"#
    )
}

fn reads(permit: &crate::router::Permit, body: &str) -> Verdict {
    permit
        .relay(RelayOptions::default())
        .observe_body(body.as_bytes());
    permit.verdict()
}

#[test]
fn verdicts_by_what_was_seen() {
    let worker = Worker::new(&plan(&[0, 0, 2], MODEL, ""));
    let cases = [
        (answer("stop", "hello", 5), Verdict::Good),
        (answer("stop", "hello", 4), Verdict::Short),
        (answer("length", "hello", 9), Verdict::Cut),
        (answer("content_filter", "hello", 9), Verdict::Filtered),
        (answer("content_filter", "", 0), Verdict::Filtered),
        (answer("stop", "", 9), Verdict::Empty),
    ];
    for (body, verdict) in cases {
        assert_eq!(
            reads(&worker.decide().unwrap().permit(), &body),
            verdict,
            "{body}"
        );
    }
    assert_eq!(worker.decide().unwrap().permit().verdict(), Verdict::Empty);
    assert!(Verdict::ALL.windows(2).all(|pair| pair[0] < pair[1]));
}

#[test]
fn a_hold_is_that_of_the_model_and_by_default_ends_with_content() {
    let of = |hold: &str| {
        let model = format!(r#"{{"name":"m","groups":[[0]]{hold}}}"#);
        let worker = Worker::new(&plan(&[0], &model, ""));
        worker.decide().unwrap().hold().until
    };
    assert_eq!(of(""), Until::FirstContent);
    assert_eq!(of(r#","hold":{"until":{"tokens":20}}"#), Until::Tokens(20));
    assert_eq!(
        of(r#","hold":{"until":{"time_ms":700}}"#),
        Until::TimeMs(700)
    );
    assert_eq!(of(r#","hold":{"until":"whole"}"#), Until::Whole);
}

#[test]
fn an_escalation_asks_each_deployment_once_and_keeps_the_ceiling() {
    let mut worker = Worker::new(&plan(&[0, 0, 2], MODEL, ""));
    worker.ceiling = Boundary::Device;
    let decision = worker.decide().unwrap();
    let held = decision.permit();
    let verdict = reads(&held, &answer("length", "hello", 9));
    let second = decision.escalate(verdict, worker.now(), 1).unwrap();
    assert_eq!(
        (second.deployment(), second.reason().code(), second.number()),
        (1, "escalation", 1)
    );
    assert_eq!(
        (worker.in_flight(0), worker.in_flight(1)),
        (0, 1),
        "the first has ended in the accounts"
    );
    let verdict = reads(&second, &answer("length", "hello", 9));
    assert!(decision.escalate(verdict, worker.now(), 1).is_none());
    assert_eq!(
        decision.exhausted(),
        None,
        "nothing failed: what is held can be sent"
    );
    assert!(held.finish(&worker.settlement(Outcome::Success)));
    assert!(second.finish(&worker.settlement(Outcome::Cancelled)));
    assert_eq!(worker.in_flight(1), 0);
}

#[test]
fn an_answer_that_still_runs_goes_on_while_another_is_asked() {
    let worker = Worker::new(&plan(&[0, 0], r#"{"name":"m","groups":[[0],[1]]}"#, ""));
    let decision = worker.decide().unwrap();
    let held = decision.permit();
    held.relay(RelayOptions::default())
        .feed(b"data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"\"}}]}\n\n");
    let second = decision
        .escalate(held.verdict(), worker.now(), 1)
        .expect("another");
    assert_eq!((worker.in_flight(0), worker.in_flight(1)), (1, 1));
    // The second fails: it alone is settled by that, and the first may still be.
    assert!(decision
        .next(&worker.settlement(Outcome::Reset), 1)
        .is_none());
    assert!(!second.finish(&worker.settlement(Outcome::Success)));
    assert!(held.finish(&worker.settlement(Outcome::Success)));
    assert_eq!((worker.in_flight(0), worker.in_flight(1)), (0, 0));
}

#[test]
fn a_good_answer_is_not_escalated_and_dropping_two_releases_both() {
    let worker = Worker::new(&plan(&[0, 0, 2], MODEL, ""));
    let decision = worker.decide().unwrap();
    assert!(decision.escalate(Verdict::Good, worker.now(), 1).is_none());
    let held = decision.permit();
    let second = decision.escalate(Verdict::Empty, worker.now(), 1).unwrap();
    assert_eq!((worker.in_flight(0), worker.in_flight(1)), (1, 1));
    drop((decision, held, second));
    assert_eq!((worker.in_flight(0), worker.in_flight(1)), (0, 0));
}
