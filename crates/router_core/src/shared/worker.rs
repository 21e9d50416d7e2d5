//! The slot of one worker process: who owns it, and what only that worker counts.
//!
//! Ownership is one word, pid and start time together, taken by one compare-and-swap. There is no
//! half-claimed state that a `kill -9` could leave behind, and a recycled pid is not mistaken for
//! the old owner. Counts that describe work in progress are believed only while the slot has an
//! owner; freeing a slot is therefore one store, and the next owner starts from zero.

use std::sync::atomic::{AtomicU64, Ordering};

use super::cas::decrement;
use super::metrics::{Histogram, StatusClass, OVERHEAD_BOUNDS_US, REFUSAL_ROOM};
use crate::types::Route;

const PID_BITS: u32 = 22;
const START_BITS: u32 = 64 - PID_BITS;
const START_MASK: u64 = (1 << START_BITS) - 1;

/// The process that owns a slot, as one non-zero word.
///
/// Linux keeps pids below 2^22; 42 bits of start time at 100 ticks a second last 1,394 years.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Owner(u64);

impl Owner {
    /// The owner with this pid and start time (clock ticks since boot, field 22 of
    /// `/proc/<pid>/stat`). `None` when the pid is 0 or does not fit.
    pub fn new(pid: u32, start_ticks: u64) -> Option<Self> {
        (pid != 0 && pid < 1 << PID_BITS)
            .then(|| Self(u64::from(pid) << START_BITS | start_ticks & START_MASK))
    }

    /// The process id.
    pub fn pid(self) -> u32 {
        (self.0 >> START_BITS) as u32
    }

    /// The start time in clock ticks since boot.
    pub fn start_ticks(self) -> u64 {
        self.0 & START_MASK
    }

    pub(super) fn word(self) -> u64 {
        self.0
    }
}

/// One worker's words. Fields are `AtomicU64` (also inside the histogram) only: `map` relies on it.
#[repr(C, align(64))]
#[derive(Default)]
pub struct WorkerSlot {
    // First line: read by everybody, written rarely.
    owner: AtomicU64,
    epoch: AtomicU64,
    generation: AtomicU64,
    spare: [AtomicU64; 5],
    // From here on: written by the owner alone.
    heartbeat_ns: AtomicU64,
    active: AtomicU64,
    retries: AtomicU64,
    /// Connections of clients, and one more; 0 while this worker takes none.
    connections: AtomicU64,
    sequence: AtomicU64,
    pub(super) journal_records: AtomicU64,
    pub(super) journal_errors: AtomicU64,
    pub(super) shed: AtomicU64,
    pub(super) client_aborts: AtomicU64,
    pub(super) decisions: AtomicU64,
    pub(super) decide_ns: AtomicU64,
    pub(super) refusals: [AtomicU64; REFUSAL_ROOM],
    pub(super) requests: [[AtomicU64; StatusClass::COUNT]; Route::ALL.len()],
    pub(super) overhead: Histogram<{ OVERHEAD_BOUNDS_US.len() + 1 }>,
}

/// What health pages and the housekeeper see of one slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WorkerInfo {
    /// Index of the slot.
    pub slot: usize,
    /// The process that holds it.
    pub owner: Owner,
    /// How often the slot has been claimed.
    pub epoch: u64,
    /// The plan that the worker uses; 0 before its first.
    pub generation: u64,
    /// Requests in progress.
    pub active: u64,
    /// Retries in progress.
    pub retries: u64,
    /// Last sign of life on the monotonic clock, in nanoseconds.
    pub heartbeat_ns: u64,
}

impl WorkerSlot {
    /// The process that holds the slot.
    pub fn owner(&self) -> Option<Owner> {
        match self.owner.load(Ordering::Acquire) {
            0 => None,
            word => Some(Owner(word)),
        }
    }

    /// Whether a process holds the slot.
    pub(super) fn owned(&self) -> bool {
        self.owner.load(Ordering::Acquire) != 0
    }

    /// Takes a free slot; its counts of work in progress are the caller's to reset.
    pub(super) fn take(&self, owner: Owner) -> bool {
        self.owner
            .compare_exchange(0, owner.word(), Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// Frees the slot if `owner` still holds it.
    pub(super) fn free(&self, owner: Owner) -> bool {
        self.owner
            .compare_exchange(owner.word(), 0, Ordering::AcqRel, Ordering::Relaxed)
            .is_ok()
    }

    /// A new owner starts: a new epoch, and nothing in progress.
    pub(super) fn start(&self, mono_ns: u64) {
        self.active.store(0, Ordering::Relaxed);
        self.retries.store(0, Ordering::Relaxed);
        self.connections.store(0, Ordering::Relaxed);
        self.sequence.store(0, Ordering::Relaxed);
        self.generation.store(0, Ordering::Relaxed);
        self.heartbeat_ns.store(mono_ns, Ordering::Relaxed);
        self.epoch.fetch_add(1, Ordering::AcqRel);
    }

    /// How often the slot has been claimed: with the sequence it makes record ids unique.
    pub fn epoch(&self) -> u64 {
        self.epoch.load(Ordering::Acquire)
    }

    /// The generation of the plan in use; 0 before the first.
    pub fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The worker uses the plan of this generation from now on.
    pub fn adopt(&self, generation: u64) {
        self.generation.store(generation, Ordering::Release);
    }

    /// A sign of life.
    pub fn heartbeat(&self, mono_ns: u64) {
        self.heartbeat_ns.store(mono_ns, Ordering::Relaxed);
    }

    /// The next number of a request: 1, 2, 3… within one epoch.
    pub fn next_sequence(&self) -> u64 {
        self.sequence.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// A request begins.
    pub fn request_started(&self) {
        self.active.fetch_add(1, Ordering::Relaxed);
    }

    /// A request ends: `status` is what the client got (499 when it left), `overhead_us` the part
    /// of the time that was not spent waiting for an upstream or for the client.
    pub fn request_finished(&self, route: Route, status: u16, overhead_us: u64) {
        decrement(&self.active);
        let class = StatusClass::of(status) as usize;
        self.requests[route as usize][class].fetch_add(1, Ordering::Relaxed);
        self.overhead.observe(&OVERHEAD_BOUNDS_US, overhead_us);
    }

    /// A retry begins: it counts against the retry budget of the host until it ends.
    pub fn retry_started(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    /// A retry ends.
    pub fn retry_ended(&self) {
        decrement(&self.retries);
    }

    /// Requests in progress on this worker.
    pub fn active(&self) -> u64 {
        self.active.load(Ordering::Relaxed)
    }

    /// Retries in progress on this worker.
    pub fn retries(&self) -> u64 {
        self.retries.load(Ordering::Relaxed)
    }

    /// This worker holds so many connections of clients and takes more; `None` when it takes none.
    pub fn hold_connections(&self, count: Option<u64>) {
        let word = count.map_or(0, |count| count.saturating_add(1));
        self.connections.store(word, Ordering::Relaxed);
    }

    /// Connections of clients that it holds, if it takes more and showed life within `fresh_ns`.
    pub(super) fn open_to_connections(&self, mono_ns: u64, fresh_ns: u64) -> Option<u64> {
        let beat = self.heartbeat_ns.load(Ordering::Relaxed);
        let fresh = mono_ns.saturating_sub(beat) < fresh_ns;
        let word = self.connections.load(Ordering::Relaxed);
        (fresh && self.owned()).then(|| word.checked_sub(1))?
    }

    /// A journal record was written, or could not be.
    pub fn count_journal(&self, written: bool) {
        let word = if written {
            &self.journal_records
        } else {
            &self.journal_errors
        };
        word.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was turned away for lack of capacity.
    pub fn count_shed(&self) {
        self.shed.fetch_add(1, Ordering::Relaxed);
    }

    /// A client left before its answer was complete.
    pub fn count_client_abort(&self) {
        self.client_aborts.fetch_add(1, Ordering::Relaxed);
    }

    /// A request was refused by policy, for the reason with this number.
    pub fn count_refusal(&self, reason: usize) {
        if let Some(word) = self.refusals.get(reason) {
            word.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// A decision took this long.
    pub fn count_decision(&self, nanoseconds: u64) {
        self.decisions.fetch_add(1, Ordering::Relaxed);
        self.decide_ns.fetch_add(nanoseconds, Ordering::Relaxed);
    }

    pub(super) fn info(&self, slot: usize) -> Option<WorkerInfo> {
        Some(WorkerInfo {
            slot,
            owner: self.owner()?,
            epoch: self.epoch(),
            generation: self.generation(),
            active: self.active(),
            retries: self.retries(),
            heartbeat_ns: self.heartbeat_ns.load(Ordering::Relaxed),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_owner_survives_packing() {
        let owner = Owner::new((1 << PID_BITS) - 1, START_MASK).unwrap();
        assert_eq!(
            (owner.pid(), owner.start_ticks()),
            ((1 << PID_BITS) - 1, START_MASK)
        );
        assert_eq!(Owner::new(0, 1), None);
        assert_eq!(Owner::new(1 << PID_BITS, 1), None);
    }

    #[test]
    fn only_the_holder_frees_a_slot() {
        let slot = WorkerSlot::default();
        let (first, second) = (Owner::new(10, 1).unwrap(), Owner::new(10, 2).unwrap());
        assert!(slot.take(first));
        assert!(!slot.take(second));
        assert!(!slot.free(second), "a recycled pid is another process");
        assert!(slot.free(first));
        assert_eq!(slot.owner(), None);
    }

    #[test]
    fn a_new_owner_starts_from_zero_in_a_new_epoch() {
        let slot = WorkerSlot::default();
        slot.request_started();
        slot.retry_started();
        assert_eq!(slot.next_sequence(), 1);
        slot.start(5);
        assert_eq!((slot.active(), slot.retries(), slot.epoch()), (0, 0, 1));
        assert_eq!(slot.next_sequence(), 1);
    }
}
