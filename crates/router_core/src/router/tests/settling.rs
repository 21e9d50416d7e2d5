use super::*;
use crate::shared::journal::{read_segment, EndRecord, JournalWriter, Record};
use crate::stream::{RelayOptions, Shape};

const PAIR: &str = r#"{"name":"m","strategy":"priority","groups":[[0],[1]]}"#;

fn totals(worker: &Worker, deployment: u64, outcome: Outcome) -> u64 {
    let snapshot = worker.state.snapshot(worker.now());
    let found = snapshot
        .deployments
        .iter()
        .find(|totals| totals.identity == deployment + 1)
        .unwrap();
    found.outcomes[outcome as usize]
}

#[test]
fn a_permit_is_settled_once() {
    let worker = Worker::new(&plan(&[0, 0], PAIR, ""));
    let decision = worker.decide().unwrap();
    assert_eq!(worker.in_flight(0), 1);
    assert!(decision
        .permit()
        .finish(&worker.settlement(Outcome::Success)));
    assert!(!decision.permit().finish(&worker.settlement(Outcome::Reset)));
    assert_eq!(worker.in_flight(0), 0);
    assert_eq!(worker.next(&decision, Outcome::Reset), Err("settled"));
    drop(decision);
    assert_eq!(
        (
            totals(&worker, 0, Outcome::Success),
            totals(&worker, 0, Outcome::Reset)
        ),
        (1, 0)
    );
    assert_eq!(totals(&worker, 0, Outcome::Cancelled), 0);
}

#[test]
fn dropping_releases_as_cancelled_and_never_blames() {
    let worker = Worker::new(&plan(&[0], r#"{"name":"m","groups":[[0]]}"#, ""));
    for _ in 0..20 {
        drop(worker.decide().unwrap());
    }
    assert_eq!(
        (worker.in_flight(0), totals(&worker, 0, Outcome::Cancelled)),
        (0, 20)
    );
    assert_eq!(first(&worker.decide().unwrap()), (0, "primary"));
}

#[test]
fn a_permit_outlives_its_decision_while_somebody_holds_it() {
    let worker = Worker::new(&plan(&[0], r#"{"name":"m","groups":[[0]]}"#, ""));
    let permit = worker.decide().unwrap().permit();
    assert_eq!(worker.in_flight(0), 1);
    drop(permit);
    assert_eq!(worker.in_flight(0), 0);
}

#[test]
fn a_dropped_probe_gives_its_lease_back() {
    let mut worker = Worker::new(&plan(&[0, 1], PAIR, ""));
    worker.break_it();
    worker.ms += 10_000;
    let probe = worker.decide().unwrap();
    assert!(probe.permit().probe());
    drop(probe);
    let second = worker.decide().unwrap();
    assert!(
        second.permit().probe(),
        "nobody has to wait for the lease of a client that left"
    );
}

#[test]
fn usage_first_token_and_duration_are_counted() {
    let mut worker = Worker::new(&plan(&[0], r#"{"name":"m","groups":[[0]]}"#, ""));
    let permit = worker.decide().unwrap().permit();
    worker.ms += 40;
    permit.first_token(worker.now());
    worker.ms += 60;
    permit.first_token(worker.now());
    permit.relay(RelayOptions::default()).observe_body(
        br#"{"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":30,"prompt_tokens_details":{"cached_tokens":4}}}"#,
    );
    permit.finish(&worker.settlement(Outcome::Success));
    let slot = worker.state.find(1).unwrap();
    let words = worker.state.deployment(slot);
    assert_eq!(words.tokens_this_minute(worker.now()), 42);
    assert!(
        words.ttft_us(worker.now()) > 39_000,
        "{}",
        words.ttft_us(worker.now())
    );
    let snapshot = worker.state.snapshot(worker.now());
    let totals = snapshot
        .deployments
        .iter()
        .find(|totals| totals.identity == 1)
        .unwrap();
    assert_eq!(
        (
            totals.prompt_tokens,
            totals.completion_tokens,
            totals.cached_tokens
        ),
        (12, 30, 4)
    );
    assert_eq!(
        (totals.ttft.sum_us, totals.duration.sum_us),
        (40_000, 100_000)
    );
}

fn folder(name: &str) -> std::path::PathBuf {
    let folder = std::env::temp_dir().join(format!("router-{}-{name}", std::process::id()));
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir(&folder).unwrap();
    folder
}

fn records(folder: &std::path::Path) -> Vec<Record<'static>> {
    let path = std::fs::read_dir(folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    read_segment(&path, 0, 100).unwrap().records
}

/// The settlements that a folder's only segment holds, in their order.
fn settlements(folder: &std::path::Path) -> Vec<EndRecord> {
    let end = |record| match record {
        Record::End(end) => Some(end),
        _ => None,
    };
    records(folder).into_iter().filter_map(end).collect()
}

fn journalling(name: &str, groups: &str) -> (std::path::PathBuf, Worker) {
    let folder = folder(name);
    let writer = Arc::new(JournalWriter::open(&folder, 9, 0, 1, 1 << 16).unwrap());
    let model = format!(r#"{{"name":"m","strategy":"priority","groups":{groups}}}"#);
    let worker = Worker::with_journal(&plan(&[0, 0], &model, ""), Some(writer));
    (folder, worker)
}

const START: &[u8] = b"event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\
\"type\":\"message\",\"role\":\"assistant\",\"model\":\"c\",\"content\":[],\"stop_reason\":null,\
\"usage\":{\"input_tokens\":1000,\"cache_read_input_tokens\":1960,\"cache_creation_input_tokens\":40,\
\"output_tokens\":7,\"output_tokens_details\":{\"thinking_tokens\":5},\"cost\":0.0125}}}\n\n";

fn messages() -> RelayOptions {
    RelayOptions {
        shape: Shape::Messages,
        ..RelayOptions::default()
    }
}

#[test]
fn what_was_read_is_settled_whatever_ends_the_attempt() {
    type Ending = fn(&Worker, Decision, crate::router::Relay);
    let endings: [(&str, Ending); 5] = [
        (
            "failed, and another is asked",
            |worker, decision, _relay| {
                let next = decision.next(&worker.settlement(Outcome::Truncated), 1);
                next.unwrap().finish(&worker.settlement(Outcome::Success));
            },
        ),
        ("failed after content", |worker, decision, _relay| {
            let settlement = worker.settlement(Outcome::Stalled);
            decision.permit().finish(&settlement);
        }),
        ("cancelled, its relay gone", |worker, decision, relay| {
            drop(relay);
            let settlement = worker.settlement(Outcome::Cancelled);
            decision.permit().finish(&settlement);
        }),
        ("dropped, its relay still there", |_, decision, relay| {
            drop(decision);
            drop(relay);
        }),
        ("dropped, its relay first", |_, decision, relay| {
            drop(relay);
            drop(decision);
        }),
    ];
    for (number, (how, end)) in endings.into_iter().enumerate() {
        let (folder, worker) = journalling(&format!("read-{number}"), "[[0],[1]]");
        let decision = worker.decide().unwrap();
        let mut relay = decision.permit().relay(messages());
        // Nothing of it is known before the event is whole.
        relay.feed(&START[..40]);
        relay.feed(&START[40..]);
        end(&worker, decision, relay);
        let settled = settlements(&folder);
        let first = settled[0];
        assert!(first.flags.usage_reported, "{how}");
        assert_eq!(
            (first.prompt_tokens, first.completion_tokens),
            (3000, 7),
            "{how}"
        );
        assert_eq!(
            (first.cached_tokens, first.reasoning_tokens),
            (1960, 5),
            "{how}"
        );
        assert_eq!(first.cost_nanos, 12_500_000, "{how}");
        assert!(
            settled[1..].iter().all(|other| !other.flags.usage_reported),
            "each attempt has what its own relays read"
        );
        assert_eq!((worker.in_flight(0), worker.in_flight(1)), (0, 0), "{how}");
        std::fs::remove_dir_all(&folder).unwrap();
    }
}

#[test]
fn what_several_relays_of_an_attempt_read_is_added_up() {
    let (folder, worker) = journalling("several", "[[0]]");
    let permit = worker.decide().unwrap().permit();
    let piece = br#"{"data":[],"usage":{"prompt_tokens":1000,"total_tokens":1000,"cost":0.5}}"#;
    for _ in 0..3 {
        permit.relay(RelayOptions::default()).observe_body(piece);
    }
    permit.relay(RelayOptions::default()).feed(b"<html>");
    permit.finish(&worker.settlement(Outcome::ServerError));
    let settled = settlements(&folder);
    assert_eq!(
        (settled[0].prompt_tokens, settled[0].cost_nanos),
        (3000, 1_500_000_000)
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn the_last_figures_of_a_relay_count_and_not_their_sum() {
    let worker = Worker::new(&plan(&[0], r#"{"name":"m","groups":[[0]]}"#, ""));
    let permit = worker.decide().unwrap().permit();
    let mut relay = permit.relay(RelayOptions::default());
    for completion in [1, 2, 3] {
        let event = format!(
            "data: {{\"choices\":[],\"usage\":{{\"prompt_tokens\":9,\"completion_tokens\":{completion}}}}}\n\n"
        );
        relay.feed(event.as_bytes());
        let usage = permit.seen().usage.unwrap();
        assert_eq!((usage.prompt, usage.completion), (9, completion));
    }
}

#[test]
fn an_attempt_may_end_before_its_answer_is_sent_or_discarded() {
    let (folder, mut worker) = journalling("disposal", "[[0]]");
    for sent in [true, false] {
        let permit = worker.decide().unwrap().permit();
        permit.relay(messages()).feed(START);
        worker.ms += 40;
        assert!(permit.end(&Settlement {
            status: 200,
            ..worker.settlement(Outcome::Success)
        }));
        assert!(!permit.end(&worker.settlement(Outcome::Reset)));
        assert_eq!(
            worker.in_flight(0),
            0,
            "the upstream has nothing more to do"
        );
        let before = settlements(&folder).len();
        worker.ms += 500;
        let disposal = Settlement {
            bytes_sent: if sent { 90 } else { 0 },
            content_sent: sent,
            ..worker.settlement(Outcome::Cancelled)
        };
        assert!(permit.finish(&disposal));
        assert!(!permit.finish(&disposal));
        assert!(!permit.end(&disposal));
        drop(permit);
        let settled = settlements(&folder);
        assert_eq!(settled.len(), before + 1);
        let last = settled.last().unwrap();
        assert_eq!((last.outcome, last.status), (Outcome::Success.into(), 200));
        assert_eq!(
            (last.duration_us, last.prompt_tokens),
            (40_000, 3000),
            "those of its end"
        );
        assert_eq!((last.flags.content_sent, last.bytes_sent > 0), (sent, sent));
    }
    assert_eq!(totals(&worker, 0, Outcome::Success), 2);
    assert_eq!(totals(&worker, 0, Outcome::Cancelled), 0);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_broken_answer_states_what_the_client_got() {
    let (folder, worker) = journalling("broken", "[[0],[1]]");
    let decision = worker.decide().unwrap();
    let broken = Settlement {
        status: 200,
        bytes_sent: 512,
        content_sent: true,
        ..worker.settlement(Outcome::Truncated)
    };
    assert!(decision.next(&broken, 1).is_none(), "content was sent");
    assert_eq!(decision.exhausted().unwrap().code(), "not_retryable");
    // Dropped after it was committed: what the relay handed on is what is known.
    let permit = worker.decide().unwrap().permit();
    let mut relay = permit.relay(messages());
    relay.feed(START);
    permit.commit();
    drop((permit, relay));
    let told: Vec<_> = settlements(&folder)
        .iter()
        .map(|end| (end.status, end.bytes_sent, end.flags.content_sent))
        .collect();
    assert_eq!(told, [(200, 512, true), (0, START.len() as u64, true)]);
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn every_attempt_has_a_start_and_an_end() {
    let folder = folder("journal");
    let writer = Arc::new(JournalWriter::open(&folder, 9, 0, 1, 1 << 16).unwrap());
    let mut worker = Worker::with_journal(&plan(&[0, 0], PAIR, ""), Some(writer));
    let decision = worker.decide().unwrap();
    worker.ms += 5;
    let next = decision
        .next(&worker.settlement(Outcome::Reset), worker.draw)
        .unwrap();
    worker.ms += 5;
    next.finish(&Settlement {
        bytes_sent: 77,
        content_sent: true,
        status: 200,
        ..worker.settlement(Outcome::Success)
    });
    drop(worker.decide().unwrap());
    let records = records(&folder);
    let attempts = records
        .iter()
        .filter(|record| !matches!(record, Record::Decision(_)));
    let told: Vec<_> = attempts
        .map(|record| match record {
            Record::Start(start) => {
                assert_eq!(
                    (start.key, start.model.as_ref(), start.ceiling),
                    (5, "m", Boundary::External.into())
                );
                (
                    start.id.sequence,
                    start.id.attempt,
                    start.deployment_name.to_string(),
                )
            }
            Record::End(end) => {
                let fallback = if end.flags.fallback {
                    " at a fallback"
                } else {
                    ""
                };
                (
                    end.id.sequence,
                    end.id.attempt,
                    format!("{} {}{fallback}", end.outcome.word(), end.bytes_sent),
                )
            }
            other => panic!("{other:?}"),
        })
        .collect();
    let told: Vec<_> = told
        .iter()
        .map(|(sequence, attempt, what)| (*sequence, *attempt, what.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            (1, 0, "local/d0"),
            (1, 0, "RESET 0"),
            (1, 1, "local/d1"),
            (1, 1, "SUCCESS 77 at a fallback"),
            (2, 0, "local/d0"),
            (2, 0, "CANCELLED 0"),
        ]
    );
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn what_cannot_be_recorded_is_not_attempted() {
    let folder = folder("full");
    let writer = Arc::new(JournalWriter::open(&folder, 9, 0, 1, 1 << 16).unwrap());
    let worker = Worker::with_journal(&plan(&[0, 0], PAIR, ""), Some(writer));
    let open = worker.decide().unwrap();
    // Without its folder the writer cannot open another segment: the one it has fills up.
    std::fs::remove_dir_all(&folder).unwrap();
    let error = loop {
        match worker.decide() {
            Ok(decision) => drop(decision),
            Err(error) => break error,
        }
    };
    assert_eq!(error.code, "journal_full");
    assert_eq!(worker.in_flight(0), 1, "only the one that was recorded");
    assert_eq!(worker.next(&open, Outcome::Reset), Err("journal_full"));
    assert_eq!((worker.in_flight(0), worker.in_flight(1)), (0, 0));
}
