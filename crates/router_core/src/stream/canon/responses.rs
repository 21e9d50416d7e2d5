//! Events of OpenAI's Responses.
//!
//! One response, created first and with one id throughout; numbers that rise; an item before its parts
//! and a part before its text; what was begun is done before the end. Accumulators look items and parts
//! up by their places, and several clients build their turn from the items that are done.

use super::document::Document;
use super::members::{named, quoted, Members, Object};
use super::{is_foreign, Given, Said};
use crate::json::{Kind, Raw};
use crate::stream::options::Identity;
use crate::stream::Shape;

struct Part {
    /// As the upstream counts.
    index: u64,
    is_text: bool,
}

struct Item {
    /// As the upstream counts.
    index: u64,
    kind: String,
    /// The item as it was begun, in JSON.
    begun: Vec<u8>,
    parts: Vec<Part>,
    done: bool,
    arguments: Document,
}

/// The writer of one stream.
pub(in crate::stream) struct Responses {
    identity: Identity,
    /// In JSON; empty before the response was created.
    id: Vec<u8>,
    next: u64,
    items: Vec<Item>,
}

impl Responses {
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            id: Vec::new(),
            next: 0,
            items: Vec::new(),
        }
    }

    /// Whether a text goes on where one was begun: most events do nothing else.
    #[inline]
    pub(in crate::stream) fn is_plain(
        &self,
        kind: &[u8],
        number: Option<Raw<'_>>,
        place: Option<Raw<'_>>,
        part: Option<Raw<'_>>,
        delta: Option<Raw<'_>>,
    ) -> bool {
        if kind != b"response.output_text.delta" {
            return false;
        }
        let count = |it: Option<Raw<'_>>| {
            it.filter(|it| it.kind() == Kind::Number)
                .and_then(|it| it.as_u64())
        };
        let (Some(number), Some(place), Some(part)) = (count(number), count(place), count(part))
        else {
            return false;
        };
        let item = self
            .items
            .iter()
            .rfind(|item| item.index == place && !item.done);
        number == self.next
            && delta.is_some_and(|it| it.kind() == Kind::String)
            && item.is_some_and(|item| {
                let found = usize::try_from(part).ok().and_then(|at| item.parts.get(at));
                found.is_some_and(|it| it.is_text && it.index == part)
            })
    }

    /// Notes an event that is plain.
    pub(in crate::stream) fn note(&mut self) {
        self.next += 1;
    }

    pub(super) fn take(&mut self, given: &Given<'_>) -> Said {
        let event = Members::of(given.data);
        let name = given.name.and_then(|name| std::str::from_utf8(name).ok());
        let kind = event.text("type").map(|kind| kind.into_owned());
        let kind = kind.or(name.map(str::to_owned));
        if is_foreign(&event, kind.as_deref(), Shape::Responses) {
            return Said::Unreadable;
        }
        let Some(kind) = kind.filter(|kind| is_name(kind)) else {
            // A sign of life.
            return Said::Events(Vec::new());
        };
        let mut out = Vec::new();
        let response = event.object("response");
        if self.id.is_empty() {
            let id = response.and_then(|response| response.get("id"));
            let id = id.filter(|id| id.kind() == Kind::String && id.is_truthy());
            let own = quoted(&format!("resp_{}", self.identity.name));
            self.id = id.map_or(own, |id| id.bytes().to_vec());
            if kind != "response.created" || response.is_none() {
                out.extend(self.created());
            }
        } else if kind == "response.created" {
            return Said::Events(out);
        }
        let mut told = kind.clone();
        let written = match &*kind {
            "response.created" | "response.queued" | "response.in_progress" | "response.failed" => {
                response.map(|response| self.lifecycle(&event, response, None))
            }
            "response.completed" | "response.incomplete" => {
                let Some(response) = response else {
                    return Said::Unreadable;
                };
                out.extend(self.finish_items(response));
                let cut = kind == "response.completed" && self.is_cut();
                if cut {
                    told = "response.incomplete".to_owned();
                }
                let status = if cut || kind == "response.incomplete" {
                    "incomplete"
                } else {
                    "completed"
                };
                Some(self.lifecycle(&event, response, Some((status, cut))))
            }
            "response.output_item.added" => self.added(&event),
            "response.output_item.done" => match self.done(&event, &mut out) {
                Ok(written) => Some(written),
                Err(()) => return Said::Unreadable,
            },
            "response.content_part.added"
            | "response.output_text.delta"
            | "response.output_text.done"
            | "response.refusal.delta"
            | "response.refusal.done"
                if self.is_misplaced(&event, &kind) =>
            {
                return Said::Unreadable;
            }
            "response.content_part.added" => self.part(&event, &mut out),
            "response.output_text.delta" | "response.refusal.delta" => {
                let is_text = kind == "response.output_text.delta";
                let text = event.get("delta").filter(|it| it.kind() == Kind::String);
                text.map(|_| self.text(&event, is_text, &mut out))
            }
            "response.output_text.done" | "response.refusal.done" => {
                let is_text = kind == "response.output_text.done";
                Some(self.text(&event, is_text, &mut out))
            }
            "response.function_call_arguments.delta" => match self.arguments(&event) {
                Ok(written) => written,
                Err(()) => return Said::Unreadable,
            },
            _ => Some(kept(&event)),
        };
        let Some((members, mut changed)) = written else {
            return Said::Events(out);
        };
        let number = self.number(event.number("sequence_number"));
        changed |= event.number("sequence_number") != Some(number)
            || event.text("type").as_deref() != Some(&*told)
            || event.repeated;
        if !changed && out.is_empty() && given.framed && name == Some(&*told) {
            return Said::Same;
        }
        let data = if changed {
            let head = format!("\"sequence_number\":{number}");
            [
                b"{\"type\":",
                &quoted(&told)[..],
                b",",
                head.as_bytes(),
                &members,
                b"}",
            ]
            .concat()
        } else {
            given.data.bytes().to_vec()
        };
        out.extend(named(&told, &data));
        Said::Events(out)
    }

    /// The number of an event: its own where it rises.
    fn number(&mut self, given: Option<u64>) -> u64 {
        let number = given
            .filter(|number| *number >= self.next)
            .unwrap_or(self.next);
        self.next = number.saturating_add(1);
        number
    }

    fn made(&mut self, kind: &str, members: &[u8]) -> Vec<u8> {
        let number = self.number(None);
        let head = format!("{{\"type\":\"{kind}\",\"sequence_number\":{number},");
        named(kind, &[head.as_bytes(), members, b"}"].concat())
    }

    fn response(&self, status: &str, error: &[u8]) -> Vec<u8> {
        let created = self.identity.created;
        let head = format!(
            ",\"object\":\"response\",\"created_at\":{created},\"status\":\"{status}\",\"model\":"
        );
        let rest = b",\"output\":[],\"parallel_tool_calls\":true,\"tool_choice\":\"auto\",\"tools\":[],\"usage\":null,\
            \"incomplete_details\":null,\"error\":";
        let model = quoted(&self.identity.model);
        [
            b"{\"id\":",
            &self.id[..],
            head.as_bytes(),
            &model,
            rest,
            error,
            b"}",
        ]
        .concat()
    }

    fn created(&mut self) -> Vec<u8> {
        let response = self.response("in_progress", b"null");
        self.made(
            "response.created",
            &[b"\"response\":", &response[..]].concat(),
        )
    }

    /// The members of an event about the response as a whole. `end`: its status, and whether it is
    /// another one than was said.
    fn lifecycle(
        &mut self,
        event: &Members<'_>,
        response: Raw<'_>,
        end: Option<(&str, bool)>,
    ) -> (Vec<u8>, bool) {
        let given = Members::of(response);
        let mut out = Object::new(given.repeated);
        out.set("id", given.get("id"), &self.id);
        for (key, value) in &given.all {
            match (&**key, end) {
                ("id", _) => {}
                ("status", Some((status, _))) => out.set(key, Some(*value), &quoted(status)),
                ("incomplete_details", Some((_, true))) => {
                    out.set(key, Some(*value), br#"{"reason":"max_output_tokens"}"#);
                }
                _ => out.keep(key, *value),
            }
        }
        if let Some((status, cut)) = end {
            if given.get("status").is_none() {
                out.set("status", None, &quoted(status));
            }
            if cut && given.get("incomplete_details").is_none() {
                out.set(
                    "incomplete_details",
                    None,
                    br#"{"reason":"max_output_tokens"}"#,
                );
            }
        }
        let (response, changed) = out.end();
        rewritten(event, &[("response", changed.then_some(response))])
    }

    fn find(&self, index: Option<u64>) -> Option<usize> {
        match index {
            Some(index) => self.items.iter().rposition(|item| item.index == index),
            None => self.items.len().checked_sub(1),
        }
    }

    /// Whether an event speaks of a text at the place of an item that has none.
    fn is_misplaced(&self, event: &Members<'_>, kind: &str) -> bool {
        let found = self.find(event.number("output_index"));
        found.is_some_and(|at| match &*self.items[at].kind {
            "message" => false,
            // What a model thinks has parts, and events of its own for their texts.
            "reasoning" => kind != "response.content_part.added",
            _ => true,
        })
    }

    /// The place behind all others.
    fn next_place(&self) -> u64 {
        let places = self.items.iter().map(|item| item.index);
        places.max().map_or(0, |last| last.saturating_add(1))
    }

    fn added(&mut self, event: &Members<'_>) -> Option<(Vec<u8>, bool)> {
        let item = event.object("item")?;
        let place = event.number("output_index");
        if place.is_some() && self.find(place).is_some() {
            return None;
        }
        let number = place.unwrap_or_else(|| self.next_place());
        let (item, changed) = self.begin(number, item);
        let number = number.to_string().into_bytes();
        let place = place.is_none().then_some(number);
        Some(rewritten(
            event,
            &[("output_index", place), ("item", changed.then_some(item))],
        ))
    }

    /// Notes an item; it, with what clients demand of one.
    fn begin(&mut self, index: u64, given: Raw<'_>) -> (Vec<u8>, bool) {
        let item = Members::of(given);
        let kind = item.text("type").unwrap_or("message".into()).into_owned();
        let mut out = Object::new(item.repeated);
        // Two items of one name are an error to accumulators.
        let taken = |key: &str| {
            let text = item.text(key);
            let mut others = self.items.iter();
            text.is_some() && others.any(|it| Members::within(&it.begun).text(key) == text)
        };
        let again: Vec<_> = ["id", "call_id"]
            .into_iter()
            .filter(|key| taken(key))
            .collect();
        for (key, value) in item.all.iter().filter(|(key, _)| !again.contains(&&**key)) {
            out.keep(key, *value);
        }
        let own = quoted(&format!("item_{}{index:02x}", self.identity.name));
        let needed: &[(&str, &[u8])] = match &*kind {
            "message" => &[
                ("type", b"\"message\""),
                ("id", &own),
                ("role", b"\"assistant\""),
                ("content", b"[]"),
            ],
            "function_call" => &[
                ("id", &own),
                ("call_id", &own),
                ("name", b"\"\""),
                ("arguments", b"\"\""),
            ],
            _ => &[("id", &own)],
        };
        for (key, value) in needed
            .iter()
            .filter(|(key, _)| item.get(key).is_none() || again.contains(key))
        {
            out.set(key, None, value);
        }
        let (bytes, changed) = out.end();
        let bytes = if changed {
            bytes
        } else {
            given.bytes().to_vec()
        };
        self.items.push(Item {
            index,
            kind,
            begun: bytes.clone(),
            parts: Vec::new(),
            done: false,
            arguments: Document::default(),
        });
        (bytes, changed)
    }

    /// The item at the place of an event, begun if nobody did.
    fn item(&mut self, event: &Members<'_>, kind: &str, out: &mut Vec<u8>) -> usize {
        let place = event.number("output_index");
        if let Some(at) = self.find(place) {
            return at;
        }
        let index = place.unwrap_or(0);
        let own = format!("item_{}{index:02x}", self.identity.name);
        let id = event.text("item_id").unwrap_or(own.into());
        let item = [
            b"{\"id\":",
            &quoted(&id)[..],
            b",\"type\":",
            &quoted(kind),
            b",\"status\":\"in_progress\",\"role\":\"assistant\",\"content\":[]}",
        ]
        .concat();
        self.items.push(Item {
            index,
            kind: kind.to_owned(),
            begun: item.clone(),
            parts: Vec::new(),
            done: false,
            arguments: Document::default(),
        });
        let head = format!("\"output_index\":{index},\"item\":");
        out.extend(self.made(
            "response.output_item.added",
            &[head.as_bytes(), &item].concat(),
        ));
        self.items.len() - 1
    }

    fn part(&mut self, event: &Members<'_>, out: &mut Vec<u8>) -> Option<(Vec<u8>, bool)> {
        let part = event.object("part")?;
        let at = self.item(event, "message", out);
        let item = &mut self.items[at];
        let given = event.number("content_index");
        let index = given.unwrap_or(item.parts.len() as u64);
        if item.parts.iter().any(|part| part.index == index) {
            return None;
        }
        let number = item.parts.len().to_string();
        let is_text = part.get("type").and_then(|it| it.as_str()).as_deref() == Some("output_text");
        let lacks = is_text && part.get("text").is_none();
        item.parts.push(Part { index, is_text });
        let place = item.index.to_string().into_bytes();
        let place = event.number("output_index").is_none().then_some(place);
        let mut shown = Object::new(lacks);
        for (key, value) in Members::of(part).all {
            shown.keep(&key, value);
        }
        if lacks {
            shown.set("text", None, b"\"\"");
        }
        let number =
            (given.map(|it| it.to_string()) != Some(number.clone())).then(|| number.into_bytes());
        let shown = lacks.then(|| shown.end().0);
        Some(rewritten(
            event,
            &[
                ("output_index", place),
                ("content_index", number),
                ("part", shown),
            ],
        ))
    }

    /// The members of an event about a text, whose part is begun if nobody did.
    fn text(&mut self, event: &Members<'_>, is_text: bool, out: &mut Vec<u8>) -> (Vec<u8>, bool) {
        let at = self.item(event, "message", out);
        let given = event.number("content_index");
        let item = &self.items[at];
        let index = given.unwrap_or(item.parts.last().map_or(0, |part| part.index));
        let known = item
            .parts
            .iter()
            .rposition(|part| part.index == index && part.is_text == is_text);
        let number = known.unwrap_or(item.parts.len());
        let place = item.index;
        if known.is_none() {
            let shown = if is_text {
                r#"{"type":"output_text","text":"","annotations":[],"logprobs":[]}"#
            } else {
                r#"{"type":"refusal","refusal":""}"#
            };
            let id = Members::within(&item.begun)
                .text("id")
                .unwrap_or_default()
                .into_owned();
            let members = format!(
                "\"output_index\":{place},\"content_index\":{number},\"part\":{shown},\"item_id\":"
            );
            let members = [members.as_bytes(), &quoted(&id)].concat();
            out.extend(self.made("response.content_part.added", &members));
            self.items[at].parts.push(Part { index, is_text });
        }
        let number = (given != Some(number as u64)).then(|| number.to_string().into_bytes());
        let place = event
            .number("output_index")
            .is_none()
            .then(|| place.to_string().into_bytes());
        rewritten(event, &[("output_index", place), ("content_index", number)])
    }

    fn arguments(&mut self, event: &Members<'_>) -> Result<Option<(Vec<u8>, bool)>, ()> {
        let Some(text) = event.get("delta").filter(|it| it.kind() == Kind::String) else {
            return Ok(None);
        };
        let place = event.number("output_index");
        let at = self
            .find(place)
            .filter(|at| self.items[*at].kind == "function_call")
            .ok_or(())?;
        let item = &mut self.items[at];
        item.arguments
            .feed(text.as_str().unwrap_or_default().as_bytes());
        let index = item.index.to_string().into_bytes();
        Ok(Some(rewritten(
            event,
            &[("output_index", place.is_none().then_some(index))],
        )))
    }

    fn done(&mut self, event: &Members<'_>, out: &mut Vec<u8>) -> Result<(Vec<u8>, bool), ()> {
        let given = event.object("item").ok_or(())?;
        let place = event.number("output_index");
        let at = match self.find(place) {
            Some(at) => at,
            None => {
                let index = place.unwrap_or_else(|| self.next_place());
                let (item, _) = self.begin(index, given);
                let head = format!("\"output_index\":{index},\"item\":");
                out.extend(self.made(
                    "response.output_item.added",
                    &[head.as_bytes(), &item].concat(),
                ));
                self.items.len() - 1
            }
        };
        let item = &mut self.items[at];
        let begun = Members::within(&item.begun);
        let ended = Members::of(given);
        if ended.text("type").as_deref() != Some(&*item.kind) {
            return Err(());
        }
        if let Some(arguments) = ended.get("arguments").and_then(|it| it.as_str()) {
            item.arguments = Document::default();
            item.arguments.feed(arguments.as_bytes());
        }
        item.done = true;
        let mut shown = Object::new(ended.repeated);
        for (key, value) in &ended.all {
            match (&**key, begun.get(key)) {
                // It is the same item.
                ("id" | "call_id", Some(known)) => shown.set(key, Some(*value), known.bytes()),
                _ => shown.keep(key, *value),
            }
        }
        for key in ["id", "call_id"] {
            if let (None, Some(known)) = (ended.get(key), begun.get(key)) {
                shown.set(key, None, known.bytes());
            }
        }
        let (shown, changed) = shown.end();
        let index = item.index.to_string().into_bytes();
        Ok(rewritten(
            event,
            &[
                ("output_index", place.is_none().then_some(index)),
                ("item", changed.then_some(shown)),
            ],
        ))
    }

    fn is_cut(&self) -> bool {
        let mut calls = self
            .items
            .iter()
            .filter(|item| item.kind == "function_call");
        calls.any(|item| !item.arguments.is_empty() && !item.arguments.is_whole())
    }

    /// Ends what was begun and is not done: an answer is complete with nothing open.
    fn finish_items(&mut self, response: Raw<'_>) -> Vec<u8> {
        let output = response.get("output");
        let mut out = Vec::new();
        for at in 0..self.items.len() {
            let item = &mut self.items[at];
            if std::mem::replace(&mut item.done, true) {
                continue;
            }
            let begun = Members::within(&item.begun);
            let id = begun.text("id");
            let mut outputs = output.iter().flat_map(|output| output.items());
            let ended = outputs.find(|it| it.get("id").and_then(|it| it.as_str()) == id);
            let shown = ended.map_or(&item.begun[..], |it| it.bytes()).to_vec();
            let head = format!("\"output_index\":{},\"item\":", item.index);
            out.extend(self.made(
                "response.output_item.done",
                &[head.as_bytes(), &shown].concat(),
            ));
        }
        out
    }

    /// An error that the upstream told. A bare one is followed by the failed response for which coding
    /// agents wait.
    pub(super) fn error(&mut self, given: &Given<'_>) -> Said {
        let event = Members::of(given.data);
        let kind = event.text("type");
        if kind.as_deref() == Some("response.failed") && event.object("response").is_some() {
            return self.take(given);
        }
        let inner = event.get("error").filter(|it| it.is_truthy());
        let whole = inner
            .filter(|it| it.kind() == Kind::Object)
            .map(Members::of);
        let find = |key: &str| {
            let found = whole.as_ref().and_then(|whole| whole.get(key));
            found.or(event.get(key)).filter(|it| it.is_truthy())
        };
        let text = |it: Raw<'_>| match it.as_str() {
            Some(text) => text.into_owned(),
            None => String::from_utf8_lossy(it.bytes()).into_owned(),
        };
        let message = match (inner, &whole) {
            (Some(inner), None) => Some(inner),
            _ if given.data.kind() != Kind::Object => Some(given.data),
            _ => find("message"),
        };
        let message = message.map_or("the upstream reported an error".to_owned(), text);
        let code = find("code").map_or("upstream_error".to_owned(), text);
        Said::Events(self.failure(&message, &code))
    }

    /// The end of a stream that failed, where it stands.
    pub(in crate::stream) fn failure(&mut self, message: &str, code: &str) -> Vec<u8> {
        let mut out = Vec::new();
        if self.id.is_empty() {
            self.id = quoted(&format!("resp_{}", self.identity.name));
            out.extend(self.created());
        }
        let (message, code) = (quoted(message), quoted(code));
        let flat = [
            b"\"code\":",
            &code[..],
            b",\"message\":",
            &message,
            b",\"param\":null",
        ]
        .concat();
        let error = [
            &flat[..],
            b",\"error\":{\"type\":\"server_error\",",
            &flat,
            b"}",
        ]
        .concat();
        out.extend(self.made("error", &error));
        let error = [b"{\"code\":", &code[..], b",\"message\":", &message, b"}"].concat();
        let response = self.response("failed", &error);
        out.extend(self.made(
            "response.failed",
            &[b"\"response\":", &response[..]].concat(),
        ));
        out
    }
}

/// The members of an event behind its kind and number, as they are.
fn kept(event: &Members<'_>) -> (Vec<u8>, bool) {
    rewritten(event, &[])
}

/// The same with some of them anew, where something is given; whether anything was.
fn rewritten(event: &Members<'_>, anew: &[(&str, Option<Vec<u8>>)]) -> (Vec<u8>, bool) {
    let mut out = Object::new(false);
    for (key, value) in &event.all {
        match anew
            .iter()
            .find(|(name, value)| name == key && value.is_some())
        {
            _ if key == "type" || key == "sequence_number" => {}
            Some((_, Some(value))) => {
                out.key(key);
                out.bytes.extend_from_slice(value);
            }
            _ => out.keep(key, *value),
        }
    }
    for (key, value) in anew {
        if let (Some(value), None) = (value, event.get(key)) {
            out.key(key);
            out.bytes.extend_from_slice(value);
        }
    }
    let changed = anew.iter().any(|(_, value)| value.is_some());
    let mut members = out.bytes.split_off(1);
    if !members.is_empty() {
        members.insert(0, b',');
    }
    (members, changed)
}

/// Whether a text can stand behind `event:`.
fn is_name(kind: &str) -> bool {
    kind.len() < 100 && kind.bytes().all(|byte| byte.is_ascii_graphic())
}
