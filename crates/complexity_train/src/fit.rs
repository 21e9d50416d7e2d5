//! The regression itself: logistic, with a penalty on squared weights.

use crate::lbfgs::minimize;
use crate::{Axis, Dataset, Model, Options, Weights, BUCKETS};

/// The penalty on a number relative to that on a word. Numbers are dense and few, but they say
/// more about the kind of text than about this text, and mislead on kinds that were not seen.
const NUMBER_PENALTY: f64 = 10.0;
/// Length is the one signal that transfers between kinds of traffic: it is fitted freely, and the
/// words only explain what it leaves.
const LENGTH_PENALTY: f64 = 1e-6;

/// Fits the rows.
pub(crate) fn fit<M: Model<N>, const N: usize>(
    data: &Dataset<N>,
    rows: &[u32],
    options: &Options,
) -> Weights<N> {
    let l2 = options.l2 / rows.len().max(1) as f64;
    let mut axes = standards(data, rows);
    let numbers: Vec<[f64; N]> = rows
        .iter()
        .map(|row| places::<M, N>(&axes, data.numbers(*row)))
        .collect();
    let labels: Vec<f64> = rows
        .iter()
        .map(|row| options.label.of(data.outcome(*row)))
        .collect();
    let count = rows.len().max(1) as f64;
    let mean = labels.iter().sum::<f64>() / count;
    let mean = mean.clamp(1e-3, 1.0 - 1e-3);
    let mut start = vec![0.0; BUCKETS + N + 1];
    start[BUCKETS + N] = (mean / (1.0 - mean)).ln();

    let penalties: [f64; N] = std::array::from_fn(|at| {
        if at == M::LENGTH {
            LENGTH_PENALTY
        } else {
            l2 * NUMBER_PENALTY
        }
    });
    let point = minimize(start, |at, gradient| {
        gradient.fill(0.0);
        let mut loss = 0.0;
        for ((row, numbers), label) in rows.iter().zip(&numbers).zip(&labels) {
            let buckets = data.buckets(*row);
            let norm = 1.0 / (buckets.len().max(1) as f64).sqrt();
            let words: f64 = buckets.iter().map(|bucket| at[usize::from(*bucket)]).sum();
            let dense = at[BUCKETS..].iter().zip(numbers);
            let logit = at[BUCKETS + N]
                + words * norm
                + dense.map(|(weight, number)| weight * number).sum::<f64>();
            loss += softplus(logit) - label * logit;
            let pull = sigmoid(logit) - label;
            for bucket in buckets {
                gradient[usize::from(*bucket)] += pull * norm;
            }
            for (slot, number) in gradient[BUCKETS..].iter_mut().zip(numbers) {
                *slot += pull * number;
            }
            gradient[BUCKETS + N] += pull;
        }
        loss /= count;
        for (index, (slot, weight)) in gradient.iter_mut().zip(at).enumerate() {
            let penalty = match index.checked_sub(BUCKETS) {
                None => l2,
                // The bias is behind the numbers, and free.
                Some(number) => penalties.get(number).copied().unwrap_or(0.0),
            };
            *slot = *slot / count + penalty * weight;
            loss += 0.5 * penalty * weight * weight;
        }
        loss
    });
    for (axis, weight) in axes.iter_mut().zip(&point[BUCKETS..]) {
        axis.weight = *weight as f32;
    }
    Weights {
        bias: point[BUCKETS + N],
        words: point[..BUCKETS].to_vec(),
        axes,
    }
}

/// Means and deviations; a number that never varies gets no say.
fn standards<const N: usize>(data: &Dataset<N>, rows: &[u32]) -> [Axis; N] {
    let count = rows.len().max(1) as f64;
    std::array::from_fn(|at| {
        let values = || rows.iter().map(|row| f64::from(data.numbers(*row)[at]));
        let mean = values().sum::<f64>() / count;
        let variance = values().map(|value| (value - mean).powi(2)).sum::<f64>() / count;
        let deviation = variance.sqrt();
        Axis {
            mean: mean as f32,
            per_deviation: if deviation > 1e-6 {
                (1.0 / deviation) as f32
            } else {
                0.0
            },
            weight: 0.0,
        }
    })
}

fn places<M: Model<N>, const N: usize>(axes: &[Axis; N], numbers: &[f32; N]) -> [f64; N] {
    std::array::from_fn(|at| f64::from(M::place(&axes[at], numbers[at])))
}

fn softplus(logit: f64) -> f64 {
    logit.max(0.0) + (-logit.abs()).exp().ln_1p()
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
