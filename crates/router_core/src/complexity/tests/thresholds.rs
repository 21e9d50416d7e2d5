//! Target shares, on traffic of every scale.

use std::sync::atomic::AtomicU64;

use crate::complexity::{Class, Prior, Shares, Thresholds, THRESHOLD_WORDS};
use crate::types::Draws;

fn fresh() -> [AtomicU64; THRESHOLD_WORDS] {
    Default::default()
}

/// Shares of the classes over scores `from..to` of a stream.
fn shares(
    words: &[AtomicU64; THRESHOLD_WORDS],
    targets: Shares,
    count: usize,
    mut score: impl FnMut(usize) -> f32,
) -> [f64; 3] {
    let thresholds = Thresholds::new(words, targets, Prior::HEURISTIC);
    let mut counts = [0u32; 3];
    for at in 0..count {
        counts[thresholds.place(score(at)) as usize] += 1;
    }
    counts.map(|it| f64::from(it) / count as f64)
}

fn near(found: [f64; 3], wanted: [f64; 3], tolerance: f64) -> bool {
    found
        .iter()
        .zip(wanted)
        .all(|(found, wanted)| (found - wanted).abs() <= tolerance)
}

const WANTED: [f64; 3] = [0.6, 0.3, 0.1];

#[test]
fn shares_hold_whatever_the_scale() {
    type Shape = fn(f64) -> f32;
    let shapes: [(&str, Shape); 6] = [
        ("uniform", |unit| unit as f32),
        ("narrow", |unit| (0.17 + 0.001 * unit) as f32),
        ("near zero", |unit| (1e-4 * unit) as f32),
        ("skewed", |unit| unit.powi(6) as f32),
        ("near one", |unit| (1.0 - 0.01 * unit * unit) as f32),
        ("two heaps", |unit| if unit < 0.5 { unit * 0.02 } else { 0.9 + unit * 0.02 } as f32),
    ];
    for (name, shape) in shapes {
        let words = fresh();
        let mut draws = Draws::new(1);
        shares(&words, Shares::default(), 1_000, |_| shape(draws.unit()));
        let found = shares(&words, Shares::default(), 5_000, |_| shape(draws.unit()));
        assert!(near(found, WANTED, 0.03), "{name}: {found:?}");
    }
}

#[test]
fn the_first_hundreds_are_not_far_off() {
    let mut draws = Draws::new(5);
    let found = shares(&fresh(), Shares::default(), 300, |_| {
        (0.5 + 0.02 * draws.unit()) as f32
    });
    assert!(near(found, WANTED, 0.08), "{found:?}");
}

#[test]
fn a_change_of_traffic_is_followed() {
    let words = fresh();
    let mut draws = Draws::new(2);
    shares(&words, Shares::default(), 20_000, |_| {
        (0.2 * draws.unit()) as f32
    });
    shares(&words, Shares::default(), 1_500, |_| {
        (0.5 + 0.4 * draws.unit()) as f32
    });
    let found = shares(&words, Shares::default(), 4_000, |_| {
        (0.5 + 0.4 * draws.unit()) as f32
    });
    assert!(near(found, WANTED, 0.03), "{found:?}");
}

#[test]
fn drifting_and_equal_scores_keep_the_shares_too() {
    let mut draws = Draws::new(6);
    let rising = shares(&fresh(), Shares::default(), 10_000, |at| {
        (0.2 * draws.unit()) as f32 + at as f32 * 5e-5
    });
    assert!(near(rising, WANTED, 0.1), "{rising:?}");
    let equal = shares(&fresh(), Shares::default(), 10_000, |_| 0.25);
    assert!(near(equal, WANTED, 0.05), "{equal:?}");
}

#[test]
fn extreme_targets_are_held() {
    let mut draws = Draws::new(3);
    for (simple, moderate) in [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (0.99, 0.009)] {
        let targets = Shares::new(simple, moderate).expect("valid");
        let words = fresh();
        shares(&words, targets, 2_000, |_| draws.unit() as f32);
        let found = shares(&words, targets, 4_000, |_| draws.unit() as f32);
        let wanted = [simple, moderate, 1.0 - simple - moderate].map(f64::from);
        assert!(near(found, wanted, 0.02), "{found:?} {wanted:?}");
    }
    assert!(Shares::new(0.8, 0.3).is_none() && Shares::new(-0.1, 0.3).is_none());
    assert!(Shares::new(f32::NAN, 0.3).is_none());
}

#[test]
fn the_same_scores_give_the_same_classes() {
    let run = || {
        let words = fresh();
        let mut draws = Draws::new(9);
        let thresholds = Thresholds::new(&words, Shares::default(), Prior::HEURISTIC);
        let classes: Vec<Class> = (0..500)
            .map(|_| thresholds.place(draws.unit() as f32))
            .collect();
        (classes, thresholds.values())
    };
    assert_eq!(run(), run());
}

#[test]
fn looking_does_not_count_and_another_scorer_starts_anew() {
    let words = fresh();
    let heuristic = Thresholds::new(&words, Shares::default(), Prior::HEURISTIC);
    let before = heuristic.values();
    heuristic.class(0.9);
    assert_eq!((heuristic.values(), heuristic.seen()), (before, 0));
    for _ in 0..100 {
        heuristic.place(0.9);
    }
    assert_ne!(heuristic.values(), before);
    let prior = Prior {
        scorer: 77,
        quantiles: [0.5; 9],
    };
    let learned = Thresholds::new(&words, Shares::default(), prior);
    assert_eq!((learned.seen(), learned.values()), (0, [0.5; 2]));
    learned.place(0.5);
    assert_eq!((learned.seen(), heuristic.seen()), (1, 0));
}

#[test]
fn any_state_and_any_score_are_answered() {
    let mut draws = Draws::new(4);
    for _ in 0..2_000 {
        let words = [(); THRESHOLD_WORDS].map(|()| AtomicU64::new(draws.word()));
        let seen = u64::from(draws.word() as u32);
        words[2].store(seen, std::sync::atomic::Ordering::Relaxed);
        let thresholds = Thresholds::new(&words, Shares::default(), Prior::HEURISTIC);
        for score in [0.3, f32::NAN, f32::INFINITY, -1.0, f32::MAX] {
            thresholds.place(score);
            thresholds.class(score);
        }
    }
}

#[test]
fn threads_may_share_the_words() {
    let words = fresh();
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let words = &words;
            scope.spawn(move || {
                let mut draws = Draws::new(seed);
                shares(words, Shares::default(), 5_000, |_| draws.unit() as f32);
            });
        }
    });
    let mut draws = Draws::new(8);
    let found = shares(&words, Shares::default(), 5_000, |_| draws.unit() as f32);
    assert!(near(found, WANTED, 0.03), "{found:?}");
    assert_eq!(
        Thresholds::new(&words, Shares::default(), Prior::HEURISTIC).seen(),
        15_000
    );
}
