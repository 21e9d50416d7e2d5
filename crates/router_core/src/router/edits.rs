//! What changes in a body on its way to a deployment, from what its configuration says.
//!
//! The lists are made once per configuration. They must never hold what depends on a request.

use crate::body::{BodyError, Edits};
use crate::plan::{Deployment, Parameters, Plan};
use crate::types::{MemberPath, Route};

/// The edits of one deployment. Routes that want the same share one list, because a list is long and the
/// routes are many.
pub(super) struct RouteEdits {
    lists: Vec<Edits>,
    /// By route.
    of: [u8; Route::ALL.len()],
}

impl RouteEdits {
    pub(super) fn new(plan: &Plan, deployment: &Deployment) -> Result<Self, BodyError> {
        let mut made = Self {
            lists: vec![base(plan, deployment)],
            of: [0; Route::ALL.len()],
        };
        let mut seen: Vec<(Wants<'_>, u8)> = Vec::new();
        for route in Route::ALL {
            let wants = Wants {
                parameters: deployment.parameters[route as usize].as_ref(),
                unknown: &deployment.unknown[route as usize],
                usage: deployment.ask_usage && route.has_chat_names(),
                user: deployment.user_metadata && route == Route::Messages,
            };
            let known = seen.iter().find(|(it, _)| *it == wants);
            made.of[route as usize] = if let Some((_, at)) = known {
                *at
            } else {
                let at = made.lists.len() as u8;
                made.lists.push(wants.edits(base(plan, deployment))?);
                seen.push((wants, at));
                at
            };
        }
        Ok(made)
    }

    pub(super) fn of(&self, route: Route) -> &Edits {
        &self.lists[usize::from(self.of[route as usize])]
    }

    /// For a body that a translation reads: what the configuration sets is put in behind it.
    pub(super) fn translated(&self) -> &Edits {
        &self.lists[0]
    }
}

/// What every body loses, and the name of the model.
fn base(plan: &Plan, deployment: &Deployment) -> Edits {
    let edits = Edits::new().cut_all(plan.owned_keys.iter().map(String::as_str));
    // The name that a wildcard asks for is known only with the request.
    if deployment.wildcard {
        edits
    } else {
        edits.model(&deployment.model)
    }
}

/// What one route of a deployment changes.
#[derive(PartialEq)]
struct Wants<'d> {
    parameters: Option<&'d Parameters>,
    unknown: &'d [String],
    usage: bool,
    user: bool,
}

impl Wants<'_> {
    fn edits(&self, base: Edits) -> Result<Edits, BodyError> {
        let mut edits = base.cut_all(self.unknown.iter().map(String::as_str));
        if let Some(rules) = self.parameters {
            for path in rules.drops.iter().chain(&rules.replaced) {
                edits = at(edits, path, |it, key| Ok(it.cut(key)))?;
            }
            for (from, to) in &rules.renames {
                edits = edits.rename(from, to);
            }
            for preset in &rules.defaults {
                edits = at(edits, &preset.path, |it, key| {
                    it.default_unless(key, &preset.raw, preset.unless.clone())
                })?;
            }
            for (path, raw) in &rules.force {
                edits = at(edits, path, |it, key| it.force(key, raw))?;
            }
        }
        if self.usage {
            edits = edits.include_usage();
        }
        Ok(if self.user {
            edits.user_metadata()
        } else {
            edits
        })
    }
}

/// `edit` at a path.
fn at(
    edits: Edits,
    path: &MemberPath,
    edit: impl FnOnce(Edits, &str) -> Result<Edits, BodyError>,
) -> Result<Edits, BodyError> {
    match path.outer() {
        None => edit(edits, path.key()),
        Some(outer) => edits.inside(outer, |it| edit(it, path.key())),
    }
}
