//! Training: that it learns what can be learned, says when it cannot, and repeats itself.

use super::{prompts, samples};
use crate::complexity::train::{apgr, train, Label, Options, Outcome, Sample, Split};
use crate::complexity::{measure_str, Facts};

#[test]
fn learns_words_that_length_does_not_tell() {
    let prompts = prompts(400);
    let scorer = train(&samples(&prompts), 3, &Options::default()).expect("trains");
    let held = &scorer.training().held_out;
    assert!(held.learned > held.length + 0.1, "{held:?}");
    assert!(held.beats_length(), "{held:?}");
    let score = |text: &str| measure_str(text, &Facts::default(), Some(&scorer)).score;
    let hard = score("Prove the lemma about the group of order 9999 and so on");
    let easy = score("Name the capital city of country 9999 please and so on");
    assert!(hard > easy + 0.05, "{hard} {easy}");
}

#[test]
fn the_same_samples_and_seed_give_the_same_file() {
    let prompts = prompts(200);
    let file = |seed| {
        let scorer = train(&samples(&prompts), seed, &Options::default()).expect("trains");
        scorer.encode()
    };
    assert_eq!(file(7), file(7));
    assert_ne!(file(7), file(8), "another seed cuts other slices");
}

#[test]
fn labels_without_a_pattern_do_not_beat_length() {
    let mut prompts = prompts(600);
    let mut draws = crate::types::Draws::new(11);
    for (_, weak, _) in &mut prompts {
        *weak = draws.below(2) == 0;
    }
    let scorer = train(&samples(&prompts), 5, &Options::default()).expect("trains");
    assert!(!scorer.training().held_out.beats_length());
}

#[test]
fn repeated_prompts_count_once() {
    let mut prompts = prompts(200);
    let again = prompts.clone();
    prompts.extend(again);
    let scorer = train(&samples(&prompts), 1, &Options::default()).expect("trains");
    assert_eq!(scorer.training().samples, 200);
    assert_eq!(scorer.training().duplicates, 200);
}

#[test]
fn slices_by_group_and_by_time_are_recorded() {
    let prompts = prompts(300);
    for (split, held) in [(Split::Groups, 300), (Split::Time, 60)] {
        let options = Options {
            split,
            ..Options::default()
        };
        let scorer = train(&samples(&prompts), 1, &options).expect("trains");
        assert_eq!(scorer.training().held_out.samples, held, "{split:?}");
    }
    let mut five = samples(&prompts);
    for (at, sample) in five.iter_mut().enumerate() {
        sample.group = ["a", "b", "c", "d", "e"][at % 5];
    }
    let scorer = train(&five, 1, &Options::default()).expect("trains");
    assert!(scorer.training().unseen_groups.is_some());
}

#[test]
fn what_cannot_teach_is_refused_with_a_reason() {
    let code = |prompts: &[(String, bool, bool)], options: &Options| {
        let learned = train(&samples(prompts), 1, options);
        learned.map(|_| ()).map_err(|error| error.code)
    };
    let good = prompts(200);
    let default = Options::default();
    assert_eq!(code(&[], &default), Err("too_few"));
    assert_eq!(code(&good[..50], &default), Err("too_few"));
    let mut equal = good.clone();
    equal
        .iter_mut()
        .for_each(|(_, weak, strong)| *weak = *strong);
    assert_eq!(code(&equal, &default), Err("too_few"));
    let mut exchanged = good.clone();
    for (at, (_, weak, strong)) in exchanged.iter_mut().enumerate() {
        (*weak, *strong) = (at % 4 != 0, at % 4 == 0);
    }
    assert_eq!(code(&exchanged, &default), Err("no_gap"));
    let groups = Options {
        split: Split::Groups,
        ..Options::default()
    };
    let ungrouped: Vec<Sample<'_>> = samples(&good)
        .into_iter()
        .map(|sample| Sample {
            group: "",
            ..sample
        })
        .collect();
    let refused = train(&ungrouped, 1, &groups).map(|_| ());
    assert_eq!(refused.map_err(|error| error.code), Err("no_groups"));
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
    let prompts = prompts(200);
    for bad in [
        r#"{"held_out":0.9}"#,
        r#"{"held_out":0}"#,
        r#"{"l2":0}"#,
        r#"{"l2":-1}"#,
    ] {
        let options = Options::from_json(bad).expect("parses");
        let refused = train(&samples(&prompts), 1, &options).map(|_| ());
        assert_eq!(
            refused.map_err(|error| error.code),
            Err("bad_options"),
            "{bad}"
        );
    }
}

#[test]
fn what_is_judged_in_training_is_what_is_served() {
    // By time, the held-out slice is the end, so the weights that it judged can be learned again
    // from the beginning alone, and its figures found again through the path of a request.
    let prompts = prompts(400);
    let options = Options {
        split: Split::Time,
        ..Options::default()
    };
    let whole = train(&samples(&prompts), 1, &options).expect("trains");
    let part = train(&samples(&prompts[..320]), 1, &options).expect("trains");
    let held = &prompts[320..];
    let score = |prompt: &str| measure_str(prompt, &Facts::default(), Some(&part)).score;
    let scores: Vec<f32> = held.iter().map(|(prompt, _, _)| score(prompt)).collect();
    let outcomes: Vec<Outcome> = held
        .iter()
        .map(|(_, weak, strong)| Outcome {
            weak: *weak,
            strong: *strong,
        })
        .collect();
    let served = apgr(&scores, &outcomes).expect("there is a gap");
    assert!((served - whole.training().held_out.learned).abs() < 0.01);
}
