//! How good an order of prompts is: the figures that routers are compared by.

use crate::Draw;

/// Whether each model answered one prompt well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Outcome {
    /// The weak model.
    pub weak: bool,
    /// The strong model.
    pub strong: bool,
}

impl Outcome {
    fn gap(self) -> f64 {
        f64::from(u8::from(self.strong)) - f64::from(u8::from(self.weak))
    }
}

const RESAMPLES: usize = 400;

/// Average performance gap recovered: prompts go to the strong model in descending order of score;
/// the area under (gap recovered) over (share of strong calls). A random order has 0.5 on average;
/// an oracle exceeds 1. Equal scores count as their average over all orders. `None` when the strong
/// model is not better in all.
pub fn apgr(scores: &[f32], outcomes: &[Outcome]) -> Option<f64> {
    let ones = vec![1; scores.len()];
    let (area, gap) = weighted(&Ranking::of(scores, outcomes), &ones);
    (gap > 0.0).then(|| area / gap)
}

/// The standard error of APGR(first) - APGR(second): both areas are computed on the same resamples
/// of whole `clusters` (one number per sample; equal numbers are drawn together) and divided by the
/// gap of all samples: the gap of a few clusters can be next to nothing, and a ratio to it says
/// nothing. A number larger than any margin where there are fewer than two clusters, or no gap.
pub fn bootstrap_margin(
    first: &[f32],
    second: &[f32],
    outcomes: &[Outcome],
    clusters: &[u32],
    draw: &mut Draw<'_>,
) -> f64 {
    let (first, second) = (Ranking::of(first, outcomes), Ranking::of(second, outcomes));
    let mut names: Vec<u32> = clusters.to_vec();
    names.sort_unstable();
    names.dedup();
    let place = |name: &u32| names.binary_search(name).unwrap_or(0);
    let cluster_of: Vec<usize> = clusters.iter().map(place).collect();
    let mut margins = Vec::with_capacity(RESAMPLES);
    let mut times = vec![0u32; names.len()];
    for _ in 0..RESAMPLES {
        times.fill(0);
        for _ in 0..names.len() {
            times[draw(names.len())] += 1;
        }
        let weights: Vec<u32> = cluster_of.iter().map(|cluster| times[*cluster]).collect();
        let (first, second) = (weighted(&first, &weights), weighted(&second, &weights));
        margins.push(first.0 - second.0);
    }
    let gap = outcomes.iter().map(|outcome| outcome.gap()).sum::<f64>() / outcomes.len() as f64;
    if names.len() < 2 || gap <= 0.0 || gap.is_nan() {
        return UNKNOWN;
    }
    deviation(&margins) / gap
}

/// `count` quantiles of the scores, from the lowest to the highest.
pub(crate) fn quantiles<'s>(scores: impl Iterator<Item = &'s f32>, count: usize) -> Vec<f32> {
    let mut sorted: Vec<f32> = scores.copied().collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let last = sorted.len().saturating_sub(1);
    let places = (0..count).map(|at| last * at / (count - 1).max(1));
    places
        .filter_map(|place| sorted.get(place).copied())
        .collect()
}

/// Samples in descending order of score; `end` marks the last of equal ones.
struct Ranking {
    order: Vec<u32>,
    end: Vec<bool>,
    gaps: Vec<f64>,
}

impl Ranking {
    fn of(scores: &[f32], outcomes: &[Outcome]) -> Self {
        let mut order: Vec<u32> = (0..scores.len().min(outcomes.len()) as u32).collect();
        let score = |at: u32| scores[at as usize];
        order.sort_by(|left, right| score(*right).total_cmp(&score(*left)));
        let next = order.iter().skip(1).map(|at| Some(score(*at)));
        let end = order
            .iter()
            .zip(next.chain([None]))
            .map(|(at, next)| next != Some(score(*at)))
            .collect();
        let gaps = outcomes.iter().map(|outcome| outcome.gap()).collect();
        Self { order, end, gaps }
    }
}

/// Area under the recovered gap and whole gap, both per sample, where sample `i` counts
/// `weights[i]` times.
fn weighted(ranking: &Ranking, weights: &[u32]) -> (f64, f64) {
    let (mut area, mut recovered, mut total) = (0.0, 0.0, 0.0);
    let (mut tied, mut tied_weight) = (0.0, 0.0);
    for (at, end) in ranking.order.iter().zip(&ranking.end) {
        let weight = f64::from(weights[*at as usize]);
        tied += ranking.gaps[*at as usize] * weight;
        tied_weight += weight;
        if *end {
            area += (recovered + tied / 2.0) * tied_weight;
            recovered += tied;
            total += tied_weight;
            (tied, tied_weight) = (0.0, 0.0);
        }
    }
    let total = f64::max(total, 1.0);
    (area / total / total, recovered / total)
}

/// A number larger than any margin, so that nothing is concluded from it; finite for JSON.
const UNKNOWN: f64 = 1e9;

/// The standard deviation; [`UNKNOWN`] for fewer than two values.
fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return UNKNOWN;
    }
    let mean = values.iter().sum::<f64>() / values.len() as f64;
    let squares = values.iter().map(|value| (value - mean).powi(2));
    (squares.sum::<f64>() / (values.len() - 1) as f64).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::draws;

    fn outcomes(text: &str) -> Vec<Outcome> {
        // S: only strong right, W: only weak right, anything else: both the same.
        let one = |letter| Outcome {
            weak: letter == 'W',
            strong: letter == 'S',
        };
        text.chars().map(one).collect()
    }

    #[test]
    fn known_orders_have_known_areas() {
        let all = outcomes("S-S-");
        // Perfect: the curve rises 0.5, 1, 1, 1 over quarters.
        assert_eq!(apgr(&[4.0, 2.0, 3.0, 1.0], &all), Some(0.75));
        assert_eq!(apgr(&[1.0, 3.0, 2.0, 4.0], &all), Some(0.25));
        // Equal scores say nothing: one half, whatever the order of the samples.
        assert_eq!(apgr(&[1.0; 4], &all), Some(0.5));
        assert_eq!(apgr(&[1.0; 4], &outcomes("W-W-")), None);
        assert_eq!(apgr(&[], &[]), None);
    }

    #[test]
    fn an_oracle_exceeds_one_where_the_weak_model_is_sometimes_alone_right() {
        let scores = [3.0, 3.0, 3.0, 2.0, 2.0, 1.0];
        assert!(apgr(&scores, &outcomes("SSS--W")).is_some_and(|area| area > 0.9));
    }

    #[test]
    fn a_margin_against_itself_has_no_error() {
        let all = outcomes(&"S-W-S-SS".repeat(20));
        let scores: Vec<f32> = (0..all.len()).map(|at| (at * 7 % 31) as f32).collect();
        let clusters: Vec<u32> = (0..all.len() as u32).collect();
        let error = bootstrap_margin(&scores, &scores, &all, &clusters, &mut draws(1));
        assert_eq!(error, 0.0);
        assert_eq!(deviation(&[1.0]), UNKNOWN);
    }
}
