//! The regression itself.

use super::dataset::Dataset;
use super::lbfgs::minimize;
use crate::complexity::features::{LENGTH, NUMBERS};
use crate::complexity::file::Training;
use crate::complexity::scorer::{Axis, Scorer, BUCKETS};

/// The penalty on a number relative to that on a word. Numbers are dense and few, but they say
/// more about the kind of text than about this text, and mislead on kinds that were not seen.
const NUMBER_PENALTY: f64 = 10.0;
/// Length is the one signal that transfers between kinds of traffic: it is fitted freely, and the
/// words only explain what it leaves.
const LENGTH_PENALTY: f64 = 1e-6;

/// Weights before they are rounded to a file.
pub(super) struct Fitted {
    words: Vec<f64>,
    axes: [Axis; NUMBERS],
    bias: f64,
}

/// Fits the rows; `l2` as in the options.
pub(super) fn fit(data: &Dataset, rows: &[u32], l2: f64) -> Fitted {
    let l2 = l2 / rows.len().max(1) as f64;
    let mut axes = standards(data, rows);
    let numbers: Vec<[f64; NUMBERS]> = rows.iter().map(|row| place(&axes, data, *row)).collect();
    let count = rows.len().max(1) as f64;
    let mean = rows.iter().map(|row| data.label(*row)).sum::<f64>() / count;
    let mean = mean.clamp(1e-3, 1.0 - 1e-3);
    let mut start = vec![0.0; BUCKETS + NUMBERS + 1];
    start[BUCKETS + NUMBERS] = (mean / (1.0 - mean)).ln();

    let penalties: [f64; NUMBERS] = std::array::from_fn(|at| match at {
        LENGTH => LENGTH_PENALTY,
        _ => l2 * NUMBER_PENALTY,
    });
    let point = minimize(start, |at, gradient| {
        gradient.fill(0.0);
        let mut loss = 0.0;
        for (row, numbers) in rows.iter().zip(&numbers) {
            let buckets = data.buckets(*row);
            let norm = 1.0 / (buckets.len().max(1) as f64).sqrt();
            let words: f64 = buckets.iter().map(|bucket| at[usize::from(*bucket)]).sum();
            let dense = at[BUCKETS..].iter().zip(numbers);
            let logit = at[BUCKETS + NUMBERS]
                + words * norm
                + dense.map(|(weight, number)| weight * number).sum::<f64>();
            let label = data.label(*row);
            loss += softplus(logit) - label * logit;
            let pull = sigmoid(logit) - label;
            for bucket in buckets {
                gradient[usize::from(*bucket)] += pull * norm;
            }
            for (slot, number) in gradient[BUCKETS..].iter_mut().zip(numbers) {
                *slot += pull * number;
            }
            gradient[BUCKETS + NUMBERS] += pull;
        }
        loss /= count;
        for (index, (slot, weight)) in gradient.iter_mut().zip(at).enumerate() {
            let penalty = match index.checked_sub(BUCKETS) {
                None => l2,
                Some(NUMBERS) => 0.0,
                Some(number) => penalties[number],
            };
            *slot = *slot / count + penalty * weight;
            loss += 0.5 * penalty * weight * weight;
        }
        loss
    });
    for (axis, weight) in axes.iter_mut().zip(&point[BUCKETS..]) {
        axis.weight = *weight as f32;
    }
    Fitted {
        bias: point[BUCKETS + NUMBERS],
        words: point[..BUCKETS].to_vec(),
        axes,
    }
}

impl Fitted {
    /// The scorer that a file of this fit holds; its record is still empty.
    pub(super) fn quantized(&self) -> Scorer {
        let largest = self
            .words
            .iter()
            .fold(0.0, |most: f64, it| most.max(it.abs()));
        let scale = (largest / f64::from(i16::MAX)).max(1e-30);
        let mut weights = Box::new([0i16; BUCKETS]);
        for (slot, weight) in weights.iter_mut().zip(&self.words) {
            *slot = (weight / scale).round() as i16;
        }
        Scorer {
            weights,
            scale: scale as f32,
            axes: self.axes,
            bias: self.bias as f32,
            training: Training::default(),
            id: 1,
        }
    }

    /// Scores of some rows, computed with the weights as a file holds them.
    pub(super) fn scores(&self, data: &Dataset, rows: &[u32]) -> Vec<f32> {
        let scorer = self.quantized();
        let score = |row: &u32| {
            let buckets = data.buckets(*row);
            let weights = buckets
                .iter()
                .map(|it| i64::from(scorer.weights[usize::from(*it)]));
            let root = (buckets.len().max(1) as f32).sqrt();
            let words = weights.sum::<i64>() as f32 * scorer.scale / root;
            scorer.score(data.features(*row), words)
        };
        rows.iter().map(score).collect()
    }
}

/// Means and deviations; a number that never varies gets no say.
fn standards(data: &Dataset, rows: &[u32]) -> [Axis; NUMBERS] {
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

fn place(axes: &[Axis; NUMBERS], data: &Dataset, row: u32) -> [f64; NUMBERS] {
    let numbers = data.numbers(row);
    std::array::from_fn(|at| f64::from(axes[at].standard(numbers[at])))
}

fn softplus(logit: f64) -> f64 {
    logit.max(0.0) + (-logit.abs()).exp().ln_1p()
}

fn sigmoid(logit: f64) -> f64 {
    1.0 / (1.0 + (-logit).exp())
}
