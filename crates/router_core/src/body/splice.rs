//! Applies the edits between a client's body and an upstream's to the bytes, in one walk over the
//! members. Everything between the edits, white space included, is copied as it stands.

use std::borrow::Cow;

use super::edits::{Action, Edits, Preset};
use super::outline::{is_sent, Member, Outline};
use super::Field;
use crate::json::{write_string, Kind, Raw, Scanner, MAX_DEPTH};
use crate::types::MemberPath;

const USAGE: &[u8] = b"\"include_usage\":true";

/// What one member of the client's becomes.
enum Fate<'e> {
    Keep,
    Cut,
    Rename(&'e str),
    Value(&'e [u8]),
    Object(Vec<u8>),
    Usage,
    Metadata,
}

pub(super) fn apply(bytes: &[u8], outline: &Outline, edits: &Edits) -> Vec<u8> {
    let plan = Plan {
        bytes,
        outline,
        edits,
        usage: edits.include_usage && outline.stream == Some(true),
    };
    let mut out = Writer::new(bytes, bytes.len() + edits.growth);
    // A cut takes a separator along: the one in front of it once a member stays before it, else
    // the one behind it.
    out.copy_to(outline.members.first().map_or(outline.close, Member::start));
    let mut kept = false;
    let mut last_end = None;
    for member in &outline.members {
        let fate = plan.fate(member);
        let before = last_end.replace(member.end());
        if matches!(fate, Fate::Cut) {
            if kept {
                out.copy_to(before.unwrap_or_default());
            }
            out.resume(member.end());
            continue;
        }
        if !kept {
            out.resume(member.start());
        }
        kept = true;
        match fate {
            Fate::Keep | Fate::Cut => {}
            Fate::Rename(name) => {
                out.copy_to(member.start());
                write_string(&mut out.out, name);
                out.resume(member.key.span.end + 1);
            }
            Fate::Value(raw) => {
                out.copy_to(member.value.span.start);
                out.out.extend_from_slice(raw);
                out.resume(member.value.span.end);
            }
            Fate::Object(raw) => {
                out.copy_to(member.value.span.start);
                out.out.extend_from_slice(&raw);
                out.resume(member.value.span.end);
            }
            Fate::Usage => {
                out.copy_to(member.value.span.start);
                write_with_usage(&mut out.out, member.value.raw(bytes));
                out.resume(member.value.span.end);
            }
            Fate::Metadata => {
                out.copy_to(member.value.span.start);
                write_metadata(&mut out.out, member.value.raw(bytes), edits.user_metadata);
                out.resume(member.value.span.end);
            }
        }
    }
    out.copy_to(last_end.unwrap_or(outline.close));
    plan.insert(&mut out.out, kept);
    out.finish()
}

struct Plan<'p> {
    bytes: &'p [u8],
    outline: &'p Outline,
    edits: &'p Edits,
    usage: bool,
}

impl<'p> Plan<'p> {
    fn action(&self, member: &Member) -> Option<&'p Action> {
        if self.edits.actions.is_empty() {
            return None;
        }
        if member.key.escaped {
            self.edits.action(member.key.decode(self.bytes).as_bytes())
        } else {
            self.edits.action(member.key.span.of(self.bytes))
        }
    }

    fn fate(&self, member: &Member) -> Fate<'p> {
        match self.action(member) {
            Some(Action::Cut) => return Fate::Cut,
            Some(Action::Rename(to)) => return self.renamed(member, to),
            Some(Action::Force(raw)) => {
                if self.usage && member.field == Field::StreamOptions {
                    // Written with the insertions, where both edits meet.
                    return Fate::Cut;
                }
                return Fate::Value(raw.as_bytes());
            }
            None => {}
        }
        if self.superseded(member) {
            return Fate::Cut;
        }
        let plain = self.unedited(member);
        let inner = self.inner(member);
        match (plain, inner) {
            (Fate::Keep, None) if member.value.kind == Kind::Null => self.preset(member),
            (plain, None) => plain,
            (Fate::Metadata, Some(inner)) => {
                let mut told = Vec::new();
                let metadata = member.value.raw(self.bytes);
                write_metadata(&mut told, metadata, self.edits.user_metadata);
                outer(&told).map_or(Fate::Cut, |told| self.object(told, inner))
            }
            // All of it is cut; what is set in it is inserted.
            (Fate::Cut, Some(_)) => Fate::Cut,
            (_, Some(inner)) => self.object(member.value.raw(self.bytes), inner),
        }
    }

    /// What becomes of a member that no edit names.
    fn unedited(&self, member: &Member) -> Fate<'p> {
        match (member.field, &self.edits.model) {
            (Field::Model, Some(literal)) => Fate::Value(literal),
            (Field::StreamOptions, _) if self.usage => Fate::Usage,
            (Field::Metadata, _) if self.outline.loses_metadata(self.edits.user_metadata) => {
                let metadata = member.value.raw(self.bytes);
                if sent(metadata, self.edits.user_metadata).next().is_none() {
                    return Fate::Cut;
                }
                Fate::Metadata
            }
            _ => Fate::Keep,
        }
    }

    /// A null that says nothing: there may be a default.
    fn preset(&self, member: &Member) -> Fate<'p> {
        let named = |it: &&Preset| member.key.is(self.bytes, &it.key);
        match self.edits.defaults.iter().find(named) {
            Some(preset) if self.applies(preset) => Fate::Value(preset.raw.as_bytes()),
            _ => Fate::Keep,
        }
    }

    fn inner(&self, member: &Member) -> Option<&'p Edits> {
        let mut inner = self.edits.inner.iter();
        let found = inner.find(|(key, _)| member.key.is(self.bytes, key))?;
        Some(&found.1)
    }

    /// An object with edits of its own. What is none is told as it is, unless something is forced in it.
    fn object(&self, object: Raw<'_>, inner: &Edits) -> Fate<'p> {
        let forces = |(_, action): &(Box<str>, Action)| matches!(action, Action::Force(_));
        let (bytes, empty) = match object.kind() {
            Kind::Object => (object.bytes(), object.entries().next().is_none()),
            Kind::Null => (&b"{}"[..], false),
            _ if inner.actions.iter().any(forces) => (&b"{}"[..], false),
            _ => return Fate::Object(object.bytes().to_vec()),
        };
        match self.edited(bytes, inner) {
            Some(edited) if edited == bytes && object.kind() == Kind::Null => Fate::Keep,
            Some(edited) if edited.trim_ascii().len() > 2 || empty || is_filled(&edited) => {
                Fate::Object(edited)
            }
            _ => Fate::Cut,
        }
    }

    /// `object` with `inner` applied to it.
    fn edited(&self, object: &[u8], inner: &Edits) -> Option<Vec<u8>> {
        let outline = members_of(object)?;
        let elsewhere = |it: &Preset| it.unless.iter().any(|path| self.says(path));
        if !inner.defaults.iter().any(elsewhere) {
            return Some(apply(object, &outline, inner));
        }
        let mut fewer = inner.clone();
        fewer.defaults.retain(|it| !elsewhere(it));
        Some(apply(object, &outline, &fewer))
    }

    /// Whether the client says something there, by itself or in its list of fallbacks.
    fn says(&self, path: &MemberPath) -> bool {
        let name = path.outer().unwrap_or(path.key());
        let action = self.edits.action(name.as_bytes());
        matches!(action, Some(Action::Force(_))) || self.outline.says_at(self.bytes, path)
    }

    /// Whether a default is told.
    fn applies(&self, preset: &Preset) -> bool {
        !self.given(&preset.key) && !preset.unless.iter().any(|path| self.says(path))
    }

    /// A renamed member yields to a forced value of its new name; one that says nothing yields to all.
    fn renamed(&self, member: &Member, to: &'p str) -> Fate<'p> {
        let preset = |it: &Preset| &*it.key == to && self.applies(it);
        match self.edits.action(to.as_bytes()) {
            Some(Action::Force(_)) => Fate::Cut,
            _ if member.value.kind == Kind::Null
                && (self.present(to) || self.edits.defaults.iter().any(preset)) =>
            {
                Fate::Cut
            }
            _ => Fate::Rename(to),
        }
    }

    /// Whether a present member is renamed to the name of this one.
    fn superseded(&self, member: &Member) -> bool {
        self.edits.renames && self.renames().any(|to| member.key.is(self.bytes, to))
    }

    /// The new names of the renamed members that say something.
    fn renames(&self) -> impl Iterator<Item = &'p str> + '_ {
        self.edits
            .actions
            .iter()
            .filter_map(|(from, action)| match action {
                Action::Rename(to) if self.outline.says(self.bytes, from) => Some(&**to),
                _ => None,
            })
    }

    fn present(&self, key: &str) -> bool {
        self.outline
            .members
            .iter()
            .any(|member| member.key.is(self.bytes, key))
    }

    /// Whether a member of this name is in the result before anything is inserted.
    fn remains(&self, key: &str) -> bool {
        match self.edits.action(key.as_bytes()) {
            Some(Action::Cut | Action::Rename(_)) => self.renames().any(|to| to == key),
            _ => self.present(key) || self.renames().any(|to| to == key),
        }
    }

    /// Appends the members that the client did not send.
    fn insert(&self, out: &mut Vec<u8>, mut kept: bool) {
        let mut member = |out: &mut Vec<u8>, key: &str| {
            if std::mem::replace(&mut kept, true) {
                out.push(b',');
            }
            write_string(out, key);
            out.push(b':');
        };
        let edits = self.edits;
        if let Some(literal) = &edits.model {
            if edits.action(b"model").is_none() && !self.remains("model") {
                member(out, "model");
                out.extend_from_slice(literal);
            }
        }
        let mut options: Option<&str> = None;
        let forced = edits
            .actions
            .iter()
            .filter_map(|(key, action)| match action {
                Action::Force(raw) => Some((key, raw, true)),
                _ => None,
            });
        let defaults = edits.defaults.iter().filter(|it| self.applies(it));
        let defaults = defaults.map(|it| (&it.key, &it.raw, false));
        for (key, raw, force) in forced.chain(defaults) {
            if self.usage && &**key == "stream_options" {
                if force || options.is_none() {
                    options = Some(raw);
                }
                continue;
            }
            // A null in the client's own place was replaced there.
            let replaced = self.edits.action(key.as_bytes()).is_none() && self.present(key);
            if !(replaced || force && self.present(key)) {
                member(out, key);
                out.extend_from_slice(raw.as_bytes());
            }
        }
        for (key, inner) in &edits.inner {
            let forced = matches!(edits.action(key.as_bytes()), Some(Action::Force(_)));
            if forced || self.remains(key) && !self.emptied(key) {
                continue;
            }
            if let Some(made) = self.edited(b"{}", inner).filter(|it| it != b"{}") {
                member(out, key);
                out.extend_from_slice(&made);
            }
        }
        if self.usage && (options.is_some() || !self.remains("stream_options")) {
            member(out, "stream_options");
            match options.map(|raw| outer(raw.as_bytes())) {
                Some(Some(raw)) => write_with_usage(out, raw),
                _ => {
                    out.push(b'{');
                    out.extend_from_slice(USAGE);
                    out.push(b'}');
                }
            }
        }
    }

    /// Whether this member is `metadata` of which nothing may be told.
    fn emptied(&self, key: &str) -> bool {
        let metadata = self.outline.field(Field::Metadata);
        key == "metadata" && metadata.is_some_and(|it| matches!(self.unedited(it), Fate::Cut))
    }

    /// Whether the result has a value of this name without a default for it.
    fn given(&self, key: &str) -> bool {
        let said = match self.edits.action(key.as_bytes()) {
            Some(Action::Force(_)) => true,
            Some(Action::Cut | Action::Rename(_)) => false,
            None => self.outline.says(self.bytes, key),
        };
        said || self.renames().any(|to| to == key) || (key == "model" && self.edits.model.is_some())
    }
}

/// Whether an edited object holds a member.
fn is_filled(object: &[u8]) -> bool {
    outer(object).is_some_and(|it| it.entries().next().is_some())
}

/// The members of an object that stands in a body, as if it were one.
fn members_of(object: &[u8]) -> Option<Outline> {
    let mut scanner = Scanner::new(object, MAX_DEPTH);
    if scanner.peek() != Some(b'{') {
        return None;
    }
    scanner.enter().ok()?;
    let mut outline = Outline {
        length: object.len(),
        close: object.len() - 1,
        ..Outline::default()
    };
    while let Some(key) = scanner.next_key(outline.members.is_empty()).ok()? {
        let value = scanner.skip().ok()?;
        let field = Field::Other;
        outline.members.push(Member { key, value, field });
    }
    Some(outline)
}

fn outer(raw: &[u8]) -> Option<Raw<'_>> {
    Some(Scanner::new(raw, MAX_DEPTH).skip().ok()?.raw(raw))
}

/// Writes stream options with every `include_usage` set to true (a repeated key passes, and which
/// of them an upstream keeps is its affair), or with one added.
fn write_with_usage(out: &mut Vec<u8>, options: Raw<'_>) {
    let bytes = options.bytes();
    let mut scanner = Scanner::new(bytes, MAX_DEPTH);
    let mut written = 0;
    let mut found = false;
    let mut first = true;
    if options.kind() == Kind::Object && scanner.enter().is_ok() {
        while let Ok(Some(key)) = scanner.next_key(first) {
            first = false;
            let Ok(value) = scanner.skip() else { break };
            if key.is(bytes, "include_usage") {
                found = true;
                out.extend_from_slice(&bytes[written..value.span.start]);
                out.extend_from_slice(b"true");
                written = value.span.end;
            }
        }
        if found {
            out.extend_from_slice(&bytes[written..]);
            return;
        }
        if !first {
            let last = bytes[..bytes.len() - 1].trim_ascii_end().len();
            out.extend_from_slice(&bytes[..last]);
            out.push(b',');
            out.extend_from_slice(USAGE);
            out.extend_from_slice(&bytes[last..]);
            return;
        }
    }
    out.push(b'{');
    out.extend_from_slice(USAGE);
    out.push(b'}');
}

fn sent(metadata: Raw<'_>, user_only: bool) -> impl Iterator<Item = (Cow<'_, str>, Raw<'_>)> {
    metadata
        .entries()
        .filter(move |(key, value)| is_sent(key, value, user_only))
}

fn write_metadata(out: &mut Vec<u8>, metadata: Raw<'_>, user_only: bool) {
    out.push(b'{');
    for (at, (key, value)) in sent(metadata, user_only).enumerate() {
        if at > 0 {
            out.push(b',');
        }
        write_string(out, &key);
        out.push(b':');
        out.extend_from_slice(value.bytes());
    }
    out.push(b'}');
}

/// Copies runs of the original between edits.
struct Writer<'w> {
    bytes: &'w [u8],
    out: Vec<u8>,
    /// Start of the run that is not copied yet.
    from: usize,
}

impl<'w> Writer<'w> {
    fn new(bytes: &'w [u8], capacity: usize) -> Self {
        Self {
            bytes,
            out: Vec::with_capacity(capacity),
            from: 0,
        }
    }

    /// Copies the run up to `end`.
    fn copy_to(&mut self, end: usize) {
        if self.from < end {
            self.out.extend_from_slice(&self.bytes[self.from..end]);
            self.from = end;
        }
    }

    /// Continues copying at `start`.
    fn resume(&mut self, start: usize) {
        self.from = start;
    }

    fn finish(mut self) -> Vec<u8> {
        self.copy_to(self.bytes.len());
        self.out
    }
}
