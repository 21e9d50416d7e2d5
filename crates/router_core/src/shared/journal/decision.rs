//! What was decided about a request, before any attempt: what replay, learning, audit and explanations
//! read. Numbers only: positions in the configuration of the generation that it names, never a text.

use std::borrow::Cow;

use super::bytes::{Encoded, Fields};
use super::known::{number_of, Known, Numbered};
use super::record::{RecordId, KIND_DECISION};
use crate::types::{BoundSource, Boundary, Level, Reason, Route, Stage};

/// Most bytes of a decision.
const MOST_BYTES: usize = 256;

/// Most candidates that a decision names: with every other field at its largest it takes 253 bytes.
pub const MOST_CANDIDATES: usize = 11;
/// Most bounds that a decision names: one of each source.
pub const MOST_BOUNDS: usize = 5;
/// Most features that a decision holds.
pub const MOST_FEATURES: usize = 15;

/// Facts of a decision that are yes or no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DecisionFlags {
    /// The client asked for a stream.
    pub stream: bool,
    /// The level that was found binds; not where it is only observed.
    pub binding: bool,
    /// The tokens of the prompt were counted to the end, in one vocabulary.
    pub exact: bool,
    /// It refers to media that have to be fetched.
    pub remote_media: bool,
    /// The score is a learned one.
    pub learned: bool,
    /// Bits that only a later version understands, in their places.
    pub others: u8,
}

impl DecisionFlags {
    const KNOWN: u8 = 31;

    fn bits(self) -> u8 {
        let all = [
            self.stream,
            self.binding,
            self.exact,
            self.remote_media,
            self.learned,
        ];
        let bits = all
            .into_iter()
            .rev()
            .fold(0, |bits, one| bits << 1 | u8::from(one));
        bits | self.others & !Self::KNOWN
    }

    fn of(bits: u8) -> Self {
        let is = |position: u8| bits >> position & 1 != 0;
        Self {
            stream: is(0),
            binding: is(1),
            exact: is(2),
            remote_media: is(3),
            learned: is(4),
            others: bits & !Self::KNOWN,
        }
    }
}

/// What the client said about its own request, as numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HintNumbers {
    /// Which hints were given, as bits; see [`HintNumbers::GIVEN`].
    pub given: u16,
    /// The tier asked for, counted from 1 in the plan; 0 is none.
    pub tier: u16,
    /// The latency asked for, counted from 1; 0 is none.
    pub latency: u8,
    /// The task named, counted from 1 in the configuration. Not filled yet: tasks have no numbers.
    pub task: u8,
}

impl HintNumbers {
    /// The names of the bits of `given`, from the lowest.
    pub const GIVEN: [&'static str; 13] = [
        "tier",
        "sensitivity",
        "task_type",
        "latency",
        "conversation",
        "no_fallback",
        "fallbacks",
        "retries",
        "timeout",
        "stream_timeout",
        "tags",
        "leave",
        "drop_refused",
    ];
}

/// How hard a request was found to look, where that was asked.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Difficulty<'a> {
    /// The class, counted from 1; 0 when it was not asked.
    pub class: u8,
    /// The score, in 65,535ths.
    pub score: u16,
    /// The tier in which the request starts, counted from 1; 0 for the model's own order.
    pub start: u16,
    /// The features in their order, in 2,048ths.
    pub features: Cow<'a, [u16]>,
}

impl Difficulty<'_> {
    /// A score from 0 to 1 as it is kept.
    pub fn score_of(score: f32) -> u16 {
        (score * 65_535.0).round() as u16
    }

    /// A feature as it is kept: from 0 to 32.
    pub fn feature_of(value: f32) -> u16 {
        (value * 2_048.0).round() as u16
    }
}

/// How far a request may travel, and who says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bound {
    /// Who.
    pub source: Known<BoundSource>,
    /// How far.
    pub boundary: Known<Boundary>,
}

/// What the stages did with a candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Fate {
    /// It may be tried.
    Kept = 1,
    /// It may be tried, and was moved in the order.
    Moved = 2,
    /// It may not be tried.
    Removed = 3,
    /// It was taken for the first attempt.
    Chosen = 4,
}

impl Numbered for Fate {
    fn number(self) -> u8 {
        self as u8
    }

    fn numbered(number: u8) -> Option<Self> {
        [Self::Kept, Self::Moved, Self::Removed, Self::Chosen]
            .into_iter()
            .find(|fate| *fate as u8 == number)
    }

    fn word(self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Moved => "moved",
            Self::Removed => "removed",
            Self::Chosen => "chosen",
        }
    }
}

/// A candidate, what the stages did with it, and its state at that moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Candidate {
    /// Position of the deployment in the plan.
    pub deployment: u16,
    /// The fallback model that it stands for, counted from 1; 0 is the model asked for.
    pub target: u8,
    /// What became of it.
    pub fate: Known<Fate>,
    /// The stage that removed or moved it.
    pub stage: Option<Known<Stage>>,
    /// The reason of that stage; of the one that was chosen, why it was.
    pub reason: Option<Known<Reason>>,
    /// Why it could not be tried at that moment; `None` when it could, and of a removed one.
    pub blocked: Option<Known<Reason>>,
    /// Requests in flight there; 65,535 for more.
    pub in_flight: u16,
    /// Its usual time to first token in milliseconds; 65,535 for more, 0 when unknown.
    pub ttft_ms: u16,
}

/// A request was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionRecord<'a> {
    /// Which request; its attempt is 0.
    pub id: RecordId,
    /// When, in nanoseconds since the Unix epoch.
    pub wall_ns: u64,
    /// The randomness that it was decided with.
    pub draw: u64,
    /// The generation of the configuration.
    pub config: u64,
    /// The endpoint that the client called.
    pub route: Known<Route>,
    /// How sensitive the content is.
    pub level: Known<Level>,
    /// How far it may travel.
    pub ceiling: Known<Boundary>,
    /// Yes-or-no facts.
    pub flags: DecisionFlags,
    /// The number of the principal.
    pub key: u64,
    /// Position of the model in the plan.
    pub model: u32,
    /// Tokens of the prompt, counted or estimated.
    pub prompt_tokens: u32,
    /// Most tokens of the answer; 0 when the request sets no limit.
    pub max_tokens: u32,
    /// The rule that matched, counted from 1. Not filled yet.
    pub rule: u32,
    /// What the client said about it.
    pub hints: HintNumbers,
    /// How hard it looks.
    pub difficulty: Difficulty<'a>,
    /// What bounds it; the ceiling is the nearest.
    pub bounds: Cow<'a, [Bound]>,
    /// How many candidates there were.
    pub considered: u16,
    /// The candidates: in the order in which they would be tried, then those that were removed, at most
    /// [`MOST_CANDIDATES`].
    pub candidates: Cow<'a, [Candidate]>,
}

impl DecisionRecord<'_> {
    /// Whether there were more candidates than the record names.
    pub fn truncated(&self) -> bool {
        usize::from(self.considered) > self.candidates.len()
    }

    pub(super) fn encode(&self) -> Encoded<MOST_BYTES> {
        let mut encoded = Encoded::new(KIND_DECISION, &self.id);
        encoded.u64(self.wall_ns);
        encoded.u64(self.draw);
        encoded.u64(self.config);
        encoded.u8(self.route.number());
        encoded.u8(self.level.number());
        encoded.u8(self.ceiling.number());
        encoded.u8(self.flags.bits());
        encoded.u64(self.key);
        encoded.u32(self.model);
        encoded.u32(self.prompt_tokens);
        encoded.u32(self.max_tokens);
        encoded.u32(self.rule);
        encoded.u16(self.hints.given);
        encoded.u16(self.hints.tier);
        encoded.u8(self.hints.latency);
        encoded.u8(self.hints.task);
        encoded.u8(self.difficulty.class);
        encoded.u16(self.difficulty.score);
        encoded.u16(self.difficulty.start);
        encoded.list(&self.difficulty.features, MOST_FEATURES, Encoded::u16);
        encoded.list(&self.bounds, MOST_BOUNDS, |encoded, bound: Bound| {
            encoded.u8(bound.source.number());
            encoded.u8(bound.boundary.number());
        });
        encoded.u16(self.considered);
        encoded.list(
            &self.candidates,
            MOST_CANDIDATES,
            |encoded, one: Candidate| {
                encoded.u16(one.deployment);
                encoded.u8(one.target);
                encoded.u8(one.fate.number());
                encoded.u8(number_of(one.stage));
                encoded.u8(number_of(one.reason));
                encoded.u8(number_of(one.blocked));
                encoded.u16(one.in_flight);
                encoded.u16(one.ttft_ms);
            },
        );
        encoded
    }

    /// The same, on its own feet.
    pub fn into_owned(self) -> DecisionRecord<'static> {
        DecisionRecord {
            difficulty: Difficulty {
                class: self.difficulty.class,
                score: self.difficulty.score,
                start: self.difficulty.start,
                features: Cow::Owned(self.difficulty.features.into_owned()),
            },
            bounds: Cow::Owned(self.bounds.into_owned()),
            candidates: Cow::Owned(self.candidates.into_owned()),
            ..self
        }
    }
}

pub(super) fn decode(fields: &mut Fields<'_>, id: RecordId) -> Option<DecisionRecord<'static>> {
    Some(DecisionRecord {
        id,
        wall_ns: fields.u64()?,
        draw: fields.u64()?,
        config: fields.u64()?,
        route: Known::of(fields.u8()?),
        level: Known::of(fields.u8()?),
        ceiling: Known::of(fields.u8()?),
        flags: DecisionFlags::of(fields.u8()?),
        key: fields.u64()?,
        model: fields.u32()?,
        prompt_tokens: fields.u32()?,
        max_tokens: fields.u32()?,
        rule: fields.u32()?,
        hints: HintNumbers {
            given: fields.u16()?,
            tier: fields.u16()?,
            latency: fields.u8()?,
            task: fields.u8()?,
        },
        difficulty: Difficulty {
            class: fields.u8()?,
            score: fields.u16()?,
            start: fields.u16()?,
            features: Cow::Owned(fields.list(Fields::u16)?),
        },
        bounds: Cow::Owned(fields.list(|fields| {
            Some(Bound {
                source: Known::of(fields.u8()?),
                boundary: Known::of(fields.u8()?),
            })
        })?),
        considered: fields.u16()?,
        candidates: Cow::Owned(fields.list(|fields| {
            Some(Candidate {
                deployment: fields.u16()?,
                target: fields.u8()?,
                fate: Known::of(fields.u8()?),
                stage: Known::some(fields.u8()?),
                reason: Known::some(fields.u8()?),
                blocked: Known::some(fields.u8()?),
                in_flight: fields.u16()?,
                ttft_ms: fields.u16()?,
            })
        })?),
    })
}
