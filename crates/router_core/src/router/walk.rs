//! Walking the allowed steps in order, group by group, past those that are not up.

use super::admit::Block;
use super::Core;
use crate::breaker::Ticket;
use crate::plan::{Lineup, Step};
use crate::types::{Draws, Now, Reason};

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

    /// The deployment to try although it was passed over, when nothing was admitted.
    pub(super) fn last_resort(&self) -> Option<(Step, Ticket)> {
        let chosen = last_resort(self.blocks.iter().map(|(step, block)| (step, block)))?;
        let (step, block) = self.blocks.iter().find(|(step, _)| *step == chosen)?;
        Some((*step, block.overrule?))
    }

    /// What stood in the way so far.
    pub(super) fn blocks(&self) -> impl Iterator<Item = &Block> + Clone {
        self.blocks.iter().map(|(_, block)| block)
    }

    /// What stood in the way of this step, if it was passed over.
    pub(super) fn block(&self, step: &Step) -> Option<&Block> {
        let mut blocks = self.blocks.iter();
        blocks.find(|(it, _)| it == step).map(|(_, block)| block)
    }

    /// The steps that were neither tried nor passed over.
    pub(super) fn ahead(&self) -> &[Step] {
        &self.steps[self.cursor..]
    }

    /// Leaves out the steps ahead that `fits` does not hold for.
    pub(super) fn keep(&mut self, fits: impl Fn(&Step) -> bool) {
        let mut position = self.cursor;
        while position < self.steps.len() {
            if fits(&self.steps[position]) {
                position += 1;
            } else {
                self.steps.remove(position);
                self.arranged -= usize::from(position < self.arranged);
            }
        }
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

/// Of steps that were passed over, the one to try nevertheless.
///
/// A breaker spares a broken deployment at the price of using another one. Where there is no other,
/// refusing certainly fails and trying may not; so the model is never closed altogether by guesses about
/// health. Whoever refused the credential, or refuses most of what comes, would refuse again. And where
/// somebody is only full, waiting for him is better than asking the broken.
pub(super) fn last_resort<'b>(passed: impl Iterator<Item = (&'b Step, &'b Block)>) -> Option<Step> {
    let mut best: Option<(&Step, &Block)> = None;
    for (step, block) in passed {
        if block.reason == Reason::Saturated {
            return None;
        }
        let rank = |step: &Step, block: &Block| (step.group, block.until_ms);
        if block.is_health() && best.is_none_or(|(s, b)| rank(step, block) < rank(s, b)) {
            best = Some((step, block));
        }
    }
    best.map(|(step, _)| *step)
}
