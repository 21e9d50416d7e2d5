//! The right to make one attempt at one deployment, and its settlement.
//!
//! Three things are held by a permit: a place in the deployment's in-flight count, perhaps the lease
//! of a breaker's probe, and a start record in the journal that waits for its settlement. Whoever
//! settles first wins, later calls change nothing, and dropping settles as cancelled, so no path
//! through an exception leaks any of the three. (A process that dies leaks none either: its worker
//! slot is swept, its lease expires, its journal shows a start without an end.)

use std::borrow::Cow;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::decision::Request;
use crate::body::Less;
use crate::breaker::{self, Ticket};
use crate::plan::Step;
use crate::shared::journal::{
    JournalFull, JournalWriter, RecordId, SettlementFlags, SettlementRecord, StartRecord,
};
use crate::shared::AttemptReport;
use crate::stream::Usage;
use crate::types::{Draws, Now, Outcome, Reason};

/// How an attempt ended.
#[derive(Debug, Clone, Copy)]
pub struct Settlement {
    /// What became of it.
    pub outcome: Outcome,
    /// The upstream's status; 0 when there was none.
    pub status: u16,
    /// What the upstream asked for; 0 when it said nothing.
    pub retry_after_ms: u64,
    /// What the upstream reported.
    pub usage: Option<Usage>,
    /// Bytes that went to the client.
    pub bytes_sent: u64,
    /// Whether the client got content.
    pub content_sent: bool,
    /// When.
    pub now: Now,
}

/// One attempt.
pub struct Permit {
    request: Arc<Request>,
    step: Step,
    number: u8,
    reason: Reason,
    context: bool,
    delay_ms: u64,
    ticket: Ticket,
    /// When it is sent, the back-off included.
    started: Now,
    /// Monotonic nanoseconds of the first content; 0 before.
    first_token_ns: AtomicU64,
    settled: AtomicBool,
    /// What answers to parts of the request used, where it is asked in parts.
    spent: Mutex<Option<Usage>>,
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
            settled: AtomicBool::new(false),
            spent: Mutex::new(None),
        };
        let core = &request.core;
        let deployment = &core.plan.deployments[permit.deployment() as usize];
        let words = core.state.deployment(permit.slot());
        let expected = request.facts.length.expected(deployment, words);
        let recorded = core.record(|journal| {
            journal.append_start(&StartRecord {
                id: permit.record_id(),
                wall_ns: now.wall_ns,
                route: request.facts.route,
                level: request.facts.level,
                ceiling: request.facts.ceiling,
                stream: request.facts.stream(),
                key: request.key,
                model: Cow::Borrowed(&request.facts.model),
                deployment: deployment.id,
                deployment_name: Cow::Borrowed(&deployment.name),
                estimated_prompt_tokens: u32::try_from(expected).unwrap_or(u32::MAX),
                max_tokens: request.facts.max_tokens,
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
        permit.tell_breaker(Outcome::LocalFault, 0, now);
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
        if first.is_ok() && !self.settled.load(Ordering::Acquire) {
            let core = &self.request.core;
            let words = core.state.deployment(self.slot());
            words.observe_ttft(self.since_start_us(now.mono_ns), now);
            breaker::first_content(words, &core.breaker, self.ticket, now);
        }
    }

    /// A part of the request was answered and used this. The sum counts, however the attempt ends, unless
    /// its settlement says what all of it used.
    pub fn spend(&self, usage: Usage) {
        let mut spent = self.spent.lock().unwrap_or_else(PoisonError::into_inner);
        *spent = Some(spent.unwrap_or_default().plus(usage));
    }

    fn spent(&self) -> Option<Usage> {
        *self.spent.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Settles the attempt: in-flight, breaker, metrics, journal. Returns false, and does nothing,
    /// when it was settled before.
    pub fn finish(&self, settlement: &Settlement) -> bool {
        if self.settled.swap(true, Ordering::AcqRel) {
            return false;
        }
        let core = &self.request.core;
        let now = settlement.now;
        let worker = core.state.worker(core.worker);
        core.state.attempt_ended(core.worker, self.slot());
        if self.number > 0 {
            worker.retry_ended();
        }
        self.tell_breaker(settlement.outcome, settlement.retry_after_ms, now);
        let reported = settlement.usage.or_else(|| self.spent());
        let usage = reported.unwrap_or_default();
        if usage != Usage::default() {
            let words = core.state.deployment(self.slot());
            words.add_tokens(usage.prompt.saturating_add(usage.completion), now);
            if settlement.usage.is_some() {
                self.request.facts.length.learn(words, usage.prompt);
            }
        }
        let ttft_us = match self.first_token_ns.load(Ordering::Acquire) {
            0 => None,
            at => Some(self.since_start_us(at)),
        };
        let duration_us = self.since_start_us(now.mono_ns);
        core.state
            .cell(core.worker, self.slot())
            .attempt_finished(&AttemptReport {
                outcome: settlement.outcome,
                prompt_tokens: usage.prompt,
                completion_tokens: usage.completion,
                cached_tokens: usage.cached,
                ttft_us,
                duration_us,
            });
        core.record(|journal| {
            journal.append_settlement(&SettlementRecord {
                id: self.record_id(),
                wall_ns: now.wall_ns,
                outcome: settlement.outcome,
                status: settlement.status,
                flags: SettlementFlags {
                    usage_reported: reported.is_some(),
                    content_sent: settlement.content_sent,
                    fallback: self.context || self.request.facts.is_fallback(&self.step),
                },
                prompt_tokens: narrow(usage.prompt),
                completion_tokens: narrow(usage.completion),
                cached_tokens: narrow(usage.cached),
                reasoning_tokens: narrow(usage.reasoning),
                ttft_us: ttft_us.map_or(0, narrow),
                duration_us,
                bytes_sent: settlement.bytes_sent,
                cost_nanos: usage.cost_nanos.unwrap_or(-1),
            })
        });
        true
    }

    fn slot(&self) -> usize {
        self.request.core.slots[self.step.deployment as usize]
    }

    fn record_id(&self) -> RecordId {
        RecordId {
            attempt: self.number,
            ..self.request.id
        }
    }

    fn since_start_us(&self, mono_ns: u64) -> u64 {
        mono_ns.saturating_sub(self.started.mono_ns) / 1000
    }

    fn tell_breaker(&self, outcome: Outcome, retry_after_ms: u64, now: Now) {
        let core = &self.request.core;
        let words = core.state.deployment(self.slot());
        // The jitter of a breaker needs a number that differs between attempts and no more; callers
        // have no draw when they settle.
        let draw = Draws::new(self.request.id.sequence ^ now.mono_ns.rotate_left(32)).word();
        breaker::record(
            words,
            &core.breaker,
            self.ticket,
            breaker::Report {
                outcome,
                retry_after_ms,
                request: self.request.number(),
            },
            now,
            draw,
        );
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        // A drop has no clock. The last moment that the permit knows of is its best reading.
        let last = self
            .first_token_ns
            .load(Ordering::Acquire)
            .max(self.started.mono_ns);
        let elapsed = last - self.started.mono_ns;
        let now = Now {
            mono_ns: last,
            wall_ns: self.started.wall_ns + elapsed,
        };
        self.finish(&Settlement {
            outcome: Outcome::Cancelled,
            status: 0,
            retry_after_ms: 0,
            usage: None,
            bytes_sent: 0,
            content_sent: self.first_token_ns.load(Ordering::Acquire) != 0,
            now,
        });
    }
}

impl super::Core {
    /// Writes one record. True when it is on the journal, or when there is no journal to be on.
    fn record(&self, append: impl FnOnce(&JournalWriter) -> Result<(), JournalFull>) -> bool {
        let Some(journal) = &self.journal else {
            return true;
        };
        let written = append(journal).is_ok();
        self.state.worker(self.worker).count_journal(written);
        written
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
