//! The scanner for the command line and for measurements.
//!
//! Requests are scanned inside of `decide`; this face is for texts that are no requests. It answers
//! places and kinds, and the caller, who has the text, decides what to show.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::router;
use crate::sensitivity::{Findings, ScanConfig, ScanConfigError, Scanner, RULES};

/// Adds what this file defines to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("SCAN_RULES", RULES)?;
    module.add_function(wrap_pyfunction!(prompt_hash, module)?)?;
    module.add_class::<PyScanner>()
}

/// What names a system text in `privacy.trusted_prompts`.
#[pyfunction]
fn prompt_hash(text: &[u8]) -> String {
    router::prompt_hash(text)
}

/// Below this many bytes handing the interpreter over costs more than the scan.
const ALONE: usize = 16 * 1024;
/// Places in one answer.
const MOST_SPANS: usize = 1000;

/// A compiled scan configuration.
#[pyclass(name = "Scanner", module = "hybridgw._router_core", frozen)]
struct PyScanner {
    scanner: Scanner,
}

#[pymethods]
impl PyScanner {
    #[new]
    #[pyo3(signature = (config_json = &b"{}"[..]))]
    fn new(config_json: &[u8]) -> PyResult<Self> {
        let config = ScanConfig::from_json(config_json).map_err(|faults| refused(&faults))?;
        let scanner = Scanner::new(&config).map_err(|faults| refused(&faults))?;
        Ok(Self { scanner })
    }

    fn scan<'py>(&self, python: Python<'py>, text: &[u8]) -> PyResult<Bound<'py, PyDict>> {
        let findings = if text.len() < ALONE {
            self.scanner.scan_bytes(text, MOST_SPANS)
        } else {
            python.detach(|| self.scanner.scan_bytes(text, MOST_SPANS))
        };
        self.shown(python, &findings)
    }

    /// `(kind, default level, level)` of each kind that the configuration made less sensitive.
    fn loosened(&self) -> Vec<(&'static str, &'static str, &'static str)> {
        let all = self.scanner.loosened().iter();
        all.map(|(kind, from, to)| (kind.name(), from.name(), to.name()))
            .collect()
    }

    /// `(name, bytes of memory, steps per byte)` of each pattern.
    fn costs(&self) -> Vec<(String, usize, u32)> {
        let all = self.scanner.costs().into_iter();
        all.map(|it| (it.name, it.memory, it.steps_per_byte))
            .collect()
    }
}

impl PyScanner {
    fn shown<'py>(&self, python: Python<'py>, findings: &Findings) -> PyResult<Bound<'py, PyDict>> {
        let answer = PyDict::new(python);
        answer.set_item("level", findings.level.map(|it| it.name()))?;
        answer.set_item("found", findings.found.name())?;
        let kinds = PyDict::new(python);
        for (name, count) in findings.named() {
            kinds.set_item(name, count)?;
        }
        answer.set_item("kinds", kinds)?;
        let spans = PyList::empty(python);
        for span in &findings.spans {
            let name = self
                .scanner
                .pattern_name(span.pattern)
                .unwrap_or(span.entity.name());
            spans.append((span.start, span.end, span.entity.name(), name))?;
        }
        answer.set_item("spans", spans)?;
        answer.set_item("saturated", findings.saturated)?;
        answer.set_item("visited", findings.visited)?;
        Ok(answer)
    }
}

fn refused(faults: &[ScanConfigError]) -> PyErr {
    let lines: Vec<_> = faults
        .iter()
        .map(|it| {
            let name = if it.name.is_empty() {
                String::new()
            } else {
                format!(" ({})", it.name)
            };
            format!("{}{name}: {}; {}", it.path, it.message, it.fix)
        })
        .collect();
    PyValueError::new_err(lines.join("\n"))
}
