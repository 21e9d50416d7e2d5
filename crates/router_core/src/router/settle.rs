//! The settlement of an attempt: the one place where it is accounted for, whatever ended it.
//!
//! Success, failure before and after content, cancellation, a deployment given up for a better one
//! and a permit that was simply dropped all come through here, and each says only what it knows: how
//! the attempt ended and what went to the client. What the upstream reported is read from the relays
//! of the attempt (`observed`), so that no caller can forget it.
//!
//! Two facts, at two moments. The *end* is when the upstream has nothing more to do: the in-flight
//! count, the breaker, the accounts and the metrics hear of it at once. The *disposal* is whether the
//! answer was sent or discarded, which an answer that is held back learns later; the record in the
//! journal states both, so it is written then. Most attempts have both at the same time.
//!
//! Each happens once: whoever comes first wins, later calls change nothing. A drop is a cancellation,
//! so no path through an exception leaks anything. (A process that dies leaks nothing either: its
//! worker slot is swept, its lease expires, its journal shows a start without an end.)

use std::sync::atomic::Ordering;

use super::permit::Permit;
use crate::breaker;
use crate::shared::journal::{Disposal, EndFlags, EndRecord};
use crate::shared::AttemptReport;
use crate::stream::Usage;
use crate::types::{Draws, Now, Outcome};

/// How an attempt ended, as far as its caller knows.
#[derive(Debug, Clone, Copy)]
pub struct Settlement {
    /// What became of it.
    pub outcome: Outcome,
    /// The upstream's status; 0 when there was none.
    pub status: u16,
    /// What the upstream asked for, in milliseconds; 0 when it said nothing.
    pub retry_after_ms: u64,
    /// Bytes that went to the client.
    pub bytes_sent: u64,
    /// Whether the client got content.
    pub content_sent: bool,
    /// When.
    pub now: Now,
}

/// What is known once an attempt has ended.
pub(super) struct End {
    outcome: Outcome,
    status: u16,
    usage: Option<Usage>,
    ttft_us: Option<u64>,
    duration_us: u64,
}

impl Permit {
    /// Settles the attempt: its end, where that was not before, and its disposal. Returns false, and
    /// does nothing, when it was settled before.
    pub fn finish(&self, settlement: &Settlement) -> bool {
        if self.settled.swap(true, Ordering::AcqRel) {
            return false;
        }
        let end = self.ended.get_or_init(|| self.account(settlement));
        self.dispose(end, settlement);
        true
    }

    /// The attempt ended, and whether its answer goes to the client is not known yet: everything but
    /// the record of it. Returns false, and does nothing, when it ended before.
    pub fn end(&self, settlement: &Settlement) -> bool {
        let mut first = false;
        if !self.settled.load(Ordering::Acquire) {
            self.ended.get_or_init(|| {
                first = true;
                self.account(settlement)
            });
        }
        first
    }

    /// In-flight, breaker, accounts, metrics.
    fn account(&self, settlement: &Settlement) -> End {
        let core = &self.request.core;
        let now = settlement.now;
        let worker = core.state.worker(core.worker);
        core.state.attempt_ended(core.worker, self.slot());
        if self.number > 0 {
            worker.retry_ended();
        }
        self.report_to_breaker(settlement.outcome, settlement.retry_after_ms, now);
        let reported = self.seen().usage;
        let usage = reported.unwrap_or_default();
        self.charge(&usage, settlement);
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
        End {
            outcome: settlement.outcome,
            status: settlement.status,
            usage: reported,
            ttft_us,
            duration_us,
        }
    }

    /// What the attempt used, for everything that is limited or estimated by it. Budgets join here.
    fn charge(&self, usage: &Usage, settlement: &Settlement) {
        if *usage == Usage::default() {
            return;
        }
        let words = self.request.core.state.deployment(self.slot());
        words.add_tokens(
            usage.prompt.saturating_add(usage.completion),
            settlement.now,
        );
        // A part of an answer may have counted a part of the prompt, and so may an attempt at what another one
        // left of a divided request for embeddings.
        if settlement.outcome == Outcome::Success && !self.request.facts.route.embeds() {
            self.request.facts.length.learn(words, usage.prompt);
        }
    }

    fn dispose(&self, end: &End, settlement: &Settlement) {
        let usage = end.usage.unwrap_or_default();
        let disposal = if settlement.content_sent {
            Disposal::Sent
        } else {
            Disposal::Discarded
        };
        self.request.core.record(|journal| {
            journal.append_end(&EndRecord {
                id: self.record_id(),
                wall_ns: settlement.now.wall_ns,
                outcome: end.outcome.into(),
                status: end.status,
                flags: EndFlags {
                    usage_reported: end.usage.is_some(),
                    content_sent: settlement.content_sent,
                    fallback: self.context || self.request.facts.is_fallback(&self.step),
                    others: 0,
                },
                prompt_tokens: narrow(usage.prompt),
                completion_tokens: narrow(usage.completion),
                cached_tokens: narrow(usage.cached),
                reasoning_tokens: narrow(usage.reasoning),
                ttft_us: end.ttft_us.map_or(0, narrow),
                duration_us: end.duration_us,
                bytes_sent: settlement.bytes_sent,
                cost_nanos: usage.cost_nanos.unwrap_or(-1),
                cache_write_tokens: narrow(usage.cache_write),
                verdict: 0,
                disposal: Some(disposal.into()),
            })
        });
    }

    pub(super) fn report_to_breaker(&self, outcome: Outcome, retry_after_ms: u64, now: Now) {
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
        if self.settled.load(Ordering::Acquire) {
            return;
        }
        // A drop has no clock. The last moment that the permit knows of is its best reading.
        let last = self
            .first_token_ns
            .load(Ordering::Acquire)
            .max(self.started.mono_ns);
        let elapsed = last - self.started.mono_ns;
        let content_sent = self.committed.load(Ordering::Acquire);
        self.finish(&Settlement {
            outcome: Outcome::Cancelled,
            status: 0,
            retry_after_ms: 0,
            // What was handed on is the best reading of what was sent.
            bytes_sent: match self.observed.get() {
                Some(observed) if content_sent => observed.handed_on(),
                _ => 0,
            },
            content_sent,
            now: Now {
                mono_ns: last,
                wall_ns: self.started.wall_ns + elapsed,
            },
        });
    }
}

fn narrow(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
