//! The journal as Python sees it: the writer's housekeeping, and records as dicts.
//!
//! Python never appends: records are written where permits are given and settled. Numbers that name
//! something in the vocabulary become its words, so a reader needs no table; an unknown cost becomes
//! `None`.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use super::PyStateFile;
use crate::shared::journal::{
    read_segment, Bell, JournalWriter, Record, RecordId, SettlementRecord, StartRecord, Tail,
};

/// The journal of one worker.
#[pyclass(name = "Journal", module = "hybridgw._router_core", frozen)]
pub struct PyJournal {
    /// The writer itself, for the router.
    pub inner: Arc<JournalWriter>,
}

#[pymethods]
impl PyJournal {
    /// `bell`: the state whose housekeeper is to be woken by a record, and the pipe for it.
    #[new]
    #[pyo3(signature = (dir, instance, slot, epoch, segment_bytes, bell = None))]
    fn new(
        py: Python<'_>,
        dir: PathBuf,
        instance: u64,
        slot: u16,
        epoch: u32,
        segment_bytes: usize,
        bell: Option<(PyRef<'_, PyStateFile>, PathBuf)>,
    ) -> PyResult<Self> {
        let bell = bell
            .map(|(state, path)| Bell::open(Arc::clone(&state.inner), &path))
            .transpose()?;
        let writer =
            py.detach(|| JournalWriter::open(&dir, instance, slot, epoch, segment_bytes))?;
        let writer = match bell {
            Some(bell) => writer.with_bell(bell),
            None => writer,
        };
        Ok(Self {
            inner: Arc::new(writer),
        })
    }

    fn prepare(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(py.detach(|| self.inner.prepare())?)
    }

    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.inner.sync())?)
    }

    fn path(&self) -> String {
        self.inner.path().to_string_lossy().into_owned()
    }

    fn records(&self) -> u64 {
        self.inner.records()
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.inner.close())?)
    }
}

/// Reads the records of a segment from `offset` (0, or what an earlier call returned), all of them
/// or up to `limit`: (records, next offset, torn). No records and not torn: there are none yet.
#[pyfunction]
#[pyo3(signature = (path, offset, limit = None))]
fn read_journal<'py>(
    py: Python<'py>,
    path: PathBuf,
    offset: u64,
    limit: Option<usize>,
) -> PyResult<(Bound<'py, PyList>, u64, bool)> {
    let part = py.detach(|| read_segment(&path, offset, limit.unwrap_or(usize::MAX)))?;
    let list = PyList::empty(py);
    for record in &part.records {
        list.append(match record {
            Record::Start(start) => start_dict(py, start)?,
            Record::Settlement(settlement) => settlement_dict(py, settlement)?,
        })?;
    }
    Ok((list, part.next_offset, part.tail == Tail::Torn))
}

/// Who wrote a segment, and whether it is complete: `sealed` is the offset behind the last record
/// when no more will follow. `None` while the writer has not completed the header.
#[pyfunction]
fn journal_segment<'py>(py: Python<'py>, path: PathBuf) -> PyResult<Option<Bound<'py, PyDict>>> {
    let part = py.detach(|| read_segment(&path, 0, 0))?;
    let Some(info) = part.info else {
        return Ok(None);
    };
    let dict = PyDict::new(py);
    dict.set_item("instance", info.name.instance)?;
    dict.set_item("slot", info.name.slot)?;
    dict.set_item("epoch", info.name.epoch)?;
    dict.set_item("segment", info.name.segment)?;
    dict.set_item("sealed", info.sealed)?;
    Ok(Some(dict))
}

fn record_dict<'py>(
    py: Python<'py>,
    kind: &str,
    id: &RecordId,
    wall_ns: u64,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("kind", kind)?;
    dict.set_item("id", id.to_string())?;
    dict.set_item("attempt", id.attempt)?;
    dict.set_item("wall_ns", wall_ns)?;
    Ok(dict)
}

fn start_dict<'py>(py: Python<'py>, record: &StartRecord<'_>) -> PyResult<Bound<'py, PyDict>> {
    let dict = record_dict(py, "start", &record.id, record.wall_ns)?;
    dict.set_item("route", record.route.name())?;
    dict.set_item("level", record.level.name())?;
    dict.set_item("ceiling", record.ceiling.name())?;
    dict.set_item("stream", record.stream)?;
    dict.set_item("key", record.key)?;
    dict.set_item("model", &*record.model)?;
    dict.set_item("deployment", format!("{:016x}", record.deployment))?;
    dict.set_item("deployment_name", &*record.deployment_name)?;
    dict.set_item("estimated_prompt_tokens", record.estimated_prompt_tokens)?;
    dict.set_item("max_tokens", record.max_tokens)?;
    Ok(dict)
}

fn settlement_dict<'py>(
    py: Python<'py>,
    record: &SettlementRecord,
) -> PyResult<Bound<'py, PyDict>> {
    let dict = record_dict(py, "settlement", &record.id, record.wall_ns)?;
    dict.set_item("outcome", record.outcome.name())?;
    dict.set_item("status", record.status)?;
    dict.set_item("usage_reported", record.flags.usage_reported)?;
    dict.set_item("content_sent", record.flags.content_sent)?;
    dict.set_item("fallback", record.flags.fallback)?;
    dict.set_item("prompt_tokens", record.prompt_tokens)?;
    dict.set_item("completion_tokens", record.completion_tokens)?;
    dict.set_item("cached_tokens", record.cached_tokens)?;
    dict.set_item("reasoning_tokens", record.reasoning_tokens)?;
    dict.set_item("ttft_us", record.ttft_us)?;
    dict.set_item("duration_us", record.duration_us)?;
    dict.set_item("bytes_sent", record.bytes_sent)?;
    dict.set_item(
        "cost_nanos",
        (record.cost_nanos >= 0).then_some(record.cost_nanos),
    )?;
    Ok(dict)
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyJournal>()?;
    module.add_function(wrap_pyfunction!(read_journal, module)?)?;
    module.add_function(wrap_pyfunction!(journal_segment, module)?)
}
