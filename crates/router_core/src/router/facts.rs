//! What a request is, apart from who answers it: the facts that stay the same for all of its attempts, and
//! what follows from them for a step.

use std::borrow::Cow;
use std::sync::Arc;

use super::difficulty::Placed;
use super::judge::{Account, Judgement};
use super::length::Length;
use super::{Core, Hints};
use crate::body::{Edits, Less, Outline};
use crate::plan::{Lineup, Step};
use crate::policy::{self, Demand};
use crate::types::{Boundary, Level, MemberPath, Reason, Route};

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
    /// Members that only some backends take; see [`crate::text::NESTED`].
    pub(super) nested: u32,
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
    /// what a name should not. A journal holds no text, and only such a name is a client's own words.
    pub(super) fn recorded_model<'f>(&'f self, core: &'f Core) -> &'f str {
        let configured = &core.plan.models[self.resolved as usize].name;
        if !configured.contains('*') || core.judge.is_public(&self.model) {
            &self.model
        } else {
            configured
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
    /// `less` comes beside what the plan cuts and the client itself wants left out; with `less.translated`
    /// the plan's parameters are left to the translation. `None` when the plan leaves all to it.
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
        let lists = &core.edits[position];
        let mut edits = Cow::Borrowed(if less.translated {
            lists.translated()
        } else {
            lists.of(self.route)
        });
        if deployment.wildcard {
            let name = self.upstream_model(core, lineup, step);
            edits = Cow::Owned(edits.into_owned().model(&name));
        }
        if self.hints.own_members && step.target > 0 {
            let name = &lineup.targets[usize::from(step.target) - 1].name;
            edits = Cow::Owned(self.own_members(core, name, bytes, edits.into_owned()));
        }
        if !self.hints.leave.is_empty() {
            edits = Cow::Owned(edits.into_owned().without_said(&self.hints.leave));
        }
        if !less.is_empty() {
            edits = Cow::Owned(edits.without(less));
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
            if let Ok(said) = edits.clone().said(&key, &text) {
                edits = said;
            }
        }
        edits
    }

    /// Members of the body that the deployment of a step is not told: those that it does not know, and
    /// those that it is not to be told. `translated`: a translation lists these itself, but for those that
    /// the client wants left out.
    pub(super) fn untold(
        &self,
        core: &Core,
        step: &Step,
        bytes: &[u8],
        translated: bool,
    ) -> Vec<String> {
        let deployment = &core.plan.deployments[step.deployment as usize];
        let says = |name: &&String| self.outline.says(bytes, name);
        let left = self.hints.leave.iter().filter(says).cloned();
        if translated {
            return left.collect();
        }
        let unknown = &deployment.unknown[self.route as usize];
        let mut untold: Vec<String> = unknown.iter().filter(says).cloned().collect();
        if let Some(rules) = &deployment.parameters[self.route as usize] {
            // What the client says as the configuration forces it is not lost.
            let lost = |path: &&MemberPath| {
                let forced = rules.force.iter().find(|(it, _)| it == *path);
                let said = self.outline.at(bytes, path);
                said.is_some_and(|it| forced.is_none_or(|(_, raw)| it.bytes() != raw.as_bytes()))
            };
            untold.extend(rules.drops.iter().filter(lost).map(ToString::to_string));
        }
        untold.extend(left);
        let user_only = deployment.user_metadata && self.route == Route::Messages;
        untold.extend(self.outline.lost_metadata(bytes, user_only));
        untold
    }

    /// Whether the body says something that the deployment of a step can only be told in other words.
    pub(super) fn converted(&self, core: &Core, step: &Step, bytes: &[u8]) -> bool {
        let deployment = &core.plan.deployments[step.deployment as usize];
        let names = &deployment.convert[self.route as usize];
        names.iter().any(|name| self.outline.says(bytes, name))
    }
}
