//! Edits by example, and against serde_json on random bodies.

use super::*;
use serde_json::{Map, Value};

fn spliced(text: &str, edits: &Edits) -> String {
    let body = read(text).unwrap();
    let out = body.splice(edits);
    assert_eq!(body.into_outline().splice(text.as_bytes(), edits), out);
    assert!(out.capacity() >= out.len());
    read(std::str::from_utf8(&out).unwrap()).expect("the result is a body too");
    String::from_utf8(out).unwrap()
}

fn edits() -> Edits {
    Edits::new()
}

#[test]
fn no_edits_copy() {
    let text = " { \"a\" : 1e2 ,\n\"model\":\"x\" } \n";
    assert_eq!(spliced(text, &edits()), text);
}

#[test]
fn each_edit_touches_only_its_bytes() {
    let cases: &[(&str, Edits, &str)] = &[
        (
            r#"{ "model" : "x" , "a":1.0}"#,
            edits().model("q\"w"),
            r#"{ "model" : "q\"w" , "a":1.0}"#,
        ),
        (
            r#"{"\u006dodel":"x"}"#,
            edits().model("y"),
            r#"{"\u006dodel":"y"}"#,
        ),
        (r#"{"a":1}"#, edits().model("y"), r#"{"a":1,"model":"y"}"#),
        ("{ }", edits().model("y"), r#"{ "model":"y"}"#),
        (r#"{"model":null}"#, edits().model("y"), r#"{"model":"y"}"#),
        // Cuts at every position, with the white space of what stays.
        (
            r#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#,
            edits().cut("a"),
            r#"{ "b" : 2 , "c" : 3 }"#,
        ),
        (
            r#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#,
            edits().cut("b"),
            r#"{ "a" : 1 , "c" : 3 }"#,
        ),
        (
            r#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#,
            edits().cut("c"),
            r#"{ "a" : 1 , "b" : 2 }"#,
        ),
        (
            r#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#,
            edits().cut_all(["a", "b"]),
            r#"{ "c" : 3 }"#,
        ),
        (
            r#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#,
            edits().cut_all(["b", "c"]),
            r#"{ "a" : 1 }"#,
        ),
        (
            r#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#,
            edits().cut_all(["a", "c"]),
            r#"{ "b" : 2 }"#,
        ),
        (
            r#"{ "a" : 1 , "b" : 2 , "c" : 3 }"#,
            edits().cut_all(["a", "b", "c"]),
            r#"{  }"#,
        ),
        (r#"{"a":1,"\u0062":2}"#, edits().cut("b"), r#"{"a":1}"#),
        (
            r#"{"a":1}"#,
            edits().cut("a").model("m"),
            r#"{"model":"m"}"#,
        ),
        // Renames keep place and value; the client's own member of the new name yields.
        (
            r#"{"a": 7 ,"b":8}"#,
            edits().rename("a", "z"),
            r#"{"z": 7 ,"b":8}"#,
        ),
        (r#"{"a":7,"z":9}"#, edits().rename("a", "z"), r#"{"z":7}"#),
        (r#"{"z":9,"a":7}"#, edits().rename("a", "z"), r#"{"z":7}"#),
        (r#"{"z":9}"#, edits().rename("a", "z"), r#"{"z":9}"#),
        (
            r#"{"a":1,"b":2}"#,
            edits().rename("a", "b").rename("b", "a"),
            r#"{"b":1,"a":2}"#,
        ),
        // Forced values win over the client's, defaults do not.
        (
            r#"{"a":1,"b":2}"#,
            edits().force("a", "[ ]").unwrap(),
            r#"{"a":[ ],"b":2}"#,
        ),
        (
            r#"{"b":2}"#,
            edits().force("a", " 0 ").unwrap(),
            r#"{"b":2,"a":0}"#,
        ),
        (
            r#"{"b":2}"#,
            edits().rename("b", "a").force("a", "0").unwrap(),
            r#"{"a":0}"#,
        ),
        (
            r#"{"a":null}"#,
            edits().default_member("a", "1").unwrap(),
            r#"{"a":1}"#,
        ),
        (r#"{"a":null}"#, edits().cut("b"), r#"{"a":null}"#),
        // A null that is renamed yields to whatever says something.
        (
            r#"{"a":null,"z":9}"#,
            edits().rename("a", "z"),
            r#"{"z":9}"#,
        ),
        (
            r#"{"a":null}"#,
            edits().rename("a", "z").default_member("z", "1").unwrap(),
            r#"{"z":1}"#,
        ),
        (r#"{"a":null}"#, edits().rename("a", "z"), r#"{"z":null}"#),
        // A forced value wins over a cut of the same name, whichever was asked for first.
        (
            r#"{"a":1}"#,
            edits().cut("a").force("a", "2").unwrap(),
            r#"{"a":2}"#,
        ),
        (
            r#"{"a":1}"#,
            edits().force("a", "2").unwrap().cut("a"),
            r#"{"a":2}"#,
        ),
        (
            "{}",
            edits().force("a", "2").unwrap().cut("a"),
            r#"{"a":2}"#,
        ),
        (
            r#"{"\u0061":0}"#,
            edits().default_member("a", "1").unwrap(),
            r#"{"\u0061":0}"#,
        ),
        (
            "{}",
            edits()
                .default_member("a", "1")
                .unwrap()
                .default_member("b", "{}")
                .unwrap(),
            r#"{"a":1,"b":{}}"#,
        ),
        (
            r#"{"a":1}"#,
            edits().default_member("é\"", "1").unwrap(),
            r#"{"a":1,"é\"":1}"#,
        ),
        (
            r#"{"b":5}"#,
            edits().rename("b", "a").default_member("a", "1").unwrap(),
            r#"{"a":5}"#,
        ),
        (
            r#"{"a":5}"#,
            edits().rename("a", "b").default_member("a", "1").unwrap(),
            r#"{"b":5,"a":1}"#,
        ),
        (
            r#"{"a":5}"#,
            edits().cut("a").default_member("a", "1").unwrap(),
            r#"{"a":1}"#,
        ),
        (
            r#"{"a":5}"#,
            edits()
                .force("a", "1")
                .unwrap()
                .default_member("a", "2")
                .unwrap(),
            r#"{"a":1}"#,
        ),
        (
            "{}",
            edits()
                .force("a", "1")
                .unwrap()
                .default_member("a", "2")
                .unwrap(),
            r#"{"a":1}"#,
        ),
        (
            "{}",
            edits().model("m").default_member("model", "\"d\"").unwrap(),
            r#"{"model":"m"}"#,
        ),
    ];
    for (text, edits, expected) in cases {
        assert_eq!(&spliced(text, edits), expected, "{text} {edits:?}");
    }
}

#[test]
fn usage_is_asked_for_in_streams_only() {
    let ask = edits().include_usage();
    let cases: &[(&str, &str)] = &[
        (r#"{"a":1}"#, r#"{"a":1}"#),
        (r#"{"stream":false}"#, r#"{"stream":false}"#),
        (r#"{"stream":null}"#, r#"{"stream":null}"#),
        (
            r#"{"stream":true}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true}}"#,
        ),
        (
            r#"{"stream_options":null,"stream":true}"#,
            r#"{"stream_options":{"include_usage":true},"stream":true}"#,
        ),
        (
            r#"{"stream":true,"stream_options": { } }"#,
            r#"{"stream":true,"stream_options": {"include_usage":true} }"#,
        ),
        (
            r#"{"stream":true,"stream_options":{ "x" : [1] } }"#,
            r#"{"stream":true,"stream_options":{ "x" : [1],"include_usage":true } }"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage": false ,"x":1}}"#,
            r#"{"stream":true,"stream_options":{"include_usage": true ,"x":1}}"#,
        ),
        (
            r#"{"stream":true,"stream_options":{"include_usage":true,"include_usage":null}}"#,
            r#"{"stream":true,"stream_options":{"include_usage":true,"include_usage":true}}"#,
        ),
    ];
    for (text, expected) in cases {
        assert_eq!(&spliced(text, &ask), expected);
    }
    let forced = edits()
        .include_usage()
        .force("stream_options", r#"{"y":2}"#)
        .unwrap();
    assert_eq!(
        spliced(r#"{"stream":true,"stream_options":{"x":1}}"#, &forced),
        r#"{"stream":true,"stream_options":{"y":2,"include_usage":true}}"#
    );
    assert_eq!(
        spliced(r#"{"stream_options":{"x":1}}"#, &forced),
        r#"{"stream_options":{"y":2}}"#
    );
    let default = edits()
        .include_usage()
        .default_member("stream_options", r#"{"y":2}"#)
        .unwrap();
    assert_eq!(
        spliced(r#"{"stream":true}"#, &default),
        r#"{"stream":true,"stream_options":{"y":2,"include_usage":true}}"#
    );
    assert_eq!(
        spliced(r#"{"stream":true,"stream_options":{"x":1}}"#, &default),
        r#"{"stream":true,"stream_options":{"x":1,"include_usage":true}}"#
    );
    let cut = edits().include_usage().cut("stream_options");
    assert_eq!(
        spliced(r#"{"stream_options":{"x":1},"stream":true}"#, &cut),
        r#"{"stream":true,"stream_options":{"include_usage":true}}"#
    );
}

#[test]
fn what_is_said_elsewhere_needs_no_default() {
    let path = |keys: &[&str]| {
        let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
        MemberPath::of(&keys).unwrap()
    };
    let other = vec![path(&["b"]), path(&["o", "c"])];
    let edits = edits().default_unless("a", "1", other).unwrap();
    for (text, expected) in [
        (r#"{"b":2}"#, r#"{"b":2}"#),
        (r#"{"o":{"c":0}}"#, r#"{"o":{"c":0}}"#),
        (r#"{"b":null,"o":{}}"#, r#"{"b":null,"o":{},"a":1}"#),
        (r#"{"o":{"c":null}}"#, r#"{"o":{"c":null},"a":1}"#),
        (r#"{"a":null,"b":2}"#, r#"{"a":null,"b":2}"#),
    ] {
        assert_eq!(spliced(text, &edits), expected);
    }
}

#[test]
fn members_of_an_object_are_edited_in_their_place() {
    let inner = edits()
        .inside("o", |it| Ok(it.cut("gone").force("set", "9").unwrap()))
        .and_then(|it| it.inside("o", |it| it.default_member("unsaid", "8")))
        .unwrap();
    for (text, expected) in [
        (
            r#"{"o": { "gone" : 1, "a":1.0 } ,"x":1}"#,
            r#"{"o": { "a":1.0,"set":9,"unsaid":8 } ,"x":1}"#,
        ),
        (
            r#"{"o":{"set":1,"unsaid":null}}"#,
            r#"{"o":{"set":9,"unsaid":8}}"#,
        ),
        (r#"{"o":null}"#, r#"{"o":{"set":9,"unsaid":8}}"#),
        (r#"{"x":1}"#, r#"{"x":1,"o":{"set":9,"unsaid":8}}"#),
        (r#"{"o":[1]}"#, r#"{"o":{"set":9,"unsaid":8}}"#),
    ] {
        assert_eq!(spliced(text, &inner), expected);
    }
    let cut = edits().inside("o", |it| Ok(it.cut("gone"))).unwrap();
    for (text, expected) in [
        (r#"{"o":{"gone":1},"x":1}"#, r#"{"x":1}"#),
        (r#"{"o":{"gone":1,"a":2}}"#, r#"{"o":{"a":2}}"#),
        (r#"{"o":{ },"x":1}"#, r#"{"o":{ },"x":1}"#),
        (r#"{"o":null}"#, r#"{"o":null}"#),
        (r#"{"o":"t"}"#, r#"{"o":"t"}"#),
        (r#"{"x":1}"#, r#"{"x":1}"#),
    ] {
        assert_eq!(spliced(text, &cut), expected);
    }
}

#[test]
fn edits_must_be_json() {
    for raw in ["", "nope", "1 2", "{", "\"a"] {
        assert_eq!(edits().force("a", raw).unwrap_err().field, "a");
        assert_eq!(
            edits().default_member("a", raw).unwrap_err().code,
            "invalid_value"
        );
    }
}

#[derive(Debug, Clone)]
enum Edit {
    Model(String),
    Cut(&'static str),
    Force(&'static str, i32),
    Default(&'static str, i32),
}

fn edit() -> impl Strategy<Value = Edit> {
    let key = || proptest::sample::select(vec!["a", "b", "c", "é", "k\"", "absent"]);
    prop_oneof![
        "[^\u{0}]{1,8}".prop_map(Edit::Model),
        key().prop_map(Edit::Cut),
        (key(), any::<i32>()).prop_map(|(key, value)| Edit::Force(key, value)),
        (key(), any::<i32>()).prop_map(|(key, value)| Edit::Default(key, value)),
    ]
}

/// The same edits on the tree.
fn expected(mut map: Map<String, Value>, list: &[Edit]) -> Map<String, Value> {
    for edit in list {
        if let Edit::Cut(key) = edit {
            map.shift_remove(*key);
        }
    }
    for edit in list {
        match edit {
            Edit::Model(name) => {
                map.insert("model".into(), name.clone().into());
            }
            Edit::Force(key, value) => {
                map.insert((*key).into(), (*value).into());
            }
            _ => {}
        }
    }
    let mut defaults = Map::new();
    for edit in list {
        if let Edit::Default(key, value) = edit {
            defaults.insert((*key).into(), (*value).into());
        }
    }
    for (key, value) in defaults {
        if map.get(&key).is_none_or(Value::is_null) {
            map.insert(key, value);
        }
    }
    map
}

#[test]
fn of_metadata_only_texts_travel() {
    for (metadata, expected) in [
        (r#"{"a":"b"}"#, r#"{"metadata":{"a":"b"},"x":1}"#),
        (
            r#"{ "a" : "b" , "tags":["t"] }"#,
            r#"{"metadata":{"a":"b"},"x":1}"#,
        ),
        (
            r#"{"n":1,"\u0061":"\u0062","o":{"a":"b"},"z":null}"#,
            r#"{"metadata":{"a":"\u0062"},"x":1}"#,
        ),
        (r#"{"tags":["t"]}"#, r#"{"x":1}"#),
        ("{}", r#"{"metadata":{},"x":1}"#),
        ("null", r#"{"metadata":null,"x":1}"#),
    ] {
        let text = format!(r#"{{"metadata":{metadata},"x":1}}"#);
        assert_eq!(spliced(&text, &Edits::new()), expected, "{metadata}");
    }
}

#[test]
fn a_refused_member_is_left_out_by_either_name() {
    let edits = Edits::new()
        .rename("max_completion_tokens", "max_tokens")
        .include_usage()
        .default_member("top_k", "4")
        .unwrap()
        .force("seed", "1")
        .unwrap();
    let less = |leave: &[&str], withhold: &[&str], renames: &[(&str, &str)]| {
        let less = Less {
            leave,
            withhold,
            renames,
            ..Less::default()
        };
        spliced(
            r#"{"stream":true,"max_completion_tokens":7,"seed":2}"#,
            &edits.without(&less),
        )
    };
    let usage = r#","stream_options":{"include_usage":true}"#;
    assert_eq!(
        less(&[], &["top_k", "seed"], &[]),
        format!(r#"{{"stream":true,"max_tokens":7,"seed":2{usage}}}"#)
    );
    assert_eq!(
        less(&["max_tokens", "seed", "top_k"], &["stream_options"], &[]),
        r#"{"stream":true}"#
    );
    assert_eq!(
        less(
            &["seed"],
            &["top_k"],
            &[("max_tokens", "max_completion_tokens")]
        ),
        format!(r#"{{"stream":true,"max_completion_tokens":7{usage}}}"#)
    );
}

fn members() -> impl Strategy<Value = Vec<(String, String, String)>> {
    let value = proptest::sample::select(vec![
        "1.0",
        "\"x\\u00e9\"",
        "null",
        "{\"a\": 1, \"a\":2}",
        "[1 ,2]",
        "1e5",
        "12345678901234567890123",
    ]);
    let key = proptest::sample::select(vec![
        "a", "b", "c", "é", "k\\\"", "\\u006dx", "model", "other",
    ]);
    let space = proptest::sample::select(vec!["", " ", "\n  "]);
    proptest::collection::vec((key, value, space), 0..8).prop_map(|members| {
        let mut seen = std::collections::HashSet::new();
        members
            .into_iter()
            .filter(|(key, _, _)| seen.insert(*key))
            .map(|(key, value, space)| {
                let value = if key == "model" { "\"m\"" } else { value };
                (key.to_owned(), value.to_owned(), space.to_owned())
            })
            .collect()
    })
}

proptest! {
    #[test]
    fn splicing_equals_editing_the_tree(members in members(), list in proptest::collection::vec(edit(), 0..6)) {
        let texts: Vec<String> = members
            .iter()
            .map(|(key, value, space)| format!("{space}\"{key}\"{space}:{space}{value}{space}"))
            .collect();
        let text = format!("{{{}}}", texts.join(","));
        let mut compiled = Edits::new();
        for edit in &list {
            compiled = match edit {
                Edit::Model(name) => compiled.model(name),
                Edit::Cut(key) => compiled.cut(key),
                Edit::Force(key, value) => compiled.force(key, &value.to_string()).unwrap(),
                Edit::Default(key, value) => compiled.default_member(key, &value.to_string()).unwrap(),
            };
        }
        let out = spliced(&text, &compiled);
        let tree: Map<String, Value> = serde_json::from_str(&text).unwrap();
        let result: Map<String, Value> = serde_json::from_str(&out).unwrap();
        prop_assert_eq!(&result, &expected(tree, &list), "{}", out);
        // Members that no edit names keep their bytes.
        for (position, (key, _, _)) in members.iter().enumerate() {
            let name: String = serde_json::from_str(&format!("\"{key}\"")).unwrap();
            let touched = list.iter().any(|edit| match edit {
                Edit::Model(_) => name == "model",
                Edit::Cut(key) | Edit::Force(key, _) => *key == name,
                // In place of a null.
                Edit::Default(key, _) => *key == name,
            });
            if !touched {
                prop_assert!(out.contains(texts[position].trim()), "{} in {}", texts[position], out);
            }
        }
        if list.is_empty() {
            prop_assert_eq!(out, text);
        }
    }
}
