//! The stages of a decision, in their order: what each takes away or moves, and why.
//!
//! First those that follow from plan and request (`policy`), above all how far the request may travel;
//! then those that need the length or the look of the prompt. A decision and an explanation run the same
//! stages. Health and load are asked afterwards, when the candidates are walked, and can only take away.

use std::sync::Arc;

use super::facts::Facts;
use super::{Ask, Core};
use crate::body::Body;
use crate::plan::Step;
use crate::policy::{self, Candidates};
use crate::text::Text;
use crate::tokens::Fit;
use crate::types::{Reason, Stage};

/// Runs all stages. `facts` learns what they found out: which lineup is walked, how hard the request looks,
/// why nobody may see it.
pub(super) fn run(
    core: &Core,
    ask: &Ask<'_>,
    facts: &mut Facts,
    body: &Body<'_>,
    text: &Text,
    counted: bool,
) -> Candidates {
    let mut candidates = of_lineup(core, facts);
    larger(core, facts, &mut candidates);
    complexity(core, facts, &mut candidates, body, text, counted);
    if candidates.steps().is_empty() && candidates.lost(Reason::BeyondCeiling) {
        facts.account = Some(core.judge.account(text, ask.route.asks_in()));
    }
    candidates
}

/// What may be tried of the facts' lineup: allowed by policy, and not certainly too small.
fn of_lineup(core: &Core, facts: &Facts) -> Candidates {
    let mut candidates = policy::screen(&core.plan, &facts.lineup, &facts.demand());
    candidates.remove(Stage::Length, |step, _| {
        matches!(fit(core, facts, step), Fit::No(_)).then_some(Reason::TooLong)
    });
    candidates.demote(Stage::Length, Reason::LikelyTooLong, |step| {
        matches!(fit(core, facts, step), Fit::Unlikely)
    });
    candidates
}

/// Where every deployment is certainly too small: what the upstream's refusal would lead to.
fn larger(core: &Core, facts: &mut Facts, candidates: &mut Candidates) {
    let misfits = candidates.steps().is_empty() && candidates.lost(Reason::TooLong);
    if !misfits || facts.hints.no_fallback {
        return;
    }
    let context = Arc::clone(&core.plan.models[facts.resolved as usize].context);
    let usual = std::mem::replace(&mut facts.lineup, context);
    candidates.replace(of_lineup(core, facts));
    if candidates.steps().is_empty() {
        facts.lineup = usual;
    }
}

/// Moves the tier in which requests of this look start to the front.
fn complexity(
    core: &Core,
    facts: &mut Facts,
    candidates: &mut Candidates,
    body: &Body<'_>,
    text: &Text,
    counted: bool,
) {
    let Some(difficulty) = core.difficulty.as_ref() else {
        return;
    };
    if !difficulty.concerns(&facts.model) {
        return;
    }
    let decides = facts.hints.tier.is_none() && !candidates.steps().is_empty();
    let placed = difficulty.place(body, text, counted && decides);
    if let Some(start) = placed.start.filter(|_| decides) {
        let starts = |step: &Step| core.plan.deployments[step.deployment as usize].tier == start;
        candidates.promote(Stage::Complexity, Reason::StartsHere, starts);
    }
    facts.placed = Some(placed);
}

/// Whether the prompt and the answer that was asked for fit the window of a step's deployment.
pub(super) fn fit(core: &Core, facts: &Facts, step: &Step) -> Fit {
    if facts.hints.own_members && step.target > 0 {
        // What was counted is not what would be sent.
        return Fit::Unknown;
    }
    let position = step.deployment as usize;
    let words = core.state.deployment(core.slots[position]);
    let reserved = u64::from(facts.max_tokens);
    facts
        .length
        .fits(&core.plan.deployments[position], words, reserved)
}
