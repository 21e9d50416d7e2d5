//! The repair table of a backend, applied to one event at a time.
//!
//! Each known fault of a backend is one flag; with no flag set nothing is ever changed. A repair
//! patches bytes inside the event's data and leaves the rest of the event alone.

use super::facts::{bit, FinishReasons};
use super::heads::{Cuts, Heads};
use crate::types::json::{write_string, Kind, Raw, Scanner, Span, Value, MAX_DEPTH};

/// Which faults of a backend are mended. A set of flags; numbers are part of the Python interface.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Repairs(u32);

impl Repairs {
    /// Nothing is changed.
    pub const NONE: Self = Self(0);
    /// `delta.role` only once per choice: accumulators concatenate it.
    pub const REPEATED_ROLE: Self = Self(1);
    /// Tool call fragments get the `index` that they lack, counted by their ids.
    pub const MISSING_TOOL_INDEX: Self = Self(1 << 1);
    /// `data: [DONE]` is added at the end of a stream whose choices are all finished.
    pub const MISSING_DONE: Self = Self(1 << 2);
    /// Errors that are text or lie flat in the event become `{"error":{…}}`.
    pub const FLAT_ERROR: Self = Self(1 << 3);
    /// `"delta":null` becomes `"delta":{}`.
    pub const NULL_DELTA: Self = Self(1 << 4);
    /// A numeric `error.code` becomes text.
    pub const INTEGER_ERROR_CODE: Self = Self(1 << 5);
    /// Finish reasons outside the protocol become the one that they mean, `stop` when unknown.
    pub const FINISH_REASON_MAP: Self = Self(1 << 6);
    /// Events without any choice, usage or error are dropped: clients read `choices[0]`.
    pub const EMPTY_CHOICES_KEEPALIVE: Self = Self(1 << 7);
    /// The event with usage and no choice comes last before `[DONE]`: accumulators keep the last
    /// value, and a chunk that follows has none.
    pub const LATE_USAGE: Self = Self(1 << 8);
    /// A tool call's `id`, `type` and name only once: accumulators concatenate them.
    pub const REPEATED_TOOL_HEAD: Self = Self(1 << 9);

    /// All flags with the names used in configuration and catalogues.
    pub const ALL: [(&'static str, Self); 10] = [
        ("repeated_role", Self::REPEATED_ROLE),
        ("missing_tool_index", Self::MISSING_TOOL_INDEX),
        ("missing_done", Self::MISSING_DONE),
        ("flat_error", Self::FLAT_ERROR),
        ("null_delta", Self::NULL_DELTA),
        ("integer_error_code", Self::INTEGER_ERROR_CODE),
        ("finish_reason_map", Self::FINISH_REASON_MAP),
        ("empty_choices_keepalive", Self::EMPTY_CHOICES_KEEPALIVE),
        ("late_usage", Self::LATE_USAGE),
        ("repeated_tool_head", Self::REPEATED_TOOL_HEAD),
    ];

    /// Those that make sense for an answer in one piece.
    pub(super) const WHOLE: Self =
        Self(Self::FLAT_ERROR.0 | Self::INTEGER_ERROR_CODE.0 | Self::FINISH_REASON_MAP.0);

    /// The flags in `bits`; `None` when a bit means nothing.
    pub fn from_bits(bits: u32) -> Option<Self> {
        (bits < 1 << Self::ALL.len()).then_some(Self(bits))
    }

    /// The flags as a number.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Whether all flags of `other` are set.
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// The flags set in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// The flags set in either.
    #[must_use]
    pub fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}

/// Finish reasons of other protocols that do not mean `stop`.
const FINISH_REASONS: &[(&str, &[u8])] = &[
    ("max_tokens", b"\"length\""),
    ("MAX_TOKENS", b"\"length\""),
    ("model_length", b"\"length\""),
    ("tool_use", b"\"tool_calls\""),
    ("safety", b"\"content_filter\""),
    ("SAFETY", b"\"content_filter\""),
];

/// How many tool calls of one answer are told apart. Of those without an index more share the last
/// one, heads of more are left alone; that bounds the work per fragment whatever an upstream sends.
pub(super) const MAX_TOOLS: usize = 256;

/// What one delta holds that a repair may touch. Spans are offsets in the event's data.
#[derive(Debug, Default)]
pub(super) struct Delta {
    /// The role member with the separator that goes when it goes.
    pub(super) role: Option<Span>,
    pub(super) tools: Option<Value>,
}

struct Tool {
    choice: u64,
    id: String,
}

#[derive(Debug)]
struct Patch {
    span: Span,
    with: Vec<u8>,
}

/// Collects the patches of one event and remembers what repairs need from event to event.
pub(super) struct Mender {
    repairs: Repairs,
    /// Choices whose role was sent.
    roles: u128,
    /// Tool calls that came without an index, in order of appearance.
    tools: Vec<Tool>,
    heads: Heads,
    patches: Vec<Patch>,
}

impl Mender {
    pub(super) fn new(repairs: Repairs) -> Self {
        Self {
            repairs,
            roles: 0,
            tools: Vec::new(),
            heads: Heads::default(),
            patches: Vec::new(),
        }
    }

    pub(super) fn does(&self, repair: Repairs) -> bool {
        self.repairs.contains(repair)
    }

    /// Forgets the patches of the event before.
    pub(super) fn begin(&mut self) {
        self.patches.clear();
    }

    fn patch(&mut self, span: Span, with: &[u8]) {
        self.patches.push(Patch {
            span,
            with: with.to_vec(),
        });
    }

    /// A choice's delta, its index now known.
    pub(super) fn delta(&mut self, data: &[u8], choice: u64, delta: &Delta) {
        if let Some(role) = delta.role {
            if self.roles & bit(choice) != 0 && self.does(Repairs::REPEATED_ROLE) {
                self.patch(role, b"");
            }
            self.roles |= bit(choice);
        }
        if let Some(tools) = delta.tools {
            if self.does(Repairs::MISSING_TOOL_INDEX) || self.does(Repairs::REPEATED_TOOL_HEAD) {
                self.tool_calls(data, choice, tools);
            }
        }
    }

    pub(super) fn null_delta(&mut self, span: Span) {
        if self.does(Repairs::NULL_DELTA) {
            self.patch(span, b"{}");
        }
    }

    pub(super) fn finish_reason(&mut self, span: Span, text: &str) {
        let known = FinishReasons::named(text);
        let standard = known != FinishReasons::OTHER && known != FinishReasons::ERROR;
        if !standard && self.does(Repairs::FINISH_REASON_MAP) {
            let mapped = FINISH_REASONS.iter().find(|(name, _)| *name == text);
            self.patch(span, mapped.map_or(b"\"stop\"", |(_, literal)| literal));
        }
    }

    pub(super) fn error_code(&mut self, data: &[u8], span: Span) {
        if self.does(Repairs::INTEGER_ERROR_CODE) {
            let text = [b"\"", span.of(data), b"\""].concat();
            self.patch(span, &text);
        }
    }

    /// Mends the fragments of tool calls.
    fn tool_calls(&mut self, data: &[u8], choice: u64, tools: Value) {
        let base = tools.span.start;
        let array = tools.span.of(data);
        let mut scanner = Scanner::new(array, MAX_DEPTH);
        if tools.kind != Kind::Array || scanner.enter().is_err() {
            return;
        }
        let mut first = true;
        while let Ok(true) = scanner.next_item(std::mem::take(&mut first)) {
            let Ok(item) = scanner.skip() else { return };
            if item.kind == Kind::Object {
                let span = item.span.moved(base);
                self.tool_call(data, choice, Value { span, ..item });
            }
        }
    }

    /// Gives a fragment without an index one: a new id starts the next call, a fragment without an
    /// id continues the last one. Cuts out what it repeats of its call.
    fn tool_call(&mut self, data: &[u8], choice: u64, item: Value) {
        let fragment = item.raw(data);
        let index = fragment.get("index");
        let is_missing = index.is_none_or(|index| index.is_null());
        let mends = is_missing && self.does(Repairs::MISSING_TOOL_INDEX);
        let number = if mends {
            Some(self.tool_number(choice, fragment.get("id")) as u64)
        } else {
            index.filter(|_| !is_missing).and_then(|it| it.as_u64())
        };
        // Without an index nobody can tell what it continues.
        let Some(number) = number else { return };
        let cuts = if self.does(Repairs::REPEATED_TOOL_HEAD) {
            self.heads.repeated(choice, number, data, item)
        } else {
            Cuts::default()
        };
        let start = item.span.start;
        if mends && index.is_some() {
            if let Some(span) = null_index(fragment.bytes()) {
                self.patch(span.moved(start), number.to_string().as_bytes());
            }
        } else if mends {
            let alone = cuts.empty || !fragment.is_truthy();
            let comma = if alone { "" } else { "," };
            let member = format!("\"index\":{number}{comma}");
            let (start, end) = (start + 1, start + 1);
            self.patch(Span { start, end }, member.as_bytes());
        }
        for span in cuts.spans {
            self.patch(span, b"");
        }
    }

    fn tool_number(&mut self, choice: u64, id: Option<Raw<'_>>) -> usize {
        let of_choice = |tool: &&Tool| tool.choice == choice;
        let count = self.tools.iter().filter(of_choice).count();
        let id = id.and_then(|id| id.as_str()).unwrap_or_default();
        if id.is_empty() && count > 0 {
            return count - 1;
        }
        match self
            .tools
            .iter()
            .filter(of_choice)
            .position(|tool| !id.is_empty() && tool.id == id)
        {
            Some(known) => known,
            None if self.tools.len() >= MAX_TOOLS => count.saturating_sub(1),
            None => {
                self.tools.push(Tool {
                    choice,
                    id: id.into_owned(),
                });
                count
            }
        }
    }

    /// The data with all patches, when there are any.
    pub(super) fn mended(&mut self, data: &[u8]) -> Option<Vec<u8>> {
        if self.patches.is_empty() {
            return None;
        }
        self.patches.sort_by_key(|patch| patch.span.start);
        let growth: usize = self.patches.iter().map(|patch| patch.with.len()).sum();
        let mut out = Vec::with_capacity(data.len() + growth);
        let mut from = 0;
        for patch in self.patches.drain(..) {
            out.extend_from_slice(&data[from..patch.span.start]);
            out.extend_from_slice(&patch.with);
            from = patch.span.end;
        }
        out.extend_from_slice(&data[from..]);
        Some(out)
    }
}

/// The span of the null value of a fragment's last `index` member.
fn null_index(fragment: &[u8]) -> Option<Span> {
    let mut scanner = Scanner::new(fragment, MAX_DEPTH);
    scanner.enter().ok()?;
    let mut found = None;
    let mut first = true;
    while let Ok(Some(key)) = scanner.next_key(std::mem::take(&mut first)) {
        let value = scanner.skip().ok()?;
        if key.is(fragment, "index") {
            found = Some(value.span);
        }
    }
    found
}

/// Writes `{"error":{message,type,param,code}}` from the members at hand; a number becomes text,
/// anything missing null (the message and the type fall back to something that can be shown).
pub(super) fn write_error(
    message: Option<Raw<'_>>,
    kind: Option<Raw<'_>>,
    param: Option<Raw<'_>>,
    code: Option<Raw<'_>>,
) -> Vec<u8> {
    let mut out = Vec::with_capacity(256);
    out.extend_from_slice(b"{\"error\":{\"message\":");
    write_text(&mut out, message, b"\"The upstream reported an error.\"");
    out.extend_from_slice(b",\"type\":");
    write_text(&mut out, kind, b"\"server_error\"");
    out.extend_from_slice(b",\"param\":");
    write_text(&mut out, param, b"null");
    out.extend_from_slice(b",\"code\":");
    write_text(&mut out, code, b"null");
    out.extend_from_slice(b"}}");
    out
}

fn write_text(out: &mut Vec<u8>, value: Option<Raw<'_>>, fallback: &[u8]) {
    match value {
        Some(value) if value.kind() == Kind::String => out.extend_from_slice(value.bytes()),
        Some(value) if !value.is_null() => {
            write_string(out, &String::from_utf8_lossy(value.bytes()));
        }
        _ => out.extend_from_slice(fallback),
    }
}
