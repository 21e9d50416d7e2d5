//! A decided request: the permit in hand, and the way to the next one.
//!
//! Groups are ordered one at a time, when the first of their deployments is needed: most requests
//! never leave the first group, and those that do get the facts of that later moment. What may be
//! tried after a failure is judged in `further`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::admit::{wait_ms, LONGEST_WAIT_MS, SHORTEST_WAIT_MS};
use super::facts::Facts;
use super::permit::{Grant, Permit};
use super::prepare::{all_down, nobody, Prepared};
use super::record::Decided;
use super::settle::Settlement;
use super::verdict::Verdict;
use super::walk::Walk;
use super::{later, Ask, Core};
use crate::error::{DecideError, Refused};
use crate::plan::{Deployment, Hold, Lineup, Step};
use crate::shared::journal::RecordId;
use crate::types::{Boundary, Draws, Level, Now, Outcome, Reason, Signal};

/// What stays the same for all attempts of a request.
pub(super) struct Request {
    pub(super) core: Arc<Core>,
    /// With attempt 0.
    pub(super) id: RecordId,
    pub(super) key: u64,
    pub(super) facts: Facts,
    started: Now,
}

/// A decided request.
pub struct Decision {
    pub(super) request: Arc<Request>,
    progress: Mutex<Progress>,
}

pub(super) struct Progress {
    pub(super) walk: Walk,
    /// Whether `walk` goes through the context fallbacks.
    pub(super) context: bool,
    pub(super) tried: Vec<Tried>,
    /// Repeated attempts at the same deployment so far.
    pub(super) retries: u32,
    pub(super) closed: Closed,
    pub(super) exhausted: Option<Reason>,
    pub(super) retry_after_ms: u64,
    pub(super) permit: Arc<Permit>,
}

/// What this request does not turn to again.
#[derive(Default)]
pub(super) struct Closed {
    /// Credentials that were refused.
    credentials: Vec<u64>,
    /// Engines that had no answer in time: they still work on it.
    engines: Vec<u64>,
}

impl Closed {
    pub(super) fn holds(&self, deployment: &Deployment) -> bool {
        let among = |all: &[u64], one: u64| one != 0 && all.contains(&one);
        among(&self.credentials, deployment.credential) || among(&self.engines, deployment.engine)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.credentials.is_empty() && self.engines.is_empty()
    }
}

/// A step at which an attempt was made.
#[derive(Clone, Copy)]
pub(super) struct Tried {
    pub(super) step: Step,
    pub(super) context: bool,
    /// Whether another attempt there could end differently.
    pub(super) again: bool,
    /// Monotonic milliseconds before which the upstream does not want to be asked again.
    pub(super) not_before_ms: u64,
}

impl Decision {
    pub(super) fn open(
        core: &Arc<Core>,
        ask: &Ask<'_>,
        prepared: Prepared,
    ) -> Result<Self, DecideError> {
        let Prepared { facts, candidates } = prepared;
        if candidates.steps().is_empty() {
            return Err(refused(core, &facts, nobody(core, &facts, &candidates)));
        }
        let now = ask.now;
        let mut draws = Draws::new(ask.draw);
        let mut walk = Walk::new(candidates.steps().to_vec());
        let grant = match walk.take(core, &facts.lineup, now, &mut draws) {
            Some((step, ticket)) => {
                let reason = facts.first_reason(&step);
                Grant {
                    step,
                    reason,
                    context: false,
                    delay_ms: 0,
                    ticket,
                }
            }
            None => match walk.last_resort() {
                Some((step, ticket)) => Grant {
                    step,
                    reason: Reason::Panic,
                    context: false,
                    delay_ms: 0,
                    ticket,
                },
                None => return Err(refused(core, &facts, all_down(walk.blocks(), now))),
            },
        };
        let request = Arc::new(Request::new(core, ask, facts));
        let step = grant.step;
        let decided = Decided {
            request: &request,
            candidates: &candidates,
            walk: &walk,
            grant: &grant,
        };
        let recorded = decided.record(ask);
        let permit = Permit::open(&request, grant, 0, now);
        let permit = permit.ok().filter(|_| recorded).ok_or_else(|| {
            let message = "The gateway cannot record this request, so it was not sent.";
            DecideError::new("journal_full", "", message).retry_after(SHORTEST_WAIT_MS)
        })?;
        let progress = Progress {
            walk,
            context: false,
            tried: vec![Tried {
                step,
                context: false,
                again: true,
                not_before_ms: 0,
            }],
            retries: 0,
            closed: Closed::default(),
            exhausted: None,
            retry_after_ms: 0,
            permit: Arc::new(permit),
        };
        Ok(Self {
            request,
            progress: Mutex::new(progress),
        })
    }

    /// Settles the current permit as failed and takes the next one, if the rules allow one; otherwise
    /// [`Decision::exhausted`] says why. After content there is no next one: another answer would be a
    /// different answer.
    pub fn next(&self, failure: &Settlement, draw: u64) -> Option<Arc<Permit>> {
        let mut progress = self.progress();
        if progress.exhausted.is_some() {
            return None;
        }
        let settled = progress.permit.finish(failure);
        if let Some(tried) = progress.tried.last_mut() {
            // An engine that had no answer in time still works on it, or stands where it stood: a second
            // attempt would begin at the end of its queue.
            tried.again = matches!(failure.outcome.signal(), Signal::Hard | Signal::Throttle)
                && failure.outcome != Outcome::FirstTokenTimeout;
            tried.not_before_ms = failure.now.mono_ms().saturating_add(failure.retry_after_ms);
            let deployment = &self.request.core.plan.deployments[tried.step.deployment as usize];
            if failure.outcome.signal() == Signal::Credential {
                progress.closed.credentials.push(deployment.credential);
            }
            if failure.outcome == Outcome::FirstTokenTimeout {
                progress.closed.engines.push(deployment.engine);
            }
        }
        let next = match settled {
            true if failure.content_sent => Err(Reason::NotRetryable),
            true => self.further(&mut progress, failure, draw),
            false => Err(Reason::Settled),
        };
        match next {
            Ok(permit) => Some(permit),
            Err(reason) => {
                progress.exhausted = Some(reason);
                let asked = failure.retry_after_ms.min(LONGEST_WAIT_MS);
                let wait = self.request.wait_ms(&progress.walk, failure.now);
                progress.retry_after_ms = wait.max(asked);
                None
            }
        }
    }

    /// An answer was held back and is not good enough: ends its attempt in the accounts, where the upstream
    /// has nothing more to do, and takes the permit of a deployment that was not tried yet, under the same
    /// ceiling. `None` where there is none, and nothing of the decision is changed then: the answer that is
    /// held is the best there is. The first attempt is not settled; its owner does that once it is known
    /// which answer the client gets.
    pub fn escalate(&self, verdict: Verdict, now: Now, draw: u64) -> Option<Arc<Permit>> {
        let mut progress = self.progress();
        let held = Arc::clone(&progress.permit);
        if held.seen().complete {
            held.end(&Settlement {
                outcome: Outcome::Success,
                status: 200,
                retry_after_ms: 0,
                bytes_sent: 0,
                content_sent: false,
                now,
            });
        }
        if verdict == Verdict::Good || progress.exhausted.is_some() {
            return None;
        }
        self.escalation(&mut progress, now, draw).ok()
    }

    /// How long an answer is held back.
    pub fn hold(&self) -> Hold {
        self.request.hold()
    }

    /// Whether [`Decision::next`] would find somebody else if the current attempt ran out of time now: for
    /// whoever may as well go on waiting. Changes nothing; a moment later the answer may be another.
    pub fn may_move(&self, now: Now) -> bool {
        let progress = self.progress();
        let core = &self.request.core;
        let Some(current) = progress.tried.last() else {
            return false;
        };
        let engine = core.plan.deployments[current.step.deployment as usize].engine;
        progress.exhausted.is_none()
            && self.bounds(&progress, now).is_ok()
            && progress.walk.ahead().iter().any(|step| {
                let other = &core.plan.deployments[step.deployment as usize];
                step.deployment != current.step.deployment
                    && (engine == 0 || other.engine != engine)
                    && !progress.closed.holds(other)
                    && core.look(step.deployment, now).is_ok()
            })
    }

    /// The current permit.
    pub fn permit(&self) -> Arc<Permit> {
        Arc::clone(&self.progress().permit)
    }

    /// Permits taken so far.
    pub fn attempts(&self) -> u32 {
        u32::from(self.progress().permit.number()) + 1
    }

    /// Why [`Decision::next`] gave no further permit.
    pub fn exhausted(&self) -> Option<Reason> {
        self.progress().exhausted
    }

    /// When the soonest deployment that was passed over may be up again, in milliseconds; 0 when
    /// that is unknown or [`Decision::next`] did not fail.
    pub fn retry_after_ms(&self) -> u64 {
        self.progress().retry_after_ms
    }

    /// The record id; its attempt is 0.
    pub fn id(&self) -> RecordId {
        self.request.id
    }

    /// The model as the client named it.
    pub fn model(&self) -> &str {
        &self.request.facts.model
    }

    /// Whether the client asked for a stream.
    pub fn stream(&self) -> bool {
        self.request.facts.stream()
    }

    /// Whether the client itself asked for the usage event.
    pub fn include_usage(&self) -> bool {
        self.request.facts.outline.include_usage() == Some(true)
    }

    /// The client's limit for the whole answer in milliseconds; 0 when it gave none.
    pub fn timeout_ms(&self) -> u64 {
        self.request.facts.hints.timeout_ms
    }

    /// The client's limit for a stream in milliseconds; 0 when it gave none.
    pub fn stream_timeout_ms(&self) -> u64 {
        self.request.facts.hints.stream_timeout_ms
    }

    /// Members of the gateway's own, by their names, that it takes no notice of or honours in part.
    pub fn unheeded(&self) -> &[String] {
        &self.request.facts.hints.unheeded
    }

    /// Whether the client's parameters may be left out once a backend has refused them by name; `None`
    /// when it did not say.
    pub fn drop_refused(&self) -> Option<bool> {
        self.request.facts.hints.drop_refused
    }

    /// The farthest boundary that the request may reach.
    pub fn ceiling(&self) -> Boundary {
        self.request.facts.ceiling
    }

    /// How sensitive the content is.
    pub fn level(&self) -> Level {
        self.request.facts.level
    }

    /// Whether the request refers to media that have to be fetched from somewhere.
    pub fn remote_media(&self) -> bool {
        self.request.facts.remote_media
    }

    /// Whether a system message stands behind the first message, where many templates refuse it.
    pub fn late_system(&self) -> bool {
        self.request.facts.late_system
    }

    /// Members inside of others that only some backends take: a bit each, by its place in
    /// [`crate::text::NESTED`].
    pub fn nested(&self) -> u32 {
        self.request.facts.nested
    }

    /// Tokens of the prompt, counted or sampled before anything was sent.
    pub fn prompt_tokens(&self) -> u64 {
        self.request.facts.length.tokens
    }

    fn progress(&self) -> MutexGuard<'_, Progress> {
        // Each change of the progress is one assignment; a panic between two leaves a decision that
        // may still be settled, which is all that is left to do with it.
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The error with what the journal is to know of the request. Whether it is recorded is up to whoever
/// answers with it: where only room is missing, the request may wait and be decided anew.
fn refused(core: &Core, facts: &Facts, mut error: DecideError) -> DecideError {
    error.refused = Some(Box::new(Refused {
        sequence: core.state.worker(core.worker).next_sequence(),
        level: facts.level,
        ceiling: facts.ceiling,
        config: core.plan.generation,
        model: facts.resolved,
        prompt_tokens: u32::try_from(facts.length.tokens).unwrap_or(u32::MAX),
    }));
    error
}

impl Request {
    fn new(core: &Arc<Core>, ask: &Ask<'_>, facts: Facts) -> Self {
        let worker = core.state.worker(core.worker);
        let id = RecordId {
            instance: core.state.instance(),
            slot: core.worker as u16,
            epoch: worker.epoch() as u32,
            sequence: worker.next_sequence(),
            attempt: 0,
        };
        Self {
            core: Arc::clone(core),
            id,
            key: ask.principal.key,
            started: ask.now,
            facts,
        }
    }

    /// A number that tells this request from the others of the host.
    pub(super) fn number(&self) -> u64 {
        self.id.sequence ^ u64::from(self.id.epoch) << 32 ^ u64::from(self.id.slot) << 16
    }

    /// How long until the soonest deployment is up again; 0 when one is up, or nobody knows.
    fn wait_ms(&self, walk: &Walk, now: Now) -> u64 {
        let until = walk
            .steps()
            .iter()
            .map(|step| match self.core.look(step.deployment, now) {
                Ok(()) => 0,
                Err(block) => block.until_ms,
            });
        match until.min() {
            None | Some(0) => 0,
            soonest => wait_ms(soonest, now),
        }
    }

    /// The lineup of the model, or that of its context fallbacks.
    pub(super) fn lineup(&self, context: bool) -> &Lineup {
        if context {
            &self.core.plan.models[self.facts.resolved as usize].context
        } else {
            &self.facts.lineup
        }
    }

    /// How long an answer is held back.
    pub(super) fn hold(&self) -> Hold {
        self.core.plan.models[self.facts.resolved as usize].hold
    }

    /// How often the same deployment may be tried again after an attempt that ended so.
    pub(super) fn retries(&self, outcome: Outcome) -> u32 {
        let model = &self.core.plan.models[self.facts.resolved as usize];
        let planned = || model.retries_after(outcome);
        self.facts.hints.retries.unwrap_or_else(planned)
    }

    /// Whether the client's time is over at `delay_ms` after `now`.
    pub(super) fn over(&self, now: Now, delay_ms: u64) -> bool {
        let hints = &self.facts.hints;
        let limit = match (self.facts.stream(), hints.stream_timeout_ms) {
            (true, limit) if limit > 0 => limit,
            _ => hints.timeout_ms,
        };
        limit > 0
            && later(now, delay_ms)
                .mono_ns
                .saturating_sub(self.started.mono_ns)
                / 1_000_000
                >= limit
    }
}
