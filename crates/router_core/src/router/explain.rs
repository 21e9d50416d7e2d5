//! A decision as a document for people: the same steps as a decision, told instead of taken.
//!
//! Reading the body, judging the deployments, ordering the groups and editing the body are the very
//! functions that decide; the edits listed are found by comparing the body before and after. Only
//! the question to each breaker differs: it looks, where a decision takes a probe's lease. Content
//! of the body never appears, only names of members.

use serde_json::{json, Map, Value};

use super::admit::Block;
use super::facts::Facts;
use super::prepare::{all_down, nobody, prepare, Prepared};
use super::stages::fit;
use super::walk::last_resort;
use super::{Ask, Core};
use crate::body::Body;
use crate::error::DecideError;
use crate::plan::{Lineup, Step};
use crate::policy::{self, Verdict};
use crate::select::Entry;
use crate::sensitivity::RULES;
use crate::types::{Draws, Reason};

pub(super) fn explain(core: &Core, ask: &Ask<'_>) -> Result<String, DecideError> {
    let Prepared { facts, candidates } = prepare(core, ask, false)?;
    let facts = &facts;
    let mut draws = Draws::new(ask.draw);
    let mut steps = candidates.steps().to_vec();
    let ranked = rank(core, &facts.lineup, &mut steps, ask, &mut draws);
    let told: Vec<Value> = ranked
        .iter()
        .map(|ranked| candidate(core, facts, ask, ranked, candidates.moved()))
        .collect();
    let chosen = choose(facts, &ranked);
    let error = match chosen {
        Some(_) => None,
        None if ranked.is_empty() => Some(nobody(core, facts, &candidates)),
        None => Some(all_down(
            ranked.iter().filter_map(|ranked| ranked.block.as_ref()),
            ask.now,
        )),
    };
    let model = &core.plan.models[facts.resolved as usize];
    let document = json!({
        "generation": core.plan.generation,
        "model": facts.model,
        "served_by": model.name,
        "route": facts.route.name(),
        "stream": facts.stream(),
        "level": facts.level.name(),
        "tokens": { "prompt": facts.length.tokens, "exact": facts.length.exact, "vocabulary": facts.length.encoding.name() },
        "complexity": facts.placed.map(|placed| json!({
            "class": placed.class.name(),
            "score": placed.measured.score,
            "learned": placed.learned,
            "bytes_visited": placed.measured.visited,
            "features": placed.measured.features.named().map(|(name, value)| (name.to_owned(), json!(value)))
                .collect::<Map<_, _>>(),
        })),
        "sensitivity": {
            "rules": RULES,
            "level": facts.judgement.level.name(),
            "known": facts.judgement.findings.level.is_some(),
            "binding": facts.judgement.binding,
            "saturated": facts.judgement.findings.saturated,
            "bytes_visited": facts.judgement.findings.visited,
            "found": facts.judgement.findings.named().map(|(name, count)| (name.to_owned(), json!(count)))
                .collect::<Map<_, _>>(),
        },
        "ceiling": facts.ceiling.name(),
        "hints": hints(core, facts),
        "chosen": chosen.map(|(step, reason)| json!({
            "deployment": core.plan.deployments[step.deployment as usize].name,
            "reason": reason.code(),
            "sentence": reason.sentence(),
        })),
        "error": error.map(|error| json!({
            "code": error.code, "message": error.message, "retry_after_ms": error.retry_after_ms,
        })),
        "candidates": told,
        "rejected": candidates.removed().iter().map(|verdict| refusal(core, verdict)).collect::<Vec<_>>(),
        "context_fallbacks": context_fallbacks(core, facts),
    });
    Ok(document.to_string())
}

/// A step in its place, with what was compared and what stands in its way.
struct Ranked {
    step: Step,
    entry: Entry,
    block: Option<Block>,
}

fn rank(
    core: &Core,
    lineup: &Lineup,
    steps: &mut [Step],
    ask: &Ask<'_>,
    draws: &mut Draws,
) -> Vec<Ranked> {
    let mut ranked = Vec::with_capacity(steps.len());
    for group in steps.chunk_by_mut(|one, other| one.group == other.group) {
        let strategy = lineup.strategies[usize::from(group[0].group)];
        let entries = core.arrange(group, strategy, ask.now, draws);
        for (step, entry) in group.iter().zip(entries) {
            let block = core.look(step.deployment, ask.now).err();
            // A decision draws once for each deployment that it asks.
            draws.word();
            ranked.push(Ranked {
                step: *step,
                entry,
                block,
            });
        }
    }
    ranked
}

fn choose(facts: &Facts, ranked: &[Ranked]) -> Option<(Step, Reason)> {
    if let Some(up) = ranked.iter().find(|ranked| ranked.block.is_none()) {
        let reason = facts.first_reason(&up.step);
        return Some((up.step, reason));
    }
    let passed = ranked
        .iter()
        .filter_map(|ranked| Some((&ranked.step, ranked.block.as_ref()?)));
    last_resort(passed).map(|step| (step, Reason::Panic))
}

fn candidate(
    core: &Core,
    facts: &Facts,
    ask: &Ask<'_>,
    ranked: &Ranked,
    moved: &[Verdict],
) -> Value {
    let Ranked { step, entry, block } = ranked;
    let mut candidate = place(core, step);
    let mut put = |key: &str, value: Value| candidate.insert(key.to_owned(), value);
    put("model", json!(asked_name(facts, step)));
    put(
        "upstream_model",
        json!(facts.upstream_model(core, &facts.lineup, step)),
    );
    put("group", json!(step.group));
    put("fits", json!(fit(core, facts, step).name()));
    put(
        "strategy",
        json!(facts.lineup.strategies[usize::from(step.group)].name()),
    );
    put(
        "score",
        json!({
            "compared": entry.score,
            "weight": entry.weight,
            "order": entry.order,
            "in_flight": entry.in_flight,
            "waiting": entry.waiting,
            "ttft_ms": entry.ttft_us.map(|ttft| f64::from(ttft) / 1000.0),
            "tokens_this_minute": entry.tokens,
            "price": entry.price,
        }),
    );
    put(
        "blocked",
        match block {
            None => Value::Null,
            Some(block) => json!({
                "reason": block.reason.code(),
                "sentence": block.reason.sentence(),
                "for_ms": block.until_ms.saturating_sub(ask.now.mono_ms()),
            }),
        },
    );
    let moved = moved.iter().filter(|verdict| verdict.step == *step);
    put(
        "moved",
        moved
            .map(|verdict| json!({"stage": verdict.stage.name(), "reason": verdict.reason.code()}))
            .collect(),
    );
    put("edits", edits(core, facts, ask, step));
    Value::Object(candidate)
}

fn refusal(core: &Core, verdict: &Verdict) -> Value {
    let Verdict {
        step,
        stage,
        reason,
    } = verdict;
    let mut refusal = place(core, step);
    refusal.insert("stage".into(), json!(stage.name()));
    refusal.insert("reason".into(), json!(reason.code()));
    refusal.insert("sentence".into(), json!(reason.sentence()));
    if let Some(detail) = &core.plan.deployments[step.deployment as usize].unusable {
        refusal.insert("detail".into(), json!(detail));
    }
    Value::Object(refusal)
}

fn place(core: &Core, step: &Step) -> Map<String, Value> {
    let deployment = &core.plan.deployments[step.deployment as usize];
    let mut place = Map::new();
    place.insert("deployment".into(), json!(deployment.name));
    place.insert("id".into(), json!(format!("{:016x}", deployment.id)));
    place.insert(
        "tier".into(),
        json!(core.plan.tiers[usize::from(deployment.tier)]),
    );
    place.insert("boundary".into(), json!(deployment.boundary.name()));
    place
}

/// The name under which the lineup came to this step.
fn asked_name<'a>(facts: &'a Facts, step: &Step) -> &'a str {
    match step.target.checked_sub(1) {
        None => &facts.model,
        Some(target) => &facts.lineup.targets[usize::from(target)].name,
    }
}

/// Which members differ in what this deployment would get.
fn edits(core: &Core, facts: &Facts, ask: &Ask<'_>, step: &Step) -> Value {
    let Some(after) = facts.splice(
        core,
        &facts.lineup,
        step,
        ask.body,
        &crate::body::Less::default(),
    ) else {
        return json!("translated by the provider");
    };
    let (Ok(before), Ok(after)) = (
        crate::body::parse(ask.body, &core.limits),
        crate::body::parse(&after, &core.limits),
    ) else {
        return Value::Null;
    };
    let names = |body: &Body<'_>, keep: &dyn Fn(&str) -> bool| {
        let names = body
            .members()
            .map(|(key, _)| key.into_owned())
            .filter(|key| keep(key));
        names.collect::<Vec<_>>()
    };
    let raw = |body: &Body<'_>, key: &str| body.member(key).map(|value| value.bytes().to_vec());
    json!({
        "removed": names(&before, &|key| after.span(key).is_none()),
        "added": names(&after, &|key| before.span(key).is_none()),
        "changed": names(&after, &|key| before.span(key).is_some() && raw(&before, key) != raw(&after, key)),
    })
}

fn hints(core: &Core, facts: &Facts) -> Value {
    let hints = &facts.hints;
    json!({
        "tier": hints.tier.map(|tier| &core.plan.tiers[usize::from(tier)]),
        "sensitivity": hints.level.map(|level| level.name()),
        "task_type": hints.task_type,
        "latency": hints.latency.map(|latency| latency.name()),
        "conversation": hints.conversation,
        "no_fallback": hints.no_fallback,
        "fallbacks": hints.fallbacks,
        "num_retries": hints.retries,
        "timeout_ms": hints.timeout_ms,
        "stream_timeout_ms": hints.stream_timeout_ms,
        "tags": hints.tags,
    })
}

fn context_fallbacks(core: &Core, facts: &Facts) -> Vec<String> {
    let lineup = &core.plan.models[facts.resolved as usize].context;
    policy::screen(&core.plan, lineup, &facts.demand())
        .steps()
        .iter()
        .map(|step| core.plan.deployments[step.deployment as usize].name.clone())
        .collect()
}
