//! The state file: one mapping that all processes of a gateway instance share.
//!
//! A file, and not a server or a lock-protected table, because its readers are on the path of every
//! request and its writers may be killed at any instruction. Nothing here needs an orderly exit:
//! what a dead worker had in progress lives in its own slot and stops counting when the slot is
//! freed; everything else is cumulative, or expires by itself.
//!
//! Roles: the supervisor creates the file, every worker claims a slot, the housekeeper alone
//! publishes generations, reserves deployment slots and sweeps dead workers.

use std::io;
use std::path::Path;
use std::sync::atomic::{fence, AtomicU64, Ordering};

use super::cas::decrement;
use super::deployment::{DeploymentWords, ERASING};
use super::layout::{hash_bytes, Header, Layout, LAYOUT_HASH, MAGIC};
use super::map::Mapping;
use super::metrics::Cell;
use super::worker::{Owner, WorkerInfo, WorkerSlot};

/// Most worker slots that a file may have.
pub const MAX_WORKER_SLOTS: usize = 256;
/// Most deployment slots that a file may have.
pub const MAX_DEPLOYMENT_SLOTS: usize = 4096;

/// A handle on the shared state; cheap to share between threads inside an `Arc`.
///
/// Indices come from `claim` and `reserve`; methods that take one panic when it is out of range.
pub struct StateFile {
    map: Mapping,
    layout: Layout,
}

impl StateFile {
    /// Creates the file; `instance` must differ from that of any earlier file whose journals still
    /// exist, because record ids are unique only within an instance.
    ///
    /// # Errors
    /// `AlreadyExists`, a link in place of the file, no space, counts out of range. No file stays behind.
    pub fn create(
        path: &Path,
        instance: u64,
        worker_slots: usize,
        deployment_slots: usize,
    ) -> io::Result<Self> {
        let layout = Layout::new(worker_slots, deployment_slots)?;
        let (_, map) = Mapping::create(path, layout.total)?;
        Ok(Self::format(map, layout, instance))
    }

    /// Memory of this process alone, for tests and for explaining decisions without a gateway.
    ///
    /// # Errors
    /// Counts out of range, no memory.
    pub fn anonymous(worker_slots: usize, deployment_slots: usize) -> io::Result<Self> {
        let layout = Layout::new(worker_slots, deployment_slots)?;
        let map = Mapping::anonymous(layout.total)?;
        Ok(Self::format(map, layout, 0))
    }

    /// Attaches to a file that `create` made in this boot, with this layout.
    ///
    /// # Errors
    /// `InvalidData` when the file is anything else, with the reason as text.
    pub fn open(path: &Path) -> io::Result<Self> {
        let invalid = |text| io::Error::new(io::ErrorKind::InvalidData, text);
        let map = Mapping::open(path)?;
        if map.len() < size_of::<Header>() {
            return Err(invalid("state file is too short"));
        }
        let header = map.one::<Header>(0);
        if header.magic.load(Ordering::Acquire) != MAGIC {
            return Err(invalid("not a state file, or not yet complete"));
        }
        if header.layout.load(Ordering::Relaxed) != LAYOUT_HASH {
            return Err(invalid("state file of another version"));
        }
        if header.boot.load(Ordering::Relaxed) != boot_hash() {
            return Err(invalid("state file of an earlier boot"));
        }
        let count = |word: &AtomicU64| usize::try_from(word.load(Ordering::Relaxed)).unwrap_or(0);
        let layout = Layout::new(count(&header.worker_slots), count(&header.deployment_slots))
            .map_err(|_| invalid("state file names impossible sizes"))?;
        if map.len() != layout.total {
            return Err(invalid("state file has the wrong length"));
        }
        Ok(Self { map, layout })
    }

    fn format(map: Mapping, layout: Layout, instance: u64) -> Self {
        let header = map.one::<Header>(0);
        header.layout.store(LAYOUT_HASH, Ordering::Relaxed);
        header.instance.store(instance, Ordering::Relaxed);
        header.boot.store(boot_hash(), Ordering::Relaxed);
        header
            .worker_slots
            .store(layout.workers as u64, Ordering::Relaxed);
        header
            .deployment_slots
            .store(layout.deployments as u64, Ordering::Relaxed);
        header.magic.store(MAGIC, Ordering::Release);
        Self { map, layout }
    }

    fn header(&self) -> &Header {
        self.map.one(0)
    }

    /// The instance that created the file.
    pub fn instance(&self) -> u64 {
        self.header().instance.load(Ordering::Relaxed)
    }

    /// How many worker slots there are.
    pub fn worker_slots(&self) -> usize {
        self.layout.workers
    }

    /// How many deployment slots there are.
    pub fn deployment_slots(&self) -> usize {
        self.layout.deployments
    }

    // Configuration: one publisher, many readers.

    /// Announces a generation of the configuration; only the housekeeper does.
    pub fn publish(&self, generation: u64, config_hash: u64) {
        let header = self.header();
        header.config_hash[(generation & 1) as usize].store(config_hash, Ordering::Release);
        header.generation.store(generation, Ordering::Release);
    }

    /// The newest generation and the hash of its configuration; (0, 0) before the first.
    pub fn published(&self) -> (u64, u64) {
        let header = self.header();
        let mut generation = header.generation.load(Ordering::Acquire);
        loop {
            let hash = header.config_hash[(generation & 1) as usize].load(Ordering::Acquire);
            // The word of this generation is rewritten only two generations later.
            let again = header.generation.load(Ordering::Acquire);
            if again == generation {
                return (generation, hash);
            }
            generation = again;
        }
    }

    // Flushing of the journal: one sleeper, many writers.
    //
    // The sleeper says that it rests, then looks once more at what was written; a writer writes, then
    // looks whether the sleeper rests. With a full fence between the two steps of each, one of them
    // always sees the other: a record is either found by the last look or its writer wakes the sleeper.

    /// The housekeeper flushes at its interval from now on, or rests until it is woken. After it has
    /// said that it rests it looks once more; only the housekeeper calls this.
    pub fn set_flushing(&self, flushing: bool) {
        self.header()
            .flushing
            .store(u64::from(flushing), Ordering::SeqCst);
        fence(Ordering::SeqCst);
    }

    /// A record was written: true for the one writer that has to wake the housekeeper.
    pub fn must_wake_flusher(&self) -> bool {
        fence(Ordering::SeqCst);
        let flushing = &self.header().flushing;
        flushing.load(Ordering::Relaxed) == 0 && flushing.swap(1, Ordering::SeqCst) == 0
    }

    // Workers.

    fn workers(&self) -> &[WorkerSlot] {
        self.map.slice(self.layout.worker_base, self.layout.workers)
    }

    /// The slot of one worker.
    pub fn worker(&self, slot: usize) -> &WorkerSlot {
        &self.workers()[slot]
    }

    /// Claims a free slot and starts a new epoch in it; `None` when all are taken.
    pub fn claim(&self, owner: Owner, mono_ns: u64) -> Option<usize> {
        let slot = self
            .workers()
            .iter()
            .position(|worker| worker.take(owner))?;
        self.in_flight_row(slot)
            .iter()
            .for_each(|word| word.store(0, Ordering::Relaxed));
        self.worker(slot).start(mono_ns);
        Some(slot)
    }

    /// Frees a slot, in an orderly exit or because its owner is dead, provided that this very
    /// process (pid and start time) still holds it. What it had in progress stops counting at once.
    pub fn release(&self, slot: usize, owner: Owner) -> bool {
        self.workers()
            .get(slot)
            .is_some_and(|worker| worker.free(owner))
    }

    /// Frees the slots of all owners that are not alive; returns how many.
    pub fn sweep(&self, alive: impl Fn(Owner) -> bool) -> usize {
        let dead = |slot: &WorkerSlot| slot.owner().filter(|owner| !alive(*owner));
        self.workers()
            .iter()
            .filter(|slot| dead(slot).is_some_and(|owner| slot.free(owner)))
            .count()
    }

    /// All slots that have an owner.
    pub fn claimed(&self) -> Vec<WorkerInfo> {
        self.workers()
            .iter()
            .enumerate()
            .filter_map(|(slot, worker)| worker.info(slot))
            .collect()
    }

    /// Requests in progress on the host.
    pub fn active_requests(&self) -> u64 {
        self.workers()
            .iter()
            .filter(|slot| slot.owned())
            .map(WorkerSlot::active)
            .sum()
    }

    /// The fewest connections of clients that any worker beside `slot` holds, of those that take more and
    /// showed life within `fresh_ns`; `None` when there is no such worker.
    pub fn fewest_connections(&self, slot: usize, mono_ns: u64, fresh_ns: u64) -> Option<u64> {
        self.workers()
            .iter()
            .enumerate()
            .filter(|(index, _)| *index != slot)
            .filter_map(|(_, worker)| worker.open_to_connections(mono_ns, fresh_ns))
            .min()
    }

    /// Retries in progress on the host.
    pub fn active_retries(&self) -> u64 {
        self.workers()
            .iter()
            .filter(|slot| slot.owned())
            .map(WorkerSlot::retries)
            .sum()
    }

    // Deployments.

    fn deployments(&self) -> &[DeploymentWords] {
        self.map
            .slice(self.layout.deployment_base, self.layout.deployments)
    }

    /// The words of one deployment.
    pub fn deployment(&self, index: usize) -> &DeploymentWords {
        &self.deployments()[index]
    }

    /// The indices of all deployments that hold a slot.
    pub fn held(&self) -> impl Iterator<Item = usize> + '_ {
        (0..self.layout.deployments).filter(|index| self.deployment(*index).held())
    }

    /// The slot that holds this identity.
    pub fn find(&self, identity: u64) -> Option<usize> {
        self.deployments()
            .iter()
            .position(|words| words.identity() == identity)
    }

    /// The slot of each identity, claimed where it had none; all are marked as used by
    /// `generation`. Slots are reused when no generation in use names them and nothing is in flight.
    ///
    /// Reusing is for the publisher of configurations alone, so others call this only where there is
    /// none. `None` when there are more deployments than
    /// slots, or an identity is 0 or 2^64 - 1, which have a meaning of their own.
    pub fn reserve(&self, identities: &[u64], generation: u64) -> Option<Vec<usize>> {
        if identities
            .iter()
            .any(|identity| matches!(*identity, 0 | ERASING))
        {
            return None;
        }
        let mark = |index: usize| {
            self.deployment(index)
                .last_generation
                .fetch_max(generation, Ordering::AcqRel);
            index
        };
        // All that are here already are marked first, so that a newcomer does not take their place.
        let found: Vec<Option<usize>> = identities
            .iter()
            .map(|identity| self.find(*identity).map(mark))
            .collect();
        let claim = |identity| {
            self.take_free(identity)
                .or_else(|| self.take_stale(identity, generation))
        };
        identities
            .iter()
            .zip(found)
            .map(|(identity, index)| {
                index
                    .or_else(|| self.find(*identity))
                    .or_else(|| claim(*identity))
                    .map(mark)
            })
            .collect()
    }

    fn take_free(&self, identity: u64) -> Option<usize> {
        self.deployments().iter().position(|words| {
            let taken =
                words
                    .identity
                    .compare_exchange(0, identity, Ordering::AcqRel, Ordering::Acquire);
            // Whoever looks for the same identity at the same time meets it in the same place.
            taken.is_ok() || taken == Err(identity)
        })
    }

    fn take_stale(&self, identity: u64, generation: u64) -> Option<usize> {
        let oldest = self.oldest_in_use(generation);
        let index = (0..self.layout.deployments).find(|&index| {
            let words = self.deployment(index);
            words.identity() == ERASING
                || words.last_generation() < oldest && self.in_flight(index) == 0
        })?;
        let words = self.deployment(index);
        words.identity.store(ERASING, Ordering::Release);
        words.reset();
        for slot in 0..self.layout.workers {
            self.cell(slot, index).reset();
        }
        words.identity.store(identity, Ordering::Release);
        Some(index)
    }

    /// The oldest generation that a request may still use: the one before the new one, or what the
    /// slowest worker has adopted.
    fn oldest_in_use(&self, generation: u64) -> u64 {
        self.workers()
            .iter()
            .filter(|slot| slot.owned())
            .map(WorkerSlot::generation)
            .filter(|adopted| *adopted != 0)
            .fold(generation.saturating_sub(1), u64::min)
    }

    // In flight: a row per worker, a column per deployment.

    fn in_flight_row(&self, slot: usize) -> &[AtomicU64] {
        assert!(slot < self.layout.workers, "worker slot out of range");
        let row = slot * self.layout.in_flight_stride * size_of::<AtomicU64>();
        self.map
            .slice(self.layout.in_flight_base + row, self.layout.deployments)
    }

    /// An attempt of this worker at this deployment begins.
    pub fn attempt_started(&self, slot: usize, index: usize) {
        self.in_flight_row(slot)[index].fetch_add(1, Ordering::Relaxed);
    }

    /// An attempt of this worker at this deployment ends.
    pub fn attempt_ended(&self, slot: usize, index: usize) {
        decrement(&self.in_flight_row(slot)[index]);
    }

    /// Attempts in flight at a deployment, over all workers of the host. Workers add independently,
    /// so a limit on this value may be overshot by one per worker.
    pub fn in_flight(&self, index: usize) -> u64 {
        let live = self
            .workers()
            .iter()
            .enumerate()
            .filter(|(_, worker)| worker.owned());
        live.map(|(slot, _)| self.in_flight_row(slot)[index].load(Ordering::Relaxed))
            .sum()
    }

    /// The counters of one worker for one deployment.
    pub fn cell(&self, slot: usize, index: usize) -> &Cell {
        assert!(
            slot < self.layout.workers && index < self.layout.deployments,
            "out of range"
        );
        let position = slot * self.layout.deployments + index;
        self.map
            .one(self.layout.cell_base + position * size_of::<Cell>())
    }
}

/// A number that differs between boots of this machine; 0 where the system does not tell.
fn boot_hash() -> u64 {
    std::fs::read("/proc/sys/kernel/random/boot_id").map_or(0, |bytes| hash_bytes(&bytes))
}
