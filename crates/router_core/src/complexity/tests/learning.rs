//! Learning from prompts: what becomes of them in a file. How to learn has its tests in its crate.

use complexity_train::{apgr, Label, Split};

use super::{prompts, samples};
use crate::complexity::learn::{train, Options, Outcome};
use crate::complexity::{measure_str, Facts, NAMES};

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
fn repeated_prompts_count_once() {
    let mut prompts = prompts(200);
    let again: Vec<_> = prompts
        .iter()
        .map(|(prompt, weak, strong)| (format!(" {prompt}\n"), *weak, *strong))
        .collect();
    prompts.extend(again);
    let scorer = train(&samples(&prompts), 1, &Options::default()).expect("trains");
    assert_eq!(scorer.training().samples, 200);
    assert_eq!(scorer.training().duplicates, 200);
    let enough_with_copies = [&prompts[..60], &prompts[..60]].concat();
    let refused = train(&samples(&enough_with_copies), 1, &Options::default()).map(|_| ());
    assert_eq!(refused.map_err(|error| error.code), Err("too_few"));
}

#[test]
fn the_record_says_what_was_learned_and_how() {
    let prompts = prompts(300);
    let mut five = samples(&prompts);
    for (at, sample) in five.iter_mut().enumerate() {
        sample.group = ["a", "b", "c", "d", "e"][at % 5];
    }
    let options = Options {
        label: Label::Gain,
        split: Split::Time,
        l2: 2.0,
        ..Options::default()
    };
    let scorer = train(&five, 9, &options).expect("trains");
    let training = scorer.training();
    assert!(training.features.iter().eq(NAMES.iter()));
    assert_eq!((training.gains, training.losses), (120, 0));
    assert_eq!((training.label.as_str(), training.seed), ("gain", 9));
    assert_eq!(training.l2, 2.0);
    let held = &training.held_out;
    assert_eq!((held.split.as_str(), held.samples), ("time", 60));
    assert_eq!(held.strong, 1.0);
    assert!(held.length > 0.0 && held.heuristic > 0.0 && held.margin_error > 0.0);
    assert_eq!(held.margin, held.learned - held.length);
    // The weak model answers all of group d: a slice of it has no gap to compare with.
    let unseen = training.unseen_groups.as_ref().expect("five groups");
    assert_eq!((unseen.split.as_str(), unseen.samples), ("groups", 240));
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
    let outcomes: Vec<Outcome> = samples(held).iter().map(|it| it.outcome).collect();
    let served = apgr(&scores, &outcomes).expect("there is a gap");
    assert!((served - whole.training().held_out.learned).abs() < 0.01);
}
