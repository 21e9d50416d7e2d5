//! The state file as its users see it: attach, claim, die, sweep, reserve, publish, sum.

use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::{symlink, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::Barrier;

use super::map::Mapping;
use super::*;
use crate::types::{Now, Outcome, Route};
use proptest::prelude::*;

/// A folder that goes when the test ends.
pub(super) struct Folder(PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path =
            std::env::temp_dir().join(format!("router_core-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

const NOW: Now = Now {
    mono_ns: 1_000_000_000,
    wall_ns: 0,
};

fn owner(pid: u32) -> Owner {
    Owner::new(pid, 1).unwrap()
}

fn error_of<T>(result: std::io::Result<T>) -> ErrorKind {
    result.err().expect("should be refused").kind()
}

#[test]
fn what_one_handle_writes_another_reads() {
    let folder = Folder::new();
    let path = folder.file("state");
    let first = StateFile::create(&path, 42, 4, 10).unwrap();
    let second = StateFile::open(&path).unwrap();
    assert_eq!(
        (
            second.instance(),
            second.worker_slots(),
            second.deployment_slots()
        ),
        (42, 4, 10)
    );
    first.publish(3, 77);
    assert_eq!(second.published(), (3, 77));
    let slot = first.claim(owner(10), 5).unwrap();
    first.attempt_started(slot, 9);
    assert_eq!(second.in_flight(9), 1);
    assert_eq!(second.claimed()[0].owner.pid(), 10);
}

#[test]
fn a_file_is_private_and_never_replaced() {
    let folder = Folder::new();
    let (path, link) = (folder.file("state"), folder.file("link"));
    StateFile::create(&path, 1, 1, 1).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(
        error_of(StateFile::create(&path, 1, 1, 1)),
        ErrorKind::AlreadyExists
    );
    symlink(&path, &link).unwrap();
    assert!(StateFile::open(&link).is_err(), "links are not followed");
    assert!(StateFile::create(&link, 1, 1, 1).is_err());
}

#[test]
fn space_that_cannot_be_had_is_an_error_and_leaves_no_file() {
    let folder = Folder::new();
    let path = folder.file("state");
    assert!(Mapping::create(&path, 1 << 60).is_err());
    assert!(!path.exists());
    // All of the space is there at creation: later stores cannot meet a full disk.
    StateFile::create(&path, 1, 8, 64).unwrap();
    let metadata = fs::metadata(&path).unwrap();
    assert!(std::os::unix::fs::MetadataExt::blocks(&metadata) * 512 >= metadata.len());
}

#[test]
fn files_that_are_something_else_are_refused() {
    let folder = Folder::new();
    let path = folder.file("state");
    StateFile::create(&path, 1, 2, 3).unwrap();
    let good = fs::read(&path).unwrap();
    let refuse = |bytes: &[u8]| {
        fs::write(&path, bytes).unwrap();
        error_of(StateFile::open(&path))
    };
    assert_eq!(refuse(&[]), ErrorKind::InvalidData);
    assert_eq!(refuse(&good[..40]), ErrorKind::InvalidData);
    assert_eq!(
        refuse(&good[..good.len() - 1]),
        ErrorKind::InvalidData,
        "shortened"
    );
    assert_eq!(
        refuse(&[&good[..], &[0]].concat()),
        ErrorKind::InvalidData,
        "lengthened"
    );
    // Magic, layout, boot, worker slots, deployment slots.
    for word in [0, 1, 3, 4, 5] {
        let mut bad = good.clone();
        bad[word * 8 + 7] ^= 0x80;
        assert_eq!(refuse(&bad), ErrorKind::InvalidData, "word {word}");
    }
    assert_eq!(
        error_of(StateFile::open(&folder.file("none"))),
        ErrorKind::NotFound
    );
    assert!(StateFile::open(folder.path()).is_err(), "a folder");
}

#[test]
fn a_slot_has_one_owner_and_a_full_file_says_so() {
    let state = StateFile::anonymous(2, 1).unwrap();
    assert_eq!(state.claim(owner(10), 0), Some(0));
    assert_eq!(state.claim(owner(11), 0), Some(1));
    assert_eq!(state.claim(owner(12), 0), None);
    assert!(!state.release(0, owner(11)), "not the owner");
    assert!(state.release(0, owner(10)));
    assert_eq!(state.claim(owner(12), 0), Some(0));
    assert_eq!(state.worker(0).epoch(), 2);
    assert!(!state.release(99, owner(1)));
}

#[test]
fn what_a_dead_worker_had_in_progress_stops_counting_and_its_totals_stay() {
    let state = StateFile::anonymous(3, 2).unwrap();
    let index = state.reserve(&[5], 1).unwrap()[0];
    for pid in [10, 11] {
        let slot = state.claim(owner(pid), 0).unwrap();
        state.attempt_started(slot, index);
        state.worker(slot).request_started();
        state.worker(slot).retry_started();
        state.cell(slot, index).attempt_finished(&AttemptReport {
            outcome: Outcome::Success,
            prompt_tokens: 7,
            completion_tokens: 3,
            cached_tokens: 2,
            ttft_us: Some(1_000),
            duration_us: 2_000,
        });
    }
    assert_eq!(
        (
            state.in_flight(index),
            state.active_requests(),
            state.active_retries()
        ),
        (2, 2, 2)
    );
    assert_eq!(state.sweep(|owner| owner.pid() == 11), 1);
    assert_eq!(
        (
            state.in_flight(index),
            state.active_requests(),
            state.active_retries()
        ),
        (1, 1, 1)
    );
    let totals = &state.snapshot(NOW).deployments[0];
    assert_eq!(
        (totals.outcomes[0], totals.prompt_tokens, totals.in_flight),
        (2, 14, 1)
    );
    // The next owner of the slot does not inherit the dead one's work, nor the same pid its slot.
    assert_eq!(state.claim(Owner::new(10, 2).unwrap(), 0), Some(0));
    assert_eq!((state.in_flight(index), state.active_requests()), (1, 1));
    assert!(
        !state.release(0, owner(10)),
        "the verdict on the old process does not hit the new one"
    );
}

#[test]
fn counts_never_go_below_zero() {
    let state = StateFile::anonymous(1, 1).unwrap();
    let slot = state.claim(owner(10), 0).unwrap();
    state.attempt_ended(slot, 0);
    state.worker(slot).retry_ended();
    state.worker(slot).request_finished(Route::Chat, 200, 0);
    assert_eq!(
        (
            state.in_flight(0),
            state.active_requests(),
            state.active_retries()
        ),
        (0, 0, 0)
    );
}

#[test]
fn reserving_finds_claims_and_reuses() {
    let state = StateFile::anonymous(2, 3).unwrap();
    assert_eq!(state.reserve(&[11, 12, 13], 1), Some(vec![0, 1, 2]));
    assert_eq!(
        state.reserve(&[13, 11], 2),
        Some(vec![2, 0]),
        "the same slots"
    );
    assert_eq!(
        state.reserve(&[14], 2),
        None,
        "12 is of the generation before"
    );
    state.publish(2, 0);
    let slot = state.claim(owner(10), 0).unwrap();
    state.worker(slot).adopt(1);
    assert_eq!(
        state.reserve(&[14], 3),
        None,
        "a worker still uses generation 1"
    );
    state.worker(slot).adopt(2);
    state.attempt_started(slot, 1);
    assert_eq!(
        state.reserve(&[14], 3),
        None,
        "an attempt at 12 is in flight"
    );
    state.attempt_ended(slot, 1);
    state.deployment(1).breaker.store(9, Ordering::Relaxed);
    state.deployment(1).observe_ttft(5, NOW);
    let load = EngineLoad {
        waiting: 7,
        cache: Some(500),
    };
    state.deployment(1).report_load(load, 1_000, NOW);
    assert_eq!(state.snapshot(NOW).deployments[1].load, Some(load));
    assert_eq!(state.reserve(&[14], 3), Some(vec![1]));
    assert_eq!(
        state.deployment(1).breaker.load(Ordering::Relaxed),
        0,
        "nothing is inherited"
    );
    assert_eq!(state.deployment(1).ttft_us(NOW), 0);
    assert_eq!(state.deployment(1).load(NOW), None);
    assert_eq!(state.find(12), None);
    for slot in [0, 1, 2] {
        assert_eq!(state.deployment(slot).last_generation(), [2, 3, 2][slot]);
    }
    state.worker(slot).adopt(9);
    assert_eq!(
        state.reserve(&[15, 11, 13], 9),
        Some(vec![1, 0, 2]),
        "a newcomer takes no place of the known"
    );
    assert_eq!(
        state.reserve(&[15, 15], 9),
        Some(vec![1, 1]),
        "one slot for one identity"
    );
    for meaningless in [0, u64::MAX] {
        assert_eq!(state.reserve(&[meaningless], 3), None);
    }
}

#[test]
fn a_slot_that_was_being_erased_when_the_housekeeper_died_is_reused() {
    let state = StateFile::anonymous(1, 1).unwrap();
    state.reserve(&[5], 1).unwrap();
    state
        .deployment(0)
        .identity
        .store(u64::MAX, Ordering::Relaxed);
    assert!(state.snapshot(NOW).deployments.is_empty());
    assert_eq!(state.reserve(&[6], 1), Some(vec![0]));
}

#[test]
fn requests_and_overhead_are_summed_over_workers() {
    let state = StateFile::anonymous(2, 1).unwrap();
    for pid in [10, 11] {
        let slot = state.claim(owner(pid), 0).unwrap();
        let worker = state.worker(slot);
        worker.request_started();
        worker.request_finished(Route::Embeddings, 200, 30);
        worker.request_started();
        worker.request_finished(Route::Chat, 499, 1_000_000);
        worker.count_shed();
        worker.count_client_abort();
        worker.count_journal(true);
        worker.count_journal(false);
        worker.count_decision(500);
    }
    let snapshot = state.snapshot(NOW);
    let mut requests = [[0; 5]; Route::ALL.len()];
    requests[Route::Chat as usize] = [0, 0, 0, 0, 2];
    requests[Route::Embeddings as usize] = [2, 0, 0, 0, 0];
    assert_eq!(snapshot.requests, requests);
    assert_eq!(
        (
            snapshot.shed,
            snapshot.client_aborts,
            snapshot.slots_used,
            snapshot.active
        ),
        (2, 2, 2, 0)
    );
    assert_eq!((snapshot.journal_records, snapshot.journal_errors), (2, 2));
    assert_eq!((snapshot.decisions, snapshot.decide_ns), (2, 1_000));
    assert_eq!(
        (snapshot.overhead.counts[1], snapshot.overhead.counts[12]),
        (2, 2)
    );
    assert_eq!(snapshot.overhead.sum_us, 2_000_060);
}

/// The reader must never pair a generation with the hash of another one.
#[test]
fn a_generation_is_always_read_with_its_own_hash() {
    let state = StateFile::anonymous(1, 1).unwrap();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            (1..=20_000).for_each(|generation| state.publish(generation, generation * 31))
        });
        for _ in 0..20_000 {
            let (generation, hash) = state.published();
            assert_eq!(hash, generation * 31);
        }
    });
}

#[test]
fn threads_that_claim_at_once_get_different_slots() {
    const THREADS: u32 = 8;
    let state = StateFile::anonymous(THREADS as usize, 4).unwrap();
    let barrier = Barrier::new(THREADS as usize);
    let mut slots: Vec<usize> = std::thread::scope(|scope| {
        let claims: Vec<_> = (0..THREADS)
            .map(|thread| {
                let (state, barrier) = (&state, &barrier);
                scope.spawn(move || {
                    barrier.wait();
                    state.claim(owner(100 + thread), 0).unwrap()
                })
            })
            .collect();
        claims
            .into_iter()
            .map(|claim| claim.join().unwrap())
            .collect()
    });
    slots.sort_unstable();
    assert_eq!(slots, (0..THREADS as usize).collect::<Vec<_>>());
}

#[test]
fn threads_that_reserve_the_same_identities_get_the_same_slots() {
    let state = StateFile::anonymous(1, 64).unwrap();
    let identities: Vec<u64> = (1..=64).collect();
    let barrier = Barrier::new(4);
    let found: Vec<_> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4)
            .map(|_| scope.spawn(|| (barrier.wait(), state.reserve(&identities, 1)).1.unwrap()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .collect()
    });
    assert!(found.iter().all(|slots| *slots == found[0]));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn attaching_to_random_bytes_is_an_error_not_a_panic(
        bytes in prop::collection::vec(any::<u8>(), 0..20_000), keep in 0_usize..9,
    ) {
        let folder = Folder::new();
        let path = folder.file("state");
        StateFile::create(&path, 1, 1, 1).unwrap();
        let whole = fs::read(&path).unwrap();
        let mixed = [&whole[..keep * 8], &bytes].concat();
        fs::write(&path, &mixed).unwrap();
        // The header has six words; what they describe is anonymous numbers.
        let described = keep >= 6 && mixed.len() == whole.len();
        prop_assert_eq!(StateFile::open(&path).is_ok(), described);
    }
}

#[test]
fn connections_count_only_where_a_living_worker_takes_more() {
    let state = StateFile::anonymous(4, 1).unwrap();
    let claim = |pid, at| state.claim(Owner::new(pid, 1).unwrap(), at).unwrap();
    let (first, second, stale) = (claim(1, 1_000), claim(2, 1_000), claim(3, 10));
    assert_eq!(state.fewest_connections(first, 1_000, 500), None);
    state.worker(second).hold_connections(Some(7));
    state.worker(stale).hold_connections(Some(0));
    assert_eq!(state.fewest_connections(first, 1_000, 500), Some(7));
    assert_eq!(state.fewest_connections(second, 1_000, 500), None);
    assert_eq!(state.fewest_connections(first, 1_000, 5_000), Some(0));
    state.worker(second).hold_connections(None);
    assert_eq!(state.fewest_connections(first, 1_000, 500), None);
    // A successor in the same slot has none and takes none yet.
    state.worker(second).hold_connections(Some(7));
    assert!(state.release(second, Owner::new(2, 1).unwrap()));
    assert_eq!(state.fewest_connections(first, 1_000, 500), None);
    assert_eq!(claim(4, 1_000), second);
    assert_eq!(state.fewest_connections(first, 1_000, 500), None);
}
