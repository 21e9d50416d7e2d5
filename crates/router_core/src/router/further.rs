//! What may be tried after an attempt failed, if anything.
//!
//! Judged in a fixed order, and the first reason against is the one that the caller is told: the
//! outcome, the number of attempts, the client's deadline, the retry budget of the host, then who is
//! left. Another deployment is always preferred to the same one again, because it costs no waiting.

use std::sync::Arc;

use super::decision::{Decision, Progress, Tried};
use super::later;
use super::permit::{Grant, Permit};
use super::settle::Settlement;
use super::walk::Walk;
use crate::plan::Step;
use crate::policy;
use crate::types::{Draws, Now, Outcome, Reason};

impl Decision {
    pub(super) fn further(
        &self,
        progress: &mut Progress,
        failure: &Settlement,
        draw: u64,
    ) -> Result<Arc<Permit>, Reason> {
        if !failure.outcome.elsewhere() {
            return Err(Reason::NotRetryable);
        }
        self.bounds(progress, failure.now)?;
        let mut draws = Draws::new(draw);
        let misfit = failure.outcome == Outcome::ContextExceeded;
        if misfit && !progress.context {
            progress.walk = Walk::new(self.larger(&progress.tried));
            progress.context = true;
        }
        let plan = &self.request.core.plan;
        let Progress { walk, closed, .. } = &mut *progress;
        if !closed.is_empty() {
            walk.keep(|step| !closed.holds(&plan.deployments[step.deployment as usize]));
        }
        let stayed = if self.stays(progress, failure) {
            self.again(progress, failure, &mut draws).ok()
        } else {
            None
        };
        let elsewhere = stayed.or_else(|| self.elsewhere(progress, failure.now, &mut draws));
        let grant = match elsewhere {
            Some(grant) => grant,
            None if misfit => return Err(Reason::ContextExceeded),
            None => self.again(progress, failure, &mut draws)?,
        };
        self.take(progress, grant, failure.now)
    }

    /// A deployment that was not tried yet, after an answer that was not good enough.
    pub(super) fn escalation(
        &self,
        progress: &mut Progress,
        now: Now,
        draw: u64,
    ) -> Result<Arc<Permit>, Reason> {
        self.bounds(progress, now)?;
        let mut draws = Draws::new(draw);
        let further = self.elsewhere(progress, now, &mut draws);
        let grant = Grant {
            reason: Reason::Escalation,
            ..further.ok_or(Reason::NoneLeft)?
        };
        self.take(progress, grant, now)
    }

    fn take(&self, progress: &mut Progress, grant: Grant, now: Now) -> Result<Arc<Permit>, Reason> {
        let number = progress.permit.number();
        let tried = Tried {
            step: grant.step,
            context: grant.context,
            again: true,
            not_before_ms: 0,
        };
        progress
            .tried
            .retain(|other| (other.step, other.context) != (tried.step, tried.context));
        progress.tried.push(tried);
        let permit = Arc::new(Permit::open(&self.request, grant, number + 1, now)?);
        progress.permit = Arc::clone(&permit);
        Ok(permit)
    }

    /// What bounds further attempts whatever the last one died of.
    pub(super) fn bounds(&self, progress: &Progress, now: Now) -> Result<(), Reason> {
        let core = &self.request.core;
        let limits = &core.plan.retry;
        if u32::from(progress.permit.number()) + 1 >= limits.max_attempts {
            return Err(Reason::MaxAttempts);
        }
        if self.request.over(now, 0) {
            return Err(Reason::Deadline);
        }
        let allowed = core
            .state
            .active_requests()
            .saturating_mul(u64::from(limits.budget_percent))
            / 100;
        if core.state.active_retries() >= allowed.max(u64::from(limits.budget_min)) {
            return Err(Reason::RetryBudget);
        }
        Ok(())
    }

    /// Whether a hiccup is worth another try of the model that was asked for before another *model*
    /// answers: that is what a number of retries means to whoever writes it. An attempt is left over for
    /// the fallback in any case.
    fn stays(&self, progress: &Progress, failure: &Settlement) -> bool {
        let limits = &self.request.core.plan.retry;
        let hiccup = matches!(
            failure.outcome,
            Outcome::ServerError | Outcome::Throttled | Outcome::StreamError
        );
        let (Some(tried), Some(next)) = (progress.tried.last(), progress.walk.ahead().first())
        else {
            return false;
        };
        hiccup
            && failure.retry_after_ms <= limits.backoff_max_ms
            && u32::from(progress.permit.number()) + 2 < limits.max_attempts
            && next.target != tried.step.target
    }

    /// The next step that was not tried yet.
    fn elsewhere(&self, progress: &mut Progress, now: Now, draws: &mut Draws) -> Option<Grant> {
        let before = progress.tried.last().map(|tried| tried.step.group);
        let lineup = self.request.lineup(progress.context);
        let (step, ticket) = progress.walk.take(&self.request.core, lineup, now, draws)?;
        let reason = match progress.context {
            true => Reason::ContextFallback,
            false if before == Some(step.group) => Reason::Failover,
            false => Reason::Fallback,
        };
        Some(Grant {
            step,
            reason,
            context: progress.context,
            delay_ms: 0,
            ticket,
        })
    }

    /// A step that was tried, once more, after a back-off with full jitter: everybody who failed at
    /// the same moment comes back at a different one.
    fn again(
        &self,
        progress: &mut Progress,
        failure: &Settlement,
        draws: &mut Draws,
    ) -> Result<Grant, Reason> {
        if progress.retries >= self.request.retries(failure.outcome) {
            return Err(Reason::NoneLeft);
        }
        let now = failure.now;
        let core = &self.request.core;
        let limits = &core.plan.retry;
        let bound = limits
            .backoff_ms
            .checked_shl(progress.retries)
            .unwrap_or(u64::MAX)
            .min(limits.backoff_max_ms);
        let backoff_ms = (draws.unit() * bound as f64) as u64;
        // The deadline is asked before the breaker: a probe that nobody sends would keep its lease.
        let in_time = |delay_ms| !self.request.over(now, delay_ms);
        let mut reason = Reason::NoneLeft;
        for tried in progress.tried.iter().filter(|tried| tried.again) {
            // An upstream that asked for a short pause is waited for, not given up.
            let asked_ms = tried.not_before_ms.saturating_sub(now.mono_ms());
            let mut delay_ms = backoff_ms.max(asked_ms);
            if !in_time(delay_ms) {
                reason = Reason::Deadline;
                continue;
            }
            if asked_ms > limits.backoff_max_ms {
                continue;
            }
            let mut admitted = core.admit(tried.step.deployment, later(now, delay_ms), draws);
            if let Err(block) = admitted {
                let wait = block.until_ms.saturating_sub(now.mono_ms());
                if !in_time(wait) {
                    reason = Reason::Deadline;
                } else if (delay_ms..=limits.backoff_max_ms).contains(&wait) {
                    delay_ms = wait;
                    admitted = core.admit(tried.step.deployment, later(now, wait), draws);
                }
            }
            if let Ok(ticket) = admitted {
                progress.retries += 1;
                let (step, context) = (tried.step, tried.context);
                return Ok(Grant {
                    step,
                    reason: Reason::Retry,
                    context,
                    delay_ms,
                    ticket,
                });
            }
        }
        Err(reason)
    }

    /// The context fallbacks that may see this request and were not tried.
    fn larger(&self, tried: &[Tried]) -> Vec<Step> {
        let request = &self.request;
        let demand = request.facts.demand();
        if !demand.fallback {
            return Vec::new();
        }
        let mut steps =
            policy::screen(&request.core.plan, request.lineup(true), &demand).into_steps();
        let deployments = &request.core.plan.deployments;
        steps.retain(|step| {
            let known = tried
                .iter()
                .any(|tried| tried.step.deployment == step.deployment);
            !known || deployments[step.deployment as usize].wildcard
        });
        steps
    }
}
