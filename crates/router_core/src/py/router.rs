//! `Router`: the decision as Python takes it.
//!
//! One call decides, one settles. Arguments and results are integers, interned strings and bytes
//! objects that are kept and not copied; everything else stays on this side. Errors become
//! `DecideError` with a code; a panic becomes an exception too (the crate unwinds), so a bug fails
//! one request and not the worker.

use std::sync::Arc;
use std::time::Instant;

use pyo3::exceptions::{PyException, PyRuntimeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyString};

use super::decision::Decision;
use super::state::{PyJournal, PyStateFile};
use crate::complexity::Scorer;
use crate::router::{self, Ask, Setup};
use crate::types::{Boundary, Level, Now, Route};

/// Bodies above this size are decided with the GIL released.
///
/// Detaching and attaching again costs about a microsecond, and up to a switch interval (5 ms) when
/// another thread takes the GIL meanwhile: far more than a small body takes to read. At 64 KB
/// reading takes tens of microseconds and grows from there, while the server's own threads wait to
/// schedule callbacks; that is where letting them run starts to pay.
pub(super) const DETACH_ABOVE: usize = 64 * 1024;

/// Adds what this file defines to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<DecideError>()?;
    module.add_class::<Principal>()?;
    module.add_class::<Router>()
}

/// A request that cannot be served.
#[pyclass(module = "hybridgw._router_core", extends = PyException, frozen)]
pub struct DecideError {
    #[pyo3(get)]
    code: String,
    #[pyo3(get)]
    field: Option<String>,
    #[pyo3(get)]
    message: String,
    #[pyo3(get)]
    retry_after_ms: u64,
    #[pyo3(get)]
    level: Option<&'static str>,
    #[pyo3(get)]
    kinds: Vec<String>,
    /// What `Journal.refuse` takes: sequence, level, ceiling, generation, model, tokens.
    #[pyo3(get)]
    refused: Option<RefusedRequest>,
}

/// What was known of a request that was refused, as Python carries it from the decision to the journal.
pub(super) type RefusedRequest = (u64, u8, u8, u64, u32, u32);

#[pymethods]
impl DecideError {
    #[new]
    #[pyo3(signature = (code, message, field = None, retry_after_ms = 0, level = None, kinds = None, refused = None))]
    fn new(
        code: String,
        message: String,
        field: Option<String>,
        retry_after_ms: u64,
        level: Option<&str>,
        kinds: Option<Vec<String>>,
        refused: Option<RefusedRequest>,
    ) -> Self {
        Self {
            code,
            field,
            message,
            retry_after_ms,
            level: level.and_then(|name| {
                Level::ALL
                    .into_iter()
                    .map(Level::name)
                    .find(|it| *it == name)
            }),
            kinds: kinds.unwrap_or_default(),
            refused,
        }
    }

    fn __str__(&self) -> &str {
        &self.message
    }
}

impl From<crate::error::DecideError> for PyErr {
    fn from(error: crate::error::DecideError) -> Self {
        let field = (!error.field.is_empty()).then_some(error.field);
        let level = error.level.map(|level| level.name());
        let refused = error.refused.map(|it| {
            let (level, ceiling) = (it.level as u8, it.ceiling as u8);
            (
                it.sequence,
                level,
                ceiling,
                it.config,
                it.model,
                it.prompt_tokens,
            )
        });
        let said = (
            error.code,
            error.message,
            field,
            error.retry_after_ms,
            level,
            error.kinds,
            refused,
        );
        PyErr::new::<DecideError, _>(said)
    }
}

/// Who asks.
#[pyclass(module = "hybridgw._router_core", frozen)]
pub struct Principal {
    principal: router::Principal,
}

#[pymethods]
impl Principal {
    #[new]
    fn new(name: String, key: u64, ceiling: u8) -> PyResult<Self> {
        let ceiling = Boundary::from_u8(ceiling).ok_or_else(|| {
            PyValueError::new_err(format!("no boundary has the number {ceiling}"))
        })?;
        Ok(Self {
            principal: router::Principal { name, key, ceiling },
        })
    }

    #[getter]
    fn name(&self) -> &str {
        &self.principal.name
    }

    #[getter]
    fn key(&self) -> u64 {
        self.principal.key
    }

    #[getter]
    fn ceiling(&self) -> u8 {
        self.principal.ceiling as u8
    }
}

/// One plan, bound to the state and the journal of one worker.
#[pyclass(module = "hybridgw._router_core", frozen)]
pub struct Router {
    router: router::Router,
}

#[pymethods]
impl Router {
    #[new]
    #[pyo3(signature = (plan, state, slot, journal, learned=None))]
    fn new(
        plan: &[u8],
        state: &Bound<'_, PyStateFile>,
        slot: usize,
        journal: Option<&Bound<'_, PyJournal>>,
        learned: Option<&[u8]>,
    ) -> PyResult<Self> {
        let journal = journal.map(|journal| Arc::clone(&journal.get().inner));
        // Whether the file may be used at all was asked when the configuration was loaded.
        let scorer = learned
            .map(|file| Scorer::load(file, true))
            .transpose()
            .map_err(|error| PyValueError::new_err(error.to_string()))?;
        let setup =
            Setup::parse(plan, scorer).map_err(|error| PyValueError::new_err(error.to_string()))?;
        let state = Arc::clone(&state.get().inner);
        let router = router::Router::new(setup, state, slot, journal)
            .map_err(|error| PyRuntimeError::new_err(error.to_string()))?;
        Ok(Self { router })
    }

    /// The generation of the plan.
    #[getter]
    fn generation(&self) -> u64 {
        self.router.plan().generation
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call per request: a tuple would be one more object"
    )]
    #[allow(
        clippy::disallowed_methods,
        reason = "how long a decision took is a metric of this face, never a fact of the decision"
    )]
    fn decide(
        &self,
        body: &Bound<'_, PyBytes>,
        principal: &Bound<'_, Principal>,
        route: u8,
        hints: Option<&Bound<'_, PyDict>>,
        mono_ns: u64,
        wall_ns: u64,
        draw: u64,
    ) -> PyResult<Decision> {
        let began = Instant::now();
        let decision = ask(
            body,
            principal,
            route,
            hints,
            Now { mono_ns, wall_ns },
            draw,
            |ask| self.router.decide(ask),
        );
        let nanoseconds = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        self.router.count_decision(nanoseconds);
        Ok(Decision::new(decision?, body.clone().unbind()))
    }

    #[allow(clippy::too_many_arguments, reason = "the same arguments as decide")]
    fn explain(
        &self,
        body: &Bound<'_, PyBytes>,
        principal: &Bound<'_, Principal>,
        route: u8,
        hints: Option<&Bound<'_, PyDict>>,
        mono_ns: u64,
        wall_ns: u64,
        draw: u64,
    ) -> PyResult<String> {
        ask(
            body,
            principal,
            route,
            hints,
            Now { mono_ns, wall_ns },
            draw,
            |ask| self.router.explain(ask),
        )
    }
}

/// Calls `answer` with the arguments as values, without the GIL when the body is large.
fn ask<T: Send>(
    body: &Bound<'_, PyBytes>,
    principal: &Bound<'_, Principal>,
    route: u8,
    hints: Option<&Bound<'_, PyDict>>,
    now: Now,
    draw: u64,
    answer: impl FnOnce(&Ask<'_>) -> Result<T, crate::error::DecideError> + Send,
) -> PyResult<T> {
    let route = Route::from_u8(route)
        .ok_or_else(|| PyValueError::new_err(format!("no route has the number {route}")))?;
    let texts = match hints {
        None => Vec::new(),
        Some(hints) => hints
            .iter()
            .map(|(name, value)| {
                Ok((
                    name.cast_into::<PyString>()?,
                    value.cast_into::<PyString>()?,
                ))
            })
            .collect::<PyResult<Vec<_>>>()?,
    };
    let headers = texts
        .iter()
        .map(|(name, value)| Ok((name.to_str()?, value.to_str()?)))
        .collect::<PyResult<Vec<(&str, &str)>>>()?;
    let principal = &principal.get().principal;
    let ask = Ask {
        body: body.as_bytes(),
        principal,
        route,
        headers: &headers,
        now,
        draw,
    };
    let answered = if body.as_bytes().len() > DETACH_ABOVE {
        body.py().detach(|| answer(&ask))
    } else {
        answer(&ask)
    };
    Ok(answered?)
}
