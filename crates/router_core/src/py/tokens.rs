//! Counting tokens for Python: the token counter of the API, and checks from outside.

use pyo3::exceptions::PyUnicodeDecodeError;
use pyo3::prelude::*;

use crate::tokens;

/// From this many bytes on others may run meanwhile; below it handing over costs more than counting.
const RELEASE: usize = 64 * 1024;

/// Adds what this file defines to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(count_tokens, module)?)?;
    module.add_function(wrap_pyfunction!(estimate_tokens, module)?)?;
    module.add_function(wrap_pyfunction!(warm_tokens, module)?)
}

fn released<T: Send>(python: Python<'_>, bytes: usize, work: impl FnOnce() -> T + Send) -> T {
    if bytes > RELEASE {
        python.detach(work)
    } else {
        work()
    }
}

#[pyfunction]
fn count_tokens(python: Python<'_>, text: &str, model: &str) -> usize {
    let encoding = tokens::encoding_for(model);
    released(python, text.len(), || tokens::count(encoding, text))
}

/// (tokens, exact). Raises UnicodeDecodeError if the bytes are not UTF-8.
#[pyfunction]
fn estimate_tokens(python: Python<'_>, text: &[u8], model: &str) -> PyResult<(u64, bool)> {
    let encoding = tokens::encoding_for(model);
    let estimate = released(python, text.len(), || {
        let text = simdutf8::compat::from_utf8(text)?;
        Ok(tokens::estimate(encoding, text))
    });
    match estimate {
        Ok(estimate) => Ok((estimate.tokens, estimate.exact)),
        Err(error) => Err(invalid(python, text, &error)),
    }
}

fn invalid(python: Python<'_>, text: &[u8], error: &simdutf8::compat::Utf8Error) -> PyErr {
    let at = error.valid_up_to();
    match PyUnicodeDecodeError::new(python, c"utf-8", text, at..at + 1, c"not UTF-8") {
        Ok(raised) => PyErr::from_value(raised.into_any()),
        Err(other) => other,
    }
}

#[pyfunction]
fn warm_tokens(python: Python<'_>) {
    python.detach(tokens::warm);
}
