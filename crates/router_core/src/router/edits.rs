//! What changes in a body on its way to a deployment, from what its configuration says.
//!
//! The lists are made once per configuration. They must never hold what depends on a request.

use crate::body::{BodyError, Edits};
use crate::plan::{Deployment, Plan};
use crate::types::Route;

/// The edits of one deployment. Most routes share one of two lists, because a list is long and the
/// routes are many.
pub(super) struct RouteEdits {
    lists: Vec<Edits>,
    /// By route.
    of: [u8; Route::ALL.len()],
}

impl RouteEdits {
    pub(super) fn new(plan: &Plan, deployment: &Deployment) -> Result<Self, BodyError> {
        let chat = edits(plan, deployment, true)?;
        let mut made = Self {
            lists: vec![chat, edits(plan, deployment, false)?],
            of: Route::ALL.map(|route| u8::from(!route.has_chat_names())),
        };
        for (route, unknown) in Route::ALL.into_iter().zip(&deployment.unknown) {
            let user = deployment.user_metadata && route == Route::Messages;
            if unknown.is_empty() && !user {
                continue;
            }
            let base = made.of(route).clone();
            let edits = base.cut_all(unknown.iter().map(String::as_str));
            made.of[route as usize] = made.lists.len() as u8;
            made.lists
                .push(if user { edits.user_metadata() } else { edits });
        }
        Ok(made)
    }

    pub(super) fn of(&self, route: Route) -> &Edits {
        &self.lists[usize::from(self.of[route as usize])]
    }
}

/// What is changed in a body for a deployment. Parameters are set and renamed by the names that
/// Chat has for them; in a body of another dialect (`chat` is false) these may mean something else.
fn edits(plan: &Plan, deployment: &Deployment, chat: bool) -> Result<Edits, BodyError> {
    let mut edits = Edits::new().cut_all(plan.owned_keys.iter().map(String::as_str));
    edits = edits.cut_all(deployment.drops.iter().map(String::as_str));
    // The name that a wildcard asks for is known only with the request.
    if !deployment.wildcard {
        edits = edits.model(&deployment.model);
    }
    if !chat {
        return Ok(edits);
    }
    for (from, to) in &deployment.renames {
        edits = edits.rename(from, to);
    }
    for (key, raw) in &deployment.defaults {
        edits = edits.default_member(key, raw)?;
    }
    for (key, raw) in &deployment.force {
        edits = edits.force(key, raw)?;
    }
    if deployment.ask_usage {
        edits = edits.include_usage();
    }
    Ok(edits)
}
