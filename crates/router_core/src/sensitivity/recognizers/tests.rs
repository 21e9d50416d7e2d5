//! Every recognizer against its corpus, and against a plain reading of its definition.
//!
//! A corpus line begins with `+` (exactly the parts in `⟦⟧` are found, of this kind) or `-`
//! (nothing of this kind is found). `␤` is a line break, `␟` a joint, `⁞` a zero-width space.

use proptest::prelude::*;

use super::super::{Entity, ScanConfig, Scanner, JOINT};
use super::{card, iban, ssn};

const CORPORA: &[(Entity, &str)] = &[
    (Entity::Card, include_str!("card.txt")),
    (Entity::Ssn, include_str!("ssn.txt")),
    (Entity::Iban, include_str!("iban.txt")),
    (Entity::Passport, include_str!("passport.txt")),
    (Entity::Medical, include_str!("medical.txt")),
    (Entity::PrivateKey, include_str!("private_key.txt")),
    (Entity::Confidential, include_str!("confidential.txt")),
    (Entity::ApiKey, include_str!("api_key.txt")),
    (Entity::Credential, include_str!("credential.txt")),
    (Entity::Email, include_str!("email.txt")),
    (Entity::Phone, include_str!("phone.txt")),
    (Entity::Ip, include_str!("ip.txt")),
];

fn scanner() -> Scanner {
    Scanner::new(&ScanConfig::default()).expect("the default configuration")
}

fn places(scanner: &Scanner, entity: Entity, text: &[u8]) -> Vec<(usize, usize)> {
    let mut spans: Vec<_> = scanner
        .scan_bytes(text, 100)
        .spans
        .iter()
        .filter(|it| it.entity == entity)
        .map(|it| (it.start as usize, it.end as usize))
        .collect();
    spans.sort_unstable();
    spans
}

#[test]
fn corpora() {
    let scanner = scanner();
    let mut wrong = Vec::new();
    for (entity, corpus) in CORPORA {
        let (mut hits, mut misses) = (0, 0);
        for line in corpus
            .lines()
            .filter(|it| !it.is_empty() && !it.starts_with('#'))
        {
            let (sign, body) = line.split_at(1);
            let body = body
                .trim_start()
                .replace('␤', "\n")
                .replace('␟', "\u{1f}")
                .replace('⁞', "\u{200b}");
            let mut text = String::new();
            let mut expected = Vec::new();
            let mut open = 0;
            for character in body.chars() {
                match character {
                    '⟦' => open = text.len(),
                    '⟧' => expected.push((open, text.len())),
                    other => text.push(other),
                }
            }
            match sign {
                "+" => hits += 1,
                _ => misses += 1,
            }
            assert_eq!(
                expected.is_empty(),
                sign == "-",
                "a line of {}: {line}",
                entity.name()
            );
            let got = places(&scanner, *entity, text.as_bytes());
            if got != expected {
                let shown: Vec<_> = got
                    .iter()
                    .map(|(from, to)| &text.as_bytes()[*from..*to])
                    .map(String::from_utf8_lossy)
                    .collect();
                wrong.push(format!(
                    "{}: {line}\n    got {shown:?} at {got:?}",
                    entity.name()
                ));
            }
        }
        assert!(
            hits >= 8 && misses >= 8,
            "the corpus of {} is too small",
            entity.name()
        );
    }
    assert!(
        wrong.is_empty(),
        "{} lines\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

#[test]
fn word_lists_are_sorted() {
    for list in [
        &card::FOR,
        &card::AGAINST,
        &ssn::FOR,
        &ssn::AGAINST,
        &super::phone::FOR,
        &super::phone::AGAINST,
        &super::ip::FOR,
        &super::ip::AGAINST,
        &super::passport::AGAINST,
        &super::confidential::SIGNED,
        &super::confidential::DOCUMENTS,
        &super::confidential::TECHNICAL,
        &super::confidential::MARKED,
    ] {
        assert!(
            list.words().windows(2).all(|pair| pair[0] < pair[1]),
            "{:?}",
            list.words()
        );
    }
}

/// A plain reading: every row of digits of a card's length, alone in its text.
fn is_card_plainly(digits: &str) -> bool {
    let values: Vec<u8> = digits.bytes().map(|it| it - b'0').collect();
    (12..=19).contains(&values.len()) && card::is_like_card(&values)
}

fn check_digit(body: &[u8]) -> u8 {
    (0..10)
        .find(|last| {
            let mut all = body.to_vec();
            all.push(*last);
            card::luhn(&all)
        })
        .unwrap_or(0)
}

proptest! {
    #[test]
    fn cards_are_those_of_the_definition(digits in "[0-9]{11,20}", fix in any::<bool>()) {
        let mut values: Vec<u8> = digits.bytes().map(|it| it - b'0').collect();
        if fix {
            let last = values.len() - 1;
            values[last] = check_digit(&values[..last]);
        }
        let digits: String = values.iter().map(|it| (it + b'0') as char).collect();
        let text = format!("my credit card: {digits}.");
        let found = places(&scanner(), Entity::Card, text.as_bytes());
        if is_card_plainly(&digits) {
            prop_assert_eq!(found, [(16, 16 + digits.len())]);
        } else {
            prop_assert!(found.is_empty(), "{}", text);
        }
    }

    #[test]
    fn accounts_are_those_of_the_definition(
        country in prop::sample::select(vec!["DE", "GB", "FR", "NO", "MT", "XX", "NL"]),
        tail in "[0-9]{12,29}",
        group in any::<bool>(),
        fix in any::<bool>(),
    ) {
        let length = iban::length_of([country.as_bytes()[0], country.as_bytes()[1]]).unwrap_or(22);
        let tail = &format!("{tail}{tail}{tail}")[..length - 4];
        let rest = iban::remainder(format!("{country}00{tail}").as_bytes());
        let check = if fix { 98 - rest } else { 97 - rest % 90 };
        let number = format!("{country}{check:02}{tail}");
        let valid = country != "XX" && iban::remainder(number.as_bytes()) == 1;
        let written = if group {
            let parts: Vec<_> = number.as_bytes().chunks(4)
                .map(|it| String::from_utf8_lossy(it).into_owned()).collect();
            parts.join(" ")
        } else {
            number
        };
        let text = format!("pay to {written} now");
        let found = places(&scanner(), Entity::Iban, text.as_bytes());
        if valid {
            prop_assert_eq!(found, [(7, 7 + written.len())], "{}", text);
        } else {
            prop_assert!(found.is_empty(), "{}", text);
        }
    }

    #[test]
    fn social_security_numbers_are_those_of_the_definition(
        area in 0u32..1000, group in 0u32..100, serial in 0u32..10_000,
    ) {
        let written = format!("{area:03}-{group:02}-{serial:04}");
        let digits: Vec<u8> = written.bytes().filter(u8::is_ascii_digit).map(|it| it - b'0').collect();
        let text = format!("ssn {written} end");
        let found = places(&scanner(), Entity::Ssn, text.as_bytes());
        prop_assert_eq!(!found.is_empty(), ssn::is_issued(&digits), "{}", text);
    }

    /// A client may split its text anywhere: the number is found, joint or not.
    #[test]
    fn a_split_number_is_found(cut in 1usize..18, form in 0usize..4) {
        let (entity, number) = [
            (Entity::Card, "4716 2938 5501 7768"),
            (Entity::Card, "4716-2938-5501-7768"),
            (Entity::Ssn, "212-47-3958"),
            (Entity::Iban, "GB30KBNK40713629581746"),
        ][form];
        let cut = cut.min(number.len() - 1);
        let mut text = b"it is ".to_vec();
        text.extend_from_slice(&number.as_bytes()[..cut]);
        text.push(JOINT);
        text.extend_from_slice(&number.as_bytes()[cut..]);
        text.extend_from_slice(b" ok");
        prop_assert_eq!(places(&scanner(), entity, &text), [(6, 6 + number.len() + 1)]);
    }
}
