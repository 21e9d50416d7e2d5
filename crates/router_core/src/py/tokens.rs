//! The vocabularies, as far as Python has anything to do with them.

use pyo3::prelude::*;

use crate::tokens;

/// Adds what this file defines to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(warm_tokens, module)?)
}

#[pyfunction]
fn warm_tokens(python: Python<'_>) {
    python.detach(tokens::warm);
}
