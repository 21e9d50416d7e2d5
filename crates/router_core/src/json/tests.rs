//! The scanner against serde_json, hostile inputs against the work counter, numbers against
//! arithmetic.

use proptest::prelude::*;
use serde::de::IgnoredAny;

use super::*;

fn accepts(bytes: &[u8]) -> Result<Value, Fault> {
    let mut scanner = Scanner::new(bytes, MAX_DEPTH);
    let value = scanner.skip()?;
    scanner.end()?;
    Ok(value)
}

/// What serde_json says when it only checks the grammar (no ranges, no surrogates).
fn serde_accepts(bytes: &[u8]) -> bool {
    serde_json::from_slice::<IgnoredAny>(bytes).is_ok()
}

#[test]
fn grammar_by_example() {
    let good: &[&str] = &[
        "0",
        "-0",
        "1.5e-300",
        "1E+9",
        "123456789012345678901234567890",
        "1e400",
        "true",
        "null",
        r#""""#,
        r#""\ud800""#,
        r#""é\u0000\/""#,
        "[]",
        "[ ]",
        "{}",
        " { } ",
        "[1,2]",
        r#"{"a":1,"a":2}"#,
        r#"{"a":{"b":[[],{}]}}"#,
        "\t[\r\n1 , 2 ]\n",
    ];
    for text in good {
        assert!(accepts(text.as_bytes()).is_ok(), "{text}");
        assert!(serde_accepts(text.as_bytes()), "{text}");
    }
    let bad: &[&str] = &[
        "",
        " ",
        "01",
        "-",
        "+1",
        ".5",
        "1.",
        "1e",
        "1e+",
        "0x1",
        "NaN",
        "Infinity",
        "-Infinity",
        "tru",
        "truefalse",
        "nul",
        "'a'",
        r#"""#,
        r#""\x""#,
        r#""\u12g4""#,
        r#""\u12"#,
        "\"\n\"",
        "\"\u{1}\"",
        "[",
        "]",
        "[1",
        "[1,",
        "[1,]",
        "[,1]",
        "[1 2]",
        "{",
        "}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{,"a":1}"#,
        "{1:2}",
        r#"{"a" 1}"#,
        r#"{"a":1 "b":2}"#,
        "[}",
        "{]",
        r#"{"a":1]"#,
        "1 2",
        "{}{}",
        "/**/1",
        "\u{feff}{}",
        "\u{c}1",
        "\u{a0}1",
    ];
    for text in bad {
        assert!(accepts(text.as_bytes()).is_err(), "{text}");
        assert!(!serde_accepts(text.as_bytes()), "{text}");
    }
}

#[test]
fn depth_is_counted_from_one() {
    for (open, close) in [("[", "]"), (r#"{"a":"#, "}")] {
        let nested = |depth: usize| format!("{}1{}", open.repeat(depth), close.repeat(depth));
        assert!(accepts(nested(64).as_bytes()).is_ok());
        assert_eq!(accepts(nested(65).as_bytes()).unwrap_err().what, What::Deep);
    }
    let wide = format!("[{}1]", "[[]],{\"a\":[]},".repeat(1000));
    assert!(accepts(wide.as_bytes()).is_ok());
}

#[test]
fn a_special_byte_is_found_at_every_offset() {
    for length in 0..100 {
        for position in 0..length {
            for special in [b'"', b'\\', 0x00, 0x1f, b'\n'] {
                let mut bytes = vec![b'x'; length];
                // Neighbours that a careless carry would confuse with a hit.
                bytes
                    .iter_mut()
                    .skip(1)
                    .step_by(3)
                    .for_each(|byte| *byte = 0x20);
                bytes
                    .iter_mut()
                    .skip(2)
                    .step_by(3)
                    .for_each(|byte| *byte = 0xa2);
                bytes[position] = special;
                assert_eq!(text::plain_run(&bytes, 0), position, "{length}");
                assert_eq!(text::plain_run(&bytes, position), position, "{length}");
            }
        }
        let clean: Vec<u8> = (0..length)
            .map(|n| [b'#', b'!', b'[', b']', 0x7f, 0xff][n % 6])
            .collect();
        assert_eq!(text::plain_run(&clean, 0), length);
    }
}

#[test]
fn literals_decode_and_encode() {
    let decoded = |literal: &str| {
        accepts(literal.as_bytes())
            .unwrap()
            .raw(literal.as_bytes())
            .as_str()
            .unwrap()
            .into_owned()
    };
    assert_eq!(
        decoded(r#""a\"\\\/\b\f\n\r\tz""#),
        "a\"\\/\u{8}\u{c}\n\r\tz"
    );
    assert_eq!(decoded(r#""\u00e9\ud83d\ude00""#), "é😀");
    assert_eq!(decoded(r#""\ud83d""#), "\u{fffd}");
    assert_eq!(decoded(r#""\ude00x""#), "\u{fffd}x");
    assert_eq!(decoded(r#""\ud83d\u0041""#), "\u{fffd}A");
    assert_eq!(decoded(r#""\ud83d\ud83d\ude00""#), "\u{fffd}😀");
}

#[test]
fn whole_numbers() {
    let cases: &[(&str, Option<u64>)] = &[
        ("0", Some(0)),
        ("-0", Some(0)),
        ("-7", Some(0)),
        ("42", Some(42)),
        ("1.0", Some(1)),
        ("1e3", Some(1000)),
        ("12.5e1", Some(125)),
        ("1.5", None),
        ("-1.5", None),
        ("1e-1", None),
        ("18446744073709551615", Some(u64::MAX)),
        ("18446744073709551616", Some(u64::MAX)),
        ("1e400", Some(u64::MAX)),
        ("1e99999999999999999999", Some(u64::MAX)),
        ("0e99999999999999999999", Some(0)),
        ("1e-99999999999999999999", None),
        ("0.0", Some(0)),
        (
            "100000000000000000000000000000000000000000000000",
            Some(u64::MAX),
        ),
        (
            "0.00000000000000000000000000000000000000000000000000001",
            None,
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(integer(text.as_bytes()), *expected, "{text}");
    }
}

#[test]
fn money_is_decimal() {
    let cases: &[(&str, i64)] = &[
        ("0", 0),
        ("1", 1_000_000_000),
        ("0.00014", 140_000),
        ("1.4e-05", 14_000),
        ("-3", 0),
        ("0.0000000005", 1),
        ("0.0000000004999", 0),
        ("0.1234567894", 123_456_789),
        ("0.1234567895", 123_456_790),
        ("1e400", i64::MAX),
        ("1e-400", 0),
        ("2.5E0", 2_500_000_000),
        ("0.30000000000000004", 300_000_000),
    ];
    for (text, expected) in cases {
        assert_eq!(decimal_nanos(text.as_bytes()), *expected, "{text}");
    }
}

#[test]
fn truth_is_that_of_the_client_libraries() {
    for text in ["null", "false", "0", "-0.0e5", "\"\"", "[]", "{ }", "[\n]"] {
        assert!(
            !accepts(text.as_bytes())
                .unwrap()
                .raw(text.as_bytes())
                .is_truthy(),
            "{text}"
        );
    }
    for text in ["true", "1", "0.01", "\" \"", "[0]", "{\"a\":0}"] {
        assert!(
            accepts(text.as_bytes())
                .unwrap()
                .raw(text.as_bytes())
                .is_truthy(),
            "{text}"
        );
    }
}

/// Text that is JSON more often than not: pieces of grammar in random order.
fn almost_json() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        8 => proptest::sample::select(vec!["{", "}", "[", "]", ",", ":", "\"a\"", "\"\\u0061\"", "1"]),
        2 => proptest::sample::select(vec![
            "\"", "\\", "-", ".", "e", "0", "true", "fals", "null", " ", "\n", "\u{0}", "\\u", "é", "\u{feff}",
        ]),
    ];
    proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat().into_bytes())
}

/// What may stand between two runs of a literal.
fn long_piece() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(
            &[
                r#"\""#,
                r"\\",
                r"\n",
                r"\/",
                r"\u0041",
                r"\ud83d\ude00",
                "x",
                ""
            ][..]
        )
        .prop_map(str::to_owned),
        prop::sample::select(&[r"\n\n", r"\\\\\\", r#"\"\""#][..]).prop_map(|it| it.repeat(40)),
    ]
}

fn json_value() -> impl Strategy<Value = serde_json::Value> {
    let leaf = prop_oneof![
        Just(serde_json::Value::Null),
        any::<bool>().prop_map(Into::into),
        any::<i64>().prop_map(Into::into),
        any::<i32>().prop_map(|eighths| (f64::from(eighths) / 8.0).into()),
        any::<String>().prop_map(Into::into),
    ];
    leaf.prop_recursive(5, 40, 6, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..6).prop_map(Into::into),
            proptest::collection::vec((any::<String>(), inner), 0..6)
                .prop_map(|members| serde_json::Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #[test]
    fn accepts_what_serde_accepts(bytes in almost_json()) {
        prop_assert_eq!(accepts(&bytes).is_ok(), serde_accepts(&bytes));
    }

    #[test]
    fn accepts_every_value_and_rejects_its_mutations_alike(
        value in json_value(), pretty in any::<bool>(), at in any::<prop::sample::Index>(), byte in any::<u8>(),
    ) {
        let mut text = if pretty {
            serde_json::to_vec_pretty(&value).unwrap()
        } else {
            serde_json::to_vec(&value).unwrap()
        };
        let scanned = accepts(&text).unwrap();
        prop_assert_eq!(scanned.span.len(), text.len());
        let at = at.index(text.len());
        text[at] = byte;
        prop_assert_eq!(accepts(&text).is_ok(), serde_accepts(&text), "{:?}", String::from_utf8_lossy(&text));
    }

    #[test]
    fn readers_agree_with_serde(value in json_value()) {
        let text = serde_json::to_vec(&value).unwrap();
        let raw = accepts(&text).unwrap().raw(&text);
        match &value {
            serde_json::Value::Array(items) => {
                let read: Vec<serde_json::Value> =
                    raw.items().map(|item| serde_json::from_slice(item.bytes()).unwrap()).collect();
                prop_assert_eq!(items, &read);
            }
            serde_json::Value::Object(members) => {
                for ((name, member), (key, read)) in members.iter().zip(raw.entries()) {
                    prop_assert_eq!(name, &*key);
                    prop_assert_eq!(member, &serde_json::from_slice::<serde_json::Value>(read.bytes()).unwrap());
                }
                prop_assert_eq!(members.len(), raw.entries().count());
            }
            serde_json::Value::String(text) => prop_assert_eq!(text, &*raw.as_str().unwrap()),
            serde_json::Value::Bool(truth) => prop_assert_eq!(Some(*truth), raw.as_bool()),
            serde_json::Value::Number(number) => prop_assert_eq!(number.as_f64(), raw.as_f64()),
            serde_json::Value::Null => prop_assert!(raw.is_null()),
        }
    }

    #[test]
    fn written_literals_read_back(text in any::<String>()) {
        let mut literal = Vec::new();
        write_string(&mut literal, &text);
        prop_assert_eq!(&serde_json::from_slice::<String>(&literal).unwrap(), &text);
        prop_assert_eq!(accepts(&literal).unwrap().raw(&literal).as_str().unwrap(), text);
    }

    /// Runs, escapes and the ends of blocks in every position to each other; also cut and damaged.
    #[test]
    fn long_literals_are_read_as_serde_reads_them(
        pieces in prop::collection::vec((0usize..90, long_piece()), 0..12),
        damage in prop::option::of((any::<prop::sample::Index>(), prop::sample::select(&b"\"\\\n\0x"[..]))),
        cut in any::<prop::sample::Index>(),
    ) {
        let inside: String = pieces.iter().map(|(run, piece)| "é-".repeat(*run) + piece).collect();
        let mut literal = format!("\"{inside}\"").into_bytes();
        prop_assert_eq!(
            accepts(&literal).unwrap().raw(&literal).as_str().unwrap(),
            serde_json::from_slice::<String>(&literal).unwrap()
        );
        let cut = cut.index(literal.len());
        prop_assert!(accepts(&literal[..cut]).is_err());
        if let Some((at, byte)) = damage {
            let at = at.index(literal.len());
            literal[at] = byte;
            if std::str::from_utf8(&literal).is_ok() {
                prop_assert_eq!(accepts(&literal).is_ok(), serde_accepts(&literal));
            }
        }
    }

    #[test]
    fn whole_numbers_are_exact(value in any::<u64>()) {
        prop_assert_eq!(integer(value.to_string().as_bytes()), Some(value));
    }

    #[test]
    fn nanos_are_exact(units in 0i64..9_000_000_000, nanos in 0i64..1_000_000_000) {
        let text = format!("{units}.{nanos:09}");
        prop_assert_eq!(decimal_nanos(text.as_bytes()), units * 1_000_000_000 + nanos);
    }
}
