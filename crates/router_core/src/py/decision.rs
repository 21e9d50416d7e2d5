//! `Decision`, `Permit`: a decided request and its attempts as Python holds them.
//!
//! Both keep the client's body by reference, so there is one copy of it however many attempts are
//! made; a body for an upstream is spliced when it is asked for and belongs to the caller.

use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyString, PyTuple};

use super::relay::{self, Relay};
use super::router::DETACH_ABOVE;
use crate::body::Less;
use crate::plan::Until;
use crate::router::{self, Settlement, Verdict};
use crate::stream::MAX_EVENT;
use crate::text::NESTED;
use crate::types::{Now, Outcome};

/// Adds what this file defines to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("NESTED", PyTuple::new(module.py(), NESTED)?)?;
    module.add_class::<Decision>()?;
    module.add_class::<Permit>()
}

/// A decided request.
#[pyclass(module = "hybridgw._router_core", frozen)]
pub struct Decision {
    decision: router::Decision,
    body: Py<PyBytes>,
}

impl Decision {
    /// `body` is the one that was decided.
    pub(super) fn new(decision: router::Decision, body: Py<PyBytes>) -> Self {
        Self { decision, body }
    }

    fn permit_of(&self, python: Python<'_>, permit: Arc<router::Permit>) -> Permit {
        Permit {
            permit,
            body: self.body.clone_ref(python),
        }
    }
}

#[pymethods]
impl Decision {
    #[getter]
    fn id(&self) -> String {
        self.decision.id().to_string()
    }

    #[getter]
    fn model(&self) -> &str {
        self.decision.model()
    }

    #[getter]
    fn stream(&self) -> bool {
        self.decision.stream()
    }

    #[getter]
    fn include_usage(&self) -> bool {
        self.decision.include_usage()
    }

    #[getter]
    fn timeout_ms(&self) -> u64 {
        self.decision.timeout_ms()
    }

    #[getter]
    fn stream_timeout_ms(&self) -> u64 {
        self.decision.stream_timeout_ms()
    }

    #[getter]
    fn ceiling(&self) -> u8 {
        self.decision.ceiling() as u8
    }

    #[getter]
    fn unheeded(&self) -> Vec<String> {
        self.decision.unheeded().to_vec()
    }

    #[getter]
    fn drop_refused(&self) -> Option<bool> {
        self.decision.drop_refused()
    }

    #[getter]
    fn level(&self) -> u8 {
        self.decision.level() as u8
    }

    #[getter]
    fn remote_media(&self) -> bool {
        self.decision.remote_media()
    }

    #[getter]
    fn late_system(&self) -> bool {
        self.decision.late_system()
    }

    #[getter]
    fn nested(&self) -> u32 {
        self.decision.nested()
    }

    #[getter]
    fn prompt_tokens(&self) -> u64 {
        self.decision.prompt_tokens()
    }

    #[getter]
    fn permit(&self, python: Python<'_>) -> Permit {
        self.permit_of(python, self.decision.permit())
    }

    #[getter]
    fn attempts(&self) -> u32 {
        self.decision.attempts()
    }

    #[getter]
    fn exhausted<'py>(&self, python: Python<'py>) -> Bound<'py, PyString> {
        PyString::intern(
            python,
            self.decision.exhausted().map_or("", |reason| reason.code()),
        )
    }

    fn may_move(&self, mono_ns: u64) -> bool {
        self.decision.may_move(Now {
            mono_ns,
            wall_ns: 0,
        })
    }

    #[getter]
    fn hold(&self) -> Option<(&'static str, u32)> {
        match self.decision.hold().until {
            Until::FirstContent => None,
            Until::Tokens(number) => Some(("tokens", number)),
            Until::TimeMs(limit) => Some(("time", limit)),
            Until::Whole => Some(("whole", 0)),
        }
    }

    fn escalate(
        &self,
        python: Python<'_>,
        verdict: u8,
        mono_ns: u64,
        wall_ns: u64,
        draw: u64,
    ) -> PyResult<Option<Permit>> {
        let verdict = Verdict::from_u8(verdict)
            .ok_or_else(|| PyValueError::new_err(format!("no verdict has the number {verdict}")))?;
        Ok(self
            .decision
            .escalate(verdict, Now { mono_ns, wall_ns }, draw)
            .map(|permit| self.permit_of(python, permit)))
    }

    #[getter]
    fn retry_after_ms(&self) -> u64 {
        self.decision.retry_after_ms()
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call per attempt: a tuple would be one more object"
    )]
    fn next(
        &self,
        python: Python<'_>,
        outcome: u8,
        status: u16,
        retry_after_ms: u64,
        bytes_sent: u64,
        content_sent: bool,
        mono_ns: u64,
        wall_ns: u64,
        draw: u64,
    ) -> PyResult<Option<Permit>> {
        let failure = Settlement {
            outcome: outcome_of(outcome)?,
            status,
            retry_after_ms,
            bytes_sent,
            content_sent,
            now: Now { mono_ns, wall_ns },
        };
        Ok(self
            .decision
            .next(&failure, draw)
            .map(|permit| self.permit_of(python, permit)))
    }
}

/// The right to make one attempt.
#[pyclass(module = "hybridgw._router_core", frozen)]
pub struct Permit {
    permit: Arc<router::Permit>,
    body: Py<PyBytes>,
}

#[pymethods]
impl Permit {
    #[getter]
    fn deployment(&self) -> u32 {
        self.permit.deployment()
    }

    #[getter]
    fn attempt(&self) -> u32 {
        u32::from(self.permit.number()) + 1
    }

    #[getter]
    fn delay_ms(&self) -> u64 {
        self.permit.delay_ms()
    }

    #[getter]
    fn reason<'py>(&self, python: Python<'py>) -> Bound<'py, PyString> {
        PyString::intern(python, self.permit.reason().code())
    }

    #[getter]
    fn probe(&self) -> bool {
        self.permit.probe()
    }

    #[getter]
    fn model(&self) -> String {
        self.permit.upstream_model().into_owned()
    }

    #[pyo3(signature = (translated = false))]
    fn untold(&self, python: Python<'_>, translated: bool) -> Option<Vec<String>> {
        // Nearly always there is nothing: no list is made then.
        let bytes = self.body.bind(python).as_bytes();
        let untold = self.permit.untold(bytes, translated);
        (!untold.is_empty()).then_some(untold)
    }

    #[getter]
    fn leaves(&self) -> Option<Vec<String>> {
        let leaves = self.permit.leaves();
        (!leaves.is_empty()).then(|| leaves.to_vec())
    }

    #[getter]
    fn converted(&self, python: Python<'_>) -> bool {
        self.permit.converted(self.body.bind(python).as_bytes())
    }

    fn refused(&self, mono_ns: u64) -> u64 {
        self.permit.refused(Now {
            mono_ns,
            wall_ns: 0,
        })
    }

    fn refuse(&self, members: u64, mono_ns: u64) {
        let now = Now {
            mono_ns,
            wall_ns: 0,
        };
        self.permit.refuse(members, now);
    }

    fn most_inputs(&self, mono_ns: u64) -> u64 {
        self.permit.most_inputs(Now {
            mono_ns,
            wall_ns: 0,
        })
    }

    fn lacks_responses(&self, mono_ns: u64) -> bool {
        self.permit.lacks_responses(Now {
            mono_ns,
            wall_ns: 0,
        })
    }

    #[pyo3(signature = (mono_ns, most_inputs = 0, lacks_responses = false))]
    fn learn_limits(&self, mono_ns: u64, most_inputs: u64, lacks_responses: bool) {
        let now = Now {
            mono_ns,
            wall_ns: 0,
        };
        self.permit.learn_limits(most_inputs, lacks_responses, now);
    }

    fn says(&self, python: Python<'_>, name: &str) -> bool {
        self.permit.says(self.body.bind(python).as_bytes(), name)
    }

    #[pyo3(signature = (leave = None, withhold = None, renames = None, translated = false))]
    fn body<'py>(
        &self,
        python: Python<'py>,
        leave: Option<Vec<String>>,
        withhold: Option<Vec<String>>,
        renames: Option<Vec<(String, String)>>,
        translated: bool,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let received = self.body.bind(python);
        let (leave, withhold) = (leave.unwrap_or_default(), withhold.unwrap_or_default());
        let leave: Vec<_> = leave.iter().map(String::as_str).collect();
        let withhold: Vec<_> = withhold.iter().map(String::as_str).collect();
        let renames = renames.unwrap_or_default();
        let renames: Vec<_> = renames
            .iter()
            .map(|(from, to)| (from.as_str(), to.as_str()))
            .collect();
        let less = Less {
            leave: &leave,
            withhold: &withhold,
            renames: &renames,
            translated,
        };
        let bytes = received.as_bytes();
        let spliced = if bytes.len() > DETACH_ABOVE {
            python.detach(|| self.permit.splice_without(bytes, &less))
        } else {
            self.permit.splice_without(bytes, &less)
        };
        let spliced = spliced.ok_or_else(|| {
            PyValueError::new_err(
                "the plan leaves the translation of this deployment's bodies to its provider",
            )
        })?;
        if spliced == received.as_bytes() {
            return Ok(received.clone());
        }
        Ok(PyBytes::new(python, &spliced))
    }

    #[pyo3(signature = (shape, strip_usage, name = "", created = 0))]
    fn relay(&self, shape: u8, strip_usage: bool, name: &str, created: u64) -> PyResult<Relay> {
        let model = self.permit.upstream_model();
        let options = relay::options(shape, strip_usage, name, created, &model, MAX_EVENT)?;
        Ok(Relay::of(self.permit.relay(options)))
    }

    #[getter]
    fn verdict(&self) -> u8 {
        self.permit.verdict() as u8
    }

    fn commit(&self) {
        self.permit.commit();
    }

    fn first_token(&self, mono_ns: u64) {
        self.permit.first_token(Now {
            mono_ns,
            wall_ns: 0,
        });
    }

    #[allow(
        clippy::too_many_arguments,
        reason = "one call per attempt: a tuple would be one more object"
    )]
    fn finish(
        &self,
        outcome: u8,
        status: u16,
        bytes_sent: u64,
        content_sent: bool,
        mono_ns: u64,
        wall_ns: u64,
    ) -> PyResult<()> {
        self.permit.finish(&Settlement {
            outcome: outcome_of(outcome)?,
            status,
            retry_after_ms: 0,
            bytes_sent,
            content_sent,
            now: Now { mono_ns, wall_ns },
        });
        Ok(())
    }
}

fn outcome_of(number: u8) -> PyResult<Outcome> {
    Outcome::from_u8(number)
        .ok_or_else(|| PyValueError::new_err(format!("no outcome has the number {number}")))
}
