//! The calls of a Chat stream: which one a fragment belongs to, and how it is written.
//!
//! A call's first fragment carries its id, its kind and its name, later ones only text; calls are
//! numbered from 0 in the order in which they begin. Backends leave out ids and numbers, repeat heads,
//! count every call 0, begin with the arguments, or give them as an object.

use super::document::Document;
use super::members::{quoted, Members, Object};
use crate::json::{Kind, Raw};

/// How many calls of one stream are told apart; that bounds the work per fragment.
const MOST: usize = 256;
/// Longer texts of a call's head are left alone, so that what is remembered stays small.
const MAX_TEXT: usize = 1024;
/// Bytes of arguments that wait for the name of their call.
const MOST_WAITING: usize = 1 << 20;

struct Call {
    choice: u64,
    /// As the backend counts, where it does.
    index: Option<u64>,
    /// As the backend calls it.
    id: String,
    number: u64,
    /// Its head was told.
    told: bool,
    /// What was told of its name.
    name: String,
    /// Arguments that came before the name.
    waiting: String,
    custom: bool,
    arguments: Document,
}

/// What a fragment says of the call that it belongs to.
struct Head<'a> {
    index: Option<u64>,
    /// Empty for none.
    id: &'a str,
    name: Option<&'a str>,
    custom: bool,
    /// It holds a part of the arguments.
    says: bool,
}

/// All calls of one stream.
#[derive(Default)]
pub(in crate::stream) struct Calls {
    all: Vec<Call>,
    seed: String,
}

/// A fragment that only goes on with the arguments of a call: which one, and what it says.
pub(in crate::stream) struct Continued {
    call: usize,
    text: String,
}

/// One fragment, written.
pub(super) struct Written {
    pub(super) number: u64,
    pub(super) bytes: Vec<u8>,
    pub(super) changed: bool,
}

/// There are too many calls, or too much of one.
pub(super) struct TooMuch;

impl Calls {
    pub(super) fn new(seed: &str) -> Self {
        Self {
            all: Vec::new(),
            seed: seed.to_owned(),
        }
    }

    /// Whether the only item of `tools` is canonical as it stands and no first fragment.
    pub(in crate::stream) fn continued(&self, choice: u64, tools: Raw<'_>) -> Option<Continued> {
        let mut items = tools.items();
        let (item, None) = (items.next()?, items.next()) else {
            return None;
        };
        let (mut index, mut text) = (None, None);
        for (key, value) in item.entries() {
            match &*key {
                "index" if index.is_none() && value.kind() == Kind::Number => {
                    index = value.as_u64()
                }
                "function" if text.is_none() => {
                    for (key, value) in value.entries() {
                        match &*key {
                            "arguments" if text.is_none() => text = Some(value.as_str()?),
                            "name" if value.is_null() => {}
                            _ => return None,
                        }
                    }
                }
                "id" | "type" if value.is_null() => {}
                _ => return None,
            }
        }
        let (index, text) = (index?, text?);
        let at_index = |call: &Call| call.choice == choice && call.index == Some(index);
        let call = self.all.iter().rposition(at_index)?;
        let known = &self.all[call];
        (known.number == index && known.told && !known.custom).then(|| Continued {
            call,
            text: text.into_owned(),
        })
    }

    /// Notes a fragment that passes as it is.
    pub(super) fn go_on(&mut self, continued: &Continued) {
        self.all[continued.call]
            .arguments
            .feed(continued.text.as_bytes());
    }

    /// Whether a choice calls anything.
    pub(in crate::stream) fn any(&self, choice: u64) -> bool {
        self.all.iter().any(|call| call.choice == choice)
    }

    /// Whether all calls of a choice can be acted on: each has a name, and whole arguments. One that
    /// never got a name is not told at all.
    pub(super) fn are_whole(&self, choice: u64) -> bool {
        let mut of_choice = self.all.iter().filter(|call| call.choice == choice);
        of_choice.all(|call| match call.told {
            true => call.custom || call.arguments.is_whole(),
            false => call.waiting.is_empty(),
        })
    }

    /// What is still to be told of the calls of a choice when it ends: no arguments as an empty object.
    pub(super) fn rest(&mut self, choice: u64) -> Vec<Vec<u8>> {
        let mut told = Vec::new();
        for call in self.all.iter_mut().filter(|call| call.choice == choice) {
            if !call.custom && call.told && call.arguments.is_empty() {
                call.arguments.feed(b"{}");
                let head = format!("{{\"index\":{},\"function\":", call.number);
                told.push([head.as_bytes(), br#"{"arguments":"{}"}}"#].concat());
            }
        }
        told
    }

    /// The fragment as it is to be written; nothing while its call waits for a name.
    pub(super) fn fragment(
        &mut self,
        choice: u64,
        item: Raw<'_>,
    ) -> Result<Option<Written>, TooMuch> {
        let fragment = Members::of(item);
        let custom = fragment.object("custom");
        let part = custom.or(fragment.object("function"));
        let inside = part.map(Members::of);
        let name = inside.as_ref().and_then(|inside| inside.text("name"));
        let argument = if custom.is_some() {
            "input"
        } else {
            "arguments"
        };
        let said = inside.as_ref().and_then(|inside| inside.get(argument));
        let is_text = said.is_none_or(|said| said.kind() == Kind::String);
        let text = match said {
            Some(said) if said.kind() == Kind::String => said.as_str().unwrap_or_default(),
            Some(said) if !said.is_null() => String::from_utf8_lossy(said.bytes()),
            _ => "".into(),
        };
        let id = fragment.text("id").unwrap_or_default();
        let index = fragment.number("index");
        let head = Head {
            index,
            id: &id,
            name: name.as_deref(),
            custom: custom.is_some(),
            says: !text.trim().is_empty(),
        };
        let at = self.find(choice, &head)?;
        let announced = self.announced(choice);
        let call = &mut self.all[at];
        if call.id.is_empty() && id.len() <= MAX_TEXT {
            call.id = id.clone().into_owned();
        }
        call.arguments.feed(text.as_bytes());
        if !call.told {
            let Some(name) = name else {
                if call.waiting.len() + text.len() > MOST_WAITING {
                    return Err(TooMuch);
                }
                call.waiting.push_str(&text);
                return Ok(None);
            };
            call.name = name.into_owned();
            call.told = true;
            call.number = announced;
            let number = announced;
            let waited = std::mem::take(&mut call.waiting);
            let kind = if call.custom { "custom" } else { "function" };
            let complete = index == Some(number)
                && waited.is_empty()
                && !id.is_empty()
                && fragment.text("type").as_deref() == Some(kind)
                && is_text
                && said.is_some()
                && !fragment.repeated
                && inside.as_ref().is_some_and(|inside| !inside.repeated);
            if complete {
                return Ok(Some(Written {
                    number,
                    bytes: item.bytes().to_vec(),
                    changed: false,
                }));
            }
            let known = ["index", "id", "type", "function", "custom"];
            let more: Vec<_> = fragment
                .all
                .iter()
                .filter(|(key, _)| !known.contains(&&**key))
                .map(|(key, value)| (&**key, *value))
                .collect();
            let bytes = call.head(&self.seed, &(waited + &text), &more);
            return Ok(Some(Written {
                number,
                bytes,
                changed: true,
            }));
        }
        let number = call.number;
        let labels = ["index", "id", "type"];
        if part.is_none() && fragment.all.iter().all(|(key, _)| labels.contains(&&**key)) {
            // It says nothing; accumulators look for the function in each.
            return Ok(None);
        }
        let renamed = name.filter(|name| **name != *call.name);
        if let Some(renamed) = renamed
            .as_deref()
            .filter(|it| call.name.len() + it.len() <= MAX_TEXT)
        {
            call.name.push_str(renamed);
        }
        let mut out = Object::new(fragment.repeated);
        out.set(
            "index",
            fragment.get("index"),
            number.to_string().as_bytes(),
        );
        for (key, value) in &fragment.all {
            match &**key {
                "index" => {}
                "id" | "type" => out.changed |= !value.is_null(),
                "function" | "custom" if Some(value.bytes()) == part.map(|part| part.bytes()) => {
                    let mut inner = Object::new(false);
                    for (key, value) in inside.iter().flat_map(|inside| &inside.all) {
                        match &**key {
                            "name" if renamed.is_none() => inner.changed |= !value.is_null(),
                            key if key == argument && value.kind() != Kind::String => {
                                inner.set(key, Some(*value), &quoted(&text));
                            }
                            key => inner.keep(key, *value),
                        }
                    }
                    let (inner, changed) = inner.end();
                    out.changed |= changed;
                    out.key(key);
                    out.bytes.extend_from_slice(&inner);
                }
                "function" | "custom" => out.changed = true,
                key => out.keep(key, *value),
            }
        }
        if part.is_none() {
            out.set("function", None, b"{}");
        }
        let (bytes, changed) = out.end();
        // Members in another order are as good.
        let bytes = if changed {
            bytes
        } else {
            item.bytes().to_vec()
        };
        Ok(Some(Written {
            number,
            bytes,
            changed,
        }))
    }

    /// How many calls of a choice were told: calls are numbered as they are.
    fn announced(&self, choice: u64) -> u64 {
        let told = self
            .all
            .iter()
            .filter(|call| call.choice == choice && call.told);
        told.count() as u64
    }

    /// The call that a fragment belongs to. The same id, or none, goes on with the call at its index;
    /// another id there with a name begins a new one, whatever index it claims, and so does a name
    /// without an id after arguments that are all there.
    fn find(&mut self, choice: u64, head: &Head<'_>) -> Result<usize, TooMuch> {
        let Head { index, id, .. } = *head;
        let named = head.name.is_some();
        let last = |test: &dyn Fn(&Call) -> bool| {
            self.all
                .iter()
                .rposition(|call| call.choice == choice && test(call))
        };
        let by_id = || last(&|call| !id.is_empty() && call.id == id);
        let mut known = match index {
            Some(index) => last(&|call| call.index == Some(index)),
            None if !id.is_empty() => by_id(),
            None if named => None,
            None => last(&|_| true),
        };
        if let Some(at) = known {
            let held = &self.all[at];
            let both = !id.is_empty() && !held.id.is_empty();
            if named && both && held.id != id {
                known = by_id();
            } else if !both && held.is_over(head) {
                known = None;
            }
        }
        if let Some(known) = known {
            return Ok(known);
        }
        if self.all.len() == MOST || id.len() > MAX_TEXT {
            return Err(TooMuch);
        }
        self.all.push(Call {
            choice,
            index,
            id: id.to_owned(),
            number: 0,
            told: false,
            name: String::new(),
            waiting: String::new(),
            custom: head.custom,
            arguments: Document::default(),
        });
        Ok(self.all.len() - 1)
    }
}

impl Call {
    /// Whether all of it was said, and a fragment says what another call begins with.
    fn is_over(&self, head: &Head<'_>) -> bool {
        let begins = head.name.is_some_and(|name| head.says || name != self.name);
        begins && self.told && !self.custom && self.arguments.is_whole()
    }

    /// The first fragment.
    fn head(&self, seed: &str, text: &str, more: &[(&str, Raw<'_>)]) -> Vec<u8> {
        let mut out = Object::new(true);
        out.set("index", None, self.number.to_string().as_bytes());
        let id = if self.id.is_empty() {
            format!("call_{seed}{:02x}{:02x}", self.choice, self.number)
        } else {
            self.id.clone()
        };
        out.set("id", None, &quoted(&id));
        let (kind, argument) = match self.custom {
            true => ("custom", "input"),
            false => ("function", "arguments"),
        };
        out.set("type", None, &quoted(kind));
        let mut inner = Object::new(true);
        inner.set("name", None, &quoted(&self.name));
        inner.set(argument, None, &quoted(text));
        out.set(kind, None, &inner.end().0);
        for (key, value) in more {
            out.keep(key, *value);
        }
        out.end().0
    }
}
