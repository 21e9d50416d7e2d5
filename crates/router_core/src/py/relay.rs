//! `Relay`: the event relay as Python drives it, one call per chunk.
//!
//! A chunk that passes comes back as the very same `bytes` object, so the happy path copies
//! nothing. The GIL stays held: a chunk costs about a microsecond, giving it up costs more.

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::router;
use crate::stream::{Facts, Feed, Identity, RelayOptions, Shape, MAX_EVENT};

/// Adds what this file defines to the extension module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Relay>()
}

/// The relay of one answer.
#[pyclass(module = "hybridgw._router_core")]
pub struct Relay {
    relay: router::Relay,
}

/// The options of a relay from plain values.
pub(super) fn options(
    shape: u8,
    strip_usage: bool,
    name: &str,
    created: u64,
    model: &str,
    max_event: usize,
) -> PyResult<RelayOptions> {
    let Some(shape) = Shape::from_u8(shape) else {
        return Err(PyValueError::new_err(format!(
            "no answer shape has the number {shape}"
        )));
    };
    Ok(RelayOptions {
        shape,
        strip_usage,
        identity: Identity {
            name: name.to_owned(),
            created,
            model: model.to_owned(),
        },
        max_event,
    })
}

impl Relay {
    /// The relay that an attempt has made.
    pub(super) fn of(relay: router::Relay) -> Self {
        Self { relay }
    }

    fn facts(&self) -> &Facts {
        self.relay.facts()
    }

    fn forward<'py>(
        python: Python<'py>,
        feed: Feed,
        chunk: Option<&Bound<'py, PyBytes>>,
    ) -> Option<Bound<'py, PyBytes>> {
        match feed {
            Feed::Pass => chunk.cloned(),
            Feed::Replace(bytes) => Some(PyBytes::new(python, &bytes)),
            Feed::Hold | Feed::TooLarge => None,
        }
    }
}

#[pymethods]
impl Relay {
    /// A relay of no attempt; those of attempts are made by their permits.
    #[new]
    #[pyo3(signature = (shape, strip_usage, name = "", created = 0, model = "", max_event = MAX_EVENT))]
    fn new(
        shape: u8,
        strip_usage: bool,
        name: &str,
        created: u64,
        model: &str,
        max_event: usize,
    ) -> PyResult<Self> {
        let options = options(shape, strip_usage, name, created, model, max_event)?;
        Ok(Self::of(router::Relay::apart(options)))
    }

    /// Takes the next bytes; returns what to forward: the same object, other bytes, or `None`.
    fn feed<'py>(&mut self, chunk: &Bound<'py, PyBytes>) -> Option<Bound<'py, PyBytes>> {
        let feed = self.relay.feed(chunk.as_bytes());
        Self::forward(chunk.py(), feed, Some(chunk))
    }

    /// Takes the end of the answer, whatever ended it; returns what is still to be forwarded, or `None`.
    fn finish<'py>(&mut self, python: Python<'py>) -> Option<Bound<'py, PyBytes>> {
        let feed = self.relay.finish();
        Self::forward(python, feed, None)
    }

    /// The end of a stream that failed, where its dialect has to know what was said before; else `None`.
    fn failure<'py>(
        &mut self,
        python: Python<'py>,
        message: &str,
        code: &str,
    ) -> Option<Bound<'py, PyBytes>> {
        let events = self.relay.failure(message, code)?;
        Some(PyBytes::new(python, &events))
    }

    /// Observes an answer in one piece; returns the same object, or mended bytes.
    fn observe<'py>(&mut self, body: &Bound<'py, PyBytes>) -> Bound<'py, PyBytes> {
        match self.relay.observe_body(body.as_bytes()) {
            Some(mended) => PyBytes::new(body.py(), &mended),
            None => body.clone(),
        }
    }

    /// The bytes held back because they are no event stream.
    fn take_body<'py>(&mut self, python: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(python, &self.relay.take_body())
    }

    /// Whether anything that a client would show was in the answer.
    #[getter]
    fn content(&self) -> bool {
        self.facts().content
    }

    /// Whether the event was seen that ends an answer in this shape.
    #[getter]
    fn terminal(&self) -> bool {
        self.facts().terminal
    }

    /// Whether data arrived after the event that ends an answer.
    #[getter]
    fn after_terminal(&self) -> bool {
        self.facts().after_terminal
    }

    /// Whether every choice seen got a finish reason.
    #[getter]
    fn finished(&self) -> bool {
        self.facts().choices.all_finished()
    }

    /// Whether the bytes are no stream of this shape; they are held for `take_body`.
    #[getter]
    fn not_sse(&self) -> bool {
        self.facts().not_sse
    }

    /// Whether an event was larger than allowed; nothing is forwarded any more.
    #[getter]
    fn too_large(&self) -> bool {
        self.facts().too_large
    }

    /// How many events (or bodies) were not JSON.
    #[getter]
    fn unreadable(&self) -> u64 {
        self.facts().unreadable
    }

    /// How many events with data there were.
    #[getter]
    fn events(&self) -> u64 {
        self.facts().events
    }

    /// How many bytes were received.
    #[getter]
    fn bytes(&self) -> u64 {
        self.facts().bytes
    }

    /// How the answer ended, or would end now: done, finished, truncated, empty, error, not_sse,
    /// too_large.
    #[getter]
    fn end(&self) -> &'static str {
        self.relay.end().name()
    }

    /// The first error in the answer: message, type, code.
    #[getter]
    fn error(&self) -> Option<(&str, &str, &str)> {
        let error = self.facts().error.as_ref()?;
        Some((&error.message, &error.kind, &error.code))
    }

    /// Tokens as reported: prompt, completion, cached, reasoning.
    #[getter]
    fn usage(&self) -> Option<(u64, u64, u64, u64)> {
        let usage = self.facts().usage?;
        Some((
            usage.prompt,
            usage.completion,
            usage.cached,
            usage.reasoning,
        ))
    }

    /// The cost as reported, in billionths of a credit.
    #[getter]
    fn cost_nanos(&self) -> Option<i64> {
        self.facts().usage?.cost_nanos
    }
}
