//! What a training may promise: figures of rows that the weights had not seen.

use crate::evaluate::{apgr, bootstrap_margin};
use crate::fit::fit;
use crate::{split, Dataset, Draw, Model, Options, Split, TrainError};

const UNSEEN_FOLDS: usize = 5;

/// What was reached on held-out rows, beside what it is compared with. APGR: area under (share of
/// the quality gap recovered) over (share of strong calls); chance 0.5.
#[derive(Debug, Clone, PartialEq)]
pub struct Figures {
    /// How the rows were set aside.
    pub split: Split,
    /// How many they are.
    pub samples: usize,
    /// Share that the weak model answered well.
    pub weak: f64,
    /// Share that the strong model answered well.
    pub strong: f64,
    /// APGR of the learned score.
    pub learned: f64,
    /// APGR of the documented heuristic.
    pub heuristic: f64,
    /// APGR of the length of the prompt.
    pub length: f64,
    /// Learned less length.
    pub margin: f64,
    /// Standard error of the margin: paired bootstrap over the rows, or over groups where the rows
    /// were set aside by group.
    pub margin_error: f64,
}

/// Rows that were held out together, with the scores of weights fitted without them.
pub(crate) struct Slice {
    rows: Vec<u32>,
    pub(crate) scores: Vec<f32>,
}

/// Scores each slice with weights that were fitted without it.
pub(crate) fn held_out<M: Model<N>, const N: usize>(
    data: &Dataset<N>,
    all: &[u32],
    folds: &[usize],
    options: &Options,
) -> Vec<Slice> {
    let numbers = folds.iter().filter(|fold| **fold != split::NEVER);
    let count = numbers.max().map_or(0, |last| last + 1);
    let mut slices = Vec::with_capacity(count);
    for slice in 0..count {
        let (rest, rows) = split::part(all, folds, slice);
        let model = M::of(&fit::<M, N>(data, &rest, options));
        let score = |row: &u32| model.score(data.buckets(*row), data.numbers(*row));
        let scores = rows.iter().map(score).collect();
        slices.push(Slice { rows, scores });
    }
    slices
}

/// What to expect of groups that were never seen; `None` with fewer groups than slices, or when
/// they allow no comparison.
pub(crate) fn unseen_groups<M: Model<N>, const N: usize>(
    data: &Dataset<N>,
    all: &[u32],
    options: &Options,
    draw: &mut Draw<'_>,
) -> Option<Figures> {
    if data.groups() < UNSEEN_FOLDS || options.split == Split::Groups {
        return None;
    }
    let share = 1.0 / UNSEEN_FOLDS as f64;
    let folds = split::slices(data, all, Split::Groups, share, draw).ok()?;
    let slices = held_out::<M, N>(data, all, &folds, options);
    figures::<M, N>(data, &slices, Split::Groups, draw).ok()
}

/// The figures of held-out slices: means over slices, because scores of different weights have no
/// common scale (classes are shares of the traffic, so only the order within a slice counts).
/// Slices without a gap say nothing and are left out.
pub(crate) fn figures<M: Model<N>, const N: usize>(
    data: &Dataset<N>,
    slices: &[Slice],
    split: Split,
    draw: &mut Draw<'_>,
) -> Result<Figures, TrainError> {
    let mut sum = Figures {
        split,
        samples: 0,
        weak: 0.0,
        strong: 0.0,
        learned: 0.0,
        heuristic: 0.0,
        length: 0.0,
        margin: 0.0,
        margin_error: 0.0,
    };
    let (mut count, mut variance) = (0.0, 0.0);
    for Slice { rows, scores } in slices {
        let outcomes = data.outcomes(rows);
        let length = data.column(M::LENGTH, rows);
        let heuristic = data.heuristics(rows);
        let (Some(learned), Some(by_length), Some(heuristic)) = (
            apgr(scores, &outcomes),
            apgr(&length, &outcomes),
            apgr(&heuristic, &outcomes),
        ) else {
            continue;
        };
        let clusters = match split {
            Split::Groups => data.group_numbers(rows),
            Split::Random | Split::Time => (0..rows.len() as u32).collect(),
        };
        variance += bootstrap_margin(scores, &length, &outcomes, &clusters, draw).powi(2);
        count += 1.0;
        sum.samples += rows.len();
        sum.weak += outcomes.iter().filter(|it| it.weak).count() as f64;
        sum.strong += outcomes.iter().filter(|it| it.strong).count() as f64;
        sum.learned += learned;
        sum.heuristic += heuristic;
        sum.length += by_length;
    }
    if count == 0.0 {
        let message = "on the held-out samples the strong model is not better: nothing to compare";
        return Err(TrainError::new("no_gap", message));
    }
    let samples = sum.samples as f64;
    (sum.weak, sum.strong) = (sum.weak / samples, sum.strong / samples);
    sum.learned /= count;
    sum.heuristic /= count;
    sum.length /= count;
    sum.margin = sum.learned - sum.length;
    sum.margin_error = variance.sqrt() / count;
    Ok(sum)
}
