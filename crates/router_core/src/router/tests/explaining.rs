use serde_json::Value;

use super::*;

fn explain(worker: &Worker, body: &str) -> Value {
    let principal = Principal {
        name: "p".into(),
        key: 5,
        ceiling: worker.ceiling,
    };
    let (now, draw) = (worker.now(), worker.draw);
    let ask = Ask {
        body: body.as_bytes(),
        principal: &principal,
        route: Route::Chat,
        headers: &[],
        now,
        draw,
    };
    serde_json::from_str(&worker.router.explain(&ask).unwrap()).unwrap()
}

const MODELS: &str =
    r#"{"name":"m","groups":[[0,1,2],[3]],"context_fallbacks":["n"]},{"name":"n","groups":[[3]]}"#;

#[test]
fn it_names_what_a_decision_takes_and_takes_nothing() {
    let mut worker = Worker::new(&plan(&[0, 0, 0, 2], MODELS, ""));
    for draw in 0..50 {
        worker.draw = draw;
        let told = explain(&worker, BODY);
        assert_eq!((0..4).map(|index| worker.in_flight(index)).sum::<u64>(), 0);
        let decision = worker.decide().unwrap();
        assert_eq!(
            told["chosen"]["deployment"],
            format!("local/d{}", first(&decision).0)
        );
        assert_eq!(told["chosen"]["reason"], "primary");
        assert_eq!(told["candidates"].as_array().unwrap().len(), 4);
    }
}

#[test]
fn it_says_why_not() {
    let mut worker = Worker::new(&plan(&[0, 0, 0, 2], MODELS, ""));
    worker.ceiling = Boundary::Device;
    let told = explain(&worker, BODY);
    assert_eq!(told["rejected"][0]["deployment"], "cloud/d3");
    assert_eq!(told["rejected"][0]["reason"], "beyond_ceiling");
    assert_eq!(told["rejected"][0]["stage"], "privacy");
    assert_eq!(told["ceiling"], "device");
    assert_eq!(told["context_fallbacks"], serde_json::json!([]));
}

#[test]
fn it_lists_edits_by_name_and_never_content() {
    let defaults = deployment(
        0,
        0,
        r#","parameters":{"0":{"defaults":[[["max_tokens"],9,[]]]}}"#,
    );
    let worker = Worker::new(&plan_of(&[defaults], r#"{"name":"m","groups":[[0]]}"#, ""));
    let body = r#"{"model":"m","messages":[{"content":"geheim"}],"timeout":3,"stream":true}"#;
    let told = explain(&worker, body);
    let edits = &told["candidates"][0]["edits"];
    assert_eq!(edits["changed"], serde_json::json!(["model"]));
    assert_eq!(edits["removed"], serde_json::json!(["timeout"]));
    let mut added: Vec<_> = edits["added"]
        .as_array()
        .unwrap()
        .iter()
        .map(|name| name.as_str().unwrap())
        .collect();
    added.sort_unstable();
    assert_eq!(added, ["max_tokens", "stream_options"]);
    assert!(!told.to_string().contains("geheim"));
    assert_eq!(told["hints"]["timeout_ms"], 3_000);
}

#[test]
fn it_explains_what_cannot_be_served() {
    let mut worker = Worker::new(&plan(&[2], r#"{"name":"m","groups":[[0]]}"#, ""));
    worker.break_it();
    let told = explain(&worker, BODY);
    assert_eq!(told["candidates"][0]["blocked"]["reason"], "breaker_open");
    assert_eq!(told["chosen"]["reason"], "panic");
    worker.ceiling = Boundary::Device;
    let told = explain(&worker, BODY);
    assert_eq!(
        (&told["chosen"], &told["error"]["code"]),
        (&Value::Null, &"policy_denied".into())
    );
}
