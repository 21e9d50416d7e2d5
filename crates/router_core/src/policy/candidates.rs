//! The candidates of a request on their way through the stages of a decision.
//!
//! A stage only takes candidates away or reorders them, and leaves a reason for each that it touches. An
//! explanation is what the stages left, so it cannot differ from the decision. No stage brings back what
//! an earlier one took away: that is what keeps the boundary of a request, whatever comes after it.

use crate::plan::Step;
use crate::types::{Reason, Stage};

/// What a stage did to one candidate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// Who.
    pub step: Step,
    /// Where.
    pub stage: Stage,
    /// Why.
    pub reason: Reason,
}

/// The candidates that are left, in order, and what happened to the others.
#[derive(Debug, Clone, Default)]
pub struct Candidates {
    steps: Vec<Step>,
    removed: Vec<Verdict>,
    moved: Vec<Verdict>,
}

impl Candidates {
    /// All steps of a lineup, in its order.
    pub fn of(steps: &[Step]) -> Self {
        Self {
            steps: steps.to_vec(),
            ..Self::default()
        }
    }

    /// Those that are left.
    pub fn steps(&self) -> &[Step] {
        &self.steps
    }

    /// Those that are left, to be walked.
    pub fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    /// What was taken away, in the order of the stages.
    pub fn removed(&self) -> &[Verdict] {
        &self.removed
    }

    /// What was moved.
    pub fn moved(&self) -> &[Verdict] {
        &self.moved
    }

    /// Whether anything was taken away for this reason.
    pub fn lost(&self, reason: Reason) -> bool {
        self.removed.iter().any(|verdict| verdict.reason == reason)
    }

    /// Takes away the candidates for which `why` gives a reason. It is also given those before the candidate that stay.
    pub fn remove(&mut self, stage: Stage, mut why: impl FnMut(&Step, &[Step]) -> Option<Reason>) {
        let mut kept = 0;
        for position in 0..self.steps.len() {
            let step = self.steps[position];
            match why(&step, &self.steps[..kept]) {
                Some(reason) => self.removed.push(Verdict {
                    step,
                    stage,
                    reason,
                }),
                None => {
                    self.steps[kept] = step;
                    kept += 1;
                }
            }
        }
        self.steps.truncate(kept);
    }

    /// Moves the candidates that `is` holds for behind all others. The order within both stays.
    pub fn demote(&mut self, stage: Stage, reason: Reason, mut is: impl FnMut(&Step) -> bool) {
        let mut last = Vec::new();
        self.steps.retain(|step| {
            let moves = is(step);
            if moves {
                last.push(*step);
            }
            !moves
        });
        self.note(stage, reason, &last);
        self.steps.append(&mut last);
    }

    /// Moves the candidates that `is` holds for before all others. The order within both stays.
    pub fn promote(&mut self, stage: Stage, reason: Reason, is: impl Fn(&Step) -> bool) {
        self.steps.sort_by_key(|step| !is(step));
        let first = self.steps.iter().take_while(|step| is(step)).count();
        let steps = self.steps[..first].to_vec();
        self.note(stage, reason, &steps);
    }

    /// Takes another lineup's candidates in place of these, of which none is left; what happened to these
    /// stays known.
    pub fn replace(&mut self, other: Self) {
        self.steps = other.steps;
        self.removed.extend(other.removed);
        self.moved.extend(other.moved);
    }

    fn note(&mut self, stage: Stage, reason: Reason, steps: &[Step]) {
        self.moved.extend(steps.iter().map(|step| Verdict {
            step: *step,
            stage,
            reason,
        }));
    }
}
