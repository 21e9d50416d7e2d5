//! Files: what is written is read back, everything else is refused and says why.

use proptest::prelude::*;

use super::{prompts, samples};
use crate::complexity::learn::{train, Options};
use crate::complexity::{measure_str, Facts, HeldOut, Scorer, FILE_MAX, MAGIC};

fn scorer() -> Scorer {
    let prompts = prompts(400);
    train(&samples(&prompts), 1, &Options::default()).expect("trains")
}

fn code(bytes: &[u8], force: bool) -> Result<(), &'static str> {
    Scorer::load(bytes, force)
        .map(|_| ())
        .map_err(|error| error.code)
}

/// The same file with another record and a checksum that fits.
fn with_record(file: &[u8], edit: impl Fn(&str) -> String) -> Vec<u8> {
    let length = u32::from_le_bytes(file[12..16].try_into().expect("four")) as usize;
    let record = edit(std::str::from_utf8(&file[24..24 + length]).expect("JSON"));
    let mut body = record.clone().into_bytes();
    body.extend_from_slice(&file[24 + length..]);
    let mut other = file[..24].to_vec();
    other[12..16].copy_from_slice(&(record.len() as u32).to_le_bytes());
    other[16..20].copy_from_slice(&crc32fast::hash(&body).to_le_bytes());
    other.extend_from_slice(&body);
    other
}

#[test]
fn a_file_gives_the_same_scores() {
    let scorer = scorer();
    let file = scorer.encode();
    assert!(file.len() < FILE_MAX / 4 && file.starts_with(MAGIC));
    let loaded = Scorer::load(&file, false).expect("beats length");
    assert_eq!(loaded.id(), scorer.id());
    assert_eq!(loaded.training(), scorer.training());
    assert_eq!(loaded.encode(), file);
    for text in ["Prove it", "Name the capital", "", "完全に別のテキスト"] {
        let score = |scorer| measure_str(text, &Facts::default(), Some(scorer)).score;
        assert_eq!(score(&loaded), score(&scorer));
    }
}

#[test]
fn other_files_are_refused_even_by_force() {
    let file = scorer().encode();
    assert_eq!(code(b"", true), Err("not_a_scorer"));
    assert_eq!(code(b"{\"prompt\": 1}", true), Err("not_a_scorer"));
    assert_eq!(code(MAGIC, true), Err("corrupt"));
    assert_eq!(code(&vec![0; FILE_MAX + 1], true), Err("too_large"));
    let mut version = file.clone();
    version[8] = 2;
    let error = Scorer::load(&version, true).expect_err("another version");
    assert_eq!(error.code, "other_version");
    assert!(error.to_string().contains("version 2") && error.to_string().contains("learn"));
    for cut in [9, 23, 24, 100, file.len() - 1] {
        assert_eq!(code(&file[..cut], true), Err("corrupt"), "{cut}");
    }
    let longer = [file.as_slice(), b"x"].concat();
    assert_eq!(code(&longer, true), Err("corrupt"));
    for at in [12, 16, 20, 30, file.len() - 1] {
        let mut flipped = file.clone();
        flipped[at] ^= 0x10;
        assert_eq!(code(&flipped, true), Err("corrupt"), "{at}");
    }
    let renamed = with_record(&file, |record| record.replacen("\"code\"", "\"coda\"", 1));
    assert_eq!(code(&renamed, true), Err("other_features"));
    let broken = with_record(&file, |record| record.replacen('{', "[", 1));
    assert_eq!(code(&broken, true), Err("corrupt"));
}

#[test]
fn weights_that_are_not_numbers_are_refused() {
    let file = scorer().encode();
    let length = u32::from_le_bytes(file[12..16].try_into().expect("four")) as usize;
    let mut poisoned = file.clone();
    poisoned[24 + length..28 + length].copy_from_slice(&f32::NAN.to_le_bytes());
    assert_eq!(
        code(&with_record(&poisoned, str::to_owned), true),
        Err("corrupt")
    );
}

#[test]
fn a_file_that_does_not_beat_length_needs_force() {
    let mut scorer = scorer();
    for (margin, margin_error) in [(-0.1, 0.01), (0.0, 0.0), (0.01, 0.02), (f64::NAN, 0.01)] {
        scorer.training.held_out = HeldOut {
            margin,
            margin_error,
            ..HeldOut::default()
        };
        assert!(!scorer.training.held_out.beats_length(), "{margin}");
    }
    scorer.training.held_out.margin = 0.01;
    scorer.training.held_out.margin_error = 0.02;
    let file = scorer.encode();
    let error = Scorer::load(&file, false).expect_err("no better");
    assert_eq!(error.code, "not_better_than_length");
    assert!(error.to_string().contains("force"), "{error}");
    assert_eq!(code(&file, true), Ok(()));
}

#[test]
fn a_file_that_loses_on_unseen_groups_needs_force() {
    let mut scorer = scorer();
    for (margin, loses) in [(0.1, false), (0.0, false), (-0.001, true), (f64::NAN, true)] {
        let unseen = HeldOut {
            margin,
            ..HeldOut::default()
        };
        assert_eq!(unseen.loses(), loses, "{margin}");
    }
    scorer.training.unseen_groups = Some(HeldOut {
        margin: -0.02,
        learned: 0.51,
        length: 0.53,
        ..HeldOut::default()
    });
    assert!(scorer.training.held_out.beats_length());
    let file = scorer.encode();
    let error = Scorer::load(&file, false).expect_err("it loses");
    assert_eq!(error.code, "loses_on_unseen_groups");
    assert!(error.to_string().contains("force"), "{error}");
    assert_eq!(code(&file, true), Ok(()));
    scorer.training.unseen_groups.as_mut().expect("some").margin = 0.02;
    assert_eq!(code(&scorer.encode(), false), Ok(()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn any_bytes_are_answered(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(Scorer::load(&bytes, true).is_err());
        let mut headed = MAGIC.to_vec();
        headed.extend_from_slice(&1u32.to_le_bytes());
        headed.extend_from_slice(&bytes);
        prop_assert!(Scorer::load(&headed, true).is_err());
    }
}
