//! The right to make one attempt at one deployment.
//!
//! Three things are held by a permit: a place in the deployment's in-flight count, perhaps the lease
//! of a breaker's probe, and a start record in the journal that waits for its settlement (`settle`).
//! The permit makes the relays of the attempt, so that what they read is known to the settlement
//! whoever asks for it.

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::decision::Request;
use super::observed::{Observed, Relay, Seen};
use super::settle::End;
use super::verdict::Verdict;
use crate::body::Less;
use crate::breaker::{self, Ticket};
use crate::plan::Step;
use crate::shared::journal::{JournalFull, JournalWriter, RecordId, StartMore, StartRecord};
use crate::stream::RelayOptions;
use crate::types::{Now, Outcome, Reason};

/// One attempt.
pub struct Permit {
    pub(super) request: Arc<Request>,
    pub(super) step: Step,
    pub(super) number: u8,
    reason: Reason,
    pub(super) context: bool,
    delay_ms: u64,
    pub(super) ticket: Ticket,
    /// When it is sent, the back-off included.
    pub(super) started: Now,
    /// Monotonic nanoseconds of the first content; 0 before.
    pub(super) first_token_ns: AtomicU64,
    /// What its relays have read; empty while there is none.
    pub(super) observed: OnceLock<Arc<Observed>>,
    /// Whether its answer goes to the client.
    pub(super) committed: AtomicBool,
    /// How the attempt ended; empty while it runs.
    pub(super) ended: OnceLock<End>,
    /// Whether its settlement is in the journal.
    pub(super) settled: AtomicBool,
}

/// What a permit is made from.
pub(super) struct Grant {
    pub(super) step: Step,
    pub(super) reason: Reason,
    /// Whether `step` belongs to the lineup of context fallbacks.
    pub(super) context: bool,
    pub(super) delay_ms: u64,
    pub(super) ticket: Ticket,
}

impl Permit {
    /// Counts the attempt and records its start.
    ///
    /// # Errors
    /// `Reason::JournalFull`: the start could not be recorded, so there is no permit.
    pub(super) fn open(
        request: &Arc<Request>,
        grant: Grant,
        number: u8,
        now: Now,
    ) -> Result<Self, Reason> {
        let permit = Self {
            request: Arc::clone(request),
            step: grant.step,
            number,
            reason: grant.reason,
            context: grant.context,
            delay_ms: grant.delay_ms,
            ticket: grant.ticket,
            started: super::later(now, grant.delay_ms),
            first_token_ns: AtomicU64::new(0),
            observed: OnceLock::new(),
            committed: AtomicBool::new(false),
            ended: OnceLock::new(),
            settled: AtomicBool::new(false),
        };
        let core = &request.core;
        let deployment = &core.plan.deployments[permit.deployment() as usize];
        let words = core.state.deployment(permit.slot());
        let expected = request.facts.length.expected(deployment, words);
        let recorded = core.record(|journal| {
            journal.append_start(&StartRecord {
                id: permit.record_id(),
                wall_ns: now.wall_ns,
                route: request.facts.route.into(),
                level: request.facts.level.into(),
                ceiling: request.facts.ceiling.into(),
                stream: request.facts.stream(),
                key: request.key,
                model: Cow::Borrowed(request.facts.recorded_model(core)),
                deployment: deployment.id,
                deployment_name: Cow::Borrowed(&deployment.name),
                estimated_prompt_tokens: u32::try_from(expected).unwrap_or(u32::MAX),
                max_tokens: request.facts.max_tokens,
                more: StartMore {
                    tier: Cow::Borrowed(&core.plan.tiers[usize::from(deployment.tier)]),
                    reason: Some(permit.reason.into()),
                    config: core.plan.generation,
                    ..StartMore::default()
                },
            })
        });
        if recorded {
            core.state.attempt_started(core.worker, permit.slot());
            if number > 0 {
                core.state.worker(core.worker).retry_started();
            }
            return Ok(permit);
        }
        // Nothing was counted, so there is nothing to settle but the lease.
        permit.settled.store(true, Ordering::Release);
        permit.report_to_breaker(Outcome::LocalFault, 0, now);
        Err(Reason::JournalFull)
    }

    /// Position of the deployment in the plan.
    pub fn deployment(&self) -> u32 {
        self.step.deployment
    }

    /// 0 for the first attempt of the request.
    pub fn number(&self) -> u8 {
        self.number
    }

    /// Why this deployment.
    pub fn reason(&self) -> Reason {
        self.reason
    }

    /// Back off this long before sending.
    pub fn delay_ms(&self) -> u64 {
        self.delay_ms
    }

    /// Whether the attempt tests a deployment whose breaker is half open.
    pub fn probe(&self) -> bool {
        self.ticket.is_probe()
    }

    /// What the upstream calls the model.
    pub fn upstream_model(&self) -> Cow<'_, str> {
        let request = &self.request;
        request
            .facts
            .upstream_model(&request.core, request.lineup(self.context), &self.step)
    }

    /// The client's body as this upstream should get it; `bytes` must be the body that was decided.
    /// `None` when the plan leaves the translation to the provider.
    pub fn splice(&self, bytes: &[u8]) -> Option<Vec<u8>> {
        self.splice_without(bytes, &Less::default())
    }

    /// [`Permit::splice`], less what this upstream refuses.
    pub fn splice_without(&self, bytes: &[u8], less: &Less<'_>) -> Option<Vec<u8>> {
        let request = &self.request;
        request.facts.splice(
            &request.core,
            request.lineup(self.context),
            &self.step,
            bytes,
            less,
        )
    }

    /// Members of the body, by the client's names, that this upstream is not told. `translated`: only those
    /// that the client itself wants left out; a translation lists the others.
    pub fn untold(&self, bytes: &[u8], translated: bool) -> Vec<String> {
        let facts = &self.request.facts;
        facts.untold(&self.request.core, &self.step, bytes, translated)
    }

    /// Names of parameters that the client wants left out (`additional_drop_params`).
    pub fn leaves(&self) -> &[String] {
        &self.request.facts.hints.leave
    }

    /// Whether the client's body has a member of this name.
    pub fn says(&self, bytes: &[u8], name: &str) -> bool {
        self.request.facts.outline.says(bytes, name)
    }

    /// Whether the body says something that this upstream can only be told in other words.
    pub fn converted(&self, bytes: &[u8]) -> bool {
        let facts = &self.request.facts;
        facts.converted(&self.request.core, &self.step, bytes)
    }

    /// What this upstream is known to refuse; see [`crate::shared::DeploymentWords::refused`].
    pub fn refused(&self, now: Now) -> u64 {
        let core = &self.request.core;
        core.state.deployment(self.slot()).refused(now)
    }

    /// This upstream answered once it was asked without these.
    pub fn refuse(&self, refused: u64, now: Now) {
        let core = &self.request.core;
        core.state.deployment(self.slot()).refuse(refused, now);
    }

    /// Inputs of one request for embeddings that this upstream takes, as learnt; 0 when it was not.
    pub fn most_inputs(&self, now: Now) -> u64 {
        let core = &self.request.core;
        core.state.deployment(self.slot()).most_inputs(now)
    }

    /// Whether this upstream turned out to have no Responses.
    pub fn lacks_responses(&self, now: Now) -> bool {
        let core = &self.request.core;
        core.state.deployment(self.slot()).lacks_responses(now)
    }

    /// What this upstream's answer told of its limits; see
    /// [`crate::shared::DeploymentWords::learn_limits`].
    pub fn learn_limits(&self, most_inputs: u64, lacks_responses: bool, now: Now) {
        let core = &self.request.core;
        let words = core.state.deployment(self.slot());
        words.learn_limits(most_inputs, lacks_responses, now);
    }

    /// The first content arrived; only the first call counts.
    pub fn first_token(&self, now: Now) {
        let first = self.first_token_ns.compare_exchange(
            0,
            now.mono_ns.max(1),
            Ordering::AcqRel,
            Ordering::Acquire,
        );
        if first.is_ok() && self.ended.get().is_none() {
            let core = &self.request.core;
            let words = core.state.deployment(self.slot());
            words.observe_ttft(self.since_start_us(now.mono_ns), now);
            breaker::first_content(words, &core.breaker, self.ticket, now);
        }
    }

    /// The relay of an answer to this attempt. What it reads is in the settlement.
    pub fn relay(&self, options: RelayOptions) -> Relay {
        Relay::within(&self.observed, options)
    }

    /// What the relays of this attempt have read so far.
    pub fn seen(&self) -> Seen {
        self.observed
            .get()
            .map_or_else(Seen::default, |observed| observed.seen())
    }

    /// What its answer is worth as far as it was read.
    pub fn verdict(&self) -> Verdict {
        Verdict::of(&self.seen(), &self.request.hold())
    }

    /// From here on the answer goes to the client, and nothing can be taken back.
    pub fn commit(&self) {
        self.committed.store(true, Ordering::Release);
    }

    pub(super) fn slot(&self) -> usize {
        self.request.core.slots[self.step.deployment as usize]
    }

    pub(super) fn record_id(&self) -> RecordId {
        RecordId {
            attempt: self.number,
            ..self.request.id
        }
    }

    pub(super) fn since_start_us(&self, mono_ns: u64) -> u64 {
        mono_ns.saturating_sub(self.started.mono_ns) / 1000
    }
}

impl super::Core {
    /// Writes one record. True when it is on the journal, or when there is no journal to be on.
    pub(super) fn record(
        &self,
        append: impl FnOnce(&JournalWriter) -> Result<(), JournalFull>,
    ) -> bool {
        let Some(journal) = &self.journal else {
            return true;
        };
        let written = append(journal).is_ok();
        self.state.worker(self.worker).count_journal(written);
        written
    }
}
