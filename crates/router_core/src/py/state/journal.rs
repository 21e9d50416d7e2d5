//! The journal as Python sees it: the writer's housekeeping, and reading.
//!
//! Records are written where requests are decided and permits settled; of Python comes only what was
//! refused, since only it knows what was answered. Read records become tuples for consumers, which read all of them, and dicts for a look at a few; `rows` says how.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple};

use super::super::router::RefusedRequest;
use super::rows::{Kind, Rows};
use super::PyStateFile;
use crate::shared::journal::{
    read_segment, visit_segment, Bell, JournalWriter, Known, RecordId, RefusalRecord,
    RefusedWriter, SegmentRest, Tail,
};
use crate::types::{Now, Refusal};

/// The journal of one worker.
#[pyclass(name = "Journal", module = "hybridgw._router_core", frozen)]
pub struct PyJournal {
    /// The writer itself, for the router.
    pub inner: Arc<JournalWriter>,
    /// `None` where there is no room for it: what it would hold is not worth stopping for.
    refused: Option<RefusedWriter>,
    writer: RecordId,
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
            refused: py
                .detach(|| RefusedWriter::open(&dir, instance, slot, epoch))
                .ok(),
            writer: RecordId {
                instance,
                slot,
                epoch,
                sequence: 0,
                attempt: 0,
            },
        })
    }

    fn prepare(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(py.detach(|| {
            if let Some(refused) = &self.refused {
                refused.journal().prepare()?;
            }
            self.inner.prepare()
        })?)
    }

    fn sync(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.inner.sync())?)
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call per refusal: what is known of it"
    )]
    #[pyo3(signature = (code, status, route, key, refused, mono_ns, wall_ns))]
    fn refuse(
        &self,
        code: &str,
        status: u16,
        route: Option<u8>,
        key: u64,
        refused: Option<RefusedRequest>,
        mono_ns: u64,
        wall_ns: u64,
    ) -> bool {
        let cause = Refusal::of(code, status);
        let mut record = RefusalRecord {
            id: self.writer,
            wall_ns,
            cause: cause.into(),
            status,
            unrecorded: 0,
            route: route.map(Known::of),
            level: None,
            ceiling: None,
            key,
            config: 0,
            model: 0,
            prompt_tokens: 0,
        };
        match refused.filter(|_| cause.is_after_admission()) {
            Some((sequence, level, ceiling, config, model, prompt_tokens)) => {
                record.id.sequence = sequence;
                (record.level, record.ceiling) = (Some(Known::of(level)), Some(Known::of(ceiling)));
                (record.config, record.model) = (config, model.saturating_add(1));
                record.prompt_tokens = prompt_tokens;
                self.inner.append_refusal(&record).is_ok()
            }
            None => self.refused.as_ref().is_some_and(|writer| {
                let now = Now { mono_ns, wall_ns };
                writer.refuse(cause, &record, now).unwrap_or(false)
            }),
        }
    }

    fn path(&self) -> String {
        self.inner.path().to_string_lossy().into_owned()
    }

    fn records(&self) -> u64 {
        self.inner.records()
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| {
            let closed = self.inner.close();
            if let Some(refused) = &self.refused {
                refused.journal().close()?;
            }
            closed
        })?)
    }
}

/// Reads records of a segment from `offset` (0, or what an earlier call returned), at most
/// `max_records` of the file, of which those of `kinds` are returned: (tuples, next offset, tail). The
/// tail says what stands behind: `more`, `clean` (nothing yet), `sealed` (nothing, for ever) or `torn`.
///
/// Tuples have the fields of `JOURNAL_FIELDS`, by the kind that stands first. Kinds that this version
/// does not know are passed over.
#[pyfunction]
#[pyo3(signature = (path, offset, max_records, kinds = None))]
fn read_batch<'py>(
    py: Python<'py>,
    path: PathBuf,
    offset: u64,
    max_records: usize,
    kinds: Option<Vec<String>>,
) -> PyResult<(Bound<'py, PyList>, u64, Bound<'py, PyString>)> {
    let wanted = match kinds {
        None => Kind::ALL.to_vec(),
        Some(names) => names
            .iter()
            .map(|name| Kind::named(name))
            .collect::<PyResult<_>>()?,
    };
    let list = PyList::empty(py);
    let rest = rows(py, &path, offset, max_records, &wanted, |_, row| {
        list.append(PyTuple::new(py, row)?)
    })?;
    let tail = match rest.tail {
        Tail::Clean => "clean",
        Tail::Sealed => "sealed",
        Tail::Torn => "torn",
        Tail::More => "more",
    };
    Ok((list, rest.next_offset, PyString::intern(py, tail)))
}

/// Reads the records of a segment from `offset` (0, or what an earlier call returned), all of them
/// or up to `limit`, as dicts: (records, next offset, torn).
#[pyfunction]
#[pyo3(signature = (path, offset, limit = None))]
fn read_journal<'py>(
    py: Python<'py>,
    path: PathBuf,
    offset: u64,
    limit: Option<usize>,
) -> PyResult<(Bound<'py, PyList>, u64, bool)> {
    let list = PyList::empty(py);
    let limit = limit.unwrap_or(usize::MAX);
    let rest = rows(py, &path, offset, limit, &Kind::ALL, |kind, row| {
        let dict = PyDict::new(py);
        for (name, value) in kind.fields().iter().zip(row) {
            dict.set_item(PyString::intern(py, name), value)?;
        }
        list.append(dict)
    })?;
    Ok((list, rest.next_offset, rest.tail == Tail::Torn))
}

/// Shows each record of the kinds that are wanted.
fn rows<'py>(
    py: Python<'py>,
    path: &Path,
    offset: u64,
    limit: usize,
    wanted: &[Kind],
    mut show: impl FnMut(Kind, Vec<Bound<'py, PyAny>>) -> PyResult<()>,
) -> PyResult<SegmentRest> {
    let mut rows = Rows::new(py);
    let mut failed = None;
    let rest = visit_segment(path, offset, limit, |record| {
        if let Some(kind) = Kind::of(&record).filter(|kind| wanted.contains(kind)) {
            if failed.is_none() {
                failed = rows.row(&record).and_then(|row| show(kind, row)).err();
            }
        }
    })?;
    failed.map_or(Ok(rest), Err)
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

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyJournal>()?;
    let fields = PyDict::new(module.py());
    for kind in Kind::ALL {
        fields.set_item(kind.name(), PyTuple::new(module.py(), kind.fields())?)?;
    }
    module.add("JOURNAL_FIELDS", fields)?;
    module.add_function(wrap_pyfunction!(read_batch, module)?)?;
    module.add_function(wrap_pyfunction!(read_journal, module)?)?;
    module.add_function(wrap_pyfunction!(journal_segment, module)?)
}
