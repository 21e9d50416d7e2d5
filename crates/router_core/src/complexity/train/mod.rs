//! Learning a scorer from outcomes: which prompts the weak model failed and the strong one did not.
//!
//! What is learned is the gain of asking the stronger model, not difficulty: a question that both
//! fail is hard and gains nothing. The default label is the whole gap, 1 where only the strong
//! model is right, 0 where only the weak one is, one half where the models agree; the score then
//! orders prompts by expected gain, which is what the threshold spends money on. `label: "gain"`
//! is the plain one (only-strong against the rest).
//!
//! Whether the file may be loaded is decided by samples that its weights had not seen: the samples
//! are cut into slices, and each is scored by weights fitted on the others (by time: only the last
//! slice is). The weights of the file are then fitted on all samples, because labels are what is
//! scarce. The penalty is fixed, not chosen by looking at the samples.
//!
//! Same samples, options and seed give the same file. Nothing here runs on the path of a request.

mod dataset;
mod evaluate;
mod fit;
mod lbfgs;
mod options;
mod split;

use dataset::Dataset;
use fit::{fit, Fitted};

use super::features::NAMES;
use super::file::{HeldOut, Training};
use super::scorer::Scorer;
use crate::types::Draws;

pub use evaluate::{apgr, bootstrap_margin, Outcome};
pub use options::{Label, Options, Split};

/// One prompt and whether each model answered it well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample<'a> {
    /// What was asked.
    pub prompt: &'a str,
    /// Whether the weak model's answer was good enough.
    pub weak: bool,
    /// Whether the strong model's was.
    pub strong: bool,
    /// Subject, route, tenant…: what an unseen kind of traffic would differ in. Empty: none.
    pub group: &'a str,
}

/// Why nothing was learned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrainError {
    /// Stable: `too_few`, `no_gap`, `no_groups`, `bad_options`.
    pub code: &'static str,
    /// One sentence for a person.
    pub message: String,
}

impl std::fmt::Display for TrainError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for TrainError {}

impl TrainError {
    fn new(code: &'static str, message: impl Into<String>) -> Self {
        Self {
            code,
            message: message.into(),
        }
    }
}

/// Fewer samples, or fewer of a kind, teach nothing.
const MIN_SAMPLES: usize = 100;
const MIN_GAINS: usize = 10;
const UNSEEN_FOLDS: usize = 5;

/// Learns a scorer. The result holds its own held-out figures; whether it may be used is decided
/// where it is loaded.
pub fn train(samples: &[Sample<'_>], seed: u64, options: &Options) -> Result<Scorer, TrainError> {
    options.check()?;
    let data = Dataset::read(samples, options.label);
    let all: Vec<u32> = (0..data.len() as u32).collect();
    enough(&data, &all)?;
    let mut draws = Draws::new(seed);

    let folds = split::slices(&data, &all, options.split, options.held_out, &mut draws)?;
    let slices = held_out(&data, &all, &folds, options.l2);
    let figures = judged(&data, &slices, options.split, &mut draws)?;
    let unseen = unseen_groups(&data, &all, options, &mut draws);
    Ok(scorer_of(
        &fit(&data, &all, options.l2),
        Training {
            features: NAMES.iter().map(|name| (*name).to_owned()).collect(),
            samples: data.len() as u64,
            duplicates: (samples.len() - data.len()) as u64,
            gains: data.gains(&all) as u64,
            losses: data.losses(&all) as u64,
            label: options.label.name().to_owned(),
            seed,
            l2: options.l2,
            held_out: figures,
            unseen_groups: unseen,
            quantiles: evaluate::quantiles(slices.iter().flat_map(|slice| &slice.scores), 33),
        },
    ))
}

/// A scorer whose id is that of its file.
fn scorer_of(fitted: &Fitted, training: Training) -> Scorer {
    let mut scorer = fitted.quantized();
    scorer.training = training;
    let file = scorer.encode();
    // The checksum stands in the header, where loading finds it too.
    let crc = file.get(16..20).and_then(|four| four.try_into().ok());
    scorer.id = crc.map_or(1, u32::from_le_bytes).max(1);
    scorer
}

fn enough(data: &Dataset, rows: &[u32]) -> Result<(), TrainError> {
    let (gains, losses) = (data.gains(rows), data.losses(rows));
    if rows.len() < MIN_SAMPLES || gains < MIN_GAINS || rows.len() - gains < MIN_GAINS {
        return Err(TrainError::new(
            "too_few",
            format!(
                "{} different prompts, {gains} of them answered well by the strong model only: \
                 at least {MIN_SAMPLES} are needed, {MIN_GAINS} of them with such a gain and as \
                 many without",
                rows.len()
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

/// Rows that were held out together, with the scores of weights fitted without them.
struct Slice {
    rows: Vec<u32>,
    scores: Vec<f32>,
}

/// Scores each slice with weights that were fitted without it.
fn held_out(data: &Dataset, all: &[u32], folds: &[usize], l2: f64) -> Vec<Slice> {
    let numbers = folds.iter().filter(|fold| **fold != split::NEVER);
    let count = numbers.max().map_or(0, |last| last + 1);
    let mut slices = Vec::with_capacity(count);
    for slice in 0..count {
        let (rest, rows) = split::part(all, folds, slice);
        let scores = fit(data, &rest, l2).scores(data, &rows);
        slices.push(Slice { rows, scores });
    }
    slices
}

/// What to expect of groups that were never seen; `None` with fewer groups than slices, or when
/// they allow no comparison.
fn unseen_groups(
    data: &Dataset,
    all: &[u32],
    options: &Options,
    draws: &mut Draws,
) -> Option<HeldOut> {
    if data.groups() < UNSEEN_FOLDS || options.split == Split::Groups {
        return None;
    }
    let share = 1.0 / UNSEEN_FOLDS as f64;
    let folds = split::slices(data, all, Split::Groups, share, draws).ok()?;
    let slices = held_out(data, all, &folds, options.l2);
    judged(data, &slices, Split::Groups, draws).ok()
}

/// The figures of held-out slices, beside the heuristic's and those of length: means over slices,
/// because scores of different weights have no common scale (classes are shares of the traffic, so
/// only the order within a slice counts). Slices without a gap say nothing and are left out.
fn judged(
    data: &Dataset,
    slices: &[Slice],
    split: Split,
    draws: &mut Draws,
) -> Result<HeldOut, TrainError> {
    let mut sum = HeldOut {
        split: split.name().to_owned(),
        ..HeldOut::default()
    };
    let (mut count, mut variance) = (0.0, 0.0);
    for Slice { rows, scores } in slices {
        let outcomes = data.outcomes(rows);
        let length = data.lengths(rows);
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
        variance += bootstrap_margin(scores, &length, &outcomes, &clusters, draws).powi(2);
        count += 1.0;
        sum.samples += rows.len() as u64;
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
