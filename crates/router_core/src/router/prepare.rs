//! From bytes to the candidates that may see them: everything about a decision that depends neither
//! on load nor on health. A decision and an explanation both start here.

use std::borrow::Cow;
use std::sync::Arc;

use super::admit::{wait_ms, Block};
use super::facts::Facts;
use super::judge::read;
use super::length::Length;
use super::{stages, Ask, Core, Hints};
use crate::body::{Body, Outline};
use crate::error::DecideError;
use crate::plan::Lineup;
use crate::policy::{self, Candidates};
use crate::text::{LocalReference, Part, Role, Text};
use crate::types::{Level, Now, Reason, Route};

/// A request that was read and judged, without any permit.
pub(super) struct Prepared {
    pub(super) facts: Facts,
    /// What the stages left.
    pub(super) candidates: Candidates,
}

/// Reads and judges; allows what may be allowed. `counted`: whether the request is traffic, which moves
/// the thresholds of difficulty, or only a question.
pub(super) fn prepare(core: &Core, ask: &Ask<'_>, counted: bool) -> Result<Prepared, DecideError> {
    read(ask.body, ask.headers, &core.limits, |body, text| {
        body.require(ask.route)?;
        if let Some(reference) = text.local_reference() {
            return Err(not_fetched(ask.route, reference));
        }
        let mut facts = facts(core, ask, &body, text, counted)?;
        let candidates = stages::run(core, ask, &mut facts, &body, text, counted);
        facts.first_group = candidates.steps().first().map(|step| step.group);
        facts.outline = body.into_outline();
        Ok(Prepared { facts, candidates })
    })
}

/// What a request is, as far as its body and its headers say.
fn facts(
    core: &Core,
    ask: &Ask<'_>,
    body: &Body<'_>,
    text: &Text,
    counted: bool,
) -> Result<Facts, DecideError> {
    let model = body.model().map(Cow::into_owned).unwrap_or_default();
    let Some(resolved) = core.plan.resolve(&model) else {
        return Err(DecideError::new(
            "model_not_found",
            "model",
            unknown_model(&model),
        ));
    };
    let resolved = resolved.model;
    let hints = Hints::read(&core.plan, ask.headers, body)?;
    let lineup = lineup(core, resolved, &hints)?;
    let judgement = core.judge.judge(text, !counted);
    let said = hints.level.unwrap_or(Level::Public);
    let level = said.max(judgement.level);
    // Under `observe` the judgement is shown and binds nobody; what the client said still does.
    let bound = if judgement.binding { level } else { said };
    let limit = body
        .max_completion_tokens()
        .or(body.max_tokens())
        .or(body.max_output_tokens())
        .or(body.num_predict())
        .unwrap_or(0);
    Ok(Facts {
        route: ask.route,
        level,
        ceiling: ask.principal.ceiling.min(policy::boundary_of(bound)),
        judgement,
        remote_media: text.remote_media(),
        late_system: text
            .roles()
            .iter()
            .skip(1)
            .any(|role| *role == Role::System),
        nested: text.nested(),
        length: Length::of(body, text, first_upstream(core, resolved)),
        placed: None,
        lineup,
        max_tokens: u32::try_from(limit).unwrap_or(u32::MAX),
        account: None,
        // Taken from the body at the end, when nothing needs the body any more.
        outline: Outline::default(),
        model,
        resolved,
        hints,
        first_group: None,
    })
}

/// What the first deployment of a model calls it; empty if there is none.
fn first_upstream(core: &Core, model: u32) -> &str {
    let step = core.plan.models[model as usize].lineup.steps.first();
    step.map_or("", |step| {
        &core.plan.deployments[step.deployment as usize].model
    })
}

/// Why nothing at all may serve the request.
///
/// What the operator has to mend is said first: a deployment that is allowed but cannot be called as
/// it is configured is no policy, and no waiting helps. Then what the client can mend: a shorter
/// prompt would be served.
pub(super) fn nobody(core: &Core, facts: &Facts, candidates: &Candidates) -> DecideError {
    if candidates.lost(Reason::Unusable) {
        let demand = facts.demand();
        let why = facts.lineup.steps.iter().find_map(|step| {
            let deployment = &core.plan.deployments[step.deployment as usize];
            let meant = deployment.serves(demand.route)
                && demand.tier.is_none_or(|tier| tier == deployment.tier)
                && deployment.boundary <= demand.ceiling;
            deployment.unusable.as_deref().filter(|_| meant)
        });
        let message = format!(
            "The model is configured, but cannot be called: {}",
            why.unwrap_or("no deployment of it is usable"),
        );
        return DecideError::new("misconfigured", "model", message);
    }
    if candidates.lost(Reason::TooLong) {
        let message = format!(
            "The prompt has {} tokens; with the answer that is more than any deployment that may serve it takes.",
            facts.length.tokens,
        );
        return DecideError::new("context_length_exceeded", facts.route.asks_in(), message);
    }
    if candidates.lost(Reason::BeyondCeiling) {
        return denied(facts);
    }
    DecideError::new(
        "no_candidate",
        "model",
        "No deployment of this model serves this kind of request.",
    )
}

/// A refusal by policy: what was found and where, never what it says, and what would allow it.
fn denied(facts: &Facts) -> DecideError {
    let (kinds, place) = match &facts.account {
        Some(account) => (account.kinds.clone(), account.place.clone()),
        None => (Vec::new(), None),
    };
    let found = match (kinds.is_empty(), &place) {
        (true, _) => String::new(),
        (false, None) => format!(" (found: {})", kinds.join(", ")),
        (false, Some(place)) => format!(" (found: {}; first in {place})", kinds.join(", ")),
    };
    let message = format!(
        "This request is {}{found} and may not travel beyond the boundary `{}`; every deployment of this model lies further out. To have it answered, take that out (`hybridgw scan FILE` shows the places), change what the kind counts as (`privacy.levels`), or add a deployment within the boundary.",
        facts.level.name(),
        facts.ceiling.name(),
    );
    let mut error = DecideError::new("policy_denied", place.unwrap_or_default(), message);
    error.level = Some(facts.level);
    error.kinds = kinds;
    error
}

/// Why nothing may serve the request at this moment. What does not pass by waiting is not told as a
/// wait: a credential needs somebody to act.
pub(super) fn all_down<'b>(
    blocks: impl Iterator<Item = &'b Block> + Clone,
    now: Now,
) -> DecideError {
    let only = |reasons: &[Reason]| {
        let mut blocks = blocks.clone().peekable();
        blocks.peek().is_some() && blocks.all(|block| reasons.contains(&block.reason))
    };
    if only(&[Reason::OutOfCredit]) {
        let message = "The account behind every deployment that may serve this request is out of credit, or its spend limit is reached.";
        return DecideError::new("upstream_quota", "", message);
    }
    if only(&[Reason::OutOfCredit, Reason::CredentialDisabled]) {
        let message = "The upstream rejected the gateway's credential for every deployment that may serve this request.";
        return DecideError::new("upstream_auth", "", message);
    }
    let message = "Every deployment that may serve this request is down or asked to wait.";
    let soonest = blocks.map(|block| block.until_ms).min();
    DecideError::new("all_unavailable", "", message).retry_after(wait_ms(soonest, now))
}

fn lineup(core: &Core, model: u32, hints: &Hints) -> Result<Arc<Lineup>, DecideError> {
    match &hints.fallbacks {
        None => Ok(Arc::clone(&core.plan.models[model as usize].lineup)),
        Some(names) => match core
            .plan
            .lineup_with(model, names.iter().map(String::as_str))
        {
            Ok(lineup) => Ok(Arc::new(lineup)),
            Err(position) => {
                let field = format!("fallbacks[{position}]");
                Err(DecideError::new(
                    "model_not_found",
                    field,
                    unknown_model(&names[position]),
                ))
            }
        },
    }
}

/// Some backends open what they are referred to: nobody's request may name a file of theirs. The
/// reference itself is not quoted: it would say what was looked for.
fn not_fetched(route: Route, reference: LocalReference) -> DecideError {
    let member = match reference.part {
        Part::Messages => "messages",
        Part::Prompt => route.asks_in(),
        Part::Tools | Part::Owned | Part::Other => "images",
    };
    let field = match reference.position {
        Some(position) => format!("{member}[{position}]"),
        None => member.to_owned(),
    };
    let message = format!(
        "`{field}` refers to media in a way that is not served; a reference must be an http(s) URL or hold the data."
    );
    DecideError::new("invalid_value", field, message)
}

/// Names are quoted back, but not at any length: a client may have put its prompt there.
fn unknown_model(name: &str) -> String {
    let shown: String = name
        .chars()
        .filter(|letter| !letter.is_control())
        .take(128)
        .collect();
    format!("There is no model `{shown}` here.")
}
