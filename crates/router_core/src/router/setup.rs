//! A configuration, checked whole: the plan, and the parts that belong to breakers, privacy and complexity.
//!
//! Each part is read by the type of the room that owns it, all of them here and in one pass, so a mistake
//! is found before any worker adopts the configuration, whatever part it stands in. Nothing in a setup
//! depends on a state file, a worker or a request.

use super::difficulty::{Complexity, Difficulty};
use super::edits::RouteEdits;
use super::judge::{Judge, Privacy};
use crate::breaker::BreakerConfig;
use crate::complexity::Scorer;
use crate::plan::{Parts, Plan};

/// A checked configuration. It never changes.
pub struct Setup {
    pub(super) plan: Plan,
    /// What changes in a body on its way to each deployment.
    pub(super) edits: Vec<RouteEdits>,
    pub(super) judge: Judge,
    /// Where requests start by how hard they look; `None` where that plays no part.
    pub(super) difficulty: Option<Difficulty>,
    pub(super) breaker: BreakerConfig,
}

/// What is wrong with a configuration, in words for its author: where, and what was expected.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetupError(pub String);

impl std::fmt::Display for SetupError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for SetupError {}

impl Setup {
    /// Reads a configuration as the planner writes it. A learned scorer takes the place of the heuristic.
    ///
    /// # Errors
    /// The first mistake.
    pub fn parse(json: &[u8], scorer: Option<Scorer>) -> Result<Self, SetupError> {
        let (plan, parts) = Plan::parse(json).map_err(|error| SetupError(error.to_string()))?;
        let Parts {
            breaker,
            privacy,
            complexity,
        }: Parts<BreakerConfig, Privacy, Complexity> = parts;
        let wrong = |part: &str, error: String| SetupError(format!("plan: {part}: {error}"));
        let edits = plan
            .deployments
            .iter()
            .map(|deployment| {
                RouteEdits::new(&plan, deployment).map_err(|error| {
                    wrong(&format!("deployment {}", deployment.name), error.message)
                })
            })
            .collect::<Result<_, _>>()?;
        let judge = Judge::new(privacy).map_err(|error| wrong("privacy", error.to_string()))?;
        let difficulty = complexity
            .map(|settings| Difficulty::new(settings, &plan, scorer))
            .transpose()
            .map_err(|error| wrong("complexity", error))?;
        Ok(Self {
            plan,
            edits,
            judge,
            difficulty,
            breaker,
        })
    }
}
