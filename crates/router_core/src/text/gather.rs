//! The gathering itself: strings of a body in, [`Text`] out.

use std::mem;

use super::names::{
    class_of, class_of_folded, is_media, is_protocol, is_sealed, is_structure, reference,
    without_seal, Block, Class, Folded, Reference,
};
use super::nested::{self, Top};
use super::{Kind, LocalReference, Mark, Role, Text};
use crate::json::{Span, Text as Literal, MAX_DEPTH};

/// A number with fewer digits is nobody's account.
const LONG_NUMBER: usize = 7;
/// Numbers in a row from which on they may be one number that was cut: `[4111, 1111, 1111, 1111]`.
const ROW: u32 = 4;
/// Numbers in a row from which on they may be text in another spelling, whatever the name says.
const MANY: u32 = 32;
/// Media up to this length are looked through all the same: base64 may hold text. What is longer
/// cannot be judged anyway, bytes.
const READABLE_MEDIA: usize = 256 * 1024;
/// The members of a message (or of an item of `input`) stand inside the body, the array and the message.
const MESSAGE_DEPTH: u32 = 3;

/// Which top-level member of the body a string belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// `messages`
    Messages,
    /// `prompt` or `input`
    Prompt,
    /// `tools` or `functions`
    Tools,
    /// Our own member, which is not forwarded.
    Owned,
    /// Any other.
    Other,
}

/// What is done with a value.
struct Place {
    to: To,
    /// It cannot be read here.
    opaque: bool,
    /// Content under a name that nobody knows.
    stray: bool,
    /// Who the message is from, if this says so.
    role: Option<Role>,
    /// Where media are, if this says so.
    media: Option<Reference>,
}

enum To {
    /// Among the content.
    Content(Kind),
    /// Behind it.
    Aside,
    Nowhere,
}

/// What is known of an object so far.
#[derive(Clone, Copy, Default)]
struct Open {
    /// What its `type` said.
    block: Block,
    /// The block in which a value under its latest name is a seal.
    sealed: Block,
    /// The block that would make a seal of a value which was counted as unread.
    waiting: Block,
}

/// Receives the strings of one body in their order. Call [`Self::finish`] when the body is
/// accepted; a text that was not finished is empty of what is not content.
pub struct Gatherer<'a> {
    body: &'a [u8],
    text: &'a mut Text,
    /// Behind the closing quote of the last string.
    after: usize,
    part: Part,
    /// Open keys: depth and what the name says. Its length is bounded by the depth of a body.
    open: Vec<(u32, Class)>,
    message: u32,
    /// Of the object that is open at each depth.
    blocks: [Open; MAX_DEPTH as usize + 1],
    /// How many messages stand in the members before.
    before: u32,
    /// The top-level member that is open.
    top: Top,
}

impl<'a> Gatherer<'a> {
    /// Clears `text` and starts to fill it from `body`.
    pub fn new(body: &'a [u8], text: &'a mut Text) -> Self {
        text.clear();
        text.bytes.reserve(body.len());
        Self {
            body,
            text,
            after: 0,
            part: Part::Other,
            open: Vec::with_capacity(MAX_DEPTH as usize + 1),
            message: Mark::NO_MESSAGE,
            blocks: [Open::default(); MAX_DEPTH as usize + 1],
            before: 0,
            top: Top::Other,
        }
    }

    /// One string value or key; `span` lies between the quotes, `depth` counts the containers
    /// around it (1 for names and values of the body's own object).
    pub fn string(&mut self, part: Part, depth: u32, key: bool, span: Span, escaped: bool) {
        let opening = span.start.saturating_sub(1);
        self.gap(opening);
        self.after = span.end + 1;
        self.part = part;
        let literal = Literal { span, escaped };
        if key {
            self.key(literal, depth);
        } else {
            self.value(literal, depth);
        }
    }

    /// Ends the gathering: what stands behind the last string, then what is not content.
    pub fn finish(mut self) {
        self.gap(self.body.len());
        self.text.seal();
    }

    fn key(&mut self, literal: Literal, depth: u32) {
        while self.open.last().is_some_and(|(open, _)| *open >= depth) {
            self.open.pop();
        }
        let first = self.before(literal.span.start - 1) == Some(b'{');
        if first {
            self.blocks[depth as usize] = Open::default();
        }
        let mut scratch = mem::take(&mut self.text.scratch);
        scratch.clear();
        let name = if literal.escaped {
            literal.decode_onto(self.body, &mut scratch);
            &scratch
        } else {
            literal.span.of(self.body)
        };
        if depth == 1 {
            self.top = Top::named(name);
        } else if self.top != Top::Other {
            let behind = &self.body[literal.span.end + 1..];
            self.text.nested |= nested::of_key(name, self.top, depth, behind);
        }
        let mut folded = Folded::default();
        let (known, class) = match class_of(name) {
            Class::Text => class_of_folded(name, &mut folded).unwrap_or((name, Class::Text)),
            class => (name, class),
        };
        let class = match class {
            // `image_url: {url: …}`: what is under a reference refers.
            Class::Text | Class::NotContent
                if known == b"url"
                    && self
                        .open
                        .last()
                        .is_some_and(|(_, it)| matches!(it, Class::Remote | Class::Source)) =>
            {
                Class::Remote
            }
            Class::Identifier if known == b"id" && self.holds_stored(depth) => Class::Stored,
            Class::Identifier if known != name => Class::Text,
            Class::Stored if known != b"file_id" && !self.is_provided(known, depth) => Class::Text,
            Class::Blob
                if name == b"data" && self.blocks[depth as usize].block == Block::Redacted =>
            {
                Class::Sealed
            }
            Class::System if depth != 1 => Class::Text,
            Class::Content if depth != 1 && name == b"input" => Class::Input,
            Class::Sealed => self.seal(name, depth),
            Class::NotContent if depth == 1 && name == b"model" => Class::Replaced,
            // Elsewhere these are names like any other: of a property of a tool, of a label.
            Class::Remote | Class::Source
                if !matches!(self.part, Part::Messages | Part::Prompt)
                    && known != b"image_url"
                    && !(depth == 1 && known == b"images") =>
            {
                Class::Text
            }
            class => class,
        };
        self.open.push((depth, class));
        self.blocks[depth as usize].sealed = match class {
            Class::Unclaimed | Class::Blob => Block::for_seal(name),
            _ => Block::Plain,
        };
        if depth == 1 {
            self.before = self.text.roles.len() as u32;
        }
        if !matches!(self.part, Part::Messages | Part::Prompt) || depth == 1 {
            self.message = Mark::NO_MESSAGE;
        } else if depth == MESSAGE_DEPTH && first {
            self.text.roles.push(Role::Unknown);
            self.message = (self.text.roles.len() - 1) as u32;
        }
        if self.part != Part::Owned && !is_structure(name) {
            self.text.push(name, Kind::Key, self.message);
        }
        self.text.scratch = scratch;
    }

    fn value(&mut self, literal: Literal, depth: u32) {
        let named = self.before(literal.span.start - 1) == Some(b':');
        while self
            .open
            .last()
            .is_some_and(|(open, _)| *open > depth || (!named && *open == depth))
        {
            self.open.pop();
        }
        let class = self.open.last().map_or(Class::Text, |(_, class)| *class);
        if self.part == Part::Owned || class == Class::Replaced {
            return;
        }
        if !literal.escaped {
            let mut value = literal.span.of(self.body);
            match class {
                Class::Identifier => value = without_seal(value),
                Class::Item => self.said(Block::of(value), depth),
                _ => {}
            }
            self.text.nested |= self.nested(value, class, depth);
            let place = self.place(value, class, depth);
            self.count(&place);
            if place.opaque {
                self.wait(depth);
            }
            match place.to {
                To::Content(kind) => self.text.push(value, kind, self.message),
                To::Aside => self.text.push_aside(value, Kind::Other, self.message),
                To::Nowhere => {}
            }
            return;
        }
        // Most of what has escapes is content: it is decoded where content goes, and once.
        let (before, start) = self.text.open();
        literal.decode_onto(self.body, &mut self.text.bytes);
        self.text.nested |= self.nested(&self.text.bytes[start..], class, depth);
        let place = self.place(&self.text.bytes[start..], class, depth);
        self.count(&place);
        if place.opaque {
            self.wait(depth);
        }
        match place.to {
            To::Content(kind) => self.text.close(start, kind, self.message),
            To::Aside => {
                let value = self.text.bytes.split_off(start);
                self.text.push_aside(&value, Kind::Other, self.message);
                self.text.bytes.truncate(before);
            }
            To::Nowhere => self.text.bytes.truncate(before),
        }
    }

    /// Whether the `id` at `depth` names what a provider stores: a prompt, a container, a sound.
    fn holds_stored(&self, depth: u32) -> bool {
        match self.open.last() {
            Some((1, Class::Content)) => depth == 2,
            Some((at, Class::Stored)) => *at + 1 == depth,
            Some((at, Class::Holder)) => {
                *at + 1 == depth && self.part == Part::Messages && !self.is_called()
            }
            _ => false,
        }
    }

    /// Whether a name of things that a provider stores can mean them here. Elsewhere it is a name like any
    /// other, and what a tool is called with is for the tool alone.
    fn is_provided(&self, name: &[u8], depth: u32) -> bool {
        let said = matches!(self.part, Part::Messages | Part::Prompt) && !self.is_called();
        depth == 1 || self.part == Part::Tools || (said && name != b"container")
    }

    /// Whether what stands here is what a tool is called with.
    fn is_called(&self) -> bool {
        let called = |(_, class): &(u32, Class)| matches!(class, Class::Arguments | Class::Input);
        self.open.iter().any(called)
    }

    /// Whether a name for a seal stands where makers put it.
    fn seal(&self, name: &[u8], depth: u32) -> Class {
        let said = matches!(self.part, Part::Messages | Part::Prompt);
        let claimed = match Block::for_seal(name) {
            Block::Plain => (self.open.iter()).any(|(_, class)| *class == Class::Carrier),
            block => self.blocks[depth as usize].block == block,
        };
        if said && claimed {
            Class::Sealed
        } else {
            Class::Unclaimed
        }
    }

    /// Remembers a value that was counted as unread and is not if the object's `type`, which may come
    /// later, says so.
    fn wait(&mut self, depth: u32) {
        let here = &mut self.blocks[depth as usize];
        if here.waiting == Block::Plain && matches!(self.part, Part::Messages | Part::Prompt) {
            here.waiting = here.sealed;
        }
    }

    /// Takes note of what an object is.
    fn said(&mut self, block: Block, depth: u32) {
        let here = &mut self.blocks[depth as usize];
        here.block = block;
        if block != Block::Plain && here.waiting == block {
            here.waiting = Block::Plain;
            self.text.opaque -= 1;
        }
    }

    /// What a value says of the members that only some backends take.
    fn nested(&self, value: &[u8], class: Class, depth: u32) -> u32 {
        match class {
            Class::Role if matches!(self.part, Part::Messages | Part::Prompt) => {
                nested::of_role(value)
            }
            Class::Item if self.top != Top::Other => {
                let holder = self.open.len().checked_sub(2);
                let under = match holder.and_then(|at| self.open.get(at)) {
                    Some((_, Class::Content)) => Some(true),
                    Some((_, Class::Carrier)) => Some(false),
                    _ => None,
                };
                nested::of_type(value, self.top, depth, under)
            }
            _ => 0,
        }
    }

    /// Where a value belongs, and what it says about the body.
    fn place(&self, value: &[u8], class: Class, depth: u32) -> Place {
        let media = is_media(value, class);
        let sealed = class == Class::Sealed && is_sealed(value);
        let instructs = matches!(self.open.first(), Some((1, Class::System)));
        let kind = match (self.part, class) {
            (_, Class::System) => Kind::System,
            (Part::Other, Class::Content) if instructs => Kind::System,
            (Part::Tools, _) | (_, Class::Arguments) => Kind::Tool,
            (Part::Messages | Part::Prompt, _) => Kind::Content,
            (Part::Owned | Part::Other, _) => Kind::Other,
        };
        let content = !media
            && !matches!(
                class,
                Class::NotContent
                    | Class::Identifier
                    | Class::Role
                    | Class::Item
                    | Class::Remote
                    | Class::Stored
                    | Class::Sealed
                    | Class::Unclaimed
            );
        let aside = if media {
            value.len() <= READABLE_MEDIA
        } else {
            !sealed && !is_protocol(value)
        };
        Place {
            to: match (content, aside) {
                (true, _) => To::Content(kind),
                (false, true) => To::Aside,
                (false, false) => To::Nowhere,
            },
            opaque: media || matches!(class, Class::Remote | Class::Stored),
            stray: content
                && kind == Kind::Content
                && !matches!(class, Class::Content | Class::Input),
            role: match class {
                Class::Role if depth == MESSAGE_DEPTH => Some(role_of(value)),
                Class::Item if depth == MESSAGE_DEPTH => role_of_item(value),
                _ => None,
            },
            media: (class == Class::Remote && self.is_fetched()).then(|| reference(value)),
        }
    }

    /// Whether somebody may follow a reference that stands here: in what is said, or at the top. What a
    /// tool is called with is for the tool alone.
    fn is_fetched(&self) -> bool {
        let at_top = matches!(self.open.first(), Some((1, Class::Remote)));
        (at_top || matches!(self.part, Part::Messages | Part::Prompt)) && !self.is_called()
    }

    fn count(&mut self, place: &Place) {
        self.text.opaque += u32::from(place.opaque);
        self.text.stray |= place.stray;
        match place.media {
            Some(Reference::Remote) => self.text.remote = true,
            Some(Reference::Local) if self.text.local.is_none() => {
                let inside = self.message != Mark::NO_MESSAGE;
                self.text.local = Some(LocalReference {
                    part: self.part,
                    position: inside.then(|| self.message - self.before),
                });
            }
            _ => {}
        }
        if let Some(role) = place.role {
            if let Some(known) = self.text.roles.get_mut(self.message as usize) {
                *known = role;
            }
        }
    }

    /// The byte before `at` that is not white space. What it steps over is part of one gap between
    /// two strings, so all steps together are no more than the body.
    fn before(&self, at: usize) -> Option<u8> {
        let gap = self.body.get(..at)?;
        gap.iter()
            .rev()
            .find(|byte| !matches!(byte, b' ' | b'\n' | b'\r' | b'\t'))
            .copied()
    }

    /// Reads what stands between two strings: punctuation, literals, numbers. A long number is text
    /// that lacks its quotes, and so are numbers in a row.
    fn gap(&mut self, end: usize) {
        let mut at = self.after;
        let (mut row, mut count) = (at, 0);
        while at < end {
            match self.body[at] {
                b'0'..=b'9' => {
                    at = number_end(self.body, at, end);
                    count += 1;
                }
                b'{' | b'}' => {
                    self.row(row, at, count);
                    at += 1;
                    (row, count) = (at, 0);
                }
                _ => at += 1,
            }
        }
        self.row(row, end, count);
    }

    /// Keeps the numbers of `body[at..end]`, of which there are `count`: the long ones, and all of
    /// a short row.
    fn row(&mut self, mut at: usize, end: usize, count: u32) {
        if count == 0 || self.part == Part::Owned {
            return;
        }
        let class = self.open.last().map_or(Class::Text, |(_, class)| *class);
        let chosen = class == Class::Choice || self.part == Part::Tools;
        // Inside of an item a number is a place in a text or on a screen, as in a message.
        let prompt = self.part == Part::Prompt && self.message == Mark::NO_MESSAGE;
        self.text.token_ids |= prompt || class == Class::TokenIds || (count >= MANY && !chosen);
        let all = (ROW..MANY).contains(&count);
        while at < end {
            if !self.body[at].is_ascii_digit() {
                at += 1;
                continue;
            }
            let start = at;
            at = number_end(self.body, at, end);
            if all || at - start >= LONG_NUMBER {
                let number = integer_of(&self.body[start..at]);
                self.text.push(&number, Kind::Number, self.message);
            }
        }
    }
}

/// Where the number that begins at `at` ends.
fn number_end(body: &[u8], at: usize, end: usize) -> usize {
    let is_part = |byte: &u8| matches!(byte, b'0'..=b'9' | b'.' | b'e' | b'E' | b'+' | b'-');
    let rest = &body[at..end];
    at + rest
        .iter()
        .position(|byte| !is_part(byte))
        .unwrap_or(rest.len())
}

/// The number without a fraction of zeros or an exponent that only moves the point: `4.2e3` and
/// `4200.0` mean `4200`, to us and to whoever reads the body next. Other numbers stay as written.
fn integer_of(number: &[u8]) -> Vec<u8> {
    const LONGEST: usize = 40;
    let exponent_at = number.iter().position(|byte| matches!(byte, b'e' | b'E'));
    let (mantissa, exponent) = match exponent_at {
        Some(at) => {
            let digits = std::str::from_utf8(&number[at + 1..]).unwrap_or_default();
            match digits.parse::<i32>() {
                Ok(exponent) => (&number[..at], exponent),
                Err(_) => return number.to_vec(),
            }
        }
        None => (number, 0),
    };
    let point = mantissa.iter().position(|byte| *byte == b'.');
    if (point.is_none() && exponent == 0) || mantissa.len() > LONGEST {
        return number.to_vec();
    }
    let whole = point.unwrap_or(mantissa.len()) as i64;
    let mut digits: Vec<u8> = mantissa
        .iter()
        .copied()
        .filter(u8::is_ascii_digit)
        .collect();
    let length = whole + i64::from(exponent);
    if !(1..=LONGEST as i64).contains(&length) {
        return number.to_vec();
    }
    let length = length as usize;
    if digits.iter().skip(length).any(|digit| *digit != b'0') {
        return number.to_vec();
    }
    digits.resize(length, b'0');
    digits
}

/// Who an item is from that has no role.
fn role_of_item(kind: &[u8]) -> Option<Role> {
    match kind {
        b"function_call" | b"custom_tool_call" | b"reasoning" => Some(Role::Assistant),
        b"function_call_output" | b"custom_tool_call_output" => Some(Role::Tool),
        _ => None,
    }
}

fn role_of(name: &[u8]) -> Role {
    match name {
        b"system" | b"developer" => Role::System,
        b"user" => Role::User,
        b"assistant" => Role::Assistant,
        b"tool" | b"function" => Role::Tool,
        _ => Role::Unknown,
    }
}
