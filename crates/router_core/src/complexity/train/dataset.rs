//! Samples as rows of buckets and numbers.

use std::collections::{HashMap, HashSet};

use super::evaluate::Outcome;
use super::{Label, Sample};
use crate::complexity::features::{Facts, Features, LENGTH, NUMBERS};
use crate::complexity::heuristic::heuristic;
use crate::complexity::measure::read;
use crate::complexity::reader::Tokens;
use crate::complexity::scorer::Presence;

/// All samples, repeated prompts left out: a prompt on both sides of a split would be a leak.
pub(super) struct Dataset {
    /// Buckets of all rows, one after the other.
    buckets: Vec<u16>,
    ends: Vec<u32>,
    features: Vec<Features>,
    labels: Vec<f64>,
    outcomes: Vec<Outcome>,
    group_of: Vec<u32>,
    groups: usize,
}

struct Collecting<'b> {
    presence: Presence,
    buckets: &'b mut Vec<u16>,
}

impl Tokens for Collecting<'_> {
    fn token(&mut self, bucket: u16) {
        if self.presence.insert(bucket) {
            self.buckets.push(bucket);
        }
    }
}

impl Dataset {
    pub(super) fn read(samples: &[Sample<'_>], label: Label) -> Self {
        let mut data = Self {
            buckets: Vec::new(),
            ends: Vec::new(),
            features: Vec::new(),
            labels: Vec::new(),
            outcomes: Vec::new(),
            group_of: Vec::new(),
            groups: 0,
        };
        let mut seen = HashSet::new();
        let mut groups = HashMap::new();
        for sample in samples {
            if seen.insert(sample.prompt.trim()) {
                let next = groups.len() as u32;
                let group = *groups.entry(sample.group).or_insert(next);
                data.push(sample, group, label);
            }
        }
        data.groups = groups.len();
        data
    }

    fn push(&mut self, sample: &Sample<'_>, group: u32, label: Label) {
        let mut collecting = Collecting {
            presence: Presence::new(),
            buckets: &mut self.buckets,
        };
        let text = sample.prompt.as_bytes();
        let facts = Facts::default();
        let pieces = std::iter::once(text);
        let (features, _) = read(pieces, text.len(), 0, &facts, &mut collecting);
        self.ends.push(self.buckets.len() as u32);
        self.features.push(features);
        self.labels.push(match (label, sample.strong, sample.weak) {
            (_, true, false) => 1.0,
            (Label::Gap, false, true) | (Label::Gain, _, _) => 0.0,
            (Label::Gap, _, _) => 0.5,
        });
        self.outcomes.push(Outcome {
            weak: sample.weak,
            strong: sample.strong,
        });
        self.group_of.push(group);
    }

    pub(super) fn len(&self) -> usize {
        self.ends.len()
    }

    pub(super) fn groups(&self) -> usize {
        self.groups
    }

    pub(super) fn buckets(&self, row: u32) -> &[u16] {
        let row = row as usize;
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.buckets[start as usize..self.ends[row] as usize]
    }

    pub(super) fn numbers(&self, row: u32) -> &[f32; NUMBERS] {
        &self.features[row as usize].numbers
    }

    pub(super) fn features(&self, row: u32) -> &Features {
        &self.features[row as usize]
    }

    pub(super) fn label(&self, row: u32) -> f64 {
        self.labels[row as usize]
    }

    pub(super) fn group(&self, row: u32) -> u32 {
        self.group_of[row as usize]
    }

    pub(super) fn outcomes(&self, rows: &[u32]) -> Vec<Outcome> {
        rows.iter()
            .map(|row| self.outcomes[*row as usize])
            .collect()
    }

    pub(super) fn lengths(&self, rows: &[u32]) -> Vec<f32> {
        rows.iter().map(|row| self.numbers(*row)[LENGTH]).collect()
    }

    pub(super) fn heuristics(&self, rows: &[u32]) -> Vec<f32> {
        rows.iter()
            .map(|row| heuristic(self.features(*row)))
            .collect()
    }

    pub(super) fn group_numbers(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().map(|row| self.group(*row)).collect()
    }

    pub(super) fn gains(&self, rows: &[u32]) -> usize {
        self.count(rows, |outcome| outcome.strong && !outcome.weak)
    }

    pub(super) fn losses(&self, rows: &[u32]) -> usize {
        self.count(rows, |outcome| outcome.weak && !outcome.strong)
    }

    fn count(&self, rows: &[u32], wanted: fn(&Outcome) -> bool) -> usize {
        let outcomes = rows.iter().map(|row| &self.outcomes[*row as usize]);
        outcomes.filter(|outcome| wanted(outcome)).count()
    }
}
