//! The order of deployments behind a model, fallbacks included, each deployment at most once.
//!
//! Fallbacks name models, which have fallbacks of their own; such a graph may have cycles, and
//! configurations in the field do. It is flattened breadth first, a model's own list before the
//! lists of those it names, and a model that was seen is not entered again. That is done when the
//! plan is built: a request only walks a list. A request that brings its own fallbacks gets a
//! lineup of its own, made by the same function.

use super::{Deployment, Model, Resolved, Strategy, MOST};

/// A model by the name under which it was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The name; decides what a wildcard deployment asks its upstream for.
    pub name: String,
    /// What the name resolved to.
    pub resolved: Resolved,
}

/// One deployment in a lineup.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Step {
    /// Position in [`super::Plan::deployments`].
    pub deployment: u32,
    /// Which group it stands in, counted over the whole lineup.
    pub group: u16,
    /// 0 for the model itself, k for `targets[k - 1]`.
    pub target: u16,
}

/// Groups in the order in which they are tried.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Lineup {
    /// Fallback models, in order.
    pub targets: Vec<Target>,
    /// Every deployment once, groups contiguous and ascending.
    pub steps: Vec<Step>,
    /// The strategy of each group.
    pub strategies: Vec<Strategy>,
}

impl Lineup {
    /// The groups of `own` (if any) followed by those of `targets`.
    ///
    /// A deployment that appears again is left out, unless it is a wildcard reached under another
    /// name: then it is another model of the same upstream.
    pub(super) fn build(
        models: &[Model],
        deployments: &[Deployment],
        own: Option<u32>,
        targets: Vec<Target>,
    ) -> Self {
        let mut lineup = Self {
            targets,
            ..Self::default()
        };
        let mut seen = std::collections::HashSet::new();
        let origins = own.map(|model| (model, 0)).into_iter().chain(
            lineup
                .targets
                .iter()
                .zip(1u16..)
                .map(|(target, origin)| (target.resolved.model, origin)),
        );
        for (model, origin) in origins {
            let model = &models[model as usize];
            for members in &model.groups {
                if lineup.strategies.len() >= MOST {
                    return lineup;
                }
                let group = lineup.strategies.len() as u16;
                let before = lineup.steps.len();
                for &deployment in members {
                    let wildcard = deployments[deployment as usize].wildcard;
                    if seen.insert((deployment, if wildcard { origin } else { 0 })) {
                        lineup.steps.push(Step {
                            deployment,
                            group,
                            target: origin,
                        });
                    }
                }
                if lineup.steps.len() > before {
                    lineup.strategies.push(model.strategy);
                }
            }
        }
        lineup
    }
}
