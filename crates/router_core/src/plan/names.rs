//! From the name that a client asks for to a model, and to the name that an upstream knows.
//!
//! An exact name wins; otherwise the wildcard with the longest prefix. `provider/*` hands the rest
//! of the name through, because the prefix is how our configuration tells providers apart and means
//! nothing to the upstream; a bare `*`, or a prefix that is part of a name (`claude-*`), hands the
//! whole name through.

use std::borrow::Cow;

use super::{Deployment, Plan};

/// A name found in the plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    /// Position in [`Plan::models`].
    pub model: u32,
    /// Where the part that a `*` stands for starts in the name that was asked for.
    pub captured: u16,
}

impl Plan {
    /// The model that serves this name.
    pub fn resolve(&self, name: &str) -> Option<Resolved> {
        if let Some(model) = self.exact.get(name) {
            return Some(Resolved {
                model: *model,
                captured: 0,
            });
        }
        self.wildcards
            .iter()
            .find(|(prefix, _)| name.starts_with(prefix.as_str()))
            .map(|(prefix, model)| Resolved {
                model: *model,
                captured: prefix.rfind('/').map_or(0, |slash| slash as u16 + 1),
            })
    }
}

impl Deployment {
    /// What this upstream calls the model that was asked for as `asked`.
    pub fn upstream_model(&self, asked: &str, captured: u16) -> Cow<'_, str> {
        if !self.wildcard {
            return Cow::Borrowed(&self.model);
        }
        let part = asked.get(usize::from(captured)..).unwrap_or(asked);
        Cow::Owned(self.model.replacen('*', part, 1))
    }
}
