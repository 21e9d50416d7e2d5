//! One reading of all counters, summed over workers, as plain values.
//!
//! Readers are metric scrapes and health pages. Each word is read once; words are not read at the
//! same instant, as is usual for metrics, but none ever goes back.

use std::sync::atomic::{AtomicU64, Ordering};

use super::load::EngineLoad;
use super::metrics::{
    Histogram, StatusClass, DURATION_BOUNDS_US, OVERHEAD_BOUNDS_US, REFUSAL_ROOM, TTFT_BOUNDS_US,
};
use super::state::StateFile;
use crate::types::{Now, Outcome, Route};

/// The sums of a histogram's buckets (not cumulative) and of its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HistogramTotals {
    /// Upper bounds in microseconds; the last bucket has none.
    pub bounds_us: &'static [u64],
    /// Values per bucket, one more than bounds.
    pub counts: Vec<u64>,
    /// Sum of all values in microseconds.
    pub sum_us: u64,
}

impl HistogramTotals {
    fn new(bounds_us: &'static [u64]) -> Self {
        Self {
            bounds_us,
            counts: vec![0; bounds_us.len() + 1],
            sum_us: 0,
        }
    }

    fn add<const N: usize>(&mut self, histogram: &Histogram<N>) {
        for (total, word) in self.counts.iter_mut().zip(&histogram.counts) {
            *total += word.load(Ordering::Relaxed);
        }
        self.sum_us += histogram.sum_us.load(Ordering::Relaxed);
    }
}

/// What all workers counted about one deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeploymentTotals {
    /// Index of the slot.
    pub index: usize,
    /// Identity of the deployment.
    pub identity: u64,
    /// Attempts by the number of their outcome.
    pub outcomes: [u64; Outcome::COUNT],
    /// Prompt tokens as reported by the upstream.
    pub prompt_tokens: u64,
    /// Completion tokens as reported by the upstream.
    pub completion_tokens: u64,
    /// Cached prompt tokens as reported by the upstream.
    pub cached_tokens: u64,
    /// Time to first token.
    pub ttft: HistogramTotals,
    /// Time of whole attempts.
    pub duration: HistogramTotals,
    /// Attempts in flight now.
    pub in_flight: u64,
    /// Moving average of the time to first token; 0 when unknown.
    pub ttft_ewma_us: u64,
    /// What the engine says of its own load, where it is asked.
    pub load: Option<EngineLoad>,
}

/// All counters of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Deployments that hold a slot.
    pub deployments: Vec<DeploymentTotals>,
    /// Finished requests by number of route, then of status class.
    pub requests: [[u64; StatusClass::COUNT]; Route::ALL.len()],
    /// Requests turned away for lack of capacity.
    pub shed: u64,
    /// Refusals by policy, by the number of the reason.
    pub refusals: [u64; REFUSAL_ROOM],
    /// Clients that left early.
    pub client_aborts: u64,
    /// Journal records written.
    pub journal_records: u64,
    /// Journal records that could not be written.
    pub journal_errors: u64,
    /// Requests in progress.
    pub active: u64,
    /// Retries in progress.
    pub retries: u64,
    /// Decisions made.
    pub decisions: u64,
    /// Time spent deciding, in nanoseconds.
    pub decide_ns: u64,
    /// The gateway's own share of the time of requests.
    pub overhead: HistogramTotals,
    /// Worker slots that have an owner.
    pub slots_used: usize,
}

impl StateFile {
    /// Reads and sums all counters.
    pub fn snapshot(&self, now: Now) -> Snapshot {
        let mut snapshot = Snapshot {
            deployments: self
                .held()
                .map(|index| self.deployment_totals(index, now))
                .collect(),
            requests: Default::default(),
            shed: 0,
            refusals: [0; REFUSAL_ROOM],
            client_aborts: 0,
            journal_records: 0,
            journal_errors: 0,
            active: self.active_requests(),
            retries: self.active_retries(),
            decisions: 0,
            decide_ns: 0,
            overhead: HistogramTotals::new(&OVERHEAD_BOUNDS_US),
            slots_used: 0,
        };
        for slot in 0..self.worker_slots() {
            let worker = self.worker(slot);
            snapshot.slots_used += usize::from(worker.owned());
            for (total, word) in [
                (&mut snapshot.shed, &worker.shed),
                (&mut snapshot.client_aborts, &worker.client_aborts),
                (&mut snapshot.journal_records, &worker.journal_records),
                (&mut snapshot.journal_errors, &worker.journal_errors),
                (&mut snapshot.decisions, &worker.decisions),
                (&mut snapshot.decide_ns, &worker.decide_ns),
            ] {
                *total += word.load(Ordering::Relaxed);
            }
            for (totals, words) in snapshot.requests.iter_mut().zip(&worker.requests) {
                add_all(totals, words);
            }
            add_all(&mut snapshot.refusals, &worker.refusals);
            snapshot.overhead.add(&worker.overhead);
        }
        snapshot
    }

    fn deployment_totals(&self, index: usize, now: Now) -> DeploymentTotals {
        let words = self.deployment(index);
        let mut totals = DeploymentTotals {
            index,
            identity: words.identity(),
            outcomes: [0; Outcome::COUNT],
            prompt_tokens: 0,
            completion_tokens: 0,
            cached_tokens: 0,
            ttft: HistogramTotals::new(&TTFT_BOUNDS_US),
            duration: HistogramTotals::new(&DURATION_BOUNDS_US),
            in_flight: self.in_flight(index),
            ttft_ewma_us: words.ttft_us(now),
            load: words.load(now),
        };
        for slot in 0..self.worker_slots() {
            let cell = self.cell(slot, index);
            add_all(&mut totals.outcomes, &cell.outcomes);
            totals.prompt_tokens += cell.prompt_tokens.load(Ordering::Relaxed);
            totals.completion_tokens += cell.completion_tokens.load(Ordering::Relaxed);
            totals.cached_tokens += cell.cached_tokens.load(Ordering::Relaxed);
            totals.ttft.add(&cell.ttft);
            totals.duration.add(&cell.duration);
        }
        totals
    }
}

fn add_all(totals: &mut [u64], words: &[AtomicU64]) {
    for (total, word) in totals.iter_mut().zip(words) {
        *total += word.load(Ordering::Relaxed);
    }
}
