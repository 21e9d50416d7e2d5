//! The breaker of one deployment: shared by all workers of a host, without a lock.
//!
//! It listens to two signals. Hard failures in a row catch an outage within seconds even when there
//! are few requests; the share of successes in the last minute catches a deployment that fails
//! every other time. A third kind of news is not about health at all: an upstream that asks for
//! quiet gets less traffic in proportion to what it refuses (`pause`), and a credential that two
//! requests found refused or out of credit rests (`credential`), while the deployment's health stays
//! what it was. No single answer closes a deployment for everybody.
//!
//! After an outage one request goes as a probe. Its lease expires, so a worker that is killed
//! together with the probe does not keep the breaker half open. Then a growing share of traffic
//! follows.
//!
//! The functions here take the time and the randomness as values and change words by bounded
//! compare-and-swap. They never decide what happens when every deployment of a tier is refused:
//! that is the router's business, and `Refusal` carries the ticket it needs to go on regardless.

mod config;
mod credential;
mod machine;
mod pause;
#[cfg(test)]
mod tests;
mod window;
mod word;

use std::sync::atomic::{AtomicU64, Ordering};

pub use config::BreakerConfig;
pub use machine::Ticket;
pub use window::Counts;
pub use word::Phase;

use crate::shared::{update, DeploymentWords};
use crate::types::{Draws, Now, Outcome, Signal};
use credential::Mark;
use machine::{Context, Event, Verdict};
use pause::Share;
use word::Word;

/// The answer to a request that wants to use a deployment. Every ticket must come back through
/// `record`, however the attempt ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Go.
    Closed(Ticket),
    /// Go, as part of the share that a recovering deployment gets.
    Ramp(Ticket),
    /// Go; the outcome decides whether others may follow.
    Probe(Ticket),
    /// Do not go.
    Refused(Refusal),
}

/// Why not, and until when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// The reason.
    pub why: Why,
    /// Monotonic milliseconds at which asking again makes sense.
    pub until_ms: u64,
    /// For the request that goes nevertheless because there is nowhere else to go.
    pub ticket: Ticket,
}

/// Reasons of a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// The deployment fails.
    Open,
    /// A probe is under way.
    Probing,
    /// The deployment recovers, and this request is not in its share.
    Ramping,
    /// The upstream asked for quiet.
    Cooling,
    /// The credential is refused.
    Credential,
    /// The account behind the credential is out of credit.
    Credit,
}

impl Why {
    /// The name used in reasons and health pages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Open => "open",
            Self::Probing => "probing",
            Self::Ramping => "ramping",
            Self::Cooling => "cooling",
            Self::Credential => "credential",
            Self::Credit => "credit",
        }
    }

    /// Whether a request may go nevertheless when every deployment of its tier is refused: a guess
    /// about health may be overruled, a credential that does not work and an explicit wish of the
    /// upstream may not.
    pub fn may_be_overruled(self) -> bool {
        matches!(self, Self::Open | Self::Probing | Self::Ramping)
    }
}

/// The phases before and after a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transition {
    /// Before.
    pub before: Phase,
    /// After.
    pub after: Phase,
}

/// The state of a breaker for health pages, metrics and explanations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct View {
    /// Where it stands.
    pub phase: Phase,
    /// Monotonic milliseconds at which the phase may end; 0 when closed.
    pub phase_until_ms: u64,
    /// The upstream asked for quiet until then; 0 when not now.
    pub cool_until_ms: u64,
    /// At least half of the requests are kept away until then.
    pub cooling: bool,
    /// The credential rests until then; 0 when not now.
    pub credential_until_ms: u64,
    /// Whether it rests for want of credit.
    pub credit: bool,
    /// The upstream did not know what it is configured for at this time (monotonic milliseconds), and
    /// nothing succeeded since; 0 otherwise.
    pub misfit_ms: u64,
    /// Hard failures in a row.
    pub consecutive: u32,
    /// Openings since the breaker was last closed.
    pub opens: u32,
    /// Samples in the window.
    pub window: Counts,
}

impl View {
    /// Whether some request could be admitted now.
    pub fn usable(&self, now: Now) -> bool {
        let phase_passes = match self.phase {
            Phase::Closed | Phase::Ramp => true,
            Phase::Open | Phase::HalfOpen => now.mono_ms() >= self.phase_until_ms,
        };
        self.credential_until_ms == 0 && phase_passes
    }
}

/// Asks whether a request may use the deployment; takes the probe's lease if that is its turn.
pub fn admit(words: &DeploymentWords, config: &BreakerConfig, now: Now, draw: u64) -> Admission {
    let now_ms = now.mono_ms();
    let draw = mix(draw);
    let ticket_of = |word: Word, probe| Ticket {
        turn: word.turn,
        probe,
    };
    let refuse = |why, until_ms| {
        let state = Word::unpack(words.breaker.load(Ordering::Acquire));
        Admission::Refused(Refusal {
            why,
            until_ms,
            ticket: ticket_of(state, false),
        })
    };
    let until_ms = words.credential_until_ms.load(Ordering::Relaxed);
    if now_ms < until_ms {
        let mark = Mark::unpack(words.credential_mark.load(Ordering::Relaxed));
        return refuse(mark.why(), until_ms);
    }
    let until_ms = words.cool_until_ms.load(Ordering::Relaxed);
    // Other bits than those that choose the share of a ramp.
    if now_ms < until_ms && held_back(words, config.window_ms, now_ms).keeps(draw >> 32) {
        return refuse(Why::Cooling, until_ms);
    }
    let mut verdict = Verdict::Probing;
    let result = update(&words.breaker, |before| {
        let state = Word::unpack(before);
        let (after, said) = machine::admit(state, config, now_ms, draw);
        verdict = said;
        // Only a lease changes the word: everything else can be read off it again.
        Some(if said == Verdict::Probe {
            after.pack()
        } else {
            before
        })
    });
    let state = match result {
        Ok((_, after)) => Word::unpack(after),
        Err(before) => {
            // Lost all rounds, so others took the lease.
            verdict = Verdict::Probing;
            Word::unpack(before)
        }
    };
    let refused = |why, until_ms| {
        Admission::Refused(Refusal {
            why,
            until_ms,
            ticket: ticket_of(state, false),
        })
    };
    match verdict {
        Verdict::Closed => Admission::Closed(ticket_of(state, false)),
        Verdict::Ramp => Admission::Ramp(ticket_of(state, false)),
        Verdict::Probe => Admission::Probe(ticket_of(state, true)),
        Verdict::Open => refused(Why::Open, state.at_ms),
        Verdict::Probing => refused(Why::Probing, state.at_ms),
        Verdict::Ramping => refused(Why::Ramping, now_ms),
    }
}

/// What is reported of an attempt that is over.
#[derive(Debug, Clone, Copy)]
pub struct Report {
    /// How it ended.
    pub outcome: Outcome,
    /// What the upstream asked for; 0 when nothing.
    pub retry_after_ms: u64,
    /// A number of the request that made it, the same for all of its attempts.
    pub request: u64,
}

/// Reports the end of an attempt.
pub fn record(
    words: &DeploymentWords,
    config: &BreakerConfig,
    ticket: Ticket,
    report: Report,
    now: Now,
    draw: u64,
) -> Transition {
    let now_ms = now.mono_ms();
    let Report {
        outcome,
        retry_after_ms,
        request,
    } = report;
    let quiet_ms = retry_after_ms.min(config.retry_after_max_ms);
    let or_default = |default: u64| if quiet_ms == 0 { default } else { quiet_ms };
    let raise = |word: &AtomicU64, for_ms: u64| {
        word.fetch_max(now_ms.saturating_add(for_ms), Ordering::Relaxed);
    };
    let event = match outcome.signal() {
        Signal::Success => {
            // Nearly always 0: a store by every success would be felt by every decision.
            for word in [&words.credential_mark, &words.misfit_ms] {
                if word.load(Ordering::Relaxed) != 0 {
                    word.store(0, Ordering::Relaxed);
                }
            }
            Event::Success
        }
        Signal::Misfit => {
            words.misfit_ms.store(now_ms.max(1), Ordering::Relaxed);
            Event::Hard
        }
        Signal::Hard => {
            if quiet_ms > 0 {
                raise(&words.cool_until_ms, quiet_ms);
            }
            Event::Hard
        }
        Signal::Throttle => {
            raise(&words.cool_until_ms, or_default(config.throttle_ms));
            Event::Throttle
        }
        Signal::Credential => {
            let credit = outcome == Outcome::OutOfCredit;
            let rest_ms = or_default(if credit {
                config.credit_ms
            } else {
                config.credential_ms
            });
            let mark = Mark::unpack(words.credential_mark.load(Ordering::Relaxed));
            let mut until_ms = now_ms.saturating_add(rest_ms);
            if ticket.is_probe() || mark.confirms(request, now_ms) {
                raise(&words.credential_until_ms, rest_ms);
                until_ms = until_ms.saturating_add(rest_ms);
            }
            let mark = Mark::new(until_ms, credit, request);
            words.credential_mark.store(mark.pack(), Ordering::Relaxed);
            Event::Neutral
        }
        Signal::Neutral => Event::Neutral,
    };
    let context = Context {
        config,
        patience: config.patience(outcome),
        now_ms,
        draw: mix(draw),
        failing: false,
        quiet_ms,
    };
    apply(words, ticket, event, context)
}

/// Reports the first content of an attempt: a probe need not answer to its end to prove life. The
/// attempt is still to be reported by `record`.
pub fn first_content(
    words: &DeploymentWords,
    config: &BreakerConfig,
    ticket: Ticket,
    now: Now,
) -> Transition {
    let now_ms = now.mono_ms();
    let phase = machine::present(Word::unpack(words.breaker.load(Ordering::Acquire)), now_ms).phase;
    match phase {
        Phase::Open | Phase::HalfOpen => move_on(
            words,
            ticket,
            Event::Success,
            &Context {
                config,
                patience: config.consecutive,
                now_ms,
                draw: 0,
                failing: false,
                quiet_ms: 0,
            },
        ),
        Phase::Closed | Phase::Ramp => Transition {
            before: phase,
            after: phase,
        },
    }
}

/// News from outside of any request (a health page answered): an open breaker need not wait for
/// the end of its time, the next request may be the probe. It is a hint and no more: only a real
/// request closes a breaker. Returns whether anything was waiting.
pub fn hint_alive(words: &DeploymentWords, now: Now) -> bool {
    let now_ms = now.mono_ms();
    let result = update(&words.breaker, |before| {
        let state = Word::unpack(before);
        let waiting = state.phase == Phase::Open && state.at_ms > now_ms;
        waiting.then(|| {
            Word {
                at_ms: now_ms,
                ..state
            }
            .pack()
        })
    });
    result.is_ok()
}

fn apply(
    words: &DeploymentWords,
    ticket: Ticket,
    event: Event,
    context: Context<'_>,
) -> Transition {
    let Context { config, now_ms, .. } = context;
    let state = machine::present(Word::unpack(words.breaker.load(Ordering::Acquire)), now_ms);
    let mut failing = false;
    if event != Event::Neutral && machine::current(state, ticket) {
        let ok = event == Event::Success;
        window::add(&words.window, config.window_ms, now_ms, ok);
        // Successes cannot open a breaker, so only failures pay for the sum.
        failing = !ok
            && window::counts(
                &words.window,
                config.window_ms,
                now_ms,
                machine::since(state, config),
            )
            .failing(config.window_min, config.window_percent);
    }
    let context = Context { failing, ..context };
    move_on(words, ticket, event, &context)
}

fn move_on(
    words: &DeploymentWords,
    ticket: Ticket,
    event: Event,
    context: &Context<'_>,
) -> Transition {
    let result = update(&words.breaker, |before| {
        let state = machine::present(Word::unpack(before), context.now_ms);
        if !machine::current(state, ticket) {
            return None;
        }
        let after = machine::settle(state, event, ticket, context);
        // An unchanged state is not written back, also when a ramp has meanwhile run out.
        Some(if after == state { before } else { after.pack() })
    });
    let phase = |word| machine::present(Word::unpack(word), context.now_ms).phase;
    match result {
        Ok((before, after)) => Transition {
            before: phase(before),
            after: phase(after),
        },
        Err(word) => Transition {
            before: phase(word),
            after: phase(word),
        },
    }
}

/// The state now, for showing and for explaining; changes nothing. `window_ms` is the length of the
/// window that the breaker is configured with.
pub fn view(words: &DeploymentWords, window_ms: u64, now: Now) -> View {
    let now_ms = now.mono_ms();
    let word = machine::present(Word::unpack(words.breaker.load(Ordering::Acquire)), now_ms);
    let ahead = |word: &AtomicU64| {
        let until_ms = word.load(Ordering::Relaxed);
        if until_ms > now_ms {
            until_ms
        } else {
            0
        }
    };
    let cool_until_ms = ahead(&words.cool_until_ms);
    View {
        phase: word.phase,
        phase_until_ms: if word.phase == Phase::Closed {
            0
        } else {
            word.at_ms
        },
        cool_until_ms,
        cooling: cool_until_ms > 0 && held_back(words, window_ms, now_ms).most(),
        credential_until_ms: ahead(&words.credential_until_ms),
        credit: Mark::unpack(words.credential_mark.load(Ordering::Relaxed)).credit,
        misfit_ms: words.misfit_ms.load(Ordering::Relaxed),
        consecutive: word.consecutive,
        opens: word.opens,
        window: window::counts(&words.window, window_ms, now_ms, 0),
    }
}

/// What a wish for quiet keeps away at present.
fn held_back(words: &DeploymentWords, window_ms: u64, now_ms: u64) -> Share {
    Share::of(window::counts(&words.window, window_ms, now_ms, 0))
}

/// Another number from the same draw: the caller chooses deployments by it, and that choice must
/// not decide who belongs to the share of a ramp.
fn mix(draw: u64) -> u64 {
    Draws::new(!draw).word()
}
