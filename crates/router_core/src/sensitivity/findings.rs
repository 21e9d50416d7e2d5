//! What a scan tells: a level, kinds, counts and places. Never text.

use super::entity::Entity;
use crate::types::Level;

/// From this many findings on a scan is saturated: what holds a thousand identifiers is a data set,
/// and listing on would be work that a client can choose.
pub const MOST_FINDINGS: u32 = 1000;

/// The pattern number of what the built-in recognizers found.
pub const NO_PATTERN: u16 = u16::MAX;

/// One finding: where it stands in the scanned text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
    /// What it is.
    pub entity: Entity,
    /// Which pattern of the configuration, by position; [`NO_PATTERN`] for all others.
    pub pattern: u16,
}

/// The result of a scan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Findings {
    /// How sensitive the text is; `None` when that is not known, because the scan was saturated or
    /// not everything could be read. Unknown is never public: the policy of the key decides, and
    /// [`Self::found`] is the least that it may decide.
    pub level: Option<Level>,
    /// The highest level of what was found.
    pub found: Level,
    /// How often each kind was found, by [`Entity`] number.
    pub kinds: [u16; Entity::COUNT],
    /// Places in the order in which they were found, as many as the caller asked for.
    pub spans: Vec<Found>,
    /// Whether the scan stopped because there was too much.
    pub saturated: bool,
    /// Whether all text was read. When a level is unknown all the same, media or token ids are why.
    pub whole: bool,
    /// Bytes looked at, each time they were looked at.
    pub visited: u64,
}

impl Findings {
    /// How often a kind was found.
    pub fn count(&self, entity: Entity) -> u16 {
        self.kinds[entity as usize]
    }

    /// The names and counts of what was found.
    pub fn named(&self) -> impl Iterator<Item = (&'static str, u16)> + '_ {
        let all = Entity::ALL.into_iter();
        all.map(|it| (it.name(), self.count(it)))
            .filter(|(_, count)| *count > 0)
    }
}

/// So many earlier places are compared with a new one.
const RECENT: usize = 8;

/// Collects findings during a scan.
pub(super) struct Collector<'l> {
    levels: &'l [Level; Entity::COUNT],
    kinds: [u16; Entity::COUNT],
    found: Level,
    spans: Vec<Found>,
    cap: usize,
    /// The level from which on nothing more is looked for.
    until: Option<Level>,
    total: u32,
    /// The last places, to recognise what a second look finds again.
    recent: [(u32, u32, Option<Entity>); RECENT],
    next: usize,
    saturated: bool,
    pub(super) unreadable: bool,
    pub(super) work: u64,
    /// Places found so far (at most as many as saturate): shadows see the same places again.
    seen: Vec<(u32, u32, Entity)>,
    /// How many of them are in order: those of the passes that ended.
    sealed: usize,
}

impl<'l> Collector<'l> {
    pub(super) fn new(
        levels: &'l [Level; Entity::COUNT],
        cap: usize,
        until: Option<Level>,
    ) -> Self {
        Self {
            levels,
            kinds: [0; Entity::COUNT],
            found: Level::Public,
            spans: Vec::new(),
            cap,
            until,
            total: 0,
            recent: [(0, 0, None); RECENT],
            next: 0,
            saturated: false,
            unreadable: false,
            work: 0,
            seen: Vec::new(),
            sealed: 0,
        }
    }

    /// Counts a finding unless it is one that was counted already.
    pub(super) fn add(&mut self, found: Found, level: Option<Level>) {
        let Found {
            start, end, entity, ..
        } = found;
        let overlaps = |from: u32, to: u32| from < end && start < to;
        if self.saturated || self.widen(found) {
            return;
        }
        let mut recent = self.recent.iter();
        if entity != Entity::User
            && recent.any(|(from, to, it)| *it == Some(entity) && overlaps(*from, *to))
        {
            return;
        }
        self.recent[self.next] = (start, end, Some(entity));
        self.next = (self.next + 1) % RECENT;
        self.seen.push((start, end, entity));
        let count = &mut self.kinds[entity as usize];
        *count = count.saturating_add(1);
        self.found = self
            .found
            .max(level.unwrap_or(self.levels[entity as usize]));
        if self.spans.len() < self.cap {
            self.spans.push(found);
        }
        self.total += 1;
        if self.total >= MOST_FINDINGS {
            self.saturated = true;
        }
    }

    /// Whether the scan can stop: there is too much, or it cannot become more sensitive.
    pub(super) fn ended(&self) -> bool {
        self.saturated || self.until.is_some_and(|level| self.found >= level)
    }

    /// Orders the places of the passes that ended, so that the next one can look them up.
    pub(super) fn seal(&mut self) {
        self.seen.sort_unstable_by_key(|(start, _, _)| *start);
        self.sealed = self.seen.len();
    }

    /// Whether an earlier pass saw this, perhaps the part of it that is not disguised; then its
    /// place becomes the wider one. Looks at a few neighbours: findings of one kind do not overlap
    /// each other.
    fn widen(&mut self, found: Found) -> bool {
        let sealed = &self.seen[..self.sealed];
        let at = sealed.partition_point(|(start, _, _)| *start < found.end);
        let Some((start, end, entity)) =
            sealed[at.saturating_sub(RECENT)..at]
                .iter()
                .find(|(start, end, entity)| {
                    *entity == found.entity && *start < found.end && found.start < *end
                })
        else {
            return false;
        };
        let mut spans = self.spans.iter_mut();
        if let Some(span) =
            spans.find(|it| it.start == *start && it.end == *end && it.entity == *entity)
        {
            span.start = span.start.min(found.start);
            span.end = span.end.max(found.end);
        }
        true
    }

    /// `complete`: nothing is forwarded that is no text; `whole`: all text was looked at.
    pub(super) fn finish(self, complete: bool, whole: bool) -> Findings {
        let whole = whole && !self.saturated && !self.unreadable;
        let known = complete && whole;
        Findings {
            level: (known || self.found == Level::Regulated).then_some(self.found),
            found: self.found,
            kinds: self.kinds,
            spans: self.spans,
            saturated: self.saturated,
            whole,
            visited: self.work,
        }
    }
}
