//! The breaker's numbers. Defaults fit traffic of few, long calls: a window of a minute instead of
//! the usual ten seconds, because ten seconds may hold two requests.

use serde::Deserialize;

use crate::types::Outcome;

/// The breaker's part of a configuration. All durations are milliseconds, down to 1.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct BreakerConfig {
    /// Whether breakers may refuse; they count in any case.
    pub enabled: bool,
    /// Hard failures in a row that open the breaker; 1 to 63, values outside are brought inside.
    pub consecutive: u32,
    /// The same where the last of them was a limit of time; 0: as many.
    pub consecutive_timeouts: u32,
    /// Length of the sliding window.
    pub window_ms: u64,
    /// Samples in the window below which it says nothing.
    pub window_min: u32,
    /// Percentage of successes in the window below which the breaker opens.
    pub window_percent: u32,
    /// How long the first opening lasts; each further one lasts twice as long.
    pub open_ms: u64,
    /// The longest opening, before jitter.
    pub open_max_ms: u64,
    /// How long a probe has to answer before another one may try.
    pub lease_ms: u64,
    /// How long the share of traffic takes to grow back to all of it.
    pub ramp_ms: u64,
    /// How long a deployment cools after a 429 that does not say.
    pub throttle_ms: u64,
    /// How long a rejected credential stays disabled.
    pub credential_ms: u64,
    /// How long a credential without credit stays disabled.
    pub credit_ms: u64,
    /// The longest wait that an upstream can ask for.
    pub retry_after_max_ms: u64,
}

impl BreakerConfig {
    /// Hard failures in a row that open the breaker, the last of which ended so.
    pub(super) fn patience(&self, outcome: Outcome) -> u32 {
        let timed_out = matches!(
            outcome,
            Outcome::FirstTokenTimeout | Outcome::Stalled | Outcome::TotalTimeout
        );
        match self.consecutive_timeouts {
            count if timed_out && count > 0 => count,
            _ => self.consecutive,
        }
    }
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self {
            enabled: true,
            consecutive: 5,
            consecutive_timeouts: 0,
            window_ms: 60_000,
            window_min: 10,
            window_percent: 50,
            open_ms: 5_000,
            open_max_ms: 300_000,
            lease_ms: 30_000,
            ramp_ms: 30_000,
            throttle_ms: 1_000,
            credential_ms: 60_000,
            credit_ms: 300_000,
            retry_after_max_ms: 3_600_000,
        }
    }
}
