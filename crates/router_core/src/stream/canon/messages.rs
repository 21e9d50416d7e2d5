//! Events of Anthropic's Messages.
//!
//! The message begins first; blocks are numbered from 0 in the order in which they start, and only what
//! has started goes on; every `message_delta` has a usage; what is open ends before the end. Clients
//! index lists without looking, parse a call's input as it arrives, and wait for `message_stop`.

use super::document::Document;
use super::members::{named, quoted, Members, Object};
use super::{is_foreign, Given, Said};
use crate::json::{Kind, Raw};
use crate::stream::options::Identity;
use crate::stream::Shape;

const STOP_REASONS: [&str; 7] = [
    "end_turn",
    "max_tokens",
    "stop_sequence",
    "tool_use",
    "pause_turn",
    "refusal",
    "model_context_window_exceeded",
];
const ERRORS: [&str; 10] = [
    "invalid_request_error",
    "authentication_error",
    "billing_error",
    "permission_error",
    "not_found_error",
    "request_too_large",
    "rate_limit_error",
    "timeout_error",
    "overloaded_error",
    "api_error",
];

/// One block.
struct Block {
    /// As the upstream counts.
    index: u64,
    kind: String,
    open: bool,
    input: Document,
}

/// The writer of one stream.
pub(in crate::stream) struct Messages {
    identity: Identity,
    begun: bool,
    blocks: Vec<Block>,
    /// A reason was given why the answer ends.
    reasoned: bool,
    stopped: bool,
}

impl Messages {
    pub(super) fn new(identity: Identity) -> Self {
        Self {
            identity,
            begun: false,
            blocks: Vec::new(),
            reasoned: false,
            stopped: false,
        }
    }

    /// Whether a text goes on in a block that is open: most events do nothing else.
    #[inline]
    pub(in crate::stream) fn is_plain(
        &self,
        kind: &[u8],
        index: Option<Raw<'_>>,
        delta: Option<Raw<'_>>,
    ) -> bool {
        if kind == b"ping" {
            return true;
        }
        if kind != b"content_block_delta" || !self.begun {
            return false;
        }
        let (Some(index), Some(delta)) = (index.and_then(|it| it.as_u64()), delta) else {
            return false;
        };
        let Some(block) = usize::try_from(index)
            .ok()
            .and_then(|at| self.blocks.get(at))
        else {
            return false;
        };
        let (mut is_kind, mut is_text) = (false, false);
        for (key, value) in delta.entries() {
            match &*key {
                "type" => is_kind = value.bytes() == delta_of(&block.kind),
                "text" | "thinking" => is_text = value.kind() == Kind::String,
                _ => return false,
            }
        }
        is_kind && is_text && block.open && block.index == index
    }

    pub(super) fn take(&mut self, given: &Given<'_>) -> Said {
        let event = Members::of(given.data);
        let kind = event.text("type").map(|kind| kind.into_owned());
        let name = given.name.and_then(|name| std::str::from_utf8(name).ok());
        let kind = kind.or(name.map(str::to_owned));
        if is_foreign(&event, kind.as_deref(), Shape::Messages) {
            return Said::Unreadable;
        }
        let Some(kind) = kind.filter(|kind| is_name(kind)) else {
            // A sign of life.
            return Said::Events(Vec::new());
        };
        let mut out = Vec::new();
        if kind != "message_start" && kind != "ping" && !self.begun {
            out.extend(self.start());
        }
        let written = match &*kind {
            "message_start" if self.begun => None,
            "message_start" => self.message(&event),
            "content_block_start" => self.block(&event, &mut out),
            "content_block_delta" => match self.delta(&event, &mut out) {
                Ok(written) => written,
                Err(()) => return Said::Unreadable,
            },
            "content_block_stop" => self.stop(&event),
            "message_delta" => self.reason(&event, &mut out),
            "message_stop" => {
                out.extend(self.close_blocks());
                if !self.reasoned {
                    out.extend(self.made_reason());
                }
                self.stopped = true;
                Some((given.data.bytes().to_vec(), false))
            }
            _ => Some((given.data.bytes().to_vec(), false)),
        };
        let Some((mut data, mut changed)) = written else {
            return Said::Events(out);
        };
        if event.text("type").is_none() {
            let head = [b"{\"type\":", &quoted(&kind)[..]].concat();
            let rest = data[1..].trim_ascii_start();
            let comma: &[u8] = if rest.starts_with(b"}") { b"" } else { b"," };
            data = [&head, comma, rest].concat();
            changed = true;
        }
        if !changed && given.framed && out.is_empty() && name == Some(&*kind) {
            return Said::Same;
        }
        out.extend(named(&kind, &data));
        Said::Events(out)
    }

    /// `message_start` for an upstream that sent none.
    fn start(&mut self) -> Vec<u8> {
        let given = [
            b"{\"type\":\"message_start\",\"message\":{\"stop_reason\":0,\"stop_sequence\":0,\"model\":0}}".as_slice(),
        ];
        let empty = Members::within(given[0]);
        let data = self
            .message(&empty)
            .map(|(data, _)| data)
            .unwrap_or_default();
        named("message_start", &data)
    }

    fn message(&mut self, event: &Members<'_>) -> Option<(Vec<u8>, bool)> {
        self.begun = true;
        let given = event.object("message");
        let message = given.map(Members::of);
        let get = |key: &str| message.as_ref().and_then(|message| message.get(key));
        let mut out = Object::new(message.as_ref().is_none_or(|message| message.repeated));
        let (id, model) = (
            format!("msg_{}", self.identity.name),
            quoted(&self.identity.model),
        );
        let is_text = |it: &Raw<'_>| it.kind() == Kind::String && it.is_truthy();
        let wanted: [(&str, Vec<u8>, bool); 8] = [
            ("id", quoted(&id), get("id").filter(is_text).is_some()),
            (
                "type",
                b"\"message\"".to_vec(),
                get("type").is_some_and(|it| it.bytes() == b"\"message\""),
            ),
            (
                "role",
                b"\"assistant\"".to_vec(),
                get("role").is_some_and(|it| it.bytes() == b"\"assistant\""),
            ),
            ("model", model, get("model").is_none_or(|it| is_text(&it))),
            // What it holds already would be told twice, or stand at a place that is counted anew.
            (
                "content",
                b"[]".to_vec(),
                get("content").is_some_and(|it| it.kind() == Kind::Array && !it.is_truthy()),
            ),
            (
                "stop_reason",
                b"null".to_vec(),
                get("stop_reason").is_none_or(|it| it.is_null()),
            ),
            (
                "stop_sequence",
                b"null".to_vec(),
                get("stop_sequence").is_none_or(|it| it.is_null()),
            ),
            (
                "usage",
                b"{\"input_tokens\":0,\"output_tokens\":0}".to_vec(),
                get("usage").is_some_and(has_both),
            ),
        ];
        for (key, value) in message.iter().flat_map(|message| &message.all) {
            if !wanted.iter().any(|(name, _, good)| name == key && !good) {
                out.keep(key, *value);
            }
        }
        for (key, value, _) in wanted.iter().filter(|(_, _, good)| !good) {
            match (*key, get("usage").filter(|it| it.kind() == Kind::Object)) {
                ("usage", Some(usage)) => {
                    let usage = counted(usage, &["input_tokens", "output_tokens"]);
                    out.set(key, None, &usage);
                }
                _ => out.set(key, None, value),
            }
        }
        let (message, changed) = out.end();
        let mut whole = Object::new(changed || event.repeated);
        whole.set("type", event.get("type"), b"\"message_start\"");
        for (key, value) in event
            .all
            .iter()
            .filter(|(key, _)| key != "type" && key != "message")
        {
            whole.keep(key, *value);
        }
        whole.key("message");
        match given.filter(|_| !changed) {
            Some(given) => whole.bytes.extend_from_slice(given.bytes()),
            None => whole.bytes.extend_from_slice(&message),
        }
        Some(whole.end())
    }

    fn block(&mut self, event: &Members<'_>, out: &mut Vec<u8>) -> Option<(Vec<u8>, bool)> {
        let block = event.object("content_block")?;
        let inside = Members::of(block);
        let kind = inside.text("type")?;
        let index = event.number("index").unwrap_or(self.blocks.len() as u64);
        if let Some(at) = self
            .blocks
            .iter()
            .rposition(|it| it.index == index && it.open)
        {
            out.extend(self.stop_at(at));
        }
        let number = self.blocks.len();
        let id = format!("toolu_{}{number:02x}", self.identity.name);
        let needed: &[(&str, Vec<u8>, Kind)] = &match &*kind {
            "text" => vec![("text", b"\"\"".to_vec(), Kind::String)],
            "thinking" => vec![
                ("thinking", b"\"\"".to_vec(), Kind::String),
                ("signature", b"\"\"".to_vec(), Kind::String),
            ],
            "tool_use" => vec![
                ("id", quoted(&id), Kind::String),
                ("name", b"\"\"".to_vec(), Kind::String),
                ("input", b"{}".to_vec(), Kind::Object),
            ],
            _ => vec![],
        };
        let mut content = Object::new(inside.repeated);
        let is_good = |name: &str, kind: Kind| {
            let value = inside.get(name).filter(|it| it.kind() == kind);
            value.is_some_and(|it| name != "id" || it.is_truthy())
        };
        for (key, value) in &inside.all {
            match needed.iter().find(|(name, _, _)| name == key) {
                Some((name, _, kind)) if !is_good(name, *kind) => {}
                _ => content.keep(key, *value),
            }
        }
        for (name, value, kind) in needed {
            if !is_good(name, *kind) {
                content.set(name, None, value);
            }
        }
        let (content, changed) = content.end();
        self.blocks.push(Block {
            index,
            kind: kind.into_owned(),
            open: true,
            input: Document::default(),
        });
        let content = if changed { &content } else { block.bytes() };
        Some(numbered(event, number, Some(("content_block", content))))
    }

    fn delta(
        &mut self,
        event: &Members<'_>,
        out: &mut Vec<u8>,
    ) -> Result<Option<(Vec<u8>, bool)>, ()> {
        let Some(delta) = event.object("delta") else {
            return Ok(None);
        };
        let inside = Members::of(delta);
        let said = inside.text("type").unwrap_or_default();
        let kind = match &*said {
            "text_delta" | "citations_delta" => "text",
            "thinking_delta" | "signature_delta" => "thinking",
            "input_json_delta" => "tool",
            // A kind of delta that is newer than this.
            _ => "",
        };
        let text = match &*said {
            "text_delta" => "text",
            "thinking_delta" => "thinking",
            "signature_delta" => "signature",
            "input_json_delta" => "partial_json",
            _ => "",
        };
        if !text.is_empty() && inside.get(text).is_none_or(|it| it.kind() != Kind::String) {
            return Ok(None);
        }
        let index = event
            .number("index")
            .or(self.blocks.last().map(|block| block.index));
        let takes = |block: &Block| match kind {
            "" => true,
            "tool" => !matches!(&*block.kind, "text" | "thinking"),
            kind => block.kind == kind,
        };
        let found = index.and_then(|index| self.blocks.iter().rposition(|it| it.index == index));
        let found = found.filter(|at| self.blocks[*at].open && takes(&self.blocks[*at]));
        let at = match found {
            Some(at) => at,
            None if kind == "text" || kind == "thinking" => {
                if let Some(open) = self
                    .blocks
                    .iter()
                    .rposition(|it| Some(it.index) == index && it.open)
                {
                    out.extend(self.stop_at(open));
                }
                let block: &[u8] = match kind {
                    "text" => br#"{"type":"text","text":""}"#,
                    _ => br#"{"type":"thinking","thinking":"","signature":""}"#,
                };
                let at = self.blocks.len();
                let head =
                    format!("{{\"type\":\"content_block_start\",\"index\":{at},\"content_block\":");
                out.extend(named(
                    "content_block_start",
                    &[head.as_bytes(), block, b"}"].concat(),
                ));
                self.blocks.push(Block {
                    index: index.unwrap_or(at as u64),
                    kind: kind.to_owned(),
                    open: true,
                    input: Document::default(),
                });
                at
            }
            // Of what it is a part nobody said.
            None if kind == "tool" => return Err(()),
            None => return Ok(None),
        };
        if kind == "tool" {
            let input = &mut self.blocks[at].input;
            let piece = inside
                .get(text)
                .and_then(|it| it.as_str())
                .unwrap_or_default();
            input.feed(piece.as_bytes());
            if input.is_broken() {
                // Clients parse it as it arrives.
                return Err(());
            }
        }
        Ok(Some(numbered(event, at, None)))
    }

    fn stop(&mut self, event: &Members<'_>) -> Option<(Vec<u8>, bool)> {
        let index = event
            .number("index")
            .or(self.blocks.last().map(|block| block.index))?;
        let at = self
            .blocks
            .iter()
            .rposition(|it| it.index == index && it.open)?;
        self.blocks[at].open = false;
        Some(numbered(event, at, None))
    }

    fn stop_at(&mut self, at: usize) -> Vec<u8> {
        self.blocks[at].open = false;
        let data = format!("{{\"type\":\"content_block_stop\",\"index\":{at}}}");
        named("content_block_stop", data.as_bytes())
    }

    fn close_blocks(&mut self) -> Vec<u8> {
        let open: Vec<_> = (0..self.blocks.len())
            .filter(|at| self.blocks[*at].open)
            .collect();
        open.into_iter().flat_map(|at| self.stop_at(at)).collect()
    }

    fn is_cut(&self) -> bool {
        let mut calls = self.blocks.iter().filter(|block| block.kind == "tool_use");
        calls.any(|block| !block.input.is_empty() && !block.input.is_whole())
    }

    fn reason(&mut self, event: &Members<'_>, out: &mut Vec<u8>) -> Option<(Vec<u8>, bool)> {
        let delta = event.object("delta").map(Members::of);
        let given = delta.as_ref().and_then(|delta| delta.get("stop_reason"));
        let said = given.and_then(|it| it.as_str()).filter(|it| !it.is_empty());
        let reason = said.map(|said| match &*said {
            "tool_use" | "end_turn" | "stop_sequence" if self.is_cut() => "max_tokens",
            said => *STOP_REASONS
                .iter()
                .find(|it| **it == said)
                .unwrap_or(&"end_turn"),
        });
        if reason.is_some() {
            out.extend(self.close_blocks());
            self.reasoned = true;
        }
        let mut inner = Object::new(delta.as_ref().is_none_or(|delta| delta.repeated));
        let reason = reason.map_or(b"null".to_vec(), quoted);
        for (key, value) in delta.iter().flat_map(|delta| &delta.all) {
            match &**key {
                "stop_reason" => inner.set(key, Some(*value), &reason),
                _ => inner.keep(key, *value),
            }
        }
        if given.is_none() {
            inner.set("stop_reason", None, &reason);
        }
        let (inner, changed) = inner.end();
        let usage = event.object("usage");
        let good = usage.is_some_and(|usage| Members::of(usage).number("output_tokens").is_some());
        let mut whole = Object::new(changed || event.repeated || !good);
        for (key, value) in &event.all {
            match &**key {
                "delta" => {
                    whole.key(key);
                    whole.bytes.extend_from_slice(&inner);
                }
                "usage" if !good => {}
                _ => whole.keep(key, *value),
            }
        }
        if event.get("delta").is_none() {
            whole.set("delta", None, &inner);
        }
        if !good {
            let usage = usage.map_or(b"{\"output_tokens\":0}".to_vec(), |it| {
                counted(it, &["output_tokens"])
            });
            whole.set("usage", None, &usage);
        }
        Some(whole.end())
    }

    fn made_reason(&mut self) -> Vec<u8> {
        self.reasoned = true;
        let called = self.blocks.iter().any(|block| block.kind == "tool_use");
        let reason = match (self.is_cut(), called) {
            (true, _) => "max_tokens",
            (false, true) => "tool_use",
            (false, false) => "end_turn",
        };
        let data = format!(
            "{{\"type\":\"message_delta\",\"delta\":{{\"stop_reason\":\"{reason}\",\"stop_sequence\":null}},\
             \"usage\":{{\"output_tokens\":0}}}}"
        );
        named("message_delta", data.as_bytes())
    }

    /// The end that is missing, once the reason for it was told.
    pub(super) fn close(&mut self) -> Vec<u8> {
        if self.stopped || !self.reasoned {
            return Vec::new();
        }
        self.stopped = true;
        let mut out = self.close_blocks();
        out.extend(named("message_stop", b"{\"type\":\"message_stop\"}"));
        out
    }
}

fn delta_of(kind: &str) -> &'static [u8] {
    match kind {
        "text" => b"\"text_delta\"",
        "thinking" => b"\"thinking_delta\"",
        _ => b"",
    }
}

/// Whether a text can stand behind `event:`.
fn is_name(kind: &str) -> bool {
    kind.len() < 100 && kind.bytes().all(|byte| byte.is_ascii_graphic())
}

fn has_both(usage: Raw<'_>) -> bool {
    let usage = Members::of(usage);
    usage.number("input_tokens").is_some() && usage.number("output_tokens").is_some()
}

/// A usage that tells these counts, too.
fn counted(usage: Raw<'_>, needed: &[&str]) -> Vec<u8> {
    let usage = Members::of(usage);
    let mut out = Object::new(true);
    for (key, value) in &usage.all {
        if !needed.contains(&&**key) || usage.number(key).is_some() {
            out.keep(key, *value);
        }
    }
    for key in needed.iter().filter(|key| usage.number(key).is_none()) {
        out.set(key, None, b"0");
    }
    out.end().0
}

/// An event with its block's number, and perhaps another member in place of its own.
fn numbered(event: &Members<'_>, number: usize, other: Option<(&str, &[u8])>) -> (Vec<u8>, bool) {
    let number = number.to_string();
    let mut out = Object::new(event.repeated);
    for (key, value) in &event.all {
        match (&**key, other) {
            ("index", _) => out.set(key, Some(*value), number.as_bytes()),
            (key, Some((name, value_instead))) if key == name => {
                out.set(key, Some(*value), value_instead);
            }
            (key, _) => out.keep(key, *value),
        }
    }
    if event.get("index").is_none() {
        out.set("index", None, number.as_bytes());
    }
    out.end()
}

/// An error under the name and with the members on which the SDKs raise.
pub(super) fn error(given: &Given<'_>) -> Said {
    let top = Members::of(given.data);
    let error = top.get("error").filter(|it| it.is_truthy());
    let inner = error
        .filter(|it| it.kind() == Kind::Object)
        .map(Members::of);
    let message = match (&inner, error) {
        (Some(inner), _) => inner.get("message"),
        (None, Some(error)) => Some(error),
        (None, None) if given.data.kind() != Kind::Object => Some(given.data),
        (None, None) => top.get("message"),
    };
    let kind = inner.as_ref().and_then(|inner| inner.text("type"));
    let known = kind.as_deref().filter(|kind| ERRORS.contains(kind));
    let message = message.filter(|it| it.kind() == Kind::String);
    let canonical = given.framed
        && given.name == Some(b"error")
        && top.text("type").as_deref() == Some("error")
        && !top.repeated
        && known.is_some()
        && inner.is_some()
        && message.is_some();
    if canonical {
        return Said::Same;
    }
    let mut out = Object::new(true);
    out.set("type", None, &quoted(known.unwrap_or("api_error")));
    let fallback: &[u8] = b"\"The upstream reported an error.\"";
    out.set("message", None, message.map_or(fallback, |it| it.bytes()));
    let data = [b"{\"type\":\"error\",\"error\":", &out.end().0[..], b"}"].concat();
    Said::Events(named("error", &data))
}
