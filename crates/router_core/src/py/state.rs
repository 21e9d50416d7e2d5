//! The state file as Python sees it; the journal stands beside it.
//!
//! A thin face: arguments are checked, values become dicts, and calls that touch a disk let other
//! Python threads run. Nothing of it is on the path of a request except the counts of requests,
//! which are single stores.

mod journal;
mod rows;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use pyo3::exceptions::{PyIndexError, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::breaker;
use crate::router::refusal_reasons;
use crate::shared::{EngineLoad, HistogramTotals, Owner, StateFile, StatusClass, WorkerSlot};
use crate::types::{Now, Route};

pub use journal::PyJournal;

/// The length of a breaker's window where the caller does not name one.
const WINDOW_MS: u64 = 60_000;

/// A handle on the state that all processes of an instance share.
#[pyclass(name = "StateFile", module = "hybridgw._router_core", frozen)]
pub struct PyStateFile {
    /// The state itself, for the router.
    pub inner: Arc<StateFile>,
    /// Slots claimed through this handle: only their claimant may give them back.
    claims: Mutex<Vec<(usize, Owner)>>,
}

impl PyStateFile {
    fn of(state: StateFile) -> Self {
        Self {
            inner: Arc::new(state),
            claims: Mutex::new(Vec::new()),
        }
    }

    fn worker(&self, slot: usize) -> PyResult<&WorkerSlot> {
        if slot >= self.inner.worker_slots() {
            return Err(PyIndexError::new_err(format!(
                "there is no worker slot {slot}"
            )));
        }
        Ok(self.inner.worker(slot))
    }
}

fn at(mono_ns: u64) -> Now {
    Now {
        mono_ns,
        wall_ns: 0,
    }
}

fn owner(pid: u32, start_ticks: u64) -> PyResult<Owner> {
    Owner::new(pid, start_ticks)
        .ok_or_else(|| PyValueError::new_err(format!("{pid} is no process id")))
}

#[pymethods]
impl PyStateFile {
    #[staticmethod]
    fn create(
        py: Python<'_>,
        path: PathBuf,
        instance: u64,
        worker_slots: usize,
        deployment_slots: usize,
    ) -> PyResult<Self> {
        let state =
            py.detach(|| StateFile::create(&path, instance, worker_slots, deployment_slots))?;
        Ok(Self::of(state))
    }

    #[staticmethod]
    fn open(py: Python<'_>, path: PathBuf) -> PyResult<Self> {
        Ok(Self::of(py.detach(|| StateFile::open(&path))?))
    }

    #[staticmethod]
    fn anonymous(worker_slots: usize, deployment_slots: usize) -> PyResult<Self> {
        Ok(Self::of(StateFile::anonymous(
            worker_slots,
            deployment_slots,
        )?))
    }

    #[getter]
    fn worker_slots(&self) -> usize {
        self.inner.worker_slots()
    }

    #[getter]
    fn deployment_slots(&self) -> usize {
        self.inner.deployment_slots()
    }

    fn instance(&self) -> u64 {
        self.inner.instance()
    }

    fn generation(&self) -> u64 {
        self.inner.published().0
    }

    fn config_hash(&self) -> u64 {
        self.inner.published().1
    }

    /// Generation and hash that belong together; two calls might see two generations.
    fn published(&self) -> (u64, u64) {
        self.inner.published()
    }

    fn publish(&self, generation: u64, config_hash: u64) {
        self.inner.publish(generation, config_hash);
    }

    /// Whether the housekeeper flushes the journal at its interval, or rests until a record wakes it.
    fn set_flushing(&self, flushing: bool) {
        self.inner.set_flushing(flushing);
    }

    fn claim(&self, pid: u32, start_ticks: u64, mono_ns: u64) -> PyResult<usize> {
        let owner = owner(pid, start_ticks)?;
        let slot = self.inner.claim(owner, mono_ns);
        let slot = slot.ok_or_else(|| PyRuntimeError::new_err("all worker slots are taken"))?;
        self.claims
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push((slot, owner));
        Ok(slot)
    }

    fn release(&self, slot: usize) -> bool {
        let mut claims = self.claims.lock().unwrap_or_else(PoisonError::into_inner);
        let position = claims.iter().position(|claim| claim.0 == slot);
        position.is_some_and(|position| self.inner.release(slot, claims.swap_remove(position).1))
    }

    fn epoch(&self, slot: usize) -> PyResult<u64> {
        Ok(self.worker(slot)?.epoch())
    }

    fn heartbeat(&self, slot: usize, mono_ns: u64) -> PyResult<()> {
        self.worker(slot)?.heartbeat(mono_ns);
        Ok(())
    }

    #[pyo3(signature = (slot, count))]
    fn hold_connections(&self, slot: usize, count: Option<u64>) -> PyResult<()> {
        self.worker(slot)?.hold_connections(count);
        Ok(())
    }

    fn fewest_connections(&self, slot: usize, mono_ns: u64, fresh_ns: u64) -> Option<u64> {
        self.inner.fewest_connections(slot, mono_ns, fresh_ns)
    }

    fn adopt(&self, slot: usize, generation: u64) -> PyResult<()> {
        self.worker(slot)?.adopt(generation);
        Ok(())
    }

    fn slots<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        for info in self.inner.claimed() {
            let dict = PyDict::new(py);
            dict.set_item("slot", info.slot)?;
            dict.set_item("pid", info.owner.pid())?;
            dict.set_item("start_ticks", info.owner.start_ticks())?;
            dict.set_item("epoch", info.epoch)?;
            dict.set_item("generation", info.generation)?;
            dict.set_item("active", info.active)?;
            dict.set_item("retries", info.retries)?;
            dict.set_item("heartbeat", info.heartbeat_ns)?;
            list.append(dict)?;
        }
        Ok(list)
    }

    /// Frees slots of processes that were found dead, given as (slot, pid, start_ticks); a slot
    /// that somebody else took meanwhile is left alone.
    fn sweep(&self, dead: Vec<(usize, u32, u64)>) -> PyResult<usize> {
        let mut freed = 0;
        for (slot, pid, start_ticks) in dead {
            freed += usize::from(self.inner.release(slot, owner(pid, start_ticks)?));
        }
        Ok(freed)
    }

    fn reserve(&self, ids: Vec<u64>, generation: u64) -> PyResult<Vec<usize>> {
        self.inner.reserve(&ids, generation).ok_or_else(|| {
            PyRuntimeError::new_err("there are more deployments than slots, or an id means nothing")
        })
    }

    fn active_requests(&self) -> u64 {
        self.inner.active_requests()
    }

    fn request_started(&self, slot: usize) -> PyResult<()> {
        self.worker(slot)?.request_started();
        Ok(())
    }

    fn request_finished(
        &self,
        slot: usize,
        route: u8,
        status: u16,
        overhead_us: u64,
    ) -> PyResult<()> {
        let known = Route::from_u8(route);
        let route =
            known.ok_or_else(|| PyValueError::new_err(format!("there is no route {route}")))?;
        self.worker(slot)?
            .request_finished(route, status, overhead_us);
        Ok(())
    }

    fn count_shed(&self, slot: usize) -> PyResult<()> {
        self.worker(slot)?.count_shed();
        Ok(())
    }

    fn count_client_abort(&self, slot: usize) -> PyResult<()> {
        self.worker(slot)?.count_client_abort();
        Ok(())
    }

    fn snapshot<'py>(&self, py: Python<'py>, mono_ns: u64) -> PyResult<Bound<'py, PyDict>> {
        let snapshot = self.inner.snapshot(at(mono_ns));
        let deployments = PyDict::new(py);
        for totals in &snapshot.deployments {
            let words = self.inner.deployment(totals.index);
            let dict = PyDict::new(py);
            dict.set_item("outcomes", PyList::new(py, totals.outcomes)?)?;
            dict.set_item("prompt_tokens", totals.prompt_tokens)?;
            dict.set_item("completion_tokens", totals.completion_tokens)?;
            dict.set_item("cached_tokens", totals.cached_tokens)?;
            dict.set_item("ttft", histogram(py, &totals.ttft)?)?;
            dict.set_item("duration", histogram(py, &totals.duration)?)?;
            dict.set_item("in_flight", totals.in_flight)?;
            dict.set_item(
                "breaker",
                breaker::view(words, WINDOW_MS, at(mono_ns)).phase.name(),
            )?;
            dict.set_item("ttft_ewma_us", totals.ttft_ewma_us)?;
            dict.set_item("waiting", totals.load.map(|load| load.waiting))?;
            let cache = totals.load.and_then(|load| load.cache);
            dict.set_item("cache", cache.map(|cache| f64::from(cache) / 1_000.0))?;
            deployments.set_item(totals.identity, dict)?;
        }
        let requests = PyDict::new(py);
        for (route, counts) in Route::ALL.iter().zip(snapshot.requests) {
            for (class, count) in StatusClass::ALL.iter().zip(counts) {
                requests.set_item((route.name(), class.name()), count)?;
            }
        }
        let dict = PyDict::new(py);
        dict.set_item("deployments", deployments)?;
        dict.set_item("requests", requests)?;
        dict.set_item("shed", snapshot.shed)?;
        let refusals = PyDict::new(py);
        for (reason, count) in refusal_reasons().zip(snapshot.refusals) {
            refusals.set_item(reason, count)?;
        }
        dict.set_item("refusals", refusals)?;
        dict.set_item("client_aborts", snapshot.client_aborts)?;
        dict.set_item("journal_records", snapshot.journal_records)?;
        dict.set_item("journal_errors", snapshot.journal_errors)?;
        dict.set_item("active", snapshot.active)?;
        dict.set_item("retries", snapshot.retries)?;
        dict.set_item("decisions", snapshot.decisions)?;
        dict.set_item("decide_ns", snapshot.decide_ns)?;
        dict.set_item("overhead", histogram(py, &snapshot.overhead)?)?;
        dict.set_item("slots_used", snapshot.slots_used)?;
        Ok(dict)
    }

    fn hint_alive(&self, identity: u64, mono_ns: u64) -> bool {
        self.inner
            .find(identity)
            .is_some_and(|index| breaker::hint_alive(self.inner.deployment(index), at(mono_ns)))
    }

    /// What an engine says of its load, for `holds_ms`; `cache` is the share of its memory for
    /// contexts that is taken. Whether the identity holds a slot.
    fn report_load(
        &self,
        identity: u64,
        waiting: u64,
        cache: Option<f64>,
        holds_ms: u64,
        mono_ns: u64,
    ) -> bool {
        let load = EngineLoad {
            waiting: u32::try_from(waiting).unwrap_or(u32::MAX),
            // Out of range is brought into it, and what is no number is 0.
            cache: cache.map(|share| (share * 1_000.0).round() as u16),
        };
        let found = self.inner.find(identity);
        found.is_some_and(|index| {
            let words = self.inner.deployment(index);
            words.report_load(load, holds_ms, at(mono_ns));
            true
        })
    }

    #[pyo3(signature = (mono_ns, window_ms = WINDOW_MS))]
    fn breakers<'py>(
        &self,
        py: Python<'py>,
        mono_ns: u64,
        window_ms: u64,
    ) -> PyResult<Bound<'py, PyList>> {
        let list = PyList::empty(py);
        let now = at(mono_ns);
        for index in self.inner.held() {
            let words = self.inner.deployment(index);
            let view = breaker::view(words, window_ms, now);
            let dict = PyDict::new(py);
            dict.set_item("identity", words.identity())?;
            dict.set_item("index", index)?;
            dict.set_item("state", view.phase.name())?;
            dict.set_item("usable", view.usable(now))?;
            dict.set_item("open_until_ms", view.phase_until_ms)?;
            dict.set_item("cool_until_ms", view.cool_until_ms)?;
            dict.set_item("misfit_ms", view.misfit_ms)?;
            dict.set_item("credential_until_ms", view.credential_until_ms)?;
            dict.set_item("consecutive", view.consecutive)?;
            dict.set_item("opens", view.opens)?;
            dict.set_item("window_ok", view.window.ok)?;
            dict.set_item("window_fail", view.window.fail)?;
            dict.set_item("in_flight", self.inner.in_flight(index))?;
            list.append(dict)?;
        }
        Ok(list)
    }
}

/// Bounds in milliseconds, as metrics and health pages print them.
fn histogram<'py>(py: Python<'py>, totals: &HistogramTotals) -> PyResult<Bound<'py, PyDict>> {
    let bounds_ms = totals.bounds_us.iter().map(|bound| *bound as f64 / 1_000.0);
    let dict = PyDict::new(py);
    dict.set_item("bounds_ms", PyList::new(py, bounds_ms)?)?;
    dict.set_item("counts", PyList::new(py, &totals.counts)?)?;
    dict.set_item("sum_us", totals.sum_us)?;
    Ok(dict)
}

/// Adds the state file and the journal to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyStateFile>()?;
    journal::register(module)
}
