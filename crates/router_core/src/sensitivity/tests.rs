//! The scanner as a whole: levels, saturation, hostile texts, disguises.

use proptest::prelude::*;

use super::*;

fn scanner() -> Scanner {
    Scanner::new(&ScanConfig::default()).expect("the default configuration")
}

fn of(config: &str) -> Result<Scanner, Vec<ScanConfigError>> {
    Scanner::new(&ScanConfig::from_json(config.as_bytes())?)
}

fn gather(body: &[u8], text: &mut Text) {
    crate::body::parse_gathering(body, &crate::body::ParseLimits::default(), text)
        .expect("accepted");
}

#[test]
fn levels_follow_the_kinds() {
    let scanner = scanner();
    for (text, level) in [
        ("hello", Level::Public),
        ("mail ann@example.org", Level::Public),
        ("this is confidential", Level::Internal),
        ("card 4716 2938 5501 7768", Level::Regulated),
        ("confidential, card 4716 2938 5501 7768", Level::Regulated),
    ] {
        let findings = scanner.scan_bytes(text.as_bytes(), 8);
        assert_eq!(findings.level, Some(level), "{text}");
        assert_eq!(findings.found, level, "{text}");
    }
    let strict = of(r#"{"profile":"strict"}"#).expect("valid");
    assert_eq!(
        strict.scan_bytes(b"mail ann@example.org", 8).level,
        Some(Level::Internal)
    );
}

#[test]
fn what_is_unread_is_unknown_unless_it_is_at_the_top_already() {
    let scanner = scanner();
    let mut text = Text::of("a picture");
    assert_eq!(scanner.scan(&text, 8).level, Some(Level::Public));
    let body =
        br#"{"messages":[{"content":[{"image_url":{"url":"data:image/png;base64,AAAA"}}]}]}"#;
    gather(body, &mut text);
    assert_eq!(scanner.scan(&text, 8).level, None);
    let body = br#"{"messages":[{"content":"4716 2938 5501 7768"}],"input":[1,2]}"#;
    gather(body, &mut text);
    assert_eq!(scanner.scan(&text, 8).level, Some(Level::Regulated));
}

#[test]
fn the_level_alone_is_known_at_the_first_finding_of_the_highest() {
    let scanner = scanner();
    let row = "mail ann@example.org or pay with 4716 2938 5501 7768 today; ";
    let text = Text::of(&row.repeat(1000));
    let (whole, level) = (scanner.scan(&text, 0), scanner.level(&text));
    assert!(whole.saturated && !level.saturated);
    assert_eq!(level.level, Some(Level::Regulated));
    assert_eq!(level.count(Entity::Card), 1);
    assert!(level.visited * 100 < whole.visited);
    // What is not at the top is looked through to its end.
    let text = Text::of(&format!(
        "{} 4716 2938 5501 7768",
        "mail ann@example.org ".repeat(100)
    ));
    assert_eq!(scanner.level(&text).level, Some(Level::Regulated));
    let text = Text::of("mail ann@example.org");
    assert_eq!(scanner.level(&text), scanner.scan(&text, 0));
}

/// A conversation of the user's turns with an answer after each.
fn dictated(turns: &[&str]) -> Text {
    let said: Vec<String> = turns
        .iter()
        .map(|turn| {
            format!(
                r#"{{"role":"user","content":"{turn}"}},{{"role":"assistant","content":"go on, 5 more"}}"#
            )
        })
        .collect();
    let mut text = Text::new();
    gather(
        format!(r#"{{"messages":[{}]}}"#, said.join(",")).as_bytes(),
        &mut text,
    );
    text
}

#[test]
fn a_number_dictated_in_turns_is_one_number() {
    let scanner = scanner();
    for turns in [
        &["my card: 4716 2938", "5501 7768"][..],
        &["4716", "2938", "5501", "7768 thanks"],
        &["it is 4716 2938 5501.", "7768"],
        &["ssn 437-61", "8294"],
    ] {
        let text = dictated(turns);
        let findings = scanner.scan(&text, 8);
        assert_eq!(findings.level, Some(Level::Regulated), "{turns:?}");
        let found = findings.spans[0];
        let place = &text.bytes()[found.start as usize..found.end as usize];
        assert!(place[0].is_ascii_digit() && place[place.len() - 1].is_ascii_digit());
    }
    let body = br#"{"messages":[{"role":"user","name":"ann","content":"4716 2938"},
        {"role":"user","name":"ann","content":"5501 7768"}]}"#;
    let mut text = Text::new();
    gather(body, &mut text);
    assert_eq!(scanner.scan(&text, 8).level, Some(Level::Regulated));
    for turns in [
        &["version 4111 1111", "is 1111 1111"][..],
        &["2 + 2 = 4", "1"],
        &["4111 1111", "no", "1111 1111"],
    ] {
        assert_eq!(
            scanner.scan(&dictated(turns), 8).level,
            Some(Level::Public),
            "{turns:?}"
        );
    }
}

#[test]
fn too_much_is_unknown() {
    let findings = scanner().scan_bytes("ann@example.org ".repeat(2000).as_bytes(), 8);
    assert!(findings.saturated);
    assert_eq!(findings.level, None);
    assert_eq!(findings.found, Level::Public);
    assert_eq!(findings.spans.len(), 8);
    assert_eq!(u32::from(findings.count(Entity::Email)), MOST_FINDINGS);
}

#[test]
fn large_encoded_things_that_are_no_text_are_unknown() {
    let blob = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAAB".repeat(100);
    let findings = scanner().scan_bytes(format!("see {blob} here").as_bytes(), 8);
    assert_eq!(findings.level, None);
    let digest = "da39a3ee5e6b4b0d3255bfef95601890afd80709";
    assert_eq!(
        scanner().scan_bytes(digest.as_bytes(), 8).level,
        Some(Level::Public)
    );
}

#[test]
fn a_lowered_level_is_reported_and_nothing_can_be_switched_off() {
    let scanner = of(r#"{"levels":{"card":"public","email":"internal"}}"#).expect("valid");
    assert_eq!(
        scanner.loosened(),
        [(Entity::Card, Level::Regulated, Level::Public)]
    );
    let findings = scanner.scan_bytes(b"card 4716293855017768", 8);
    assert_eq!(findings.level, Some(Level::Public));
    assert_eq!(findings.count(Entity::Card), 1);
    assert!(of(r#"{"disabled":["card"]}"#).is_err());
}

#[test]
fn faults_name_the_pattern_and_the_fix() {
    for (config, path, words) in [
        (r#"{"profile":"x"}"#, "profile", "healthcare or finance"),
        (
            r#"{"levels":{"card":"secret"}}"#,
            "levels.card",
            "regulated",
        ),
        (r#"{"levels":{"cards":"public"}}"#, "levels.cards", "card"),
        (r#"{"levels":{"user":"public"}}"#, "levels.user", "pattern"),
        (
            r#"{"patterns":[{"name":"p","pattern":"a","level":"x"}]}"#,
            "patterns[0].level",
            "internal",
        ),
        (
            r#"{"patterns":[{"name":"p","pattern":"","level":"internal"}]}"#,
            "patterns[0].pattern",
            "write",
        ),
        (
            r#"{"patterns":[{"name":"p","pattern":"a*","level":"internal"}]}"#,
            "patterns[0].pattern",
            "`+`",
        ),
        (
            r#"{"patterns":[{"name":"p","pattern":"x|\\b","level":"internal"}]}"#,
            "patterns[0].pattern",
            "`+`",
        ),
        (
            r#"{"patterns":[{"name":"p","pattern":"(a","level":"internal"}]}"#,
            "patterns[0].pattern",
            "regex",
        ),
        (
            r#"{"patterns":[{"name":"p","pattern":"(?=a)b","level":"internal"}]}"#,
            "patterns[0].pattern",
            "look-around",
        ),
        (
            r#"{"patterns":[{"name":"p","pattern":"[ab]{5}.{300}c{300}","level":"internal"}]}"#,
            "patterns[0].pattern",
            "shorten",
        ),
        (
            r#"{"patterns":[{"name":"p","pattern":"ü\\b","level":"internal"}]}"#,
            "patterns[0].pattern",
            "(?-u:",
        ),
        (
            r#"{"patterns":[{"name":"","pattern":"a","level":"internal"}]}"#,
            "patterns[0].name",
            "name",
        ),
        (
            r#"{"patterns":[{"name":"p","pattern":"a","level":"internal"},{"name":"p","pattern":"b","level":"internal"}]}"#,
            "patterns[1].name",
            "name",
        ),
    ] {
        let Err(faults) = of(config) else {
            panic!("accepted: {config}")
        };
        assert_eq!(faults.len(), 1, "{config}: {faults:?}");
        assert_eq!(faults[0].path, path, "{faults:?}");
        assert!(faults[0].fix.contains(words), "{faults:?}");
        assert!(!faults[0].message.is_empty());
    }
    let many: Vec<_> = (0..70)
        .map(|it| format!(r#"{{"name":"p{it}","pattern":"a","level":"internal"}}"#))
        .collect();
    assert!(of(&format!(r#"{{"patterns":[{}]}}"#, many.join(","))).is_err());
}

#[test]
fn patterns_find_with_their_level_name_and_cost() {
    let scanner = of(
        r#"{"patterns":[{"name":"project","pattern":"(?i)\\bproject-[0-9]{4}\\b","level":"internal"},
            {"name":"künftig","pattern":"künftig [0-9]+","level":"regulated"}]}"#,
    )
    .expect("valid");
    let findings = scanner.scan_bytes("see Project-1234 and project-１２３５".as_bytes(), 8);
    assert_eq!(findings.level, Some(Level::Internal));
    assert_eq!(findings.count(Entity::User), 2);
    assert_eq!(
        scanner.pattern_name(findings.spans[0].pattern),
        Some("project")
    );
    assert_eq!((findings.spans[0].start, findings.spans[0].end), (4, 16));
    let findings = scanner.scan_bytes("künftig 12".as_bytes(), 8);
    assert_eq!(findings.level, Some(Level::Regulated));
    let costs = scanner.costs();
    assert_eq!(costs.len(), 2);
    assert!(costs
        .iter()
        .all(|it| it.memory > 0 && it.steps_per_byte == 1));
}

const DISGUISES: &[(&str, &str)] = &[
    ("plain", "4716293855017768"),
    ("full-width", "４７１６２９３８５５０１７７６８"),
    ("zero-width", "4716\u{200b}2938\u{200b}5501\u{200b}7768"),
    ("no-break spaces", "4716\u{a0}2938\u{a0}5501\u{a0}7768"),
    ("soft hyphens", "4716\u{ad}2938\u{ad}5501\u{ad}7768"),
    ("JSON escapes", "\\u0034716293855017768"),
    ("all JSON escapes", "\\u0034\\u0037\\u0031\\u0036\\u0032\\u0039\\u0033\\u0038\\u0035\\u0035\\u0030\\u0031\\u0037\\u0037\\u0036\\u0038"),
    ("URL escapes", "%34%37%31%36%32%39%33%38%35%35%30%31%37%37%36%38"),
    ("HTML escapes", "&#52;&#55;&#49;&#54;&#50;&#57;&#51;&#56;&#53;&#53;&#48;&#49;&#55;&#55;&#54;&#x38;"),
    ("base64", "NDcxNjI5Mzg1NTAxNzc2OA=="),
    ("base64 of spaces", "NDcxNiAyOTM4IDU1MDEgNzc2OA=="),
    ("hexadecimal", "34373136323933383535303137373638"),
    ("Arabic digits", "٤٧١٦٢٩٣٨٥٥٠١٧٧٦٨"),
    ("bold digits", "𝟒𝟕𝟏𝟔 𝟐𝟗𝟑𝟖 𝟓𝟓𝟎𝟏 𝟕𝟕𝟔𝟖"),
    ("split", "4716 29\u{1f}38 5501 7768"),
    ("tag characters", "\u{e0034}\u{e0037}\u{e0031}\u{e0036}\u{e0032}\u{e0039}\u{e0033}\u{e0038}\u{e0035}\u{e0035}\u{e0030}\u{e0031}\u{e0037}\u{e0037}\u{e0036}\u{e0038}"),
    ("controls", "4\u{1}7\u{1}1\u{1}6\u{1}2\u{1}9\u{1}3\u{1}8\u{1}5\u{1}5\u{1}0\u{1}1\u{1}7\u{1}7\u{1}6\u{1}8"),
    ("line separators", "4716\u{2028}2938\u{2028}5501\u{2028}7768"),
    ("circled", "❹❼❶❻❷❾❸❽❺❺⓿❶❼❼❻❽"),
    ("bracketed", "⑷⑺⑴⑹⑵⑼⑶⑻⑸⑸0⑴⑺⑺⑹⑻"),
    ("hexadecimal pairs", "34 37 31 36 32 39 33 38 35 35 30 31 37 37 36 38"),
    ("URL escapes twice", "%2534%2537%2531%2536%2532%2539%2533%2538%2535%2535%2530%2531%2537%2537%2536%2538"),
    ("base64 of UTF-16", "NAA3ADEANgAyADkAMwA4ADUANQAwADEANwA3ADYAOAA="),
    ("base64 of UTF-16 with a mark", "//40ADcAMQA2ADIAOQAzADgANQA1ADAAMQA3ADcANgA4AA=="),
    ("base64 of UTF-16, big end first", "ADQANwAxADYAMgA5ADMAOAA1ADUAMAAxADcANwA2ADg="),
    ("Vai digits", "꘤꘧꘡꘦꘢꘩꘣꘨꘥꘥꘠꘡꘧꘧꘦꘨"),
    ("Adlam digits", "𞥔𞥗𞥑𞥖𞥒𞥙𞥓𞥘𞥕𞥕𞥐𞥑𞥗𞥗𞥖𞥘"),
    ("base64 of full-width", "77yU77yX77yR77yW77yS77yZ77yT77yY77yV77yV77yQ77yR77yX77yX77yW77yY"),
];

#[test]
fn a_card_is_found_in_every_disguise_and_its_place_is_told() {
    let scanner = scanner();
    for (name, card) in DISGUISES {
        for (before, after) in [
            ("", ""),
            ("Please pay with ", " today, thank you."),
            ("信用卡：", "。谢谢"),
            ("{\"n\":\"", "\"}"),
        ] {
            let text = format!("{before}{card}{after}");
            let findings = scanner.scan_bytes(text.as_bytes(), 8);
            assert_eq!(findings.level, Some(Level::Regulated), "{name}: {text}");
            assert_eq!(findings.count(Entity::Card), 1, "{name}: {text}");
            let span = findings
                .spans
                .iter()
                .find(|it| it.entity == Entity::Card)
                .expect("a place");
            let found = &text[span.start as usize..span.end as usize];
            let core = card.trim_end_matches('=');
            assert_eq!(found, core, "{name}");
        }
    }
}

#[test]
fn what_is_shown_from_right_to_left_is_read_so() {
    for text in [
        "card \u{202e}8677105583926174\u{202c} end",
        "card \u{202e}8677 1055 8392 6174",
    ] {
        assert_eq!(
            scanner().scan_bytes(text.as_bytes(), 8).count(Entity::Card),
            1,
            "{text}"
        );
    }
}

#[test]
fn what_is_compressed_is_unknown() {
    let packed = "H4sIAAAAAAAAAzM0MjYxNTO3sDRQcE4sSlFIzi9KBQD2Q5n7FAAAAA==";
    let findings = scanner().scan_bytes(format!("see {packed} here").as_bytes(), 8);
    assert_eq!(findings.level, None);
}

/// Texts made to cost: each repeated to the length asked for.
const HOSTILE: &[&str] = &[
    "4",
    "4 ",
    "4 4 4 ",
    "411 ",
    "4111 1111 1111 1112 ",
    "4111111111111112 ",
    "a@",
    "a@a.",
    "@",
    "A",
    "AB1",
    "GB82",
    "GB82 ",
    "-----BEGIN ",
    "-----BEGIN PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----A ",
    "passport ",
    "passport 1 ",
    "passport a1234567",
    "patient ",
    "cancer ",
    "diabetes my_x ",
    "fever pain he ",
    "// copyright confidential ",
    "confidential client file ",
    "confidential ",
    "api key = ",
    "api_key=\"a1\" ",
    "bearer ",
    "eyJhbGci.",
    "eyJ0",
    "sk-",
    "sk-ant-api03-a1",
    "ghp_a1b2c3d4e5f6g7h8",
    "\u{1f600}",
    "\u{d0}",
    "\\u0034",
    "\\u003",
    "\\n",
    "%34",
    "%",
    "&#52;",
    "&#",
    "&nbsp;",
    "NDExMSAx",
    "NDcxNiAyOTM4IDU1MDEgNzc2OA== ",
    "TkRFeE1TQXhNVEV4SURFeE1URWdNVEV4TVE9PSA",
    "3431",
    "1.",
    "1.1.1.1.",
    "1:",
    "fe80:",
    "::",
    "+1 ",
    "(1) ",
    "1-",
    "1\u{1f}",
    "4\u{200b}",
    "４",
    "４ ",
    "а",
    "aа",
    "\u{200b}",
    "437-61-8294-",
    "437 61 8294 ",
    "order 4716293855017768 ",
    "xX1",
    "aB3dE6gH9jK2",
    "0x4716293855017768",
    "\u{1f}",
    "DE89 3704 ",
    "https://a:b@c.",
    "555-123-4567 ",
    "2001:db8::1 ",
    "0.4716293855017768 ",
    "4716,",
    "4716, ",
    "4716 , 2938 , ",
    "4716</td><td>",
    "4716\n> ",
    "4716 <td class=\"a\"> ",
    "4716 |",
    "4716\n          \n          \n         ",
    "<4716",
    "4716<td ",
    ">",
    "4716293855017768,",
    "visa4716293855017768",
    "a4716293855017768_",
    "%B",
    "4716293855017768.0",
    "4716293855017768.0000",
    "DE84  7125  ",
    "DE84\n> ",
    "ssn,",
    "ssn,a\n",
    "ssn,a\n1,2\n",
    "ssn,a\n\"",
    "ssn,536228145\n",
    "(ssn,a) (1,2) ",
    "(ssn,a) ((((",
    "[ssn,",
    "<th>ssn",
    "<tr><td>ssn</td>",
    "<td>",
    "| ssn |",
    "password,x\nann,a1b2c3d4\n",
    "password=",
    "password is ",
    "password a b c ",
    "password: \"a1b2c3",
    "pass=a1b2c3d4 ",
    "://a:b@",
    "://a:b1c2d3@h ",
    "123456789:A",
    "accountkey=A1b",
    "hooks.slack.com/services/",
    "\"kty\"",
    "{\"kty\":\"d\":",
    "34 ",
    "34 37 31 36 32 39 33 38 35 ",
    "4\u{1}",
    "\u{1}",
    "4\u{2028}",
    "\u{202e}8",
    "\u{202e}",
    "\u{e0034}",
    "%25",
    "%2534",
    "⑷",
    "аа",
    "pаа",
    "NAA3ADEA",
    "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
    "AB1<<<<<<",
    "H4sIAAAA",
    "IBAN",
    " ",
    "\n",
];

#[test]
fn work_grows_no_faster_than_the_text() {
    let scanner = of(
        r#"{"patterns":[{"name":"a","pattern":".*[^A-Z]|[A-Z]","level":"public"},
            {"name":"b","pattern":"project.{0,20}secret","level":"public"}]}"#,
    )
    .expect("valid");
    let mut worst = (0.0, "");
    for unit in HOSTILE {
        let at = |length: usize| {
            let mut text = unit.repeat(length / unit.len() + 1).into_bytes();
            text.truncate(length);
            let findings = scanner.scan_bytes(&text, 8);
            (findings.visited, findings.saturated)
        };
        let (small, _) = at(16 * 1024);
        let (large, _) = at(64 * 1024);
        assert!(large <= 5 * small, "{unit:?}: {small} then {large}");
        let plain = Scanner::new(&ScanConfig::default()).expect("valid");
        let mut text = unit.repeat(64 * 1024 / unit.len() + 1).into_bytes();
        text.truncate(64 * 1024);
        let ratio = plain.scan_bytes(&text, 8).visited as f64 / text.len() as f64;
        if ratio > worst.0 {
            worst = (ratio, unit);
        }
    }
    assert!(
        worst.0 < 64.0,
        "{} bytes looked at per byte of {:?}",
        worst.0,
        worst.1
    );
}

/// Single bytes are not the only alphabet: whatever is repeated, work stays within a multiple.
fn pieces() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop::sample::select(
        HOSTILE
            .iter()
            .map(|it| it.as_bytes().to_vec())
            .collect::<Vec<_>>(),
    );
    let any_bytes = prop::collection::vec(any::<u8>(), 0..12);
    prop::collection::vec(prop_oneof![4 => piece, 1 => any_bytes], 0..60)
        .prop_map(|all| all.concat())
}

#[test]
fn a_disguised_cell_at_the_end_of_a_text_ends_with_it() {
    let text = "name password,x\nann,a1b2c3d4\n4\u{200b}fe80:";
    for span in scanner().scan_bytes(text.as_bytes(), 100).spans {
        assert!(
            span.start < span.end && span.end as usize <= text.len(),
            "{span:?}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn any_bytes_are_scanned(text in pieces()) {
        let findings = scanner().scan_bytes(&text, 100);
        for span in &findings.spans {
            prop_assert!(span.start < span.end, "{:?}", span);
            prop_assert!(span.end as usize <= text.len(), "{:?}", span);
        }
        let total: u32 = findings.kinds.iter().map(|it| u32::from(*it)).sum();
        prop_assert_eq!(total as usize, findings.spans.len());
        prop_assert!(findings.visited >= text.len() as u64);
        prop_assert!(findings.visited <= 64 * text.len() as u64 + 4096, "{}", findings.visited);
    }

    #[test]
    fn repeated_mixtures_are_linear(unit in pieces()) {
        prop_assume!(!unit.is_empty());
        let unit = &unit[..unit.len().min(200)];
        let scanner = scanner();
        // Windows and bounds must be small beside the shorter text already.
        let times = 8192 / unit.len() + 1;
        let small = scanner.scan_bytes(&unit.repeat(times), 8);
        let large = scanner.scan_bytes(&unit.repeat(4 * times), 8);
        if small.saturated || large.saturated {
            return Ok(());
        }
        prop_assert!(large.visited <= 5 * small.visited + 4096, "{} {}", small.visited, large.visited);
    }

    /// The surroundings of a card do not hide it, wherever it falls in the blocks of the pass.
    #[test]
    fn a_card_is_found_at_every_offset(skip in 0usize..140, tail in 0usize..70, form in 0usize..3) {
        let card = ["4716 2938 5501 7768", "4716293855017768", "5262-7719-3046-2153"][form];
        let text = format!("{}{card}{}", "x ".repeat(skip), " y".repeat(tail));
        let findings = scanner().scan_bytes(text.as_bytes(), 4);
        prop_assert_eq!(findings.count(Entity::Card), 1);
        prop_assert_eq!(findings.spans[0].start as usize, 2 * skip);
    }

    #[test]
    fn words_are_found_at_every_offset(skip in 0usize..140, form in 0usize..4) {
        let (word, entity) = [
            ("confidential", Entity::Confidential), ("NDA", Entity::Confidential),
            ("ghp_16C7e42F292c6912E7710c838347Ae178B4a", Entity::ApiKey), ("insulin", Entity::Medical),
        ][form];
        let text = format!("{}{word} his", "x ".repeat(skip));
        let findings = scanner().scan_bytes(text.as_bytes(), 4);
        prop_assert_eq!(findings.count(entity), 1, "{}", text);
        let text = format!("{}\\n{word} his", "x".repeat(skip));
        let findings = scanner().scan_bytes(text.as_bytes(), 4);
        prop_assert_eq!(findings.count(entity), 1, "{}", text);
    }
}

/// Each rule of the profiles that organizations asked for, and what it must not become.
#[test]
fn literal_profiles_take_words_and_numbers_as_they_stand() {
    let level = |profile, text: &str| {
        let config = ScanConfig {
            profile,
            ..ScanConfig::default()
        };
        let scanner = Scanner::new(&config).expect("valid");
        scanner.scan_bytes(text.as_bytes(), 0).level
    };
    let cases = [
        ("patient", Level::Regulated, "a Patient reader waits"),
        ("diagnosis", Level::Regulated, "diagnosis of the failure"),
        (
            "medical record",
            Level::Regulated,
            "every medical record is a file",
        ),
        (
            "confidential",
            Level::Internal,
            "a confidential client in OAuth",
        ),
        ("proprietary", Level::Internal, "proprietary software"),
        ("nda", Level::Internal, "nda first"),
        ("16 digits", Level::Regulated, "order 1234567890123456 left"),
        (
            "16 digits in groups",
            Level::Regulated,
            "order 1234-5678 9012 3456 left",
        ),
        (
            "two letters and 6 digits",
            Level::Regulated,
            "item AB123456 is out",
        ),
        (
            "two letters and 8 digits",
            Level::Regulated,
            "item ab12345678 is out",
        ),
    ];
    for (rule, expected, text) in cases {
        for profile in [Profile::Healthcare, Profile::Finance] {
            assert_eq!(level(profile, text), Some(expected), "{rule}");
        }
        assert_eq!(
            level(Profile::Standard, text),
            Some(Level::Public),
            "{rule}"
        );
    }
    for text in [
        "impatient prognosis",
        "confidentiality",
        "agenda boundary NDA_DST",
        "12345678901234567 and 123456789012345",
        "A123456 ABC123456 AB12345 AB123456789",
    ] {
        let found = level(Profile::Finance, text);
        assert!(found == Some(Level::Public), "{text}: {found:?}");
    }
    let contact = "write to jane.doe@example.org";
    assert_eq!(level(Profile::Healthcare, contact), Some(Level::Internal));
    let own = ScanConfig {
        profile: Profile::Finance,
        levels: vec![(Entity::Card, Level::Internal)],
        ..ScanConfig::default()
    };
    let scanner = Scanner::new(&own).expect("valid");
    let found = scanner.scan_bytes(b"order 1234567890123456", 9);
    assert_eq!(
        (found.level, found.count(Entity::Card)),
        (Some(Level::Internal), 1)
    );
}
