//! Walking the allowed steps in order, group by group, past those that are not up.

use super::admit::Block;
use super::Core;
use crate::breaker::Ticket;
use crate::types::plan::{Lineup, Step};
use crate::types::{Draws, Now};

/// A position in a list of allowed steps.
pub(super) struct Walk {
    /// What may be tried; steps before `arranged` are in their strategy's order.
    steps: Vec<Step>,
    /// Steps before this one were tried or passed over.
    cursor: usize,
    arranged: usize,
    /// Steps that were passed over, and why.
    blocks: Vec<(Step, Block)>,
}

impl Walk {
    pub(super) fn new(steps: Vec<Step>) -> Self {
        Self {
            steps,
            cursor: 0,
            arranged: 0,
            blocks: Vec::new(),
        }
    }

    /// Everything that may be tried, whether it was or not.
    pub(super) fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// The group with which the walk starts.
    pub(super) fn first_group(&self) -> Option<u16> {
        self.steps.first().map(|step| step.group)
    }

    /// The next step that is up, and what to show its breaker afterwards.
    pub(super) fn take(
        &mut self,
        core: &Core,
        lineup: &Lineup,
        now: Now,
        draws: &mut Draws,
    ) -> Option<(Step, Ticket)> {
        while self.cursor < self.steps.len() {
            if self.cursor == self.arranged {
                self.arrange_group(core, lineup, now, draws);
            }
            let step = self.steps[self.cursor];
            self.cursor += 1;
            match core.admit(step.deployment, now, draws) {
                Ok(ticket) => return Some((step, ticket)),
                Err(block) => self.blocks.push((step, block)),
            }
        }
        None
    }

    /// The deployment to try although its breaker advises against it, when nothing was admitted.
    ///
    /// A breaker spares a broken deployment at the price of using another one. Where there is no
    /// other, refusing certainly fails and trying may not; so the first group is never closed
    /// altogether. That holds only when breakers alone stand in the way of all of it: whoever asked
    /// for quiet, refused the credential or is full would refuse again.
    pub(super) fn last_resort(&self) -> Option<(Step, Ticket)> {
        let first = self.first_group()?;
        let group = || self.blocks.iter().filter(|(step, _)| step.group == first);
        let mut best: Option<(Step, Block, Ticket)> = None;
        for (step, block) in group() {
            let ticket = block.overrule?;
            if best.is_none_or(|(_, other, _)| block.until_ms < other.until_ms) {
                best = Some((*step, *block, ticket));
            }
        }
        best.map(|(step, _, ticket)| (step, ticket))
    }

    /// The soonest time at which one of the steps passed over may be asked again.
    pub(super) fn soonest_ms(&self) -> Option<u64> {
        self.blocks.iter().map(|(_, block)| block.until_ms).min()
    }

    fn arrange_group(&mut self, core: &Core, lineup: &Lineup, now: Now, draws: &mut Draws) {
        let rest = &mut self.steps[self.cursor..];
        let group = rest[0].group;
        let length = rest.iter().take_while(|step| step.group == group).count();
        if length > 1 {
            core.arrange(
                &mut rest[..length],
                lineup.strategies[usize::from(group)],
                now,
                draws,
            );
        }
        self.arranged = self.cursor + length;
    }
}
