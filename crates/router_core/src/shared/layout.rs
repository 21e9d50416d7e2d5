//! Where things lie in the state file, and the hash that says so.
//!
//! The file starts with a header, then one array after the other: worker slots, deployment slots,
//! in-flight counts (a row per worker, a column per deployment) and metric cells (same shape).
//! Processes of different builds can meet on one file during an upgrade; the hash covers sizes,
//! histogram bounds and a version, so the newcomer refuses to attach instead of misreading.

use std::io;
use std::sync::atomic::AtomicU64;

use super::deployment::DeploymentWords;
use super::metrics::{Cell, DURATION_BOUNDS_US, OVERHEAD_BOUNDS_US, TTFT_BOUNDS_US};
use super::worker::WorkerSlot;
use crate::types::Outcome;

/// Raise it when the meaning of a word changes and its place does not.
const VERSION: u64 = 7;

/// "hybridgw" as eight bytes: written last at creation, so a half-written header is no header.
pub(super) const MAGIC: u64 = u64::from_le_bytes(*b"hybridgw");

/// Says which layout this build reads and writes.
pub const LAYOUT_HASH: u64 = {
    let mut hash = FNV_OFFSET;
    hash = fold(hash, VERSION);
    hash = fold(hash, size_of::<Header>() as u64);
    hash = fold(hash, size_of::<WorkerSlot>() as u64);
    hash = fold(hash, size_of::<DeploymentWords>() as u64);
    hash = fold(hash, size_of::<Cell>() as u64);
    hash = fold(hash, Outcome::COUNT as u64);
    hash = fold_all(hash, &TTFT_BOUNDS_US);
    hash = fold_all(hash, &DURATION_BOUNDS_US);
    fold_all(hash, &OVERHEAD_BOUNDS_US)
};

const FNV_OFFSET: u64 = 0xcbf2_9ce4_8422_2325;

/// One step of FNV-1a over a word.
const fn fold(hash: u64, word: u64) -> u64 {
    (hash ^ word).wrapping_mul(0x0000_0100_0000_01b3)
}

const fn fold_all(mut hash: u64, words: &[u64]) -> u64 {
    let mut index = 0;
    while index < words.len() {
        hash = fold(hash, words[index]);
        index += 1;
    }
    hash
}

/// FNV-1a over bytes: for the boot id, which only needs to differ between boots.
pub(super) fn hash_bytes(bytes: &[u8]) -> u64 {
    bytes
        .iter()
        .fold(FNV_OFFSET, |hash, byte| fold(hash, u64::from(*byte)))
}

/// The first bytes of the file. Fields are `AtomicU64` only: `map` relies on it.
#[repr(C, align(64))]
#[derive(Default)]
pub(super) struct Header {
    pub(super) magic: AtomicU64,
    pub(super) layout: AtomicU64,
    pub(super) instance: AtomicU64,
    /// Hash of the kernel's boot id: stamps of the monotonic clock mean nothing after a reboot.
    pub(super) boot: AtomicU64,
    pub(super) worker_slots: AtomicU64,
    pub(super) deployment_slots: AtomicU64,
    pub(super) generation: AtomicU64,
    /// The hash of generation g stands at g & 1, so that publishing never tears the pair.
    pub(super) config_hash: [AtomicU64; 2],
    /// 1 while the housekeeper flushes the journal by itself, 0 while it sleeps until it is woken.
    pub(super) flushing: AtomicU64,
}

/// Offsets of the arrays for one pair of counts.
pub(super) struct Layout {
    pub(super) workers: usize,
    pub(super) deployments: usize,
    pub(super) worker_base: usize,
    pub(super) deployment_base: usize,
    pub(super) in_flight_base: usize,
    /// Words from one worker's in-flight row to the next: rows do not share a cache line.
    pub(super) in_flight_stride: usize,
    pub(super) cell_base: usize,
    pub(super) total: usize,
}

impl Layout {
    pub(super) fn new(workers: usize, deployments: usize) -> io::Result<Self> {
        let invalid = |text: &str| Err(io::Error::new(io::ErrorKind::InvalidInput, text));
        if !(1..=super::MAX_WORKER_SLOTS).contains(&workers) {
            return invalid("worker slots out of range");
        }
        if !(1..=super::MAX_DEPLOYMENT_SLOTS).contains(&deployments) {
            return invalid("deployment slots out of range");
        }
        let worker_base = size_of::<Header>();
        let deployment_base = worker_base + workers * size_of::<WorkerSlot>();
        let in_flight_base = deployment_base + deployments * size_of::<DeploymentWords>();
        let in_flight_stride = deployments.next_multiple_of(8);
        let cell_base = in_flight_base + workers * in_flight_stride * size_of::<AtomicU64>();
        let total = cell_base + workers * deployments * size_of::<Cell>();
        Ok(Self {
            workers,
            deployments,
            worker_base,
            deployment_base,
            in_flight_base,
            in_flight_stride,
            cell_base,
            total,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arrays_follow_each_other_on_cache_lines() {
        let layout = Layout::new(3, 5).unwrap();
        for base in [
            layout.worker_base,
            layout.deployment_base,
            layout.in_flight_base,
            layout.cell_base,
            layout.total,
        ] {
            assert_eq!(base % 64, 0);
        }
        assert_eq!(layout.in_flight_stride, 8);
        assert_eq!(layout.total - layout.cell_base, 15 * size_of::<Cell>());
    }

    #[test]
    fn counts_out_of_range_are_errors() {
        for (workers, deployments) in [(0, 1), (1, 0), (usize::MAX, 1), (1, usize::MAX)] {
            assert!(Layout::new(workers, deployments).is_err());
        }
    }

    #[test]
    fn the_hash_depends_on_values_and_their_order() {
        assert_ne!(fold_all(1, &[2, 3]), fold_all(1, &[3, 2]));
        assert_ne!(hash_bytes(b"a"), hash_bytes(b"b"));
    }
}
