//! What can be chosen about a training.

use serde::Deserialize;

use crate::{Outcome, TrainError};

/// What the scorer is asked to predict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Label {
    /// The expected gap: 1 only strong right, 0 only weak right, one half otherwise.
    #[default]
    Gap,
    /// Whether only the strong model is right.
    Gain,
}

impl Label {
    /// The word of the options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gap => "gap",
            Self::Gain => "gain",
        }
    }

    /// What the score of such a row is pulled towards, 0 to 1.
    pub(crate) fn of(self, outcome: Outcome) -> f64 {
        match (self, outcome.strong, outcome.weak) {
            (_, true, false) => 1.0,
            (Self::Gap, false, true) | (Self::Gain, _, _) => 0.0,
            (Self::Gap, _, _) => 0.5,
        }
    }
}

/// How the samples are cut into held-out slices.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Split {
    /// Any samples.
    #[default]
    Random,
    /// Whole groups, so that a slice holds only groups that were not seen.
    Groups,
    /// One slice: the last samples of the file.
    Time,
}

impl Split {
    /// The word of the options.
    pub fn name(self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Groups => "groups",
            Self::Time => "time",
        }
    }
}

/// All choices, with their defaults.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Options {
    /// What is predicted.
    pub label: Label,
    /// How slices are cut.
    pub split: Split,
    /// Share of the samples in one slice.
    pub held_out: f64,
    /// Penalty: half of this times the sum of squared weights stands against the summed loss. The
    /// textbook's 1 leaves few samples cautious and lets many speak.
    pub l2: f64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            label: Label::default(),
            split: Split::default(),
            held_out: 0.2,
            l2: 1.0,
        }
    }
}

impl Options {
    /// Reads options from a JSON object; `bad_options` where it is none, or has other members. Whether
    /// numbers are in their bounds is checked where learning begins.
    pub fn from_json(text: &str) -> Result<Self, TrainError> {
        serde_json::from_str(text)
            .map_err(|error| TrainError::new("bad_options", format!("options: {error}")))
    }

    /// Whether numbers are in their bounds.
    pub(crate) fn check(&self) -> Result<(), TrainError> {
        if !(0.05..=0.5).contains(&self.held_out) {
            let message = "held_out must be between 0.05 and 0.5";
            return Err(TrainError::new("bad_options", message));
        }
        if !(1e-3..=1e6).contains(&self.l2) {
            let message = "l2 must be between 0.001 and 1000000";
            return Err(TrainError::new("bad_options", message));
        }
        Ok(())
    }
}
