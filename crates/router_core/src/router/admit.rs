//! Facts of the moment: who is up, how busy, and in which order a group is tried.
//!
//! The state file is read here and nowhere else in a decision. `select` gets plain numbers, the
//! breaker gets its words; both stay free of shared memory and of each other.

use super::Core;
use crate::breaker::{self, Admission, Phase, Ticket, Why};
use crate::plan::{Step, Strategy};
use crate::select::{self, Entry};
use crate::types::{Draws, Now, Reason};

/// Waits that clients are told stay between these: less invites a storm, more is a guess.
pub(super) const SHORTEST_WAIT_MS: u64 = 1_000;
/// See [`SHORTEST_WAIT_MS`].
pub(super) const LONGEST_WAIT_MS: u64 = 60_000;

/// Why a deployment is passed over at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    pub(super) reason: Reason,
    /// Monotonic milliseconds at which asking again makes sense.
    pub(super) until_ms: u64,
    /// For going nevertheless, where only a guess about health stands in the way.
    pub(super) overrule: Option<Ticket>,
}

impl Block {
    /// Whether only a guess about health stands in the way.
    pub(super) fn is_health(&self) -> bool {
        matches!(
            self.reason,
            Reason::BreakerOpen | Reason::ProbeBusy | Reason::Ramping
        )
    }
}

/// How long clients should wait for the soonest of several blocks.
pub(super) fn wait_ms(soonest_until_ms: Option<u64>, now: Now) -> u64 {
    let wait = soonest_until_ms.map_or(SHORTEST_WAIT_MS, |until| {
        until.saturating_sub(now.mono_ms())
    });
    wait.clamp(SHORTEST_WAIT_MS, LONGEST_WAIT_MS)
}

impl Core {
    /// Asks whether an attempt may be made now; takes the lease of a probe if it is its turn.
    pub(super) fn admit(
        &self,
        deployment: u32,
        now: Now,
        draws: &mut Draws,
    ) -> Result<Ticket, Block> {
        // Drawn in any case: an explanation follows the same sequence without asking breakers.
        let draw = draws.word();
        if let Some(block) = self.saturated(deployment, now) {
            return Err(block);
        }
        let words = self.state.deployment(self.slots[deployment as usize]);
        match breaker::admit(words, &self.breaker, now, draw) {
            Admission::Closed(ticket) | Admission::Ramp(ticket) | Admission::Probe(ticket) => {
                Ok(ticket)
            }
            Admission::Refused(refusal) if !self.breaker.enabled => Ok(refusal.ticket),
            Admission::Refused(refusal) => Err(Block {
                reason: reason_of(refusal.why),
                until_ms: refusal.until_ms,
                overrule: refusal.why.may_be_overruled().then_some(refusal.ticket),
            }),
        }
    }

    /// What [`Core::admit`] would say, without taking anything.
    pub(super) fn look(&self, deployment: u32, now: Now) -> Result<(), Block> {
        if let Some(block) = self.saturated(deployment, now) {
            return Err(block);
        }
        let words = self.state.deployment(self.slots[deployment as usize]);
        let view = breaker::view(words, self.breaker.window_ms, now);
        let blocked = |why, until_ms| {
            Err(Block {
                reason: reason_of(why),
                until_ms,
                overrule: None,
            })
        };
        match view.phase {
            _ if !self.breaker.enabled => Ok(()),
            _ if view.credential_until_ms > 0 => blocked(
                if view.credit {
                    Why::Credit
                } else {
                    Why::Credential
                },
                view.credential_until_ms,
            ),
            _ if view.cooling => blocked(Why::Cooling, view.cool_until_ms),
            _ if view.usable(now) => Ok(()),
            Phase::Open => blocked(Why::Open, view.phase_until_ms),
            _ => blocked(Why::Probing, view.phase_until_ms),
        }
    }

    fn saturated(&self, deployment: u32, now: Now) -> Option<Block> {
        let most = self.plan.deployments[deployment as usize].max_parallel;
        let full =
            most > 0 && self.state.in_flight(self.slots[deployment as usize]) >= u64::from(most);
        full.then(|| Block {
            reason: Reason::Saturated,
            until_ms: now.mono_ms() + SHORTEST_WAIT_MS,
            overrule: None,
        })
    }

    /// Orders the steps of one group; returns what was compared, in the new order.
    pub(super) fn arrange(
        &self,
        steps: &mut [Step],
        strategy: Strategy,
        now: Now,
        draws: &mut Draws,
    ) -> Vec<Entry> {
        let mut entries: Vec<Entry> = steps
            .iter()
            .zip(0..)
            .map(|(step, key)| self.facts(key, step.deployment, now))
            .collect();
        select::arrange(strategy, &mut entries, draws);
        let before = steps.to_vec();
        for (step, entry) in steps.iter_mut().zip(&entries) {
            *step = before[entry.key as usize];
        }
        entries
    }

    fn facts(&self, key: u32, deployment: u32, now: Now) -> Entry {
        let planned = &self.plan.deployments[deployment as usize];
        let slot = self.slots[deployment as usize];
        let words = self.state.deployment(slot);
        Entry {
            key,
            weight: planned.weight,
            order: planned.order,
            in_flight: u32::try_from(self.state.in_flight(slot)).unwrap_or(u32::MAX - 1),
            waiting: words.load(now).map_or(0, |load| load.waiting),
            ttft_us: match words.ttft_us(now) {
                0 => None,
                ttft => Some(u32::try_from(ttft).unwrap_or(u32::MAX)),
            },
            tokens: words.tokens_this_minute(now),
            price: planned.price,
            score: 0.0,
            tie: 0.0,
        }
    }
}

fn reason_of(why: Why) -> Reason {
    match why {
        Why::Open => Reason::BreakerOpen,
        Why::Probing => Reason::ProbeBusy,
        Why::Ramping => Reason::Ramping,
        Why::Cooling => Reason::Cooling,
        Why::Credential => Reason::CredentialDisabled,
        Why::Credit => Reason::OutOfCredit,
    }
}
