//! The decision: which deployments may answer a request, which one does, and which one is next.
//!
//! `decide` parses the body, asks `policy` who may see it, orders the first group by `select`, asks
//! each breaker in turn and returns with a permit for one attempt. `Decision::next` settles that
//! attempt and takes the next under the same ceiling. A permit is settled exactly once, by `finish`,
//! by `next` or by being dropped, whatever happens in between.
//!
//! This is the only module that knows all the others, and the order of the steps is its whole
//! content: facts are read from the state file here and handed down as values. It must never widen
//! what `policy` allowed, and never let an attempt start that the journal does not know.

mod admit;
mod decision;
mod difficulty;
mod edits;
mod explain;
mod facts;
mod further;
mod hints;
mod judge;
mod length;
mod observed;
mod permit;
mod prepare;
mod record;
mod settle;
mod setup;
mod stages;
mod verdict;
mod walk;

use std::sync::Arc;

use crate::body::ParseLimits;
use crate::error::DecideError;
use crate::plan::Plan;
use crate::shared::journal::JournalWriter;
use crate::shared::StateFile;
use crate::types::{Boundary, Now, Route};

pub use decision::Decision;
pub use hints::{Hints, Latency};
pub use judge::{prompt_hash, refusal_reasons};
pub use observed::{Relay, Seen};
pub use permit::Permit;
pub use settle::Settlement;
pub use setup::{Setup, SetupError};
pub use verdict::Verdict;

/// Who asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal {
    /// For logs.
    pub name: String,
    /// For accounts: the number of the key.
    pub key: u64,
    /// The farthest boundary that any request of this key may reach.
    pub ceiling: Boundary,
}

/// One request as it arrives.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// The body as received.
    pub body: &'a [u8],
    /// Who asks.
    pub principal: &'a Principal,
    /// The endpoint.
    pub route: Route,
    /// Headers that carry hints, and those that a backend may be sent; names in lower case.
    pub headers: &'a [(&'a str, &'a str)],
    /// When.
    pub now: Now,
    /// Randomness for this call.
    pub draw: u64,
}

/// All codes that a decision can fail with.
pub const DECIDE_ERRORS: &[&str] = &[
    "invalid_json",
    "invalid_utf8",
    "duplicate_key",
    "ambiguous_key",
    "too_deep",
    "too_many_members",
    "wrong_type",
    "invalid_value",
    "missing_field",
    "unknown_hint",
    "model_not_found",
    "no_candidate",
    "policy_denied",
    "context_length_exceeded",
    "all_unavailable",
    "misconfigured",
    "upstream_auth",
    "upstream_quota",
    "journal_full",
];

/// Why a configuration could not be bound to a state file, in words for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BindError(pub String);

impl std::fmt::Display for BindError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for BindError {}

/// One plan bound to the state of the host and to the journal of one worker.
pub struct Router {
    core: Arc<Core>,
}

/// What a router, its decisions and its permits share.
struct Core {
    setup: Setup,
    state: Arc<StateFile>,
    worker: usize,
    journal: Option<Arc<JournalWriter>>,
    /// The slot of each deployment in the state file.
    slots: Vec<usize>,
    limits: ParseLimits,
}

impl std::ops::Deref for Core {
    type Target = Setup;

    fn deref(&self) -> &Setup {
        &self.setup
    }
}

impl Router {
    /// Binds a configuration to `worker`, a slot that this process has claimed.
    ///
    /// # Errors
    /// What is wrong with the state file.
    pub fn new(
        setup: Setup,
        state: Arc<StateFile>,
        worker: usize,
        journal: Option<Arc<JournalWriter>>,
    ) -> Result<Self, BindError> {
        if worker >= state.worker_slots() {
            return Err(BindError(format!("there is no worker slot {worker}")));
        }
        let plan = &setup.plan;
        let identities: Vec<u64> = plan.deployments.iter().map(|it| it.id).collect();
        let slots = slots(&state, &identities, plan.generation)?;
        state.worker(worker).adopt(plan.generation);
        let core = Core {
            setup,
            state,
            worker,
            journal,
            slots,
            limits: ParseLimits::default(),
        };
        Ok(Self {
            core: Arc::new(core),
        })
    }

    /// The plan.
    pub fn plan(&self) -> &Plan {
        &self.core.plan
    }

    /// Counts one decision that took this long; only the caller has a clock.
    pub fn count_decision(&self, nanoseconds: u64) {
        self.core
            .state
            .worker(self.core.worker)
            .count_decision(nanoseconds);
    }

    /// Decides a request and takes the permit of its first attempt.
    ///
    /// # Errors
    /// Why the request cannot be served; nothing is held in that case.
    pub fn decide(&self, ask: &Ask<'_>) -> Result<Decision, DecideError> {
        let prepared = prepare::prepare(&self.core, ask, true)?;
        Decision::open(&self.core, ask, prepared).inspect_err(|error| {
            if error.code == "policy_denied" {
                let worker = self.core.state.worker(self.core.worker);
                judge::refusal_numbers(&error.kinds)
                    .for_each(|number| worker.count_refusal(number));
            }
        })
    }

    /// The decision that [`Router::decide`] would take, as JSON with its reasons. Nothing is taken
    /// and nothing recorded.
    ///
    /// # Errors
    /// Where the request itself is wrong. A request that nothing may serve is explained.
    pub fn explain(&self, ask: &Ask<'_>) -> Result<String, DecideError> {
        explain::explain(&self.core, ask)
    }
}

/// Looks the deployments up in the state file.
///
/// The publisher of a configuration has reserved them. Where nobody publishes (a bench, a test, a
/// housekeeper that died first) they are reserved here; the second look makes two workers that did
/// so at the same time agree on the first slot of an identity.
fn slots(state: &StateFile, identities: &[u64], generation: u64) -> Result<Vec<usize>, BindError> {
    let find = || {
        identities
            .iter()
            .map(|identity| state.find(*identity))
            .collect::<Option<Vec<_>>>()
    };
    if let Some(found) = find() {
        return Ok(found);
    }
    state
        .reserve(identities, generation)
        .and_then(|_| find())
        .ok_or_else(|| {
            let count = identities.len();
            BindError(format!(
                "the state file has no room for {count} deployments"
            ))
        })
}

/// The same moment, this much later.
fn later(now: Now, milliseconds: u64) -> Now {
    let nanoseconds = milliseconds.saturating_mul(1_000_000);
    Now {
        mono_ns: now.mono_ns.saturating_add(nanoseconds),
        wall_ns: now.wall_ns.saturating_add(nanoseconds),
    }
}

#[cfg(test)]
mod tests;
