//! What the relays of one attempt have read, kept where the settlement of the attempt finds it.
//!
//! An answer is read in one place and given up in many: by a client that leaves, a timer, an error
//! of the upstream, a bug. None of these knows what was reported so far, so none is asked. A relay
//! writes here what it has seen as soon as it has seen it, and the settlement reads it here,
//! whoever settles and whether the relay still exists.
//!
//! An attempt may have several relays: a stream that turned out to be one object is read again, a
//! divided request has an answer for each of its pieces. Each relay has an entry of its own, and
//! what they report is added up.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use crate::stream::{self, End, Facts, Feed, FinishReasons, RelayOptions, Usage};

/// What was read of an answer, as far as an attempt is accounted and judged by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Seen {
    /// What the upstream reported; `None` while it reported nothing.
    pub usage: Option<Usage>,
    /// Whether something was in the answer that a client would show.
    pub content: bool,
    /// Why its choices ended, as far as they did.
    pub reasons: FinishReasons,
    /// Whether the answer is complete by its own marks.
    pub complete: bool,
}

impl Seen {
    fn of(facts: &Facts, complete: bool) -> Self {
        Self {
            usage: facts.usage,
            content: facts.content,
            reasons: facts.reasons,
            complete: complete || facts.terminal,
        }
    }

    fn and(self, other: Self) -> Self {
        Self {
            usage: match (self.usage, other.usage) {
                (Some(one), Some(two)) => Some(one.plus(two)),
                (one, two) => one.or(two),
            },
            content: self.content || other.content,
            reasons: self.reasons.and(other.reasons),
            complete: self.complete || other.complete,
        }
    }
}

/// What all relays of an attempt have seen.
#[derive(Default)]
pub(super) struct Observed {
    relays: Mutex<Vec<Seen>>,
    /// Bytes that they handed on.
    handed_on: AtomicU64,
}

impl Observed {
    pub(super) fn seen(&self) -> Seen {
        let relays = self.relays();
        relays.iter().copied().fold(Seen::default(), Seen::and)
    }

    pub(super) fn handed_on(&self) -> u64 {
        self.handed_on.load(Ordering::Acquire)
    }

    fn relays(&self) -> MutexGuard<'_, Vec<Seen>> {
        // A change is one assignment: after a panic elsewhere the entries still hold.
        self.relays.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A relay whose attempt knows what it reads.
pub struct Relay {
    relay: stream::Relay,
    observed: Option<Arc<Observed>>,
    /// Its entry there.
    entry: usize,
    /// What the entry holds.
    written: Seen,
    end: Option<End>,
}

impl Relay {
    /// A relay of no attempt: for tools and tests that look at answers alone.
    pub fn apart(options: RelayOptions) -> Self {
        Self {
            relay: stream::Relay::new(options),
            observed: None,
            entry: 0,
            written: Seen::default(),
            end: None,
        }
    }

    /// A relay that belongs to an attempt. The attempt is not kept open by it.
    pub(super) fn within(observed: &OnceLock<Arc<Observed>>, options: RelayOptions) -> Self {
        let observed = Arc::clone(observed.get_or_init(Arc::default));
        let entry = {
            let mut relays = observed.relays();
            relays.push(Seen::default());
            relays.len() - 1
        };
        Self {
            observed: Some(observed),
            entry,
            ..Self::apart(options)
        }
    }

    /// See [`stream::Relay::facts`].
    pub fn facts(&self) -> &Facts {
        self.relay.facts()
    }

    /// See [`stream::Relay::feed`].
    pub fn feed(&mut self, chunk: &[u8]) -> Feed {
        let feed = self.relay.feed(chunk);
        self.note(&feed, chunk.len());
        feed
    }

    /// See [`stream::Relay::finish`].
    pub fn finish(&mut self) -> Feed {
        let (feed, end) = self.relay.finish();
        self.end = Some(end);
        self.note(&feed, 0);
        feed
    }

    /// See [`stream::Relay::failure`].
    pub fn failure(&mut self, message: &str, code: &str) -> Option<Vec<u8>> {
        self.relay.failure(message, code)
    }

    /// See [`stream::Relay::observe_body`].
    pub fn observe_body(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mended = self.relay.observe_body(bytes);
        if self.facts().unreadable == 0 {
            self.end = Some(End::Done);
        }
        self.note(&Feed::Hold, 0);
        mended
    }

    /// See [`stream::Relay::take_body`].
    pub fn take_body(&mut self) -> Vec<u8> {
        self.relay.take_body()
    }

    /// How the answer ended, or would end now.
    pub fn end(&self) -> End {
        self.end.unwrap_or_else(|| self.relay.end())
    }

    /// Writes down what is new. Most chunks bring nothing but bytes.
    #[inline]
    fn note(&mut self, feed: &Feed, length: usize) {
        let Some(observed) = &self.observed else {
            return;
        };
        let handed_on = match feed {
            Feed::Pass => length,
            Feed::Replace(bytes) => bytes.len(),
            Feed::Hold | Feed::TooLarge => 0,
        };
        observed
            .handed_on
            .fetch_add(handed_on as u64, Ordering::Release);
        let complete = matches!(self.end, Some(End::Done | End::Finished));
        let seen = Seen::of(self.relay.facts(), complete);
        if seen != self.written {
            self.written = seen;
            observed.relays()[self.entry] = seen;
        }
    }
}
