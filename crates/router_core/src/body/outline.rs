//! What the pass keeps: spans of the top-level members and the few values that are acted on.

use std::borrow::Cow;

use super::{fields, BodyError, Edits, Field};
use crate::json::{Kind, Raw, Span, Text, Value};
use crate::types::{MemberPath, Route};

/// One top-level member.
#[derive(Debug, Clone, Copy)]
pub(super) struct Member {
    pub(super) key: Text,
    pub(super) value: Value,
    pub(super) field: Field,
}

impl Member {
    /// The offset of the opening quote of the key.
    pub(super) fn start(&self) -> usize {
        self.key.span.start - 1
    }

    /// One past the last byte of the value.
    pub(super) fn end(&self) -> usize {
        self.value.span.end
    }
}

/// The layout of one accepted body, without the bytes. Give it the same bytes again with
/// [`Outline::attach`] or [`Outline::splice`]; spans mean nothing for any others.
#[derive(Debug, Clone, Default)]
pub struct Outline {
    pub(super) members: Vec<Member>,
    /// Positions of the member of each [`Field`]; `u32::MAX` when absent.
    pub(super) known: Known,
    pub(super) stream: Option<bool>,
    pub(super) include_usage: Option<bool>,
    pub(super) n: Option<u64>,
    pub(super) max_tokens: Option<u64>,
    pub(super) max_completion_tokens: Option<u64>,
    pub(super) max_output_tokens: Option<u64>,
    pub(super) num_predict: Option<u64>,
    pub(super) has_tools: bool,
    pub(super) hints: Vec<(Text, Text)>,
    pub(super) tags: Vec<Text>,
    pub(super) no_fallback: Option<bool>,
    /// Whether `metadata` holds anything but texts.
    pub(super) mixed_metadata: bool,
    /// Whether it holds anything but `user_id`.
    pub(super) foreign_metadata: bool,
    pub(super) length: usize,
    pub(super) visited: u64,
    /// Offset of the closing brace of the body.
    pub(super) close: usize,
}

/// Where the named members stand in the list of members.
#[derive(Debug, Clone)]
pub(super) struct Known([u32; Field::Other as usize]);

impl Default for Known {
    fn default() -> Self {
        Self([u32::MAX; Field::Other as usize])
    }
}

impl Known {
    pub(super) fn set(&mut self, field: Field, position: usize) {
        if let (Some(slot), Ok(position)) =
            (self.0.get_mut(field as usize), u32::try_from(position))
        {
            *slot = position;
        }
    }

    pub(super) fn get(&self, field: Field) -> Option<usize> {
        self.0
            .get(field as usize)
            .filter(|slot| **slot != u32::MAX)
            .map(|slot| *slot as usize)
    }
}

impl Outline {
    pub(super) fn field(&self, field: Field) -> Option<&Member> {
        self.known
            .get(field)
            .and_then(|position| self.members.get(position))
    }

    /// The body again, from the bytes that this outline was made from.
    ///
    /// # Panics
    /// When the length differs: the caller mixed up two bodies.
    pub fn attach(self, bytes: &[u8]) -> Body<'_> {
        assert_eq!(
            bytes.len(),
            self.length,
            "an outline belongs to the bytes it was made from"
        );
        Body {
            bytes,
            outline: self,
        }
    }

    /// The bytes with `edits` applied; see [`Edits`]. One allocation.
    ///
    /// # Panics
    /// When the length of `bytes` differs: the caller mixed up two bodies.
    pub fn splice(&self, bytes: &[u8], edits: &Edits) -> Vec<u8> {
        assert_eq!(
            bytes.len(),
            self.length,
            "an outline belongs to the bytes it was made from"
        );
        super::splice::apply(bytes, self, edits)
    }

    /// Whether the body has a top-level member of this name that is not null.
    pub fn says(&self, bytes: &[u8], name: &str) -> bool {
        self.members
            .iter()
            .any(|member| member.value.kind != Kind::Null && member.key.is(bytes, name))
    }

    /// The same of a member that may stand in an object.
    pub fn says_at(&self, bytes: &[u8], path: &MemberPath) -> bool {
        self.at(bytes, path).is_some()
    }

    /// What the body says there; `None` for nothing and for null.
    pub fn at<'b>(&self, bytes: &'b [u8], path: &MemberPath) -> Option<Raw<'b>> {
        let name = path.outer().unwrap_or(path.key());
        let mut members = self.members.iter();
        let member = members.find(|member| member.key.is(bytes, name))?;
        let value = member.value.raw(bytes);
        let value = match path.outer() {
            Some(_) => value.get(path.key())?,
            None => value,
        };
        (!value.is_null()).then_some(value)
    }

    /// Whether `metadata` cannot be sent as it is; `user_only`: to a backend that knows `user_id` alone.
    pub(super) fn loses_metadata(&self, user_only: bool) -> bool {
        self.mixed_metadata || (user_only && self.foreign_metadata)
    }

    /// What is not sent of `metadata` (see [`Edits::user_metadata`]), as `metadata.name`. What the gateway
    /// itself reads there is not lost.
    pub fn lost_metadata(&self, bytes: &[u8], user_only: bool) -> Vec<String> {
        if !self.loses_metadata(user_only) {
            return Vec::new();
        }
        let member = self.field(Field::Metadata);
        let entries = member.map(|member| member.value.raw(bytes).entries());
        let lost = entries.into_iter().flatten().filter(|(key, value)| {
            !is_sent(key, value, user_only) && !matches!(key.as_ref(), "tags" | "no_fallback")
        });
        lost.map(|(key, _)| format!("metadata.{key}")).collect()
    }

    /// `fallbacks`, unless absent or null.
    pub fn raw_fallbacks<'b>(&self, bytes: &'b [u8]) -> Option<Raw<'b>> {
        let value = self.field(Field::Fallbacks)?.value;
        (value.kind != Kind::Null).then(|| value.raw(bytes))
    }

    /// Whether the client asked for a stream; `None` when it said nothing (or null).
    pub fn stream(&self) -> Option<bool> {
        self.stream
    }

    /// `stream_options.include_usage`; `None` when the client said nothing (or null).
    pub fn include_usage(&self) -> Option<bool> {
        self.include_usage
    }
}

/// Whether a member of `metadata` is one of its protocol's.
pub(super) fn is_sent(key: &str, value: &Raw<'_>, user_only: bool) -> bool {
    value.kind() == Kind::String && (!user_only || key == fields::USER_ID)
}

/// An accepted body: its bytes and their outline.
#[derive(Debug, Clone)]
pub struct Body<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) outline: Outline,
}

impl<'a> Body<'a> {
    /// The bytes as received.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The outline alone, to be kept while the bytes are owned elsewhere.
    pub fn into_outline(self) -> Outline {
        self.outline
    }

    /// The outline.
    pub fn outline(&self) -> &Outline {
        &self.outline
    }

    /// The bytes with `edits` applied; see [`Edits`]. One allocation.
    pub fn splice(&self, edits: &Edits) -> Vec<u8> {
        super::splice::apply(self.bytes, &self.outline, edits)
    }

    /// The name of the model that the client asks for; never empty.
    pub fn model(&self) -> Option<Cow<'a, str>> {
        let text = self.outline.field(Field::Model)?.value.text()?;
        Some(text.decode(self.bytes))
    }

    /// Whether the client asked for a stream; `None` when it said nothing (or null).
    pub fn stream(&self) -> Option<bool> {
        self.outline.stream
    }

    /// `stream_options`, unless absent or null.
    pub fn stream_options(&self) -> Option<Raw<'a>> {
        self.raw(Field::StreamOptions)
    }

    /// `stream_options.include_usage`; `None` when the client said nothing (or null).
    pub fn include_usage(&self) -> Option<bool> {
        self.outline.include_usage
    }

    /// `n`, at least 1; `None` when absent or null.
    pub fn n(&self) -> Option<u64> {
        self.outline.n
    }

    /// `max_tokens`; `None` when absent, null or negative (which backends read as unlimited).
    pub fn max_tokens(&self) -> Option<u64> {
        self.outline.max_tokens
    }

    /// `max_output_tokens`; `None` when absent, null or negative.
    pub fn max_output_tokens(&self) -> Option<u64> {
        self.outline.max_output_tokens
    }

    /// `options.num_predict`; `None` when absent or negative.
    pub fn num_predict(&self) -> Option<u64> {
        self.outline.num_predict
    }

    /// `max_completion_tokens`; `None` when absent, null or negative.
    pub fn max_completion_tokens(&self) -> Option<u64> {
        self.outline.max_completion_tokens
    }

    /// Whether `tools` or `functions` offers at least one.
    pub fn has_tools(&self) -> bool {
        self.outline.has_tools
    }

    /// `messages`, unless absent or null.
    pub fn messages(&self) -> Option<Raw<'a>> {
        self.raw(Field::Messages)
    }

    /// `prompt`, unless absent or null.
    pub fn prompt(&self) -> Option<Raw<'a>> {
        self.raw(Field::Prompt)
    }

    /// `input`, unless absent or null.
    pub fn input(&self) -> Option<Raw<'a>> {
        self.raw(Field::Input)
    }

    /// `fallbacks`, unless absent or null.
    pub fn fallbacks(&self) -> Option<Raw<'a>> {
        self.raw(Field::Fallbacks)
    }

    /// The members of the `hybridgw` object: names and text values.
    pub fn hints(&self) -> impl ExactSizeIterator<Item = (Cow<'a, str>, Cow<'a, str>)> + '_ {
        let bytes = self.bytes;
        self.outline
            .hints
            .iter()
            .map(move |(key, value)| (key.decode(bytes), value.decode(bytes)))
    }

    /// `tags` of `metadata` and `litellm_metadata`; a single string counts as one tag.
    pub fn tags(&self) -> impl ExactSizeIterator<Item = Cow<'a, str>> + '_ {
        let bytes = self.bytes;
        self.outline.tags.iter().map(move |tag| tag.decode(bytes))
    }

    /// `no_fallback` of either metadata; `None` when the client said nothing.
    pub fn no_fallback(&self) -> Option<bool> {
        self.outline.no_fallback
    }

    /// Members without a name of ours ([`Field::Other`]), in the order of the text.
    pub fn others(&self) -> impl Iterator<Item = (Cow<'a, str>, Raw<'a>)> + '_ {
        let bytes = self.bytes;
        self.outline
            .members
            .iter()
            .filter(|member| member.field == Field::Other)
            .map(move |member| (member.key.decode(bytes), member.value.raw(bytes)))
    }

    /// The top-level member with this name, null included. Linear in the number of members.
    pub fn member(&self, key: &str) -> Option<Raw<'a>> {
        let found = self
            .outline
            .members
            .iter()
            .find(|member| member.key.is(self.bytes, key))?;
        Some(found.value.raw(self.bytes))
    }

    /// All top-level members in the order of the text.
    pub fn members(&self) -> impl ExactSizeIterator<Item = (Cow<'a, str>, Raw<'a>)> + '_ {
        let bytes = self.bytes;
        self.outline
            .members
            .iter()
            .map(move |member| (member.key.decode(bytes), member.value.raw(bytes)))
    }

    /// Where the value of a top-level member stands in the bytes.
    pub fn span(&self, key: &str) -> Option<Span> {
        let found = self
            .outline
            .members
            .iter()
            .find(|member| member.key.is(self.bytes, key))?;
        Some(found.value.span)
    }

    /// How many bytes were looked at, each time that one was: the measure of work in tests.
    pub fn bytes_visited(&self) -> u64 {
        self.outline.visited
    }

    /// Checks that the members without which a route means nothing are there and of their types.
    pub fn require(&self, route: Route) -> Result<(), BodyError> {
        const TEXTS: &[Kind] = &[Kind::String, Kind::Array];
        if self
            .outline
            .field(Field::Model)
            .is_none_or(|member| member.value.kind == Kind::Null)
        {
            return Err(BodyError::missing("model"));
        }
        let (field, name, kinds, wanted) = match route {
            Route::Chat | Route::Messages | Route::OllamaChat => {
                (Field::Messages, "messages", &[Kind::Array][..], "an array")
            }
            Route::Completions => (Field::Prompt, "prompt", TEXTS, "a string or an array"),
            Route::OllamaGenerate => (Field::Prompt, "prompt", &[Kind::String][..], "a string"),
            Route::Embeddings | Route::Responses | Route::OllamaEmbed => {
                (Field::Input, "input", TEXTS, "a string or an array")
            }
        };
        match self.outline.field(field) {
            Some(member) if member.value.kind != Kind::Null => {
                fields::expect(member.value, name, kinds, wanted)
            }
            _ => Err(BodyError::missing(name)),
        }
    }

    fn raw(&self, field: Field) -> Option<Raw<'a>> {
        let value = self.outline.field(field)?.value;
        (value.kind != Kind::Null).then(|| value.raw(self.bytes))
    }
}
