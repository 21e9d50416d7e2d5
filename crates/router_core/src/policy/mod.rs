//! Which deployments may see a request at all.
//!
//! Everything here follows from the plan and the request; nothing depends on load or health, so the
//! answer to "may this deployment ever see this request" is the same on every worker and at every
//! moment. Health is asked later and can only take away.
//!
//! The ceiling is checked for every deployment of every group, fallbacks included: there is no
//! path through which a candidate beyond the ceiling reaches a caller.

mod candidates;

pub use candidates::{Candidates, Verdict};

use crate::plan::{Lineup, Plan, Step};
use crate::types::{Boundary, Level, Reason, Route, Stage};

/// What a request demands of a deployment.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// The endpoint that was called.
    pub route: Route,
    /// The farthest boundary that the request may reach.
    pub ceiling: Boundary,
    /// Only this tier, as a position in the plan.
    pub tier: Option<u16>,
    /// Whether later groups and fallback models may be used.
    pub fallback: bool,
    /// The name that the client asked for.
    pub asked: &'a str,
}

/// The boundary up to which content of this level may travel.
pub fn boundary_of(level: Level) -> Boundary {
    match level {
        Level::Public => Boundary::External,
        Level::Internal => Boundary::Organization,
        Level::Regulated => Boundary::Device,
    }
}

/// The candidates of a lineup that may see a request: the stages that follow from plan and request alone.
pub fn screen(plan: &Plan, lineup: &Lineup, demand: &Demand<'_>) -> Candidates {
    let deployment = |step: &Step| &plan.deployments[step.deployment as usize];
    let mut candidates = Candidates::of(&lineup.steps);
    candidates.remove(Stage::Capability, |step, _| {
        (!deployment(step).serves(demand.route)).then_some(Reason::RouteUnsupported)
    });
    if let Some(tier) = demand.tier {
        candidates.remove(Stage::Tier, |step, _| {
            (deployment(step).tier != tier).then_some(Reason::TierExcluded)
        });
    }
    candidates.remove(Stage::Privacy, |step, _| {
        (deployment(step).boundary > demand.ceiling).then_some(Reason::BeyondCeiling)
    });
    candidates.remove(Stage::Configuration, |step, _| {
        deployment(step).unusable.as_ref().map(|_| Reason::Unusable)
    });
    candidates.remove(Stage::Fallbacks, |step, before| {
        stands_in(plan, lineup, demand, before, step)
    });
    candidates
}

/// Why a step may not stand in for the first of those before it.
fn stands_in(
    plan: &Plan,
    lineup: &Lineup,
    demand: &Demand<'_>,
    before: &[Step],
    step: &Step,
) -> Option<Reason> {
    let deployment = &plan.deployments[step.deployment as usize];
    let first = before.first()?;
    if step.group == first.group {
        return None;
    }
    if !demand.fallback {
        return Some(Reason::FallbackDisabled);
    }
    if deployment.wildcard || demand.route.embeds() {
        let name = upstream_name(plan, lineup, demand.asked, step);
        let same = |other: &Step| upstream_name(plan, lineup, demand.asked, other) == name;
        if deployment.wildcard
            && before
                .iter()
                .any(|other| other.deployment == step.deployment && same(other))
        {
            return Some(Reason::Duplicate);
        }
        // Vectors of two models live in different spaces: mixing them corrupts an index silently.
        // Deployments of one group are declared interchangeable; across groups the name must match.
        if demand.route.embeds()
            && !before
                .iter()
                .take_while(|other| other.group == first.group)
                .any(same)
        {
            return Some(Reason::OtherEmbeddingModel);
        }
    }
    None
}

/// What the upstream of a step calls the model.
pub fn upstream_name<'p>(
    plan: &'p Plan,
    lineup: &Lineup,
    asked: &str,
    step: &Step,
) -> std::borrow::Cow<'p, str> {
    let deployment = &plan.deployments[step.deployment as usize];
    if !deployment.wildcard {
        return std::borrow::Cow::Borrowed(&deployment.model);
    }
    match step
        .target
        .checked_sub(1)
        .and_then(|target| lineup.targets.get(usize::from(target)))
    {
        Some(target) => deployment.upstream_model(&target.name, target.resolved.captured),
        None => {
            let captured = plan.resolve(asked).map_or(0, |resolved| resolved.captured);
            deployment.upstream_model(asked, captured)
        }
    }
}

#[cfg(test)]
mod tests;
