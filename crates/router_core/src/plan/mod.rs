//! The plan: everything of a configuration that a decision reads, compiled once per generation.
//!
//! The planner (Python) knows configuration files, providers and prices; this side knows indices.
//! A plan is checked whole when it is built and never changes afterwards: a request keeps the plan
//! that it started with, a reload swaps one reference. What can be computed from the configuration
//! alone, the flattened order of fallbacks above all, is computed here once and not per request.
//!
//! A plan never holds a credential, a URL or anything else that is needed only to talk to an
//! upstream.

mod compile;
mod hold;
mod lineup;
mod names;
mod wire;

use std::collections::HashMap;
use std::sync::Arc;

use serde::de::DeserializeOwned;

use crate::types::{Boundary, MemberPath, Outcome, Route, Signal};

pub use hold::{Hold, Until};
pub use lineup::{Lineup, Step, Target};
pub use names::Resolved;

/// Lineups are counted in `u16`; a configuration of this size is a mistake.
const MOST: usize = 60_000;

/// How the deployments of one group are ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    /// Random in proportion to weight, without replacement.
    #[default]
    Weighted,
    /// Lowest `order` first; equals by weight.
    Priority,
    /// Fewest requests in flight per weight.
    LeastBusy,
    /// Power of two choices over TTFT x (in flight + 1).
    Latency,
    /// Fewest tokens in the running minute.
    Usage,
    /// Lowest price of input plus output.
    Cost,
}

impl Strategy {
    /// The name used in plans and explanations.
    pub fn name(self) -> &'static str {
        match self {
            Self::Weighted => "weighted",
            Self::Priority => "priority",
            Self::LeastBusy => "least_busy",
            Self::Latency => "latency",
            Self::Usage => "usage",
            Self::Cost => "cost",
        }
    }
}

/// One concrete upstream as decisions see it.
#[derive(Debug)]
pub struct Deployment {
    /// Identity across reloads (provider, model, key, base URL), never 0.
    pub id: u64,
    /// `tier/name`, for journals and explanations.
    pub name: String,
    /// The upstream's name of the model; a `*` stands for what the client asked for.
    pub model: String,
    /// Whether `model` contains a `*`.
    pub wildcard: bool,
    /// Position in [`Plan::tiers`].
    pub tier: u16,
    /// Where a request to it ends.
    pub boundary: Boundary,
    /// Share among equals; 0 only after all others.
    pub weight: f64,
    /// Rank under [`Strategy::Priority`], lowest first.
    pub order: i64,
    /// Most requests in flight, over the host; 0 is no limit.
    pub max_parallel: u32,
    /// A bit for each route.
    routes: u32,
    /// What is set, renamed and cut in a body, by the number of a route; `None` where nothing is.
    pub parameters: [Option<Parameters>; Route::ALL.len()],
    /// Members of a route's protocol that it takes no notice of, or refuses. Sorted.
    pub unknown: ByRoute,
    /// Whether of a Messages client's `metadata` it takes `user_id` alone.
    pub user_metadata: bool,
    /// Those that it does not know and a translation can tell it in other words. Sorted.
    pub convert: ByRoute,
    /// Whether to ask for the usage event of a stream.
    pub ask_usage: bool,
    /// Whether the body is spliced here; otherwise the provider translates it.
    pub splice: bool,
    /// Price of input plus output; `None` when either is unknown.
    pub price: Option<f64>,
    /// Tokens that fit, prompt and answer together; 0 when unknown.
    pub context_window: u64,
    /// Equal for deployments that show the same credential; 0 when they show none.
    pub credential: u64,
    /// Equal for deployments that are one process; 0 when that is not known.
    pub engine: u64,
    /// Why it cannot be called at all, as found by the planner.
    pub unusable: Option<String>,
}

/// A deployment's rules for the parameters of one route. The planner knows what each wire calls them, and
/// that some have two names; [`crate::body::Edits`] knows which rule comes first.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Parameters {
    /// What of the client's is not told, and listed.
    pub drops: Vec<MemberPath>,
    /// What yields to a value of `force` that has another name.
    pub replaced: Vec<MemberPath>,
    /// What is told where the client says nothing.
    pub defaults: Vec<Preset>,
    /// Values in place of the client's: (path, raw JSON value).
    pub force: Vec<(MemberPath, String)>,
    /// Members whose key changes: (from, to).
    pub renames: Vec<(String, String)>,
}

/// A value for what the client does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Preset {
    /// Where it stands.
    pub path: MemberPath,
    /// Raw JSON.
    pub raw: String,
    /// Where else the client may say it.
    pub unless: Vec<MemberPath>,
}

/// Names of members, by the number of a route.
pub type ByRoute = [Vec<String>; Route::ALL.len()];

const _: () = assert!(Route::ALL.len() <= u32::BITS as usize);

impl Deployment {
    /// Whether it serves this kind of endpoint.
    pub fn serves(&self, route: Route) -> bool {
        self.routes & (1 << route as u8) != 0
    }
}

/// A name that clients may ask for.
#[derive(Debug)]
pub struct Model {
    /// The name; may end in `*`.
    pub name: String,
    /// Whether lists of models leave it out. It can still be asked for.
    pub hidden: bool,
    /// How often the same deployment may be tried again after all others.
    pub retries: u32,
    /// The same by how the last attempt ended, where that differs.
    pub retries_by: RetriesBy,
    /// How long its answers are held back.
    pub hold: Hold,
    /// Its own groups, then those of its fallbacks.
    pub lineup: Arc<Lineup>,
    /// What may be tried when the prompt did not fit.
    pub context: Arc<Lineup>,
    groups: Vec<Vec<u32>>,
    strategy: Strategy,
}

/// How often the same deployment may be tried again, by how the last attempt ended. What ends in any other
/// way is either not tried again at the same deployment, or counts as a failure.
#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RetriesBy {
    /// It asked to wait.
    pub throttled: Option<u32>,
    /// It broke.
    pub failed: Option<u32>,
}

impl Model {
    /// How often the same deployment may be tried again after an attempt that ended so.
    pub fn retries_after(&self, outcome: Outcome) -> u32 {
        let own = match outcome.signal() {
            Signal::Throttle => self.retries_by.throttled,
            Signal::Hard => self.retries_by.failed,
            _ => None,
        };
        own.unwrap_or(self.retries)
    }
}

/// Bounds of retries, failovers and fallbacks.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Retry {
    /// Most attempts per request, the first included.
    pub max_attempts: u32,
    /// Share of active requests that may be further attempts, in percent.
    pub budget_percent: u32,
    /// Further attempts that are always allowed on this host.
    pub budget_min: u32,
    /// First upper bound of the back-off; doubles per retry.
    pub backoff_ms: u64,
    /// Last upper bound of the back-off.
    pub backoff_max_ms: u64,
}

impl Default for Retry {
    fn default() -> Self {
        Self {
            max_attempts: 3,
            budget_percent: 20,
            budget_min: 3,
            backoff_ms: 200,
            backoff_max_ms: 2000,
        }
    }
}

/// A compiled plan.
#[derive(Debug)]
pub struct Plan {
    /// Which configuration this is; grows with each reload.
    pub generation: u64,
    /// Top-level members that never travel upstream. Sorted.
    pub owned_keys: Vec<String>,
    /// Those of them that the gateway takes no notice of. Sorted.
    pub unheeded_keys: Vec<String>,
    /// All deployments; everything else refers to them by position.
    pub deployments: Vec<Deployment>,
    /// All models; fallbacks refer to them by position.
    pub models: Vec<Model>,
    /// Names of tiers, nearest first.
    pub tiers: Vec<String>,
    /// Retry numbers.
    pub retry: Retry,
    exact: HashMap<String, u32>,
    /// (prefix, model), longest prefix first.
    wildcards: Vec<(String, u32)>,
    /// The fallbacks that each model names itself.
    fallbacks: Vec<Vec<Target>>,
}

/// The parts of a configuration that other rooms own, as they read them: this one does not know what is in
/// them.
#[derive(Debug)]
pub struct Parts<B, P, C> {
    /// The numbers of breakers.
    pub breaker: B,
    /// What is scanned for, and whether it binds.
    pub privacy: P,
    /// Where requests start by how hard they look, if that plays a part.
    pub complexity: Option<C>,
}

impl Plan {
    /// Reads and checks a configuration: its plan, and the parts of others by their own types.
    ///
    /// # Errors
    /// The first mistake in words for the author of the plan: where it is and what was expected.
    pub fn parse<B, P, C>(json: &[u8]) -> Result<(Self, Parts<B, P, C>), PlanError>
    where
        B: DeserializeOwned + Default,
        P: DeserializeOwned + Default,
        C: DeserializeOwned,
    {
        compile::compile(json)
    }

    /// The plan alone.
    #[cfg(test)]
    pub(crate) fn alone(json: &[u8]) -> Result<Self, PlanError> {
        use serde::de::IgnoredAny;
        Self::parse::<IgnoredAny, IgnoredAny, IgnoredAny>(json).map(|(plan, _)| plan)
    }

    /// A lineup for a request that brings its own list of fallbacks, which takes the place of the
    /// configured one.
    ///
    /// # Errors
    /// The position of the first name that no model serves.
    pub fn lineup_with<'n>(
        &self,
        model: u32,
        names: impl IntoIterator<Item = &'n str>,
    ) -> Result<Lineup, usize> {
        let start = names
            .into_iter()
            .enumerate()
            .map(|(position, name)| {
                let resolved = self.resolve(name).ok_or(position)?;
                Ok(Target {
                    name: name.to_owned(),
                    resolved,
                })
            })
            .collect::<Result<Vec<_>, usize>>()?;
        let targets = compile::flatten(&self.fallbacks, &start);
        Ok(Lineup::build(
            &self.models,
            &self.deployments,
            Some(model),
            targets,
        ))
    }

    /// Whether a top-level member of this name is the gateway's own.
    pub fn owns(&self, key: &str) -> bool {
        has(&self.owned_keys, key)
    }

    /// Whether it is, and the gateway takes no notice of it.
    pub fn is_unheeded(&self, key: &str) -> bool {
        has(&self.unheeded_keys, key)
    }

    /// The position of a tier by name.
    pub fn tier(&self, name: &str) -> Option<u16> {
        self.tiers
            .iter()
            .position(|tier| tier == name)
            .map(|position| position as u16)
    }
}

fn has(sorted: &[String], key: &str) -> bool {
    sorted
        .binary_search_by(|name| name.as_str().cmp(key))
        .is_ok()
}

/// A plan that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PlanError(pub String);

impl std::fmt::Display for PlanError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "plan: {}", self.0)
    }
}

impl std::error::Error for PlanError {}

#[cfg(test)]
mod tests;
