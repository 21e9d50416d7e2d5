//! In which order the deployments of one group are tried.
//!
//! A strategy is a pure function of facts that the caller gathered: no clock, no shared memory, no
//! hidden state, so two workers that see the same facts and the same draw agree, and a table can
//! test it. The result is a whole order and not one winner, because the rest of the order is what
//! failover walks.
//!
//! A newcomer must not draw a burst. A deployment without a measured TTFT counts as the mean of
//! its group, and it is compared in pairs (power of two choices), so that its growing number of
//! requests in flight takes it out of the comparison before the first measurement arrives.

use crate::plan::Strategy;
use crate::types::Draws;

/// What a strategy may know about one deployment of a group.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Entry {
    /// The caller's handle, returned untouched.
    pub key: u32,
    /// Share among equals; 0 comes last.
    pub weight: f64,
    /// Rank under `priority`.
    pub order: i64,
    /// Requests in flight, over the host.
    pub in_flight: u32,
    /// Requests that wait inside the engine, whoever sent them; 0 when it does not say.
    pub waiting: u32,
    /// Time to first token, microseconds; `None` when it was not measured lately.
    pub ttft_us: Option<u32>,
    /// Tokens in the running minute.
    pub tokens: u64,
    /// Price of input plus output; `None` when unknown.
    pub price: Option<f64>,
    /// Filled by [`arrange`]: what the strategy compared, lowest first. Only explanations read it.
    pub score: f64,
    /// Filled by [`arrange`]: what decides between equal scores.
    pub tie: f64,
}

/// Puts the entries into the order in which they are tried.
pub fn arrange(strategy: Strategy, entries: &mut [Entry], draws: &mut Draws) {
    if entries.len() < 2 {
        return;
    }
    match strategy {
        Strategy::Latency => by_latency(entries, draws),
        Strategy::Weighted => by_score(entries, draws, |_| 0.0),
        Strategy::Priority => by_score(entries, draws, |entry| entry.order as f64),
        Strategy::LeastBusy => {
            by_score(entries, draws, |entry| {
                // Those of ours that wait count twice: a queue is worse than work in progress.
                let busy = f64::from(entry.in_flight + 1) + f64::from(entry.waiting);
                busy / entry.weight.max(f64::MIN_POSITIVE)
            });
        }
        Strategy::Usage => by_score(entries, draws, |entry| entry.tokens as f64),
        Strategy::Cost => by_score(entries, draws, |entry| entry.price.unwrap_or(f64::INFINITY)),
    }
}

/// Lowest score first; equals at random in proportion to weight.
///
/// An entry's arrival time in a race of exponential clocks, `-ln(u) / weight`, sorted ascending, is
/// a weighted draw without replacement: one number per entry instead of one walk per place.
fn by_score(entries: &mut [Entry], draws: &mut Draws, score: impl Fn(&Entry) -> f64) {
    for entry in &mut *entries {
        entry.score = score(entry);
        // A weight of 0 never arrives: after all others, in the order of the plan.
        entry.tie = if entry.weight > 0.0 {
            -draws.unit().ln() / entry.weight
        } else {
            f64::INFINITY
        };
    }
    entries.sort_unstable_by(|one, other| {
        let scores = one.score.total_cmp(&other.score);
        scores
            .then_with(|| one.tie.total_cmp(&other.tie))
            .then_with(|| one.key.cmp(&other.key))
    });
}

/// Two at random in proportion to weight, the better one goes first; again among the rest.
fn by_latency(entries: &mut [Entry], draws: &mut Draws) {
    let known = entries.iter().filter_map(|entry| entry.ttft_us);
    let (sum, count) = known.fold((0.0, 0u32), |(sum, count), ttft| {
        (sum + f64::from(ttft), count + 1)
    });
    // Nobody measured: any equal value leaves the comparison to the requests in flight.
    let newcomer = if count == 0 {
        1.0
    } else {
        sum / f64::from(count)
    };
    for entry in &mut *entries {
        // An average fades while nobody asks. Without a floor a deployment that was slow a while ago
        // would look instantaneous and take everything until its first answer.
        let ttft = entry
            .ttft_us
            .map_or(newcomer, f64::from)
            .max(newcomer / FASTEST_BELIEVED);
        entry.score = ttft * f64::from(entry.in_flight + 1);
    }
    for place in 0..entries.len() - 1 {
        let rest = &mut entries[place..];
        let one = pick(rest, None, draws);
        let other = pick(rest, Some(one), draws);
        // A weight of 0 comes after all others, however good it looks.
        let rivals = rest[other].weight > 0.0 || rest[one].weight <= 0.0;
        let better = if rivals && rest[other].score < rest[one].score {
            other
        } else {
            one
        };
        rest.swap(0, better);
    }
}

/// How many times faster than the mean of its group a deployment is believed to be.
const FASTEST_BELIEVED: f64 = 16.0;

/// One entry at random in proportion to weight, never `except`.
fn pick(entries: &[Entry], except: Option<usize>, draws: &mut Draws) -> usize {
    let weight = |(position, entry): (usize, &Entry)| {
        if Some(position) == except {
            0.0
        } else {
            entry.weight
        }
    };
    let total: f64 = entries.iter().enumerate().map(weight).sum();
    if total > 0.0 {
        let mut left = draws.unit() * total;
        for (position, entry) in entries.iter().enumerate() {
            left -= weight((position, entry));
            if left < 0.0 {
                return position;
            }
        }
    }
    // Only weights of 0 are left (or the sum rounded): the first that may be taken.
    (0..entries.len())
        .find(|position| Some(*position) != except)
        .unwrap_or(0)
}

#[cfg(test)]
mod tests;
