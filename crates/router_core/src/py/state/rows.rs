//! Journal records as Python values, field by field in a documented order.
//!
//! A consumer reads every record there is, so a record must cost little: plain values in a tuple, words
//! and names made once per batch and shared. Numbers that name something in the vocabulary become its
//! words, so a reader needs no table; those that only a later version knows become `unknown(17)`. A cost
//! that is unknown becomes `None`, a trace or a word that is absent an empty text.

use std::collections::HashMap;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyFloat, PyString, PyTuple};

use crate::shared::journal::{
    Candidate, DecisionRecord, DisposalRecord, EndRecord, Fate, Known, Numbered, Record, RecordId,
    RefusalRecord, StartRecord,
};
use crate::types::{BoundSource, Boundary, Level, Outcome, Reason, Refusal, Route, Stage};

/// A kind of record.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Decision,
    Start,
    End,
    Disposal,
    Refusal,
}

impl Kind {
    pub(super) const ALL: [Self; 5] = [
        Self::Decision,
        Self::Start,
        Self::End,
        Self::Disposal,
        Self::Refusal,
    ];

    /// The kind of a record; `None` of one that this version does not know.
    pub(super) fn of(record: &Record<'_>) -> Option<Self> {
        Some(match record {
            Record::Decision(_) => Self::Decision,
            Record::Start(_) => Self::Start,
            Record::End(_) => Self::End,
            Record::Disposal(_) => Self::Disposal,
            Record::Refusal(_) => Self::Refusal,
            Record::Unknown(_) => return None,
        })
    }

    pub(super) fn named(name: &str) -> PyResult<Self> {
        let kind = Self::ALL.into_iter().find(|kind| kind.name() == name);
        kind.ok_or_else(|| PyValueError::new_err(format!("there are no records called {name}")))
    }

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Decision => "decision",
            Self::Start => "start",
            Self::End => "end",
            Self::Disposal => "disposal",
            Self::Refusal => "refusal",
        }
    }

    /// The names of its fields, in their order.
    #[rustfmt::skip]
    pub(super) fn fields(self) -> &'static [&'static str] {
        match self {
            Self::Decision => &[
                "kind", "id", "attempt", "wall_ns", "draw", "config", "route", "level", "ceiling",
                "stream", "binding", "exact", "remote_media", "learned", "key", "model",
                "prompt_tokens", "max_tokens", "rule", "hints_given", "hint_tier", "hint_latency",
                "hint_task", "difficulty", "score", "start_tier", "features", "bounds", "considered",
                "candidates",
            ],
            Self::Start => &[
                "kind", "id", "attempt", "wall_ns", "route", "level", "ceiling", "stream", "key",
                "model", "deployment", "deployment_name", "estimated_prompt_tokens", "max_tokens",
                "tier", "reason", "config", "task", "rule", "prices", "agent", "end_user", "trace",
                "span", "accounts",
            ],
            Self::End => &[
                "kind", "id", "attempt", "wall_ns", "outcome", "status", "usage_reported",
                "content_sent", "fallback", "prompt_tokens", "completion_tokens", "cached_tokens",
                "reasoning_tokens", "ttft_us", "duration_us", "bytes_sent", "cost_nanos",
                "cache_write_tokens", "verdict", "disposal",
            ],
            Self::Disposal => &["kind", "id", "attempt", "wall_ns", "disposal", "bytes_sent"],
            Self::Refusal => &[
                "kind", "id", "attempt", "wall_ns", "cause", "status", "unrecorded", "route", "level",
                "ceiling", "key", "config", "model", "prompt_tokens",
            ],
        }
    }
}

/// A vocabulary whose words are kept, so that each becomes a text once.
trait Vocabulary: Numbered {
    const POSITION: usize;
}

macro_rules! vocabularies {
    ($($type:ty = $position:literal;)+) => {
        $(impl Vocabulary for $type {
            const POSITION: usize = $position;
        })+
        const VOCABULARIES: usize = [$($position),+].len();
    };
}

vocabularies! {
    Route = 0;
    Level = 1;
    Boundary = 2;
    Outcome = 3;
    Reason = 4;
    Refusal = 5;
    Stage = 6;
    BoundSource = 7;
    Fate = 8;
    crate::shared::journal::Disposal = 9;
}

/// Makes rows, and shares between them what many have in common.
pub(super) struct Rows<'py> {
    py: Python<'py>,
    words: [Vec<Option<Bound<'py, PyAny>>>; VOCABULARIES],
    names: HashMap<String, Bound<'py, PyAny>>,
    deployments: HashMap<u64, Bound<'py, PyAny>>,
    nothing: Bound<'py, PyAny>,
    /// A text of no length.
    empty: Bound<'py, PyAny>,
    no_items: Bound<'py, PyAny>,
}

impl<'py> Rows<'py> {
    pub(super) fn new(py: Python<'py>) -> Self {
        Self {
            py,
            words: Default::default(),
            names: HashMap::new(),
            deployments: HashMap::new(),
            nothing: py.None().into_bound(py),
            empty: PyString::intern(py, "").into_any(),
            no_items: PyTuple::empty(py).into_any(),
        }
    }

    /// The fields of a record, in the order of [`Kind::fields`].
    pub(super) fn row(&mut self, record: &Record<'_>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        match record {
            Record::Decision(decision) => self.decision(decision),
            Record::Start(start) => self.start(start),
            Record::End(end) => self.end(end),
            Record::Disposal(disposal) => self.disposal(disposal),
            Record::Refusal(refusal) => self.refusal(refusal),
            Record::Unknown(_) => Ok(Vec::new()),
        }
    }

    fn int(&self, number: impl Into<u64>) -> Bound<'py, PyAny> {
        let number: u64 = number.into();
        number
            .into_pyobject(self.py)
            .map(Bound::into_any)
            .unwrap_or_else(|never| match never {})
    }

    fn float(&self, number: f64) -> Bound<'py, PyAny> {
        PyFloat::new(self.py, number).into_any()
    }

    fn flag(&self, flag: bool) -> Bound<'py, PyAny> {
        PyBool::new(self.py, flag).to_owned().into_any()
    }

    fn text(&self, text: &str) -> Bound<'py, PyAny> {
        PyString::new(self.py, text).into_any()
    }

    fn name(&mut self, name: &str) -> Bound<'py, PyAny> {
        if let Some(known) = self.names.get(name) {
            return known.clone();
        }
        let made = self.text(name);
        self.names.insert(name.to_owned(), made.clone());
        made
    }

    fn word<T: Vocabulary>(&mut self, word: Known<T>) -> Bound<'py, PyAny> {
        let number = usize::from(word.number());
        let known = &mut self.words[T::POSITION];
        if known.len() <= number {
            known.resize(number + 1, None);
        }
        let py = self.py;
        known[number]
            .get_or_insert_with(|| PyString::intern(py, &word.word()).into_any())
            .clone()
    }

    fn word_or_empty<T: Vocabulary>(&mut self, word: Option<Known<T>>) -> Bound<'py, PyAny> {
        match word {
            Some(word) => self.word(word),
            None => self.empty.clone(),
        }
    }

    fn deployment(&mut self, identity: u64) -> Bound<'py, PyAny> {
        let py = self.py;
        self.deployments
            .entry(identity)
            .or_insert_with(|| PyString::new(py, &format!("{identity:016x}")).into_any())
            .clone()
    }

    fn digits(&self, bytes: &[u8]) -> Bound<'py, PyAny> {
        if bytes.iter().all(|byte| *byte == 0) {
            return self.empty.clone();
        }
        let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.text(&digits)
    }

    fn items(&self, items: Vec<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyAny>> {
        if items.is_empty() {
            return Ok(self.no_items.clone());
        }
        Ok(PyTuple::new(self.py, items)?.into_any())
    }

    /// A row with what every record begins with.
    fn begin(&mut self, kind: Kind, id: &RecordId, wall_ns: u64) -> Vec<Bound<'py, PyAny>> {
        let mut row = Vec::with_capacity(kind.fields().len());
        row.extend([
            self.name(kind.name()),
            self.text(&id.to_string()),
            self.int(id.attempt),
            self.int(wall_ns),
        ]);
        row
    }

    fn start(&mut self, start: &StartRecord<'_>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut row = self.begin(Kind::Start, &start.id, start.wall_ns);
        let more = &start.more;
        let accounts = more.accounts.iter().map(|account| self.int(*account));
        let accounts = self.items(accounts.collect())?;
        row.extend([
            self.word(start.route),
            self.word(start.level),
            self.word(start.ceiling),
            self.flag(start.stream),
            self.int(start.key),
            self.name(&start.model),
            self.deployment(start.deployment),
            self.name(&start.deployment_name),
            self.int(start.estimated_prompt_tokens),
            self.int(start.max_tokens),
            self.name(&more.tier),
            self.word_or_empty(more.reason),
            self.int(more.config),
            self.int(more.task),
            self.int(more.rule),
            self.int(more.prices),
            self.int(more.agent),
            self.int(more.end_user),
            self.digits(&more.trace.trace),
            self.digits(&more.trace.span),
            accounts,
        ]);
        Ok(row)
    }

    fn end(&mut self, end: &EndRecord) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut row = self.begin(Kind::End, &end.id, end.wall_ns);
        row.extend([
            self.word(end.outcome),
            self.int(end.status),
            self.flag(end.flags.usage_reported),
            self.flag(end.flags.content_sent),
            self.flag(end.flags.fallback),
            self.int(end.prompt_tokens),
            self.int(end.completion_tokens),
            self.int(end.cached_tokens),
            self.int(end.reasoning_tokens),
            self.int(end.ttft_us),
            self.int(end.duration_us),
            self.int(end.bytes_sent),
            match u64::try_from(end.cost_nanos) {
                Ok(nanos) => self.int(nanos),
                Err(_) => self.nothing.clone(),
            },
            self.int(end.cache_write_tokens),
            self.int(end.verdict),
            self.word_or_empty(end.disposal),
        ]);
        Ok(row)
    }

    fn disposal(&mut self, disposal: &DisposalRecord) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut row = self.begin(Kind::Disposal, &disposal.id, disposal.wall_ns);
        row.extend([self.word(disposal.disposal), self.int(disposal.bytes_sent)]);
        Ok(row)
    }

    fn refusal(&mut self, refusal: &RefusalRecord) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut row = self.begin(Kind::Refusal, &refusal.id, refusal.wall_ns);
        row.extend([
            self.word(refusal.cause),
            self.int(refusal.status),
            self.int(refusal.unrecorded),
            self.word_or_empty(refusal.route),
            self.word_or_empty(refusal.level),
            self.word_or_empty(refusal.ceiling),
            self.int(refusal.key),
            self.int(refusal.config),
            self.int(refusal.model),
            self.int(refusal.prompt_tokens),
        ]);
        Ok(row)
    }

    fn decision(&mut self, decision: &DecisionRecord<'_>) -> PyResult<Vec<Bound<'py, PyAny>>> {
        let mut row = self.begin(Kind::Decision, &decision.id, decision.wall_ns);
        let (flags, hints) = (&decision.flags, &decision.hints);
        let difficulty = &decision.difficulty;
        let features = difficulty.features.iter();
        let features = features.map(|kept| self.float(f64::from(*kept) / 2_048.0));
        let features = self.items(features.collect())?;
        let mut bounds = Vec::with_capacity(decision.bounds.len());
        for bound in decision.bounds.iter() {
            let pair = vec![self.word(bound.source), self.word(bound.boundary)];
            bounds.push(self.items(pair)?);
        }
        let bounds = self.items(bounds)?;
        let mut candidates = Vec::with_capacity(decision.candidates.len());
        for candidate in decision.candidates.iter() {
            candidates.push(self.candidate(candidate)?);
        }
        let candidates = self.items(candidates)?;
        let score = f64::from(difficulty.score) / 65_535.0;
        row.extend([
            self.int(decision.draw),
            self.int(decision.config),
            self.word(decision.route),
            self.word(decision.level),
            self.word(decision.ceiling),
            self.flag(flags.stream),
            self.flag(flags.binding),
            self.flag(flags.exact),
            self.flag(flags.remote_media),
            self.flag(flags.learned),
            self.int(decision.key),
            self.int(decision.model),
            self.int(decision.prompt_tokens),
            self.int(decision.max_tokens),
            self.int(decision.rule),
            self.int(hints.given),
            self.int(hints.tier),
            self.int(hints.latency),
            self.int(hints.task),
            self.int(difficulty.class),
            self.float(score),
            self.int(difficulty.start),
            features,
            bounds,
            self.int(decision.considered),
            candidates,
        ]);
        Ok(row)
    }

    /// (deployment, fallback model, fate, stage, reason, blocked, in flight, milliseconds to first token)
    fn candidate(&mut self, candidate: &Candidate) -> PyResult<Bound<'py, PyAny>> {
        let fields = vec![
            self.int(candidate.deployment),
            self.int(candidate.target),
            self.word(candidate.fate),
            self.word_or_empty(candidate.stage),
            self.word_or_empty(candidate.reason),
            self.word_or_empty(candidate.blocked),
            self.int(candidate.in_flight),
            self.int(candidate.ttft_ms),
        ];
        self.items(fields)
    }
}
