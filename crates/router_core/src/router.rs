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
mod explain;
mod further;
mod hints;
mod judge;
mod length;
mod permit;
mod prepare;
mod walk;

use std::sync::Arc;

use crate::body::{Edits, ParseLimits};
use crate::breaker::BreakerConfig;
use crate::complexity::Scorer;
use crate::error::DecideError;
use crate::plan::{Deployment, Plan};
use crate::shared::journal::JournalWriter;
use crate::shared::StateFile;
use crate::types::{Boundary, Now, Route};
use difficulty::Difficulty;
use judge::Judge;

pub use decision::{Decision, Failure};
pub use hints::{Hints, Latency};
pub use judge::{prompt_hash, refusal_reasons};
pub use permit::{Permit, Settlement};

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

/// Why a plan could not be bound, in words for its author or for the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BindError {
    /// The plan is at fault.
    Plan(String),
    /// The state file is.
    State(String),
}

impl std::fmt::Display for BindError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let (Self::Plan(message) | Self::State(message)) = self;
        formatter.write_str(message)
    }
}

impl std::error::Error for BindError {}

/// One plan bound to the state of the host and to the journal of one worker.
pub struct Router {
    core: Arc<Core>,
}

/// What a router, its decisions and its permits share.
struct Core {
    plan: Plan,
    state: Arc<StateFile>,
    worker: usize,
    journal: Option<Arc<JournalWriter>>,
    /// The slot of each deployment in the state file.
    slots: Vec<usize>,
    /// What changes in a body on its way to each deployment.
    edits: Vec<RouteEdits>,
    judge: Judge,
    /// Where requests start by how hard they look; `None` where that plays no part.
    difficulty: Option<Difficulty>,
    breaker: BreakerConfig,
    /// Whether breakers may refuse; they count in any case.
    enabled: bool,
    limits: ParseLimits,
}

impl Router {
    /// Binds a plan to `worker`, a slot that this process has claimed.
    ///
    /// # Errors
    /// What is wrong, and with which of the two.
    pub fn new(
        plan: Plan,
        state: Arc<StateFile>,
        worker: usize,
        journal: Option<Arc<JournalWriter>>,
    ) -> Result<Self, BindError> {
        Self::with_scorer(plan, state, worker, journal, None)
    }

    /// The same with a learned scorer in place of the heuristic.
    ///
    /// # Errors
    /// What is wrong, and with which of the two.
    pub fn with_scorer(
        plan: Plan,
        state: Arc<StateFile>,
        worker: usize,
        journal: Option<Arc<JournalWriter>>,
        scorer: Option<Scorer>,
    ) -> Result<Self, BindError> {
        if worker >= state.worker_slots() {
            return Err(BindError::State(format!(
                "there is no worker slot {worker}"
            )));
        }
        let identities: Vec<u64> = plan
            .deployments
            .iter()
            .map(|deployment| deployment.id)
            .collect();
        let slots = slots(&state, &identities, plan.generation)?;
        let edits = plan
            .deployments
            .iter()
            .map(|deployment| RouteEdits::new(&plan, deployment))
            .collect::<Result<_, _>>()?;
        let BreakerSettings {
            enabled,
            config: breaker,
        } = BreakerSettings::parse(&plan.breaker)
            .map_err(|error| BindError::Plan(format!("plan: breaker: {error}")))?;
        let judge = Judge::new(&plan.privacy)?;
        let difficulty = Difficulty::new(&plan, scorer)?;
        state.worker(worker).adopt(plan.generation);
        let limits = ParseLimits::default();
        let core = Core {
            plan,
            state,
            worker,
            journal,
            slots,
            edits,
            judge,
            difficulty,
            breaker,
            enabled,
            limits,
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
        let prepared = prepare::prepare(&self.core, ask)?;
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

/// The breaker's numbers and whether it is asked at all.
struct BreakerSettings {
    enabled: bool,
    config: BreakerConfig,
}

impl BreakerSettings {
    /// Everything but `enabled` is the breaker's own, unknown fields are errors.
    fn parse(json: &str) -> serde_json::Result<Self> {
        let mut members: serde_json::Map<String, serde_json::Value> = serde_json::from_str(json)?;
        let enabled = members
            .remove("enabled")
            .map_or(Ok(true), serde_json::from_value)?;
        Ok(Self {
            enabled,
            config: serde_json::from_value(members.into())?,
        })
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
            BindError::State(format!(
                "the state file has no room for {count} deployments"
            ))
        })
}

/// The edits of one deployment. Most routes share one of two lists, because a list is long and the
/// routes are many.
struct RouteEdits {
    lists: Vec<Edits>,
    /// By route.
    of: [u8; Route::ALL.len()],
}

impl RouteEdits {
    fn new(plan: &Plan, deployment: &Deployment) -> Result<Self, BindError> {
        let chat = edits(plan, deployment, true)?;
        let mut made = Self {
            lists: vec![chat, edits(plan, deployment, false)?],
            of: Route::ALL.map(|route| u8::from(!route.has_chat_names())),
        };
        for (route, unknown) in Route::ALL.into_iter().zip(&deployment.unknown) {
            let user = deployment.user_metadata && route == Route::Messages;
            if unknown.is_empty() && !user {
                continue;
            }
            let base = made.of(route).clone();
            let edits = base.cut_all(unknown.iter().map(String::as_str));
            made.of[route as usize] = made.lists.len() as u8;
            made.lists
                .push(if user { edits.user_metadata() } else { edits });
        }
        Ok(made)
    }

    fn of(&self, route: Route) -> &Edits {
        &self.lists[usize::from(self.of[route as usize])]
    }
}

/// What is changed in a body for a deployment. Parameters are set and renamed by the names that
/// Chat has for them; in a body of another dialect (`chat` is false) these may mean something else.
fn edits(plan: &Plan, deployment: &Deployment, chat: bool) -> Result<Edits, BindError> {
    let mut edits = Edits::new().cut_all(plan.owned_keys.iter().map(String::as_str));
    edits = edits.cut_all(deployment.drops.iter().map(String::as_str));
    // The name that a wildcard asks for is known only with the request.
    if !deployment.wildcard {
        edits = edits.model(&deployment.model);
    }
    if !chat {
        return Ok(edits);
    }
    for (from, to) in &deployment.renames {
        edits = edits.rename(from, to);
    }
    let wrong = |error: crate::body::BodyError| {
        BindError::Plan(format!(
            "plan: deployment {}: {}",
            deployment.name, error.message
        ))
    };
    for (key, raw) in &deployment.defaults {
        edits = edits.default_member(key, raw).map_err(wrong)?;
    }
    for (key, raw) in &deployment.force {
        edits = edits.force(key, raw).map_err(wrong)?;
    }
    if deployment.ask_usage {
        edits = edits.include_usage();
    }
    Ok(edits)
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
