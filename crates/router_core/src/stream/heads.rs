//! What names a tool call (`id`, `type`, `function.name`), once per call.
//!
//! Accumulators concatenate the texts of all fragments of a call: a head that comes with each of them
//! ends as `call_1call_1`. The first one stays, a later one that says the same is cut out of the
//! fragment. One that says something else is not touched: another id is another call (some backends
//! give all of them one index), another name may be the rest of the first.

use std::borrow::Cow;

use super::repair::MAX_TOOLS;
use crate::types::json::{Kind, Scanner, Span, Value, MAX_DEPTH};

/// Longer texts are left alone, so that what is remembered stays small.
const MAX_TEXT: usize = 1024;

/// What was sent of one call.
#[derive(Default)]
struct Head {
    choice: u64,
    index: u64,
    id: String,
    kind: String,
    name: String,
}

/// The heads of all calls of one answer.
#[derive(Default)]
pub(super) struct Heads {
    known: Vec<Head>,
}

/// What is to be cut out of one fragment.
#[derive(Default)]
pub(super) struct Cuts {
    /// Offsets in the data that the fragment is part of, in order.
    pub(super) spans: Vec<Span>,
    /// No member of the fragment remains.
    pub(super) empty: bool,
}

impl Heads {
    /// What the object `fragment`, a part of `data`, repeats of its call.
    pub(super) fn repeated(
        &mut self,
        choice: u64,
        index: u64,
        data: &[u8],
        fragment: Value,
    ) -> Cuts {
        let Some(head) = self.head(choice, index) else {
            return Cuts::default();
        };
        let top = members(data, fragment);
        let id = top.iter().rfind(|member| member.key == "id");
        let id = id.and_then(|id| id.value.raw(data).as_str());
        if id.is_some_and(|id| !id.is_empty() && id != head.id) {
            *head = Head {
                choice,
                index,
                ..Head::default()
            };
        }
        let mut cuts = without(&top, |member| match &*member.key {
            "id" => repeats(&mut head.id, data, member.value),
            "type" => repeats(&mut head.kind, data, member.value),
            _ => false,
        });
        for member in top.iter().filter(|member| member.key == "function") {
            let inside = members(data, member.value);
            let names = without(&inside, |member| {
                member.key == "name" && repeats(&mut head.name, data, member.value)
            });
            cuts.spans.extend(names.spans);
        }
        cuts
    }

    fn head(&mut self, choice: u64, index: u64) -> Option<&mut Head> {
        let same = |head: &Head| head.choice == choice && head.index == index;
        let known = self.known.iter().position(same);
        if known.is_none() && self.known.len() < MAX_TOOLS {
            self.known.push(Head {
                choice,
                index,
                ..Head::default()
            });
        }
        match known {
            Some(at) => self.known.get_mut(at),
            None => self.known.last_mut().filter(|head| same(head)),
        }
    }
}

/// Whether this text was sent before. A text that was not is added to what was.
fn repeats(sent: &mut String, data: &[u8], value: Value) -> bool {
    let text = value.raw(data).as_str().unwrap_or_default();
    if !text.is_empty() && *text == **sent {
        return true;
    }
    if sent.len() + text.len() <= MAX_TEXT {
        sent.push_str(&text);
    }
    false
}

struct Member<'a> {
    key: Cow<'a, str>,
    /// From the quote of its key to the end of its value.
    span: Span,
    value: Value,
}

/// The members of an object that was accepted; none when the value is no object.
fn members(data: &[u8], object: Value) -> Vec<Member<'_>> {
    let mut found = Vec::new();
    let base = object.span.start;
    let bytes = object.span.of(data);
    let mut scanner = Scanner::new(bytes, MAX_DEPTH);
    if object.kind != Kind::Object || scanner.enter().is_err() {
        return found;
    }
    while let Ok(Some(key)) = scanner.next_key(found.is_empty()) {
        let Ok(value) = scanner.skip() else { break };
        found.push(Member {
            key: key.decode(bytes),
            span: Span {
                start: base + key.span.start - 1,
                end: base + value.span.end,
            },
            value: Value {
                span: value.span.moved(base),
                ..value
            },
        });
    }
    found
}

/// Spans whose removal leaves an object without the members that `goes` names: each takes the
/// separator before it along, those that nothing precedes the one behind.
fn without(members: &[Member<'_>], mut goes: impl FnMut(&Member<'_>) -> bool) -> Cuts {
    let mut cuts = Cuts::default();
    let mut stays = false;
    for (at, member) in members.iter().enumerate() {
        if !goes(member) {
            stays = true;
        } else if stays {
            cuts.spans.push(Span {
                start: members[at - 1].span.end,
                end: member.span.end,
            });
        } else {
            let next = members.get(at + 1);
            cuts.spans.push(Span {
                start: member.span.start,
                end: next.map_or(member.span.end, |next| next.span.start),
            });
        }
    }
    cuts.empty = !stays;
    cuts
}
