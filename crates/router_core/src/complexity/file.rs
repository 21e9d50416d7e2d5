//! The file of a learned scorer: what it is, how it was trained, and whether it may be used.
//!
//! Layout, little-endian: magic (8), version u32, length of the record u32, CRC-32 of everything
//! behind the header u32, zero u32; the record of the training as JSON; scale f32, bias f32, per
//! number mean, 1/deviation and weight as f32; 65,536 weights as i16. About 130 KB. Binary because
//! the weights are; JSON inside because people read the record with `strings`.
//!
//! The held-out result is part of the file, so a file carries the reason for its own admission:
//! one that does not beat the length of the prompt is refused unless the operator insists.

use serde::{Deserialize, Serialize};

use super::features::{NAMES, NUMBERS};
use super::scorer::{Axis, Scorer, BUCKETS};

/// The first bytes of every file.
pub const MAGIC: &[u8; 8] = b"HGWLEARN";
/// The layout, the tokens and the hash: what must agree between writer and reader.
pub const FORMAT_VERSION: u32 = 1;
/// No larger file is looked at.
pub const FILE_MAX: usize = 1 << 20;

const HEADER: usize = 24;
const AXES: usize = 8 + NUMBERS * 12;
const PAYLOAD: usize = AXES + BUCKETS * 2;
/// One-sided 95 %: a margin below this many standard errors is not told from none.
const CONFIDENCE: f64 = 1.645;

/// Why a file is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileError {
    /// Stable: `not_a_scorer`, `other_version`, `corrupt`, `too_large`, `other_features`,
    /// `not_better_than_length`, `loses_on_unseen_groups`.
    pub code: &'static str,
    /// One sentence for a person.
    pub message: String,
    /// What to do.
    pub fix: &'static str,
}

impl std::fmt::Display for FileError {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{}; {}", self.message, self.fix)
    }
}

impl std::error::Error for FileError {}

const RETRAIN: &str = "train it again with `hybridgw learn`";

/// What a scorer reached on samples that its weights had not seen, beside what it is compared to.
/// APGR: area under (share of the quality gap recovered) over (share of strong calls); chance 0.5.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct HeldOut {
    /// How samples were set aside: `random`, `groups` or `time`. The first two hold out each sample
    /// once, the last only the newest.
    pub split: String,
    /// How many they are.
    pub samples: u64,
    /// Share that the weak model answered well.
    pub weak: f64,
    /// Share that the strong model answered well.
    pub strong: f64,
    /// APGR of the learned scorer.
    pub learned: f64,
    /// APGR of the documented heuristic.
    pub heuristic: f64,
    /// APGR of the length of the prompt.
    pub length: f64,
    /// Learned less length.
    pub margin: f64,
    /// Standard error of the margin: paired bootstrap over the samples, or over groups where the
    /// samples were set aside by group.
    pub margin_error: f64,
}

impl HeldOut {
    /// Whether the margin over length is told from none (one-sided, 95 %).
    pub fn beats_length(&self) -> bool {
        // Written so that a NaN is a no.
        self.margin > 0.0 && self.margin > CONFIDENCE * self.margin_error
    }

    /// Whether it did worse than length. One that is not told from length loses nothing.
    pub fn loses(&self) -> bool {
        self.margin < 0.0 || self.margin.is_nan()
    }
}

/// The record of a training.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Training {
    /// Names of the numbers that it was trained on.
    pub features: Vec<String>,
    /// Samples used, duplicates left out.
    pub samples: u64,
    /// Repeated prompts that were left out.
    pub duplicates: u64,
    /// Samples that only the strong model answered well.
    pub gains: u64,
    /// Samples that only the weak model answered well.
    pub losses: u64,
    /// `gap` or `gain`.
    pub label: String,
    /// Seed of the split and of the bootstrap.
    pub seed: u64,
    /// Penalty on squared weights.
    pub l2: f64,
    /// Decides whether the file may be loaded. Reached by weights fitted without the samples that
    /// they were asked about; the file's own are then fitted on all.
    pub held_out: HeldOut,
    /// The same on groups (subjects, routes…) never seen in training, where groups were given:
    /// what to expect of traffic unlike the training data. Cross-validated.
    pub unseen_groups: Option<HeldOut>,
    /// 33 quantiles of the held-out scores, from the lowest to the highest.
    pub quantiles: Vec<f32>,
}

impl Scorer {
    /// Reads a file. `force` admits one that does not beat the length of the prompt, or that loses to it
    /// on groups that it had not learned from; it does not admit another version or a damaged file.
    pub fn load(bytes: &[u8], force: bool) -> Result<Self, FileError> {
        let scorer = Self::decode(bytes)?;
        let held = &scorer.training.held_out;
        let unseen = scorer.training.unseen_groups.as_ref();
        if force {
            return Ok(scorer);
        }
        if let Some(unseen) = unseen.filter(|it| it.loses()) {
            return Err(FileError {
                code: "loses_on_unseen_groups",
                message: format!(
                    "on groups that it had not learned from ({} samples) it reaches APGR {:.3}, the \
                     length of the prompt {:.3}: on traffic unlike its own it chooses worse than length",
                    unseen.samples, unseen.learned, unseen.length
                ),
                fix: "learn from outcomes of more groups, or force the file where all traffic is like them",
            });
        }
        if held.beats_length() {
            return Ok(scorer);
        }
        Err(FileError {
            code: "not_better_than_length",
            message: format!(
                "on {} held-out samples it reaches APGR {:.3}, the length of the prompt {:.3} \
                 (margin {:+.3}, standard error {:.3}): it is not told from length",
                held.samples, held.learned, held.length, held.margin, held.margin_error
            ),
            fix: "learn from more outcomes of your own traffic, or force the file",
        })
    }

    fn decode(bytes: &[u8]) -> Result<Self, FileError> {
        if bytes.len() > FILE_MAX {
            return Err(refused(
                "too_large",
                format!("it has {} bytes", bytes.len()),
            ));
        }
        if bytes.get(..MAGIC.len()) != Some(MAGIC) {
            return Err(FileError {
                code: "not_a_scorer",
                message: "it does not begin like a file of `hybridgw learn`".into(),
                fix: "name the file that --out wrote, not the outcomes",
            });
        }
        let (Some(version), Some(record), Some(crc)) =
            (word(bytes, 8), word(bytes, 12), word(bytes, 16))
        else {
            return Err(cut(bytes));
        };
        if version != FORMAT_VERSION {
            let message =
                format!("it is of version {version}, this program reads {FORMAT_VERSION}");
            return Err(refused("other_version", message));
        }
        let body = bytes.get(HEADER..).ok_or_else(|| cut(bytes))?;
        let record = record as usize;
        if Some(body.len()) != record.checked_add(PAYLOAD) {
            return Err(cut(bytes));
        }
        let found = crc32fast::hash(body);
        if found != crc || word(bytes, 20) != Some(0) {
            let message = format!("its checksum is {found:08x} and should be {crc:08x}");
            return Err(refused("corrupt", message));
        }
        let (record, payload) = body.split_at(record);
        let training: Training = serde_json::from_slice(record)
            .map_err(|error| refused("corrupt", format!("its record does not parse: {error}")))?;
        if !training.features.iter().eq(NAMES.iter()) {
            let message = "it was trained on other features than this program has".into();
            return Err(refused("other_features", message));
        }
        let (axes, weights) = payload.split_at(AXES);
        let scorer = Self::from_parts(axes, weights, training, found.max(1));
        scorer.ok_or_else(|| refused("corrupt", "it holds numbers that are not finite".into()))
    }

    fn from_parts(axes: &[u8], weights: &[u8], training: Training, id: u32) -> Option<Self> {
        let mut floats = axes
            .chunks_exact(4)
            .filter_map(|four| Some(f32::from_le_bytes(four.try_into().ok()?)));
        let (scale, bias) = (floats.next()?, floats.next()?);
        let mut numbers = [Axis::default(); NUMBERS];
        for axis in &mut numbers {
            axis.mean = floats.next()?;
            axis.per_deviation = floats.next()?;
            axis.weight = floats.next()?;
        }
        let finite = |axis: &Axis| {
            axis.mean.is_finite() && axis.per_deviation.is_finite() && axis.weight.is_finite()
        };
        if !(scale.is_finite() && bias.is_finite() && numbers.iter().all(finite)) {
            return None;
        }
        let weights: Vec<i16> = weights
            .chunks_exact(2)
            .filter_map(|two| Some(i16::from_le_bytes(two.try_into().ok()?)))
            .collect();
        Some(Self {
            weights: weights.into_boxed_slice().try_into().ok()?,
            scale,
            axes: numbers,
            bias,
            training,
            id,
        })
    }

    /// The file of this scorer; [`Self::load`] of it gives the same scores.
    pub fn encode(&self) -> Vec<u8> {
        // A record is numbers and strings: writing it cannot fail, and an empty one does not load.
        let record = serde_json::to_vec(&self.training).unwrap_or_default();
        let mut bytes = Vec::with_capacity(HEADER + record.len() + PAYLOAD);
        bytes.extend_from_slice(MAGIC);
        bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
        bytes.extend_from_slice(&(record.len() as u32).to_le_bytes());
        bytes.extend_from_slice(&[0; 8]);
        bytes.extend_from_slice(&record);
        let axes = self.axes.iter();
        let axes = axes.flat_map(|axis| [axis.mean, axis.per_deviation, axis.weight]);
        for float in [self.scale, self.bias].into_iter().chain(axes) {
            bytes.extend_from_slice(&float.to_le_bytes());
        }
        for weight in self.weights.iter() {
            bytes.extend_from_slice(&weight.to_le_bytes());
        }
        let crc = crc32fast::hash(&bytes[HEADER..]);
        bytes[16..20].copy_from_slice(&crc.to_le_bytes());
        bytes
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let four = bytes.get(at..at + 4)?;
    Some(u32::from_le_bytes(four.try_into().ok()?))
}

fn refused(code: &'static str, message: String) -> FileError {
    FileError {
        code,
        message,
        fix: RETRAIN,
    }
}

fn cut(bytes: &[u8]) -> FileError {
    let message = format!(
        "it has {} bytes, which is not what its header says",
        bytes.len()
    );
    refused("corrupt", message)
}
