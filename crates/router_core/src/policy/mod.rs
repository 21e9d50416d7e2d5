//! Which deployments may see a request at all.
//!
//! Everything here follows from the plan and the request; nothing depends on load or health, so the
//! answer to "may this deployment ever see this request" is the same on every worker and at every
//! moment. Health is asked later and can only take away.
//!
//! The ceiling is checked for every deployment of every group, fallbacks included: there is no
//! path through which a candidate beyond the ceiling reaches a caller.

use crate::plan::{Lineup, Plan, Step};
use crate::types::{Boundary, Level, Reason, Route};

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

/// How many deployments were refused for the reasons that decide what the client is told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Refusals {
    /// Refused only because of the ceiling.
    pub beyond_ceiling: u32,
    /// Allowed, but cannot be called as configured.
    pub unusable: u32,
    /// Allowed, but certainly too small; counted by whoever knows the request's length.
    pub too_long: u32,
}

/// The boundary up to which content of this level may travel.
pub fn boundary_of(level: Level) -> Boundary {
    match level {
        Level::Public => Boundary::External,
        Level::Internal => Boundary::Organization,
        Level::Regulated => Boundary::Device,
    }
}

/// Appends the allowed steps of a lineup to `allowed`, in order.
///
/// `refused` is told each step that is left out and why; a decision ignores it, an explanation
/// collects it, so both come from the same code.
pub fn screen(
    plan: &Plan,
    lineup: &Lineup,
    demand: &Demand<'_>,
    allowed: &mut Vec<Step>,
    mut refused: impl FnMut(&Step, Reason),
) -> Refusals {
    let mut refusals = Refusals::default();
    let start = allowed.len();
    for step in &lineup.steps {
        let verdict = judge(plan, lineup, demand, &allowed[start..], step);
        match verdict {
            None => allowed.push(*step),
            Some(reason) => {
                refusals.beyond_ceiling += u32::from(reason == Reason::BeyondCeiling);
                refusals.unusable += u32::from(reason == Reason::Unusable);
                refused(step, reason);
            }
        }
    }
    refusals
}

/// Why this step may not be used, given those allowed before it.
fn judge(
    plan: &Plan,
    lineup: &Lineup,
    demand: &Demand<'_>,
    allowed: &[Step],
    step: &Step,
) -> Option<Reason> {
    let deployment = &plan.deployments[step.deployment as usize];
    if !deployment.serves(demand.route) {
        return Some(Reason::RouteUnsupported);
    }
    if demand.tier.is_some_and(|tier| tier != deployment.tier) {
        return Some(Reason::TierExcluded);
    }
    if deployment.boundary > demand.ceiling {
        return Some(Reason::BeyondCeiling);
    }
    if deployment.unusable.is_some() {
        return Some(Reason::Unusable);
    }
    let first = allowed.first()?;
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
            && allowed
                .iter()
                .any(|other| other.deployment == step.deployment && same(other))
        {
            return Some(Reason::Duplicate);
        }
        // Vectors of two models live in different spaces: mixing them corrupts an index silently.
        // Deployments of one group are declared interchangeable; across groups the name must match.
        if demand.route.embeds()
            && !allowed
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
