//! What a decision leaves in the journal.

use super::*;
use crate::shared::journal::{
    read_segment, Bound, Candidate, DecisionRecord, HintNumbers, JournalWriter, Record,
    MOST_CANDIDATES,
};
use crate::types::{BoundSource, Level};

/// A worker whose journal lies in a folder of its own.
struct Recorded {
    worker: Worker,
    journal: Arc<JournalWriter>,
    folder: std::path::PathBuf,
}

impl Recorded {
    fn new(name: &str, plan: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("router-{}-{name}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        let journal = Arc::new(JournalWriter::open(&folder, 9, 0, 1, 1 << 16).unwrap());
        Self {
            worker: Worker::with_journal(plan, Some(Arc::clone(&journal))),
            journal,
            folder,
        }
    }

    fn records(&self) -> Vec<Record<'static>> {
        let part = read_segment(&self.journal.path(), 0, usize::MAX).unwrap();
        part.records
    }

    fn last_decision(&self) -> DecisionRecord<'static> {
        let mut decisions = self
            .records()
            .into_iter()
            .filter_map(|record| match record {
                Record::Decision(decision) => Some(decision),
                _ => None,
            });
        decisions.next_back().unwrap()
    }
}

impl Drop for Recorded {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Deployment, fate, stage, reason, why blocked.
fn told(candidate: &Candidate) -> (u16, String, String, String, String) {
    fn word<T: crate::shared::journal::Numbered>(
        word: Option<crate::shared::journal::Known<T>>,
    ) -> String {
        word.map_or(String::new(), |word| word.word().into_owned())
    }
    (
        candidate.deployment,
        candidate.fate.word().into_owned(),
        word(candidate.stage),
        word(candidate.reason),
        word(candidate.blocked),
    )
}

fn row(deployment: u16, words: [&str; 4]) -> (u16, String, String, String, String) {
    let [fate, stage, reason, blocked] = words.map(str::to_owned);
    (deployment, fate, stage, reason, blocked)
}

const CHAIN: &str = r#"{"name":"x","groups":[[0]]},{"name":"m","groups":[[0],[1],[2],[3]]}"#;

#[test]
fn a_decision_is_recorded_before_its_first_attempt() {
    let mut it = Recorded::new("decision", &plan(&[0, 1, 1, 2], CHAIN, ""));
    it.worker.draw = 77;
    let body = r#"{"model":"m","stream":true,"max_tokens":9,"hybridgw":{"latency":"background","sensitivity":"internal"},
        "messages":[{"role":"user","content":"hello"}]}"#;
    let decision = it.worker.decide_as(body, Route::Chat, &[]).unwrap();
    let records = it.records();
    let [Record::Decision(record), Record::Start(start)] = &records[..] else {
        panic!("{records:?}")
    };
    assert_eq!((record.id, start.id), (decision.id(), decision.id()));
    assert_eq!(record.wall_ns, it.worker.now().wall_ns);
    assert_eq!(
        (record.draw, record.config, record.key, record.model),
        (77, 7, 5, 1)
    );
    assert_eq!(
        [
            record.route.word(),
            record.level.word(),
            record.ceiling.word()
        ],
        ["chat", "internal", "organization"]
    );
    assert_eq!(u64::from(record.prompt_tokens), decision.prompt_tokens());
    assert!(record.prompt_tokens > 0 && record.max_tokens == 9);
    assert!(record.flags.stream && record.flags.exact && !record.flags.remote_media);
    let given: Vec<_> = HintNumbers::GIVEN
        .iter()
        .enumerate()
        .filter(|(bit, _)| record.hints.given >> bit & 1 != 0)
        .map(|(_, name)| *name)
        .collect();
    assert_eq!(given, ["sensitivity", "latency"]);
    assert_eq!((record.hints.latency, record.hints.tier), (2, 0));
    let bound = |source: BoundSource, boundary: Boundary| Bound {
        source: source.into(),
        boundary: boundary.into(),
    };
    // Nothing scans in this plan, so content bounds nothing.
    assert!(record
        .bounds
        .contains(&bound(BoundSource::Key, Boundary::External)));
    assert!(record
        .bounds
        .contains(&bound(BoundSource::Hint, Boundary::Organization)));
    assert_eq!(
        record.candidates.iter().map(told).collect::<Vec<_>>(),
        [
            row(0, ["chosen", "", "primary", ""]),
            row(1, ["kept", "", "", ""]),
            row(2, ["kept", "", "", ""]),
            row(3, ["removed", "privacy", "beyond_ceiling", ""]),
        ]
    );
    assert!(!record.truncated());
    assert_eq!(
        (
            start.more.tier.as_ref(),
            start.more.config,
            start.more.reason
        ),
        ("local", 7, Some(crate::types::Reason::Primary.into()))
    );
}

#[test]
fn the_state_of_each_candidate_is_that_of_the_moment() {
    let deployments = [
        deployment(0, 0, ""),
        deployment(1, 0, r#","max_parallel":1"#),
        deployment(2, 0, ""),
    ];
    let models = r#"{"name":"m","groups":[[0],[1],[2]]},{"name":"full","groups":[[1]]},{"name":"down","groups":[[0]]}"#;
    let it = Recorded::new("state", &plan_of(&deployments, models, ""));
    let ask = |model: &str| {
        let body = BODY.replace("\"m\"", &format!("\"{model}\""));
        it.worker.decide_as(&body, Route::Chat, &[]).unwrap()
    };
    for _ in 0..5 {
        let failing = ask("down").permit();
        failing.finish(&it.worker.settlement(Outcome::ConnectFailed));
    }
    let held = ask("full");
    let decision = ask("m");
    assert_eq!(first(&decision).0, 2);
    let record = it.last_decision();
    assert_eq!(
        record.candidates.iter().map(told).collect::<Vec<_>>(),
        [
            row(0, ["kept", "", "", "breaker_open"]),
            row(1, ["kept", "", "", "saturated"]),
            row(2, ["chosen", "", "fallback", ""]),
        ]
    );
    let in_flight: Vec<_> = record.candidates.iter().map(|it| it.in_flight).collect();
    assert_eq!(in_flight, [0, 1, 0], "before its own attempt");
    drop(held);
}

#[test]
fn more_candidates_than_fit_are_counted() {
    let count = MOST_CANDIDATES as u16 + 3;
    let groups: Vec<_> = (0..count).map(|index| format!("[{index}]")).collect();
    let models = format!(r#"{{"name":"m","groups":[{}]}}"#, groups.join(","));
    let it = Recorded::new("many", &plan(&vec![0; usize::from(count)], &models, ""));
    let _decision = it.worker.decide().unwrap();
    let record = it.last_decision();
    assert!(record.truncated());
    assert_eq!(
        (record.considered, record.candidates.len()),
        (count, MOST_CANDIDATES)
    );
    assert_eq!(record.candidates[0].fate.word(), "chosen");
}

#[test]
fn nothing_that_a_client_wrote_is_in_the_journal() {
    let it = Recorded::new("no-text", &plan(&[0, 1, 1, 2], CHAIN, ""));
    let body = r#"{"model":"m","user":"wombat-user","metadata":{"tags":["wombat-tag"],"x":"wombat"},
        "hybridgw":{"task_type":"wombat-task","conversation":"wombat-talk"},
        "messages":[{"role":"system","content":"wombat system"},{"role":"user","content":"wombat text"}]}"#;
    let decision = it.worker.decide_as(body, Route::Chat, &[]).unwrap();
    decision
        .permit()
        .finish(&it.worker.settlement(Outcome::Success));
    assert_eq!(it.records().len(), 3);
    let bytes = std::fs::read(it.journal.path()).unwrap();
    assert!(!bytes.windows(6).any(|window| window == b"wombat"));
}

#[test]
fn a_refusal_knows_the_request() {
    let it = Recorded::new("refused", &plan(&[2], r#"{"name":"m","groups":[[0]]}"#, ""));
    let ask = |body: &str| it.worker.decide_as(body, Route::Chat, &[]).err().unwrap();
    let denied = ask(r#"{"model":"m","messages":[],"hybridgw":{"sensitivity":"internal"}}"#);
    let refused = denied.refused.unwrap();
    assert_eq!(denied.code, "policy_denied");
    assert_eq!(
        (
            refused.level,
            refused.ceiling,
            refused.config,
            refused.model
        ),
        (Level::Internal, Boundary::Organization, 7, 0)
    );
    assert!(ask(r#"{"model":"other","messages":[]}"#).refused.is_none());
    for _ in 0..5 {
        it.worker.run(Outcome::CredentialRejected).unwrap_or(0);
    }
    let down = ask(BODY);
    assert_eq!(down.code, "upstream_auth");
    assert!(down.refused.unwrap().sequence > refused.sequence);
    assert!(it
        .records()
        .iter()
        .all(|one| !matches!(one, Record::Refusal(_))));
}
