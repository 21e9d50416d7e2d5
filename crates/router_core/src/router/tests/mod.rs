//! The router over real, anonymous state: time and randomness are arguments, so every case replays.

mod anything;
mod choosing;
mod dialects;
mod explaining;
mod failing;
mod fitting;
mod hinting;
mod holding;
mod recording;
mod settling;

use std::sync::Arc;

use super::{Ask, Decision, Principal, Router, Settlement, Setup};
use crate::error::DecideError;
use crate::shared::{Owner, StateFile};
use crate::types::{Boundary, Now, Outcome, Route};

const BODY: &str = r#"{"model":"m","messages":[{"role":"user","content":"hello"}]}"#;

/// A plan's deployments by boundary, in tiers of the same name; each answers to model `up<index>`.
fn deployment(index: usize, boundary: u8, more: &str) -> String {
    let tier = ["local", "private", "cloud"][usize::from(boundary)];
    format!(
        r#"{{"id":"{:016x}","name":"{tier}/d{index}","model":"up{index}","tier":"{tier}","boundary":{boundary}{more}}}"#,
        index + 1
    )
}

fn plan(boundaries: &[u8], models: &str, more: &str) -> String {
    let deployments: Vec<_> = boundaries
        .iter()
        .enumerate()
        .map(|(index, boundary)| deployment(index, *boundary, ""))
        .collect();
    plan_of(&deployments, models, more)
}

fn plan_of(deployments: &[String], models: &str, more: &str) -> String {
    format!(
        r#"{{"generation":7,"owned_keys":["hybridgw","fallbacks","disable_fallbacks","num_retries","timeout"],
            "tiers":["local","private","cloud"],"deployments":[{}],"models":[{models}]{more}}}"#,
        deployments.join(",")
    )
}

/// One worker with its router, and a clock that the test turns.
struct Worker {
    state: Arc<StateFile>,
    slot: usize,
    router: Router,
    ceiling: Boundary,
    ms: u64,
    draw: u64,
}

impl Worker {
    fn new(plan: &str) -> Self {
        Self::with_journal(plan, None)
    }

    fn with_journal(
        plan: &str,
        journal: Option<Arc<crate::shared::journal::JournalWriter>>,
    ) -> Self {
        let state = Arc::new(StateFile::anonymous(2, 16).unwrap());
        let slot = state.claim(Owner::new(10, 1).unwrap(), 0).unwrap();
        let setup = Setup::parse(plan.as_bytes(), None).unwrap();
        let router = Router::new(setup, Arc::clone(&state), slot, journal).unwrap();
        Self {
            state,
            slot,
            router,
            ceiling: Boundary::External,
            ms: 1_000_000,
            draw: 0,
        }
    }

    fn now(&self) -> Now {
        Now {
            mono_ns: self.ms * 1_000_000,
            wall_ns: 1_700_000_000_000_000_000 + self.ms * 1_000_000,
        }
    }

    fn decide_as(
        &self,
        body: &str,
        route: Route,
        headers: &[(&str, &str)],
    ) -> Result<Decision, DecideError> {
        let principal = Principal {
            name: "p".into(),
            key: 5,
            ceiling: self.ceiling,
        };
        let (now, draw) = (self.now(), self.draw);
        self.router.decide(&Ask {
            body: body.as_bytes(),
            principal: &principal,
            route,
            headers,
            now,
            draw,
        })
    }

    fn decide(&self) -> Result<Decision, DecideError> {
        self.decide_as(BODY, Route::Chat, &[])
    }

    /// Decides and settles at once.
    fn run(&self, outcome: Outcome) -> Result<u32, DecideError> {
        let decision = self.decide()?;
        let permit = decision.permit();
        permit.finish(&self.settlement(outcome));
        Ok(permit.deployment())
    }

    fn settlement(&self, outcome: Outcome) -> Settlement {
        Settlement {
            outcome,
            status: 0,
            retry_after_ms: 0,
            bytes_sent: 0,
            content_sent: false,
            now: self.now(),
        }
    }

    /// (deployment, reason) of the next permit, or the reason why there is none.
    fn next(
        &self,
        decision: &Decision,
        outcome: Outcome,
    ) -> Result<(u32, &'static str), &'static str> {
        match decision.next(&self.settlement(outcome), self.draw) {
            Some(permit) => Ok((permit.deployment(), permit.reason().code())),
            None => Err(decision.exhausted().unwrap().code()),
        }
    }

    fn in_flight(&self, deployment: u64) -> u64 {
        self.state
            .in_flight(self.state.find(deployment + 1).unwrap())
    }

    /// Opens the breaker of a model with one deployment.
    fn break_it(&self) {
        for _ in 0..5 {
            self.run(Outcome::ConnectFailed).unwrap();
        }
    }
}

fn first(decision: &Decision) -> (u32, &'static str) {
    let permit = decision.permit();
    (permit.deployment(), permit.reason().code())
}
