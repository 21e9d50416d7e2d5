//! The vocabulary as data, for the test that compares it with Python's, and for documentation.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::router::{Verdict, DECIDE_ERRORS};
use crate::stream::Shape;
use crate::types::{Boundary, Level, Outcome, Reason, Route};

/// Adds what this file defines to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(catalogue, module)?)?;
    module.add_function(wrap_pyfunction!(build_info, module)?)
}

#[pyfunction]
fn catalogue(python: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let numbered = |pairs: &mut dyn Iterator<Item = (&'static str, u32)>| -> PyResult<_> {
        let dict = PyDict::new(python);
        for (name, number) in pairs {
            dict.set_item(name, number)?;
        }
        Ok(dict)
    };
    let catalogue = PyDict::new(python);
    catalogue.set_item(
        "outcomes",
        numbered(
            &mut Outcome::ALL
                .iter()
                .map(|outcome| (outcome.name(), *outcome as u32)),
        )?,
    )?;
    catalogue.set_item(
        "boundaries",
        numbered(&mut Boundary::ALL.iter().map(|it| (it.name(), *it as u32)))?,
    )?;
    catalogue.set_item(
        "levels",
        numbered(&mut Level::ALL.iter().map(|it| (it.name(), *it as u32)))?,
    )?;
    catalogue.set_item(
        "routes",
        numbered(&mut Route::ALL.iter().map(|it| (it.name(), *it as u32)))?,
    )?;
    catalogue.set_item(
        "shapes",
        numbered(&mut Shape::ALL.iter().map(|it| (it.name(), *it as u32)))?,
    )?;
    catalogue.set_item(
        "verdicts",
        numbered(&mut Verdict::ALL.iter().map(|it| (it.name(), *it as u32)))?,
    )?;
    catalogue.set_item(
        "reasons",
        Reason::ALL
            .iter()
            .map(|reason| reason.code())
            .collect::<Vec<_>>(),
    )?;
    catalogue.set_item("decide_errors", DECIDE_ERRORS)?;
    Ok(catalogue)
}

#[pyfunction]
fn build_info(python: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let info = PyDict::new(python);
    info.set_item("version", env!("CARGO_PKG_VERSION"))?;
    info.set_item(
        "profile",
        if cfg!(debug_assertions) {
            "debug"
        } else {
            "release"
        },
    )?;
    info.set_item("features", ["python"])?;
    info.set_item(
        "state_layout",
        format!("{:016x}", crate::shared::LAYOUT_HASH),
    )?;
    Ok(info)
}
