//! Chunks of Chat Completions and of legacy completions.
//!
//! `id`, `created` and `model` are the same in all of them; a choice begins with its role, after the
//! choices before it; a reason to finish comes once per choice and last, since clients stop there, and
//! says `length` where a call was cut off, whatever the backend says.
//!
//! A reason that stands beside content may not be one: some backends put `stop` into every chunk. Such
//! a chunk waits until the next event has shown whether its choice goes on.

use super::calls::{Calls, TooMuch};
use super::members::{quoted, unnamed, Members, Object};
use super::{is_foreign, Given, Said};
use crate::json::{write_string, Kind, Raw};
use crate::stream::facts::{bit, Facts, FinishReasons};
use crate::stream::observe::Plain;
use crate::stream::options::Identity;
use crate::stream::Shape;

/// The most choices that can be asked for.
const MOST_CHOICES: u64 = 128;
/// Lists of one stream whose entries are counted.
const MOST_LISTS: usize = 64;

/// An event whose choice may go on.
pub(in crate::stream) struct Held {
    choice: u64,
    /// With its reason to finish.
    ended: Vec<u8>,
    /// Without.
    open: Vec<u8>,
}

/// The writer of one stream.
pub(in crate::stream) struct Chat {
    object: &'static [u8],
    is_chat: bool,
    identity: Identity,
    /// The first event was written: these are its members, in JSON.
    known: bool,
    id: Vec<u8>,
    created: Vec<u8>,
    model: Vec<u8>,
    begun: u128,
    finished: u128,
    /// Choices that went on after a reason to finish: one beside content means nothing there.
    doubtful: u128,
    pub(in crate::stream) calls: Calls,
    lists: Vec<List>,
    held: Option<Held>,
    /// What events without a choice said, for the next event: names and values.
    aside: Vec<(String, Vec<u8>)>,
}

/// A list that a delta of a choice began.
struct List {
    choice: u64,
    key: String,
    of_objects: bool,
    /// The number of its next object.
    next: u64,
}

/// What one choice comes to.
#[derive(Default)]
struct Told {
    index: u64,
    bytes: Vec<u8>,
    changed: bool,
    /// Its delta says something.
    says: bool,
    /// Where its reason to finish stands in `bytes`.
    finish: Option<std::ops::Range<usize>>,
}

/// Members that every event has or may have, whatever it says.
const COMMON: &[&str] = &[
    "choices",
    "created",
    "id",
    "model",
    "object",
    "service_tier",
    "system_fingerprint",
    "usage",
];

/// Bytes of members that wait for an event to go with.
const MOST_ASIDE: usize = 1 << 16;

impl Chat {
    pub(super) fn new(shape: Shape, identity: Identity) -> Self {
        let is_chat = shape == Shape::Chat;
        Self {
            object: if is_chat {
                b"\"chat.completion.chunk\""
            } else {
                b"\"text_completion\""
            },
            is_chat,
            calls: Calls::new(&identity.name),
            identity,
            known: false,
            id: Vec::new(),
            created: Vec::new(),
            model: Vec::new(),
            begun: 0,
            finished: 0,
            doubtful: 0,
            lists: Vec::new(),
            held: None,
            aside: Vec::new(),
        }
    }

    /// Keeps what an event without a choice says in words of its provider's own (Azure: of the prompt).
    fn put_aside(&mut self, top: &Members<'_>) {
        let mut size: usize = self
            .aside
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        for (key, value) in &top.all {
            if COMMON.contains(&&**key) || value.is_null() {
                continue;
            }
            size += key.len() + value.bytes().len();
            if size <= MOST_ASIDE {
                self.aside.retain(|(other, _)| **other != **key);
                self.aside.push((key.to_string(), value.bytes().to_vec()));
            }
        }
    }

    /// Whether an event can be plain at all.
    pub(in crate::stream) fn ready(&self) -> bool {
        self.known && self.held.is_none() && self.aside.is_empty()
    }

    /// Whether a member that is the same in all events is what it was.
    #[inline]
    pub(in crate::stream) fn is_known(&self, key: &[u8], value: Raw<'_>) -> bool {
        let known = match key {
            b"id" => &self.id,
            b"created" => &self.created,
            b"model" => &self.model,
            _ => self.object,
        };
        value.bytes() == known
    }

    /// Whether a choice has begun and not finished.
    #[inline]
    pub(in crate::stream) fn is_open(&self, choice: u64) -> bool {
        choice < MOST_CHOICES && self.begun & !self.finished & bit(choice) != 0
    }

    /// Whether a reason to finish beside content is believed.
    pub(in crate::stream) fn is_doubtful(&self, choice: u64) -> bool {
        self.doubtful & bit(choice) != 0
    }

    /// Notes an event that is plain.
    #[inline]
    pub(in crate::stream) fn note(&mut self, plain: &Plain) {
        if let Some(finish) = plain.finish {
            self.finished |= bit(finish);
        }
        if let Some(continued) = &plain.continued {
            self.calls.go_on(continued);
        }
    }

    pub(in crate::stream) fn take(&mut self, given: &Given<'_>, facts: &mut Facts) -> Said {
        let top = Members::of(given.data);
        let choices = top.get("choices").filter(|it| it.kind() == Kind::Array);
        let usage = top.object("usage");
        let is_empty = choices.is_none_or(|choices| choices.items().next().is_none());
        if choices.is_none() {
            let kind = top.text("type");
            if is_foreign(&top, kind.as_deref(), Shape::Chat) {
                return Said::Unreadable;
            }
        }
        if is_empty && usage.is_none() {
            // A sign of life: clients read `choices[0]`. What it says besides goes with the next event.
            if choices.is_some() {
                self.put_aside(&top);
            }
            return Said::Events(Vec::new());
        }
        self.identify(&top);
        match self.event(given, &top, choices, facts) {
            Ok(said) => said,
            Err(TooMuch) => Said::Unreadable,
        }
    }

    fn event(
        &mut self,
        given: &Given<'_>,
        top: &Members<'_>,
        choices: Option<Raw<'_>>,
        facts: &mut Facts,
    ) -> Result<Said, TooMuch> {
        let count = choices.map_or(0, |choices| choices.items().count());
        let mut before = Vec::new();
        let mut told = Vec::with_capacity(count);
        if let Some(held) = self.held.take() {
            let mut items = choices
                .iter()
                .flat_map(|choices| choices.items())
                .enumerate();
            let goes_on = items.any(|(at, item)| {
                let index = Members::of(item).number("index").unwrap_or(at as u64);
                index == held.choice && self.says(item)
            });
            if goes_on {
                self.doubtful |= bit(held.choice);
                facts.choices.go_on(held.choice);
                before.extend(held.open);
            } else {
                self.finished |= bit(held.choice);
                before.extend(held.ended);
            }
        }
        if self.is_chat && count > 1 {
            before.extend(self.begin_all(choices));
        }
        let mut later = Vec::new();
        for (position, item) in choices
            .iter()
            .flat_map(|choices| choices.items())
            .enumerate()
        {
            if item.kind() != Kind::Object {
                return Err(TooMuch);
            }
            let choice = self.choice(item, position as u64, &mut later, facts)?;
            told.push(choice);
        }
        before.extend(later);
        let mut out = Object::new(top.repeated);
        let mut finish = None;
        for (key, value) in &top.all {
            match &**key {
                "id" => out.set(key, Some(*value), &self.id),
                "object" => out.set(key, Some(*value), self.object),
                "created" => out.set(key, Some(*value), &self.created),
                "model" => out.set(key, Some(*value), &self.model),
                "choices" => {
                    out.key(key);
                    finish = list(&mut out, &told);
                }
                "usage" if !matches!(value.kind(), Kind::Object | Kind::Null) => {
                    out.set(key, Some(*value), b"null");
                }
                _ => out.keep(key, *value),
            }
        }
        for (key, value) in [
            ("id", &self.id[..]),
            ("object", self.object),
            ("created", &self.created),
            ("model", &self.model),
        ] {
            if top.get(key).is_none() {
                out.set(key, None, value);
            }
        }
        if top.get("choices").is_none() {
            out.set("choices", None, b"[]");
        }
        for (key, value) in self.aside.drain(..) {
            if top.get(&key).is_none() {
                out.set(&key, None, &value);
            }
        }
        let (data, changed) = out.end();
        let same = !changed && given.framed;
        let event = if same {
            unnamed(given.data.bytes())
        } else {
            unnamed(&data)
        };
        let doubt = match &told[..] {
            [told] if told.says => finish.map(|span| (told.index, span)),
            _ => None,
        };
        if let Some((choice, span)) = doubt {
            let open = [&data[..span.start], b"null", &data[span.end..]].concat();
            self.held = Some(Held {
                choice,
                ended: event,
                open: unnamed(&open),
            });
            return Ok(Said::Events(before));
        }
        for told in told.iter().filter(|told| told.finish.is_some()) {
            self.finished |= bit(told.index);
        }
        if same && before.is_empty() {
            return Ok(Said::Same);
        }
        before.extend(event);
        Ok(Said::Events(before))
    }

    /// Begins the choices of an event that holds several, unless they come in order: accumulators look
    /// each up as it comes.
    fn begin_all(&mut self, choices: Option<Raw<'_>>) -> Vec<u8> {
        let indexes: Vec<_> = choices
            .iter()
            .flat_map(|choices| choices.items())
            .enumerate()
            .map(|(at, item)| Members::of(item).number("index").unwrap_or(at as u64))
            .collect();
        let most = indexes
            .iter()
            .copied()
            .max()
            .unwrap_or(0)
            .min(MOST_CHOICES - 1);
        let fresh = indexes
            .iter()
            .any(|index| *index >= MOST_CHOICES || self.begun & bit(*index) == 0);
        let in_order = indexes
            .iter()
            .enumerate()
            .all(|(at, index)| at as u64 == *index);
        // Calls may take several events, which come before this one.
        let calls = choices
            .iter()
            .flat_map(|choices| choices.items())
            .any(|item| {
                let delta = item.get("delta").or(item.get("message"));
                let calls = delta.and_then(|delta| delta.get("tool_calls"));
                calls.is_some_and(|calls| calls.is_truthy())
            });
        let mut out = Vec::new();
        if !fresh || (in_order && !calls) {
            return out;
        }
        for index in (0..=most).filter(|index| self.begun & bit(*index) == 0) {
            out.extend(self.chunk(index, br#""role":"assistant","content":"""#, b"null"));
        }
        self.begun |= if most == 127 {
            u128::MAX
        } else {
            (1 << (most + 1)) - 1
        };
        out
    }

    /// Whether a choice says anything here.
    fn says(&self, item: Raw<'_>) -> bool {
        let choice = Members::of(item);
        match choice.object("delta").or(choice.object("message")) {
            Some(delta) => delta
                .entries()
                .any(|(key, value)| key != "role" && value.is_truthy()),
            None => choice.text("text").is_some(),
        }
    }

    /// What was said first of the members that are the same in all events; ours where it was nothing.
    fn identify(&mut self, top: &Members<'_>) {
        if std::mem::replace(&mut self.known, true) {
            return;
        }
        let own = || {
            format!(
                "{}{}",
                if self.is_chat { "chatcmpl-" } else { "cmpl-" },
                self.identity.name
            )
        };
        let text = |key: &str| {
            top.text(key)
                .and_then(|_| top.get(key))
                .map(|it| it.bytes().to_vec())
        };
        self.id = text("id").unwrap_or_else(|| quoted(&own()));
        self.model = text("model").unwrap_or_else(|| quoted(&self.identity.model));
        let created = top
            .number("created")
            .map(|_| top.get("created").map(|it| it.bytes().to_vec()));
        self.created = created
            .flatten()
            .unwrap_or_else(|| self.identity.created.to_string().into_bytes());
    }

    fn choice(
        &mut self,
        item: Raw<'_>,
        position: u64,
        before: &mut Vec<u8>,
        facts: &mut Facts,
    ) -> Result<Told, TooMuch> {
        let choice = Members::of(item);
        let index = choice.number("index").unwrap_or(position);
        if index >= MOST_CHOICES {
            return Err(TooMuch);
        }
        if self.is_chat {
            for earlier in (0..index).filter(|earlier| self.begun & bit(*earlier) == 0) {
                before.extend(self.chunk(earlier, br#""role":"assistant","content":"""#, b"null"));
            }
            self.begun |= bit(index) - 1;
        }
        let mut told = Told {
            index,
            ..Told::default()
        };
        let mut out = Object::new(choice.repeated);
        out.changed |= choice.number("index").is_none();
        let (body, delta) = if self.is_chat {
            let given = choice.object("delta").or(choice.object("message"));
            let (delta, changed) = self.delta(index, given, &mut told.says, before)?;
            out.changed |= changed || choice.object("delta").is_none();
            ("delta", delta)
        } else {
            let text = choice.get("text").filter(|it| it.kind() == Kind::String);
            told.says = text.is_some_and(|text| text.is_truthy());
            out.changed |= text.is_none();
            (
                "text",
                text.map_or(b"\"\"".to_vec(), |text| text.bytes().to_vec()),
            )
        };
        if told.says && self.finished & bit(index) != 0 {
            self.doubtful |= bit(index);
            facts.choices.go_on(index);
        }
        self.begun |= bit(index);
        let mut written = false;
        for (key, value) in &choice.all {
            match &**key {
                "index" => {
                    out.key(key);
                    out.bytes.extend_from_slice(index.to_string().as_bytes());
                }
                "delta" | "message" | "text"
                    if *key == body || (body == "delta" && *key == "message") =>
                {
                    if !std::mem::replace(&mut written, true) {
                        out.key(body);
                        out.bytes.extend_from_slice(&delta);
                    }
                }
                "finish_reason" => {
                    out.key(key);
                    let reason = self.reason(index, *value, before);
                    let start = out.bytes.len();
                    match reason {
                        Some(reason) => {
                            out.changed |= reason != value.bytes();
                            out.bytes.extend_from_slice(&reason);
                            told.finish = Some(start..out.bytes.len());
                        }
                        None => {
                            out.changed |= !value.is_null();
                            out.bytes.extend_from_slice(b"null");
                        }
                    }
                }
                "logprobs" if !matches!(value.kind(), Kind::Object | Kind::Null) => {
                    out.set(key, Some(*value), b"null");
                }
                _ => out.keep(key, *value),
            }
        }
        if choice.get("index").is_none() {
            out.set("index", None, index.to_string().as_bytes());
        }
        if !written {
            out.set(body, None, &delta);
        }
        if !out.changed {
            told.bytes = item.bytes().to_vec();
            let at = choice
                .get("finish_reason")
                .map(|it| it.bytes().as_ptr() as usize);
            if let (Some(at), Some(span)) = (at, told.finish.as_mut()) {
                let start = at - item.bytes().as_ptr() as usize;
                *span = start..start + span.len();
            }
            return Ok(told);
        }
        (told.bytes, told.changed) = out.end();
        Ok(told)
    }

    /// The reason to finish in JSON; `None` where the choice does not finish here.
    fn reason(&mut self, index: u64, value: Raw<'_>, before: &mut Vec<u8>) -> Option<Vec<u8>> {
        let text = value.as_str().filter(|text| !text.is_empty())?;
        if self.finished & bit(index) != 0 {
            return None;
        }
        let known = finish_reason(&text);
        if self.calls.any(index) {
            for rest in self.calls.rest(index) {
                before.extend(self.chunk(index, &calls(&[rest]), b"null"));
            }
            let calls = matches!(known, "stop" | "tool_calls" | "function_call");
            if calls && !self.calls.are_whole(index) {
                return Some(b"\"length\"".to_vec());
            }
        }
        Some(quoted(known))
    }

    fn delta(
        &mut self,
        index: u64,
        given: Option<Raw<'_>>,
        says: &mut bool,
        before: &mut Vec<u8>,
    ) -> Result<(Vec<u8>, bool), TooMuch> {
        let Some(given) = given else {
            let first = self.begun & bit(index) == 0;
            let delta: &[u8] = if first {
                br#"{"role":"assistant"}"#
            } else {
                b"{}"
            };
            return Ok((delta.to_vec(), true));
        };
        let delta = Members::of(given);
        let mut tools = None;
        if let Some(listed) = delta.get("tool_calls").filter(|it| it.is_truthy()) {
            tools = Some(self.tools(index, listed, before)?);
        }
        let first = self.begun & bit(index) == 0;
        let mut out = Object::new(delta.repeated);
        let role = delta.get("role");
        if first && role.and_then(|role| role.as_str()).as_deref() != Some("assistant") {
            out.set("role", None, b"\"assistant\"");
        }
        for (key, value) in &delta.all {
            match &**key {
                "role" if first && value.as_str().as_deref() == Some("assistant") => {
                    out.keep(key, *value)
                }
                "role" => out.changed = true,
                "content" if value.kind() == Kind::Array => {
                    let (text, thought) = pieces(*value);
                    *says |= !text.is_empty() || !thought.is_empty();
                    out.set(key, Some(*value), &quoted(&text));
                    if !thought.is_empty() && delta.get("reasoning_content").is_none() {
                        out.set("reasoning_content", None, &quoted(&thought));
                    }
                }
                "content" | "refusal" if !matches!(value.kind(), Kind::String | Kind::Null) => {
                    *says = true;
                    let text = String::from_utf8_lossy(value.bytes());
                    out.set(key, Some(*value), &quoted(&text));
                }
                "tool_calls" => match &tools {
                    Some((tools, changed)) => {
                        out.changed |= changed;
                        if !tools.is_empty() {
                            *says = true;
                            out.key(key);
                            out.bytes.extend_from_slice(tools);
                        }
                    }
                    None if matches!(value.kind(), Kind::Array | Kind::Null) => {
                        out.keep(key, *value)
                    }
                    None => out.changed = true,
                },
                "function_call" if !matches!(value.kind(), Kind::Object | Kind::Null) => {
                    out.changed = true
                }
                _ => {
                    *says |= value.is_truthy();
                    match self.counted(index, key, *value) {
                        Some(counted) => out.set(key, Some(*value), &counted),
                        None => out.keep(key, *value),
                    }
                }
            }
        }
        let (bytes, changed) = out.end();
        Ok(if changed {
            (bytes, true)
        } else {
            (given.bytes().to_vec(), false)
        })
    }

    /// The list of fragments, and whether it is another one. Two fragments of one call do not go out
    /// together: accumulators take the first list as it is.
    fn tools(
        &mut self,
        index: u64,
        listed: Raw<'_>,
        before: &mut Vec<u8>,
    ) -> Result<(Vec<u8>, bool), TooMuch> {
        let mut written: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut changed = listed.kind() != Kind::Array;
        for item in listed.items() {
            if item.kind() != Kind::Object {
                changed = true;
                continue;
            }
            let Some(fragment) = self.calls.fragment(index, item)? else {
                changed = true;
                continue;
            };
            changed |= fragment.changed;
            if written.iter().any(|(number, _)| *number == fragment.number) {
                changed = true;
                if self.begun & bit(index) == 0 {
                    before.extend(self.chunk(
                        index,
                        br#""role":"assistant","content":null"#,
                        b"null",
                    ));
                    self.begun |= bit(index);
                }
                let earlier: Vec<_> = written.drain(..).map(|(_, bytes)| bytes).collect();
                before.extend(self.chunk(index, &calls(&earlier), b"null"));
            }
            written.push((fragment.number, fragment.bytes));
        }
        if !changed {
            return Ok((listed.bytes().to_vec(), false));
        }
        if written.is_empty() {
            return Ok((Vec::new(), true));
        }
        let fragments: Vec<_> = written.into_iter().map(|(_, bytes)| bytes).collect();
        Ok((array(&fragments), true))
    }

    /// A list as accumulators join it: objects by their number, texts and numbers one behind the other,
    /// never both in one list. What does not fit the list that was begun is left out.
    fn counted(&mut self, index: u64, key: &str, value: Raw<'_>) -> Option<Vec<u8>> {
        let first = match value.kind() {
            Kind::Array => value.items().next()?,
            _ => return None,
        };
        let known = self
            .lists
            .iter()
            .position(|list| list.choice == index && list.key == key);
        let at = match known {
            Some(at) => at,
            None if self.lists.len() < MOST_LISTS && key.len() <= MOST_LISTS => {
                self.lists.push(List {
                    choice: index,
                    key: key.to_owned(),
                    of_objects: first.kind() == Kind::Object,
                    next: 0,
                });
                self.lists.len() - 1
            }
            None => return Some(b"null".to_vec()),
        };
        let list = &mut self.lists[at];
        let mut changed = false;
        let mut entries = Vec::new();
        for item in value.items() {
            let fits = match item.kind() {
                Kind::Object => list.of_objects,
                Kind::Array | Kind::Null => false,
                _ => !list.of_objects,
            };
            if !fits {
                changed = true;
                continue;
            }
            let entry = Members::of(item);
            let given = entry.number("index");
            if let (true, None) = (list.of_objects, given) {
                changed = true;
                let mut out = Object::new(true);
                out.set("index", None, list.next.to_string().as_bytes());
                list.next += 1;
                for (key, value) in entry.all.iter().filter(|(key, _)| key != "index") {
                    out.keep(key, *value);
                }
                entries.push(out.end().0);
                continue;
            }
            list.next = list
                .next
                .max(given.map_or(0, |given| given.saturating_add(1)));
            entries.push(item.bytes().to_vec());
        }
        changed.then(|| array(&entries))
    }

    /// A chunk of ours.
    fn chunk(&self, index: u64, delta: &[u8], finish: &[u8]) -> Vec<u8> {
        let mut out = Object::new(true);
        out.set("id", None, &self.id);
        out.set("object", None, self.object);
        out.set("created", None, &self.created);
        out.set("model", None, &self.model);
        let body = if self.is_chat {
            [b"\"delta\":{", delta, b"}"].concat()
        } else {
            b"\"text\":\"\",\"logprobs\":null".to_vec()
        };
        let head = format!("[{{\"index\":{index},");
        let choice = [
            head.as_bytes(),
            &body,
            b",\"finish_reason\":",
            finish,
            b"}]",
        ]
        .concat();
        out.set("choices", None, &choice);
        unnamed(&out.end().0)
    }

    /// What is due at the end of a stream that is complete: what waits, and a reason for each choice
    /// that was given none.
    pub(super) fn close(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        if let Some(held) = self.held.take() {
            self.finished |= bit(held.choice);
            out.extend(held.ended);
        }
        for index in 0..MOST_CHOICES {
            if !self.is_open(index) {
                continue;
            }
            let mut reason: &[u8] = b"\"stop\"";
            if self.calls.any(index) {
                for rest in self.calls.rest(index) {
                    out.extend(self.chunk(index, &calls(&[rest]), b"null"));
                }
                let whole = self.calls.are_whole(index);
                reason = if whole {
                    b"\"tool_calls\""
                } else {
                    b"\"length\""
                };
            }
            out.extend(self.chunk(index, b"", reason));
            self.finished |= bit(index);
        }
        out
    }

    /// The event that waits, for as long as one is looked at that does not concern it.
    pub(in crate::stream) fn hand_over(&mut self) -> Option<Held> {
        self.held.take()
    }

    /// The same given back.
    pub(in crate::stream) fn hand_back(&mut self, held: Option<Held>) {
        self.held = held;
    }

    /// What waits, when the stream fails: without its reason.
    pub(in crate::stream) fn give_up(&mut self) -> Vec<u8> {
        self.held.take().map_or_else(Vec::new, |held| held.open)
    }
}

/// Writes the list of choices; where a reason to finish stands, when one of one has one.
fn list(out: &mut Object, told: &[Told]) -> Option<std::ops::Range<usize>> {
    let mut finish = None;
    out.bytes.push(b'[');
    for (at, choice) in told.iter().enumerate() {
        if at > 0 {
            out.bytes.push(b',');
        }
        let start = out.bytes.len();
        finish = choice
            .finish
            .as_ref()
            .map(|it| start + it.start..start + it.end);
        out.bytes.extend_from_slice(&choice.bytes);
        out.changed |= choice.changed;
    }
    out.bytes.push(b']');
    finish
}

fn array(items: &[Vec<u8>]) -> Vec<u8> {
    [b"[", &items.join(&b","[..])[..], b"]"].concat()
}

fn calls(fragments: &[Vec<u8>]) -> Vec<u8> {
    [b"\"tool_calls\":", &array(fragments)[..]].concat()
}

/// Mistral's models tell what they think as parts of the content: text, and thoughts.
fn pieces(content: Raw<'_>) -> (String, String) {
    let (mut text, mut thought) = (String::new(), String::new());
    for piece in content.items() {
        match piece.get("thinking") {
            Some(thinking) => {
                for part in thinking.items() {
                    let part = part.get("text").and_then(|it| it.as_str());
                    thought.push_str(&part.unwrap_or_default());
                }
            }
            None => {
                let part = piece.get("text").and_then(|it| it.as_str());
                text.push_str(&part.or(piece.as_str()).unwrap_or_default());
            }
        }
    }
    (text, thought)
}

/// The protocol's word for a reason to finish; `stop` for one that nobody knows.
pub(in crate::stream) fn finish_reason(text: &str) -> &'static str {
    match text {
        "length" | "max_tokens" | "MAX_TOKENS" | "model_length" => "length",
        "tool_calls" | "tool_use" => "tool_calls",
        "function_call" => "function_call",
        "content_filter" | "safety" | "SAFETY" | "refusal" => "content_filter",
        _ => "stop",
    }
}

/// An error, with all four members that the SDKs look for, text where they expect text.
pub(super) fn error(given: &Given<'_>) -> Said {
    let top = Members::of(given.data);
    let error = top.get("error").filter(|it| it.is_truthy());
    let inner = error.filter(|it| it.kind() == Kind::Object);
    // Without an error object its members lie flat beside it, or the event is nothing but its text.
    let flat = match inner {
        Some(inner) => Members::of(inner),
        None => Members::of(given.data),
    };
    let message = match error {
        Some(error) if inner.is_none() => Some(error),
        None if given.data.kind() != Kind::Object => Some(given.data),
        _ => flat.get("message"),
    };
    let kind = flat.get("type").or(flat.get("error_type"));
    let is_text = |it: Option<Raw<'_>>| it.is_some_and(|it| it.kind() == Kind::String);
    let is_text_or_null = |it: Option<Raw<'_>>| it.is_some_and(|it| it.is_null()) || is_text(it);
    let canonical = given.framed
        && top.all.len() == 1
        && !top.repeated
        && inner.is_some()
        && !flat.repeated
        && is_text(flat.get("message"))
        && is_text(flat.get("type"))
        && is_text_or_null(flat.get("param"))
        && is_text_or_null(flat.get("code"));
    if canonical {
        return Said::Same;
    }
    let mut out = Object::new(true);
    out.set(
        "message",
        None,
        &text_or(message, b"\"The upstream reported an error.\""),
    );
    out.set("type", None, &text_or(kind, b"\"server_error\""));
    out.set("param", None, &text_or(flat.get("param"), b"null"));
    out.set("code", None, &text_or(flat.get("code"), b"null"));
    if inner.is_some() {
        let known = ["message", "type", "param", "code"];
        for (key, value) in flat.all.iter().filter(|(key, _)| !known.contains(&&**key)) {
            out.keep(key, *value);
        }
    }
    Said::Events(unnamed(&[b"{\"error\":", &out.end().0[..], b"}"].concat()))
}

fn text_or(value: Option<Raw<'_>>, fallback: &[u8]) -> Vec<u8> {
    match value {
        Some(value) if value.kind() == Kind::String => value.bytes().to_vec(),
        Some(value) if !value.is_null() => {
            let mut out = Vec::new();
            write_string(&mut out, &String::from_utf8_lossy(value.bytes()));
            out
        }
        _ => fallback.to_vec(),
    }
}

/// Whether this is a reason as the protocol has it.
pub(in crate::stream) fn is_reason(text: &str) -> bool {
    let reason = FinishReasons::named(text);
    reason != FinishReasons::OTHER && reason != FinishReasons::ERROR
}
