//! What is said without an exact count of the right vocabulary: samples, fit, calibration, script.

use std::sync::atomic::{AtomicU64, Ordering};

use proptest::prelude::*;

use super::any_text;
use crate::tokens::*;
use crate::types::Draws;

/// Sentences of words of very different cost, so that a text is not the same everywhere.
fn prose(words: &[&str], bytes: usize, seed: u64) -> String {
    let mut draws = Draws::new(seed);
    let mut text = String::new();
    while text.len() < bytes {
        text.push_str(words[draws.below(words.len())]);
        text.push_str([" ", " ", " ", ", ", ".\n"][draws.below(5)]);
    }
    text
}

const ENGLISH: [&str; 12] = [
    "the",
    "of",
    "temperature",
    "government",
    "measured",
    "a",
    "nevertheless",
    "is",
    "between",
    "we",
    "Zurich",
    "1984",
];
const CHINESE: [&str; 8] = [
    "政府",
    "的",
    "发展",
    "是",
    "大学研究",
    "经济",
    "和",
    "技术问题",
];
const CODE: [&str; 8] = [
    "if",
    "(x",
    "==",
    "0x1F)",
    "{",
    "return",
    "self._items[i]",
    "};",
];

#[test]
fn samples_are_within_the_margin_also_where_a_text_changes() {
    let (english, chinese, code) = (
        |bytes| prose(&ENGLISH, bytes, 1),
        |bytes| prose(&CHINESE, bytes, 2),
        |bytes| prose(&CODE, bytes, 3),
    );
    let rows = |bytes: usize| "| 1017 | name of it | 3.14159 | 2026-01-01 |\n".repeat(bytes / 45);
    for (name, text) in [
        ("english", english(200_000)),
        ("chinese", chinese(100_000)),
        ("code", code(60_000)),
        ("rows", rows(120_000)),
        ("barely long", english(EXACT_BYTES + 1)),
        ("head and tail", english(60_000) + &chinese(60_000)),
        (
            "three parts",
            code(30_000) + &english(90_000) + &chinese(30_000),
        ),
        ("many strings", vec![english(900); 100].join("\x1f")),
        ("spaces", " ".repeat(100_000)),
        (
            "no spaces",
            chinese(100_000).replace([' ', '.', ',', '\n'], ""),
        ),
    ] {
        for encoding in Encoding::ALL {
            let exact = count_joined(encoding, &text) as f64;
            let sampled = estimate(encoding, &text);
            assert!(!sampled.exact);
            let error = sampled.tokens as f64 / exact;
            assert!(
                error < SAMPLE_MARGIN && error > 1.0 / SAMPLE_MARGIN,
                "{name}: {error}"
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn estimates_and_scripts_are_total(text in any_text(), times in 1..200usize) {
        let text = text.repeat(times);
        for encoding in Encoding::ALL {
            let estimate = estimate(encoding, &text);
            prop_assert!(estimate.tokens <= text.len() as u64);
            prop_assert_eq!(estimate.exact, text.len() <= EXACT_BYTES);
        }
        script_of(text.as_bytes());
        script_of(&text.as_bytes()[text.len() / 3..]);
    }
}

fn exact(tokens: u64) -> impl FnOnce() -> Estimate {
    move || Estimate {
        tokens,
        exact: true,
    }
}

fn sampled(tokens: u64) -> impl FnOnce() -> Estimate {
    move || Estimate {
        tokens,
        exact: false,
    }
}

#[test]
fn fit_says_no_only_on_an_exact_count_of_the_right_vocabulary() {
    let uncounted = || -> Estimate { panic!("bytes alone decide") };
    assert_eq!(fit(100, uncounted, 100, Ratio::Same), Fit::Yes);
    let learned = |mean, p99| {
        Ratio::Learned(Calibration {
            mean,
            p99,
            samples: 1000,
        })
    };
    assert_eq!(fit(100, uncounted, 100, learned(2.0, 4.0)), Fit::Yes);
    for (estimated, ratio, expected) in [
        (exact(100), Ratio::Same, Fit::Yes),
        (exact(101), Ratio::Same, Fit::No(101)),
        (exact(66), learned(1.2, 1.5), Fit::Yes),
        (exact(67), learned(1.2, 1.5), Fit::Unknown),
        (exact(83), learned(1.2, 1.5), Fit::Unknown),
        (exact(84), learned(1.2, 1.5), Fit::Unlikely),
        (exact(9_999), learned(1.2, 1.5), Fit::Unlikely),
        (exact(9_999), learned(f64::NAN, f64::NAN), Fit::Unknown),
    ] {
        assert_eq!(fit(1000, estimated, 100, ratio), expected);
    }
    assert_eq!(fit(1000, sampled(89), 100, Ratio::Same), Fit::Yes);
    assert_eq!(fit(1000, sampled(90), 100, Ratio::Same), Fit::Unknown);
    assert_eq!(fit(1000, sampled(9_999), 100, Ratio::Same), Fit::Unlikely);
    assert_eq!(fit(1000, sampled(60), 100, learned(1.2, 1.5)), Fit::Unknown);
    assert_eq!(fit(1, exact(1), 0, Ratio::Same), Fit::No(1));
}

#[test]
fn calibration_converges_from_anything() {
    for start in [0, u64::MAX, 0x0000_0005_7fc0_0000] {
        let (mean, tail) = (AtomicU64::new(start), AtomicU64::new(start));
        let words = CalibrationWords::new(&mean, &tail);
        assert_eq!(words.read().samples, 0);
        assert_eq!((words.read().mean, words.read().p99), (1.0, 1.5));
        let mut draws = Draws::new(11);
        for sample in 0..6_000u32 {
            assert!(words.read().p99 >= 1.5 || sample >= 200);
            // Uniform over 1.1 to 1.3: the mean is 1.2, and 99 % stay below 1.298.
            let ratio = 1.1 + 0.2 * draws.unit();
            assert!(words.learn((10_000.0 * ratio) as u64, 10_000));
        }
        let learned = words.read();
        assert_eq!(learned.samples, 6_000);
        assert!((learned.mean - 1.2).abs() < 0.03, "{learned:?}");
        assert!((1.26..1.36).contains(&learned.p99), "{learned:?}");
        // A model that changes its tokenizer is followed.
        for _ in 0..2_000 {
            words.learn(1_500, 1_000);
        }
        assert!((words.read().mean - 1.5).abs() < 0.01, "{:?}", words.read());
        assert!(words.read().p99 > 1.45, "{:?}", words.read());
    }
}

#[test]
fn calibration_ignores_what_cannot_be() {
    let (mean, tail) = (AtomicU64::new(0), AtomicU64::new(0));
    let words = CalibrationWords::new(&mean, &tail);
    for (reported, counted) in [(0, 100), (1, 0), (0, 0), (u64::MAX, 1), (1, u64::MAX)] {
        assert!(!words.learn(reported, counted));
    }
    assert_eq!(words.read().samples, 0);
    assert_eq!(mean.load(Ordering::Relaxed), 0);
}

#[test]
fn two_threads_learn_together() {
    let (mean, tail) = (AtomicU64::new(0), AtomicU64::new(0));
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                for _ in 0..5_000 {
                    CalibrationWords::new(&mean, &tail).learn(130, 100);
                }
            });
        }
    });
    let learned = CalibrationWords::new(&mean, &tail).read();
    assert!(learned.samples > 9_000, "{learned:?}");
    assert!((learned.mean - 1.3).abs() < 1e-3);
    assert!((learned.p99 - 1.3).abs() < 0.05, "{learned:?}");
}

#[test]
fn scripts_are_told_apart() {
    for (text, script) in [
        ("", Script::Latin),
        (
            "An ordinary sentence, with a comma and 1 number.",
            Script::Latin,
        ),
        ("Größe und Übung, schließlich auch Ärger", Script::Latin),
        ("Đường phố của thành phố này rất đẹp", Script::Latin),
        (
            r#"{"id": 12, "x": [1, 2, {"y": null}], "z": -3.5e7}"#,
            Script::Code,
        ),
        (
            "for (i = 0; i < n; i++) { a[i] += b[i] * 2; }",
            Script::Code,
        ),
        ("Это обычное предложение", Script::Cyrillic),
        ("Μια συνηθισμένη πρόταση", Script::Cyrillic),
        ("هذه جملة عادية", Script::Arabic),
        ("זה משפט רגיל", Script::Arabic),
        ("यह एक सामान्य वाक्य है", Script::Indic),
        ("นี่เป็นประโยคธรรมดา", Script::Indic),
        ("这是一个普通的句子。", Script::Cjk),
        ("これは普通の文です。", Script::Cjk),
        ("이것은 평범한 문장입니다", Script::Hangul),
        ("😀😃😄😁", Script::Other),
        ("ሰላም ለዓለም", Script::Other),
    ] {
        assert_eq!(script_of(text.as_bytes()), script, "{text}");
        assert_eq!(script_of(text.repeat(500).as_bytes()), script, "{text}");
    }
    for (number, script) in Script::ALL.iter().enumerate() {
        assert_eq!(*script as usize, number);
    }
}

/// The numbers that rest on these tables in shared memory must not move.
#[test]
fn warming_is_idempotent() {
    warm();
    warm();
    assert_eq!(count(Encoding::O200k, "hello world"), 2);
}
