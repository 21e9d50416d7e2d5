use super::*;
use crate::shared::journal::{read_segment, JournalWriter, Record};
use crate::stream::Usage;

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
    let usage = Usage {
        prompt: 12,
        completion: 30,
        cached: 4,
        ..Usage::default()
    };
    permit.finish(&Settlement {
        usage: Some(usage),
        ..worker.settlement(Outcome::Success)
    });
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

#[test]
fn every_attempt_has_a_start_and_an_end() {
    let folder = folder("journal");
    let writer = Arc::new(JournalWriter::open(&folder, 9, 0, 1, 1 << 16).unwrap());
    let mut worker = Worker::with_journal(&plan(&[0, 0], PAIR, ""), Some(writer));
    let decision = worker.decide().unwrap();
    worker.ms += 5;
    let next = decision.next(&worker.failure(Outcome::Reset)).unwrap();
    worker.ms += 5;
    next.finish(&Settlement {
        bytes_sent: 77,
        content_sent: true,
        status: 200,
        ..worker.settlement(Outcome::Success)
    });
    drop(worker.decide().unwrap());
    let path = std::fs::read_dir(&folder)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let records = read_segment(&path, 0, 100).unwrap().records;
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
