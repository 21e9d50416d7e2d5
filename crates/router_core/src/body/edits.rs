//! The enumerated list of edits, compiled once per deployment from its plan.
//!
//! Values are checked when the list is made, so that applying it to a request cannot fail.

use super::BodyError;
use crate::json::{write_string, Scanner, MAX_DEPTH};
use crate::types::MemberPath;

/// A value for what the client did not say.
#[derive(Debug, Clone)]
pub(super) struct Preset {
    pub(super) key: Box<str>,
    pub(super) raw: Box<str>,
    /// Where else the client may have said it.
    pub(super) unless: Vec<MemberPath>,
}

/// What becomes of the member with a certain key.
#[derive(Debug, Clone)]
pub(super) enum Action {
    Cut,
    Rename(Box<str>),
    Force(Box<str>),
}

/// What to change in a body. Keys name top-level members, or with [`Edits::inside`] members of an object
/// among them; values are raw JSON.
///
/// Order of precedence for one key: force, cut, rename, what the client says, default. Null says nothing:
/// a default replaces it, a renamed null yields to whatever else is said, and where nothing else is, it
/// stays. A renamed member replaces the client's own member of the new name (the new spelling of a
/// parameter supersedes the old one). Inserted members follow the client's last one.
#[derive(Debug, Clone, Default)]
pub struct Edits {
    /// The encoded literal.
    pub(super) model: Option<Box<[u8]>>,
    /// Sorted by key.
    pub(super) actions: Vec<(Box<str>, Action)>,
    pub(super) defaults: Vec<Preset>,
    /// Edits of the members of objects, by the key of the object.
    pub(super) inner: Vec<(Box<str>, Edits)>,
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
    /// Nothing that the configuration sets: the body is read by a translation.
    pub translated: bool,
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
    pub fn default_member(self, key: &str, raw: &str) -> Result<Self, BodyError> {
        self.default_unless(key, raw, Vec::new())
    }

    /// The same, where the client may have said it elsewhere, too: then nothing is inserted.
    pub fn default_unless(
        mut self,
        key: &str,
        raw: &str,
        unless: Vec<MemberPath>,
    ) -> Result<Self, BodyError> {
        let raw = checked(key, raw)?;
        self.growth += grown(key, raw);
        self.defaults.retain(|it| &*it.key != key);
        self.defaults.push(Preset {
            key: key.into(),
            raw: raw.into(),
            unless,
        });
        Ok(self)
    }

    /// Edits the members of the object `outer`. Where the client sent none, it is made when something is
    /// set in it; where every member of it is cut, it goes, too.
    ///
    /// # Errors
    /// Those of `edit`.
    pub fn inside(
        mut self,
        outer: &str,
        edit: impl FnOnce(Self) -> Result<Self, BodyError>,
    ) -> Result<Self, BodyError> {
        let at = self.inner.iter().position(|(key, _)| &**key == outer);
        let before = at.map_or_else(Self::new, |at| self.inner.swap_remove(at).1);
        let known = before.growth;
        let edits = edit(before)?;
        self.growth += edits.growth - known + grown(outer, "{}");
        self.inner.push((outer.into(), edits));
        Ok(self)
    }

    /// A value that stands for the client's own: what is cut or forced stays so, what is renamed is told by
    /// its new name. Fails when `raw` is not one JSON value.
    pub fn said(self, key: &str, raw: &str) -> Result<Self, BodyError> {
        match self.action(key.as_bytes()) {
            Some(Action::Cut | Action::Force(_)) => Ok(self),
            Some(Action::Rename(to)) => {
                let to = to.clone();
                self.said(&to, raw)
            }
            None => self.force(key, raw),
        }
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

    /// The one of higher rank stays when a key is given two actions.
    fn put(&mut self, key: &str, action: Action) {
        let rank = |action: &Action| match action {
            Action::Force(_) => 0,
            Action::Cut => 1,
            Action::Rename(_) => 2,
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
            ..
        } = less;
        let mut edits = self.clone();
        let left = |name: &str| leave.contains(&name);
        for (_, action) in &mut edits.actions {
            if matches!(action, Action::Rename(to) if left(to)) {
                *action = Action::Cut;
            }
        }
        for name in leave.iter().chain(*withhold) {
            edits.defaults.retain(|it| &*it.key != *name);
            edits.inner.retain(|(key, _)| &**key != *name);
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

    /// These edits for a client that wants some members left out: neither what it says nor a default is
    /// told. What is forced stays.
    #[must_use]
    pub fn without_said(mut self, leave: &[String]) -> Self {
        self.defaults.retain(|it| {
            let left = |name: &str| leave.iter().any(|it| it == name);
            !left(&it.key)
                && !it
                    .unless
                    .iter()
                    .any(|it| it.outer().is_none() && left(it.key()))
        });
        self.cut_all(leave.iter().map(String::as_str))
    }

    /// `from` is told as `to`, whoever set it.
    fn swap(&mut self, from: &str, to: &str) {
        self.actions.retain(|(name, action)| {
            // What is renamed the other way stays as it was written.
            !(&**name == to && matches!(action, Action::Rename(_)))
        });
        let (moved, kept): (Vec<_>, Vec<_>) = std::mem::take(&mut self.defaults)
            .into_iter()
            .partition(|it| &*it.key == from);
        self.defaults = kept;
        for preset in moved {
            if !self.defaults.iter().any(|it| &*it.key == to) {
                self.growth += grown(to, &preset.raw);
                self.defaults.push(Preset {
                    key: to.into(),
                    ..preset
                });
            }
        }
        let forced = self
            .actions
            .iter()
            .position(|(name, action)| &**name == from && matches!(action, Action::Force(_)));
        if let Some(at) = forced {
            let (_, action) = self.actions.remove(at);
            self.put(to, action);
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
