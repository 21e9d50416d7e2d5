//! What the processes of one host share: the state file and the journal.
//!
//! Both are memory-mapped files that any process may lose at any instruction. Nothing in them needs
//! a lock, an orderly exit or a repair run: every fact that must change as a whole fits one 64-bit
//! word and changes by compare-and-swap, everything that a dead worker may leave behind lives in
//! that worker's own slot, and a journal record becomes visible by one store.
//!
//! `map` is the only place that touches a raw pointer; it hands out shared references to atomics
//! and nothing else. The other files of this module are ordinary safe code over those atomics.

mod cas;
mod deployment;
pub mod journal;
mod layout;
mod load;
mod map;
mod metrics;
mod snapshot;
mod state;
mod worker;

pub use cas::{update, MAX_TRIES};
pub use deployment::{DeploymentWords, SCRIPTS, WINDOW_BUCKETS};
pub use layout::LAYOUT_HASH;
pub use load::EngineLoad;
pub use metrics::{
    AttemptReport, Cell, Histogram, StatusClass, DURATION_BOUNDS_US, OVERHEAD_BOUNDS_US,
    REFUSAL_ROOM, TTFT_BOUNDS_US,
};
pub use snapshot::{DeploymentTotals, HistogramTotals, Snapshot};
pub use state::{StateFile, MAX_DEPLOYMENT_SLOTS, MAX_WORKER_SLOTS};
pub use worker::{Owner, WorkerInfo, WorkerSlot};

#[cfg(test)]
mod tests;
