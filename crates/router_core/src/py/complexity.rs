//! Scoring and learning as Python sees them: for `hybridgw learn`, `explain` and evaluations. The
//! path of a request does not come through here.

use std::borrow::Cow;
use std::sync::atomic::AtomicU64;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::complexity::learn::{train, Options, Outcome, Sample, TrainError};
use crate::complexity::{
    measure_str, parts, Facts, FileError, Measured, Prior, Scorer, Shares, Thresholds, NAMES,
    THRESHOLD_WORDS,
};

/// Adds what this file defines to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<ComplexityScorer>()?;
    module.add_function(wrap_pyfunction!(learned_file, module)?)
}

/// The heuristic, or a learned file.
#[pyclass(frozen, module = "hybridgw._router_core")]
struct ComplexityScorer {
    learned: Option<Scorer>,
}

#[pymethods]
impl ComplexityScorer {
    #[new]
    #[pyo3(signature = (file=None, force=false))]
    fn new(file: Option<&[u8]>, force: bool) -> PyResult<Self> {
        let learned = file.map(|file| Scorer::load(file, force)).transpose();
        Ok(Self {
            learned: learned.map_err(refused)?,
        })
    }

    /// The record of the training as JSON; None for the heuristic.
    #[getter]
    fn training(&self) -> Option<String> {
        let scorer = self.learned.as_ref()?;
        serde_json::to_string(scorer.training()).ok()
    }

    #[pyo3(signature = (text, turns=1, tools=false, json_schema=false, images=false))]
    fn value(&self, text: &[u8], turns: u32, tools: bool, json_schema: bool, images: bool) -> f32 {
        let facts = facts(turns, tools, json_schema, images);
        self.measured(text, &facts).score
    }

    #[pyo3(signature = (text, turns=1, tools=false, json_schema=false, images=false))]
    fn score<'py>(
        &self,
        python: Python<'py>,
        text: &[u8],
        turns: u32,
        tools: bool,
        json_schema: bool,
        images: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        let facts = facts(turns, tools, json_schema, images);
        let measured = self.measured(text, &facts);
        let answer = PyDict::new(python);
        answer.set_item("score", measured.score)?;
        let prior = self
            .learned
            .as_ref()
            .map_or(Prior::HEURISTIC, Prior::learned);
        let fresh: [AtomicU64; THRESHOLD_WORDS] = Default::default();
        let class = Thresholds::new(&fresh, Shares::default(), prior).class(measured.score);
        answer.set_item("class", class.name())?;
        answer.set_item("learned", self.learned.is_some())?;
        answer.set_item("bytes_visited", measured.visited)?;
        let features = PyDict::new(python);
        for (name, value) in measured.features.named() {
            features.set_item(name, value)?;
        }
        answer.set_item("features", features)?;
        let adds = PyDict::new(python);
        if let Some(scorer) = &self.learned {
            adds.set_item("bias", scorer.bias())?;
            adds.set_item("words", measured.words)?;
            for (at, name) in NAMES.iter().enumerate() {
                adds.set_item(name, scorer.adds(&measured.features, at))?;
            }
        } else {
            for part in parts(&measured.features) {
                adds.set_item(part.name, part.adds)?;
            }
        }
        answer.set_item("adds", adds)?;
        Ok(answer)
    }
}

impl ComplexityScorer {
    /// Bytes that are not UTF-8 are read as replacement characters.
    fn measured(&self, text: &[u8], facts: &Facts) -> Measured {
        let valid = simdutf8::basic::from_utf8(text).map(Cow::Borrowed);
        let text = valid.unwrap_or_else(|_| String::from_utf8_lossy(text));
        measure_str(&text, facts, self.learned.as_ref())
    }
}

/// Learns from (prompt, weak right, strong right); returns the file. Named otherwise than for Python,
/// because that name is the crate's here.
#[pyfunction]
#[pyo3(name = "complexity_train", signature = (samples, seed=0, options="{}", groups=None))]
fn learned_file<'py>(
    python: Python<'py>,
    samples: Vec<(String, bool, bool)>,
    seed: u64,
    options: &str,
    groups: Option<Vec<String>>,
) -> PyResult<Bound<'py, PyBytes>> {
    let options = Options::from_json(options).map_err(untaught)?;
    let groups = groups.unwrap_or_default();
    if !groups.is_empty() && groups.len() != samples.len() {
        let message = format!("{} groups for {} samples", groups.len(), samples.len());
        return Err(PyValueError::new_err(message));
    }
    let learned = python.detach(|| {
        let samples: Vec<Sample<'_>> = samples
            .iter()
            .enumerate()
            .map(|(at, (prompt, weak, strong))| Sample {
                prompt,
                outcome: Outcome {
                    weak: *weak,
                    strong: *strong,
                },
                group: groups.get(at).map_or("", String::as_str),
            })
            .collect();
        train(&samples, seed, &options).map(|scorer| scorer.encode())
    });
    Ok(PyBytes::new(python, &learned.map_err(untaught)?))
}

fn facts(turns: u32, has_tools: bool, has_json_schema: bool, has_images: bool) -> Facts {
    Facts {
        turns,
        has_tools,
        has_json_schema,
        has_images,
    }
}

fn refused(error: FileError) -> PyErr {
    PyValueError::new_err(format!("{}: {error}", error.code))
}

fn untaught(error: TrainError) -> PyErr {
    PyValueError::new_err(format!("{}: {error}", error.code))
}
