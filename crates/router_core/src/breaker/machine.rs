//! The state machine as values: state and event in, state out.
//!
//! No memory, no clock, no randomness of its own, so every rule can be checked from a table. The
//! caller applies the result by compare-and-swap and calls again if it lost.
//!
//! Two rules keep a fleet of workers honest. Only requests that were admitted in the present phase
//! can change it: answers to what was sent before an outage arrive for minutes and say nothing
//! about now. And only the probe can fail a half-open breaker, while any success proves life.

use super::config::BreakerConfig;
use super::word::{Phase, Word, MAX_CONSECUTIVE, MAX_OPENS};

/// Shares of traffic, in percent, for equal parts of the ramp.
const RAMP_PERCENT: [u64; 3] = [10, 25, 50];
/// An opening is shortened or lengthened by up to this many thousandths.
const JITTER: u64 = 200;

/// What a permit has to show when its attempt is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ticket {
    pub(super) turn: u8,
    pub(super) probe: bool,
}

impl Ticket {
    /// Whether this attempt is the one that tests a half-open breaker.
    pub fn is_probe(self) -> bool {
        self.probe
    }
}

/// What the end of an attempt means for the health of a deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Event {
    Success,
    Hard,
    Throttle,
    Neutral,
}

/// What a breaker says to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Closed,
    Ramp,
    Probe,
    Open,
    Probing,
    Ramping,
}

/// Circumstances of an event.
#[derive(Debug, Clone, Copy)]
pub(super) struct Context<'a> {
    pub(super) config: &'a BreakerConfig,
    /// Hard failures in a row that are borne, by how this attempt ended.
    pub(super) patience: u32,
    pub(super) now_ms: u64,
    pub(super) draw: u64,
    /// The window says that the deployment fails.
    pub(super) failing: bool,
    /// The upstream asked for this much quiet; 0 when it did not.
    pub(super) quiet_ms: u64,
}

/// The state as it stands now: a ramp that is over is a closed breaker.
pub(super) fn present(word: Word, now_ms: u64) -> Word {
    if word.phase == Phase::Ramp && now_ms >= word.at_ms {
        return Word {
            phase: Phase::Closed,
            opens: 0,
            consecutive: 0,
            ..word
        };
    }
    word
}

/// When the traffic came back whose samples count; 0 if it never left.
pub(super) fn since(word: Word, config: &BreakerConfig) -> u64 {
    match word.phase {
        Phase::Ramp => word.at_ms.saturating_sub(config.ramp_ms).max(1),
        _ => word.at_ms,
    }
}

/// Whether an attempt was admitted in the present phase. A probe stays valid in the ramp that its
/// own first token began.
pub(super) fn current(word: Word, ticket: Ticket) -> bool {
    let ends_ramp = matches!(word.phase, Phase::Ramp | Phase::Closed) && ticket.probe;
    ticket.turn == word.turn || ends_ramp && ticket.turn.wrapping_add(1) == word.turn
}

/// A request asks to pass.
pub(super) fn admit(word: Word, config: &BreakerConfig, now_ms: u64, draw: u64) -> (Word, Verdict) {
    let word = present(word, now_ms);
    match word.phase {
        Phase::Closed => (word, Verdict::Closed),
        Phase::Open if now_ms < word.at_ms => (word, Verdict::Open),
        Phase::HalfOpen if now_ms < word.at_ms => (word, Verdict::Probing),
        Phase::Open | Phase::HalfOpen => {
            let at_ms = now_ms.saturating_add(config.lease_ms.max(1));
            (enter(word, Phase::HalfOpen, at_ms), Verdict::Probe)
        }
        Phase::Ramp if draw % 100 < ramp_percent(word, config, now_ms) => (word, Verdict::Ramp),
        Phase::Ramp => (word, Verdict::Ramping),
    }
}

/// An attempt with a current ticket ended.
pub(super) fn settle(word: Word, event: Event, ticket: Ticket, context: &Context<'_>) -> Word {
    let word = present(word, context.now_ms);
    match (word.phase, event) {
        (Phase::Open | Phase::HalfOpen, Event::Success) => {
            let at_ms = context.now_ms.saturating_add(context.config.ramp_ms);
            Word {
                consecutive: 0,
                ..enter(word, Phase::Ramp, at_ms)
            }
        }
        (Phase::HalfOpen, Event::Hard | Event::Throttle) if ticket.probe => open(word, context),
        // The probe learned nothing, for instance because its client left: the next may try at once.
        (Phase::HalfOpen, Event::Neutral) if ticket.probe => {
            enter(word, Phase::Open, context.now_ms)
        }
        (Phase::Open | Phase::HalfOpen, _) | (_, Event::Neutral) => word,
        (Phase::Closed | Phase::Ramp, Event::Success) => Word {
            consecutive: 0,
            ..word
        },
        (Phase::Closed | Phase::Ramp, Event::Throttle) if context.failing => open(word, context),
        (Phase::Closed | Phase::Ramp, Event::Throttle) => word,
        (Phase::Closed | Phase::Ramp, Event::Hard) => {
            let counted = Word {
                consecutive: (word.consecutive + 1).min(MAX_CONSECUTIVE),
                ..word
            };
            let trips = counted.consecutive >= tolerance(word.phase, context.patience);
            if trips || context.failing {
                open(counted, context)
            } else {
                counted
            }
        }
    }
}

/// Hard failures in a row that a phase bears. A deployment that has just come back gets half the
/// patience, but not none: a rate of failures that is normal for it must not keep it out for ever.
fn tolerance(phase: Phase, patience: u32) -> u32 {
    let full = patience.clamp(1, MAX_CONSECUTIVE);
    if phase == Phase::Ramp {
        full.div_ceil(2)
    } else {
        full
    }
}

fn enter(word: Word, phase: Phase, at_ms: u64) -> Word {
    Word {
        phase,
        at_ms,
        turn: word.turn.wrapping_add(1),
        ..word
    }
}

fn open(word: Word, context: &Context<'_>) -> Word {
    let opens = (word.opens + 1).min(MAX_OPENS);
    let pause = backoff(opens, context.config, context.draw).max(context.quiet_ms);
    Word {
        opens,
        consecutive: 0,
        ..enter(word, Phase::Open, context.now_ms.saturating_add(pause))
    }
}

/// How long the opening with this number (from 1) lasts.
pub(super) fn backoff(opens: u32, config: &BreakerConfig, draw: u64) -> u64 {
    let limit = config.open_max_ms.clamp(1, super::word::MAX_AT);
    let doubled = config
        .open_ms
        .max(1)
        .saturating_mul(1 << opens.saturating_sub(1).min(MAX_OPENS));
    let thousandths = 1_000 - JITTER + draw % (2 * JITTER + 1);
    (doubled.min(limit) * thousandths / 1_000).max(1)
}

fn ramp_percent(word: Word, config: &BreakerConfig, now_ms: u64) -> u64 {
    let length = config.ramp_ms.max(1);
    let left = word.at_ms.saturating_sub(now_ms).min(length);
    let steps = RAMP_PERCENT.len() as u64;
    let step = (u128::from(length - left) * u128::from(steps) / u128::from(length)) as u64;
    RAMP_PERCENT[step.min(steps - 1) as usize]
}
