//! The Python extension `hybridgw._router_core`: everything that knows PyO3.
//!
//! A pure module that named PyO3 would break the default build, so the boundary between the crate
//! and Python is kept by the compiler. Each file registers its own classes; docstrings live in the
//! typed stub beside the package, where editors and readers look.

mod catalogue;
mod complexity;
mod decision;
mod relay;
mod router;
mod scan;
mod state;
mod tokens;

use pyo3::prelude::*;

/// The module. It needs no GIL of its own: classes are frozen or guarded, the rest are values.
#[pymodule(gil_used = false)]
fn _router_core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    router::register(module)?;
    decision::register(module)?;
    relay::register(module)?;
    state::register(module)?;
    scan::register(module)?;
    tokens::register(module)?;
    complexity::register(module)?;
    catalogue::register(module)
}
