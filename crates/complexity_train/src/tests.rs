//! The crate as its callers see it, with a model that serves weights as they were fitted.

use crate::{learn, Axis, Dataset, Label, Learned, Model, Options, Outcome, Row, Split, Weights};

/// Length and one number that says nothing.
const NUMBERS: usize = 2;

#[derive(Debug, Clone, PartialEq)]
struct Plain(Weights<NUMBERS>);

impl Model<NUMBERS> for Plain {
    const LENGTH: usize = 0;

    fn place(axis: &Axis, number: f32) -> f32 {
        (number - axis.mean) * axis.per_deviation
    }

    fn of(weights: &Weights<NUMBERS>) -> Self {
        Self(weights.clone())
    }

    fn score(&self, buckets: &[u16], numbers: &[f32; NUMBERS]) -> f32 {
        let words = buckets.iter().map(|at| self.0.words[usize::from(*at)]);
        let words = words.sum::<f64>() / (buckets.len().max(1) as f64).sqrt();
        let axes = self.0.axes.iter().zip(numbers);
        let dense: f32 = axes
            .map(|(axis, number)| Self::place(axis, *number) * axis.weight)
            .sum();
        (self.0.bias + words) as f32 + dense
    }
}

/// SplitMix64.
pub(crate) fn draws(seed: u64) -> impl FnMut(usize) -> usize {
    let mut state = seed;
    move |bound| {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((u128::from(mixed ^ (mixed >> 31)) * bound as u128) >> 64) as usize
    }
}

/// The word that the weak model fails, and the one that it knows.
const HARD: u16 = 40_000;
const EASY: u16 = 7;

/// Whether each model is right: the weak one where the word is easy, but for one in ten.
fn by_word(count: usize) -> Vec<Outcome> {
    let weak = |at: usize| (at % 2 == 0) != (at % 10 == 3);
    let outcome = |at| Outcome {
        weak: weak(at),
        strong: true,
    };
    (0..count).map(outcome).collect()
}

/// Rows of both words in turn, of all lengths and of `groups` groups.
fn rows(outcomes: &[Outcome], groups: usize) -> Dataset<NUMBERS> {
    let mut data = Dataset::default();
    for (at, outcome) in outcomes.iter().enumerate() {
        data.push(Row {
            buckets: &[
                if at % 2 == 0 { EASY } else { HARD },
                100 + (at % 50) as u16,
            ],
            numbers: [(at * 7 % 11) as f32, 1.0],
            heuristic: (at % 3) as f32,
            outcome: *outcome,
            group: (at % groups) as u32,
        });
    }
    data
}

fn learned(data: &Dataset<NUMBERS>, seed: u64, options: &Options) -> Learned<Plain> {
    learn(data, options, &mut draws(seed)).expect("learns")
}

fn code(data: &Dataset<NUMBERS>, options: &Options) -> Result<(), &'static str> {
    let learned = learn::<Plain, NUMBERS>(data, options, &mut draws(1));
    learned.map(|_| ()).map_err(|error| error.code)
}

fn split(split: Split) -> Options {
    Options {
        split,
        ..Options::default()
    }
}

#[test]
fn learns_words_that_length_does_not_tell() {
    let learned = learned(&rows(&by_word(400), 1), 3, &Options::default());
    assert_eq!((learned.gains, learned.losses), (160, 0));
    let held = &learned.held_out;
    assert!(held.learned > held.length + 0.1, "{held:?}");
    assert!(held.margin > 3.0 * held.margin_error, "{held:?}");
    assert_eq!((held.samples, held.strong), (400, 1.0));
    assert!((held.weak - 0.6).abs() < 1e-9, "{held:?}");
    let score = |word| learned.model.score(&[word], &[5.0, 1.0]);
    assert!(score(HARD) > score(EASY) + 0.5);
    assert!(learned.quantiles.is_sorted() && learned.quantiles.len() == 33);
}

#[test]
fn the_same_rows_and_random_numbers_give_the_same_result() {
    let data = rows(&by_word(200), 7);
    let result = |seed| {
        let learned = learned(&data, seed, &Options::default());
        (learned.model, learned.held_out, learned.unseen_groups)
    };
    assert_eq!(result(7), result(7));
    let (other, first) = (result(8), result(7));
    assert_eq!(other.0, first.0, "the model is fitted on all rows");
    assert_ne!(other.1, first.1, "other random numbers cut other slices");
}

#[test]
fn labels_without_a_pattern_do_not_beat_length() {
    let mut draws = draws(11);
    let outcome = |_| Outcome {
        weak: draws(2) == 0,
        strong: true,
    };
    let outcomes: Vec<Outcome> = (0..600).map(outcome).collect();
    let held = learned(&rows(&outcomes, 1), 5, &Options::default()).held_out;
    assert!(held.margin < 1.645 * held.margin_error, "{held:?}");
}

#[test]
fn a_number_that_never_varies_gets_no_say() {
    let learned = learned(&rows(&by_word(200), 1), 1, &Options::default());
    let Plain(weights) = learned.model;
    assert_eq!(
        (weights.axes[1].per_deviation, weights.axes[1].weight),
        (0.0, 0.0)
    );
}

#[test]
fn slices_are_cut_at_random_by_group_or_by_time() {
    let outcomes = by_word(300);
    for (way, held) in [
        (Split::Random, 300),
        (Split::Groups, 300),
        (Split::Time, 60),
    ] {
        let learned = learned(&rows(&outcomes, 3), 1, &split(way));
        assert_eq!(
            (learned.held_out.samples, learned.held_out.split),
            (held, way)
        );
        assert_eq!(learned.unseen_groups, None, "three groups are too few");
    }
}

#[test]
fn with_groups_enough_unseen_ones_are_judged_apart() {
    let data = rows(&by_word(300), 7);
    for (way, apart) in [
        (Split::Random, true),
        (Split::Time, true),
        (Split::Groups, false),
    ] {
        let unseen = learned(&data, 1, &split(way)).unseen_groups;
        assert_eq!(
            unseen.as_ref().map(|it| it.split),
            apart.then_some(Split::Groups)
        );
        assert!(unseen.is_none_or(|it| it.samples == 300));
    }
}

#[test]
fn what_cannot_teach_is_refused_with_a_reason() {
    let good = by_word(200);
    let default = Options::default();
    assert_eq!(code(&Dataset::default(), &default), Err("too_few"));
    assert_eq!(code(&rows(&good[..50], 1), &default), Err("too_few"));
    let outcome = |weak, strong| Outcome { weak, strong };
    let equal = vec![outcome(true, true); 200];
    assert_eq!(code(&rows(&equal, 1), &default), Err("too_few"));
    let exchanged = |at| outcome(at % 4 != 0, at % 4 == 0);
    let exchanged: Vec<Outcome> = (0..200).map(exchanged).collect();
    assert_eq!(code(&rows(&exchanged, 1), &default), Err("no_gap"));
    assert_eq!(
        code(&rows(&good, 1), &split(Split::Groups)),
        Err("no_groups")
    );
    // A gap in all, none in the held-out end: nothing says whether what was learned holds.
    let ended: Vec<Outcome> = (0..200).map(|at| outcome(at >= 150, true)).collect();
    assert_eq!(code(&rows(&ended, 1), &split(Split::Time)), Err("no_gap"));
}

#[test]
fn options_are_checked() {
    let parsed = Options::from_json(r#"{"label":"gain","split":"time","held_out":0.3}"#);
    let options = parsed.expect("valid");
    assert_eq!((options.label, options.split), (Label::Gain, Split::Time));
    for bad in [
        r#"{"label":"x"}"#,
        r#"{"unknown":1}"#,
        "[1",
        r#"{"l2":"x"}"#,
    ] {
        let refused = Options::from_json(bad).map_err(|error| error.code);
        assert_eq!(refused, Err("bad_options"), "{bad}");
    }
    let data = rows(&by_word(200), 1);
    for bad in [
        r#"{"held_out":0.9}"#,
        r#"{"held_out":0}"#,
        r#"{"l2":0}"#,
        r#"{"l2":-1}"#,
    ] {
        let options = Options::from_json(bad).expect("parses");
        assert_eq!(code(&data, &options), Err("bad_options"), "{bad}");
    }
}
