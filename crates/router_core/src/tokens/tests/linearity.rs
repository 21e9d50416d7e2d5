//! Work grows with the text and no faster, whatever the text.

use crate::tokens::work::steps_of;
use crate::tokens::*;
use crate::types::Draws;

/// Alphabets that have made tokenizers quadratic, as runs and as random letters.
fn hostile(size: usize) -> Vec<(&'static str, String)> {
    let repeated = [
        ("a", "a"),
        ("capitals", "A"),
        ("spaces", " "),
        ("line ends", "\n"),
        ("spaces and line ends", "                                \n"),
        ("space and tab", " \t"),
        ("line end and spaces", "\n  "),
        ("apostrophes", "'s"),
        ("quotes", "'"),
        ("slashes", "!\n/"),
        ("digits", "0"),
        ("capital and caseless", "漢A"),
        ("caseless and capitals", "漢AAAAAAAAAAAAAAAA"),
        ("marks", "\u{301}"),
        ("mark and capital", "\u{301}A"),
        ("rare", "\u{a001}"),
        ("family", "👨\u{200d}👩\u{200d}👧"),
        ("period seven", "abcdefg"),
        ("separators", "\x1f"),
    ];
    let mut texts: Vec<_> = repeated
        .iter()
        .map(|(name, unit)| (*name, unit.repeat(size / unit.len() + 1)))
        .collect();
    let mut draws = Draws::new(7);
    for (name, alphabet) in [
        ("two letters", "ab"),
        ("letters", "abcdefghijklmnopqrstuvwxyz"),
        ("both cases", "abcdefghABCDEFGH"),
        ("signs", "!#$%&()*+,-./:;<=>?@[]^_`{|}~"),
        ("white space", " \t\n\r\u{a0}\u{3000}"),
        (
            "characters",
            "的一是不了人我在有他这为之大来以个中上们龘靐齉",
        ),
        ("all classes", "aA漢\u{301}1 \n!'s"),
    ] {
        let alphabet: Vec<char> = alphabet.chars().collect();
        let text = (0..size).map(|_| alphabet[draws.below(alphabet.len())]);
        texts.push((name, text.collect()));
    }
    texts
}

#[test]
fn four_times_the_text_is_at_most_five_times_the_work() {
    for encoding in Encoding::ALL {
        for ((name, small), (_, large)) in hostile(8_000).iter().zip(hostile(32_000)) {
            let steps = |text: &str| steps_of(|| assert!(count(encoding, text) > 0));
            let (one, four) = (steps(small), steps(&large));
            assert!(four <= one * 5, "{name}: {one} then {four}");
            // And the factor itself is small: the longest chain of prefixes is never walked often.
            assert!(
                four <= large.len() as u64 * 40,
                "{name}: {four} for {}",
                large.len()
            );
        }
    }
}

#[test]
fn a_sample_costs_the_same_for_any_length() {
    for ((name, small), (_, large)) in hostile(20_000).iter().zip(hostile(500_000)) {
        let steps = |text: &str| steps_of(|| assert!(estimate(Encoding::O200k, text).tokens > 0));
        let (one, many) = (steps(small), steps(&large));
        assert!(many <= one * 2, "{name}: {one} then {many}");
    }
}
