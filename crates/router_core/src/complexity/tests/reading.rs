//! Features, the heuristic and the pass over the text.

use proptest::prelude::*;

use super::{prompts, samples};
use crate::complexity::learn::{train, Options};
use crate::complexity::{
    heuristic, measure, measure_str, parts, Facts, Features, Scorer, NAMES, WEIGHTS, WINDOW,
};
use crate::text::{Gatherer, Part, Text};

fn features(text: &str) -> Features {
    measure_str(text, &Facts::default(), None).features
}

fn number(features: &Features, name: &str) -> f32 {
    let found = features.named().find(|(its, _)| *its == name);
    found.map_or(f32::NAN, |(_, value)| value)
}

fn counted(text: &str, name: &str) -> u32 {
    number(&features(text), name).exp_m1().round() as u32
}

#[test]
fn golden_features() {
    let text = "Why does `x == y` fail?\nCompare 3 cases, step by step:\n```rust\nfn f() {}\n```";
    let golden: [(&str, f32); 15] = [
        ("length", 4.3438),
        ("context", 0.0),
        ("turns", 2f32.ln()),
        ("word_length", 3.2308),
        ("long_words", 0.0),
        ("numbers", 2f32.ln()),
        ("questions", 2f32.ln()),
        ("lines", 6f32.ln()),
        ("symbols", 0.5484),
        ("code", 0.7895),
        ("analysis", 5f32.ln()),
        ("script", 0.0),
        ("tools", 0.0),
        ("json_schema", 0.0),
        ("images", 0.0),
    ];
    let features = features(text);
    for ((name, value), (golden_name, golden)) in features.named().zip(golden) {
        assert_eq!(name, golden_name);
        assert!(
            (value - golden).abs() < 1e-3,
            "{name}: {value}, golden {golden}"
        );
    }
}

#[test]
fn words_are_read_in_every_script() {
    assert_eq!(
        counted("Erkläre und BEGRÜNDE", "analysis"),
        1,
        "only ASCII is lower-cased"
    );
    assert_eq!(counted("erkläre, begründe; warum", "analysis"), 3);
    assert_eq!(counted("為什麼？どうして？ why?", "questions"), 3);
    assert!(number(&features("Почему небо голубое"), "script") > 0.99);
    assert!(number(&features("空はなぜ青いのですか"), "script") > 0.99);
    assert_eq!(
        number(&features("Tại sao bầu trời màu xanh?"), "script"),
        0.0
    );
    assert!((number(&features("Việt"), "word_length") - 4.0).abs() < 1e-6);
    assert_eq!(number(&features("🎉🎉 ok"), "script"), 0.0);
}

#[test]
fn code_is_told_from_prose() {
    let code = "def f(x):\n    return x == 1\n\nfor (int i = 0; i < n; i++) {\n  g();\n}\n";
    let prose =
        "The class of 1984 will return to the public school; import duties (and more) apply.";
    assert!(number(&features(code), "code") > 0.5);
    assert!(number(&features(prose), "code") < 0.1);
}

#[test]
fn parts_explain_the_whole_score() {
    let weights: f32 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
    assert!((weights - 1.0).abs() < 1e-6);
    let features = features("Analyze and compare: why is 2 + 2 == 4?");
    let sum: f32 = parts(&features).iter().map(|part| part.adds).sum();
    assert!((sum - heuristic(&features)).abs() < 1e-6);
    assert!(heuristic(&features) > heuristic(&self::features("hi")));
}

#[test]
fn facts_count() {
    let plain = measure_str("Do it.", &Facts::default(), None).score;
    let all = Facts {
        turns: 12,
        has_tools: true,
        has_json_schema: true,
        has_images: true,
    };
    assert!(measure_str("Do it.", &all, None).score > plain + 0.15);
}

#[test]
fn what_users_wrote_is_read_and_the_rest_is_counted() {
    let body = br#"{"messages":[{"role":"system","content":"Prove the theorem, compare, why"},
        {"role":"user","content":"hello"},{"role":"assistant","content":"Compare and prove"},
        {"role":"user","content":"thanks?"}]}"#;
    let mut text = Text::new();
    gather(body, &mut text);
    let facts = Facts::of(&text);
    assert_eq!(facts.turns, 2);
    let measured = measure(&text, &facts, None);
    assert_eq!(number(&measured.features, "analysis"), 0.0);
    assert_eq!(measured.visited, 12);
    assert_eq!(number(&measured.features, "length"), 12f32.ln_1p());
    assert!(number(&measured.features, "context") > 3.0);
    // Without a user everything is the question.
    let lone = measure(&Text::of("Prove it?"), &Facts::default(), None);
    assert_eq!(number(&lone.features, "questions"), 2f32.ln());
}

/// The strings of a body with `messages` only, as the body's pass would hand them over.
fn gather(body: &[u8], text: &mut Text) {
    let mut gatherer = Gatherer::new(body, text);
    let (mut depth, mut at) = (0, 0);
    while at < body.len() {
        match body[at] {
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b'"' => {
                let length = body[at + 1..].iter().position(|byte| *byte == b'"');
                let end = at + 1 + length.unwrap_or(0);
                let span = crate::json::Span { start: at + 1, end };
                let key = body.get(end + 1) == Some(&b':');
                let part = if depth == 1 {
                    Part::Other
                } else {
                    Part::Messages
                };
                gatherer.string(part, depth, key, span, false);
                at = end;
            }
            _ => {}
        }
        at += 1;
    }
    gatherer.finish();
}

#[test]
fn a_long_text_is_read_at_both_ends() {
    let filler = "word ".repeat(WINDOW);
    let text = format!("Prove this. {filler} Compare both?");
    let measured = measure_str(&text, &Facts::default(), None);
    assert!(measured.visited <= WINDOW as u64 + 6);
    assert_eq!(counted(&text, "analysis"), 2);
    assert_eq!(
        number(&measured.features, "length"),
        (text.len() as f32).ln_1p()
    );
}

#[test]
fn work_is_linear_and_has_a_ceiling() {
    for unit in ["a", "1", "?", " ", "\n", "`", "é", "語", "🎉", "\u{1e01}"] {
        for size in [1000, 4000] {
            let text = unit.repeat(size);
            let visited = measure_str(&text, &Facts::default(), None).visited;
            assert!(
                visited <= text.len() as u64 && visited <= WINDOW as u64 + 6,
                "{unit:?}"
            );
        }
    }
}

fn learned() -> Scorer {
    let prompts = prompts(300);
    train(&samples(&prompts), 1, &Options::default()).expect("300 samples teach")
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn any_text_has_finite_numbers_and_a_score(text in any::<String>(), turns: u32, flag: bool) {
        let facts = Facts { turns, has_tools: flag, has_json_schema: !flag, has_images: flag };
        let measured = measure_str(&text, &facts, None);
        prop_assert!((0.0..=1.0).contains(&measured.score));
        prop_assert!(measured.features.numbers.iter().all(|number| number.is_finite()));
        prop_assert_eq!(measured, measure_str(&text, &facts, None));
    }

    #[test]
    fn any_bytes_are_read_to_their_end(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        let mut tokens = crate::complexity::reader::NoTokens;
        let pieces = std::iter::once(bytes.as_slice());
        let facts = Facts::default();
        let (features, visited) =
            measure::read(pieces, bytes.len(), 0, &facts, &mut tokens);
        prop_assert_eq!(visited, bytes.len() as u64);
        prop_assert!(features.numbers.iter().all(|number| number.is_finite()));
    }
}

#[test]
fn words_add_their_weights_over_the_root_of_their_number() {
    struct Seen(Vec<u16>);
    impl crate::complexity::reader::Tokens for Seen {
        fn token(&mut self, bucket: u16) {
            self.0.push(bucket);
        }
    }
    let scorer = learned();
    for text in [
        "Prove it",
        "prove it prove it",
        "a",
        "",
        "Name the capital, the capital!",
    ] {
        let mut seen = Seen(Vec::new());
        let facts = Facts::default();
        measure::read(
            std::iter::once(text.as_bytes()),
            text.len(),
            0,
            &facts,
            &mut seen,
        );
        seen.0.sort_unstable();
        seen.0.dedup();
        let weights = seen
            .0
            .iter()
            .map(|it| i64::from(scorer.weights[usize::from(*it)]));
        let root = (seen.0.len().max(1) as f32).sqrt();
        let wanted = weights.sum::<i64>() as f32 * scorer.scale / root;
        let found = measure_str(text, &facts, Some(&scorer)).words;
        assert!(
            (found - wanted).abs() < 1e-6,
            "{text}: {found}, not {wanted}"
        );
    }
}

#[test]
fn the_learned_scorer_is_total_too() {
    let scorer = learned();
    let hostile = [
        "",
        "\u{0}",
        "\u{1f}\u{1f}",
        "????",
        "\u{fffd}\u{fffd}",
        "a\u{301}",
    ];
    for text in hostile {
        for repeat in [1, 50, 9000] {
            let facts = Facts {
                turns: u32::MAX,
                has_tools: true,
                ..Facts::default()
            };
            let measured = measure_str(&text.repeat(repeat), &facts, Some(&scorer));
            assert!((0.0..=1.0).contains(&measured.score), "{text:?}");
        }
    }
    assert_eq!(NAMES.len(), scorer.training().features.len());
}
