//! The enumerated list of edits, compiled once per deployment from its plan.
//!
//! Values are checked when the list is made, so that applying it to a request cannot fail.

use super::BodyError;
use crate::json::{write_string, Scanner, MAX_DEPTH};

/// What becomes of the member with a certain key.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Cut,
    Rename(Box<str>),
    Force(Box<str>),
}

/// What to change in a body. Keys name top-level members; values are raw JSON.
///
/// Order of precedence for one key: cut, rename, force, default. A renamed member replaces the
/// client's own member of the new name (the new spelling of a parameter supersedes the old one).
/// A default is inserted only when no member of that name is left; a member set to null counts as
/// set. Inserted members follow the client's last one.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    /// The encoded literal.
    pub(super) model: Option<Box<[u8]>>,
    /// Sorted by key.
    pub(super) actions: Vec<(Box<str>, Action)>,
    pub(super) defaults: Vec<(Box<str>, Box<str>)>,
    /// Whether any action renames: most deployments have none.
    pub(super) renames: bool,
    pub(super) include_usage: bool,
    pub(super) user_metadata: bool,
    /// An upper bound of what all insertions together add.
    pub(super) growth: usize,
}

/// What a backend is not to be sent.
#[derive(Debug, Clone, Copy, Default)]
pub struct Less<'l> {
    /// Members that are cut, whoever set them.
    pub leave: &'l [&'l str],
    /// Members of which only what the gateway adds is left out.
    pub withhold: &'l [&'l str],
    /// Members that it takes under another name only: (from, to).
    pub renames: &'l [(&'l str, &'l str)],
}

impl Less<'_> {
    /// Whether nothing is left out.
    pub fn is_empty(&self) -> bool {
        self.leave.is_empty() && self.withhold.is_empty() && self.renames.is_empty()
    }
}

impl Edits {
    /// No edits: splicing copies.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value of `model` (text, not JSON); inserted when the client sent none.
    #[must_use]
    pub fn model(mut self, name: &str) -> Self {
        let mut literal = Vec::with_capacity(name.len() + 2);
        write_string(&mut literal, name);
        self.growth += literal.len() + 16;
        self.model = Some(literal.into_boxed_slice());
        self
    }

    /// Inserts a member that the client did not set. Fails when `raw` is not one JSON value.
    pub fn default_member(mut self, key: &str, raw: &str) -> Result<Self, BodyError> {
        let raw = checked(key, raw)?;
        self.growth += grown(key, raw);
        self.defaults.retain(|(name, _)| &**name != key);
        self.defaults.push((key.into(), raw.into()));
        Ok(self)
    }

    /// Sets a member, whatever the client sent. Fails when `raw` is not one JSON value.
    pub fn force(mut self, key: &str, raw: &str) -> Result<Self, BodyError> {
        let raw = checked(key, raw)?;
        self.growth += grown(key, raw);
        self.put(key, Action::Force(raw.into()));
        Ok(self)
    }

    /// Removes a member.
    #[must_use]
    pub fn cut(mut self, key: &str) -> Self {
        self.put(key, Action::Cut);
        self
    }

    /// Removes several members.
    #[must_use]
    pub fn cut_all<'k>(self, keys: impl IntoIterator<Item = &'k str>) -> Self {
        keys.into_iter().fold(self, Self::cut)
    }

    /// Gives a member another name, keeping its value and place.
    #[must_use]
    pub fn rename(mut self, from: &str, to: &str) -> Self {
        if from != to {
            self.growth += grown(to, "");
            self.renames = true;
            self.put(from, Action::Rename(to.into()));
        }
        self
    }

    /// Sets `stream_options.include_usage` to true in bodies that ask for a stream, keeping the
    /// other stream options.
    #[must_use]
    pub fn include_usage(mut self) -> Self {
        self.include_usage = true;
        self.growth += 64;
        self
    }

    /// Sends no more of `metadata` than `user_id`. (What is no text is never sent of it.)
    #[must_use]
    pub fn user_metadata(mut self) -> Self {
        self.user_metadata = true;
        self
    }

    /// The earlier action of [`Action`]'s order stays when a key is given two.
    fn put(&mut self, key: &str, action: Action) {
        let rank = |action: &Action| match action {
            Action::Cut => 0,
            Action::Rename(_) => 1,
            Action::Force(_) => 2,
        };
        match self.actions.binary_search_by(|(name, _)| (**name).cmp(key)) {
            Ok(at) if rank(&self.actions[at].1) < rank(&action) => {}
            Ok(at) => self.actions[at].1 = action,
            Err(at) => self.actions.insert(at, (key.into(), action)),
        }
    }

    /// These edits for a backend that refuses some members, by the client's name or by its own.
    #[must_use]
    pub fn without(&self, less: &Less<'_>) -> Self {
        let Less {
            leave,
            withhold,
            renames,
        } = less;
        let mut edits = self.clone();
        let left = |name: &str| leave.contains(&name);
        for (_, action) in &mut edits.actions {
            if matches!(action, Action::Rename(to) if left(to)) {
                *action = Action::Cut;
            }
        }
        for name in leave.iter().chain(*withhold) {
            edits.defaults.retain(|(key, _)| &**key != *name);
            let forced = |(key, action): &(Box<str>, Action)| {
                &**key == *name && matches!(action, Action::Force(_))
            };
            edits.actions.retain(|action| !forced(action));
            edits.include_usage &= *name != "stream_options";
        }
        for (from, to) in *renames {
            edits.swap(from, to);
        }
        edits.cut_all(leave.iter().copied())
    }

    /// `from` is told as `to`, whoever set it.
    fn swap(&mut self, from: &str, to: &str) {
        self.actions.retain(|(name, action)| {
            // What is renamed the other way stays as it was written.
            !(&**name == to && matches!(action, Action::Rename(_)))
        });
        let (moved, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.defaults)
            .into_iter()
            .partition(|(key, _)| &**key == from);
        self.defaults = kept;
        for (_, raw) in moved {
            if !self.defaults.iter().any(|(key, _)| &**key == to) {
                self.growth += grown(to, &raw);
                self.defaults.push((to.into(), raw));
            }
        }
        if !self.actions.iter().any(|(name, _)| &**name == from) {
            self.growth += grown(to, "");
            self.renames = true;
            self.put(from, Action::Rename(to.into()));
        }
    }

    pub(super) fn action(&self, key: &[u8]) -> Option<&Action> {
        let at = self
            .actions
            .binary_search_by(|(name, _)| name.as_bytes().cmp(key))
            .ok()?;
        Some(&self.actions[at].1)
    }
}

fn grown(key: &str, raw: &str) -> usize {
    // Comma, quotes, colon, and room for a few escapes in the key.
    2 * key.len() + raw.len() + 8
}

/// `raw` without surrounding white space, if it is exactly one JSON value.
fn checked<'r>(key: &str, raw: &'r str) -> Result<&'r str, BodyError> {
    let mut scanner = Scanner::new(raw.as_bytes(), MAX_DEPTH);
    let value = scanner
        .skip()
        .and_then(|value| scanner.end().map(|()| value))
        .map_err(|fault| {
            let message = format!(
                "the value set for `{key}` is not JSON: {}",
                fault.what.text()
            );
            BodyError::new("invalid_value", key, fault.at, message)
        })?;
    Ok(&raw[value.span.start..value.span.end])
}
