//! All samples as rows, one behind the other: a training visits each of them a thousand times.

use crate::Outcome;

/// One sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Row<'r, const N: usize> {
    /// The buckets of the prompt's words, each once.
    pub buckets: &'r [u16],
    /// The dense numbers, finite.
    pub numbers: [f32; N],
    /// The score of the documented heuristic, which the learned score is shown beside.
    pub heuristic: f32,
    /// Whether each model answered well.
    pub outcome: Outcome,
    /// The number of its group. Groups are numbered from 0 on, in order of appearance.
    pub group: u32,
}

/// Rows of `N` dense numbers each. Repeated prompts are the caller's to leave out: a prompt on both
/// sides of a split would be a leak.
#[derive(Debug, Clone, Default)]
pub struct Dataset<const N: usize> {
    /// Buckets of all rows, one after the other.
    buckets: Vec<u16>,
    ends: Vec<u32>,
    numbers: Vec<[f32; N]>,
    heuristics: Vec<f32>,
    outcomes: Vec<Outcome>,
    group_of: Vec<u32>,
    groups: usize,
}

impl<const N: usize> Dataset<N> {
    /// Adds a row.
    pub fn push(&mut self, row: Row<'_, N>) {
        self.buckets.extend_from_slice(row.buckets);
        self.ends.push(self.buckets.len() as u32);
        self.numbers.push(row.numbers);
        self.heuristics.push(row.heuristic);
        self.outcomes.push(row.outcome);
        self.group_of.push(row.group);
        self.groups = self.groups.max(row.group as usize + 1);
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    pub(crate) fn groups(&self) -> usize {
        self.groups
    }

    pub(crate) fn buckets(&self, row: u32) -> &[u16] {
        let row = row as usize;
        let start = if row == 0 { 0 } else { self.ends[row - 1] };
        &self.buckets[start as usize..self.ends[row] as usize]
    }

    pub(crate) fn numbers(&self, row: u32) -> &[f32; N] {
        &self.numbers[row as usize]
    }

    pub(crate) fn outcome(&self, row: u32) -> Outcome {
        self.outcomes[row as usize]
    }

    pub(crate) fn group(&self, row: u32) -> u32 {
        self.group_of[row as usize]
    }

    pub(crate) fn outcomes(&self, rows: &[u32]) -> Vec<Outcome> {
        rows.iter().map(|row| self.outcome(*row)).collect()
    }

    /// One of the numbers of each row.
    pub(crate) fn column(&self, number: usize, rows: &[u32]) -> Vec<f32> {
        rows.iter().map(|row| self.numbers(*row)[number]).collect()
    }

    pub(crate) fn heuristics(&self, rows: &[u32]) -> Vec<f32> {
        rows.iter()
            .map(|row| self.heuristics[*row as usize])
            .collect()
    }

    pub(crate) fn group_numbers(&self, rows: &[u32]) -> Vec<u32> {
        rows.iter().map(|row| self.group(*row)).collect()
    }

    /// How many rows only the strong model answered well.
    pub(crate) fn gains(&self) -> usize {
        self.count(|outcome| outcome.strong && !outcome.weak)
    }

    /// How many rows only the weak model answered well.
    pub(crate) fn losses(&self) -> usize {
        self.count(|outcome| outcome.weak && !outcome.strong)
    }

    fn count(&self, wanted: fn(&Outcome) -> bool) -> usize {
        self.outcomes
            .iter()
            .filter(|outcome| wanted(outcome))
            .count()
    }
}
