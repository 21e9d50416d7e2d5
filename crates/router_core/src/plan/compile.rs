//! From the JSON form to a plan: every index, name and number checked, fallbacks flattened.
//!
//! Failure belongs here. After this, lookups cannot miss and no number is out of range, so the
//! path of a request has no error to handle for them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use serde::de::DeserializeOwned;

use super::lineup::{Lineup, Target};
use super::{wire, ByRoute, Deployment, Model, Parameters, Parts, Plan, PlanError, Preset, MOST};
use crate::types::{Boundary, MemberPath, Route};

pub(super) fn compile<B, P, C>(json: &[u8]) -> Result<(Plan, Parts<B, P, C>), PlanError>
where
    B: DeserializeOwned + Default,
    P: DeserializeOwned + Default,
    C: DeserializeOwned,
{
    let wire: wire::Plan<B, P, C> =
        serde_json::from_slice(json).map_err(|error| PlanError(error.to_string()))?;
    if wire.deployments.len() > MOST || wire.models.len() > MOST {
        return wrong(format!("more than {MOST} deployments or models"));
    }
    let mut tiers = wire.tiers;
    let mut ids = HashSet::new();
    let mut deployments = Vec::with_capacity(wire.deployments.len());
    for deployment in wire.deployments {
        let deployment = check_deployment(deployment, &mut tiers)?;
        if !ids.insert(deployment.id) {
            return wrong(format!(
                "deployment {}: its id is used twice",
                deployment.name
            ));
        }
        deployments.push(deployment);
    }
    if wire.retry.max_attempts == 0 || wire.retry.max_attempts > u32::from(u8::MAX) {
        return wrong("retry.max_attempts: expected 1 to 255".into());
    }
    let (models, fallbacks): (Vec<_>, Vec<_>) = wire.models.into_iter().map(split).unzip();
    let (exact, wildcards) = index(&models)?;
    let mut plan = Plan {
        generation: wire.generation,
        owned_keys: sorted(wire.owned_keys),
        unheeded_keys: sorted(wire.unheeded_keys),
        deployments,
        models,
        tiers,
        retry: wire.retry,
        exact,
        wildcards,
        fallbacks: Vec::new(),
    };
    for model in &plan.models {
        check_groups(model, plan.deployments.len())?;
    }
    link(&mut plan, &fallbacks, &wire.default_fallbacks)?;
    let parts = Parts {
        breaker: wire.breaker,
        privacy: wire.privacy,
        complexity: wire.complexity,
    };
    Ok((plan, parts))
}

/// What a model names, before names are resolved.
struct Links {
    fallbacks: Vec<String>,
    /// Whether the default fallbacks may stand in where it names none.
    defaults: bool,
    context: Vec<String>,
}

fn split(model: wire::Model) -> (Model, Links) {
    let links = Links {
        fallbacks: model.fallbacks,
        defaults: model.default_fallbacks,
        context: model.context_fallbacks,
    };
    let model = Model {
        name: model.name,
        hidden: model.hidden,
        retries: model.retries,
        retries_by: model.retries_by,
        hold: model.hold,
        lineup: Arc::default(),
        context: Arc::default(),
        groups: model.groups,
        strategy: model.strategy,
    };
    (model, links)
}

fn wrong<T>(message: String) -> Result<T, PlanError> {
    Err(PlanError(message))
}

fn check_deployment(
    wire: wire::Deployment,
    tiers: &mut Vec<String>,
) -> Result<Deployment, PlanError> {
    let name = wire.name;
    let id = u64::from_str_radix(&wire.id, 16)
        .ok()
        .filter(|id| wire.id.len() == 16 && *id != 0);
    let Some(id) = id else {
        return wrong(format!(
            "deployment {name}: id: expected 16 hex digits, not all zero"
        ));
    };
    let Some(boundary) = Boundary::from_u8(wire.boundary) else {
        return wrong(format!("deployment {name}: boundary: expected 0, 1 or 2"));
    };
    if !(wire.weight.is_finite() && wire.weight >= 0.0) {
        return wrong(format!(
            "deployment {name}: weight: expected a number of at least 0"
        ));
    }
    let mut routes = 0u32;
    for route in wire.routes {
        match Route::from_u8(route) {
            Some(route) => routes |= 1 << route as u8,
            None => return wrong(format!("deployment {name}: routes: {route} is no route")),
        }
    }
    let tier = tiers
        .iter()
        .position(|tier| *tier == wire.tier)
        .unwrap_or_else(|| {
            tiers.push(wire.tier.clone());
            tiers.len() - 1
        });
    Ok(Deployment {
        id,
        wildcard: wire.model.contains('*'),
        model: wire.model,
        tier: tier as u16,
        boundary,
        weight: wire.weight,
        order: wire.order,
        max_parallel: wire.max_parallel,
        routes,
        parameters: parameters(wire.parameters, &name)?,
        unknown: by_route(wire.unknown, &name, "unknown")?,
        user_metadata: wire.user_metadata,
        convert: by_route(wire.convert, &name, "convert")?,
        ask_usage: wire.ask_usage,
        splice: wire.splice,
        price: wire
            .input_price
            .zip(wire.output_price)
            .map(|(input, output)| input + output),
        context_window: wire.context_window.unwrap_or(0),
        credential: wire.credential,
        engine: wire.engine,
        unusable: wire.unusable,
        name,
    })
}

fn sorted(mut names: Vec<String>) -> Vec<String> {
    names.sort_unstable();
    names
}

/// Names by the number of a route.
fn by_route(
    wire: wire::Pairs<Vec<String>>,
    deployment: &str,
    key: &str,
) -> Result<ByRoute, PlanError> {
    let mut names = ByRoute::default();
    for (route, members) in wire.0 {
        names[route_of(&route, deployment, key)? as usize] = sorted(members);
    }
    Ok(names)
}

fn route_of(number: &str, deployment: &str, key: &str) -> Result<Route, PlanError> {
    match number.parse().ok().and_then(Route::from_u8) {
        Some(route) => Ok(route),
        None => wrong(format!(
            "deployment {deployment}: {key}: {number} is no route"
        )),
    }
}

fn parameters(
    wire: wire::Pairs<wire::Parameters>,
    deployment: &str,
) -> Result<[Option<Parameters>; Route::ALL.len()], PlanError> {
    let path = |keys: wire::Keys| match MemberPath::of(&keys) {
        Some(path) => Ok(path),
        None => wrong(format!(
            "deployment {deployment}: parameters: expected one or two keys"
        )),
    };
    let paths = |list: Vec<wire::Keys>| list.into_iter().map(path).collect::<Result<Vec<_>, _>>();
    let mut found = <[Option<Parameters>; Route::ALL.len()]>::default();
    for (route, rules) in wire.0 {
        let mut made = Parameters {
            drops: paths(rules.drops)?,
            replaced: paths(rules.replaced)?,
            renames: rules.renames.0,
            ..Parameters::default()
        };
        for (keys, value, unless) in rules.defaults {
            let preset = Preset {
                path: path(keys)?,
                raw: value.get().to_owned(),
                unless: paths(unless)?,
            };
            // Whether the answer is a stream is the client's choice alone: a client that says nothing
            // expects JSON, and a default that turned it into a stream would break that client.
            if preset.path != MemberPath::member("stream") {
                made.defaults.push(preset);
            }
        }
        for (keys, value) in rules.force {
            made.force.push((path(keys)?, value.get().to_owned()));
        }
        found[route_of(&route, deployment, "parameters")? as usize] = Some(made);
    }
    Ok(found)
}

fn check_groups(model: &Model, deployments: usize) -> Result<(), PlanError> {
    for &deployment in model.groups.iter().flatten() {
        if deployment as usize >= deployments {
            return wrong(format!(
                "model {}: groups: there is no deployment {deployment}",
                model.name
            ));
        }
    }
    Ok(())
}

type Index = (HashMap<String, u32>, Vec<(String, u32)>);

fn index(models: &[Model]) -> Result<Index, PlanError> {
    let mut exact = HashMap::new();
    let mut wildcards: Vec<(String, u32)> = Vec::new();
    for (model, position) in models.iter().zip(0u32..) {
        let name = &model.name;
        if name.is_empty() || name.len() > usize::from(u16::MAX) {
            return wrong("models: a name is empty or too long".into());
        }
        let twice = match name.strip_suffix('*') {
            Some(prefix) => {
                let twice = wildcards.iter().any(|(other, _)| other == prefix);
                wildcards.push((prefix.to_owned(), position));
                twice
            }
            None => exact.insert(name.clone(), position).is_some(),
        };
        if twice {
            return wrong(format!("model {name}: the name is used twice"));
        }
    }
    wildcards.sort_by_key(|(prefix, _)| std::cmp::Reverse(prefix.len()));
    Ok((exact, wildcards))
}

fn link(plan: &mut Plan, links: &[Links], defaults: &[String]) -> Result<(), PlanError> {
    let defaults = resolve(plan, "default_fallbacks", defaults)?;
    let mut direct = Vec::with_capacity(links.len());
    let mut context = Vec::with_capacity(links.len());
    for (model, links) in plan.models.iter().zip(links) {
        let fallbacks = resolve(plan, &model.name, &links.fallbacks)?;
        // Default fallbacks stand in for a list that is missing; they do not lengthen one.
        direct.push(if fallbacks.is_empty() && links.defaults {
            defaults.clone()
        } else {
            fallbacks
        });
        context.push(resolve(plan, &model.name, &links.context)?);
    }
    let lineups: Vec<_> = (0..plan.models.len() as u32)
        .map(|model| {
            let fallbacks = flatten(&direct, &direct[model as usize]);
            let larger = flatten(&context, &context[model as usize]);
            (
                Arc::new(Lineup::build(
                    &plan.models,
                    &plan.deployments,
                    Some(model),
                    fallbacks,
                )),
                Arc::new(Lineup::build(&plan.models, &plan.deployments, None, larger)),
            )
        })
        .collect();
    for (model, (lineup, context)) in plan.models.iter_mut().zip(lineups) {
        model.lineup = lineup;
        model.context = context;
    }
    plan.fallbacks = direct;
    Ok(())
}

fn resolve(plan: &Plan, owner: &str, names: &[String]) -> Result<Vec<Target>, PlanError> {
    names
        .iter()
        .map(|name| match plan.resolve(name) {
            Some(resolved) => Ok(Target {
                name: name.clone(),
                resolved,
            }),
            None => wrong(format!(
                "{owner}: fallback {name:?} names no model of this plan"
            )),
        })
        .collect()
}

/// Breadth first over the graph of fallbacks, every name once; cycles end at names already seen.
pub(super) fn flatten(fallbacks: &[Vec<Target>], start: &[Target]) -> Vec<Target> {
    let mut found: Vec<Target> = Vec::new();
    let mut seen = HashSet::new();
    let mut queue: VecDeque<&Target> = start.iter().collect();
    while let Some(target) = queue.pop_front() {
        if found.len() < MOST && seen.insert(target.name.as_str()) {
            found.push(target.clone());
            queue.extend(&fallbacks[target.resolved.model as usize]);
        }
    }
    found
}
