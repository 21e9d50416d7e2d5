//! What the state file and the journal promise between processes, tried with real ones.
//!
//! The test binary starts itself again with a role in its environment; each role is one of the
//! `child_*` tests below, which do nothing when the variable is absent.

#![allow(
    clippy::disallowed_methods,
    reason = "a test of processes waits, and starts itself anew"
)]

use std::borrow::Cow;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use router_core::breaker::{self, Admission, BreakerConfig};
use router_core::shared::journal::{
    read_segment, EndFlags, EndRecord, JournalWriter, Record, RecordId, StartMore, StartRecord,
};
use router_core::shared::{AttemptReport, Owner, StateFile};
use router_core::types::{Boundary, Level, Now, Outcome, Route};

const FOLDER: &str = "ROUTER_CORE_TEST_FOLDER";
const LIMIT: Duration = Duration::from_secs(10);

struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("router_core-{}-{name}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn spawn(role: &str, folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", role, "--test-threads=1"])
        .env(FOLDER, folder)
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Waits until this many processes have a slot, so that their work overlaps.
fn await_claims(state: &StateFile, count: usize) {
    let begun = Instant::now();
    while state.claimed().len() < count && begun.elapsed() < LIMIT {
        std::thread::sleep(Duration::from_micros(100));
    }
}

fn role_folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

fn id(sequence: u64) -> RecordId {
    RecordId {
        instance: 1,
        slot: 2,
        epoch: 3,
        sequence,
        attempt: 0,
    }
}

fn start(sequence: u64) -> StartRecord<'static> {
    StartRecord {
        id: id(sequence),
        wall_ns: sequence,
        route: Route::Chat.into(),
        level: Level::Public.into(),
        ceiling: Boundary::External.into(),
        stream: false,
        key: 0,
        model: Cow::Borrowed("model"),
        deployment: 1,
        deployment_name: Cow::Borrowed("local/model"),
        estimated_prompt_tokens: 0,
        max_tokens: 0,
        more: StartMore::default(),
    }
}

fn end(sequence: u64) -> EndRecord {
    EndRecord {
        id: id(sequence),
        wall_ns: sequence,
        outcome: Outcome::Success.into(),
        status: 200,
        flags: EndFlags::default(),
        prompt_tokens: 1,
        completion_tokens: 1,
        cached_tokens: 0,
        reasoning_tokens: 0,
        ttft_us: 1,
        duration_us: 1,
        bytes_sent: 1,
        cost_nanos: -1,
        cache_write_tokens: 0,
        verdict: 0,
        disposal: None,
    }
}

/// Appends for ever and says in the state file, after each record, how far it came.
#[test]
fn child_appends_until_killed() {
    let Some(folder) = role_folder() else { return };
    let state = StateFile::open(&folder.join("state")).unwrap();
    let slot = state
        .claim(Owner::new(std::process::id(), 1).unwrap(), 0)
        .unwrap();
    let journal = JournalWriter::open(&folder, 1, 2, 3, 64 * 1024).unwrap();
    let begun = Instant::now();
    state.worker(slot).request_started();
    state.attempt_started(slot, 0);
    while begun.elapsed() < LIMIT {
        let sequence = state.worker(slot).next_sequence();
        journal.append_start(&start(sequence)).unwrap();
        state.worker(slot).count_journal(true);
        journal.append_end(&end(sequence)).unwrap();
        state.worker(slot).count_journal(true);
    }
}

#[test]
fn a_worker_killed_while_it_appends_loses_no_record_and_leaks_no_count() {
    for round in 0..3 {
        let folder = Folder::new(&format!("kill-{round}"));
        let state = StateFile::create(&folder.0.join("state"), 1, 2, 1).unwrap();
        let mut child = spawn("child_appends_until_killed", &folder.0);
        let begun = Instant::now();
        let written = || {
            state
                .snapshot(Now {
                    mono_ns: 0,
                    wall_ns: 0,
                })
                .journal_records
        };
        while written() < 700 * (round + 1) && begun.elapsed() < LIMIT {
            std::thread::sleep(Duration::from_millis(1));
        }
        // SIGKILL, at whatever instruction the child happens to be.
        child.kill().unwrap();
        child.wait().unwrap();
        let written = written();
        assert!(written >= 700 * (round + 1), "the child came that far");

        let mut paths: Vec<_> = fs::read_dir(&folder.0)
            .unwrap()
            .map(|entry| entry.unwrap().path())
            .collect();
        paths.retain(|path| {
            path.extension()
                .is_some_and(|extension| extension == "journal")
        });
        paths.sort();
        assert!(paths.len() > 1, "over several segments");
        let records: Vec<Record<'_>> = paths
            .iter()
            .flat_map(|path| read_segment(path, 0, usize::MAX).unwrap().records)
            .collect();
        // The record that was being counted when the kill came may be there or not.
        assert!(
            (written..=written + 1).contains(&(records.len() as u64)),
            "{} of {written}",
            records.len()
        );
        for (position, record) in records.into_iter().enumerate() {
            let sequence = position as u64 / 2 + 1;
            let expected = match position % 2 {
                0 => Record::Start(start(sequence)),
                _ => Record::End(end(sequence)),
            };
            assert_eq!(record, expected);
        }

        assert_eq!(
            (state.in_flight(0), state.active_requests()),
            (1, 1),
            "nobody noticed yet"
        );
        assert_eq!(state.sweep(|owner| owner.pid() != child.id()), 1);
        assert_eq!((state.in_flight(0), state.active_requests()), (0, 0));
    }
}

const ROUNDS: u64 = 100_000;

/// Counts on the words that all processes share, and on its own.
#[test]
fn child_counts() {
    let Some(folder) = role_folder() else { return };
    let state = StateFile::open(&folder.join("state")).unwrap();
    let slot = state
        .claim(Owner::new(std::process::id(), 1).unwrap(), 0)
        .unwrap();
    count(&state, slot);
}

fn count(state: &StateFile, slot: usize) {
    let words = state.deployment(0);
    for _ in 0..ROUNDS {
        let now = Now {
            mono_ns: 1,
            wall_ns: 0,
        };
        state.attempt_started(slot, 0);
        words.add_tokens(1, now);
        words.observe_ttft(1_000, now);
        state.cell(slot, 0).attempt_finished(&AttemptReport {
            outcome: Outcome::Success,
            prompt_tokens: 1,
            completion_tokens: 2,
            cached_tokens: 0,
            ttft_us: Some(1_000),
            duration_us: 1_000,
        });
        state.attempt_ended(slot, 0);
    }
}

#[test]
fn two_processes_lose_no_count() {
    let folder = Folder::new("count");
    let state = StateFile::create(&folder.0.join("state"), 1, 4, 1).unwrap();
    state.reserve(&[9], 1).unwrap();
    let slot = state.claim(Owner::new(1, 1).unwrap(), 0).unwrap();
    let mut child = spawn("child_counts", &folder.0);
    await_claims(&state, 2);
    count(&state, slot);
    assert!(child.wait().unwrap().success());
    let now = Now {
        mono_ns: 1,
        wall_ns: 0,
    };
    let snapshot = state.snapshot(now);
    let totals = &snapshot.deployments[0];
    assert_eq!(totals.outcomes[Outcome::Success as usize], 2 * ROUNDS);
    assert_eq!(
        (totals.prompt_tokens, totals.completion_tokens),
        (2 * ROUNDS, 4 * ROUNDS)
    );
    assert_eq!(totals.duration.counts.iter().sum::<u64>(), 2 * ROUNDS);
    assert_eq!(totals.in_flight, 0);
    assert_eq!(state.deployment(0).tokens_this_minute(now), 2 * ROUNDS);
    assert_eq!(state.deployment(0).ttft_us(now), 1_000);
}

/// Fails and recovers as fast as it can: the breaker goes through all of its phases all the time.
#[test]
fn child_probes() {
    let Some(folder) = role_folder() else { return };
    let state = StateFile::open(&folder.join("state")).unwrap();
    let slot = state
        .claim(Owner::new(std::process::id(), 1).unwrap(), 0)
        .unwrap();
    probe(&state, slot);
}

const PROBES: u64 = 2_000;

/// Goes on until this process was given its probes. A lease that nobody held would stop both.
///
/// In-flight counts of deployment 1 say how many probes of deployment 0 are under way; the sequence
/// of worker 0 is the clock of both processes.
fn probe(state: &StateFile, slot: usize) {
    let config = BreakerConfig {
        consecutive: 1,
        open_ms: 1,
        open_max_ms: 2,
        ramp_ms: 1,
        // No lease runs out in this test.
        lease_ms: 1 << 40,
        ..BreakerConfig::default()
    };
    let words = state.deployment(0);
    let begun = Instant::now();
    let mut probes = 0;
    while probes < PROBES {
        assert!(begun.elapsed() < LIMIT, "stuck after {probes} probes");
        let tick = state.worker(0).next_sequence();
        let now = Now {
            mono_ns: tick * 1_000_000,
            wall_ns: 0,
        };
        let (ticket, outcome) = match breaker::admit(words, &config, now, tick) {
            Admission::Probe(ticket) => {
                probes += 1;
                state.attempt_started(slot, 1);
                assert_eq!(state.in_flight(1), 1, "one probe at a time");
                state.attempt_ended(slot, 1);
                let outcomes = [Outcome::Success, Outcome::Reset, Outcome::Cancelled];
                (ticket, outcomes[(probes % 3) as usize])
            }
            Admission::Closed(ticket) | Admission::Ramp(ticket) => (ticket, Outcome::Reset),
            Admission::Refused(_) => {
                std::thread::yield_now();
                continue;
            }
        };
        let report = breaker::Report {
            outcome,
            retry_after_ms: 0,
            request: tick,
        };
        breaker::record(words, &config, ticket, report, now, tick);
    }
}

#[test]
fn two_processes_never_probe_at_once() {
    let folder = Folder::new("probe");
    let state = StateFile::create(&folder.0.join("state"), 1, 2, 2).unwrap();
    let slot = state.claim(Owner::new(1, 1).unwrap(), 0).unwrap();
    let mut child = spawn("child_probes", &folder.0);
    await_claims(&state, 2);
    probe(&state, slot);
    assert!(child.wait().unwrap().success());
}
