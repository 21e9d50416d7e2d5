//! From bytes to the candidates that may see them: everything about a decision that depends neither
//! on load nor on health. A decision and an explanation both start here.

use std::borrow::Cow;
use std::sync::Arc;

use super::admit::{wait_ms, Block};
use super::difficulty::Placed;
use super::judge::{read, Account, Judgement};
use super::length::Length;
use super::{stages, Ask, Core, Hints};
use crate::body::{Body, Edits, Less, Outline};
use crate::error::DecideError;
use crate::plan::{Lineup, Step};
use crate::policy::{self, Candidates, Demand};
use crate::text::{LocalReference, Part, Role, Text};
use crate::types::{Boundary, Level, Now, Reason, Route};

/// What a request is, apart from who answers it.
pub(super) struct Facts {
    pub(super) route: Route,
    pub(super) outline: Outline,
    /// The name that the client asked for.
    pub(super) model: String,
    /// What it resolved to.
    pub(super) resolved: u32,
    pub(super) hints: Hints,
    pub(super) level: Level,
    /// What the scan found.
    pub(super) judgement: Judgement,
    /// Whether it refers to media that have to be fetched from somewhere.
    pub(super) remote_media: bool,
    /// Whether a system message stands behind the first message.
    pub(super) late_system: bool,
    /// How long it is.
    pub(super) length: Length,
    /// How hard it looks, where that decides where it starts.
    pub(super) placed: Option<Placed>,
    pub(super) ceiling: Boundary,
    pub(super) lineup: Arc<Lineup>,
    /// The group with which the request starts: the first of which it may see anything.
    pub(super) first_group: Option<u16>,
    /// 0 when the client set no limit.
    pub(super) max_tokens: u32,
    /// Why nobody may see it; only where nobody may.
    pub(super) account: Option<Account>,
}

impl Facts {
    /// What a candidate must satisfy; the same for the first lineup and for context fallbacks.
    pub(super) fn demand(&self) -> Demand<'_> {
        Demand {
            route: self.route,
            ceiling: self.ceiling,
            tier: self.hints.tier,
            fallback: !self.hints.no_fallback,
            asked: &self.model,
        }
    }

    /// Whether the client wants its answer as a stream.
    pub(super) fn stream(&self) -> bool {
        let unsaid = self.route.streams_unasked();
        self.outline.stream().unwrap_or(unsaid)
    }

    /// Why the first attempt is at this step.
    pub(super) fn first_reason(&self, step: &Step) -> Reason {
        if self.is_fallback(step) {
            Reason::Fallback
        } else {
            Reason::Primary
        }
    }

    /// Whether a step stands behind the group with which the request starts, or belongs to another
    /// model than the one asked for.
    pub(super) fn is_fallback(&self, step: &Step) -> bool {
        step.target > 0 || Some(step.group) != self.first_group
    }

    /// What records call the model: as the client did, unless a pattern let the name through and it holds
    /// more than a name should.
    pub(super) fn recorded_model<'f>(&'f self, core: &'f Core) -> &'f str {
        if self.level == Level::Public {
            &self.model
        } else {
            &core.plan.models[self.resolved as usize].name
        }
    }

    /// What the upstream of a step calls the model.
    pub(super) fn upstream_model<'c>(
        &self,
        core: &'c Core,
        lineup: &Lineup,
        step: &Step,
    ) -> Cow<'c, str> {
        policy::upstream_name(&core.plan, lineup, &self.model, step)
    }

    /// The body for the upstream of a step, made from `bytes`, which are those that were read.
    /// `less` comes beside what the plan cuts and the client itself wants left out. `None` when the plan
    /// leaves the translation to the provider.
    pub(super) fn splice(
        &self,
        core: &Core,
        lineup: &Lineup,
        step: &Step,
        bytes: &[u8],
        less: &Less<'_>,
    ) -> Option<Vec<u8>> {
        let position = step.deployment as usize;
        let deployment = &core.plan.deployments[position];
        if !deployment.splice {
            return None;
        }
        let mut edits = Cow::Borrowed(core.edits[position].of(self.route));
        if deployment.wildcard {
            let name = self.upstream_model(core, lineup, step);
            edits = Cow::Owned(edits.into_owned().model(&name));
        }
        if self.hints.own_members && step.target > 0 {
            let name = &lineup.targets[usize::from(step.target) - 1].name;
            edits = Cow::Owned(self.own_members(core, name, bytes, edits.into_owned()));
        }
        if !(self.hints.leave.is_empty() && less.is_empty()) {
            let own = self.hints.leave.iter().map(String::as_str);
            let all: Vec<_> = own.chain(less.leave.iter().copied()).collect();
            edits = Cow::Owned(edits.without(&Less {
                leave: &all,
                ..*less
            }));
        }
        Some(self.outline.splice(bytes, &edits))
    }

    /// `edits` with what the client's `fallbacks` say of the model `name`: messages of its own, say.
    fn own_members(&self, core: &Core, name: &str, bytes: &[u8], mut edits: Edits) -> Edits {
        let Some(fallbacks) = self.outline.raw_fallbacks(bytes) else {
            return edits;
        };
        let mut items = fallbacks.items();
        let Some(item) = items.find(|item| item.get("model").is_some_and(|it| it.is(name))) else {
            return edits;
        };
        for (key, value) in item.entries() {
            if matches!(key.as_ref(), "model" | "stream") || core.plan.owns(&key) {
                continue;
            }
            let text = String::from_utf8_lossy(value.bytes());
            // The value was scanned with the body, so it is JSON.
            if let Ok(forced) = edits.clone().force(&key, &text) {
                edits = forced;
            }
        }
        edits
    }

    /// Members of the body that the deployment of a step is not told: those that it does not know, and
    /// those that nobody is to be told.
    pub(super) fn untold<'b>(
        &'b self,
        core: &'b Core,
        step: &Step,
        bytes: &'b [u8],
    ) -> impl Iterator<Item = String> + 'b {
        let deployment = &core.plan.deployments[step.deployment as usize];
        let unknown = &deployment.unknown[self.route as usize];
        let lists = [unknown, &deployment.drops, &self.hints.leave];
        lists
            .into_iter()
            .flatten()
            .map(String::as_str)
            .filter(|name| self.outline.says(bytes, name))
            .map(str::to_owned)
            .chain(self.outline.lost_metadata(
                bytes,
                deployment.user_metadata && self.route == Route::Messages,
            ))
    }

    /// Whether the body says something that the deployment of a step can only be told in other words.
    pub(super) fn converted(&self, core: &Core, step: &Step, bytes: &[u8]) -> bool {
        let deployment = &core.plan.deployments[step.deployment as usize];
        let names = &deployment.convert[self.route as usize];
        names.iter().any(|name| self.outline.says(bytes, name))
    }
}

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
