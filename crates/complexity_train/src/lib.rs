//! Learning a scorer from outcomes: which prompts the weak model failed and the strong one did not.
//!
//! What is learned is the gain of asking the stronger model, not difficulty: a question that both
//! fail is hard and gains nothing. The default label is the whole gap, 1 where only the strong
//! model is right, 0 where only the weak one is, one half where the models agree; the score then
//! orders prompts by expected gain, which is what the threshold spends money on. `label: "gain"`
//! is the plain one (only-strong against the rest).
//!
//! Whether the result may be used is decided by samples that its weights had not seen: the samples
//! are cut into slices, and each is scored by weights fitted on the others (by time: only the last
//! slice is). The weights of the result are then fitted on all samples, because labels are what is
//! scarce. The penalty is fixed, not chosen by looking at the samples.
//!
//! A crate of its own, because learning happens offline and the gateway scores on the path of every
//! request: what serves does not carry this along. The crate knows rows: numbers of buckets, dense
//! numbers, outcomes, groups. What a prompt's row is, how weights are rounded and how they score is
//! handed in as a [`Model`], so that what is judged here is what is served there.
//!
//! Same rows, options and random numbers give the same result. Nothing here does I/O, reads a clock,
//! starts a thread or makes a random number.
#![forbid(unsafe_code)]

mod dataset;
mod error;
mod evaluate;
mod fit;
mod judge;
mod lbfgs;
mod model;
mod options;
mod split;

#[cfg(test)]
mod tests;

pub use dataset::{Dataset, Row};
pub use error::TrainError;
pub use evaluate::{apgr, bootstrap_margin, Outcome};
pub use judge::Figures;
pub use model::{Axis, Model, Weights, BUCKETS};
pub use options::{Label, Options, Split};

use fit::fit;

/// Random numbers: answers a number below the bound, uniform, and 0 for a bound of 0.
pub type Draw<'d> = dyn FnMut(usize) -> usize + 'd;

/// What was learned, and what is known of it.
#[derive(Debug, Clone)]
pub struct Learned<M> {
    /// Fitted on all rows.
    pub model: M,
    /// Rows that only the strong model answered well.
    pub gains: usize,
    /// Rows that only the weak model answered well.
    pub losses: usize,
    /// Reached on held-out rows by weights fitted without them.
    pub held_out: Figures,
    /// The same on groups that were never seen; `None` where there are too few groups to say so, or
    /// where `held_out` is already that.
    pub unseen_groups: Option<Figures>,
    /// 33 quantiles of the held-out scores, from the lowest to the highest.
    pub quantiles: Vec<f32>,
}

/// Fewer samples, or fewer of a kind, teach nothing.
const MIN_SAMPLES: usize = 100;
const MIN_GAINS: usize = 10;
const QUANTILES: usize = 33;

/// Learns a model and judges it on held-out rows; whether it may be used is the caller's to decide.
/// Errors: `bad_options`, `too_few`, `no_gap`, `no_groups`.
pub fn learn<M: Model<N>, const N: usize>(
    data: &Dataset<N>,
    options: &Options,
    draw: &mut Draw<'_>,
) -> Result<Learned<M>, TrainError> {
    options.check()?;
    let all: Vec<u32> = (0..data.len() as u32).collect();
    let (gains, losses) = (data.gains(), data.losses());
    enough(all.len(), gains, losses)?;

    let folds = split::slices(data, &all, options.split, options.held_out, draw)?;
    let slices = judge::held_out::<M, N>(data, &all, &folds, options);
    let held_out = judge::figures::<M, N>(data, &slices, options.split, draw)?;
    let unseen_groups = judge::unseen_groups::<M, N>(data, &all, options, draw);
    let scores = slices.iter().flat_map(|slice| &slice.scores);
    Ok(Learned {
        gains,
        losses,
        held_out,
        unseen_groups,
        quantiles: evaluate::quantiles(scores, QUANTILES),
        model: M::of(&fit::<M, N>(data, &all, options)),
    })
}

fn enough(rows: usize, gains: usize, losses: usize) -> Result<(), TrainError> {
    if rows < MIN_SAMPLES || gains < MIN_GAINS || rows - gains < MIN_GAINS {
        return Err(TrainError::new(
            "too_few",
            format!(
                "{rows} different prompts, {gains} of them answered well by the strong model only: \
                 at least {MIN_SAMPLES} are needed, {MIN_GAINS} of them with such a gain and as \
                 many without"
            ),
        ));
    }
    if gains <= losses {
        return Err(TrainError::new(
            "no_gap",
            format!(
                "the strong model is alone right {gains} times, the weak one {losses} times: \
                 there is no gap to learn; are weak and strong exchanged?"
            ),
        ));
    }
    Ok(())
}
