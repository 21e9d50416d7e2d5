//! From samples to a scorer: prompts become rows, what was learned becomes a file's content.
//!
//! How to learn is `complexity_train`'s, a crate that never sees a prompt; what a prompt's row is,
//! how weights are rounded and how they score stays here, handed in as a [`Model`]. So a figure in
//! the record of a file is that of the score which requests will get.
//!
//! Compiled for tests and with the `python` feature only: nothing on the path of a request may
//! need what is here.

use std::collections::{HashMap, HashSet};

use complexity_train::{learn, Axis as Fitted, Dataset, Draw, Figures, Model, Row, Weights};

use super::features::{Facts, Features, LENGTH, NAMES, NUMBERS};
use super::file::{HeldOut, Training};
use super::heuristic::heuristic;
use super::measure::read;
use super::reader::Tokens;
use super::scorer::{Axis, Presence, Scorer, BUCKETS};
use crate::types::Draws;

pub use complexity_train::{Options, Outcome, TrainError};

/// One prompt and whether each model answered it well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sample<'a> {
    /// What was asked.
    pub prompt: &'a str,
    /// Which models' answers were good enough.
    pub outcome: Outcome,
    /// Subject, route, tenant…: what an unseen kind of traffic would differ in. Empty: none.
    pub group: &'a str,
}

/// Learns a scorer. The result holds its own held-out figures; whether it may be used is decided
/// where it is loaded. Same samples, options and seed give the same file.
pub fn train(samples: &[Sample<'_>], seed: u64, options: &Options) -> Result<Scorer, TrainError> {
    let data = rows(samples);
    let mut draws = Draws::new(seed);
    let draw: &mut Draw<'_> = &mut |bound| draws.below(bound);
    let learned = learn::<Scorer, NUMBERS>(&data, options, draw)?;
    let mut scorer = learned.model;
    scorer.training = Training {
        features: NAMES.iter().map(|name| (*name).to_owned()).collect(),
        samples: data.len() as u64,
        duplicates: (samples.len() - data.len()) as u64,
        gains: learned.gains as u64,
        losses: learned.losses as u64,
        label: options.label.name().to_owned(),
        seed,
        l2: options.l2,
        held_out: record(learned.held_out),
        unseen_groups: learned.unseen_groups.map(record),
        quantiles: learned.quantiles,
    };
    let file = scorer.encode();
    // The checksum stands in the header, where loading finds it too.
    let crc = file.get(16..20).and_then(|four| four.try_into().ok());
    scorer.id = crc.map_or(1, u32::from_le_bytes).max(1);
    Ok(scorer)
}

/// A row for each different prompt.
fn rows(samples: &[Sample<'_>]) -> Dataset<NUMBERS> {
    let mut data = Dataset::default();
    let mut seen = HashSet::new();
    let mut groups = HashMap::new();
    let mut buckets = Vec::new();
    for sample in samples {
        if seen.insert(sample.prompt.trim()) {
            let next = groups.len() as u32;
            let group = *groups.entry(sample.group).or_insert(next);
            buckets.clear();
            let features = gather(sample.prompt, &mut buckets);
            data.push(Row {
                buckets: &buckets,
                numbers: features.numbers,
                heuristic: heuristic(&features),
                outcome: sample.outcome,
                group,
            });
        }
    }
    data
}

/// The numbers of a prompt, and the buckets of its words, each once.
fn gather(prompt: &str, buckets: &mut Vec<u16>) -> Features {
    let mut distinct = Distinct {
        presence: Presence::new(),
        buckets,
    };
    let text = prompt.as_bytes();
    let pieces = std::iter::once(text);
    let (features, _) = read(pieces, text.len(), 0, &Facts::default(), &mut distinct);
    features
}

struct Distinct<'b> {
    presence: Presence,
    buckets: &'b mut Vec<u16>,
}

impl Tokens for Distinct<'_> {
    fn token(&mut self, bucket: u16) {
        if self.presence.insert(bucket) {
            self.buckets.push(bucket);
        }
    }
}

/// The scorer that a file of these weights holds; its record is still empty.
impl Model<NUMBERS> for Scorer {
    const LENGTH: usize = LENGTH;

    fn place(axis: &Fitted, number: f32) -> f32 {
        Axis::from(*axis).standard(number)
    }

    fn of(fitted: &Weights<NUMBERS>) -> Self {
        let sizes = fitted.words.iter().map(|weight| weight.abs());
        let largest = sizes.fold(0.0, f64::max);
        let scale = (largest / f64::from(i16::MAX)).max(1e-30);
        let mut weights = Box::new([0i16; BUCKETS]);
        for (slot, weight) in weights.iter_mut().zip(&fitted.words) {
            *slot = (weight / scale).round() as i16;
        }
        Self {
            weights,
            scale: scale as f32,
            axes: fitted.axes.map(Axis::from),
            bias: fitted.bias as f32,
            training: Training::default(),
            id: 1,
        }
    }

    fn score(&self, buckets: &[u16], numbers: &[f32; NUMBERS]) -> f32 {
        let weights = buckets
            .iter()
            .map(|bucket| i64::from(self.weights[usize::from(*bucket)]));
        let words = self.words(weights.sum(), buckets.len() as i64);
        let features = Features { numbers: *numbers };
        Scorer::score(self, &features, words)
    }
}

impl From<Fitted> for Axis {
    fn from(fitted: Fitted) -> Self {
        Self {
            mean: fitted.mean,
            per_deviation: fitted.per_deviation,
            weight: fitted.weight,
        }
    }
}

fn record(figures: Figures) -> HeldOut {
    HeldOut {
        split: figures.split.name().to_owned(),
        samples: figures.samples as u64,
        weak: figures.weak,
        strong: figures.strong,
        learned: figures.learned,
        heuristic: figures.heuristic,
        length: figures.length,
        margin: figures.margin,
        margin_error: figures.margin_error,
    }
}

/// A bucket's number is one of a `u16` on both sides.
const _: () = assert!(BUCKETS == complexity_train::BUCKETS);
