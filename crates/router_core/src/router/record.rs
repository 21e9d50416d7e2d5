//! What a decision leaves in the journal: the facts it rests on, and the state of each candidate.
//!
//! Written before the first attempt starts, whether or not that succeeds, so that whatever follows can be
//! explained from it. Numbers and words of the vocabulary only; nothing that a client wrote.

use std::borrow::Cow;

use super::decision::Request;
use super::permit::Grant;
use super::walk::Walk;
use super::{Ask, Core};
use crate::complexity::NUMBERS;
use crate::plan::Step;
use crate::policy::{boundary_of, Candidates, Verdict};
use crate::shared::journal::{
    Bound, Candidate, DecisionFlags, DecisionRecord, Difficulty, Fate, MOST_BOUNDS,
    MOST_CANDIDATES, MOST_FEATURES,
};
use crate::types::{BoundSource, Boundary, Now, Reason};

const _: () = assert!(NUMBERS <= MOST_FEATURES);

/// What was decided, before the first attempt.
pub(super) struct Decided<'a> {
    pub(super) request: &'a Request,
    pub(super) candidates: &'a Candidates,
    pub(super) walk: &'a Walk,
    pub(super) grant: &'a Grant,
}

impl Decided<'_> {
    /// Records it. False when there is no space: then nothing may be attempted.
    pub(super) fn record(&self, ask: &Ask<'_>) -> bool {
        let Self { request, .. } = self;
        let (core, facts) = (&request.core, &request.facts);
        core.record(|journal| {
            let mut bounds = List::<Bound, MOST_BOUNDS>::new(Bound {
                source: BoundSource::Key.into(),
                boundary: ask.principal.ceiling.into(),
            });
            let mut bound = |source: BoundSource, boundary: Boundary| {
                bounds.push(Bound {
                    source: source.into(),
                    boundary: boundary.into(),
                });
            };
            bound(BoundSource::Key, ask.principal.ceiling);
            if facts.judgement.binding {
                bound(BoundSource::Content, boundary_of(facts.judgement.level));
            }
            if let Some(level) = facts.hints.level {
                bound(BoundSource::Hint, boundary_of(level));
            }
            let mut features = [0; NUMBERS];
            let difficulty = match &facts.placed {
                None => Difficulty::default(),
                Some(placed) => {
                    for (kept, value) in features.iter_mut().zip(placed.measured.features.numbers) {
                        *kept = Difficulty::feature_of(value);
                    }
                    Difficulty {
                        class: placed.class as u8 + 1,
                        score: Difficulty::score_of(placed.measured.score),
                        start: placed.start.map_or(0, |tier| tier + 1),
                        features: Cow::Borrowed(&features),
                    }
                }
            };
            let candidates = self.candidates(ask.now);
            let considered = self.walk.steps().len() + self.candidates.removed().len();
            journal.append_decision(&DecisionRecord {
                id: request.id,
                wall_ns: ask.now.wall_ns,
                draw: ask.draw,
                config: core.plan.generation,
                route: facts.route.into(),
                level: facts.level.into(),
                ceiling: facts.ceiling.into(),
                flags: DecisionFlags {
                    stream: facts.stream(),
                    binding: facts.judgement.binding,
                    exact: facts.length.exact,
                    remote_media: facts.remote_media,
                    learned: facts.placed.is_some_and(|placed| placed.learned),
                    others: 0,
                },
                key: request.key,
                model: facts.resolved,
                prompt_tokens: u32::try_from(facts.length.tokens).unwrap_or(u32::MAX),
                max_tokens: facts.max_tokens,
                rule: 0,
                hints: facts.hints.numbers(),
                difficulty,
                bounds: Cow::Borrowed(bounds.items()),
                considered: u16::try_from(considered).unwrap_or(u16::MAX),
                candidates: Cow::Borrowed(candidates.items()),
            })
        })
    }

    /// Those that may be tried, in order, then those that may not.
    fn candidates(&self, now: Now) -> List<Candidate, MOST_CANDIDATES> {
        let mut list = List::new(candidate(&self.grant.step, Fate::Kept));
        for step in self.walk.steps().iter().take(MOST_CANDIDATES) {
            list.push(self.kept(step, now));
        }
        for verdict in self.candidates.removed() {
            list.push(Candidate {
                stage: Some(verdict.stage.into()),
                reason: Some(verdict.reason.into()),
                ..candidate(&verdict.step, Fate::Removed)
            });
        }
        list
    }

    fn kept(&self, step: &Step, now: Now) -> Candidate {
        let core = &self.request.core;
        let of_step = |verdict: &&Verdict| verdict.step == *step;
        let moved = self.candidates.moved().iter().rev().find(of_step);
        let chosen = *step == self.grant.step;
        let (fate, reason) = match moved {
            _ if chosen => (Fate::Chosen, Some(self.grant.reason)),
            Some(verdict) => (Fate::Moved, Some(verdict.reason)),
            None => (Fate::Kept, None),
        };
        let words = core.state.deployment(core.slots[step.deployment as usize]);
        let ttft_ms = words.ttft_us(now) / 1_000;
        Candidate {
            stage: moved.map(|verdict| verdict.stage.into()),
            reason: reason.map(Into::into),
            blocked: self.blocked(core, step, now, chosen).map(Into::into),
            in_flight: narrow(core.state.in_flight(core.slots[step.deployment as usize])),
            ttft_ms: narrow(ttft_ms),
            ..candidate(step, fate)
        }
    }

    /// Why a step cannot be tried now: as the walk found, where it came that far.
    fn blocked(&self, core: &Core, step: &Step, now: Now, chosen: bool) -> Option<Reason> {
        let found = self.walk.block(step).map(|block| block.reason);
        // Of the chosen one nothing stood in the way, or the walk knows what.
        if found.is_some() || chosen {
            return found;
        }
        core.look(step.deployment, now)
            .err()
            .map(|block| block.reason)
    }
}

fn candidate(step: &Step, fate: Fate) -> Candidate {
    Candidate {
        deployment: narrow(u64::from(step.deployment)),
        target: u8::try_from(step.target).unwrap_or(u8::MAX),
        fate: fate.into(),
        stage: None,
        reason: None,
        blocked: None,
        in_flight: 0,
        ttft_ms: 0,
    }
}

fn narrow(number: u64) -> u16 {
    u16::try_from(number).unwrap_or(u16::MAX)
}

/// A short list on the stack: every request makes two.
struct List<T, const MOST: usize> {
    items: [T; MOST],
    length: usize,
}

impl<T: Copy, const MOST: usize> List<T, MOST> {
    /// An empty list; `filler` stands where nothing is.
    fn new(filler: T) -> Self {
        Self {
            items: [filler; MOST],
            length: 0,
        }
    }

    /// Adds an item, unless the list is full.
    fn push(&mut self, item: T) {
        if let Some(place) = self.items.get_mut(self.length) {
            *place = item;
            self.length += 1;
        }
    }

    fn items(&self) -> &[T] {
        &self.items[..self.length]
    }
}
